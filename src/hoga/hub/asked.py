"""hub.asked: work for an event loop that is asked for in another thread, and what becomes of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from threading import get_ident
from typing import Any, Generic, TypeVar

from hoga.core.errors import ProtocolMisuse

__all__ = ["Asked"]

T = TypeVar("T")


class Asked(concurrent.futures.Future[T], Generic[T]):
    """The result of `work`, which is done on `loop`, the loop of `thread`. `who`: what people called.

    `cancel` cancels the work. To wait for it on the loop itself would hold up what is waited for: that is refused.
    """

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, thread: int, who: str) -> None:
        super().__init__()
        self._thread = thread
        self._who = who
        self._done_there = asyncio.run_coroutine_threadsafe(work, loop)
        self._done_there.add_done_callback(self._take_over)

    def _take_over(self, done: concurrent.futures.Future[T]) -> None:
        if done.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
        elif (fault := done.exception()) is not None:
            self.set_exception(fault)
        else:
            self.set_result(done.result())

    def cancel(self) -> bool:
        """Have the work cancelled."""
        return self._done_there.cancel()

    def result(self, timeout: float | None = None) -> T:
        """Wait for it. Raises what the work raises; TimeoutError (the work goes on then); ProtocolMisuse on the loop itself."""
        if not self.done() and get_ident() == self._thread:
            hint = "await it, or start a task (asyncio.create_task): on_status and async callbacks run on the loop"
            raise ProtocolMisuse(f"{self._who} would wait on the hub's own loop for what is done there", hint=hint)
        try:
            return super().result(timeout)
        except TimeoutError:
            if self.done():
                raise
            raise TimeoutError(f"{self._who}: not done within {timeout:g} s") from None
