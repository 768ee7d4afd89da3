"""trading.blocks: market data by columns: many records of one series at once, each an event only when somebody looks at it. Pure.

An event costs more than its numbers. A strategy that looks at bars has no use for most books; so records travel as columns of numbers,
and what is made of them is decided where they are consumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketEvent, MarketMark, MarketPrice, MarketTop, MarketTrade

__all__ = ["Block", "Chunk", "EventBlock", "MarkBlock", "PriceBlock", "TopBlock", "TradeBlock", "shared"]

_BUY, _SELL = Side.BUY, Side.SELL


class Block(Protocol):
    """Records of one series. `symbol`: whose; `is_book`: nothing is lost but the book itself where only the newest of several is seen.
    `traded_ns`: of trades, the venue's time of each; None: they are none."""

    symbol: str
    is_book: bool
    traded_ns: Sequence[int] | None

    def at(self, place: int) -> MarketEvent:
        """The record at a place."""


class TopBlock:
    """Quotes: the best prices and sizes; or books, where `levels` tells the levels of a place (bids, asks)."""

    __slots__ = ("_ask", "_ask_size", "_at", "_bid", "_bid_size", "_event", "_levels", "is_book", "symbol", "traded_ns")

    def __init__(
        self,
        symbol: str,
        at_ns: Sequence[int],
        event_ns: Sequence[int],
        best: tuple[Sequence[int], ...],
        levels: Callable[[int], tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]] | None = None,
    ) -> None:
        self.symbol = symbol
        self.is_book = True
        self.traded_ns: Sequence[int] | None = None
        self._at = at_ns
        self._event = event_ns
        self._bid, self._bid_size, self._ask, self._ask_size = best
        self._levels = levels

    def columns(self) -> list[Sequence[int]]:
        """All of them."""
        return [self._at, self._event, self._bid, self._bid_size, self._ask, self._ask_size]

    def at(self, place: int) -> MarketEvent:
        """A `MarketDepth`, or a `MarketTop`."""
        if self._levels is not None:
            bids, asks = self._levels(place)
            return MarketDepth(
                symbol=self.symbol,
                at_ns=self._at[place],
                event_ns=self._event[place] or None,
                bid=self._bid[place],
                bid_size=self._bid_size[place],
                ask=self._ask[place],
                ask_size=self._ask_size[place],
                bids=bids,
                asks=asks,
            )
        return MarketTop(
            symbol=self.symbol,
            at_ns=self._at[place],
            event_ns=self._event[place] or None,
            bid=self._bid[place],
            bid_size=self._bid_size[place],
            ask=self._ask[place],
            ask_size=self._ask_size[place],
        )


class TradeBlock:
    """Trades. `buys`: 1 where the buyer took."""

    __slots__ = ("_at", "_buys", "_event", "_id", "_price", "_size", "is_book", "symbol", "traded_ns")

    def __init__(
        self,
        symbol: str,
        at_ns: Sequence[int],
        event_ns: Sequence[int],
        price: Sequence[int],
        size: Sequence[int],
        buys: Sequence[int],
        trade_id: Sequence[int],
    ) -> None:
        self.symbol = symbol
        self.is_book = False
        self.traded_ns: Sequence[int] | None = event_ns
        self._at = at_ns
        self._event = event_ns
        self._price = price
        self._size = size
        self._buys = buys
        self._id = trade_id

    def columns(self) -> list[Sequence[int]]:
        """All of them."""
        return [self._at, self._event, self._price, self._size, self._buys, self._id]

    def at(self, place: int) -> MarketEvent:
        """A `MarketTrade`."""
        return MarketTrade(
            symbol=self.symbol,
            at_ns=self._at[place],
            event_ns=self._event[place],
            price=self._price[place],
            size=self._size[place],
            taker=_BUY if self._buys[place] else _SELL,
            trade_id=self._id[place],
        )


class MarkBlock:
    """Mark prices."""

    __slots__ = ("_at", "_event", "_funding", "_mark", "_rate", "is_book", "symbol", "traded_ns")

    def __init__(
        self, symbol: str, at_ns: Sequence[int], event_ns: Sequence[int], mark: Sequence[int], rate: Sequence[int], funding: Sequence[int]
    ) -> None:
        self.symbol = symbol
        self.is_book = False
        self.traded_ns: Sequence[int] | None = None
        self._at = at_ns
        self._event = event_ns
        self._mark = mark
        self._rate = rate
        self._funding = funding

    def columns(self) -> list[Sequence[int]]:
        """All of them."""
        return [self._at, self._event, self._mark, self._rate, self._funding]

    def at(self, place: int) -> MarketEvent:
        """A `MarketMark`."""
        return MarketMark(
            symbol=self.symbol,
            at_ns=self._at[place],
            event_ns=self._event[place],
            mark=self._mark[place],
            rate_e8=self._rate[place],
            funding_ns=self._funding[place],
        )


class PriceBlock:
    """What the first trade says where there is no book: the price, right before the trade itself; the others say it themselves."""

    __slots__ = ("_trades", "is_book", "symbol", "traded_ns")

    def __init__(self, trades: TradeBlock) -> None:
        self.symbol = trades.symbol
        self.is_book = True
        self.traded_ns: Sequence[int] | None = None
        self._trades = trades

    def at(self, place: int) -> MarketEvent:
        """A `MarketPrice`."""
        trades = self._trades
        return MarketPrice(symbol=self.symbol, at_ns=trades._at[place], event_ns=trades._event[place], price=trades._price[place])


class EventBlock:
    """Events that were made already."""

    __slots__ = ("events", "is_book", "symbol", "traded_ns")

    def __init__(self, symbol: str, events: Sequence[MarketEvent], *, is_book: bool = False) -> None:
        self.symbol = symbol
        self.is_book = is_book
        self.traded_ns: Sequence[int] | None = None
        self.events = events

    def at(self, place: int) -> MarketEvent:
        """One of them."""
        return self.events[place]


class Chunk(NamedTuple):
    """Records of several series in order: when (never going back), of which block, at which place of it."""

    stamps: list[int]
    sources: list[int]
    places: list[int]
    blocks: Sequence[Block]

    @property
    def records(self) -> int:
        """How many of them were recorded: what is said of a trade's price is none of its own."""
        extra = {number for number, block in enumerate(self.blocks) if isinstance(block, PriceBlock)}
        return len(self.stamps) - sum(each in extra for each in self.sources) if extra else len(self.stamps)


class _Shared:
    """A block of which each record is made once, for whoever looks at it."""

    __slots__ = ("_block", "_known", "is_book", "symbol", "traded_ns")

    def __init__(self, block: Block) -> None:
        self.symbol = block.symbol
        self.is_book = block.is_book
        self.traded_ns = block.traded_ns
        self._block = block
        self._known: dict[int, MarketEvent] = {}

    def at(self, place: int) -> MarketEvent:
        """The record at a place."""
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = self._block.at(place)
        return found


def shared(chunk: Chunk) -> Chunk:
    """The same records, for several runs: none of them changes an event."""
    return chunk._replace(blocks=[_Shared(block) for block in chunk.blocks])
