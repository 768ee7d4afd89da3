"""trading.paper.leaving: a round of the emergency exit on paper: orders are cancelled, positions closed at the market. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from hoga.core.market import Side
from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide
from hoga.trading.orders import Order
from hoga.trading.ports import Cancel, Venue
from hoga.trading.state import venue_of

__all__ = ["Freezable", "cancels_of", "leave"]


class Freezable(Venue, Protocol):
    """An account that sends nothing new while it is frozen, but for an exit."""

    is_frozen: bool


def cancels_of(orders: Iterable[Order]) -> list[Cancel]:
    """What cancels each of them."""
    return [Cancel(symbol=each.symbol, client_id=each.client_id, venue_id=each.venue_id, waits=each.waits) for each in orders]


def leave(
    exchanges: Mapping[str, Freezable], cancels: Iterable[Cancel], held: Mapping[tuple[str, PositionSide], int], new_id: Callable[[], str]
) -> None:
    """Cancel, then close what is held (`Portfolio.held`), past a freeze. `exchanges`: by venue; `new_id`: the next client id."""
    for ask in cancels:
        exchanges[venue_of(ask.symbol)].cancel(ask)
    for (symbol, position_side), quantity in held.items():
        exchange = exchanges[venue_of(symbol)]
        request = OrderRequest(
            client_id=new_id(),
            symbol=symbol,
            side=Side.SELL if quantity > 0 else Side.BUY,
            kind=OrderKind.MARKET,
            quantity=abs(quantity),
            force=Force.IOC,
            reduce_only=exchange.capabilities.reduce_only,
            position_side=position_side,
        )
        was, exchange.is_frozen = exchange.is_frozen, False
        exchange.send(request)
        exchange.is_frozen = was
