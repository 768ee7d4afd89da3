"""hub.lingering: streams that nobody wants any more, kept a while because somebody may soon want them again. Pure.

A chart that steps through symbols, a window that is closed and opened: the connection stays, what comes back is there at
once, and what is left is unsubscribed together.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.core.streams import Stream

__all__ = ["Lingering"]


class Lingering:
    """`left(stream)` when the last one leaves; `kept` are those to bring all the same. Seconds of any steady clock.

    Each is kept for `seconds`, and until the next look of those that are `seconds` apart: twice as long at most. At most
    `most`: of more that leave, the last ones are kept.
    """

    def __init__(self, *, seconds: float, most: int) -> None:
        self.seconds = seconds
        self._most = most
        self._since: dict[Stream, float] = {}
        self._looked = 0.0

    def left(self, stream: Stream, now: float) -> None:
        """Nobody wants it any more."""
        if self.seconds <= 0:
            return
        self._since.pop(stream, None)
        self._since[stream] = now
        while len(self._since) > self._most:
            del self._since[next(iter(self._since))]

    def forget(self, stream: Stream) -> None:
        """It cannot be brought."""
        self._since.pop(stream, None)

    def kept(self, now: float, *, wanted: Callable[[Stream], bool]) -> list[Stream]:
        """Those that are not `wanted` and not long enough left."""
        over = now - self._looked >= self.seconds
        if over:
            self._looked = now
        for stream, since in list(self._since.items()):
            if wanted(stream) or (over and now - since >= self.seconds):
                del self._since[stream]
        return list(self._since)
