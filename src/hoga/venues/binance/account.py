"""venues.binance.account: from Binance's account events to `core.market`, spot and futures. Pure.

Every function takes one event object as sent and raises ValueError for what it cannot read. Numbers cross from text to
Decimal here. A cancel's event names the cancel in `c` and the order in `C` (spot). Futures wrap the order in `o` and
balances and positions in `a`, and hold margin in the wallet, so that nothing there is locked.

Source: spot-docs user-data-stream, USD-M docs user-data-streams, read 2026-11-20.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import field

from hoga.core.market import Asset, Assets, BalanceChange, Fill, Order, Position, Positions, Side
from hoga.core.times import MS_NS
from hoga.venues.decoding import decoder

__all__ = [
    "futures_assets", "futures_balance", "futures_fill", "futures_order", "futures_positions",
    "spot_assets", "spot_balance", "spot_fill", "spot_order",
]  # fmt: skip


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


class _FuturesOrder(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    side: str = field(name="S")
    order_type: str = field(name="o")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    average: Decimal = field(name="ap")
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
    expiry: str = field(name="er", default="0")


class _FuturesReport(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    order: _FuturesOrder = field(name="o")


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


class _Wallet(msgspec.Struct, gc=False):
    currency: str = field(name="a")
    wallet: Decimal = field(name="wb")
    change: Decimal = field(name="bc", default=Decimal(0))


class _Position(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    quantity: Decimal = field(name="pa")
    entry: Decimal = field(name="ep")
    unrealized: Decimal = field(name="up", default=Decimal(0))
    side: str = field(name="ps", default="BOTH")


class _Update(msgspec.Struct, gc=False):
    reason: str = field(name="m")
    wallets: list[_Wallet] = field(name="B", default_factory=list)
    positions: list[_Position] = field(name="P", default_factory=list)


class _FuturesAccount(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    update: _Update = field(name="a")


def _side(text: str) -> Side:
    return Side.SELL if text == "SELL" else Side.BUY


def _id(number: int) -> str | None:
    return None if number <= 0 else str(number)


def _order(raw: _Report) -> Order:
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


def _order_of_futures(report: _FuturesReport) -> Order:
    raw = report.order
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
        average=raw.average or None,
        client_id=raw.client_id,
        fill_id=_id(raw.trade_id),
        reason=None if raw.expiry == "0" else raw.expiry,
        event_ns=report.event_ms * MS_NS,
    )


def _fill_of_futures(report: _FuturesReport) -> Fill:
    raw = report.order
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
        client_id=raw.client_id,
        event_ns=raw.at_ms * MS_NS,
    )


def _assets_of_futures(raw: _FuturesAccount) -> Assets:
    assets = tuple(Asset(currency=each.currency, free=each.wallet, locked=Decimal(0)) for each in raw.update.wallets)
    return Assets(assets=assets, event_ns=raw.event_ms * MS_NS)


def _change_of_futures(raw: _FuturesAccount) -> BalanceChange:
    changes = tuple((each.currency, each.change) for each in raw.update.wallets if each.change)
    return BalanceChange(changes=changes, reason=raw.update.reason, event_ns=raw.event_ms * MS_NS)


def _positions(raw: _FuturesAccount) -> Positions:
    positions = tuple(
        Position(symbol=each.symbol, quantity=each.quantity, entry=each.entry, unrealized=each.unrealized, side=each.side)
        for each in raw.update.positions
    )
    return Positions(positions=positions, event_ns=raw.event_ms * MS_NS)


spot_order = decoder(_Report, _order)
"""`executionReport`."""
spot_fill = decoder(_Report, _fill)
"""`executionReport` of execution type TRADE."""
spot_assets = decoder(_Account, _assets)
"""`outboundAccountPosition`: what is free and locked of the currencies concerned."""
spot_balance = decoder(_Change, _change)
"""`balanceUpdate`: deposits, withdrawals, transfers."""
futures_order = decoder(_FuturesReport, _order_of_futures)
"""`ORDER_TRADE_UPDATE`."""
futures_fill = decoder(_FuturesReport, _fill_of_futures)
"""`ORDER_TRADE_UPDATE` of execution type TRADE."""
futures_assets = decoder(_FuturesAccount, _assets_of_futures)
"""`ACCOUNT_UPDATE`: wallet balances."""
futures_balance = decoder(_FuturesAccount, _change_of_futures)
"""`ACCOUNT_UPDATE` with a change that is no trade's."""
futures_positions = decoder(_FuturesAccount, _positions)
"""`ACCOUNT_UPDATE`: positions."""
