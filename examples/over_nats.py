"""Live frames of collectors anywhere, over NATS: one client, whoever of them brings a frame first; what was lost on the way is told.

python examples/over_nats.py 10 nats://127.0.0.1:4222          (beside each `hoga run` runs a `hoga relay` that sends to it)
"""

import asyncio
import sys
from collections import Counter

import hoga


class Desk:
    def __init__(self):
        self.by_collector = Counter()
        self.last = None

    def on_event(self, event):
        self.by_collector[event.conn.partition("/")[0]] += 1
        self.last = event

    def on_status(self, event):
        if isinstance(event, hoga.MissedEvent):
            print(f"{event.conn}: something may be missing, {(event.to_ns - event.from_ns) / 1e9:.1f} s")
        elif isinstance(event, hoga.EpochEvent):
            print(f"{event.conn} {'is heard' if event.up else f'is not heard any more: {event.why}'}")


async def main(seconds: float, nats: str) -> None:
    try:
        client = await hoga.connect("desk", nats=nats)
    except hoga.NoHub as fault:
        print(fault)
        print("nothing to show")
        return
    desk = Desk()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.ORDERBOOK, ["BTCUSDT"], venue="binance")]
    await client.manager.register_component("desk", desk, wishes, desk.on_event, on_status=desk.on_status)
    for _ in range(int(seconds * 2)):
        await asyncio.sleep(0.5)
        if desk.last is not None:
            print(desk.last, *(f"{name} {count}" for name, count in desk.by_collector.items()))
    print(f"{desk.by_collector.total()} events")
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, sys.argv[2] if len(sys.argv) > 2 else "nats://127.0.0.1:4222"))
