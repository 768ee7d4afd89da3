"""`cryptofeed`: its connection, its raw data collection (files), its JSON decoder.

Its book handler knows no depth20 frames and is left out.
"""

from decimal import Decimal

import meter
from cryptofeed.connection import WSAsyncConn
from cryptofeed.raw_data_collection import AsyncFileCallback
from yapic import json


async def connect(plan, count):
    url = f"{plan['url']}/stream?streams={'/'.join(plan['streams'])}"
    connection = WSAsyncConn("wss://" + url.partition("://")[2], "bench", max_size=2**23)
    connection.address = url  # its constructor wants wss
    connection.raw_data_callback = AsyncFileCallback(plan["folder"])
    async with connection.connect() as socket:
        async for text in socket.read():
            if "data" in json.loads(text, parse_float=Decimal):
                count()


meter.measure(connect, does="written as text, decoded (Decimal)", package="cryptofeed")
