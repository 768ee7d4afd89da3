"""The machine that keeps a book in step, against a naive model, and every move in its table."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.book import FUTURES_RULES, SPOT_RULES, BookRules, BookState, BookSync, Ladder, RequestSnapshot
from hoga.book.sync import MOVES
from hoga.core.market import Book, Delta
from hoga.core.times import SECOND_NS

D = Decimal


def delta(first: int, last: int, previous: int | None = None, bids: tuple[tuple[Decimal, Decimal], ...] = ()) -> Delta:
    return Delta(first_id=first, last_id=last, previous_id=previous, bids=bids, asks=())


def book(update_id: int) -> Book:
    return Book(bids=((D(1), D(1)),), asks=((D(2), D(1)),), update_id=update_id)


def synced() -> BookSync:
    sync = BookSync("X", SPOT_RULES)
    sync.receive(delta(10, 12), 0)
    sync.snapshot(book(11), 0)
    return sync


def test_it_buffers_before_it_asks_and_joins_where_the_snapshot_ends() -> None:
    sync = BookSync("X", SPOT_RULES)
    assert sync.actions() == []
    sync.receive(delta(10, 12), 0)
    sync.receive(delta(13, 15), 0)
    assert sync.actions() == [RequestSnapshot("X")]
    sync.snapshot(book(13), 0)
    assert sync.is_synced
    assert sync.last_id == 15
    assert [event.state for event in sync.events()] == [BookState.BUFFERING, BookState.SYNCED]


def test_a_snapshot_older_than_the_buffer_is_asked_for_again_later() -> None:
    sync = BookSync("X", SPOT_RULES)
    sync.receive(delta(10, 12), 0)
    sync.actions()
    sync.snapshot(book(5), 0)
    assert sync.state is BookState.BUFFERING
    assert sync.deadline_ns() == SECOND_NS
    sync.tick(SECOND_NS - 1)
    assert sync.actions() == []
    sync.tick(SECOND_NS)
    assert sync.actions() == [RequestSnapshot("X")]


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    sync = BookSync("X", SPOT_RULES)
    sync.receive(delta(10, 12), 0)
    sync.actions()
    deadline = sync.deadline_ns()
    assert deadline is not None
    sync.tick(deadline)
    again = sync.deadline_ns()
    assert again is not None
    sync.tick(again)
    assert sync.actions() == [RequestSnapshot("X")]


def test_a_gap_is_told_with_its_ids_and_heals() -> None:
    sync = synced()
    sync.events()
    sync.receive(delta(15, 16), 7)
    event = sync.events()[0]
    assert (event.state, event.from_id, event.to_id, event.at_ns) == (BookState.GAP, 13, 14, 7)
    assert sync.actions()[-1] == RequestSnapshot("X")
    sync.snapshot(book(16), 8)
    assert sync.is_synced
    assert sync.gaps == 1


def test_a_repeat_changes_nothing() -> None:
    sync = synced()
    sync.receive(delta(10, 12, bids=((D(9), D(9)),)), 0)
    assert sync.repeats == 1
    assert sync.ladder.best_bid() == (D(1), D(1))


def test_futures_are_chained_by_the_id_before() -> None:
    sync = BookSync("X", FUTURES_RULES)
    sync.receive(delta(100, 120, 90), 0)
    sync.snapshot(book(110), 0)
    sync.receive(delta(150, 180, 120), 0)
    assert (sync.last_id, sync.gaps) == (180, 0)
    sync.receive(delta(200, 210, 190), 0)
    assert sync.gaps == 1


def test_impossible_ids_are_counted_and_dropped() -> None:
    sync = synced()
    sync.receive(delta(20, 13), 0)
    assert (sync.impossible, sync.gaps) == (1, 0)


def test_a_lost_connection_forgets_everything() -> None:
    sync = synced()
    sync.lost(1)
    assert sync.state is BookState.UNSYNCED
    assert sync.last_id is None
    sync.receive(delta(1, 2), 2)
    assert sync.state is BookState.BUFFERING


@pytest.mark.parametrize("rules", [SPOT_RULES, FUTURES_RULES], ids=["spot", "futures"])
@given(data=st.data())
def test_whatever_is_lost_or_repeated_a_synced_book_is_the_true_one(rules: BookRules, data: st.DataObject) -> None:
    """The venue's book changes one price per id; deltas are lost, repeated, snapshots come whenever."""
    truth: dict[Decimal, Decimal] = {D(1): D(1)}
    at = {0: dict(truth)}
    sync = BookSync("X", rules)
    last, states = 0, {BookState.UNSYNCED}
    for _ in range(data.draw(st.integers(1, 30))):
        step = data.draw(st.integers(1, 3))
        first = last + 1
        changes = {}
        for number in range(first, first + step):
            price, size = D(data.draw(st.integers(1, 5))), D(data.draw(st.integers(0, 3)))
            changes[price] = size
            truth[price] = size
            at[number] = {p: s for p, s in truth.items() if s}
        sent = Delta(first_id=first, last_id=first + step - 1, previous_id=last, bids=tuple(changes.items()), asks=())
        last = first + step - 1
        for _ in range(data.draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
            sync.receive(sent, last)
        if data.draw(st.booleans()) and sync.actions():
            number = data.draw(st.integers(max(0, last - 3), last))
            sync.snapshot(Book(bids=tuple(at[number].items()), asks=(), update_id=number), last)
        sync.tick(last * 60 * SECOND_NS)
        states.add(sync.state)
        if sync.is_synced:
            assert sync.last_id is not None
            seen = dict(sync.ladder.book().bids)
            assert seen == at[sync.last_id]
    for event in sync.events():
        states.add(event.state)
    assert states <= set(MOVES)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=60))
def test_a_ladder_is_a_sorted_dictionary(changes: list[tuple[int, int]]) -> None:
    ladder, model = Ladder(), {}
    for price, size in changes:
        ladder.apply([(D(price), D(size))], [(D(price + 10), D(size))])
        model[D(price)] = D(size)
    levels = sorted((price, size) for price, size in model.items() if size)
    seen = ladder.book()
    assert list(seen.asks) == [(price + 10, size) for price, size in levels]
    assert list(seen.bids) == levels[::-1]
    bid, ask = ladder.best_bid(), ladder.best_ask()
    assert bid is None or ask is None or bid[0] < ask[0], "not crossed"
    assert len(ladder) == 2 * len(levels)


def test_a_market_that_leaves_the_levels_of_its_snapshot_needs_another_one() -> None:
    levels = 30
    sync = BookSync("X", SPOT_RULES, most=levels)
    bids = tuple((D(100 - at), D(1)) for at in range(levels))
    whole = Book(bids=bids, asks=((D(101), D(1)),), update_id=11)
    sync.receive(delta(10, 12), 0)
    sync.snapshot(whole, 0)
    assert sync.certain(20) == (12, bids[:20], whole.asks)
    gone = [delta(13 + at, 13 + at, bids=((bids[at][0], D(0)),)) for at in range(11)]
    for each in gone[:10]:
        sync.receive(each, 0)
    assert sync.is_synced, "exactly twenty are left"
    sync.events(), sync.actions()
    sync.receive(gone[10], 5)
    assert sync.certain(20) is None
    assert [(event.state, event.why) for event in sync.events()] == [
        (BookState.BUFFERING, "the market has left the levels that the snapshot had")
    ]
    assert sync.actions() == [RequestSnapshot("X")]
    assert sync.gaps == 0
    sync.receive(delta(24, 25), 6)
    sync.snapshot(Book(bids=tuple((D(89 - at), D(2)) for at in range(levels)), asks=whole.asks, update_id=24), 7)
    assert sync.is_synced
    assert sync.last_id == 25


def test_a_side_that_is_whole_may_have_few_levels_and_one_that_never_reached_is_not_asked_for_again_and_again() -> None:
    thin = BookSync("X", SPOT_RULES, most=1000)
    thin.receive(delta(10, 12), 0)
    thin.snapshot(book(11), 0)
    thin.receive(delta(13, 13, bids=((D(1), D(0)),)), 0)
    assert thin.is_synced
    assert thin.certain(20) == (13, (), ((D(2), D(1)),))
    cut = BookSync("X", SPOT_RULES, most=1)
    cut.receive(delta(10, 12), 0)
    cut.snapshot(book(11), 0)
    cut.actions()
    cut.receive(delta(13, 13), 0)
    assert cut.is_synced
    assert cut.actions() == []
    assert cut.certain(20) is None
