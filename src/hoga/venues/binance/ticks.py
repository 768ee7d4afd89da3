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
from hoga.venues.ticks import CandleReads, TickReader, memo

__all__ = ["CANDLES", "TICKS", "candle_reads"]

_INTERVALS = {
    seconds * SECOND_NS: name
    for name, seconds in {
        "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600, "8h": 28_800,
        "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800,
    }.items()
}  # fmt: skip
CANDLES = tuple(_INTERVALS)
"""The lengths (ns) of its candles. A week's begin on Monday, as all of them by UTC; where three days begin is nowhere said."""

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
    id: int = field(name="a")


class _Mark(msgspec.Struct, gc=False):
    mark: str = field(name="p")
    event_ms: int = field(name="E")
    rate: str = field(name="r", default="")
    funding_ms: int = field(name="T", default=0)


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
