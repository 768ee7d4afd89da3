"""trading.blocks: market data by columns: many records of one series at once, each an event only when somebody looks at it. Pure.

An event costs more than its numbers. A strategy that looks at bars has no use for most books; so records travel as columns of numbers,
and what is made of them is decided where they are consumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import le
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketEvent, MarketMark, MarketPrice, MarketTop, MarketTrade

if TYPE_CHECKING:
    import numpy as np

    Ints = np.ndarray[Any, np.dtype[np.int64]]

__all__ = [
    "Block",
    "Chunk",
    "ColumnBlock",
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
    events only. `is_sound`: every record says a price that can be relied upon; False: that is not known. `prices`: what each says, where
    `is_sound`; None: that is not known. `kind`: all of them are quotes, or books (or, where one cannot be read, a doubt); None: they are
    neither."""

    symbol: str
    is_book: bool
    traded_ns: Sequence[int] | None

    def at(self, place: int) -> MarketEvent:
        """The record at a place."""

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """The trades from one place to before another, as one; None: they have to be counted one by one."""

    @property
    def received_ns(self) -> Ints | None:
        """See the class."""

    @property
    def is_sound(self) -> bool:
        """See the class."""

    @property
    def prices(self) -> Ints | None:
        """See the class."""

    @property
    def kind(self) -> type[MarketTop] | None:
        """See the class."""


class PlainBlock:
    """What is true of blocks of which nothing more is known."""

    __slots__ = ()

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """They are no trades, or not in columns."""
        return None

    @property
    def received_ns(self) -> Ints | None:
        """Of events only."""
        return None

    @property
    def is_sound(self) -> bool:
        """Not known."""
        return False

    @property
    def prices(self) -> Ints | None:
        """Not known."""
        return None

    @property
    def kind(self) -> type[MarketTop] | None:
        """Neither."""
        return None


_FEW = 8
"""Where no more than one of so many records is looked at, it is taken out of the matrix by itself."""


class ColumnBlock(PlainBlock):
    """Records as columns of numbers, the receipts first: as lists, or as a matrix with a row for each column. One becomes the other when it
    is asked for. Where many of the records are looked at, they become rows, which costs less than to take each out of a matrix."""

    __slots__ = ("_few", "_lists", "_matrix", "_rows")

    def __init__(self, columns: Sequence[Sequence[int]] | Ints) -> None:
        self._lists: Sequence[Sequence[int]] | None = None
        self._matrix: Ints | None = None
        self._rows: Sequence[Sequence[int]] | None = None
        if isinstance(columns, Sequence):
            self._lists = columns
            self._few = len(columns[0]) // _FEW
        else:
            self._matrix = columns
            self._few = columns.shape[1] // _FEW

    @property
    def matrix(self) -> Ints:
        """All of them."""
        if self._matrix is None:
            import numpy as np

            self._matrix = np.array(self._lists, np.int64)
        return self._matrix

    def columns(self) -> Sequence[Sequence[int]]:
        """All of them, as lists."""
        if self._lists is None:
            assert self._matrix is not None, "it is made of one of them"
            self._lists = self._matrix.tolist()
        return self._lists

    def row(self, place: int) -> Sequence[int]:
        """The numbers of one record."""
        if self._rows is None:
            if self._few:
                self._few -= 1
                if self._lists is not None:
                    return [column[place] for column in self._lists]
                found: list[int] = self.matrix[:, place].tolist()
                return found
            self._rows = list(zip(*self._lists, strict=True)) if self._lists is not None else self.matrix.T.tolist()
        return self._rows[place]

    @property
    def received_ns(self) -> Ints | None:
        """When each came."""
        found: Ints = self.matrix[0]
        return found


class TopBlock(ColumnBlock):
    """Quotes: the best prices and sizes; or books, where `levels` tells the levels of a place (bids, asks). `columns`: receipts, the
    venue's times (0: none), bids, their sizes, asks, their sizes."""

    __slots__ = ("_levels", "is_book", "symbol", "traded_ns")

    def __init__(
        self,
        symbol: str,
        columns: Sequence[Sequence[int]] | Ints,
        levels: Callable[[int], tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]] | None = None,
    ) -> None:
        super().__init__(columns)
        self.symbol = symbol
        self.is_book = True
        self.traded_ns: Sequence[int] | None = None
        self._levels = levels

    @property
    def is_sound(self) -> bool:
        """Whether there are both sides everywhere, and none is beyond the other."""
        bids, asks = self.matrix[2], self.matrix[4]
        return bool((bids > 0).all() and (bids < asks).all())

    @property
    def kind(self) -> type[MarketTop] | None:
        """What they are."""
        return MarketTop if self._levels is None else MarketDepth

    @property
    def prices(self) -> Ints | None:
        """The middle of each."""
        found: Ints = (self.matrix[2] + self.matrix[4]) // 2
        return found

    def at(self, place: int) -> MarketEvent:
        """A `MarketDepth`, or a `MarketTop`."""
        at_ns, event_ns, bid, bid_size, ask, ask_size = self.row(place) if self._rows is None else self._rows[place]
        if self._levels is None:
            return MarketTop(
                symbol=self.symbol, at_ns=at_ns, event_ns=event_ns or None, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size
            )
        bids, asks = self._levels(place)
        return MarketDepth(
            symbol=self.symbol,
            at_ns=at_ns,
            event_ns=event_ns or None,
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
            bids=bids,
            asks=asks,
        )


class TradeBlock(ColumnBlock):
    """Trades. `columns`: receipts, the venue's times, prices, sizes, 1 where the buyer took (else 0), ids."""

    __slots__ = ("_ordered", "is_book", "symbol", "traded_ns")

    def __init__(self, symbol: str, columns: Sequence[Sequence[int]] | Ints) -> None:
        super().__init__(columns)
        self.symbol = symbol
        self.is_book = False
        self.traded_ns: Sequence[int] | None = self.columns()[1]
        self._ordered: bool | None = None

    @property
    def is_sound(self) -> bool:
        """Whether each has a price."""
        return bool((self.matrix[2] > 0).all())

    @property
    def prices(self) -> Ints | None:
        """That of each."""
        found: Ints = self.matrix[2]
        return found

    def counted(self, start: int, stop: int, newest: int) -> Counted | None:
        """Those from one place to before another; None: they are not in order of (venue's time, id)."""
        received, traded, prices, sizes, _, ids = self.columns()
        if self._ordered is None:
            self._ordered = is_ordered(traded) and is_ordered(ids)
        if not self._ordered or start >= stop:
            return None
        last, since = stop - 1, max(start, stop - newest)
        some, much = prices[start:stop], sizes[start:stop]
        return Counted(
            first=(traded[start], ids[start]),
            last=(traded[last], ids[last]),
            open=some[0],
            high=max(some),
            low=min(some),
            close=some[-1],
            volume=sum(much),
            trades=stop - start,
            newest=zip(received[since:stop], prices[since:stop], sizes[since:stop], strict=True),
        )

    def at(self, place: int) -> MarketEvent:
        """A `MarketTrade`."""
        at_ns, event_ns, price, size, buys, trade_id = self.row(place) if self._rows is None else self._rows[place]
        return MarketTrade(
            symbol=self.symbol,
            at_ns=at_ns,
            event_ns=event_ns,
            price=price,
            size=size,
            taker=_BUY if buys else _SELL,
            trade_id=trade_id,
        )


class MarkBlock(ColumnBlock):
    """Mark prices. `columns`: receipts, the venue's times, marks, rates (in 1e-8), times of the next funding."""

    __slots__ = ("is_book", "symbol", "traded_ns")

    def __init__(self, symbol: str, columns: Sequence[Sequence[int]] | Ints) -> None:
        super().__init__(columns)
        self.symbol = symbol
        self.is_book = False
        self.traded_ns: Sequence[int] | None = None

    def at(self, place: int) -> MarketEvent:
        """A `MarketMark`."""
        at_ns, event_ns, mark, rate_e8, funding_ns = self.row(place)
        return MarketMark(symbol=self.symbol, at_ns=at_ns, event_ns=event_ns, mark=mark, rate_e8=rate_e8, funding_ns=funding_ns)


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
        at_ns, event_ns, price, *_ = self._trades.row(place)
        return MarketPrice(symbol=self.symbol, at_ns=at_ns, event_ns=event_ns, price=price)


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
    sources: Sequence[int]
    places: Sequence[int]
    blocks: Sequence[Block]

    @property
    def records(self) -> int:
        """How many of them were recorded: what is said of a trade's price is none of its own."""
        extra = {number for number, block in enumerate(self.blocks) if isinstance(block, PriceBlock)}
        return len(self.stamps) - sum(each in extra for each in self.sources) if extra else len(self.stamps)


class _Shared:
    """A block of which each record is made once, for whoever looks at it."""

    __slots__ = ("_block", "_known", "_prices", "_sound", "is_book", "symbol", "traded_ns")

    def __init__(self, block: Block) -> None:
        self.symbol = block.symbol
        self.is_book = block.is_book
        self.traded_ns = block.traded_ns
        self._block = block
        self._known: dict[int, MarketEvent] = {}
        self._sound: bool | None = None
        self._prices: Ints | None = None

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
    def received_ns(self) -> Ints | None:
        """When each came."""
        return self._block.received_ns

    @property
    def kind(self) -> type[MarketTop] | None:
        """What they are."""
        return self._block.kind

    @property
    def prices(self) -> Ints | None:
        """What each says."""
        if self._prices is None:
            self._prices = self._block.prices
        return self._prices

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
