"""`websockets`, frames decoded by the standard library's json."""

import json

import meter
import websockets


async def connect(plan, count):
    url = f"{plan['url']}/stream?streams={'/'.join(plan['streams'])}"
    async with websockets.connect(url, max_size=None, max_queue=None, ping_interval=None, compression=None) as socket:
        async for text in socket:
            if "data" in json.loads(text):
                count()


meter.measure(connect, does="decoded (json), not stored", package="websockets")
