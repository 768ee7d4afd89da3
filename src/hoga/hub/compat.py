"""hub.compat: the hub in the words and shapes of the plan that its users had before. Thin: everything is done by the hub itself.

`from hoga.hub import compat` and write `compat.` before the names; what is not here is the same in `hoga`. New programs use
`hoga`; docs/hub.md has the table from old names to new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import time
from typing import Any

import msgspec

from hoga.core.market import DataType as _DataType
from hoga.core.streams import Stream
from hoga.hub import client as _client
from hoga.hub import manager as _manager
from hoga.hub import routing as _routing
from hoga.hub import subscriptions as _subscriptions
from hoga.hub.epochs import EpochManager
from hoga.hub.errors import RecoveryError, SubscriptionError
from hoga.hub.events import (
    BaseWebSocketEvent,
    CandleEvent,
    MyAssetEvent,
    MyOrderEvent,
    OrderbookEvent,
    TickerEvent,
    TradeEvent,
)
from hoga.hub.independence import ConnectionIndependenceMonitor
from hoga.hub.mailbox import Overflow
from hoga.hub.metrics import ConnectionMetrics as _ConnectionMetrics
from hoga.hub.resolve import Resolver
from hoga.hub.states import ConnectionState, GlobalManagerState, WebSocketType
from hoga.hub.subscriptions import ComponentSubscription, Mode
from hoga.quality.health import connection_health, liveness
from hoga.venues.formats import SimpleFormatConverter
from hoga.venues.registry import VENUES

__all__ = [
    "COALESCE", "BaseWebSocketEvent", "CandleEvent", "ComponentSubscription", "ConnectionIndependenceMonitor", "ConnectionMetrics",
    "ConnectionState", "DataPoolManager", "DataRoutingEngine", "DataType", "EpochManager", "GlobalManagerState", "GlobalWebSocketManager",
    "HealthStatus", "MyAssetEvent", "MyOrderEvent", "OrderbookEvent", "PerformanceMetrics", "RecoveryError", "SimpleFormatConverter",
    "SimpleWebSocketClient", "StreamType", "SubscriptionError", "SubscriptionSpec", "SubscriptionStateManager", "TickerEvent",
    "TradeEvent", "WebSocketType", "is_private",
]  # fmt: skip

SimpleWebSocketClient = _client.SimpleWebSocketClient
COALESCE = Overflow.CONFLATE


class StreamType(StrEnum):
    """What an event's `stream_type` says, and what of a stream is wanted (`stream_preference`)."""

    SNAPSHOT = "SNAPSHOT"
    REALTIME = "REALTIME"


class HealthStatus(StrEnum):
    """A health score in one word."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"

    @classmethod
    def of(cls, score: float) -> HealthStatus:
        """HEALTHY from 0.8 on, UNHEALTHY below 0.5."""
        return cls.HEALTHY if score >= 0.8 else cls.DEGRADED if score >= 0.5 else cls.UNHEALTHY


class Candles(msgspec.Struct, frozen=True):
    """Candles of one interval, where a type of data is asked for."""

    interval: str


class DataType:
    """hoga's types of data (these are its members), and the old spellings."""

    TICKER, TRADE, ORDERBOOK, CANDLE = _DataType.TICKER, _DataType.TRADE, _DataType.ORDERBOOK, _DataType.CANDLE
    MYORDER = MY_ORDER = _DataType.MY_ORDER
    MYASSET = MY_ASSET = _DataType.MY_ASSET
    CANDLE_1S, CANDLE_1M, CANDLE_3M, CANDLE_5M = Candles("1s"), Candles("1m"), Candles("3m"), Candles("5m")
    CANDLE_10M, CANDLE_15M, CANDLE_30M = Candles("10m"), Candles("15m"), Candles("30m")
    CANDLE_60M, CANDLE_240M = Candles("60m"), Candles("240m")


def is_private(data_type: _DataType | Candles) -> bool:
    """Whether it is about an account, and needs keys."""
    return isinstance(data_type, _DataType) and data_type.private


def SubscriptionSpec(  # a class of the plan
    data_type: _DataType | Candles | str,
    symbols: Sequence[str],
    *,
    unit: str | int | None = None,
    stream_preference: StreamType | str | None = None,
    venue: str | None = None,
) -> _subscriptions.SubscriptionSpec:
    """A wish. `unit`: minutes of a candle, or the venue's words; `stream_preference` None: both. Raises as `hoga.SubscriptionSpec`."""
    interval = f"{unit}m" if isinstance(unit, int) else unit
    if isinstance(data_type, Candles):
        interval = interval or data_type.interval
        data_type = _DataType.CANDLE
    mode: Any = Mode.BOTH if stream_preference is None else str(stream_preference)
    wanted: Any = data_type
    return _subscriptions.SubscriptionSpec(wanted, symbols, venue=venue, mode=mode, interval=interval)


@dataclass
class ConnectionMetrics:
    """Figures of one connection. `connect_time` and `last_message_time`: seconds of the wall clock."""

    connection_type: WebSocketType
    is_connected: bool = False
    connect_time: float | None = None
    last_message_time: float | None = None
    message_count: int = 0
    error_count: int = 0
    reconnect_count: int = 0
    bytes_received: int = 0
    current_subscriptions: int = 0

    @classmethod
    def of(cls, metrics: _ConnectionMetrics) -> ConnectionMetrics:
        """The same figures as the hub has them now."""
        to_wall = time() - metrics.at_s
        connected, newest = metrics.connect_time, metrics.last_message_time
        return cls(
            metrics.connection_type,
            is_connected=metrics.is_connected,
            connect_time=None if connected is None else connected + to_wall,
            last_message_time=None if newest is None else newest + to_wall,
            message_count=metrics.message_count,
            error_count=metrics.error_count,
            reconnect_count=metrics.reconnect_count,
            bytes_received=metrics.bytes_received,
            current_subscriptions=metrics.current_subscriptions,
        )

    @property
    def uptime_seconds(self) -> float:
        """Of the present life, 0 while there is none."""
        return max(0.0, time() - self.connect_time) if self.is_connected and self.connect_time is not None else 0.0

    @property
    def messages_per_second(self) -> float:
        """Since it is connected."""
        return self.message_count / uptime if (uptime := self.uptime_seconds) > 0 else 0.0

    @property
    def error_rate(self) -> float:
        """Errors per message, 0..1."""
        return min(1.0, self.error_count / self.message_count) if self.message_count else float(bool(self.error_count))

    @property
    def health_score(self) -> float:
        """0..1, by the rules of `hoga.ConnectionMetrics`."""
        quiet_s = time() - max(self.last_message_time or 0.0, self.connect_time or 0.0)
        quiet_s = quiet_s if self.current_subscriptions else 0.0
        return connection_health(
            connected=self.is_connected, live=liveness(quiet_s), error_rate=self.error_rate, reconnects=self.reconnect_count
        )

    @property
    def health_status(self) -> HealthStatus:
        """The score in one word."""
        return HealthStatus.of(self.health_score)


@dataclass
class PerformanceMetrics:
    """The whole hub. `average_latency` in ms (0 before the first event), `memory_usage` in MB."""

    total_subscriptions: int
    messages_processed: int
    average_latency: float
    error_rate: float
    memory_usage: float
    uptime_seconds: float


class SubscriptionStateManager:
    """Who wants what. What is registered here alone is not told to a venue: that is what the manager does."""

    def __init__(self) -> None:
        self._state = _subscriptions.SubscriptionStateManager(
            Resolver(VENUES), private=lambda stream: VENUES[stream.venue].is_private(stream.channel)
        )

    async def register_component_subscriptions(
        self, component_id: str, subscriptions: list[_subscriptions.SubscriptionSpec]
    ) -> ComponentSubscription:
        """Raises SubscriptionError when nothing of a wish makes sense; then nothing has changed."""
        return self._state.register(component_id, _subscriptions.checked_specs(subscriptions, component_id))[0]

    async def unregister_component(self, component_id: str) -> None:
        """The component leaves."""
        self._state.unregister(component_id)

    def get_active_subscriptions(self) -> dict[str, ComponentSubscription]:
        """By component id."""
        return self._state.get_active_subscriptions()

    async def optimize_subscription_requests(self) -> list[dict[str, Any]]:
        """The fewest requests that serve everybody: one per venue, kind and channel."""
        requests: list[dict[str, Any]] = []
        for wanted in self._state.wanted():
            channels: dict[str, list[str]] = {}
            for stream in wanted.streams:
                channels.setdefault(stream.channel, []).append(stream.symbol)
            requests += [
                {"venue": wanted.venue, "connection_type": wanted.kind.value, "type": channel, "codes": codes}
                for channel, codes in channels.items()
            ]
        return requests


class DataRoutingEngine:
    """Events to callbacks by (symbol, type). Made anywhere, used on one event loop."""

    def __init__(self) -> None:
        self._made: _routing.DataRoutingEngine | None = None
        self._routes: dict[tuple[str, _DataType], dict[str, Callable[..., object]]] = {}
        self._known: set[Stream] = set()

    @property
    def _engine(self) -> _routing.DataRoutingEngine:
        if self._made is None:
            self._made = _routing.DataRoutingEngine()
        return self._made

    def register_route(self, symbol: str, data_type: _DataType, callback: Callable[..., object], component_id: str) -> None:
        """Events of that symbol and type go to `callback` from now on."""
        self._routes.setdefault((symbol, data_type), {})[component_id] = callback
        self._known.clear()

    def unregister_routes(self, component_id: str) -> None:
        """The component leaves."""
        for callbacks in self._routes.values():
            callbacks.pop(component_id, None)
        if self._made is not None:
            for key in [key for key in self._names(self._made) if key.partition("\0")[0] == component_id]:
                self._made.unregister_routes(key)

    @staticmethod
    def _names(engine: _routing.DataRoutingEngine) -> list[str]:
        return list(engine.get_routing_statistics().by_consumer)

    async def route_event(self, event: BaseWebSocketEvent) -> None:
        """Hand it to everybody who wants it; nobody delays anybody."""
        if event.stream not in self._known:
            self._known.add(event.stream)
            for component_id, callback in self._routes.get((event.symbol, event.data_type), {}).items():
                self._engine.register_route(event.stream, callback, f"{component_id}\0{event.symbol}\0{event.data_type}")
        self._engine.route_event(event)

    def get_routing_statistics(self) -> dict[str, Any]:
        """Figures of now."""
        found: dict[str, Any] = msgspec.to_builtins(self._engine.get_routing_statistics())
        del found["by_consumer"]
        return found | {"total_routes": sum(map(len, self._routes.values()))}

    def close(self) -> None:
        """Every route ends."""
        if self._made is not None:
            self._made.close()


class DataPoolManager:
    """The latest of what clients are interested in, from the process's manager."""

    def __init__(self, manager: _manager.GlobalWebSocketManager | None = None) -> None:
        self._manager = manager
        self._clients: dict[str, _client.SimpleWebSocketClient] = {}

    async def register_client_interest(self, client_id: str, symbols: list[str], data_types: list[_DataType]) -> bool:
        """True when all of it can be served so far."""
        found = self._clients.get(client_id) or _client.SimpleWebSocketClient(client_id, manager=self._manager)
        good = await found.register_interests(symbols, data_types)
        self._clients[client_id] = found
        return good

    async def unregister_client(self, client_id: str) -> None:
        """Nothing interests it any more."""
        found = self._clients.pop(client_id, None)
        if found is not None:
            await found.close()

    def get_latest_data(self, symbol: str, data_type: _DataType) -> BaseWebSocketEvent | None:
        """The newest event, None before the first."""
        found = (each.get(symbol, data_type) for each in self._clients.values())
        return next((event for event in found if event is not None), None)

    def get_multiple_data(self, requests: list[tuple[str, _DataType]]) -> dict[tuple[str, _DataType], BaseWebSocketEvent]:
        """The newest of each, those without a value left out."""
        found = ((request, self.get_latest_data(*request)) for request in requests)
        return {request: event for request, event in found if event is not None}


class GlobalWebSocketManager:
    """The process's manager in the plan's shape; `hub` is the manager itself."""

    def __init__(self, hub: _manager.GlobalWebSocketManager) -> None:
        self.hub = hub

    @classmethod
    async def get_instance(cls, config: object = None) -> GlobalWebSocketManager:
        """Over the process's one manager."""
        return cls(await _manager.GlobalWebSocketManager.get_instance(config))

    @property
    def state(self) -> GlobalManagerState:
        """What it is doing."""
        return self.hub.state

    async def register_component(
        self,
        component_id: str,
        component_instance: object = None,
        subscriptions: list[_subscriptions.SubscriptionSpec] | None = None,
        callback: Callable[[Any], object] | None = None,
        *,
        component_ref: object = None,
        **more: Any,
    ) -> ComponentSubscription:
        """As `hoga.GlobalWebSocketManager.register_component`; `component_ref` is another name of the instance."""
        owner, wanted, called = component_instance if component_instance is not None else component_ref, subscriptions or [], callback
        return await self.hub.register_component(component_id, owner, wanted, called, **more)  # type: ignore[arg-type]  # checked there

    async def unregister_component(self, component_id: str) -> None:
        """The component leaves."""
        await self.hub.unregister_component(component_id)

    def get_connection_metrics(self) -> dict[str, ConnectionMetrics]:
        """By connection name."""
        return {name: ConnectionMetrics.of(metrics) for name, metrics in self.hub.get_connection_metrics().items()}

    async def get_performance_metrics(self) -> PerformanceMetrics:
        """Of the whole hub."""
        found = self.hub.get_performance_metrics()
        return PerformanceMetrics(
            total_subscriptions=found.total_subscriptions,
            messages_processed=found.messages_processed,
            average_latency=found.average_latency or 0.0,
            error_rate=found.error_rate,
            memory_usage=found.memory_usage,
            uptime_seconds=found.uptime_seconds,
        )

    async def stop(self) -> None:
        """Everybody leaves, all connections end."""
        await self.hub.stop()
