"""The gate: every check, every code, and that nothing passes of which too little is known."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hoga.core.market import Side
from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide
from hoga.trading.ports import Day, Denial, Gate, Look, Margin, View
from hoga.trading.risk import CHECKS, Code, Exposure, collar, exposure, in_money_of
from hoga.trading.rungs import Cause, Rung
from tests.every import every
from tests.trading.gate_view import BTC, ETH, FUTURES, NOON, SPOT, FakeView, S, gate, order, rules
from tests.tries import tries

BUY, SELL = Side.BUY, Side.SELL
STOP = {"kind": OrderKind.STOP, "trigger": 985_000, "reduce_only": True}


def judged(view: FakeView, request: OrderRequest, **limits: Any) -> str:
    """The code of the denial, "" where it passes."""
    said = gate(**limits).judge(request, view)
    return said.code if isinstance(said, Denial) else ""


def sent(view: FakeView, request: OrderRequest, **limits: Any) -> OrderRequest:
    said = gate(**limits).judge(request, view)
    assert isinstance(said, OrderRequest), said
    return said


def test_it_is_the_gate_that_the_engine_asks() -> None:
    asked: Gate = gate()
    seen: View = FakeView()
    assert isinstance(asked.judge(order(BUY, 10, 1_000_000), seen), OrderRequest)


def test_a_hundredth_of_a_bitcoin_ten_times_a_second_passes() -> None:
    view, checked = FakeView(), gate()
    for number in range(50):
        view.now_ns = NOON + number * S // 10
        view.looks[BTC].at_ns = view.now_ns
        assert isinstance(checked.judge(order(BUY if number % 2 else SELL, 10), view), OrderRequest)


# -- each code, from its own cause ---------------------------------------------------------------------------------


def changed(**attributes: Any) -> Callable[[FakeView], None]:
    def change(view: FakeView) -> None:
        for name, value in attributes.items():
            setattr(view, name, value)

    return change


def looking(**attributes: Any) -> Callable[[FakeView], None]:
    def change(view: FakeView) -> None:
        for name, value in attributes.items():
            setattr(view.looks[BTC], name, value)

    return change


def ruled(**attributes: Any) -> Callable[[FakeView], None]:
    def change(view: FakeView) -> None:
        view.known[BTC] = rules(**attributes)

    return change


def spot(**attributes: Any) -> Callable[[FakeView], None]:
    return changed(can=SPOT, **attributes)


def full_of(orders: int) -> Callable[[FakeView], None]:
    def change(view: FakeView) -> None:
        for _ in range(orders):
            view.work(SELL, 1, price=1_010_000, reduce_only=True)

    return change


def at_ask(view: FakeView) -> None:
    view.work(SELL, 10, price=1_000_001)


ENTRY = order(BUY, 10, 1_000_000)
SIZING = {Code.BAD_STOP, Code.BAD_RISK}
"""Tried in test_sizing."""
CASES: list[tuple[Code, Callable[[FakeView], None], OrderRequest]] = [
    (Code.NO_OPEN, changed(rung=Rung.NO_OPEN), ENTRY),
    (Code.REDUCING, changed(rung=Rung.REDUCING), ENTRY),
    (Code.HALTED, changed(rung=Rung.HALTED), ENTRY),
    (Code.FLATTEN, changed(rung=Rung.FLATTEN), ENTRY),
    (Code.MUST_REDUCE, changed(), order(BUY, 10, 1_000_000, reduce_only=True)),
    (Code.UNRECONCILED, changed(reconciled=False), ENTRY),
    (Code.STREAM_STALE, changed(proof_ns=5 * S + 1), ENTRY),
    (Code.EVENT_OVERDUE, changed(unseen_ns=3 * S + 1), ENTRY),
    (Code.NO_PRICE, looking(bid=0), ENTRY),
    (Code.NO_PRICE, changed(looks={}), ENTRY),
    (Code.BOOK_IN_DOUBT, looking(in_doubt=True), ENTRY),
    (Code.BOOK_STALE, changed(now_ns=NOON + 2 * S + 1), ENTRY),
    (Code.BOOK_CROSSED, looking(bid=1_000_001), ENTRY),
    (Code.NO_RULES, changed(known={}), ENTRY),
    (Code.NO_LIMITS, ruled(settle="BTC"), ENTRY),
    (Code.NOT_TRADING, ruled(is_trading=False), ENTRY),
    (Code.BAD_QUANTITY, changed(), order(BUY, 0, 1_000_000)),
    (Code.BAD_QUANTITY, changed(), order(BUY, -10, 1_000_000)),
    (Code.BAD_QUANTITY, changed(), order(BUY, None)),
    (Code.BAD_PRICE, changed(), order(BUY, 10, 0)),
    (Code.BAD_PRICE, changed(), order(BUY, 10, None, kind=OrderKind.STOP)),
    (Code.OFF_TICK, ruled(ticks=((0, 1), (500_000, 5))), order(BUY, 10, 999_999)),
    (Code.TOO_SMALL, ruled(lot=10, least=10), order(BUY, 9, 1_000_000)),
    (Code.TOO_LARGE, ruled(most=9), ENTRY),
    (Code.TOO_LARGE, ruled(max_notional=999_0000), ENTRY),
    (Code.MIN_NOTIONAL, ruled(min_notional=1_000_0001), ENTRY),
    (Code.NO_MARK, looking(has_mark=True), ENTRY),
    (Code.NO_MARK, looking(has_mark=True, mark=1_000_000, mark_at_ns=NOON - 10 * S - 1), ENTRY),
    (Code.PRICE_COLLAR, changed(), order(BUY, 10, 1_005_001)),
    (Code.PRICE_COLLAR, changed(), order(SELL, 10, 995_000)),
    (Code.PRICE_COLLAR, looking(has_mark=True, mark=990_000, mark_at_ns=NOON), ENTRY),
    (Code.PRICE_COLLAR, looking(ask=1_020_000), order(BUY, 10)),
    (Code.PRICE_BAND, ruled(bid_band=(95_000, 99_900)), ENTRY),
    (Code.PRICE_BAND, ruled(max_price=999_999), ENTRY),
    (Code.MAX_ORDER_NOTIONAL, changed(), order(BUY, 21, 1_000_000)),
    (Code.MAX_POSITION_NOTIONAL, changed(held={(BTC, PositionSide.BOTH): 45}), ENTRY),
    (Code.MAX_POSITION_NOTIONAL, changed(held={(BTC, PositionSide.BOTH): -45}), order(SELL, 10, 1_000_001)),
    (Code.NO_SHORT, spot(held={(BTC, PositionSide.BOTH): 9}), order(SELL, 10, 1_000_001)),
    (Code.NO_ACCOUNT, changed(margins=Margin()), ENTRY),
    (Code.NO_ACCOUNT, changed(worth=None), ENTRY),
    (Code.NO_ACCOUNT, spot(cash=None), ENTRY),
    (Code.ACCOUNT_STALE, changed(margins=Margin(read_age_ns=120 * S + 1)), ENTRY),
    (Code.SETTINGS, changed(margins=Margin(read_age_ns=0, doubt="leverage is 20, not 5")), ENTRY),
    (Code.BALANCE, spot(cash=999_9999), ENTRY),
    (Code.MAX_LEVERAGE, changed(worth=333_0000), ENTRY),
    (Code.MAX_OPEN_ORDERS, full_of(100), ENTRY),
    (Code.SELF_CROSS, at_ask, order(BUY, 10, 1_000_001)),
    (Code.SELF_CROSS, at_ask, order(BUY, 10)),
    (Code.MAX_DAILY_LOSS, changed(today=Day(realized=-300_0000, unrealized=-150_0000, fees=60_0000, funding=10_0000)), ENTRY),
    (Code.MAX_DRAWDOWN, changed(worth=8_000_0000, today=Day(total=-1_500_0000, peak=500_0000)), ENTRY),
    (Code.MAX_MARGIN_RATIO, changed(margins=Margin(read_age_ns=0, ratio_bp=5_001)), ENTRY),
    (Code.LIQUIDATION_DISTANCE, changed(margins=Margin(read_age_ns=0, liquidation=971_000)), ENTRY),
    (Code.FAT_FINGER_PRICE, looking(median_price=970_000), ENTRY),
]  # fmt: skip


@every(CASES)
def test_each_denial_has_its_cause(case: tuple[Code, Callable[[FakeView], None], OrderRequest]) -> None:
    code, change, request = case
    view = FakeView()
    change(view)
    assert judged(view, request) == code


def test_every_code_of_the_gate_is_tried() -> None:
    elsewhere = {Code.MAX_GROSS_NOTIONAL, Code.MAX_NET_NOTIONAL, Code.MAX_ORDERS_PER_SEC, Code.MAX_ORDERS_PER_DAY,
                 Code.MAX_CANCELS_PER_SEC, Code.SAME_REJECTS, Code.MAX_LOSSES_IN_A_ROW, Code.FAT_FINGER_SIZE,
                 Code.MAX_REVERSALS_PER_MIN, *SIZING}  # fmt: skip
    assert {code for code, _, _ in CASES} | elsewhere == set(Code)
    assert {code for check in CHECKS for code in check.codes} | {Code.MAX_CANCELS_PER_SEC, *SIZING} == set(Code)


def test_the_checks_are_the_fourteen_and_say_what_a_reducing_order_passes() -> None:
    assert [check.number for check in CHECKS] == list(range(1, 15))
    assert {check.number for check in CHECKS if check.reducing_passes} == {2, 3, 6, 7, 8, 9, 10, 12, 13}


UNKNOWING = [
    changed(looks={}), looking(ask=0), looking(in_doubt=True), changed(now_ns=NOON + 3 * S), changed(margins=Margin()), changed(worth=None),
    changed(reconciled=False), changed(known={}), looking(bid=1_000_002), spot(cash=None), looking(has_mark=True),
]  # fmt: skip


@given(
    some.lists(some.sampled_from(UNKNOWING), min_size=1, max_size=4), some.sampled_from([BUY, SELL]), some.integers(-5, 5_000),
    some.none() | some.integers(0, 2_000_000), some.sampled_from(list(Force)),
)  # fmt: skip
@settings(max_examples=tries(150), deadline=None)
def test_where_something_is_not_known_nothing_is_opened(
    changes: list[Callable[[FakeView], None]], side: Side, quantity: int, price: int | None, force: Force
) -> None:
    view = FakeView()
    for change in changes:
        try:
            change(view)
        except KeyError:
            continue  # there is no book any more to be changed
    assert judged(view, order(side, quantity, price, force=force))


# -- each key has an effect -------------------------------------------------------------------------------------------


def test_the_limits_of_money_are_of_the_instruments_own_currency() -> None:
    view = FakeView()
    assert judged(view, ENTRY, max_order_notional=Decimal(999)) == Code.MAX_ORDER_NOTIONAL
    assert judged(view, ENTRY, max_order_notional=Decimal(1000)) == ""
    assert judged(view, ENTRY, max_position_notional=Decimal("1000.0009")) == Code.MAX_POSITION_NOTIONAL
    assert judged(view, ENTRY, max_position_notional=Decimal("1000.001")) == ""
    assert judged(view, ENTRY, currencies=("KRW",)) == Code.NO_LIMITS


def test_the_account_is_all_its_instruments() -> None:
    view = FakeView()
    view.known[ETH] = rules(ETH, base="ETH", price_power=-2, size_power=-3)
    view.looks[ETH] = view.book(ETH, 300_000, 300_001)
    view.held[ETH, PositionSide.BOTH] = -1_000  # 1 ETH short, 3,000.01 USDT
    assert judged(view, ENTRY, max_gross_notional=Decimal(4_000)) == Code.MAX_GROSS_NOTIONAL
    assert judged(view, ENTRY, max_gross_notional=Decimal("4000.01")) == ""
    assert judged(view, ENTRY, max_net_notional=Decimal(2_000)) == ""
    assert judged(view, order(SELL, 10, 1_000_001), max_net_notional=Decimal(4_000)) == Code.MAX_NET_NOTIONAL
    assert judged(view, ENTRY, max_leverage=0.4) == Code.MAX_LEVERAGE
    assert judged(view, ENTRY, max_leverage=0.41) == ""
    assert judged(view, ENTRY, max_leverage=0) == ""


def test_counts_hold_for_the_last_second_and_for_the_day() -> None:
    view, checked = FakeView(), gate(max_orders_per_sec=2, max_orders_per_day=3)
    said = []
    for at_ms in (0, 400, 999, 1_000, 1_400, 2_400):
        view.now_ns = NOON + at_ms * 1_000_000
        view.looks[BTC].at_ns = view.now_ns
        answer = checked.judge(ENTRY, view)
        said.append(answer.code if isinstance(answer, Denial) else "")
    assert said == ["", "", Code.MAX_ORDERS_PER_SEC, "", Code.MAX_ORDERS_PER_DAY, Code.MAX_ORDERS_PER_DAY]
    view.now_ns += 86_400 * S
    view.looks[BTC].at_ns = view.now_ns
    assert isinstance(checked.judge(ENTRY, view), OrderRequest)


def test_orders_of_all_instruments_of_an_account_are_counted_together() -> None:
    view, checked = FakeView(), gate(max_orders_per_sec=1)
    view.known[ETH], view.looks[ETH] = rules(ETH), view.book(ETH, 1_000_000, 1_000_001)
    assert isinstance(checked.judge(ENTRY, view), OrderRequest)
    said = checked.judge(msgspec.structs.replace(ENTRY, symbol=ETH), view)
    assert isinstance(said, Denial)
    assert said.code == Code.MAX_ORDERS_PER_SEC


def turns(orders: list[OrderRequest], *, apart_ms: int = 10, most: int = 2) -> list[str]:
    """The codes of orders one after another, each filled at once where it passes."""
    view, checked = FakeView(), gate(max_reversals_per_min=most, max_orders_per_sec=0)
    said = []
    for number, request in enumerate(orders):
        view.now_ns = NOON + number * apart_ms * 1_000_000
        view.looks[BTC].at_ns = view.now_ns
        answer = checked.judge(request, view)
        said.append(answer.code if isinstance(answer, Denial) else "")
        if isinstance(answer, OrderRequest) and (request.kind is OrderKind.MARKET or request.price == 1_000_005):
            view.held[BTC, PositionSide.BOTH] = view.position(BTC) + (10 if request.side is BUY else -10)
    return said


BUYS, SELLS = order(BUY, 10), order(SELL, 10)


def test_a_position_that_is_opened_anew_at_every_book_is_bounded() -> None:
    denied = Code.MAX_REVERSALS_PER_MIN
    # bought, closed, bought, closed, bought, closed; then nothing is opened on either side
    assert turns([BUYS, SELLS] * 5) == [""] * 6 + [denied] * 4
    assert turns([BUYS, SELLS] * 5, most=0) == [""] * 10
    assert turns([BUYS, SELLS] * 4, apart_ms=20_000) == [""] * 8, "the oldest is over after a minute"
    assert turns([BUYS] * 4) == [""] * 4, "adding to a position is no turn"
    crossing = order(BUY, 10, 1_000_005)
    assert turns([crossing, SELLS] * 4) == [""] * 6 + [denied] * 2, "a limit that crosses takes at once, too"


def test_quotes_on_both_sides_are_no_turns() -> None:
    assert turns([order(BUY, 10, 1_000_000), order(SELL, 10, 1_000_001)] * 50) == [""] * 100


def test_cancels_are_counted_too() -> None:
    view, checked = FakeView(), gate(max_cancels_per_sec=2)
    assert [checked.judge_cancel(BTC, view) for _ in range(2)] == [None, None]
    denial = checked.judge_cancel(BTC, view)
    assert denial is not None
    assert (denial.code, denial.limit, denial.found) == (Code.MAX_CANCELS_PER_SEC, "2", "3")
    view.now_ns += S
    assert checked.judge_cancel(BTC, view) is None


def test_the_same_order_refused_for_the_same_reason_is_paused() -> None:
    view, checked = FakeView(), gate(max_same_rejects=3, reject_pause_s=60)
    for code in ("-2010", "-1111", "-2010", "-2010"):
        checked.refused(ENTRY, code, view)
        assert isinstance(checked.judge(ENTRY, view), OrderRequest)
    checked.refused(ENTRY, "-2010", view)
    said = checked.judge(ENTRY, view)
    assert isinstance(said, Denial)
    assert (said.code, said.limit) == (Code.SAME_REJECTS, "3")
    assert isinstance(checked.judge(order(BUY, 11, 1_000_000), view), OrderRequest)
    view.now_ns += 60 * S
    view.looks[BTC].at_ns = view.now_ns
    assert isinstance(checked.judge(ENTRY, view), OrderRequest)


def test_a_market_order_that_is_refused_again_and_again_is_the_same_order_at_every_price() -> None:
    view, checked = FakeView(), gate()
    for number in range(3):
        view.looks[BTC].ask += number
        went = checked.judge(order(BUY, 10), view)
        assert isinstance(went, OrderRequest)
        checked.refused(went, "-2019", view)
    said = checked.judge(order(BUY, 10), view)
    assert isinstance(said, Denial)
    assert said.code == Code.SAME_REJECTS


def test_losses_in_a_row_count_only_where_they_are_limited() -> None:
    view = FakeView()
    view.today = Day(losses=5)
    assert judged(view, ENTRY) == ""
    assert judged(view, ENTRY, max_losses_in_a_row=6) == ""
    assert judged(view, ENTRY, max_losses_in_a_row=5) == Code.MAX_LOSSES_IN_A_ROW


def test_losses_lead_down_the_ladder_with_their_figures() -> None:
    view = FakeView()
    view.today = Day(realized=-400_0000, fees=100_0000, total=-500_0000, losses=3)
    found = dict(gate(max_drawdown_pct=4, max_losses_in_a_row=3).breaches(BTC, view))
    assert found == {
        Cause.DAILY_LOSS: "500, allowed 500",
        Cause.DRAWDOWN: "4.76 %, allowed 4 %",
        Cause.LOSSES_IN_A_ROW: "3, allowed 3",
    }
    view.today = Day()
    assert gate().breaches(BTC, view) == []
    assert gate().breaches("binance-usdm:NONE", view) == []


KEYS: list[tuple[Code, str, Any, Callable[[FakeView], None]]] = [
    (Code.BOOK_STALE, "stale_after_ms", 500, changed(now_ns=NOON + S)),
    (Code.STREAM_STALE, "exec_stale_after_ms", 500, changed(proof_ns=S)),
    (Code.EVENT_OVERDUE, "event_overdue_ms", 500, changed(unseen_ns=S)),
    (Code.ACCOUNT_STALE, "account_stale_after_s", 1, changed(margins=Margin(read_age_ns=2 * S))),
    (Code.PRICE_COLLAR, "price_collar_bp", 1, looking(has_mark=True, mark=999_000, mark_at_ns=NOON)),
    (Code.MAX_OPEN_ORDERS, "max_open_orders", 1, full_of(1)),
    (Code.MAX_DAILY_LOSS, "max_daily_loss", Decimal(1), changed(today=Day(realized=-1_0000))),
    (Code.MAX_DRAWDOWN, "max_drawdown_pct", 1, changed(today=Day(total=-200_0000))),
    (Code.MAX_MARGIN_RATIO, "max_margin_ratio_pct", 1, changed(margins=Margin(read_age_ns=0, ratio_bp=200))),
    (Code.LIQUIDATION_DISTANCE, "min_liquidation_distance_pct", 40, changed(margins=Margin(read_age_ns=0, liquidation=700_000))),
    (Code.FAT_FINGER_PRICE, "fat_finger_price_bp", 10, looking(median_price=995_000)),
    (Code.FAT_FINGER_SIZE, "fat_finger_size", 2, looking(median_size=4)),
]


@every(KEYS)
def test_a_narrower_limit_denies_what_the_default_lets_pass(case: tuple[Code, str, Any, Callable[[FakeView], None]]) -> None:
    code, field, value, change = case
    view = FakeView()
    change(view)
    assert judged(view, ENTRY) == ""
    assert judged(view, ENTRY, **{field: value}) == code


def test_self_crossing_can_be_allowed() -> None:
    view = FakeView()
    at_ask(view)
    assert judged(view, order(BUY, 10, 1_000_001), self_cross="allow") == ""
    assert sent(view, order(BUY, 10), self_cross="allow").price == 1_005_000


def test_what_is_zero_is_switched_off() -> None:
    view = FakeView()
    view.today, view.margins = Day(losses=99, total=-9_000_0000), Margin(read_age_ns=0, ratio_bp=9_999, liquidation=999_999)
    view.looks[BTC].median_price, view.looks[BTC].median_size = 500_000, 1
    off = dict.fromkeys(
        ("max_drawdown_pct", "max_margin_ratio_pct", "min_liquidation_distance_pct", "max_losses_in_a_row", "fat_finger_price_bp",
         "fat_finger_size", "max_orders_per_sec", "max_orders_per_day", "max_reversals_per_min", "max_open_orders"), 0)  # fmt: skip
    assert judged(view, ENTRY, **off) == ""


# -- what goes out ----------------------------------------------------------------------------------------------------


def test_a_market_order_goes_as_an_ioc_limit_at_the_collar() -> None:
    view = FakeView()
    went = sent(view, order(BUY, 10))
    assert (went.kind, went.force, went.price, went.quantity) == (OrderKind.LIMIT, Force.IOC, 1_005_000, 10)
    view.looks[BTC].has_mark, view.looks[BTC].mark, view.looks[BTC].mark_at_ns = True, 998_000, NOON
    assert sent(view, order(BUY, 10)).price == 1_002_990
    assert sent(view, order(SELL, 10)).price == 995_001


def test_a_market_order_stops_short_of_our_own_resting_order() -> None:
    view = FakeView()
    view.work(SELL, 10, price=1_000_500)
    assert sent(view, order(BUY, 10)).price == 1_000_499


def test_money_buys_so_many_whole_lots() -> None:
    view = FakeView()
    view.can = SPOT
    went = sent(view, order(BUY, None, funds=1_005_0000))
    assert (went.quantity, went.funds, went.kind) == (10, None, OrderKind.LIMIT)


def test_a_reducing_order_beside_a_stale_book_is_a_plain_market_order() -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 10
    view.now_ns += 60 * S
    for asked in (order(SELL, 10), order(SELL, 10, 900_000, force=Force.IOC)):
        went = sent(view, asked)
        assert (went.kind, went.price, went.reduce_only, went.quantity) == (OrderKind.MARKET, None, True, 10)
    view.can = SPOT
    assert (sent(view, order(SELL, 10)).kind, sent(view, order(SELL, 10)).reduce_only) == (OrderKind.MARKET, False)
    assert judged(view, order(BUY, 10)) == Code.BOOK_STALE


def test_a_reducing_order_whose_price_the_venue_does_not_take_is_a_plain_market_order() -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 10
    view.known[BTC] = rules(ask_band=(99_900, 110_000))  # the collar, 0.5 %, is below what the venue takes
    went = sent(view, order(SELL, 10))
    assert (went.kind, went.price, went.reduce_only, went.quantity) == (OrderKind.MARKET, None, True, 10)
    view.held[BTC, PositionSide.BOTH] = 0
    assert judged(view, order(SELL, 10)) == Code.PRICE_BAND


def test_after_a_refusal_of_a_stand_in_a_reducing_order_is_a_plain_market_order() -> None:
    view, checked = FakeView(), gate()
    view.held[BTC, PositionSide.BOTH] = 10
    first = checked.judge(order(SELL, 10), view)
    assert isinstance(first, OrderRequest)
    assert (first.kind, first.force) == (OrderKind.LIMIT, Force.IOC)
    checked.refused(first, "-4024", view)  # the venue's mark price is not what was told last
    again = checked.judge(order(SELL, 10), view)
    assert isinstance(again, OrderRequest)
    assert (again.kind, again.price, again.reduce_only) == (OrderKind.MARKET, None, True)
    entry = checked.judge(order(BUY, 10), view)
    assert isinstance(entry, OrderRequest)
    assert entry.kind is OrderKind.LIMIT, "what opens goes no further than the collar"
    view.now_ns += 61 * S
    view.looks[BTC].at_ns = view.now_ns
    later = checked.judge(order(SELL, 10), view)
    assert isinstance(later, OrderRequest)
    assert later.kind is OrderKind.LIMIT


def test_a_reducing_order_passes_while_nothing_else_does() -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 2_000
    view.rung, view.reconciled, view.proof_ns, view.worth = Rung.REDUCING, False, 99 * S, None
    view.margins, view.today = Margin(), Day(realized=-9_999_0000)
    full_of(200)(view)
    went = sent(view, order(SELL, 2_000, 1_000_000))
    assert (went.quantity, went.reduce_only) == (2_000, True)


def test_a_close_that_is_larger_than_the_venue_takes_at_once_is_cut() -> None:
    view = FakeView()
    view.known[BTC] = rules(most=1_000, market_most=300)
    view.held[BTC, PositionSide.BOTH] = 2_000
    assert sent(view, order(SELL, 2_000)).quantity == 1_000
    view.now_ns += 60 * S
    assert sent(view, order(SELL, 2_000)).quantity == 300


def test_less_than_the_least_money_may_be_closed_where_the_venue_spares_reduce_only_orders() -> None:
    view = FakeView()
    view.known[BTC] = rules(min_notional=500_0000)
    view.held[BTC, PositionSide.BOTH] = 3
    assert sent(view, order(SELL, 3)).reduce_only
    view.can = SPOT
    assert judged(view, order(SELL, 3)) == Code.MIN_NOTIONAL


def test_quantities_are_rounded_down_never_up() -> None:
    view = FakeView()
    view.known[BTC] = rules(lot=4, least=4)
    assert sent(view, order(BUY, 11, 1_000_000)).quantity == 8


def test_a_stop_may_follow_while_the_trader_is_halted_and_not_while_it_is_flattened() -> None:
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 10
    view.rung = Rung.HALTED
    assert judged(view, order(SELL, 10, **STOP)) == ""
    assert judged(view, order(SELL, None, **STOP | {"reduce_only": False, "close_position": True})) == ""
    assert judged(view, order(SELL, 10, reduce_only=True)) == Code.HALTED
    view.rung = Rung.FLATTEN
    assert judged(view, order(SELL, 10, **STOP)) == Code.FLATTEN


def test_both_ends_of_a_position_rest_beside_an_exit() -> None:
    """On a venue with reduce-only orders each of them may be as large as the position."""
    view = FakeView()
    view.held[BTC, PositionSide.BOTH] = 10
    view.work(SELL, 10, **STOP)
    view.work(SELL, 10, price=1_010_000, reduce_only=True)
    assert judged(view, order(SELL, 10)) == ""
    view.rung = Rung.REDUCING
    assert judged(view, order(SELL, 10)) == ""


def test_on_spot_what_is_promised_to_a_stop_is_not_sold_twice() -> None:
    view = FakeView()
    view.can, view.held[BTC, PositionSide.BOTH] = SPOT, 10
    for kind in ({"price": 1_010_000}, {"kind": OrderKind.STOP, "trigger": 985_000}):
        view.work(SELL, 10, list_id="l1", **kind)
    assert judged(view, order(SELL, 1)) == Code.NO_SHORT
    view.held[BTC, PositionSide.BOTH] = 11
    assert judged(view, order(SELL, 1, reduce_only=True)) == ""


def test_legs_are_positions_of_their_own() -> None:
    view = FakeView()
    view.held = {(BTC, PositionSide.LONG): 10, (BTC, PositionSide.SHORT): -10}
    view.rung = Rung.REDUCING
    assert judged(view, order(SELL, 10, position_side=PositionSide.LONG)) == ""
    assert judged(view, order(BUY, 10, position_side=PositionSide.LONG)) == Code.REDUCING
    assert judged(view, order(BUY, 10, position_side=PositionSide.SHORT)) == ""
    assert judged(view, order(SELL, 10, position_side=PositionSide.SHORT)) == Code.REDUCING


# -- the bar: in REDUCING no accepted order makes more of it ------------------------------------------------------------

ORDERS = some.builds(
    dict, side=some.sampled_from([BUY, SELL]), rest=some.integers(0, 50), unknown=some.booleans(), reduce_only=some.booleans(),
    price=some.sampled_from([None, 999_000, 1_001_000]), list_id=some.sampled_from(["", "", "a"]),
)  # fmt: skip


@given(
    position=some.integers(-60, 60), working=some.lists(ORDERS, max_size=5), side=some.sampled_from([BUY, SELL]),
    quantity=some.integers(1, 80), price=some.sampled_from([None, 998_000, 1_000_000, 1_002_000]), reduce_only=some.booleans(),
    can=some.sampled_from([FUTURES, SPOT]), stale=some.booleans(), taken=some.lists(some.booleans(), min_size=5, max_size=5),
)  # fmt: skip
@settings(max_examples=tries(250), deadline=None)
def test_while_reducing_no_accepted_order_raises_the_projected_position(
    position: int, working: list[dict[str, Any]], side: Side, quantity: int, price: int | None, reduce_only: bool, can: Any, stale: bool,
    taken: list[bool],
) -> None:  # fmt: skip
    view = FakeView()
    view.can, view.rung, view.held[BTC, PositionSide.BOTH] = can, Rung.REDUCING, position
    for each in working:
        view.work(**each)
    if stale:
        view.looks[BTC].at_ns -= 60 * S
    said = gate().judge(order(side, quantity, price, reduce_only=reduce_only), view)
    if isinstance(said, Denial):
        return
    assert said.quantity is not None
    assert said.quantity <= quantity
    before = exposure(position, view.working(BTC), venue_bounds=can.reduce_only)
    bounded = can.reduce_only and said.reduce_only
    change = 0 if bounded else said.quantity
    buys, sells = (change, 0) if side is Side.BUY else (0, change)
    after = Exposure(before.position, before.low - sells, before.high + buys)
    assert after.worst <= before.worst
    # Whatever of the others is filled, this one then brings the position nearer to 0, and not across.
    reached = position
    done: set[tuple[str, Side]] = set()
    for each, is_filled in zip(view.working(BTC), taken, strict=False):
        mine = (each.request.list_id, each.request.side)
        if not is_filled or (each.request.list_id and mine in done):
            continue
        done.add(mine)
        rest = each.rest if each.request.side is BUY else -each.rest
        if can.reduce_only and each.request.reduce_only:
            rest = max(-max(reached, 0), min(rest, max(-reached, 0)))
        reached += rest
    step = said.quantity if side is BUY else -said.quantity
    if bounded:
        step = max(-max(reached, 0), min(step, max(-reached, 0)))
        assert abs(reached + step) <= abs(reached)
    else:
        assert abs(reached + step) < abs(reached)
        assert (reached + step) * reached >= 0


# -- pieces -----------------------------------------------------------------------------------------------------------


def test_what_nobody_knows_counts_in_full_and_makes_up_for_nothing() -> None:
    view = FakeView()
    view.work(BUY, 30, unknown=True)
    view.work(SELL, 20)
    assert exposure(10, view.working(BTC), venue_bounds=True) == Exposure(10, -10, 40)
    assert exposure(10, view.working(BTC), venue_bounds=True).worst == 40


@given(some.integers(1, 10**9), some.integers(1, 10**5), some.integers(0, 10**9), some.integers(0, 5_000))
def test_the_collar_is_on_the_safe_side_of_both_prices(bid: int, spread: int, mark: int, bp: int) -> None:
    look = Look(bid=bid, ask=bid + spread, mark=mark, has_mark=mark > 0)
    high, low = collar(BUY, look, bp), collar(SELL, look, bp)
    assert high * 2 * 100_000 <= (2 * bid + spread) * (100_000 + bp)
    assert low * 2 * 100_000 >= (2 * bid + spread) * (100_000 - bp)
    if mark:
        assert high * 100_000 <= mark * (100_000 + bp)
        assert low * 100_000 >= mark * (100_000 - bp)


def test_money_of_one_instrument_in_that_of_another_is_never_less() -> None:
    finer, coarser = rules(price_power=-2, size_power=-4), rules()
    assert in_money_of(7, coarser, finer) == 700
    assert in_money_of(701, finer, coarser) == 8
    assert in_money_of(-701, finer, coarser) == -8


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_explained_to_people(code: Code) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "trading-limits.md").read_text(encoding="utf-8")
    assert f"| `{code.value}` |" in page
