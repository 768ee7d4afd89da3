"""simulator.binance.orders: what a request for an order says, and the answers about orders that spot and futures share. Pure.

The orders themselves are the engine's (`engine.desk`); how a row about one is spelt is each venue's.

Source: protocol sheet 4.5 to 4.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from hoga.simulator.binance.api import Answer, Api, ApiError, Query
from hoga.simulator.engine import Desk, Force, OwnFill, OwnOrder, SelfTrade, Side

__all__ = [
    "E8",
    "MS_NS",
    "BinanceOrder",
    "OrderAnswers",
    "UserEvent",
    "client_id_of",
    "decimal_e8",
    "force_of",
    "may",
    "prevention_of",
    "side_of",
]

E8, MS_NS = 100_000_000, 1_000_000
_DECIMAL = re.compile(r"^(\d{1,20})(?:\.(\d{0,20}))?$")
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")


class UserEvent(NamedTuple):
    """An event for an account's user stream: `text` is its JSON; `name` is what faults know it by: its kind, what happened, the symbol."""

    account: str
    kind: str
    text: str
    name: str = ""


@dataclass(eq=False, slots=True, kw_only=True)
class BinanceOrder(OwnOrder):
    """An order with the request's own words. `client_id` is its owner's name for it, `cancel_id` that of the request that cancelled it;
    `prevention` is what its owner wants instead of a trade with itself; `why` is the venue's reason for an end of its own making."""

    client_id: str
    kind: str
    time_in_force: str
    quote_wanted_e8: int = 0
    cancel_id: str = ""
    prevention: str = SelfTrade.EXPIRE_MAKER
    why: str = ""

    def __post_init__(self) -> None:
        """Spot and futures prevent self-trades alike; an order that may only rest meets nobody."""
        self.force = force_of(self.kind, self.time_in_force)
        self.self_trade = SelfTrade.NONE if self.force is Force.POST_ONLY else SelfTrade(self.prevention)

    @property
    def created_ms(self) -> int:
        """When it was accepted."""
        return self.created_ns // MS_NS

    @property
    def updated_ms(self) -> int:
        """When something last happened to it."""
        return self.updated_ns // MS_NS

    def name_it(self) -> None:
        """Give it a name when its owner did not."""
        self.client_id = self.client_id or f"sim{self.order_id}"


B = TypeVar("B", bound=BinanceOrder)


class OrderAnswers(Generic[B]):
    """The answers about orders that both venues give, each with its own `row` of an order and `trade_row` of a fill."""

    def __init__(
        self,
        desk: Desk[B],
        *,
        row: Callable[[B], dict[str, Any]],
        trade_row: Callable[[B, OwnFill], dict[str, Any]],
    ) -> None:
        self._desk = desk
        self._row = row
        self._trade_row = trade_row

    def find(self, api: Api, query: Query, *, missing: ApiError) -> B:
        """The order that a request names by `orderId` or `origClientOrderId`. Raises `missing` when there is none."""
        symbol, order_id, client_id = query.required("symbol"), query.integer("orderId"), query.text("origClientOrderId")
        if order_id is None and client_id is None:
            raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        for order in self._desk.newest(query.account, symbol):
            if (order_id is None or order.order_id == order_id) and (client_id is None or order.client_id == client_id):
                if api.denies(query, symbol=order.symbol, client_id=order.client_id):
                    break
                return order
        raise missing

    def has_open(self, order: B) -> bool:
        """Tell whether its owner has an open order of the same name."""
        return bool(order.client_id) and any(each.client_id == order.client_id for each in self._desk.open_of(order.account, order.symbol))

    def status(self, api: Api, query: Query) -> Answer:
        """One order."""
        api.instrument(query.required("symbol"))
        return self._row(self.find(api, query, missing=ApiError(-2013, "Order does not exist.")))

    def open(self, api: Api, query: Query) -> Answer:
        """The open orders, of one symbol or of all."""
        symbol = query.text("symbol")
        if symbol is not None:
            api.instrument(symbol)
        return [self._row(order) for order in self._desk.open_of(query.account, symbol)]

    def all(self, api: Api, query: Query) -> Answer:
        """A symbol's orders, oldest first."""
        symbol, first = api.instrument(query.required("symbol")).symbol, query.integer("orderId") or 0
        rows = [self._row(order) for order in self._desk.of(query.account, symbol) if order.order_id >= first]
        return rows[-query.limit(500, 1_000) :]

    def trades(self, api: Api, query: Query) -> Answer:
        """A symbol's fills, oldest first."""
        symbol, order_id = api.instrument(query.required("symbol")).symbol, query.integer("orderId")
        first = query.integer("fromId") or 0
        rows = [
            self._trade_row(order, fill)
            for order in self._desk.of(query.account, symbol)
            for fill in order.fills
            if fill.trade_id >= first and order_id in (None, order.order_id)
        ]
        return sorted(rows, key=lambda row: int(row["id"]))[-query.limit(500, 1_000) :]


def force_of(kind: str, time_in_force: str) -> Force:
    """How long an order may rest, of the words that say so."""
    if time_in_force == "GTX" or kind == "LIMIT_MAKER":
        return Force.POST_ONLY
    return Force(time_in_force) if time_in_force in ("IOC", "FOK") else Force.GTC


def decimal_e8(query: Query, name: str, *, places: int = 8) -> int | None:
    """A decimal parameter in units of 1e-8, None when it was not sent. Raises ApiError for more than `places` places."""
    text = query.text(name)
    if text is None:
        return None
    hit = _DECIMAL.match(text)
    if hit is None:
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.")
    fraction = (hit[2] or "").rstrip("0")
    if len(fraction) > places:
        raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
    return int(hit[1]) * E8 + int(fraction.ljust(8, "0"))


def prevention_of(query: Query) -> str:
    """What is wanted instead of a trade with oneself."""
    text = query.text("selfTradePreventionMode") or SelfTrade.EXPIRE_MAKER
    if text not in list(SelfTrade):
        raise ApiError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    return text


def side_of(query: Query, name: str = "side") -> Side:
    """BUY or SELL."""
    text = query.required(name)
    if text not in ("BUY", "SELL"):
        raise ApiError(-1117, "Invalid side.")
    return Side.BUY if text == "BUY" else Side.SELL


def may(api: Api, query: Query) -> tuple[bool, bool]:
    """Whether the key of a request may trade, and whether it may withdraw."""
    name = query.key.key if query.key is not None else ""
    return api.keys.may_trade(name), api.keys.may_withdraw(name)


def client_id_of(query: Query, name: str = "newClientOrderId") -> str:
    """The client's id for an order or a cancel, "" when it leaves that to the venue."""
    text = query.text(name) or ""
    if text and not _CLIENT_ID.match(text):
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[.A-Z:/a-z0-9_-]{{1,36}}$'.")
    return text
