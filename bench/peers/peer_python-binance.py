"""`python-binance`, frames taken from a multiplex socket."""

import binance
import meter
from binance.ws.streams import BinanceSocketManager


async def connect(plan, count):
    BinanceSocketManager.STREAM_URL = f"{plan['url']}/"
    client = binance.AsyncClient()
    sockets = BinanceSocketManager(client, max_queue_size=10_000_000)
    async with sockets.multiplex_socket(plan["streams"]) as stream:
        while True:
            message = await stream.recv()
            if "data" in message:
                count()


meter.measure(connect, does="decoded, queued, taken; not stored", package="python-binance")
