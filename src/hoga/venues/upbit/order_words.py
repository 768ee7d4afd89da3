"""venues.upbit.order_words: the words in which Upbit tells of orders, in answers and by the stream alike. Pure."""

from __future__ import annotations

from hoga.core.market import Side
from hoga.core.trading import (
    OrderKind,
    OrderState,
)
from hoga.venues.orders import whole

__all__ = ["KINDS", "VENUE", "optional", "side_of", "state_of"]

VENUE = "upbit"
KINDS = {"limit": OrderKind.LIMIT, "price": OrderKind.MARKET, "market": OrderKind.MARKET, "best": OrderKind.MARKET}


def side_of(text: str) -> Side:
    """Bid or ask, in either spelling. Raises ValueError for any other word."""
    if text in ("bid", "BID"):
        return Side.BUY
    if text in ("ask", "ASK"):
        return Side.SELL
    raise ValueError(f"{text[:40]!r} is no side")


def state_of(said: str, ord_type: str, side: Side, filled: int, remaining: int | None) -> OrderState:
    """What the venue's word means, given how far the order is. A buy that names what is paid normally ends in `cancel`."""
    by_funds = ord_type == "price" or (ord_type == "best" and side is Side.BUY)
    match said:
        case "wait":
            return OrderState.PARTIAL if filled else OrderState.NEW
        case "watch":
            return OrderState.WAITING
        case "trade":
            return OrderState.FILLED if remaining == 0 and not by_funds else OrderState.PARTIAL
        case "done":
            return OrderState.FILLED
        case "cancel":
            return OrderState.FILLED if by_funds and filled else OrderState.CANCELED
        case "prevented":
            over = remaining == 0 and not by_funds
            return OrderState.CANCELED if over else OrderState.PARTIAL if filled else OrderState.NEW
    return OrderState.OTHER


def optional(text: str | None, power: int) -> int | None:
    """None for what was not told."""
    return None if text is None else whole(text, power)
