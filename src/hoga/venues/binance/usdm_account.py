"""venues.binance.usdm_account: from the account events of USDⓈ-M futures to `core.market`. Pure.

Every function takes one event object as sent and raises ValueError for what it cannot read. Orders are wrapped in `o`, balances and
positions in `a`; margin is held in the wallet, so that nothing there is locked. A conditional order (`ALGO_UPDATE`) has no quantity where
it closes the whole position, and its child's id, `ai`, is an empty text until it was triggered. States are the venue's words,
known or not; what an event can do without is read leniently.

Source: USD-M docs user-data-streams, change log (conditional orders since 2025-12-09). Read 2026-11-20.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import field

from hoga.core.market import (
    AccountConfig,
    AlgoOrder,
    Asset,
    Assets,
    BalanceChange,
    Fill,
    MarginCall,
    Order,
    Position,
    Positions,
    PressedPosition,
    Side,
    TriggerReject,
)
from hoga.core.times import MS_NS
from hoga.venues.binance.lenient import flag, nanoseconds, number, word
from hoga.venues.decoding import decoder

__all__ = [
    "futures_algo_order", "futures_assets", "futures_balance", "futures_config", "futures_fill", "futures_margin_call", "futures_order",
    "futures_positions", "futures_trigger_reject",
]  # fmt: skip

_TRADE, _FUNDING = "TRADE", "FUNDING_FEE"
_NOTHING = ("", "0", "NONE")


class _Order(msgspec.Struct, gc=False):
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
    expiry: Any = field(name="er", default=None)
    execution: str = field(name="x", default="")
    time_in_force: Any = field(name="f", default=None)
    stop_price: Any = field(name="sp", default=None)
    reduce_only: Any = field(name="R", default=None)
    close_position: Any = field(name="cp", default=None)
    position_side: Any = field(name="ps", default=None)
    realized: Any = field(name="rp", default=None)


class _Report(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    order: _Order = field(name="o")


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
    margin_type: Any = field(name="mt", default=None)
    isolated: Any = field(name="iw", default=None)
    break_even: Any = field(name="bep", default=None)


class _Update(msgspec.Struct, gc=False):
    reason: str = field(name="m")
    wallets: list[_Wallet] = field(name="B", default_factory=list)
    positions: list[_Position] = field(name="P", default_factory=list)


class _Account(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    update: _Update = field(name="a")
    at_ms: Any = field(name="T", default=None)


class _Algo(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    algo_id: int = field(name="aid")
    side: str = field(name="S")
    state: str = field(name="X")
    order_type: str = field(name="o")
    client_id: Any = field(name="caid", default=None)
    algo_type: Any = field(name="at", default=None)
    time_in_force: Any = field(name="f", default=None)
    position_side: Any = field(name="ps", default=None)
    quantity: Any = field(name="q", default=None)
    price: Any = field(name="p", default=None)
    trigger_price: Any = field(name="tp", default=None)
    child_id: Any = field(name="ai", default=None)
    child_type: Any = field(name="act", default=None)
    filled: Any = field(name="aq", default=None)
    average: Any = field(name="ap", default=None)
    working_type: Any = field(name="wt", default=None)
    close_position: Any = field(name="cp", default=None)
    price_protect: Any = field(name="pP", default=None)
    reduce_only: Any = field(name="R", default=None)
    triggered_ms: Any = field(name="tt", default=None)
    reason: Any = field(name="rm", default=None)


class _AlgoReport(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    order: _Algo = field(name="o")
    at_ms: Any = field(name="T", default=None)


class _Leverage(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    leverage: int = field(name="l")


class _Assets(msgspec.Struct, gc=False):
    multi: bool = field(name="j")


class _Config(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    leverage: _Leverage | None = field(name="ac", default=None)
    assets: _Assets | None = field(name="ai", default=None)


class _Pressed(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    quantity: Decimal = field(name="pa")
    mark: Decimal = field(name="mp")
    unrealized: Decimal = field(name="up")
    maintenance: Decimal = field(name="mm")
    side: str = field(name="ps", default="BOTH")
    margin_type: Any = field(name="mt", default=None)
    isolated: Any = field(name="iw", default=None)


class _Call(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    positions: list[_Pressed] = field(name="p")
    cross_wallet: Any = field(name="cw", default=None)


class _Refused(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    order_id: int = field(name="i")
    reason: str = field(name="r", default="")


class _Refusal(msgspec.Struct, gc=False):
    event_ms: int = field(name="E")
    order: _Refused = field(name="or")
    at_ms: Any = field(name="T", default=None)


def _side(text: str) -> Side:
    return Side.SELL if text == "SELL" else Side.BUY


def _order(report: _Report) -> Order:
    raw = report.order
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
        average=raw.average or None,
        client_id=raw.client_id,
        fill_id=str(raw.trade_id) if raw.trade_id > 0 else None,
        reason=word(raw.expiry, none=_NOTHING),
        expiry=word(raw.expiry, none=_NOTHING),
        execution=raw.execution or None,
        at_ns=raw.at_ms * MS_NS,
        time_in_force=word(raw.time_in_force),
        stop_price=number(raw.stop_price) or None,
        reduce_only=flag(raw.reduce_only),
        close_position=flag(raw.close_position),
        position_side=word(raw.position_side),
        last_price=raw.last_price if filled_now else None,
        last_quantity=raw.last_quantity if filled_now else None,
        fee=raw.fee if filled_now else None,
        fee_currency=raw.fee_currency if filled_now else None,
        maker=raw.maker if filled_now else None,
        realized=number(raw.realized) if filled_now else None,
        event_ns=report.event_ms * MS_NS,
    )


def _fill(report: _Report) -> Fill:
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
        position_side=word(raw.position_side),
        realized=number(raw.realized),
        event_ns=raw.at_ms * MS_NS,
    )


def _assets(raw: _Account) -> Assets:
    assets = tuple(Asset(currency=each.currency, free=each.wallet, locked=Decimal(0)) for each in raw.update.wallets)
    return Assets(assets=assets, event_ns=raw.event_ms * MS_NS)


def _change(raw: _Account) -> BalanceChange:
    """Funding of a position in isolated margin names it; in cross margin the venue tells no symbol."""
    update, funding = raw.update, raw.update.reason == _FUNDING
    return BalanceChange(
        changes=tuple((each.currency, each.change) for each in update.wallets if each.change),
        reason=update.reason,
        funding=funding,
        symbols=tuple(dict.fromkeys(each.symbol for each in update.positions)) if funding else (),
        event_ns=raw.event_ms * MS_NS,
    )


def _positions(raw: _Account) -> Positions:
    positions = tuple(
        Position(
            symbol=each.symbol,
            quantity=each.quantity,
            entry=each.entry,
            unrealized=each.unrealized,
            side=each.side,
            margin_type=word(each.margin_type),
            isolated=number(each.isolated),
            break_even=number(each.break_even),
        )
        for each in raw.update.positions
    )
    return Positions(positions=positions, reason=raw.update.reason, at_ns=nanoseconds(raw.at_ms), event_ns=raw.event_ms * MS_NS)


def _algo_order(report: _AlgoReport) -> AlgoOrder:
    raw = report.order
    return AlgoOrder(
        symbol=raw.symbol,
        algo_id=str(raw.algo_id),
        client_id=word(raw.client_id),
        state=raw.state,
        side=_side(raw.side),
        order_type=raw.order_type,
        quantity=number(raw.quantity) or None,
        trigger_price=number(raw.trigger_price) or None,
        price=number(raw.price) or None,
        algo_type=word(raw.algo_type),
        time_in_force=word(raw.time_in_force),
        position_side=word(raw.position_side),
        reduce_only=flag(raw.reduce_only),
        close_position=flag(raw.close_position),
        working_type=word(raw.working_type),
        price_protect=flag(raw.price_protect),
        child_id=word(raw.child_id, none=("", "0")),
        child_type=word(raw.child_type, none=("", "0")),
        filled=number(raw.filled),
        average=number(raw.average) or None,
        reason=word(raw.reason, none=_NOTHING),
        triggered_ns=nanoseconds(raw.triggered_ms),
        at_ns=nanoseconds(report.at_ms),
        event_ns=report.event_ms * MS_NS,
    )


def _config(raw: _Config) -> AccountConfig:
    return AccountConfig(
        symbol=None if raw.leverage is None else raw.leverage.symbol,
        leverage=None if raw.leverage is None else raw.leverage.leverage,
        multi_assets=None if raw.assets is None else raw.assets.multi,
        event_ns=raw.event_ms * MS_NS,
    )


def _margin_call(raw: _Call) -> MarginCall:
    positions = tuple(
        PressedPosition(
            symbol=each.symbol,
            side=each.side,
            quantity=each.quantity,
            mark=each.mark,
            unrealized=each.unrealized,
            maintenance=each.maintenance,
            margin_type=word(each.margin_type),
            isolated=number(each.isolated),
        )
        for each in raw.positions
    )
    return MarginCall(positions=positions, cross_wallet=number(raw.cross_wallet), event_ns=raw.event_ms * MS_NS)


def _trigger_reject(raw: _Refusal) -> TriggerReject:
    order = raw.order
    at_ns = nanoseconds(raw.at_ms)
    return TriggerReject(symbol=order.symbol, order_id=str(order.order_id), reason=order.reason, at_ns=at_ns, event_ns=raw.event_ms * MS_NS)


futures_order = decoder(_Report, _order)
"""`ORDER_TRADE_UPDATE`."""
futures_fill = decoder(_Report, _fill)
"""`ORDER_TRADE_UPDATE` of execution type TRADE."""
futures_assets = decoder(_Account, _assets)
"""`ACCOUNT_UPDATE`: wallet balances."""
futures_balance = decoder(_Account, _change)
"""`ACCOUNT_UPDATE` with a change that is no trade's: funding, transfers, …"""
futures_positions = decoder(_Account, _positions)
"""`ACCOUNT_UPDATE`: positions."""
futures_algo_order = decoder(_AlgoReport, _algo_order)
"""`ALGO_UPDATE`: conditional orders."""
futures_config = decoder(_Config, _config)
"""`ACCOUNT_CONFIG_UPDATE`: leverage (`ac`), or what serves as margin (`ai`)."""
futures_margin_call = decoder(_Call, _margin_call)
"""`MARGIN_CALL`."""
futures_trigger_reject = decoder(_Refusal, _trigger_reject)
"""`CONDITIONAL_ORDER_TRIGGER_REJECT`."""
