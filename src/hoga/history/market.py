"""history.market: the archive as what a trader sees: market data in integers, of several series by receipt, gaps in their places.

The payloads go through the same readers as a live trader's frames (`VenueSpec.ticks`), so the same bytes give the same events. Books that
were recorded whole, else as deltas and snapshots (`history.deltas`), quotes, trades and mark prices are read, of sealed days, open minutes
and classic archives alike.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from hoga.archive.form.envelope import is_healed, is_own, payload_of, receipts_at
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay, distinct
from hoga.archive.form.text import line_ends, split_lines
from hoga.archive.form.wanted import classic_shapes
from hoga.archive.read.merged import moments_of
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.read.reader import Block as ArchiveBlock
from hoga.archive.read.reader import read_blocks, read_stretches
from hoga.archive.read.stretches import Stretch, find_stretches
from hoga.archive.read.told import gaps_of_days, healed_of
from hoga.columns.digits import NONE, Ints
from hoga.core.errors import SegmentCorrupt
from hoga.core.ledger import Reason
from hoga.core.market import DataType
from hoga.core.streams import Kind
from hoga.core.ticks import MarketDepth, MarketDoubt, MarketEvent, MarketTop
from hoga.core.times import DAY_NS, SECOND_NS, day_start_ns
from hoga.core.trading import Rules, text_of
from hoga.history.asking import AskedSeries
from hoga.history.batch import Arrays, joined
from hoga.history.candles import scaled
from hoga.history.column_cache import ColumnFile, ColumnWriter, column_path, open_columns
from hoga.history.decoding import SeriesDecoder
from hoga.history.deltas import REACH_NS, DeltaSeries, delta_books
from hoga.history.published import published_batches
from hoga.trading.blocks import Block, Chunk, ColumnBlock, EventBlock, MarkBlock, PlainBlock, PriceBlock, TopBlock, TradeBlock
from hoga.venues.registry import VENUES
from hoga.venues.ticks import Marks, RawLevels, Top, Tops, Trades, integers

__all__ = ["Damage", "MarketSeries", "Recorded", "make_reader", "market_chunks", "recorded_of"]

_FOREVER = 2**63 - 1
_ROWS = 16_384
"""So many records of kept columns come at a time."""
_STEP_NS = SECOND_NS
"""Receipts may be in disorder by less: a recorder has several connections."""

_TYPES = {
    Kind.ORDERBOOK: DataType.ORDERBOOK,
    Kind.QUOTE: DataType.QUOTE,
    Kind.EXECUTION: DataType.TRADE,
    Kind.MARK: DataType.MARK_PRICE,
}
_ORDER = (DataType.MARK_PRICE, DataType.ORDERBOOK, DataType.QUOTE, DataType.TRADE)
"""What comes first of one receipt."""


class MarketSeries(NamedTuple):
    """One series: `symbol` with its venue before it, what its records are, and its days in order, or the exchange's `files`.

    Books that were recorded as deltas: `days` are those of the deltas, and `beside` those of the snapshots, and of the deltas before
    the span.
    """

    symbol: str
    data_type: DataType
    kind: str
    days: tuple[SeriesDay, ...]
    files: AskedSeries | None = None
    beside: tuple[SeriesDay, ...] = ()


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
    before: dict[tuple[str, str], list[SeriesDay]] = {}
    for day in sorted(distinct(days), key=lambda each: (each.day, each.directory, each.only)):
        if day_start_ns(day.day) < high and day_start_ns(day.day) + DAY_NS > low - REACH_NS:
            symbol = f"{venue_of(day)}:{day.symbol}"
            if symbol in symbols:
                each_kind = found if day_start_ns(day.day) + DAY_NS > low else before
                each_kind.setdefault((symbol, day.kind), []).append(day)
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
        mine = {each: MarketSeries(symbol, each, taken[each], tuple(found[symbol, taken[each]])) for each in _ORDER if each in taken}
        deltas = next((kind for kind in kinds if Kind.of(kind) is Kind.DELTA), None)
        snapshots = [*before.get((symbol, Kind.SNAPSHOT), ()), *found.get((symbol, Kind.SNAPSHOT), ())]
        if DataType.ORDERBOOK not in mine and deltas is not None and snapshots:
            beside = (*before.get((symbol, deltas), ()), *snapshots)
            mine[DataType.ORDERBOOK] = MarketSeries(symbol, DataType.ORDERBOOK, deltas, tuple(found[symbol, deltas]), None, beside)
            taken[DataType.ORDERBOOK] = deltas
            kinds = [kind for kind in kinds if kind != Kind.SNAPSHOT]
        series += [mine[each] for each in _ORDER if each in mine]
        others[symbol] = tuple(kind for kind in kinds if kind not in taken.values())
    return Recorded(series, tuple(journals), others)


def _depth_rank(kind: str) -> tuple[int, str]:
    """The usual kind first, then the deepest, then the fastest."""
    depth = kind.removeprefix(Kind.ORDERBOOK).partition("-")[0]
    return (0 if kind in _TYPES else 1, f"{-int(depth):05d}{kind}" if depth.isdigit() else kind)


def market_chunks(
    recorded: Recorded,
    rules: Mapping[str, Rules],
    *,
    start_ns: int,
    end_ns: int,
    priced: Collection[str] = (),
    fill: bool = True,
    on_damage: Callable[[Damage], object] | None = None,
    on_step: Callable[[Damage], object] | None = None,
    on_hole: Callable[[Damage], object] = lambda hole: None,
    cache: Path | None = None,
) -> Iterator[Chunk]:
    """Everything that was received from `start_ns` on and before `end_ns`, by receipt; a `MarketDoubt` where a gap
    begins, and where it ends.

    Of equal receipts the series that is named first comes first. `priced`: symbols whose trades say the price: no book of them was
    recorded, and a `MarketPrice` before the first one says so. `fill`: with the trades that were fetched afterwards. `on_damage`: is told
    of a piece that cannot be read; what is behind it comes, after a `MarketDoubt`. None: SegmentCorrupt is raised. `on_step`: is told of
    a series where the clock of the recording was set: its receipts go back by more than a second (until they are where they were, all is
    taken at one moment), or the ledger says that it was set forward. There a `MarketDoubt` comes, too.
    `on_hole`: is told of each time in which a book that is made of deltas is not known, when it is over.
    `cache`: a folder in which finished days are kept as columns.

    Raises ArchiveError, SegmentCorrupt.
    """
    yield from _Merging(
        recorded, rules, start_ns, end_ns, frozenset(priced), fill=fill, on_damage=on_damage, on_step=on_step, on_hole=on_hole, cache=cache
    ).chunks()


class _Doubts:
    """Where something is missing: what is told of it comes after the records of its moment."""

    def __init__(self, end_ns: int) -> None:
        self._end_ns = end_ns
        self.waiting: list[MarketDoubt] = []

    def add(self, symbol: str, at_ns: int, why: str) -> None:
        """At that moment, unless nothing comes then any more."""
        if at_ns < self._end_ns:
            self.waiting.append(MarketDoubt(symbol=symbol, at_ns=at_ns, why=why))
            self.waiting.sort(key=lambda each: each.at_ns)

    def take(self, bound: int) -> list[MarketDoubt]:
        """Those up to then."""
        count = bisect_right(self.waiting, bound, key=lambda each: each.at_ns)
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        return found


class _Merging:
    """The series of one reading, a block of each at a time."""

    def __init__(
        self,
        recorded: Recorded,
        rules: Mapping[str, Rules],
        start_ns: int,
        end_ns: int,
        priced: frozenset[str],
        *,
        fill: bool,
        on_damage: Callable[[Damage], object] | None,
        on_step: Callable[[Damage], object] | None,
        on_hole: Callable[[Damage], object],
        cache: Path | None,
    ) -> None:
        self._on_hole = on_hole
        self._span = start_ns, end_ns
        self._cache = cache
        self._on_damage = on_damage
        self._on_step = on_step
        self._doubts = _Doubts(end_ns)
        self._series = recorded.series
        kept = list(recorded.journals)
        for each in recorded.series:
            for gap in gaps_of_days(each.days, OpenMinutes(kept), fill=fill) if each.days else ():
                if gap.reason is Reason.CLOCK_STEP and start_ns <= gap.to_ns < end_ns and (gap.detail or "").find("+") >= 0:
                    said = f"{gap.detail}: between the receipts on both sides less time passed than they say"
                    self._stepped(Damage(each.symbol, each.kind, gap.to_ns, gap.to_ns, said))
                if gap.from_ns < end_ns and gap.to_ns > start_ns and gap.missed != 0:
                    self._doubts.add(each.symbol, max(gap.from_ns, start_ns), f"a gap in the recording: {gap.reason}")
                    self._doubts.add(each.symbol, gap.to_ns, f"the recording goes on behind a gap: {gap.reason}")
        self._cursors = [
            _Cursor(self._published(each, rules[each.symbol]), is_priced=each.symbol in priced)
            if each.files is not None
            else _Cursor(
                self._rebuilt(each, rules[each.symbol], kept) if each.beside else self._read(each, rules[each.symbol], kept, fill=fill),
                is_priced=each.symbol in priced and each.data_type is DataType.TRADE,
            )
            for each in recorded.series
        ]

    def _read(self, series: MarketSeries, rules: Rules, journals: list[Path], *, fill: bool) -> Iterator[tuple[Ints, Block]]:
        """What was recorded, day after day: moments that never go back, and the records."""
        last = 0
        standing = _Standing(series, self._stepped)
        read = make_reader(series, rules, self._unreadable)
        for day in series.days:
            path = self._columns_of(series, day, rules, journals, fill=fill)
            kept = None if path is None else open_columns(path)
            if kept is not None:
                for received, keys, block in self._from_columns(kept, series, day, rules):
                    keys = np.maximum(keys, last)
                    standing.look(received, keys)
                    last = int(keys[-1])
                    yield keys, block
                continue
            writer = None if path is None or not self._is_whole(day) else ColumnWriter(path)
            start_ns, end_ns = self._span
            damaged: list[bool] = []
            on_damage = self._hears(series, damaged) if self._on_damage is not None else None
            try:
                for found in read_blocks([day], start_ns=start_ns, end_ns=end_ns, journals=journals, fill=fill, on_damage=on_damage):
                    ends = line_ends(found.text)
                    receipts = receipts_at(found.text, ends)
                    if receipts is None:
                        receipts = moments_of(found, last)
                    received = np.array(receipts, np.int64)
                    keys = np.maximum(np.maximum.accumulate(received), last)
                    standing.look(received, keys)
                    last = int(keys[-1])
                    is_classic = not is_own(found.text) and not is_healed(found.text)
                    classic = _classic_block(series, rules, found, receipts) if is_classic else None
                    block = classic or read(found.text, ends, receipts)
                    if writer is not None:
                        matrix = _matrix_of(block)
                        if matrix is None:
                            writer.drop()
                            writer = None
                        else:
                            writer.add(matrix, found.stretch.minute, found.stretch.part)
                    yield keys, block
                if writer is not None and not damaged:
                    writer.finish()
            finally:
                if writer is not None:
                    writer.drop()

    def _rebuilt(self, series: MarketSeries, rules: Rules, journals: list[Path]) -> Iterator[tuple[Ints, Block]]:
        """Books out of deltas and snapshots."""
        last = 0
        standing = _Standing(series, self._stepped)
        before = tuple(each for each in series.beside if each.kind != Kind.SNAPSHOT)
        snapshots = tuple(each for each in series.beside if each.kind == Kind.SNAPSHOT)
        known = DeltaSeries(series.symbol, (*before, *series.days), snapshots, tuple(journals))
        start_ns, end_ns = self._span
        on_damage = self._hears(series, []) if self._on_damage is not None else None
        hole: Damage | None = None
        for receipts, block in delta_books(known, rules, start_ns=start_ns, end_ns=end_ns, on_damage=on_damage):
            if hole is not None:
                self._on_hole(hole._replace(to_ns=receipts[0]))
                hole = None
            if isinstance(block, EventBlock) and isinstance(doubt := block.events[0], MarketDoubt):
                hole = Damage(series.symbol, series.kind, receipts[0], end_ns, doubt.why)
            received = np.array(receipts, np.int64)
            keys = np.maximum(np.maximum.accumulate(received), last)
            standing.look(received, keys)
            last = int(keys[-1])
            yield keys, block
        if hole is not None:
            self._on_hole(hole)

    def _columns_of(self, series: MarketSeries, day: SeriesDay, rules: Rules, journals: list[Path], *, fill: bool) -> Path | None:
        """Where a day's columns are, or will be; None for a day that is not finished, or has trades that were fetched afterwards."""
        if self._cache is None or read_manifest(day.manifest_path) is None or (fill and healed_of(day) is not None):
            return None
        told = [[each.minute, each.part, each.proof.crc32, each.proof.text_bytes] for each in find_stretches(day).sealed]
        if any(each[2] is None for each in told):
            return None
        name = f"{series.symbol.replace(':', '_')}_{day.kind}_{day.day}"
        return column_path(self._cache, name, [series.data_type, told], (rules.price_power, rules.size_power))

    def _is_whole(self, day: SeriesDay) -> bool:
        """Whether all of a day is wanted: then its columns are kept."""
        low, high = self._span
        return all(low <= each.from_ns and each.to_ns < high for each in find_stretches(day).sealed)

    def _from_columns(self, kept: ColumnFile, series: MarketSeries, day: SeriesDay, rules: Rules) -> Iterator[tuple[Ints, Ints, Block]]:
        """When the records were received, the moments at which they are taken, and the records."""
        low, high = self._span
        received = kept.column(0)
        keys = np.maximum.accumulate(received)
        start, stop = (int(np.searchsorted(keys, each)) for each in (low, min(high, _FOREVER)))
        levels = (
            _Levels(kept, day, VENUES[series.symbol.partition(":")[0]].ticks[series.data_type](rules))
            if series.data_type is DataType.ORDERBOOK
            else None
        )
        for at in range(start, stop, _ROWS):
            to = min(stop, at + _ROWS)
            columns = kept.matrix(at, to)
            block: Block
            if series.data_type is DataType.TRADE:
                block = TradeBlock(series.symbol, columns)
            elif series.data_type is DataType.MARK_PRICE:
                block = MarkBlock(series.symbol, columns)
            else:
                block = TopBlock(series.symbol, columns, None if levels is None else levels.behind(at))
            yield received[at:to], keys[at:to], block

    def _published(self, series: MarketSeries, rules: Rules) -> Iterator[tuple[Ints, Block]]:
        """What the exchange published: its own times are all there are."""
        assert series.files is not None, "asked for those that have some"
        last = 0
        for batch in published_batches(series.files, *self._span, exact=True):
            keys = np.maximum.accumulate(np.concatenate(([last], batch["event_ns"])))[1:]
            last = int(keys[-1])
            for place in np.flatnonzero(batch["gap_before"]).tolist():
                self._doubts.add(series.symbol, int(keys[place]) - 1, "trades are missing in the exchange's files")
            price, size = scaled(batch, "price", rules.price_power), scaled(batch, "size", rules.size_power)
            buys, ids = (batch["side"] > 0).tolist(), batch["trade_id"].tolist()
            stamps = batch["event_ns"].tolist()
            yield keys, TradeBlock(series.symbol, [stamps, stamps, price, size, buys, ids])

    def _stepped(self, step: Damage) -> None:
        """The clock of the recording was set."""
        self._doubts.add(step.symbol, step.from_ns, step.why)
        if self._on_step is not None:
            self._on_step(step)

    def _hears(self, series: MarketSeries, noted: list[bool]) -> Callable[[SeriesDay, Stretch, SegmentCorrupt], object]:
        low, high = self._span

        def damaged(day: SeriesDay, stretch: Stretch, fault: SegmentCorrupt) -> None:
            noted.append(True)
            found = Damage(series.symbol, series.kind, max(low, stretch.from_ns), min(high, stretch.to_ns), str(fault))
            self._doubts.add(series.symbol, found.from_ns, f"a damaged piece of the recording: {fault}")
            self._doubts.add(series.symbol, found.to_ns, "the recording goes on behind a damaged piece")
            if self._on_damage is not None:
                self._on_damage(found)

        return damaged

    def _unreadable(self, symbol: str, at_ns: int, why: str) -> MarketDoubt:
        return MarketDoubt(symbol=symbol, at_ns=at_ns, why=f"a record that cannot be read: {why}")

    def chunks(self) -> Iterator[Chunk]:
        """Up to the end of the block that ends first, again and again."""
        cursors = self._cursors
        while waiting := [each for each in cursors if each.fill()]:
            bound = min(int(each.keys[-1]) for each in waiting)
            yield self._chunk([part for each in waiting for part in each.take(bound)], self._doubts.take(bound))
        if self._doubts.waiting:
            yield self._chunk([], self._doubts.take(_FOREVER))

    def _chunk(self, parts: list[_Part], doubts: list[MarketDoubt]) -> Chunk:
        if doubts:
            stamps = np.array([each.at_ns for each in doubts], np.int64)
            parts = [*parts, _Part(stamps, 0, EventBlock(doubts[0].symbol, doubts))]
        keys = np.concatenate([each.keys for each in parts])
        sources = np.repeat(np.arange(len(parts)), [len(each.keys) for each in parts])
        places = np.concatenate([np.arange(each.first, each.first + len(each.keys)) for each in parts])
        if len(parts) > 1:
            order = np.argsort(keys, kind="stable")
            keys, sources, places = keys[order], sources[order], places[order]
        return Chunk(keys.tolist(), sources.tolist(), places.tolist(), [each.block for each in parts])


class _Standing:
    """Where the receipts of a series go back: the clock of the recording was set. What was received until it is where it was is taken at
    that moment, which is told once."""

    def __init__(self, series: MarketSeries, tell: Callable[[Damage], object]) -> None:
        self._series = series
        self._tell = tell
        self._told_ns = 0

    def look(self, received: Ints, keys: Ints) -> None:
        """Some records more: when they were received, and the moments at which they are taken."""
        if not len(keys) or int((keys - received).max()) <= _STEP_NS:
            return
        for place in np.flatnonzero(keys - received > _STEP_NS).tolist():
            at_ns = int(keys[place])
            if at_ns != self._told_ns:
                self._told_ns = at_ns
                back_s = (at_ns - int(received[place])) / SECOND_NS
                why = f"the clock went back by {back_s:.1f} s: what was received until it was there again is taken at that moment"
                self._tell(Damage(self._series.symbol, self._series.kind, at_ns, at_ns, why))


class _Part(NamedTuple):
    """Some records of one block: their moments, and the place of the first of them."""

    keys: Ints
    first: int
    block: Block


class _Cursor:
    """One series: what is left of its present block."""

    def __init__(self, blocks: Iterator[tuple[Ints, Block]], *, is_priced: bool) -> None:
        self.keys: Ints = np.zeros(0, np.int64)
        self._blocks = blocks
        self._is_priced = is_priced
        self._at = 0
        self._block: Block | None = None

    def fill(self) -> bool:
        """Whether there is anything."""
        if not len(self.keys):
            self._block = None
            found = next(self._blocks, None)
            if found is None:
                return False
            self.keys, self._block = found
            self._at = 0
        return True

    def take(self, bound: int) -> Iterator[_Part]:
        """The records up to that moment."""
        count = int(np.searchsorted(self.keys, bound, side="right"))
        if count and self._block is not None:
            part = _Part(self.keys[:count], self._at, self._block)
            if self._is_priced and isinstance(self._block, TradeBlock):
                self._is_priced = False
                yield part._replace(keys=self.keys[:1], block=PriceBlock(self._block))
            yield part
            self.keys, self._at = self.keys[count:], self._at + count


def make_reader(
    series: MarketSeries, rules: Rules, unreadable: Callable[[str, int, str], MarketEvent]
) -> Callable[[bytes, Ints, list[int]], Block]:
    """`read(text, ends, receipts)` gives the records of whole lines: all at once, or each when it is looked at, where they are spelt as
    usual; else one by one.

    `unreadable(symbol, at_ns, why)`: what stands in the place of one that cannot be read.
    """
    spec, symbol = VENUES[series.symbol.partition(":")[0]], series.symbol
    one = spec.ticks[series.data_type](rules)
    usual = spec.tick_lines.get(series.data_type)
    many = usual(rules) if usual is not None else None
    is_book = series.data_type is DataType.ORDERBOOK
    book = spec.book_line(rules) if is_book and spec.book_line is not None else None
    books = spec.book_lines(rules) if is_book and spec.book_lines is not None else None

    def plain(line: bytes, at_ns: int) -> MarketEvent:
        try:
            return one(payload_of(line), at_ns)
        except (ValueError, LookupError, TypeError) as fault:
            return unreadable(symbol, at_ns, str(fault))

    def read(text: bytes, ends: Ints, receipts: list[int]) -> Block:
        if book is not None:
            return _BookLines(symbol, text, ends, receipts, book, plain, books)
        if many is not None:
            try:
                return _block_of(symbol, receipts, many(text))
            except (ValueError, TypeError):
                pass  # some line is not as usual: each is read by itself
        events = [plain(line, at_ns) for line, at_ns in zip(split_lines(text), receipts, strict=True)]
        return EventBlock(symbol, events, is_book=all(isinstance(each, MarketTop) for each in events))

    return read


def _matrix_of(block: Block) -> Ints | None:
    """A block's records as columns, a row each; None where one of them is not as usual."""
    if isinstance(block, _BookLines):
        return block.matrix()
    return block.matrix if isinstance(block, ColumnBlock) else None


class _Levels:
    """The levels of books whose best prices are columns: the text is read where somebody looks deeper, a segment at a time."""

    def __init__(self, kept: ColumnFile, day: SeriesDay, read: Callable[[bytes, int], MarketEvent]) -> None:
        self._day = day
        self._read = read
        self._blocks = kept.blocks
        self._firsts = [0, *accumulate(rows for rows, _, _, _ in kept.blocks)]
        self._known = self._last = -1
        self._lines: list[bytes] = []
        self._found: _Sides = ((), ())

    def behind(self, first: int) -> Callable[[int], _Sides]:
        """Those of records that are counted from `first` on."""

        def of(place: int) -> _Sides:
            return _Side(self._sides, first + place, 0), _Side(self._sides, first + place, 1)

        return of

    def _sides(self, row: int) -> _Sides:
        """Both sides of a record. Raises ArchiveError, SegmentCorrupt where its text is not there any more."""
        if row != self._last:
            found = self._read(self._line(row), 0)
            assert isinstance(found, MarketDepth), "it was one when its columns were made"
            self._last, self._found = row, (found.bids, found.asks)
        return self._found

    def _line(self, row: int) -> bytes:
        number = bisect_right(self._firsts, row) - 1
        if number != self._known:
            _, minute, part, place = self._blocks[number]
            stretch = next(each for each in find_stretches(self._day).sealed if (each.minute, each.part) == (minute, part))
            texts = [text for _, text in read_stretches([stretch], start_ns=0, end_ns=_FOREVER)]
            self._known, self._lines = number, split_lines(texts[place])
        return payload_of(self._lines[row - self._firsts[number]])


def _classic_block(series: MarketSeries, rules: Rules, found: ArchiveBlock, receipts: list[int]) -> Block | None:
    """What the classic recorder wrote, which has words of its own; None where these are not known of the series. It kept no ids of trades:
    they are made of the receipts."""
    venue = series.symbol.partition(":")[0]
    if not classic_shapes(venue, series.kind):
        return None
    arrays = joined(list(SeriesDecoder(venue, series.kind, exact=True).read(found)))
    event_ns = np.where(arrays["event_ns"] == NONE, 0, arrays["event_ns"]).tolist() if "event_ns" in arrays else [0] * len(receipts)
    if series.data_type is DataType.TRADE:
        price, size = scaled(arrays, "price", rules.price_power), scaled(arrays, "size", rules.size_power)
        ids = [at_ns + place for place, at_ns in enumerate(receipts)]
        return TradeBlock(series.symbol, [receipts, event_ns, price, size, (arrays["side"] > 0).tolist(), ids])
    if series.data_type is not DataType.ORDERBOOK:
        return None
    prices, sizes = arrays["prices"], arrays["sizes"]
    powers = arrays.powers.get("prices", 0), arrays.powers.get("sizes", 0)

    def levels(place: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids, asks = (
            [
                (text_of(price, powers[0]), text_of(size, powers[1]))
                for price, size in zip(prices[place, side].tolist(), sizes[place, side].tolist(), strict=True)
                if price != NONE
            ]
            for side in (0, 1)
        )
        return bids, asks

    wants = rules.price_power, rules.size_power
    columns = [(prices, powers[0], wants[0]), (sizes, powers[1], wants[1])]
    (bid, ask), (bid_size, ask_size) = (
        [scaled(Arrays({"best": values[:, side, 0]}, {"best": power}), "best", wanted) for side in (0, 1)]
        for values, power, wanted in columns
    )
    return TopBlock(series.symbol, [receipts, event_ns, bid, bid_size, ask, ask_size], levels)


_Sides = tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]


class _Side(Sequence[tuple[str, str]]):
    """One side (0: bids, 1: asks) of a book: read from its text when somebody looks at it. `read(row)`: both sides."""

    __slots__ = ("_known", "_number", "_read", "_row")

    def __init__(self, read: Callable[[int], _Sides], row: int, number: int) -> None:
        self._read = read
        self._row = row
        self._number = number
        self._known: Sequence[tuple[str, str]] | None = None

    def _all(self) -> Sequence[tuple[str, str]]:
        if self._known is None:
            self._known = self._read(self._row)[self._number]
        return self._known

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | Sequence[tuple[str, str]]:
        return self._all()[index]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class _BookLines(PlainBlock):
    """Books as lines: one is read when somebody looks at it; or all of them, but for the levels behind the best, when `matrix` is asked
    for."""

    __slots__ = ("_begins", "_best", "_many", "_plain", "_read", "_receipts", "_text", "is_book", "symbol", "traded_ns")

    def __init__(
        self,
        symbol: str,
        text: bytes,
        ends: Ints,
        receipts: list[int],
        read: Callable[[bytes], Top],
        plain: Callable[[bytes, int], MarketEvent],
        many: Callable[[bytes], Tops] | None,
    ) -> None:
        self.symbol = symbol
        self.is_book = True
        self.traded_ns: Sequence[int] | None = None
        self._text = text
        self._begins = [0, *(ends + 1).tolist()]
        self._receipts = receipts
        self._read = read
        self._plain = plain
        self._many = many
        self._best: TopBlock | None = None

    def matrix(self) -> Ints | None:
        """All of them as columns, a row each; None where one is not as usual. They are not read again then."""
        try:
            best = self._many(self._text) if self._many is not None else None
        except (ValueError, TypeError):
            best = None  # one is not spelt as usual, or has a side on which there is nothing
        try:
            found = best or [integers(column) for column in zip(*(each[:5] for each in self._each()), strict=True)]
            columns = np.stack([np.array(self._receipts, np.int64), *found])
        except (ValueError, TypeError):
            return None
        self._best = TopBlock(self.symbol, columns, lambda place: (_Side(self._sides, place, 0), _Side(self._sides, place, 1)))
        return columns

    def _each(self) -> Iterator[Top]:
        return (self._read(self._text[at:to]) for at, to in pairwise(self._begins))

    def _line(self, place: int) -> bytes:
        return self._text[self._begins[place] : self._begins[place + 1]]

    def _sides(self, place: int) -> _Sides:
        found = self._read(self._line(place))
        return RawLevels(found.bids), RawLevels(found.asks)

    @property
    def received_ns(self) -> Ints | None:
        """When each came; None where the lines were not read yet."""
        return None if self._best is None else self._best.received_ns

    @property
    def is_sound(self) -> bool:
        """Whether there are both sides everywhere, and none is beyond the other; False also where the lines were not read yet."""
        return self._best is not None and self._best.is_sound

    @property
    def kind(self) -> type[MarketTop] | None:
        """Books."""
        return MarketDepth

    @property
    def prices(self) -> Ints | None:
        """The middle of each."""
        return None if self._best is None else self._best.prices

    def at(self, place: int) -> MarketEvent:
        """A `MarketDepth`."""
        if self._best is not None:
            return self._best.at(place)
        line, at_ns = self._line(place), self._receipts[place]
        try:
            event_ns, bid, bid_size, ask, ask_size, bids, asks = self._read(line)
        except (ValueError, TypeError):
            return self._plain(line, at_ns)
        return MarketDepth(
            symbol=self.symbol,
            at_ns=at_ns,
            event_ns=event_ns or None,
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
            bids=RawLevels(bids),
            asks=RawLevels(asks),
        )


def _block_of(symbol: str, at_ns: list[int], columns: Tops | Trades | Marks) -> Block:
    """Raises ValueError where there are not as many records as lines."""
    matrix = np.stack([np.array(at_ns, np.int64), *columns])
    if isinstance(columns, Trades):
        return TradeBlock(symbol, matrix)
    if isinstance(columns, Marks):
        return MarkBlock(symbol, matrix)
    return TopBlock(symbol, matrix)
