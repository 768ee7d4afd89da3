"""The exit's decisions by themselves: whose, how much, in which parts, at which price, and when it is proven."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import Balance, Force, Held, OrderKind, PositionSide, PositionsRead, Rules
from hoga.flatten.plan import Leg, Proof, closes, collar, is_dust, legs_of_balances, legs_of_positions, sliced
from hoga.venues.orders import RuleBook
from tests.flatten.market import RULES, SYMBOL

BOTH = PositionSide.BOTH


def coarse(**changes: int | None) -> Rules:
    return msgspec.structs.replace(RULES, **changes)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.booleans())
def test_what_is_left_is_never_more_than_there_is_nor_than_is_ours(own: int, held: int, whole: bool) -> None:
    read = PositionsRead(at_ns=0, venue="venue", asked_ns=0, positions=(Held(symbol=SYMBOL, quantity=held, entry="1"),))
    legs = legs_of_positions(read, whole=lambda key: whole, own={(SYMBOL, BOTH): own})
    ours = legs[0].ours if legs else 0
    assert abs(ours) <= abs(held)
    assert ours * held >= 0
    if whole:
        assert ours == held
    else:
        assert abs(ours) <= abs(own)
        assert ours * own >= 0


@given(st.integers(1, 5000), st.integers(1, 7), st.one_of(st.none(), st.integers(1, 900)), st.sampled_from([1, -1]))
def test_the_parts_of_a_close_are_lots_within_bounds_and_together_no_more(quantity: int, lot: int, most: int | None, sign: int) -> None:
    rules = coarse(market_lot=lot, lot=lot, market_most=most)
    leg, ids = Leg(symbol=SYMBOL, held=sign * quantity, ours=sign * quantity), itertools.count()
    orders = closes(leg, rules, next_id=lambda: f"x{next(ids)}", reduce_only=True)
    sizes = [order.quantity or 0 for order in orders]
    assert sum(sizes) <= quantity
    assert all(size > 0 and size % lot == 0 and (most is None or size <= most) for size in sizes)
    assert all(order.side is (Side.SELL if sign > 0 else Side.BUY) and order.reduce_only for order in orders)
    assert len({order.client_id for order in orders}) == len(orders)
    if most is None:
        assert sum(sizes) == quantity - quantity % lot


def test_a_limit_that_stands_in_for_a_market_order_goes_farther_each_time_and_never_past_the_tick() -> None:
    prices = [collar(Side.SELL, 10_000, RULES, turn) for turn in range(5)]
    assert prices == [9_950, 9_900, 9_800, 9_500, 9_500]
    assert [collar(Side.BUY, 10_000, RULES, turn) for turn in range(5)] == [10_050, 10_100, 10_200, 10_500, 10_500]
    (order,) = closes(Leg(symbol=SYMBOL, held=10, ours=10), RULES, next_id=lambda: "x", reduce_only=True, limit=9_950)
    assert (order.kind, order.force, order.price) == (OrderKind.LIMIT, Force.IOC, 9_950)


@pytest.mark.parametrize(
    "ours, price, exempt, dust",
    [
        (4, 100, False, True),
        (5, 100, False, True),
        (10, 100, False, False),
        (10, 99, False, True),
        (10, None, False, False),
        (5, 1, True, False),
        (4, 1, True, True),
        (-10, 100, False, False),
    ],
)
def test_dust_is_what_the_venue_lets_nobody_trade(ours: int, price: int | None, exempt: bool, dust: bool) -> None:
    rules = coarse(market_lot=5, market_least=10, min_notional=1000)
    assert is_dust(Leg(symbol=SYMBOL, held=ours, ours=ours), rules, price=price, exempt=exempt) is dust


def test_a_part_that_was_refused_is_halved_down_to_the_least() -> None:
    rules = coarse(market_lot=5, market_least=10)
    assert [sliced(each, rules) for each in (100, 50, 25, 15)] == [50, 25, 10, 0]


def test_coins_are_sold_once_where_they_were_bought_as_far_as_they_are_free() -> None:
    book = RuleBook("venue", [RULES, msgspec.structs.replace(RULES, symbol="venue:COIN2")])
    free = [Balance(currency="COIN", free="0.0079", locked="1"), Balance(currency="CASH", free="5", locked="0")]
    assert legs_of_balances(free, book, ["COIN", "COIN2"], own=None) == [Leg(symbol=SYMBOL, held=7, ours=7)]
    assert legs_of_balances(free, book, ["COIN"], own={(SYMBOL, BOTH): 3}) == [Leg(symbol=SYMBOL, held=7, ours=3)]
    assert legs_of_balances(free, book, ["COIN"], own={(SYMBOL, BOTH): 30}) == [Leg(symbol=SYMBOL, held=7, ours=7)]
    assert legs_of_balances(free, book, ["COIN", "OTHER"], own={}) == []


def test_flat_is_proven_by_two_readings_in_a_row_a_second_apart() -> None:
    proof = Proof()
    for at_s, flat, proven in (
        (0.0, True, False),
        (0.9, True, False),
        (1.0, True, True),
        (1.1, False, False),
        (5.0, True, False),
        (6.0, True, True),
    ):
        proof.read(int(at_s * SECOND_NS), flat=flat)
        assert proof.is_flat is proven
    fresh = Proof()
    assert fresh.wait_ns(0) == 0
    fresh.read(0, flat=True)
    assert fresh.wait_ns(SECOND_NS // 4) == SECOND_NS * 3 // 4
