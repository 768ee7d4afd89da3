"""What an account does: own orders, fills, balances, and what to ask REST for after a reconnect.

hoga sim --venues upbit --port 9443 &      (it prints the variables, its key and secret among them)
HOGA_UPBIT__WS_PRIVATE_URL=ws://127.0.0.1:9443 HOGA_UPBIT__REST_URL=http://127.0.0.1:9444 \
HOGA_UPBIT__API_KEY=simulated-access-key HOGA_UPBIT__API_SECRET=... python examples/private_orders.py
"""

import asyncio
import sys

import hoga


class Desk:
    """Keeps what the venue says; asks REST for what may be missing."""

    async def on_event(self, event: hoga.BaseWebSocketEvent) -> None:
        """In order, each once. An async callback runs on the event loop."""
        if isinstance(event, hoga.MyFillEvent):
            fill = event.fill
            print(f"fill {fill.fill_id}: {fill.side} {fill.quantity} {fill.symbol} at {fill.price}, fee {fill.fee} {fill.fee_currency}")
        elif isinstance(event, hoga.MyOrderEvent):
            print(f"order {event.order.order_id} of {event.order.symbol} is {event.order.state}, {event.order.remaining} to go")
        elif isinstance(event, hoga.MyAssetEvent):
            print("balances:", ", ".join(f"{each.free} {each.currency}" for each in event.assets.assets))

    def on_status(self, event: object) -> None:
        """At once, before any event of a new life."""
        if isinstance(event, hoga.PrivateStateEvent):
            print(f"{event.conn} is {event.state}" + (f": {event.text}; {event.hint}" if event.hint else ""))
        elif isinstance(event, hoga.MissedEvent):
            since = "the beginning" if event.from_ns is None else f"{(event.to_ns - event.from_ns) / 1e9:.1f} s ago"
            print(f"ask REST for open orders, fills and balances since {since}")


async def main(seconds: float) -> None:
    manager = await hoga.GlobalWebSocketManager.get_instance()
    desk = Desk()
    wishes = [
        hoga.SubscriptionSpec(data_type, [], venue="upbit")
        for data_type in (hoga.DataType.MY_ORDER, hoga.DataType.MY_FILL, hoga.DataType.MY_ASSET)
    ]
    await manager.register_component("desk", desk, wishes, desk.on_event, on_status=desk.on_status)
    await asyncio.sleep(seconds)
    await manager.stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
