"""archive.catalog: what is recorded, one row per series and day, from manifests and ledgers alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.discover import SeriesDay, discover, venue_of
from hoga.archive.ledger import read_ledger
from hoga.archive.manifest import DayAccount, Manifest, coverage_of, read_manifest
from hoga.core.errors import ManifestMismatch
from hoga.core.ledger import Gap
from hoga.quality.incidents import Incident, Series, incidents_of

__all__ = ["CatalogRow", "catalog", "listing"]


class CatalogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one series. `bytes` is JSONL text; None where nothing says how much there is. `gaps` are ledger entries,
    `incidents` the causes behind them.

    `state`: `merged`; `recovered` (merged, and a part of it was saved after a crash); `late` (merged, and segments came
    after it); `open` (not merged yet); `missing` (a manifest without its day file); `unknown` (a day file without manifest,
    or with a damaged one).
    """

    venue: str
    symbol: str
    kind: str
    day: str
    records: int | None
    bytes: int | None
    coverage: float | None
    gaps: int | None
    incidents: int | None
    state: str


def catalog(paths: Iterable[Path]) -> list[CatalogRow]:
    """The rows of everything under `paths`, by day, symbol and kind. Raises ArchiveError for a path that is no archive."""
    return listing(paths)[0]


def listing(paths: Iterable[Path]) -> tuple[list[CatalogRow], list[Incident]]:
    """`catalog`, and the incidents behind all gaps in it: one that struck many series, or went on over midnight, is told once."""
    days = {msgspec.structs.replace(day, only="") for day in discover(paths).days}
    rows: list[CatalogRow] = []
    told: list[tuple[Series, Gap]] = []
    for day in days:
        row, gaps = _row(day)
        rows.append(row)
        told += [((row.venue, f"{row.kind}:{row.symbol}"), gap) for gap in gaps]
    return sorted(rows, key=lambda row: (row.day, row.venue, row.symbol, row.kind)), incidents_of(told)


def _row(day: SeriesDay) -> tuple[CatalogRow, list[Gap]]:
    try:
        manifest = read_manifest(day.manifest_path)
    except ManifestMismatch:
        return _unknown(day), []
    if manifest is not None:
        return _merged(day, manifest), manifest.gaps
    if day.archive_paths:
        return _unknown(day), []
    return _open(day)


def _merged(day: SeriesDay, manifest: Manifest) -> CatalogRow:
    state = "merged"
    if any(row.state == "recovered" for row in manifest.segments):
        state = "recovered"
    ledger = day.ledger.read_bytes() if day.ledger.exists() else b""
    if manifest.ledger.fresh_from(ledger) < len(ledger):
        state = "late"
    if not day.manifest_path.with_name(manifest.archive.file).exists():
        state = "missing"
    return CatalogRow(
        venue=manifest.venue,
        symbol=manifest.symbol,
        kind=manifest.kind,
        day=manifest.day,
        records=manifest.records,
        bytes=manifest.bytes,
        coverage=manifest.coverage,
        gaps=len(manifest.gaps),
        incidents=_causes(manifest.gaps),
        state=state,
    )


def _open(day: SeriesDay) -> tuple[CatalogRow, list[Gap]]:
    account = DayAccount()
    account.add(read_ledger(day.ledger))
    gaps = account.gaps()
    row = CatalogRow(
        venue=venue_of(day.directory),
        symbol=day.symbol,
        kind=day.kind,
        day=day.day,
        records=sum(entry.records for entry in account.segments.values()),
        bytes=sum(entry.bytes for entry in account.segments.values()),
        coverage=coverage_of(account.live(), gaps, day.day),
        gaps=len(gaps),
        incidents=_causes(gaps),
        state="open",
    )
    return row, gaps


def _causes(gaps: list[Gap]) -> int:
    return len(incidents_of((("", ""), gap) for gap in gaps))


def _unknown(day: SeriesDay) -> CatalogRow:
    return CatalogRow(
        venue=venue_of(day.directory),
        symbol=day.symbol,
        kind=day.kind,
        day=day.day,
        records=None,
        bytes=None,
        coverage=None,
        gaps=None,
        incidents=None,
        state="unknown",
    )
