"""relay.ending: a day that is over, made of what all collectors brought: united, proven, told. Runs in a worker process.

The union is that of `hoga merge` over the collectors' folders; it is made anew of them while they grow, so that it comes out the same
whenever, and however often, it is made.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.manifest import read_manifest
from hoga.archive.prove.verify import verify
from hoga.archive.union.archives import Archive, unite_archives
from hoga.core.errors import HogaError

__all__ = ["Ended", "end_day"]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a day. `united`: (what, state) of each series; `failed`: (what, why) of those that could not be united, not be held
    against the days beside, or were not proven afterwards; `left_out`: (collector, why) of what is damaged there. `told`: of each
    collector, over all series, what it received, how many of its records stayed (None where a manifest does not tell it), and its gaps."""

    day: str
    united: list[tuple[str, str]]
    records: int
    gaps: int
    conflicts: int
    failed: list[tuple[str, str]]
    left_out: list[tuple[str, str]]
    told: dict[str, tuple[int | None, int | None, int]]


def end_day(root: str, day: str, names: list[str], order: list[str], absent: list[str]) -> Ended:
    """Unite `day` of the collectors `names` below `root`, and prove what was made. The same again changes nothing."""
    home = Path(root) / COLLECTORS_DIR
    archives = [Archive(name, home / name) for name in names if (home / name).is_dir()]
    united: list[tuple[str, str]] = []
    failed: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    fresh: list[Path] = []
    made: list[Path] = []
    records = gaps = conflicts = 0
    for done in unite_archives(archives, Path(root), order=order, day=day, absent=absent, own=True) if archives else ():
        left_out += done.left_out
        if (one := done.united) is None:
            failed.append((done.what, done.why))
            continue
        failed += [(done.what, f"what {name} has of a day beside it: {why}") for name, why in done.edges]
        united.append((done.what, one.state))
        records, gaps, conflicts = records + one.records, gaps + one.gaps, conflicts + one.conflicts
        made.append(one.archive)
        if one.state != "unchanged":
            fresh.append(one.archive)
    failed += _unproven(fresh)
    return Ended(
        day=day,
        united=united,
        records=records,
        gaps=gaps,
        conflicts=conflicts,
        failed=failed,
        left_out=left_out,
        told=_told(made, day),
    )


def _told(archives: list[Path], day: str) -> dict[str, tuple[int | None, int | None, int]]:
    found: dict[str, tuple[int | None, int | None, int]] = {}
    for path in archives:
        stem = path.name[: path.name.index(day) + len(day)]
        manifest = read_manifest(path.with_name(f"{stem}.manifest.json"))
        for row in manifest.collectors or () if manifest is not None else ():
            received, won, gaps = found.get(row.name, (0, 0, 0))
            known = received is not None and row.received is not None
            stayed = won is not None and row.won is not None
            found[row.name] = (
                (received or 0) + (row.received or 0) if known else None,
                (won or 0) + (row.won or 0) if stayed else None,
                gaps + row.gaps,
            )
    return found


def _unproven(archives: list[Path]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in archives:
        try:
            report = verify([path])
        except HogaError as fault:
            found.append((path.name, str(fault)))
            continue
        found += [(path.name, f"{problem.kind}: {problem.detail}") for problem in report.problems[:1]]
    return found
