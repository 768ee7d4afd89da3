"""trading.sizing: the quantity that loses a given share of the equity at a stop. Pure.

    quantity = equity × risk ÷ (|entry − stop| + fees of both ends), rounded down to whole lots, at most what the limits leave room for

All in integers of the instrument's rules (`core.trading.Rules`), each rounding on the side of the smaller order. A quantity that is too
small for the venue is 0 with a code, never a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import msgspec

from hoga.core.market import Side
from hoga.core.trading import Rules

__all__ = ["Sized", "share_of", "size"]

_ONE = 100_000


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity, and the numbers it comes from, as integers of the rules.

    `code`: why it is 0, "" else; `limit`, `found`: exact texts to it. `risk`: the share of the equity in hundred-thousandths. `loss`:
    what is lost at the stop, fees included; `each`: what one unit of the quantity loses. `capped_by`: the limit that made it smaller
    than the risk alone does, "" for none; `uncapped`: what it was before.
    """

    symbol: str
    side: Side
    quantity: int = 0
    code: str = ""
    limit: str = ""
    found: str = ""
    equity: int = 0
    risk: int = 0
    entry: int = 0
    stop: int = 0
    each: int = 0
    loss: int = 0
    uncapped: int = 0
    capped_by: str = ""


def share_of(text: str) -> int:
    """A share as `"1%"` or `"0.5 %"` in hundred-thousandths, rounded down. Raises ValueError for what is none, or not in ]0 %, 100 %]."""
    number, percent, rest = text.partition("%")
    try:
        share = Decimal(number.strip()) * 1_000 if percent and not rest.strip() else None
    except InvalidOperation:
        share = None
    if share is None or not share.is_finite() or not 1 <= share <= _ONE:
        raise ValueError(f"{text!r} is no share; expected a percentage above 0 and up to 100, as 1%")
    return int(share)


def size(rules: Rules, side: Side, *, equity: int, risk: int, entry: int, stop: int, fee: int, room: Iterable[tuple[str, int]]) -> Sized:
    """The quantity of an entry.

    Args:
        rules: of the instrument. side: of the entry.
        equity: money. risk: the share of it, in hundred-thousandths.
        entry: the price it is reckoned to be filled at. stop: the price at which it is given up, below a buy, above a sell.
        fee: of each end, in hundred-thousandths of its money.
        room: (code, quantity) of each limit: what it leaves room for.
    """
    numbers = Sized(symbol=rules.symbol, side=side, equity=equity, risk=risk, entry=entry, stop=stop)
    away = entry - stop if side is Side.BUY else stop - entry
    if away <= 0 or stop <= 0:
        wanted = f"{'below' if side is Side.BUY else 'above'} {rules.price_text(entry)}"
        return msgspec.structs.replace(numbers, code="bad-stop", limit=wanted, found=rules.price_text(stop))
    # Money of so many hundred-thousandths, so that fees need no rounding.
    each = away * _ONE + (entry + stop) * max(fee, 0)
    uncapped = max(equity, 0) * risk // each
    capped_by, quantity = "", uncapped
    for code, most in room:
        if most < quantity:
            capped_by, quantity = code, max(most, 0)
    quantity = rules.quantity_down(quantity)
    loss = -(-quantity * each // _ONE)
    numbers = msgspec.structs.replace(numbers, each=-(-each // _ONE), loss=loss, uncapped=uncapped, capped_by=capped_by)
    if quantity < max(rules.least, 1):
        least, found = rules.quantity_text(rules.least), rules.quantity_text(uncapped)
        return msgspec.structs.replace(numbers, code=capped_by or "too-small", limit=least, found=found, loss=0)
    if rules.min_notional is not None and quantity * entry < rules.min_notional:
        least, found = rules.money_text(rules.min_notional), rules.money_text(quantity * entry)
        return msgspec.structs.replace(numbers, code="min-notional", limit=least, found=found, loss=0)
    return msgspec.structs.replace(numbers, quantity=quantity)
