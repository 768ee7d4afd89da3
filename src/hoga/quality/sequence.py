"""quality.sequence: tell from a stream's ids whether a frame is new, late, a duplicate, or follows a hole. Pure.

Two families of ids:

    contiguous   `aggTrade.a`, `trade.t`, diff depth `U..u`: every id comes once, so holes and duplicates are proven
    increasing   `lastUpdateId`, `bookTicker.u`: ids only grow; nothing can be said of what lies between two of them

The rule that decides all doubtful cases: **a frame is refused only when it is proven that it was received before.**
Ids that jump back (another numbering, another capture) or are out of all proportion are recorded like any other; they
only do not mislead the judgement of what follows.

The calling contract: `receive` for every frame, in arrival order, or `follow` for frames that were plainly next;
`drain_holes` now and then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

__all__ = ["MOVE_AFTER", "RUNS_KEPT", "Hole", "Sequence", "Verdict"]

MOVE_AFTER = 3
"""So many frames in a row that follow one another, but not what came before, and the venue numbers from there."""
RUNS_KEPT = 64
"""Runs of received ids that are remembered; a duplicate of an older one cannot be proven any more."""

_FAR = 100
_SMALL = 10_000_000


class Verdict(Enum):
    """What the ids say of one frame."""

    NEW = "new"
    """Record it. It may have left a hole behind it."""
    LATE = "late"
    """Record it: it does not follow what came before, and was not received before."""
    DUPLICATE = "duplicate"
    """It was received before."""


class Hole(NamedTuple):
    """Ids `first..last` that did not come, noticed between two receipts.

    `proven`: each of them stands for a record that was missed. Not so where the numbering jumped.
    """

    first: int
    last: int
    from_ns: int
    to_ns: int
    proven: bool = True

    @property
    def missed(self) -> int:
        """How many ids."""
        return self.last - self.first + 1


class Sequence:
    """The ids of one stream across epochs and legs. `memory`: ids of an increasing stream that are remembered."""

    __slots__ = ("_holes", "_order", "_recent", "_stray", "_stray_run", "contiguous", "last", "last_ns", "memory", "runs")

    def __init__(self, *, contiguous: bool, memory: int = 256) -> None:
        self.contiguous = contiguous
        self.last: int | None = None
        self.last_ns = 0
        self.memory = memory
        self.runs: list[list[int]] = []
        self._order: deque[int] = deque()
        self._recent: set[int] = set()
        self._holes: list[Hole] = []
        self._stray: int | None = None
        self._stray_run = 0

    def resume(self, runs: Iterable[tuple[int, int]], last_ns: int) -> None:
        """An earlier life of this program received the ids of `runs` (first..last, the latest last), until `last_ns`."""
        self.runs = [[first, last] for first, last in runs][-RUNS_KEPT:]
        self.last = self.runs[-1][1] if self.runs else None
        self.last_ns = last_ns
        if not self.contiguous:
            for _, last in self.runs:
                self._remember(last)

    def follow(self, last: int, last_ns: int, recent: Iterable[int] = ()) -> None:
        """Frames that plainly came next were received, up to id `last`; `recent`: all of theirs, of an increasing stream."""
        self.last, self.last_ns = last, last_ns
        self._stray_run = 0
        if self.contiguous:
            self._extend(last)
        for number in recent:
            self._remember(number)

    def receive(self, first: int, last: int, now_ns: int) -> Verdict:
        """Judge the frame that carries ids `first..last` (equal for single ids)."""
        known = self.last
        if known is None:
            return self._begin(first, last, now_ns)
        if self._is_received(first, last):
            return Verdict.DUPLICATE
        if last < first or _is_far(known, last):
            return self._judge_stray(first, last, now_ns)
        if last > known:
            if self.contiguous and first > known + 1:
                self._open_holes(known + 1, first - 1, now_ns)
                self.runs.append([first, first])
            return self._accept(last, now_ns)
        if self.contiguous and not self._follows_stray(first) and self._fill(first, last):
            self._note_received(first, last)
            return Verdict.LATE
        return self._judge_stray(first, last, now_ns)

    @property
    def has_holes(self) -> bool:
        """Whether there are holes that were not drained yet."""
        return bool(self._holes)

    def drain_holes(self, *, older_than_ns: int) -> list[Hole]:
        """Holes noticed before `older_than_ns`: nothing late can fill them any more. Each is returned once."""
        old = [hole for hole in self._holes if hole.to_ns < older_than_ns]
        if old:
            self._holes = [hole for hole in self._holes if hole.to_ns >= older_than_ns]
        return old

    def take_hole(self, to_ns: int) -> Hole | None:
        """The hole that the frame received at `to_ns` left behind it, taken out; None when it left none."""
        if self._holes and self._holes[-1].to_ns == to_ns and self._holes[-1].proven:
            return self._holes.pop()
        return None

    # -- what was received ----------------------------------------------------------------------------------------

    def _begin(self, first: int, last: int, now_ns: int) -> Verdict:
        if self.contiguous:
            self.runs.append([first, max(first, last)])
        return self._accept(max(first, last), now_ns)

    def _accept(self, last: int, now_ns: int) -> Verdict:
        self.follow(last, now_ns, () if self.contiguous else (last,))
        return Verdict.NEW

    def _extend(self, last: int) -> None:
        if self.runs:
            self.runs[-1][1] = max(self.runs[-1][1], last)
        else:
            self.runs.append([last, last])
        if len(self.runs) > RUNS_KEPT:
            del self.runs[0]

    def _note_received(self, first: int, last: int) -> None:
        """Ids outside the current run: they go before it, where they may close a gap between two runs."""
        for run in self.runs:
            if run[1] + 1 == first:
                run[1] = last
                return
            if last + 1 == run[0]:
                run[0] = first
                return
        self.runs.insert(max(0, len(self.runs) - 1), [first, last])
        if len(self.runs) > RUNS_KEPT:
            del self.runs[0]

    def _is_received(self, first: int, last: int) -> bool:
        if self.contiguous:
            return any(run[0] <= first and last <= run[1] for run in self.runs) and first <= last
        return last in self._recent

    def _remember(self, number: int) -> None:
        self._order.append(number)
        self._recent.add(number)
        if len(self._order) > self.memory:
            self._recent.discard(self._order.popleft())

    def _open_holes(self, first: int, last: int, now_ns: int) -> None:
        """Ids `first..last` were passed over: those of them that no run has are holes."""
        for run in sorted(self.runs):
            if run[1] < first or run[0] > last:
                continue
            if run[0] > first:
                self._holes.append(Hole(first, run[0] - 1, self.last_ns, now_ns))
            first = run[1] + 1
        if first <= last:
            self._holes.append(Hole(first, last, self.last_ns, now_ns))

    def _fill(self, first: int, last: int) -> bool:
        for at, hole in enumerate(self._holes):
            if hole.first <= first and last <= hole.last:
                left = hole._replace(last=first - 1)
                right = hole._replace(first=last + 1)
                self._holes[at : at + 1] = [part for part in (left, right) if part.first <= part.last]
                return True
        return False

    # -- ids that do not belong to what came before ------------------------------------------------------------------

    def _follows_stray(self, first: int) -> bool:
        if not self._stray_run or self._stray is None:
            return False
        return first == self._stray + 1 if self.contiguous else first > self._stray

    def _judge_stray(self, first: int, last: int, now_ns: int) -> Verdict:
        """Recorded; when others follow it, the numbering goes on from there."""
        self._stray_run = self._stray_run + 1 if self._follows_stray(first) else 1
        self._stray = last
        if not self.contiguous:
            self._remember(last)
        elif first <= last:
            if not self._fill(first, last):
                self._tell_jump(first, last, now_ns)
            self._note_received(first, last)
        if self._stray_run < MOVE_AFTER or last < first:
            return Verdict.LATE
        self._move(last, now_ns)
        return Verdict.NEW

    def _tell_jump(self, first: int, last: int, now_ns: int) -> None:
        """The ids between the stray frame and what is known are no proven loss, but they are not there."""
        below = [run[1] for run in self.runs if run[1] < first]
        above = [run[0] for run in self.runs if run[0] > last]
        if below and max(below) + 1 <= first - 1:
            self._holes.append(Hole(max(below) + 1, first - 1, self.last_ns, now_ns, proven=False))
        if above and last + 1 <= min(above) - 1:
            self._holes.append(Hole(last + 1, min(above) - 1, self.last_ns, now_ns, proven=False))

    def _move(self, last: int, now_ns: int) -> None:
        self._stray_run = 0
        if self.contiguous:
            at = next(at for at, run in enumerate(self.runs) if run[0] <= last <= run[1])
            self.runs.append(self.runs.pop(at))
        self.last, self.last_ns = last, now_ns


def _is_far(known: int, last: int) -> bool:
    return last > _FAR * max(known, _SMALL) or known > _FAR * max(last, _SMALL)
