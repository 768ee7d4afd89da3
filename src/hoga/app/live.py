"""app.live: the live side of one series: a bell for those who read the recorder's journal, or events for those who have none.

Where nobody records, a cut or a reader that falls behind leaves a hole that nothing can fill: it is told as a `GapEvent`,
in its place among the events. Every wait suspends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from time import time_ns

from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, GapEvent, StatusEvent
from hoga.hub.local_wire import LocalHub

__all__ = ["Live"]

_AHEAD_MAX = 100_000


class Live:
    """A component of the manager: `take` and `status` are its callbacks. `hub` None: its events come over a connection of ours."""

    def __init__(self, streams: list[Stream]) -> None:
        self.hub: LocalHub | None = None
        self.newest_ns = 0
        self._stream = streams[0]
        self._waiting: deque[BaseWebSocketEvent | GapEvent] = deque()
        self._come = asyncio.Event()
        self._keeps = False
        self._lives = self._seen_lives = 0
        self._dropped = 0
        self._hole: Reason | None = None
        self._missed: int | None = None
        self._told_ns = 0

    # -- the manager's side -----------------------------------------------------------------------------------------

    def take(self, event: BaseWebSocketEvent) -> None:
        """An event that came."""
        if self._keeps:
            self._keep(event)
        self.newest_ns = event.recv_ns
        self._come.set()

    def status(self, event: StatusEvent) -> None:
        """A life that began or ended."""
        if not isinstance(event, EpochEvent):
            return
        self._lives += 1
        if self._keeps and self._told_ns:
            if not event.up:
                self._hole = self._hole or Reason.DISCONNECT
            elif self._hole is not None:
                self._tell_hole(time_ns())
        self._come.set()

    def _keep(self, event: BaseWebSocketEvent) -> None:
        if self.hub is not None and self.hub.dropped != self._dropped:
            self._dropped, self._hole = self.hub.dropped, Reason.BACKPRESSURE
        if len(self._waiting) >= _AHEAD_MAX:
            self._missed = (self._missed or 0) + sum(1 for each in self._waiting if not isinstance(each, GapEvent))
            self._waiting.clear()
            self._hole = Reason.BACKPRESSURE
        if self._hole is not None:
            self._tell_hole(event.recv_ns)
        self._waiting.append(event)

    def _tell_hole(self, to_ns: int) -> None:
        """From the last event before it: one that waits, or the last that was told."""
        before = self._waiting[-1] if self._waiting else None
        from_ns = self._told_ns if before is None else before.to_ns if isinstance(before, GapEvent) else before.recv_ns
        hole, self._hole = self._hole, None
        missed, self._missed = self._missed, None
        assert hole is not None, "there is one to be told"
        self._waiting.append(GapEvent(stream=self._stream, from_ns=from_ns, to_ns=to_ns, reason=hole, missed=missed))

    # -- as a bell --------------------------------------------------------------------------------------------------

    def lives_changed(self) -> bool:
        """Whether a life has begun or ended since this was asked."""
        changed = self._lives != self._seen_lives
        self._seen_lives = self._lives
        return changed

    async def ring(self, seconds: float, *, after_ns: int) -> None:
        """Until something comes that was received after `after_ns`, at most so long; it always suspends."""
        if self.newest_ns > after_ns:
            await asyncio.sleep(seconds)
            return
        self._come.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._come.wait()

    # -- as events --------------------------------------------------------------------------------------------------

    def begin(self, *, after_ns: int) -> None:
        """Keep events from now on; the first comes after a gap since `after_ns`."""
        self._keeps = True
        self._hole, self._told_ns = Reason.SHUTDOWN, after_ns
        self._dropped = self.hub.dropped if self.hub is not None else 0

    def end(self) -> None:
        """Keep none any more."""
        self._keeps = False
        self._waiting.clear()
        self._hole = None

    async def next(self, seconds: float) -> BaseWebSocketEvent | GapEvent | None:
        """The next event, None when none came for so long."""
        while not self._waiting:
            self._come.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._come.wait()
            except TimeoutError:
                return None
        event = self._waiting.popleft()
        self._told_ns = event.to_ns if isinstance(event, GapEvent) else event.recv_ns
        return event
