"""history.deltas: books that were recorded as deltas and snapshots, as a trader sees books: one after each delta, by receipt.

    snapshots of the day before ─▶ the newest that counts ─┐
    deltas, snapshots by receipt ───────────▶ book.following ─▶ best levels of each, in columns; a doubt where there is no book any more

It begins silently at the newest snapshot that counts, up to a day before what is wanted. What lies behind a doubt comes when there is a
book again: with the next snapshot that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.levels import BookRecords, changes_of, wholes_of
from hoga.archive.read.reader import read_blocks
from hoga.archive.read.stretches import Stretch
from hoga.book.following import ANSWER_NS, COUNTS_NS, Following, Told
from hoga.book.ladder import Sides
from hoga.book.rebuild import Change, Whole
from hoga.book.sync import TOP_LEVELS
from hoga.columns.digits import NONE
from hoga.columns.groups import Rows
from hoga.core.errors import SegmentCorrupt
from hoga.core.ticks import MarketDoubt
from hoga.core.trading import Rules, text_of
from hoga.trading.blocks import Block, EventBlock, TopBlock
from hoga.venues.registry import VENUES

__all__ = ["REACH_NS", "DeltaSeries", "delta_books"]

REACH_NS = COUNTS_NS + ANSWER_NS
"""So far before a moment there may be records that its book hangs on."""
_SIZE_DECIMALS = 8
_ROWS = 512
"""So many books are together at most."""

OnDamage = Callable[[SeriesDay, Stretch, SegmentCorrupt], object]
_Best = tuple[list[int], list[int], list[int], list[int]]


class DeltaSeries(NamedTuple):
    """The days of one symbol's deltas, and of its snapshots, in order, those of `REACH_NS` before the span too."""

    symbol: str
    deltas: tuple[SeriesDay, ...]
    snapshots: tuple[SeriesDay, ...]
    journals: tuple[Path, ...]


_Record = tuple[int, int, Change | Whole]
"""When it was received, the venue's time (0: not told), and a delta or a snapshot."""


def delta_books(
    series: DeltaSeries, rules: Rules, *, start_ns: int, end_ns: int, on_damage: OnDamage | None = None
) -> Iterator[tuple[list[int], Block]]:
    """Books that were known from `start_ns` on and before `end_ns`: when they were received, and a block of them.

    Where there is no book any more a block of one `MarketDoubt` comes. `on_damage`: as in `read_blocks`. Raises ArchiveError,
    SegmentCorrupt.
    """
    yield from _Reading(series, rules, start_ns, end_ns, on_damage).blocks()


class _Reading:
    """One pass through the records of a symbol."""

    def __init__(self, series: DeltaSeries, rules: Rules, start_ns: int, end_ns: int, on_damage: OnDamage | None) -> None:
        self._series = series
        self._rules = rules
        self._spec = VENUES[rules.venue]
        self._span = start_ns, end_ns
        self._on_damage = on_damage
        self._decimals = -rules.price_power, max(_SIZE_DECIMALS, -rules.size_power)

    def blocks(self) -> Iterator[tuple[list[int], Block]]:
        """See `delta_books`."""
        start_ns, end_ns = self._span
        following, made = self._fresh(), _Books(self._rules, self._decimals[1])
        take_delta, add = following.delta, made.add
        for at_ns, event_ns, body in self._records(self._begin_ns(), end_ns):
            told = take_delta(body, at_ns) if body.__class__ is Change else following.snapshot(body, at_ns)  # type: ignore[arg-type]
            if told is Told.NOTHING or at_ns < start_ns:
                continue
            if told is Told.BOOK:
                add(at_ns, event_ns, following.sides)
                if len(made.received) < _ROWS:
                    continue
            if made.received:
                yield made.take()
            if told is Told.LOST:
                doubt = MarketDoubt(symbol=self._series.symbol, at_ns=at_ns, why=f"no book until the next snapshot: {following.why}")
                yield [at_ns], EventBlock(self._series.symbol, [doubt])
        if made.received:
            yield made.take()

    def _fresh(self) -> Following:
        assert self._spec.book_rules is not None, "asked of venues that have deltas"
        return Following(self._spec.book_rules, most=self._spec.rest.book_levels)

    def _begin_ns(self) -> int:
        """Where reading begins, so that the book is known at the start as far as it can be."""
        start_ns = self._span[0]
        before = list(self._snapshots(max(0, start_ns - COUNTS_NS), start_ns))
        for asked_ns, _, book in reversed(before):
            following, since_ns = self._fresh(), max(0, asked_ns - ANSWER_NS)
            for at_ns, _, body in self._deltas(since_ns, asked_ns + 1):
                following.delta(body, at_ns)  # type: ignore[arg-type]  # they are deltas
            if following.snapshot(book, asked_ns) is Told.BOOK and following.is_joined:  # type: ignore[arg-type]  # it is a snapshot
                return since_ns
        return max(0, (before[0][0] if before else start_ns) - ANSWER_NS)

    def _records(self, from_ns: int, to_ns: int) -> Iterator[_Record]:
        """All of them by receipt; of one moment the deltas come first."""
        snapshots = self._snapshots(from_ns, to_ns)
        waiting = next(snapshots, None)
        for each in self._deltas(from_ns, to_ns):
            while waiting is not None and waiting[0] < each[0]:
                yield waiting
                waiting = next(snapshots, None)
            yield each
        if waiting is not None:
            yield waiting
            yield from snapshots

    def _deltas(self, from_ns: int, to_ns: int) -> Iterator[_Record]:
        prices, sizes = self._decimals
        return self._read(self._series.deltas, from_ns, to_ns, lambda rows: changes_of(rows, price_decimals=prices, size_decimals=sizes))

    def _snapshots(self, from_ns: int, to_ns: int) -> Iterator[_Record]:
        prices, sizes = self._decimals
        return self._read(self._series.snapshots, from_ns, to_ns, lambda rows: wholes_of(rows, price_decimals=prices, size_decimals=sizes))

    def _read(
        self, days: tuple[SeriesDay, ...], from_ns: int, to_ns: int, make: Callable[[Rows], Sequence[Change | Whole]]
    ) -> Iterator[_Record]:
        if not days:
            return
        records = BookRecords(self._spec, days[0].kind, with_events=True)
        for block in read_blocks(days, start_ns=from_ns, end_ns=to_ns, journals=self._series.journals, on_damage=self._damaged):
            for rows in records.rows(block):
                columns = rows.columns
                times = columns.get("event_ns")
                events = [0] * rows.count if times is None else np.where(times == NONE, 0, times).tolist()
                yield from zip(columns["recv_ns"].tolist(), events, make(rows), strict=True)

    def _damaged(self, day: SeriesDay, stretch: Stretch, fault: SegmentCorrupt) -> None:
        """What lies before the start is a hole in the ids, and no more."""
        if stretch.to_ns < self._span[0]:
            return
        if self._on_damage is None:
            raise fault
        self._on_damage(day, stretch, fault)


class _Books:
    """Books as columns, in the making."""

    def __init__(self, rules: Rules, size_decimals: int) -> None:
        self._symbol = rules.symbol
        self._powers = rules.price_power, -size_decimals
        self._scale = 10 ** (size_decimals + rules.size_power)
        self._clear()

    def _clear(self) -> None:
        self.received: list[int] = []
        self._events: list[int] = []
        self._best: list[_Best] = []

    def add(self, at_ns: int, event_ns: int, sides: Sides[int]) -> None:
        """The book as it is now."""
        self.received.append(at_ns)
        self._events.append(event_ns)
        self._best.append(sides.best(TOP_LEVELS))

    def take(self) -> tuple[list[int], Block]:
        """All that were added, and begin anew."""
        received, best, scale, powers = self.received, self._best, self._scale, self._powers
        columns = [[side[0] if side else 0 for side in sides] for sides in zip(*best, strict=True)]
        for number in (1, 3):
            columns[number] = [size // scale for size in columns[number]]

        def levels(place: int) -> tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]:
            bids, bid_sizes, asks, ask_sizes = best[place]
            return _Side(bids, bid_sizes, powers), _Side(asks, ask_sizes, powers)

        block = TopBlock(self._symbol, [received, self._events, *columns], levels)
        self._clear()
        return received, block


class _Side(Sequence[tuple[str, str]]):
    """One side of a book: texts are made when somebody looks at it."""

    __slots__ = ("_powers", "_prices", "_sizes")

    def __init__(self, prices: list[int], sizes: list[int], powers: tuple[int, int]) -> None:
        self._prices = prices
        self._sizes = sizes
        self._powers = powers

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        price_power, size_power = self._powers
        if isinstance(index, slice):
            pairs = zip(self._prices[index], self._sizes[index], strict=True)
            return [(text_of(price, price_power), text_of(size, size_power)) for price, size in pairs]
        return text_of(self._prices[index], price_power), text_of(self._sizes[index], size_power)

    def __len__(self) -> int:
        return len(self._prices)
