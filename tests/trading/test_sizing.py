"""Sizes: what is lost at the stop is the share that was named, and no limit is passed for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hoga.core.market import Side
from hoga.core.trading import OrderRequest, PositionSide
from hoga.trading.limits import Limits
from hoga.trading.ports import Margin
from hoga.trading.risk import Code
from hoga.trading.sizing import Sized, share_of, size
from tests.trading.gate_view import BTC, NOON, SPOT, FakeView, S, gate, order, rules
from tests.tries import tries

BUY, SELL = Side.BUY, Side.SELL
WIDE: dict[str, Any] = dict.fromkeys(
    ("max_order_notional", "max_position_notional", "max_gross_notional", "max_net_notional"), Decimal(10**9)
)  # fmt: skip


def sized(view: FakeView, risk: str = "1%", stop: int = 990_000, side: Side | None = None, **limits: Any) -> Sized:
    return gate(**(WIDE | {"max_leverage": 0} | limits)).size(BTC, risk, stop, side, view)


def test_a_percent_of_the_equity_is_lost_at_the_stop() -> None:
    found = sized(FakeView())  # 10,000 USDT: 100 are to be lost, 1,000.1 a bitcoin
    assert (found.quantity, found.code, found.side, found.capped_by) == (99, "", BUY, "")
    assert (found.equity, found.risk, found.entry, found.stop) == (10_000_0000, 1_000, 1_000_001, 990_000)
    assert found.loss == 99 * 10_001
    assert found.uncapped == 99


def test_fees_of_both_ends_are_lost_too() -> None:
    found = sized(FakeView(), taker_fee_bp=5)
    # 1,000.1 + 0.05 % of 100,000.1 + 0.05 % of 99,000
    assert found.each == 10_001 + 995 + 1
    assert found.quantity == 90


def test_the_side_is_that_of_the_stop_where_none_is_named() -> None:
    view = FakeView()
    assert (sized(view, stop=1_010_000).side, sized(view, stop=990_000).side) == (SELL, BUY)
    assert sized(view, stop=1_010_000).quantity == 100
    wrong = sized(view, stop=1_010_000, side=BUY)
    assert (wrong.quantity, wrong.code, wrong.limit, wrong.found) == (0, Code.BAD_STOP, "below 100000.1", "101000")
    assert sized(view, stop=0).code == Code.BAD_STOP
    assert sized(view, stop=-5).code == Code.BAD_STOP


def test_the_share_is_the_configured_one_where_none_is_named() -> None:
    assert sized(FakeView(), risk="", risk_per_trade_pct=0.5).quantity == 49


@pytest.mark.parametrize("text", ["", "1", "0%", "-1%", "101%", "nan%", "inf%", "1%%", "one%", "1% of it", "0.0009%"])
def test_what_is_no_share_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share_of(text)
    if text:
        found = sized(FakeView(), risk=text)
        assert (found.quantity, found.code) == (0, Code.BAD_RISK)


def test_shares_are_read_exactly() -> None:
    assert [share_of(text) for text in ("1%", "0.5 %", "100%", "0.0019%")] == [1_000, 500, 100_000, 1]


def test_too_small_is_a_code_and_never_a_larger_order() -> None:
    view = FakeView()
    view.known[BTC] = rules(lot=100, least=100)
    found = sized(view)
    assert (found.quantity, found.code, found.limit, found.found) == (0, "too-small", "0.1", "0.099")
    view.known[BTC] = rules(min_notional=9_901_0000)
    found = sized(view)
    assert (found.quantity, found.code) == (0, "min-notional")


CAPS: list[tuple[dict[str, Any], Code, int]] = [
    ({"max_order_notional": Decimal(2_010)}, Code.MAX_ORDER_NOTIONAL, 20),
    ({"max_position_notional": Decimal(3_001)}, Code.MAX_POSITION_NOTIONAL, 20),
    ({"max_gross_notional": Decimal("3_011")}, Code.MAX_GROSS_NOTIONAL, 20),
    ({"max_net_notional": Decimal("3_011")}, Code.MAX_NET_NOTIONAL, 20),
    ({"max_leverage": 0.302}, Code.MAX_LEVERAGE, 20),
]


@pytest.mark.parametrize(("limits", "code", "quantity"), CAPS)
def test_a_limit_makes_it_smaller_and_is_named(limits: dict[str, Any], code: Code, quantity: int) -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 10
    found = sized(view, **limits)
    assert (found.quantity, found.capped_by, found.uncapped) == (quantity, code.value, 99)


def test_on_spot_it_is_no_more_than_can_be_paid_or_sold() -> None:
    view = FakeView()
    view.can, view.cash = SPOT, 3_015_0000
    assert (sized(view).quantity, sized(view).capped_by) == (30, Code.BALANCE)
    view.held[BTC, PositionSide.BOTH] = 7
    assert (sized(view, stop=1_010_000).quantity, sized(view, stop=1_010_000).capped_by) == (7, Code.NO_SHORT)


def test_a_limit_that_leaves_no_room_is_the_code() -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 60
    found = gate().size(BTC, "1%", 990_000, None, view)
    assert (found.quantity, found.code) == (0, Code.MAX_POSITION_NOTIONAL)


def test_where_something_is_not_known_there_is_no_size() -> None:
    def code(**changes: Any) -> str:
        view = FakeView()
        for name, value in changes.items():
            setattr(view, name, value)
        found = sized(view)
        assert found.quantity == 0
        return found.code

    assert code(worth=None) == Code.NO_ACCOUNT
    assert code(margins=Margin()) == Code.NO_ACCOUNT
    assert code(margins=Margin(read_age_ns=121 * S)) == Code.ACCOUNT_STALE
    assert code(known={}) == Code.NO_RULES
    assert code(known={BTC: rules(settle="BTC")}) == Code.NO_LIMITS
    assert code(now_ns=NOON + 3 * S) == Code.BOOK_STALE
    assert code(looks={}) == Code.NO_PRICE
    assert code(worth=-1) == "too-small"


@given(
    equity=some.integers(0, 10**12), risk=some.integers(1, 100_000), entry=some.integers(1, 10**7), away=some.integers(-10**6, 10**6),
    fee=some.integers(0, 1_000), side=some.sampled_from([BUY, SELL]), lot=some.integers(1, 50), most=some.integers(-5, 10**6),
)  # fmt: skip
@settings(max_examples=tries(200), deadline=None)
def test_no_more_than_the_share_is_lost_and_not_a_lot_less(
    equity: int, risk: int, entry: int, away: int, fee: int, side: Side, lot: int, most: int
) -> None:
    stop = entry - away if side is BUY else entry + away
    of = rules(lot=lot, least=lot, min_notional=None)
    found = size(of, side, equity=equity, risk=risk, entry=entry, stop=stop, fee=fee, room=[("room", most)])
    assert found.quantity >= 0
    assert (found.quantity == 0) == bool(found.code)
    if found.code:
        return

    def lost(quantity: int) -> int:
        """In hundred-thousandths of money."""
        return quantity * (abs(entry - stop) * 100_000 + (entry + stop) * fee)

    assert found.quantity % lot == 0
    assert found.quantity <= most
    assert lost(found.quantity) <= equity * risk
    assert found.quantity + lot > most or lost(found.quantity + lot) > equity * risk


@given(
    position=some.integers(-60, 60), risk=some.sampled_from(["0.1%", "1%", "20%"]), away=some.integers(100, 50_000),
    side=some.sampled_from([BUY, SELL]), spot=some.booleans(), worth=some.integers(0, 50_000_0000),
)  # fmt: skip
@settings(max_examples=tries(200), deadline=None)
def test_what_is_sized_passes_the_gate(position: int, risk: str, away: int, side: Side, spot: bool, worth: int) -> None:
    view = FakeView()
    view.worth, view.held[BTC, PositionSide.BOTH] = worth, abs(position) if spot else position
    if spot:
        view.can = SPOT
    checked = gate(fat_finger_size=0)
    found = checked.size(BTC, risk, 1_000_000 - away if side is BUY else 1_000_000 + away, side, view)
    if found.quantity:
        assert isinstance(checked.judge(order(side, found.quantity), view), OrderRequest)


def test_the_default_share_is_one_percent() -> None:
    assert Limits().risk_per_trade_pct == 1.0
