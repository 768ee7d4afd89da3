"""Events tell what they hold: exact, in both sets of names, decoded once, and readable when printed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

import hoga
from hoga.core.errors import WireFault
from hoga.core.market import DataType, Side
from hoga.hub.events import EVENTS, CandleEvent, MyOrderEvent, OrderbookEvent, OrderbookUnit, TickerEvent, TradeEvent, make_event
from hoga.hub.states import WebSocketType

D = Decimal
AT_NS = 1_764_380_591_204_000_001

TICKER = (
    b'{"type":"ticker","code":"KRW-BTC","opening_price":1.0E8,"high_price":1.16E8,"low_price":99000000.0,"trade_price":1.16539E8,'
    b'"prev_closing_price":1.1E8,"acc_trade_price":4596871205.797009,"change":"RISE","change_price":6539000.0,"signed_change_price":6539000.0,'
    b'"change_rate":0.0594454545,"signed_change_rate":0.0594454545,"acc_trade_volume":41.1,"acc_trade_price_24h":9.5,"acc_trade_volume_24h":7.25,'
    b'"timestamp":1764380591000,"stream_type":"SNAPSHOT"}'
)
TRADE = (
    b'{"type":"trade","code":"KRW-BTC","trade_price":1.16539E8,"trade_volume":0.00010000,"ask_bid":"ASK","trade_timestamp":1764380590999,'
    b'"sequential_id":17643805909990000,"timestamp":1764380591000,"stream_type":"REALTIME"}'
)
BOOK = (
    b'{"type":"orderbook","code":"KRW-BTC","timestamp":1764380591000,"total_ask_size":2.51469375,"total_bid_size":1.63,"level":10000,'
    b'"orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.02,"bid_size":0.5},'
    b'{"ask_price":1.1654E8,"bid_price":0,"ask_size":1.0,"bid_size":0}],"stream_type":"REALTIME"}'
)


def test_a_ticker_in_both_sets_of_names() -> None:
    event = cast("TickerEvent", make_event("upbit", "KRW-BTC", "ticker", TICKER, recv_ns=AT_NS))
    assert event.trade_price == event.ticker.last == D("116539000")
    assert (event.opening_price, event.high_price, event.low_price) == (D("1E8"), D("116000000"), D("99000000"))
    assert (event.signed_change_price, event.change_price, event.change) == (D("6539000"), D("6539000"), "RISE")
    assert (event.signed_change_rate, event.change_rate) == (D("0.0594454545"), D("0.0594454545"))
    assert event.acc_trade_price == D("4596871205.797009")
    assert (event.acc_trade_volume, event.acc_trade_volume_24h, event.acc_trade_price_24h) == (D("41.1"), D("7.25"), D("9.5"))
    assert event.prev_closing_price == D("110000000")
    assert (event.stream_type, event.is_snapshot, event.connection_type) == ("SNAPSHOT", True, WebSocketType.PUBLIC)
    assert event.timestamp == event.timestamp_ms == 1764380591000
    assert event.event_ns == 1764380591000 * 10**6
    assert event.time == datetime.fromtimestamp(1764380591.204, UTC)
    assert event.body is event.body
    assert repr(event) == "<TickerEvent upbit KRW-BTC 01:43:11.204 last 116539000 +5.94%>"


def test_a_rate_of_change_where_the_venue_tells_none_and_where_nothing_is() -> None:
    payload = {"e": "24hrMiniTicker", "E": 1, "s": "BTCUSDT", "c": "90", "o": "100", "h": "100", "l": "80", "v": "1", "q": "2"}
    falling = cast("TickerEvent", make_event("binance", "BTCUSDT", DataType.TICKER, payload))
    assert (falling.signed_change_rate, falling.change_rate, falling.change) == (D("-0.1"), D("0.1"), "FALL")
    nothing = cast("TickerEvent", make_event("binance", "BTCUSDT", DataType.TICKER, payload | {"c": "0", "o": "0"}))
    assert (nothing.signed_change_rate, nothing.change) == (0, "EVEN")
    told = cast("TickerEvent", make_event("binance", "BTCUSDT", DataType.TICKER, payload | {"P": "-10.123"}))
    assert told.signed_change_rate == D("-0.10123")
    assert falling.acc_trade_price_24h is falling.prev_closing_price is None


def test_a_trade_in_both_sets_of_names() -> None:
    event = cast("TradeEvent", make_event("upbit", "KRW-BTC", DataType.TRADE, TRADE, recv_ns=AT_NS))
    assert event.trade_price == event.price == D("116539000")
    assert event.trade_volume == event.size == D("0.0001")
    assert event.sequential_id == event.trade_id == 17643805909990000
    assert (event.ask_bid, event.taker, event.stream_type) == ("ASK", Side.SELL, "REALTIME")
    assert repr(event) == "<TradeEvent upbit KRW-BTC 01:43:11.204 sell 0.0001 at 116539000>"


def test_a_book_in_both_sets_of_names() -> None:
    event = cast("OrderbookEvent", make_event("upbit", "KRW-BTC", DataType.ORDERBOOK, BOOK, recv_ns=AT_NS))
    assert event.best_bid == (D("116538000"), D("0.5"))
    assert event.best_ask == (D("116539000"), D("0.02"))
    assert (event.mid, event.spread) == (D("116538500"), D("1000"))
    assert event.orderbook_units == [
        OrderbookUnit(D("116539000"), D("116538000"), D("0.02"), D("0.5")),
        OrderbookUnit(D("116540000"), None, D("1.0"), None),
    ]
    assert (event.total_ask_size, event.total_bid_size, event.level) == (D("2.51469375"), D("1.63"), 10000)
    assert repr(event) == "<OrderbookEvent upbit KRW-BTC 01:43:11.204 bid 116538000×0.5 ask 116539000×0.02>"
    spot = {"lastUpdateId": 7, "bids": [["1.50", "2.00"], ["1.40", "1"]], "asks": []}
    other = cast("OrderbookEvent", make_event("binance", "BTCUSDT", DataType.ORDERBOOK, spot))
    assert (other.total_bid_size, other.total_ask_size, other.level) == (3, 0, 0)
    assert other.best_ask is other.mid is other.spread is None
    assert repr(other).endswith("bid 1.5×2>")
    assert (other.timestamp, other.event_ns, other.stream_type) == (other.recv_ns // 10**6, None, "REALTIME")


def test_a_candle_and_an_order() -> None:
    bar = {
        "e": "kline",
        "E": 5,
        "s": "BTCUSDT",
        "k": {"t": 0, "i": "1m", "o": "1", "h": "3", "l": "0.5", "c": "2.0", "v": "9", "q": "18", "x": False},
    }
    candle = cast("CandleEvent", make_event("binance", "BTCUSDT", DataType.CANDLE, bar, recv_ns=AT_NS))
    assert (candle.opening_price, candle.high_price, candle.low_price, candle.trade_price) == (1, 3, D("0.5"), 2)
    assert (candle.interval, candle.start_ns, candle.candle_acc_trade_volume, candle.candle_acc_trade_price) == ("1m", 0, 9, 18)
    assert "1m 1 3 0.5 2 volume 9" in repr(candle)
    order = {"type": "myOrder", "code": "KRW-BTC", "uuid": "u", "ask_bid": "BID", "order_type": "limit", "state": "wait", "timestamp": 5,
             "price": 100.5, "volume": 2.0}  # fmt: skip
    mine = cast("MyOrderEvent", make_event("upbit", "KRW-BTC", DataType.MY_ORDER, order))
    assert (mine.order_id, mine.state, mine.connection_type) == ("u", "wait", WebSocketType.PRIVATE)
    assert repr(mine).endswith("KRW-BTC u wait buy 2 at 100.5>")


def test_raw_is_exact() -> None:
    raw = make_event("upbit", "KRW-BTC", "ticker", TICKER).raw()
    assert raw["acc_trade_price"] == D("4596871205.797009")
    assert isinstance(raw["opening_price"], Decimal)
    assert raw["timestamp"] == 1764380591000
    assert raw["stream_type"] == "SNAPSHOT"


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b'{"type":"ticker"}', b"\xff\xfe"])
def test_what_cannot_be_read_is_a_fault_of_the_venue_and_can_be_printed(payload: bytes) -> None:
    event = make_event("upbit", "KRW-BTC", "ticker", payload)
    with pytest.raises(WireFault):
        cast("TickerEvent", event).trade_price  # noqa: B018
    assert "unreadable" in repr(event)


@pytest.mark.parametrize("data_type", [each for each in EVENTS if not each.private])
def test_every_type_says_something_of_a_real_frame(data_type: DataType) -> None:
    """Of whatever venue has the type: the simulator's own frames, through the venue's decoder."""
    found: Any = _SAMPLES[data_type]
    event = make_event(*found[:2], data_type, found[2], channel=found[3] if len(found) > 3 else None, recv_ns=AT_NS)
    text = repr(event)
    assert text.startswith(f"<{type(event).__name__} {found[0]} {found[1]} 01:43:11.204 ")
    assert "unreadable" not in text
    assert "E+" not in text


_SAMPLES: dict[DataType, Any] = {
    DataType.TICKER: ("upbit", "KRW-BTC", TICKER),
    DataType.TRADE: ("upbit", "KRW-BTC", TRADE),
    DataType.ORDERBOOK: ("upbit", "KRW-BTC", BOOK),
    DataType.CANDLE: (
        "binance",
        "BTCUSDT",
        {"E": 5, "k": {"t": 0, "i": "1m", "o": "1", "h": "3", "l": "1", "c": "2", "v": "9", "q": "1", "x": True}},
    ),
    DataType.DELTA: ("binance", "BTCUSDT", {"U": 1, "u": 2, "b": [], "a": [["1", "2"]], "E": 1}),
    DataType.QUOTE: ("binance", "BTCUSDT", {"u": 1, "b": "1", "B": "2", "a": "3", "A": "4"}),
    DataType.MARK_PRICE: ("binance-usdm", "BTCUSDT", {"E": 1, "p": "1.50", "i": "1.25"}),
    DataType.LIQUIDATION: ("binance-usdm", "BTCUSDT", {"E": 1, "o": {"S": "SELL", "p": "1", "q": "2", "ap": "1"}}),
}


def test_events_are_made_for_tests_and_mistakes_are_told() -> None:
    assert isinstance(hoga.make_event("upbit", "KRW-BTC", "ticker", TICKER), hoga.TickerEvent)
    with pytest.raises(ValueError, match="did you mean upbit"):
        make_event("upbitt", "KRW-BTC", "ticker", TICKER)
    with pytest.raises(ValueError, match="did you mean ticker"):
        make_event("upbit", "KRW-BTC", "tikcer", TICKER)
    with pytest.raises(ValueError, match="cannot be a symbol"):
        make_event("upbit", "BTC", "ticker", TICKER)
