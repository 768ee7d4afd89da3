"""Push without callbacks: `async for`. A reader that falls behind loses the oldest events, and is told how many.

hoga sim --port 9443 &      (or against the venue itself: no variables)
HOGA_BINANCE__WS_URL=ws://127.0.0.1:9443 HOGA_BINANCE__REST_URL=http://127.0.0.1:9444 python examples/async_for.py
"""

import asyncio
import contextlib
import sys

import hoga


async def main(seconds: float) -> None:
    count = 0
    async with hoga.SimpleWebSocketClient("logger") as client:
        await client.register_interests(["BTCUSDT", "ETHUSDT"], [hoga.DataType.QUOTE, hoga.DataType.TRADE])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for event in client.events():
                    count += 1
                    if count % 100 == 1:
                        print(event.symbol, event.data_type, event.payload[:60].decode())
        print(f"{count} events, {client.dropped} dropped")
    await (await hoga.GlobalWebSocketManager.get_instance()).stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
