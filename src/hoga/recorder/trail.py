"""recorder.trail: the id texts and marks of a stream's newest frames, in no more bytes than they have: 15 a frame instead of 96.

The fast path appends to a plain deque, which costs least. Once a second what is there is moved to where it takes little room, if that is
worth it. A stream that fills its deque again within a second leaves it as it is.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from struct import Struct
from typing import Any

__all__ = ["REST_FROM", "Trail"]

REST_FROM = 32
"""So many frames are worth the moving, 0.18 µs each; up to twice as many for some streams, lest all move theirs at the same time."""


class Trail:
    """The newest `size` frames of stream number `index`.

    `newest` is for the fast path to append to: of each frame its id as text, `with_ids` (all of one length from one `take` to the
    next), and its mark. `rested`: what was moved.
    """

    __slots__ = ("_rest_from", "_size", "_step", "_width", "newest", "rested")

    def __init__(self, size: int, *, index: int, with_ids: bool) -> None:
        self._size = size
        self._rest_from = REST_FROM + index % REST_FROM
        self._step = 2 if with_ids else 1
        self._width = 0
        self.newest: deque[Any] = deque(maxlen=size * self._step)
        self.rested = bytearray()

    def rest(self) -> None:
        """Move what was appended to where it takes little room."""
        newest, step = self.newest, self._step
        count = len(newest)
        if count == self._size * step:  # they alone are the newest
            self.rested.clear()
        elif count >= self._rest_from * step:
            self._width = len(newest[0]) if step > 1 else 0
            self.rested += _form(self._width, count // step).pack(*newest)
            del self.rested[: -self._size * (self._width + 4)]
            newest.clear()

    def take(self) -> tuple[list[int], list[int]]:
        """The ids, where there are any, and the marks, oldest first. Nothing is left."""
        rested = _form(self._width, len(self.rested) // (self._width + 4)).unpack(self.rested)
        step = self._step
        flat = [*rested, *self.newest][-self._size * step :]
        self.rested.clear()
        self.newest.clear()
        return [int(text) for text in flat[0::2]] if step > 1 else [], flat[step - 1 :: step]


@lru_cache(maxsize=1024)
def _form(width: int, frames: int) -> Struct:
    """So many frames: an id's text and a mark each, or the mark alone."""
    return Struct("<" + (f"{width}sI" if width else "I") * frames)
