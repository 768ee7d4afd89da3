"""hub.metrics: figures of connections and of the whole hub. Pure: `at_s` is the moment they were taken.

health_score = 0                                                     while not connected
             = 0.4 · liveness + 0.3 · cleanliness + 0.3 · stability   otherwise

liveness     1 while the last frame is at most 10 s old (or nothing is subscribed), falling to 0 at 60 s
cleanliness  1 without errors, 0 from one error in ten frames on
stability    1 / (1 + reconnects within the last hour)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hoga.hub.states import ConnectionState, GlobalManagerState, WebSocketType

__all__ = ["ConnectionMetrics", "PerformanceMetrics", "health", "percentile"]

_FRESH_S, _DEAD_S = 10.0, 60.0
_ERRORS_FULL = 0.1


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
        return self.state in (ConnectionState.CONNECTED, ConnectionState.HANDOVER)

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
        if not self.is_connected:
            return 0.0
        quiet_s = self.at_s - max(self.last_message_time or 0.0, self.connect_time or 0.0) if self.current_subscriptions else 0.0
        return health(quiet_s=quiet_s, error_rate=self.error_rate, reconnects=self.reconnects_last_hour)


class PerformanceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The whole hub. Latency is socket read → callback, in ms, over the last thousand deliveries looked at."""

    state: GlobalManagerState
    uptime_seconds: float
    total_components: int
    total_subscriptions: int
    active_connections: int
    messages_processed: int
    events_delivered: int
    events_dropped: int
    callback_errors: int
    requests_sent: int
    stale_frames: int
    average_latency: float | None
    latency_p99: float | None
    error_rate: float
    memory_usage: float
    average_health: float


def health(*, quiet_s: float, error_rate: float, reconnects: int) -> float:
    """The score of a connection that is up; see the module."""
    liveness = min(1.0, max(0.0, (_DEAD_S - quiet_s) / (_DEAD_S - _FRESH_S)))
    clean = 1.0 - min(1.0, error_rate / _ERRORS_FULL)
    return 0.4 * liveness + 0.3 * clean + 0.3 / (1 + reconnects)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of them lie, None for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
