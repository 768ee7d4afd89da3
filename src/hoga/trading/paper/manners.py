"""trading.paper.manners: what differs from venue to venue: words, fees, and which refusals have which codes. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hoga.core.trading import Capabilities, OrderState

__all__ = ["FeeOf", "Manner", "manner_of"]


class FeeOf(StrEnum):
    """What a fee is a share of, and paid in: what is received, or the money whichever way it goes."""

    RECEIVED = "received"
    MONEY = "money"


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's manner. `maker_bp`, `taker_bp`: its usual fees. `words`: what it calls the states of an order."""

    fee_of: FeeOf
    maker_bp: float
    taker_bp: float
    words: dict[OrderState, str]


_BINANCE_WORDS = {
    OrderState.NEW: "NEW",
    OrderState.PARTIAL: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
    OrderState.REJECTED: "REJECTED",
    OrderState.WAITING: "NEW",
    OrderState.TRIGGERED: "TRIGGERED",
}
_UPBIT_WORDS = {
    OrderState.NEW: "wait",
    OrderState.PARTIAL: "wait",
    OrderState.FILLED: "done",
    OrderState.CANCELED: "cancel",
    OrderState.EXPIRED: "cancel",
    OrderState.REJECTED: "cancel",
    OrderState.WAITING: "watch",
    OrderState.TRIGGERED: "wait",
}

_CONTRACTS = Manner(fee_of=FeeOf.MONEY, maker_bp=2.0, taker_bp=5.0, words=_BINANCE_WORDS)
_SPOT = Manner(fee_of=FeeOf.RECEIVED, maker_bp=10.0, taker_bp=10.0, words=_BINANCE_WORDS)
_UPBIT = Manner(fee_of=FeeOf.MONEY, maker_bp=5.0, taker_bp=5.0, words=_UPBIT_WORDS)


def manner_of(venue: str, able: Capabilities) -> Manner:
    """A venue's manner; one that is not known has that of those that are able to do the same."""
    if able.short:
        return _CONTRACTS
    return _UPBIT if able.market_buy_by_funds else _SPOT
