"""app.heal: whom to ask for the trades that an archive lacks: each venue's REST, and its archive of files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from hoga.app.backfill import job_of
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.config.values import is_loopback
from hoga.archive.form.discover import discover
from hoga.archive.form.envelope import opened
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.reader import read_blocks
from hoga.core.errors import HogaError
from hoga.core.streams import SIMULATED, Kind
from hoga.history.backfill import backfill
from hoga.history.heal import Files, HealReport, Unhealed, group, heal_series
from hoga.venues.registry import VENUES

__all__ = ["heal"]

_OTHERS = "recorded from a simulated exchange: the real one has other trades under these ids (REST_URL names the simulator)"


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
            if _is_simulated(days) and not is_loopback(urlsplit(of.rest_url).hostname or ""):
                whole.failed.append(Unhealed(name, _OTHERS))
                continue
            one = await heal_series(days, spec, rest_of(of), _files(of), now_ns=now_ns)
        except HogaError as fault:
            whole.failed.append(Unhealed(name, str(fault)))
            continue
        whole.done += one.done
        whole.failed += one.failed
        whole.gaps += one.gaps
    whole.ok = not whole.failed
    return whole


def _is_simulated(days: Sequence[SeriesDay]) -> bool:
    """Whether the series says of itself that it came from a simulated exchange: its connections are called so."""
    block = next(read_blocks(days), None)
    return block is not None and SIMULATED in opened(block.text[: block.text.index(b"\n")], 0).conn


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
