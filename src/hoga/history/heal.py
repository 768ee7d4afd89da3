"""history.heal: trades that were not received are fetched afterwards: over REST within the venue's limits, else from its files.

What was received keeps its bytes: healed rows lie in a file beside the day (`archive.form.healed`), which ledger or manifest name. Ids
that nobody has any more stay missing, and are told. Done again, nothing is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from hoga.archive.form.discover import venue_of
from hoga.archive.form.envelope import healed_event_ms, healed_line
from hoga.archive.form.healed import Healed, HealedRange, HealedRow, healed_path, pack_rows, read_rows
from hoga.archive.form.ledger import HealedEntry, append_entries
from hoga.archive.form.manifest import encode_manifest, read_manifest
from hoga.archive.form.records import RecordReader
from hoga.archive.form.semantics import SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import series_lock
from hoga.archive.read.reader import read_stretches
from hoga.archive.read.stretches import find_stretches
from hoga.archive.read.told import gaps_of, healed_of
from hoga.core.errors import ArchiveError, HogaError, RateLimited, Refused, SegmentCorrupt, VenueError
from hoga.core.pauses import Pauses, Schedule
from hoga.core.times import DAY_NS, MS_NS, day_of
from hoga.history.refill import Lack, between_records, left_over, proven
from hoga.history.zipped import UnreadableZip, blocks, find_member
from hoga.net.rest import RestClient
from hoga.runtime import durable
from hoga.venues.refill import Refill, Refilled
from hoga.venues.registry import channels_for
from hoga.venues.request import Request
from hoga.venues.spec import VenueSpec

__all__ = ["Files", "HealReport", "HealedDay", "Left", "Unhealed", "heal_series"]

_EPOCH = date(1970, 1, 1)
_ATTEMPTS = 4
_NEAR_NS = 60_000_000_000
"""A trade is told within a minute: so much further than the receipts around a hole its file is looked for."""
_BELIEVED_MS = 86_400_000
"""A row further than this from the receipts around its hole is another trade's, or its time is in another unit: no clock that recorded
is as wrong as that."""
_REST = "rest"

Files = Callable[[str, str, date, date], Awaitable[tuple[list[Path], list[str]]]]
"""`await files(symbol, type, first day, last day)`: the exchange's proven files of these days, and why others are not there."""


class HealedDay(msgspec.Struct, frozen=True):
    """A healed file that was written: `rows` are new in it, `sources` where these are from."""

    what: str
    rows: int
    sources: list[str]


class Unhealed(msgspec.Struct, frozen=True):
    """What is still missing, or could not be done, and why."""

    what: str
    why: str


class Left(msgspec.Struct, frozen=True):
    """Ids that stay missing."""

    what: str
    chain: str
    from_id: int
    to_id: int
    from_ns: int
    to_ns: int
    missed: int


class HealReport(msgspec.Struct):
    """What came of it. `ok`: no id that is proven missing is missing any more."""

    ok: bool
    done: list[HealedDay]
    failed: list[Unhealed]
    gaps: list[Left]


async def heal_series(
    days: Sequence[SeriesDay],
    spec: VenueSpec,
    rest: RestClient,
    files: Files | None,
    *,
    now_ns: int,
    schedule: Schedule | tuple[float, ...] = Schedule.VENUE,
) -> HealReport:
    """Heal one series: `days` are all of its days that are to be looked at, in order. `files`: None where the venue has no archive.

    Raises ArchiveError, SegmentCorrupt, ManifestMismatch (what is recorded cannot be read), DiskFull.
    """
    return await _Healing(days, spec, rest, files, now_ns, schedule).run()


class _Healing:
    """One series being healed."""

    def __init__(
        self,
        days: Sequence[SeriesDay],
        spec: VenueSpec,
        rest: RestClient,
        files: Files | None,
        now_ns: int,
        schedule: Schedule | tuple[float, ...],
    ) -> None:
        self._days = list(days)
        self._spec = spec
        self._rest = rest
        self._files = files
        self._now_ns = now_ns
        self._schedule = schedule
        self._symbol = days[0].symbol
        self._name = f"{spec.name}:{self._symbol}"
        self._report = HealReport(True, [], [], [])
        self._told: dict[SeriesDay, Healed | None] = {}
        self._rows: dict[SeriesDay, dict[tuple[str, int], HealedRow]] = {}
        self._new: dict[SeriesDay, list[tuple[HealedRow, str]]] = {}
        self._ranges: dict[SeriesDay, set[HealedRange]] = {}

    async def run(self) -> HealReport:
        lacks = await asyncio.to_thread(self._find)
        refills = {refill.chain: refill for refill in self._spec.refills}
        for lack in lacks:
            refill = refills.get(lack.chain)
            if refill is not None:
                await self._refill(refill, lack)
        for day in self._days:
            if day in self._new or self._is_untold(day):
                await asyncio.to_thread(self._write, day)
        self._report.ok = not self._report.failed
        return self._report

    # -- what is missing --------------------------------------------------------------------------------------------

    def _find(self) -> list[Lack]:
        """Every lack of the series that nothing has filled yet."""
        channels = channels_for(self._spec.name, self._days[0].kind)
        scan = SeriesScan(channels, check_books=False)
        reader = RecordReader(channels)
        uncounted = [refill.chain for refill in self._spec.refills if not refill.counted]
        records: list[tuple[int, int]] = []
        for day in self._days:
            for _, text in read_stretches(find_stretches(day).sealed, start_ns=0, end_ns=2**63):
                scan.feed(text)
                if uncounted:
                    records += _receipts(reader, text)
            for row in self._kept(day, reader):
                if row.chain in scan.runs:
                    at_ns = row.event_ms * MS_NS
                    scan.runs[row.chain].add(row.id, row.id, from_ns=at_ns, to_ns=at_ns, offset=0)
        counted = {refill.chain for refill in self._spec.refills if refill.counted}
        found = [
            Lack(chain, hole.first, hole.last, hole.from_ns, hole.to_ns)
            for chain, runs in scan.runs.items()
            if chain in counted
            for hole in runs.holes()
        ]
        for chain in uncounted:
            gaps = [gap for day in self._days for gap in gaps_of(day)]
            ranges = [each for day in self._days for each in self._ranges[day]]
            found += proven(between_records(chain, sorted(records), gaps), ranges)
        return found

    def _kept(self, day: SeriesDay, reader: RecordReader) -> Iterable[HealedRow]:
        """The rows of the day's healed file, those too that a kill left untold."""
        told = healed_of(day)
        self._told[day] = told
        self._ranges[day] = set(told.ranges if told is not None else ())
        path = healed_path(day)
        if not path.exists():
            return ()
        try:
            lines = read_rows(path, told)
        except SegmentCorrupt:
            try:
                lines = read_rows(path)  # a kill came between the file and what tells of it
                self._told[day] = None
            except SegmentCorrupt:
                if told is not None:
                    raise
                return ()
        rows = _rows_of(lines, reader)
        self._rows[day] = {(row.chain, row.id): row for row in rows}
        return rows

    def _is_untold(self, day: SeriesDay) -> bool:
        return bool(self._rows.get(day)) and self._told.get(day) is None

    # -- fetching ---------------------------------------------------------------------------------------------------

    async def _refill(self, refill: Refill, lack: Lack) -> None:
        whys: list[str] = []
        rows, why = await self._from_rest(refill, lack)
        rows, strange = _of_their_time(lack, rows)
        why = why or (f"REST tells {strange}" if strange else "")
        self._take(refill, rows, _REST)
        left = left_over(lack, (row.id for row in rows)) if refill.counted else []
        if why:
            whys.append(why)
        if not refill.counted and not why:
            self._note_range(HealedRange(lack.chain, lack.first, lack.last, _REST), lack)
        if left and self._files is not None and refill.file is not None:
            found, more = await self._from_files(refill, left)
            left = [part for lacking in left for part in left_over(lacking, found)]
            whys += more
        if not refill.counted and why:
            left = [lack]
        for part in left:
            what = f"{self._name} {part.text()}"
            self._report.failed.append(Unhealed(what, "; ".join(whys) or "the venue does not tell them"))
            self._report.gaps.append(
                Left(self._name, part.chain, part.first, part.last, part.from_ns, part.to_ns, part.last - part.first + 1)
            )

    async def _from_rest(self, refill: Refill, lack: Lack) -> tuple[list[Refilled], str]:
        """What REST has of a lack, and why not all of it; "" when it is all."""
        found: dict[int, Refilled] = {}
        try:
            why = await (self._upwards(refill, lack, found) if refill.counted else self._downwards(refill, lack, found))
        except HogaError as fault:  # what came before it is as good
            why = f"REST: {fault}"
        return list(found.values()), why

    async def _upwards(self, refill: Refill, lack: Lack, found: dict[int, Refilled]) -> str:
        """By id, from the first one on."""
        at, why = lack.first, ""
        while at <= lack.last:
            limit = min(refill.limit, lack.last - at + 1)
            rows = await self._asked(refill, refill.path(self._symbol, at, limit))
            if not rows:
                return why or f"REST has no ids from {at} on"
            if rows[0].id > at:
                why = (
                    f"REST serves ids from {rows[0].id} on" if rows[0].id > lack.last else why or f"REST leaves out ids before {rows[0].id}"
                )
            found |= {row.id: row for row in rows if at <= row.id <= lack.last}
            if rows[-1].id < at:
                return f"REST answered id {at} with {rows[-1].id}"
            at = rows[-1].id + 1
        return why

    async def _downwards(self, refill: Refill, lack: Lack, found: dict[int, Refilled]) -> str:
        """Newest first, before an id, as far as the venue goes back."""
        today = self._now_ns // DAY_NS
        days_ago, oldest = today - lack.to_ns // DAY_NS, today - lack.from_ns // DAY_NS
        if refill.days is not None and oldest > refill.days:
            return f"REST serves the last {refill.days} days"
        before = lack.last + 1
        while True:
            if days_ago and refill.days_path is not None:
                path = refill.days_path(self._symbol, before, refill.limit, days_ago)
            else:
                path = refill.path(self._symbol, before, refill.limit)
            rows = [row for row in await self._asked(refill, path) if row.id < before]
            found |= {row.id: row for row in rows if row.id >= lack.first}
            if rows and min(row.id for row in rows) < lack.first:
                return ""
            if rows:
                before = min(row.id for row in rows)
            elif days_ago < oldest:
                days_ago += 1
            else:
                return f"REST has no trades before id {before}"

    async def _asked(self, refill: Refill, path: str) -> list[Refilled]:
        """One answer, in the order of ids. Raises VenueError after some attempts."""
        pauses = Pauses(self._schedule)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return sorted(await self._once(refill, path))
            except RateLimited as fault:
                if attempt == _ATTEMPTS:
                    raise
                await self._rest.clock.sleep(fault.retry_after_s)
            except VenueError as fault:
                if attempt == _ATTEMPTS or (isinstance(fault, Refused) and 400 <= fault.status < 500):
                    raise
                await self._rest.clock.sleep(pauses.next_s())
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, refill: Refill, path: str) -> list[Refilled]:
        request = Request(path=path, weight=refill.weight, groups=refill.groups)
        return await self._rest.read(request, lambda body: refill.rows(body, self._symbol))

    async def _from_files(self, refill: Refill, lacks: list[Lack]) -> tuple[list[int], list[str]]:
        """The ids that the exchange's files had, and why not all are there."""
        assert self._files is not None and refill.file is not None and refill.line is not None, "asked only where there are files"
        first = _EPOCH + timedelta(days=(min(lack.from_ns for lack in lacks) - _NEAR_NS) // DAY_NS)
        last = _EPOCH + timedelta(days=(max(lack.to_ns for lack in lacks) + _NEAR_NS) // DAY_NS)
        today = _EPOCH + timedelta(days=self._now_ns // DAY_NS)
        if first >= today:
            return [], ["the exchange's file of the day is not published yet"]
        paths, whys = await self._files(self._symbol, refill.file, first, min(last, today - timedelta(days=1)))
        found: list[int] = []
        for path in paths:
            try:
                rows = await asyncio.to_thread(_lines_of, path, refill, self._symbol, lacks)
            except (UnreadableZip, ValueError, OSError) as fault:
                whys.append(f"{path.name}: {fault}")
                continue
            for lack in lacks:
                good, strange = _of_their_time(lack, [row for row in rows if lack.first <= row.id <= lack.last])
                self._take(refill, good, path.name)
                found += [row.id for row in good]
                whys += [f"{path.name} tells {strange}"] if strange else []
        if not whys and paths:
            whys.append(f"{', '.join(path.name for path in paths)} has no such ids")
        return found, whys

    # -- keeping ----------------------------------------------------------------------------------------------------

    def _take(self, refill: Refill, rows: list[Refilled], source: str) -> None:
        for row in rows:
            line = healed_line(row.payload, source=source, healed_ns=self._now_ns, event_ms=row.event_ms)
            day = self._day_for(row.event_ms)
            known = self._rows.setdefault(day, {})
            if (refill.chain, row.id) not in known:
                healed = HealedRow(refill.chain, row.id, row.event_ms, line)
                known[refill.chain, row.id] = healed
                self._new.setdefault(day, []).append((healed, source))

    def _note_range(self, ranged: HealedRange, lack: Lack) -> None:
        """Between two records nothing more is to be had: nobody needs to ask again."""
        day = self._day_for(lack.from_ns // MS_NS)
        self._ranges[day].add(ranged)
        self._new.setdefault(day, [])

    def _day_for(self, event_ms: int) -> SeriesDay:
        """The day that a trade belongs to; the nearest before it where nothing was recorded that day."""
        wanted = day_of(event_ms * MS_NS)
        return max((day for day in self._days if day.day <= wanted), default=self._days[0], key=lambda day: day.day)

    def _write(self, day: SeriesDay) -> None:
        """The healed file, then what tells of it. Another heal may have written meanwhile: what it has stays."""
        with series_lock(day):
            rows, ranges = self._rows.pop(day, {}), self._ranges[day]
            self._kept(day, RecordReader(channels_for(self._spec.name, day.kind)))
            theirs = self._rows.get(day, {})
            new = [(row, source) for row, source in self._new.get(day, []) if (row.chain, row.id) not in theirs]
            ranges |= self._ranges[day] | set(_ranges_of(new))
            packed, healed = pack_rows(day, list((rows | theirs).values()), ranges=sorted(ranges), healed_ns=self._now_ns)
            durable.write_file(healed_path(day), [packed])
            manifest = read_manifest(day.manifest_path)
            try:
                if manifest is None or day.ledger.exists():
                    append_entries(day.ledger, [HealedEntry(healed=healed)])
                else:
                    durable.write_file(day.manifest_path, [encode_manifest(msgspec.structs.replace(manifest, healed=healed))])
            except OSError as fault:
                raise durable.write_fault(day.ledger, fault) from fault
        if new:
            sources = sorted({source for _, source in new})
            self._report.done.append(HealedDay(str(healed_path(day)), len(new), sources))


def group(days: Iterable[SeriesDay]) -> list[tuple[str, list[SeriesDay]]]:
    """The series among these days: (venue, days in order)."""

    def key(day: SeriesDay) -> tuple[str, str, str]:
        return str(day.directory), day.symbol, day.kind

    found: list[tuple[str, list[SeriesDay]]] = []
    for _, each in groupby(sorted(days, key=lambda day: (*key(day), day.day)), key=key):
        of = list(each)
        manifests = [manifest for day in of if (manifest := read_manifest(day.manifest_path)) is not None]
        found.append((manifests[0].venue if manifests else venue_of(of[0].directory), of))
    return found


def _receipts(reader: RecordReader, text: bytes) -> list[tuple[int, int]]:
    records = reader.read(text)
    if records is None:
        return []
    return [
        (record.recvNs, number)
        for record, number in zip(records, reader.last_ids(records), strict=True)
        if record.recvNs is not None and number is not None
    ]


def _rows_of(lines: list[bytes], reader: RecordReader) -> list[HealedRow]:
    """Healed lines with the chain and id that the reader sees in them."""
    if not lines:
        return []
    records = reader.read(b"\n".join(lines) + b"\n")
    if records is None:
        raise ArchiveError("healed rows", "a line is no record")
    places = {id(record): at for at, record in enumerate(records)}
    found: dict[int, HealedRow] = {}
    for chain in reader.chains(records):
        for record, (first, _) in zip(chain.records, chain.spans, strict=True):
            at = places[id(record)]
            found[at] = HealedRow(chain.name, first, healed_event_ms(lines[at]), lines[at])
    for at, number in enumerate(reader.last_ids(records)):
        if at not in found and number is not None:
            found[at] = HealedRow("execution", number, healed_event_ms(lines[at]), lines[at])
    return [found[at] for at in sorted(found)]


def _lines_of(path: Path, refill: Refill, symbol: str, lacks: list[Lack]) -> list[Refilled]:
    """The rows of an exchange's file that are lacking."""
    assert refill.line is not None, "there is a file"
    spans = [(lack.first, lack.last) for lack in lacks]
    low, high = min(first for first, _ in spans), max(last for _, last in spans)
    found: dict[int, Refilled] = {}
    for text in blocks(path, find_member(path)):
        for line in text.splitlines():
            head = line.partition(b",")[0]
            if not head.isdigit() or not low <= (number := int(head)) <= high:
                continue
            if any(first <= number <= last for first, last in spans):
                found[number] = refill.line(line, symbol)
    return list(found.values())


def _of_their_time(lack: Lack, rows: list[Refilled]) -> tuple[list[Refilled], str]:
    """Those that can have been traded when the lack's were, and what is wrong with the first of the others."""
    low, high = lack.from_ns // MS_NS - _BELIEVED_MS, lack.to_ns // MS_NS + _BELIEVED_MS
    strange = next((f"id {row.id} at another time ({row.event_ms} ms)" for row in rows if not low <= row.event_ms <= high), "")
    return [row for row in rows if low <= row.event_ms <= high] if strange else rows, strange


def _ranges_of(rows: list[tuple[HealedRow, str]]) -> list[HealedRange]:
    """Runs of ids from one source."""
    found: list[HealedRange] = []
    for row, source in sorted(rows, key=lambda each: (each[0].chain, each[0].id)):
        last = found[-1] if found else None
        if last is not None and (last.chain, last.source, last.last) == (row.chain, source, row.id - 1):
            found[-1] = HealedRange(row.chain, last.first, row.id, source)
        else:
            found.append(HealedRange(row.chain, row.id, row.id, source))
    return found
