"""hub.stream: events for one reader, `async for`: bounded, counted, and never holding the loop.

A loop over events that wait already would not suspend once, and nobody else would have a turn: so it does, every few
milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.turns import Breath

__all__ = ["EventStream"]


class EventStream:
    """An async iterator. `put` on the loop; one that falls `capacity` behind loses the oldest, `on_dropped` is told of each."""

    def __init__(self, capacity: int, *, on_dropped: Callable[[], object]) -> None:
        self._capacity = capacity
        self._on_dropped = on_dropped
        self._waiting: deque[BaseWebSocketEvent] = deque()
        self._come = asyncio.Event()
        self._breath = Breath()
        self._ended = False

    def put(self, event: BaseWebSocketEvent) -> None:
        """One more."""
        if self._ended:
            return
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._on_dropped()
        self._waiting.append(event)
        self._come.set()

    def end(self) -> None:
        """What waits is still given, then it is over."""
        self._ended = True
        self._come.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BaseWebSocketEvent:
        await self._breath.take()
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
            self._breath.taken()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """The reader is done: nothing more waits for it."""
        self._waiting.clear()
        self.end()
