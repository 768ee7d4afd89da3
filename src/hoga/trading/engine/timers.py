"""trading.engine.timers: what is due when. A timer is a kind and a number; armed anew, the moment before does not hold any more. Pure."""

from __future__ import annotations

import heapq

__all__ = ["Timers"]


class Timers:
    """`heap`: (moment, turn, kind, number), the next one first; some of them may not hold any more: `pop` leaves those out."""

    __slots__ = ("_armed", "_turn", "heap")

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, str, int]] = []
        self._armed: dict[tuple[str, int], int] = {}
        self._turn = 0

    def arm(self, kind: str, number: int, at_ns: int) -> None:
        """That one is due then."""
        key = (kind, number)
        if self._armed.get(key) != at_ns:
            self._armed[key] = at_ns
            self._turn += 1
            heapq.heappush(self.heap, (at_ns, self._turn, kind, number))

    def put_off(self, kind: str, number: int, at_ns: int) -> None:
        """The next one, which is that one, is due then."""
        self._armed[kind, number] = at_ns
        self._turn += 1
        heapq.heapreplace(self.heap, (at_ns, self._turn, kind, number))

    def is_next(self, kind: str, number: int) -> bool:
        """Whether that one is the next, and holds."""
        at_ns, _, *key = self.heap[0] if self.heap else (0, 0, "", 0)
        return key == [kind, number] and self._armed.get((kind, number)) == at_ns

    def pop(self) -> tuple[int, str, int] | None:
        """The next one; None: it does not hold any more."""
        at_ns, _, kind, number = heapq.heappop(self.heap)
        if self._armed.get((kind, number)) != at_ns:
            return None
        del self._armed[kind, number]
        return at_ns, kind, number
