"""app.trader.measuring: what a trader measures of its own process: pauses, delays, memory; and when it looks for garbage."""

from __future__ import annotations

import asyncio
import gc

from hoga.runtime.clock import Clock
from hoga.runtime.logs import get_log
from hoga.runtime.metrics import GcWatch, LagProbe, resident_bytes
from hoga.trading.meter import Meter, Second

__all__ = ["Measures"]

_log = get_log("trading")

_TELL_AGAIN_S = 60.0
_WHOLE = 10
"""So many minutes apart all that is new since the warm-up is looked through."""


class Measures:
    """`meter`: counts each step from a frame to a fill, where that happens."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.meter = Meter()
        self._clock = clock
        self._gc = GcWatch()
        self._lag = LagProbe(loop)
        self._broken_at_s: dict[tuple[str, int], float] = {}

    def start(self) -> None:
        """Begin."""
        self._gc.start()
        self._lag.start()

    def stop(self) -> None:
        """End. May be called twice."""
        self._gc.stop()
        self._lag.stop()

    def second(self, waiting: dict[str, int]) -> None:
        """A second is over: what was measured of it, and what is beyond its bar; each such line at most once a minute. `waiting`: the most
        events that did, by class."""
        now = Second(
            gc_worst_ms=self._gc.roll()[1],
            lag_worst_ms=self._lag.roll()[1],
            memory_bytes=resident_bytes(),
            waiting=waiting,
        )
        for each in self.meter.second(now):
            key, at_s = (each.step.value, each.over_s), self._clock.monotonic()
            if at_s - self._broken_at_s.get(key, -_TELL_AGAIN_S) >= _TELL_AGAIN_S:
                self._broken_at_s[key] = at_s
                found = f"{each.p99 if each.p99 > (each.bar or 0) else each.most:.3g} {each.unit}"
                _log.warning(
                    "a figure of the trader is beyond its bar", step=each.step.value, over_s=each.over_s, found=found, bar=f"{each.bar:g}"
                )

    def tidy(self, minute: int) -> None:
        """Look for garbage. After the warm-up (`minute` 0) what lives then lives long: it is not looked through again. Each minute what is
        new since the minute before is, and each ten minutes all that is new since the warm-up, which is little: what is kept for long is
        packed. Nothing is frozen later: what would be garbage in an hour would stay for ever."""
        if minute:
            gc.collect(2 if minute % _WHOLE == 0 else 1)
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 500, 1_000)
        self._gc.roll()  # the warm-up's; the later ones are pauses like any other
