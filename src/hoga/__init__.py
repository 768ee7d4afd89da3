"""hoga (호가): record, serve and trade on crypto order books.

    manager = await hoga.GlobalWebSocketManager.get_instance()
    client = hoga.SimpleWebSocketClient("gui")
    client = await hoga.connect("gui")                      # of a `hoga run` in another process

The names below are the public ones. They are imported when they are first used, so that `import hoga` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hoga._version import __version__

if TYPE_CHECKING:
    from hoga.app.books import BookKeeper as BookKeeper
    from hoga.app.hub import GlobalWebSocketManager as GlobalWebSocketManager
    from hoga.app.hub import connect as connect
    from hoga.app.since import subscribe as subscribe
    from hoga.app.thread import HubThread as HubThread
    from hoga.core.market import DataType as DataType
    from hoga.core.market import Side as Side
    from hoga.hub.alerts import Alert as Alert
    from hoga.hub.client import SimpleWebSocketClient as SimpleWebSocketClient
    from hoga.hub.epochs import EpochManager as EpochManager
    from hoga.hub.errors import ArgumentError as ArgumentError
    from hoga.hub.errors import NoHub as NoHub
    from hoga.hub.errors import RecoveryError as RecoveryError
    from hoga.hub.errors import SubscriptionError as SubscriptionError
    from hoga.hub.events import BaseWebSocketEvent as BaseWebSocketEvent
    from hoga.hub.events import CandleEvent as CandleEvent
    from hoga.hub.events import DeltaEvent as DeltaEvent
    from hoga.hub.events import EpochEvent as EpochEvent
    from hoga.hub.events import GapEvent as GapEvent
    from hoga.hub.events import LiquidationEvent as LiquidationEvent
    from hoga.hub.events import MarkPriceEvent as MarkPriceEvent
    from hoga.hub.events import MyAssetEvent as MyAssetEvent
    from hoga.hub.events import MyBalanceEvent as MyBalanceEvent
    from hoga.hub.events import MyFillEvent as MyFillEvent
    from hoga.hub.events import MyOrderEvent as MyOrderEvent
    from hoga.hub.events import MyPositionEvent as MyPositionEvent
    from hoga.hub.events import OrderbookEvent as OrderbookEvent
    from hoga.hub.events import OrderbookUnit as OrderbookUnit
    from hoga.hub.events import QuoteEvent as QuoteEvent
    from hoga.hub.events import SubscriptionErrorEvent as SubscriptionErrorEvent
    from hoga.hub.events import TickerEvent as TickerEvent
    from hoga.hub.events import TradeEvent as TradeEvent
    from hoga.hub.events import make_event as make_event
    from hoga.hub.independence import ConnectionIndependenceMonitor as ConnectionIndependenceMonitor
    from hoga.hub.mailbox import Overflow as Overflow
    from hoga.hub.metrics import ConnectionMetrics as ConnectionMetrics
    from hoga.hub.metrics import PerformanceMetrics as PerformanceMetrics
    from hoga.hub.pool import DataPoolManager as DataPoolManager
    from hoga.hub.private import MissedEvent as MissedEvent
    from hoga.hub.private import PrivateState as PrivateState
    from hoga.hub.private import PrivateStateEvent as PrivateStateEvent
    from hoga.hub.routing import DataRoutingEngine as DataRoutingEngine
    from hoga.hub.routing import Delivery as Delivery
    from hoga.hub.states import ConnectionState as ConnectionState
    from hoga.hub.states import GlobalManagerState as GlobalManagerState
    from hoga.hub.states import WebSocketType as WebSocketType
    from hoga.hub.subscriptions import ComponentSubscription as ComponentSubscription
    from hoga.hub.subscriptions import Mode as Mode
    from hoga.hub.subscriptions import SubscriptionSpec as SubscriptionSpec
    from hoga.hub.subscriptions import SubscriptionStateManager as SubscriptionStateManager
    from hoga.runtime.shutdown import ShutdownManager as ShutdownManager
    from hoga.venues.formats import SimpleFormatConverter as SimpleFormatConverter
    from hoga.venues.private import Trouble as Trouble

_ROOMS = {
    "app.books": "BookKeeper",
    "app.hub": "GlobalWebSocketManager connect",
    "app.since": "subscribe",
    "app.thread": "HubThread",
    "core.market": "DataType Side",
    "hub.alerts": "Alert",
    "hub.client": "SimpleWebSocketClient",
    "hub.epochs": "EpochManager",
    "hub.errors": "ArgumentError NoHub RecoveryError SubscriptionError",
    "hub.events": "BaseWebSocketEvent CandleEvent DeltaEvent EpochEvent GapEvent LiquidationEvent MarkPriceEvent MyAssetEvent "
    "MyBalanceEvent MyFillEvent MyOrderEvent MyPositionEvent OrderbookEvent OrderbookUnit QuoteEvent SubscriptionErrorEvent TickerEvent "
    "TradeEvent make_event",
    "hub.independence": "ConnectionIndependenceMonitor",
    "hub.mailbox": "Overflow",
    "hub.metrics": "ConnectionMetrics PerformanceMetrics",
    "hub.pool": "DataPoolManager",
    "hub.private": "MissedEvent PrivateState PrivateStateEvent",
    "hub.routing": "DataRoutingEngine Delivery",
    "hub.states": "ConnectionState GlobalManagerState WebSocketType",
    "hub.subscriptions": "ComponentSubscription Mode SubscriptionSpec SubscriptionStateManager",
    "runtime.shutdown": "ShutdownManager",
    "venues.formats": "SimpleFormatConverter",
    "venues.private": "Trouble",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  # names of the table above


if not TYPE_CHECKING:  # a type checker knows the names above, and that there are no others

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'hoga' has no attribute {name!r}")
        if _HOMES[name] == "hub.client":
            import_module("hoga.app.hub")
        found = getattr(import_module(f"hoga.{_HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
