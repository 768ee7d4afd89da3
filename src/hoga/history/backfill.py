"""history.backfill: the exchange's past, from its archive of files into a folder: planned, fetched, proven, read, and made into Parquet.

Several files come at a time; one is read meanwhile, in a thread that needs the same memory for any file. What is missing in a month is
looked for in its days. Killed at any moment, it goes on where it was: nothing that was finished is fetched again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import msgspec

from hoga.core.errors import DiskFull, HogaError
from hoga.core.pauses import Schedule
from hoga.history.csvrows import Converted, convert, difference, require_libraries
from hoga.history.fetch import SUPERSEDED, Fetcher, parquet_of
from hoga.history.index import Entry, Index
from hoga.history.plan import Plan, Planned, Published, Series, days_between, file_name, folders, plan, published, span_of
from hoga.history.rows import Facts, Finding, days_of_doubt, oddities, uncovered
from hoga.history.zipped import UnreadableZip, find_member
from hoga.net.download import Downloader, Patience
from hoga.net.rest import RestClient
from hoga.runtime import durable
from hoga.runtime.clock import SYSTEM, Clock
from hoga.venues.history import FileKind, HistorySpec

__all__ = ["BackfillReport", "Done", "Failed", "Job", "backfill"]

_EPOCH = date(1970, 1, 1)
_HOLES_TOLD = 20


class Done(msgspec.Struct, frozen=True):
    """A file that is here, proven and read. `findings`: what is odd about it, in sentences; a healthy file has none."""

    what: str
    findings: list[str]
    rows: int


class Failed(msgspec.Struct, frozen=True):
    """What is not here, or in doubt, and why."""

    what: str
    why: str


class BackfillReport(msgspec.Struct):
    """What came of it. `ok`: everything is here and nothing is missing or in doubt. `planned`: (file, bytes, whether it is here), of a
    dry run only."""

    ok: bool
    done: list[Done]
    failed: list[Failed]
    planned: list[tuple[str, int, bool]] = []


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be fetched, and how. `folder`: where files of this kind lie. `start` to `end`: days, both included. `today`: the day that
    is not over. `history_url`: scheme and host; `listing_url`: where the list is, the same or another host, with or without a path.
    `silence_s`: after so long without a byte a transfer is given up."""

    venue: str
    spec: HistorySpec
    kind: FileKind
    series: tuple[Series, ...]
    folder: Path
    start: date
    end: date
    today: date
    history_url: str
    listing_url: str
    tls: ssl.SSLContext | None = None
    silence_s: float = 100.0
    at_once: int = 8
    reserve_bytes: int = 0
    recheck: bool = False
    dry_run: bool = False
    schedule: Schedule | tuple[float, ...] = Schedule.VENUE


Progress = Callable[[int, int], object]
"""Told (files done, files in all)."""


async def backfill(job: Job, progress: Progress = lambda done, total: None, *, clock: Clock = SYSTEM) -> BackfillReport:
    """Bring what `job` asks for. Raises HogaError where it cannot even begin: libraries missing, folder not writable or in use, no list."""
    require_libraries()
    with Index(job.folder) as index:
        lists = RestClient(job.venue, job.listing_url, tls=job.tls, timeout_s=job.silence_s)
        small = RestClient(job.venue, job.history_url, tls=job.tls, timeout_s=job.silence_s)
        files = Downloader(
            job.venue,
            job.history_url,
            tls=job.tls,
            silence_s=job.silence_s,
            connections=job.at_once,
            patience=Patience(clock),
            clock=clock,
        )
        async with files, small, lists:
            fetcher = Fetcher(
                files,
                small,
                lists,
                index,
                reserve_bytes=job.reserve_bytes,
                schedule=job.schedule,
                clock=clock,
            )
            return await _Work(job, fetcher, index, progress).run()


class _Work:
    """One backfill under way."""

    def __init__(self, job: Job, fetcher: Fetcher, index: Index, progress: Progress) -> None:
        self._job = job
        self._fetcher = fetcher
        self._index = index
        self._progress = progress
        self._fetching = asyncio.Semaphore(job.at_once)
        self._reading = asyncio.Semaphore(1)
        self._done: dict[str, Entry] = {}
        self._failed: list[Failed] = []
        self._total = self._finished = 0
        self._full: DiskFull | None = None

    async def run(self) -> BackfillReport:
        job = self._job
        plans: list[tuple[Series, Published, Plan]] = []
        for series in job.series:
            listed = published(series, [each for prefix in self._prefixes(series) for each in await self._fetcher.listed(prefix)])
            plans.append((series, listed, plan(series, listed, job.start, job.end, today=job.today, held=set(self._index.entries))))
        if job.dry_run:
            return self._dry([each for _, _, each in plans])
        self._total = sum(len(each.files) for _, _, each in plans)
        await asyncio.gather(*(self._series(*each) for each in plans))
        done = [self._told(entry) for _, entry in sorted(self._done.items())]
        problems = [text for entry in self._done.values() for text, is_problem in entry.findings if is_problem]
        return BackfillReport(not self._failed and not problems, done, sorted(self._failed, key=lambda each: each.what))

    def _prefixes(self, series: Series) -> Iterable[str]:
        prefixes = folders(self._job.spec, series)
        return prefixes.values()

    async def _series(self, series: Series, listed: Published, made: Plan) -> None:
        missing = list(made.missing)
        await asyncio.gather(*(self._file(each) for each in made.files))
        days = self._days_in_doubt(listed, made)
        self._total += len(days)
        await asyncio.gather(*(self._file(each) for each in days))
        for each in missing:
            self._failed.append(Failed(each.name, each.why))
        self._tell_sources([each for each in made.files if each.monthly], days)
        self._tell_empty_days(series, made)
        self._tell_holes(series)

    async def _file(self, planned: Planned) -> None:
        try:
            entry = await self._brought(planned)
            if entry is not None:
                self._done[planned.name] = await self._read(planned, entry)
        except DiskFull as fault:
            self._full = fault
            self._fail(planned, fault)
        except HogaError as fault:
            self._fail(planned, fault)
        self._finished += 1
        self._progress(self._finished, self._total)

    def _fail(self, planned: Planned, fault: HogaError) -> None:
        self._failed.append(Failed(planned.name, str(fault).removeprefix(f"{planned.name}: ")))

    async def _brought(self, planned: Planned) -> Entry | None:
        async with self._fetching:
            if self._full is not None:
                self._failed.append(Failed(planned.name, f"not fetched: {self._full.why}"))
                return None
            return await self._fetcher.bring(planned, recheck=self._job.recheck)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, planned: Planned, entry: Entry) -> Entry:
        """What is in a file, and its Parquet. Nothing is done twice."""
        path = self._job.folder / planned.name
        if entry.read and (entry.facts is None or parquet_of(path).exists()):
            return entry
        async with self._reading:
            read = await asyncio.to_thread(self._converted, planned, entry, path)
        await asyncio.to_thread(self._index.put, read)
        return read

    def _converted(self, planned: Planned, entry: Entry, path: Path) -> Entry:
        step = self._step(planned.series)
        parquet, old = parquet_of(path), None
        try:
            if entry.superseded and not entry.read and parquet.exists():
                old = path.with_name(SUPERSEDED) / f"{parquet.stem}.{entry.superseded[-1]}.parquet"
                durable.rename(parquet, old)
            member = find_member(path)
            notes = {"venue": self._job.venue, "symbol": planned.series.symbol, "kind": self._job.kind.name, "sha256": entry.sha256}
            made = convert(path, member, parquet, self._job.kind, step=step, notes={**notes, "source": planned.name})
        except UnreadableZip as fault:
            return msgspec.structs.replace(entry, read=True, facts=None, findings=[(str(fault), True)])
        except OSError as fault:
            raise durable.write_fault(path, fault) from fault
        findings = [*_of_names(member.foreign), *_of_rows(made), *oddities(made.facts, _number(planned.first), _number(planned.last))]
        if old is not None:
            gone, come = difference(old, parquet, self._job.kind)
            findings.append(Finding(f"it was published anew: {gone} rows are gone, {come} are new; the old one is in {SUPERSEDED}/", False))
        return msgspec.structs.replace(entry, read=True, facts=made.facts, findings=[(each.text, each.is_problem) for each in findings])

    def _step(self, series: Series) -> int | None:
        if not self._job.kind.chained:
            return None
        return self._job.spec.intervals[series.interval] * 1_000_000 if series.interval else 1

    # -- what is missing --------------------------------------------------------------------------------------------

    def _days_in_doubt(self, listed: Published, made: Plan) -> list[Planned]:
        """The files of the days that a month lacks, or that touch what it lacks."""
        found: list[Planned] = []
        for month in made.files:
            entry = self._done.get(month.name)
            if not month.monthly:
                continue
            facts = Facts() if entry is None or entry.facts is None else entry.facts
            for number in days_of_doubt(facts, range(_number(month.first), _number(month.last) + 1)):
                day = _EPOCH + timedelta(days=number)
                if day in listed.daily:
                    found.append(listed.daily[day])
        return found

    def _tell_sources(self, months: list[Planned], days: list[Planned]) -> None:
        """Where the days are from that a month lacks, or had in part."""
        for month in months:
            entry = self._done.get(month.name)
            own = [each.name for each in days if month.first <= each.first <= month.last and each.name in self._done]
            if own and entry is not None:
                names = ", ".join(own[:3]) + (f" and {len(own) - 3} more" if len(own) > 3 else "")
                self._done[month.name] = msgspec.structs.replace(entry, findings=[*entry.findings, (f"completed by {names}", False)])

    def _tell_empty_days(self, series: Series, made: Plan) -> None:
        """Days of the range that were promised by a file, and of which no file has a row."""
        here = {day for name, entry in self._done.items() if span_of(series, name) and entry.facts for day in entry.facts.days}
        for planned in made.files:
            if planned.name not in self._done:
                continue  # told already
            first, last = max(planned.first, self._job.start), min(planned.last, self._job.end)
            for day in days_between(first, last):
                if _number(day) not in here:
                    self._failed.append(Failed(file_name(series, day.isoformat()), "no file has a row of this day"))

    def _tell_holes(self, series: Series) -> None:
        """Ids that are in no file of the range."""
        entries = [entry for name, entry in self._done.items() if span_of(series, name) is not None]
        holes = uncovered([entry.facts for entry in entries if entry.facts is not None], self._step(series))
        what = file_name(series, f"{self._job.start.isoformat()}…{self._job.end.isoformat()}").removesuffix(".zip")
        for hole in holes[:_HOLES_TOLD]:
            self._failed.append(Failed(what, hole.text()))
        if len(holes) > _HOLES_TOLD:
            self._failed.append(Failed(what, f"and {len(holes) - _HOLES_TOLD} more holes"))

    # -- telling ----------------------------------------------------------------------------------------------------

    def _told(self, entry: Entry) -> Done:
        return Done(entry.name, [text for text, _ in entry.findings], 0 if entry.facts is None else entry.facts.rows)

    def _dry(self, plans: list[Plan]) -> BackfillReport:
        files = [each for made in plans for each in made.files]
        failed = [Failed(each.name, each.why) for made in plans for each in made.missing]
        planned = [(each.name, each.listed.bytes, each.name in self._index.entries) for each in files]
        return BackfillReport(not failed, [], failed, planned)


def _of_names(foreign: list[str]) -> list[Finding]:
    return [Finding(f"{name} is in it too, and was left alone", True) for name in foreign]


def _of_rows(made: Converted) -> list[Finding]:
    """What was odd about the rows, whatever was done about it."""
    found: list[Finding] = []
    if not made.sorted and not made.doubled and not made.conflicting:
        found.append(Finding("its rows are not in the order of their ids: they are sorted in the Parquet file", False))
    if made.doubled:
        found.append(Finding(f"{made.doubled} rows are there twice: each is kept once", False))
    for conflict in made.conflicts[:3]:
        found.append(Finding(f"id {conflict.id} has different rows, all kept: {' | '.join(conflict.rows)}", True))
    if made.conflicting > 3:
        found.append(Finding(f"{made.conflicting} ids have different rows; all are kept", True))
    found += [Finding(hole.text(), False) for hole in made.facts.holes[:3]]  # another file may have them: see `_tell_holes`
    if len(made.facts.holes) > 3:
        found.append(Finding(f"{len(made.facts.holes)} holes, {made.facts.missing} ids are missing in all", False))
    return found


def _number(day: date) -> int:
    return (day - _EPOCH).days
