"""A user's program, as a type checker sees it. It is checked, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

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


async def books() -> None:
    keeper = hoga.BookKeeper("binance", ["BTCUSDT"])
    await keeper.start()
    book = keeper.book("BTCUSDT")
    if book is not None:
        assert_type(book.bids, tuple[tuple[Decimal, Decimal], ...])
