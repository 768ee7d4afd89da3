"""book.following: one symbol's book as whoever keeps it from deltas and snapshots knows it, receipt by receipt. Pure: it is fed.

Prices and sizes are integers. Fed in the order of receipt; `BookRules` say how ids chain.

    no book ──snapshot that the deltas of the last two minutes continue──▶ book ──delta that does not follow──▶ no book
                                                                          │  ▲
                                                                          └──┴── another such snapshot: it takes the place of the book

A snapshot was asked for over REST, so deltas behind it may have come before it. It counts where what came of them goes on from it without
a hole; the book begins again with it, which reaches around the market as it is now. One that does not count changes nothing. No book
is relied upon whose snapshot is a day old, or whose market has left the levels that the snapshot had. So what is known at a moment hangs
on the records of the day before it alone, wherever one began to read.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from hoga.book.ladder import Sides
from hoga.book.rebuild import Change, Whole
from hoga.book.sync import TOP_LEVELS, BookRules
from hoga.core.times import DAY_NS, SECOND_NS

__all__ = ["ANSWER_NS", "COUNTS_NS", "Following", "Told"]

ANSWER_NS = 120 * SECOND_NS
"""A delta may come so long before the snapshot that it follows: the answer of a REST call takes its time."""
COUNTS_NS = DAY_NS
"""So long a snapshot counts."""


class Told(Enum):
    """What a record did to the book."""

    BOOK = "book"
    """The book is the venue's, as of this record."""
    NOTHING = "nothing"
    LOST = "lost"
    """There was a book, and there is none any more: `why` says the reason."""


class Following:
    """One symbol. `most`: levels a side that a snapshot holds at most.

    `sides`: the book, while `last_id` (of its last delta, or of its snapshot) is not None. `is_joined`: deltas went on from the snapshot.
    `why`: there is no book. `holes`: how often a delta did not follow; `repeats`: deltas that had come already; `unjoined`: snapshots that
    did not count.
    """

    __slots__ = (
        "_most", "_reaches", "_recent", "_rules", "_until_ns", "holes", "is_joined", "last_id", "repeats", "sides", "snapshots", "unjoined",
        "why",
    )  # fmt: skip

    def __init__(self, rules: BookRules, *, most: int) -> None:
        self.sides: Sides[int] = Sides()
        self.last_id: int | None = None
        self.is_joined = False
        self.why = "no snapshot yet"
        self.holes = self.repeats = self.snapshots = self.unjoined = 0
        self._rules = rules
        self._most = most
        self._recent: deque[tuple[int, Change]] = deque()
        self._until_ns = 0
        self._reaches = False

    def delta(self, delta: Change, at_ns: int) -> Told:
        """The next delta, received at `at_ns`. One with impossible ids (`last < first`) is dropped."""
        recent, last_id = self._recent, self.last_id
        if delta.last_id < delta.first_id:
            return Told.NOTHING
        recent.append((at_ns, delta))
        while recent[0][0] < at_ns - ANSWER_NS:
            recent.popleft()
        if last_id is None:
            return Told.NOTHING
        if at_ns > self._until_ns:
            return self._lose("its newest snapshot is a day old")
        rules = self._rules
        if rules.precedes(delta, last_id) if self.is_joined else rules.is_old(delta, last_id):
            self.repeats += 1
            return Told.NOTHING
        if not (rules.follows(delta, last_id) or (not self.is_joined and rules.joins(delta, last_id))):
            self.holes += 1
            return self._lose(f"ids do not follow: {last_id} was the last one, and then came {delta.first_id} to {delta.last_id}")
        self.sides.apply(delta.bids, delta.asks)
        self.last_id, self.is_joined = delta.last_id, True
        if self._reaches and not _is_within(self.sides):
            return self._lose("the market has left the levels that the snapshot had")
        return Told.BOOK

    def snapshot(self, book: Whole, at_ns: int) -> Told:
        """The whole book as the venue had it at an id, received at `at_ns`."""
        rules, last_id, joined = self._rules, book.update_id, False
        sides: Sides[int] = Sides()
        sides.load(book.bids, book.asks, most=self._most)
        reaches = _is_within(sides)
        for came_ns, delta in self._recent:
            if came_ns < at_ns - ANSWER_NS or (rules.precedes(delta, last_id) if joined else rules.is_old(delta, last_id)):
                continue
            if not (rules.follows(delta, last_id) or (not joined and rules.joins(delta, last_id))):
                self.unjoined += 1
                return Told.NOTHING
            sides.apply(delta.bids, delta.asks)
            last_id, joined = delta.last_id, True
        if (self.last_id is not None and last_id < self.last_id) or (reaches and not _is_within(sides)):
            self.unjoined += 1
            return Told.NOTHING
        self.snapshots += 1
        self.sides, self.last_id, self.is_joined, self._reaches, self._until_ns = sides, last_id, joined, reaches, at_ns + COUNTS_NS
        return Told.BOOK

    def _lose(self, why: str) -> Told:
        self.last_id, self.is_joined, self.why = None, False, why
        return Told.LOST

    def __repr__(self) -> str:
        return f"<Following id {self.last_id} {len(self.sides)} levels>"


def _is_within(sides: Sides[int]) -> bool:
    return sides.known(TOP_LEVELS) == (TOP_LEVELS, TOP_LEVELS)
