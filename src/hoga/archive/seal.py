"""archive.seal: from the journals of one minute to sealed segments and ledger entries. Runs in a pool process.

Sealing and recovering are the same act: `seal` reads whatever whole chunks the journals hold, writes one segment per
series, appends the ledger entries, and removes the journals last. Killed anywhere in between, it is simply done again:

    1  every segment is written beside its place and fsynced
    2  renamed into place; a minute that has one already gets the next part, a sealed file is never opened again
    3  the ledger entries are appended and fsynced
    4  the journals are removed

A segment's note names the journals it came from, and ledger entries carry the journal's name, so that a second try
finds out what the first one finished. Trouble with one series never holds up another: its journals are kept, and
the next try writes only what is missing. A journal that cannot even be told whose it is (its header is damaged) is put
aside under its name and `.damaged`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga.archive.deflate import crc32
from hoga.archive.durable import fsync_folder, sync_filesystem, write_all, write_fault
from hoga.archive.journal import (
    CONTROL,
    Chunk,
    ClockNote,
    CountsNote,
    EndNote,
    GapNote,
    JournalHeader,
    LatencyNote,
    LegNote,
    LiveNote,
    Note,
    OddNote,
    StreamEntry,
    decode_note,
    has_chunks,
    read_chunks,
    read_header,
)
from hoga.archive.layout import PARTS_DIR, encode_symbol, parse_segment, segment_stem, suffix_of, temporary_dir
from hoga.archive.ledger import (
    ClockEntry,
    ConnectionEntry,
    GapEntry,
    LedgerEntry,
    LiveEntry,
    SegmentEntry,
    append_entries,
    ledger_path,
)
from hoga.archive.lines import LineMaker, odd_line
from hoga.archive.segment import SegmentBuilder, SegmentFacts, read_blocks, read_note
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Series
from hoga.core.times import MINUTE_NS, day_of, minute_of
from hoga.quality.sequence import RUNS_KEPT
from hoga.venues.registry import VENUES

__all__ = ["ASIDE_KIND", "ASIDE_SYMBOL", "SealJob", "SealResult", "SegmentNote", "facts_of", "seal"]

ASIDE_KIND = "aside"
ASIDE_SYMBOL = "ODD"
"""Frames that belong in no series are a series of their own: nothing that arrived is thrown away."""

_BLOCK_BYTES = 128 * 1024
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_DAMAGED = ".damaged"
_MANY = 32
"""From so many series on, one sync of the file system is cheaper than an fsync of each file."""


class SealJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to seal: the journals of one session, lane and minute, oldest first.

    `crash_to_ns`: the session died while it wrote the last of them; whatever it did not write until then is a gap.
    `again`: an earlier try may have finished part of it.
    """

    journals: list[str]
    crash_to_ns: int | None = None
    again: bool = False


class SealResult(msgspec.Struct, kw_only=True):
    """What came of it. `failed`: (what, why) per series that could not be sealed; its journals stay. `damaged`: journals put
    aside. `live`: wire names of the streams that were being recorded, and `ended_ns` until when.

    `runs`: wire name → runs (first, last) of the ids recorded, of streams that have ids. `streams`: all wire names of
    the lane. `crashed`: a session ended without closing its journal.
    """

    segments: list[str] = []
    records: int = 0
    bytes: int = 0
    archive_bytes: int = 0
    duplicates: int = 0
    damaged_bytes: int = 0
    failed: list[tuple[str, str]] = []
    damaged: list[str] = []
    live: set[str] = set()
    ended_ns: int = 0
    runs: dict[str, list[list[int]]] = {}
    streams: list[str] = []
    crashed: bool = False


class SegmentNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment's file says of itself: the journals it came from (or the parts), and its ledger entry
    (with the sizes left at 0: they are not known before the file is made)."""

    sources: list[str]
    entry: SegmentEntry


class _SeriesMinute:
    """What one series got in the minute: its lines being compressed, its figures, its ledger entries."""

    def __init__(self, series: Series, directory: Path, archive_format: str) -> None:
        self.series = series
        self.directory = directory
        self.builder = SegmentBuilder(archive_format)
        self.entries: list[LedgerEntry] = []
        self.streams: set[str] = set()
        self.records = self.duplicates = self.reordered = 0
        self.received: int | None = None
        self.uncounted = False
        self.first_recv_ns = self.last_recv_ns = 0
        self.first_id: int | None = None
        self.last_id: int | None = None
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, recv_ns: int, text: bytes, first_id: int | None, last_id: int | None) -> None:
        if not self.records:
            self.first_recv_ns = recv_ns
        self.records += 1
        self.last_recv_ns = recv_ns
        if first_id is not None and last_id is not None:
            self.first_id = first_id if self.first_id is None else min(self.first_id, first_id)
            self.last_id = last_id if self.last_id is None else max(self.last_id, last_id)
        self._lines.append(text)
        self._size += len(text)
        if self._size >= _BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self.builder.add(b"".join(self._lines), len(self._lines))
            self._lines.clear()
            self._size = 0

    def count(self, note: CountsNote) -> None:
        self.received = (self.received or 0) + note.received
        self.duplicates += note.duplicates
        self.reordered += note.reordered


_note_decoder = msgspec.json.Decoder(SegmentNote)


class _Leg(msgspec.Struct):
    conn: str
    epoch: int


class _Minute:
    """Reads the journals of a minute into its series."""

    def __init__(self, header: JournalHeader, base: Path) -> None:
        self.header = header
        self.base = base
        self.venue = VENUES[header.venue]
        self.series: dict[Series, _SeriesMinute] = {}
        self.result = SealResult()
        self.legs: dict[int, _Leg] = {}
        self._open: dict[int, int] = {}
        self._legs_of: dict[int, set[int]] = {}
        self._down: dict[int, tuple[Reason, int]] = {}
        self._seen: set[int] = set()
        self._session = ""
        self._latency: dict[int, tuple[int | None, int]] = {}
        self._makers: dict[int, tuple[LineMaker, _SeriesMinute, StreamEntry] | None] = {}
        self._ended = False
        self._last_ns = 0
        self._journal = ""
        self._entry_at = 0

    def read(self, path: Path, header: JournalHeader) -> None:
        """One journal."""
        if header.session != self._session:
            self._seen.clear()
            self.legs.clear()
            self._latency.clear()
            self._session = header.session
        self.header = header
        self._journal, self._entry_at = path.name, 0
        self._ended, self._last_ns = False, header.from_ns
        self._makers.clear()
        self._open.clear()
        self._legs_of.clear()
        self._down = {index: (entry.down, header.from_ns) for index, entry in enumerate(header.streams) if entry.down is not None}
        damaged = 0
        for chunk in read_chunks(path):
            if isinstance(chunk, int):
                damaged += chunk
                continue
            if damaged:
                self._damaged(damaged, chunk)
                damaged = 0
            if chunk.seq not in self._seen:
                self._seen.add(chunk.seq)
                self._read_chunk(chunk)
        self.result.damaged_bytes += damaged

    def end(self, *, crash_to_ns: int | None) -> None:
        """After a journal: what it left unsaid when its last words are missing, for want of space, by damage or by a crash."""
        if self._ended:
            return
        last, to_ns = self._last_ns, self.header.minute_ns + MINUTE_NS if crash_to_ns is None else crash_to_ns
        why = "the recorder ended without closing its journal" if crash_to_ns is not None else "the end of the journal is missing"
        self.result.crashed |= crash_to_ns is not None
        for index, entry in enumerate(self.header.streams):
            minute = self._of(entry)
            if index in self._open:
                minute.uncounted = True
                self._note(minute, LiveEntry(from_ns=self._open[index], to_ns=last))
                self._note(minute, GapEntry(gap=Gap(last, max(last, to_ns), Reason.CRASH, None, detail=why)))
            elif index in self._down:
                reason, since_ns = self._down[index]
                self._note(minute, GapEntry(gap=Gap(since_ns, max(since_ns, to_ns), reason, None)))

    def _damaged(self, count: int, chunk: Chunk) -> None:
        """Bytes in the middle of the journal cannot be read: nobody can say whose frames they were."""
        self.result.damaged_bytes += count
        from_ns = self._last_ns
        to_ns = max([from_ns, *chunk.recv_ns[:1]])
        for entry in self.header.streams:
            minute = self._of(entry)
            minute.uncounted = True
            self._note(minute, GapEntry(gap=Gap(from_ns, to_ns, Reason.CRASH, None, detail=f"{count} damaged bytes in the open minute")))

    def _read_chunk(self, chunk: Chunk) -> None:
        frames = chunk.frames
        makers = self._makers
        for recv_ns, tag, start, length in zip(chunk.recv_ns, chunk.tags, chunk.starts, chunk.lengths, strict=True):
            frame = bytes(frames[start : start + length])
            if tag & CONTROL == CONTROL:
                self._read_note(recv_ns, frame)
                continue
            self._last_ns = max(self._last_ns, recv_ns)
            made = makers[tag] if tag in makers else self._maker(tag)
            if made is None:
                continue
            maker, minute, entry = made
            line = maker.line(recv_ns, frame)
            if line is None:
                self._malformed(recv_ns, tag, frame, minute)
            else:
                minute.add(recv_ns, line.text, line.first_id, line.last_id)
                if line.run_from is not None and line.last_id is not None:
                    _add_run(self.result.runs.setdefault(entry.stream.name, []), line.run_from, line.last_id)

    def _maker(self, tag: int) -> tuple[LineMaker, _SeriesMinute, StreamEntry] | None:
        index = tag & CONTROL
        if index >= len(self.header.streams):
            self._makers[tag] = None
            return None
        entry = self.header.streams[index]
        leg = self.legs.get(tag >> 16, _Leg("?", 0))
        median_ns, overhead_ns = self._latency.get(index, (None, 0))
        stream = entry.stream
        maker = LineMaker(self.venue, stream, conn=leg.conn, epoch=leg.epoch, median_ns=median_ns, overhead_ns=overhead_ns)
        minute = self._of(entry)
        minute.streams.add(stream.name)
        self._makers[tag] = (maker, minute, entry)
        return self._makers[tag]

    def _of(self, entry: StreamEntry) -> _SeriesMinute:
        return self._minute(entry.stream.series, entry.directory)

    def _minute(self, series: Series, directory: str) -> _SeriesMinute:
        if series not in self.series:
            self.series[series] = _SeriesMinute(series, (self.base / directory).resolve(), self.header.archive_format)
        return self.series[series]

    def _aside(self) -> _SeriesMinute:
        return self._minute(Series(venue=self.header.venue, symbol=ASIDE_SYMBOL, kind=ASIDE_KIND), self.header.aside_directory)

    def _note(self, minute: _SeriesMinute, entry: LedgerEntry) -> None:
        self._entry_at += 1
        minute.entries.append(msgspec.structs.replace(entry, journal=self._journal, at=self._entry_at))

    def _malformed(self, recv_ns: int, tag: int, frame: bytes, minute: _SeriesMinute) -> None:
        gap = Gap(recv_ns, recv_ns, Reason.MALFORMED, 1, detail="no JSON object; the raw frame is in the aside series")
        self._note(minute, GapEntry(gap=gap))
        self._put_aside(recv_ns, OddNote(leg=tag >> 16, why="malformed payload", size=len(frame), raw=frame[:65_536]))

    def _put_aside(self, recv_ns: int, odd: OddNote) -> None:
        leg = self.legs.get(odd.leg, _Leg("?", 0))
        text = odd_line(recv_ns, conn=leg.conn, epoch=leg.epoch, why=odd.why, size=odd.size, raw=odd.raw)
        aside = self._aside()
        aside.add(recv_ns, text, None, None)
        aside.received = (aside.received or 0) + 1

    def _read_note(self, recv_ns: int, data: bytes) -> None:
        note: Note = decode_note(data)
        match note:
            case LegNote():
                self._leg(note)
            case LatencyNote():
                for index in note.streams:
                    self._latency[index] = (note.median_ns, note.overhead_ns)
                self._forget(set(note.streams))
            case GapNote():
                self._note(self._of(self.header.streams[note.stream]), GapEntry(gap=note.gap))
            case LiveNote():
                self._ended = True
                self.result.ended_ns = max(self.result.ended_ns, note.to_ns)
                for index in note.streams:
                    self.result.live.add(self.header.streams[index].stream.name)
                    self._note(self._of(self.header.streams[index]), LiveEntry(from_ns=note.from_ns, to_ns=note.to_ns))
            case EndNote():
                self._ended = True
                self.result.ended_ns = max(self.result.ended_ns, note.ns)
            case CountsNote():
                self._of(self.header.streams[note.stream]).count(note)
            case OddNote():
                self._put_aside(recv_ns, note)
            case ClockNote():
                for entry in self.header.streams:
                    self._note(self._of(entry), ClockEntry(ns=note.ns, offset_ms=note.offset_ms, source=note.source))

    def _leg(self, note: LegNote) -> None:
        self.legs[note.leg] = _Leg(note.conn, note.epoch)
        for index in note.streams:
            if note.to_ns is None:
                self._open.setdefault(index, max(note.from_ns, self.header.from_ns))
                self._legs_of.setdefault(index, set()).add(note.leg)
                self._down.pop(index, None)
            else:
                self._leg_closed(index, note)
            entry = ConnectionEntry(conn=note.conn, epoch=note.epoch, from_ns=note.from_ns, to_ns=note.to_ns, close=note.close)
            self._note(self._of(self.header.streams[index]), entry)
        self._forget(None)

    def _leg_closed(self, index: int, note: LegNote) -> None:
        legs = self._legs_of.setdefault(index, set())
        legs.discard(note.leg)
        if not legs and note.to_ns is not None:
            self._open.pop(index, None)
            self._down[index] = (Reason.DISCONNECT, note.to_ns)

    def _forget(self, indices: set[int] | None) -> None:
        """Leg or latency changed: lines are rendered anew from here on."""
        if indices is None:
            self._makers.clear()
        else:
            for tag in [tag for tag in self._makers if tag & CONTROL in indices]:
                del self._makers[tag]


def seal(job: SealJob) -> SealResult:
    """Seal the journals of one lane and minute. Safe to repeat.

    With an interval of more than a minute the segments are parts of one, in `parts/`; `archive.join` joins them.
    """
    paths = [path for path in map(Path, job.journals) if path.exists()]
    headed = [(path, header) for path in paths if (header := read_header(path)) is not None]
    nameless = [path for path in paths if path not in {path for path, _ in headed}]
    if not headed:
        return _put_away(nameless, SealResult())
    minute = _Minute(headed[0][1], headed[0][0].parent)
    for path, header in headed:
        minute.read(path, header)
        minute.end(crash_to_ns=job.crash_to_ns if path is headed[-1][0] else None)
    result = _put_away(nameless, minute.result)
    result.streams = sorted({entry.stream.name for entry in minute.header.streams})
    _Sealer(minute, [path.name for path, _ in headed], again=job.again, recovered=job.crash_to_ns is not None).run()
    if not result.failed:
        _remove([path for path, _ in headed])
    return result


def _put_away(nameless: list[Path], result: SealResult) -> SealResult:
    """Journals without a header: one that was torn at its birth holds nothing and goes, any other is kept for people."""
    for path in nameless:
        if has_chunks(path):
            result.damaged_bytes += path.stat().st_size
            result.damaged.append(path.name)
            path.rename(path.with_name(path.name + _DAMAGED))
        else:
            path.unlink()
    return result


class _Staged(NamedTuple):
    """One series on its way: its segment written beside its place, or nothing to write (`temporary` None)."""

    minute: _SeriesMinute
    temporary: Path | None
    target: Path | None
    entry: SegmentEntry | None


class _Sealer:
    """Writes what a `_Minute` holds."""

    def __init__(self, minute: _Minute, sources: list[str], *, again: bool, recovered: bool) -> None:
        self._minute = minute
        self._header = minute.header
        self._sources = sources
        self._again = again
        self._state = "recovered" if recovered else "sealed"
        self._day = day_of(minute.header.minute_ns)
        self._clock = minute_of(minute.header.minute_ns)
        self._suffix = f".{minute.header.lane}.tmp"
        self._many = len(minute.series) > _MANY

    def run(self) -> None:
        """Stage all, then settle all."""
        staged = list(self._guarded(self._stage, self._minute.series.values()))
        if self._many:
            sync_filesystem({each.target.parent for each in staged if each.target is not None})
        list(self._guarded(self._settle, staged))
        if self._many:
            sync_filesystem({each.directory for each in self._minute.series.values()})

    def _guarded(self, act: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """One series' trouble is noted and stays its own."""
        for item in items:
            part: _SeriesMinute = item.minute if isinstance(item, _Staged) else item
            try:
                yield act(item)
            except OSError as fault:
                self._minute.result.failed.append((self._name(part), str(write_fault(part.directory, fault))))
            except ArchiveError as fault:
                self._minute.result.failed.append((self._name(part), str(fault)))

    def _name(self, part: _SeriesMinute) -> str:
        return f"{part.series.symbol} {part.series.kind} {self._day} {self._clock}"

    def _stage(self, part: _SeriesMinute) -> _Staged:
        folder = temporary_dir(part.directory, part.series.symbol, part.series.kind, self._day)
        if self._header.interval_min > 1:
            folder = folder / PARTS_DIR
        folder.mkdir(parents=True, exist_ok=True)
        part.flush()
        if not part.records:
            return _Staged(part, None, None, self._nothing_written(part))
        taken = self._taken(folder, part.series)
        if self._again:
            self._tidy(folder, part.series)
        if self._again and (done := self._done(taken)) is not None:
            return _Staged(part, None, None, done)
        number = max(taken, default=0) + 1
        stem = segment_stem(part.series.symbol, part.series.kind, self._day, self._clock, part=number)
        target = folder / f"{stem}{suffix_of(self._header.archive_format)}"
        entry = self._entry(part, number, target.name)
        note = msgspec.json.encode(SegmentNote(sources=self._sources, entry=entry))
        pieces, facts = part.builder.build(f"{stem}.jsonl", note, self._header.minute_ns)
        temporary = target.with_name(target.name + self._suffix)
        self._write(temporary, pieces)
        entry = msgspec.structs.replace(entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
        return _Staged(part, temporary, target, entry)

    def _entry(self, part: _SeriesMinute, number: int, file: str) -> SegmentEntry:
        return SegmentEntry(
            journal=self._sources[0],
            file=file,
            minute=self._clock,
            part=number,
            records=part.records,
            bytes=0,
            crc32=0,
            archive_bytes=0,
            first_recv_ns=part.first_recv_ns,
            last_recv_ns=part.last_recv_ns,
            received=None if part.uncounted else part.received,
            duplicates=part.duplicates,
            reordered=part.reordered,
            first_id=part.first_id,
            last_id=part.last_id,
            state=self._state,
            streams=sorted(part.streams),
        )

    def _nothing_written(self, part: _SeriesMinute) -> SegmentEntry | None:
        """Frames that arrived and were all shed have no segment, but they were received."""
        if not part.received and not part.duplicates:
            return None
        return msgspec.structs.replace(self._entry(part, 0, ""), first_recv_ns=None, last_recv_ns=None)

    def _files(self, folder: Path, series: Series) -> list[str]:
        """The names of the minute's files, finished or not."""
        prefix = f"{encode_symbol(series.symbol)}_{series.kind}_{self._day}_{self._clock}"
        with os.scandir(folder) as scan:
            return [item.name for item in scan if item.name.startswith(prefix)]

    def _tidy(self, folder: Path, series: Series) -> None:
        """Remove what an earlier try of this lane left unfinished."""
        for text in self._files(folder, series):
            if text.endswith(self._suffix):
                (folder / text).unlink()

    def _taken(self, folder: Path, series: Series) -> dict[int, Path]:
        """The minute's segments that exist already, by part."""
        names = [(parse_segment(text), text) for text in self._files(folder, series)]
        return {name.part: folder / text for name, text in names if name is not None and name.minute == self._clock}

    def _done(self, taken: dict[int, Path]) -> SegmentEntry | None:
        """The entry of the segment that an earlier try made of these journals, None when it made none."""
        for path in taken.values():
            note = read_note(path)
            if note is None:
                continue
            said = _note_decoder.decode(note)
            if self._sources[0] in said.sources:
                facts = facts_of(path)
                return msgspec.structs.replace(said.entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
        return None

    def _write(self, temporary: Path, pieces: list[bytes]) -> None:
        with temporary.open("wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
            if not self._many:
                os.fsync(file.fileno())

    def _settle(self, staged: _Staged) -> None:
        while staged.temporary is not None and staged.target is not None and not _place(staged.temporary, staged.target):
            staged.temporary.unlink()
            staged = self._stage(staged.minute)  # another lane was first with this part of the aside series
        part, _, target, entry = staged
        if target is not None and not self._many:
            fsync_folder(target.parent)
        keep = entry is not None and (self._header.interval_min == 1 or not entry.file)
        entries: list[LedgerEntry] = [*([entry] if keep and entry else []), *part.entries]
        path = ledger_path(part.directory, part.series.symbol, part.series.kind, self._day)
        append_entries(path, entries, again=self._again, durable=not self._many)
        if entry is not None:
            self._tell(entry)

    def _tell(self, entry: SegmentEntry) -> None:
        result = self._minute.result
        if entry.file:
            result.segments.append(entry.file)
        result.records += entry.records
        result.bytes += entry.bytes
        result.archive_bytes += entry.archive_bytes
        result.duplicates += entry.duplicates


def _place(temporary: Path, target: Path) -> bool:
    """Give a finished file its name; False when the name is taken: a sealed file is never replaced."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as fault:
        if fault.errno not in _NO_LINKS:
            raise
        if target.exists():
            return False
        temporary.rename(target)
        return True
    temporary.unlink()
    return True


def facts_of(path: Path) -> SegmentFacts:
    """The figures of a segment that is in place already."""
    text_bytes = crc = records = 0
    for block in read_blocks(path):
        text_bytes, crc, records = text_bytes + len(block), crc32(block, crc), records + block.count(b"\n")
    return SegmentFacts(records=records, bytes=text_bytes, crc32=crc, archive_bytes=path.stat().st_size)


def _add_run(runs: list[list[int]], first: int, last: int) -> None:
    """Note ids as recorded; the runs of a stream whose ids leave gaps by nature come to its latest ids."""
    if runs and runs[-1][1] + 1 == first:
        runs[-1][1] = last
        return
    runs.append([first, last])
    if len(runs) > RUNS_KEPT:
        del runs[0]


def _remove(paths: list[Path]) -> None:
    """The journals have become segments: remove them, oldest first."""
    for path in paths:
        path.unlink(missing_ok=True)
    if paths:
        fsync_folder(paths[0].parent)
