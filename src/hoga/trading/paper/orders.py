"""trading.paper.orders: an order as the paper exchange has it, and when one that waits is triggered. Pure."""

from __future__ import annotations

from hoga.core.market import Side
from hoga.core.trading import OrderKind, OrderRequest, OrderState, PositionSide

__all__ = ["PaperOrder"]

_BP = 10_000


class PaperOrder:
    """One order.

    `sign`: +1 buys. `price` None: at the market. `left`: not filled yet. `number`: the venue's id. `queue`: what stands before it in
    the book. `held`: of the currency that it pays with, in the account's units; one that does not hold money (`holds`) shares what
    another of its list (`kin`) holds. `extreme`: the best price since a trailing one became active, 0: it is not. `child`: the order
    that a waiting one became, `parent` the other way round. `sent_ns`: when it left, not when it came.
    """

    __slots__ = (
        "child", "extreme", "filled", "held", "holds", "is_placed", "kin", "left", "number", "parent", "price", "quantity", "queue",
        "reason", "request", "sent_ns", "sign", "state", "updated_ns",
    )  # fmt: skip

    def __init__(self, request: OrderRequest, number: int, sent_ns: int, now_ns: int) -> None:
        self.request = request
        self.number = number
        self.sign = 1 if request.side is Side.BUY else -1
        self.price = request.price if request.kind is OrderKind.LIMIT else None
        self.quantity = request.quantity
        self.left = request.quantity or 0
        self.filled = 0
        self.held = 0
        self.holds = True
        self.kin: tuple[PaperOrder, ...] = ()
        self.extreme = 0
        self.state = OrderState.WAITING if request.waits else OrderState.NEW
        self.reason = ""
        self.parent: PaperOrder | None = None
        self.child: PaperOrder | None = None
        self.queue: int | None = None
        self.is_placed = False
        self.sent_ns = sent_ns
        self.updated_ns = now_ns

    @property
    def symbol(self) -> str:
        """Venue and symbol."""
        return self.request.symbol

    @property
    def is_open(self) -> bool:
        """It can still be filled."""
        return self.state.is_open

    @property
    def only_closes(self) -> bool:
        """It may only make a position smaller."""
        request = self.request
        against = PositionSide.SHORT if self.sign > 0 else PositionSide.LONG
        return request.reduce_only or request.close_position or request.position_side is against

    @property
    def trigger(self) -> int:
        """The price at which it is triggered now; 0: a trailing one that is not active."""
        request = self.request
        if request.kind is OrderKind.TRAIL:
            return self.extreme + self.sign * (self.extreme * (request.distance_bp or 0) // _BP) if self.extreme else 0
        return request.trigger or 0

    @property
    def fears(self) -> bool:
        """Whether it waits for a worse price; a take waits for a better one."""
        return self.request.kind is not OrderKind.TAKE

    def is_met(self, price: int) -> bool:
        """Whether a price triggers it; a trailing one takes the price into account first."""
        if self.request.kind is OrderKind.TRAIL and not self._trail(price):
            return False
        upwards = (self.sign > 0) == self.fears
        return price >= self.trigger if upwards else price <= self.trigger

    def _trail(self, price: int) -> bool:
        """Move a trailing order after a price; False while it is not active. A sale is activated from below, and follows the highest."""
        activation = self.request.activation
        if not self.extreme:
            if activation is not None and (price - activation) * self.sign > 0:
                return False
            self.extreme = price
        elif (price - self.extreme) * self.sign < 0:
            self.extreme = price
        return True
