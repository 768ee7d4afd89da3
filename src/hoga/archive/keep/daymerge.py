"""archive.keep.daymerge: the steps of one day's merge; `archive.keep.merge` tells their order and why it is safe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.audit import Flaw, gaps_of, line_faults, unbalanced
from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import FORMATS, SegmentName, parse_segment, suffix_of
from hoga.archive.form.ledger import GapEntry, LedgerEntry, LiveEntry, SegmentEntry, ledger_lines, read_ledger, remove_folded
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import (
    ArchiveFile,
    DayAccount,
    FoldedLedger,
    Manifest,
    SegmentRow,
    build_manifest,
    encode_manifest,
    read_manifest,
)
from hoga.archive.form.notes import open_segment_note
from hoga.archive.form.recorded import proving_spans
from hoga.archive.form.regular import is_regular, read_regular
from hoga.archive.form.segment import inflate_range
from hoga.archive.form.semantics import ScanFacts, SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, minute_span
from hoga.archive.form.store import sha256_of
from hoga.archive.keep.classic import CLASSIC, classic_day, describe_day, is_classic
from hoga.archive.keep.leftover import journals_of_note, neighbours
from hoga.archive.keep.parts import file_part
from hoga.archive.keep.splice import Part, Placed, ReadBack, read_back, recompress, row_part, splice
from hoga.core.errors import ArchiveError, ManifestMismatch, SegmentCorrupt
from hoga.core.times import MINUTE_NS, day_start_ns, iso_of, minute_start_ns
from hoga.runtime.durable import TEMPORARY_SUFFIX, fsync, fsync_folder, install, temporary_for, unlink, write_all
from hoga.venues.registry import channels_for

__all__ = ["SPOOL_SUFFIX", "DayMerge", "MergeResult", "commit_day", "finish_commit"]

_LEDGER_LOST = "the ledger of this time was lost before the day was merged: what was missed then is not known"
_LINES_LOST = "lines of this time were missing from the ledger when the day was merged: what they said is not known"

SPOOL_SUFFIX = ".spool" + TEMPORARY_SUFFIX
"""Ends the name of the file that holds recompressed segments while a merge runs."""


class MergeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: merged (a day file was written), unchanged (everything was in it already), empty (there was nothing).

    `flaws`: what was wrong with the day's account and stands in the manifest now, for people.
    """

    state: str
    archive: Path | None = None
    segments: int = 0
    added: int = 0
    records: int = 0
    bytes: int = 0
    flaws: list[str] = []


def commit_day(
    target: Path, manifest_path: Path, prepare: Callable[[Path], Manifest], *, step: Callable[[str], None] = lambda name: None
) -> Manifest:
    """Write a day file and its manifest, so that a kill at any moment leaves the old day or the new one. `prepare` writes the day file at
    the path that it gets, fsynced and read back, and describes it. `step` is told where it is. Raises OSError, and as `prepare`."""
    temporary, manifest_temporary = temporary_for(target), temporary_for(manifest_path)
    try:
        manifest = prepare(temporary)
        with manifest_temporary.open("wb", buffering=0) as file:
            write_all(file.fileno(), encode_manifest(manifest))
            fsync(file.fileno())
    except BaseException:  # nothing is committed: give the space back, a disk may be full
        unlink(temporary, missing_ok=True)
        unlink(manifest_temporary, missing_ok=True)
        raise
    step("described")
    install(manifest_temporary, manifest_path)
    step("committed")
    install(temporary, target)
    step("installed")
    return manifest


def finish_commit(manifest_path: Path, manifest: Manifest) -> Path:
    """The day file of a manifest, in its place: what was killed after its commit is finished. Raises ManifestMismatch when there is none
    like it."""
    archive = manifest_path.with_name(manifest.archive.file)
    temporary = temporary_for(archive)
    if temporary.exists() and sha256_of(temporary) == manifest.archive.sha256:
        install(temporary, archive)
    if not archive.exists() or sha256_of(archive) != manifest.archive.sha256:
        raise ManifestMismatch(archive, "the day file is not the one its manifest names", hint=f"hoga verify {archive}")
    return archive


class _Segment(msgspec.Struct, kw_only=True):
    """One segment on its way into the day. `entry` is what the ledger or the file's note says, None for files of other makings;
    `told`: the ledger names it."""

    minute: str
    number: int
    part: Part
    entry: SegmentEntry | None = None
    told: bool = True
    located: Located | None = None
    row: SegmentRow | None = None


class DayMerge:
    """One merge of one series' day. The caller holds the series' lock, and removes `spool` afterwards."""

    def __init__(self, day: SeriesDay, *, venue: str, archive_format: str, step: Callable[[str], None]) -> None:
        self.day = day
        self.target = day.directory / (day.stem + suffix_of(archive_format))
        self.spool = self.target.with_name(self.target.name + SPOOL_SUFFIX)
        self._venue, self._format = venue, archive_format
        self._channels = channels_for(venue, day.kind)
        self._has_ids = any(channel.record.last_key is not None for channel in self._channels)
        self._step = step
        self._account = DayAccount()
        self._files: list[Path] = []
        self._ledger = b""
        self._flaws: list[Flaw] = []

    def run(self, *, purge: bool) -> MergeResult:
        """Merge, and remove what is in the day file then if `purge`. Raises ArchiveError, OSError."""
        unlink(self.spool, missing_ok=True)
        earlier = self._earlier()
        self._ledger = read_regular(self.day.ledger) if self.day.ledger.exists() else b""
        added = self._collect(earlier)
        told = self._tell_new(earlier)
        if earlier is None and not added and not told:
            return self._result("empty", None, 0)
        if earlier is None or added or told:
            manifest, state = self._write(earlier, added), "merged"
        else:
            manifest, state = earlier, "unchanged"
        self._remove_other_format(manifest)
        if purge:
            self._purge()
        return self._result(state, manifest, len(added))

    def _earlier(self) -> Manifest | None:
        """The day's manifest, with its day file in place: a merge that was killed after its commit is finished first."""
        earlier = read_manifest(self.day.manifest_path)
        if earlier is None:
            return self._adopted()
        finish_commit(self.day.manifest_path, earlier)
        return earlier

    def _adopted(self) -> Manifest | None:
        """A day that the classic recorder made is taken as it is; any other without a manifest is nobody's to touch."""
        present = [path for path in self._day_files() if path.exists()]
        if present and present == [classic_day(self.day)]:
            return describe_day(self.day, present[0], venue=self._venue)
        if present:
            raise ManifestMismatch(present[0], "a day file without a manifest is in the way", hint="move it away, then merge again")
        return None

    def _day_files(self) -> list[Path]:
        return [self.target.with_name(self.day.stem + suffix) for suffix in FORMATS.values()]

    def _collect(self, earlier: Manifest | None) -> list[_Segment]:
        """The segments that are not in the day yet; `_files` are all that may be purged afterwards."""
        entries = {entry.file: entry for entry in read_ledger(self.day.ledger) if isinstance(entry, SegmentEntry) and entry.file}
        names = self._segment_names()
        self._files = [self.day.folder / file for file in names]
        rows = earlier.segments if earlier is not None else []
        known = {(row.minute, row.bytes, row.crc32) for row in rows}
        for file, entry in entries.items():
            if file not in names and (entry.minute, entry.bytes, entry.crc32) not in known:
                raise ManifestMismatch(self.day.folder / file, "the ledger names this segment and it is not there")
        taken = {(row.minute, row.part) for row in rows}
        added: list[_Segment] = []
        for file, name in names.items():
            path = self.day.folder / file
            segment = self._segment(path, name, entries.get(file))
            content = (segment.minute, segment.part.text_bytes, segment.part.crc32)
            if content in known:
                continue
            if self._is_uncompressed_twin(path, names, content, added):
                continue
            while (segment.minute, segment.number) in taken:
                segment.number += 1
            taken.add((segment.minute, segment.number))
            self._mind(segment)
            added.append(segment)
        return added

    def _mind(self, segment: _Segment) -> None:
        """Note what is wrong with the account of a segment that goes into the day now."""
        located = segment.located
        span = minute_span(self.day.day, segment.minute, segment.entry.span_min if segment.entry is not None else 1)
        if located is None:
            return
        if not segment.told and not is_classic(located):
            self._flaw(span, "unaccounted", _LEDGER_LOST)
        torn = located.file_bytes - segment.part.text_bytes
        if located.archive_format == "text" and torn > 0:
            why = f"{segment.minute}: the last line ended after {torn} bytes without a newline and was left out"
            self._flaw(span, "torn", why)

    def _segment_names(self) -> dict[str, SegmentName]:
        """File name → what it says, of every segment in the folder, in order of minute and part."""
        day = self.day
        with os.scandir(day.folder) as scan:
            names = {item.name: parse_segment(item.name) for item in scan}
        found = {file: name for file, name in names.items() if name is not None and is_regular(day.folder / file)}
        own = {file: name for file, name in found.items() if (name.symbol, name.kind, name.day) == (day.symbol, day.kind, day.day)}
        return dict(sorted(own.items(), key=lambda item: (item[1].minute, item[1].part, item[1].suffix == ".jsonl")))

    def _is_uncompressed_twin(self, path: Path, names: dict[str, SegmentName], content: object, added: list[_Segment]) -> bool:
        """A `.jsonl` beside the `.zip` made of it: the classic recorder was stopped between compressing and removing."""
        if path.suffix != ".jsonl" or path.stem + ".zip" not in names:
            return False
        twin = path.with_suffix(".zip")
        if any((one.minute, one.part.text_bytes, one.part.crc32) == content for one in added if one.part.source == twin):
            return True
        raise ManifestMismatch(path, f"differs from {twin.name}, which holds the same minute", hint="keep the better one of the two")

    def _segment(self, path: Path, name: SegmentName, entry: SegmentEntry | None) -> _Segment:
        located = locate(path)
        told = entry is not None
        if entry is None and located.note is not None:
            for journal in journals_of_note(located.note, neighbours(self.day.directory)):
                why = f"its ledger entries are still to come, from {journal.name}: nothing was merged"
                raise ArchiveError(path, why, hint=f"hoga recover {journal.parent}, then merge again")
            entry = self._entry_of_note(located.note, path, located)
        part = file_part(located, entry, self._format, self.spool)
        if entry is not None and (entry.bytes, entry.crc32) != (part.text_bytes, part.crc32):
            raise ManifestMismatch(path, "the segment is not what its ledger entry says", hint=f"hoga verify {self.day.folder}")
        return _Segment(minute=name.minute, number=name.part, part=part, entry=entry, told=told, located=located)

    def _flaw(self, span: Span, kind: str, detail: str) -> None:
        self._flaws.append(Flaw(from_ns=span[0], to_ns=span[1], kind=kind, detail=detail))

    def _entry_of_note(self, note: bytes, path: Path, located: Located) -> SegmentEntry | None:
        """The segment's note holds its ledger entry but for the sizes: a crash may have kept the entry out of the ledger."""
        said = open_segment_note(note)
        if said is None:
            return None
        entry = said.entry
        part = file_part(located, None, self._format, self.spool)
        return msgspec.structs.replace(entry, file=path.name, bytes=part.text_bytes, crc32=part.crc32, archive_bytes=located.file_bytes)

    def _tell_new(self, earlier: Manifest | None) -> bool:
        """Add to the account what the ledger says beyond what `earlier` took from it; whether there was anything.

        What is wrong with it goes along: `archive.form.audit`. An altered line stops the merge, as a broken one does.
        """
        folded = earlier.ledger.fresh_from(self._ledger) if earlier is not None else 0
        lines = ledger_lines(self._ledger)
        if earlier is not None:
            self._take_over(earlier, [line.entry for line in lines if line.at >= folded])
        for fault in line_faults(lines, self.day.day):
            if fault.altered:
                raise SegmentCorrupt(self.day.ledger, fault.detail, offset=fault.offset)
            if fault.offset >= folded:
                self._flaw(fault.span, "ledger", _LINES_LOST)
        entries = [line.entry for line in lines if line.at >= folded and line.entry is not None]
        self._account.add(entry for entry in entries if not (isinstance(entry, SegmentEntry) and entry.file))
        if any(isinstance(entry, SegmentEntry) and entry.received is None for entry in entries):
            self._flaws += unbalanced(entries, self.day.day)
        lost = [flaw for flaw in self._flaws if flaw.detail in (_LEDGER_LOST, _LINES_LOST)]
        self._account.add(GapEntry(gap=gap) for gap in gaps_of(lost))
        return bool(entries)

    def _take_over(self, earlier: Manifest, fresh: list[LedgerEntry | None]) -> None:
        """What `earlier` says, but for the marks of a lost ledger that has come after all: a day merged before its last journals
        were recovered holds their segments, and recovery tells the ledger of them then."""
        told = {(entry.minute, entry.bytes, entry.crc32): entry.span_min for entry in fresh if isinstance(entry, SegmentEntry)}
        rows = {(row.minute, row.bytes, row.crc32) for row in earlier.segments}
        come = {minute_span(self.day.day, key[0], span_min) for key, span_min in told.items() if key in rows}
        self._flaws += [flaw for flaw in earlier.flaws if flaw.detail != _LEDGER_LOST or (flaw.from_ns, flaw.to_ns) not in come]
        gaps = [gap for gap in earlier.gaps if gap.detail not in (_LEDGER_LOST, _LINES_LOST)]  # those that stay are made of the flaws
        self._account.add_earlier(msgspec.structs.replace(earlier, gaps=gaps))

    def _write(self, earlier: Manifest | None, added: list[_Segment]) -> Manifest:
        return commit_day(self.target, self.day.manifest_path, lambda temporary: self._prepare(earlier, added, temporary), step=self._step)

    def _prepare(self, earlier: Manifest | None, added: list[_Segment], temporary: Path) -> Manifest:
        """Write the day file to `temporary` and read it back."""
        segments = sorted([*self._old_segments(earlier), *added], key=lambda segment: (segment.minute, segment.number))
        parts = [segment.part for segment in segments]
        note = msgspec.json.encode({"format": "hoga-day/1", "segments": len(parts), "bytes": sum(part.text_bytes for part in parts)})
        modified_ns = day_start_ns(self.day.day)
        placed = splice(parts, temporary, archive_format=self._format, member=f"{self.day.stem}.jsonl", note=note, modified_ns=modified_ns)
        self._step("written")
        unread = [index for index, segment in enumerate(segments) if self._is_unread(segment, earlier)]
        scans = {index: SeriesScan(self._channels, check_books=False) for index in unread}
        read = read_back(temporary, placed, on_block=lambda index, block: scans[index].feed(block) if index in scans else None)
        self._step("read back")
        facts = {index: scan.end() for index, scan in scans.items()}
        rows = [self._row(segment, placed[index], read, index, facts.get(index)) for index, segment in enumerate(segments)]
        return self._describe(rows, read, temporary)

    def _old_segments(self, earlier: Manifest | None) -> Iterator[_Segment]:
        if earlier is None:
            return
        located = locate(self.day.manifest_path.with_name(earlier.archive.file))
        for row in earlier.segments:
            if located.archive_format == self._format and located.ours:
                part = row_part(located, row)
            else:
                blocks = inflate_range(located, row.archive_offset, row.archive_bytes)
                part = recompress(blocks, self.spool, archive_format=self._format, source=located.path)
            yield _Segment(minute=row.minute, number=row.part, part=part, row=row)

    def _is_unread(self, segment: _Segment, earlier: Manifest | None) -> bool:
        """Nobody told what is in it; or not its ids, as an older hoga did of venues whose ids it did not know."""
        if segment.row is not None:
            return self._has_ids and earlier is not None and earlier.last_id is None
        return segment.entry is None or (self._has_ids and segment.entry.last_id is None)

    def _row(self, segment: _Segment, place: Placed, read: ReadBack, index: int, facts: ScanFacts | None) -> SegmentRow:
        """The segment's line in the manifest, after what was read back was found to agree with what was known of it."""
        records = read.records[index]
        known = segment.row or segment.entry
        if known is not None and known.records != records:
            raise ManifestMismatch(segment.part.source, f"{records} records where {known.records} were sealed")
        if segment.row is None:
            entry = segment.entry or self._entry_of_facts(segment, records, facts)
            if facts is not None and entry.last_id is None:
                entry = msgspec.structs.replace(entry, first_id=facts.first_id, last_id=facts.last_id)
            self._account.add([entry])
            known = entry
        elif facts is not None and self._account.earlier is not None:
            self._account.note_earlier_ids(facts.first_id, facts.last_id)
        assert known is not None
        return SegmentRow(
            minute=segment.minute,
            part=segment.number,
            records=records,
            bytes=place.part.text_bytes,
            crc32=place.part.crc32,
            offset=place.offset,
            state=known.state,
            archive_offset=place.archive_offset,
            archive_bytes=place.part.length,
            archive_crc32=place.part.body_crc32,
            first_recv_ns=known.first_recv_ns,
            last_recv_ns=known.last_recv_ns,
            span_min=known.span_min,
        )

    def _entry_of_facts(self, segment: _Segment, records: int, facts: ScanFacts | None) -> SegmentEntry:
        """What can be known of a segment nobody kept a ledger of: it was live from its first to its last record."""
        assert facts is not None
        start = minute_start_ns(self.day.day, segment.minute)
        first = start if facts.first_recv_ns is None else facts.first_recv_ns
        last = start + MINUTE_NS if facts.last_recv_ns is None else facts.last_recv_ns
        if segment.told or facts.first_recv_ns is None:
            self._account.add([LiveEntry(from_ns=first, to_ns=last)])
        return SegmentEntry(
            file=segment.part.source.name,
            minute=segment.minute,
            part=segment.number,
            records=records,
            bytes=segment.part.text_bytes,
            crc32=segment.part.crc32,
            archive_bytes=0,
            first_recv_ns=facts.first_recv_ns,
            last_recv_ns=facts.last_recv_ns,
            first_id=facts.first_id,
            last_id=facts.last_id,
            state=CLASSIC if facts.first_recv_ns is None else "sealed",
        )

    def _describe(self, rows: list[SegmentRow], read: ReadBack, temporary: Path) -> Manifest:
        archive = ArchiveFile(file=self.target.name, bytes=temporary.stat().st_size, sha256=sha256_of(temporary))
        whole = self._ledger[: self._ledger.rfind(b"\n") + 1]
        return build_manifest(
            self._account,
            venue=self._venue,
            day=self.day,
            rows=rows,
            sha256=read.sha256,
            archive=archive,
            ledger=FoldedLedger(bytes=len(whole), crc32=crc32(whole)),
            flaws=self._flaws,
            proving=proving_spans(self.day, self._venue, self._account.streams()),
        )

    def _remove_other_format(self, manifest: Manifest) -> None:
        for path in self._day_files():
            if path.name != manifest.archive.file and path.exists():
                unlink(path)

    def _purge(self) -> None:
        """Remove what is in the day file; a ledger that grew meanwhile stays."""
        for path in self._files:
            unlink(path, missing_ok=True)
            self._step(f"purged {path.name}")
        if remove_folded(self.day.ledger, len(self._ledger)):
            self._step("purged ledger")
        fsync_folder(self.day.folder)

    def _result(self, state: str, manifest: Manifest | None, added: int) -> MergeResult:
        return MergeResult(
            state=state,
            archive=self.target.with_name(manifest.archive.file) if manifest else None,
            segments=len(manifest.segments) if manifest else 0,
            added=added,
            records=manifest.records if manifest else 0,
            bytes=manifest.bytes if manifest else 0,
            flaws=[f"{flaw.kind}: {iso_of(flaw.from_ns)} to {iso_of(flaw.to_ns)}: {flaw.detail}" for flaw in manifest.flaws]
            if manifest
            else [],
        )
