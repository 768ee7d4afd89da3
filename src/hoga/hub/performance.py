"""hub.performance: figures of the whole hub, and of a program's own steps: how long from a tick to what was done about it."""

from __future__ import annotations

import math
import time
from collections import deque

import msgspec

from hoga.core.times import MS_NS
from hoga.hub.metrics import percentile
from hoga.hub.states import GlobalManagerState

__all__ = ["PerformanceMetrics"]

_TICKS_KEPT = 1_000


def _ticks() -> deque[int]:
    return deque(maxlen=_TICKS_KEPT)


class PerformanceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The whole hub, as `get_performance_metrics` gives it. Latency is socket read → callback, in ms, over the last thousand deliveries
    looked at.

    A program may make one for steps of its own, and measure them: `begun = time.perf_counter_ns()`, then `record_tick_latency(begun)`.
    `tick_latencies_ns`: of the last thousand, ns.
    """

    state: GlobalManagerState = GlobalManagerState.IDLE
    uptime_seconds: float = 0.0
    total_components: int = 0
    total_subscriptions: int = 0
    active_connections: int = 0
    messages_processed: int = 0
    events_delivered: int = 0
    events_dropped: int = 0
    callback_errors: int = 0
    requests_sent: int = 0
    stale_frames: int = 0
    average_latency: float | None = None
    latency_p99: float | None = None
    error_rate: float = 0.0
    memory_usage: float = 0.0
    average_health: float = 0.0
    tick_latencies_ns: deque[int] = msgspec.field(default_factory=_ticks)

    def record_tick_latency(self, start_ns: int) -> None:
        """A step that began at `start_ns` (of `time.perf_counter_ns`) is done."""
        self.tick_latencies_ns.append(time.perf_counter_ns() - start_ns)

    def get_p99_latency_ms(self) -> float:
        """The time below which 99 of 100 of the last thousand steps were, ms; nan while there is none."""
        found = percentile(self.tick_latencies_ns, 0.99)
        return math.nan if found is None else found / MS_NS
