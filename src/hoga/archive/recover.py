"""archive.recover: make good what an earlier life left open. `hoga run` does it at start-up, `hoga recover` on its own.

Every journal left behind is sealed as it stands (its torn tail cut off); whatever its session did not write before it
died is a `crash` gap up to the next session, or to now. Parts of longer segments are joined. Nothing is done twice, and
nothing here looks at the clock: `now_ns` is given.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from hoga.archive.durable import unlink, write_file
from hoga.archive.join import join_parts, waiting_parts
from hoga.archive.journal import JOURNAL_DIR, JournalName, journal_name, parse_journal_name, read_header
from hoga.archive.life import LAST_FILE, LOCK_FILE, LastLife, read_last_life
from hoga.archive.seal import SealJob, SealResult, seal
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.core.ledger import Reason
from hoga.quality.sequence import RUNS_KEPT

__all__ = ["Recovered", "find_journals", "recover", "recover_folder"]

_ENDS_FILE = "ends.json"


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
    ends = _session_ends([name for name, _ in found], now_ns, _read_noted(folder))
    life = read_last_life(folder)
    runs: dict[str, list[tuple[int, int]]] = dict(life.streams) if life is not None else {}
    crashed: set[str] = set()
    lived: set[str] = set()
    ended_ns = 0
    directories, interval_min, archive_format = _of_headers([path for _, path in found])
    for (_, day, minute, _), group in groupby(found, key=lambda item: item[0][:4]):
        members = list(group)
        progress(f"{day} {minute}")
        try:
            result = seal(SealJob(journals=[str(path) for _, path in members], crash_to_ns=ends.get(members[-1][0]), again=True))
        except (ArchiveError, OSError) as fault:
            report.failed.append((str(members[0][1]), str(fault)))
            continue
        _count(report, result)
        for stream, more in result.runs.items():
            runs[stream] = (runs.get(stream, []) + [(run[0], run[1]) for run in more])[-RUNS_KEPT:]
        lived |= result.live
        ended_ns = max(ended_ns, result.ended_ns)
        if result.crashed and ends[members[-1][0]] == now_ns:
            crashed.update(result.streams)
    _note_ends(folder, ends)
    if not report.failed:
        _join_all(report, directories, interval_min, archive_format)
    if crashed:
        _write_life(folder, now_ns, crashed, runs)
    elif lived and not _is_told(life, began_ns=max(int(name.session, 16) for name, _ in found), ended_ns=ended_ns):
        _write_life(folder, ended_ns, {*(life.streams if life is not None else ()), *lived}, runs)
    return report


def _is_told(life: LastLife | None, *, began_ns: int, ended_ns: int) -> bool:
    """Whether `life` speaks of the session that began at `began_ns` and closed its journals until `ended_ns`: it may have
    been ended by force between its last journal and its last word."""
    if life is None or life.ns < began_ns:
        return False
    return life.reason is not Reason.CRASH or life.ns >= ended_ns


def _session_ends(names: list[JournalName], now_ns: int, noted: dict[str, int]) -> dict[JournalName, int]:
    """The last journal of each lane and session, and when the next session began (or now): until then it wrote nothing.

    `noted`: what was found out of a session when its journals could not be sealed; lives since then may have left no trace here.
    """
    last = {(name.lane, name.session): name for name in sorted(names, key=lambda name: name.number)}
    starts = sorted({int(name.session, 16) for name in names})
    return {
        name: min([start for start in starts if start > int(name.session, 16)] + [noted.get(name.session, now_ns), now_ns])
        for name in last.values()
    }


def _read_noted(folder: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode((folder / _ENDS_FILE).read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _note_ends(folder: Path, ends: dict[JournalName, int]) -> None:
    """When the sessions ended whose journals are still there: the next try must not take their silence for longer than it was."""
    left = {name.session: ns for name, ns in ends.items() if (folder / journal_name(name)).exists()}
    if left:
        write_file(folder / _ENDS_FILE, [msgspec.json.encode(left)])
    else:
        unlink(folder / _ENDS_FILE, missing_ok=True)


def _write_life(folder: Path, ns: int, names: set[str], runs: dict[str, list[tuple[int, int]]]) -> None:
    life = LastLife(ns=ns, reason=Reason.CRASH, streams={name: runs.get(name, []) for name in sorted(names)})
    write_file(folder / LAST_FILE, [msgspec.json.encode(life)])


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
    report.failed += [*result.failed, *((name, "its header is damaged; it was put aside") for name in result.damaged)]
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
