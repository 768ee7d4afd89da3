"""`aiohttp`, frames decoded by the standard library's json."""

import json

import aiohttp
import meter


async def connect(plan, count):
    url = f"{plan['url']}/stream?streams={'/'.join(plan['streams'])}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0, compress=0) as socket:
        async for message in socket:
            if "data" in json.loads(message.data):
                count()


meter.measure(connect, does="decoded (json), not stored", package="aiohttp")
