"""archive.keep.stretch: from the records between two notes of a journal to the lines of each series, many at a time.

Nothing here is done record by record that can be done for all of them at once: where the payloads lie and how the frames are
spelt is reckoned over whole columns, and the lines of one leg of a stream are one formatting. One pass of the JSON decoder proves
that every line is one object and brings its ids. Measured, depth20 of 100 symbols, whole sealing: 8.2 → 4 µs a record.

What is not as usual is left to be made one by one (`Odd`), and costs only its own series more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hoga.archive.form.chunks import Chunk
from hoga.archive.form.lines import LineMaker
from hoga.archive.form.records import Record
from hoga.archive.keep.seriesminute import SeriesMinute
from hoga.core.times import MS_NS

__all__ = ["STRETCH_BYTES", "STRETCH_RECORDS", "Lines", "Odd", "OddFrame", "Stretch", "Way"]

STRETCH_RECORDS = 4_096
STRETCH_BYTES = 8 << 20
"""A stretch is made into lines when it has so many records, or so much text: a few of each of a thousand streams."""

_BRACE = ord("}")


class Way(NamedTuple):
    """How the frames of a tag become lines, and whose they are."""

    maker: LineMaker
    owner: SeriesMinute


class Lines(NamedTuple):
    """Lines of one series: their text, and what they say of themselves."""

    owner: SeriesMinute
    text: bytes
    records: list[Record]


class OddFrame(NamedTuple):
    """A frame that is to be made into a line by itself. `place`: of its record in the stretch."""

    place: int
    recv_ns: int
    tag: int
    frame: bytes


class Odd(NamedTuple):
    """All that one series got, in order, some of it not as usual."""

    owner: SeriesMinute
    frames: list[OddFrame]


class Stretch:
    """Records that wait to become lines."""

    def __init__(self) -> None:
        self._parts: list[tuple[Chunk, int, int]] = []
        self._records = self._bytes = 0

    def add(self, chunk: Chunk, first: int, last: int) -> None:
        """Records `first` to `last` (not with it) of the chunk."""
        if first < last:
            self._parts.append((chunk, first, last))
            self._records += last - first
            self._bytes += len(chunk.data) * (last - first) // len(chunk.tags)

    @property
    def is_full(self) -> bool:
        """Whether it should be made into lines now."""
        return self._records >= STRETCH_RECORDS or self._bytes >= STRETCH_BYTES

    def take(self, way_of: Callable[[int], Way | None]) -> Iterator[Lines | Odd]:
        """What each series got, in order; the stretch is empty then. Records whose tag has no way are left out."""
        parts, self._parts = self._parts, []
        self._records = self._bytes = 0
        return _Columns(parts, way_of).by_series() if parts else iter(())


class _Columns:
    """The records of a stretch as columns in arrival order; `which` is the place of a record's tag among `tags` and `ways`."""

    def __init__(self, parts: list[tuple[Chunk, int, int]], way_of: Callable[[int], Way | None]) -> None:
        self._parts = parts
        tags, self._which = np.unique(_joined(parts, "tags", np.uint32), return_inverse=True)
        self._tags: list[int] = tags.tolist()
        self._ways = [way_of(tag) for tag in self._tags]
        self._makers = [None if way is None else way.maker for way in self._ways]
        self._skips = np.array([0 if maker is None else maker.skipped for maker in self._makers], np.int64)
        self._cuts = np.array([0 if maker is None else maker.cut for maker in self._makers], np.int64)
        self._payloads: list[bytes] = []
        self._begins = list(accumulate((last - first for _, first, last in parts[:-1]), initial=0))
        usual = [
            self._cut_out(chunk, first, last, self._which[at : at + last - first])
            for at, (chunk, first, last) in zip(self._begins, parts, strict=True)
        ]
        self._usual = np.concatenate(usual)
        self._recv_ns = _joined(parts, "recv_ns", np.int64)

    def by_series(self) -> Iterator[Lines | Odd]:
        """Series by series."""
        numbers: dict[int, int] = {}
        number_of = [-1 if way is None else numbers.setdefault(id(way.owner), len(numbers)) for way in self._ways]
        number = np.array(number_of, np.int64)[self._which]
        order = np.argsort(number, kind="stable")
        order = order[np.searchsorted(number[order], 0) :]
        if not len(order):
            return
        which, places = self._which[order], order.tolist()
        turns = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(places)]
        recv_ns = self._recv_ns[order]
        leads = np.array([0 if maker is None else maker.lead_ns or 0 for maker in self._makers], np.int64)
        receipts, event_ms = recv_ns.tolist(), ((recv_ns - leads[which]) // MS_NS).tolist()
        payloads = [self._payloads[place] for place in places]
        odd = set(number[~self._usual].tolist())
        pieces = [(first, last, int(which[first])) for first, last in pairwise(turns)]
        for each, group in groupby(pieces, key=lambda piece: number_of[piece[2]]):
            mine = list(group)
            first, last = mine[0][0], mine[-1][1]
            lines = None if each in odd else self._lines(mine, receipts, event_ms, payloads)
            way = self._ways[mine[0][2]]
            assert way is not None, "its number is at least 0"
            records = None if lines is None else way.owner.reader.read_own(lines, receipts[first:last])
            if lines is None or records is None:
                yield Odd(way.owner, [self._odd(place) for place in places[first:last]])
            else:
                yield Lines(way.owner, lines, records)

    def _lines(self, pieces: list[tuple[int, int, int]], receipts: list[int], event_ms: list[int], payloads: list[bytes]) -> bytes | None:
        texts = []
        for first, last, which in pieces:
            maker = self._makers[which]
            text = None if maker is None else maker.lines(receipts[first:last], event_ms[first:last], payloads[first:last])
            if text is None:
                return None
            texts.append(text)
        return texts[0] if len(texts) == 1 else b"".join(texts)

    def _odd(self, place: int) -> OddFrame:
        part = bisect_right(self._begins, place) - 1
        chunk, first, _ = self._parts[part]
        at = first + place - self._begins[part]
        start = chunk.starts[at]
        return OddFrame(place, chunk.recv_ns[at], chunk.tags[at], chunk.data[start : start + chunk.lengths[at]])

    def _cut_out(self, chunk: Chunk, first: int, last: int, which: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Cut the payloads out of a chunk; which of its records are spelt as usual."""
        data, text = chunk.data, np.frombuffer(chunk.data, np.uint8)
        starts = np.array(chunk.starts[first:last], np.int64)
        ends = starts + np.frombuffer(chunk.lengths, np.uint32)[first:last]
        begins, stops = starts + self._skips[which], ends - self._cuts[which]
        payloads = [data[begin:stop] for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]
        self._payloads += payloads
        leads = [b"" if maker is None else maker.lead for maker in self._makers]
        led = np.fromiter(map(data.startswith, [leads[each] for each in which.tolist()], chunk.starts[first:last]), np.bool_, last - first)
        usual: NDArray[np.bool_] = led & (text[ends - 1] == _BRACE) & (text[stops - 1] == _BRACE) & (begins < stops)
        begin, end = chunk.starts[first], int(ends[-1])
        if data.find(b"\n", begin, end) >= 0 or data.find(b"\r", begin, end) >= 0:
            usual &= np.array([b"\n" not in payload and b"\r" not in payload for payload in payloads], np.bool_)
        return usual


def _joined(parts: list[tuple[Chunk, int, int]], column: str, kind: type[Any]) -> NDArray[Any]:
    return np.concatenate([np.frombuffer(getattr(chunk, column), kind)[first:last] for chunk, first, last in parts])
