"""app.trade_taps: the newest trades of the streams that somebody looks at, for the page.

A stream that nobody looks at costs nothing. Of one that is looked at each recorded frame is remembered where it is handed on to the hub:
a call and an append, some 0.1 µs, and nothing is copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hoga.dashboard.snapshot import TradeFrames
from hoga.recorder.intake import Intake

__all__ = ["KEPT", "KEPT_BYTES", "TradeTaps"]

KEPT = 128
"""A snapshot has so many of a stream's newest frames, and no more than `KEPT_BYTES` of them: of a stream with more in one interval the
older ones are passed over."""
KEPT_BYTES = 32_768
_FRAME_MAX_BYTES = 2_048

_Route = Callable[[int, bytes], None]


class _Tap:
    """Stands between an intake and its route. `inner`: the route that it found there."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self.inner: _Route | None = None
        self.route: _Route = self._take
        self.row = TradeFrames(at, 0, [])

    def _take(self, now: int, data: bytes) -> None:
        if len(data) <= _FRAME_MAX_BYTES:
            self.count += 1
            self.kept.append((now, data))
        if self.inner is not None:
            self.inner(now, data)


class TradeTaps:
    """The taps on `intakes`, by place. All of it runs on the event loop."""

    def __init__(self, intakes: list[Intake]) -> None:
        self._intakes = intakes
        self._taps: dict[int, _Tap] = {}

    def follow(self, places: list[int]) -> None:
        """Remember the trades of these from now on, and of no others. To be called again and again: where the hub has set a route of its
        own meanwhile, that is the one that is handed on to."""
        for at in self._taps.keys() - set(places):
            tap = self._taps.pop(at)
            if self._intakes[at].route is tap.route:
                self._intakes[at].route = tap.inner
        for at in places:
            tap = self._taps.get(at) or self._taps.setdefault(at, _Tap(at))
            intake = self._intakes[at]
            if intake.route is not tap.route:
                tap.inner = intake.route
                intake.route = tap.route

    def rows(self) -> list[TradeFrames]:
        """What is remembered; the same object as before where nothing has come."""
        for tap in self._taps.values():
            if tap.row.count != tap.count:
                tap.row = TradeFrames(tap.at, tap.count, _newest(tap.kept))
        return [tap.row for tap in self._taps.values()]


def _newest(kept: deque[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    frames = list(kept)
    room = KEPT_BYTES
    for at in range(len(frames) - 1, -1, -1):
        room -= len(frames[at][1])
        if room < 0:
            return frames[at + 1 :]
    return frames
