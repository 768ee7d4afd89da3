"""simulator.usdm.private: the futures venue's private half: orders, listen keys, and user streams on `/private`.

A listen key is a stream name: `/private/ws/K`, `?listenKey=K&events=A/B` (then only those events), several of them on
`/private/stream`. A key nobody made completes the handshake too and brings nothing. When a key expires, its socket hears
`listenKeyExpired` and stays open.

Source: protocol sheet 2.1 and 5.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.dialect import printing
from hoga.simulator.binance.orders import E8, UserEvent
from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.binance.private import PrivateDeps
from hoga.simulator.binance.ws_api import ApiSession, Dialogue
from hoga.simulator.engine import Desk
from hoga.simulator.faults import Asked, FaultKind
from hoga.simulator.usdm.account import FuturesAccount
from hoga.simulator.usdm.algo import AlgoDesk, AlgoOrder, AlgoStatus
from hoga.simulator.usdm.algo_orders import AlgoOrders, algo_event, algo_row
from hoga.simulator.usdm.funding import Funding
from hoga.simulator.usdm.listen_keys import ListenKeys
from hoga.simulator.usdm.orders import FuturesOrders
from hoga.simulator.usdm.reports import FUTURES_REFUSES, FuturesOrder, FuturesReports, futures_accounts
from hoga.simulator.usdm.settings import Settings

__all__ = ["FuturesPrivate", "listen_streams"]


_PATH = "/ws-fapi/v1"
_DIALOGUE = Dialogue(
    {
        "depth": "GET /fapi/v1/depth",
        "ticker.price": "GET /fapi/v1/ticker/price",
        "ticker.book": "GET /fapi/v1/ticker/bookTicker",
        "order.place": "POST /fapi/v1/order",
        "order.modify": "PUT /fapi/v1/order",
        "order.cancel": "DELETE /fapi/v1/order",
        "order.status": "GET /fapi/v1/order",
        "algoOrder.place": "POST /fapi/v1/algoOrder",
        "algoOrder.cancel": "DELETE /fapi/v1/algoOrder",
        "account.position": "GET /fapi/v2/positionRisk",
        "v2/account.position": "GET /fapi/v3/positionRisk",
        "account.balance": "GET /fapi/v2/balance",
        "v2/account.balance": "GET /fapi/v3/balance",
        "account.status": "GET /fapi/v2/account",
        "v2/account.status": "GET /fapi/v3/account",
        "userDataStream.start": "POST /fapi/v1/listenKey",
        "userDataStream.ping": "PUT /fapi/v1/listenKey",
        "userDataStream.stop": "DELETE /fapi/v1/listenKey",
    },
    "v1/",
    streams=False,
)


class FuturesPrivate:
    """See the module."""

    def __init__(self, deps: PrivateDeps) -> None:
        self._deps = deps
        engine, stamp = deps.api.engine, deps.api.clock.stamp_ns
        accounts = self._accounts = futures_accounts(engine, deps.now_ns, deps.config.futures.balance)
        self._reports = FuturesReports(accounts, deps.now_ns, deps.to_ms)
        self._desk = Desk(engine, accounts, self._reports, refuses=FUTURES_REFUSES, stamp=stamp)
        self._algos = AlgoDesk(
            engine,
            tell=self._tell_algo,
            submit=self._submit_child,
            position_lots=lambda order: accounts.position(order.account, order.instrument, order.leg).lots,
            mark=lambda symbol: accounts.mark_e8(symbol) // engine.instruments[symbol].tick_e8,
            refusal=self._refusal,
            stamp=stamp,
            keeps_client_id=deps.config.futures.child_keeps_client_id,
        )
        settings = Settings(
            self._desk,
            accounts,
            tell=self._reports.leverage_changed,
            has_open=lambda account, symbol: bool(self._algos.open_of(account, symbol)),
        )
        self._reports.margin_type = settings.margin_type
        self._orders = FuturesOrders(
            self._desk,
            accounts,
            settings,
            self._reports,
            deps.config.futures,
            waiting=self._algos.open_of,
            cancel_waiting=self._algos.cancel,
        )
        self._funding = Funding(engine, self._desk, accounts, self._reports, begins_ns=deps.now_ns())
        self._account = FuturesAccount(self._desk, accounts, settings)
        algo_orders = AlgoOrders(self._algos, accounts, settings, self._settle)
        self._parts = (self._orders, algo_orders, settings, self._account, self._funding)
        self._child_from = 0
        self._listen_keys = ListenKeys()
        self._makers: dict[str, str] = {}

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What REST serves beside the public endpoints."""
        return {name: endpoint for part in self._parts for name, endpoint in part.endpoints.items()} | {
            "POST /fapi/v1/listenKey": Endpoint(flat(1), self._make_key, Access.KEY),
            "PUT /fapi/v1/listenKey": Endpoint(flat(1), self._keep_key, Access.KEY),
            "DELETE /fapi/v1/listenKey": Endpoint(flat(1), self._drop_key, Access.KEY),
        }

    def open(self, path: str, clerk: Clerk) -> ApiSession | None:
        """A session of the WebSocket API."""
        return ApiSession(_DIALOGUE, self._deps, clerk) if path.rstrip("/") == _PATH else None

    def state(self, account: str) -> dict[str, Any]:
        """See `PrivateHalf`."""
        self._settle()
        waiting = [algo_row(order, asked_for=True) for order in self._algos.open_of(account)]
        held = [row for row in self._account.risk_rows(account) if float(row["positionAmt"])]
        balance = decimal_text(self._accounts.balance_e8(account), 8)
        return {"balance": balance, "positions": held, **self._orders.state(account), "open_algo_orders": waiting}

    def expire(self, chosen: Callable[[str, str], bool]) -> None:
        """See `PrivateHalf`."""
        self._settle()
        now_ns = self._deps.now_ns()
        for order in self._desk.everyones_open():
            if chosen(order.symbol, order.client_id):
                self._desk.expire(order, now_ns)
        for waiting in self._algos.everyones_open():
            if chosen(waiting.symbol, waiting.client_id):
                self._algos.expire(waiting, now_ns)

    def tell(self, account: str, event: str) -> None:
        """See `PrivateHalf`."""
        self._reports.events.append(UserEvent(account, "told", event, "told"))

    def fund(self, symbol: str, rate: str | None) -> None:
        """See `PrivateHalf`."""
        self._settle()
        self._funding.exchange(symbol, self._deps.now_ns(), None if rate is None else int(Decimal(rate) * E8))

    def forget_keys(self, names: str) -> None:
        """See `PrivateHalf`."""
        for account in self._listen_keys.accounts():
            if fnmatchcase(self._makers[account], names):
                self._listen_keys.drop(account)

    def advance(self) -> None:
        """Settle fills, trigger orders, run countdowns down, end keys, send events."""
        now_ns = self._deps.now_ns()
        self._settle()
        self._orders.run_down(now_ns)
        self._funding.advance(now_ns)
        events, self._reports.events = self._reports.events, []
        for event in events:
            key = self._listen_keys.of(event.account)
            if key is not None and self._deps.faults.take_event(FaultKind.LOST_EVENT, event.name) is None:
                self._send(key, event)
        for account in self._listen_keys.accounts():
            if self._deps.keys.is_bad(self._makers[account]):
                self._expire(self._listen_keys.drop(account))
        for key in self._listen_keys.expired(now_ns):
            self._expire(key)

    def _settle(self) -> None:
        """Take over what the market did: fills, triggers, ends of orders."""
        now_ns = self._deps.now_ns()
        self._desk.settle(now_ns)
        self._orders.knock_out(now_ns)
        self._algos.watch(now_ns)
        ended, self._reports.ended_orders = self._reports.ended_orders, []
        for order in ended:
            self._algos.child_ended(order, now_ns)

    def _submit_child(self, child: FuturesOrder, now_ns: int) -> None:
        self._child_from = len(self._reports.events)
        self._orders.submit(child, self._deps.api)

    def _refusal(self, order: AlgoOrder) -> str | None:
        asked = Asked("POST", "/fapi/v1/algoOrder", order.symbol, order.client_id)
        fault = self._deps.faults.take_asked(FaultKind.REJECT_TRIGGER, asked)
        return None if fault is None else fault.reason or "Margin is insufficient."

    def _tell_algo(self, order: AlgoOrder) -> None:
        """Of a triggered order it is told before its child, unless a fault turns that round."""
        event, events = algo_event(order, sent_ms=self._deps.to_ms(self._deps.now_ns())), self._reports.events
        late = order.status is AlgoStatus.TRIGGERED and self._deps.faults.take_event(FaultKind.CHILD_FIRST, event.name) is not None
        events.insert(self._child_from if order.status is AlgoStatus.TRIGGERED and not late else len(events), event)

    def _make_key(self, api: Api, query: Query) -> Answer:
        assert query.key is not None, "the endpoint needs a key"
        self._makers[query.account] = query.key.key
        return {"listenKey": self._listen_keys.make(query.account, api.clock.now_ns())}

    def _keep_key(self, api: Api, query: Query) -> Answer:
        key = self._listen_keys.extend(query.account, api.clock.now_ns())
        if key is None:
            raise ApiError(-1125, "This listenKey does not exist.")
        return {"listenKey": key}

    def _drop_key(self, api: Api, query: Query) -> Answer:
        self._listen_keys.drop(query.account)
        return {}

    def _expire(self, key: str | None) -> None:
        if key is not None:
            sent = self._deps.to_ms(self._deps.now_ns())
            text = f'{{"e":"listenKeyExpired","E":{sent},"listenKey":"{key}"}}'
            self._send(key, UserEvent("", "listenKeyExpired", text, "listenKeyExpired"))

    def _send(self, key: str, event: UserEvent) -> None:
        for stream in (key, f"{key}@{event.kind}"):
            self._deps.board.publish(stream, printing(key, lambda micros: event.text.encode(), event=event.name))


def listen_streams(query: str) -> list[str]:
    """The streams that `listenKey=K&events=A/B` asks for, once or several times; a key's end is always told."""
    names: list[str] = []
    key = ""
    filtered: set[str] = set()
    for name, value in parse_qsl(query):
        if name == "listenKey":
            key = value
            names.append(key)
        elif name == "events" and key:
            filtered.add(key)
            names += [f"{key}@{kind}" for kind in (*value.split("/"), "listenKeyExpired") if kind]
    return list(dict.fromkeys(name for name in names if name not in filtered))
