"""hub.market_events: events of public market data. All numbers are exact Decimals, decoded when first looked at.

Names come in two sets: hoga's (as in the event's `body`) and the ones that users of Upbit's own fields know.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from hoga.core.market import Book, Candle, Delta, Level, Liquidation, MarkPrice, Quote, Side, Ticker, Trade
from hoga.hub.event import BaseWebSocketEvent, plain

__all__ = [
    "CandleEvent", "DeltaEvent", "LiquidationEvent", "MarkPriceEvent", "OrderbookEvent", "OrderbookUnit", "QuoteEvent", "TickerEvent",
    "TradeEvent",
]  # fmt: skip

_NONE = Decimal(0)


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

    @property
    def opening_price(self) -> Decimal:
        """Of the day (or of 24 hours, as the venue has it)."""
        return self.ticker.open

    @property
    def high_price(self) -> Decimal:
        """Of the same time."""
        return self.ticker.high

    @property
    def low_price(self) -> Decimal:
        """Of the same time."""
        return self.ticker.low

    @property
    def prev_closing_price(self) -> Decimal | None:
        """Yesterday's last price, None where the venue does not tell it."""
        return self.ticker.previous_close

    @property
    def signed_change_price(self) -> Decimal:
        """Against the venue's reference (yesterday's close, or the price 24 hours ago)."""
        return self.ticker.change

    @property
    def change_price(self) -> Decimal:
        """The same without its sign."""
        return abs(self.ticker.change)

    @property
    def change(self) -> str:
        """`RISE`, `EVEN` or `FALL`."""
        change = self.ticker.change
        return "EVEN" if not change else "RISE" if change > 0 else "FALL"

    @property
    def signed_change_rate(self) -> Decimal:
        """As a fraction (0.01 is one percent): the venue's own figure, else the change divided by the reference; 0 without one."""
        ticker = self.ticker
        if ticker.change_rate is not None:
            return ticker.change_rate
        reference = ticker.last - ticker.change
        return ticker.change / reference if reference else _NONE

    @property
    def change_rate(self) -> Decimal:
        """The same without its sign."""
        return abs(self.signed_change_rate)

    @property
    def acc_trade_volume(self) -> Decimal:
        """Traded so far, in the base currency."""
        return self.ticker.volume

    @property
    def acc_trade_price(self) -> Decimal:
        """Traded so far, in the quote currency."""
        return self.ticker.turnover

    @property
    def acc_trade_volume_24h(self) -> Decimal | None:
        """Traded within 24 hours, None where the venue does not tell it."""
        return self.ticker.volume_24h

    @property
    def acc_trade_price_24h(self) -> Decimal | None:
        """The same in the quote currency; None where the venue does not tell it."""
        return self.ticker.turnover_24h

    def told(self) -> str:
        return f"last {plain(self.trade_price)} {self.signed_change_rate * 100:+.2f}%"


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

    @property
    def trade_id(self) -> int:
        """The venue's id."""
        return self.trade.trade_id

    trade_price = price
    trade_volume = size
    sequential_id = trade_id

    @property
    def ask_bid(self) -> str:
        """The taker's side in Upbit's words: `BID` bought, `ASK` sold."""
        return "BID" if self.trade.taker is Side.BUY else "ASK"

    def told(self) -> str:
        return f"{self.taker} {plain(self.size)} at {plain(self.price)}"


class OrderbookUnit(msgspec.Struct, frozen=True, gc=False):
    """One row of a book as Upbit shows it: the n-th ask beside the n-th bid. A side that has fewer levels is None there."""

    ask_price: Decimal | None
    bid_price: Decimal | None
    ask_size: Decimal | None
    bid_size: Decimal | None


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

    @property
    def best_bid(self) -> Level | None:
        """(price, size), None for an empty side."""
        return self.book.bids[0] if self.book.bids else None

    @property
    def best_ask(self) -> Level | None:
        """(price, size), None for an empty side."""
        return self.book.asks[0] if self.book.asks else None

    @property
    def mid(self) -> Decimal | None:
        """Between the best prices, None while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return (bid[0] + ask[0]) / 2 if bid is not None and ask is not None else None

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid, None while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return ask[0] - bid[0] if bid is not None and ask is not None else None

    @property
    def orderbook_units(self) -> list[OrderbookUnit]:
        """Row by row, best first."""
        bids, asks = self.book.bids, self.book.asks
        rows = range(max(len(bids), len(asks)))
        sides = [(asks[row] if row < len(asks) else (None, None), bids[row] if row < len(bids) else (None, None)) for row in rows]
        return [OrderbookUnit(ask[0], bid[0], ask[1], bid[1]) for ask, bid in sides]

    @property
    def total_ask_size(self) -> Decimal:
        """The venue's own sum of all asks, else that of the levels here."""
        total = self.book.ask_total
        return sum((size for _, size in self.book.asks), _NONE) if total is None else total

    @property
    def total_bid_size(self) -> Decimal:
        """The venue's own sum of all bids, else that of the levels here."""
        total = self.book.bid_total
        return sum((size for _, size in self.book.bids), _NONE) if total is None else total

    @property
    def level(self) -> Decimal:
        """The price step that levels were grouped by, 0: not grouped."""
        return self.book.level

    def told(self) -> str:
        bid, ask = self.best_bid, self.best_ask
        sides = [f"{name} {plain(each[0])}×{plain(each[1])}" for name, each in (("bid", bid), ("ask", ask)) if each is not None]
        return " ".join(sides) or "empty"


class CandleEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Candle`."""

    @property
    def candle(self) -> Candle:
        """Decoded."""
        body: Candle = self.body
        return body

    @property
    def interval(self) -> str:
        """In the venue's words."""
        return self.candle.interval

    @property
    def start_ns(self) -> int:
        """Where it begins."""
        return self.candle.start_ns

    @property
    def opening_price(self) -> Decimal:
        """The first."""
        return self.candle.open

    @property
    def high_price(self) -> Decimal:
        """The highest."""
        return self.candle.high

    @property
    def low_price(self) -> Decimal:
        """The lowest."""
        return self.candle.low

    @property
    def trade_price(self) -> Decimal:
        """The last so far."""
        return self.candle.close

    @property
    def candle_acc_trade_volume(self) -> Decimal:
        """Traded, in the base currency."""
        return self.candle.volume

    @property
    def candle_acc_trade_price(self) -> Decimal:
        """Traded, in the quote currency."""
        return self.candle.turnover

    def told(self) -> str:
        bar = self.candle
        return f"{bar.interval} {' '.join(map(plain, (bar.open, bar.high, bar.low, bar.close)))} volume {plain(bar.volume)}"


class DeltaEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Delta`."""

    @property
    def delta(self) -> Delta:
        """Decoded."""
        body: Delta = self.body
        return body

    def told(self) -> str:
        delta = self.delta
        return f"{delta.first_id}..{delta.last_id} {len(delta.bids)} bids {len(delta.asks)} asks"


class QuoteEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Quote`."""

    @property
    def quote(self) -> Quote:
        """Decoded."""
        body: Quote = self.body
        return body

    def told(self) -> str:
        quote = self.quote
        return f"bid {plain(quote.bid)}×{plain(quote.bid_size)} ask {plain(quote.ask)}×{plain(quote.ask_size)}"


class MarkPriceEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `MarkPrice`."""

    @property
    def mark_price(self) -> MarkPrice:
        """Decoded."""
        body: MarkPrice = self.body
        return body

    def told(self) -> str:
        return f"mark {plain(self.mark_price.mark)} index {plain(self.mark_price.index)}"


class LiquidationEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Liquidation`."""

    @property
    def liquidation(self) -> Liquidation:
        """Decoded."""
        body: Liquidation = self.body
        return body

    def told(self) -> str:
        order = self.liquidation
        return f"{order.side} {plain(order.size)} at {plain(order.price)}"
