"""recorder.sealing: closed journals become segments, segments days, in pool processes, one step after the other.

    journal closed ──seal──▶ segments ──(interval over) join──▶ segments ──(day over) merge──▶ day file + manifest

A lane's minutes are sealed one after the other. A day is merged when the first minute of the next one is sealed, each series by
itself, one at a time and each day exactly once. What fails, for whatever reason, is tried again, later and later, and
never holds up another lane or series; so is what the start could not recover. A series' parts are joined, and its day is merged,
only when none of its journals may still be sealed again (of one that could not be read at all nobody knows whose it is: its day
waits); what a journal was sealed for already is not sealed a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic

import msgspec

from hoga.archive.form.journal import JournalName, parse_journal_name
from hoga.archive.form.layout import segment_format
from hoga.archive.form.segment import FAST, FINE
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.join import join_parts, waiting_parts
from hoga.archive.keep.leftover import note_left
from hoga.archive.keep.merge import MergeResult, merge_day, pending_days
from hoga.archive.keep.seal import SealJob, SealResult, discard_journals, seal_and_keep
from hoga.core.errors import ArchiveBusy, HogaError
from hoga.core.pauses import Pauses
from hoga.core.times import MINUTE_NS, minute_floor_ns, minute_start_ns
from hoga.recorder.config import SealingConfig
from hoga.runtime.logs import get_log
from hoga.runtime.pool import WorkerPool

__all__ = ["Sealing", "SealingStats", "level_for"]

_log = get_log("seal")

_TELL = 10
"""So many series that cannot be sealed are named at once; the others are counted."""


_FINE_BYTES = 48 << 20
"""A journal of so many bytes holds some 500,000 order books of 20 levels: compressing them finely takes a worker some three seconds
of its minute."""


def level_for(archive_format: str, *, journal_bytes: int, behind: bool, ending: bool) -> int:
    """How to compress a minute: finely where there is time, fast where sealing would fall behind or a stop waits for it. Pure.

    `behind`: more journals wait than lanes close in a minute.
    """
    hurry = behind or ending or journal_bytes > _FINE_BYTES
    return (FAST if hurry else FINE)[segment_format(archive_format)]


class SealingStats(msgspec.Struct, kw_only=True):
    """Figures since the start. `seal_s`: how long the last minute took; `waiting`: journals not yet sealed."""

    segments: int = 0
    records: int = 0
    bytes: int = 0
    archive_bytes: int = 0
    duplicates: int = 0
    days: int = 0
    waiting: int = 0
    failures: int = 0
    seal_s: float = 0.0


class Sealing:
    """The way from journals to the archive. All methods belong to the event loop.

    `keep(result)` makes durable what the next life must know of a sealed minute; it is called in a thread, may block and raise, and
    only when it has returned is the journal removed.
    """

    def __init__(self, config: SealingConfig, pool: WorkerPool, *, keep: Callable[[SealResult], None] = lambda result: None) -> None:
        self.stats = SealingStats()
        self._config = config
        self._pool = pool
        self._keep = keep
        self._queues: dict[int, asyncio.Queue[Path]] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._days: dict[int, str] = {}
        self._merging = asyncio.Lock()
        self._merges: set[SeriesDay] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = self._joins_again = False
        self._failing: deque[Path] = deque()
        self._left: dict[Path, frozenset[str] | None] = {}
        self._made: dict[Path, SealResult] = {}
        self._recovered: dict[Path, int | None] = {}
        self._today = ""
        self._complained: set[str] = set()

    @property
    def directories(self) -> list[Path]:
        """The folders that hold its days."""
        return self._config.directories

    def journal_closed(self, path: Path) -> None:
        """A journal is complete: seal it after those of its lane that came before."""
        name = parse_journal_name(path.name)
        assert name is not None, "journals are named by the lane that made them"
        if name.lane not in self._queues:
            self._queues[name.lane] = asyncio.Queue()
            self._spawn(self._serve(self._queues[name.lane]), f"seal lane {name.lane}")
        self.stats.waiting += 1
        self._idle.clear()
        self._queues[name.lane].put_nowait(path)

    def take_over(self, left: list[SealJob]) -> None:
        """What the start could not recover (`Recovered.left`) is tried again until it is sealed. Before `catch_up`."""
        for job in left:
            path = Path(job.journals[0])
            self._left[path], self._recovered[path] = job.only, job.crash_to_ns
            self.stats.waiting += 1
            self._idle.clear()
            self._fail(path)

    def catch_up(self, *, today: str) -> None:
        """Join and merge what an earlier life left of the days before `today`."""
        self._today = today
        self._spawn(self._merge_days(today), "merge days")

    def _merge_pending(self, unjoined: set[SeriesDay], *, before_day: str) -> None:
        """Merge every day before `before_day` that is still in minutes, but those whose parts are not joined."""
        for directory in self._config.directories:
            for day in pending_days(directory, purge=self._config.purge):
                if day.day < before_day and not self._is_left(day) and day not in unjoined:
                    self._want_merge(day)

    async def finish(self, *, timeout_s: float) -> bool:
        """Seal what is closed and join what is waiting; no merges any more. Returns whether all was done in time: what was not
        stays in its journals, which are durable, and the next start seals it. That is said in one line."""
        self._ending = True
        end = monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
                if self._config.interval_min > 1:
                    await self._join_all()
        except TimeoutError:
            note = "they are safe on the disk; the next start goes on with them"
            _log.warning("minutes are left to seal", journals=self.stats.waiting, failing=len(self._failing), note=note)
            return False
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(self._tasks, timeout=max(0.1, end - monotonic())) if self._tasks else None
        return True

    def _spawn(self, work: Coroutine[object, object, object], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, queue: asyncio.Queue[Path]) -> None:
        while True:
            path = await queue.get()
            if await self._seal(path, again=False):
                self._done_with()
                continue
            self._fail(path)

    def _fail(self, path: Path) -> None:
        self._failing.append(path)
        if len(self._failing) == 1:
            self._spawn(self._seal_again(), "seal again")

    async def _seal_again(self) -> None:
        """One journal at a time, the one that failed longest ago first: however many there are, they cost no more than one."""
        pauses = Pauses(self._config.seal_again)
        while self._failing:
            await asyncio.sleep(pauses.next_s())
            while self._failing and await self._seal(self._failing[0], again=True):
                self._failing.popleft()
                self._done_with()
                pauses.clear()
            self._failing.rotate(-1)
        self._complained.clear()

    def _is_left(self, day: SeriesDay) -> bool:
        """Whether a journal is still to be sealed again for this series' day, or may be."""
        return any(
            f"_{day.day}_" in path.name if names is None else any(what.rpartition(" ")[0] == str(day) for what in names)
            for path, names in self._left.items()
        )

    def _done_with(self) -> None:
        self.stats.waiting -= 1
        if self.stats.waiting == 0:
            self._idle.set()

    async def _seal(self, path: Path, *, again: bool) -> bool:
        """One try; whether all of the journal is sealed."""
        began = monotonic()
        result = self._made.get(path)
        try:
            if result is None:
                result = await self._pool.submit(seal_and_keep, await self._job(path, again=again))
            failed = result.failed
            if not failed:
                self._made[path] = result
                await asyncio.to_thread(self._let_go, path, result)
        except Exception as fault:  # noqa: BLE001  # the supervised place of all seals: counted, logged, done again
            lane = path.name.partition("_")[0]
            result, failed = None, [(f"lane {lane} {path.name}", str(fault) or type(fault).__name__)]
        if result is not None and not failed:
            del self._made[path]
            self._left.pop(path, None)
            self._sealed(path, result, monotonic() - began)
            return True
        if result is not None:
            if await self._note_left(path, frozenset(what for what, _ in failed)):
                self._count(result)
        elif path in self._made:
            await self._note_left(path, frozenset())
        self._left.setdefault(path, None)
        self.stats.failures += 1
        self._complain(failed)
        return False

    async def _note_left(self, path: Path, names: frozenset[str]) -> bool:
        """What it is still to be sealed for; whether that is written down for the next start. Until it is all of its day waits: the
        journal would be sealed again for series that are joined or merged by then."""
        if names != self._left.get(path):
            try:
                await asyncio.to_thread(note_left, path.parent, path.name, names)
            except (OSError, HogaError):  # the disk that refuses this has refused more, and that is told
                return False
            self._left[path] = names
        return True

    async def _job(self, path: Path, *, again: bool) -> SealJob:
        only, crash_to_ns = self._left.get(path), self._recovered.get(path)
        return SealJob(journals=[str(path)], crash_to_ns=crash_to_ns, again=again, only=only, level=await self._level(path))

    async def _level(self, path: Path) -> int:
        behind = self.stats.waiting - len(self._failing) > max(1, len(self._queues))
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError:  # somebody removed it: there is nothing to seal any more
            _log.error("a journal is gone before it was sealed", journal=path.name, note="what it held is lost: do not remove them by hand")
            size = 0
        return level_for(self._config.archive_format, journal_bytes=size, behind=behind, ending=self._ending)

    def _complain(self, failed: list[tuple[str, str]]) -> None:
        """Of each series once, until nothing fails any more."""
        fresh = {" ".join(what.split(" ")[:2]): (what, why) for what, why in failed}
        told = [said for name, said in fresh.items() if name not in self._complained]
        self._complained |= fresh.keys()
        for what, why in told[:_TELL]:
            _log.error(
                "cannot seal", what=what, why=why, more=max(0, len(told) - _TELL), note="its journals are kept, and it is tried again"
            )

    def _let_go(self, path: Path, result: SealResult) -> None:
        """In this order: a kill in between leaves the journal, and it is sealed once more."""
        self._keep(result)
        discard_journals([path])
        if path in self._left:
            with contextlib.suppress(OSError, HogaError):  # what it says of a journal that is gone misleads nobody
                note_left(path.parent)

    def _count(self, result: SealResult) -> None:
        stats = self.stats
        stats.segments += len(result.segments)
        stats.records += result.records
        stats.bytes += result.bytes
        stats.archive_bytes += result.archive_bytes
        stats.duplicates += result.duplicates

    def _sealed(self, path: Path, result: SealResult, seconds: float) -> None:
        self._count(result)
        self.stats.seal_s = seconds
        if result.damaged_bytes:
            _log.warning("damaged bytes in a journal", journal=path.name, bytes=result.damaged_bytes)
        name = parse_journal_name(path.name)
        assert name is not None, "checked when it was queued"
        earlier_life = path in self._recovered
        self._recovered.pop(path, None)
        if self._ending:
            return
        if earlier_life:  # its lane may be none of today's: it says nothing of how far those have come
            self._spawn(self._merge_days(max([self._today, *self._days.values()])), "merge days")
        else:
            self._after(name)

    def _after(self, name: JournalName) -> None:
        """A minute is sealed: is an interval over, is a day?"""
        end_ns = minute_start_ns(name.day, name.minute) + MINUTE_NS
        if self._config.interval_min > 1 and minute_floor_ns(end_ns, interval_min=self._config.interval_min) == end_ns:
            self._spawn(self._join_all(), "join")
        earlier = self._days.get(name.lane, name.day)
        self._days[name.lane] = today = max(earlier, name.day)
        if earlier != name.day:  # the next day has begun, or a minute of one that is over was sealed late
            self._spawn(self._merge_days(today), "merge days")

    async def _merge_days(self, today: str) -> None:
        """A day is merged only when nothing of it waits to be joined, by what lies on the disk: one that failed when the others were
        joined may have been sealed since. Its journal's seal comes back here; what could not be joined is tried again."""
        pauses = Pauses(self._config.merge_again)
        while True:
            tried = await self._join_all(before_day=today)  # also with an interval of one minute: an earlier one may have been longer
            unjoined = {day for directory in self._config.directories for day in await asyncio.to_thread(waiting_parts, directory)}
            if all(day >= today for day in self._days.values()):
                self._merge_pending(unjoined, before_day=today)
            if self._joins_again or not tried & unjoined:
                return
            self._joins_again = True  # one of these tasks waits, however many days pass with parts that nobody can join
            try:
                await asyncio.sleep(pauses.next_s())
            finally:
                self._joins_again = False
            today = max(today, *self._days.values())

    async def _join_all(self, *, before_day: str | None = None) -> set[SeriesDay]:
        """Join what may be joined; which days that were."""
        config, tried = self._config, set[SeriesDay]()
        for directory in config.directories:
            for day in await asyncio.to_thread(waiting_parts, directory):
                if (before_day is not None and day.day >= before_day) or self._is_left(day):
                    continue
                tried.add(day)
                try:
                    await self._pool.submit(_join_job, config, day)
                except Exception as fault:  # noqa: BLE001  # the supervised place of all joins: counted, logged, done again
                    self.stats.failures += 1
                    _log.error("cannot join", what=str(day), why=str(fault))
        return tried

    def _want_merge(self, day: SeriesDay) -> None:
        if day not in self._merges:
            self._merges.add(day)
            self._spawn(self._merge(day), f"merge {day}")

    async def _merge(self, day: SeriesDay) -> None:
        """One day of one series, once. Merges wait for one another: sealing must always find a free worker."""
        config, pauses = self._config, Pauses(self._config.merge_again)
        while True:
            pause = pauses.next_s()
            try:
                async with self._merging:
                    merged = await self._pool.submit(_merge_job, config, day)
                self._merged(merged, day)
                break
            except ArchiveBusy:
                pass
            except Exception as fault:  # noqa: BLE001  # the supervised place of all merges: counted, logged, done again
                self.stats.failures += 1
                _log.error("cannot merge", what=str(day), why=str(fault), retry_in_s=round(pause))
            await asyncio.sleep(pause)
        self._merges.discard(day)

    def _merged(self, merged: MergeResult, day: SeriesDay) -> None:
        if merged.state == "merged":
            self.stats.days += 1
            for flaw in merged.flaws[:3]:
                more = max(0, len(merged.flaws) - 3)
                _log.error("the day's account is not whole", what=str(day), why=flaw, more=more, note="hoga verify names it")
            figures = {"segments": merged.segments, "records": merged.records, "bytes": merged.bytes}
            _log.info("day merged", symbol=day.symbol, kind=day.kind, day=day.day, **figures)


def _join_job(config: SealingConfig, day: SeriesDay) -> list[str]:
    """`join_parts` as a pool job."""
    return join_parts(day, interval_min=config.interval_min, archive_format=segment_format(config.archive_format))


def _merge_job(config: SealingConfig, day: SeriesDay) -> MergeResult:
    """`merge_day` as a pool job; then, where days are to be Parquet, the day is made so once its merge was read back."""
    merged = merge_day(day, venue=config.venue, archive_format=segment_format(config.archive_format), purge=config.purge)
    if config.archive_format == "parquet" and merged.state in ("merged", "unchanged"):
        from hoga.archive.keep.convert import convert_day  # what only those need who ask for it

        try:
            convert_day(day)
        except (HogaError, ValueError) as fault:  # the day is whole as it is, and stays so
            _log.warning("the day is not made Parquet", what=str(day), why=str(fault))
    return merged
