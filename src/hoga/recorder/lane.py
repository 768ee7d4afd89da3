"""recorder.lane: the frames of up to 1,024 streams, batched into chunks; one journal file a minute.

A batch is flushed when it holds 256 records, or 1.5 ms after its first, compressed and queued for the writer. All lanes of a
recorder are flushed by one `Pulse`, so that the writer's thread is woken once for all of them.

The minute ends between two records, by receipt: `Bookkeeping` gives the notes that end the old journal and begin the new one.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from msgspec import structs

from hoga.archive.form.chunks import ChunkEncoder, Columns, columns
from hoga.archive.form.journal import (
    CONTROL,
    EndNote,
    GapNote,
    JournalHeader,
    JournalName,
    Note,
    OddNote,
    OpenNote,
    decode_note,
    encode_header,
    encode_note,
    journal_name,
)
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS, day_of, minute_floor_ns, minute_of
from hoga.recorder.writer import JournalWriter
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.timer import ShortTimer

__all__ = ["Bookkeeping", "Lane", "Pulse", "step_gap"]

_log = get_log("run")

_FLUSH_S = 0.0015
_YOUNG_NS = 500_000
"""A batch that was begun so lately waits for the next pulse: a burst's batches stay large."""
_STEP_BACK_NS = 60 * SECOND_NS
_ODD_KEPT = 65_536
_CHUNK_BYTES = 64 << 20
"""More than this is more than one chunk: whoever reads a journal takes a whole chunk into memory."""


class Bookkeeping(Protocol):
    """Who knows the streams of a lane."""

    def end_minute(self, lane: Lane, boundary_ns: int, later: Counter[int]) -> list[Note]:
        """What the ending journal still has to say. `later`: records per stream index that belong to the next.
        When the lane is `ending`, there is no next."""
        ...

    def begin_minute(self, lane: Lane, from_ns: int) -> tuple[JournalHeader, list[Note]]:
        """The next journal's header and opening notes."""
        ...

    def shed(self, lane: Lane, index: int, reason: Reason, from_ns: int, to_ns: int, frames: int) -> None:
        """Records of a stream were let go because the recorder as a whole was full."""
        ...


class Pulse:
    """Flushes the lanes that have something, `flush_s` after the first of them got it. `armed`: one does."""

    def __init__(self, flush_s: float = _FLUSH_S, *, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.lanes: list[Lane] = []
        self._timer = ShortTimer(flush_s, self._beat)
        self.armed = False

    def arm(self) -> None:
        """Some lane has begun a batch."""
        if not self.armed:
            self.armed = True
            self._timer.start()

    def close(self) -> None:
        """There are no more batches."""
        self._timer.close()

    def _beat(self) -> None:
        self.armed = False
        now = self._clock.time_ns()
        for lane in self.lanes:
            if not lane.records:
                continue
            if 0 <= now - lane.records[0] < _YOUNG_NS:
                self.arm()
            else:
                lane.flush()


class Lane:
    """One lane. `records` is the open batch, flat: recv_ns, tag, frame, …; intakes extend it directly. `newest`: the last one that was
    sent. `odds`: frames put aside.

    `on_gap(index, gap)`: told of each gap that is written down; must return at once. What it raises is logged: the frame on whose way
    the gap is told is recorded all the same.
    """

    def __init__(
        self,
        number: int,
        *,
        folder: Path,
        session: str,
        writer: JournalWriter,
        keeper: Bookkeeping,
        streams: int,
        records_max: int,
        pulse: Pulse,
        clock: Clock = SYSTEM,
    ) -> None:
        self._clock = clock
        self.number = number
        self.records: list[Any] = []
        self.newest: list[Any] = []
        self.folder = folder
        self.session = session
        self.journals = 0
        self._writer = writer
        self._keeper = keeper
        self.records_max = self._records_max = records_max
        self._pulse = pulse
        self._streams = streams
        self._encoder = ChunkEncoder(streams)
        self._seq = 0
        self._queued: deque[tuple[int, array[int]]] = deque()
        self._minute_ns = self._end_ns = self._newest_ns = 0
        self.from_ns = 0
        self.ending = False
        self._open = False
        self.shed_reason = Reason.BACKPRESSURE
        self.odds = 0
        self._open_gaps: list[tuple[int, Gap]] = []
        self.on_gap: Callable[[int, Gap], None] | None = None
        pulse.lanes.append(self)

    def begin(self, now: int) -> None:
        """Open the first journal."""
        self._rotate_to(now)
        self.flush()

    def arm(self) -> None:
        """A batch begins: flush it soon."""
        self._pulse.arm()

    def flush(self) -> None:
        """Send the batch on its way, ending the minute where it falls."""
        records = self.records
        if not records:
            return
        last: int = records[-3]
        if last >= self._end_ns or last < self._minute_ns - _STEP_BACK_NS:
            self._flush_across()
        else:
            self._newest_ns = last
            self.newest = batch = records[:]
            records.clear()
            self._send(batch)

    def tick(self, now: int) -> None:
        """Time passes: flush, and end the minute of a lane on which nothing arrives."""
        self.flush()
        if self._open and now >= self._end_ns:
            self._end_minute(self._end_ns, Counter())
            self._rotate_to(now)
            self.flush()

    def end(self, now: int) -> None:
        """Close the journal; nothing comes after it."""
        self.tick(now)
        self.ending = True
        if self._open:
            self._end_minute(min(max(now, self._minute_ns), self._end_ns), Counter())
            self._writer.rotate(self.number, None, b"")
            self._open = False

    def note(self, now: int, note: Note) -> None:
        """Write a note among the records, at this place."""
        if not self.records:
            self.arm()
        self.records.extend((now, CONTROL, encode_note(note)))

    def gap(self, index: int, gap: Gap) -> None:
        """Write down a gap of one stream."""
        self.note(self._clock.time_ns(), GapNote(index, gap))
        if self.on_gap is not None:
            try:
                self.on_gap(index, gap)
            except Exception as fault:  # noqa: BLE001  # the supervised place of who hears of gaps: told, and no frame is lost by it
                _log.failure("a gap was not heard", fault, reason=str(gap.reason))

    def tell_open(self, now: int, gaps: list[tuple[int, Gap]]) -> None:
        """These gaps are open, by stream index: should the journal break off, they are not forgotten."""
        if gaps != self._open_gaps:
            self._open_gaps = gaps
            self.note(now, OpenNote(gaps))

    def odd(self, now_ns: int, leg: int, why: str, raw: bytes) -> None:
        """Keep a frame aside."""
        self.odds += 1
        self.note(now_ns, OddNote(leg, why, len(raw), raw[:_ODD_KEPT]))

    def pending_of(self, index: int) -> int:
        """How many records of stream `index` wait for the disk."""
        self._forget_written()
        here = sum(1 for tag in self.records[1::3] if tag & CONTROL == index)
        return here + sum(sum(1 for tag in tags if tag & CONTROL == index) for _, tags in self._queued)

    def waiting(self) -> list[int]:
        """Records that wait for the disk, by stream index; ends with the last stream that has any."""
        self._forget_written()
        found = Counter(chain(self.records[1::3], *(tags for _, tags in self._queued)))  # some 250: 12 µs
        counts = [0] * (max((tag & CONTROL for tag in found if tag & CONTROL != CONTROL), default=-1) + 1)
        for tag, count in found.items():
            if tag & CONTROL != CONTROL:
                counts[tag & CONTROL] += count
        return counts

    def hold_short(self, short: bool) -> None:
        """Let a tenth of the usual records wait, while memory is short."""
        self._records_max = self.records_max // 10 if short else self.records_max

    @property
    def chunks(self) -> int:
        """Chunks sent to the writer since the start."""
        return self._seq

    @property
    def minute_ns(self) -> int:
        """The start of the minute being written."""
        return self._minute_ns

    def _forget_written(self) -> None:
        queued, total = self._queued, self._writer.written_records
        while queued and queued[0][0] <= total:
            queued.popleft()

    def _send(self, records: list[Any]) -> None:
        room = 3 * max(0, self._records_max - self._writer.pending_records)
        if len(records) <= room:
            self._queue(records)
            return
        if room:
            self._queue(records[:room])
        self._shed(records[room:])

    def _queue(self, records: list[Any]) -> None:
        batch = columns(records)
        if len(batch.raw) > _CHUNK_BYTES and batch.records > 1:
            half = batch.records // 2 * 3
            self._queue(records[:half])
            self._queue(records[half:])
            return
        self._forget_written()
        self._queued.append((self._writer.queued_records + batch.records, array("I", records[1::3])))
        self._put(batch)

    def _put(self, batch: Columns) -> None:
        self._seq += 1
        self._writer.put(self.number, self._encoder.encode(batch, self._seq), records=batch.records, oldest_ns=batch.first_ns)

    def _shed(self, records: list[Any]) -> None:
        """Too much waits already: keep the notes, count the frames."""
        notes = [item for at in range(0, len(records), 3) if records[at + 1] == CONTROL for item in records[at : at + 3]]
        spans: dict[int, list[int]] = {}
        for at in range(0, len(records), 3):
            if records[at + 1] != CONTROL:
                spans.setdefault(records[at + 1] & CONTROL, []).append(records[at])
        records.clear()
        for index, times in spans.items():
            self._keeper.shed(self, index, self.shed_reason, times[0], times[-1], len(times))
        if notes:
            self._put(columns(notes))

    def _flush_across(self) -> None:
        """The batch holds a minute's end (or the clock was set back by more than a minute)."""
        batch = self.records[:]
        self.records.clear()
        stamps: list[int] = batch[0::3]
        cut = _first_beyond(batch, self._minute_ns - _STEP_BACK_NS, self._end_ns)
        if cut:
            self._newest_ns = stamps[cut - 1]
            self._send(batch[: 3 * cut])
        rest = batch[3 * cut :]
        if not rest:
            return
        boundary = self._end_ns if stamps[cut] >= self._end_ns else min(max(self._newest_ns, self.from_ns), self._end_ns)
        earlier, rest = _part_at(boundary, rest)
        self.records.extend(earlier)
        midnight_ns = boundary - boundary % DAY_NS
        if stamps[cut] < midnight_ns < boundary:  # the clock was set back over midnight: this day's ledger has its part of that
            step = structs.replace(step_gap(stamps[cut], stamps[cut] - boundary), from_ns=midnight_ns)
            for index in range(self._streams):
                self.records.extend((boundary, CONTROL, encode_note(GapNote(index, step))))
        self._end_minute(boundary, Counter(tag & CONTROL for tag in rest[1::3] if tag != CONTROL))
        self._rotate_to(stamps[cut])
        self.records.extend(rest)
        self.flush()

    def _end_minute(self, boundary_ns: int, later: Counter[int]) -> None:
        notes = [*self._keeper.end_minute(self, boundary_ns, later), EndNote(boundary_ns, last=self.ending)]
        closing = [item for note in notes for item in (boundary_ns, CONTROL, encode_note(note))]
        closing = self.records + closing
        self.records.clear()
        if closing:
            self._send(closing)

    def _rotate_to(self, now: int) -> None:
        self._minute_ns = minute_floor_ns(now)
        from_ns = self._end_ns if self._open and self._end_ns == self._minute_ns else now
        self._end_ns = self._minute_ns + MINUTE_NS
        self.journals += 1
        self._open = True
        self.from_ns = from_ns
        header, notes = self._keeper.begin_minute(self, from_ns)
        name = JournalName(self.number, day_of(self._minute_ns), minute_of(self._minute_ns), self.session, self.journals)
        self._writer.rotate(self.number, self.folder / journal_name(name), encode_header(header))
        self._encoder.restart()
        self._open_gaps = []
        for note in notes:
            self.records.extend((from_ns, CONTROL, encode_note(note)))


def step_gap(at_ns: int, delta_ns: int) -> Gap:
    """The clock jumped by `delta_ns`, and showed `at_ns` then; in the course of a life or between two."""
    before = at_ns - delta_ns
    return Gap(min(before, at_ns), max(before, at_ns), Reason.CLOCK_STEP, 0, detail=f"the clock was set by {delta_ns / 1e9:+.3f} s")


def _first_beyond(records: list[Any], least_ns: int, end_ns: int) -> int:
    """The number of the first record that is not within these times, as many as there are when none is.

    A note may be stamped later than the frame after it, on whose way it was written: both are of that frame's minute.
    """
    count = len(records) // 3
    first = count
    for number in range(count):
        stamp, tag = records[3 * number], records[3 * number + 1]
        beyond = not least_ns <= stamp < end_ns
        if beyond:
            first = min(first, number)
        if tag != CONTROL:
            if beyond:
                return first
            first = count
    return first


def _part_at(boundary_ns: int, records: list[Any]) -> tuple[list[Any], list[Any]]:
    """What of `records`, all received after the minute's end, is said of the ended minute, and the rest.

    Every frame so far that was not recorded is in the ended minute's counts, so what was counted as missed goes there;
    a gap that lasted over the end is cut in two.
    """
    earlier: list[Any] = []
    rest: list[Any] = []
    for at in range(0, len(records), 3):
        record = records[at : at + 3]
        note = decode_note(record[2]) if record[1] == CONTROL else None
        if not isinstance(note, GapNote):
            rest += record
        elif note.gap.reason in COUNTED:
            earlier += record
        else:
            before, after = _cut(note, boundary_ns)
            earlier += [item for part in before for item in (boundary_ns, CONTROL, encode_note(part))]
            rest += [item for part in after for item in (record[0], CONTROL, encode_note(part))]
    return earlier, rest


def _cut(note: GapNote, at_ns: int) -> tuple[list[GapNote], list[GapNote]]:
    gap = note.gap
    if gap.reason is Reason.CLOCK_STEP or not gap.from_ns < at_ns < gap.to_ns:
        return [], [note]
    since_ns = gap.from_ns if gap.since_ns is None else gap.since_ns
    before = Gap(gap.from_ns, at_ns, gap.reason, None, conn=gap.conn, since_ns=gap.since_ns)
    return [GapNote(note.stream, before)], [GapNote(note.stream, structs.replace(gap, from_ns=at_ns, since_ns=since_ns))]
