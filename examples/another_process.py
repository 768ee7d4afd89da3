"""Pull from a `hoga run` in another process, over its local socket: no connection to the venue of our own.

hoga run &  python examples/another_process.py          (the data folder of the run as second argument, if it is not ./data)
"""

import asyncio
import sys

import hoga


async def main(seconds: float, data: str | None) -> None:
    try:
        client = await hoga.connect("gui", data=data)
    except hoga.NoHub as fault:
        print(fault)
        print("nothing to show")
        return
    await client.register_interests(["BTCUSDT"], [hoga.DataType.ORDERBOOK, hoga.DataType.TRADE])
    for _ in range(int(seconds * 2)):
        await asyncio.sleep(0.5)
        book, trade = client.get_orderbook("BTCUSDT"), client.get_trade("BTCUSDT")
        stale = "stale" if client.is_stale("BTCUSDT", hoga.DataType.ORDERBOOK) else "live"
        if book is not None:
            print(f"{book.bids[0][0]} / {book.asks[0][0]} {stale}, last trade {trade.price if trade else '-'}")
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, sys.argv[2] if len(sys.argv) > 2 else None))
