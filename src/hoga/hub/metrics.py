"""hub.metrics: figures of connections. Pure: `at_s` is the moment they were taken.

`health_score` is `quality.health.connection_health`; its liveness is 1 while the last frame is at most 10 s old (or nothing is
subscribed), falling to 0 at 60 s.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hoga.hub.states import ConnectionState, WebSocketType
from hoga.quality.health import connection_health, liveness

__all__ = ["ConnectionMetrics", "percentile"]


class ConnectionMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, at `at_s`. All `*_s` are of one steady clock; `connect_time` and `last_message_time` None: not yet.

    `stale_frames`: frames of dead epochs that were dropped. `failed_attempts`: to connect. Counts are since the start, and only grow.
    """

    connection: str
    venue: str
    connection_type: WebSocketType
    state: ConnectionState
    at_s: float
    epoch: int = 0
    connect_time: float | None = None
    last_message_time: float | None = None
    message_count: int = 0
    error_count: int = 0
    failed_attempts: int = 0
    reconnect_count: int = 0
    reconnects_last_hour: int = 0
    bytes_received: int = 0
    current_subscriptions: int = 0
    requests_sent: int = 0
    stale_frames: int = 0
    rate: float = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether frames can come."""
        return self.state.is_up

    @property
    def uptime_seconds(self) -> float:
        """Of the present life."""
        return max(0.0, self.at_s - self.connect_time) if self.is_connected and self.connect_time is not None else 0.0

    @property
    def messages_per_second(self) -> float:
        """Over the last interval between two collections."""
        return self.rate

    @property
    def error_rate(self) -> float:
        """Errors per frame, 0..1."""
        return min(1.0, self.error_count / self.message_count) if self.message_count else float(bool(self.error_count))

    @property
    def health_score(self) -> float:
        """0..1, see the module."""
        quiet_s = self.at_s - max(self.last_message_time or 0.0, self.connect_time or 0.0) if self.current_subscriptions else 0.0
        return connection_health(
            connected=self.is_connected, live=liveness(quiet_s), error_rate=self.error_rate, reconnects=self.reconnects_last_hour
        )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of them lie, None for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
