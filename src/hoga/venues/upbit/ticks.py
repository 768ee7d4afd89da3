"""venues.upbit.ticks: Upbit's market data in integers. Pure.

Numbers are JSON numbers there, with or without a point or an exponent; they are read as they are spelt.
Source: docs.upbit.com, websocket-orderbook and websocket-trade, read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketBar, MarketDepth, MarketEvent, MarketTrade
from hoga.core.times import DAY_NS, MINUTE_NS, MS_NS, SECOND_NS, iso_of
from hoga.core.trading import Rules
from hoga.venues.ticks import CandleReads, TickReader, memo

__all__ = ["CANDLES", "TICKS"]

_PLACES = {
    **{minutes * MINUTE_NS: f"minutes/{minutes}" for minutes in (1, 3, 5, 10, 15, 30, 60, 240)},
    DAY_NS: "days",
    7 * DAY_NS: "weeks",
}


class _Unit(msgspec.Struct, gc=False):
    ask_price: msgspec.Raw
    bid_price: msgspec.Raw
    ask_size: msgspec.Raw
    bid_size: msgspec.Raw


class _Book(msgspec.Struct, gc=False):
    timestamp: int
    orderbook_units: list[_Unit]


class _Trade(msgspec.Struct, gc=False):
    trade_price: msgspec.Raw
    trade_volume: msgspec.Raw
    ask_bid: str
    trade_timestamp: int
    sequential_id: int


_book_of = msgspec.json.Decoder(_Book).decode
_trade_of = msgspec.json.Decoder(_Trade).decode


def _text(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode()
    return f"{Decimal(text):f}" if "e" in text or "E" in text else text


def _book(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    symbol, price, size = rules.symbol, memo(rules.price_power), memo(rules.size_power)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        raw = _book_of(payload)
        units = raw.orderbook_units
        bids = [(_text(each.bid_price), _text(each.bid_size)) for each in units]
        asks = [(_text(each.ask_price), _text(each.ask_size)) for each in units]
        bid, bid_size = bids[0] if bids else ("0", "0")
        ask, ask_size = asks[0] if asks else ("0", "0")
        return MarketDepth(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=raw.timestamp * MS_NS,
            bid=price(bid),
            bid_size=size(bid_size),
            ask=price(ask),
            ask_size=size(ask_size),
            bids=bids,
            asks=asks,
        )

    return read


def _trades(rules: Rules) -> Callable[[bytes, int], MarketEvent]:
    symbol, price, size = rules.symbol, memo(rules.price_power), memo(rules.size_power)

    def read(payload: bytes, at_ns: int) -> MarketEvent:
        raw = _trade_of(payload)
        return MarketTrade(
            symbol=symbol,
            at_ns=at_ns,
            event_ns=raw.trade_timestamp * MS_NS,
            price=price(_text(raw.trade_price)),
            size=size(_text(raw.trade_volume)),
            taker=Side.BUY if raw.ask_bid == "BID" else Side.SELL,
            trade_id=raw.sequential_id,
        )

    return read


TICKS: Mapping[DataType, TickReader] = {DataType.ORDERBOOK: _book, DataType.TRADE: _trades}
"""The readers of the usual channel of each type of data."""


class _Candle(msgspec.Struct, gc=False):
    candle_date_time_utc: str
    opening_price: msgspec.Raw
    high_price: msgspec.Raw
    low_price: msgspec.Raw
    trade_price: msgspec.Raw
    candle_acc_trade_volume: msgspec.Raw


_candles_of = msgspec.json.Decoder(list[_Candle]).decode


def _path(symbol: str, interval_ns: int, count: int, end_ns: int | None) -> str:
    until = "" if end_ns is None else f"&to={iso_of(end_ns)[:19]}Z"  # a candle that begins then is not in it
    return f"/v1/candles/{_PLACES[interval_ns]}?market={symbol}&count={count}{until}"


def _candles(rules: Rules, interval_ns: int, body: bytes) -> tuple[MarketBar, ...]:
    """The newest comes first there."""
    price, size = memo(rules.price_power), memo(rules.size_power)
    bars: list[MarketBar] = []
    for raw in reversed(_candles_of(body)):
        start_ns = int(datetime.fromisoformat(f"{raw.candle_date_time_utc}+00:00").timestamp()) * SECOND_NS
        prices = tuple(price(_text(each)) for each in (raw.opening_price, raw.high_price, raw.low_price, raw.trade_price))
        bars.append(_bar(rules, interval_ns, start_ns, prices, size(_text(raw.candle_acc_trade_volume))))
    return tuple(bars)


def _bar(rules: Rules, interval_ns: int, start_ns: int, prices: tuple[int, ...], volume: int) -> MarketBar:
    opened, high, low, close = prices
    return MarketBar(
        symbol=rules.symbol,
        at_ns=0,
        interval_ns=interval_ns,
        start_ns=start_ns,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


CANDLES = CandleReads(path=_path, read=_candles, most=200, intervals=tuple(_PLACES), skips_empty=True)
"""Candles over REST. Days and weeks (from Monday on) are UTC's there, too.

Source: docs.upbit.com, list-candles-minutes, -days and -weeks, read 2026-11-29.
"""
