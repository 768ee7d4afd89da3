"""archive.keep.recover: make good what an earlier life left open. `hoga run` does it at start-up, `hoga recover` on its own.

Every journal left behind is sealed as it stands (its torn tail cut off); whatever its session did not write before it
died is a `crash` gap up to the next session, or to now. Parts of longer segments are joined. Nothing is done twice, and
nothing here looks at the clock: `now_ns` is given. Killed or refused at any step, the next try goes on where it ended:

    1  when the sessions ended is written down                  (ends.json)
    2  each journal is sealed, what its streams' next life must know is written down, and it is removed, one by one; of one that
       could not be sealed for some series it is written down for which   (left.json)
    3  ends.json is removed when nothing of those sessions is left
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from hoga.archive.form.journal import JOURNAL_DIR, JournalHeader, JournalName, journal_name, parse_journal_name, read_header
from hoga.archive.form.ledger import SegmentEntry, read_ledger
from hoga.archive.form.regular import read_regular
from hoga.archive.keep.join import join_parts, waiting_parts
from hoga.archive.keep.leftover import note_left, read_left
from hoga.archive.keep.life import LAST_FILE, LifeFile, StreamEnd, read_last_life
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.seal import SealJob, SealResult, discard_journals, seal_and_keep, why_of
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.core.ledger import Reason
from hoga.runtime.durable import TEMPORARY_SUFFIX, unlink, write_file

__all__ = ["Recovered", "find_journals", "is_left", "recover", "recover_folder"]

_ENDS_FILE = "ends.json"


class Recovered(msgspec.Struct, kw_only=True):
    """What was made good: sealed segments, and (what, why) that could not be. `left`: how to seal what is still in its journals later."""

    done: list[str] = []
    failed: list[tuple[str, str]] = []
    left: list[SealJob] = []
    journals: int = 0
    records: int = 0
    damaged_bytes: int = 0
    crashed: bool = False


def find_journals(path: Path) -> list[Path]:
    """Every journal folder at or below `path`."""
    if path.name == JOURNAL_DIR and path.is_dir():
        return [path]
    return sorted(folder for folder in path.rglob(f"temporary/{JOURNAL_DIR}") if folder.is_dir())


def is_left(folder: Path) -> bool:
    """Whether journals wait in this journal folder: without them, recovering it is a matter of a few small files."""
    return any(parse_journal_name(name) is not None for name in _names(folder))


def recover(path: Path, *, now_ns: int, progress: Callable[[str], None] = lambda name: None) -> Recovered:
    """Recover everything at or below `path`. Raises ArchiveBusy when a recorder is at work there."""
    total = Recovered()
    for folder in find_journals(path):
        lock = FolderLock(folder)
        try:
            taken = lock.acquire()
        except OSError as fault:
            total.failed.append((str(folder), f"cannot be locked: {fault.strerror}"))
            continue
        if not taken:
            raise ArchiveBusy(folder, "a recorder is at work here", hint="it has recovered at its start; there is nothing to do")
        try:
            part = recover_folder(folder, now_ns=now_ns, progress=progress)
        except Exception as fault:  # noqa: BLE001  # the supervised place of each folder: told by name, and the others are recovered
            part = Recovered(failed=[(str(folder), why_of(fault, folder))])
        finally:
            lock.release()
        total.done += part.done
        total.failed += part.failed
        total.left += part.left
        total.journals += part.journals
        total.records += part.records
        total.damaged_bytes += part.damaged_bytes
        total.crashed |= part.crashed
    if not total.failed:
        _join_forgotten(path, total)
    return total


def recover_folder(folder: Path, *, now_ns: int, progress: Callable[[str], None] = lambda name: None) -> Recovered:
    """Recover one journal folder; the caller holds its lock.

    Raises ArchiveError when what the next life must know cannot be written down: recording must not go on without it.
    """
    _tidy(folder)
    names = [name for text in _names(folder) if (name := parse_journal_name(text)) is not None]
    found = [
        (name, folder / journal_name(name)) for name in sorted(names, key=lambda name: (int(name.session, 16), name.number, name.lane))
    ]
    report = Recovered(journals=len(found))
    noted = _read_noted(folder)
    ends = _session_ends(names, now_ns, noted)
    _note_ends(folder, ends, noted)
    life = LifeFile(folder)
    life.begin(read_last_life(folder, on_damage=lambda why: report.failed.append((str(folder / LAST_FILE), why))))
    directories, interval_min, archive_format = _of_headers([path for _, path in found])
    left = read_left(folder)
    for name, path in found:
        progress(f"{name.day} {name.minute}")
        job = SealJob(journals=[str(path)], crash_to_ns=ends.get(name), again=True, only=left.get(path.name))
        _recover_one(path, job, life, report)
    _forget_ends(folder, ends)
    with contextlib.suppress(OSError, ArchiveError):  # what it says of journals that are gone misleads nobody
        note_left(folder)
    if not report.failed:
        _join_all(report, directories, interval_min, archive_format)
    return report


def _recover_one(path: Path, job: SealJob, life: LifeFile, report: Recovered) -> None:
    """Seal one journal, keep what the next life must know of it, and only then remove it."""
    try:
        result = seal_and_keep(job)
    except Exception as fault:  # noqa: BLE001  # the supervised place of each journal: told by name, and the others are sealed
        report.failed.append((str(path), why_of(fault, path)))
        report.left.append(job)
        life.keep_time_only(_ends_by_header(path, job.crash_to_ns))
        return
    _count(report, result)
    life.keep(result.ends, result.runs)
    if result.failed:
        report.left.append(_noted(path, job, frozenset(what for what, _ in result.failed)))
        return
    try:
        discard_journals([path])
    except OSError as fault:
        report.failed.append((str(path), f"is sealed and cannot be removed: {fault.strerror}"))
        report.left.append(_noted(path, job, frozenset()))


def _noted(path: Path, job: SealJob, only: frozenset[str]) -> SealJob:
    """The job for what is left of it, once that is written down; else all of it is to be done again."""
    try:
        note_left(path.parent, path.name, only)
    except (OSError, ArchiveError):
        return job
    return msgspec.structs.replace(job, only=only)


def _ends_by_header(path: Path, crash_to_ns: int | None) -> dict[str, StreamEnd]:
    """Of a journal that cannot be sealed: its streams ended when its session did. What it holds is told when it is sealed."""
    header = _header(path)
    if header is None or crash_to_ns is None:
        return {}
    end = StreamEnd(ns=crash_to_ns, reason=Reason.CRASH, session=int(header.session, 16), number=header.number)
    return {entry.stream.name: end for entry in header.streams}


def _tidy(folder: Path) -> None:
    """Remove what was begun beside its place and never finished."""
    for name in _names(folder):
        if name.endswith(TEMPORARY_SUFFIX):
            with contextlib.suppress(OSError):  # it is in nobody's way
                unlink(folder / name, missing_ok=True)


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
        return msgspec.json.decode(read_regular(folder / _ENDS_FILE), type=dict[str, int])
    except (OSError, ArchiveError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _note_ends(folder: Path, ends: dict[JournalName, int], noted: dict[str, int]) -> None:
    """When these sessions ended, before anything is made of it: a later try must not take their silence for longer than the
    earlier one said it was."""
    told = {name.session: ns for name, ns in ends.items()}
    if told and told != noted:
        write_file(folder / _ENDS_FILE, [msgspec.json.encode(told)])


def _forget_ends(folder: Path, ends: dict[JournalName, int]) -> None:
    """Nothing of those sessions is left."""
    if not any((folder / journal_name(name)).exists() for name in ends) and (folder / _ENDS_FILE).exists():
        with contextlib.suppress(OSError):  # it speaks of sessions that are gone, and misleads nobody
            unlink(folder / _ENDS_FILE, missing_ok=True)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _header(path: Path) -> JournalHeader | None:
    """The header, None when it cannot be read."""
    try:
        return read_header(path)
    except (OSError, ArchiveError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _of_headers(paths: list[Path]) -> tuple[set[Path], int, str]:
    """The archive folders, interval and format that these journals name."""
    directories: set[Path] = set()
    interval_min, archive_format = 1, "zip"
    for path in paths:
        header = _header(path)
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


def _join_forgotten(path: Path, report: Recovered) -> None:
    """Parts whose journals are gone, because a join was cut short. How long their segments were to be, only the ledger may tell."""
    folders = [path] if path.name == "temporary" else [*path.rglob("temporary")]
    for directory in sorted(folder.parent for folder in folders if folder.is_dir()):
        for day in waiting_parts(directory):
            try:
                told = [entry for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry)]
                interval_min = told[-1].span_min if told else 1
                archive_format = "zip" if not told or told[-1].file.endswith(".zip") else "zst"
                report.done += join_parts(day, interval_min=interval_min, archive_format=archive_format)
            except Exception as fault:  # noqa: BLE001  # the supervised place of each series: told by name, and the others are joined
                report.failed.append((str(day), why_of(fault, directory)))


def _join_all(report: Recovered, directories: set[Path], interval_min: int, archive_format: str) -> None:
    for directory in sorted(directories):
        for day in waiting_parts(directory):
            try:
                report.done += join_parts(day, interval_min=interval_min, archive_format=archive_format)
            except Exception as fault:  # noqa: BLE001  # the supervised place of each series: told by name, and the others are joined
                report.failed.append((str(day), why_of(fault, directory)))
