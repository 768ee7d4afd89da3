"""The machine that keeps a book in step, driven at random against a venue that is a dictionary."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hoga.book import FUTURES_RULES, SPOT_RULES, BookState, BookSync
from hoga.book.sync import MOVES
from hoga.core.market import Book, Delta
from hoga.core.times import SECOND_NS
from tests.tries import tries

D = Decimal
Levels = dict[Decimal, Decimal]


class BookMachine(RuleBasedStateMachine):
    """Deltas are lost, repeated and late, snapshots of any moment come or fail, connections end, time passes."""

    @initialize(futures=st.booleans())
    def begin(self, futures: bool) -> None:
        self.sync = BookSync("X", FUTURES_RULES if futures else SPOT_RULES)
        self.last = 100
        self.now = 0
        self.books: dict[int, Levels] = {100: {D(1): D(1)}}
        self.state = BookState.UNSYNCED
        self.asked = False
        self.unasked = 0

    def drain(self) -> None:
        for event in self.sync.events():
            assert event.state in MOVES[self.state]
            self.state = event.state
            if event.state is BookState.GAP:
                assert event.from_id is not None
        assert self.state is self.sync.state
        if self.sync.actions():
            self.asked = True

    @rule(
        changes=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=3),
        times=st.sampled_from([0, 1, 1, 1, 1, 1, 2]),
    )
    def the_book_changes(self, changes: list[tuple[int, int]], times: int) -> None:
        first, previous, book = self.last + 1, self.last, dict(self.books[self.last])
        for number, (price, size) in enumerate(changes, first):
            book[D(price)] = D(size)
            book = {price_: size_ for price_, size_ in book.items() if size_}
            self.books[number] = dict(book)
        self.last = first + len(changes) - 1
        final: Levels = {}
        for price, size in changes:
            final[D(price)] = D(size)
        delta = Delta(first_id=first, last_id=self.last, previous_id=previous, bids=tuple(final.items()), asks=())
        for _ in range(times):
            self.sync.receive(delta, self.now)
        self.drain()

    @precondition(lambda self: self.asked)
    @rule(behind=st.integers(0, 6))
    def a_snapshot_comes(self, behind: int) -> None:
        number = max(100, self.last - behind)
        self.asked = False
        self.sync.snapshot(Book(bids=tuple(self.books[number].items()), asks=(), update_id=number), self.now)
        self.drain()

    @precondition(lambda self: self.asked)
    @rule()
    def a_snapshot_fails(self) -> None:
        self.asked = False
        self.sync.failed(self.now)
        self.drain()

    @rule()
    def a_snapshot_that_nobody_asked_for(self) -> None:
        if self.state is BookState.SYNCED:
            self.sync.snapshot(Book(bids=((D(9), D(9)),), asks=(), update_id=1), self.now)
            self.drain()

    @rule()
    def the_connection_ends(self) -> None:
        self.sync.lost(self.now)
        self.asked = False
        self.drain()
        assert self.sync.state is BookState.UNSYNCED

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND_NS
        deadline = self.sync.deadline_ns()
        if deadline is not None and deadline <= self.now:
            self.asked = False
        self.sync.tick(self.now)
        self.drain()

    @invariant()
    def a_book_in_step_is_the_venues(self) -> None:
        if hasattr(self, "sync") and self.sync.is_synced:
            assert self.sync.last_id is not None
            assert dict(self.sync.ladder.book().bids) == self.books[self.sync.last_id]

    @invariant()
    def while_it_waits_something_will_happen(self) -> None:
        if hasattr(self, "sync") and self.sync.state is BookState.BUFFERING:
            assert self.sync.deadline_ns() is not None


TestBook = BookMachine.TestCase
TestBook.settings = settings(max_examples=tries(150), stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("rules", [SPOT_RULES, FUTURES_RULES])
def test_every_move_of_the_table_is_made(rules: object) -> None:
    made: set[tuple[BookState, BookState]] = set()

    def run(*steps: str) -> None:
        sync, at, number = BookSync("X", rules, most=20), BookState.UNSYNCED, 10  # type: ignore[arg-type]
        bids = tuple((D(price), D(1)) for price in range(1, 21))
        for step in steps:
            match step:
                case "delta" | "hole" | "far":
                    number += 5 if step == "hole" else 1
                    gone = ((D(20), D(0)),) if step == "far" else ()
                    sync.receive(Delta(first_id=number, last_id=number, previous_id=number - 1, bids=gone, asks=()), 0)
                case "snapshot":
                    sync.snapshot(Book(bids=bids, asks=(), update_id=number), 0)
                case "lost":
                    sync.lost(0)
            for event in sync.events():
                made.add((at, event.state))
                at = event.state

    run("delta", "snapshot", "hole", "snapshot", "lost", "delta", "lost")
    run("delta", "snapshot", "far")
    table = {(old, new) for old, news in MOVES.items() for new in news}
    assert table - made == {(BookState.GAP, BookState.UNSYNCED)}, "a gap begins anew at once, in the same call"
