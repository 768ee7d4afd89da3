"""simulator.clock: the simulator's own time, which may run faster than the world's and may be made to lie.

Every timer of the simulator reads this clock. Two readings exist: `now_ns()` never steps and drives timers,
`stamp_ns()` is what the venue *says* (`E`, `T`, `serverTime`) and carries the injected step and skew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["SimClock"]


class SimClock:
    """Wall-clock nanoseconds at `start_ns`, then `speed` times as fast as `monotonic_ns`."""

    def __init__(self, *, speed: float = 1.0, start_ns: int | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.speed = speed
        self._monotonic_ns = monotonic_ns
        self._origin_ns = monotonic_ns()
        self.start_ns = time.time_ns() if start_ns is None else start_ns
        self.step_ns = 0
        self._skew_ppm = 0.0
        self._skew_from_ns = 0
        self._skewed_ns = 0

    def now_ns(self) -> int:
        """The simulated time that drives timers; never goes backwards."""
        elapsed = self._monotonic_ns() - self._origin_ns
        return self.start_ns + (elapsed if self.speed == 1.0 else int(elapsed * self.speed))

    def stamp_ns(self, ns: int) -> int:
        """The time the venue prints for the moment `ns` of `now_ns`."""
        if not self.step_ns and not self._skew_ppm and not self._skewed_ns:
            return ns
        return ns + self.step_ns + self._skewed_ns + int((ns - self._skew_from_ns) * self._skew_ppm / 1e6)

    def skew(self, ppm: float) -> None:
        """Let printed times run `ppm` parts per million too fast from now on; what has built up stays."""
        now_ns = self.now_ns()
        self._skewed_ns += int((now_ns - self._skew_from_ns) * self._skew_ppm / 1e6)
        self._skew_ppm, self._skew_from_ns = ppm, now_ns

    def wall_s(self, ns: int) -> float:
        """Real seconds that `ns` simulated nanoseconds take, at least 0."""
        return max(0.0, ns / 1e9 / self.speed)

    async def sleep_until(self, ns: int) -> None:
        """Wait until `now_ns()` has reached `ns`; returns at once when it has."""
        await asyncio.sleep(self.wall_s(ns - self.now_ns()))
