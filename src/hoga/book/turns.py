"""book.turns: whose book is asked for next, so that recorded deltas have a beginning. Pure: it is fed and asked.

Deltas alone give no book. A snapshot is *due* for a symbol whose deltas have come since their last break (the start, a hole in their
ids, a connection that was lost) and have no snapshot since; for one whose market is about to leave the levels that its snapshot
had (`leaving`: beyond them no book can be rebuilt); and for one whose last snapshot is older than `every_s`. In this order, the longest
waiting before the others; how many are asked for at all is the shell's to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from hoga.core.pauses import Pauses, Schedule
from hoga.core.times import SECOND_NS

__all__ = ["SnapshotTurns"]

_NONE, _LEFT, _OLD = range(3)
_LEFT_AGAIN_NS = 30 * SECOND_NS
"""A market that runs away does not take all the weight."""


class _Symbol:
    __slots__ = ("breaks", "broken_ns", "got_ns", "left_ns", "newest_ns", "pauses", "retry_ns")

    def __init__(self) -> None:
        self.breaks = -1
        self.broken_ns = self.newest_ns = 0
        self.got_ns: int | None = None
        self.left_ns: int | None = None
        self.retry_ns = 0
        self.pauses = Pauses(Schedule.VENUE)

    def set_back(self, now_ns: int) -> None:
        """The clock was: what lay before lies before `now_ns`, and in the same order as far as anybody asks for it."""
        if self.got_ns is not None:
            self.got_ns = None if self.got_ns < self.broken_ns else min(self.got_ns, now_ns)
        if self.left_ns is not None:
            self.left_ns = min(self.left_ns, now_ns)
        self.broken_ns, self.retry_ns = min(self.broken_ns, now_ns), min(self.retry_ns, now_ns)

    def since_ns(self, every_ns: int) -> tuple[int, int] | None:
        """(why it waits, the pressing first; since when); None when it does not."""
        if self.newest_ns <= self.broken_ns:
            return None
        if self.got_ns is None or self.got_ns < self.broken_ns:
            return _NONE, self.broken_ns
        if self.left_ns is not None:
            return _LEFT, self.left_ns
        return (_OLD, self.got_ns + every_ns) if self.newest_ns >= self.got_ns + every_ns else None


class SnapshotTurns:
    """The turns of `symbols`; times are ns of one clock, maybe set back. `every_s`: how old a snapshot may get while deltas come."""

    def __init__(self, symbols: Iterable[str], *, every_s: float) -> None:
        self._every_ns = int(every_s * SECOND_NS)
        self._symbols = {symbol: _Symbol() for symbol in symbols}
        self._looked_ns = 0

    def look(self, symbol: str, *, breaks: int, newest_ns: int, is_up: bool, now_ns: int) -> bool:
        """How the deltas of `symbol` go. `breaks`: a count that changes with each break; `newest_ns`: receipt of the newest recorded one.
        Returns whether this was a break."""
        if now_ns < self._looked_ns:
            for each in self._symbols.values():
                each.set_back(now_ns)
        self._looked_ns = now_ns
        each = self._symbols[symbol]
        broke = not is_up or breaks != each.breaks
        if broke:
            each.breaks, each.broken_ns = breaks, max(each.broken_ns, now_ns)
        each.newest_ns = newest_ns
        return broke

    def has_begun(self, symbol: str) -> bool:
        """Whether deltas have come since the last break."""
        each = self._symbols[symbol]
        return each.newest_ns > each.broken_ns

    def leaving(self, symbol: str, now_ns: int) -> None:
        """The market is about to leave the levels of the symbol's newest snapshot."""
        each = self._symbols[symbol]
        if each.left_ns is None and each.got_ns is not None and now_ns - each.got_ns >= _LEFT_AGAIN_NS:
            each.left_ns = now_ns

    def got(self, symbol: str, at_ns: int) -> None:
        """A snapshot came that the symbol's deltas join; it was asked for at `at_ns`."""
        each = self._symbols[symbol]
        each.got_ns = max(at_ns, each.got_ns or 0)
        each.left_ns = None
        each.pauses.clear()
        each.retry_ns = 0

    def failed(self, symbol: str, now_ns: int) -> None:
        """None came, or one that is older than the deltas: it is tried again later, and later each time."""
        each = self._symbols[symbol]
        each.retry_ns = now_ns + int(each.pauses.next_s() * SECOND_NS)

    def next(self, now_ns: int) -> str | None:
        """Whose turn it is, None when it is nobody's."""
        due = [
            (since, symbol)
            for symbol, each in self._symbols.items()
            if each.retry_ns <= now_ns and (since := each.since_ns(self._every_ns)) is not None
        ]
        return min(due)[1] if due else None

    def waiting(self, now_ns: int, *, longer_s: float = 0.0) -> tuple[int, int]:
        """(how many have no beginning since `longer_s` and more, of how many)."""
        limit = now_ns - int(longer_s * SECOND_NS)
        found = [since for each in self._symbols.values() if (since := each.since_ns(self._every_ns)) is not None]
        return sum(1 for why, at in found if why == _NONE and at <= limit), len(self._symbols)
