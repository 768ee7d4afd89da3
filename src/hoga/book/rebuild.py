"""book.rebuild: one symbol's book once more, out of what was recorded, and what it proves. Pure.

Prices and sizes are integers of one power of ten. Fed in the order of the venue's ids (`order`; `BookRules` say how these chain):
snapshots, deltas, and what is to be held against the book (`check`, `check_digest`). What cannot be known is never taken for good:

    no-book    no snapshot yet, or none since a hole in the deltas
    between    the book is known before and after this id, not at it
    beyond     the levels lie farther out than the snapshot reached that the book began with

A snapshot that comes while the book is in step is held against it as well: after the delta that both are followed by, both must be
the same as far as both are known. From there on the new one counts, which reaches around the market as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from hoga.book.ladder import Sides
from hoga.book.sync import TOP_LEVELS, BookRules

__all__ = ["DECIMALS", "Change", "Difference", "Levels", "Rebuild", "Verdict", "Whole", "digest_of"]

DECIMALS = 12
"""Prices and sizes count this power of ten of the venue's numbers."""

Levels = tuple[tuple[int, int], ...]
"""(price, size), best first."""


class Verdict(StrEnum):
    """What came of holding something against the book."""

    PROVEN = "proven"
    DIFFERS = "differs"
    NO_BOOK = "no-book"
    BETWEEN = "between"
    BEYOND = "beyond"


class Change(NamedTuple):
    """A delta: its ids, as `core.market.Delta` has them, and its levels."""

    first_id: int
    last_id: int
    previous_id: int | None
    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]


class Whole(NamedTuple):
    """A whole book, or the best levels of one, at an id."""

    update_id: int
    bids: Levels
    asks: Levels


class Difference(NamedTuple):
    """The first level that differs: which side, which level (1 is the best), as it was told and as it was rebuilt; None: there is none."""

    side: str
    level: int
    told: tuple[int, int] | None
    rebuilt: tuple[int, int] | None

    def __str__(self) -> str:
        return f"{self.side} {self.level} is {_shown(self.told)}, rebuilt it is {_shown(self.rebuilt)}"


class Rebuild:
    """One symbol. `most`: levels a side that a snapshot holds at most.

    `last_id`: of the last delta or snapshot, None without a book. `difference`: what the last DIFFERS was for; None: a digest.
    `snapshots`: how many were taken; `unjoined`: how many of them no delta went on from. `applied`: how many deltas were; `holes`:
    how often one did not follow.
    """

    def __init__(self, rules: BookRules, *, most: int) -> None:
        self.last_id: int | None = None
        self.difference: Difference | None = None
        self.snapshots = self.unjoined = self.applied = self.holes = 0
        self._rules = rules
        self._most = most
        self._sides: Sides[int] = Sides()
        self._joined = False
        self._before: tuple[Sides[int], int] | None = None

    # -- fed ------------------------------------------------------------------------------------------------------

    def snapshot(self, book: Whole) -> Verdict:
        """The whole book as the venue had it. PROVEN or DIFFERS where the rebuilt one stands at that very id; else the next delta says."""
        self.snapshots += 1
        verdict, before, known_id = Verdict.NO_BOOK, self._sides, self.last_id
        self._sides = Sides()
        self._sides.load(book.bids, book.asks, most=self._most)
        if self._joined and known_id is not None:
            verdict = self._compared(before) if known_id == book.update_id else Verdict.BETWEEN
            self._before = (before, known_id)
        self.last_id, self._joined = book.update_id, False
        return verdict

    def delta(self, delta: Change) -> Verdict | None:
        """The next delta. PROVEN or DIFFERS where it follows a new snapshot and the older book; None for one that proves nothing."""
        rules, last_id = self._rules, self.last_id
        if last_id is None:
            return None
        if not self._joined:
            return self._join(delta, last_id)
        if rules.follows(delta, last_id):
            self._apply(delta)
        elif not rules.precedes(delta, last_id):
            self._lose()
        return None

    def _join(self, delta: Change, snapshot_id: int) -> Verdict | None:
        rules, before = self._rules, self._before
        older = before[0] if before is not None and rules.follows(delta, before[1]) else None
        if rules.joins(delta, snapshot_id) or rules.follows(delta, snapshot_id):
            self._apply(delta)
            self._joined, self._before = True, None
            if older is None:
                return None
            older.apply(delta.bids, delta.asks)
            return self._compared(older)
        if rules.is_old(delta, snapshot_id):
            return None
        self.unjoined += 1
        if older is None:
            self._lose()
            return None
        self._sides, self._joined, self._before = older, True, None
        self._apply(delta)
        return None

    def _apply(self, delta: Change) -> None:
        self._sides.apply(delta.bids, delta.asks)
        self.last_id = delta.last_id
        self.applied += 1

    def _lose(self) -> None:
        self.holes += 1
        self.last_id, self._joined, self._before = None, False, None

    # -- asked ----------------------------------------------------------------------------------------------------

    def check(self, book: Whole, *, depth: int = TOP_LEVELS) -> Verdict:
        """Whether the best `depth` levels at its id were these."""
        missing = self._missing(book.update_id)
        if missing is not None:
            return missing
        bids, asks = self._sides.top(depth)
        known = self._sides.known(depth)
        if book.bids == bids and book.asks == asks:
            return Verdict.PROVEN if known == (depth, depth) else Verdict.BEYOND
        for side, told, mine, certain in (("bid", book.bids, bids, known[0]), ("ask", book.asks, asks, known[1])):
            if self._differs(side, told[:certain], mine[:certain]):
                return Verdict.DIFFERS
        return Verdict.BEYOND

    def check_digest(self, update_id: int, digest: str, *, depth: int = TOP_LEVELS) -> Verdict:
        """Whether `digest_of` the best `depth` levels at `update_id` was this."""
        missing = self._missing(update_id)
        if missing is not None:
            return missing
        if self._sides.known(depth) != (depth, depth):
            return Verdict.BEYOND
        self.difference = None
        bids, asks = self._sides.top(depth)
        return Verdict.PROVEN if digest_of(_decimals(bids), _decimals(asks)) == digest else Verdict.DIFFERS

    def top(self, depth: int = TOP_LEVELS) -> tuple[Levels, Levels] | None:
        """The best `depth` levels as they are now, None where they are not known so far."""
        if not self._joined or self._sides.known(depth) != (depth, depth):
            return None
        return self._sides.top(depth)

    def _missing(self, update_id: int) -> Verdict | None:
        """Why the book at that id is not known, None when it is."""
        if self.last_id == update_id:
            return None
        return Verdict.BETWEEN if self._joined or self._before is not None else Verdict.NO_BOOK

    def _compared(self, other: Sides[int]) -> Verdict:
        """Whether another way to the same id gave the same book, as far as both are known. `other` is the older way."""
        depth = max(self._sides.deepest, other.deepest)
        known = [min(both) for both in zip(self._sides.known(depth), other.known(depth), strict=True)]
        for side, told, mine, certain in zip(("bid", "ask"), self._sides.top(depth), other.top(depth), known, strict=True):
            if self._differs(side, told[:certain], mine[:certain]):
                return Verdict.DIFFERS
        return Verdict.PROVEN

    def _differs(self, side: str, told: Levels, mine: Levels) -> bool:
        if told == mine:
            return False
        at = next(at for at in range(max(len(told), len(mine))) if told[at : at + 1] != mine[at : at + 1])
        self.difference = Difference(side, at + 1, told[at] if at < len(told) else None, mine[at] if at < len(mine) else None)
        return True


def digest_of(bids: tuple[tuple[Decimal, Decimal], ...], asks: tuple[tuple[Decimal, Decimal], ...]) -> str:
    """A short name of some levels, best first: the same for equal numbers, however they are spelt. 16 hexadecimal digits."""
    text = "|".join(",".join(f"{price.normalize():f}:{size.normalize():f}" for price, size in side) for side in (bids, asks))
    return sha256(text.encode()).hexdigest()[:16]


def _decimals(levels: Levels) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(price).scaleb(-DECIMALS), Decimal(size).scaleb(-DECIMALS)) for price, size in levels)


def _shown(level: tuple[int, int] | None) -> str:
    if level is None:
        return "none"
    price, size = (f"{Decimal(value).scaleb(-DECIMALS).normalize():f}" for value in level)
    return f"{size} at {price}"
