"""app.alarms: what a run sees of gaps, disk and clock, told to the hub's alerts: to the log, and to whoever listens to `on_alert`.

It looks once a second at figures that are there anyway, and never at frames.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from hoga.app.venue_run import VenueRun
from hoga.hub.alerts import AlertKind
from hoga.hub.manager import GlobalWebSocketManager
from hoga.runtime.logs import get_log

__all__ = ["Alarms"]

_log = get_log("hub")

_LOOK_S = 1.0
_GAP_OVER_S = 60.0
"""A gap is an alert until no further one came for so long."""
_CLOCK_MS = 500.0


class Alarms:
    """Observes `runs` for `manager`. `start`, then `stop`; or `look` by hand."""

    def __init__(self, manager: GlobalWebSocketManager, runs: list[VenueRun]) -> None:
        self._manager = manager
        self._runs = runs
        self._gaps: dict[str, tuple[int, float]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._watch(), name="alarms")

    async def stop(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                self.look(monotonic())
            except Exception as fault:  # noqa: BLE001  # supervised: told, done again; recording is not touched
                _log.failure("alarms failed", fault)

    def look(self, now: float) -> None:
        """Once a second."""
        for run in self._runs:
            self._gap(run, now)
            self._disk(run)
            self._clock(run)

    def _gap(self, run: VenueRun, now: float) -> None:
        name = run.config.venue
        worst, total = "", 0
        for intake in run.recorder.intakes.values():
            total += intake.gap_count
            worst = intake.stream.name if intake.down_since is not None else worst
        before, since = self._gaps.get(name, (total, -_GAP_OVER_S))
        if total > before:
            since = now
        self._gaps[name] = (total, since)
        bad = now - since < _GAP_OVER_S
        where = f", {worst} is down" if worst else ""
        self._manager.observe(AlertKind.GAP, name, bad=bad, text=f"{total} gaps so far{where}")

    def _disk(self, run: VenueRun) -> None:
        full, fault = run.recorder.disk_full, run.writer_stats.fault
        text = "the reserve is reached, nothing is recorded" if full else fault or ""
        self._manager.observe(AlertKind.DISK, str(run.recorder.config.home), bad=full or fault is not None, text=text)

    def _clock(self, run: VenueRun) -> None:
        offset, skewed = run.clock.offset_ms, run.recorder.lateness.skewed()
        bad = skewed or (offset is not None and abs(offset) > _CLOCK_MS)
        text = "latencies that cannot be" if offset is None else f"{offset:+.0f} ms against {run.clock.source}"
        self._manager.observe(AlertKind.CLOCK, run.config.venue, bad=bad, text=text)
