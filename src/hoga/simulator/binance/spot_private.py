"""simulator.binance.spot_private: spot's private half: accounts, orders over REST and WebSocket API, user data events.

Source: protocol sheet 5.1 and 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hoga.simulator.binance.api import Endpoint
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.orders import UserEvent
from hoga.simulator.binance.private import PrivateDeps
from hoga.simulator.binance.spot_orders import SpotOrders
from hoga.simulator.binance.spot_reports import SPOT_REFUSES, SpotOrder, SpotReports, spot_accounts
from hoga.simulator.binance.spot_triggers import SpotTriggers
from hoga.simulator.binance.ws_api import ApiSession, Dialogue
from hoga.simulator.engine import Desk
from hoga.simulator.faults import FaultKind, Printed
from hoga.simulator.sockets import Connection

__all__ = ["USER_DATA", "SpotPrivate"]

USER_DATA = "userData"
"""What user data frames are called in the truth and by faults' `streams`."""

_METHODS = {
    "ping": "GET /api/v3/ping",
    "time": "GET /api/v3/time",
    "exchangeInfo": "GET /api/v3/exchangeInfo",
    "depth": "GET /api/v3/depth",
    "trades.recent": "GET /api/v3/trades",
    "trades.historical": "GET /api/v3/historicalTrades",
    "trades.aggregate": "GET /api/v3/aggTrades",
    "klines": "GET /api/v3/klines",
    "uiKlines": "GET /api/v3/uiKlines",
    "avgPrice": "GET /api/v3/avgPrice",
    "ticker.24hr": "GET /api/v3/ticker/24hr",
    "ticker.price": "GET /api/v3/ticker/price",
    "ticker.book": "GET /api/v3/ticker/bookTicker",
    "order.place": "POST /api/v3/order",
    "order.test": "POST /api/v3/order/test",
    "order.cancel": "DELETE /api/v3/order",
    "order.status": "GET /api/v3/order",
    "openOrders.status": "GET /api/v3/openOrders",
    "openOrders.cancelAll": "DELETE /api/v3/openOrders",
    "allOrders": "GET /api/v3/allOrders",
    "account.status": "GET /api/v3/account",
    "orderList.place.oco": "POST /api/v3/orderList/oco",
    "orderList.place.oto": "POST /api/v3/orderList/oto",
    "orderList.place.otoco": "POST /api/v3/orderList/otoco",
    "orderList.cancel": "DELETE /api/v3/orderList",
    "orderList.status": "GET /api/v3/orderList",
    "openOrderLists.status": "GET /api/v3/openOrderList",
    "allOrderLists": "GET /api/v3/allOrderList",
    "account.rateLimits.orders": "GET /api/v3/rateLimit/order",
    "myTrades": "GET /api/v3/myTrades",
}
_PATH = "/ws-api/v3"
_DIALOGUE = Dialogue(_METHODS, "v3/", streams=True)


class SpotPrivate:
    """See the module."""

    def __init__(self, deps: PrivateDeps) -> None:
        self._deps = deps
        accounts = spot_accounts(deps.api.engine)
        self._reports = SpotReports(accounts, deps.orders, deps.now_ns, deps.to_ms)
        self._desk = Desk(deps.api.engine, accounts, self._reports, refuses=SPOT_REFUSES, stamp=deps.api.clock.stamp_ns)
        self._triggers = SpotTriggers(deps.api.engine, self._desk, self._triggered)
        self._orders = SpotOrders(self._desk, accounts, self._reports, deps.orders, settle=self._settle, begin_waiting=self._triggers.begin)

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What REST serves beside the public endpoints."""
        return self._orders.endpoints

    def open(self, path: str, clerk: Clerk) -> ApiSession | None:
        """A session of the WebSocket API."""
        return ApiSession(_DIALOGUE, self._deps, clerk) if path.rstrip("/") == _PATH else None

    def state(self, account: str) -> dict[str, Any]:
        """See `PrivateHalf`."""
        self._settle()
        return self._orders.state(account)

    def expire(self, chosen: Callable[[str, str], bool]) -> None:
        """See `PrivateHalf`."""
        self._settle()
        for order in self._desk.everyones_open():
            if chosen(order.symbol, order.client_id):
                self._desk.expire(order, self._deps.now_ns())
        self._settle()

    def tell(self, account: str, event: str) -> None:
        """See `PrivateHalf`."""
        self._reports.events.append(UserEvent(account, "told", event, "told"))

    def fund(self, symbol: str, rate: str | None) -> None:
        """There is no funding on spot."""

    def forget_keys(self, names: str) -> None:
        """There are no listen keys on spot."""

    def advance(self) -> None:
        """Settle fills, drop who may no longer listen, send events."""
        self._settle()
        self._drop_bad_keys()
        events, self._reports.events = self._reports.events, []
        told = [event for event in events if self._deps.faults.take_event(FaultKind.LOST_EVENT, event.name) is None]
        for event in told:
            for connection, session in self._sessions():
                for number, key in session.subscriptions.items():
                    if key.account == event.account:
                        self._send(connection, number, event.text, event.name)

    def _settle(self) -> None:
        """Take over what the market did: fills, what lists make of them, triggers."""
        now_ns = self._deps.now_ns()
        self._desk.settle(now_ns)
        self._orders.lists.follow(now_ns)
        self._triggers.look(now_ns)

    def _triggered(self, order: SpotOrder, now_ns: int) -> None:
        order.working_ns = self._deps.api.clock.stamp_ns(now_ns)
        self._reports.moved.append(order)
        self._orders.lists.follow(now_ns)

    def _sessions(self) -> Iterator[tuple[Connection, ApiSession]]:
        for connection in list(self._deps.connections()):
            if isinstance(connection.session, ApiSession):
                yield connection, connection.session

    def _drop_bad_keys(self) -> None:
        keys = self._deps.keys
        for connection, session in self._sessions():
            if session.key is not None and keys.is_bad(session.key.key):
                session.key = None
                refused = '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
                connection.send_control(f'{{"id":null,"status":401,"error":{refused}}}')
            for number, key in list(session.subscriptions.items()):
                if keys.is_bad(key.key):
                    del session.subscriptions[number]
                    ended = f'{{"e":"eventStreamTerminated","E":{self._deps.to_ms(self._deps.now_ns())}}}'
                    self._send(connection, number, ended, "eventStreamTerminated")

    def _send(self, connection: Connection, number: int, event: str, name: str) -> None:
        text = f'{{"subscriptionId":{number},"event":{event}}}'
        self._deps.board.answer(connection, USER_DATA, Printed(text.encode(), event.encode(), event=name))
