"""recorder.ending: the last word of a session, written once every journal is durable; a disk that confirms late holds nobody up.

The threads are daemons: whatever the disk does, the process can end. What was not confirmed by then is in the operating
system's hands, so nothing is lost but with the machine's power; the next start reads the journals, and accounts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from hoga.recorder.writer import JournalWriter

__all__ = ["Ending"]


class Ending:
    """Waits for `writer`, which was told to stop, then calls `last_word` (blocking; it may raise). Begun by the event loop."""

    def __init__(self, writer: JournalWriter, last_word: Callable[[], None]) -> None:
        self._writer, self._last_word = writer, last_word
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._lock = threading.Lock()
        self._called_off = self._writing = False
        self._fault: Exception | None = None
        self._behind: Callable[[], None] = lambda: None
        threading.Thread(target=self._run, name="hoga-ending", daemon=True).start()

    async def over(self, *, timeout_s: float) -> bool:
        """Whether all of it is durable by now, waiting so long for it. Raises what `last_word` raised, and ArchiveError when a journal
        was never confirmed: there is no last word then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._over.wait()
        if self._fault is not None:
            raise self._fault
        return self._over.is_set()

    def call_off(self, then: Callable[[], None]) -> None:
        """No last word any more. Does `then`; behind the last word, when that is being written at this very moment."""
        with self._lock:
            if self._writing and not self._over.is_set():
                self._behind = then
                return
            self._called_off = True
        then()

    def _run(self) -> None:
        try:
            self._writer.confirmed()
            with self._lock:
                if self._called_off:
                    return
                self._writing = True
            self._last_word()
        except Exception as fault:  # noqa: BLE001  # raised again by `over`
            self._fault = fault
        with suppress(RuntimeError):  # the loop is closed, and the process ends: nobody is left to tell
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._over.set()
        self._behind()
