"""hub.account_events: events of an account of ours. All numbers are exact Decimals, decoded when first looked at."""

from __future__ import annotations

from hoga.core.market import (
    AccountConfig,
    AlgoOrder,
    Assets,
    BalanceChange,
    Fill,
    MarginCall,
    Order,
    OrderList,
    Positions,
    TriggerReject,
)
from hoga.hub.event import BaseWebSocketEvent, plain

__all__ = [
    "MyAccountConfigEvent", "MyAlgoOrderEvent", "MyAssetEvent", "MyBalanceEvent", "MyFillEvent", "MyMarginCallEvent", "MyOrderEvent",
    "MyOrderListEvent", "MyPositionEvent", "MyTriggerRejectEvent",
]  # fmt: skip


class MyOrderEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is an `Order`."""

    @property
    def order(self) -> Order:
        """Decoded."""
        body: Order = self.body
        return body

    @property
    def order_id(self) -> str:
        """The venue's id."""
        return self.order.order_id

    @property
    def state(self) -> str:
        """The venue's own word."""
        return self.order.state

    def told(self) -> str:
        order = self.order
        price = f" at {plain(order.price)}" if order.price is not None else ""
        size = f" {plain(order.quantity)}" if order.quantity is not None else ""
        return f"{order.symbol} {order.order_id} {order.state} {order.side}{size}{price}"


class MyAssetEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is `Assets`."""

    @property
    def assets(self) -> Assets:
        """Decoded."""
        body: Assets = self.body
        return body

    def told(self) -> str:
        return " ".join(f"{each.currency} {plain(each.free)}+{plain(each.locked)}" for each in self.assets.assets)


class MyFillEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `Fill`."""

    @property
    def fill(self) -> Fill:
        """Decoded."""
        body: Fill = self.body
        return body

    def told(self) -> str:
        fill = self.fill
        return f"{fill.symbol} {fill.order_id} {fill.side} {plain(fill.quantity)} at {plain(fill.price)}"


class MyBalanceEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `BalanceChange`."""

    @property
    def change(self) -> BalanceChange:
        """Decoded."""
        body: BalanceChange = self.body
        return body

    def told(self) -> str:
        return " ".join(f"{currency} {plain(amount)}" for currency, amount in self.change.changes)


class MyPositionEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is `Positions`."""

    @property
    def positions(self) -> Positions:
        """Decoded."""
        body: Positions = self.body
        return body

    def told(self) -> str:
        return " ".join(f"{each.symbol} {plain(each.quantity)}" for each in self.positions.positions)


class MyOrderListEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is an `OrderList`."""

    @property
    def order_list(self) -> OrderList:
        """Decoded."""
        body: OrderList = self.body
        return body

    def told(self) -> str:
        told = self.order_list
        return f"{told.symbol} {told.kind} {told.list_id} {told.state} {' '.join(each.order_id for each in told.orders)}".rstrip()


class MyAlgoOrderEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is an `AlgoOrder`."""

    @property
    def order(self) -> AlgoOrder:
        """Decoded."""
        body: AlgoOrder = self.body
        return body

    @property
    def algo_id(self) -> str:
        """The venue's id of the conditional order."""
        return self.order.algo_id

    @property
    def state(self) -> str:
        """The venue's own word."""
        return self.order.state

    def told(self) -> str:
        order = self.order
        size = "all" if order.quantity is None else plain(order.quantity)
        price = f" at {plain(order.trigger_price)}" if order.trigger_price is not None else ""
        child = f" as {order.child_id}" if order.child_id is not None else ""
        return f"{order.symbol} {order.algo_id} {order.state} {order.order_type} {order.side} {size}{price}{child}"


class MyAccountConfigEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is an `AccountConfig`."""

    @property
    def config(self) -> AccountConfig:
        """Decoded."""
        body: AccountConfig = self.body
        return body

    def told(self) -> str:
        config = self.config
        if config.multi_assets is not None:
            return f"multi-assets margin {'on' if config.multi_assets else 'off'}"
        return f"{config.symbol} leverage {config.leverage}"


class MyMarginCallEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `MarginCall`."""

    @property
    def margin_call(self) -> MarginCall:
        """Decoded."""
        body: MarginCall = self.body
        return body

    def told(self) -> str:
        return " ".join(f"{each.symbol} {plain(each.quantity)} mark {plain(each.mark)}" for each in self.margin_call.positions)


class MyTriggerRejectEvent(BaseWebSocketEvent, eq=False, gc=False):
    """`body` is a `TriggerReject`."""

    @property
    def reject(self) -> TriggerReject:
        """Decoded."""
        body: TriggerReject = self.body
        return body

    def told(self) -> str:
        return f"{self.reject.symbol} {self.reject.order_id} {self.reject.reason}"
