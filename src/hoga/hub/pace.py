"""hub.pace: when to tell the venue about changed wants. Pure.

Wants come in bursts: a hundred components start within a second. A change waits until no other came for `quiet_s`, at
most `longest_s`. A quarter of a minute's tellings may follow each other so; beyond that they are evenly apart, `bound_s` at
most, so that the newest wish is told soon however many came before it, and any minute stays within `per_minute`.
"""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """`changed(now)` for every change; tell when `due(now)` is 0, then call `told(now)`. Seconds of any steady clock."""

    def __init__(self, *, quiet_s: float = 0.2, longest_s: float = 0.75, per_minute: int = 80) -> None:
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._burst = float(max(1, per_minute // 4))
        self._apart_s = 60.0 / max(1.0, per_minute - self._burst)
        self._left = self._burst
        self._counted = 0.0
        self._first: float | None = None
        self._last = 0.0

    @property
    def bound_s(self) -> float:
        """No change waits longer."""
        return max(self._longest_s, self._apart_s)

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
        lacks = 1.0 - self._tokens(now)
        return max(0.0, at - now, lacks * self._apart_s if lacks > 1e-9 else 0.0)

    def _tokens(self, now: float) -> float:
        return min(self._burst, self._left + max(0.0, now - self._counted) / self._apart_s)

    def told(self, now: float) -> None:
        """It was told."""
        self._first = None
        self._left, self._counted = self._tokens(now) - 1.0, now
