"""venues.binance.account: from the account events of Binance spot to `core.market`. Pure.

Every function takes one event object as sent and raises ValueError for what it cannot read. Numbers cross from text to
Decimal here. A cancel's event names the cancel in `c` and the order in `C`. States are the venue's words, known or not; what an order
can do without is read leniently.

Source: spot-docs user-data-stream, read 2026-11-20.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import field

from hoga.core.market import Asset, Assets, BalanceChange, Fill, ListedOrder, Order, OrderList, Side
from hoga.core.times import MS_NS
from hoga.venues.binance.lenient import nanoseconds, number, word
from hoga.venues.decoding import decoder

__all__ = ["spot_assets", "spot_balance", "spot_fill", "spot_list", "spot_order"]

_TRADE = "TRADE"


class _Report(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    state: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    filled: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    at_ms: int = field(name="T")
    trade_id: int = field(name="t")
    maker: bool = field(name="m", default=False)
    fee: Decimal | None = field(name="n", default=None)
    fee_currency: str | None = field(name="N", default=None)
    original_id: str = field(name="C", default="")
    reject: str = field(name="r", default="NONE")
    turnover: Decimal = field(name="Z", default=Decimal(0))
    execution: str = field(name="x", default="")
    execution_id: Any = field(name="I", default=None)
    time_in_force: Any = field(name="f", default=None)
    stop_price: Any = field(name="P", default=None)
    list_id: Any = field(name="g", default=None)
    expiry: Any = field(name="eR", default=None)


class _Balance(msgspec.Struct, gc=False):
    currency: str = field(name="a")
    free: Decimal = field(name="f")
    locked: Decimal = field(name="l")


class _Account(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    balances: list[_Balance] = field(name="B")


class _Change(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    currency: str = field(name="a")
    amount: Decimal = field(name="d")


class _Listed(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    order_id: int = field(name="i")
    client_id: str = field(name="c", default="")


class _List(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    symbol: str = field(name="s")
    list_id: int = field(name="g")
    kind: str = field(name="c")
    step: str = field(name="l")
    state: str = field(name="L")
    orders: list[_Listed] = field(name="O")
    reject: Any = field(name="r", default=None)
    client_id: Any = field(name="C", default=None)
    at_ms: Any = field(name="T", default=None)


def _side(text: str) -> Side:
    return Side.SELL if text == "SELL" else Side.BUY


def _id(number: int) -> str | None:
    return None if number <= 0 else str(number)


def _order(raw: _Report) -> Order:
    filled_now = raw.execution == _TRADE
    return Order(
        symbol=raw.symbol,
        order_id=str(raw.order_id),
        state=raw.state,
        side=_side(raw.side),
        order_type=raw.order_type,
        price=raw.price or None,
        quantity=raw.quantity,
        filled=raw.filled,
        remaining=raw.quantity - raw.filled,
        average=raw.turnover / raw.filled if raw.filled else None,
        client_id=raw.original_id or raw.client_id,
        fill_id=_id(raw.trade_id),
        reason=None if raw.reject == "NONE" else raw.reject,
        expiry=word(raw.expiry),
        execution=raw.execution or None,
        execution_id=word(raw.execution_id),
        at_ns=raw.at_ms * MS_NS,
        time_in_force=word(raw.time_in_force),
        stop_price=number(raw.stop_price) or None,
        list_id=word(raw.list_id, none=("", "-1")),
        last_price=raw.last_price if filled_now else None,
        last_quantity=raw.last_quantity if filled_now else None,
        fee=raw.fee if filled_now else None,
        fee_currency=raw.fee_currency if filled_now else None,
        maker=raw.maker if filled_now else None,
        event_ns=raw.event_ms * MS_NS,
    )


def _fill(raw: _Report) -> Fill:
    return Fill(
        symbol=raw.symbol,
        order_id=str(raw.order_id),
        fill_id=str(raw.trade_id),
        side=_side(raw.side),
        price=raw.last_price,
        quantity=raw.last_quantity,
        fee=raw.fee,
        fee_currency=raw.fee_currency,
        maker=raw.maker,
        client_id=raw.original_id or raw.client_id,
        event_ns=raw.at_ms * MS_NS,
    )


def _assets(raw: _Account) -> Assets:
    assets = tuple(Asset(currency=each.currency, free=each.free, locked=each.locked) for each in raw.balances)
    return Assets(assets=assets, event_ns=raw.event_ms * MS_NS)


def _change(raw: _Change) -> BalanceChange:
    return BalanceChange(changes=((raw.currency, raw.amount),), reason="", event_ns=raw.event_ms * MS_NS)


def _list(raw: _List) -> OrderList:
    orders = tuple(ListedOrder(symbol=each.symbol, order_id=str(each.order_id), client_id=each.client_id or None) for each in raw.orders)
    return OrderList(
        symbol=raw.symbol,
        list_id=str(raw.list_id),
        client_id=word(raw.client_id),
        kind=raw.kind,
        state=raw.state,
        step=raw.step,
        orders=orders,
        reason=word(raw.reject, none=("NONE",)),
        at_ns=nanoseconds(raw.at_ms),
        event_ns=raw.event_ms * MS_NS,
    )


spot_order = decoder(_Report, _order)
"""`executionReport`."""
spot_fill = decoder(_Report, _fill)
"""`executionReport` of execution type TRADE."""
spot_assets = decoder(_Account, _assets)
"""`outboundAccountPosition`: what is free and locked of the currencies concerned."""
spot_balance = decoder(_Change, _change)
"""`balanceUpdate`: deposits, withdrawals, transfers."""
spot_list = decoder(_List, _list)
"""`listStatus`: orders that belong together."""
