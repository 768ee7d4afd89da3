"""venues.upbit.payloads: from Upbit's DEFAULT payloads to `core.market`. Pure.

Every function takes one payload as sent and raises ValueError for what it cannot read. Numbers cross from text to
Decimal here and nowhere else, exponents included. Units of price and size 0 are padding and left out.
Source: docs.upbit.com/kr/reference/websocket-*, captures of 2026-09-23. Read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from hoga.core.market import Asset, Assets, Body, Book, Candle, Fill, Order, Side, Ticker, Trade
from hoga.core.times import MS_NS, SECOND_NS
from hoga.venues.decoding import decoder
from hoga.venues.upbit.simple import usual

__all__ = ["book", "candle", "my_asset", "my_fill", "my_order", "ticker", "trade"]


class _Unit(msgspec.Struct, gc=False):
    ask_price: Decimal
    bid_price: Decimal
    ask_size: Decimal
    bid_size: Decimal


class _Book(msgspec.Struct, gc=False):
    timestamp: int
    orderbook_units: list[_Unit]
    total_ask_size: Decimal | None = None
    total_bid_size: Decimal | None = None
    level: Decimal | None = None


class _Trade(msgspec.Struct, gc=False):
    trade_timestamp: int
    trade_price: Decimal
    trade_volume: Decimal
    ask_bid: str
    sequential_id: int


class _Ticker(msgspec.Struct, gc=False):
    timestamp: int
    trade_price: Decimal
    opening_price: Decimal
    high_price: Decimal
    low_price: Decimal
    signed_change_price: Decimal
    acc_trade_volume: Decimal
    acc_trade_price: Decimal
    signed_change_rate: Decimal | None = None
    prev_closing_price: Decimal | None = None
    acc_trade_volume_24h: Decimal | None = None
    acc_trade_price_24h: Decimal | None = None


class _Candle(msgspec.Struct, gc=False):
    type: str
    timestamp: int
    candle_date_time_utc: str
    opening_price: Decimal
    high_price: Decimal
    low_price: Decimal
    trade_price: Decimal
    candle_acc_trade_volume: Decimal
    candle_acc_trade_price: Decimal


class _Order(msgspec.Struct, gc=False):
    code: str
    uuid: str
    ask_bid: str
    order_type: str
    state: str
    timestamp: int
    price: Decimal | None = None
    volume: Decimal | None = None
    executed_volume: Decimal | None = None
    remaining_volume: Decimal | None = None
    avg_price: Decimal | None = None
    identifier: str | None = None
    trade_uuid: str | None = None
    time_in_force: str | None = None
    trade_fee: Decimal | None = None
    is_maker: bool | None = None
    trade_timestamp: int | None = None


class _Fill(msgspec.Struct, gc=False):
    code: str
    uuid: str
    ask_bid: str
    trade_uuid: str
    price: Decimal
    volume: Decimal
    timestamp: int
    trade_fee: Decimal | None = None
    is_maker: bool | None = None
    identifier: str | None = None
    trade_timestamp: int | None = None


class _Asset(msgspec.Struct, gc=False):
    currency: str
    balance: Decimal
    locked: Decimal


class _Assets(msgspec.Struct, gc=False):
    assets: list[_Asset]
    timestamp: int


def _side(text: str) -> Side:
    """`ask_bid` is the taker's side: ASK sells."""
    return Side.SELL if text == "ASK" else Side.BUY


def _book(raw: _Book) -> Book:
    units = raw.orderbook_units
    return Book(
        bids=tuple((unit.bid_price, unit.bid_size) for unit in units if unit.bid_size),
        asks=tuple((unit.ask_price, unit.ask_size) for unit in units if unit.ask_size),
        bid_total=raw.total_bid_size,
        ask_total=raw.total_ask_size,
        level=raw.level or Decimal(0),
        event_ns=raw.timestamp * MS_NS,
    )


def _trade(raw: _Trade) -> Trade:
    return Trade(
        price=raw.trade_price,
        size=raw.trade_volume,
        taker=_side(raw.ask_bid),
        trade_id=raw.sequential_id,
        event_ns=raw.trade_timestamp * MS_NS,
    )


def _ticker(raw: _Ticker) -> Ticker:
    return Ticker(
        last=raw.trade_price,
        open=raw.opening_price,
        high=raw.high_price,
        low=raw.low_price,
        change=raw.signed_change_price,
        volume=raw.acc_trade_volume,
        turnover=raw.acc_trade_price,
        change_rate=raw.signed_change_rate,
        previous_close=raw.prev_closing_price,
        volume_24h=raw.acc_trade_volume_24h,
        turnover_24h=raw.acc_trade_price_24h,
        event_ns=raw.timestamp * MS_NS,
    )


def _candle(raw: _Candle) -> Candle:
    start = datetime.fromisoformat(raw.candle_date_time_utc).replace(tzinfo=UTC)
    return Candle(
        start_ns=int(start.timestamp()) * SECOND_NS,
        interval=raw.type.removeprefix("candle."),
        open=raw.opening_price,
        high=raw.high_price,
        low=raw.low_price,
        close=raw.trade_price,
        volume=raw.candle_acc_trade_volume,
        turnover=raw.candle_acc_trade_price,
        event_ns=raw.timestamp * MS_NS,
    )


def _order(raw: _Order) -> Order:
    """In state `trade`, price and volume are those of the fill: the order's price is not told then, its volume is the sum."""
    quantity, price = raw.volume, raw.price
    filled_now = raw.state == "trade"
    if filled_now:
        known = raw.executed_volume is not None and raw.remaining_volume is not None
        quantity, price = (raw.executed_volume or Decimal(0)) + (raw.remaining_volume or Decimal(0)) if known else None, None
    return Order(
        symbol=raw.code,
        order_id=raw.uuid,
        state=raw.state,
        side=_side(raw.ask_bid),
        order_type=raw.order_type,
        price=price,
        quantity=quantity,
        filled=raw.executed_volume,
        remaining=raw.remaining_volume,
        average=raw.avg_price or None,
        client_id=raw.identifier,
        fill_id=raw.trade_uuid,
        at_ns=None if raw.trade_timestamp is None else raw.trade_timestamp * MS_NS,
        time_in_force=raw.time_in_force,
        last_price=raw.price if filled_now else None,
        last_quantity=raw.volume if filled_now else None,
        fee=raw.trade_fee,
        fee_currency=_fee_currency(raw.code, raw.trade_fee),
        maker=raw.is_maker,
        event_ns=raw.timestamp * MS_NS,
    )


def _fill(raw: _Fill) -> Fill:
    return Fill(
        symbol=raw.code,
        order_id=raw.uuid,
        fill_id=raw.trade_uuid,
        side=_side(raw.ask_bid),
        price=raw.price,
        quantity=raw.volume,
        fee=raw.trade_fee,
        fee_currency=_fee_currency(raw.code, raw.trade_fee),
        maker=raw.is_maker,
        client_id=raw.identifier,
        event_ns=(raw.trade_timestamp or raw.timestamp) * MS_NS,
    )


def _fee_currency(code: str, fee: Decimal | None) -> str | None:
    """A fee is in the currency that the pair is quoted in."""
    return None if fee is None else code.partition("-")[0]


def _my_assets(raw: _Assets) -> Assets:
    assets = tuple(Asset(currency=each.currency, free=each.balance, locked=each.locked) for each in raw.assets)
    return Assets(assets=assets, event_ns=raw.timestamp * MS_NS)


def _either(read: Callable[[bytes], Body]) -> Callable[[bytes], Body]:
    """What reads DEFAULT reads SIMPLE, too."""
    return lambda payload: read(usual(payload))


book = _either(decoder(_Book, _book))
"""`orderbook`: a whole book in every frame."""
trade = _either(decoder(_Trade, _trade))
"""`trade`."""
ticker = _either(decoder(_Ticker, _ticker))
"""`ticker`."""
candle = _either(decoder(_Candle, _candle))
"""`candle.*`."""
my_order = decoder(_Order, _order)
"""`myOrder`."""
my_fill = decoder(_Fill, _fill)
"""`myOrder` in state `trade`."""
my_asset = decoder(_Assets, _my_assets)
"""`myAsset`."""
