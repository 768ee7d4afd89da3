"""simulator.binance.orders: orders as their owner knows them, and how they meet the engine. Pure; time is an argument.

`OrderDesk` is what spot and futures share: it files orders, submits them to the matching engine, turns the engine's
matches into fills of the order they belong to, and cancels. What an order, a fill or an end means for balances or
positions, and which event tells it, is the venue's `Bookkeeper`.

Source: protocol sheet 4.5 to 4.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from hoga.simulator.binance.api import ApiError, Query
from hoga.simulator.engine import Engine, Instrument, NewOrder, Side

__all__ = [
    "E8",
    "MS_NS",
    "Bookkeeper",
    "ClosedBy",
    "OrderDesk",
    "OwnFill",
    "OwnOrder",
    "UserEvent",
    "client_id_of",
    "decimal_e8",
    "side_of",
]

E8, MS_NS = 100_000_000, 1_000_000
_DECIMAL = re.compile(r"^(\d{1,20})(?:\.(\d{0,20}))?$")
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_OPEN = ("NEW", "PARTIALLY_FILLED")


class UserEvent(NamedTuple):
    """An event for an account's user stream: `text` is its JSON."""

    account: str
    kind: str
    text: str


class OwnFill(NamedTuple):
    """One match of an order."""

    trade_id: int
    price: int
    lots: int
    time_ms: int
    maker: bool

    @property
    def quote(self) -> int:
        """Ticks x lots."""
        return self.price * self.lots


class ClosedBy(NamedTuple):
    """Why an order ended without being filled: its status, and the id of the request that cancelled it ("" for none)."""

    status: str
    request_id: str = ""


class OwnOrder:
    """One order. Prices are ticks (None at market), sizes lots. `locked_e8` is what it holds of its owner's balance."""

    def __init__(
        self,
        *,
        account: str,
        instrument: Instrument,
        client_id: str,
        side: Side,
        kind: str,
        time_in_force: str,
        lots: int,
        price: int | None,
        reduce_only: bool = False,
        quote_wanted_e8: int = 0,
    ) -> None:
        self.account = account
        self.instrument = instrument
        self.client_id = client_id
        self.side = side
        self.kind = kind
        self.time_in_force = time_in_force
        self.lots = lots
        self.price = price
        self.reduce_only = reduce_only
        self.quote_wanted_e8 = quote_wanted_e8
        self.order_id = 0
        self.status = "NEW"
        self.filled = 0
        self.quote = 0
        self.locked_e8 = 0
        self.created_ms = self.updated_ms = 0
        self.fills: list[OwnFill] = []

    @property
    def symbol(self) -> str:
        """The instrument's name."""
        return self.instrument.symbol

    @property
    def is_open(self) -> bool:
        """It may still be filled."""
        return self.status in _OPEN

    @property
    def left(self) -> int:
        """Lots not filled."""
        return self.lots - self.filled


class Bookkeeper(Protocol):
    """What a venue does about orders."""

    def placed(self, order: OwnOrder) -> None:
        """An order was accepted."""

    def filled(self, order: OwnOrder, fill: OwnFill) -> None:
        """An order was met; its own figures are up to date."""

    def ended(self, order: OwnOrder, by: ClosedBy) -> None:
        """An order ended with something left of it."""


class OrderDesk:
    """Every order of every account. Call `settle` after the market has moved. `to_ms` prints a moment as the venue does."""

    def __init__(self, engine: Engine, books: Bookkeeper, to_ms: Callable[[int], int]) -> None:
        self._engine = engine
        self._books = books
        self._to_ms = to_ms
        self._orders: dict[int, OwnOrder] = {}

    def place(self, order: OwnOrder, now_ns: int, *, refusals: Mapping[str, ApiError]) -> None:
        """Submit an order. Raises one of `refusals` (by the engine's reason) and leaves no trace then; an order that
        the engine refuses for another reason was accepted and expires."""
        terms = NewOrder(
            order.side,
            order.lots,
            order.price,
            owner=order.account,
            rest=order.time_in_force in ("GTC", "GTX", "GTD") and order.price is not None,
            post_only=order.time_in_force == "GTX" or order.kind == "LIMIT_MAKER",
            whole=order.time_in_force == "FOK",
        )
        if not terms.post_only:
            self._expire_own(order, now_ns)
        report = self._engine.submit(order.symbol, terms)
        if report.refused is not None and report.refused in refusals:
            raise refusals[report.refused]
        order.order_id = report.order_id
        order.client_id = order.client_id or f"sim{report.order_id}"
        order.created_ms = order.updated_ms = self._to_ms(now_ns)
        self._orders[order.order_id] = order
        self._books.placed(order)
        for trade in report.trades:
            self._fill(order, trade.trade_id, trade.price, trade.lots, time_ns=trade.time_ns, maker=False)
        if order.is_open and report.resting is None:
            self._end(order, ClosedBy("EXPIRED"), now_ns)

    def cancel(self, order: OwnOrder, now_ns: int, *, by: ClosedBy) -> None:
        """End an open order."""
        self._engine.cancel(order.symbol, order.order_id)
        self._end(order, by, now_ns)

    def settle(self) -> None:
        """Take over what happened to resting orders."""
        for market in self._engine.markets.values():
            if market.fills:
                fills, market.fills[:] = list(market.fills), []
                for fill in fills:
                    order = self._orders.get(fill.order_id)
                    if order is not None:
                        self._fill(order, fill.trade_id, fill.price, fill.lots, time_ns=fill.time_ns, maker=True)

    def find(self, query: Query, *, missing: ApiError) -> OwnOrder:
        """The order that a request names by `orderId` or `origClientOrderId`. Raises `missing` when there is none."""
        symbol, order_id, client_id = query.required("symbol"), query.integer("orderId"), query.text("origClientOrderId")
        if order_id is None and client_id is None:
            raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        for order in reversed(list(self.of(query.account, symbol))):
            if (order_id is None or order.order_id == order_id) and (client_id is None or order.client_id == client_id):
                return order
        raise missing

    def of(self, account: str, symbol: str | None = None) -> Iterator[OwnOrder]:
        """An account's orders, oldest first."""
        for order in self._orders.values():
            if order.account == account and symbol in (None, order.symbol):
                yield order

    def open_of(self, account: str, symbol: str | None = None) -> list[OwnOrder]:
        """An account's open orders, oldest first."""
        return [order for order in self.of(account, symbol) if order.is_open]

    def has_open(self, account: str, symbol: str, client_id: str) -> bool:
        """Tell whether an open order has this client id."""
        return any(order.client_id == client_id for order in self.open_of(account, symbol))

    def _expire_own(self, order: OwnOrder, now_ns: int) -> None:
        """Self-trade prevention, EXPIRE_MAKER: the account's own resting orders make room."""
        for other in self.open_of(order.account, order.symbol):
            crosses = other.side is order.side.opposite and other.price is not None
            if crosses and (order.price is None or (order.price - (other.price or 0)) * order.side >= 0):
                self.cancel(other, now_ns, by=ClosedBy("EXPIRED_IN_MATCH"))

    def _fill(self, order: OwnOrder, trade_id: int, price: int, lots: int, *, time_ns: int, maker: bool) -> None:
        time_ms = self._to_ms(time_ns)
        fill = OwnFill(trade_id, price, lots, time_ms, maker)
        order.fills.append(fill)
        order.filled += lots
        order.quote += fill.quote
        order.updated_ms = time_ms
        order.status = "FILLED" if order.filled == order.lots else "PARTIALLY_FILLED"
        self._books.filled(order, fill)

    def _end(self, order: OwnOrder, by: ClosedBy, now_ns: int) -> None:
        order.status, order.updated_ms = by.status, self._to_ms(now_ns)
        self._books.ended(order, by)


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


def side_of(query: Query) -> Side:
    """BUY or SELL."""
    text = query.required("side")
    if text not in ("BUY", "SELL"):
        raise ApiError(-1117, "Invalid side.")
    return Side.BUY if text == "BUY" else Side.SELL


def client_id_of(query: Query, name: str = "newClientOrderId") -> str:
    """The client's id for an order or a cancel, "" when it leaves that to the venue."""
    text = query.text(name) or ""
    if text and not _CLIENT_ID.match(text):
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[.A-Z:/a-z0-9_-]{{1,36}}$'.")
    return text
