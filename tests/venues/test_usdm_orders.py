"""Orders of USDⓈ-M futures, as values: what is sent, what each answer proves, what each event says. No network."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import (
    Action,
    AlgoUpdate,
    BalanceUpdate,
    CancelRefused,
    CancelSent,
    ConfigUpdate,
    FillUpdate,
    Force,
    FundingUpdate,
    MarginCall,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionSide,
    PositionsRead,
    PositionUpdate,
    ReadFailed,
    TradesRead,
    Unanswered,
    Unread,
    text_of,
)
from hoga.venues.binance.orders import OUTCOMES, Outcome
from hoga.venues.binance.usdm_orders import USDM_ORDERS
from hoga.venues.orders import RuleBook, Target, Told, nearest, whole
from tests.venues.orders_desk import rules, run, told

RULES = rules("binance-usdm:BTCUSDT", -1, -3, settle="USDT")
BOOK = RuleBook("binance-usdm", [RULES])
ORDER = OrderRequest(client_id="hg1s1-1", symbol=RULES.symbol, side=Side.BUY, quantity=10, price=673_211)
STOP = OrderRequest(client_id="hg1s1-2", symbol=RULES.symbol, side=Side.SELL, kind=OrderKind.STOP, trigger=660_000, close_position=True)
TARGET = Target(symbol=RULES.symbol, client_id="hg1s1-1")
ROW = {
    "orderId": 8886774, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "hg1s1-1", "price": "67321.10", "origQty": "0.010",
    "executedQty": "0.000", "cumQty": "0.000", "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False, "closePosition": False,
    "side": "BUY", "positionSide": "BOTH", "stopPrice": "0.00", "origType": "LIMIT", "updateTime": 1790771372498,
}  # fmt: skip


def fault(code: int, text: str = "") -> dict[str, object]:
    return {"code": code, "msg": text}


def answered(status: int, body: object) -> Any:
    return USDM_ORDERS.answered(ORDER, RULES, told(body, status))


# -- numbers -----------------------------------------------------------------------------------------------------


@given(st.integers(-(10**20), 10**20), st.integers(-12, 3))
def test_a_number_is_read_as_it_is_spelt(number: int, power: int) -> None:
    assert whole(text_of(number, power), power) == number
    text = text_of(number, power)
    assert whole(f"{text}00" if "." in text else f"{text}.00", power) == number


@given(st.integers(-(10**9), 10**9), st.integers(-8, 8))
def test_exponents_are_numbers_too(number: int, exponent: int) -> None:
    assert whole(f"{number}E{exponent}", -8) == number * 10 ** (exponent + 8)


@pytest.mark.parametrize("text", ["", "-", ".", "1_0", " 1", "1 ", "0x1", "NaN", "Infinity", "1e", "1e1e1", "１", "1" * 70, "1e99999"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        whole(text, -2)


def test_what_is_finer_is_refused_for_a_quantity_and_cut_off_for_a_price() -> None:
    with pytest.raises(ValueError, match="finer"):
        whole("0.0105", -3)
    assert nearest("67321.19", -1) == 673_211
    assert nearest("-0.19", -1) == -1
    assert whole("0.00100", -3) == 1


# -- what is sent ------------------------------------------------------------------------------------------------


def params(order: OrderRequest) -> dict[str, str | int]:
    return dict(USDM_ORDERS.new(order, RULES).params)


def test_a_limit_order_is_sent_as_it_was_asked_for() -> None:
    request = USDM_ORDERS.new(ORDER, RULES)
    assert (request.method, request.path, request.repeatable) == ("POST", "/fapi/v1/order", False)
    assert request.target == (
        "/fapi/v1/order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=67321.1"
        "&newClientOrderId=hg1s1-1&newOrderRespType=RESULT"
    )


def test_each_kind_of_order_has_the_words_of_the_venue() -> None:
    market = OrderRequest(client_id="a", symbol=RULES.symbol, side=Side.SELL, kind=OrderKind.MARKET, quantity=7, reduce_only=True)
    assert params(market) == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.007", "reduceOnly": "true", "newClientOrderId": "a",
        "newOrderRespType": "RESULT",
    }  # fmt: skip
    hedged = OrderRequest(client_id="a", symbol=RULES.symbol, side=Side.SELL, kind=OrderKind.MARKET, quantity=7, reduce_only=True,
                          position_side=PositionSide.LONG)  # fmt: skip
    assert "reduceOnly" not in params(hedged)
    assert params(hedged)["positionSide"] == "LONG"
    post = OrderRequest(client_id="a", symbol=RULES.symbol, side=Side.BUY, quantity=7, price=10, force=Force.POST_ONLY)
    assert params(post)["timeInForce"] == "GTX"
    stop = USDM_ORDERS.new(STOP, RULES)
    assert stop.path == "/fapi/v1/algoOrder"
    assert dict(stop.params) == {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "66000",
        "closePosition": "true", "workingType": "MARK_PRICE", "clientAlgoId": "hg1s1-2",
    }  # fmt: skip
    trail = OrderRequest(client_id="a", symbol=RULES.symbol, side=Side.SELL, kind=OrderKind.TRAIL, quantity=7, distance_bp=150,
                         activation=680_000, reduce_only=True)  # fmt: skip
    assert params(trail)["callbackRate"] == "1.5"
    assert (params(trail)["activatePrice"], params(trail)["reduceOnly"], params(trail)["quantity"]) == ("68000", "true", "0.007")


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.sampled_from(Side))
def test_what_was_asked_for_and_what_the_venue_has_are_the_same_integers(quantity: int, price: int, side: Side) -> None:
    order = OrderRequest(client_id="x", symbol=RULES.symbol, side=side, quantity=quantity, price=price)
    sent = params(order)
    row = ROW | {"origQty": sent["quantity"], "price": sent["price"], "side": sent["side"], "clientOrderId": sent["newClientOrderId"]}
    event = USDM_ORDERS.answered(order, RULES, told(row))
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.quantity, event.order.price, event.order.side, event.order.client_id) == (quantity, price, side, "x")


@pytest.mark.parametrize("broken", [{"quantity": None}, {"price": None}, {"kind": OrderKind.STOP}, {"kind": OrderKind.TRAIL}])
def test_an_order_that_lacks_something_is_a_mistake_of_ours(broken: dict[str, Any]) -> None:
    known: dict[str, Any] = {"client_id": "a", "symbol": RULES.symbol, "side": Side.BUY, "quantity": 1, "price": 1}
    with pytest.raises(ValueError, match="needs"):
        USDM_ORDERS.new(OrderRequest(**(known | broken)), RULES)


# -- what an answer proves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(OUTCOMES))
def test_each_documented_code_proves_what_the_table_says(code: int) -> None:
    event = answered(400, fault(code, "some text"))
    if OUTCOMES[code] is Outcome.UNKNOWN:
        assert isinstance(event, Unanswered)
        assert event.action is Action.NEW
        assert str(code) in event.why
    else:
        assert isinstance(event, OrderRefused)
        assert (event.code, event.text) == (str(code), "some text")
    assert json.loads(event.raw)["code"] == code


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (503, fault(0, "Unknown error, please check your request or try again later."), False),
        (503, fault(0, "Service Unavailable."), True),
        (503, fault(-1001, "Internal error; unable to process your request. Please try again."), True),
        (503, fault(-1001, "Something else."), False),
        (503, fault(-1008, "Server is currently overloaded with other requests."), True),
        (500, b"", False),
        (502, b"<html>bad gateway</html>", False),
        (504, b"", False),
        (408, fault(-1007, "Timeout waiting for response from backend server."), False),
        (408, b"", False),
        (429, b"slow down", True),
        (418, fault(-1003, "banned"), True),
        (403, b"<html>firewall</html>", True),
        (451, b"", True),
        (400, b"no json", False),
        (400, fault(-9999, "new code"), True),
        (302, b"", False),
        (400, fault(-4116, "ClientOrderId is duplicated."), False),
        (200, b"{}", False),
        (200, b"<html>", False),
        (200, b'{"orderId":1,"symbol":"BTCUSDT","clientOrderId":"x","status":"NEW","side":"SIDEWAYS"}', False),
        (200, b'{"orderId":1,"symbol":"BTCUSDT","clientOrderId":"x","status":"NEW","side":"BUY","executedQty":"0.00001"}', False),
    ],
)
def test_what_each_kind_of_answer_to_a_new_order_proves(status: int, body: object, refused: bool) -> None:
    event = answered(status, body)
    assert isinstance(event, OrderRefused if refused else Unanswered)
    assert (event.client_id, event.symbol, event.at_ns) == ("hg1s1-1", RULES.symbol, 9)


def test_a_ban_says_for_how_long() -> None:
    event = USDM_ORDERS.answered(ORDER, RULES, told(fault(-1003, "banned until 1790771372498."), 418, retry_after_s=None))
    assert isinstance(event, OrderRefused)
    assert event.retry_after_s == 1790771372.498
    event = USDM_ORDERS.answered(ORDER, RULES, told(b"", 429, retry_after_s=7.0))
    assert isinstance(event, OrderRefused)
    assert event.retry_after_s == 7.0


def test_an_order_that_was_taken_says_how_far_it_is() -> None:
    event = answered(200, ROW | {"status": "PARTIALLY_FILLED", "executedQty": "0.004"})
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.state, event.order.filled, event.order.venue_id) == (OrderState.PARTIAL, 4, "8886774")
    stop = {"algoId": 77, "clientAlgoId": "hg1s1-2", "symbol": "BTCUSDT", "side": "SELL", "algoStatus": "NEW", "orderType": "STOP_MARKET",
            "quantity": None, "triggerPrice": "66000.0", "closePosition": True, "actualOrderId": ""}  # fmt: skip
    event = USDM_ORDERS.answered(STOP, RULES, told(stop))
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.state, event.order.venue_id, event.order.quantity) == (OrderState.WAITING, "77", None)


def test_a_cancel_is_done_refused_or_nobody_knows() -> None:
    done = USDM_ORDERS.cancelled(TARGET, RULES, told(ROW | {"status": "CANCELED", "executedQty": "0.003"}))
    assert isinstance(done, CancelSent)
    assert done.final
    assert done.order is not None
    assert done.order.filled == 3
    gone = USDM_ORDERS.cancelled(TARGET, RULES, told(fault(-2011, "Unknown order sent."), 400))
    assert isinstance(gone, CancelRefused)
    assert gone.unknown
    limited = USDM_ORDERS.cancelled(TARGET, RULES, told(b"", 429))
    assert isinstance(limited, CancelRefused)
    assert not limited.unknown
    lost = USDM_ORDERS.cancelled(TARGET, RULES, told(b"", 502))
    assert isinstance(lost, Unanswered)
    assert lost.action is Action.CANCEL
    waiting = Target(symbol=RULES.symbol, client_id="hg1s1-2", waits=True)
    assert USDM_ORDERS.cancel(waiting).target == "/fapi/v1/algoOrder?clientAlgoId=hg1s1-2"
    assert isinstance(USDM_ORDERS.cancelled(waiting, RULES, told({"algoId": 77, "code": "200", "msg": "success"})), CancelSent)


def test_a_query_finds_denies_or_brings_nothing() -> None:
    assert USDM_ORDERS.query(TARGET).target == "/fapi/v1/order?symbol=BTCUSDT&origClientOrderId=hg1s1-1"
    (found,) = USDM_ORDERS.found(TARGET, RULES, told(ROW | {"status": "FILLED", "executedQty": "0.010"}))
    assert isinstance(found, OrderUpdate)
    assert found.state is OrderState.FILLED
    assert found.raw
    (denied,) = USDM_ORDERS.found(TARGET, RULES, told(fault(-2013, "Order does not exist."), 400))
    assert isinstance(denied, NotFound)
    assert denied.asked_ns == 5
    for body, status in ((b"", 500), (b"[]", 200), (fault(-1021), 400)):
        (failed,) = USDM_ORDERS.found(TARGET, RULES, told(body, status))
        assert isinstance(failed, ReadFailed)
        assert failed.client_id == "hg1s1-1"
    (odd,) = USDM_ORDERS.found(TARGET, RULES, told(ROW | {"status": "ASCENDED"}))
    assert isinstance(odd, OrderUpdate)
    assert (odd.state, odd.said) == (OrderState.OTHER, "ASCENDED")


# -- listings ------------------------------------------------------------------------------------------------------


def test_open_orders_are_of_both_services() -> None:
    algo = {"algoId": 77, "clientAlgoId": "c", "symbol": "XYZUSDT", "side": "SELL", "algoStatus": "NEW", "orderType": "STOP_MARKET",
            "quantity": None, "triggerPrice": "0.000001230000", "closePosition": True}  # fmt: skip
    calls, event = run(USDM_ORDERS.open_orders(BOOK, ""), told([ROW]), told([algo]))
    assert [call.target for call in calls] == ["/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"]
    assert [call.weight for call in calls] == [40, 40]
    assert isinstance(event, OpenOrders)
    assert event.asked_ns == 5
    regular, waiting = (each.order for each in event.orders)
    assert isinstance(regular, OrderUpdate)
    assert regular.quantity == 10
    assert isinstance(waiting, AlgoUpdate)
    assert (waiting.quantity, waiting.symbol) == (None, "binance-usdm:XYZUSDT")
    assert not BOOK.knows("XYZUSDT")
    assert not BOOK.of("XYZUSDT").is_trading


@pytest.mark.parametrize("second", [told(b"", 503), told(b"no"), told({"code": -1}), told([{"algoId": "x"}]), told([{}])])
def test_a_listing_that_failed_is_no_empty_listing(second: Told) -> None:
    _, event = run(USDM_ORDERS.open_orders(BOOK, "BTCUSDT"), told([]), second)
    assert isinstance(event, ReadFailed)
    assert (event.what, event.symbol) == ("open orders", "BTCUSDT")


def test_positions_are_signed_and_what_is_flat_is_not_there() -> None:
    rows = [
        {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.015", "entryPrice": "67000.1", "liquidationPrice": "0"},
        {"symbol": "BTCUSDT", "positionSide": "LONG", "positionAmt": "0.000"},
    ]
    assert USDM_ORDERS.positions is not None
    _, event = run(USDM_ORDERS.positions(BOOK), told(rows))
    assert isinstance(event, PositionsRead)
    assert [(each.quantity, each.entry, each.liquidation) for each in event.positions] == [(-15, "67000.1", "")]
    assert [(each.worth, each.settle) for each in event.positions] == [(Decimal("-1005.0015"), "USDT")]
    _, broken = run(USDM_ORDERS.positions(BOOK), told([{"symbol": "BTCUSDT", "positionAmt": "1", "positionSide": "DIAGONAL"}]))
    assert isinstance(broken, ReadFailed)


def trade(number: int) -> dict[str, object]:
    return {"symbol": "BTCUSDT", "id": number, "orderId": 5, "side": "BUY", "price": "67000.10", "qty": "0.001", "commission": "0.0335",
            "commissionAsset": "USDT", "time": 1790771372498, "positionSide": "BOTH", "maker": True}  # fmt: skip


def test_trades_are_read_page_after_page_from_the_one_known_last() -> None:
    first, second = [trade(n) for n in range(8, 1008)], [trade(1008)]
    calls, event = run(USDM_ORDERS.trades(BOOK, "BTCUSDT", "7", 0), told(first), told(second))
    assert [dict(call.params)["fromId"] for call in calls] == [8, 1008]
    assert isinstance(event, TradesRead)
    assert event.whole
    assert len(event.fills) == 1001
    assert (event.fills[0].trade_id, event.fills[0].quantity, event.fills[0].fee) == ("8", 1, "0.0335")
    _, newest = run(USDM_ORDERS.trades(BOOK, "BTCUSDT", "", 0), told(first))
    assert isinstance(newest, TradesRead)
    assert not newest.whole
    _, few = run(USDM_ORDERS.trades(BOOK, "BTCUSDT", "", 0), told(second))
    assert isinstance(few, TradesRead)
    assert few.whole


def test_settings_are_read_and_that_a_kind_of_margin_is_so_already_is_no_fault() -> None:
    assert USDM_ORDERS.settings is not None
    assert USDM_ORDERS.was_set is not None
    _, event = run(USDM_ORDERS.settings(BOOK, "BTCUSDT"), told([{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 7}]))
    assert isinstance(event, ConfigUpdate)
    assert (event.leverage, event.margin_type) == (7, "cross")
    _, event = run(USDM_ORDERS.settings(BOOK, ""), told({"dualSidePosition": True}))
    assert isinstance(event, ConfigUpdate)
    assert event.hedge
    assert USDM_ORDERS.was_set(told(fault(-4046, "No need to change margin type."), 400)) == ""
    assert "-4047" in USDM_ORDERS.was_set(told(fault(-4047, "open orders"), 400))


# -- events --------------------------------------------------------------------------------------------------------

UPDATE = {
    "s": "BTCUSDT", "c": "hg1s1-1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.010", "p": "67321.10", "ap": "67321.10", "sp": "0",
    "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 8886774, "l": "0.004", "z": "0.004", "L": "67321.10", "N": "USDT", "n": "0.0538",
    "T": 1790771372498, "t": 537895190, "m": True, "R": False, "ot": "LIMIT", "ps": "BOTH", "cp": False, "er": "0",
}  # fmt: skip


def events(event: str, **parts: object) -> tuple[Any, ...]:
    return USDM_ORDERS.events(BOOK, json.dumps({"e": event, "E": 1790771372500, "T": 1790771372498, **parts}).encode(), 3)


@pytest.mark.parametrize(("done", "state"), [({"actualQty": "0.010"}, "filled"), ({"actualQty": "0.000"}, "canceled"), ({}, "filled")])
def test_a_query_of_a_waiting_order_that_was_met_says_what_it_became(done: dict[str, str], state: str) -> None:
    """Where it is not told how much of it was filled, its order is asked for: that it was cancelled nobody said."""
    row = {"algoId": 77, "clientAlgoId": "hg1s1-2", "symbol": "BTCUSDT", "side": "SELL", "algoStatus": "FINISHED",
           "orderType": "STOP_MARKET", "quantity": None, "actualOrderId": "991", **done}  # fmt: skip
    target = Target(symbol=RULES.symbol, client_id="hg1s1-2", venue_id="77", waits=True)
    (found,) = USDM_ORDERS.found(target, RULES, told(row))
    assert isinstance(found, AlgoUpdate)
    assert (found.child_id, found.said) == ("991", "FINISHED")
    assert found.state is (OrderState.FILLED if state == "filled" else OrderState.CANCELED)
    child = Target(symbol=RULES.symbol, client_id="hg1s1-2", venue_id="991")
    assert USDM_ORDERS.query(child).target == "/fapi/v1/order?symbol=BTCUSDT&orderId=991"


def test_a_fill_is_a_fill_and_an_update() -> None:
    fill, update = events("ORDER_TRADE_UPDATE", o=UPDATE)
    assert isinstance(fill, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (fill.trade_id, fill.quantity, fill.price, fill.fee, fill.maker) == ("537895190", 4, 673_211, "0.0538", True)
    assert (update.state, update.filled, update.quantity, update.event_ns) == (OrderState.PARTIAL, 4, 10, 1790771372498000000)
    (expired,) = events("ORDER_TRADE_UPDATE", o=UPDATE | {"x": "EXPIRED", "X": "EXPIRED_IN_MATCH", "t": 0, "er": "1"})
    assert (expired.state, expired.said, expired.reason) == (OrderState.EXPIRED, "EXPIRED_IN_MATCH", "self-trade prevention")


def test_a_waiting_order_names_its_child_once_it_has_one() -> None:
    algo = {"caid": "hg1s1-2", "aid": 77, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "SELL", "ps": "BOTH", "q": None,
            "X": "NEW", "ai": "", "tp": "66000.0", "cp": True, "R": False}  # fmt: skip
    (fresh,) = events("ALGO_UPDATE", o=algo)
    assert isinstance(fresh, AlgoUpdate)
    assert (fresh.state, fresh.child_id, fresh.quantity) == (OrderState.WAITING, "", None)
    (triggered,) = events("ALGO_UPDATE", o=algo | {"X": "TRIGGERED", "ai": "991", "aq": "0"})
    assert (triggered.state, triggered.child_id) == (OrderState.TRIGGERED, "991")
    (over,) = events("ALGO_UPDATE", o=algo | {"X": "FINISHED", "ai": 991, "aq": "0.010"})
    assert (over.state, over.child_id, over.said) == (OrderState.FILLED, "991", "FINISHED")
    (cut,) = events("ALGO_UPDATE", o=algo | {"X": "FINISHED", "ai": "991", "aq": "0"})
    assert cut.state is OrderState.CANCELED
    (rejected,) = events("ALGO_UPDATE", o=algo | {"X": "REJECTED", "rm": "Margin is insufficient."})
    assert (rejected.state, rejected.reason) == (OrderState.REJECTED, "Margin is insufficient.")


def test_the_account_is_told_in_parts() -> None:
    wallet, position = {"a": "USDT", "wb": "1001.21", "cw": "1001.21", "bc": "0"}, {"s": "BTCUSDT", "pa": "-0.010", "ep": "67000.1"}
    balance, held = events("ACCOUNT_UPDATE", a={"m": "ORDER", "B": [wallet], "P": [position | {"mt": "isolated", "ps": "BOTH"}]})
    assert isinstance(balance, BalanceUpdate)
    assert balance.balances[0].free == "1001.21"
    assert isinstance(held, PositionUpdate)
    assert (held.held.quantity, held.held.margin_type) == (-10, "isolated")
    funding, _ = events("ACCOUNT_UPDATE", a={"m": "FUNDING_FEE", "B": [wallet | {"bc": "-0.31"}]})
    assert isinstance(funding, FundingUpdate)
    assert (funding.amount, funding.symbol, funding.venue) == ("-0.31", "", "binance-usdm")
    (config,) = events("ACCOUNT_CONFIG_UPDATE", ac={"s": "BTCUSDT", "l": 25})
    assert isinstance(config, ConfigUpdate)
    assert (config.symbol, config.leverage) == (RULES.symbol, 25)
    assert events("ACCOUNT_CONFIG_UPDATE", ai={"j": True}) == ()
    (call,) = events("MARGIN_CALL", cw="3.16", p=[{"s": "BTCUSDT", "ps": "LONG", "pa": "0.010", "mt": "CROSSED", "up": "-1.1"}])
    assert isinstance(call, MarginCall)
    assert call.positions[0].position_side is PositionSide.LONG


def test_what_cannot_be_read_is_kept_and_told_with_whose_it_is() -> None:
    for broken in ({"q": "many"}, {"S": "SIDEWAYS"}, {"z": "0.00001"}, {"i": "x"}, {"ps": "DIAGONAL"}):
        (odd,) = events("ORDER_TRADE_UPDATE", o=UPDATE | broken)
        assert isinstance(odd, Unread)
        assert (odd.client_id, odd.symbol) == ("hg1s1-1", RULES.symbol), broken
        assert json.loads(odd.raw)["e"] == "ORDER_TRADE_UPDATE"
    (state,) = events("ORDER_TRADE_UPDATE", o=UPDATE | {"X": "ASCENDED", "x": "ASCENSION", "t": 0})
    assert isinstance(state, OrderUpdate)
    assert (state.state, state.said) == (OrderState.OTHER, "ASCENDED")
    (new,) = events("SOMETHING_NEW")
    assert isinstance(new, Unread)
    assert "SOMETHING_NEW" in new.why
    assert events("TRADE_LITE") == ()


@given(st.binary(max_size=200))
def test_no_garbage_raises(garbage: bytes) -> None:
    assert all(isinstance(each, Unread) for each in USDM_ORDERS.events(BOOK, garbage, 1))
    assert isinstance(USDM_ORDERS.answered(ORDER, RULES, told(garbage)), Unanswered)
    assert isinstance(run(USDM_ORDERS.trades(BOOK, "BTCUSDT", "", 0), told(garbage, 500))[1], ReadFailed)
