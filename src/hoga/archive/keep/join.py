"""archive.keep.join: the minutes of a longer segment (`SAVE_INTERVAL_MIN` above 1) become one file, without recompressing.

The sealer leaves every minute as a part in `parts/`. When the interval is over, or recording ends, the parts are
spliced into one segment, its ledger entry is appended, and the parts are removed. Killed in between, it is done again:
the segment's note names the parts it was made of, by minute and journal (a part's name may come again after a restart, and the same
journal, sealed again, may come packed otherwise).
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import msgspec

from hoga.archive.form.layout import PARTS_DIR, SegmentName, parse_segment, suffix_of
from hoga.archive.form.ledger import SegmentEntry, append_entries
from hoga.archive.form.locate import locate
from hoga.archive.form.notes import SegmentNote, open_segment_note, part_marks
from hoga.archive.form.segment import SegmentFacts, read_note
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import series_lock, splice_segments
from hoga.archive.keep.seal import facts_of
from hoga.core.errors import SegmentCorrupt
from hoga.core.times import minute_floor_ns, minute_of, minute_start_ns
from hoga.runtime.durable import unlink

__all__ = ["join_parts", "waiting_parts"]


def waiting_parts(directory: Path) -> list[SeriesDay]:
    """Every day of a series in `directory` that has parts waiting to be joined."""
    found = {
        SeriesDay(directory, name.symbol, name.kind, name.day)
        for path in (directory / "temporary").glob(f"*/{PARTS_DIR}/*")
        if (name := parse_segment(path.name)) is not None
    }
    return sorted(found)


def join_parts(day: SeriesDay, *, interval_min: int, archive_format: str) -> list[str]:
    """Join all waiting parts of one series and day, one segment for each interval. Returns the segments' names.

    Raises SegmentCorrupt when a part is damaged, DiskFull or ArchiveError when nothing can be written, ArchiveBusy
    when the day is being merged.
    """
    with series_lock(day):
        folder = day.folder
        parts = sorted(
            ((name, path) for path in (folder / PARTS_DIR).glob("*") if (name := parse_segment(path.name)) is not None),
            key=lambda item: (item[0].minute, item[0].part),
        )
        made: list[str] = []
        for start, group in groupby(parts, key=lambda item: _interval(day.day, item[0].minute, interval_min)):
            made += _join(day, [*group], start, suffix_of(archive_format), interval_min=interval_min)
        return made


def _interval(day: str, minute: str, interval_min: int) -> str:
    """The first minute of the interval that holds `minute`."""
    return minute_of(minute_floor_ns(minute_start_ns(day, minute), interval_min=interval_min))


def _join(day: SeriesDay, parts: list[tuple[SegmentName, Path]], start: str, suffix: str, *, interval_min: int) -> list[str]:
    """Join the parts of one interval; first finish what an earlier try began."""
    waiting, known = dict[str, Path](), dict[str, str]()
    for part, path in parts:
        located = locate(path)
        mark, earlier = part_marks(part.minute, located.note, located.body_crc32)
        waiting[mark], known[mark], known[earlier] = path, mark, mark
    there = [(name, path) for path in day.folder.iterdir() if (name := parse_segment(path.name)) is not None]
    taken = [name.part for name, _ in there if name.minute == start]
    made = []
    for target in _may_hold(there, parts[0][0].minute, parts[-1][0].minute):
        joined = {known[source] for source in _sources(target) if known.get(source) in waiting}
        if joined:
            _settle(target, day.ledger, facts_of(target), [waiting.pop(mark) for mark in joined])
            made.append(target.name)
    if waiting:
        number, paths = max(taken, default=0) + 1, list(waiting.values())
        stem = day.segment_stem(start, part=number)
        target = day.folder / f"{stem}{suffix}"
        entry = _sum([_entry(path) for path in paths], start, number, target.name, interval_min=interval_min)
        note = msgspec.json.encode(SegmentNote(sources=list(waiting), entry=entry))
        _settle(target, day.ledger, splice_segments(paths, target, f"{stem}.jsonl", note), paths)
        made.append(target.name)
    return made


def _may_hold(there: list[tuple[SegmentName, Path]], first: str, last: str) -> list[Path]:
    """The segments that may have been made of minutes `first` to `last`, also where the interval was another one then."""
    low = max((name.minute for name, _ in there if name.minute <= first), default=first)
    return [path for name, path in there if low <= name.minute <= last]


def _settle(target: Path, ledger: Path, facts: SegmentFacts, parts: list[Path]) -> None:
    """The segment is in place: tell the ledger, then remove the parts."""
    sizes = {"bytes": facts.bytes, "crc32": facts.crc32, "archive_bytes": facts.archive_bytes}
    append_entries(ledger, [msgspec.structs.replace(_entry(target), **sizes)], again=True)
    for path in parts:
        unlink(path, missing_ok=True)


def _sources(path: Path) -> list[str]:
    said = open_segment_note(read_note(path))
    return said.sources if said is not None else []


def _entry(path: Path) -> SegmentEntry:
    said = open_segment_note(read_note(path))
    if said is None:
        raise SegmentCorrupt(path, "the sealer's note is missing: nobody can say whose minutes these are", offset=0)
    return said.entry


def _sum(entries: list[SegmentEntry], minute: str, number: int, file: str, *, interval_min: int) -> SegmentEntry:
    """One entry for all."""
    first_ids = [entry.first_id for entry in entries if entry.first_id is not None]
    last_ids = [entry.last_id for entry in entries if entry.last_id is not None]
    if len(last_ids) < len(entries):  # of some nobody told them: the merge reads them
        first_ids, last_ids = [], []
    counts = [entry.received for entry in entries]
    known = [count for count in counts if count is not None]
    return SegmentEntry(
        journal=entries[0].journal,
        file=file,
        minute=minute,
        part=number,
        records=sum(entry.records for entry in entries),
        bytes=0,
        crc32=0,
        archive_bytes=0,
        first_recv_ns=entries[0].first_recv_ns,
        last_recv_ns=entries[-1].last_recv_ns,
        received=sum(known) if len(known) == len(counts) else None,
        duplicates=sum(entry.duplicates for entry in entries),
        reordered=sum(entry.reordered for entry in entries),
        first_id=min(first_ids, default=None),
        last_id=max(last_ids, default=None),
        state="recovered" if any(entry.state != "sealed" for entry in entries) else "sealed",
        streams=sorted({stream for entry in entries for stream in entry.streams}),
        span_min=interval_min,
    )
