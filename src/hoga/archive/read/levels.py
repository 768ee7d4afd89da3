"""archive.read.levels: records of deltas and of whole books as integers: their ids, and their levels on each side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from hoga.archive.read.reader import Block
from hoga.book.rebuild import DECIMALS, Change, Levels, Whole
from hoga.columns.digits import NONE
from hoga.columns.groups import Rows
from hoga.columns.reading import Reader, pieces
from hoga.columns.shapes import Field, LevelLists, Shape
from hoga.venues.records import SideLists
from hoga.venues.spec import VenueSpec

__all__ = ["BookRecords", "changes_of", "wholes_of"]

_RECEIPT = (Field("recv_ns", ("recvNs",), "ns", needed=True),)


class BookRecords:
    """Reads the records of a kind of series whose levels are lists. `skipped`: lines that were no such records. `is_known`: there are any.

    One for a series: it keeps what it has learnt of how lines are spelt. `with_events`: with the venue's time, where it tells one, as
    column `event_ns`.
    """

    def __init__(self, spec: VenueSpec, kind: str, *, with_events: bool = False) -> None:
        shapes = _shapes(spec, kind, with_events=with_events)
        self.is_known = bool(shapes)
        self.skipped = 0
        self._reader = Reader(shapes, _RECEIPT, exact=True)

    def rows(self, block: Block) -> Iterator[Rows]:
        """The block as columns; a line that is no such record is counted, and left out."""
        for piece in pieces(block.text):
            try:
                yield self._reader.read(piece)
            except ValueError:
                for line in bytes(piece).splitlines(keepends=True):
                    try:
                        yield self._reader.read(line)
                    except ValueError:
                        self.skipped += 1


def changes_of(rows: Rows, *, price_decimals: int = DECIMALS, size_decimals: int = DECIMALS) -> list[Change]:
    """The deltas, their prices and sizes as integers of so many decimals; finer digits are cut off. Raises ValueError."""
    firsts, lasts = rows.columns["first_id"].tolist(), rows.columns["last_id"].tolist()
    before = [None if each == NONE else each for each in rows.columns["previous_id"].tolist()]
    return [
        Change(first, last, previous, bids, asks)
        for first, last, previous, (bids, asks) in zip(firsts, lasts, before, _sides(rows, price_decimals, size_decimals), strict=True)
    ]


def wholes_of(rows: Rows, *, price_decimals: int = DECIMALS, size_decimals: int = DECIMALS) -> list[Whole]:
    """The whole books, without levels of size 0. As `changes_of`."""
    ids = rows.columns["update_id"].tolist()
    best = tuple if rows.sizes is None or rows.sizes.all() else _sized
    return [
        Whole(each, best(bids), best(asks)) for each, (bids, asks) in zip(ids, _sides(rows, price_decimals, size_decimals), strict=True)
    ]


def _shapes(spec: VenueSpec, kind: str, *, with_events: bool) -> tuple[Shape, ...]:
    """The shapes of the records of a kind whose levels are lists."""
    found: dict[Shape, None] = {}
    for channel in spec.channels_for(kind):
        facts = channel.record
        levels = facts.levels or facts.delta_levels
        event = (Field("event_ns", (facts.event_key,), "ms"),) if with_events and facts.event_key is not None else ()
        if isinstance(levels, SideLists):
            found[Shape((*facts.fields, *event), LevelLists(*levels), facts.discriminator)] = None
    return tuple(found)


def _sized(side: Iterable[tuple[int, int]]) -> Levels:
    return tuple([level for level in side if level[1]])


class _Pairs(Sequence[tuple[int, int]]):
    """Levels as two lists: a tuple for each would cost as much as all the rest of reading them."""

    __slots__ = ("_prices", "_sizes")

    def __init__(self, prices: list[int], sizes: list[int]) -> None:
        self._prices = prices
        self._sizes = sizes

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._prices, self._sizes, strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        return list(self)[index]

    def __len__(self) -> int:
        return len(self._prices)


def _sides(rows: Rows, price_decimals: int, size_decimals: int) -> Iterator[tuple[_Pairs, _Pairs]]:
    """The bids and asks of each record."""
    if rows.counts is None or rows.prices is None or rows.sizes is None:
        raise ValueError("no levels")
    prices = _counted(rows.prices.reshape(-1), rows.decimals["prices"], price_decimals)
    sizes = _counted(rows.sizes.reshape(-1), rows.decimals["sizes"], size_decimals)
    ends = np.cumsum(rows.counts.reshape(-1)).tolist()
    at = 0
    for middle, end in zip(ends[::2], ends[1::2], strict=True):
        yield _Pairs(prices[at:middle], sizes[at:middle]), _Pairs(prices[middle:end], sizes[middle:end])
        at = end


def _counted(values: np.ndarray[Any, np.dtype[Any]], decimals: int, wanted: int) -> list[int]:
    """Numbers of so many decimals as integers of others. Raises ValueError for what has more of them than `DECIMALS`."""
    if decimals > DECIMALS:
        raise ValueError(f"a number has {decimals} decimals")
    found: list[int]
    if decimals > wanted:
        found = (values // 10 ** (decimals - wanted)).tolist()
        return found
    factor = 10 ** (wanted - decimals)
    fits = not len(values) or int(np.abs(values).max()) < 2**63 // factor
    found = (values * factor).tolist() if fits else [value * factor for value in values.tolist()]
    return found
