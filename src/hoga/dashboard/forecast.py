"""dashboard.forecast: when the free space of the archive's disk will be down to the reserve. Pure.

Two figures, and neither before an hour is known: at hoga's own pace (what it seals, which says how long the disk lasts if nobody
else uses it), and at the pace of the whole file system: the middle one of all slopes between two looks within six hours, which a
download that comes and goes does not bend.
"""

from __future__ import annotations

from collections import deque

import numpy

__all__ = ["DiskForecast"]

_LEAST_S = 3_600.0
_OWN_S = 24 * 3_600.0
_TREND_S = 6 * 3_600.0
_EVERY_S = 60.0


class DiskForecast:
    """Fed with looks at the disk, any time; keeps one a minute. `mono_s` never goes back."""

    def __init__(self) -> None:
        self._free: deque[tuple[float, int]] = deque()
        self._own: deque[tuple[float, int]] = deque()
        self._trend: float | None = None

    def add(self, mono_s: float, *, free: int, own_bytes: int | None) -> None:
        """`free` space; `own_bytes`: what hoga has put there since its start, None when nobody records."""
        if own_bytes is None or (self._own and own_bytes < self._own[-1][1]):
            self._own.clear()  # another run, which counts from 0 again
        if own_bytes is not None and _due(self._own, mono_s):
            self._own.append((mono_s, own_bytes))
            _forget(self._own, mono_s - _OWN_S)
        if _due(self._free, mono_s):
            self._free.append((mono_s, free))
            _forget(self._free, mono_s - _TREND_S)
            self._trend = _middle_slope(self._free)

    def own_bytes_per_day(self) -> float | None:
        """What hoga itself puts on the disk in a day; None before an hour is known."""
        if not self._own or self._own[-1][0] - self._own[0][0] < _LEAST_S:
            return None
        return (self._own[-1][1] - self._own[0][1]) / (self._own[-1][0] - self._own[0][0]) * 86_400

    def own_s(self, free: int, reserve: int) -> float | None:
        """Seconds until `free` is down to `reserve` at hoga's own pace; None when that is not known, or none."""
        per_day = self.own_bytes_per_day()
        return _seconds(free - reserve, per_day / 86_400 if per_day is not None else None)

    def trend_s(self, free: int, reserve: int) -> float | None:
        """The same at the pace of the whole file system."""
        return _seconds(free - reserve, None if self._trend is None else -self._trend)


def _due(looks: deque[tuple[float, int]], mono_s: float) -> bool:
    return not looks or mono_s - looks[-1][0] >= _EVERY_S


def _forget(looks: deque[tuple[float, int]], before_s: float) -> None:
    while len(looks) > 1 and looks[1][0] <= before_s:
        looks.popleft()


def _middle_slope(looks: deque[tuple[float, int]]) -> float | None:
    """Bytes a second, by Theil and Sen; None before an hour is known."""
    if looks[-1][0] - looks[0][0] < _LEAST_S:
        return None
    times, values = numpy.array(looks, dtype=float).T
    first, second = numpy.triu_indices(len(times), 1)
    return float(numpy.median((values[second] - values[first]) / (times[second] - times[first])))


def _seconds(room: int, per_s: float | None) -> float | None:
    if per_s is None or per_s <= 0:
        return None
    return max(0.0, room / per_s)
