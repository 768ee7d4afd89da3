"""archive.keep.merge: the minutes of one series become its day file, exactly once, without recompressing.

Steps, and why a kill at any of them is harmless:

    lock        <temporary folder>/.lock, so that nobody else merges this series' day
    write       <day file>.merging, fsynced                         a kill here: the next run starts over
    read back   every segment's length, CRC and line count; SHA-256 of the text
    describe    <manifest>.merging, fsynced
    commit      the manifest is renamed into place                  from here on the next run rolls forward:
    install     the day file is renamed into place                  its `.merging` has the SHA-256 the manifest names
    purge       segments, then the ledger, then the folder          all of it is in the day file by now

A day that was merged already takes late segments in: it is spliced again from the old day file's own segments and
the new ones, in order of minute and part. A segment that is in the day already is told by its content, not its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hoga.archive.form.deflate import crc32_combine
from hoga.archive.form.layout import parse_day, parse_segment
from hoga.archive.form.ledger import SegmentEntry, read_ledger
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.regular import read_regular
from hoga.archive.form.segment import SegmentFacts
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.daymerge import SPOOL_SUFFIX, DayMerge, MergeResult
from hoga.archive.keep.parts import file_part
from hoga.archive.keep.splice import Part, read_back, splice
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.runtime.durable import install, make_folder, remove_folder, temporary_for, unlink, write_fault

__all__ = ["MergeResult", "merge_day", "pending_days", "series_lock", "splice_segments"]


def pending_days(directory: Path, *, purge: bool = True) -> list[SeriesDay]:
    """Every temporary day folder in `directory` that a merge still has work with, by day.

    Without `purge` the minutes of merged days stay for good; such a folder is pending only while something in it is
    not in the day file.
    """
    found = []
    for folder in (directory / "temporary").glob("*"):
        name = parse_day(folder.name)
        if name is None or name.suffix or not folder.is_dir():
            continue
        day = SeriesDay(directory, name.symbol, name.kind, name.day)
        if purge or not _is_merged(day):
            found.append(day)
    return sorted(found, key=lambda each: (each.day, each.symbol, each.kind))


def _is_merged(day: SeriesDay) -> bool:
    """The manifest knows all that the ledger says, and the ledger all segments. What cannot be read is told by its merge."""
    try:
        return _knows_all(day)
    except (ArchiveError, OSError):
        return False


def _knows_all(day: SeriesDay) -> bool:
    manifest, ledger = read_manifest(day.manifest_path), day.ledger
    data = read_regular(ledger) if ledger.exists() else b""
    if manifest is None or len(data) != manifest.ledger.bytes or manifest.ledger.fresh_from(data) != len(data):
        return False
    told = {entry.file for entry in read_ledger(ledger) if isinstance(entry, SegmentEntry)}
    return all(parse_segment(path.name) is None or path.name in told for path in ledger.parent.iterdir())


@contextmanager
def series_lock(day: SeriesDay) -> Iterator[None]:
    """Hold the right to change one series' day. Raises ArchiveBusy when someone else does."""
    folder = day.folder
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        _acquire(lock, folder)
    except Timeout as busy:
        raise ArchiveBusy(folder, "another merge of this day is running") from busy
    try:
        yield
    finally:
        _remove_if_empty(folder)
        lock.release()


def merge_day(
    day: SeriesDay,
    *,
    venue: str,
    archive_format: str,
    purge: bool,
    step: Callable[[str], None] = lambda name: None,
) -> MergeResult:
    """Make the day file and manifest of one series from its temporary folder.

    `venue` goes into the manifest; `archive_format` is `zip` or `zst`.

    Args:
        purge: remove the segments afterwards; only ever what was read back from the day file.
        step: called with the name of each step when it is done.

    Raises:
        ArchiveBusy: the day is being merged by someone else.
        SegmentCorrupt, ManifestMismatch: a segment is damaged, missing or not what the ledger says, or a day file is
            there without its manifest. Nothing was changed.
        DiskFull, ArchiveError: the day file could not be written. Nothing was changed.
    """
    with series_lock(day):
        merge = DayMerge(day, venue=venue, archive_format=archive_format, step=step)
        try:
            return merge.run(purge=purge)
        except OSError as fault:
            raise write_fault(merge.target, fault) from fault
        finally:
            unlink(merge.spool, missing_ok=True)


def splice_segments(parts: list[Path], target: Path, member: str, note: bytes) -> SegmentFacts:
    """Join segment files into one segment file at `target`, without recompressing what was made here; `target` is whole or absent."""
    archive_format = "zip" if target.name.endswith(".zip") else "zst"
    temporary, spool = temporary_for(target), target.with_name(target.name + SPOOL_SUFFIX)
    try:
        joined = [file_part(locate(path), None, archive_format, spool) for path in parts]
        modified_ns = max((path.stat().st_mtime_ns for path in parts), default=0)
        placed = splice(joined, temporary, archive_format=archive_format, member=member, note=note, modified_ns=modified_ns)
        records = sum(read_back(temporary, placed).records)
        whole = locate(temporary)
        install(temporary, target)
    except OSError as fault:
        raise write_fault(target, fault) from fault
    finally:
        unlink(spool, missing_ok=True)
        unlink(temporary, missing_ok=True)
    crc = _joined_crc(joined)
    return SegmentFacts(records=records, bytes=sum(part.text_bytes for part in joined), crc32=crc, archive_bytes=whole.file_bytes)


def _joined_crc(parts: list[Part]) -> int:
    crc = 0
    for part in parts:
        crc = crc32_combine(crc, part.crc32, part.text_bytes)
    return crc


def _acquire(lock: FileLock, folder: Path) -> None:
    """Take the lock on a folder that a finishing merge may be removing at the same time."""
    while True:
        make_folder(folder)
        lock.acquire()
        if Path(lock.lock_file).exists():
            return
        lock.release()


def _remove_if_empty(folder: Path) -> None:
    if [path.name for path in folder.iterdir()] == [".lock"]:
        unlink(folder / ".lock")
        with contextlib.suppress(OSError):  # a recorder has put its next segment there meanwhile
            remove_folder(folder)
