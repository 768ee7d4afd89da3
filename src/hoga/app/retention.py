"""app.retention: a run lets old days go, once an hour, as far as RETENTION_ROOT provably holds them; and says what stays, and why."""

from __future__ import annotations

from pathlib import Path

from hoga.app.config.model import VenueConfig
from hoga.archive.form.discover import discover
from hoga.core.times import day_of
from hoga.history.retention import Kept, Retained, due_before, holder_at, retain
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.pool import WorkerPool

__all__ = ["RETAIN_EVERY_S", "RunRetention"]

RETAIN_EVERY_S = 3600.0
_TELL = 5
_log = get_log("retention")


class RunRetention:
    """The retention of one venue's folders. `look` again and again."""

    def __init__(self, config: VenueConfig, directories: list[Path], pool: WorkerPool, *, clock: Clock = SYSTEM) -> None:
        self._config = config
        self._directories = directories
        self._pool = pool
        self._clock = clock
        self._told: set[tuple[str, str]] = set()

    async def look(self) -> None:
        """Let go what may go. A day that stays is told of when its reason is new."""
        config = self._config
        before = due_before(day_of(self._clock.time_ns()), config.retention_days)
        result = await self._pool.submit(_retain_job, self._directories, config.data_dir, config.retention_root, before)
        for day in result.removed:
            _log.info("day removed", what=day.what, bytes=day.bytes, held_by=str(config.retention_root))
        self._tell(result.kept)

    def _tell(self, kept: list[Kept]) -> None:
        by_reason: dict[str, list[str]] = {}
        for each in kept:
            if (each.what, each.why) not in self._told:
                by_reason.setdefault(each.why.replace(each.what, "…"), []).append(each.what)
        self._told = {(each.what, each.why) for each in kept}
        for why, days in list(by_reason.items())[:_TELL]:
            _log.warning("days are kept beyond RETENTION_DAYS", days=len(days), first=days[0], why=why)
        if len(by_reason) > _TELL:
            _log.warning("more days are kept beyond RETENTION_DAYS", reasons=len(by_reason) - _TELL, note="hoga retain --dry-run lists all")


def _retain_job(directories: list[Path], data: Path, root: Path | None, before: str) -> Retained:
    """`retain` as a pool job."""
    there = [directory.absolute() for directory in directories if directory.is_dir()]
    days = [day for day in discover(there).days if day.directory in there]
    return retain(days, None if root is None else holder_at(root), data=data.absolute(), before=before)
