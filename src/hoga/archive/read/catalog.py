"""archive.read.catalog: what is recorded, a row per series and day, from manifests and ledgers; days of classic archives are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.audit import told_once
from hoga.archive.form.calendar import Shares
from hoga.archive.form.discover import discover, venue_of
from hoga.archive.form.ledger import read_ledger
from hoga.archive.form.manifest import CollectorRow, DayAccount, Manifest, coverage_of, coverage_since, gaps_per_million, read_manifest
from hoga.archive.form.recorded import ReadManifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import minute_span
from hoga.archive.form.store import look, read_name
from hoga.archive.keep.classic import CLASSIC, classic_day, count_text
from hoga.archive.read.coverage import DayCoverage, day_coverage, untold_files
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap
from hoga.quality.incidents import Incident, Series, count_gaps, incidents_of

__all__ = ["CatalogRow", "Surveyed", "catalog", "listing", "survey"]


class CatalogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one series. `bytes` is JSONL text; None where nothing says how much there is. `gaps` counts each gap once,
    `incidents` the causes behind them.

    `state`: `merged`; `recovered` (merged, and a part of it was saved after a crash); `late` (merged, and segments came
    after it); `open` (not merged yet); `classic` (made by the classic recorder; its records are counted by reading it); `missing` (a
    manifest without its day file); `unknown` (a day file without manifest); `damaged` (manifest, ledger or a file that had to be read).
    `why`: what is wrong, for the last two. `coverage` is of the whole day, `coverage_since` of the time from the first to the last moment
    of it at which the series was being recorded. `proven`, `unprovable` and `missing` are shares of the whole day, too, as far as it has
    come (`archive.form.calendar`); `reasons`: of what is missing, by reason. None where nothing says it. `collectors`, `absent`: of a
    union, whose it is and who may have more, as its manifest tells.
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
    coverage_since: float | None = None
    proven: float | None = None
    unprovable: float | None = None
    missing: float | None = None
    reasons: dict[str, float] | None = None
    gaps_per_million: float | None = None
    why: str | None = None
    collectors: list[CollectorRow] | None = None
    absent: list[str] | None = None


def catalog(paths: Iterable[Path]) -> list[CatalogRow]:
    """The rows of everything under `paths`, by day, symbol and kind. Raises ArchiveError for a path that is no archive."""
    return listing(paths)[0]


class Surveyed(NamedTuple):
    """A day, its row, and how it stands; None where its files do not say."""

    day: SeriesDay
    row: CatalogRow
    coverage: DayCoverage | None


def listing(paths: Iterable[Path], *, now_ns: int | None = None) -> tuple[list[CatalogRow], list[Incident]]:
    """`catalog`, and the incidents behind all gaps in it: one that struck many series, or went on over midnight, is told once.

    `now_ns`: what comes after it is not missing. None: every day is past.
    """
    days, incidents = survey(paths, now_ns=now_ns)
    return [each.row for each in days], incidents


def survey(paths: Iterable[Path], *, now_ns: int | None = None) -> tuple[list[Surveyed], list[Incident]]:
    """`listing`, with how each day stands."""
    days = {msgspec.structs.replace(day, only="") for day in discover(paths).days}
    beside: dict[tuple[str, str, str], list[SeriesDay]] = {}
    for day in days:
        beside.setdefault((venue_of(day.directory), day.symbol, day.day), []).append(day)
    read = lru_cache(maxsize=32)(read_manifest)  # a day's manifest is wanted for itself, and for what it proves
    found: list[Surveyed] = []
    told: list[tuple[Series, Gap]] = []
    for others in beside.values():
        for day in others:
            row, gaps, coverage = _row(day, others, now_ns, read)
            found.append(Surveyed(day, row, coverage))
            told += [((row.venue, f"{row.kind}:{row.symbol}"), gap) for gap in told_once(gaps)[0]]
    return sorted(found, key=lambda each: (each.row.day, each.row.venue, each.row.symbol, each.row.kind)), incidents_of(told)


def _row(
    day: SeriesDay, others: list[SeriesDay], now_ns: int | None, read: ReadManifest
) -> tuple[CatalogRow, list[Gap], DayCoverage | None]:
    """One day; what is wrong with it is said in its own row and hides no other."""
    try:
        row, gaps = _told(day, read(day.manifest_path))
        if row.state == "unknown":
            return row, gaps, None
        coverage = day_coverage(day, others=others, now_ns=now_ns, read=read)
        return _with_shares(row, coverage.shares), gaps, coverage
    except ArchiveError as fault:
        return _row_of(day, state="damaged", why=str(fault)), [], None
    except OSError as fault:
        return _row_of(day, state="damaged", why=f"{fault.filename or day.directory}: cannot be read: {fault.strerror or fault}"), [], None


def _told(day: SeriesDay, manifest: Manifest | None) -> tuple[CatalogRow, list[Gap]]:
    if manifest is not None:
        return _merged(day, manifest), manifest.gaps
    if day.archive_paths and classic_day(day) is None:
        return _row_of(day, state="unknown", why=f"{day.archive_paths[0]}: there is no manifest beside the day file"), []
    return _open(day)


def _with_shares(row: CatalogRow, shares: Shares | None) -> CatalogRow:
    per_million = None if row.gaps is None or row.records is None else gaps_per_million(row.gaps, row.records)
    row = msgspec.structs.replace(row, gaps_per_million=per_million)
    if shares is None:
        return row
    return msgspec.structs.replace(row, proven=shares.proven, unprovable=shares.unprovable, missing=shares.missing, reasons=shares.reasons)


def _merged(day: SeriesDay, manifest: Manifest) -> CatalogRow:
    state = "merged"
    if all(row.state == CLASSIC for row in manifest.segments) and manifest.segments:
        state = CLASSIC
    if any(row.state == "recovered" for row in manifest.segments):
        state = "recovered"
    ledger = read_name(day.ledger) if look(day.ledger) is not None else b""
    if manifest.ledger.fresh_from(ledger) < len(ledger):
        state = "late"
    if look(day.manifest_path.with_name(manifest.archive.file)) is None:
        state = "missing"
    gaps, incidents = _counts(manifest.gaps)
    return CatalogRow(
        venue=manifest.venue,
        symbol=manifest.symbol,
        kind=manifest.kind,
        day=manifest.day,
        records=manifest.records,
        bytes=manifest.bytes,
        coverage=manifest.coverage if state != CLASSIC or manifest.live else None,
        coverage_since=coverage_since(manifest.live, manifest.gaps, manifest.day),
        gaps=gaps,
        incidents=incidents,
        state=state,
        collectors=manifest.collectors,
        absent=manifest.absent if manifest.collectors is not None else None,
    )


def _open(day: SeriesDay) -> tuple[CatalogRow, list[Gap]]:
    account = DayAccount()
    account.add(read_ledger(day.ledger))
    told = account.segments.values()
    others = [*_untold(day, account)]
    gaps = account.gaps()
    live = [*account.live(), *(minute_span(day.day, each.minute) for each in others if each.classic and each.minute)]
    whole = not any(not each.minute for each in others)
    row = _row_of(
        day,
        state=CLASSIC if others and not told and all(each.classic for each in others) else "open",
        records=sum(entry.records for entry in told) + sum(each.records for each in others),
        bytes=sum(entry.bytes for entry in told) + sum(each.bytes for each in others),
        coverage=coverage_of(live, gaps, day.day) if whole else None,
        since=coverage_since(live, gaps, day.day) if whole else None,
        gaps=gaps,
    )
    return row, gaps


class _Other(NamedTuple):
    """A file that no ledger names: of the classic recorder, or ours. `minute` is empty for a day file."""

    minute: str
    records: int
    bytes: int
    classic: bool


def _untold(day: SeriesDay, account: DayAccount) -> Iterator[_Other]:
    path = classic_day(day)
    if path is not None:
        yield _Other("", *count_text(path), classic=True)
    for path, minute, classic in untold_files(day, account):
        yield _Other(minute, *count_text(path), classic=classic)


def _counts(gaps: list[Gap]) -> tuple[int, int]:
    told = [(("", ""), gap) for gap in gaps]
    return count_gaps(told), len(incidents_of(told))


def _row_of(
    day: SeriesDay,
    *,
    state: str,
    records: int | None = None,
    bytes: int | None = None,
    coverage: float | None = None,
    since: float | None = None,
    gaps: list[Gap] | None = None,
    why: str | None = None,
) -> CatalogRow:
    counts = (None, None) if gaps is None else _counts(gaps)
    return CatalogRow(
        venue=venue_of(day.directory),
        symbol=day.symbol,
        kind=day.kind,
        day=day.day,
        records=records,
        bytes=bytes,
        coverage=coverage,
        coverage_since=since,
        gaps=counts[0],
        incidents=counts[1],
        state=state,
        why=why,
    )
