"""Orders of Upbit, as values: what is sent, what each answer proves, what each event says, and the price steps. No network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.times import DAY_NS, SECOND_NS, parse_time_ns
from hoga.core.trading import (
    AccountRead,
    BalanceUpdate,
    CancelRefused,
    CancelSent,
    FillUpdate,
    Force,
    NotFound,
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
from hoga.venues.orders import RuleBook, Target, Told, Unproven
from hoga.venues.request import Request
from hoga.venues.upbit.orders import REFUSALS, UPBIT_ORDERS
from hoga.venues.upbit.steps import ladder_of
from tests.venues.orders_desk import rules, run, told

RULES = rules("upbit:KRW-BTC", 0, -8, quote="KRW", ticks=((0, 1000),))
BOOK = RuleBook("upbit", [RULES])
ORDER = OrderRequest(client_id="hg1s1-1", symbol=RULES.symbol, side=Side.BUY, quantity=50_000, price=116_540_000)
TARGET = Target(symbol=RULES.symbol, client_id="hg1s1-1")
ROW = {
    "market": "KRW-BTC", "uuid": "9f1c", "side": "bid", "ord_type": "limit", "price": "116540000", "state": "wait",
    "created_at": "2026-11-20T13:56:53+09:00", "volume": "0.0005", "remaining_volume": "0.0005", "prevented_volume": "0",
    "executed_volume": "0.0", "paid_fee": "0", "identifier": "hg1s1-1", "trades_count": 0,
}  # fmt: skip


def error(name: str | int, message: str = "some words") -> dict[str, object]:
    return {"error": {"name": name, "message": message}}


def params(order: OrderRequest) -> dict[str, str | int]:
    return dict(UPBIT_ORDERS.new(order, RULES).params)


def order(**changes: Any) -> OrderRequest:
    known: dict[str, Any] = {"client_id": "a", "symbol": RULES.symbol, "side": Side.SELL, "quantity": 50_000}
    return OrderRequest(**(known | changes))


def test_each_kind_of_order_has_the_words_of_the_venue() -> None:
    assert params(ORDER) == {
        "market": "KRW-BTC", "side": "bid", "ord_type": "limit", "volume": "0.0005", "price": "116540000", "identifier": "hg1s1-1",
    }  # fmt: skip
    assert params(order(price=1000, force=Force.POST_ONLY))["time_in_force"] == "post_only"
    sale = params(order(kind=OrderKind.MARKET))
    assert (sale["ord_type"], sale["volume"], "price" in sale) == ("market", "0.0005", False)
    buy = params(order(side=Side.BUY, kind=OrderKind.MARKET, quantity=None, funds=5_000_99999999))
    assert (buy["ord_type"], buy["price"], "volume" in buy) == ("price", "5000", False)


@pytest.mark.parametrize(
    "broken",
    [{"price": None}, {"kind": OrderKind.STOP, "trigger": 1}, {"kind": OrderKind.MARKET, "side": Side.BUY},
     {"kind": OrderKind.MARKET, "quantity": None}],
)  # fmt: skip
def test_an_order_that_the_venue_cannot_take_is_a_mistake_of_ours(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs"):
        UPBIT_ORDERS.new(order(**broken), RULES)


@given(st.integers(1, 10**15), st.integers(1, 10**9), st.sampled_from(Side))
def test_what_was_asked_for_and_what_the_venue_has_are_the_same_integers(quantity: int, price: int, side: Side) -> None:
    wish = order(side=side, quantity=quantity, price=price)
    sent = params(wish)
    row = ROW | {"volume": sent["volume"], "price": sent["price"], "side": sent["side"], "identifier": sent["identifier"]}
    event = UPBIT_ORDERS.answered(wish, RULES, told(row, 201))
    assert isinstance(event, OrderAccepted)
    assert event.order is not None
    assert (event.order.quantity, event.order.price, event.order.side, event.order.client_id) == (quantity, price, side, "a")


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_each_documented_name_proves_that_there_is_no_order(name: str) -> None:
    event = UPBIT_ORDERS.answered(ORDER, RULES, told(error(name), 400))
    assert isinstance(event, OrderRefused)
    assert (event.code, event.text) == (name, "some words")


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (400, error("duplicated_identifier"), False),
        (400, error("a_new_name"), True),
        (400, b"no json", False),
        (500, error("internal"), False),
        (500, error("under_min_total_bid"), False),
        (502, b"<html>", False),
        (408, b"", False),
        (429, b"Too many API requests.", True),
        (418, error("too_many_requests"), True),
        (403, error("out_of_scope"), True),
        (404, error("market_does_not_exist"), True),
        (201, b"{}", False),
        (201, b"<html>", False),
    ],
)
def test_what_each_kind_of_answer_to_a_new_order_proves(status: int, body: object, refused: bool) -> None:
    assert isinstance(UPBIT_ORDERS.answered(ORDER, RULES, told(body, status)), OrderRefused if refused else Unanswered)


def test_a_cancel_is_accepted_not_done() -> None:
    done = UPBIT_ORDERS.cancelled(TARGET, RULES, told(ROW))
    assert isinstance(done, CancelSent)
    assert not done.final
    gone = UPBIT_ORDERS.cancelled(TARGET, RULES, told(error("order_not_found"), 404))
    assert isinstance(gone, CancelRefused)
    assert gone.unknown
    assert isinstance(UPBIT_ORDERS.cancelled(TARGET, RULES, told(b"", 500)), Unanswered)
    assert UPBIT_ORDERS.cancel_all("KRW-BTC").target == "/v1/orders/open?cancel_side=all&pairs=KRW-BTC&count=300"
    assert UPBIT_ORDERS.cancelled_all(told({"success": {"count": 3}, "failed": {"count": 0}})) == ""
    assert "2 orders" in UPBIT_ORDERS.cancelled_all(told({"success": {"count": 3}, "failed": {"count": 2}}))


TRADES = [
    {"market": "KRW-BTC", "uuid": "t2", "price": "116540000.0", "volume": "0.0003", "created_at": "2026-11-20T13:57:00+09:00"},
    {"market": "KRW-BTC", "uuid": "t1", "price": "116539000", "volume": "0.0002", "created_at": "2026-11-20T13:56:59+09:00"},
]


def test_a_query_brings_the_fills_and_then_the_order() -> None:
    row = ROW | {"state": "done", "executed_volume": "0.0005", "remaining_volume": "0.0", "trades": TRADES}
    first, second, found = UPBIT_ORDERS.found(TARGET, RULES, told(row))
    assert isinstance(first, FillUpdate)
    assert isinstance(second, FillUpdate)
    assert isinstance(found, OrderUpdate)
    assert [(each.trade_id, each.quantity) for each in (first, second)] == [("t1", 20_000), ("t2", 30_000)]
    assert (found.state, found.filled) == (OrderState.FILLED, 50_000)
    (denied,) = UPBIT_ORDERS.found(TARGET, RULES, told(error("order_not_found"), 404))
    assert isinstance(denied, NotFound)
    (unrouted,) = UPBIT_ORDERS.found(TARGET, RULES, told(error("not_found"), 404))
    assert isinstance(unrouted, ReadFailed)


def test_a_buy_at_the_market_ends_in_cancel_and_is_filled() -> None:
    row = {key: value for key, value in ROW.items() if key not in ("volume", "remaining_volume")}
    bought = row | {"ord_type": "price", "price": "10000", "state": "cancel", "executed_volume": "0.0001"}
    (found,) = UPBIT_ORDERS.found(TARGET, RULES, told(bought))
    assert isinstance(found, OrderUpdate)
    assert (found.state, found.filled, found.price, found.said) == (OrderState.FILLED, 10_000, None, "cancel")
    (nothing,) = UPBIT_ORDERS.found(TARGET, RULES, told(bought | {"executed_volume": "0"}))
    assert isinstance(nothing, OrderUpdate)
    assert nothing.state is OrderState.CANCELED
    (odd,) = UPBIT_ORDERS.found(TARGET, RULES, told(ROW | {"state": "ascended"}))
    assert isinstance(odd, OrderUpdate)
    assert odd.state is OrderState.OTHER


def rows(numbers: range) -> list[dict[str, object]]:
    return [ROW | {"uuid": str(number), "identifier": f"id{number}"} for number in numbers]


def test_open_orders_are_read_to_the_last_page_and_must_not_move_meanwhile() -> None:
    calls, event = run(UPBIT_ORDERS.open_orders(BOOK, ""), told(rows(range(3))))
    assert calls[0].params == (("states[]", "wait"), ("states[]", "watch"), ("page", 1), ("limit", 100))
    assert isinstance(event, OpenOrders)
    assert len(event.orders) == 3
    pages = [told(rows(range(100))), told(rows(range(100, 150)))]
    _, event = run(UPBIT_ORDERS.open_orders(BOOK, "KRW-BTC"), *pages, told(rows(range(100))))
    assert isinstance(event, OpenOrders)
    assert len(event.orders) == 150
    _, moved = run(UPBIT_ORDERS.open_orders(BOOK, "KRW-BTC"), *pages, told(rows(range(1, 101))))
    assert isinstance(moved, ReadFailed)
    assert "changed" in moved.why


def test_fills_are_asked_of_each_order_once() -> None:
    book = RuleBook("upbit", [RULES])
    done = ROW | {"state": "done", "executed_volume": "0.0005", "remaining_volume": "0.0"}
    calls, event = run(UPBIT_ORDERS.trades(book, "KRW-BTC", "", 10**18), told([]), told([done]), told(done | {"trades": TRADES}))
    assert [call.path for call in calls] == ["/v1/orders/open", "/v1/orders/closed", "/v1/order"]
    assert dict(calls[1].params)["start_time"] == "2001-09-08T01:46:40Z"
    assert isinstance(event, TradesRead)
    assert ([each.trade_id for each in event.fills], event.whole) == (["t1", "t2"], True)
    calls, again = run(UPBIT_ORDERS.trades(book, "KRW-BTC", "", 10**18), told([]), told([done]))
    assert len(calls) == 2
    assert isinstance(again, TradesRead)
    assert again.fills == event.fills


class Listings:
    """Upbit's listings of orders: of those that ended seven days at most, from `start_time` on or up to `end_time`, and 1,000 rows."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * SECOND_NS
        self.book = RuleBook("upbit", [RULES])
        self.since_ns = self.now_ns
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: list[Request] = []
        self.unknown: set[str] = set()

    def place(self, uuid: str, state: str = "wait") -> None:
        moment = datetime.fromtimestamp(self.now_ns // SECOND_NS, UTC).isoformat()
        self.orders[uuid] = ROW | {"uuid": uuid, "identifier": uuid, "created_at": moment}
        self.end(uuid, state)

    def end(self, uuid: str, state: str = "done") -> None:
        filled = {"executed_volume": "0.0005", "remaining_volume": "0.0"} if state == "done" else {}
        self.orders[uuid] |= {"state": state} | filled

    def read(self) -> TradesRead:
        asking, self.calls = UPBIT_ORDERS.trades(self.book, "KRW-BTC", "", self.since_ns), []
        call = next(asking)
        while True:
            self.calls.append(call)
            body, status = self._answer(call.path, dict(call.params))
            reply = Told(status=status, body=json.dumps(body).encode(), asked_ns=self.now_ns, at_ns=self.now_ns)
            try:
                call = asking.send(reply)
            except StopIteration as done:
                assert isinstance(done.value, TradesRead), done.value
                return done.value

    def _answer(self, path: str, params: dict[str, Any]) -> tuple[Any, int]:
        if path == "/v1/orders/open":
            return [each for each in self.orders.values() if each["state"] == "wait"], 200
        if path == "/v1/order":
            if params["uuid"] in self.unknown:
                return error("order_not_found"), 404
            row = self.orders[params["uuid"]]
            trade = {"uuid": f"t-{row['uuid']}", "price": "116540000", "volume": "0.0005", "created_at": row["created_at"]}
            return row | {"trades": [trade] if row["state"] == "done" else []}, 200
        start_ns, week_ns = parse_time_ns(params["start_time"]), 7 * DAY_NS
        end_ns = parse_time_ns(params["end_time"]) if "end_time" in params else start_ns + week_ns
        assert end_ns - start_ns <= week_ns
        placed = [each for each in self.orders.values() if start_ns <= parse_time_ns(each["created_at"]) < end_ns]
        ended = [each for each in placed if each["state"] != "wait"]
        return (ended if params.get("order_by") == "asc" else ended[::-1])[: params["limit"]], 200


def test_a_fill_of_the_second_week_of_a_life_is_found() -> None:
    venue = Listings()
    venue.now_ns += 8 * DAY_NS
    venue.place("late", "done")
    venue.now_ns += 20 * DAY_NS
    read = venue.read()
    assert ([each.trade_id for each in read.fills], read.whole) == (["t-late"], True)
    venue.now_ns += 30 * DAY_NS
    assert len(venue.read().fills) == 0
    venue.now_ns += DAY_NS
    venue.place("later", "done")
    assert [each.trade_id for each in venue.read().fills] == ["t-later"]
    assert [call.path for call in venue.calls] == ["/v1/orders/open", "/v1/orders/closed", "/v1/order"]  # of the past only what is new


def test_an_order_that_rested_for_weeks_is_asked_for_when_it_rests_no_more() -> None:
    venue = Listings()
    venue.place("old")
    venue.place("odd")
    assert (venue.read().fills, venue.read().whole) == ((), True)
    venue.now_ns += 30 * DAY_NS
    assert venue.read().whole
    venue.end("old")
    venue.end("odd", "cancel")
    venue.unknown.add("odd")
    read = venue.read()
    assert ([each.trade_id for each in read.fills], read.whole) == (["t-old"], True)
    read = venue.read()
    assert (len(venue.calls), read.whole) == (2, True)
    venue.since_ns -= 90 * DAY_NS  # somebody wants to know of an earlier time: then all is read again
    assert [each.trade_id for each in venue.read().fills] == ["t-old"]


@pytest.mark.parametrize("since_ns", [0, DAY_NS - 7 * DAY_NS, DAY_NS - 7 * DAY_NS + SECOND_NS])
def test_what_was_placed_a_moment_ago_is_in_the_last_window(since_ns: int) -> None:
    venue = Listings()
    venue.place("new", "done")
    venue.since_ns = since_ns and venue.now_ns + since_ns
    venue.now_ns += SECOND_NS // 2
    assert len(venue.read().fills) == 1


def test_more_orders_than_one_answer_holds_are_read_to_the_end() -> None:
    venue = Listings()
    for number in range(2_500):
        venue.place(str(number), "done" if number == 1_200 else "cancel")
        venue.now_ns += 100 * SECOND_NS
    read = venue.read()
    assert ([each.trade_id for each in read.fills], read.whole) == (["t-1200"], True)


def test_however_many_orders_were_filled_each_is_asked_for_once() -> None:
    venue = Listings()
    for number in range(6_000):
        venue.place(str(number), "done")
        venue.now_ns += 7 * SECOND_NS
    venue.since_ns, asked, told = venue.now_ns, [], set[str]()
    for reading in range(20):
        read = venue.read()
        asked += [dict(call.params)["uuid"] for call in venue.calls if call.path == "/v1/order"]
        told |= {each.trade_id for each in read.fills}
        assert read.whole is (reading == 19)
        venue.now_ns += SECOND_NS
    assert asked == [str(number) for number in range(6_000)]  # the oldest first
    assert told == {f"t-{number}" for number in range(6_000)}
    assert venue.read().whole
    assert [call.path for call in venue.calls] == ["/v1/orders/open", "/v1/orders/closed"]


def test_more_orders_filled_within_the_hour_than_one_reading_asks_for_end_too() -> None:
    venue = Listings()
    for number in range(6_000):
        venue.place(str(number), "done")
        venue.now_ns += SECOND_NS // 2
    readings = 1
    while not venue.read().whole and readings < 30:
        readings += 1
    assert readings == 20
    assert len(venue.read().fills) == 6_000  # of the last hour each reading tells all
    assert "/v1/order" not in {call.path for call in venue.calls}


def test_an_order_that_rested_while_the_past_was_read_is_asked_for_when_it_ends() -> None:
    venue = Listings()
    venue.place("resting")
    for number in range(400):
        venue.place(str(number), "done")
        venue.now_ns += 60 * SECOND_NS
    venue.since_ns = venue.now_ns
    assert not venue.read().whole
    venue.end("resting")
    read = venue.read()
    assert read.whole
    assert "t-resting" in {each.trade_id for each in read.fills}


def test_more_orders_of_one_moment_than_one_answer_holds_prove_nothing() -> None:
    venue = Listings()
    for number in range(1_001):
        venue.place(str(number), "cancel")
    assert not venue.read().whole


def test_balances_are_texts_without_exponents() -> None:
    _, event = run(UPBIT_ORDERS.account(BOOK), told([{"currency": "KRW", "balance": "1000000.0", "locked": "0.0"}]))
    assert isinstance(event, AccountRead)
    assert event.balances[0].free == "1000000.0"
    frame = b'{"type":"myAsset","assets":[{"currency":"BTC","balance":5.0E-4,"locked":1386929.37231066771234567}],"timestamp":7}'
    (update,) = UPBIT_ORDERS.events(BOOK, frame, 3)
    assert isinstance(update, BalanceUpdate)
    assert (update.balances[0].free, update.balances[0].locked) == ("0.00050", "1386929.37231066771234567")


EVENT = {
    "type": "myOrder", "code": "KRW-BTC", "uuid": "9f1c", "ask_bid": "BID", "order_type": "limit", "state": "trade", "trade_uuid": "t1",
    "price": 116540000.0, "avg_price": 116540000.0, "volume": 0.0002, "remaining_volume": 0.0003, "executed_volume": 0.0002,
    "trade_fee": 11.654, "is_maker": True, "identifier": "hg1s1-1", "trade_timestamp": 1795163415120, "timestamp": 1795163415131,
}  # fmt: skip


def events(payload: object) -> tuple[Any, ...]:
    return UPBIT_ORDERS.events(BOOK, json.dumps(payload).encode(), 3)


def test_an_order_s_events_in_the_venue_s_words() -> None:
    fill, update = events(EVENT)
    assert isinstance(fill, FillUpdate)
    assert isinstance(update, OrderUpdate)
    assert (fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.maker) == (116_540_000, 20_000, "11.654", "KRW", True)
    assert (update.state, update.quantity, update.filled, update.price) == (OrderState.PARTIAL, 50_000, 20_000, None)
    quiet = EVENT | {"trade_uuid": None, "trade_fee": None, "is_maker": None, "trade_timestamp": None, "volume": 0.0005}
    (waits,) = events(quiet | {"state": "wait", "remaining_volume": 0.0005, "executed_volume": 0})
    assert (waits.state, waits.quantity, waits.price, waits.execution) == (OrderState.NEW, 50_000, 116_540_000, "wait")
    (done,) = events(quiet | {"state": "done", "remaining_volume": 0, "executed_volume": 0.0005})
    assert done.state is OrderState.FILLED
    (bought,) = events(quiet | {"state": "cancel", "order_type": "price", "volume": None, "remaining_volume": None})
    assert (bought.state, bought.quantity) == (OrderState.FILLED, None)
    (prevented,) = events(quiet | {"state": "prevented", "remaining_volume": 0})
    assert (prevented.state, prevented.reason) == (OrderState.CANCELED, "self-trade prevention")
    frame = json.dumps(EVENT).replace("116540000.0,", "1.1654E8,").replace("0.0002", "2.0E-4")
    spelt, _ = UPBIT_ORDERS.events(BOOK, frame.encode(), 3)
    assert isinstance(spelt, FillUpdate)
    assert (spelt.price, spelt.quantity) == (116_540_000, 20_000)


def test_what_cannot_be_read_is_kept_and_told_with_whose_it_is() -> None:
    for broken in ({"volume": 1e-9}, {"ask_bid": "SIDEWAYS"}, {"trade_uuid": None}, {"price": "many"}):
        (odd,) = events(EVENT | broken)
        assert isinstance(odd, Unread)
        assert (odd.client_id, odd.symbol) == ("hg1s1-1", RULES.symbol), broken
    (new,) = events({"type": "somethingNew"})
    assert isinstance(new, Unread)


@given(st.binary(max_size=200))
def test_no_garbage_raises(garbage: bytes) -> None:
    assert all(isinstance(each, Unread) for each in UPBIT_ORDERS.events(BOOK, garbage, 1))
    assert isinstance(UPBIT_ORDERS.answered(ORDER, RULES, told(garbage, 201)), Unanswered)
    assert isinstance(run(UPBIT_ORDERS.open_orders(BOOK, ""), told(garbage, 500))[1], ReadFailed)


# -- price steps ---------------------------------------------------------------------------------------------------

KRW = [
    ("1000000", "1000"),
    ("500000", "500"),
    ("100000", "100"),
    ("50000", "50"),
    ("10000", "10"),
    ("5000", "5"),
    ("100", "1"),
    ("0", "0.1"),
]


def step_at(price: Decimal) -> Decimal:
    return next(Decimal(step) for lowest, step in KRW if price >= Decimal(lowest))


@given(st.lists(st.integers(10, 2_000_000), min_size=1, max_size=30), st.integers(1, 2_000_000))
def test_no_price_of_the_ladder_is_between_the_venue_s_steps(prices: list[int], wish: int) -> None:
    ladder = ladder_of((Decimal(price), step_at(Decimal(price))) for price in prices)
    assert ladder is not None
    asked = min(max(wish, min(prices)), max(prices))
    step = [each for start, each in ladder if start <= asked][-1]
    price = Decimal(asked) // step * step
    assert price % step_at(price) == 0


def test_points_that_contradict_one_another_make_no_ladder() -> None:
    assert ladder_of([]) is None
    assert ladder_of([(Decimal(10), Decimal(1)), (Decimal(20), Decimal("0.5"))]) is None
    assert ladder_of([(Decimal(10), Decimal(1)), (Decimal(10), Decimal(5))]) is None
    assert ladder_of([(Decimal(10), Decimal(2)), (Decimal(20), Decimal(5))]) is None
    assert ladder_of([(Decimal(10), Decimal(0))]) is None


MARKETS = [{"market": each} for each in ("KRW-BTC", "KRW-XRP", "KRW-SHIB", "BTC-ETH", "KRW-NEW")]
STEPS = [
    {"market": "KRW-BTC", "tick_size": "1000"}, {"market": "KRW-XRP", "tick_size": "1"}, {"market": "KRW-SHIB", "tick_size": "0.00001"},
    {"market": "BTC-ETH", "tick_size": "0.00000001"},
]  # fmt: skip
PRICES = [
    {"market": "KRW-BTC", "trade_price": 1.1654e8}, {"market": "KRW-XRP", "trade_price": 3000},
    {"market": "KRW-SHIB", "trade_price": 0.0125}, {"market": "BTC-ETH", "trade_price": 0.03},
]  # fmt: skip


def test_rules_come_of_three_public_lists_and_what_the_account_may() -> None:
    calls, listed = run(UPBIT_ORDERS.rules(), told(MARKETS), told(STEPS), told(PRICES))
    assert [call.path.partition("?")[0] for call in calls] == ["/v1/market/all", "/v1/orderbook/instruments", "/v1/ticker/all"]
    by_name = {each.name: each for each in listed}
    assert set(by_name) == {"KRW-BTC", "KRW-XRP", "KRW-SHIB", "BTC-ETH"}, "a market without a step is not traded"
    bitcoin = by_name["KRW-BTC"]
    assert bitcoin.tick_at(bitcoin.price(Decimal(116540000))) == bitcoin.price(Decimal(1000))
    assert bitcoin.tick_at(bitcoin.price(Decimal(2000))) == bitcoin.price(Decimal(1))
    assert by_name["BTC-ETH"].tick_at(5) == 1
    book = RuleBook("upbit", by_name.values())
    assert UPBIT_ORDERS.limits is not None
    side = {"min_total": "7000"}
    chance = {"market": {"bid": side, "ask": side, "max_total": "50", "state": "paused"}}
    _, limits = run(UPBIT_ORDERS.limits(book, "KRW-BTC"), told(chance))
    assert (limits.min_notional, limits.is_trading) == (bitcoin.money(Decimal(7000)), False)
    with pytest.raises(Unproven, match="HTTP 500"):
        run(UPBIT_ORDERS.rules(), told(b"", 500))
