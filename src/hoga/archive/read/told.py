"""archive.read.told: what was written down of a day beside its records: the gaps in it, what was healed of them, and the streams that
fed it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from hoga.archive.form.discover import venue_of
from hoga.archive.form.healed import Healed, healed_path, read_rows
from hoga.archive.form.ledger import GapEntry, HealedEntry, SegmentEntry, read_ledger
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.records import RecordReader
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.openminute import OpenMinutes
from hoga.core.errors import SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.venues.registry import channels_for

__all__ = ["gaps_of", "gaps_of_days", "healed_among", "healed_lines", "healed_of", "names_of", "venue_of_day"]


def gaps_of(day: SeriesDay, opened: OpenMinutes | None = None) -> list[Gap]:
    """The gaps of one day of one series, each once, by when they begin; also those that miss nothing (`missed` 0: a step of the clock).

    `opened`: the journals whose open minutes count, too. Raises ManifestMismatch, SegmentCorrupt, ArchiveError.
    """
    found: set[Gap] = set()
    for journals in opened.of(day) if opened is not None else ():
        try:
            found.update(opened.read(journals, day)[0].gaps)  # type: ignore[union-attr]  # it is there when there are journals
        except FileNotFoundError:  # sealed meanwhile: the ledger, read after this, has them
            continue
    found.update(entry.gap for entry in read_ledger(day.ledger) if isinstance(entry, GapEntry))
    manifest = read_manifest(day.manifest_path)
    found.update(manifest.gaps if manifest is not None else ())
    return sorted(found, key=lambda gap: (gap.from_ns, gap.to_ns, gap.reason, gap.from_id or 0))


def gaps_of_days(days: Iterable[SeriesDay], opened: OpenMinutes, *, fill: bool) -> list[Gap]:
    """The gaps of these days of one series, each once, by when they begin; with `fill` without those that miss nothing any more, because
    all of their trades were fetched afterwards. Raises as `gaps_of`."""
    days = list(days)
    found = list(dict.fromkeys(gap for day in days for gap in gaps_of(day, opened if not day.only else None)))
    if not fill or all(gap.from_id is None for gap in found):
        return found
    lines = [line for day in days for line in healed_lines(day)]
    filled = healed_among(found, lines, venue=venue_of_day(days[0]), kind=days[0].kind) if lines else set()
    return [gap for gap in found if gap not in filled]


def healed_of(day: SeriesDay) -> Healed | None:
    """The file of trades of this day that were fetched afterwards; None without one. Raises as `gaps_of`."""
    found = None
    for entry in read_ledger(day.ledger):
        if isinstance(entry, HealedEntry):
            found = entry.healed
    if found is None:
        manifest = read_manifest(day.manifest_path)
        found = None if manifest is None else manifest.healed
    return found


def healed_lines(day: SeriesDay) -> list[bytes]:
    """The lines, without newlines, of the trades of a day that were fetched afterwards; none without such a file, and of a single minute.
    Raises SegmentCorrupt for a file that is not the one that was told, and as `gaps_of`."""
    told = None if day.only else healed_of(day)
    if told is None:
        return []
    path = healed_path(day)
    if told.file != path.name:
        raise SegmentCorrupt(path, f"ledger or manifest name {told.file}, which is another day's")
    try:
        return read_rows(path, told)
    except FileNotFoundError:
        raise SegmentCorrupt(path, "the file of healed trades is not there") from None


def healed_among(gaps: Iterable[Gap], lines: Iterable[bytes], *, venue: str, kind: str) -> set[Gap]:
    """The gaps of whose ids each is among these healed lines: nothing is missing there any more."""
    named = [gap for gap in gaps if gap.from_id is not None and gap.to_id is not None]
    text = b"".join(line + b"\n" for line in lines) if named else b""
    if not text:
        return set()
    reader = RecordReader(channels_for(venue, kind))
    chains = [sorted(first for first, _ in chain.spans) for chain in reader.chains(reader.read(text) or [])]
    return {gap for gap in named if any(_are_in(gap, ids) for ids in chains)}


def _are_in(gap: Gap, ids: list[int]) -> bool:
    assert gap.from_id is not None and gap.to_id is not None, "asked only of gaps with ids"
    return bisect_right(ids, gap.to_id) - bisect_left(ids, gap.from_id) == gap.to_id - gap.from_id + 1


def venue_of_day(day: SeriesDay) -> str:
    """As the manifest says it, else the folder that the day is in. Raises ManifestMismatch, ArchiveError."""
    manifest = read_manifest(day.manifest_path)
    return manifest.venue if manifest is not None else venue_of(day.directory)


def names_of(day: SeriesDay, opened: OpenMinutes | None = None) -> list[str]:
    """The wire names of the streams that fed the series that day, sorted; empty where nobody wrote them down (classic archives).

    `opened` and what it raises: as `gaps_of`.
    """
    found = opened.names(day) if opened is not None else set()
    found.update(name for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry) for name in entry.streams)
    manifest = read_manifest(day.manifest_path)
    found.update(filter(None, manifest.stream.split(",")) if manifest is not None else ())
    return sorted(found)
