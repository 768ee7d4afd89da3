"""Shares, fees and rounds: the position is the sum of the fills, and what was won is what was got less what was paid."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import FillUpdate, PositionSide, rules_of
from hoga.trading.portfolio import Portfolio, Round
from tests.trading.exchange import SYMBOL, T0, S, instrument

RULES = rules_of(instrument())


def fill(side: Side, quantity: int, price: int, number: int = 0, **more: Any) -> FillUpdate:
    known: dict[str, Any] = {"fee": None, "fee_currency": None, "position_side": PositionSide.BOTH} | more
    return FillUpdate(
        at_ns=T0 + number * S, symbol=SYMBOL, client_id="c", venue_id="1", trade_id=str(number), side=side, price=price,
        quantity=quantity, maker=False, **known,
    )  # fmt: skip


def book() -> Portfolio:
    portfolio = Portfolio({SYMBOL: RULES})
    portfolio.pass_midnight(T0)
    return portfolio


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 1_000)), min_size=1, max_size=40))
def test_what_was_won_is_what_was_got_less_what_was_paid(found: list[tuple[Side, int, int]]) -> None:
    portfolio, held, money = book(), 0, 0
    rounds: list[Round] = []
    for number, (side, quantity, price) in enumerate(found):
        _, ended = portfolio.fill("one", fill(side, quantity, price, number))
        rounds += ended
        held += quantity if side is Side.BUY else -quantity
        money += -quantity * price if side is Side.BUY else quantity * price
        assert portfolio.position(SYMBOL) == held
        day = portfolio.day(SYMBOL, 500)
        assert day.realized + day.unrealized == money + held * 500
    if held == 0:
        assert sum(each.gross for each in rounds) == portfolio.day(SYMBOL, 500).realized


def test_a_round_has_its_fees_and_how_much_worse_than_the_middle_it_was() -> None:
    portfolio = book()
    portfolio.fill("one", fill(Side.BUY, 10, 60_001, 1, fee="0.0006", fee_currency="USDT"), mid=60_000, why="in")
    portfolio.mark(SYMBOL, 60_500)
    portfolio.mark(SYMBOL, 59_000)
    _, (ended,) = portfolio.fill("one", fill(Side.SELL, 10, 60_199, 3, fee="0.0006", fee_currency="USDT"), mid=60_200, why="out")
    assert (ended.gross, ended.fees, ended.net) == (1_980, 12, 1_968)
    assert (ended.best, ended.worst, ended.why) == (60_500, 59_000, "out")
    assert (ended.ended_ns - ended.began_ns) // S == 2
    assert ended.slippage_bp(at_exit=False) == 0.17
    assert ended.slippage_bp(at_exit=True) == 0.17


def test_a_fee_in_the_coin_itself_is_taken_from_what_is_held() -> None:
    portfolio = book()
    share, _ = portfolio.fill("one", fill(Side.BUY, 1_000, 600_000, fee="0.0005", fee_currency="BTC"))
    assert share.quantity == 999
    assert portfolio.day(SYMBOL, 0).fees == 300_000


def test_a_fee_in_another_currency_is_kept_as_it_is_and_not_guessed() -> None:
    portfolio = book()
    portfolio.fill("one", fill(Side.BUY, 10, 600_000, fee="0.00001", fee_currency="BNB"))
    assert portfolio.other_fees == {"BNB": ["0.00001"]}
    assert portfolio.day(SYMBOL, 0).fees == 0


def test_each_strategy_has_its_own_share_and_legs_stand_apart() -> None:
    portfolio = book()
    portfolio.fill("one", fill(Side.BUY, 10, 100, 1))
    portfolio.fill("two", fill(Side.SELL, 4, 100, 2))
    portfolio.fill("one", fill(Side.SELL, 3, 100, 3, position_side=PositionSide.SHORT))
    portfolio.adopt(SYMBOL, PositionSide.BOTH, 5)
    assert portfolio.share("one", SYMBOL) == 10
    assert portfolio.share("two", SYMBOL) == -4
    assert portfolio.position(SYMBOL) == 11
    assert portfolio.held() == {(SYMBOL, PositionSide.BOTH): 11, (SYMBOL, PositionSide.SHORT): -3}


def test_funding_is_shared_out_by_what_each_holds() -> None:
    portfolio = book()
    portfolio.fill("one", fill(Side.BUY, 10, 100, 1))
    portfolio.fill("two", fill(Side.BUY, 5, 100, 2))
    portfolio.fund(SYMBOL, -100)
    assert [each.funding for each in portfolio.shares_of(SYMBOL)] == [-67, -33]
    assert portfolio.day(SYMBOL, 0).funding == -100


def test_the_day_begins_anew_at_midnight_and_the_highest_does_not() -> None:
    portfolio = book()
    portfolio.fill("one", fill(Side.BUY, 10, 100, 1))
    portfolio.fill("one", fill(Side.SELL, 10, 150, 2))
    assert portfolio.day(SYMBOL, 0).realized == 500
    assert portfolio.pass_midnight(T0 + 86_400 * S)
    day = portfolio.day(SYMBOL, 0)
    assert (day.realized, day.total, day.peak) == (0, 500, 500)
