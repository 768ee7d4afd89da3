"""core.pauses: how long to wait before something that failed is tried again, where it concerns us alone. Pure.

Connections to a venue are another matter: their pauses are configured and jittered (`net.backoff`), so that a crowd does not
come back at once. Nothing here ever gives up by itself.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Pauses", "Schedule"]


class Schedule(Enum):
    """Seconds before the first attempt, the second, …; the last for ever."""

    VENUE = (1.0, 2.0, 5.0, 10.0, 30.0)
    """What is asked of a venue over REST: a snapshot of a book, the list of instruments."""
    HUB = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
    """The socket of another process's hub."""
    NATS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
    """A NATS server that is away."""
    DASHBOARD = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    """The dashboard's process."""
    SEAL = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0)
    """Journals that cannot be sealed."""
    MERGE = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 3600.0)
    """A day that cannot be merged."""


class Pauses:
    """The pauses of one thing that is tried; `clear` when it has worked. `failures`: attempts since then."""

    __slots__ = ("_seconds", "failures")

    def __init__(self, schedule: Schedule | tuple[float, ...]) -> None:
        self._seconds: tuple[float, ...] = schedule.value if isinstance(schedule, Schedule) else schedule
        self.failures = 0

    def next_s(self) -> float:
        """It failed: the pause before the next attempt."""
        pause = self._seconds[min(self.failures, len(self._seconds) - 1)]
        self.failures += 1
        return pause

    def clear(self) -> None:
        """It worked."""
        self.failures = 0
