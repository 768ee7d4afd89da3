"""runtime.metrics: how the process itself is doing: is its event loop late, how long does the garbage collector hold it up.

Windows are of about a second: `roll()` ends one and gives its figures. Everything here costs well under a microsecond
per sample, and belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Sequence
from time import perf_counter_ns

from msgspec import Struct

__all__ = ["GcWatch", "LagProbe", "LagWindow", "Spread", "resident_bytes", "spread_ms"]

_SAMPLE = 2_500
_LAG_PROBE_S = 0.1


class Spread(Struct, frozen=True):
    """p50, p99 and maximum, ms."""

    p50: float
    p99: float
    worst: float


def spread_ms(values_ns: Sequence[int]) -> Spread | None:
    """The spread of durations in ns, None without any. Beyond 2,500 values the percentiles are of every n-th."""
    if not values_ns:
        return None
    step = max(1, len(values_ns) // _SAMPLE)
    ordered = sorted(values_ns[::step])
    middle, high = len(ordered) // 2, min(len(ordered) - 1, int(len(ordered) * 0.99))
    return Spread(ordered[middle] / 1e6, ordered[high] / 1e6, max(values_ns) / 1e6)


class LagWindow:
    """How late timers fire. `add(lag_s)` at each firing."""

    def __init__(self) -> None:
        self._total = 0.0
        self._count = 0
        self._worst = 0.0

    def add(self, lag_s: float) -> None:
        """One timer fired so late."""
        self._total += lag_s
        self._count += 1
        self._worst = max(self._worst, lag_s)

    def roll(self) -> tuple[float, float]:
        """(mean, worst) since the last call, ms."""
        mean = self._total / self._count if self._count else 0.0
        worst, self._total, self._count, self._worst = self._worst, 0.0, 0, 0.0
        return mean * 1e3, worst * 1e3


class LagProbe:
    """Measures how late the event loop is: a timer every tenth of a second, between `start` and `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._window = LagWindow()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._arm()

    def stop(self) -> None:
        """End measuring. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()

    def roll(self) -> tuple[float, float]:
        """(mean, worst) since the last call, ms."""
        return self._window.roll()

    def _arm(self) -> None:
        due = self._loop.time() + _LAG_PROBE_S
        self._timer = self._loop.call_at(due, self._fired, due)

    def _fired(self, due: float) -> None:
        self._window.add(max(0.0, self._loop.time() - due))
        self._arm()


def resident_bytes() -> int:
    """Resident memory: now where the kernel tells, else its peak."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # a line of the kernel's
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1_000


class GcWatch:
    """Times the garbage collector's pauses by `gc.callbacks`, between `start` and `stop`."""

    def __init__(self) -> None:
        self.collections = 0
        self.worst_ns = 0
        self._began = 0
        self._total_ns = 0
        self._window_worst_ns = 0

    def start(self) -> None:
        """Begin to watch."""
        gc.callbacks.append(self._seen)

    def stop(self) -> None:
        """End watching. May be called twice."""
        if self._seen in gc.callbacks:
            gc.callbacks.remove(self._seen)

    def roll(self) -> tuple[float, float]:
        """(all pauses together, longest pause) since the last call, ms."""
        figures = self._total_ns / 1e6, self._window_worst_ns / 1e6
        self._total_ns = self._window_worst_ns = 0
        return figures

    def _seen(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter_ns()
            return
        pause = perf_counter_ns() - self._began
        self.collections += 1
        self._total_ns += pause
        self._window_worst_ns = max(self._window_worst_ns, pause)
        self.worst_ns = max(self.worst_ns, pause)
