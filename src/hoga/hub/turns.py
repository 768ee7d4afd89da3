"""hub.turns: whose turn it is on the event loop, among consumers that are served there.

A turn of the loop holds sockets, timers and everybody else up for as long as it lasts. All consumers together get
`SHARE_S` of one; whoever comes later, or has used that up, waits for one of the next turns, in the order of asking.
So a callback that computes costs the others its own time once, never that of a batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

__all__ = ["SHARE_S", "Breath", "Turns"]

SHARE_S = 0.005
_MOST = 64


class Turns:
    """Of one loop. Before each event: `if turns.spent(): await turns.next()`; the event after `next` needs no asking.

    Ask `spent` after the last event, too: it is how the time that one took is known.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since: float | None = None
        self._longest = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._admitting = False
        self._at_once = 1

    def spent(self) -> bool:
        """Whether consumers have had their share of this turn of the loop."""
        now = monotonic()
        if self._since is None:
            self._begin(now)
            return False
        spent = now - self._since
        self._longest = max(self._longest, spent)
        return spent > SHARE_S

    async def next(self) -> None:
        """Until it is one's turn; never before the loop has had one."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        if not self._admitting:
            self._admitting = True
            self._loop.call_soon(self._admit)
        await turn
        if self._since is None:
            self._begin(monotonic())

    def _begin(self, now: float) -> None:
        self._since = now
        self._loop.call_soon(self._over)

    def _over(self) -> None:
        """Runs in the next turn, before anybody who was admitted for it."""
        self._since = None

    def _admit(self) -> None:
        """As many at once as were quick together the last time: one when they compute, dozens when they do not."""
        self._at_once = 1 if self._longest > SHARE_S else min(_MOST, self._at_once * 2)
        self._longest = 0.0
        admitted = 0
        while self._waiting and admitted < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                admitted += 1
        self._admitting = bool(self._waiting)
        if self._admitting:
            self._loop.call_soon(self._admit)


class Breath:
    """For loops whose only await may return at once: `await take()` in each round gives the loop a turn every `SHARE_S`."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = monotonic()

    async def take(self) -> None:
        """Suspends when it is time to."""
        if monotonic() - self._at > SHARE_S:
            await asyncio.sleep(0)
            self._at = monotonic()

    def taken(self) -> None:
        """The loop had a turn just now."""
        self._at = monotonic()
