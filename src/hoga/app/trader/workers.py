"""app.trader.workers: does what strategies ask for with `work`: in a few threads of their own, bounded, never on the event loop.

What a function returns has to be what JSON can hold (arrays become lists), so that the journal can keep it and a replay can give it again.
A function that never returns holds its thread, and no end of the program waits for it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from hoga.runtime.clock import SYSTEM, Clock
from hoga.trading.ports import Work, WorkDone

__all__ = ["Workers", "done_now"]

_THREADS = 4
_MOST_BYTES = 256 * 1024
_LONGEST = 300


class Workers:
    """`deliver` is told of each `WorkDone`, on the event loop. Threads begin with the first piece of work."""

    def __init__(self, deliver: Callable[[WorkDone], object], *, clock: Clock = SYSTEM) -> None:
        self._deliver = deliver
        self._now_ns = clock.time_ns
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def do(self, work: Work) -> None:
        """Have it done. Returns at once."""
        self._busy += 1
        if len(self._threads) < min(_THREADS, self._busy):
            thread = threading.Thread(target=self._run, name=f"hoga-work-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._waiting.put(work)

    def stop(self) -> None:
        """Nothing more is begun; what is under way is not waited for."""
        for _ in self._threads:
            self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            value, error = outcome_of(work)
            try:
                self._loop.call_soon_threadsafe(self._done, work.number, value, error)
            except RuntimeError:  # the loop is closed
                return

    def _done(self, number: int, value: Any, error: str) -> None:
        self._busy -= 1
        self._deliver(WorkDone(at_ns=self._now_ns(), number=number, value=value, error=error))


def done_now(work: Work, at_ns: int) -> WorkDone:
    """Do it here and now, and say that it was done at `at_ns`: for a run over the past."""
    value, error = outcome_of(work)
    return WorkDone(at_ns=at_ns, number=work.number, value=value, error=error)


def outcome_of(work: Work) -> tuple[Any, str]:
    """What came of it, as JSON has it, and what went wrong, "" where nothing did."""
    try:
        text = msgspec.json.encode(work.function(*work.args), enc_hook=_plain)
    except (Exception, SystemExit) as fault:  # noqa: BLE001  # the supervised place: what a user's function raises is its answer
        return None, f"{type(fault).__name__}: {fault}"[:_LONGEST]
    if len(text) > _MOST_BYTES:
        return None, f"it returned {len(text)} bytes of JSON; at most {_MOST_BYTES} are kept"
    return msgspec.json.decode(text), ""


def _plain(value: Any) -> Any:
    for way in ("tolist", "item"):
        if callable(found := getattr(value, way, None)):
            return found()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
