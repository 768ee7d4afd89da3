"""What a type checker must find in a user's program: each line says with which code."""

from __future__ import annotations

import hoga

hoga.SubscriptionSpec(hoga.DataType.TICKER, 5)  # EXPECT arg-type
hoga.SubscriptionSpec("tikcer", ["KRW-A"])  # EXPECT arg-type
hoga.SubscriptionSpec(hoga.DataType.TICKER, ["KRW-A"], mode="snapshto")  # EXPECT arg-type
hoga.SimpleWebSocketClient(5)  # EXPECT arg-type
hoga.EventBus().publish(1, queue="orders")  # EXPECT arg-type
hoga.EventBus().subscribe(5, print)  # EXPECT arg-type
found = hoga.NoSuchName  # EXPECT attr-defined


async def wrong(client: hoga.SimpleWebSocketClient, manager: hoga.GlobalWebSocketManager) -> None:
    assert client.get_ticker("KRW-A").trade_price  # EXPECT union-attr
    client.get_ticker(5)  # EXPECT arg-type
    await manager.register_component("a", client, [], None)  # EXPECT arg-type
    await manager.register_component("a", client, [], print, capacity="x")  # EXPECT arg-type
