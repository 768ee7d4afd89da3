"""app.trader.known_rules: the rules of instruments for a run over the past: as kept, else as the venue says now, else as recorded.

A run over recorded days asks nobody where it need not. The recorder keeps each venue's list of instruments beside the archive, a
day each; where there is none that has the symbol, the venue is asked; where it does not answer, the steps of price and quantity are
those of the records themselves, and nothing is known of bounds. Where rules came from is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from math import gcd
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.archive.form.lists import LIST_PREFIX, LIST_SUFFIX, read_list, since_ns
from hoga.columns.digits import NONE
from hoga.core.errors import ArchiveError, HogaError
from hoga.core.instrument import Instrument, InstrumentStatus, QuantityRules
from hoga.core.trading import Rules, counted_in, finer, rules_of
from hoga.gateway.caller import Caller
from hoga.history.asking import AskedSeries
from hoga.history.batch import Arrays
from hoga.history.decoding import series_batches
from hoga.history.published import published_batches
from hoga.runtime.loop import run as run_loop
from hoga.venues.registry import VENUES
from hoga.venues.request import Request, Signed

__all__ = ["KnownRules", "changed_rules", "derived_rules", "kept_rules", "rules_known", "rules_of_texts"]

_PATIENCE_S = 5.0
_BATCHES = 8
_FINE = Decimal("0.00000001")
_PRICES = ("prices", "price", "bid", "ask", "open", "high", "low", "close")
_SIZES = ("sizes", "size", "bid_size", "ask_size", "volume")
_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD", "KRW")


class KnownRules(NamedTuple):
    """Rules, and in a few words where they came from."""

    rules: Rules
    source: str


def rules_known(
    config: VenueConfig, names: Iterable[str], day: str, recorded: Iterable[AskedSeries], *, ask: bool = True
) -> dict[str, KnownRules]:
    """The rules of instruments of one venue, by name, as of a day; those that nobody knows are missing.

    `recorded`: what there is of them. `ask`: whether the venue may be asked.
    """
    wanted = list(names)
    found = kept_rules(config, wanted, day)
    if ask and (missing := [name for name in wanted if name not in found]):
        found |= _asked(config, missing)
    for name in wanted:
        if name not in found and (rules := derived_rules(config.venue, name, [each for each in recorded if each.symbol == name])):
            found[name] = KnownRules(rules, "derived from what was recorded: its steps only, no least order")
    return found


def kept_rules(config: VenueConfig, names: Iterable[str], day: str) -> dict[str, KnownRules]:
    """As the list says that was kept on that day, else the newest before it, else the first after it."""
    kept = _lists(config.directory("instruments"))
    wanted = f"{LIST_PREFIX}{day}{LIST_SUFFIX}"
    before, after = [path for path in kept if path.name <= wanted], [path for path in kept if path.name > wanted]
    found: dict[str, KnownRules] = {}
    left = set(names)
    for path in [*reversed(before), *after]:
        if not left:
            break
        for each in listed_in(config.venue, path):
            if each.name in left:
                left.discard(each.name)
                found[each.name] = KnownRules(each, f"as listed on {path.name.removeprefix(LIST_PREFIX).removesuffix(LIST_SUFFIX)}")
    return found


def changed_rules(config: VenueConfig, rules: Rules, from_ns: int, to_ns: int) -> tuple[Rules, list[tuple[int, Rules]]]:
    """Where lists that were kept later, before `to_ns`, have other rules: (from when, as listed), all of them and `rules` in integers that
    are fine enough for all. A list of a day holds from the day's beginning; one that was kept because of a change, from then on."""
    found: list[tuple[int, Rules]] = []
    for path in _lists(config.directory("instruments")):
        at_ns = since_ns(path.name)
        if at_ns is None or not from_ns < at_ns < to_ns:
            continue
        listed = {each.name: each for each in listed_in(config.venue, path)}
        other = listed.get(rules.name)
        if other is None and listed:  # it is not listed any more
            other = msgspec.structs.replace(found[-1][1] if found else rules, is_trading=False)
        if other is not None and other != (found[-1][1] if found else rules):
            found.append((at_ns, other))
    if not found:
        return rules, []
    powers = [min(getattr(each, power) for each in (rules, *(each for _, each in found))) for power in ("price_power", "size_power")]

    def fine(each: Rules) -> Rules:
        return counted_in(each, *powers) or each

    before, changes = fine(rules), list[tuple[int, Rules]]()
    for at_ns, each in found:
        if fine(each) != (changes[-1][1] if changes else before):
            changes.append((at_ns, fine(each)))
    return before, changes


def _lists(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{LIST_PREFIX}*{LIST_SUFFIX}")) if folder.is_dir() else []


def listed_in(venue: str, path: Path) -> Iterator[Rules]:
    """The rules in a kept list; nothing of one that cannot be read, and of instruments whose steps it does not say."""
    try:
        body = read_list(path)
        for each in VENUES[venue].instruments(body):
            try:
                yield rules_of(each)
            except ValueError:
                continue
    except (OSError, ArchiveError, ValueError):
        return


def _asked(config: VenueConfig, names: list[str]) -> dict[str, KnownRules]:
    orders = VENUES[config.venue].orders
    if orders is None:
        return {}

    async def ask() -> list[Rules]:
        rest = rest_of(config)
        async with rest:
            return list(await Caller(rest, _unsigned, gate=lambda: False).learn(orders.rules(), timeout_s=_PATIENCE_S, signed=False))

    try:
        listed = run_loop(ask())
    except HogaError:
        return {}
    return {each.name: KnownRules(each, "as the venue lists it now") for each in listed if each.name in names}


def _unsigned(request: Request, now_ms: int) -> Signed:
    raise AssertionError("public calls are not signed")


def derived_rules(venue: str, name: str, recorded: Iterable[AskedSeries]) -> Rules | None:
    """The steps that all recorded prices and sizes are multiples of, as far as one looks; None where nothing was recorded."""
    tick = lot = Decimal(0)
    for series in recorded:
        try:
            batches = (published_batches if series.files else series_batches)(series, 0, 2**63 - 1, exact=True)
            for batch in islice(batches, _BATCHES):
                tick, lot = _common(tick, batch, _PRICES), _common(lot, batch, _SIZES)
        except HogaError:
            continue
    if not tick or not lot:
        return None
    return _steps(venue, name, tick, lot)


def _steps(venue: str, name: str, tick: Decimal, lot: Decimal) -> Rules:
    """Rules that say no more than the steps of price and quantity."""
    orders = VENUES[venue].orders
    quote = next((each for each in _QUOTES if name.endswith(each)), "")
    base = name.removesuffix(quote)
    if "-" in name:
        quote, _, base = name.partition("-")
    return rules_of(
        Instrument(
            venue=venue,
            symbol=name,
            base=base,
            quote=quote,
            settle=quote if orders is not None and orders.capabilities.short else "",
            status=InstrumentStatus.TRADING,
            tick=tick,
            quantity=QuantityRules(lot=lot),
        )
    )


def rules_of_texts(venue: str, name: str, places: int, known: KnownRules | None) -> KnownRules:
    """Rules for prices with so many digits behind the point: those that are known, in integers that are fine enough; else steps alone."""
    if known is not None:
        return known._replace(rules=finer(known.rules, -places))
    step = Decimal(1).scaleb(-places)
    return KnownRules(_steps(venue, name, step, _FINE), "derived from the prices of the file: their steps only, no least order")


def _common(step: Decimal, batch: Arrays, names: tuple[str, ...]) -> Decimal:
    """The largest step that divides `step` and all of the batch's numbers under these names."""
    for name in names:
        if name in batch:
            values, power = np.unique(batch[name]), batch.powers.get(name, 0)
            whole = int(np.gcd.reduce(np.abs(values[(values != NONE) & (values != 0)]), initial=0))
            found = Decimal(whole).scaleb(power)
            least = min(power, _exponent(step))
            step = Decimal(gcd(int(step.scaleb(-least)), int(found.scaleb(-least)))).scaleb(least)
    return step.normalize()


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
