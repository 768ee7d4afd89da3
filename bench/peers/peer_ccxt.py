"""`ccxt.pro`, frames decoded by its client and handed to its exchange."""

import ccxt.pro
import meter


async def connect(plan, count):
    exchange = ccxt.pro.binance({"enableRateLimit": False})

    def handle_message(client, message):
        if "data" in message:
            count()

    exchange.handle_message = handle_message
    request = {"method": "SUBSCRIBE", "params": plan["streams"], "id": 1}
    await exchange.watch(f"{plan['url']}/stream", "never", request, "never")


meter.measure(connect, does="decoded, handed to handle_message; no book, not stored", package="ccxt")
