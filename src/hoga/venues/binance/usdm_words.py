"""venues.binance.usdm_words: the words in which USDⓈ-M futures tell of orders, in answers and by the stream alike. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from hoga.core.trading import (
    OrderKind,
    OrderState,
)
from hoga.venues.orders import whole

__all__ = ["KINDS", "REASONS", "VENUE", "algo_state_of", "child_of", "margin_type_of", "number_of", "worth_of"]

VENUE = "binance-usdm"
KINDS = {
    "LIMIT": OrderKind.LIMIT,
    "MARKET": OrderKind.MARKET,
    "STOP_MARKET": OrderKind.STOP,
    "STOP": OrderKind.STOP,
    "TAKE_PROFIT_MARKET": OrderKind.TAKE,
    "TAKE_PROFIT": OrderKind.TAKE,
    "TRAILING_STOP_MARKET": OrderKind.TRAIL,
}
_ALGO_STATES = {
    "NEW": OrderState.WAITING,
    "TRIGGERING": OrderState.TRIGGERED,
    "TRIGGERED": OrderState.TRIGGERED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
}
REASONS = {
    "1": "self-trade prevention",
    "2": "immediate-or-cancel rest",
    "3": "immediate-or-cancel rest, self-trade prevention",
    "4": "knocked out by a reduce-only order",
    "5": "liquidation",
    "6": "good-till-executed unfulfilled",
    "7": "delisting",
    "8": "first order after a stop's trigger",
    "9": "market order's rest",
}


def number_of(text: str | None, power: int) -> int | None:
    """None for what was not told, and for 0, with which the venue says that there is none."""
    return (whole(text, power) or None) if text else None


def worth_of(quantity: str, entry: str) -> Decimal | None:
    """What a position was worth at its entry price; None where there is none."""
    try:
        worth = Decimal(quantity) * Decimal(entry)
    except InvalidOperation:
        return None
    return worth if worth and worth.is_finite() else None


def algo_state_of(said: str, done: str | None) -> OrderState:
    """How a waiting order stands. FINISHED: what it became is over, filled or not; `done`: how much of it was, where that is told."""
    if said == "FINISHED":
        return OrderState.CANCELED if done and not done.strip("0.") else OrderState.FILLED
    return _ALGO_STATES.get(said, OrderState.OTHER)


def child_of(actual: str | int | None) -> str:
    """The id of the order that a triggered one became, "" while there is none."""
    return str(actual) if actual else ""


def margin_type_of(said: str) -> str:
    """`cross` or `isolated`, whichever of its spellings the venue used; any other word as it is."""
    return {"CROSSED": "cross", "CROSS": "cross", "ISOLATED": "isolated"}.get(said.upper(), said)
