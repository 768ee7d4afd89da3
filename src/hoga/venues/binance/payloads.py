"""venues.binance.payloads: from Binance's payloads to `core.market`, spot and futures alike. Pure.

Every function takes one payload as sent and raises ValueError for what it cannot read. Numbers cross from text to
Decimal here and nowhere else. Sources: spot-docs web-socket-streams, USD-M docs websocket-market-streams, read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import field

from hoga.core.market import Book, Candle, Delta, Level, Liquidation, MarkPrice, Quote, Side, Ticker, Trade
from hoga.core.times import MS_NS
from hoga.venues.decoding import decoder

__all__ = [
    "agg_trade", "candle", "delta", "force_order", "futures_book", "mark_price", "partial_book", "quote", "rest_book",
    "ticker", "trade",
]  # fmt: skip

_Side = list[tuple[Decimal, Decimal]]


class _Partial(msgspec.Struct, gc=False):
    update_id: int = field(name="lastUpdateId")
    bids: _Side
    asks: _Side
    event_ms: int | None = field(name="E", default=None)


class _Depth(msgspec.Struct, gc=False):
    first: int = field(name="U")
    last: int = field(name="u")
    bids: _Side = field(name="b")
    asks: _Side = field(name="a")
    event_ms: int = field(name="E")
    previous: int | None = field(name="pu", default=None)


class _Trade(msgspec.Struct, gc=False):
    price: Decimal = field(name="p")
    size: Decimal = field(name="q")
    buyer_makes: bool = field(name="m")
    event_ms: int | None = field(name="E", default=None)
    traded_ms: int | None = field(name="T", default=None)
    agg_id: int = field(name="a", default=0)
    id: int = field(name="t", default=0)


class _Quote(msgspec.Struct, gc=False):
    update_id: int = field(name="u")
    bid: Decimal = field(name="b")
    bid_size: Decimal = field(name="B")
    ask: Decimal = field(name="a")
    ask_size: Decimal = field(name="A")
    event_ms: int | None = field(name="E", default=None)


class _Bar(msgspec.Struct, gc=False):
    start_ms: int = field(name="t")
    interval: str = field(name="i")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    close: Decimal = field(name="c")
    volume: Decimal = field(name="v")
    turnover: Decimal = field(name="q")
    final: bool = field(name="x")


class _Kline(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    bar: _Bar = field(name="k")


class _Ticker(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    last: Decimal = field(name="c")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    volume: Decimal = field(name="v")
    turnover: Decimal = field(name="q")
    percent: Decimal | None = field(name="P", default=None)


class _Mark(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    mark: Decimal = field(name="p")
    index: Decimal = field(name="i")
    rate: str = field(name="r", default="")
    next_ms: int = field(name="T", default=0)


class _Forced(msgspec.Struct, gc=False):
    side: str = field(name="S")
    price: Decimal = field(name="p")
    size: Decimal = field(name="q")
    average: Decimal = field(name="ap")


class _ForceOrder(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    order: _Forced = field(name="o")


def _ns(ms: int | None) -> int | None:
    return None if ms is None else ms * MS_NS


def _levels(side: Iterable[Level]) -> tuple[Level, ...]:
    return tuple(level for level in side if level[1])


def _book(raw: _Partial) -> Book:
    return Book(bids=_levels(raw.bids), asks=_levels(raw.asks), update_id=raw.update_id, event_ns=_ns(raw.event_ms))


def _futures_book(raw: _Depth) -> Book:
    """The documentation shows bids ascending, the wire best first: sorted to be sure."""
    bids = sorted(_levels(raw.bids), reverse=True)
    return Book(bids=tuple(bids), asks=tuple(sorted(_levels(raw.asks))), update_id=raw.last, event_ns=_ns(raw.event_ms))


def _delta(raw: _Depth) -> Delta:
    return Delta(
        first_id=raw.first,
        last_id=raw.last,
        previous_id=raw.previous,
        bids=tuple(raw.bids),
        asks=tuple(raw.asks),
        event_ns=_ns(raw.event_ms),
    )


def _trade_of(raw: _Trade, number: int) -> Trade:
    taker = Side.SELL if raw.buyer_makes else Side.BUY
    at_ms = raw.traded_ms if raw.event_ms is None else raw.event_ms  # REST and files have no `E`
    if at_ms is None:
        raise ValueError("a trade without `E` and without `T`")
    return Trade(price=raw.price, size=raw.size, taker=taker, trade_id=number, event_ns=_ns(at_ms))


def _quote(raw: _Quote) -> Quote:
    return Quote(
        bid=raw.bid, bid_size=raw.bid_size, ask=raw.ask, ask_size=raw.ask_size, update_id=raw.update_id, event_ns=_ns(raw.event_ms)
    )


def _candle(raw: _Kline) -> Candle:
    bar = raw.bar
    return Candle(
        start_ns=bar.start_ms * MS_NS,
        interval=bar.interval,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        turnover=bar.turnover,
        closed=bar.final,
        event_ns=_ns(raw.event_ms),
    )


def _ticker(raw: _Ticker) -> Ticker:
    return Ticker(
        last=raw.last,
        open=raw.open,
        high=raw.high,
        low=raw.low,
        change=raw.last - raw.open,
        volume=raw.volume,
        turnover=raw.turnover,
        change_rate=None if raw.percent is None else raw.percent / 100,
        event_ns=_ns(raw.event_ms),
    )


def _mark(raw: _Mark) -> MarkPrice:
    rate = Decimal(raw.rate) if raw.rate else None
    return MarkPrice(
        mark=raw.mark, index=raw.index, funding_rate=rate, next_funding_ns=_ns(raw.next_ms or None), event_ns=_ns(raw.event_ms)
    )


def _force(raw: _ForceOrder) -> Liquidation:
    order = raw.order
    side = Side.BUY if order.side == "BUY" else Side.SELL
    return Liquidation(side=side, price=order.price, size=order.size, average=order.average, event_ns=_ns(raw.event_ms))


partial_book = decoder(_Partial, _book)
"""Spot `depth5/10/20`."""
futures_book = decoder(_Depth, _futures_book)
"""Futures `depth5/10/20`: spelt like a delta, means a whole book."""
rest_book = partial_book
"""The REST depth snapshot of either product."""
delta = decoder(_Depth, _delta)
"""`depth`."""
agg_trade = decoder(_Trade, lambda raw: _trade_of(raw, raw.agg_id))
"""`aggTrade`; the id is the aggregate's."""
trade = decoder(_Trade, lambda raw: _trade_of(raw, raw.id))
"""`trade`."""
quote = decoder(_Quote, _quote)
"""`bookTicker`."""
candle = decoder(_Kline, _candle)
"""`kline_…`."""
ticker = decoder(_Ticker, _ticker)
"""`ticker` and `miniTicker`."""
mark_price = decoder(_Mark, _mark)
"""`markPrice`."""
force_order = decoder(_ForceOrder, _force)
"""`forceOrder`."""
