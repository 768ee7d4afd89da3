"""app.memory_guard: is the machine's memory short, and who must be told when that changes."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from hoga.quality.limits import MEMORY_HYSTERESIS_PERCENT
from hoga.runtime.logs import get_log

__all__ = ["MemoryGuard"]

_log = get_log("dashboard")


class MemoryGuard:
    """Watches the memory of the whole machine: `look` about once a second.

    Args:
        limit_percent: the load that is desired at most, of all memory.
        on_change: called with True when the load passes the limit, and with False when it is two percent below it again.
    """

    def __init__(self, limit_percent: float, on_change: Callable[[bool], None]) -> None:
        self._limit_percent = limit_percent
        self._on_change = on_change
        self.percent = 0.0
        self.short = False

    def look(self) -> None:
        """Read the load, and tell of a change."""
        self.percent = psutil.virtual_memory().percent
        short = self.percent > self._limit_percent - (MEMORY_HYSTERESIS_PERCENT if self.short else 0.0)
        if short is self.short:
            return
        self.short = short
        self._on_change(short)
        if short:
            _log.warning(
                "memory above the desired load", percent=self.percent, limit=self._limit_percent, effect="queues are held short"
            )  # fmt: skip
        else:
            _log.warning("memory below the desired load again", percent=self.percent)
