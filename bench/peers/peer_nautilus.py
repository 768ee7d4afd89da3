"""`nautilus_trader`: its WebSocket client in Rust, frames handed to Python."""

import asyncio

import meter
from nautilus_trader.core.nautilus_pyo3 import WebSocketClient, WebSocketConfig


async def connect(plan, count):
    def handle(data):
        if b'"data":' in bytes(data[:80]):
            count()

    url = f"{plan['url']}/stream?streams={'/'.join(plan['streams'])}"
    client = await WebSocketClient.connect(WebSocketConfig(url, handle, []))
    await asyncio.Event().wait()
    await client.disconnect()


meter.measure(connect, does="bytes to a callback; not decoded, not stored", package="nautilus_trader")
