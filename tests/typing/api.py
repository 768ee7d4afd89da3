"""A user's program, as a type checker sees it. It is checked, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, assert_type

import hoga


class Chart:
    """A component."""

    def on_event(self, event: hoga.TickerEvent) -> None:
        assert_type(event.trade_price, Decimal)
        assert_type(event.signed_change_rate, Decimal)
        assert_type(event.symbol, str)

    async def on_book(self, event: hoga.OrderbookEvent) -> None:
        assert_type(event.mid, Decimal | None)
        assert_type(event.orderbook_units, list[hoga.OrderbookUnit])


async def push(chart: Chart) -> None:
    manager = await hoga.GlobalWebSocketManager.get_instance()
    assert_type(manager, hoga.GlobalWebSocketManager)
    wish = hoga.SubscriptionSpec(hoga.DataType.TICKER, ["KRW-BTC"], venue="upbit", mode=hoga.Mode.REALTIME)
    found = await manager.register_component("chart-1", chart, [wish], chart.on_event, overflow=hoga.Overflow.CONFLATE)
    assert_type(found, hoga.ComponentSubscription)
    assert_type(found.errors, list[hoga.SubscriptionError])
    await manager.register_component("chart-2", chart, [wish], chart.on_book)
    await manager.unregister_component("chart-1")
    for metrics in manager.get_connection_metrics().values():
        assert_type(metrics, hoga.ConnectionMetrics)
        assert_type(metrics.health_score, float)


async def pull() -> None:
    async with hoga.SimpleWebSocketClient("gui") as client:
        assert_type(await client.register_interests(["KRW-BTC"], [hoga.DataType.TICKER]), bool)
        assert_type(client.get_ticker("KRW-BTC"), hoga.TickerEvent | None)
        assert_type(client.get_orderbook("KRW-BTC"), hoga.OrderbookEvent | None)
        assert_type(client.get_candle("KRW-BTC", "1m"), hoga.CandleEvent | None)
        assert_type(client.get_multiple_tickers(["KRW-BTC"]), dict[str, hoga.TickerEvent])
        async for event in client.events():
            assert_type(event, hoga.BaseWebSocketEvent)


async def past_and_live() -> None:
    async for event in hoga.subscribe("upbit:KRW-BTC", "orderbook", since="2026-11-20"):
        if isinstance(event, hoga.GapEvent):
            assert_type(event.from_ns, int)
        else:
            assert_type(event, hoga.BaseWebSocketEvent)


async def over_nats() -> None:
    client = await hoga.connect("desk", nats="nats://127.0.0.1:4222")
    assert_type(client, hoga.SimpleWebSocketClient)
    async for event in hoga.subscribe("upbit:KRW-BTC", "orderbook", since=0, data="s3://bucket/prefix", nats="nats://127.0.0.1:4222"):
        assert_type(event, hoga.BaseWebSocketEvent | hoga.GapEvent)


async def books() -> None:
    keeper = hoga.BookKeeper("binance", ["BTCUSDT"])
    await keeper.start()
    book = keeper.book("BTCUSDT")
    if book is not None:
        assert_type(book.bids, tuple[tuple[Decimal, Decimal], ...])


class Fill(NamedTuple):
    """An event of the program's own."""

    price: Decimal


def draw(event: Fill) -> None: ...


async def store(event: Fill) -> None: ...


async def bus() -> None:
    async with hoga.EventBus() as found:
        leave = found.subscribe(Fill, draw)
        found.subscribe("fill", store)
        found.subscribe("*", draw, inline=True)
        assert_type(found.publish(Fill(Decimal(5)), queue="order"), bool)
        assert_type(found.stats().order.high_mark, int)
        assert_type(found.stats()["data"].dropped, int)
        leave()
    assert_type(await found.shutdown(timeout=1.0), bool)


def journal() -> None:
    log = hoga.AuditLogger.get_instance("logs/audit")
    assert_type(log, hoga.AuditLogger)
    assert_type(log.log_event("order", "sent", symbol="BTCUSDT", price=Decimal(5)), bool)
    log.stop()
    metrics = hoga.PerformanceMetrics()
    metrics.record_tick_latency(5)
    assert_type(metrics.get_p99_latency_ms(), float)


class Cross(hoga.Strategy):
    """A strategy, typed."""

    symbol = "binance-usdm:BTCUSDT"
    params = {"fast": 10, "slow": 30}  # noqa: RUF012  # as users write it
    fast: hoga.Line
    slow: hoga.Line

    def setup(self, m: hoga.Setup) -> None:
        bars = m.bars(self.symbol, "1m", history=200)
        assert_type(bars, hoga.BarSeries)
        self.fast, self.slow = bars.sma(self.p.fast), bars.ema(self.p.slow)
        self.hours = m.session("America/New_York", "09:30", "16:00", days="Mon-Fri")
        assert_type(bars.swings(3), hoga.Swings)
        m.book(self.symbol)
        m.timer(5)

    def on_bar(self, bar: hoga.Bar) -> None:
        assert_type(bar.close, Decimal)
        assert_type(self.fast > self.slow, bool)
        assert_type(self.fast - self.slow, float)
        assert_type(self.fast[-2], float)
        if self.check("open", self.hours.open) and self.check("up", self.fast > self.slow):
            self.target(self.symbol, "0.01", why=f"{self.fast:.1f}")

    def on_book(self, book: hoga.BookView) -> None:
        assert_type(book.bids, list[tuple[Decimal, Decimal]])

    def on_fill(self, fill: hoga.FillView) -> None:
        assert_type(fill.price, Decimal)


async def dashboard() -> None:
    async with hoga.DashboardServer("data", port=0) as server:
        assert_type(server, hoga.DashboardServer)
        assert_type(server.url, str)
