"""app.heard: which collectors are heard, and what none of them brought. Pure.

A collector lacks what it says (`MissedEvent`), and all from when its last connection is gone until one is there. What all of them lack is a
hole. Where all of them were cut, nobody can say what the venue sent meanwhile: the hole is from the last event to the next, unless that one
is of a life that was only not heard, and goes on.

Spans are told a little wider than the truth: collectors' clocks differ from ours, and what is gone is noticed late.
"""

from __future__ import annotations

from collections import deque

from hoga.core.times import SECOND_NS

__all__ = ["Heard", "Span"]

Span = tuple[int, int]

_SKEW_NS = 2 * SECOND_NS
_LATE_NS = 10 * SECOND_NS
"""So long before it is known to be gone a collector may have brought nothing already."""
_SPANS_MAX = 64


class _Collector:
    """`conns`: those that are up; `down_ns`: since when there is none, None while there is; `lacks`: the newest spans."""

    def __init__(self) -> None:
        self.conns: set[str] = set()
        self.down_ns: int | None = 0
        self.lacks: deque[Span] = deque(maxlen=_SPANS_MAX)

    def lacking(self, until_ns: int) -> list[Span]:
        return [*self.lacks, *([] if self.down_ns is None else [(self.down_ns, until_ns)])]


class Heard:
    """Told of lives, of what was missed, and of each event; says which spans are holes. Receipts are the collectors', `now_ns` is ours."""

    def __init__(self) -> None:
        self._collectors: dict[str, _Collector] = {}
        self._paused: dict[str, int] = {}
        self._last_ns: int | None = None
        self._cut_ns: int | None = None
        self._told: deque[Span] = deque(maxlen=_SPANS_MAX)

    def up(self, conn: str, epoch: int, now_ns: int) -> None:
        """A life begins, or goes on."""
        found = self._of(conn)
        if found.down_ns is not None and not self._goes_on(conn, epoch):
            found.lacks.append((found.down_ns, now_ns + _SKEW_NS))
        found.conns.add(conn)
        found.down_ns = None

    def down(self, conn: str, epoch: int, now_ns: int, *, unheard: bool) -> None:
        """No life of the connection is up any more, `epoch` was the last; `unheard`: it may go on."""
        found = self._of(conn)
        found.conns.discard(conn)
        self._paused[conn] = epoch if unheard else 0
        if not found.conns and found.down_ns is None:
            found.down_ns = now_ns - _LATE_NS
            if not any(each.conns for each in self._collectors.values()):
                self._cut_ns = self._last_ns

    def missed(self, conn: str, from_ns: int, to_ns: int) -> list[Span]:
        """What came on the connection between these receipts did not reach us: what no other collector brought of it, and was not told."""
        mine = self._of(conn)
        mine.lacks.append((from_ns, to_ns))
        holes = [(from_ns, to_ns)]
        for each in self._collectors.values():
            if each is not mine:
                holes = _common(holes, each.lacking(to_ns))
        return [hole for hole in holes if self._is_fresh(hole)]

    def came(self, conn: str, epoch: int, recv_ns: int) -> Span | None:
        """An event came: the hole before it."""
        cut_ns, self._cut_ns = self._cut_ns, None
        self._last_ns = max(self._last_ns or 0, recv_ns)  # what was held up comes late
        if cut_ns is None or self._goes_on(conn, epoch):
            return None
        hole = cut_ns, max(cut_ns, recv_ns)
        return hole if self._is_fresh(hole) else None

    def _is_fresh(self, hole: Span) -> bool:
        """Whether it was not told; now it is."""
        begin, end = hole
        if any(known[0] <= begin and end <= known[1] for known in self._told):
            return False
        self._told.append(hole)
        if self._cut_ns is not None and begin <= self._cut_ns <= end:
            self._cut_ns = end
        return True

    def _of(self, conn: str) -> _Collector:
        return self._collectors.setdefault(conn.partition("/")[0], _Collector())

    def _goes_on(self, conn: str, epoch: int) -> bool:
        return epoch <= self._paused.get(conn, 0)


def _common(some: list[Span], others: list[Span]) -> list[Span]:
    """What lies in one of each."""
    both = ((max(a, c), min(b, d), a == b) for a, b in some for c, d in others)
    return [(begin, end) for begin, end, moment in both if begin < end or (moment and begin == end)]
