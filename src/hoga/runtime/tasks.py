"""runtime.tasks: work that is done again and again, whatever happened the time before. The places where everything is caught.

A fault is told by the caller's log, with what it concerns; the log itself holds repeats back and counts them.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import Log
from hoga.runtime.patience import end_if_cancelled

__all__ = ["every", "supervise"]


async def every(
    seconds: float,
    work: Callable[[], object],
    *,
    log: Log,
    what: str = "timer failed",
    clock: Clock = SYSTEM,
    at_once: bool = False,
    **fields: Any,
) -> None:
    """Do `work` every so often, for ever; it may be async. `seconds` lie between its end and its next beginning.

    `at_once`: the first time now, not after `seconds`. A fault of it is logged as `what`, with `fields`, and it is done again.
    """
    while True:
        if not at_once:
            await clock.sleep(seconds)
        at_once = False
        try:
            doing = work()
            if inspect.isawaitable(doing):
                await doing
                end_if_cancelled()
        except Exception as fault:  # noqa: BLE001  # the supervised place of all timers: logged, done again
            log.failure(what, fault, timer=getattr(work, "__name__", "?"), **fields)


async def supervise(
    run: Callable[[], Awaitable[None]],
    *,
    log: Log,
    what: str,
    abandon: Callable[[], object] = lambda: None,
    pause_s: float = 5.0,
    clock: Clock = SYSTEM,
    **fields: Any,
) -> None:
    """Await `run()` until it returns by itself.

    A fault of it is logged as `what`, with `fields`, costs a pause, and concerns nobody else: `abandon` drops what it left half done, and
    it is begun anew.
    """
    while True:
        try:
            await run()
            return
        except Exception as fault:  # noqa: BLE001  # the supervised place of all such tasks: told, begun anew
            log.failure(what, fault, **fields)
        abandon()
        end_if_cancelled()
        await clock.sleep(pause_s)
