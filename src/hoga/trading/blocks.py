"""trading.blocks: market data by columns: many records of one series at once, each an event only when somebody looks at it. Pure.

An event costs more than its numbers. A strategy that looks at bars has no use for most books; so records travel as columns of numbers,
and what is made of them is decided where they are consumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import le, lt
from typing import NamedTuple, Protocol

from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketEvent, MarketMark, MarketPrice, MarketTop, MarketTrade

__all__ = [
    "Block",
    "Chunk",
    "Counted",
    "EventBlock",
    "MarkBlock",
    "PlainBlock",
    "PriceBlock",
    "TopBlock",
    "TradeBlock",
    "is_ordered",
    "shared",
]

_BUY, _SELL = Side.BUY, Side.SELL


class Counted(NamedTuple):
    """Several trades of one symbol at once, in order of (venue's time, id). `first`, `last`: that of the first and the last of them.

    `newest`: receipt, price and size of the last ones, at most as many as were asked for.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    newest: Iterable[tuple[int, int, int]]


class Block(Protocol):
    """Records of one series. `symbol`: whose; `is_book`: nothing is lost but the book itself where only the newest of several is seen.
    `traded_ns`: of trades, the venue's time of each; None: they are none. `received_ns`: when each came; None: that is known of the
    events only. `is_sound`: every record says a price that can be relied upon; False: that is not known."""

    symbol: str
    is_book: bool
    traded_ns: Sequence[int] | None

    def at(self, place: int) -> MarketEvent:
        """The record at a place."""

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """The trades from one place to before another, as one; None: they have to be counted one by one."""

    @property
    def received_ns(self) -> Sequence[int] | None:
        """See the class."""

    @property
    def is_sound(self) -> bool:
        """See the class."""


class PlainBlock:
    """What is true of blocks of which nothing more is known."""

    __slots__ = ()

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """They are no trades, or not in columns."""
        return None

    @property
    def received_ns(self) -> Sequence[int] | None:
        """Of events only."""
        return None

    @property
    def is_sound(self) -> bool:
        """Not known."""
        return False


class TopBlock(PlainBlock):
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

    @property
    def received_ns(self) -> Sequence[int] | None:
        """When each came."""
        return self._at

    @property
    def is_sound(self) -> bool:
        """Whether there are both sides everywhere, and none is beyond the other."""
        return min(self._bid, default=1) > 0 and all(map(lt, self._bid, self._ask))

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


class TradeBlock(PlainBlock):
    """Trades. `buys`: 1 where the buyer took."""

    __slots__ = ("_at", "_buys", "_event", "_id", "_ordered", "_price", "_size", "is_book", "symbol", "traded_ns")

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
        self._ordered: bool | None = None

    def columns(self) -> list[Sequence[int]]:
        """All of them."""
        return [self._at, self._event, self._price, self._size, self._buys, self._id]

    @property
    def received_ns(self) -> Sequence[int] | None:
        """When each came."""
        return self._at

    @property
    def is_sound(self) -> bool:
        """Whether each has a price."""
        return min(self._price, default=1) > 0

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """Those from one place to before another; None: they are not in order of (venue's time, id)."""
        if self._ordered is None:
            self._ordered = is_ordered(self._event) and is_ordered(self._id)
        if not self._ordered or start >= stop:
            return None
        prices, sizes, last, since = self._price[start:stop], self._size[start:stop], stop - 1, max(start, stop - newest)
        return Counted(
            first=(self._event[start], self._id[start]),
            last=(self._event[last], self._id[last]),
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=sum(sizes),
            trades=stop - start,
            newest=zip(self._at[since:stop], self._price[since:stop], self._size[since:stop], strict=True),
        )

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


class MarkBlock(PlainBlock):
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


class PriceBlock(PlainBlock):
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


class EventBlock(PlainBlock):
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

    __slots__ = ("_block", "_known", "_sound", "is_book", "symbol", "traded_ns")

    def __init__(self, block: Block) -> None:
        self.symbol = block.symbol
        self.is_book = block.is_book
        self.traded_ns = block.traded_ns
        self._block = block
        self._known: dict[int, MarketEvent] = {}
        self._sound: bool | None = None

    def at(self, place: int) -> MarketEvent:
        """The record at a place."""
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = self._block.at(place)
        return found

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """Those from one place to before another."""
        return self._block.counted(start, stop, newest)

    @property
    def received_ns(self) -> Sequence[int] | None:
        """When each came."""
        return self._block.received_ns

    @property
    def is_sound(self) -> bool:
        """Whether every price can be relied upon."""
        if self._sound is None:
            self._sound = self._block.is_sound
        return self._sound


def is_ordered(numbers: Sequence[int]) -> bool:
    """Whether none is less than the one before it."""
    return all(map(le, numbers, islice(numbers, 1, None)))


def shared(chunk: Chunk) -> Chunk:
    """The same records, for several runs: none of them changes an event."""
    return chunk._replace(blocks=[_Shared(block) for block in chunk.blocks])
