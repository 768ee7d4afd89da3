"""hub.health: how the venues' connections do: their figures, those of the whole hub, and the alerts that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hoga.hub.alerts import Alert, AlertKind, Alerts, Arg, worded
from hoga.hub.inlet import HubInlet
from hoga.hub.metrics import ConnectionMetrics
from hoga.hub.performance import PerformanceMetrics
from hoga.hub.port import Wire, WireKey
from hoga.hub.routing import RoutingStats
from hoga.hub.states import GlobalManagerState
from hoga.quality.limits import LINK_ERRORS_MANY
from hoga.runtime.logs import get_log
from hoga.runtime.metrics import resident_bytes

__all__ = ["Health", "OnAlert"]

_log = get_log("hub")

OnAlert = Callable[[Alert], object]


class Health:
    """Of these wires and their inlets. `now()`: seconds of any steady clock."""

    def __init__(self, wires: Mapping[WireKey, Wire], inlets: Mapping[WireKey, HubInlet], now: Callable[[], float]) -> None:
        self._wires, self._inlets, self._now = wires, inlets, now
        self.alerts = Alerts()
        self.on_alert: list[OnAlert] = []
        self._requests: dict[str, int] = {}
        self._requests_before = 0
        self._began = now()

    def look_at_connections(self) -> bool:
        """Whether any is down that is wanted; told when it lasts."""
        now, down = self._now(), False
        for key, wire in self._wires.items():
            inlet = self._inlets[key]
            for stats in wire.stats():
                trouble = inlet.trouble_of(stats)
                down = down or trouble is not None
                args = {"state": f"{inlet.state_of(stats)}{f' ({trouble})' if trouble else ''}"}
                self.observe(AlertKind.CONNECTION_LOST, stats.connection, bad=trouble is not None, now=now, code="lost", args=args)
        return down

    def look_at_frames(self) -> None:
        """Do the connections bring what can be read?"""
        now = self._now()
        for metrics in self.connections().values():
            bad = metrics.error_rate > LINK_ERRORS_MANY and metrics.error_count > 1
            args = {"percent": round(metrics.error_rate * 100, 1)}
            self.observe(AlertKind.ERROR_RATE, metrics.connection, bad=bad, now=now, code="bad-frames", args=args)

    def observe(
        self, kind: AlertKind, subject: str, *, bad: bool, now: float, code: str, args: Mapping[str, Arg], text: str | None = None
    ) -> None:
        """Raise or end an alert, and tell it. `text` None: what the code says."""
        text = worded(code, args) if text is None else text
        alert = self.alerts.observe(kind, subject, bad=bad, text=text, now_s=now, code=code, args=args)
        if alert is None:
            return
        if alert.raised:
            _log.error("alert", kind=alert.kind, subject=subject, text=text)
        else:
            _log.info("alert over", kind=alert.kind, subject=subject)
        for told in self.on_alert:
            try:
                told(alert)
            except Exception as fault:  # noqa: BLE001  # a notification channel's fault stays its own
                _log.failure("an alert could not be told", fault, kind=alert.kind)

    def connections(self) -> dict[str, ConnectionMetrics]:
        """By connection name."""
        now = self._now()
        found = {}
        for key, wire in self._wires.items():
            for stats in wire.stats():
                found[stats.connection] = self._inlets[key].metrics(stats, now)
        self._count_requests(found)
        return found

    def _count_requests(self, found: Mapping[str, ConnectionMetrics]) -> None:
        """Those of connections that are no more, or count from 0 again, stay in the sum."""
        for name, requests in list(self._requests.items()):
            if name not in found or found[name].requests_sent < requests:
                self._requests_before += self._requests.pop(name)
        self._requests.update({name: metrics.requests_sent for name, metrics in found.items()})

    def performance(self, state: GlobalManagerState, routing: RoutingStats, *, components: int, streams: int) -> PerformanceMetrics:
        """Of the whole hub, with what the manager and its engine know."""
        connections = list(self.connections().values())
        totals = [inlet.totals() for inlet in self._inlets.values()]
        frames, errors = sum(total[0] for total in totals), sum(total[1] for total in totals)
        return PerformanceMetrics(
            state=state,
            uptime_seconds=self._now() - self._began,
            total_components=components,
            total_subscriptions=streams,
            active_connections=sum(1 for each in connections if each.is_connected),
            messages_processed=frames,
            events_delivered=routing.delivered,
            events_dropped=routing.dropped,
            callback_errors=routing.errors,
            requests_sent=self._requests_before + sum(self._requests.values()),
            stale_frames=sum(inlet.epochs.stale_frames() for inlet in self._inlets.values()),
            average_latency=routing.latency_mean_ms,
            latency_p99=routing.latency_p99_ms,
            error_rate=errors / frames if frames else 0.0,
            memory_usage=resident_bytes() / 1e6,
            average_health=sum(each.health_score for each in connections) / len(connections) if connections else 0.0,
        )
