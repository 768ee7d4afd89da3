"""quality.sequence: tell from a stream's ids whether a frame is new, late, a duplicate, or follows a hole. Pure.

Two families of ids:

    contiguous   `aggTrade.a`, `trade.t`, diff depth `U..u`: every id comes once, so holes are proven
    increasing   `lastUpdateId`, `bookTicker.u`: ids only grow; nothing can be said of what lies between two of them

The calling contract: `receive` for every frame, in arrival order; `drain_holes` now and then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

__all__ = ["FAR_AFTER", "RESTART_AFTER", "Hole", "Sequence", "Verdict"]

RESTART_AFTER = 6_000
"""So many old frames in a row, and the venue has begun to number anew (ten minutes of a 100 ms stream)."""
FAR_AFTER = 3
"""So many frames in a row whose ids are out of all proportion to what came before, but not to one another: the same."""

_ID_LIMIT = 2**63
_FAR = 100
_SMALL = 10_000_000


class Verdict(Enum):
    """What the ids say of one frame."""

    NEW = "new"
    """Record it. It may have left a hole behind it."""
    LATE = "late"
    """Record it: it was missing, and arrives out of order."""
    DUPLICATE = "duplicate"
    """It was received before."""
    STALE = "stale"
    """It cannot be compared: older than anything remembered (a replay, a new numbering), or an id out of proportion."""


class Hole(NamedTuple):
    """Ids `first..last` that never came, noticed between two receipts."""

    first: int
    last: int
    from_ns: int
    to_ns: int

    @property
    def missed(self) -> int:
        """How many ids."""
        return self.last - self.first + 1


class Sequence:
    """The ids of one stream across epochs and legs.

    `memory`: how many recent ids of an increasing stream are compared against (a late frame older than that is STALE).
    One broken id must not make everything behind it look old: an id a hundred times larger or smaller than the last
    counts only when others like it follow.
    """

    __slots__ = ("_far", "_far_run", "_floor", "_holes", "_old_run", "_order", "_recent", "contiguous", "last", "last_ns", "memory")

    def __init__(self, *, contiguous: bool, memory: int = 256) -> None:
        self.contiguous = contiguous
        self.last: int | None = None
        self.last_ns = 0
        self.memory = memory
        self._order: deque[int] = deque()
        self._recent: set[int] = set()
        self._floor = -1
        self._holes: list[Hole] = []
        self._old_run = 0
        self._far = self._far_run = 0

    def resume(self, last: int | None, last_ns: int, recent: Iterable[int] = ()) -> None:
        """Continue after `last`, received at `last_ns` by whoever judged the frames so far.

        `recent`: ids received since this sequence was last asked, oldest first, at least the last `memory` + 1 of them.
        Without any, nothing up to `last` can be told apart.
        """
        self.last, self.last_ns = last, last_ns
        self._old_run = self._far_run = 0
        told = False
        for number in recent:
            self._remember(number)
            told = True
        if not told and last is not None:
            self._floor = max(self._floor, last)

    def receive(self, first: int, last: int, now_ns: int) -> Verdict:
        """Judge the frame that carries ids `first..last` (equal for single ids).

        Impossible ids (`last < first`, or no 64-bit integers) are STALE.
        """
        known = self.last
        if last < first or last >= _ID_LIMIT:
            return Verdict.STALE
        if known is not None and _is_far(known, last):
            return self._judge_far(last, now_ns)
        self._far_run = 0
        if known is None or last > known:
            if self.contiguous and known is not None and first > known + 1:
                self._holes.append(Hole(known + 1, first - 1, self.last_ns, now_ns))
            self._accept(last, now_ns)
            return Verdict.NEW
        verdict = self._judge_old(first, last)
        if verdict is Verdict.LATE or (verdict is Verdict.DUPLICATE and not self.contiguous):
            self._old_run = 0
            return verdict
        self._old_run += 1
        return verdict if self._old_run <= RESTART_AFTER else self._restart(last, now_ns)

    def drain_holes(self, *, older_than_ns: int) -> list[Hole]:
        """Holes noticed before `older_than_ns`: nothing late can fill them any more. Each is returned once."""
        old = [hole for hole in self._holes if hole.to_ns < older_than_ns]
        if old:
            self._holes = [hole for hole in self._holes if hole.to_ns >= older_than_ns]
        return old

    def take_hole(self, to_ns: int) -> Hole | None:
        """The hole that the frame received at `to_ns` left behind it, taken out; None when it left none."""
        if self._holes and self._holes[-1].to_ns == to_ns:
            return self._holes.pop()
        return None

    def _accept(self, last: int, now_ns: int) -> None:
        self.last, self.last_ns = last, now_ns
        self._old_run = 0
        if not self.contiguous:
            self._remember(last)

    def _remember(self, number: int) -> None:
        self._order.append(number)
        self._recent.add(number)
        if len(self._order) > self.memory:
            gone = self._order.popleft()
            self._recent.discard(gone)
            self._floor = max(self._floor, gone)

    def _restart(self, last: int, now_ns: int) -> Verdict:
        """The venue numbers anew: what came before says nothing of what comes."""
        self._holes.clear()
        self._recent.clear()
        self._order.clear()
        self._floor = last - 1
        self._far_run = 0
        self._accept(last, now_ns)
        return Verdict.NEW

    def _judge_far(self, last: int, now_ns: int) -> Verdict:
        alike = self._far_run and last > self._far and not _is_far(self._far, last)
        self._far_run = self._far_run + 1 if alike else 1
        self._far = last
        return Verdict.STALE if self._far_run < FAR_AFTER else self._restart(last, now_ns)

    def _judge_old(self, first: int, last: int) -> Verdict:
        if self.contiguous:
            return Verdict.LATE if self._fill(first, last) else Verdict.DUPLICATE
        if last in self._recent:
            return Verdict.DUPLICATE
        if last > self._floor:
            self._remember(last)
            return Verdict.LATE
        return Verdict.STALE

    def _fill(self, first: int, last: int) -> bool:
        for at, hole in enumerate(self._holes):
            if hole.first <= first and last <= hole.last:
                left = hole._replace(last=first - 1)
                right = hole._replace(first=last + 1)
                self._holes[at : at + 1] = [part for part in (left, right) if part.first <= part.last]
                return True
        return False


def _is_far(known: int, last: int) -> bool:
    return last > _FAR * max(known, _SMALL) or known > _FAR * max(last, _SMALL)
