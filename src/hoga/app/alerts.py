"""app.alerts: what a run sees of incidents, disk, clock and repeated frames, told to the hub's alerts: to the log, and to whoever
listens to `on_alert`.

It looks once a second at figures that are there anyway, and never at frames. An incident is told when it is whole, or has lasted
for some seconds: a cut of sixty streams is told once, as one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

import msgspec

from hoga.app.gap_log import GapLog
from hoga.app.venue_run import VenueRun
from hoga.core.ledger import Reason
from hoga.hub.alerts import AlertKind, Arg, worded
from hoga.hub.manager import GlobalWebSocketManager
from hoga.quality.incidents import Incident, describe
from hoga.runtime.logs import get_log

__all__ = ["AlertWatch"]

_log = get_log("hub")

_LOOK_S = 1.0
_OVER_S = 90.0
"""An incident is an alert until nothing more came of it for so long: pieces of one that lasts come once a minute."""
_SETTLED_S = 2.0
_UNSETTLED_S = 10.0
_CLOCK_MS = 500.0
_REPEATED_S = 60.0
_REPEATED = 10
"""So many repeated frames within a minute may be chance: a venue that sends a snapshot again."""
_EVERYWHERE = "all venues"


class _Seen(NamedTuple):
    """An incident as it was last seen; when it was seen `first`, and when it `changed` last, by the monotonic clock."""

    incident: Incident
    first: float
    changed: float


class AlertWatch:
    """Observes `runs`, and what `gap_log` has of them, for `manager`. `start`, then `stop`; or `look` by hand."""

    def __init__(self, manager: GlobalWebSocketManager, runs: list[VenueRun], gap_log: GapLog) -> None:
        self._manager = manager
        self._runs = runs
        self._gap_log = gap_log
        self._turn = gap_log.turn
        self._known: dict[int, int] = {number: each.gaps for number, each in gap_log.incidents.numbered().items()}
        self._seen: dict[int, _Seen] = {}
        self._counts: dict[str, deque[tuple[float, int, int]]] = {}
        self._told_of: set[str] = set()
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
        self._incidents(now)
        for run in self._runs:
            self._disk(run)
            self._clock(run)
            self._repeated(run, now)

    def _observe(self, kind: AlertKind, subject: str, code: str | None, args: Mapping[str, Arg]) -> None:
        text = worded(code, args) if code is not None else ""
        self._manager.observe(kind, subject, bad=code is not None, text=text, code=code or "", args=args)

    # -- incidents ----------------------------------------------------------------------------------------------------

    def _incidents(self, now: float) -> None:
        if self._turn != self._gap_log.turn:
            self._turn = self._gap_log.turn
            self._remember(now)
        self._seen = {key: each for key, each in self._seen.items() if now - each.changed < _OVER_S}
        told: dict[str, list[_Seen]] = {}
        for each in self._seen.values():
            settled = now - each.changed >= _SETTLED_S or now - each.first >= _UNSETTLED_S
            subject = each.incident.venue or _EVERYWHERE
            if settled or subject in self._told_of:
                told.setdefault(subject, []).append(each)
        for subject in self._told_of - set(told):
            self._observe(AlertKind.GAP, subject, None, {})
        for subject, several in told.items():
            newest = max(several, key=lambda each: (each.changed, each.incident.to_ns)).incident
            args: dict[str, Arg] = {"count": len(several), "what": describe(newest), **msgspec.structs.asdict(newest)}
            self._observe(AlertKind.GAP, subject, "incident" if len(several) == 1 else "incidents", args)
        self._told_of = set(told)

    def _remember(self, now: float) -> None:
        """What is new, and what has grown. A recorder that was stopped by somebody is nothing to be alarmed at."""
        numbered = self._gap_log.incidents.numbered()
        for number, incident in numbered.items():
            if incident.reason is not Reason.SHUTDOWN and self._known.get(number) != incident.gaps:
                known = self._seen.get(number)
                self._seen[number] = _Seen(incident, now if known is None else known.first, now)
        self._known = {number: incident.gaps for number, incident in numbered.items()}
        self._seen = {number: each for number, each in self._seen.items() if number in numbered}

    # -- the machine --------------------------------------------------------------------------------------------------

    def _disk(self, run: VenueRun) -> None:
        config, fault = run.recorder.config, run.writer_stats.fault
        code = "disk-full" if run.recorder.disk_full else "writer" if fault else None
        self._observe(AlertKind.DISK, str(config.home), code, {"reserve": config.disk_reserve_bytes >> 20, "why": fault or ""})

    def _clock(self, run: VenueRun) -> None:
        """One sentence, with the figure that made it."""
        offset, skew, venue = run.clock.offset_ms, run.recorder.lateness.skew_ms(), run.config.venue
        args: dict[str, Arg] = {"venue": venue, "source": run.clock.source}
        code = None
        if offset is not None and abs(offset) > _CLOCK_MS:
            code = "clock"
        elif skew is not None:
            code = "skewed-alone" if offset is None else "skewed"
            args["median"] = round(skew)
        if offset is not None:
            args["offset"] = round(offset, 1)
        self._observe(AlertKind.CLOCK, venue, code, args)

    def _repeated(self, run: VenueRun, now: float) -> None:
        """Frames that one connection brought twice, and ids that began anew: more than chance within the last minute."""
        venue, intakes = run.config.venue, run.recorder.intakes.values()
        counts = self._counts.setdefault(venue, deque())
        counts.append((now, sum(intake.repeated for intake in intakes), sum(intake.jumps for intake in intakes)))
        while counts[0][0] < now - _REPEATED_S:
            counts.popleft()
        repeated, jumps = counts[-1][1] - counts[0][1], counts[-1][2] - counts[0][2]
        code = "jumps" if jumps else "duplicates" if repeated > _REPEATED else None
        self._observe(AlertKind.DUPLICATES, venue, code, {"count": jumps or repeated})
