"""runtime.repeats: how often the same line may be said. Pure.

Of one key, `burst` may pass in each window of `window_s`; the rest is held back and counted. When the window is
over, `expired` tells the count once.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Repeats"]

K = TypeVar("K")


class Repeats(Generic[K]):
    """The counts of one log. Remembers at most `keys` keys at a time; beyond that everything passes."""

    def __init__(self, *, burst: int = 10, window_s: float = 10.0, keys: int = 10_000) -> None:
        self._burst = burst
        self._window_s = window_s
        self._keys = keys
        self._windows: dict[K, tuple[float, int]] = {}

    def admit(self, key: K, now_s: float) -> bool:
        """True when a line of `key` may be said now."""
        began, said = self._windows.get(key, (now_s, 0))
        if now_s - began >= self._window_s and said <= self._burst:
            began, said = now_s, 0
        if key in self._windows or len(self._windows) < self._keys:
            self._windows[key] = (began, said + 1)
        return said < self._burst

    def expired(self, now_s: float) -> list[tuple[K, int]]:
        """The keys whose window is over, each with the number of lines held back in it (never 0); they begin anew.

        Call it now and then: windows that held lines back end only here, so that no count is forgotten.
        """
        over = [key for key, (began, _said) in self._windows.items() if now_s - began >= self._window_s]
        counts = [(key, self._windows.pop(key)[1] - self._burst) for key in over]
        return [(key, count) for key, count in counts if count > 0]
