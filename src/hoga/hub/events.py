"""hub.events: what consumers get. An event keeps the venue's own payload and decodes it when somebody looks, once for all.

Routing needs no decoding, a consumer that takes every tenth event pays for every tenth, and the recorder and a chart
see the same bytes. `recv_ns` is the wall clock at our socket, `epoch` the life of connection `conn` that brought it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from hoga.core.errors import WireFault
from hoga.core.market import (
    Assets,
    BalanceChange,
    Body,
    Book,
    Candle,
    DataType,
    Delta,
    Fill,
    Level,
    Liquidation,
    MarkPrice,
    Order,
    Positions,
    Quote,
    Side,
    Ticker,
    Trade,
)
from hoga.core.streams import Stream
from hoga.hub.errors import SubscriptionError
from hoga.hub.private import MissedEvent, PrivateStateEvent

__all__ = [
    "EVENTS", "BaseWebSocketEvent", "CandleEvent", "DeltaEvent", "EpochEvent", "LiquidationEvent", "MarkPriceEvent", "MyAssetEvent",
    "MyBalanceEvent", "MyFillEvent", "MyOrderEvent", "MyPositionEvent", "OrderbookEvent", "QuoteEvent", "StatusEvent",
    "SubscriptionErrorEvent", "TickerEvent", "TradeEvent",
]  # fmt: skip


class BaseWebSocketEvent(msgspec.Struct, eq=False, gc=False):
    """One frame of one stream. `payload` is the venue's JSON object, verbatim."""

    stream: Stream
    data_type: DataType
    payload: bytes
    recv_ns: int
    conn: str
    epoch: int
    _decode: Callable[[bytes], Body]
    _body: Body | None = None

    @property
    def venue(self) -> str:
        """Who sent it."""
        return self.stream.venue

    @property
    def symbol(self) -> str:
        """The venue's own text."""
        return self.stream.symbol

    @property
    def event_ns(self) -> int | None:
        """The venue's time, None when the payload has none. Decodes."""
        body: Body = self.body
        return body.event_ns

    @property
    def body(self) -> Any:
        """The payload, decoded the first time somebody asks. Raises WireFault when it is not what the venue promises."""
        body = self._body
        if body is None:
            try:
                body = self._body = self._decode(self.payload)
            except (ValueError, ArithmeticError) as fault:
                raise WireFault(self.stream.venue, f"{self.stream.name}: {fault}") from fault
        return body

    def raw(self) -> dict[str, Any]:
        """The payload as a dict, floats as the venue's text allows."""
        decoded: dict[str, Any] = msgspec.json.decode(self.payload)
        return decoded

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.stream.venue}:{self.stream.name} {self.conn} epoch {self.epoch}>"


class TickerEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Ticker`."""

    @property
    def ticker(self) -> Ticker:
        """Decoded."""
        body: Ticker = self.body
        return body

    @property
    def trade_price(self) -> Decimal:
        """The last price."""
        return self.ticker.last


class TradeEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Trade`."""

    @property
    def trade(self) -> Trade:
        """Decoded."""
        body: Trade = self.body
        return body

    @property
    def price(self) -> Decimal:
        """Of the trade."""
        return self.trade.price

    @property
    def size(self) -> Decimal:
        """Of the trade."""
        return self.trade.size

    @property
    def taker(self) -> Side:
        """Which side took."""
        return self.trade.taker


class OrderbookEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Book`."""

    @property
    def book(self) -> Book:
        """Decoded."""
        body: Book = self.body
        return body

    @property
    def bids(self) -> tuple[Level, ...]:
        """(price, size), best first."""
        return self.book.bids

    @property
    def asks(self) -> tuple[Level, ...]:
        """(price, size), best first."""
        return self.book.asks


class CandleEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Candle`."""

    @property
    def candle(self) -> Candle:
        """Decoded."""
        body: Candle = self.body
        return body


class DeltaEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Delta`."""

    @property
    def delta(self) -> Delta:
        """Decoded."""
        body: Delta = self.body
        return body


class QuoteEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Quote`."""

    @property
    def quote(self) -> Quote:
        """Decoded."""
        body: Quote = self.body
        return body


class MarkPriceEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `MarkPrice`."""

    @property
    def mark_price(self) -> MarkPrice:
        """Decoded."""
        body: MarkPrice = self.body
        return body


class LiquidationEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Liquidation`."""

    @property
    def liquidation(self) -> Liquidation:
        """Decoded."""
        body: Liquidation = self.body
        return body


class MyOrderEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is an `Order`."""

    @property
    def order(self) -> Order:
        """Decoded."""
        body: Order = self.body
        return body


class MyAssetEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is `Assets`."""

    @property
    def assets(self) -> Assets:
        """Decoded."""
        body: Assets = self.body
        return body


class MyFillEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Fill`."""

    @property
    def fill(self) -> Fill:
        """Decoded."""
        body: Fill = self.body
        return body


class MyBalanceEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `BalanceChange`."""

    @property
    def change(self) -> BalanceChange:
        """Decoded."""
        body: BalanceChange = self.body
        return body


class MyPositionEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is `Positions`."""

    @property
    def positions(self) -> Positions:
        """Decoded."""
        body: Positions = self.body
        return body


EVENTS: dict[DataType, type[BaseWebSocketEvent]] = {
    DataType.TICKER: TickerEvent,
    DataType.TRADE: TradeEvent,
    DataType.ORDERBOOK: OrderbookEvent,
    DataType.CANDLE: CandleEvent,
    DataType.DELTA: DeltaEvent,
    DataType.QUOTE: QuoteEvent,
    DataType.MARK_PRICE: MarkPriceEvent,
    DataType.LIQUIDATION: LiquidationEvent,
    DataType.MY_ORDER: MyOrderEvent,
    DataType.MY_FILL: MyFillEvent,
    DataType.MY_ASSET: MyAssetEvent,
    DataType.MY_BALANCE: MyBalanceEvent,
    DataType.MY_POSITION: MyPositionEvent,
}
"""The event of each type of data."""


class EpochEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Connection `conn` of `venue` began a new life (`up`), or lost one. Nothing else tells a component of a reconnect."""

    venue: str
    conn: str
    epoch: int
    up: bool
    why: str = ""


class SubscriptionErrorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of this component cannot be served."""

    error: SubscriptionError


StatusEvent = EpochEvent | SubscriptionErrorEvent | PrivateStateEvent | MissedEvent
"""What `on_status` gets."""
