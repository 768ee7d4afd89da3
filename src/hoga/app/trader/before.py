"""app.trader.before: what strategies ask of before, out of the trades that were recorded until then: of a run over the past, and live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from hoga.archive.form.discover import discover
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look
from hoga.archive.read.openminute import days_with_open
from hoga.archive.read.stretches import find_stretches
from hoga.core.market import DataType
from hoga.core.ticks import MarketBar, MarketBars
from hoga.core.times import SECOND_NS
from hoga.core.trading import Rules
from hoga.history.market import Damage, Recorded, market_chunks, recorded_of
from hoga.trading.backtest import no_bars
from hoga.trading.ports import ReadBars
from hoga.trading.warmup import Warmup

__all__ = ["Before", "bars_recorded", "recorded_before"]

_SETTLED_NS = 2 * SECOND_NS
"""What was received later than that may not be in the files yet."""


def recorded_before(
    asks: Iterable[ReadBars], days: Sequence[SeriesDay], journals: Sequence[Path], venue_of: Callable[[SeriesDay], str], until_ns: int
) -> Recorded:
    """The trades that answer `asks`, as far back as they reach."""
    since: dict[str, int] = {}
    for each in asks:
        reach_ns = max(0, until_ns - (each.count + 1) * each.interval_ns)
        since[each.symbol] = min(reach_ns, since.get(each.symbol, until_ns))
    span = (min(since.values(), default=until_ns), until_ns)
    found = recorded_of(list(since), days, journals, venue_of, span) if since else Recorded([], tuple(journals), {})
    return found._replace(series=[each for each in found.series if each.data_type is DataType.TRADE])


class Before:
    """Answers what an engine asks; read once, at the first question. `damage`: what could not be read.

    Args:
        asks: all that will be asked at the start.
        until_ns: the start. What is asked later is answered with the same bars: the past grows no further.
        candles: by symbol, where there is nothing finer: those that lie in a span.
    """

    def __init__(
        self,
        asks: Sequence[ReadBars],
        recorded: Recorded,
        rules: Mapping[str, Rules],
        until_ns: int,
        candles: Mapping[str, Callable[[Rules, int, int], Iterable[MarketBar]]],
    ) -> None:
        self.damage: list[Damage] = []
        self._asks = asks
        self._recorded = recorded
        self._rules = rules
        self._until_ns = until_ns
        self._candles = candles
        self._answers: dict[tuple[str, int], MarketBars] | None = None

    def __call__(self, ask: ReadBars, now_ns: int) -> MarketBars:
        """The bars of before; those of an `exact` answer are told once."""
        if self._answers is None:
            self._answers = self._read()
        key = (ask.symbol, ask.interval_ns)
        found = self._answers.get(key)
        if found is None:
            return no_bars(ask, now_ns)
        self._answers[key] = msgspec.structs.replace(found, exact=False)
        return msgspec.structs.replace(found, at_ns=now_ns)

    def _read(self) -> dict[tuple[str, int], MarketBars]:
        made = {(each.symbol, each.interval_ns): Warmup(each, self._rules[each.symbol], until_ns=self._until_ns) for each in self._asks}
        for series in self._recorded.series:
            mine = [each for (symbol, _), each in made.items() if symbol == series.symbol]
            begins_ns = min((each.from_ns for day in series.days for each in find_stretches(day).sealed), default=self._until_ns)
            since_ns = min((each.since_ns for each in mine), default=self._until_ns)
            for each in mine:
                if begins_ns <= each.since_ns:
                    each.whole_from(each.since_ns)
            chunks = market_chunks(
                self._recorded._replace(series=[series]),
                self._rules,
                start_ns=since_ns,
                end_ns=self._until_ns,
                on_damage=self.damage.append,
            )
            for chunk in chunks:
                for source, place in zip(chunk.sources, chunk.places, strict=True):
                    event = chunk.blocks[source].at(place)
                    for each in mine:
                        each.take(event)
        for (symbol, _), each in made.items():
            for bar in self._candles[symbol](self._rules[symbol], each.since_ns, self._until_ns) if symbol in self._candles else ():
                each.take(bar)
        return {key: each.answer() for key, each in made.items()}


def bars_recorded(folder: Path, ask: ReadBars, rules: Rules, now_ns: int) -> MarketBars | None:
    """Bars of the last minutes, of a length that the venue has no candles of, out of the trades that are being recorded in `folder`; None:
    none are. Reads files: not for an event loop. Raises ArchiveError, SegmentCorrupt, OSError.
    """
    if look(folder) is None:
        return None
    until_ns = now_ns - _SETTLED_NS
    found = discover([folder])
    venue = ask.symbol.partition(":")[0]
    recorded = recorded_before([ask], days_with_open(found, lambda day: True), found.journals, lambda day: venue, until_ns)
    if not recorded.series:
        return None
    answer = Before([ask], recorded, {ask.symbol: rules}, until_ns, {})(ask, now_ns)
    closed = tuple(each for each in answer.bars if each.start_ns + each.interval_ns <= until_ns)
    return msgspec.structs.replace(answer, bars=closed, exact=False)  # others received them: where they end, ours do not begin
