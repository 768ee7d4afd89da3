"""runtime.clock: the clock that is given to whoever needs the time, so that a test, a replay and a backtest may give another.

The wall clock (`time_ns`, UTC) may be set by somebody; the steady one (`monotonic`) never goes back, and only its differences
mean anything. Where a line runs for every frame, bind `clock.time_ns` to a name once: the system's is then the same
builtin as without a clock.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

from hoga.core.times import SECOND_NS

__all__ = ["SYSTEM", "Clock", "ManualClock", "SystemClock", "Timer", "restamp"]


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """Not any more. Calling it again, or too late, does nothing."""


class Clock(Protocol):
    """A wall clock, a steady clock, and waiting."""

    def time_ns(self) -> int:
        """Wall clock, ns since 1970."""

    def monotonic(self) -> float:
        """Steady clock, seconds since some moment."""

    def monotonic_ns(self) -> int:
        """The same, ns."""

    async def sleep(self, seconds: float) -> None:
        """Wait so long by the steady clock; 0 and less: until the loop's next turn."""

    def call_later(self, seconds: float, act: Callable[[], object]) -> Timer:
        """Call `act` on the running loop, `seconds` from now by the steady clock."""


class SystemClock:
    """The machine's."""

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)
    monotonic_ns = staticmethod(time.monotonic_ns)
    sleep = staticmethod(asyncio.sleep)

    @staticmethod
    def call_later(seconds: float, act: Callable[[], object]) -> Timer:
        """Call `act` on the running loop, `seconds` from now."""
        return asyncio.get_running_loop().call_later(seconds, act)


SYSTEM: Clock = SystemClock()


def restamp(stamp_ns: int, at: float, clock: Clock) -> int:
    """The wall-clock `stamp_ns`, taken at the steady moment `at`, as the clock shows it now: earlier where it was set back since."""
    return min(stamp_ns, clock.time_ns() - round((clock.monotonic() - at) * SECOND_NS))


class _ManualTimer:
    """`act` is None once it was called or cancelled."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def cancel(self) -> None:
        self.act = None


class ManualClock:
    """Time passes when somebody says so: `advance`, or `pass_time` where tasks wait for it. `set_wall` moves the wall clock alone.

    Begins at `wall_ns`; the steady clock begins at `mono_ns`.
    """

    def __init__(self, wall_ns: int = 0, *, mono_ns: int = 1000 * SECOND_NS) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._order = count()
        self._timers: list[tuple[int, int, _ManualTimer]] = []

    def time_ns(self) -> int:
        """Wall clock, ns since 1970."""
        return self._wall_ns

    def monotonic(self) -> float:
        """Steady clock, seconds."""
        return self._mono_ns / SECOND_NS

    def monotonic_ns(self) -> int:
        """The same, ns."""
        return self._mono_ns

    def set_wall(self, wall_ns: int) -> None:
        """Somebody set the wall clock: no time has passed."""
        self._wall_ns = wall_ns

    def call_later(self, seconds: float, act: Callable[[], object]) -> Timer:
        """Call `act` when so much time has passed."""
        timer = _ManualTimer(act)
        heapq.heappush(self._timers, (self._mono_ns + max(0, round(seconds * SECOND_NS)), next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time has passed."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due on the way is called at its own moment, in order. Tasks go on at the loop's next turn."""
        end = self._mono_ns + round(seconds * SECOND_NS)
        while self._call_next(end):
            pass
        self._move(end)

    async def pass_time(self, seconds: float) -> None:
        """The same, and each task that is woken goes on before time does."""
        end = self._mono_ns + round(seconds * SECOND_NS)
        await _settle()
        while self._call_next(end):
            await _settle()
        self._move(end)
        await _settle()

    def _call_next(self, end_ns: int) -> bool:
        """Whether there was something to call up to then."""
        while self._timers and self._timers[0][0] <= end_ns:
            due_ns, _, timer = heapq.heappop(self._timers)
            if timer.act is not None:
                self._move(max(due_ns, self._mono_ns))
                act, timer.act = timer.act, None
                act()
                return True
        return False

    def _move(self, mono_ns: int) -> None:
        self._wall_ns += mono_ns - self._mono_ns
        self._mono_ns = mono_ns


async def _settle() -> None:
    """A few turns of the loop: a woken task runs, and wakes whoever waits for it."""
    for _ in range(5):
        await asyncio.sleep(0)
