"""archive.prove.verify: recompute every number of the archive from its bytes, and name what does not agree.

For each day of each series: the manifest's own checksum, the day file's SHA-256 and frame, every segment's position,
CRC and count, the text's SHA-256, first and last time and id, the holes that ids prove against the ledger, received =
records + duplicates + what was counted as missed, coverage. Days that are not merged yet: the same against the ledger.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import msgspec

from hoga.archive.form.discover import discover, venue_of
from hoga.archive.form.journal import parse_journal_name
from hoga.archive.form.lists import check_list
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span
from hoga.archive.form.store import is_file, is_mounted, list_names, look
from hoga.archive.keep.leftover import unsealed
from hoga.archive.keep.life import check_last_life
from hoga.archive.prove.books import check_books
from hoga.archive.prove.crosscheck import CrossCheck
from hoga.archive.prove.report import Outcome, VerifyReport
from hoga.archive.prove.verify_day import DayCheck
from hoga.archive.read.openminute import recorder_at_work
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.streams import Kind
from hoga.quality.incidents import count_gaps, incidents_of
from hoga.runtime.worker import end_with_parent

__all__ = ["Progress", "verify"]

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) of the files on disk."""


_PAYS_BYTES = 4_000_000
"""On disk. So much is checked in about the time that a further process takes to start."""
_TOGETHER = (Kind.ORDERBOOK, Kind.DELTA, Kind.SNAPSHOT)


class _Group(msgspec.Struct, frozen=True):
    """Days that are checked together: order book, delta and snapshots of one symbol and day prove one another."""

    days: list[SeriesDay]
    size: int
    live: frozenset[str]
    unsealed: dict[str, Span] = {}
    books: bool = False


def verify(paths: list[Path], *, jobs: int | None = 1, progress: Progress | None = None, books: bool = False) -> VerifyReport:
    """Check everything under `paths`. `books`: rebuild them, too (`archive.prove.books`). `jobs`: processes; None for as many as pay.

    Raises ArchiveError for a path that is not there or is no archive.
    """
    found = discover(paths)
    total = Outcome()
    if not found.days and not found.journals:
        for path in paths:
            total.problem(path, "empty", "there is no archive here: nothing to verify")
    for folder, why in found.unread:
        total.problem(folder, "unreadable", f"cannot be listed: {why}")
    _sound(found.lists, check_list, total)
    _sound(found.lives, check_last_life, total)
    running, waiting = _journals(found.journals, total)
    groups = _groups(found.days, live=running, unsealed={path.name: span for path, span in waiting.items()}, books=books)
    whole = sum(group.size for group in groups)
    if jobs is None:
        jobs = min(os.cpu_count() or 1, 1 + whole // _PAYS_BYTES)
    done = 0
    for size, outcome in _run(groups, 1 if any(map(is_mounted, paths)) else jobs):  # another process has not mounted it
        total.add(outcome)
        done += size
        if progress is not None:
            progress(done, whole)
    return VerifyReport(
        ok=not total.problems,
        archives=total.archives,
        segments=total.segments,
        records=total.records,
        bytes=total.bytes,
        gaps=count_gaps(total.told),
        missed=sum(gap.missed or 0 for _, gap in total.told),
        incidents=incidents_of(total.told),
        problems=sorted(total.problems, key=lambda item: (item.file, item.offset or 0)),
        findings=sorted(total.findings, key=lambda item: (item.file, item.offset or 0)),
        books=sorted(total.books, key=lambda row: (row.day, row.venue, row.symbol)),
    )


def _run(groups: list[_Group], jobs: int) -> Iterator[tuple[int, Outcome]]:
    pool = _pool(min(jobs, len(groups)))
    if pool is None:
        for group in groups:
            yield group.size, _check(group)
        return
    with pool:
        running = {pool.submit(_check, group): group for group in sorted(groups, key=lambda group: -group.size)}
        for future in as_completed(running):
            yield running[future].size, future.result()


def _pool(workers: int) -> ProcessPoolExecutor | None:
    """Workers to check side by side; None where one is enough, or the system has no room for more (`/dev/shm` full or read-only)."""
    if workers <= 1:
        return None
    try:
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent)
    except OSError:
        return None


def _check(group: _Group) -> Outcome:
    """Check the days of one group; runs in a worker process."""
    outcome = Outcome()
    paired = {Kind.ORDERBOOK, Kind.DELTA} <= {day.kind for day in group.days}
    checks = [DayCheck(day, live=group.live, keep_ids=paired, unsealed=group.unsealed) for day in group.days]
    for check in checks:
        try:
            outcome.add(check.run())
        except OSError as fault:
            outcome.problem(fault.filename or check.day.directory, "unreadable", fault.strerror or str(fault))
        except ArchiveError as fault:
            outcome.problem(fault.path, "unreadable", fault.why)
        except Exception as fault:  # noqa: BLE001  # the supervised place of all checks: one day's trouble is named and stays its own
            outcome.problem(check.day.manifest_path, "unreadable", f"the check broke off: {type(fault).__name__}: {fault}")
    by_kind = {check.day.kind: check for check in checks}
    held = CrossCheck(by_kind[Kind.ORDERBOOK].evidence(), by_kind[Kind.DELTA].evidence()) if paired else None
    changed: dict[int, bool] = {}
    if group.books and Kind.DELTA in by_kind:
        wanted = [] if held is None else held.without_frame
        found = check_books({day.kind: day for day in group.days}, by_kind[Kind.DELTA].digests(), wanted, outcome)
        outcome.books += [] if found.row is None else [found.row]
        changed = found.changed
    if held is not None:
        outcome.add(held.told(changed, rebuilt=group.books))
    return outcome


def _groups(days: Iterable[SeriesDay], *, live: frozenset[str], unsealed: dict[str, Span], books: bool) -> list[_Group]:
    together: dict[SeriesDay | tuple[str, str, str], list[SeriesDay]] = {}
    for day in days:
        paired = day.kind in _TOGETHER and not day.only
        together.setdefault((_venue(day), day.symbol, day.day) if paired else day, []).append(day)
    return [_Group(group, sum(map(_size, group)), live, unsealed, books) for group in together.values()]


def _venue(day: SeriesDay) -> str:
    try:
        manifest = read_manifest(day.manifest_path)
    except ArchiveError:
        manifest = None
    return manifest.venue if manifest is not None else venue_of(day.directory)


def _size(day: SeriesDay) -> int:
    files = [Path(day.only)] if day.only else day.archive_paths
    if not day.only:
        files += [entry.path for entry in list_names(day.folder) if not entry.is_folder]
    return sum(found.bytes or 0 for path in files if (found := look(path)) is not None and not found.is_folder)


def _sound(files: list[Path], check: Callable[[Path], object], total: Outcome) -> None:
    """The kept lists of instruments, and what lives have left to the next one: whole, as they say themselves."""
    for path in files:
        try:
            check(path)
        except FileNotFoundError:
            continue
        except SegmentCorrupt as fault:
            total.problem(path, "corrupt", fault.why)
        except (ArchiveError, OSError) as fault:
            total.problem(path, "unreadable", str(fault))


def _journals(journals: list[Path], total: Outcome) -> tuple[frozenset[str], dict[Path, Span]]:
    """Name the open minutes; which of them a running recorder has, by name, and which an orderly end left, with their times.

    A recorder recovers before it begins: beside journals of its own session those of an earlier one are what it could not. While it
    recovers, it has none of its own yet."""
    held = {folder: recorder_at_work(folder) for folder in {path.parent for path in journals}}
    waiting = unsealed(path for path in journals if not held[path.parent])
    newest = {folder: max(_session(path) for path in journals if path.parent == folder) for folder in held}
    written = {path for path in journals if held[path.parent] and _session(path) == newest[path.parent]}
    for path in journals:
        if path in written:
            total.finding(path, "open", "a recorder is writing this minute, or recovers it")
        elif held[path.parent]:
            if look(path) is not None:  # else it is sealed by now
                why = "of an earlier session: the recorder that is running recovers it now, or could not and tries again; its log says why"
                total.problem(path, "unrecovered", why)
        elif path in waiting:
            total.finding(path, "unsealed", f"whole, and not sealed yet: the next start seals it, or hoga recover {path.parent}")
        elif not is_file(path) and look(path) is not None:
            total.problem(path, "unreadable", "it is no regular file")
        else:
            total.problem(path, "unrecovered", f"no recorder is running and this minute was never sealed: hoga recover {path.parent}")
    return frozenset(path.name for path in written), waiting


def _session(path: Path) -> int:
    """When the session of a journal began, ns; 0 of a file that is none."""
    name = parse_journal_name(path.name)
    return int(name.session, 16) if name is not None else 0
