"""history.market: the archive as what a trader sees: market data in integers, of several series by receipt, gaps in their places.

The payloads go through the same readers as a live trader's frames (`VenueSpec.ticks`), so the same bytes give the same events. Books that
were recorded whole, quotes, trades and mark prices are read, of sealed days, open minutes and classic archives alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hoga.archive.form.envelope import payload_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.merged import GapAt, read_merged
from hoga.archive.read.stretches import Stretch
from hoga.core.errors import SegmentCorrupt
from hoga.core.market import DataType
from hoga.core.streams import Kind
from hoga.core.ticks import MarketDoubt, MarketEvent
from hoga.core.times import DAY_NS, day_start_ns
from hoga.core.trading import Rules
from hoga.venues.registry import VENUES

__all__ = ["Damage", "MarketSeries", "Recorded", "market_events", "recorded_of"]

_TYPES = {
    Kind.ORDERBOOK: DataType.ORDERBOOK,
    Kind.QUOTE: DataType.QUOTE,
    Kind.EXECUTION: DataType.TRADE,
    Kind.MARK: DataType.MARK_PRICE,
}
_ORDER = (DataType.MARK_PRICE, DataType.ORDERBOOK, DataType.QUOTE, DataType.TRADE)
"""What comes first of one receipt."""


class MarketSeries(NamedTuple):
    """One series: `symbol` with its venue before it, what its records are, and its days in order."""

    symbol: str
    data_type: DataType
    kind: str
    days: tuple[SeriesDay, ...]


class Recorded(NamedTuple):
    """What there is of some symbols in a span of time. `others`: kinds that were recorded and are not read."""

    series: list[MarketSeries]
    journals: tuple[Path, ...]
    others: dict[str, tuple[str, ...]]

    def types(self, symbol: str) -> frozenset[DataType]:
        """What is there of a symbol."""
        return frozenset(each.data_type for each in self.series if each.symbol == symbol)


class Damage(NamedTuple):
    """A piece of a series that cannot be read: when its first and last records were received, as far as is known."""

    symbol: str
    kind: str
    from_ns: int
    to_ns: int
    why: str


def recorded_of(
    symbols: Sequence[str], days: Sequence[SeriesDay], journals: Sequence[Path], venue_of: Callable[[SeriesDay], str], span: tuple[int, int]
) -> Recorded:
    """The series of `symbols` among the days of an archive that reach into the span. Of books at several depths the deepest is taken.

    `venue_of`: whose a day is.
    """
    low, high = span
    found: dict[tuple[str, str], list[SeriesDay]] = {}
    for day in sorted(set(days), key=lambda each: (each.day, each.directory)):
        if day_start_ns(day.day) < high and day_start_ns(day.day) + DAY_NS > low:
            symbol = f"{venue_of(day)}:{day.symbol}"
            if symbol in symbols:
                found.setdefault((symbol, day.kind), []).append(day)
    series: list[MarketSeries] = []
    others: dict[str, tuple[str, ...]] = {}
    for symbol in symbols:
        kinds = sorted({kind for whose, kind in found if whose == symbol}, key=_depth_rank)
        taken: dict[DataType, str] = {}
        for kind in kinds:
            known = Kind.of(kind)
            data_type = _TYPES.get(known) if known is not None else None
            if data_type in VENUES[symbol.partition(":")[0]].ticks and data_type is not None and data_type not in taken:
                taken[data_type] = kind
        series += [MarketSeries(symbol, each, taken[each], tuple(found[symbol, taken[each]])) for each in _ORDER if each in taken]
        others[symbol] = tuple(kind for kind in kinds if kind not in taken.values())
    return Recorded(series, tuple(journals), others)


def _depth_rank(kind: str) -> tuple[int, str]:
    """The usual kind first, then the deepest, then the fastest."""
    depth = kind.removeprefix(Kind.ORDERBOOK).partition("-")[0]
    return (0 if kind in _TYPES else 1, f"{-int(depth):05d}{kind}" if depth.isdigit() else kind)


def market_events(
    recorded: Recorded,
    rules: Mapping[str, Rules],
    *,
    start_ns: int,
    end_ns: int,
    fill: bool = True,
    on_damage: Callable[[Damage], object] | None = None,
) -> Iterator[MarketEvent]:
    """Everything that was received from `start_ns` on and before `end_ns`, by receipt; a `MarketDoubt` where a gap
    begins, and where it ends.

    `fill`: with the trades that were fetched afterwards. `on_damage`: is told of a piece that cannot be read; what is behind it comes,
    after a `MarketDoubt`. None: SegmentCorrupt is raised.

    Raises ArchiveError, SegmentCorrupt.
    """
    series = recorded.series
    readers = [VENUES[each.symbol.partition(":")[0]].ticks[each.data_type](rules[each.symbol]) for each in series]
    doubts: list[MarketDoubt] = []
    now_ns = start_ns
    whose = {(day.directory, day.symbol, day.kind): each for each in series for day in each.days}

    def doubt(symbol: str, at_ns: int, why: str) -> None:
        doubts.append(MarketDoubt(symbol=symbol, at_ns=at_ns, why=why))
        doubts.sort(key=lambda each: each.at_ns)

    def damaged(day: SeriesDay, stretch: Stretch, fault: SegmentCorrupt) -> None:
        mine = whose[day.directory, day.symbol, day.kind]
        found = Damage(mine.symbol, mine.kind, max(start_ns, stretch.from_ns), min(end_ns, stretch.to_ns), str(fault))
        doubt(mine.symbol, found.from_ns, f"a damaged piece of the recording: {fault}")
        doubt(mine.symbol, found.to_ns, "the recording goes on behind a damaged piece")
        if on_damage is not None:
            on_damage(found)

    for item in read_merged(
        [each.days for each in series],
        start_ns=start_ns,
        end_ns=end_ns,
        journals=recorded.journals,
        fill=fill,
        on_damage=None if on_damage is None else damaged,
    ):
        if isinstance(item, GapAt):
            gap, symbol = item.gap, series[item.source].symbol
            if gap.missed != 0:
                yield MarketDoubt(symbol=symbol, at_ns=max(gap.from_ns, now_ns), why=f"a gap in the recording: {gap.reason}")
                doubt(symbol, gap.to_ns, f"the recording goes on behind a gap: {gap.reason}")
            continue
        read = readers[item.source]
        for recv_ns, line in zip(item.receipts, item.lines, strict=True):
            while doubts and doubts[0].at_ns <= recv_ns:
                yield doubts.pop(0)
            now_ns = max(now_ns, recv_ns)
            try:
                event = read(payload_of(line), recv_ns)
            except (ValueError, LookupError, TypeError) as fault:
                symbol = series[item.source].symbol
                yield MarketDoubt(symbol=symbol, at_ns=recv_ns, why=f"a record that cannot be read: {fault}")
                continue
            yield event
    yield from (each for each in doubts if each.at_ns < end_ns)
