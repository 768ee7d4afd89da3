"""recorder.counted: the counted gaps of one stream: frames that came and were not recorded, by their reasons (`core.ledger.COUNTED`).

A counted gap stays open while its cause lasts, and is written once, when the cause has ended, or in pieces that touch where
a minute ends meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hoga.core.ledger import Gap, Reason

__all__ = ["DISK_FULL", "GATED", "CountedGaps"]

GATED = 1
"""The latency gate is closed: frames are counted, not recorded."""
DISK_FULL = 2
"""The disk reserve is reached: frames are counted, not recorded."""

_QUIET_NS = 1_000_000_000
"""A cause that nobody tells the end of is over when no frame was lost to it for so long."""


class _Sheds(Protocol):
    shed_reason: Reason


class _Counting:
    """A counted gap that is open: since `since_ns`, this piece from `from_ns`, the newest frame lost at `lost_ns`; `kept`:
    frames that came in time were recorded since."""

    __slots__ = ("detail", "from_ns", "kept", "lost_ns", "missed", "since_ns")

    def __init__(self, now: int, detail: str | None) -> None:
        self.since_ns = self.from_ns = self.lost_ns = now
        self.missed = 0
        self.detail = detail
        self.kept = False


class CountedGaps:
    """Of one stream. `lane.shed_reason`: why frames are let go when too many wait. `emit(gap)`: is told of each piece when it has ended.

    `mode`, where it is asked for: which of GATED and DISK_FULL keep frames out now.
    """

    __slots__ = ("_emit", "_lane", "_open")

    def __init__(self, lane: _Sheds, emit: Callable[[Gap], None]) -> None:
        self._lane = lane
        self._emit = emit
        self._open: dict[Reason, _Counting] = {}

    @property
    def has_open(self) -> bool:
        """Whether some cause is at work."""
        return bool(self._open)

    def since_ns(self) -> list[int]:
        """Since when each open one is."""
        return [each.since_ns for each in self._open.values()]

    def count(self, reason: Reason, now: int, detail: str | None, *, frames: int = 1, to_ns: int = 0) -> None:
        """`frames` were lost, the first at `now`, the last at `to_ns` where that is later."""
        counting = self._open.get(reason)
        if counting is None:
            counting = self._open[reason] = _Counting(now, detail)
        counting.lost_ns = max(counting.lost_ns, now, to_ns)
        counting.kept = False
        counting.missed += frames

    def note_kept(self) -> None:
        """A frame came in time although the latency gate is closed, and was recorded."""
        counting = self._open.get(Reason.LATENCY_GATE)
        if counting is not None:
            counting.kept = True

    def release(self, flag: int, now: int) -> None:
        """GATED or DISK_FULL keeps no frames out from `now` on: the gap that it made, if any, ends here."""
        reason = Reason.LATENCY_GATE if flag == GATED else Reason.DISK_FULL
        counting = self._open.get(reason)
        if counting is not None and not (reason is Reason.DISK_FULL and self._lane.shed_reason is Reason.DISK_FULL):
            self._close(reason, counting.lost_ns if counting.kept else max(counting.lost_ns, now))

    def settle(self, now: int, mode: int) -> None:
        """Write down what is over."""
        if self._open:
            for reason, counting in list(self._open.items()):
                if not self._lasts(reason, counting, now, mode):
                    self._close(reason, counting.lost_ns)

    def cut(self, at_ns: int, mode: int) -> None:
        """Write down all as they stand; those whose cause lasts go on in another piece."""
        for reason, counting in list(self._open.items()):
            if not self._lasts(reason, counting, at_ns, mode):
                self._close(reason, counting.lost_ns)
                continue
            to_ns = max(at_ns, counting.from_ns)
            self._emit(_piece(reason, counting, to_ns))
            counting.from_ns, counting.missed = to_ns, 0

    def clock_set_back(self, now: int, by_ns: int) -> None:
        """What began by the time before the wall clock was set back ends by it: what is lost from here on is another gap."""
        for reason, counting in list(self._open.items()):
            if counting.from_ns > now:
                self._close(reason, max(counting.lost_ns, now + by_ns))

    def as_they_stand(self, now: int) -> list[Gap]:
        """The open ones, as if they ended now."""
        return [_piece(reason, counting, max(now, counting.from_ns)) for reason, counting in self._open.items()]

    def _lasts(self, reason: Reason, counting: _Counting, now: int, mode: int) -> bool:
        """Whether the cause of a counted gap is still at work."""
        young = 0 <= now - counting.lost_ns < _QUIET_NS
        if reason is Reason.LATENCY_GATE:
            return bool(mode & GATED) and (young or not counting.kept)
        if reason is Reason.DISK_FULL:
            return bool(mode & DISK_FULL) or self._lane.shed_reason is Reason.DISK_FULL
        return young

    def _close(self, reason: Reason, to_ns: int) -> None:
        counting = self._open.pop(reason)
        to_ns = max(counting.from_ns, to_ns)
        if counting.missed or to_ns > counting.from_ns:
            self._emit(_piece(reason, counting, to_ns))


def _piece(reason: Reason, counting: _Counting, to_ns: int) -> Gap:
    since_ns = None if counting.since_ns == counting.from_ns else counting.since_ns
    return Gap(counting.from_ns, to_ns, reason, counting.missed, detail=counting.detail, since_ns=since_ns)
