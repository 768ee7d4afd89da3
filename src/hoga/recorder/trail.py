"""recorder.trail: the id texts and marks of a stream's newest frames, in no more bytes than they have: 15 a frame instead of 96.

The fast path appends to a plain deque, which costs least. Once a second what is there is moved to where it takes little room, if that is
worth it. A stream that fills its deque again within a second leaves it as it is.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

__all__ = ["REST_FROM", "Trail"]

REST_FROM = 32
"""So many frames are worth the moving, 0.18 µs each; up to twice as many for some streams, lest all move theirs at the same time."""


class Trail:
    """The newest `size` frames of stream number `index`.

    `newest` is for the fast path to append to: of each frame its id as text, `with_ids` (all of one length from one `take` to the
    next), and its mark. `rested`: the marks of what was moved.
    """

    __slots__ = ("_ids", "_rest_from", "_size", "_step", "_width", "newest", "rested")

    def __init__(self, size: int, *, index: int, with_ids: bool) -> None:
        self._size = size
        self._rest_from = REST_FROM + index % REST_FROM
        self._step = 2 if with_ids else 1
        self._width = 0
        self._ids = bytearray()
        self.newest: deque[Any] = deque(maxlen=size * self._step)
        self.rested = array("I")

    def rest(self) -> None:
        """Move what was appended to where it takes little room."""
        newest, step = self.newest, self._step
        count = len(newest)
        if count == self._size * step:  # they alone are the newest
            self._forget()
        elif count >= self._rest_from * step:
            flat = list(newest)
            newest.clear()
            if step > 1:
                self._width = len(flat[0])
                self._ids += b"".join(flat[0::2])
                del self._ids[: -self._size * self._width]
            self.rested.extend(flat[step - 1 :: step])
            del self.rested[: -self._size]

    def take(self) -> tuple[list[int], list[int]]:
        """The ids, where there are any, and the marks, oldest first. Nothing is left."""
        width, step, newest = self._width, self._step, list(self.newest)
        texts = [self._ids[at : at + width] for at in range(0, len(self._ids), width)] if self._ids else []
        ids = [int(text) for text in (*texts, *newest[0::2])] if step > 1 else []
        marks = [*self.rested, *newest[step - 1 :: step]]
        self._forget()
        self.newest.clear()
        return ids[-self._size :], marks[-self._size :]

    def _forget(self) -> None:
        self._ids.clear()
        del self.rested[:]
