"""hub.account_events: events of an account of ours. All numbers are exact Decimals, decoded when first looked at."""

from __future__ import annotations

from hoga.core.market import Assets, BalanceChange, Fill, Order, Positions
from hoga.hub.event import BaseWebSocketEvent, plain

__all__ = ["MyAssetEvent", "MyBalanceEvent", "MyFillEvent", "MyOrderEvent", "MyPositionEvent"]


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
