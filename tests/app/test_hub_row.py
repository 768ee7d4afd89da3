"""What the dashboard is told of the hub."""

from __future__ import annotations

import msgspec

from hoga.app.hub_row import hub_row
from hoga.core.market import DataType
from hoga.dashboard.snapshot import AlertRow, HubRow
from hoga.hub.alerts import AlertKind
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.venues.registry import VENUES
from tests.hub.workbench import FakeWire, ticker
from tests.waiting import eventually


class Widget:
    def take(self, event: BaseWebSocketEvent) -> None: ...


async def test_it_says_what_the_hub_says() -> None:
    wire, widget = FakeWire("upbit"), Widget()
    manager = GlobalWebSocketManager([wire], VENUES)
    manager.start()
    try:
        wish = SubscriptionSpec(DataType.TICKER, ["KRW-A", "KRW-B"])
        await manager.register_component("a", widget, [wish], widget.take, delivery=Delivery.INLINE)
        await eventually(lambda: wire.streams)
        wire.push(ticker("KRW-A"))
        row = hub_row(manager)
        assert (row.components, row.subscriptions, row.delivered, row.dropped) == (1, 2, 1, 0)
        (connection,) = row.connections
        assert (connection.name, connection.state, connection.epoch, connection.subscriptions) == ("upbit-public", "connected", 1, 2)
        assert row.alerts == []
        manager.observe(AlertKind.DISK, "/data", bad=True, text="full")
        assert hub_row(manager).alerts == [AlertRow("disk", "/data", "full")]
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=HubRow) == row
    finally:
        await manager.stop()
