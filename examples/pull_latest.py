"""Pull: say what interests you, then ask for the latest whenever you paint. No callback, no queue.

hoga sim --port 9443 &      (or against the venue itself: no variables)
HOGA_BINANCE__WS_URL=ws://127.0.0.1:9443 HOGA_BINANCE__REST_URL=http://127.0.0.1:9444 python examples/pull_latest.py
"""

import asyncio
import sys

import hoga


async def main(seconds: float) -> None:
    async with hoga.SimpleWebSocketClient("gui") as client:
        await client.register_interests(["BTCUSDT"], [hoga.DataType.ORDERBOOK, hoga.DataType.TICKER])
        for _ in range(int(seconds * 2)):
            await asyncio.sleep(0.5)
            book = client.get_orderbook("BTCUSDT")
            if book is not None:
                print(f"{book.bids[0][0]} / {book.asks[0][0]}  epoch {book.epoch}")
    await (await hoga.GlobalWebSocketManager.get_instance()).stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
