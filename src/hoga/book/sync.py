"""book.sync: keep one symbol's book in step with its deltas. Pure: it is fed and asked.

    UNSYNCED ──delta──▶ BUFFERING ──snapshot joins──▶ SYNCED ──hole──▶ GAP ──▶ BUFFERING
                           ▲  │ snapshot too old, or none yet │                     │
                           │  │                               └──out of reach──▶ BUFFERING
                           └──┴──────────────── lost ───────────────────────────────┘

A snapshot reaches so many levels. When the market has moved so far that the best `TOP_LEVELS` are not known any more, the book is as
good as lost: another snapshot is asked for.

The first delta asks for a snapshot: never before something is buffered. Which delta joins a snapshot and which follows
which differs by venue and is data (`BookRules`). One machine is one symbol: its gap touches no other.

Calling contract: after `receive`, `snapshot`, `failed`, `lost` or `tick`, drain `events()` and carry out `actions()`;
call `tick` at `deadline_ns()` even if nothing arrives.

Source: spot-docs "How to manage a local order book correctly" (corrected 2025-11-12), USD-M docs of the same name, read 2026-11-20.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from hoga.book.ladder import Ladder
from hoga.core.market import Book, Delta, Level
from hoga.core.pauses import Pauses, Schedule
from hoga.core.times import SECOND_NS

__all__ = [
    "FUTURES_RULES",
    "MOVES",
    "SPOT_RULES",
    "TOP_LEVELS",
    "BookEvent",
    "BookRules",
    "BookState",
    "BookSync",
    "Chained",
    "RequestSnapshot",
]

TOP_LEVELS = 20
"""So many levels a side are what a book is for, at least: what a series of books records."""
Sided = tuple[Level, ...]
"""Levels of one side, best first."""
BUFFER_MAX = 5_000
"""Deltas kept while waiting for a snapshot: eight minutes of a 100 ms stream. The oldest go; the snapshot is newer."""
_ANSWER_S = 15.0


class BookState(StrEnum):
    """How far the book can be trusted."""

    UNSYNCED = "unsynced"
    BUFFERING = "buffering"
    SYNCED = "synced"
    GAP = "gap"


_S = BookState
MOVES: dict[BookState, frozenset[BookState]] = {
    _S.UNSYNCED: frozenset({_S.BUFFERING}),
    _S.BUFFERING: frozenset({_S.SYNCED, _S.UNSYNCED}),
    _S.SYNCED: frozenset({_S.GAP, _S.UNSYNCED, _S.BUFFERING}),
    _S.GAP: frozenset({_S.BUFFERING, _S.UNSYNCED}),
}
"""Every move there is."""


class Chained(Protocol):
    """What ids chain by: `core.market.Delta` has them, and whatever else is a delta."""

    @property
    def first_id(self) -> int: ...
    @property
    def last_id(self) -> int: ...
    @property
    def previous_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class BookRules:
    """How ids chain.

    `by_previous`: a delta follows when its `previous_id` is the last id; else when its `first_id` is the next one.
    `joins_after`: how far beyond the snapshot's id the id lies that the first delta must span (spot 1, futures 0).
    """

    by_previous: bool
    joins_after: int

    def is_old(self, delta: Chained, snapshot_id: int) -> bool:
        """Whether the snapshot has it already."""
        return delta.last_id < snapshot_id + self.joins_after

    def joins(self, delta: Chained, snapshot_id: int) -> bool:
        """Whether it is the first to be applied to the snapshot."""
        return delta.first_id <= snapshot_id + self.joins_after <= delta.last_id

    def follows(self, delta: Chained, last_id: int) -> bool:
        """Whether it comes right after the delta (not the snapshot) that ended with `last_id`."""
        return delta.previous_id == last_id if self.by_previous else delta.first_id == last_id + 1

    def precedes(self, delta: Chained, last_id: int) -> bool:
        """Whether it was applied already: a repeat, to be dropped."""
        return delta.last_id <= last_id


SPOT_RULES = BookRules(by_previous=False, joins_after=1)
FUTURES_RULES = BookRules(by_previous=True, joins_after=0)


class BookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The book of `symbol` moved to `state`. After a gap: `from_id`..`to_id` are missing (None where ids do not tell)."""

    symbol: str
    state: BookState
    at_ns: int
    from_id: int | None = None
    to_id: int | None = None
    why: str = ""


class RequestSnapshot(msgspec.Struct, frozen=True):
    """Ask the venue for the whole book of `symbol`, within its limits, and hand it to `snapshot` (or `failed`)."""

    symbol: str


class BookSync:
    """One symbol's book. Times are ns of one clock; `ladder` may be looked at while `state` is SYNCED. `most`: how many levels of a side a
    snapshot can have; None: it always has all."""

    def __init__(self, symbol: str, rules: BookRules, *, most: int | None = None) -> None:
        self.symbol = symbol
        self.state = BookState.UNSYNCED
        self.ladder = Ladder()
        self.last_id: int | None = None
        self.event_ns: int | None = None
        self.gaps = self.applied = self.repeats = self.impossible = 0
        self._rules = rules
        self._most = most
        self._buffer: deque[Delta] = deque(maxlen=BUFFER_MAX)
        self._events: list[BookEvent] = []
        self._actions: list[RequestSnapshot] = []
        self._asked_ns: int | None = None
        self._retry_ns: int | None = None
        self._pauses = Pauses(Schedule.VENUE)
        self._joined = self._reaches = False

    # -- fed ----------------------------------------------------------------------------------------------------

    def receive(self, delta: Delta, now_ns: int) -> None:
        """The next delta, in arrival order. One with impossible ids (`last < first`) is counted and dropped."""
        if delta.last_id < delta.first_id:
            self.impossible += 1
            return
        if self.state is BookState.SYNCED:
            self._apply_next(delta, now_ns)
            return
        self._buffer.append(delta)
        if self.state is BookState.UNSYNCED:
            self._become(BookState.BUFFERING, now_ns)
            self._ask(now_ns)
        elif self._asked_ns is None and self._retry_ns is None:
            self._ask(now_ns)

    def snapshot(self, book: Book, now_ns: int) -> None:
        """The whole book as the venue has it at `book.update_id`."""
        self._asked_ns = None
        if self.state is not BookState.BUFFERING or book.update_id is None:
            return
        rules, snapshot_id = self._rules, book.update_id
        fresh = [delta for delta in self._buffer if not rules.is_old(delta, snapshot_id)]
        if fresh and not rules.joins(fresh[0], snapshot_id):
            self._again(now_ns)
            return
        self.ladder.load(book.bids, book.asks, most=self._most)
        self._reaches = self._is_within_reach()
        self.last_id, self.event_ns = snapshot_id, book.event_ns
        self._buffer.clear()
        self._pauses.clear()
        self._retry_ns = None
        self._joined = False
        self._become(BookState.SYNCED, now_ns)
        for delta in fresh:
            self.receive(delta, now_ns)

    def failed(self, now_ns: int) -> None:
        """The snapshot could not be had; it is asked for again later."""
        self._asked_ns = None
        if self.state is BookState.BUFFERING:
            self._again(now_ns)

    def lost(self, now_ns: int) -> None:
        """The connection is gone, or another life of it begins: ids mean nothing across it."""
        self._buffer.clear()
        self._asked_ns = self._retry_ns = None
        self.last_id = None
        if self.state is not BookState.UNSYNCED:
            self._become(BookState.UNSYNCED, now_ns, why="connection lost")

    def tick(self, now_ns: int) -> None:
        """Time has come."""
        if self._asked_ns is not None and now_ns - self._asked_ns >= _ANSWER_S * SECOND_NS:
            self.failed(now_ns)
        if self._retry_ns is not None and now_ns >= self._retry_ns and self.state is BookState.BUFFERING:
            self._retry_ns = None
            self._ask(now_ns)

    # -- asked --------------------------------------------------------------------------------------------------

    def events(self) -> list[BookEvent]:
        """What the world should know, drained."""
        events, self._events = self._events, []
        return events

    def actions(self) -> list[RequestSnapshot]:
        """What the shell should do, drained."""
        actions, self._actions = self._actions, []
        return actions

    def deadline_ns(self) -> int | None:
        """Call `tick` then, even if nothing arrives; None when there is nothing to wait for."""
        if self._asked_ns is not None:
            return self._asked_ns + int(_ANSWER_S * SECOND_NS)
        return self._retry_ns

    def certain(self, depth: int) -> tuple[int, Sided, Sided] | None:
        """(last id, bids, asks) of the best `depth` levels, where deltas have joined the snapshot and it reached so far; else None."""
        if not self.is_synced or not self._joined or self.last_id is None or self.ladder.known(depth) != (depth, depth):
            return None
        return self.last_id, *self.ladder.top(depth)

    @property
    def is_synced(self) -> bool:
        """Whether the ladder is the venue's book."""
        return self.state is BookState.SYNCED

    # -- inside -------------------------------------------------------------------------------------------------

    def _apply_next(self, delta: Delta, now_ns: int) -> None:
        assert self.last_id is not None, "a synced book has an id"
        rules, last_id = self._rules, self.last_id
        if self._joined:
            old, fits = rules.precedes(delta, last_id), rules.follows(delta, last_id)
        else:
            old, fits = rules.is_old(delta, last_id), rules.joins(delta, last_id) or rules.follows(delta, last_id)
        if old:
            self.repeats += 1
        elif fits:
            self.ladder.apply(delta.bids, delta.asks)
            self.last_id, self.event_ns = delta.last_id, delta.event_ns
            self.applied += 1
            self._joined = True
            if self._reaches and not self._is_within_reach():
                self._become(BookState.BUFFERING, now_ns, why="the market has left the levels that the snapshot had")
                self._buffer.clear()
                self._ask(now_ns)
        else:
            self._gap(delta, last_id, now_ns)

    def _is_within_reach(self) -> bool:
        return self.ladder.known(TOP_LEVELS) == (TOP_LEVELS, TOP_LEVELS)

    def _gap(self, delta: Delta, last_id: int, now_ns: int) -> None:
        self.gaps += 1
        until = delta.previous_id if self._rules.by_previous else delta.first_id - 1
        self._become(BookState.GAP, now_ns, from_id=last_id + 1, to_id=until, why="ids do not follow")
        self._become(BookState.BUFFERING, now_ns)
        self._buffer.clear()
        self._buffer.append(delta)
        self._ask(now_ns)

    def _ask(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        self._actions.append(RequestSnapshot(self.symbol))

    def _again(self, now_ns: int) -> None:
        self._retry_ns = now_ns + int(self._pauses.next_s() * SECOND_NS)

    def _become(self, state: BookState, now_ns: int, *, from_id: int | None = None, to_id: int | None = None, why: str = "") -> None:
        assert state in MOVES[self.state], f"no move from {self.state} to {state} in the table"
        self.state = state
        self._events.append(BookEvent(symbol=self.symbol, state=state, at_ns=now_ns, from_id=from_id, to_id=to_id, why=why))

    def __repr__(self) -> str:
        return f"<BookSync {self.symbol} {self.state} id {self.last_id} {len(self.ladder)} levels>"
