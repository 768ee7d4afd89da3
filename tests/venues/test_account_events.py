"""What venues tell of orders, conditional orders, lists, settings and margin: read exactly, and hurt by nothing that is new."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hoga
from hoga.core.market import (
    AccountConfig,
    AlgoOrder,
    DataType,
    Fill,
    ListedOrder,
    MarginCall,
    Order,
    OrderList,
    Positions,
    PressedPosition,
    Side,
    TriggerReject,
)
from hoga.hub.events import EVENTS
from hoga.venues.binance.lenient import flag, nanoseconds, number, word
from hoga.venues.private import Emit, Odd
from tests.venues.test_private_sessions import FUTURES_ACCOUNT, FUTURES_ORDER, NOW_MS, SPOT_REPORT, UPBIT_TRADE, body, session

D = Decimal
ALGO = {
    "e": "ALGO_UPDATE", "T": 1790771372297, "E": 1790771372303,
    "o": {
        "caid": "hg1-7", "aid": 2148719, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "SELL", "ps": "LONG", "f": "GTC",
        "q": "0.010", "X": "NEW", "ai": "", "ap": "0.00000", "aq": "0.00000", "act": "0", "tp": "75000.0", "p": "0", "V": "EXPIRE_MAKER",
        "wt": "MARK_PRICE", "pm": "NONE", "cp": False, "pP": True, "R": True, "tt": 0, "gtd": 0, "rm": "", "ia": "new since 2026-08",
    },
}  # fmt: skip
LIST = {
    "e": "listStatus", "E": 1790134512402, "s": "BTCUSDT", "g": 77, "c": "OCO", "l": "EXEC_STARTED", "L": "EXECUTING", "r": "NONE",
    "C": "hg1-list", "T": 1790134512401,
    "O": [{"s": "BTCUSDT", "i": 17, "c": "hg1-a"}, {"s": "BTCUSDT", "i": 18, "c": "hg1-b"}],
}  # fmt: skip
LEVERAGE = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1790771372500, "T": 1790771372498, "ac": {"s": "BTCUSDT", "l": 25}}
MULTI = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1790771372500, "T": 1790771372498, "ai": {"j": True}}
CALL = {
    "e": "MARGIN_CALL", "E": 1790771372500, "cw": "3.16812045",
    "p": [{"s": "ETHUSDT", "ps": "LONG", "pa": "1.327", "mt": "CROSSED", "iw": "0", "mp": "1871.71", "up": "-1.166074", "mm": "1.614445"}],
}  # fmt: skip
REJECT = {
    "e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "E": 1790771372500, "T": 1790771372498,
    "or": {"s": "ETHUSDT", "i": 155618472834, "r": "Due to the order could not be filled immediately, it was rejected."},
}  # fmt: skip
LITE = {
    "e": "TRADE_LITE", "E": 1, "T": 1, "s": "BTCUSDT", "q": "0.001", "p": "0", "m": False, "c": "x", "S": "BUY", "L": "1", "l": "1", "t": 1,
    "i": 8,
}  # fmt: skip


def text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def changed(frame: bytes, **more: Any) -> bytes:
    """The same event with other keys, in its order where it wraps one."""
    value = json.loads(frame)
    inner = value["o"] if isinstance(value.get("o"), dict) else value
    inner.update(more)
    return text(value)


@pytest.mark.parametrize(
    "venue, event, types, symbols",
    [
        ("binance-usdm", ALGO, (DataType.MY_ALGO_ORDER,), ("BTCUSDT",)),
        ("binance-usdm", LEVERAGE, (DataType.MY_ACCOUNT_CONFIG,), ("BTCUSDT",)),
        ("binance-usdm", MULTI, (DataType.MY_ACCOUNT_CONFIG,), ()),
        ("binance-usdm", CALL, (DataType.MY_MARGIN_CALL,), ("ETHUSDT",)),
        ("binance-usdm", REJECT, (DataType.MY_TRIGGER_REJECT,), ("ETHUSDT",)),
        ("binance", LIST, (DataType.MY_ORDER_LIST,), ("BTCUSDT",)),
    ],
)
def test_each_goes_to_those_who_want_it_and_can_be_printed(
    venue: str, event: dict[str, Any], types: tuple[DataType, ...], symbols: tuple[str, ...]
) -> None:
    payload = text(event)
    assert session(venue).receive(payload, NOW_MS) == [Emit(types, symbols, payload)]
    made = hoga.make_event(venue, symbols[0] if symbols else "*", types[0], payload)
    assert type(made) is EVENTS[types[0]]
    assert made.event_ns == event["E"] * 1_000_000
    assert "unreadable" not in repr(made)


def test_what_is_not_served_is_not_odd() -> None:
    assert session("binance-usdm").receive(text(LITE), NOW_MS) == []
    assert session("binance").receive(b'{"e":"externalLockUpdate","E":1,"a":"BTC","d":"1","T":1}', NOW_MS) == []


def test_a_margin_call_without_positions_that_can_be_read_is_odd() -> None:
    frame = b'{"e":"MARGIN_CALL","E":1,"p":5}'
    assert session("binance-usdm").receive(frame, NOW_MS) == [Odd(frame)]


def test_a_conditional_order_and_its_child() -> None:
    waiting = body("binance-usdm", DataType.MY_ALGO_ORDER, text(ALGO))
    assert waiting == AlgoOrder(
        symbol="BTCUSDT", algo_id="2148719", client_id="hg1-7", state="NEW", side=Side.SELL, order_type="STOP_MARKET", quantity=D("0.010"),
        trigger_price=D(75000), price=None, algo_type="CONDITIONAL", time_in_force="GTC", position_side="LONG", reduce_only=True,
        close_position=False, working_type="MARK_PRICE", price_protect=True, child_id=None, child_type=None, filled=D(0), average=None,
        reason=None, triggered_ns=None, at_ns=1790771372297 * 10**6, event_ns=1790771372303 * 10**6,
    )  # fmt: skip
    said = {"X": "TRIGGERED", "ai": "8886774", "act": "MARKET", "aq": "0.010", "ap": "74990.10", "tt": 1790771379000}
    triggered = body("binance-usdm", DataType.MY_ALGO_ORDER, changed(text(ALGO), **said))
    assert (triggered.state, triggered.child_id, triggered.child_type) == ("TRIGGERED", "8886774", "MARKET")
    assert (triggered.filled, triggered.average, triggered.triggered_ns) == (D("0.010"), D("74990.10"), 1790771379000 * 10**6)
    assert body("binance-usdm", DataType.MY_ORDER, FUTURES_ORDER).order_id == triggered.child_id


def test_one_that_closes_the_position_has_no_quantity() -> None:
    for quantity in (None, "0", "0.000"):
        order = body("binance-usdm", DataType.MY_ALGO_ORDER, changed(text(ALGO), q=quantity, cp=True))
        assert (order.quantity, order.close_position) == (None, True)
    made = hoga.make_event("binance-usdm", "BTCUSDT", DataType.MY_ALGO_ORDER, changed(text(ALGO), q=None, cp=True, X="TRIGGERED", ai="9"))
    assert repr(made).endswith("BTCUSDT 2148719 TRIGGERED STOP_MARKET sell all at 75000 as 9>")


def test_a_rejected_trigger_says_why() -> None:
    order = body("binance-usdm", DataType.MY_ALGO_ORDER, changed(text(ALGO), X="REJECTED", rm="Reduce Only reject"))
    assert (order.state, order.reason) == ("REJECTED", "Reduce Only reject")
    reject = body("binance-usdm", DataType.MY_TRIGGER_REJECT, text(REJECT))
    assert isinstance(reject, TriggerReject)
    assert (reject.order_id, reject.reason[:11], reject.at_ns) == ("155618472834", "Due to the ", 1790771372498 * 10**6)


def test_an_order_list() -> None:
    assert body("binance", DataType.MY_ORDER_LIST, text(LIST)) == OrderList(
        symbol="BTCUSDT", list_id="77", client_id="hg1-list", kind="OCO", state="EXECUTING", step="EXEC_STARTED", reason=None,
        orders=(
            ListedOrder(symbol="BTCUSDT", order_id="17", client_id="hg1-a"),
            ListedOrder(symbol="BTCUSDT", order_id="18", client_id="hg1-b"),
        ),
        at_ns=1790134512401 * 10**6, event_ns=1790134512402 * 10**6,
    )  # fmt: skip


def test_settings_and_margin_calls() -> None:
    event_ns = 1790771372500 * 10**6
    assert body("binance-usdm", DataType.MY_ACCOUNT_CONFIG, text(LEVERAGE)) == AccountConfig(
        symbol="BTCUSDT", leverage=25, event_ns=event_ns
    )
    assert body("binance-usdm", DataType.MY_ACCOUNT_CONFIG, text(MULTI)) == AccountConfig(multi_assets=True, event_ns=event_ns)
    assert body("binance-usdm", DataType.MY_MARGIN_CALL, text(CALL)) == MarginCall(
        cross_wallet=D("3.16812045"), event_ns=event_ns,
        positions=(
            PressedPosition(
                symbol="ETHUSDT", side="LONG", quantity=D("1.327"), mark=D("1871.71"), unrealized=D("-1.166074"),
                maintenance=D("1.614445"), margin_type="CROSSED", isolated=D(0),
            ),
        ),
    )  # fmt: skip


def test_a_changed_margin_type_is_a_position_with_that_reason() -> None:
    frame = FUTURES_ACCOUNT.replace(b'"m":"ORDER"', b'"m":"MARGIN_TYPE_CHANGE"').replace(b'"mt":"cross"', b'"mt":"isolated"')
    told = body("binance-usdm", DataType.MY_POSITION, frame)
    assert isinstance(told, Positions)
    assert (told.reason, told.positions[0].margin_type, told.positions[0].isolated) == ("MARGIN_TYPE_CHANGE", "isolated", D(0))


def test_a_futures_order_in_full() -> None:
    order = body("binance-usdm", DataType.MY_ORDER, changed(FUTURES_ORDER, sp="75000.0", cp=True, er="4", o="STOP_MARKET"))
    assert isinstance(order, Order)
    assert (order.execution, order.time_in_force, order.stop_price, order.reduce_only, order.close_position) == (
        "TRADE", "GTC", D(75000), True, True,
    )  # fmt: skip
    assert (order.position_side, order.expiry, order.fill_id, order.last_price, order.last_quantity) == (
        "BOTH", "4", "537895190", D(76916), D("0.001"),
    )  # fmt: skip
    assert (order.fee, order.fee_currency, order.maker, order.realized) == (D("0.03845800"), "USDT", False, D("1.25"))
    fill = body("binance-usdm", DataType.MY_FILL, FUTURES_ORDER)
    assert isinstance(fill, Fill)
    assert (fill.position_side, fill.realized) == ("BOTH", D("1.25"))
    resting = body("binance-usdm", DataType.MY_ORDER, changed(FUTURES_ORDER, x="NEW", X="NEW", t=0, l="0", z="0", L="0", ap="0"))
    assert (resting.last_price, resting.last_quantity, resting.fill_id, resting.maker, resting.realized, resting.average) == (None,) * 6


def test_a_spot_order_in_full() -> None:
    order = body("binance", DataType.MY_ORDER, changed(SPOT_REPORT, P="85000.00000000", g=77, eR="EXECUTION_RULE_PRICE_RANGE_EXCEEDED"))
    assert isinstance(order, Order)
    assert (order.execution, order.execution_id, order.time_in_force, order.stop_price, order.list_id, order.expiry) == (
        "TRADE", "60001", "GTC", D(85000), "77", "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    )  # fmt: skip
    assert (order.last_price, order.last_quantity, order.fee, order.fee_currency, order.maker) == (
        D(86000), D("0.001"), D("0.000001"), "BTC", True,
    )  # fmt: skip
    plain = body("binance", DataType.MY_ORDER, SPOT_REPORT)
    assert (plain.stop_price, plain.list_id, plain.expiry, plain.reduce_only, plain.position_side) == (None,) * 5


def test_an_upbit_order_in_full() -> None:
    order = body("upbit", DataType.MY_ORDER, UPBIT_TRADE.replace(b'"time_in_force":null', b'"time_in_force":"post_only"'))
    assert (order.time_in_force, order.last_price, order.last_quantity, order.fee, order.fee_currency, order.maker) == (
        "post_only", D(116540000), D("0.0002"), D("11.654"), "KRW", True,
    )  # fmt: skip
    assert order.at_ns == 1795163415120 * 10**6


@pytest.mark.parametrize(
    "venue, frame, data_type",
    [
        ("binance", SPOT_REPORT, DataType.MY_ORDER),
        ("binance-usdm", FUTURES_ORDER, DataType.MY_ORDER),
        ("binance-usdm", text(ALGO), DataType.MY_ALGO_ORDER),
    ],
)
@given(value=st.sampled_from([None, True, 5, -1, 2.5, "", "x", "NaN", "Infinity", "1e999999999", [], {}, {"s": 1}]))
def test_what_the_venue_makes_of_a_field_we_can_do_without_costs_nothing(venue: str, frame: bytes, data_type: DataType, value: Any) -> None:
    """And a state that nobody knows stays the venue's word."""
    optional = "f P g eR I sp R cp ps rp er caid at q tp ai act wt pP tt rm brandNew" if data_type is DataType.MY_ALGO_ORDER else (
        "P g eR I f brandNew" if venue == "binance" else "f sp R cp ps rp er brandNew"
    )  # fmt: skip
    for key in optional.split():
        told = body(venue, data_type, changed(frame, **{key: value, "X": "SOMETHING_NEW"}))
        assert told.state == "SOMETHING_NEW"


def test_lenient_values() -> None:
    assert [word(each) for each in ("", None, 5, True, "x", [])] == [None, None, "5", None, "x", None]
    assert [number(each) for each in ("1.50", 3, "x", None, True, "NaN", 1.5)] == [D("1.50"), D(3), None, None, None, None, None]
    assert [flag(each) for each in (True, False, "true", None)] == [True, False, None, None]
    assert [nanoseconds(each) for each in (5, 0, -1, True, "5")] == [5_000_000, None, None, None, None]
