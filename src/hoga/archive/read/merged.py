"""archive.read.merged: several series as one, by receipt, with the gaps where they begin; block by block, in constant memory.

Of each series one block is held. What comes out are runs: as many records of one series as no record of another, and no gap,
comes between. Within a series the order is the file's, also where the clock went back: such a record comes right after the one before it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from hoga.archive.form.envelope import healed_event_ms, is_healed, receipts_at, recv_ns_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import line_ends, split_lines
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.read.reader import Block, read_blocks
from hoga.archive.read.told import gaps_of_days
from hoga.core.ledger import Gap
from hoga.core.times import MS_NS

__all__ = ["GapAt", "Run", "moments_of", "read_merged"]

_FOREVER = 2**63


class Run(NamedTuple):
    """Records of one series that follow one another: which of the series, when each was received, and their lines. A trade that nobody
    received (`is_healed`) has the time that the venue says instead, as far as its neighbours leave it."""

    source: int
    receipts: list[int]
    lines: list[bytes]


class GapAt(NamedTuple):
    """A gap of one of the series: what comes of it from here on was received after `gap.from_ns`."""

    source: int
    gap: Gap


def read_merged(
    series: Sequence[Iterable[SeriesDay]],
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    journals: Iterable[Path] = (),
    fill: bool = False,
) -> Iterator[Run | GapAt]:
    """Everything of `series` (of each its days, in order) that was received from `start_ns` on and before `end_ns`, by receipt.

    A gap that reaches into that time comes in its place, one that began before it comes first. Of equal receipts the series that
    is named first comes first; a gap comes after the records received when it began. `journals`: those of the open minutes.
    `fill`: with the trades that were fetched afterwards, by their ids, and without the gaps that miss nothing for them.

    Raises as `read_blocks` and `gaps_of`.
    """
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    days = [list(each) for each in series]
    kept = list(journals)
    gaps = _gaps(days, OpenMinutes(kept), low, high, fill=fill)
    cursors = [_Cursor(read_blocks(each, start_ns=start_ns, end_ns=end_ns, journals=kept, fill=fill)) for each in days]
    heap = [(cursor.key, source) for source, cursor in enumerate(cursors) if cursor.next_block()]
    heapq.heapify(heap)
    told = 0
    while heap:
        key, source = heap[0]
        while told < len(gaps) and gaps[told][0] < key:
            yield gaps[told][1]
            told += 1
        cursor = cursors[source]
        heapq.heappop(heap)
        before = heap[0] if heap else (_FOREVER, source)
        to = (bisect_right if source < before[1] else bisect_left)(cursor.keys, before[0], cursor.at)
        if told < len(gaps):
            to = bisect_right(cursor.keys, gaps[told][0], cursor.at, to)
        yield Run(source, cursor.receipts[cursor.at : to], cursor.lines(to))
        if cursor.move(to) or cursor.next_block():
            heapq.heappush(heap, (cursor.key, source))
    yield from (gap for _, gap in gaps[told:])


class _Cursor:
    """One series: its present block, and how much of it was told. `keys` are its receipts as they are sorted by."""

    __slots__ = ("_blocks", "_ends", "_last", "_text", "at", "keys", "receipts")

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.keys: list[int] = []
        self.receipts: list[int] = []
        self.at = 0
        self._text = b""
        self._ends: list[int] = []
        self._blocks = blocks
        self._last = 0

    @property
    def key(self) -> int:
        """Of the next record."""
        return self.keys[self.at]

    def lines(self, to: int) -> list[bytes]:
        """Those up to the record `to`, cut only now: many series are held at once, each of them once."""
        text, at, ends = self._text, self._ends[self.at], self._ends
        found = []
        for end in ends[self.at + 1 : to + 1]:
            found.append(text[at:end])
            at = end
        return found

    def move(self, to: int) -> bool:
        """Whether there is more in the block."""
        self.at = to
        return to < len(self.keys)

    def next_block(self) -> bool:
        """Whether there is one."""
        self._text, self._ends, self.receipts, self.keys = b"", [], [], []  # let go of the last one before the next is made
        block = next(self._blocks, None)
        if block is None:
            return False
        self._text, ends = block.text, line_ends(block.text)
        self._ends = [0, *(ends + 1).tolist()]
        found = receipts_at(block.text, ends)
        self.receipts = moments_of(block, self._last) if found is None else found
        self.keys = list(accumulate(self.receipts, max, initial=self._last))[1:]
        self._last, self.at = self.keys[-1], 0
        return True


def moments_of(block: Block, last: int) -> list[int]:
    """When each line was received, or, of one that nobody received, happened: not before the line before it, nor after the next."""
    lines = split_lines(block.text)
    found = [recv_ns_of(line, block.stretch.from_ns) for line in lines]
    after = _FOREVER
    for at in reversed(range(len(lines))):
        if is_healed(lines[at]):
            found[at] = min(healed_event_ms(lines[at]) * MS_NS, after)
        else:
            after = found[at]
    for at, line in enumerate(lines):
        if is_healed(line):
            found[at] = max(found[at], last)
        last = max(last, found[at])
    return found


def _gaps(days: list[list[SeriesDay]], opened: OpenMinutes, low: int, high: int, *, fill: bool) -> list[tuple[int, GapAt]]:
    """(where it stands, the gap), in order."""
    found = []
    for source, each in enumerate(days):
        for gap in gaps_of_days(each, opened, fill=fill):
            if gap.from_ns < high and gap.to_ns > low:
                found.append((max(gap.from_ns, low - 1), GapAt(source, gap)))
    return sorted(found, key=lambda item: (item[0], item[1].gap.to_ns, item[1].source))
