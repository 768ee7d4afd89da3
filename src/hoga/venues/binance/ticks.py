"""venues.binance.ticks: Binance's market data in integers, spot and futures alike. Pure.

Sources: spot-docs web-socket-streams, USD-M docs websocket-market-streams, read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import field

from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketBar, MarketDepth, MarketEvent, MarketMark, MarketTop, MarketTrade
from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import Rules
from hoga.venues.ticks import (
    BookLineReader,
    BookLinesReader,
    CandleReads,
    LinesReader,
    Marks,
    TickReader,
    Top,
    Tops,
    Trades,
    integers,
    memo,
    memo_bytes,
    numbers,
)

__all__ = ["BOOK_LINE", "BOOK_LINES", "CANDLES", "LINES", "TICKS", "candle_reads"]

_INTERVALS = {
    seconds * SECOND_NS: name
    for name, seconds in {
        "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600, "8h": 28_800,
        "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800,
    }.items()
}  # fmt: skip
CANDLES = tuple(_INTERVALS)
"""The lengths (ns) of its candles. A week's begin on Monday, as all of them by UTC; where three days begin is nowhere said."""

_PARTS = 5
_Texts = list[tuple[str, str]]


class _Spot(msgspec.Struct, gc=False):
    bids: _Texts
    asks: _Texts


class _Futures(msgspec.Struct, gc=False):
    bids: _Texts = field(name="b")
    asks: _Texts = field(name="a")
    event_ms: int = field(name="E")


class _Quote(msgspec.Struct, gc=False):
    bid: str = field(name="b")
    bid_size: str = field(name="B")
    ask: str = field(name="a")
    ask_size: str = field(name="A")
    event_ms: int = field(name="E", default=0)


class _Trade(msgspec.Struct, gc=False):
    price: str = field(name="p")
    size: str = field(name="q")
    buyer_makes: bool = field(name="m")
    traded_ms: int = field(name="T")
    aggregate: int = field(name="a", default=-1)
    single: int = field(name="t", default=-1)

    @property
    def id(self) -> int:
        """Of the trade itself, where these are told; `a` is an order's id then."""
        found = self.single if self.single >= 0 else self.aggregate
        if found < 0:
            raise ValueError("a trade without an id")
        return found


class _Mark(msgspec.Struct, gc=False):
    mark: str = field(name="p")
    event_ms: int = field(name="E")
    rate: str = field(name="r", default="")
    funding_ms: int = field(name="T", default=0)


class _BookLine(msgspec.Struct, gc=False):
    """Of either spelling, with hoga's envelope before it."""

    bids: msgspec.Raw = msgspec.Raw()
    asks: msgspec.Raw = msgspec.Raw()
    short_bids: msgspec.Raw = msgspec.field(name="b", default=msgspec.Raw())
    short_asks: msgspec.Raw = msgspec.field(name="a", default=msgspec.Raw())
    event_ms: int = field(name="E", default=0)


class _BestLevel(msgspec.Struct, array_like=True, gc=False):
    price: str
    size: str


class _BestOf(msgspec.Struct, array_like=True, gc=False):
    """A side of a book, of which only the first level is looked at."""

    first: _BestLevel


class _BestLine(msgspec.Struct, gc=False):
    """A line as `_BookLine`, of which only the best levels are looked at."""

    bids: _BestOf | None = None
    asks: _BestOf | None = None
    short_bids: _BestOf | None = field(name="b", default=None)
    short_asks: _BestOf | None = field(name="a", default=None)
    event_ms: int = field(name="E", default=0)


_book_line = msgspec.json.Decoder(_BookLine).decode
_best_lines = msgspec.json.Decoder(_BestLine).decode_lines
_quote_lines = msgspec.json.Decoder(_Quote).decode_lines
_trade_lines = msgspec.json.Decoder(_Trade).decode_lines
_mark_lines = msgspec.json.Decoder(_Mark).decode_lines
_spot = msgspec.json.Decoder(_Spot).decode
_futures = msgspec.json.Decoder(_Futures).decode
_quote = msgspec.json.Decoder(_Quote).decode
_trade = msgspec.json.Decoder(_Trade).decode
_mark = msgspec.json.Decoder(_Mark).decode


def _book(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    """Whole books: spelt in full on spot, in single letters on futures."""
    symbol, price, size = rules.symbol, memo(rules.price_power), memo(rules.size_power)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        if payload.startswith(b'{"e"'):
            futures = _futures(payload)
            bids, asks, event_ns = futures.bids, futures.asks, futures.event_ms * MS_NS
        else:
            spot = _spot(payload)
            bids, asks, event_ns = spot.bids, spot.asks, 0
        bid, bid_size = bids[0] if bids else ("0", "0")
        ask, ask_size = asks[0] if asks else ("0", "0")
        return MarketDepth(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=event_ns or None,
            bid=price(bid),
            bid_size=size(bid_size),
            ask=price(ask),
            ask_size=size(ask_size),
            bids=bids,
            asks=asks,
        )

    return read


def _top(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    symbol, price, size = rules.symbol, memo(rules.price_power), memo(rules.size_power)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        raw = _quote(payload)
        return MarketTop(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=raw.event_ms * MS_NS or None,
            bid=price(raw.bid),
            bid_size=size(raw.bid_size),
            ask=price(raw.ask),
            ask_size=size(raw.ask_size),
        )

    return read


def _trades(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    symbol, price, size = rules.symbol, memo(rules.price_power), memo(rules.size_power)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        raw = _trade(payload)
        return MarketTrade(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=raw.traded_ms * MS_NS,
            price=price(raw.price),
            size=size(raw.size),
            taker=Side.SELL if raw.buyer_makes else Side.BUY,
            trade_id=raw.id,
        )

    return read


def _marks(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    symbol, price, rate = rules.symbol, memo(rules.price_power), memo(-8)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        raw = _mark(payload)
        return MarketMark(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=raw.event_ms * MS_NS,
            mark=price(raw.mark),
            rate_e8=rate(raw.rate) if raw.rate else 0,
            funding_ns=raw.funding_ms * MS_NS,
        )

    return read


TICKS: Mapping[DataType, TickReader] = {
    DataType.ORDERBOOK: _book,
    DataType.QUOTE: _top,
    DataType.TRADE: _trades,
    DataType.MARK_PRICE: _marks,
}
"""The readers of the usual channel of each type of data."""


def _book_of(rules: Rules) -> Callable[[bytes], Top]:
    price, size = memo_bytes(rules.price_power), memo_bytes(rules.size_power)

    def best(raw: msgspec.Raw) -> tuple[int, int]:
        parts = bytes(raw).split(b'"', 4)
        if len(parts) == _PARTS and parts[0] == b"[[" and parts[2] == b",":
            return price(parts[1]), size(parts[3])
        if parts != [b"[]"]:
            raise ValueError("levels that are not spelt as usual")
        return 0, 0

    def read(line: bytes) -> Top:
        raw = _book_line(line)
        bids, asks = (raw.bids, raw.asks) if len(raw.bids) else (raw.short_bids, raw.short_asks)
        return Top(raw.event_ms * MS_NS, *best(bids), *best(asks), bids, asks)

    return read


def _books_of(rules: Rules) -> Callable[[bytes], Tops]:
    prices, sizes = numbers(rules.price_power), numbers(rules.size_power)

    def read(text: bytes) -> Tops:
        lines = _best_lines(text)
        sides = [(each.bids or each.short_bids, each.asks or each.short_asks) for each in lines]
        try:
            bids, asks = [bid.first for bid, _ in sides], [ask.first for _, ask in sides]  # type: ignore[union-attr]  # as is said below
        except AttributeError:
            raise ValueError("a book without a side") from None
        return Tops(
            integers([each.event_ms * MS_NS for each in lines]),
            prices([each.price for each in bids]),
            sizes([each.size for each in bids]),
            prices([each.price for each in asks]),
            sizes([each.size for each in asks]),
        )

    return read


def _quotes_of(rules: Rules) -> Callable[[bytes], Tops]:
    prices, sizes = numbers(rules.price_power), numbers(rules.size_power)

    def read(text: bytes) -> Tops:
        lines = _quote_lines(text)
        return Tops(
            integers([each.event_ms * MS_NS for each in lines]),
            prices([each.bid for each in lines]),
            sizes([each.bid_size for each in lines]),
            prices([each.ask for each in lines]),
            sizes([each.ask_size for each in lines]),
        )

    return read


def _trades_of(rules: Rules) -> Callable[[bytes], Trades]:
    prices, sizes = numbers(rules.price_power), numbers(rules.size_power)

    def read(text: bytes) -> Trades:
        lines = _trade_lines(text)
        return Trades(
            integers([each.traded_ms * MS_NS for each in lines]),
            prices([each.price for each in lines]),
            sizes([each.size for each in lines]),
            integers([0 if each.buyer_makes else 1 for each in lines]),
            integers(_ids(lines)),
        )

    return read


def _ids(lines: list[_Trade]) -> list[int]:
    """Of the trades, as `_Trade.id`."""
    if all(each.single < 0 <= each.aggregate for each in lines):
        return [each.aggregate for each in lines]
    return [each.id for each in lines]


def _marks_of(rules: Rules) -> Callable[[bytes], Marks]:
    prices, rate = numbers(rules.price_power), memo(-8)

    def read(text: bytes) -> Marks:
        lines = _mark_lines(text)
        return Marks(
            integers([each.event_ms * MS_NS for each in lines]),
            prices([each.mark for each in lines]),
            integers([rate(each.rate) if each.rate else 0 for each in lines]),
            integers([each.funding_ms * MS_NS for each in lines]),
        )

    return read


LINES: Mapping[DataType, LinesReader] = {
    DataType.QUOTE: _quotes_of,
    DataType.TRADE: _trades_of,
    DataType.MARK_PRICE: _marks_of,
}
"""The same of whole lines of the archive, many at once."""
BOOK_LINE: BookLineReader = _book_of
"""A book of the archive: its best levels now, the others when somebody looks."""
BOOK_LINES: BookLinesReader = _books_of
"""Many of them at once, where both sides of each are there."""


def candle_reads(path: str, *, weight: int) -> CandleReads:
    """Klines at `path`. A row: open time (ms), open, high, low, close, volume, close time, …"""

    def target(symbol: str, interval_ns: int, count: int, end_ns: int | None) -> str:
        until = "" if end_ns is None else f"&endTime={-(-end_ns // MS_NS) - 1}"
        return f"{path}?symbol={symbol}&interval={_INTERVALS[interval_ns]}&limit={count}{until}"

    return CandleReads(path=target, read=_candles, most=1_000, intervals=CANDLES, weight=weight)


def _candles(rules: Rules, interval_ns: int, body: bytes) -> tuple[MarketBar, ...]:
    price, size = memo(rules.price_power), memo(rules.size_power)
    return tuple(
        MarketBar(
            symbol=rules.symbol,
            at_ns=0,
            interval_ns=interval_ns,
            start_ns=row[0] * MS_NS,
            open=price(row[1]),
            high=price(row[2]),
            low=price(row[3]),
            close=price(row[4]),
            volume=size(row[5]),
        )
        for row in msgspec.json.decode(body)
    )
