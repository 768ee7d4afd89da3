"""hoga (호가): record, serve and trade on crypto order books.

    manager = await hoga.GlobalWebSocketManager.get_instance()
    client = hoga.SimpleWebSocketClient("gui")
    client = await hoga.connect("gui")                      # of a `hoga run` in another process

The names below are the public ones. They are imported when they are first used, so that `import hoga` costs nothing. A type checker
reads them in `__init__.pyi`, which `make docs` writes from the table here.
"""

from __future__ import annotations

from importlib import import_module

from hoga._version import __version__

_ROOMS = {
    "app.books": "BookKeeper",
    "app.dashboard_server": "DashboardServer",
    "app.hub": "connect",
    "app.since": "subscribe",
    "app.thread": "HubThread",
    "audit.log": "AuditLogger Durability",
    "core.market": "AccountConfig AlgoOrder Asset Assets BalanceChange DataType Fill ListedOrder MarginCall Order OrderList Position "
    "Positions PressedPosition Side TriggerReject",
    "history.dataset": "Dataset catalog load",
    "history.events": "read",
    "hub.alerts": "Alert",
    "hub.client": "SimpleWebSocketClient",
    "hub.event_bus": "EventBus",
    "hub.epochs": "EpochManager",
    "hub.errors": "ArgumentError NoHub RecoveryError SubscriptionError",
    "hub.events": "BaseWebSocketEvent CandleEvent DeltaEvent EpochEvent GapEvent LiquidationEvent MarkPriceEvent MyAccountConfigEvent "
    "MyAlgoOrderEvent MyAssetEvent MyBalanceEvent MyFillEvent MyMarginCallEvent MyOrderEvent MyOrderListEvent MyPositionEvent "
    "MyTriggerRejectEvent OrderbookEvent OrderbookUnit QuoteEvent SubscriptionErrorEvent TickerEvent TradeEvent WaitingEvent make_event",
    "hub.independence": "ConnectionIndependenceMonitor",
    "hub.mailbox": "Overflow",
    "hub.manager": "GlobalWebSocketManager",
    "hub.metrics": "ConnectionMetrics",
    "hub.performance": "PerformanceMetrics",
    "hub.pool": "DataPoolManager",
    "hub.private": "MissedEvent PrivateState PrivateStateEvent",
    "hub.routing": "DataRoutingEngine Delivery",
    "hub.states": "ConnectionState GlobalManagerState WebSocketType",
    "hub.subscriptions": "ComponentSubscription Mode SubscriptionSpec SubscriptionStateManager",
    "runtime.shutdown": "ShutdownManager",
    "trading.bars": "Bar BarArrays BarSeries",
    "trading.indicators": "Line Swings",
    "trading.sessions": "Session",
    "trading.strategy": "BookView FillView OrderView Params Setup Strategy TradeView",
    "venues.formats": "SimpleFormatConverter",
    "venues.private": "Trouble",
}
_ASK_FOR_THE_MANAGER = frozenset({"GlobalWebSocketManager", "SimpleWebSocketClient"})
"""Before one of these is handed out, it is said how the process's manager is made."""
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  # names of the table above


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hoga' has no attribute {name!r}")
    if name in _ASK_FOR_THE_MANAGER:
        import_module("hoga.app.opening").install()
    found = getattr(import_module(f"hoga.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
