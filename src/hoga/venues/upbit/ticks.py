"""venues.upbit.ticks: Upbit's market data in integers. Pure.

Numbers are JSON numbers there, with or without a point or an exponent; they are read as they are spelt.
Source: docs.upbit.com, websocket-orderbook and websocket-trade, read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketDepth, MarketEvent, MarketTrade
from hoga.core.times import MS_NS
from hoga.core.trading import Rules
from hoga.venues.ticks import TickReader, memo

__all__ = ["TICKS"]


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
