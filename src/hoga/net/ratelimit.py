"""net.ratelimit: counting budgets. Pure: time is an argument, in seconds of any steady clock."""

from __future__ import annotations

from collections import deque

__all__ = ["Budget"]


class Budget:
    """At most `limit` events in any `window_s` seconds.

    Ask `wait_s(now)`, wait that long, then `take(now)`.
    """

    __slots__ = ("_taken", "limit", "window_s")

    def __init__(self, *, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._taken: deque[float] = deque(maxlen=limit)

    def wait_s(self, now: float) -> float:
        """Seconds until one more is allowed; 0 when it is now."""
        if len(self._taken) < self.limit:
            return 0.0
        return max(0.0, self._taken[0] + self.window_s - now)

    def take(self, now: float) -> None:
        """Count one."""
        self._taken.append(now)

    def used(self, now: float) -> int:
        """How many fall into the window that ends now."""
        return sum(1 for at in self._taken if at > now - self.window_s)
