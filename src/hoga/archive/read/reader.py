"""archive.read.reader: the records of a stretch of time, as their lines, from day files, unmerged segments and open minutes alike.

Only segments that can hold wanted records are opened, and in a day file only their bytes are read. All text comes through
`archive.form.checked`: what is not proven is not told. Archives of the classic layout (no manifest, no ledger, lines without
`recvNs`) are read too; there the line's own `recv_ms` decides, or the segment's minute.

A recorder may be at work meanwhile: minutes are sealed, days merged, minutes removed. What is read is found in one state
of the folder; when a file went away before it was opened, its text is looked for in the new state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.checked import Proof, checked_blocks, checked_lines
from hoga.archive.form.discover import discover
from hoga.archive.form.envelope import recv_ns_of
from hoga.archive.form.layout import PARTS_DIR, SegmentName, parse_segment
from hoga.archive.form.ledger import SegmentEntry, read_ledger
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.notes import open_segment_note, part_mark
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import minute_span
from hoga.archive.read.openminute import OpenMinutes, days_with_open, lines_of
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import DAY_NS, day_start_ns
from hoga.runtime.durable import temporary_for

__all__ = ["DayStretches", "Stretch", "find_stretches", "read_records", "read_stretches"]

_FOREVER = 2**63
_LOOKS = 5
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


def read_records(
    target: Path | Iterable[SeriesDay],
    *,
    kind: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    journals: Iterable[Path] | None = None,
) -> Iterator[bytes]:
    """Lines (with their newline) of the records received from `start_ns` on and before `end_ns`.

    Args:
        target: a file or folder of an archive, or days of series already found. Series follow one another, by day, symbol, kind.
        kind: only this kind; None takes all.
        journals: the open minutes that belong to the days; None: those below `target` when it is a folder.

    Raises:
        ArchiveError: the target is no archive, or cannot be read. SegmentCorrupt: damage was met; nothing of the damaged
        segment was given, and all lines before it were.
    """
    found = None
    if isinstance(target, Path):
        found = discover([target])
        inside = target.resolve()
        days = days_with_open(found, lambda day: day.directory.resolve().is_relative_to(inside))
        journals = found.journals if journals is None else journals
    else:
        days = list(target)
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    opened = OpenMinutes(journals or ())

    def wanted(day: str) -> bool:
        start = day_start_ns(day)
        return start < high and start + DAY_NS > low

    for day in days:
        if kind in (None, day.kind) and wanted(day.day):
            yield from _read_day(day, opened, low, high)
    opened.require_whole(wanted)
    if found is not None:
        found.require_whole()


def find_stretches(day: SeriesDay) -> DayStretches:
    """Where the records of one day of one series are, in order; what is in the day file already is not told twice.

    Raises ArchiveError, ManifestMismatch, SegmentCorrupt.
    """
    for _ in range(_LOOKS):
        before = _mark(day.manifest_path)
        try:
            found = _find(day)
        except FileNotFoundError:
            continue
        if _mark(day.manifest_path) == before:
            return found
    raise ArchiveError(day.folder, "the day is being merged, again and again", hint="try once more")


def read_stretches(stretches: Iterable[Stretch], *, start_ns: int, end_ns: int) -> Iterator[bytes]:
    """The wanted lines of each stretch. Raises FileNotFoundError when a file went away before it was opened, and as `read_records`."""
    for stretch in stretches:
        if stretch.to_ns < start_ns or stretch.from_ns >= end_ns:
            continue
        lines = checked_lines(checked_blocks(stretch.path, at=stretch.at, length=stretch.length, proof=stretch.proof), stretch.path)
        if stretch.exact and start_ns <= min(stretch.from_ns, stretch.to_ns) and max(stretch.from_ns, stretch.to_ns) < end_ns:
            yield from lines
        else:
            yield from (line for line in lines if start_ns <= recv_ns_of(line, stretch.from_ns) < end_ns)


def _read_day(day: SeriesDay, opened: OpenMinutes, low: int, high: int) -> Iterator[bytes]:
    reading = _DayReading(day)
    yield from reading.sealed(low, high)
    for journals in opened.of(day) if not day.only else ():
        yield from reading.open(opened, journals, low, high)


class _DayReading:
    """One day of one series while it is being read: what was told is not told again, wherever it has gone meanwhile."""

    def __init__(self, day: SeriesDay) -> None:
        self._day = day
        self._found = find_stretches(day)
        self._told: list[tuple[object, ...]] = []
        self._journals: set[str] = set()

    def sealed(self, low: int, high: int) -> Iterator[bytes]:
        """Sealed segments."""
        waiting = list(self._found.sealed)
        looks = 0
        while waiting:
            stretch = waiting.pop(0)
            try:
                yield from read_stretches([stretch], start_ns=low, end_ns=high)
                self._told.append(stretch.key)
            except FileNotFoundError as gone:
                looks += 1
                waiting = self._look_again()
                if looks > _LOOKS or any(each.path == stretch.path for each in waiting):
                    hint = f"hoga verify {self._day.directory}"
                    raise ArchiveError(stretch.path, "is not there, and something says it should be", hint=hint) from gone

    def open(self, opened: OpenMinutes, journals: list[Path], low: int, high: int) -> Iterator[bytes]:
        """An open minute, unless it is sealed already."""
        if any(path.name in self._found.sources for path in journals):
            return
        try:
            minute, content = opened.read(journals, self._day)
        except FileNotFoundError:  # sealed meanwhile: it is a segment now
            self._found = msgspec.structs.replace(self._found, sealed=self._look_again())
            yield from self.sealed(low, high)
            return
        self._journals.update(path.name for path in journals)
        if content not in self._found.contents:
            yield from (line for line in lines_of(minute) if low <= recv_ns_of(line, low) < high)

    def _look_again(self) -> list[Stretch]:
        """What there is now and was not told. Raises ArchiveError when what was told cannot be told apart any more."""
        self._found = find_stretches(self._day)
        fresh = [each for each in self._found.sealed if each.key not in self._told and not self._journals & each.sources]
        known = {each.key for each in self._found.sealed}
        if any(key not in known for key in self._told):
            raise ArchiveError(self._day.manifest_path, "the day was changed while it was read", hint="read it once more")
        return fresh


def _mark(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


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
    if coming.exists() and coming.stat().st_size == manifest.archive.bytes:
        path = coming
    for row in manifest.segments:
        low, high = minute_span(day.day, row.minute, row.span_min)
        first, last = row.first_recv_ns, row.last_recv_ns
        yield Stretch(
            path=path,
            minute=row.minute,
            part=row.part,
            from_ns=low if first is None or last is None else min(first, last),
            to_ns=high - 1 if first is None or last is None else max(first, last),
            exact=first is not None and last is not None,
            at=row.archive_offset,
            length=row.archive_bytes,
            proof=Proof(packed_crc32=row.archive_crc32, text_bytes=row.bytes, crc32=row.crc32),
        )


def _told(day: SeriesDay) -> dict[str, SegmentEntry]:
    return {entry.file: entry for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry) and entry.file}


def _unmerged(day: SeriesDay, packed: set[tuple[object, ...]], contents: set[tuple[str, int, int]], sources: set[str]) -> Iterator[Stretch]:
    """Segments that are not in the day file; the journals they came from go to `sources`."""
    if not day.folder.is_dir():
        return
    told = _told(day)
    present: dict[str, SegmentName] = {}
    for path in day.folder.iterdir():
        name = parse_segment(path.name)
        if name is not None and not (path.suffix == ".jsonl" and path.with_suffix(".zip").exists()):
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
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
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
        if part_mark(name.minute, located.body_crc32) not in joined:
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
