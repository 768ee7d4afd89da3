"""venues.upbit.order_events: what the account's stream of Upbit tells: orders, fills, balances. Pure.

Source: docs.upbit.com/kr/reference/websocket-myorder, websocket-myasset. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from hoga.core.jsontext import NO_JSON
from hoga.core.market import Side
from hoga.core.times import MS_NS
from hoga.core.trading import (
    Balance,
    BalanceUpdate,
    ExecutionEvent,
    FillUpdate,
    OrderUpdate,
    Unread,
)
from hoga.venues.orders import RuleBook, nearest, whole
from hoga.venues.upbit.order_words import KINDS, VENUE, optional, side_of, state_of

__all__ = ["events"]


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    code: str = ""
    identifier: str | None = None


class _Told(msgspec.Struct, gc=False):
    code: str
    uuid: str
    ask_bid: str
    order_type: str
    state: str
    timestamp: int
    price: msgspec.Raw = msgspec.Raw(b"null")
    volume: msgspec.Raw = msgspec.Raw(b"null")
    remaining_volume: msgspec.Raw = msgspec.Raw(b"null")
    executed_volume: msgspec.Raw = msgspec.Raw(b"null")
    trade_fee: msgspec.Raw = msgspec.Raw(b"null")
    prevented_volume: msgspec.Raw = msgspec.Raw(b"null")
    is_maker: bool | None = None
    identifier: str | None = None
    trade_uuid: str | None = None
    trade_timestamp: int | None = None


class _Asset(msgspec.Struct, gc=False):
    currency: str
    balance: msgspec.Raw
    locked: msgspec.Raw


class _Assets(msgspec.Struct, gc=False):
    assets: list[_Asset]
    timestamp: int


_heads = msgspec.json.Decoder(_Event)
_told = msgspec.json.Decoder(_Told)
_assets = msgspec.json.Decoder(_Assets)


def _text(raw: msgspec.Raw) -> str | None:
    """How a number is spelt, None for none."""
    text = bytes(raw).decode()
    return None if text == "null" else text.strip('"')


def _plain(raw: msgspec.Raw) -> str:
    """A number without an exponent: amounts have twenty digits and more."""
    return format(Decimal(_text(raw) or "0"), "f")


def events(book: RuleBook, payload: bytes, at_ns: int) -> tuple[ExecutionEvent, ...]:
    """What one frame tells; `Unread` for one that cannot be read. See `venues.orders.OrdersSpec.events`."""
    raw, head = payload.decode("utf-8", "replace"), _Event()
    try:
        head = _heads.decode(payload)
        if head.type == "myOrder":
            return tuple(_of_order(_told.decode(payload), book, at_ns, raw))
        if head.type == "myAsset":
            told = _assets.decode(payload)
            balances = tuple(Balance(currency=each.currency, free=_plain(each.balance), locked=_plain(each.locked)) for each in told.assets)
            return (BalanceUpdate(at_ns=at_ns, raw=raw, balances=balances, event_ns=told.timestamp * MS_NS),)
    except (*NO_JSON, ValueError, ArithmeticError) as fault:
        symbol = f"{VENUE}:{head.code}" if head.code else ""
        why, client_id = f"an event that cannot be read: {fault}", head.identifier or ""
        return (Unread(at_ns=at_ns, raw=raw, venue=VENUE, why=why, symbol=symbol, client_id=client_id),)
    return (Unread(at_ns=at_ns, raw=raw, venue=VENUE, why=f"an event that nobody knows: {head.type[:60] or 'without a type'}"),)


def _of_order(told: _Told, book: RuleBook, at_ns: int, raw: str) -> Iterator[ExecutionEvent]:
    rules, side, client_id = book.of(told.code), side_of(told.ask_bid), told.identifier or ""
    filled, remaining = (
        optional(_text(told.executed_volume), rules.size_power) or 0,
        optional(_text(told.remaining_volume), rules.size_power),
    )
    at = (told.trade_timestamp or told.timestamp) * MS_NS
    is_trade = told.state == "trade"
    price, volume, fee = _text(told.price), _text(told.volume), _text(told.trade_fee)
    if is_trade:
        if not told.trade_uuid or price is None or volume is None:
            raise ValueError("a trade without its id, price or volume")
        yield FillUpdate(
            at_ns=at_ns,
            raw=raw,
            symbol=rules.symbol,
            client_id=client_id,
            venue_id=told.uuid,
            trade_id=told.trade_uuid,
            side=side,
            price=nearest(price, rules.price_power),
            quantity=whole(volume, rules.size_power),
            fee=fee,
            fee_currency=None if fee is None else told.code.partition("-")[0],
            maker=told.is_maker,
            event_ns=at,
        )
    by_funds = told.order_type == "price" or (told.order_type == "best" and side is Side.BUY)
    known = None if remaining is None or by_funds else filled + remaining
    yield OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=client_id,
        venue_id=told.uuid,
        state=state_of(told.state, told.order_type, side, filled, remaining),
        said=told.state,
        side=side,
        kind=KINDS.get(told.order_type),
        quantity=known if is_trade or volume is None or by_funds else whole(volume, rules.size_power),
        filled=filled,
        price=None if is_trade or by_funds or price is None else nearest(price, rules.price_power),
        event_ns=at,
        reason="self-trade prevention" if told.state == "prevented" else "",
        execution=told.state,
    )
