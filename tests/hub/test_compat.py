"""The plan's own lines, as they stand there, run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import hoga
from hoga.hub import compat
from hoga.hub.compat import (
    ConnectionMetrics,
    DataPoolManager,
    DataRoutingEngine,
    DataType,
    EpochManager,
    GlobalWebSocketManager,
    HealthStatus,
    PerformanceMetrics,
    StreamType,
    SubscriptionSpec,
    SubscriptionStateManager,
    WebSocketType,
)
from hoga.hub.events import TickerEvent, make_event
from hoga.hub.subscriptions import Mode
from tests.hub.test_events import TICKER
from tests.hub.workbench import FakeWire, Make, ticker
from tests.waiting import eventually


def test_every_name_of_the_plan_is_there() -> None:
    for name in compat.__all__:
        assert getattr(compat, name) is not None
    same = "WebSocketType ConnectionState GlobalManagerState EpochManager SubscriptionError RecoveryError SimpleFormatConverter"
    for name in (*same.split(), "ConnectionIndependenceMonitor", "TickerEvent", "TradeEvent", "OrderbookEvent", "MyOrderEvent"):
        assert getattr(compat, name) is getattr(hoga, name)


def test_connection_metrics_are_made_of_a_type_and_can_be_written() -> None:
    metrics = ConnectionMetrics(WebSocketType.PUBLIC)
    assert (metrics.is_connected, metrics.message_count, metrics.uptime_seconds, metrics.health_score) == (False, 0, 0.0, 0.0)
    assert (metrics.messages_per_second, metrics.error_rate, metrics.health_status) == (0.0, 0.0, HealthStatus.UNHEALTHY)
    metrics.is_connected = True
    metrics.connect_time = compat.time() - 10
    metrics.last_message_time = compat.time()
    metrics.message_count, metrics.error_count, metrics.current_subscriptions = 100, 1, 3
    assert 9 < metrics.uptime_seconds < 60
    assert 0 < metrics.messages_per_second <= 100 / 9
    assert metrics.error_rate == 0.01
    assert metrics.health_score == pytest.approx(0.97, abs=0.01)
    assert metrics.health_status is HealthStatus.HEALTHY


def test_performance_metrics_are_six_fields() -> None:
    metrics = PerformanceMetrics(
        total_subscriptions=1, messages_processed=2, average_latency=0.5, error_rate=0.0, memory_usage=10.0, uptime_seconds=3.0
    )
    assert (metrics.total_subscriptions, metrics.uptime_seconds) == (1, 3.0)


async def test_epochs_by_type_of_connection() -> None:
    epochs: Any = EpochManager()
    assert epochs.get_current_epoch(WebSocketType.PUBLIC) == 0
    assert await epochs.increment_epoch(WebSocketType.PUBLIC) == 1
    assert await epochs.increment_epoch(WebSocketType.PUBLIC) == 2
    assert epochs.get_current_epoch(WebSocketType.PRIVATE) == 0
    assert epochs.is_current_epoch(WebSocketType.PUBLIC, 2)
    assert not epochs.is_current_epoch(WebSocketType.PUBLIC, 1)


async def test_subscriptions_are_kept_and_merged_into_the_fewest_requests() -> None:
    state = SubscriptionStateManager()
    one = await state.register_component_subscriptions("a", [SubscriptionSpec(DataType.TICKER, ["KRW-BTC", "KRW-ETH"])])
    await state.register_component_subscriptions("b", [SubscriptionSpec(DataType.TICKER, ["KRW-ETH", "KRW-XRP"])])
    await state.register_component_subscriptions("c", [SubscriptionSpec(DataType.MYORDER, [], venue="upbit")])
    assert one.component_id == "a"
    assert await state.optimize_subscription_requests() == [
        {"venue": "upbit", "connection_type": "public", "type": "ticker", "codes": ["KRW-BTC", "KRW-ETH", "KRW-XRP"]},
        {"venue": "upbit", "connection_type": "private", "type": "myOrder", "codes": ["*"]},
    ]
    await state.unregister_component("b")
    assert set(state.get_active_subscriptions()) == {"a", "c"}
    assert (await state.optimize_subscription_requests())[0]["codes"] == ["KRW-BTC", "KRW-ETH"]


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[DataRoutingEngine]:
    made = DataRoutingEngine()
    yield made
    made.close()


async def test_routes_by_symbol_and_type(engine: DataRoutingEngine) -> None:
    seen: list[tuple[str, Any]] = []

    async def on_async(event: TickerEvent) -> None:
        seen.append(("async", event.trade_price))

    engine.register_route("KRW-BTC", DataType.TICKER, lambda event: seen.append(("plain", event.trade_price)), "one")
    engine.register_route("KRW-BTC", DataType.TICKER, on_async, "two")
    engine.register_route("KRW-ETH", DataType.TICKER, lambda event: 1 / 0, "one")
    for symbol in ("KRW-BTC", "KRW-ETH", "KRW-XRP"):
        await engine.route_event(make_event("upbit", symbol, DataType.TICKER, TICKER))
    await eventually(lambda: len(seen) == 2)
    await eventually(lambda: engine.get_routing_statistics()["errors"] == 1)
    statistics = engine.get_routing_statistics()
    assert (statistics["total_routes"], statistics["routed"], statistics["unrouted"]) == (3, 2, 1)
    engine.unregister_routes("two")
    await engine.route_event(make_event("upbit", "KRW-BTC", DataType.TICKER, TICKER))
    await eventually(lambda: len(seen) == 3)
    await asyncio.sleep(0.02)
    assert sorted(name for name, _ in seen) == ["async", "plain", "plain"]


async def test_the_pool_by_client(make: Make) -> None:
    wire = FakeWire("upbit")
    pool = DataPoolManager(make(wire))
    assert await pool.register_client_interest("gui", ["KRW-A", "KRW-B"], [DataType.TICKER])
    await eventually(lambda: wire.streams)
    assert pool.get_latest_data("KRW-A", DataType.TICKER) is None
    wire.push(ticker("KRW-A", 7))
    found = pool.get_multiple_data([("KRW-A", DataType.TICKER), ("KRW-B", DataType.TICKER)])
    assert [(symbol, event.body.last) for (symbol, _), event in found.items()] == [("KRW-A", 7)]
    await pool.unregister_client("gui")
    assert pool.get_latest_data("KRW-A", DataType.TICKER) is None


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def take(self, event: Any) -> None:
        self.seen.append(event)


@pytest.mark.parametrize("name", ["component_instance", "component_ref"])
async def test_the_manager(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    wire, widget = FakeWire("upbit"), Widget()
    monkeypatch.setattr(hoga.GlobalWebSocketManager, "_instance", None)
    hoga.GlobalWebSocketManager.adopt(make(wire))
    manager = await GlobalWebSocketManager.get_instance()
    await manager.register_component(
        "chart", subscriptions=[SubscriptionSpec(DataType.TICKER, ["KRW-A"])], callback=widget.take, **{name: widget}
    )
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 7))
    await eventually(lambda: widget.seen)
    performance = await manager.get_performance_metrics()
    assert (performance.total_subscriptions, performance.messages_processed) == (1, 1)
    (metrics,) = manager.get_connection_metrics().values()
    assert (metrics.connection_type, metrics.is_connected, metrics.message_count) == (WebSocketType.PUBLIC, True, 1)
    assert metrics.health_status is HealthStatus.HEALTHY
    with pytest.raises(ValueError, match="held weakly"):
        await manager.register_component("chart-2", None, [], widget.take)
    await manager.unregister_component("chart")
    await eventually(lambda: not wire.streams)


def test_old_spellings_of_wishes() -> None:
    assert SubscriptionSpec(DataType.CANDLE_5M, ["KRW-A"]).interval == "5m"
    assert SubscriptionSpec(DataType.CANDLE, ["KRW-A"], unit=5).interval == "5m"
    assert SubscriptionSpec(DataType.CANDLE, ["KRW-A"], unit="1s").interval == "1s"
    assert SubscriptionSpec(DataType.TRADE, ["KRW-A"]).mode is Mode.BOTH
    assert SubscriptionSpec(DataType.TRADE, ["KRW-A"], stream_preference=StreamType.REALTIME).mode is Mode.REALTIME
    assert SubscriptionSpec(DataType.TRADE, ["KRW-A"], stream_preference="SNAPSHOT").mode is Mode.SNAPSHOT
    assert (compat.is_private(DataType.MYASSET), compat.is_private(DataType.CANDLE_5M), compat.is_private(DataType.TICKER)) == (
        True,
        False,
        False,
    )
    assert compat.COALESCE is hoga.Overflow.CONFLATE
