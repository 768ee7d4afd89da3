"""trading.paper.words: what the paper exchange says of an order. Pure."""

from __future__ import annotations

from hoga.core.trading import AlgoUpdate, OrderKind, OrderState, OrderUpdate
from hoga.trading.paper.manners import Manner
from hoga.trading.paper.orders import PaperOrder

__all__ = ["as_algo", "as_order"]


def as_order(order: PaperOrder, manner: Manner, now_ns: int, execution: str) -> OrderUpdate:
    """An order as it stands. `execution`: what just happened, "": it was asked for."""
    request, parent = order.request, order.parent
    return OrderUpdate(
        at_ns=now_ns,
        symbol=order.symbol,
        client_id=request.client_id,
        venue_id=str(order.number),
        state=order.state,
        said=manner.words[order.state],
        side=request.side,
        kind=OrderKind.MARKET if parent is not None else request.kind,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        trigger=request.trigger,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        position_side=request.position_side,
        event_ns=order.updated_ns,
        reason=order.reason,
        execution=execution,
        parent_id=parent.request.client_id if parent is not None else "",
    )


def as_algo(order: PaperOrder, manner: Manner, now_ns: int) -> AlgoUpdate:
    """A waiting order as the venue's service has it; it is over when the order that it became is."""
    request, child = order.request, order.child
    is_over = order.state in (OrderState.FILLED, OrderState.CANCELED) and child is not None
    return AlgoUpdate(
        at_ns=now_ns,
        symbol=order.symbol,
        client_id=request.client_id,
        algo_id=str(order.number),
        state=order.state,
        said="FINISHED" if is_over else manner.words[order.state],
        child_id=str(child.number) if child is not None else "",
        side=request.side,
        kind=request.kind,
        quantity=order.quantity,
        trigger=request.trigger,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        position_side=request.position_side,
        event_ns=order.updated_ns,
        reason=order.reason,
    )
