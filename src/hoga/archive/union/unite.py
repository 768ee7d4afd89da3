"""archive.union.unite: one series' day of several archives becomes one day file, with whatever any of them got, each record once.

    read       every record of every archive is marked (`union.recording`), the law (`union.law`) says which stay
    write      minutes to which only one archive gave anything are spliced as they are; the others are sorted by receipt and compressed anew
    describe   what is missing still, who filled what for whom, what each had (`union.account`)
    commit     as the day merge does: a kill at any moment leaves the old day or the new one

The archives are only read. A united day is united again like any other; what was there before is one of the archives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from hoga.archive.form.audit import Flaw
from hoga.archive.form.conflicts import Conflict, IdPayloads
from hoga.archive.form.deflate import BLOCK_BYTES
from hoga.archive.form.layout import suffix_of
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, DigestEntry, GapEntry, LiveEntry, SegmentEntry
from hoga.archive.form.locate import Located
from hoga.archive.form.manifest import (
    ArchiveFile,
    CollectorRow,
    DayAccount,
    FoldedLedger,
    Manifest,
    SegmentRow,
    build_manifest,
    counted_missed,
    read_manifest,
)
from hoga.archive.form.recorded import proving_spans
from hoga.archive.form.records import Record, RecordReader
from hoga.archive.form.semantics import SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import day_span, without
from hoga.archive.form.store import sha256_of
from hoga.archive.keep.daymerge import SPOOL_SUFFIX, commit_day, finish_commit
from hoga.archive.keep.splice import Part, Placed, ReadBack, copied_back, read_back, recompress, row_part, splice
from hoga.archive.union.account import collector_rows, filled_gaps, is_made_of, recorded_of, remaining_gaps, replaces, united_live
from hoga.archive.union.law import kept
from hoga.archive.union.recording import EDGE_NS, Collectors, Recording, Stretch, beside_of, minute_number, open_recording
from hoga.core.errors import ArchiveError, ManifestMismatch
from hoga.core.times import day_start_ns
from hoga.runtime.durable import make_folder, temporary_for, unlink, write_fault
from hoga.venues.registry import channels_for

__all__ = ["Source", "United", "unite_day"]


_EXAMPLES = 100
"""Conflicts of a day that are told one by one; `hoga verify` names what there is."""


class Source(NamedTuple):
    """One archive's day of the series, merged. `label`: what its collector is called where its connections bear no name."""

    label: str
    day: SeriesDay


class United(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: united (a day file was written), unchanged (it was all there). `added`: records that the day did not have before,
    `spliced`: minutes taken over as they were, of `segments`; `gaps` that nobody filled, `filled`: pieces of gaps that somebody
    did. `conflicts`: how many ids collectors brought with other payloads in one minute; `examples`: the first of them."""

    state: str
    archive: Path
    records: int
    added: int
    segments: int
    spliced: int
    conflicts: int
    gaps: int
    filled: int
    sha256: str
    examples: tuple[Conflict, ...] = ()


class _Minute(msgspec.Struct, kw_only=True):
    """A segment of the united day: spliced as it was (`row` describes it), or made here (`receipts`: of its first and last line)."""

    minute: str
    span_min: int
    part: Part
    records: int
    row: SegmentRow | None = None
    receipts: tuple[int, int] | None = None
    state: str = "sealed"


def unite_day(
    sources: Sequence[Source],
    into: SeriesDay,
    *,
    archive_format: str = "zip",
    order: Iterable[str] = (),
    absent: Iterable[str] = (),
    anew: bool = False,
    step: Callable[[str], None] = lambda name: None,
) -> United:
    """Make the day `into` hold whatever any of `sources`, or itself, has.

    Args:
        order: names of collectors: of one record that several have, that of the first of them stays.
        absent: collectors that may have more of it; the manifest names them.
        anew: `sources` are what an earlier union was made of, grown since: where its collectors are all among them, the day is made of them
            alone. Nothing is done where neither they, nor the ends of the days beside, nor `order` are others than then.
        step: is called with the name of each step when it is done.

    Raises:
        SegmentCorrupt, ManifestMismatch: a source is not what it says of itself. DiskFull, OSError: it could not be written. Nothing was
        changed.
    """
    target = into.directory / (into.stem + suffix_of(archive_format))
    try:
        return _unite(sources, into, target, archive_format, list(order), sorted(set(absent)), anew, step)
    except OSError as fault:
        if isinstance(fault.filename, str) and not Path(fault.filename).is_relative_to(into.directory):
            raise ArchiveError(fault.filename, f"cannot be read: {fault.strerror}") from fault
        raise write_fault(target, fault) from fault


def _unite(
    sources: Sequence[Source],
    into: SeriesDay,
    target: Path,
    archive_format: str,
    order: list[str],
    absent: list[str],
    anew: bool,
    step: Callable[[str], None],
) -> United:
    before = read_manifest(into.manifest_path)
    beside = beside_of(order, ((each.label, each.day) for each in sources)) if anew else ""
    if before is not None:
        finish_commit(into.manifest_path, before)
        accounts = [(each.label, read_manifest(each.day.manifest_path)) for each in sources] if anew else []
        if anew and (before.absent, before.beside) == (absent, beside) and is_made_of(before, accounts):
            return _unchanged(target, before)
        if not (anew and replaces(before, accounts)):
            sources = [Source("", into), *sources]
    make_folder(into.directory)
    spool = target.with_name(target.name + SPOOL_SUFFIX)
    for left in (spool, temporary_for(target), temporary_for(into.manifest_path)):  # of a union that was killed
        unlink(left, missing_ok=True)
    work = _Union(sources, into, target, spool, archive_format, order, absent, beside, before)
    if before is not None and work.is_unchanged():
        return work.told("unchanged", before)
    try:
        manifest = commit_day(target, into.manifest_path, work.prepare, step=step)
        made = work.told("united" if manifest != before else "unchanged", manifest)
        if before is not None and before.archive.file != target.name:  # it was kept in the other format
            unlink(target.with_name(before.archive.file), missing_ok=True)
        return made
    finally:
        unlink(spool, missing_ok=True)


def _unchanged(target: Path, manifest: Manifest) -> United:
    return United(
        state="unchanged",
        archive=target,
        records=manifest.records,
        added=0,
        segments=len(manifest.segments),
        spliced=0,
        conflicts=0,
        gaps=len(manifest.gaps),
        filled=len(manifest.filled),
        sha256=manifest.sha256,
    )


class _Union:
    def __init__(
        self,
        sources: Sequence[Source],
        into: SeriesDay,
        target: Path,
        spool: Path,
        archive_format: str,
        order: list[str],
        absent: list[str],
        beside: str,
        before: Manifest | None,
    ) -> None:
        self._into, self._format, self._before, self._absent, self._beside = into, archive_format, before, absent, beside
        self.target, self.spool = target, spool
        self._collectors = Collectors(order)
        self._recordings = _opened(sources, self._collectors)
        ranks = self._collectors.ranks()
        marks = [each.marks._replace(ranks=ranks[each.who]) if len(each.who) else each.marks for each in self._recordings]
        self._stays = kept(marks, lambda source, at: self._recordings[source].line(at))
        self._manifests = [each.manifest for each in self._recordings if each.manifest is not None]
        self.venue = self._manifests[0].venue
        self._channels = channels_for(self.venue, into.kind)
        self._reader = RecordReader(self._channels)
        self._alone = len({each.sha256 for each in self._manifests if each.records}) <= 1
        self._spliced = 0
        self._conflicts: list[Conflict] = []

    def is_unchanged(self) -> bool:
        """Whether the day that is there has all of it, and tells all that is told of it."""
        if self._before is None or self._recordings[0].day != self._into or self._before.absent != self._absent:
            return False
        mine = [self._own(number) for number in range(len(self._recordings))]
        told = [msgspec.structs.replace(row, won=None) for row in self._rows_of_collectors()]
        known = [msgspec.structs.replace(row, won=None) for row in self._before.collectors or ()]
        return bool(mine[0].all()) and not any(each.any() for each in mine[1:]) and told == known

    def told(self, state: str, manifest: Manifest) -> United:
        """What came of it."""
        return United(
            state=state,
            archive=self.target,
            records=manifest.records,
            added=manifest.records - (self._before.records if self._before is not None else 0),
            segments=len(manifest.segments),
            spliced=self._spliced,
            conflicts=len(self._conflicts),
            gaps=len(manifest.gaps),
            filled=len(manifest.filled),
            sha256=manifest.sha256,
            examples=tuple(self._conflicts[:_EXAMPLES]),
        )

    def prepare(self, temporary: Path) -> Manifest:
        """Write the day file, read it back, describe it."""
        minutes = list(self._minutes())
        parts = [each.part for each in minutes]
        note = msgspec.json.encode({"format": "hoga-day/1", "segments": len(parts), "bytes": sum(part.text_bytes for part in parts)})
        placed = splice(
            parts,
            temporary,
            archive_format=self._format,
            member=f"{self._into.stem}.jsonl",
            note=note,
            modified_ns=day_start_ns(self._into.day),
        )
        gives_away = self._gives_away()
        scan = SeriesScan(self._channels, check_books=False) if self._reader.is_chained or gives_away else None
        if scan is None and (whole := self._copied(minutes)) is not None:
            copied_back(temporary, placed)
            read = ReadBack(records=[row.records for row in whole.segments], sha256=whole.sha256)
        else:
            read = read_back(temporary, placed, on_block=lambda index, block: scan.feed(block) if scan is not None else None)
        ids = self._ids_told()
        if scan is not None and gives_away and ids != (None, None):
            facts = scan.end()
            ids = facts.first_id, facts.last_id
        return self._described(minutes, placed, read, scan if self._reader.is_chained else None, ids, temporary)

    def _gives_away(self) -> bool:
        """Whether a record of the day is another's in a day beside it, and stays there: then what the accounts tell of ids is too much."""
        low, high = day_span(self._into.day)
        beside, gone = [], []
        for recording, stays in zip(self._recordings, self._stays, strict=True):
            own, marks = recording.own, recording.marks
            beside += [marks.keys[: own.start][stays[: own.start]], marks.keys[own.stop :][stays[own.stop :]]]
            late = (marks.receipts[own] < low + EDGE_NS) | (marks.receipts[own] >= high - EDGE_NS)
            gone.append(marks.keys[own][late & ~stays[own]])
        return bool(np.isin(np.concatenate(gone), np.concatenate(beside)).any())

    def _ids_told(self) -> tuple[int | None, int | None]:
        """The smallest and the largest that any account tells of."""
        return (
            min((each.first_id for each in self._manifests if each.first_id is not None), default=None),
            max((each.last_id for each in self._manifests if each.last_id is not None), default=None),
        )

    def _copied(self, minutes: list[_Minute]) -> Manifest | None:
        """The account of the recording of which these are the compressed bytes, all of them, in its order: its text was proven against it
        when the records were marked, so that its SHA-256 is theirs. None when there is none."""
        for recording in self._recordings:
            manifest, located = recording.manifest, recording.located
            if manifest is not None and located is not None and self._is_joinable(located):
                rows = manifest.segments
                if len(rows) == len(minutes) and all(each.row is row for each, row in zip(minutes, rows, strict=True)):
                    return manifest
        return None

    def _is_joinable(self, located: Located) -> bool:
        return located.ours and located.archive_format == self._format

    def _own(self, number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which records of the day itself stay, of one recording."""
        return self._stays[number][self._recordings[number].own]

    def _minutes(self) -> Iterator[_Minute]:
        for minute, span_min, inside in _windows(self._recordings):
            giving = [(number, stretch) for number, stretch in inside if self._chosen(number, stretch).any()]
            numbers = {number for number, _ in giving}
            whole = all(self._chosen(number, stretch).all() for number, stretch in inside if number in numbers)
            if len(numbers) == 1 and whole and (self._alone or self._is_in_order(giving)):
                self._spliced += 1
                for number, stretch in giving:
                    yield self._taken(self._recordings[number], stretch)
            elif giving:
                yield self._made(minute, span_min, giving)

    def _chosen(self, number: int, stretch: Stretch) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return self._stays[number][stretch.first : stretch.first + stretch.records]

    def _is_in_order(self, giving: list[tuple[int, Stretch]]) -> bool:
        """Whether the records stand as they would be sorted: no two were received at once."""
        receipts = [self._recordings[number].marks.receipts[each.first : each.first + each.records] for number, each in giving]
        return bool((np.diff(np.concatenate(receipts)) > 0).all())

    def _taken(self, recording: Recording, stretch: Stretch) -> _Minute:
        row, located = stretch.row, recording.located
        assert row is not None and located is not None, "only segments of the day itself are taken"
        if self._is_joinable(located):
            part = row_part(located, row)
        else:
            part = recompress([recording.text(stretch)], self.spool, archive_format=self._format, source=located.path)
        return _Minute(minute=row.minute, span_min=row.span_min, part=part, records=row.records, row=row, state=row.state)

    def _made(self, minute: str, span_min: int, giving: list[tuple[int, Stretch]]) -> _Minute:
        """What stays of several segments, by receipt."""
        lines: list[bytes] = []
        received, heads = [], []
        for number, stretch in giving:
            recording, at = self._recordings[number], np.flatnonzero(self._chosen(number, stretch))
            received.append(recording.marks.receipts[at + stretch.first])
            heads.append(recording.heads[at + stretch.first])
            lines += recording.lines(stretch, at)
        every = np.concatenate(received)
        order = np.argsort(every, kind="stable")
        receipts = every[order]
        joined = np.concatenate(heads)[order]
        united = self._ranked([lines[at] for at in order.tolist()], receipts)
        pieces = _blocks(united)
        part = recompress(pieces, self.spool, archive_format=self._format, source=giving[0][1].file)
        self._conflicts += self._conflicts_in(united, receipts.tolist(), joined.tolist())
        first, last = int(receipts[0]), int(receipts[-1])
        return _Minute(minute=minute, span_min=span_min, part=part, records=len(united), receipts=(first, last))

    def _ranked(self, lines: list[bytes], receipts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[bytes]:
        """Lines that are in order of receipt: what was received at once by its id, then by its bytes."""
        at = 0
        for begin in np.flatnonzero(receipts[1:] == receipts[:-1]).tolist():
            if begin < at:
                continue
            at = int(np.searchsorted(receipts, receipts[begin], side="right"))
            lines[begin:at] = sorted(lines[begin:at], key=lambda line: (self._id_of(line), line))
        return lines

    def _id_of(self, line: bytes) -> int:
        if not self._reader.has_ids:
            return 0
        record, _ = next(self._reader.read_singly(line))
        return self._reader.last_ids([record])[0] or 0

    def _conflicts_in(self, lines: list[bytes], receipts: list[int], heads: list[int]) -> list[Conflict]:
        """The ids that collectors brought with other payloads: one of two that are alike would have gone."""
        if not self._reader.has_ids:
            return []
        leading = self._leading_ids(lines, heads)
        if leading is not None and len(leading) == len(set(leading)):  # books need not be read (1.5 → 0.3 µs a record)
            return []
        text = b"".join(lines)
        if leading is None and (own := self._reader.read_own(text, receipts)) is not None and not self._repeats(own):
            return []
        records = self._reader.read(text)
        if records is None or not self._repeats(records):
            return []
        payloads = IdPayloads(self._reader)
        payloads.take(records, text, 0)
        return payloads.conflicts()

    def _repeats(self, records: list[Record]) -> bool:
        """Whether an id is there more than once."""
        known = [each for each in self._reader.named_ids(records) if each[1] is not None]
        return len(known) > len(set(known))

    def _leading_ids(self, lines: list[bytes], heads: list[int]) -> list[bytes] | None:
        """The ids as they are spelt, where each payload (behind so many bytes) begins with its own; else None."""
        if self._reader.only_id is None:
            return None
        begin = b'"%b":' % self._reader.only_id.encode()
        found = []
        for line, head in zip(lines, heads, strict=True):
            if not line.startswith(begin, head):
                return None
            at = head + len(begin)
            found.append(line[at : line.find(b",", at)])
        return found if b"".join(found).isdigit() else None

    def _described(
        self,
        minutes: list[_Minute],
        placed: list[Placed],
        read: ReadBack,
        scan: SeriesScan | None,
        ids: tuple[int | None, int | None],
        temporary: Path,
    ) -> Manifest:
        rows: list[SegmentRow] = []
        for each, place, records in zip(minutes, placed, read.records, strict=True):
            if records != each.records:
                raise ManifestMismatch(each.part.source, f"{records} records of {each.minute} were read back, where {each.records} stay")
            first = each.row.first_recv_ns if each.row is not None else each.receipts[0] if each.receipts else None
            last = each.row.last_recv_ns if each.row is not None else each.receipts[1] if each.receipts else None
            rows.append(
                SegmentRow(
                    minute=each.minute,
                    part=each.row.part if each.row is not None else 1,
                    records=records,
                    bytes=place.part.text_bytes,
                    crc32=place.part.crc32,
                    offset=place.offset,
                    state=each.state,
                    archive_offset=place.archive_offset,
                    archive_bytes=place.part.length,
                    archive_crc32=place.part.body_crc32,
                    first_recv_ns=first,
                    last_recv_ns=last,
                    span_min=each.span_min,
                )
            )
        account, flaws = self._account(sum(row.records for row in rows), scan, ids)
        manifest = build_manifest(
            account,
            venue=self.venue,
            day=self._into,
            rows=rows,
            sha256=read.sha256,
            archive=ArchiveFile(file=self.target.name, bytes=temporary.stat().st_size, sha256=sha256_of(temporary)),
            ledger=FoldedLedger(bytes=0, crc32=0),
            flaws=flaws,
            proving=proving_spans(self._into, self.venue, account.streams()),
        )
        gaps = manifest.gaps
        filled = filled_gaps(self._named(), gaps)
        return msgspec.structs.replace(
            manifest, collectors=self._rows_of_collectors(), filled=filled, absent=self._absent, beside=self._beside
        )

    def _named(self) -> list[tuple[str, Manifest]]:
        return [(each.label, each.manifest) for each in self._recordings if each.manifest is not None]

    def _rows_of_collectors(self) -> list[CollectorRow]:
        won: dict[str, int | None] = {}
        for number, recording in enumerate(self._recordings):
            chosen = self._own(number)
            counts = np.bincount(recording.who[recording.own][chosen], minlength=len(self._collectors.names)).tolist()
            for name, count in zip(self._collectors.names, counts, strict=True):
                united = recording.manifest.collectors if recording.manifest is not None else None
                rows = [row.name for row in united] if united is not None else []
                if united is not None and name not in rows:  # an earlier union of archives without names: whose it was is not told
                    won |= dict.fromkeys(rows if count else [])
                    continue
                own = name if united is not None else recording.label
                known = won.get(own, 0)
                won[own] = None if known is None else known + count
        return collector_rows(self._named(), won)

    def _account(self, records: int, scan: SeriesScan | None, ids: tuple[int | None, int | None]) -> tuple[DayAccount, list[Flaw]]:
        """What is told of the united day: when it was recorded, by which connections, what is missing."""
        manifests = self._manifests
        holes = [hole for runs in scan.runs.values() for hole in runs.holes()] if scan is not None else None
        low, high = ids
        single = all(channel.record.first_key == channel.record.last_key for channel in self._channels)
        gaps = remaining_gaps(manifests, holes, None if low is None or high is None else (low, high), single=single)
        live = united_live(manifests)
        account = DayAccount()
        account.add(GapEntry(gap=gap) for gap in gaps)
        account.add(LiveEntry(from_ns=span[0], to_ns=span[1]) for span in live)
        for each in manifests:
            account.add(
                ConnectionEntry(conn=one.conn, epoch=one.epoch, from_ns=one.from_ns, to_ns=one.to_ns, close=one.close)
                for one in each.connections
            )
            account.add(DigestEntry(ns=one.ns, id=one.id, digest=one.digest) for one in each.digests)
        received = [row.received for row in self._rows_of_collectors()]
        whole = None if None in received else sum(each for each in received if each is not None)
        duplicates = 0 if whole is None else whole - records - counted_missed(gaps)
        account.add(
            [
                SegmentEntry(
                    file=self.target.name,
                    minute="",
                    part=1,
                    records=records,
                    bytes=0,
                    crc32=0,
                    archive_bytes=0,
                    first_recv_ns=None,
                    last_recv_ns=None,
                    received=whole if duplicates >= 0 else None,
                    duplicates=max(0, duplicates),
                    reordered=sum(each.reordered for each in manifests if each.collectors is None),
                    first_id=low,
                    last_id=high,
                    state="sealed",
                    streams=sorted({name for each in manifests for name in each.stream.split(",") if name}),
                )
            ]
        )
        if (clock := next((each.clock for each in manifests if each.clock.source is not None), None)) is not None:
            account.clock = ClockEntry(ns=0, offset_ms=clock.offset_ms, source=clock.source or "")
        return account, list(self._flaws(manifests))

    def _flaws(self, manifests: list[Manifest]) -> Iterator[Flaw]:
        """What was wrong with an account stays, as far as nobody else recorded that time."""
        for at, each in enumerate(manifests):
            others = [span for other, one in enumerate(manifests) if other != at for span in recorded_of(one)]
            for flaw in each.flaws:
                if without([(flaw.from_ns, flaw.to_ns)], others):
                    yield flaw


def _names_of(recording: Recording) -> list[str]:
    united = recording.manifest.collectors if recording.manifest is not None else None
    return [recording.label] if united is None else [row.name for row in united]


def _opened(sources: Sequence[Source], collectors: Collectors) -> list[Recording]:
    """What they have of the day and of the edges of those beside it, the preferred first: in its words is told what all have. Raises
    ManifestMismatch when none of them has the day."""
    found = [open_recording(source.label, source.day, collectors) for source in sources]
    found.sort(key=lambda each: collectors.place(_names_of(each)))
    if all(each.manifest is None for each in found):
        path = sources[0].day.manifest_path
        raise ManifestMismatch(path, "the day has no manifest", hint="hoga consolidate merges it, or --adopt writes one")
    return found


def _windows(recordings: Sequence[Recording]) -> Iterator[tuple[str, int, list[tuple[int, Stretch]]]]:
    """(minute, span in minutes, the segments that lie in it), by time. Segments that overlap are of one window."""
    every = sorted(
        (stretch.row.minute, stretch.row.span_min, number, stretch.row.part, stretch.first, stretch)
        for number, recording in enumerate(recordings)
        for stretch in recording.stretches
        if stretch.row is not None
    )
    inside: list[tuple[int, Stretch]] = []
    first, start, end = "", 0, 0
    for minute, span_min, number, _, _, stretch in every:
        at = minute_number(minute)
        if inside and at >= end:
            yield first, end - start, inside
            inside = []
        if not inside:
            first, start, end = minute, at, at
        end = max(end, at + span_min)
        inside.append((number, stretch))
    if inside:
        yield first, end - start, inside


def _blocks(lines: list[bytes]) -> Iterator[bytes]:
    """The lines in pieces that fill a compressor's block."""
    ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)))
    at, begin = 0, 0
    while at < len(lines):
        end = max(at + 1, int(np.searchsorted(ends, begin + BLOCK_BYTES, side="right")))
        yield b"".join(lines[at:end])
        at, begin = end, int(ends[end - 1])
