"""archive.keep.seriesminute: what one series got in one minute: its frames, which become lines and blocks, its figures, its ledger entries.

Frames wait as they came until they make a whole block; then all is done to them at once, while they are in the processor's cache: the
lines are one formatting, one pass of the JSON decoder proves that each is one object and brings its ids, and the block is compressed.
Where something is not as usual, lines are made one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hoga.archive.form.deflate import BLOCK_BYTES
from hoga.archive.form.journal import CountsNote
from hoga.archive.form.ledger import LedgerEntry
from hoga.archive.form.lines import LineMaker, Spelling, lines_of
from hoga.archive.form.records import Record, RecordReader
from hoga.archive.form.segment import Packer, SegmentBuilder
from hoga.archive.form.spool import Spool
from hoga.core.streams import Series
from hoga.quality.sequence import RUNS_KEPT

__all__ = ["Malformed", "SeriesMinute", "Way"]

_IDS_KEPT = 64
_ID_LIMIT = 10**19


class Way(NamedTuple):
    """How the frames of a tag become lines, and whose: what `archive.keep.minute` asks of each frame, then how it is made.

    `most`: how much longer than its frame a line can be. `put`: takes (way, receipt, what is left of the frame). `odd`: the frame is not
    spelt as usual, and whole.
    """

    spelling: Spelling
    most: int
    owner: SeriesMinute
    put: Callable[[tuple[Way, int, bytes]], None]
    maker: LineMaker
    tag: int
    odd: bool = False


class Malformed(NamedTuple):
    """A frame that is no JSON object."""

    recv_ns: int
    tag: int
    frame: bytes
    owner: SeriesMinute


class SeriesMinute:
    """Filled by `archive.keep.minute`: a frame that makes its text longer than `room` is put into it only after `end_block`.

    `names`: the payload key of a stream's ids → its wire name.
    `trouble`: why nothing can be made of it; what more comes for it is let go then, its journal is kept.
    """

    def __init__(self, series: Series, directory: Path, archive_format: str, reader: RecordReader, *, packer: Packer, spool: Spool) -> None:
        self.series = series
        self.directory = directory
        self.reader = reader
        self.builder = SegmentBuilder(archive_format, packer=packer, spool=spool)
        self.room = BLOCK_BYTES
        self.frames: list[Any] = []
        self.has_odd = False
        self.entries: list[LedgerEntry] = []
        self.streams: set[str] = set()
        self.names: dict[str, str] = {}
        self.records = self.duplicates = self.reordered = 0
        self.received: int | None = None
        self.uncounted = False
        self.trouble: Exception | None = None
        self.first_recv_ns = self.last_recv_ns = 0
        self._low: int | None = None
        self._high: int | None = None
        self._ids: list[int] = []
        self._chains: dict[str, list[list[int]]] = {}
        self._recent: list[int] = []

    def end_block(self) -> list[Malformed]:
        """Make a block of all that waits. Returns the frames that no line can be made of."""
        malformed = self.make_lines()
        self.builder.end_block()
        self.room = BLOCK_BYTES
        return malformed

    def make_lines(self) -> list[Malformed]:
        """Make lines of the frames that wait. Returns those that none can be made of. The series' trouble stays its own."""
        if not self.frames:
            return []
        ways, receipts, parts = self.frames[0::3], self.frames[1::3], self.frames[2::3]
        self.frames.clear()
        self.room = BLOCK_BYTES - self.builder.waiting_bytes
        malformed: list[Malformed] = []
        if self.trouble is None:
            try:
                if not self._make_at_once(ways, receipts, parts):
                    malformed += [found for frame in zip(ways, receipts, parts, strict=True) if (found := self._make(*frame)) is not None]
            except Exception as fault:  # noqa: BLE001  # the supervised place of each series: its trouble is told when it is to be sealed
                self.trouble = fault
        return malformed

    def _make_at_once(self, ways: list[Way], receipts: list[int], parts: list[bytes]) -> bool:
        has_odd, self.has_odd = self.has_odd, False
        if has_odd:
            return False
        lines = lines_of([way.maker for way in ways], receipts, parts)
        records = None if lines is None else self.reader.read_own(lines, receipts)
        if lines is None or records is None:
            return False
        self.take(lines, records)
        return True

    def _make(self, way: Way, recv_ns: int, part: bytes) -> Malformed | None:
        frame = part if way.odd else way.maker.frame_of(part)
        line = way.maker.line(recv_ns, frame)
        record, fault = (None, None) if line is None else next(self.reader.read_singly(line))
        if line is None or record is None or fault is not None:  # nobody else could read it either
            return Malformed(recv_ns, way.tag, frame, self)
        self.take(line, [record])
        return None

    def take(self, text: bytes, records: list[Record]) -> None:
        """Whole lines, and what they say of themselves."""
        first, last = records[0].recvNs, records[-1].recvNs
        assert first is not None and last is not None, "the envelope begins with it"
        self.add(text, len(records), first, last)
        if self.reader.is_chained:
            for chain in self.reader.chains(records):
                runs = self._chains.setdefault(chain.key, [])
                for start, end in chain.spans:
                    _add_run(runs, start, end)
        self._ids += self.reader.ids(records)
        if len(self._ids) > _IDS_KEPT:
            self._fold_ids()

    def _fold_ids(self) -> None:
        """Smallest and largest: at once for many, 0.3 µs a record less than for each."""
        if self._ids:
            self._low = min(self._ids) if self._low is None else min(self._low, *self._ids)
            self._high = max(self._ids) if self._high is None else max(self._high, *self._ids)
            self._recent = (self._recent + self._ids)[-RUNS_KEPT:]
            self._ids.clear()

    def id_range(self) -> tuple[int | None, int | None]:
        """Smallest and largest id, None where there are none."""
        self._fold_ids()
        return self._low, self._high

    def add(self, text: bytes, count: int, first_recv_ns: int, last_recv_ns: int) -> None:
        """Whole lines; more than a compressed block is made of are cut into pieces of one."""
        if not self.records:
            self.first_recv_ns = first_recv_ns
        self.last_recv_ns = last_recv_ns
        self.records += count
        at, lines = 0, count
        while len(text) - at > BLOCK_BYTES:
            end = text.rfind(b"\n", at, at + BLOCK_BYTES) + 1 or text.index(b"\n", at) + 1
            self.builder.add(text[at:end], lines)
            at, lines = end, 0
        self.builder.add(text[at:] if at else text, lines)
        self.room = BLOCK_BYTES - self.builder.waiting_bytes

    def count(self, note: CountsNote) -> None:
        """What the recorder counted."""
        self.received = (self.received or 0) + note.received
        self.duplicates += note.duplicates
        self.reordered += note.reordered

    def runs(self) -> dict[str, list[list[int]]]:
        """Wire name → runs of the ids recorded; ids that only grow are each one of its own."""
        self._fold_ids()
        chains = dict(self._chains)
        if not self.reader.is_chained and self.names:
            chains[next(iter(self.names))] = [[value, value] for value in self._recent]
        told = {name: [run for run in chains.get(key, []) if 0 <= run[0] <= run[1] < _ID_LIMIT] for key, name in self.names.items()}
        return {name: runs for name, runs in told.items() if runs}


def _add_run(runs: list[list[int]], first: int, last: int) -> None:
    """Note ids as recorded."""
    if runs and runs[-1][1] + 1 == first:
        runs[-1][1] = last
        return
    runs.append([first, last])
    if len(runs) > RUNS_KEPT:
        del runs[0]
