"""history.coverage: what an archive holds and lacks, day by day, with the reasons: the facts behind `hoga coverage`. Reads files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.calendar import Piece, State
from hoga.archive.form.discover import discover
from hoga.archive.form.manifest import gaps_per_million
from hoga.archive.read.catalog import CatalogRow, Surveyed, survey
from hoga.core.ledger import Reason
from hoga.quality.incidents import Incident

__all__ = ["CoverageDay", "Facts", "Hole", "SeriesFacts", "coverage_facts"]

_LEDGER = frozenset(map(str, Reason))


class Hole(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is missing, or in doubt: a gap of the ledger, or a stretch that nobody recorded. `missed`: records, None when nobody
    can know."""

    from_ns: int
    to_ns: int
    reason: str
    missed: int | None = None
    detail: str | None = None


class CoverageDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a series: its row of the catalog, its pieces, its holes by time."""

    row: CatalogRow
    pieces: list[Piece]
    holes: list[Hole]


class SeriesFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One series: its days by date. `gaps_per_million` over all of them, None when no day tells it."""

    venue: str
    symbol: str
    kind: str
    days: list[CoverageDay]
    gaps_per_million: float | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """An archive, as it stood at `now_ns`. `unread`: (path, why) of what may be there and could not be listed."""

    now_ns: int
    series: list[SeriesFacts]
    incidents: list[Incident]
    unread: list[tuple[str, str]]


def coverage_facts(paths: Iterable[Path], *, now_ns: int) -> Facts:
    """The facts of everything under `paths`. A damaged day says so in its own row. Raises ArchiveError for a path that is no archive."""
    paths = list(paths)
    days, incidents = survey(paths, now_ns=now_ns)
    series: dict[tuple[str, str, str], list[CoverageDay]] = {}
    for each in days:
        series.setdefault((each.row.venue, each.row.symbol, each.row.kind), []).append(_day(each))
    return Facts(
        now_ns=now_ns,
        series=[
            SeriesFacts(venue=venue, symbol=symbol, kind=kind, days=found, gaps_per_million=_per_million(found))
            for (venue, symbol, kind), found in sorted(series.items())
        ],
        incidents=incidents,
        unread=[(str(folder), why) for folder, why in discover(paths).unread],
    )


def _day(each: Surveyed) -> CoverageDay:
    coverage = each.coverage
    if coverage is None:
        return CoverageDay(row=each.row, pieces=[], holes=[])
    holes = [Hole(gap.from_ns, gap.to_ns, str(gap.reason), gap.missed, gap.detail) for gap in coverage.gaps]
    holes += [
        Hole(piece.from_ns, piece.to_ns, piece.reason)
        for piece in coverage.pieces
        if piece.state is State.MISSING and piece.reason not in _LEDGER
    ]
    return CoverageDay(row=each.row, pieces=coverage.pieces, holes=sorted(holes, key=lambda hole: (hole.from_ns, hole.to_ns)))


def _per_million(days: list[CoverageDay]) -> float | None:
    known = [(each.row.gaps, each.row.records) for each in days if each.row.gaps is not None and each.row.records is not None]
    return gaps_per_million(sum(gaps for gaps, _ in known), sum(records for _, records in known)) if known else None
