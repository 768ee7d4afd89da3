"""archive.read.stretches: where the records of one day of one series are: the segments of its day file, and those not merged yet.

Nothing is read here but names, manifests, ledgers and the frames of files. What a stretch says of itself (times, sizes,
checksums) comes from the manifest, the ledger or the segment's own note.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.checked import Proof
from hoga.archive.form.layout import FORMATS, PARTS_DIR, SegmentName, parse_segment
from hoga.archive.form.ledger import SegmentEntry, read_ledger
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.notes import open_segment_note, part_marks
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import minute_span
from hoga.archive.form.store import list_names, look
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import DAY_NS, day_start_ns
from hoga.runtime.durable import temporary_for

__all__ = ["LOOKS", "DayStretches", "Stretch", "find_stretches"]

LOOKS = 5
"""How often a day that is being merged under our eyes is looked for anew."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Text that belongs together: a whole file, or `length` compressed bytes of a day file from `at` on.

    `from_ns`..`to_ns` are the receive times of its first and last record; `exact` is False where only the minute is known.
    `proof` is what was written down of it. `key` tells it again wherever it is; `sources` are the journals it came from.
    """

    path: Path
    minute: str
    part: int
    from_ns: int
    to_ns: int
    exact: bool
    proof: Proof = Proof()
    at: int | None = None
    length: int | None = None
    sources: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[object, ...]:
        known = self.proof.packed_crc32
        return (self.minute, self.length, known) if known is not None else (self.minute, self.path.name)


class DayStretches(msgspec.Struct, frozen=True):
    """What one day of one series holds: `sealed` in order, and the journals that are sealed already (`sources`, by name)."""

    sealed: list[Stretch]
    sources: set[str]
    contents: set[tuple[str, int, int]]


def find_stretches(day: SeriesDay) -> DayStretches:
    """Where the records of one day of one series are, in order; what is in the day file already is not told twice.

    Raises ArchiveError, ManifestMismatch, SegmentCorrupt.
    """
    for _ in range(LOOKS):
        before = _mark(day.manifest_path)
        try:
            found = _find(day)
        except FileNotFoundError:
            continue
        if _mark(day.manifest_path) == before:
            return found
    raise ArchiveError(day.folder, "the day is being merged, again and again", hint="try once more")


def _mark(path: Path) -> Hashable:
    try:
        found = look(path)
    except OSError:
        return None
    return None if found is None else found.mark


def _find(day: SeriesDay) -> DayStretches:
    if day.only:
        path = Path(day.only)
        name = parse_segment(path.name)
        if name is None:
            raise ArchiveError(path, "the name is none of a segment's")
        entry = _told(day).get(path.name) if path.parent == day.folder else None
        return DayStretches([_segment_stretch(path, name, day, entry)], set(), set())
    manifest = read_manifest(day.manifest_path)
    stretches: list[Stretch] = []
    sources: set[str] = set()
    contents: set[tuple[str, int, int]] = set()
    if manifest is not None:
        contents = {(row.minute, row.bytes, row.crc32) for row in manifest.segments}
        stretches += _merged(day, manifest)
    else:
        start = day_start_ns(day.day)
        for path in day.archive_paths:
            stretches.append(Stretch(path=path, minute="", part=0, from_ns=start, to_ns=start + DAY_NS - 1, exact=False))
    packed = {stretch.key for stretch in stretches}
    stretches += _unmerged(day, packed, contents, sources)
    return DayStretches(sorted(stretches, key=lambda stretch: (stretch.minute, stretch.part)), sources, contents)


def _merged(day: SeriesDay, manifest: Manifest) -> Iterator[Stretch]:
    path = day.manifest_path.with_name(manifest.archive.file)
    coming = temporary_for(path)  # between its manifest's commit and its own, the day file still has its working name
    found = look(coming)
    if found is not None and found.bytes == manifest.archive.bytes:
        path = coming
    is_table = manifest.archive.file.endswith(FORMATS["parquet"])
    for row in manifest.segments:
        first, last = row.first_recv_ns, row.last_recv_ns
        exact = first is not None and last is not None
        if first is None or last is None:
            low, high = minute_span(day.day, row.minute, row.span_min)
            first, last = low, high - 1
        yield Stretch(
            path=path,
            minute=row.minute,
            part=row.part,
            from_ns=min(first, last),
            to_ns=max(first, last),
            exact=exact,
            at=row.archive_offset,
            length=row.archive_bytes,
            proof=Proof(packed_crc32=None if is_table else row.archive_crc32, text_bytes=row.bytes, crc32=row.crc32),
        )


def _told(day: SeriesDay) -> dict[str, SegmentEntry]:
    return {entry.file: entry for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry) and entry.file}


def _unmerged(day: SeriesDay, packed: set[tuple[object, ...]], contents: set[tuple[str, int, int]], sources: set[str]) -> Iterator[Stretch]:
    """Segments that are not in the day file; the journals they came from go to `sources`."""
    entries = {entry.path.name: entry.path for entry in list_names(day.folder)}
    if not entries:
        return
    told = _told(day)
    present: dict[str, SegmentName] = {}
    for path in entries.values():
        name = parse_segment(path.name)
        if name is not None and not (path.suffix == ".jsonl" and path.with_suffix(".zip").name in entries):
            present[path.name] = name
    for file in sorted({*present, *told}):
        path, entry = day.folder / file, told.get(file)
        if entry is not None and (entry.minute, entry.bytes, entry.crc32) in contents:
            continue
        name = present.get(file) or parse_segment(file)
        if name is None:
            continue
        if file not in present:
            yield _unread(path, name, day, entry)
            continue
        try:
            located = locate(path)
        except SegmentCorrupt:
            yield _unread(path, name, day, entry)
            continue
        stretch = _segment_stretch(path, name, day, entry, located)
        sources.update(stretch.sources)
        if stretch.key not in packed and (name.minute, located.text_bytes, located.crc32) not in contents:
            yield stretch
    yield from _parts(day, sources)


def _parts(day: SeriesDay, sources: set[str]) -> Iterator[Stretch]:
    """Sealed minutes that wait to be joined to a longer segment."""
    folder = day.folder / PARTS_DIR
    joined = set(sources)
    for path in sorted(entry.path for entry in list_names(folder)):
        name = parse_segment(path.name)
        if name is None:
            continue
        try:
            located = locate(path)
        except SegmentCorrupt:
            yield _unread(path, name, day, None)
            continue
        stretch = _segment_stretch(path, name, day, None, located)
        sources.update(stretch.sources)
        if joined.isdisjoint(part_marks(name.minute, located.note, located.body_crc32)):
            yield stretch


def _unread(path: Path, name: SegmentName, day: SeriesDay, entry: SegmentEntry | None) -> Stretch:
    """What is damaged, or is not there although the ledger names it: whoever wants its time must hear of it."""
    low, high = minute_span(day.day, name.minute, entry.span_min if entry is not None else 1)
    return Stretch(path=path, minute=name.minute, part=name.part, from_ns=low, to_ns=high - 1, exact=False)


def _segment_stretch(path: Path, name: SegmentName, day: SeriesDay, entry: SegmentEntry | None, located: Located | None = None) -> Stretch:
    located = located or locate(path)
    note = open_segment_note(located.note)
    said = note.entry if note is not None else entry
    low, high = minute_span(day.day, name.minute, said.span_min if said is not None else 1)
    proof = Proof(
        packed_crc32=located.body_crc32,
        text_bytes=located.text_bytes if entry is None else entry.bytes,
        crc32=located.crc32 if entry is None else entry.crc32,
    )
    times = (said.first_recv_ns, said.last_recv_ns) if said is not None else (None, None)
    exact = times[0] is not None and times[1] is not None
    known = [time for time in times if time is not None] if exact else [low, high - 1]
    return Stretch(
        path=path, minute=name.minute, part=name.part, from_ns=min(known), to_ns=max(known), exact=exact, proof=proof,
        length=located.body_bytes, sources=frozenset(note.sources if note is not None else ()),
    )  # fmt: skip
