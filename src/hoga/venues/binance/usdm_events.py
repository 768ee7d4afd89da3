"""venues.binance.usdm_events: what the account's stream of USDⓈ-M futures tells: orders, positions, balances, settings. Pure.

Source: USD-M docs "user-data-streams"; change log 2025-12-09 and 2026-06. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.trading import (
    AlgoUpdate,
    Balance,
    BalanceUpdate,
    ConfigUpdate,
    ExecutionEvent,
    FillUpdate,
    FundingUpdate,
    Held,
    MarginCall,
    OrderUpdate,
    PositionUpdate,
    Unread,
)
from hoga.venues.binance.orders import (
    event_ns,
    position_side_of,
    side_of,
    state_of,
    venue_id,
)
from hoga.venues.binance.usdm_words import KINDS, REASONS, VENUE, algo_state_of, child_of, margin_type_of, number_of, worth_of
from hoga.venues.orders import RuleBook, nearest, whole

__all__ = ["events"]


class _Told(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    side: str = field(name="S")
    state: str = field(name="X")
    execution: str = field(name="x")
    order_id: int = field(name="i")
    type: str = field(name="o", default="")
    original_type: str = field(name="ot", default="")
    quantity: str = field(name="q", default="0")
    filled: str = field(name="z", default="0")
    price: str = field(name="p", default="0")
    stop: str | None = field(name="sp", default=None)
    last_quantity: str = field(name="l", default="0")
    last_price: str = field(name="L", default="0")
    fee: str | None = field(name="n", default=None)
    fee_currency: str | None = field(name="N", default=None)
    at_ms: int = field(name="T", default=0)
    trade_id: int = field(name="t", default=0)
    maker: bool | None = field(name="m", default=None)
    reduce_only: bool = field(name="R", default=False)
    close_position: bool = field(name="cp", default=False)
    position_side: str = field(name="ps", default="BOTH")
    expiry: str = field(name="er", default="0")


class _Algo(msgspec.Struct, gc=False):
    client_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    symbol: str = field(name="s")
    side: str = field(name="S")
    state: str = field(name="X")
    type: str = field(name="o", default="")
    quantity: str | None = field(name="q", default=None)
    trigger: str | None = field(name="tp", default=None)
    child: str | int | None = field(name="ai", default=None)
    done: str | None = field(name="aq", default=None)
    reduce_only: bool = field(name="R", default=False)
    close_position: bool = field(name="cp", default=False)
    position_side: str = field(name="ps", default="BOTH")
    reason: str = field(name="rm", default="")


class _Wallet(msgspec.Struct, gc=False):
    currency: str = field(name="a")
    wallet: str = field(name="wb")
    change: str = field(name="bc", default="0")


class _Position(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    quantity: str = field(name="pa")
    entry: str = field(name="ep", default="0")
    unrealized: str = field(name="up", default="0")
    margin_type: str = field(name="mt", default="")
    side: str = field(name="ps", default="BOTH")


class _Update(msgspec.Struct, gc=False):
    reason: str = field(name="m", default="")
    wallets: list[_Wallet] = field(name="B", default_factory=list)
    positions: list[_Position] = field(name="P", default_factory=list)


class _Leverage(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    leverage: int = field(name="l")


class _Head(msgspec.Struct, gc=False):
    event: str = field(name="e", default="")
    event_ms: int = field(name="E", default=0)
    at_ms: int = field(name="T", default=0)
    order: msgspec.Raw = field(name="o", default=msgspec.Raw(b"{}"))
    update: msgspec.Raw = field(name="a", default=msgspec.Raw(b"{}"))
    config: msgspec.Raw = field(name="ac", default=msgspec.Raw(b""))
    called: msgspec.Raw = field(name="p", default=msgspec.Raw(b"[]"))
    refused: msgspec.Raw = field(name="or", default=msgspec.Raw(b"{}"))


class _Refused(msgspec.Struct, gc=False):
    symbol: str = field(name="s", default="")
    reason: str = field(name="r", default="")


_heads = msgspec.json.Decoder(_Head)
_told = msgspec.json.Decoder(_Told)
_algo_told = msgspec.json.Decoder(_Algo)
_updates = msgspec.json.Decoder(_Update)
_leverages = msgspec.json.Decoder(_Leverage)
_called = msgspec.json.Decoder(list[_Position])
_refusals = msgspec.json.Decoder(_Refused)
_SILENT = frozenset({"TRADE_LITE", "STRATEGY_UPDATE", "GRID_UPDATE", "listenKeyExpired"})
"""What says nothing that another event does not say as well, and what is the connection's business."""


def events(book: RuleBook, payload: bytes, at_ns: int) -> tuple[ExecutionEvent, ...]:
    """What one frame tells; `Unread` for one that cannot be read. See `venues.orders.OrdersSpec.events`."""
    raw = payload.decode("utf-8", "replace")
    try:
        head = _heads.decode(payload)
        match head.event:
            case "ORDER_TRADE_UPDATE":
                return tuple(_of_order(_told.decode(head.order), book, at_ns, raw))
            case "ALGO_UPDATE":
                return (_of_algo(_algo_told.decode(head.order), book, head, at_ns, raw),)
            case "ACCOUNT_UPDATE":
                return tuple(_of_account(_updates.decode(head.update), book, head, at_ns, raw))
            case "ACCOUNT_CONFIG_UPDATE":
                return tuple(_of_config(head, book, at_ns, raw))
            case "MARGIN_CALL":
                positions = tuple(_position(each, book) for each in _called.decode(head.called))
                return (MarginCall(at_ns=at_ns, raw=raw, venue=VENUE, positions=positions),)
            case "CONDITIONAL_ORDER_TRIGGER_REJECT":
                refused = _refusals.decode(head.refused)
                why = f"a triggered order was refused: {refused.reason}"
                return (Unread(at_ns=at_ns, raw=raw, venue=VENUE, why=why, symbol=f"{VENUE}:{refused.symbol}"),)
    except (*NO_JSON, ValueError) as fault:
        return (Unread(at_ns=at_ns, raw=raw, venue=VENUE, why=f"an event that cannot be read: {fault}", **_named(payload)),)
    if head.event in _SILENT:
        return ()
    return (Unread(at_ns=at_ns, raw=raw, venue=VENUE, why=f"an event that nobody knows: {head.event[:60] or 'without a name'}"),)


class _Names(msgspec.Struct):
    symbol: str = field(name="s", default="")
    client_id: str = field(name="c", default="")
    algo_client_id: str = field(name="caid", default="")


class _Named(msgspec.Struct):
    order: _Names = field(name="o", default_factory=_Names)


_nameds = msgspec.json.Decoder(_Named)


def _named(payload: bytes) -> dict[str, str]:
    """Whose an event is that cannot be read otherwise."""
    try:
        names = _nameds.decode(payload).order
    except NO_JSON:
        return {}
    return {"symbol": f"{VENUE}:{names.symbol}" if names.symbol else "", "client_id": names.client_id or names.algo_client_id}


def _of_order(told: _Told, book: RuleBook, at_ns: int, raw: str) -> Iterator[ExecutionEvent]:
    rules = book.of(told.symbol)
    side, position_side, at = side_of(told.side), position_side_of(told.position_side), event_ns(told.at_ms)
    if told.execution in ("TRADE", "CALCULATED") and told.trade_id > 0:
        yield FillUpdate(
            at_ns=at_ns,
            raw=raw,
            symbol=rules.symbol,
            client_id=told.client_id,
            venue_id=venue_id(told.order_id),
            trade_id=str(told.trade_id),
            side=side,
            price=nearest(told.last_price, rules.price_power),
            quantity=whole(told.last_quantity, rules.size_power),
            fee=told.fee,
            fee_currency=told.fee_currency,
            maker=told.maker,
            position_side=position_side,
            event_ns=at,
        )
    yield OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=told.client_id,
        venue_id=venue_id(told.order_id),
        state=state_of(told.state),
        said=told.state,
        side=side,
        kind=KINDS.get(told.original_type or told.type),
        quantity=number_of(told.quantity, rules.size_power),
        filled=whole(told.filled, rules.size_power),
        price=number_of(told.price, rules.price_power),
        trigger=number_of(told.stop, rules.price_power),
        reduce_only=told.reduce_only,
        close_position=told.close_position,
        position_side=position_side,
        event_ns=at,
        reason=REASONS.get(told.expiry, "" if told.expiry == "0" else told.expiry),
        execution=told.execution,
    )


def _of_algo(told: _Algo, book: RuleBook, head: _Head, at_ns: int, raw: str) -> AlgoUpdate:
    rules = book.of(told.symbol)
    return AlgoUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=told.client_id,
        algo_id=venue_id(told.algo_id),
        state=algo_state_of(told.state, told.done),
        said=told.state,
        child_id=child_of(told.child),
        side=side_of(told.side),
        kind=KINDS.get(told.type),
        quantity=number_of(told.quantity, rules.size_power),
        trigger=number_of(told.trigger, rules.price_power),
        reduce_only=told.reduce_only,
        close_position=told.close_position,
        position_side=position_side_of(told.position_side),
        event_ns=event_ns(head.at_ms or head.event_ms),
        reason=told.reason,
    )


def _position(told: _Position, book: RuleBook) -> Held:
    rules = book.of(told.symbol)
    return Held(
        symbol=rules.symbol,
        quantity=whole(told.quantity, rules.size_power),
        entry=told.entry,
        position_side=position_side_of(told.side),
        unrealized=told.unrealized,
        margin_type=margin_type_of(told.margin_type),
        worth=worth_of(told.quantity, told.entry),
        settle=rules.settle,
    )


def _of_account(update: _Update, book: RuleBook, head: _Head, at_ns: int, raw: str) -> Iterator[ExecutionEvent]:
    at = event_ns(head.at_ms or head.event_ms)
    if update.reason == "FUNDING_FEE":
        symbol = book.of(update.positions[0].symbol).symbol if len(update.positions) == 1 else ""
        for each in update.wallets:
            yield FundingUpdate(at_ns=at_ns, raw=raw, symbol=symbol, currency=each.currency, amount=each.change, event_ns=at, venue=VENUE)
    if update.wallets:
        balances = tuple(Balance(currency=each.currency, free=each.wallet, locked="0") for each in update.wallets)
        yield BalanceUpdate(at_ns=at_ns, raw=raw, balances=balances, event_ns=at)
    for position in update.positions:
        yield PositionUpdate(at_ns=at_ns, raw=raw, held=_position(position, book), event_ns=at)


def _of_config(head: _Head, book: RuleBook, at_ns: int, raw: str) -> Iterator[ExecutionEvent]:
    """Leverage of a symbol; the other setting that is told here (several currencies as margin) changes nothing for an order."""
    if head.config:
        told = _leverages.decode(head.config)
        yield ConfigUpdate(at_ns=at_ns, raw=raw, symbol=book.of(told.symbol).symbol, leverage=told.leverage)
