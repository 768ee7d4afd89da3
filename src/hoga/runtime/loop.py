"""runtime.loop: the event loop. uvloop where there is one, asyncio's own otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import TypeVar

__all__ = ["Ending", "ends_on", "loop_name", "run"]

T = TypeVar("T")


def run(main: Coroutine[object, object, T]) -> T:
    """Run `main` to its end in a fresh loop, and return its result. Tasks left over are cancelled."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


class Ending(asyncio.Event):
    """Set when it is to end. `by`: the signal that said so, None: nobody's."""

    by: signal.Signals | None = None


@contextlib.contextmanager
def ends_on(*signals: signal.Signals) -> Iterator[Ending]:
    """What is set by the first of these signals, meanwhile; also where a shell that started us with & had them ignored.

    Nothing is where the loop takes no signals (not the main thread, Windows)."""
    ending, loop, taken = Ending(), asyncio.get_running_loop(), []

    def heard(number: signal.Signals) -> None:
        ending.by = ending.by or number
        ending.set()

    for number in signals:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, heard, number)
            taken.append(number)
    try:
        yield ending
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def loop_name() -> str:
    """`uvloop` or `asyncio`: what `run` will use."""
    return "asyncio" if _loop_factory() is None else "uvloop"


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
