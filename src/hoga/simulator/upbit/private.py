"""simulator.upbit.private: orders and balances printed for private streams and for REST. Pure.

Streams print numbers, and null where REST leaves a key out; REST prints amounts as text. Source: protocol sheet 4.1, 4.2,
7.2, 7.3.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hoga.simulator.upbit.exchange import FEE, MAX_TOTAL, AssetsChanged, Funds, Order, OrderChanged
from hoga.simulator.upbit.markets import E8, MIN_TOTAL_E8
from hoga.simulator.upbit.payloads import ASSET_KEYS, Format, record

__all__ = ["account_rows", "amount_text", "asset_text", "chance", "created_text", "order_row", "order_text", "trade_rows"]

_KST = timezone(timedelta(hours=9))
_MS_NS = 1_000_000
_BID_TYPES = ["limit", "limit_ioc", "limit_fok", "price", "best_ioc", "best_fok"]
_ASK_TYPES = ["limit", "limit_ioc", "limit_fok", "market", "best_ioc", "best_fok"]


def order_text(change: OrderChanged, form: Format, *, sent_ms: int) -> str:
    """A `myOrder` object, told at `sent_ms`."""
    order, execution = change.order, change.execution
    average = change.funds / change.executed if change.executed else Decimal(0)
    numbers = [_number(each, form) for each in (change.remaining, change.executed, Decimal(change.trades))]
    values = ['"myOrder"', f'"{order.code}"', f'"{order.uuid}"', f'"{order.side.upper()}"', f'"{order.ord_type}"', f'"{change.state}"']
    values += [_text(execution.uuid if execution else None), _number(execution.price if execution else order.price, form)]
    values += [_number(average, form), _number(execution.volume if execution else change.volume, form), *numbers[:2], str(change.trades)]
    fees = (order.reserved_fee, change.remaining_fee, change.paid_fee, change.locked, change.funds)
    values += [_number(each, form) for each in fees]
    values += [_text(order.time_in_force), _number(execution.fee if execution else None, form)]
    values += ["null" if execution is None else "true" if execution.maker else "false", _text(order.identifier), _text(order.smp_type)]
    values += [
        amount_text(change.prevented),
        amount_text(change.prevented_locked),
        str(execution.time_ns // _MS_NS) if execution else "null",
    ]
    values += [str(order.created_ns // 1_000_000_000 * 1_000), str(sent_ms), '"REALTIME"']
    return record("myOrder", form, values)


def asset_text(change: AssetsChanged, form: Format, *, asset_uuid: str, sent_ms: int) -> str:
    """A `myAsset` object, told at `sent_ms`."""
    names = [pair[form.short] for pair in ASSET_KEYS]
    rows = [
        f'{{"{names[0]}":"{currency}","{names[1]}":{_number(free, form)},"{names[2]}":{_number(locked, form)}}}'
        for currency, free, locked in change.assets
    ]
    at_ms = str(change.time_ns // _MS_NS)
    return record("myAsset", form, ['"myAsset"', f'"{asset_uuid}"', f"[{','.join(rows)}]", at_ms, str(sent_ms), '"REALTIME"'])


def order_row(change: OrderChanged) -> dict[str, Any]:
    """An order as REST tells it: amounts as text, what does not apply left out."""
    order = change.order
    row: dict[str, Any] = {"market": order.code, "uuid": order.uuid, "side": order.side, "ord_type": order.ord_type}
    row |= {"price": amount_text(order.price)} if order.price is not None else {}
    row |= {"state": change.state, "created_at": created_text(order.created_ns)}
    if change.volume is not None and change.remaining is not None:
        row |= {"volume": amount_text(change.volume), "remaining_volume": amount_text(change.remaining)}
        row |= {"prevented_volume": amount_text(change.prevented)}
    row |= {"executed_volume": amount_text(change.executed), "executed_funds": amount_text(change.funds)}
    row |= {"reserved_fee": amount_text(order.reserved_fee), "remaining_fee": amount_text(change.remaining_fee)}
    row |= {"paid_fee": amount_text(change.paid_fee), "locked": amount_text(change.locked)}
    row |= {"prevented_locked": amount_text(change.prevented_locked)}
    row |= {"time_in_force": order.time_in_force} if order.time_in_force else {}
    row |= {"identifier": order.identifier} if order.identifier else {}
    return row | {"smp_type": order.smp_type, "trades_count": change.trades}


def trade_rows(order: Order) -> list[dict[str, Any]]:
    """The fills of an order, newest first."""
    return [
        {
            "market": order.code,
            "uuid": each.uuid,
            "price": amount_text(each.price),
            "volume": amount_text(each.volume),
            "funds": amount_text(each.funds),
            "trend": "up" if order.side == "bid" else "down",
            "created_at": created_text(each.time_ns),
            "side": order.side,
        }
        for each in reversed(order.executions)
    ]


def account_rows(wallets: dict[str, Funds]) -> list[dict[str, Any]]:
    """What an account has."""
    return [_account_row(currency, wallet) for currency, wallet in wallets.items() if wallet.free or wallet.locked]


def chance(code: str, wallets: dict[str, Funds]) -> dict[str, Any]:
    """What may be ordered in a market, and with what."""
    quote, _, base = code.partition("-")
    none = Funds(Decimal(0))
    fee, smallest = str(FEE), amount_text(Decimal(MIN_TOTAL_E8[quote]) / E8)
    side = {"currency": quote, "min_total": smallest}
    market: dict[str, Any] = {
        "id": code,
        "name": f"{base}/{quote}",
        "order_types": ["limit"],
        "ask_types": _ASK_TYPES,
        "bid_types": _BID_TYPES,
    }
    market |= {"order_sides": ["ask", "bid"], "bid": side, "ask": {"currency": base, "min_total": smallest}}
    return {
        "bid_fee": fee,
        "ask_fee": fee,
        "maker_bid_fee": fee,
        "maker_ask_fee": fee,
        "market": market | {"max_total": str(MAX_TOTAL), "state": "active"},
        "bid_account": _account_row(quote, wallets.get(quote, none)),
        "ask_account": _account_row(base, wallets.get(base, none)),
    }


def amount_text(value: Decimal | None) -> str:
    """A decimal without exponent and without needless zeros."""
    text = f"{value or Decimal(0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def created_text(time_ns: int) -> str:
    """`2026-11-20T17:30:15+09:00`."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(_KST).isoformat()


def _account_row(currency: str, wallet: Funds) -> dict[str, Any]:
    row = {"currency": currency, "balance": amount_text(wallet.free), "locked": amount_text(wallet.locked)}
    return row | {"avg_buy_price": "0", "avg_buy_price_modified": True, "unit_currency": "KRW"}


def _number(value: Decimal | None, form: Format) -> str:
    if value is None:
        return "null"
    text = amount_text(value)
    return text if form.short or "." in text else f"{text}.0"


def _text(value: str | None) -> str:
    return "null" if value is None else json.dumps(value)
