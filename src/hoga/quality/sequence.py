"""quality.sequence: tell from a stream's ids and bytes whether a frame is new, late, a duplicate, or follows a hole. Pure.

Two families of ids:

    contiguous   `aggTrade.a`, `trade.t`, diff depth `U..u`: every id comes once, so holes are proven
    increasing   `lastUpdateId`, `bookTicker.u`: ids only grow; nothing can be said of what lies between two of them

The rule that decides all doubtful cases: **a frame is refused only when it is proven that it was received before.** An id
alone proves nothing: a venue that was restarted numbers other frames alike. So a duplicate has a known id *and* the mark
(a checksum of its bytes) that the id came with; where the mark is forgotten the frame is recorded.

Ids that jump back (another numbering, another capture) or are out of all proportion are recorded like any other; they
only do not mislead the judgement of what follows. When `MOVE_AFTER` of them follow one another the venue numbers from
there: what the runs said of the numbering before means nothing for it, and is dropped.

The calling contract: `receive` for every frame, in arrival order, or `follow` for frames that were plainly next
(never while `wary`); `drain_holes` now and then; `take_jump` after a NEW.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from hoga.quality.memory import Memory

__all__ = ["MOVE_AFTER", "RUNS_KEPT", "Hole", "Jump", "Sequence", "Verdict"]

MOVE_AFTER = 3
"""So many frames in a row that follow one another, but not what came before, and the venue numbers from there."""
RUNS_KEPT = 64
"""Runs of received ids that are remembered."""

_TOLD_KEPT = 256
_HOLES_KEPT = 256
_FAR = 100
_SMALL = 10_000_000


class Verdict(Enum):
    """What ids and bytes say of one frame."""

    NEW = "new"
    """Record it. It may have left a hole behind it."""
    LATE = "late"
    """Record it: it does not follow what came before, and was not received before."""
    DUPLICATE = "duplicate"
    """It was received before, byte for byte."""


class Hole(NamedTuple):
    """Ids `first..last` that did not come, noticed between two receipts.

    `proven`: each of them stands for a record that was missed. Not so where the numbering jumped. `filled_ns`: when a late
    frame last brought some of its ids.
    """

    first: int
    last: int
    from_ns: int
    to_ns: int
    proven: bool = True
    filled_ns: int = 0

    @property
    def missed(self) -> int:
        """How many ids."""
        return self.last - self.first + 1


class Jump(NamedTuple):
    """The venue numbers anew: after id `before` (received at `from_ns`) it went on with `first` (at `to_ns`)."""

    before: int
    first: int
    from_ns: int
    to_ns: int


class Sequence:
    """The ids of one stream across epochs and legs. `memory`: how many frames are remembered with their marks, at least.

    `shared`: more than one leg brings the stream, so an old id may be the slower one's. `by`: which leg brought the
    frame of which the last DUPLICATE was one.
    """

    __slots__ = (
        "_anew", "_holes", "_jump", "_late_run", "_settled", "_stray", "_stray_run", "_strays", "_told", "_wary_until",
        "by", "contiguous", "last", "last_ns", "memory", "runs", "shared",
    )  # fmt: skip

    def __init__(self, *, contiguous: bool, memory: int = 256) -> None:
        self.contiguous = contiguous
        self.last: int | None = None
        self.last_ns = 0
        self.memory = Memory(memory)
        self.runs: list[list[int]] = []
        self.shared = False
        self.by = 0
        self._holes: list[Hole] = []
        self._settled: list[Hole] = []
        self._told: list[tuple[int, int]] = []
        self._stray: int | None = None
        self._stray_run = self._late_run = 0
        self._strays: list[tuple[int, int, int]] = []
        self._anew = False
        self._wary_until = 0
        self._jump: Jump | None = None

    def resume(self, runs: Iterable[tuple[int, int]], last_ns: int, marks: Iterable[tuple[int, int]] = ()) -> None:
        """An earlier life of this program received the ids of `runs` (first..last, the latest last), until `last_ns`;
        `marks`: (id, mark) of its newest frames."""
        self.runs = [[first, last] for first, last in runs][-RUNS_KEPT:]
        self.last = self.runs[-1][1] if self.runs else None
        self.last_ns = last_ns
        for number, mark in marks:
            self.memory.note(number, mark, 0, last_ns)

    def follow(self, last: int, last_ns: int, frames: Iterable[tuple[int, int]] = (), leg: int = 0) -> None:
        """Frames that plainly came next were received from `leg`, up to id `last`: `frames` are (last id, mark) of the newest."""
        self.last, self.last_ns = last, last_ns
        self._forget_strays()
        if self.contiguous:
            self._extend(last)
        note = self.memory.note
        for number, mark in frames:
            note(number, mark, leg, last_ns)

    def receive(self, first: int, last: int, now_ns: int, mark: int = 0, leg: int = 0) -> Verdict:
        """Judge the frame that carries ids `first..last` (equal for single ids), brought by `leg`."""
        by = self.memory.leg_of(last, mark)
        if by is not None:
            self.by = by
            return Verdict.DUPLICATE
        other = self.memory.knows(last)
        self.memory.note(last, mark, leg, now_ns)
        known = self.last
        if known is None:
            return self._begin(first, last, now_ns)
        if last < first or _is_far(known, last):
            return self._judge_stray(first, last, now_ns, other=other)
        if last > known:
            if self.contiguous and first > known + 1:
                self._open_holes(known + 1, first - 1, now_ns, proven=True)
                self.runs.append([first, first])
            return self._accept(last, now_ns)
        if self.contiguous and not self._follows_stray(first) and not self._has(first, last) and self._fill(first, last, now_ns):
            return self._take_late(first, last, now_ns)
        return self._judge_stray(first, last, now_ns, other=other)

    @property
    def has_holes(self) -> bool:
        """Whether there are holes that were not drained yet."""
        return bool(self._holes or self._settled)

    @property
    def wary(self) -> bool:
        """Whether the ids went back lately: then `receive` is to judge also what plainly comes next, for it may be known."""
        return self.memory.turns < self._wary_until

    @property
    def crowded(self) -> bool:
        """Whether there are so many holes that they should be drained at once."""
        return len(self._holes) > _HOLES_KEPT

    def holes(self) -> list[Hole]:
        """The holes as they stand, not drained."""
        return [*self._settled, *self._left()]

    def drain_holes(self, *, older_than_ns: int, settle: bool = False) -> list[Hole]:
        """Holes noticed before `older_than_ns`: nothing late can fill them any more. Each is returned once, and none of
        its ids is in another, then or later. One that is being filled is left, unless `settle`: a ledger ends, another begins."""
        ripe: list[Hole] = []
        kept: list[Hole] = []
        for hole in self._left():
            old = hole.to_ns < older_than_ns and (settle or (hole.filled_ns < older_than_ns and not self._grows_into(hole)))
            (ripe if old else kept).append(hole)
        self._holes = kept
        self._told = [] if settle else [*self._told, *((hole.first, hole.last) for hole in ripe)][-_TOLD_KEPT:]
        settled, self._settled = self._settled, []
        return [*settled, *ripe]

    def take_hole(self, to_ns: int) -> Hole | None:
        """The hole that the frame received at `to_ns` left behind it, taken out; None when it left none."""
        if self._holes and self._holes[-1].to_ns == to_ns and self._holes[-1].proven:
            hole = self._holes.pop()
            self._told.append((hole.first, hole.last))
            return hole
        return None

    def take_jump(self) -> Jump | None:
        """That the numbering began anew, told once; None when it did not."""
        jump, self._jump = self._jump, None
        return jump

    # -- what was received ----------------------------------------------------------------------------------------

    def _begin(self, first: int, last: int, now_ns: int) -> Verdict:
        if self.contiguous:
            self.runs.append([first, max(first, last)])
        return self._accept(max(first, last), now_ns)

    def _accept(self, last: int, now_ns: int) -> Verdict:
        self.follow(last, now_ns)
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

    def _has(self, first: int, last: int) -> bool:
        """Whether one run has all of these ids."""
        return any(run[0] <= first and last <= run[1] for run in self.runs)

    # -- holes ----------------------------------------------------------------------------------------------------

    def _open_holes(self, first: int, last: int, now_ns: int, *, proven: bool) -> None:
        """Ids `first..last` were passed over: those that nobody brought, and that are in no hole yet, are holes."""
        taken = [(run[0], run[1]) for run in self.runs]
        taken += [(hole.first, hole.last) for hole in self._holes]
        taken += self._told
        since_ns = min(self.last_ns, now_ns)  # the clock may have been set back in between
        self._holes.extend(Hole(low, high, since_ns, now_ns, proven) for low, high in _without(first, last, taken))

    def _left(self) -> list[Hole]:
        return [part for hole in self._holes for part in self._left_of(hole)]

    def _left_of(self, hole: Hole) -> list[Hole]:
        """What of a hole no run has: frames that plainly came next may have grown into it."""
        if not any(run[0] <= hole.last and run[1] >= hole.first for run in self.runs):
            return [hole]
        left = _without(hole.first, hole.last, ((run[0], run[1]) for run in self.runs))
        return [hole._replace(first=low, last=high) for low, high in left]

    def _grows_into(self, hole: Hole) -> bool:
        """Whether the ids that come now go on where the hole begins: the id behind it was the odd one."""
        return self.last is not None and self.last + 1 == hole.first

    def _fill(self, first: int, last: int, now_ns: int) -> bool:
        for at, hole in enumerate(self._holes):
            if hole.first <= first and last <= hole.last:
                left = hole._replace(last=first - 1, filled_ns=now_ns)
                right = hole._replace(first=last + 1, filled_ns=now_ns)
                self._holes[at : at + 1] = [part for part in (left, right) if part.first <= part.last]
                return True
        return False

    def _take_late(self, first: int, last: int, now_ns: int) -> Verdict:
        """It filled a hole. When some in a row do, the ids go on from there, and the one beyond the hole was early."""
        self._late_run = self._late_run + 1 if self._stray is not None and first == self._stray + 1 else 1
        self._stray = last
        self._note_received(first, last)
        if self._late_run < MOVE_AFTER:
            return Verdict.LATE
        self._go_on_from(last, now_ns)
        return Verdict.NEW

    # -- ids that do not belong to what came before ------------------------------------------------------------------

    def _forget_strays(self) -> None:
        if self._strays or self._stray is not None:
            self._strays.clear()
            self._stray = None
            self._stray_run = self._late_run = 0
            self._anew = False

    def _follows_stray(self, first: int) -> bool:
        if not self._stray_run or self._stray is None:
            return False
        return first == self._stray + 1 if self.contiguous else first > self._stray

    def _judge_stray(self, first: int, last: int, now_ns: int, *, other: bool) -> Verdict:
        """Recorded; when others follow it, the numbering goes on from there.

        `other`: another frame is known to have had its id.
        """
        self._stray_run = self._stray_run + 1 if self._follows_stray(first) else 1
        self._stray = last
        self._strays.append((first, last, now_ns))
        del self._strays[:-RUNS_KEPT]
        self._anew |= other or not self.shared
        if self.contiguous and first <= last and not self._has(first, last):
            if not self._fill(first, last, now_ns):
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
        if below:
            self._open_holes(max(below) + 1, first - 1, now_ns, proven=False)
        if above:
            self._open_holes(last + 1, min(above) - 1, now_ns, proven=False)

    def _move(self, last: int, now_ns: int) -> None:
        assert self.last is not None, "strays are told by what came before them"
        if not (self._anew and last < self.last):
            self._go_on_from(last, now_ns)
            return
        began, _, at_ns = self._strays[0]
        self._jump = Jump(self.last, began, self.last_ns, at_ns)
        if self.contiguous:
            self._number_anew(now_ns)
        self._wary_until = self.memory.turns + 2
        self.last, self.last_ns = last, now_ns
        self._forget_strays()

    def _number_anew(self, now_ns: int) -> None:
        """The runs so far are of another numbering, and so are its holes: nothing that comes fills them any more."""
        began_ns = self._strays[0][2]
        self._settled += [hole for hole in self.holes() if hole.proven or hole.to_ns < began_ns]
        self._holes.clear()
        self._told.clear()
        self.runs = []
        top = self._strays[-1][1]
        for first, last, _ in sorted(stray for stray in self._strays if stray[0] <= stray[1] <= top):
            if self.runs and first <= self.runs[-1][1] + 1:
                self.runs[-1][1] = max(self.runs[-1][1], last)
                continue
            if self.runs:
                self._open_holes(self.runs[-1][1] + 1, first - 1, now_ns, proven=False)
            self.runs.append([first, last])

    def _go_on_from(self, last: int, now_ns: int) -> None:
        if self.last is not None and last < self.last:
            self._wary_until = self.memory.turns + 2
        if self.contiguous:
            at = next(at for at, run in enumerate(self.runs) if run[0] <= last <= run[1])
            self.runs.append(self.runs.pop(at))
        self.last, self.last_ns = last, now_ns
        self._forget_strays()


def _without(first: int, last: int, taken: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of `first..last` that are in none of `taken`."""
    parts: list[tuple[int, int]] = []
    for low, high in sorted(taken):
        if high < first or low > last:
            continue
        if low > first:
            parts.append((first, low - 1))
        first = max(first, high + 1)
    if first <= last:
        parts.append((first, last))
    return parts


def _is_far(known: int, last: int) -> bool:
    return last > _FAR * max(known, _SMALL) or known > _FAR * max(last, _SMALL)
