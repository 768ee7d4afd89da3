"""`unicorn-binance-websocket-api`, frames handed to a callback as text."""

import asyncio

import meter
from unicorn_binance_websocket_api import BinanceWebSocketApiManager


async def connect(plan, count):
    def process(text):
        if '"data":' in text[:80]:
            count()

    manager = BinanceWebSocketApiManager(
        exchange="binance.com",
        websocket_base_uri=f"{plan['url']}/",
        warn_on_update=False,
        disable_colorama=True,
        output_default="raw_data",
        process_stream_data=process,
    )
    markets = [name.split("@")[0] for name in plan["streams"]]
    await asyncio.to_thread(manager.create_stream, [plan["streams"][0].split("@", 1)[1]], markets)
    await asyncio.Event().wait()


meter.measure(connect, does="text to a callback; not decoded, not stored", package="unicorn-binance-websocket-api")
