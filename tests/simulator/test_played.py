"""Markets that are played take orders: frames in, fills out, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hoga.captures.frames import Frame
from hoga.simulator.engine import NOT_WHOLE, WOULD_MATCH, Fill, NewOrder, Side, instrument_of
from hoga.simulator.replay.played import PlayedEngine, PlayedMarket
from hoga.simulator.upbit.markets import describe

T0 = 1_790_000_000_000_000_000
BUY, SELL = Side.BUY, Side.SELL


class Stage:
    """Prices in ticks of 0.01, sizes in lots of 0.00001."""

    def __init__(self, *, book: dict[str, Any] | None = None, listed: bytes | None = None) -> None:
        self.asked = 0
        self.book_of_rest = book
        self.engine = PlayedEngine(["BTCUSDT"], now_ns=T0, describe=instrument_of, recorded_book=lambda symbol: self._rest(), listed=listed)
        self.now = T0

    def _rest(self) -> bytes | None:
        self.asked += 1
        return None if self.book_of_rest is None else json.dumps(self.book_of_rest).encode()

    def play(self, stream: str, row: dict[str, Any]) -> None:
        self.now += 1_000_000
        self.engine.see(Frame(self.now, f"btcusdt@{stream}", json.dumps(row).encode(), None), self.now)

    def books(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.play("depth20@100ms", {"lastUpdateId": 1, "bids": bids, "asks": asks})

    def trade(self, price: str, size: str, *, sold: bool = True, stream: str = "trade") -> None:
        self.play(stream, {"p": price, "q": size, "m": sold})

    @property
    def market(self) -> PlayedMarket:
        return self.engine.market("BTCUSDT")

    def send(self, side: Side, lots: int, price: int | None, **more: Any) -> Any:
        return self.market.submit(NewOrder(side, lots, price, owner="me", **more), self.now)

    def fills(self) -> list[tuple[int, int]]:
        found, self.market.fills = self.market.fills, list[Fill]()
        return [(each.price, each.lots) for each in found]


BIDS, ASKS = [["100.00", "0.00500"], ["99.99", "0.00900"]], [["100.01", "0.00300"], ["100.03", "0.00400"]]


def test_an_order_takes_what_was_recorded_and_once() -> None:
    stage = Stage()
    stage.books(BIDS, ASKS)
    report = stage.send(BUY, 500, None, rest=False)
    assert [(each.price, each.lots) for each in report.trades] == [(10_001, 300), (10_003, 200)]
    assert [(each.price, each.lots) for each in stage.send(BUY, 500, 10_003, rest=False).trades] == [(10_003, 200)]
    stage.books(BIDS, ASKS)
    assert [(each.price, each.lots) for each in stage.send(BUY, 100, 10_001).trades] == [(10_001, 100)]


def test_one_that_rests_waits_behind_what_was_visible_and_is_seen_in_its_own_book() -> None:
    stage = Stage()
    stage.books(BIDS, ASKS)
    report = stage.send(BUY, 200, 10_000)
    assert report.resting is not None
    assert stage.market.book.bids.top(1)[0].lots == 700
    assert (stage.market.top.bid, stage.market.top.bid_lots) == (10_000, 500)
    stage.books(BIDS, ASKS)
    stage.trade("100.00", "0.00400")
    stage.trade("100.00", "0.00400", stream="aggTrade")  # the same print, told by another stream
    assert stage.fills() == []
    stage.trade("100.00", "0.00200")
    assert stage.fills() == [(10_000, 100)]
    stage.market.shrink(report.order_id, 50, stage.now)
    stage.trade("99.99", "0.01000")
    assert stage.fills() == [(10_000, 50)]
    assert stage.market.cancel(report.order_id, stage.now) is None


def test_a_book_that_crosses_it_and_terms_that_are_not_kept() -> None:
    stage = Stage()
    stage.books(BIDS, ASKS)
    assert stage.send(BUY, 100, 10_001, post_only=True).refused == WOULD_MATCH
    assert stage.send(BUY, 900, 10_003, whole=True).refused == NOT_WHOLE
    stage.send(SELL, 100, 10_002)
    stage.play("bookTicker", {"b": "100.02", "B": "0.00040", "a": "100.03", "A": "1"})
    assert stage.fills() == [(10_002, 40)]


def test_changes_are_applied_to_the_book_of_rest_once_an_order_asks() -> None:
    stage = Stage(book={"bids": BIDS, "asks": ASKS})
    stage.play("depth@100ms", {"b": [["100.00", "0.00001"]], "a": []})
    assert stage.asked == 0
    assert (stage.market.top.bid, stage.market.top.bid_lots) == (10_000, 500)
    stage.play("depth@100ms", {"b": [["100.00", "0"]], "a": [["100.01", "0.00001"]]})
    top = stage.market.top
    assert (stage.asked, top.bid, top.bid_lots, top.ask, top.ask_lots) == (1, 9_999, 900, 10_001, 1)


def test_steps_are_those_of_the_recorded_list_or_as_fine_as_the_prices_are() -> None:
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"}]
    stage = Stage(listed=json.dumps({"symbols": [{"symbol": "BTCUSDT", "filters": filters}]}).encode())
    assert (stage.market.instrument.tick_e8, stage.market.instrument.lot_e8) == (10_000_000, 100_000)
    stage.books([["100.05", "1"]], [["100.06", "1"]])
    assert stage.market.top.bid == 10_005
    assert stage.engine.instruments["BTCUSDT"].tick_e8 == 1_000_000


def test_a_mark_and_trades_are_known_and_nonsense_says_nothing() -> None:
    stage = Stage()
    stage.books(BIDS, ASKS)
    stage.play("markPrice@1s", {"p": "101.5"})
    assert stage.market.top.bid == 10_000
    for stream in ("trade", "depth20@100ms", "markPrice@1s", "bookTicker"):
        stage.play(stream, {"odd": []})
    assert (stage.market.top.ask, stage.market.mark_e8, stage.market.tape.last_price) == (10_001, 10_150_000_000, 10_000)
    stage.trade("100.02", "0.5", sold=False)
    assert stage.market.tape.last_price == 10_002
    with pytest.raises(ValueError, match="cannot be moved"):
        stage.market.move_to(1, stage.now)


@pytest.mark.parametrize("short", [False, True])
def test_upbit_s_books_and_trades_in_both_forms(short: bool) -> None:
    engine = PlayedEngine(["KRW-BTC"], now_ns=T0, describe=describe, recorded_book=lambda symbol: None, listed=None)
    unit = {"ask_price": 116_541_000.0, "ask_size": 0.5, "bid_price": 116_540_000, "bid_size": 0.25}
    book: dict[str, Any] = {"type": "orderbook", "orderbook_units": [unit]}
    trade: dict[str, Any] = {"type": "trade", "trade_price": 116_541_000.0, "trade_volume": 0.1, "ask_bid": "BID"}
    if short:
        names = {"ask_price": "ap", "ask_size": "as", "bid_price": "bp", "bid_size": "bs"}
        book = {"ty": "orderbook", "obu": [{names[name]: value for name, value in unit.items()}]}
        trade = {"ty": "trade", "tp": 116_541_000.0, "tv": 0.1, "ab": "BID"}
    market = engine.market("KRW-BTC")
    engine.see(Frame(T0, "KRW-BTC@orderbook", json.dumps(book).encode(), None), T0)
    engine.see(Frame(T0, "KRW-BTC@trade", json.dumps(trade).encode(), None), T0)
    assert (market.top.bid, market.top.bid_lots, market.top.ask) == (116_540, 25_000_000, 116_541)
    assert market.tape.last_price == 116_541
