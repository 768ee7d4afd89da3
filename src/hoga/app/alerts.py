"""app.alerts: what a run's snapshots say of incidents, disk, clock, relay and repeated frames, told to the hub's alerts: to the log, and to
whoever listens to `on_alert`.

It looks at one snapshot a second, and judges nothing itself: what is wrong with disk, clock and relay are the findings of
`dashboard.judge`, which the page shows too. An incident is told when it is whole, or has lasted for some seconds: a cut of sixty
streams is told once, as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

import msgspec

from hoga.core.ledger import Reason
from hoga.dashboard.judge import Finding, clock_finding, disk_finding, relay_finding
from hoga.dashboard.snapshot import Happened, Snapshot, VenueRow
from hoga.hub.alerts import AlertKind, Arg, worded
from hoga.hub.manager import GlobalWebSocketManager
from hoga.quality.incidents import Incident, describe
from hoga.quality.limits import REPEATED_FRAMES, REPEATED_WITHIN_S
from hoga.runtime.logs import get_log

__all__ = ["ALERT_CODES", "AlertWatch"]

_log = get_log("hub")

ALERT_CODES = {
    "disk-full": "disk-full",
    "writer": "writer",
    "clock": "clock",
    "skewed": "skewed-alone",
    "skewed-venue": "skewed",
    "relay-away": "relay-away",
}
"""The judge's findings that are alerts, and the codes of the alerts."""

_LOOK_S = 1.0
_OVER_S = 90.0
"""An incident is an alert until nothing more came of it for so long: pieces of one that lasts come once a minute."""
_SETTLED_S = 2.0
_UNSETTLED_S = 10.0
_EVERYWHERE = "all venues"


class _Seen(NamedTuple):
    """An incident as it was last seen; when it was seen `first`, and when it `changed` last, by the monotonic clock."""

    incident: Incident
    first: float
    changed: float


class AlertWatch:
    """Observes the snapshots of a run for `manager`. `take` is given all of them; `look` looks at one."""

    def __init__(self, manager: GlobalWebSocketManager) -> None:
        self._manager = manager
        self._next_look = 0.0
        self._gaps: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}
        self._counts: dict[str, deque[tuple[float, int, int]]] = {}
        self._told_of: set[str] = set()

    def take(self, snapshot: Snapshot) -> None:
        """Look at a snapshot a second. A fault of it is logged, and it looks again."""
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_S
        try:
            self.look(snapshot, now)
        except Exception as fault:  # noqa: BLE001  # supervised: told, done again; recording is not touched
            _log.failure("alarms failed", fault)

    def look(self, snapshot: Snapshot, now: float) -> None:
        """Raise and end what follows from `snapshot`, at the monotonic time `now`, in seconds."""
        self._incidents(snapshot.happened, now)
        for venue in snapshot.venues:
            self._find(AlertKind.DISK, venue.home, disk_finding(venue, snapshot.meta.disk_reserve_bytes))
            self._find(AlertKind.CLOCK, venue.venue, clock_finding(venue))
            self._repeated(venue, now)
        if snapshot.relay is not None:
            self._find(AlertKind.RELAY, snapshot.relay.collector, relay_finding(snapshot.relay))

    def _find(self, kind: AlertKind, subject: str, finding: Finding | None) -> None:
        self._observe(kind, subject, None if finding is None else ALERT_CODES[finding.code], {} if finding is None else finding.args)

    def _observe(self, kind: AlertKind, subject: str, code: str | None, args: Mapping[str, Arg]) -> None:
        text = worded(code, args) if code is not None else ""
        self._manager.observe(kind, subject, bad=code is not None, text=text, code=code or "", args=args)

    # -- incidents ----------------------------------------------------------------------------------------------------

    def _incidents(self, happened: Happened, now: float) -> None:
        self._remember(happened, now)
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

    def _remember(self, happened: Happened, now: float) -> None:
        """What is new, and what has grown. A recorder that was stopped by somebody is nothing to be alarmed at."""
        numbered = dict(zip(happened.numbers, happened.recent, strict=True))
        for number, incident in numbered.items():
            if incident.reason is not Reason.SHUTDOWN and self._gaps.get(number) != incident.gaps:
                known = self._seen.get(number)
                self._seen[number] = _Seen(incident, now if known is None else known.first, now)
        self._gaps = {number: incident.gaps for number, incident in numbered.items()}
        self._seen = {number: each for number, each in self._seen.items() if number in numbered}

    # -- frames -------------------------------------------------------------------------------------------------------

    def _repeated(self, venue: VenueRow, now: float) -> None:
        """Frames that one connection brought twice, and ids that began anew: more than chance within the last minute."""
        counts = self._counts.setdefault(venue.venue, deque())
        counts.append((now, venue.repeated, venue.jumps))
        while counts[0][0] < now - REPEATED_WITHIN_S:
            counts.popleft()
        repeated, jumps = counts[-1][1] - counts[0][1], counts[-1][2] - counts[0][2]
        code = "jumps" if jumps else "duplicates" if repeated > REPEATED_FRAMES else None
        self._observe(AlertKind.DUPLICATES, venue.venue, code, {"count": jumps or repeated})
