"""archive.recover: make good what an earlier life left open. `hoga run` does it at start-up, `hoga recover` on its own.

Every journal left behind is sealed as it stands (its torn tail cut off); whatever its session did not write before it
died is a `crash` gap up to now. Parts of longer segments are joined. Nothing is done twice, and nothing here looks at
the clock: `now_ns` is given.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from hoga.archive.durable import write_file
from hoga.archive.join import join_parts, waiting_parts
from hoga.archive.journal import JOURNAL_DIR, parse_journal_name, read_header
from hoga.archive.life import LAST_FILE, LOCK_FILE, LastLife, read_last_life
from hoga.archive.seal import SealJob, SealResult, seal
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.core.ledger import Reason
from hoga.quality.sequence import RUNS_KEPT

__all__ = ["Recovered", "find_journals", "recover", "recover_folder"]


class Recovered(msgspec.Struct, kw_only=True):
    """What was made good: sealed segments, and (what, why) that could not be."""

    done: list[str] = []
    failed: list[tuple[str, str]] = []
    journals: int = 0
    records: int = 0
    damaged_bytes: int = 0
    crashed: bool = False


def find_journals(path: Path) -> list[Path]:
    """Every journal folder at or below `path`."""
    if path.name == JOURNAL_DIR and path.is_dir():
        return [path]
    return sorted(folder for folder in path.rglob(f"temporary/{JOURNAL_DIR}") if folder.is_dir())


def recover(path: Path, *, now_ns: int, progress: Callable[[str], None] = lambda name: None) -> Recovered:
    """Recover everything at or below `path`. Raises ArchiveBusy when a recorder is at work there."""
    total = Recovered()
    for folder in find_journals(path):
        lock = FileLock(folder / LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except Timeout as fault:
            raise ArchiveBusy(folder, "a recorder is at work here", hint="it has recovered at its start; there is nothing to do") from fault
        try:
            part = recover_folder(folder, now_ns=now_ns, progress=progress)
        finally:
            lock.release()
        total.done += part.done
        total.failed += part.failed
        total.journals += part.journals
        total.records += part.records
        total.damaged_bytes += part.damaged_bytes
        total.crashed |= part.crashed
    return total


def recover_folder(folder: Path, *, now_ns: int, progress: Callable[[str], None] = lambda name: None) -> Recovered:
    """Recover one journal folder; the caller holds its lock."""
    found = sorted((name, folder / name_text) for name_text in _names(folder) if (name := parse_journal_name(name_text)) is not None)
    report = Recovered(journals=len(found))
    ends = {(name.lane, name.session): name for name, _ in sorted(found, key=lambda item: item[0].number)}
    life = read_last_life(folder)
    runs: dict[str, list[tuple[int, int]]] = dict(life.streams) if life is not None else {}
    crashed: set[str] = set()
    directories, interval_min, archive_format = _of_headers([path for _, path in found])
    for (lane, day, minute), group in groupby(found, key=lambda item: (item[0].lane, item[0].day, item[0].minute)):
        members = list(group)
        last = members[-1][0]
        crash_to_ns = now_ns if ends[lane, last.session] == last else None
        progress(f"{day} {minute}")
        try:
            result = seal(SealJob(journals=[str(path) for _, path in members], crash_to_ns=crash_to_ns, again=True))
        except ArchiveError as fault:
            report.failed.append((str(members[0][1]), str(fault)))
            continue
        _count(report, result)
        for stream, more in result.runs.items():
            runs[stream] = (runs.get(stream, []) + [(run[0], run[1]) for run in more])[-RUNS_KEPT:]
        if result.crashed:
            crashed.update(result.streams)
    _join_all(report, directories, interval_min, archive_format)
    if crashed:
        streams = {stream: runs.get(stream, []) for stream in sorted(crashed)}
        write_file(folder / LAST_FILE, [msgspec.json.encode(LastLife(ns=now_ns, reason=Reason.CRASH, streams=streams))])
    return report


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _of_headers(paths: list[Path]) -> tuple[set[Path], int, str]:
    """The archive folders, interval and format that these journals name."""
    directories: set[Path] = set()
    interval_min, archive_format = 1, "zip"
    for path in paths:
        header = read_header(path)
        if header is not None:
            directories |= {(path.parent / entry.directory).resolve() for entry in header.streams}
            interval_min, archive_format = header.interval_min, header.archive_format
    return directories, interval_min, archive_format


def _count(report: Recovered, result: SealResult) -> None:
    report.done += result.segments
    report.failed += result.failed
    report.records += result.records
    report.damaged_bytes += result.damaged_bytes
    report.crashed |= result.crashed


def _join_all(report: Recovered, directories: set[Path], interval_min: int, archive_format: str) -> None:
    for directory in sorted(directories):
        for symbol, kind, day in waiting_parts(directory):
            try:
                report.done += join_parts(directory, symbol, kind, day, interval_min=interval_min, archive_format=archive_format)
            except ArchiveError as fault:
                report.failed.append((f"{symbol} {kind} {day}", str(fault)))
