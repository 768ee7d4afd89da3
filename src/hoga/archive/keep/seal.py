"""archive.keep.seal: from the journals of one minute to sealed segments and ledger entries. Runs in a pool process.

Sealing and recovering are the same act: `seal` reads whatever whole chunks the journals hold, writes one segment per
series, appends the ledger entries, and removes the journals last. Killed anywhere in between, it is simply done again:

    1  every segment is written beside its place and fsynced
    2  renamed into place; a minute that has one already gets the next part, a sealed file is never opened again, and parts come in the
       order of their journals: a series waits while an earlier journal of the minute is still to be sealed for it
    3  the ledger entries are appended and fsynced
    4  what the next life must know of the streams is written down and fsynced (`archive.keep.life`)
    5  the journals are removed

`seal_and_keep` does the first three; who calls it does the fourth, and `discard_journals` after that the fifth.

A segment's note names the journals it came from, and ledger entries carry the journal's name, so that a second try
finds out what the first one finished, also one that knows of no first (its worker died, and the pool began it anew).
Trouble with one series, whatever it is, never holds up another: its journals are kept, and the next try writes only what
is missing. A journal that cannot even be told whose it is (its header is damaged) is put aside under its name and `.damaged`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga.archive.form.chunks import has_chunks
from hoga.archive.form.deflate import DEFAULT_LEVEL, crc32
from hoga.archive.form.journal import read_header
from hoga.archive.form.layout import PARTS_DIR, SEGMENT_SUFFIXES, parse_segment, suffix_of
from hoga.archive.form.ledger import LedgerEntry, SegmentEntry, append_entries
from hoga.archive.form.notes import SegmentNote, open_segment_note
from hoga.archive.form.segment import SegmentFacts, read_blocks, read_note
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.leftover import earlier_of_minute
from hoga.archive.keep.minute import ASIDE_SYMBOL, Minute, SealResult
from hoga.archive.keep.seriesminute import SeriesMinute
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import day_of, minute_of
from hoga.runtime.durable import (
    fsync,
    fsync_folder,
    link,
    make_folder,
    open_folder,
    rename,
    sync_filesystem,
    syncs_filesystems,
    unlink,
    write_all,
    write_fault,
)

__all__ = [
    "ASIDE_SYMBOL",
    "SealJob",
    "SealResult",
    "SegmentNote",
    "discard_journals",
    "facts_of",
    "seal",
    "seal_and_keep",
    "why_of",
]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_DAMAGED = ".damaged"
_MANY = 32
"""From so many series on, one sync of the file system is cheaper than an fsync of each file."""


class SealJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to seal: the journals of one session, lane and minute, oldest first.

    `crash_to_ns`: the session died while it wrote the last of them; whatever it did not write until then is a gap.
    `again`: an earlier try may have finished part of it, long ago. `only`: the series that it failed for, as `failed` names them: what it
    finished may be joined or merged by now, and must not be sealed a second time; None: all. `level`: one of `archive.form.segment`'s,
    the fast one where nothing is said.
    """

    journals: list[str]
    crash_to_ns: int | None = None
    again: bool = False
    only: frozenset[str] | None = None
    level: int = DEFAULT_LEVEL


def seal(job: SealJob) -> SealResult:
    """Seal the journals of one lane and minute, and remove them. For archives that have no next life."""
    result = seal_and_keep(job)
    if not result.failed:
        discard_journals(map(Path, job.journals))
    return result


def seal_and_keep(job: SealJob) -> SealResult:
    """Seal the journals of one lane and minute, and leave them there. Safe to repeat.

    With an interval of more than a minute the segments are parts of one, in `parts/`; `archive.keep.join` joins them.
    """
    paths = [path for path in map(Path, job.journals) if path.exists()]
    headed = [(path, header) for path in paths if (header := read_header(path)) is not None]
    nameless = [path for path in paths if path not in {path for path, _ in headed}]
    if not headed:
        return _put_away(nameless, SealResult())
    minute = Minute(headed[0][1], headed[0][0].parent, level=job.level)
    with closing(minute.spool):
        for path, header in headed:
            minute.read(path, header)
            minute.end(crash_to_ns=job.crash_to_ns if path is headed[-1][0] else None)
        result = _put_away(nameless, minute.result)
        _Sealer(minute, [path for path, _ in headed], again=job.again, recovered=job.crash_to_ns is not None).run(job.only)
    return result


def _put_away(nameless: list[Path], result: SealResult) -> SealResult:
    """Journals without a header: one that was torn at its birth holds nothing and goes, any other is kept for people."""
    for path in nameless:
        if has_chunks(path):
            result.damaged_bytes += path.stat().st_size
            result.damaged.append(path.name)
            rename(path, path.with_name(path.name + _DAMAGED))
        else:
            unlink(path)
    return result


class _Staged(NamedTuple):
    """One series on its way: its segment written beside its place, in it already (`temporary` None), or none at all (`target` None)."""

    minute: SeriesMinute
    temporary: Path | None
    target: Path | None
    entry: SegmentEntry | None


class _Sealer:
    """Writes what a `Minute` holds."""

    def __init__(self, minute: Minute, journals: list[Path], *, again: bool, recovered: bool) -> None:
        self._minute = minute
        self._header = minute.header
        self._sources = [path.name for path in journals]
        self._earlier = earlier_of_minute(journals[0])
        self._again = again
        self._state = "recovered" if recovered else "sealed"
        self._day = day_of(minute.header.minute_ns)
        self._clock = minute_of(minute.header.minute_ns)
        self._suffix = f".{minute.header.lane}.tmp"
        self._many = len(minute.series) > _MANY and syncs_filesystems()
        self._homes: dict[Path, int] = {}

    def run(self, only: frozenset[str] | None) -> None:
        """Stage all, then settle all."""
        wanted = [part for part in self._minute.series.values() if only is None or self._name(part) in only]
        try:
            staged = list(self._guarded(self._stage, wanted))
            sync_filesystem(self._homes.values())
            list(self._guarded(self._settle, staged))
            sync_filesystem(self._homes.values())
        finally:
            for fd in self._homes.values():
                os.close(fd)

    def _guarded(self, act: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """One series' trouble is noted and stays its own."""
        for item in items:
            part: SeriesMinute = item.minute if isinstance(item, _Staged) else item
            try:
                yield act(item)
            except Exception as fault:  # noqa: BLE001  # the supervised place of each series: told by name, counted, tried again
                self._minute.result.failed.append((self._name(part), why_of(fault, part.directory)))

    def _name(self, part: SeriesMinute) -> str:
        return f"{self._day_of(part)} {self._clock}"

    def _day_of(self, part: SeriesMinute) -> SeriesDay:
        return SeriesDay(part.directory, part.series.symbol, part.series.kind, self._day)

    def _stage(self, part: SeriesMinute) -> _Staged:
        if part.trouble is not None:
            raise part.trouble
        day = self._day_of(part)
        folder = day.folder
        if self._header.interval_min > 1:
            folder = folder / PARTS_DIR
        make_folder(folder, durable=not self._many)
        if self._many and day.folder.parent not in self._homes:
            self._homes[day.folder.parent] = open_folder(day.folder.parent)
        if not part.records:
            return _Staged(part, None, None, self._nothing_written(part))
        taken = self._taken(folder, day)
        if self._again or taken:
            self._tidy(folder, day)
        if (done := self._done(taken)) is not None:
            return _Staged(part, None, folder / done.file, done)
        for earlier, names in self._earlier:
            if names is None or self._name(part) in names:
                raise ArchiveError(earlier, "an earlier part of this minute, which is still to be sealed: this one waits for it")
        number = max(taken, default=0) + 1
        stem = day.segment_stem(self._clock, part=number)
        target = folder / f"{stem}{suffix_of(self._header.archive_format)}"
        entry = self._entry(part, number, target.name)
        note = msgspec.json.encode(SegmentNote(sources=self._sources, entry=entry))
        pieces, facts = part.builder.build(f"{stem}.jsonl", note, self._header.minute_ns)
        temporary = target.with_name(target.name + self._suffix)
        self._write(temporary, pieces)
        entry = msgspec.structs.replace(entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
        return _Staged(part, temporary, target, entry)

    def _entry(self, part: SeriesMinute, number: int, file: str) -> SegmentEntry:
        first_id, last_id = part.id_range()
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
            first_id=first_id,
            last_id=last_id,
            state=self._state,
            streams=sorted(part.streams),
        )

    def _nothing_written(self, part: SeriesMinute) -> SegmentEntry | None:
        """Frames that arrived and were all shed have no segment, but they were received."""
        if not part.received and not part.duplicates:
            return None
        return msgspec.structs.replace(self._entry(part, 0, ""), first_recv_ns=None, last_recv_ns=None)

    def _files(self, folder: Path, day: SeriesDay) -> list[str]:
        """The names of the minute's files, finished or not."""
        prefix = day.segment_stem(self._clock)
        with os.scandir(folder) as scan:
            return [item.name for item in scan if item.name.startswith(prefix)]

    def _tidy(self, folder: Path, day: SeriesDay) -> None:
        """Remove what an earlier try of this lane left unfinished."""
        for text in self._files(folder, day):
            if text.endswith(self._suffix):
                unlink(folder / text)

    def _taken(self, folder: Path, day: SeriesDay) -> dict[int, Path]:
        """The minute's segments that exist already, by part. Mostly there are none: then all of a day's are not gone through (0.7 ms)."""
        stems = [f"{folder}/{day.segment_stem(self._clock, part=part)}" for part in (1, 2)]
        if not self._again and not any(os.access(stem + suffix, os.F_OK) for stem in stems for suffix in SEGMENT_SUFFIXES):
            return {}
        names = [(parse_segment(text), text) for text in self._files(folder, day)]
        return {name.part: folder / text for name, text in names if name is not None and name.minute == self._clock}

    def _done(self, taken: dict[int, Path]) -> SegmentEntry | None:
        """The entry of the segment that an earlier try made of these journals, None when it made none."""
        for path in taken.values():
            try:
                said = open_segment_note(read_note(path))
            except SegmentCorrupt:  # whoever made it: it is no proof that these journals are sealed
                continue
            if said is not None and self._sources[0] in said.sources:
                facts = facts_of(path)
                return msgspec.structs.replace(said.entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
        return None

    def _write(self, temporary: Path, pieces: list[bytes]) -> None:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, b"".join(pieces))
            if not self._many:
                fsync(fd)
        finally:
            os.close(fd)

    def _settle(self, staged: _Staged) -> None:
        while staged.temporary is not None and staged.target is not None and not _place(staged.temporary, staged.target):
            unlink(staged.temporary)
            staged = self._stage(staged.minute)  # another lane was first with this part of the aside series
        part, _, target, entry = staged
        if target is not None and not self._many:
            fsync_folder(target.parent)
        keep = entry is not None and (self._header.interval_min == 1 or not entry.file)
        entries: list[LedgerEntry] = [*([entry] if keep and entry else []), *part.entries]
        append_entries(self._day_of(part).ledger, entries, again=self._again, durable=not self._many)
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
        link(temporary, target)
    except FileExistsError:
        return False
    except OSError as fault:
        if fault.errno not in _NO_LINKS:
            raise
        if target.exists():
            return False
        rename(temporary, target)
        return True
    unlink(temporary)
    return True


def facts_of(path: Path) -> SegmentFacts:
    """The figures of a segment that is in place already."""
    text_bytes = crc = records = 0
    for block in read_blocks(path):
        text_bytes, crc, records = text_bytes + len(block), crc32(block, crc), records + block.count(b"\n")
    return SegmentFacts(records=records, bytes=text_bytes, crc32=crc, archive_bytes=path.stat().st_size)


def discard_journals(paths: Iterable[Path]) -> None:
    """The journals have become segments, and what they say of their streams is kept: remove them, oldest first. Raises OSError."""
    folders: set[Path] = set()
    for path in paths:
        if path.exists():
            unlink(path, missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        fsync_folder(folder)


def why_of(fault: Exception, path: Path) -> str:
    """What to tell of something that could not be done with `path`, foreseen or not."""
    if isinstance(fault, ArchiveError):
        return str(fault)
    return str(write_fault(path, fault)) if isinstance(fault, OSError) else f"{type(fault).__name__}: {fault}"
