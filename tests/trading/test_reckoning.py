"""Listings of one round come in any order, and what they say is judged together."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hoga.core.trading import Held, PositionSide, PositionsRead
from hoga.trading.ports import ReadKind
from hoga.trading.reconcile import Reckoning
from hoga.trading.rungs import Cause, Rung
from tests.trading.exchange import FUTURES, SPOT, SYMBOL, T0, VENUE, Exchange, S, holds

KEY = (SYMBOL, PositionSide.BOTH)


def begun() -> Reckoning:
    reckoning = Reckoning(VENUE, FUTURES, (SYMBOL,))
    assert reckoning.begin(T0)
    return reckoning


def says(quantity: int) -> PositionsRead:
    return PositionsRead(at_ns=T0 + 1, venue=VENUE, asked_ns=T0 + 1, positions=(Held(symbol=SYMBOL, quantity=quantity, entry="1"),))


def test_positions_that_come_before_the_trades_that_explain_them_are_no_difference() -> None:
    reckoning = begun()
    reckoning.positions(says(10))
    assert reckoning.differences({KEY: 10}, first=True) == []  # the trades came after the positions
    assert reckoning.agreed() == [SYMBOL]


def test_what_no_trade_explains_is_acted_upon_at_once_at_the_start_and_the_second_time_later() -> None:
    reckoning = begun()
    reckoning.positions(says(10))
    assert reckoning.differences({}, first=True) == [(*KEY, 10)]
    for times in (1, 2):
        reckoning.positions(says(10))
        assert reckoning.differences({}, first=False) == ([] if times == 1 else [(*KEY, 10)])


@pytest.mark.parametrize("ago_s, compared", [(1, False), (3, True)])
def test_what_moved_shortly_before_is_compared_in_another_round(ago_s: int, compared: bool) -> None:
    reckoning = begun()
    reckoning.touched(SYMBOL, T0 - ago_s * S)
    reckoning.touched(SYMBOL, T0 - 9 * S)  # an older trade of a listing
    reckoning.positions(says(10))
    for what in ReadKind:
        reckoning.got(what, T0, SYMBOL if what is ReadKind.TRADES else "")
    assert reckoning.is_complete()
    assert bool(reckoning.differences({}, first=True)) is compared
    assert (SYMBOL in reckoning.skipped) is not compared
    reckoning.end(T0 + 2)
    assert reckoning.is_due(T0 + 4 * S, every_ns=3600 * S) is not compared


def test_readings_of_trades_that_bring_nothing_become_rarer() -> None:
    reckoning = begun()
    asked = [at for at in range(40) if reckoning.trades_of(SYMBOL, "", T0 + at * S)]
    assert asked == [0, 2, 6, 14, 22, 30, 38]
    reckoning.touched(SYMBOL, T0 + 39 * S)
    assert reckoning.trades_of(SYMBOL, "", T0 + 39 * S + S // 2) is not None


def test_coins_that_are_not_there_any_more_are_found_where_the_venue_lists_no_positions() -> None:
    there = Exchange(holds("0.010"), able=SPOT)
    there.fill(there.last)
    there.pass_time(40)
    assert there.engine.state.rung is Rung.ACTIVE
    assert there.position() == 10
    there.gone = Decimal("-5")
    there.pass_time(40)
    assert there.engine.state.rung is Rung.ACTIVE, "that the account has more is nobody's business"
    there.gone = Decimal("0.004")
    there.pass_time(70)
    mismatches = there.records("recon.mismatch")
    assert mismatches[0].fields == {"sym": SYMBOL, "ps": "both", "q": -4}
    assert there.engine.state.rung >= Rung.NO_OPEN
    there.gone = Decimal(0)
    there.pass_time(40)
    assert not [cause for cause, *_ in there.ladder.causes() if cause is Cause.MISMATCH]
