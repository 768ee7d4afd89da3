"""Books rebuilt from a model market's deltas and snapshots: right where they are called proven, silent where they cannot be known, and
any one number that is changed is found."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hoga.book import FUTURES_RULES, SPOT_RULES, BookRules
from hoga.book.rebuild import DECIMALS, Change, Levels, Rebuild, Verdict, Whole, digest_of

Side = dict[int, int]

DEPTH = 3
MOST = 6
"""Levels that a snapshot holds at most: the market has more, and fewer."""


class Market(NamedTuple):
    """What a venue did: its deltas, and its whole book after each id that ends one (and within, where a snapshot may be taken)."""

    rules: BookRules
    deltas: list[Change]
    books: dict[int, tuple[Side, Side]]


def best(side: Side, *, bids: bool, depth: int) -> Levels:
    return tuple(sorted(side.items(), reverse=bids)[:depth])


def book_at(market: Market, number: int, depth: int = DEPTH) -> Whole:
    bids, asks = market.books[number]
    return Whole(number, best(bids, bids=True, depth=depth), best(asks, bids=False, depth=depth))


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Prices 1..20 are bids, 21..40 asks; each event has one or more ids, each of which changes one level."""
    futures = draw(st.booleans())
    events = draw(st.lists(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=5), min_size=3, max_size=25))
    bids: Side = dict.fromkeys(draw(st.sets(st.integers(1, 20), max_size=12)), 1)
    asks: Side = dict.fromkeys(draw(st.sets(st.integers(21, 40), max_size=12)), 1)
    number, books, deltas, previous = 100, {100: (dict(bids), dict(asks))}, [], 100
    for event in events:
        number += draw(st.integers(1, 3)) if futures else 1  # futures share their ids among symbols
        first = number
        changed: tuple[Side, Side] = {}, {}
        for at, (price, size) in enumerate(event):
            number = first + at
            side, told = (bids, changed[0]) if price <= 20 else (asks, changed[1])
            told[price] = size
            if size:
                side[price] = size
            else:
                side.pop(price, None)
            books[number] = dict(bids), dict(asks)
        deltas.append(Change(first, number, previous if futures else None, list(changed[0].items()), list(changed[1].items())))
        previous = number
    return Market(FUTURES_RULES if futures else SPOT_RULES, deltas, books)


def in_order(market: Market, deltas: list[Change], snapshots: list[Whole], books: list[Whole]) -> Iterator[Change | tuple[str, Whole]]:
    """As `archive.prove.books` feeds them."""
    number = count()
    rank = 2 if market.rules.joins_after else 0
    items = [(delta.last_id, 1, next(number), delta) for delta in deltas]
    items += [(each.update_id, rank, next(number), ("snapshot", each)) for each in snapshots]  # type: ignore[misc]
    items += [(each.update_id, 3, next(number), ("book", each)) for each in books]  # type: ignore[misc]
    heapq.heapify(items)
    while items:
        yield heapq.heappop(items)[-1]


def run(market: Market, deltas: list[Change], snapshots: list[Whole], books: list[Whole]) -> tuple[dict[int, Verdict], list[Verdict]]:
    """(verdict of each recorded book by id, verdicts of snapshots)."""
    rebuild, told, others = Rebuild(market.rules, most=MOST), {}, []
    for item in in_order(market, deltas, snapshots, books):
        if isinstance(item, Change):
            verdict = rebuild.delta(item)
            others += [] if verdict is None else [verdict]
        elif item[0] == "snapshot":
            others.append(rebuild.snapshot(item[1]))
        else:
            told[item[1].update_id] = rebuild.check(item[1], depth=DEPTH)
    return told, others


@st.composite
def recorded(draw: st.DrawFn) -> tuple[Market, list[Change], list[Whole], list[Whole]]:
    """A market as somebody recorded it: some deltas lost, snapshots of any moment, early and late, some frames missing."""
    market = draw(markets())
    ends = [delta.last_id for delta in market.deltas]
    lost = draw(st.sets(st.sampled_from(ends), max_size=3))
    asked = draw(st.lists(st.sampled_from(sorted(market.books)), max_size=4, unique=True))
    unsent = draw(st.sets(st.sampled_from(ends), max_size=3))
    snapshots = [book_at(market, number, MOST) for number in asked]
    return (
        market,
        [delta for delta in market.deltas if delta.last_id not in lost],
        snapshots,
        [book_at(market, number) for number in ends if number not in unsent],
    )


@given(recorded())
def test_what_was_recorded_as_it_was_never_differs(found: tuple[Market, list[Change], list[Whole], list[Whole]]) -> None:
    told, others = run(*found)
    assert Verdict.DIFFERS not in told.values()
    assert Verdict.DIFFERS not in others


@given(recorded(), st.data())
def test_a_recorded_book_that_is_proven_is_proven_against_every_other(
    found: tuple[Market, list[Change], list[Whole], list[Whole]], data: st.DataObject
) -> None:
    """One level of one recorded book changed: where the book itself is proven, the change is found."""
    market, deltas, snapshots, books = found
    told, _ = run(*found)
    proven = [each for each in books if told[each.update_id] is Verdict.PROVEN and (each.bids or each.asks)]
    if not proven:
        return
    victim = data.draw(st.sampled_from(proven))
    changed = altered(victim, data)
    again, _ = run(market, deltas, snapshots, [changed if each is victim else each for each in books])
    assert again[victim.update_id] is Verdict.DIFFERS
    assert {**again, victim.update_id: None} == {**told, victim.update_id: None}, "and no other"


def altered(book: Whole, data: st.DataObject) -> Whole:
    """One number of one level of it is another, or the level is gone."""
    name = data.draw(st.sampled_from([name for name in ("bids", "asks") if getattr(book, name)]))
    levels = list(getattr(book, name))
    at = data.draw(st.integers(0, len(levels) - 1))
    price, size = levels[at]
    act = data.draw(st.sampled_from(["size", "price", "gone"]))
    if act == "gone":
        del levels[at]
    else:
        levels[at] = (price, size + 1) if act == "size" else (price * 1000 + 1, size)
    return book._replace(**{name: tuple(levels)})


@given(recorded(), st.data())
def test_a_size_changed_in_a_delta_is_found_where_anything_shows_it(
    found: tuple[Market, list[Change], list[Whole], list[Whole]], data: st.DataObject
) -> None:
    """It is found exactly when, at some recorded book that was proven, the level is among the best and still as that delta set it."""
    market, deltas, snapshots, books = found
    told, others = run(*found)
    sized = [delta for delta in deltas if any(size for _, size in (*delta.bids, *delta.asks))]
    if not sized:
        return
    victim = data.draw(st.sampled_from(sized))
    name = data.draw(st.sampled_from([name for name in ("bids", "asks") if any(size for _, size in getattr(victim, name))]))
    levels = list(getattr(victim, name))
    at = data.draw(st.sampled_from([at for at, (_, size) in enumerate(levels) if size]))
    price, size = levels[at]
    levels[at] = (price, size + 1)
    changed = victim._replace(**{name: levels})
    again, _ = run(market, [changed if each is victim else each for each in deltas], snapshots, books)
    shows = {
        each.update_id
        for each in books
        if told[each.update_id] is Verdict.PROVEN
        and each.update_id >= victim.last_id
        and dict(getattr(each, name)).get(price) == size
        and not any(victim.last_id < later.last_id <= each.update_id and price in dict(getattr(later, name)) for later in deltas)
        and not any(victim.last_id <= taken.update_id <= each.update_id for taken in snapshots)
        and began_before(market, deltas, snapshots, victim, each.update_id)
    }
    differs = {number for number, verdict in again.items() if verdict is Verdict.DIFFERS}
    assert shows <= differs
    if differs:
        assert min(differs) >= victim.last_id
    assert Verdict.DIFFERS not in others


def began_before(market: Market, deltas: list[Change], snapshots: list[Whole], victim: Change, at: int) -> bool:
    """Whether the victim was applied: a snapshot before it, and no hole between that and `at`."""
    begins = [taken.update_id for taken in snapshots if taken.update_id < victim.last_id]
    if not begins:
        return False
    there = {delta.last_id for delta in deltas}
    needed = [delta.last_id for delta in market.deltas if max(begins) < delta.last_id <= at]
    return all(each in there for each in needed)


@given(markets())
def test_without_a_snapshot_nothing_is_proven(market: Market) -> None:
    told, _ = run(market, market.deltas, [], [book_at(market, delta.last_id) for delta in market.deltas])
    assert set(told.values()) == {Verdict.NO_BOOK}


@given(markets())
def test_with_a_whole_snapshot_at_the_start_everything_is(market: Market) -> None:
    rebuild = Rebuild(market.rules, most=1000)
    for item in in_order(market, market.deltas, [book_at(market, 100, 1000)], [book_at(market, each.last_id) for each in market.deltas]):
        if isinstance(item, Change):
            rebuild.delta(item)
        elif item[0] == "snapshot":
            rebuild.snapshot(item[1])
        else:
            assert rebuild.check(item[1], depth=DEPTH) is Verdict.PROVEN
    assert rebuild.applied == len(market.deltas)


@given(markets(), st.data())
def test_a_second_snapshot_is_held_against_the_first_and_the_deltas(market: Market, data: st.DataObject) -> None:
    begin, number = book_at(market, 100, MOST), data.draw(st.sampled_from([each.last_id for each in market.deltas[1:-1]]))
    second = book_at(market, number, MOST)
    _, others = run(market, market.deltas, [begin, second], [])
    assert Verdict.PROVEN in others
    joining = next(each for each in market.deltas if each.last_id >= number + market.rules.joins_after)
    sure = [name for name in ("bids", "asks") if getattr(second, name) and len(getattr(begin, name)) < MOST]
    if not sure:
        return
    name = data.draw(st.sampled_from(sure))
    price, size = getattr(second, name)[0]
    if market.rules.by_previous and price in dict(getattr(joining, name)):
        return  # what joins says so itself
    wrong = second._replace(**{name: ((price, size + 1), *getattr(second, name)[1:])})
    _, others = run(market, market.deltas, [begin, wrong], [])
    assert Verdict.DIFFERS in others


def test_levels_beyond_the_snapshots_reach_are_never_taken_for_good() -> None:
    rebuild = Rebuild(SPOT_RULES, most=2)
    rebuild.snapshot(Whole(10, ((9, 1), (8, 1)), ((11, 1), (12, 1))))
    rebuild.delta(Change(11, 11, None, [(9, 0)], []))
    assert rebuild.check(Whole(11, ((8, 1),), ((11, 1), (12, 1))), depth=2) is Verdict.BEYOND, "nobody knows what lies below 8"
    assert rebuild.check(Whole(11, ((8, 1), (7, 5)), ((11, 1), (12, 1))), depth=2) is Verdict.BEYOND
    assert rebuild.check(Whole(11, ((8, 2), (7, 5)), ((11, 1), (12, 1))), depth=2) is Verdict.DIFFERS, "8 itself is known"
    assert str(rebuild.difference).startswith("bid 1 is ")
    assert rebuild.check_digest(11, "x", depth=2) is Verdict.BEYOND
    assert rebuild.top(2) is None
    assert rebuild.top(1) is not None


def test_a_thin_side_is_known_to_its_end() -> None:
    rebuild = Rebuild(SPOT_RULES, most=20)
    rebuild.snapshot(Whole(10, ((9, 1),), ()))
    rebuild.delta(Change(11, 11, None, [], [(12, 4)]))
    assert rebuild.check(Whole(11, ((9, 1),), ((12, 4),))) is Verdict.PROVEN
    assert rebuild.check(Whole(11, ((9, 1), (8, 1)), ((12, 4),))) is Verdict.DIFFERS
    assert rebuild.check(Whole(11, (), ((12, 4),))) is Verdict.DIFFERS


def test_a_book_between_two_deltas_is_not_known() -> None:
    rebuild = Rebuild(SPOT_RULES, most=20)
    rebuild.snapshot(Whole(10, ((9, 1),), ()))
    rebuild.delta(Change(11, 14, None, [(9, 2)], []))
    assert rebuild.check(Whole(12, ((9, 2),), ())) is Verdict.BETWEEN
    rebuild.delta(Change(20, 21, None, [], []))
    assert rebuild.check(Whole(21, ((9, 2),), ())) is Verdict.NO_BOOK
    assert rebuild.holes == 1


def test_a_digest_is_that_of_the_numbers_however_they_are_spelt() -> None:
    one = digest_of(((Decimal("97962.2900"), Decimal("1.50")),), ())
    assert one == digest_of(((Decimal("97962.29"), Decimal("1.5")),), ())
    assert one != digest_of((), ((Decimal("97962.29"), Decimal("1.5")),))
    assert one != digest_of(((Decimal("97962.29"), Decimal("1.51")),), ())
    rebuild = Rebuild(SPOT_RULES, most=1000)
    scale = 10**DECIMALS
    rebuild.snapshot(Whole(10, ((9796229 * scale // 100, 3 * scale // 2),), ()))
    assert rebuild.check_digest(10, one) is Verdict.PROVEN
    assert rebuild.check_digest(10, one[:-1] + ("0" if one[-1] != "0" else "1")) is Verdict.DIFFERS
    assert rebuild.check_digest(9, one) is Verdict.NO_BOOK
