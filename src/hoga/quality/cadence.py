"""quality.cadence: has a stream gone silent, judged by its own pace? Pure.

A stream's pace is learnt from its counts. It is silent when nothing came for `FACTOR` mean intervals, never sooner
than `floor_s`, never judged before `LEARN_FRAMES` frames: a symbol that trades twice an hour is quiet, not silent.
"""

from __future__ import annotations

from math import inf

from hoga.core.times import SECOND_NS
from hoga.quality.health import is_silent
from hoga.quality.limits import SUBSCRIPTION_INTERVALS as FACTOR
from hoga.quality.limits import Patience

__all__ = ["FACTOR", "LEARN_FRAMES", "Cadence"]

LEARN_FRAMES = 8
_MEMORY = 0.98


class Cadence:
    """The pace of one stream; `tick` about once a second with the running count of its frames.

    Only frames teach, with the time since the frames before them: a silence must not change the pace it is judged by.
    `pause()` while the stream is not subscribed.
    """

    __slots__ = ("_frames", "_last_change_ns", "_patience", "_seconds", "_since_ns", "count")

    def __init__(self, *, floor_s: float) -> None:
        self._patience = Patience(floor_s, FACTOR)
        self.count = 0
        self._frames = 0.0
        self._seconds = 0.0
        self._since_ns = 0
        self._last_change_ns = 0

    def tick(self, count: int, mono_ns: int) -> None:
        """`count` frames have come in all, now at monotonic `mono_ns`."""
        fresh = count - self.count
        if fresh and self._since_ns:
            self._frames = self._frames * _MEMORY + fresh
            self._seconds = self._seconds * _MEMORY + (mono_ns - self._since_ns) / SECOND_NS
        if fresh or not self._since_ns:
            self._since_ns = mono_ns
        if fresh or not self._last_change_ns:
            self._last_change_ns = mono_ns
        self.count = count

    def pause(self, mono_ns: int) -> None:
        """The stream is not subscribed (or being restored): silence counts from `mono_ns` on."""
        self._since_ns = 0
        self._last_change_ns = mono_ns

    @property
    def interval_s(self) -> float | None:
        """The mean interval between frames, None before enough came."""
        if self.count < LEARN_FRAMES or self._frames <= 0:
            return None
        return self._seconds / self._frames

    def silent_for_s(self, mono_ns: int) -> float:
        """Seconds since the last tick that brought a frame."""
        return (mono_ns - self._last_change_ns) / SECOND_NS if self._last_change_ns else 0.0

    def is_silent(self, mono_ns: int) -> bool:
        """Whether the silence is longer than the stream's own pace explains."""
        interval_s = self.interval_s
        age_s = (mono_ns - self._last_change_ns) / SECOND_NS
        return is_silent(age_s, self._patience, interval_s=inf if interval_s is None else interval_s)
