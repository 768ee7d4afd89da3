"""Waiting in tests: for evidence, with limits that a busy or paused machine does not use up.

A limit counts at most `STEP_S` for each look. A look that took longer was held up by the machine, not by what is
tested, so a test that says "within three seconds" still means it, and does not fail because another one had the processor.
What only must not hang has `LONG_S`: it costs nothing where all is well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

__all__ = ["LONG_S", "STEP_S", "Patience", "PatientClock", "eventually", "until"]

STEP_S = 0.05
LONG_S = 60.0
"""For what takes a moment: only a test that fails anyway waits so long."""


class Patience:
    """So many seconds. `spent` is what was used of them."""

    def __init__(self, seconds: float = LONG_S) -> None:
        self.seconds = seconds
        self.spent = 0.0
        self._looked = time.monotonic()

    def look(self, why: object = "it did not happen") -> None:
        """Count the time since the look before. Raises AssertionError when there is none left."""
        now = time.monotonic()
        self.spent += min(now - self._looked, STEP_S)
        self._looked = now
        assert self.spent < self.seconds, f"waited in vain: {why() if callable(why) else why}"


def until(good: Callable[[], Any], *, seconds: float = LONG_S, pause: float = 0.02, why: object = "it did not happen") -> float:
    """Seconds until `good()`."""
    patience = Patience(seconds)
    while not good():
        time.sleep(pause)
        patience.look(why)
    return patience.spent


async def eventually(good: Callable[[], Any], *, seconds: float = LONG_S, pause: float = 0.01, why: object = "it did not happen") -> float:
    """The same, while the event loop goes on."""
    patience = Patience(seconds)
    while not good():
        await asyncio.sleep(pause)
        patience.look(why)
    return patience.spent


class PatientClock:
    """A clock whose steady side leaves out what the machine stood still: for what is driven faster than the wall's, or has a second
    where it would have a minute. A peer in the same process stands still with it. `tick` looks at it all the time; let that run
    beside the test.
    """

    STEP_NS = 30_000_000

    def __init__(self) -> None:
        self._looked = self._ns = time.monotonic_ns()

    time_ns = staticmethod(time.time_ns)
    sleep = staticmethod(asyncio.sleep)

    def monotonic_ns(self) -> int:
        now = time.monotonic_ns()
        self._ns += min(now - self._looked, self.STEP_NS)
        self._looked = now
        return self._ns

    def monotonic(self) -> float:
        return self.monotonic_ns() / 1e9

    @staticmethod
    def call_later(seconds: float, act: Callable[[], object]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.monotonic_ns()
