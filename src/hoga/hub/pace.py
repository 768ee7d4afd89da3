"""hub.pace: when to tell the venue about changed wants. Pure.

Wants come in bursts: a hundred components start within a second. A change waits until no other came for `quiet_s`, at
most `longest_s`; and two tellings are at least `apart_s` apart, which grows with the recent number of tellings, so that
sustained churn stays far below the venue's limits and a single change stays quick.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Pace"]


class Pace:
    """`changed(now)` for every change; tell when `due(now)` is 0, then call `told(now)`. Seconds of any steady clock."""

    def __init__(self, *, quiet_s: float = 0.2, longest_s: float = 0.75, per_minute: int = 60) -> None:
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._recent: deque[float] = deque(maxlen=max(2, per_minute))
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        """Something is wanted, or no longer."""
        if self._first is None:
            self._first = now
        self._last = now

    def due(self, now: float) -> float | None:
        """Seconds until it should be told; 0 means now, None that there is nothing to tell."""
        if self._first is None:
            return None
        at = min(self._last + self._quiet_s, self._first + self._longest_s)
        recent = sum(1 for told in self._recent if told > now - 60.0)
        share = recent / (self._recent.maxlen or 1)
        if self._recent and share > 0.25:
            at = max(at, self._recent[-1] + 60.0 / (self._recent.maxlen or 1) * share)
        if len(self._recent) == self._recent.maxlen:
            at = max(at, self._recent[0] + 60.0)
        return max(0.0, at - now)

    def told(self, now: float) -> None:
        """It was told."""
        self._first = None
        self._recent.append(now)
