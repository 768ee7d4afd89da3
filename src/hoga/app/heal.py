"""app.heal: whom to ask for the trades that an archive lacks: each venue's REST, and its archive of files."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from hoga.app.backfill import job_of
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.archive.form.discover import discover
from hoga.core.errors import HogaError
from hoga.core.streams import Kind
from hoga.history.backfill import backfill
from hoga.history.heal import Files, HealReport, Unhealed, group, heal_series
from hoga.venues.registry import VENUES

__all__ = ["heal"]


async def heal(path: Path, config: Config, *, now_ns: int) -> HealReport:
    """Heal every series of trades below `path`. Raises ArchiveError for a path that is no archive."""
    whole = HealReport(True, [], [], [])
    found = discover([path])
    found.require_whole()
    for venue, days in group(day for day in found.days if day.kind == Kind.EXECUTION and not day.only):
        name = f"{venue}:{days[0].symbol}"
        spec = VENUES.get(venue)
        if spec is None or not spec.refills:
            whole.failed.append(Unhealed(name, "nobody is known who could be asked for its trades"))
            continue
        try:
            of = config.venue(venue)
            one = await heal_series(days, spec, rest_of(of), _files(of), now_ns=now_ns)
        except HogaError as fault:
            whole.failed.append(Unhealed(name, str(fault)))
            continue
        whole.done += one.done
        whole.failed += one.failed
        whole.gaps += one.gaps
    whole.ok = not whole.failed
    return whole


def _files(config: VenueConfig) -> Files | None:
    if VENUES[config.venue].history is None:
        return None

    async def fetch(symbol: str, name: str, first: date, last: date) -> tuple[list[Path], list[str]]:
        today = datetime.now(UTC).date()
        job = job_of(config, start=first, end=last, today=today, symbols=(symbol,), kind=name)
        try:
            report = await backfill(job)
        except HogaError as fault:
            return [], [str(fault)]
        return [job.folder / each.what for each in report.done], [f"{each.what}: {each.why}" for each in report.failed]

    return fetch
