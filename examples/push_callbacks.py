"""Push: a component with a callback. Run it beside `hoga sim --port 9443`, or against the venue itself.

HOGA_BINANCE__WS_URL=ws://127.0.0.1:9443 HOGA_BINANCE__REST_URL=http://127.0.0.1:9444 python examples/push_callbacks.py
"""

import asyncio
import sys

import hoga


class Chart:
    """Anything that takes weak references can be a component; when it is collected, its subscriptions end."""

    def __init__(self) -> None:
        self.prices: list[str] = []

    def on_event(self, event: hoga.BaseWebSocketEvent) -> None:
        """Called in a thread of the hub's, one event at a time, in order."""
        if isinstance(event, hoga.TradeEvent):
            self.prices.append(str(event.price))


async def main(seconds: float) -> None:
    manager = await hoga.GlobalWebSocketManager.get_instance()
    chart = Chart()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.TRADE, ["BTCUSDT", "ETHUSDT"], venue="binance")]
    await manager.register_component("chart-1", chart, wishes, chart.on_event, overflow=hoga.Overflow.DROP_OLDEST)
    await asyncio.sleep(seconds)
    print(f"{len(chart.prices)} trades, the last at {chart.prices[-1] if chart.prices else '-'}")
    for name, metrics in manager.get_connection_metrics().items():
        print(f"{name}: {metrics.state}, {metrics.message_count} frames, health {metrics.health_score:.2f}")
    await manager.unregister_component("chart-1")
    await manager.stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
