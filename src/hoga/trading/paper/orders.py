"""trading.paper.orders: an order as the paper exchange has it. Pure."""

from __future__ import annotations

from hoga.core.market import Side
from hoga.core.trading import OrderKind, OrderRequest, OrderState

__all__ = ["PaperOrder"]


class PaperOrder:
    """One order. `quantity`: None where it closes what there is, or spends `funds`; `left`: not filled yet; `held`: of the currency that it
    pays with, in the account's units. `price` None: at the market. `number`: the venue's id."""

    __slots__ = (
        "child", "filled", "funds", "held", "kind", "left", "maker", "number", "parent", "price", "quantity", "queue", "reason", "request",
        "sign", "state", "trigger", "updated_ns",
    )  # fmt: skip

    def __init__(self, request: OrderRequest, number: int, now_ns: int) -> None:
        self.request = request
        self.number = number
        self.sign = 1 if request.side is Side.BUY else -1
        self.kind = request.kind
        self.price = request.price if request.kind is OrderKind.LIMIT else None
        self.trigger = request.trigger
        self.quantity = request.quantity
        self.funds = request.funds
        self.left = request.quantity or 0
        self.filled = 0
        self.held = 0
        self.state = OrderState.WAITING if request.waits else OrderState.NEW
        self.reason = ""
        self.maker = False
        self.parent = ""
        self.child = ""
        self.queue: int | None = None
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
        return request.reduce_only or request.close_position or request.position_side.value == ("short" if self.sign > 0 else "long")
