"""app.trader.patience: what a venue cannot do now is tried again after growing pauses, each told in a line; then its own error is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from hoga.core.errors import RateLimited, VenueError
from hoga.runtime.clock import SYSTEM, Clock

__all__ = ["patiently"]

T = TypeVar("T")

_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_PATIENCE_S = 90.0
"""A venue that cannot answer for so long is told of, and whoever started us (a person, systemd) decides."""


async def patiently(attempt: Callable[[], Awaitable[T]], *, tell: Callable[[str], object], clock: Clock = SYSTEM) -> T:
    """What `attempt` gives. One that fails with a `transient` error of the venue is made again.

    Raises VenueError: one that is not transient at once; else the last one, once the next pause would end more than a minute and a half
    after the first attempt.
    """
    began, tries = clock.monotonic(), 0
    while True:
        try:
            return await attempt()
        except VenueError as fault:
            if not fault.transient:
                raise
            pause_s = _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]
            if isinstance(fault, RateLimited):
                pause_s = max(pause_s, fault.retry_after_s)
            if clock.monotonic() + pause_s - began > _PATIENCE_S:
                raise
            tries += 1
            tell(f"{fault}; tried again in {pause_s:g} s")
            await clock.sleep(pause_s)
