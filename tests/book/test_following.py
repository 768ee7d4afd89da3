"""The book that is kept by receipt is the one that a plain loop over the records gives, wherever one begins to read; what cannot be known
is no book."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.book import FUTURES_RULES, SPOT_RULES
from hoga.book.following import ANSWER_NS, COUNTS_NS, Following, Told
from hoga.book.rebuild import Change, Whole
from hoga.core.times import SECOND_NS

Side = dict[int, int]
MOST = 1_000
DEPTH = 20


class Chain(NamedTuple):
    """What was received, in order: (receipt, record)."""

    futures: bool
    records: list[tuple[int, Change | Whole]]


def whole(number: int, book: tuple[Side, Side]) -> Whole:
    return Whole(number, tuple(sorted(book[0].items(), reverse=True)), tuple(sorted(book[1].items())))


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Deltas of which some are lost, some come twice, some come once more together with the next; snapshots that are old, or ahead."""
    futures = draw(st.booleans())
    bids: Side = dict.fromkeys(range(1, draw(st.integers(1, 30))), 7)
    asks: Side = dict.fromkeys(range(101, 101 + draw(st.integers(1, 30))), 7)
    number, previous, at_ns = 100, 100, 0
    books = {number: (dict(bids), dict(asks))}
    sent: list[tuple[int, Change]] = []
    records: list[tuple[int, Change | Whole]] = []
    for what in draw(st.lists(st.sampled_from("ddddddddddddLDODSSQ"), min_size=1, max_size=60)):
        at_ns += draw(st.sampled_from((0, 1, 5, 30, 100))) * SECOND_NS
        if what in "SQ":  # of some id up to now; the other of one that is to come first
            known = sorted(books)
            asked = known[max(0, len(known) - 1 - draw(st.integers(0, 6)))]
            records.append((at_ns, whole(asked, books[asked])))
            continue
        if what == "D" and sent:
            records.append((at_ns, draw(st.sampled_from([each for _, each in sent[-3:]]))))
            continue
        first = number + (draw(st.integers(1, 3)) if futures else 1)
        number = first + draw(st.integers(0, 2))
        changed: tuple[Side, Side] = {}, {}
        for price, size in draw(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 3)), max_size=5)):
            side, told = (bids, changed[0]) if price <= 100 else (asks, changed[1])
            told[price] = size
            side[price] = size
            if not size:
                del side[price]
        books[number] = dict(bids), dict(asks)
        delta = Change(first, number, previous if futures else None, list(changed[0].items()), list(changed[1].items()))
        previous = number
        if what == "O" and sent:
            before = sent[-1][1]
            both = (list((dict(before.bids) | dict(delta.bids)).items()), list((dict(before.asks) | dict(delta.asks)).items()))
            delta = Change(before.first_id, number, before.previous_id, *both)
        sent.append((at_ns, delta))
        if what != "L":
            records.append((at_ns, delta))
    return Chain(futures, records)


def plain(chain: Chain, upto: int) -> tuple[int, Side, Side] | None:
    """The book as of the record at a place, by the venue's own words: the id, bids and asks; None: there is none."""
    state: tuple[int, Side, Side] | None = None
    joined, since_ns = False, 0
    for place, (at_ns, record) in enumerate(chain.records[: upto + 1]):
        if isinstance(record, Whole):
            found = _begun(chain, place)
            if found is not None and (state is None or found[0][0] >= state[0]):
                state, joined = found
                since_ns = at_ns
        elif state is not None:
            if at_ns > since_ns + 86_400 * SECOND_NS:
                state = None
                continue
            moved = _moved(chain.futures, state, record, joined=joined)
            if moved is None:
                state = None
            elif moved is not state:
                state, joined = moved, True
    return state


def _begun(chain: Chain, place: int) -> tuple[tuple[int, Side, Side], bool] | None:
    at_ns, book = chain.records[place]
    assert isinstance(book, Whole)
    state, joined = (book.update_id, dict(book.bids), dict(book.asks)), False
    for came_ns, record in chain.records[:place]:
        if isinstance(record, Change) and came_ns >= at_ns - 120 * SECOND_NS:
            moved = _moved(chain.futures, state, record, joined=joined)
            if moved is None:
                return None
            joined = joined or moved is not state
            state = moved
    return state, joined


def _moved(futures: bool, state: tuple[int, Side, Side], delta: Change, *, joined: bool) -> tuple[int, Side, Side] | None:
    """After a delta: the same where it was in it already, None where it does not follow.

    Binance, "How to manage a local order book correctly", read 2026-11-20: drop u <= lastUpdateId (futures: u < lastUpdateId); the first
    has U <= lastUpdateId + 1 <= u (futures: U <= lastUpdateId <= u); each has U == u of the one before + 1 (futures: pu == u of that).
    """
    last = state[0]
    if delta.last_id < last or (delta.last_id == last and (joined or not futures)):
        return state
    follows = delta.previous_id == last if futures else delta.first_id == last + 1
    first = delta.first_id <= (last if futures else last + 1) <= delta.last_id
    if not (follows or (first and not joined)):
        return None
    sides = dict(state[1]), dict(state[2])
    for side, levels in zip(sides, (delta.bids, delta.asks), strict=True):
        for price, size in levels:
            side[price] = size
            if not size:
                del side[price]
    return delta.last_id, *sides


def feed(following: Following, record: Change | Whole, at_ns: int) -> Told:
    return following.delta(record, at_ns) if isinstance(record, Change) else following.snapshot(record, at_ns)


def known(following: Following) -> tuple[int, Side, Side] | None:
    if following.last_id is None:
        return None
    bids, asks = following.sides.top()
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    return following.last_id, dict(bids), dict(asks)


def made(chain: Chain) -> Following:
    return Following(FUTURES_RULES if chain.futures else SPOT_RULES, most=MOST)


@settings(max_examples=150, deadline=None)
@given(chains())
def test_the_book_after_each_record_is_that_of_a_plain_loop(chain: Chain) -> None:
    following = made(chain)
    for place, (at_ns, record) in enumerate(chain.records):
        before = known(following)
        told = feed(following, record, at_ns)
        now = known(following)
        assert now == plain(chain, place)
        if told is Told.NOTHING:
            assert now == before
        assert (told is Told.LOST) == (before is not None and now is None)


@settings(max_examples=100, deadline=None)
@given(chains(), st.data())
def test_who_begins_to_read_at_a_snapshot_that_counts_knows_the_same(chain: Chain, data: st.DataObject) -> None:
    """That is why a day's books are the same whenever a run begins."""
    whole_places = [place for place, (_, record) in enumerate(chain.records) if isinstance(record, Whole)]
    if not whole_places:
        return
    begin = data.draw(st.sampled_from(whole_places))
    at_ns = chain.records[begin][0]
    early, late = made(chain), made(chain)
    for place, (came_ns, record) in enumerate(chain.records):
        feed(early, record, came_ns)
        if place == begin or (place < begin and isinstance(record, Change) and came_ns >= at_ns - ANSWER_NS):
            told = feed(late, record, came_ns)
            if place == begin and not (told is Told.BOOK and late.is_joined):
                return  # one would begin at an earlier one
        elif place > begin:
            feed(late, record, came_ns)
        if place >= begin:
            assert known(late) == known(early)


def change(first: int, last: int, *levels: tuple[int, int]) -> Change:
    return Change(first, last, None, [each for each in levels if each[0] <= 100], [each for each in levels if each[0] > 100])


def test_a_market_that_leaves_the_levels_of_its_snapshot_has_no_book_until_the_next_one() -> None:
    following = Following(SPOT_RULES, most=30)
    bids, asks = dict.fromkeys(range(70, 100), 1), dict.fromkeys(range(101, 131), 1)
    assert following.snapshot(whole(5, (bids, asks)), 1) is Told.BOOK
    assert following.delta(change(6, 6, *((price, 0) for price in range(90, 100))), 2) is Told.BOOK
    assert following.delta(change(7, 7, (89, 0)), 3) is Told.LOST
    assert "left the levels" in following.why
    assert following.delta(change(8, 8, (88, 5)), 4) is Told.NOTHING
    deeper = dict.fromkeys(range(50, 88), 1) | {88: 5}
    assert following.snapshot(whole(8, (deeper, asks)), 5) is Told.BOOK
    assert following.sides.best(2)[0] == [88, 87]


@pytest.mark.parametrize(("later_ns", "told"), [(0, Told.BOOK), (1, Told.LOST)])
def test_a_snapshot_counts_for_a_day(later_ns: int, told: Told) -> None:
    following = Following(SPOT_RULES, most=MOST)
    following.snapshot(whole(5, ({99: 1}, {101: 1})), 10)
    assert following.delta(change(6, 6, (98, 1)), 10 + COUNTS_NS + later_ns) is told


def test_a_delta_with_impossible_ids_is_dropped() -> None:
    following = Following(SPOT_RULES, most=MOST)
    following.snapshot(whole(5, ({99: 1}, {101: 1})), 10)
    assert following.delta(change(9, 6, (98, 1)), 11) is Told.NOTHING
    assert following.delta(change(6, 6, (98, 1)), 12) is Told.BOOK
