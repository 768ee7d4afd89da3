"""archive.prove.mergedday: a merged day against its manifest: the manifest's figures, the day file, and every segment in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from hoga.archive.form.calendar import pieces_of, shares_of
from hoga.archive.form.deflate import crc32
from hoga.archive.form.locate import Located, made_here
from hoga.archive.form.manifest import Manifest, SegmentRow, coverage_of, gaps_per_million, happened
from hoga.archive.form.segment import inflate_range, read_located
from hoga.archive.form.semantics import ScanFacts
from hoga.archive.form.spans import day_span
from hoga.archive.form.store import is_file, look, sha256_of, size_of
from hoga.archive.form.text import LineTooLong
from hoga.archive.keep.classic import CLASSIC
from hoga.archive.prove.daytext import Changed, DayText, Place, Sealed, looks_classic
from hoga.core.errors import SegmentCorrupt
from hoga.core.times import iso_of
from hoga.runtime.durable import temporary_for

__all__ = ["MergedDay"]


class MergedDay:
    """The day file of one series, and the manifest that lists it. `check` reads it; without a manifest that can be trusted,
    `check_alone`."""

    def __init__(self, text: DayText) -> None:
        self._text = text
        self._day = text.day
        self._out = text.out
        self._scan = text.scan

    def check(self, manifest: Manifest) -> None:
        """Everything the manifest says, from the bytes."""
        self._check_figures(manifest)
        path = self._day.manifest_path.with_name(manifest.archive.file)
        self._out.archives += 1
        self._out.segments += len(manifest.segments)
        for flaw in manifest.flaws:
            when = f"{iso_of(flaw.from_ns)} to {iso_of(flaw.to_ns)}"
            self._out.problem(self._day.manifest_path, flaw.kind, f"{flaw.detail} ({when})")
        if look(path) is None:
            cut_short = "; a merge was cut short: hoga consolidate" if look(temporary_for(path)) is not None else ""
            self._out.problem(path, "missing", f"the day file is not there{cut_short}")
            return
        if not is_file(path):
            self._out.problem(path, "unreadable", "it is no regular file")
            return
        for other in self._day.archive_paths:
            if other != path:
                self._out.problem(other, "unaccounted", f"the manifest names {path.name}")
        whole = self._check_file(path, manifest)
        located = self._text.frame(path)
        if located is not None and not located.ours and not all(_is_classic_row(row) for row in manifest.segments):
            self._check_repacked(path, located, manifest)
            return
        self._check_rows(path, located, manifest, whole=whole)

    def _check_file(self, path: Path, manifest: Manifest) -> bool:
        size, written = size_of(path), manifest.archive.bytes
        if size != written:
            kind = "truncated" if size < written else "corrupt"
            self._out.problem(path, kind, f"the file has {size} bytes where {written} were written", offset=min(size, written))
        elif sha256_of(path) != manifest.archive.sha256:
            self._out.problem(path, "corrupt", "the file's SHA-256 is not the manifest's")
        else:
            return True
        return False

    def _check_rows(self, path: Path, located: Located | None, manifest: Manifest, *, whole: bool) -> None:
        if located is None:
            located = made_here(path, file_bytes=size_of(path))
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
        self._text.compare(path, figures)

    def _check_row(self, located: Located, row: SegmentRow, sha256: hashlib._Hash, *, whole: bool) -> ScanFacts:
        sealed = Sealed(row.records, row.bytes, row.crc32, row.first_recv_ns, row.last_recv_ns, None)
        place = Place(self._scan.bytes, located.path, row.offset, row.minute)
        if not whole:
            self._text.check_body(located, row.archive_offset, row.archive_bytes, row.archive_crc32, row.minute)
        blocks = _tee(inflate_range(located, row.archive_offset, row.archive_bytes), sha256)
        classic = _is_classic_row(row)
        return self._text.read(place, blocks, sealed, span_min=row.span_min, label=f"segment {row.minute}", classic=classic)

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
        self._text.compare(path, figures)

    def _check_repacked(self, path: Path, located: Located, manifest: Manifest) -> None:
        """Someone packed the day anew: read the text as one and say where it first leaves what was sealed."""
        self._out.problem(path, "repacked", "the file was not made by hoga")
        place = Place(self._scan.bytes, path, 0, "")
        self._scan.begin(day_span(self._day.day))
        try:
            first = _first_difference(self._text.fed(read_located(located)), manifest.segments)
        except SegmentCorrupt as fault:
            self._out.problem(path, "corrupt", fault.why, offset=fault.offset)
            first = None
        except LineTooLong as fault:
            self._out.problem(path, "malformed", f"{fault}; the rest of it was not read")
            first = None
        facts = self._scan.end()
        self._text.places.append(place)
        self._out.records += facts.records
        self._out.bytes += facts.bytes
        if first is not None:
            why = f"the text differs from segment {first.minute} on; {facts.records} records where {manifest.records} were sealed"
            change = place._replace(start=place.start + first.offset, base=first.offset, minute=first.minute)
            self._text.changed.append(Changed(change, place.start + facts.bytes, why))

    def _check_figures(self, manifest: Manifest) -> None:
        """What the manifest says of itself: sums, balance, coverage."""
        first = [row.first_recv_ns for row in manifest.segments if row.first_recv_ns is not None]
        last = [row.last_recv_ns for row in manifest.segments if row.last_recv_ns is not None]
        incidents = None if manifest.incidents is None else happened(manifest.venue, manifest.gaps)
        reasons = None if manifest.reasons is None else _missing(manifest)
        self._text.compare(
            self._day.manifest_path,
            [
                ("symbol", manifest.symbol, self._day.symbol),
                ("kind", manifest.kind, self._day.kind),
                ("day", manifest.day, self._day.day),
                ("records", sum(row.records for row in manifest.segments), manifest.records),
                ("bytes", sum(row.bytes for row in manifest.segments), manifest.bytes),
                ("coverage", coverage_of(manifest.live, manifest.gaps, manifest.day), manifest.coverage),
                ("gaps_per_million", gaps_per_million(len(manifest.gaps), manifest.records), manifest.gaps_per_million),
                ("incidents", incidents, manifest.incidents),
                ("reasons", reasons, manifest.reasons),
                ("first_recv_ns", next(iter(first), None), manifest.first_recv_ns),
                ("last_recv_ns", next(reversed(last), None), manifest.last_recv_ns),
            ],
        )
        self._text.check_balance(self._day.manifest_path, manifest.received, manifest.records, manifest.duplicates, manifest.gaps)
        self._check_collectors(manifest)
        rows = [row for row in manifest.segments if not _is_classic_row(row)]
        lines = [(row.minute, row.span_min, row.records, row.first_recv_ns, row.last_recv_ns) for row in rows]
        self._text.check_live(self._day.manifest_path, lines, manifest.live, manifest.gaps)

    def _check_collectors(self, manifest: Manifest) -> None:
        """Of a united day: each collector's own account, and that what stayed of theirs is all there is."""
        rows = manifest.collectors or []
        for row in rows:
            if row.received is not None and row.received != row.records + row.duplicates + row.unwritten:
                parts = f"{row.records} records + {row.duplicates} duplicates + {row.unwritten} accounted as not written"
                why = f"collector {row.name}: {row.received} frames were received, but {parts} are not as many"
                self._out.problem(self._day.manifest_path, "unbalanced", why)
        won = [row.won for row in rows]
        if rows and None not in won:
            self._text.compare(self._day.manifest_path, [("records of all collectors", sum(each or 0 for each in won), manifest.records)])

    def check_alone(self, archives: list[Path]) -> None:
        """Day files whose manifest is not there or not to be trusted: what they say about themselves."""
        for path in archives:
            self._out.archives += 1
            if not is_file(path):
                self._out.problem(path, "unreadable", "it is no regular file")
                continue
            if look(self._day.manifest_path) is None:
                if looks_classic(path):
                    hint = "hoga consolidate --adopt writes its manifest"
                    self._out.finding(path, "classic", f"a day of the classic recorder: only its own CRC says what it should hold; {hint}")
                else:
                    self._out.problem(path, "orphan", "there is no manifest beside the day file, so nothing says what it should hold")
            self._text.check_segment(path, None, minute="")


def _missing(manifest: Manifest) -> dict[str, float]:
    """What is missing, by reason. What of the rest is proven another series may say, which need not be here."""
    pieces = pieces_of(day_span(manifest.day), live=manifest.live, gaps=manifest.gaps, proving=(), flaws=manifest.flaws)
    return shares_of(pieces).reasons


def _is_classic_row(row: SegmentRow) -> bool:
    """Made by the classic recorder; an older merge called such segments sealed."""
    return row.state == CLASSIC or (row.first_recv_ns is None and row.records > 0)


def _tee(blocks: Iterable[bytes], sha256: hashlib._Hash) -> Iterator[bytes]:
    for block in blocks:
        sha256.update(block)
        yield block


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
