"""Orders of Binance spot, as values: what is sent, what each answer proves, what each event says. No network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import (
    AccountRead,
    BalanceUpdate,
    CancelSent,
    FillUpdate,
    Force,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    ReadFailed,
    TradesRead,
    Unanswered,
    Unread,
)
from hoga.venues.binance.orders import OUTCOMES, Outcome
from hoga.venues.binance.spot_orders import SPOT_ORDERS
from hoga.venues.orders import RuleBook, Target
from tests.venues.orders_desk import rules, run, told

RULES = rules("binance:BTCUSDT", -2, -5)
BOOK = RuleBook("binance", [RULES])
ORDER = OrderRequest(client_id="hg1s1-1", symbol=RULES.symbol, side=Side.BUY, quantity=1000, price=8_600_000)
ROW = {
    "symbol": "BTCUSDT", "orderId": 28001, "orderListId": -1, "clientOrderId": "hg1s1-1", "transactTime": 1790134512345,
    "price": "86000.00000000", "origQty": "0.01000000", "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000",
    "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "fills": [],
}  # fmt: skip


def params(order: OrderRequest) -> dict[str, str | int]:
    return dict(SPOT_ORDERS.new(order, RULES).params)


def order(**changes: Any) -> OrderRequest:
    known: dict[str, Any] = {"client_id": "a", "symbol": RULES.symbol, "side": Side.SELL, "quantity": 1000}
    return OrderRequest(**(known | changes))


def test_each_kind_of_order_has_the_words_of_the_venue() -> None:
    assert SPOT_ORDERS.new(ORDER, RULES).target == (
        "/api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=86000&newClientOrderId=hg1s1-1"
        "&newOrderRespType=FULL"
    )
    post = params(order(price=8_600_000, force=Force.POST_ONLY))
    assert post["type"] == "LIMIT_MAKER"
    assert "timeInForce" not in post
    paid = params(order(side=Side.BUY, kind=OrderKind.MARKET, quantity=None, funds=100 * 10**7))
    assert (paid["type"], paid["quoteOrderQty"]) == ("MARKET", "100")
    stop = params(order(kind=OrderKind.STOP, trigger=8_000_000))
    assert (stop["type"], stop["stopPrice"]) == ("STOP_LOSS", "80000")
    trail = params(order(kind=OrderKind.TRAIL, distance_bp=150, activation=8_700_000))
    assert (trail["type"], trail["trailingDelta"], trail["stopPrice"]) == ("STOP_LOSS", 150, "87000")


def test_a_stop_and_a_take_go_as_one_list() -> None:
    stop = order(client_id="s", kind=OrderKind.STOP, trigger=8_000_000, list_id="L")
    take = order(client_id="t", kind=OrderKind.TAKE, trigger=9_000_000, list_id="L")
    assert SPOT_ORDERS.new_list is not None
    assert SPOT_ORDERS.answered_list is not None
    sent = dict(SPOT_ORDERS.new_list([stop, take], RULES).params)
    assert (sent["side"], sent["quantity"], sent["listClientOrderId"]) == ("SELL", "0.01", "L")
    assert (sent["aboveType"], sent["aboveClientOrderId"], sent["aboveStopPrice"]) == ("TAKE_PROFIT", "t", "90000")
    assert (sent["belowType"], sent["belowClientOrderId"], sent["belowStopPrice"]) == ("STOP_LOSS", "s", "80000")
    limit = order(client_id="t", price=9_000_000, list_id="L")
    sent = dict(SPOT_ORDERS.new_list([stop, limit], RULES).params)
    assert (sent["aboveType"], sent["abovePrice"]) == ("LIMIT_MAKER", "90000")
    rows = [ROW | {"clientOrderId": each, "side": "SELL", "type": kind, "stopPrice": "80000.0"} for each, kind in
            (("s", "STOP_LOSS"), ("t", "TAKE_PROFIT"))]  # fmt: skip
    events = SPOT_ORDERS.answered_list([stop, take], RULES, told({"orderListId": 1, "orderReports": rows}))
    assert [type(each) for each in events] == [OrderAccepted, OrderAccepted]
    assert [each.order.state for each in events if isinstance(each, OrderAccepted) and each.order] == [OrderState.WAITING] * 2
    assert all(isinstance(each, Unanswered) for each in SPOT_ORDERS.answered_list([stop, take], RULES, told({"orderReports": rows[:1]})))
    assert all(isinstance(each, OrderRefused) for each in SPOT_ORDERS.answered_list([stop], RULES, told({"code": -2010, "msg": "no"}, 400)))
    for broken in ([stop], [stop, stop], [stop, take, take], [take, order(price=1)]):
        with pytest.raises(ValueError, match="a list needs"):
            SPOT_ORDERS.new_list(broken, RULES)


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.sampled_from(Side))
def test_what_was_asked_for_and_what_the_venue_has_are_the_same_integers(quantity: int, price: int, side: Side) -> None:
    wish = order(side=side, quantity=quantity, price=price)
    sent = params(wish)
    row = ROW | {"origQty": sent["quantity"], "price": sent["price"], "side": sent["side"], "clientOrderId": sent["newClientOrderId"]}
    event = SPOT_ORDERS.answered(wish, RULES, told(row))
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.quantity, event.order.price, event.order.side, event.order.client_id) == (quantity, price, side, "a")


@pytest.mark.parametrize(
    "broken", [{"quantity": None}, {}, {"kind": OrderKind.STOP}, {"kind": OrderKind.TRAIL}, {"quantity": None, "funds": 5, "price": 1}]
)
def test_an_order_that_lacks_something_is_a_mistake_of_ours(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs"):
        SPOT_ORDERS.new(order(**broken), RULES)


@pytest.mark.parametrize("code", sorted(OUTCOMES))
def test_each_documented_code_proves_what_the_table_says(code: int) -> None:
    event = SPOT_ORDERS.answered(ORDER, RULES, told({"code": code, "msg": "some text"}, 400))
    assert isinstance(event, Unanswered if OUTCOMES[code] is Outcome.UNKNOWN else OrderRefused)


def test_what_only_the_futures_say_of_a_failure_proves_nothing_here() -> None:
    for body in ({"code": 0, "msg": "Service Unavailable."}, {"code": -1001, "msg": "Internal error; unable to process your request."}):
        assert isinstance(SPOT_ORDERS.answered(ORDER, RULES, told(body, 503)), Unanswered)
    assert isinstance(SPOT_ORDERS.answered(ORDER, RULES, told({"code": -2010, "msg": "Duplicate order sent."}, 400)), Unanswered)


def test_an_answer_names_its_trades() -> None:
    fill = {"price": "86000.00000000", "qty": "0.00400000", "commission": "0.00000400", "commissionAsset": "BTC", "tradeId": 77}
    event = SPOT_ORDERS.answered(ORDER, RULES, told(ROW | {"status": "PARTIALLY_FILLED", "executedQty": "0.004", "fills": [fill]}))
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.state, event.order.filled) == (OrderState.PARTIAL, 400)
    (told_fill,) = event.fills
    assert (told_fill.trade_id, told_fill.quantity, told_fill.price, told_fill.fee, told_fill.fee_currency) == (
        "77", 400, 8_600_000, "0.00000400", "BTC",
    )  # fmt: skip


def test_a_cancel_names_the_order_not_the_cancel() -> None:
    target = Target(symbol=RULES.symbol, client_id="hg1s1-1")
    row = ROW | {"origClientOrderId": "hg1s1-1", "clientOrderId": "cancel7", "status": "CANCELED"}
    done = SPOT_ORDERS.cancelled(target, RULES, told(row))
    assert isinstance(done, CancelSent)
    assert done.final
    assert done.order is not None
    assert done.order.client_id == "hg1s1-1"
    assert SPOT_ORDERS.cancelled_all(told({"code": -2011, "msg": "Unknown order sent."}, 400)) == ""
    assert SPOT_ORDERS.cancelled_all(told(b"", 503)) == "HTTP 503"


def test_listings() -> None:
    waiting = ROW | {"type": "STOP_LOSS", "stopPrice": "80000.0", "isWorking": False, "clientOrderId": "s", "side": "SELL"}
    calls, event = run(SPOT_ORDERS.open_orders(BOOK, "BTCUSDT"), told([ROW, waiting]))
    assert calls[0].target == "/api/v3/openOrders?symbol=BTCUSDT"
    assert isinstance(event, OpenOrders)
    states = [each.order.state for each in event.orders]
    assert states == [OrderState.NEW, OrderState.WAITING]
    _, account = run(SPOT_ORDERS.account(BOOK), told({"balances": [{"asset": "BTC", "free": "1.0", "locked": "0.5"}], "canTrade": False}))
    assert isinstance(account, AccountRead)
    assert (account.balances[0].free, account.balances[0].locked, account.can_trade) == ("1.0", "0.5", False)
    row = {"symbol": "BTCUSDT", "id": 8, "orderId": 5, "price": "86000.00", "qty": "0.001", "commission": "1", "commissionAsset": "USDT",
           "time": 1790134512345, "isBuyer": False, "isMaker": True}  # fmt: skip
    _, trades = run(SPOT_ORDERS.trades(BOOK, "BTCUSDT", "7", 0), told([row]))
    assert isinstance(trades, TradesRead)
    assert (trades.fills[0].side, trades.fills[0].trade_id, trades.whole) == (Side.SELL, "8", True)
    _, failed = run(SPOT_ORDERS.account(BOOK), told({"balances": "none"}))
    assert isinstance(failed, ReadFailed)


REPORT = {
    "e": "executionReport", "E": 1790134512402, "s": "BTCUSDT", "c": "hg1s1-1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.01000000",
    "p": "86000.00000000", "P": "0.00000000", "g": -1, "C": "", "x": "TRADE", "X": "FILLED", "r": "NONE", "i": 28001,
    "l": "0.01000000", "z": "0.01000000", "L": "86000.00000000", "n": "0.00001000", "N": "BTC", "T": 1790134512401, "t": 5310011300,
    "w": False, "m": True,
}  # fmt: skip


def events(payload: object) -> tuple[Any, ...]:
    return SPOT_ORDERS.events(BOOK, json.dumps(payload).encode(), 3)


def test_a_report_is_a_fill_and_an_update_or_an_update() -> None:
    fill, update = events(REPORT)
    assert isinstance(fill, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (fill.trade_id, fill.quantity, fill.fee, fill.fee_currency) == ("5310011300", 1000, "0.00001000", "BTC")
    assert (update.state, update.filled) == (OrderState.FILLED, 1000)
    (cancelled,) = events(REPORT | {"x": "CANCELED", "X": "CANCELED", "c": "cancel7", "C": "hg1s1-1", "t": -1})
    assert (cancelled.client_id, cancelled.state) == ("hg1s1-1", OrderState.CANCELED)
    (prevented,) = events(REPORT | {"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "t": -1})
    assert (prevented.state, prevented.execution) == (OrderState.EXPIRED, "TRADE_PREVENTION")
    (waiting,) = events(REPORT | {"o": "STOP_LOSS", "x": "NEW", "X": "NEW", "P": "80000.0", "w": False, "t": -1, "z": "0"})
    assert (waiting.state, waiting.trigger) == (OrderState.WAITING, 8_000_000)
    (refused,) = events(REPORT | {"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES", "t": -1, "z": "0"})
    assert (refused.state, refused.reason) == (OrderState.REJECTED, "INSUFFICIENT_BALANCES")


def test_balances_are_told_and_what_cannot_be_read_is_kept() -> None:
    (balance,) = events({"e": "outboundAccountPosition", "E": 1, "u": 2, "B": [{"a": "BTC", "f": "0.1", "l": "0.2"}]})
    assert isinstance(balance, BalanceUpdate)
    assert (balance.balances[0].free, balance.balances[0].locked) == ("0.1", "0.2")
    assert events({"e": "listStatus", "s": "BTCUSDT", "c": "OCO", "C": "x"}) == ()
    (odd,) = events(REPORT | {"q": "0.000001"})
    assert isinstance(odd, Unread)
    assert (odd.client_id, odd.symbol) == ("hg1s1-1", RULES.symbol)
    (new,) = events({"e": "somethingNew"})
    assert isinstance(new, Unread)


@given(st.binary(max_size=200))
def test_no_garbage_raises(garbage: bytes) -> None:
    assert all(isinstance(each, Unread) for each in SPOT_ORDERS.events(BOOK, garbage, 1))
    assert isinstance(SPOT_ORDERS.answered(ORDER, RULES, told(garbage)), Unanswered)
    assert isinstance(run(SPOT_ORDERS.open_orders(BOOK, ""), told(garbage, 500))[1], ReadFailed)
