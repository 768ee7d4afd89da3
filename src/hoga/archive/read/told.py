"""archive.read.told: what was written down of a day beside its records: the gaps in it, and the streams that fed it."""

from __future__ import annotations

from hoga.archive.form.healed import Healed
from hoga.archive.form.ledger import GapEntry, HealedEntry, SegmentEntry, read_ledger
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.openminute import OpenMinutes
from hoga.core.ledger import Gap

__all__ = ["gaps_of", "healed_of", "names_of"]


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


def names_of(day: SeriesDay, opened: OpenMinutes | None = None) -> list[str]:
    """The wire names of the streams that fed the series that day, sorted; empty where nobody wrote them down (classic archives).

    `opened` and what it raises: as `gaps_of`.
    """
    found = opened.names(day) if opened is not None else set()
    found.update(name for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry) for name in entry.streams)
    manifest = read_manifest(day.manifest_path)
    found.update(filter(None, manifest.stream.split(",")) if manifest is not None else ())
    return sorted(found)
