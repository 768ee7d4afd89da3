"""archive.prove.verify_day: check one day of one series against its manifest and its ledger.

The text is read once. While it is read, bytes are compared with what was sealed; afterwards what the lines say about
themselves (`archive.form.semantics`) is held against the ledger of the whole day, because a late segment may fill a hole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from hoga.archive.form.audit import Line, line_faults, outside_live, told_once, unbalanced
from hoga.archive.form.deflate import crc32
from hoga.archive.form.discover import venue_of
from hoga.archive.form.idruns import Hole, IdRuns
from hoga.archive.form.layout import PARTS_DIR, parse_segment
from hoga.archive.form.ledger import GapEntry, LedgerEntry, SegmentEntry, ledger_lines, read_ledger
from hoga.archive.form.links import open_link
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import (
    DayAccount,
    Manifest,
    SegmentRow,
    counted_missed,
    coverage_of,
    gaps_per_million,
    happened,
    read_manifest,
)
from hoga.archive.form.notes import open_segment_note, part_mark
from hoga.archive.form.regular import is_regular, read_regular
from hoga.archive.form.segment import inflate_range, read_located, read_pieces
from hoga.archive.form.semantics import Remark, ScanFacts, SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span
from hoga.archive.form.text import LineTooLong
from hoga.archive.keep.classic import CLASSIC, is_classic, is_twin
from hoga.archive.keep.splice import file_sha256
from hoga.archive.prove.crosscheck import Evidence
from hoga.archive.prove.judge import OUR_FAULTS, is_explained, is_stepped, wrong_counts
from hoga.archive.prove.report import Outcome
from hoga.archive.read.reader import find_stretches, read_stretches
from hoga.core.errors import ArchiveError, ManifestMismatch, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, day_of, day_start_ns, iso_of, minute_start_ns, next_day
from hoga.runtime.durable import temporary_for
from hoga.venues.registry import channels_for
from hoga.venues.spec import ChannelSpec

__all__ = ["DayCheck"]

_PIECE_BYTES = 1024 * 1024


class _Place(NamedTuple):
    """Text from `start` on (in the order read) is in `file`, where it begins at `base`."""

    start: int
    file: Path
    base: int
    minute: str


class _Changed(NamedTuple):
    """The text `start`..`end` (in the order read) is not what was sealed."""

    place: _Place
    end: int
    why: str


class _Sealed(msgspec.Struct, frozen=True):
    """What was written down of a segment."""

    records: int
    bytes: int
    crc32: int
    first_recv_ns: int | None
    last_recv_ns: int | None
    ids: tuple[int | None, int | None] | None


class DayCheck:
    """One day of one series. Call `run` once; `evidence` afterwards gives what other series can be held against.

    `live`: a recorder is at work, so the newest files may be ahead of the ledger. `keep_ids`: collect ids for `evidence`.
    `unsealed`: journals that an orderly end left, by name, and their times: what is to come of them is not missing.
    """

    def __init__(
        self, day: SeriesDay, *, live: bool = False, keep_ids: bool = False, unsealed: Mapping[str, Span] = MappingProxyType({})
    ) -> None:
        self.day = day
        self._live = live
        self._unsealed = unsealed
        self._joined: set[str] = set()
        self._out = Outcome()
        self._keep_ids = keep_ids
        self._channels: tuple[ChannelSpec, ...] = ()
        self._scan = SeriesScan(())
        self._places: list[_Place] = []
        self._changed: list[_Changed] = []
        self._account = DayAccount()
        self._bare: dict[Path, int] = {}

    def run(self) -> Outcome:
        """Check everything there is of the day."""
        manifest = None if self.day.only else self._manifest()
        self._channels = channels_for(manifest.venue if manifest is not None else "", self.day.kind)
        self._scan = SeriesScan(self._channels, keep_ids=self._keep_ids)
        if self.day.only:
            self._check_lone(Path(self.day.only))
        else:
            if manifest is not None:
                self._check_merged(manifest)
            else:
                self._check_alone(self.day.archive_paths)
            if self.day.folder.is_dir():
                self._check_open(manifest)
        self._judge()
        series = (self._venue(), f"{self.day.kind}:{self.day.symbol}")
        gaps, shared = told_once(self._account.gaps())
        if shared:
            file = self.day.manifest_path if self._account.earlier is not None else self.day.ledger
            self._out.finding(file, "overlap", f"{shared} missing ids are named by more than one gap; they are counted once", count=shared)
        self._out.told += [(series, gap) for gap in gaps]
        return self._out

    def _venue(self) -> str:
        return self._account.earlier.venue if self._account.earlier is not None else venue_of(self.day.directory)

    def evidence(self) -> Evidence:
        """Ids with times, live spans and gaps of the day."""
        file = self._places[0].file if self._places else self.day.manifest_path
        return Evidence(
            venue=self._venue(),
            file=str(file),
            streams=self._account.streams(),
            stamped=self._scan.stamped,
            live=self._account.live(),
            gaps=self._account.gaps(),
        )

    # the merged day

    def _manifest(self) -> Manifest | None:
        try:
            return read_manifest(self.day.manifest_path)
        except ManifestMismatch as fault:
            self._out.problem(fault.path, "manifest", fault.why)
            return None

    def _check_merged(self, manifest: Manifest) -> None:
        self._account.add_earlier(manifest)
        self._check_figures(manifest)
        path = self.day.manifest_path.with_name(manifest.archive.file)
        self._out.archives += 1
        self._out.segments += len(manifest.segments)
        for flaw in manifest.flaws:
            when = f"{iso_of(flaw.from_ns)} to {iso_of(flaw.to_ns)}"
            self._out.problem(self.day.manifest_path, flaw.kind, f"{flaw.detail} ({when})")
        if not path.exists():
            cut_short = "; a merge was cut short: hoga consolidate" if temporary_for(path).exists() else ""
            self._out.problem(path, "missing", f"the day file is not there{cut_short}")
            return
        if not is_regular(path):
            self._out.problem(path, "unreadable", "it is no regular file")
            return
        for other in self.day.archive_paths:
            if other != path:
                self._out.problem(other, "unaccounted", f"the manifest names {path.name}")
        whole = self._check_file(path, manifest)
        located = self._frame(path)
        if located is not None and not located.ours and not all(_is_classic_row(row) for row in manifest.segments):
            self._check_repacked(path, located, manifest)
            return
        self._check_rows(path, located, manifest, whole=whole)

    def _check_file(self, path: Path, manifest: Manifest) -> bool:
        size, written = path.stat().st_size, manifest.archive.bytes
        if size != written:
            kind = "truncated" if size < written else "corrupt"
            self._out.problem(path, kind, f"the file has {size} bytes where {written} were written", offset=min(size, written))
        elif file_sha256(path) != manifest.archive.sha256:
            self._out.problem(path, "corrupt", "the file's SHA-256 is not the manifest's")
        else:
            return True
        return False

    def _frame(self, path: Path) -> Located | None:
        try:
            return locate(path)
        except SegmentCorrupt as fault:
            self._out.problem(path, "corrupt", fault.why, offset=fault.offset)
            return None

    def _check_rows(self, path: Path, located: Located | None, manifest: Manifest, *, whole: bool) -> None:
        if located is None:
            archive_format = "zip" if path.name.endswith(".zip") else "zst"
            located = Located(path=path, archive_format=archive_format, ours=True, file_bytes=path.stat().st_size, body_at=0, body_bytes=0)
        sha256 = hashlib.sha256()
        ids: list[int] = []
        rows = manifest.segments
        for row in rows:
            facts = self._check_row(located, row, sha256, whole=whole)
            ids += [value for value in (facts.first_id, facts.last_id) if value is not None]
        self._check_places(path, located, rows)
        figures: list[tuple[str, object, object]] = [("sha256", sha256.hexdigest(), manifest.sha256)]
        if manifest.last_id is not None:  # an older hoga did not know every venue's
            figures += [("first_id", min(ids, default=None), manifest.first_id), ("last_id", max(ids, default=None), manifest.last_id)]
        self._compare(path, figures)

    def _check_row(self, located: Located, row: SegmentRow, sha256: hashlib._Hash, *, whole: bool) -> ScanFacts:
        sealed = _Sealed(row.records, row.bytes, row.crc32, row.first_recv_ns, row.last_recv_ns, None)
        place = _Place(self._scan.bytes, located.path, row.offset, row.minute)
        if not whole:
            self._check_body(located, row.archive_offset, row.archive_bytes, row.archive_crc32, row.minute)
        blocks = _tee(inflate_range(located, row.archive_offset, row.archive_bytes), sha256)
        classic = _is_classic_row(row)
        return self._read(place, blocks, sealed, span_min=row.span_min, label=f"segment {row.minute}", classic=classic)

    def _check_places(self, path: Path, located: Located, rows: list[SegmentRow]) -> None:
        """The segments follow one another without a hole, in the text and in the file."""
        offset, at = 0, rows[0].archive_offset if rows else 0
        figures: list[tuple[str, object, object]] = []
        for row in rows:
            figures += [(f"offset of {row.minute}", row.offset, offset), (f"archive_offset of {row.minute}", row.archive_offset, at)]
            offset, at = row.offset + row.bytes, row.archive_offset + row.archive_bytes
        if located.body_bytes and rows:
            figures.append(("begin of the first segment", located.body_at, rows[0].archive_offset))
            figures.append(("end of the last segment", located.body_at + located.body_bytes, at))
        self._compare(path, figures)

    def _check_repacked(self, path: Path, located: Located, manifest: Manifest) -> None:
        """Someone packed the day anew: read the text as one and say where it first leaves what was sealed."""
        self._out.problem(path, "repacked", "the file was not made by hoga")
        place = _Place(self._scan.bytes, path, 0, "")
        start = day_start_ns(self.day.day)
        self._scan.begin((start, start + 24 * 60 * MINUTE_NS))
        try:
            first = _first_difference(self._fed(read_located(located)), manifest.segments)
        except SegmentCorrupt as fault:
            self._out.problem(path, "corrupt", fault.why, offset=fault.offset)
            first = None
        except LineTooLong as fault:
            self._out.problem(path, "malformed", f"{fault}; the rest of it was not read")
            first = None
        facts = self._scan.end()
        self._places.append(place)
        self._out.records += facts.records
        self._out.bytes += facts.bytes
        if first is not None:
            why = f"the text differs from segment {first.minute} on; {facts.records} records where {manifest.records} were sealed"
            change = place._replace(start=place.start + first.offset, base=first.offset, minute=first.minute)
            self._changed.append(_Changed(change, place.start + facts.bytes, why))

    def _check_figures(self, manifest: Manifest) -> None:
        """What the manifest says of itself: sums, balance, coverage."""
        first = [row.first_recv_ns for row in manifest.segments if row.first_recv_ns is not None]
        last = [row.last_recv_ns for row in manifest.segments if row.last_recv_ns is not None]
        incidents = None if manifest.incidents is None else happened(manifest.venue, manifest.gaps)
        self._compare(
            self.day.manifest_path,
            [
                ("symbol", manifest.symbol, self.day.symbol),
                ("kind", manifest.kind, self.day.kind),
                ("day", manifest.day, self.day.day),
                ("records", sum(row.records for row in manifest.segments), manifest.records),
                ("bytes", sum(row.bytes for row in manifest.segments), manifest.bytes),
                ("coverage", coverage_of(manifest.live, manifest.gaps, manifest.day), manifest.coverage),
                ("gaps_per_million", gaps_per_million(len(manifest.gaps), manifest.records), manifest.gaps_per_million),
                ("incidents", incidents, manifest.incidents),
                ("first_recv_ns", next(iter(first), None), manifest.first_recv_ns),
                ("last_recv_ns", next(reversed(last), None), manifest.last_recv_ns),
            ],
        )
        self._check_balance(self.day.manifest_path, manifest.received, manifest.records, manifest.duplicates, manifest.gaps)
        rows = [row for row in manifest.segments if not _is_classic_row(row)]
        lines = [(row.minute, row.span_min, row.records, row.first_recv_ns, row.last_recv_ns) for row in rows]
        self._check_live(self.day.manifest_path, lines, manifest.live, manifest.gaps)

    def _check_live(self, file: Path, lines: list[Line], live: list[Span], gaps: list[Gap]) -> None:
        if self.day.kind == Kind.ASIDE:  # what is put aside has no time of being recorded
            return
        for _, why in outside_live(lines, live, gaps, self.day.day):
            self._out.problem(file, "unaccounted", why)

    def _check_balance(self, file: Path, received: int | None, records: int, duplicates: int, gaps: list[Gap]) -> None:
        counted = counted_missed(gaps)
        if received is not None and received != records + duplicates + counted:
            parts = f"{records} records + {duplicates} duplicates + {counted} accounted as not written"
            self._out.problem(file, "unbalanced", f"{received} frames were received, but {parts} make {records + duplicates + counted}")

    def _check_alone(self, archives: list[Path]) -> None:
        """Day files whose manifest is not there or not to be trusted: what they say about themselves."""
        for path in archives:
            self._out.archives += 1
            if not is_regular(path):
                self._out.problem(path, "unreadable", "it is no regular file")
                continue
            if not self.day.manifest_path.exists():
                if _looks_classic(path):
                    hint = "hoga consolidate --adopt writes its manifest"
                    self._out.finding(path, "classic", f"a day of the classic recorder: only its own CRC says what it should hold; {hint}")
                else:
                    self._out.problem(path, "orphan", "there is no manifest beside the day file, so nothing says what it should hold")
            self._check_segment(path, None, minute="")

    # the open day

    def _check_open(self, manifest: Manifest | None) -> None:
        entries = self._ledger_entries()
        data = read_regular(self.day.ledger) if manifest is not None and self.day.ledger.exists() else b""
        folded = manifest.ledger.fresh_from(data) if manifest is not None else 0
        fresh = [entry for at, entry in entries if at >= folded]
        account = DayAccount()
        account.add(fresh)
        self._account.add(fresh)
        rows = {(row.minute, row.bytes, row.crc32) for row in manifest.segments} if manifest is not None else set()
        told = {entry.file: entry for _, entry in entries if isinstance(entry, SegmentEntry) and entry.file}
        present = self._segment_files()
        self._scan.restart()
        for file in sorted({*told, *present}, key=_file_order):
            self._check_told(file, told.get(file), rows, present=file in present)
        self._name_odd({*told, *present})
        self._check_parts(rows)
        if not self._live:
            self._check_fresh(account, fresh, rows)

    def _check_fresh(self, account: DayAccount, fresh: list[LedgerEntry], rows: set[tuple[str, int, int]]) -> None:
        """What the ledger says beyond the manifest: is it in balance, was all of it being recorded."""
        if account.segments and account.received() is not None:
            records = sum(entry.records for entry in account.segments.values())
            self._check_balance(self.day.ledger, account.received(), records, account.duplicates(), account.gaps())
        elif account.segments:
            for flaw in unbalanced(fresh, self.day.day):
                self._out.problem(self.day.ledger, flaw.kind, f"{flaw.detail} ({iso_of(flaw.from_ns)} to {iso_of(flaw.to_ns)})")
        named = [entry for entry in account.segments.values() if (entry.minute, entry.bytes, entry.crc32) not in rows]
        lines = [(entry.minute, entry.span_min, entry.records, entry.first_recv_ns, entry.last_recv_ns) for entry in named]
        self._check_live(self.day.ledger, lines, self._account.live(), self._account.gaps())

    def _check_told(self, file: str, entry: SegmentEntry | None, rows: set[tuple[str, int, int]], *, present: bool) -> None:
        path = self.day.folder / file
        merged = entry is not None and (entry.minute, entry.bytes, entry.crc32) in rows
        if is_twin(path) and present:
            self._check_twin(path)
            return
        if not present:
            if not merged and path.exists():
                self._out.problem(path, "unreadable", "it is no regular file")
            elif not merged:
                self._out.segments += 1
                self._out.problem(path, "missing", "the ledger names this segment and it is not there")
            return
        if entry is None and self._is_in_rows(path, rows):
            return
        self._out.segments += 1
        if entry is None and not self._is_told_later(path) and not _looks_classic(path) and not self._was_told_meanwhile(file):
            self._out.problem(path, "unaccounted", "the ledger does not name this segment")
        self._check_segment(path, entry, minute=_minute_of_file(file), merged=merged)

    def _check_parts(self, rows: set[tuple[str, int, int]]) -> None:
        """Sealed minutes that wait to be joined to a longer segment: each holds its own figures; the ledger names none of them."""
        folder = self.day.folder / PARTS_DIR
        if not folder.is_dir():
            return
        joined = {source for file in self._segment_files() for source in _sources_of(self.day.folder / file)}
        with os.scandir(folder) as scan:
            names = sorted((item.name for item in scan if parse_segment(item.name) is not None), key=_file_order)
        if names and not self._live:
            hint = "the next start joins them, or hoga recover"
            self._out.finding(folder, "unsealed", f"minutes that wait to be joined to a longer segment: {hint}", count=len(names))
        for file in names:
            path = folder / file
            try:
                located = locate(path)
            except FileNotFoundError:  # joined meanwhile
                continue
            except SegmentCorrupt as fault:
                self._out.problem(path, "corrupt", fault.why, offset=fault.offset)
                continue
            if part_mark(_minute_of_file(file), located.body_crc32) in joined or self._is_in_rows(path, rows):
                continue
            said = open_segment_note(located.note)
            if said is None:
                self._out.problem(path, "unaccounted", "it does not say what it was made of")
            entry = None
            if said is not None:
                entry = msgspec.structs.replace(said.entry, bytes=located.text_bytes, crc32=located.crc32, archive_bytes=0)
            self._out.segments += 1
            try:
                self._check_segment(path, entry, minute=_minute_of_file(file))
            except FileNotFoundError:
                if not self._live:
                    raise

    def _is_told_later(self, path: Path) -> bool:
        """The segment was made of journals that an orderly end left: their next sealing tells the ledger of it."""
        sources = _sources_of(path) if self._unsealed else ()
        waiting = bool(sources) and all(source in self._unsealed for source in sources)
        if waiting:
            self._out.finding(path, "unsealed", "its ledger entries are still to come, with the sealing of the journal it was made of")
        return waiting

    def _check_twin(self, path: Path) -> None:
        """A `.jsonl` beside the `.zip` made of it: the same text, or one of the two is wrong."""
        twin = path.with_suffix(".zip")
        try:
            crc = size = 0
            for block in read_located(locate(path)):
                crc, size = crc32(block, crc), size + len(block)
            other = locate(twin)
        except SegmentCorrupt as fault:
            self._out.problem(fault.path, "corrupt", fault.why, offset=fault.offset)
            return
        if (size, crc) == (other.text_bytes, other.crc32):
            self._out.finding(path, "twin", f"the same minute is in {twin.name}: its recorder was stopped before it removed this one")
        else:
            self._out.problem(path, "mismatch", f"differs from {twin.name}, which holds the same minute")

    def _ledger_entries(self) -> list[tuple[int, LedgerEntry]]:
        """The ledger's entries with their offsets; lines that are broken, altered or missing are problems."""
        path = self.day.ledger
        try:
            data = read_regular(path)
        except FileNotFoundError:
            return []
        lines = ledger_lines(data)
        entries: list[tuple[int, LedgerEntry]] = []
        for line in lines:
            if line.entry is None:
                self._out.problem(path, "ledger", "the line is no ledger entry", offset=line.at)
            else:
                entries.append((line.at, line.entry))
        for fault in line_faults(lines, self.day.day, growing=self._live):
            when = f"between {iso_of(fault.span[0])} and {iso_of(fault.span[1])}"
            self._out.problem(path, "ledger", fault.detail if fault.altered else f"{fault.detail}, {when}", offset=fault.offset)
        if lines and open_link(lines[0].text) is None:
            old = sum(open_link(line.text) is None for line in lines)
            self._out.finding(path, "unlinked", "lines of an older hoga do not hold one another: a missing one would not show", count=old)
        at = sum(len(line.text) + 1 for line in lines)
        if at < len(data):
            self._out.finding(path, "torn", "the last line was cut short by a crash and does not count", offset=at)
        return entries

    def _segment_files(self) -> set[str]:
        with os.scandir(self.day.folder) as scan:
            return {item.name for item in scan if parse_segment(item.name) is not None and is_regular(self.day.folder / item.name)}

    def _name_odd(self, known: Iterable[str]) -> None:
        """What bears a segment's name and is no file; of those that the ledger names it is told anyway."""
        with os.scandir(self.day.folder) as scan:
            odd = {item.name for item in scan if parse_segment(item.name) is not None} - set(known)
        for name in sorted(odd):
            path = self.day.folder / name
            if path.is_symlink() or (path.exists() and not is_regular(path)):
                self._out.problem(path, "unreadable", "it is no regular file")

    def _was_told_meanwhile(self, file: str) -> bool:
        """A running recorder seals first and writes the ledger then."""
        return any(isinstance(entry, SegmentEntry) and entry.file == file for _, entry in self._ledger_entries()) if self._live else False

    def _is_in_rows(self, path: Path, rows: set[tuple[str, int, int]]) -> bool:
        try:
            located = locate(path)
        except SegmentCorrupt:
            return False
        return located.ours and (_minute_of_file(path.name), located.text_bytes, located.crc32) in rows

    def _check_lone(self, path: Path) -> None:
        """One segment file on its own, with its ledger entry where there is one."""
        entries = self._ledger_entries() if path.parent == self.day.folder else []
        told = {entry.file: entry for _, entry in entries if isinstance(entry, SegmentEntry)}
        self._account.add(entry for _, entry in entries if not isinstance(entry, SegmentEntry))
        if not path.exists():
            self._out.problem(path, "missing", "the file is not there")
            return
        if not is_regular(path):
            self._out.problem(path, "unreadable", "it is no regular file")
            return
        self._out.segments += 1
        if entries and path.name not in told and not _looks_classic(path):
            self._out.problem(path, "unaccounted", "the ledger does not name this segment")
        self._check_segment(path, told.get(path.name), minute=_minute_of_file(path.name))

    def _check_segment(self, path: Path, entry: SegmentEntry | None, *, minute: str, merged: bool = False) -> None:
        size = path.stat().st_size
        if entry is not None and entry.archive_bytes and size != entry.archive_bytes:
            kind = "truncated" if size < entry.archive_bytes else "corrupt"
            self._out.problem(
                path, kind, f"the file has {size} bytes where {entry.archive_bytes} were sealed", offset=min(size, entry.archive_bytes)
            )
        located = self._frame(path)
        if located is None:
            return
        if not located.ours and ((entry is not None and entry.archive_bytes) or located.archive_format == "zst"):
            self._out.problem(path, "repacked", "the file was not made by hoga")
        if located.ours and located.body_crc32 is not None:
            self._check_body(located, located.body_at, located.body_bytes, located.body_crc32, minute)
        sealed = None
        if entry is not None:
            sealed = _Sealed(
                entry.records, entry.bytes, entry.crc32, entry.first_recv_ns, entry.last_recv_ns, (entry.first_id, entry.last_id)
            )
        place = _Place(self._scan.bytes, path, 0, minute)
        if merged and sealed is not None:
            self._read_again(place, located, sealed)
        else:
            span_min, classic = entry.span_min if entry else 1, entry is None and is_classic(located)
            self._read(place, read_located(located), sealed, span_min=span_min, label="the segment", classic=classic)

    # reading

    def _read(
        self, place: _Place, blocks: Iterable[bytes], sealed: _Sealed | None, *, span_min: int, label: str, classic: bool
    ) -> ScanFacts:
        """Read a segment's text through the scan and compare it with what was sealed."""
        self._places.append(place)
        self._scan.begin(_window(self.day.day, place.minute, span_min), classic=classic)
        crc, whole = 0, True
        try:
            for block in blocks:
                crc = crc32(block, crc)
                self._scan.feed(block)
        except SegmentCorrupt as fault:
            self._out.problem(place.file, "corrupt", f"{label}: {fault.why}", offset=fault.offset)
            whole = False
        except LineTooLong as fault:
            self._out.problem(place.file, "malformed", f"{label}: {fault}; the rest of it was not read")
            whole = False
        facts = self._scan.end()
        if classic:
            self._bare[place.file] = self._bare.get(place.file, 0) + facts.records
        self._out.records += facts.records
        self._out.bytes += facts.bytes
        if whole and sealed is not None:
            self._hold_against(place, sealed, facts, crc, label)
        return facts

    def _hold_against(self, place: _Place, sealed: _Sealed, facts: ScanFacts, crc: int, label: str) -> None:
        if (facts.records, facts.bytes, crc) != (sealed.records, sealed.bytes, sealed.crc32):
            why = f"{label} has {facts.records} records in {facts.bytes} bytes where {sealed.records} in {sealed.bytes} were sealed"
            if (facts.records, facts.bytes) == (sealed.records, sealed.bytes):
                why = f"{label}: the text's CRC-32 is not what was sealed"
            self._changed.append(_Changed(place, place.start + facts.bytes, why))
            return
        expected = [("first_recv_ns", facts.first_recv_ns, sealed.first_recv_ns), ("last_recv_ns", facts.last_recv_ns, sealed.last_recv_ns)]
        if sealed.ids is not None and sealed.ids != (None, None):  # an older hoga did not know every venue's
            expected += [("first_id", facts.first_id, sealed.ids[0]), ("last_id", facts.last_id, sealed.ids[1])]
        self._compare(place.file, expected)

    def _read_again(self, place: _Place, located: Located, sealed: _Sealed) -> None:
        """A segment that is in the day file too: its bytes only."""
        crc = count = 0
        try:
            for block in read_located(located):
                crc, count = crc32(block, crc), count + len(block)
        except SegmentCorrupt as fault:
            self._out.problem(place.file, "corrupt", fault.why, offset=fault.offset)
            return
        if (count, crc) != (sealed.bytes, sealed.crc32):
            self._changed.append(_Changed(place, place.start, "the segment's text is not what was sealed"))

    def _fed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._scan.feed(block)
            yield block

    def _check_body(self, located: Located, at: int, length: int, expected: int, minute: str) -> None:
        """The compressed bytes themselves: some bits of deflate can change without the text changing."""
        crc = 0
        try:
            for _, piece in read_pieces(located.path, at, length, _PIECE_BYTES):
                crc = crc32(piece, crc)
            whole = crc == expected
        except SegmentCorrupt:
            whole = False
        if not whole:
            self._out.problem(
                located.path, "corrupt", f"the compressed bytes of segment {minute or 'day'} are not what was sealed", offset=at
            )

    def _compare(self, file: Path, figures: Iterable[tuple[str, object, object]]) -> None:
        for name, found, said in figures:
            if found != said:
                self._out.problem(file, "mismatch", f"{name}: found {found}, written down {said}")

    # judging what was read

    def _judge(self) -> None:
        gaps = self._account.gaps()
        holes = [(chain, hole) for chain, runs in self._scan.runs.items() for hole in runs.holes()]
        for changed in self._changed:
            offset, detail = self._where(changed, holes)
            self._out.problem(changed.place.file, "changed", detail, offset=offset)
        for remark in self._scan.remarks:
            self._judge_remark(remark, gaps)
        for file, count in self._bare.items():
            if count:
                self._out.finding(file, "no-envelope", "records of the classic recorder, without hoga's envelope", count=count)
        unexplained = [(chain, hole) for chain, hole in holes if not is_explained(hole, gaps) and not self._is_to_come(hole)]
        for chain, hole in self._beyond_midnight(unexplained, gaps):
            file, offset = self._in_file(hole.offset)
            span = f"{iso_of(hole.from_ns)} and {iso_of(hole.to_ns)}"
            detail = f"{chain} ids {hole.first}..{hole.last} are missing between {span} and no gap says so (offset in the text)"
            self._out.problem(file, "gap", detail, offset=offset)
        self._judge_missed(gaps)

    def _is_to_come(self, hole: Hole) -> bool:
        """A minute that lies unsealed in its journal, with sealed ones after it."""
        return any(from_ns <= hole.to_ns and hole.from_ns <= to_ns for from_ns, to_ns in self._unsealed.values())

    def _judge_remark(self, remark: Remark, gaps: list[Gap]) -> None:
        file, offset = self._in_file(remark.offset)
        say = self._out.problem if remark.kind in OUR_FAULTS and not is_stepped(remark, gaps) else self._out.finding
        say(file, remark.kind, f"{remark.detail} (offset in the text)", offset=offset, count=remark.count)

    def _beyond_midnight(self, holes: list[tuple[str, Hole]], gaps: list[Gap]) -> list[tuple[str, Hole]]:
        """The holes that stay when the days before and after are looked at, as a step of the clock makes it necessary: frames
        received around midnight are then in the other day's file."""
        if not holes:
            return []
        for day in (day_of(day_start_ns(self.day.day) - 1), next_day(self.day.day)):
            other = msgspec.structs.replace(self.day, day=day)
            steps = [gap for gap in [*gaps, *_gaps_of(other)] if gap.reason is Reason.CLOCK_STEP]
            if holes and steps and not self.day.only:
                runs = _runs_of(other, self._channels)
                holes = [(chain, hole) for chain, hole in holes if chain not in runs or runs[chain].missing_within(hole.first, hole.last)]
        return holes

    def _judge_missed(self, gaps: list[Gap]) -> None:
        if not any(channel.record.contiguous and channel.record.first_key == channel.record.last_key for channel in self._channels):
            return
        for gap, absent in wrong_counts(gaps, self._scan.runs.values()):
            say = self._out.problem if (gap.missed or 0) < absent else self._out.finding
            ids = f"ids {gap.from_id}..{gap.to_id}"
            say(self.day.manifest_path, "gap-mismatch", f"{ids}: {gap.missed} said to be missing, {absent} are")

    def _where(self, changed: _Changed, holes: list[tuple[str, Hole]]) -> tuple[int, str]:
        """The line where a changed text first shows the change, else its beginning."""
        place, end, why = changed
        for chain, hole in holes:
            if place.start <= hole.offset <= end:
                return hole.offset - place.start + place.base, f"{why}; {chain} ids {hole.first}..{hole.last} are gone (offset in the text)"
        for remark in self._scan.remarks:
            if place.start <= remark.offset <= end and remark.kind in ("doubled", "malformed", "torn", "backwards"):
                return remark.offset - place.start + place.base, f"{why}; {remark.detail} (offset in the text)"
        return place.base, f"{why} (offset in the text)"

    def _in_file(self, offset: int) -> tuple[Path, int]:
        """The file and the offset in its text of something at `offset` of all that was read."""
        found = self._places[0]
        for place in self._places:
            if place.start > offset:
                break
            found = place
        return found.file, offset - found.start + found.base


def _is_classic_row(row: SegmentRow) -> bool:
    """Made by the classic recorder; an older merge called such segments sealed."""
    return row.state == CLASSIC or (row.first_recv_ns is None and row.records > 0)


def _looks_classic(path: Path) -> bool:
    try:
        return is_classic(locate(path))
    except (ArchiveError, FileNotFoundError):
        return False


def _sources_of(path: Path) -> list[str]:
    """What a segment says it was made of."""
    try:
        said = open_segment_note(locate(path).note)
    except (ArchiveError, FileNotFoundError):
        return []
    return said.sources if said is not None else []


def _gaps_of(day: SeriesDay) -> list[Gap]:
    try:
        manifest = read_manifest(day.manifest_path)
        told = [entry.gap for entry in read_ledger(day.ledger) if isinstance(entry, GapEntry)]
    except ArchiveError:
        return []
    return [*(manifest.gaps if manifest is not None else ()), *told]


def _runs_of(day: SeriesDay, channels: tuple[ChannelSpec, ...]) -> dict[str, IdRuns]:
    """The ids of a whole day; what of it cannot be read proves nothing."""
    scan = SeriesScan(channels, check_books=False)
    try:
        for line in read_stretches(find_stretches(day).sealed, start_ns=0, end_ns=2**63):
            scan.feed(line)
    except (ArchiveError, FileNotFoundError, LineTooLong):
        pass
    return scan.runs


def _tee(blocks: Iterable[bytes], sha256: hashlib._Hash) -> Iterator[bytes]:
    for block in blocks:
        sha256.update(block)
        yield block


def _window(day: str, minute: str, span_min: int) -> tuple[int, int]:
    if not minute:
        return day_start_ns(day), day_start_ns(next_day(day))
    start = minute_start_ns(day, minute)
    return start, start + span_min * MINUTE_NS


def _file_order(file: str) -> tuple[str, int]:
    name = parse_segment(file)
    return (name.minute, name.part) if name is not None else (file, 0)


def _minute_of_file(file: str) -> str:
    name = parse_segment(file)
    return name.minute if name is not None else ""


def _first_difference(blocks: Iterable[bytes], rows: list[SegmentRow]) -> SegmentRow | None:
    """The first segment whose stretch of the text is not what was sealed; None when all are and nothing follows."""
    pending = bytearray()
    blocks = iter(blocks)
    differing: SegmentRow | None = None
    for row in rows:
        while len(pending) < row.bytes and (block := next(blocks, None)) is not None:
            pending += block
        if crc32(bytes(pending[: row.bytes])) != row.crc32:
            differing = row
            break
        del pending[: row.bytes]
    more = sum(map(len, blocks))
    if differing is None and (pending or more) and rows:
        return rows[-1]
    return differing
