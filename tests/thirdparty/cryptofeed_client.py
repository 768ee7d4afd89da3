"""cryptofeed's own feeds against an address: `python cryptofeed_client.py EXCHANGE WS_URL REST_URL COUNT`. One JSON line per callback,
until so many were of books.

Run by the interpreter that has cryptofeed. Only addresses are overridden: its endpoints, and its connection class's demand for wss.
"""

import asyncio
import json
import sys

from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint, WSAsyncConn
from cryptofeed.defines import L2_BOOK, TRADES
from cryptofeed.exchanges import Binance, Upbit

exchange, ws_url, rest_url, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = 0
real_init = WSAsyncConn.__init__


def init(self, address, *args, **more):
    real_init(self, address.replace("ws://", "wss://", 1), *args, **more)
    self.address = address


def told(line):
    global seen
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    seen += line["kind"] == "book"
    if seen == count:
        asyncio.get_running_loop().stop()


async def on_trade(trade, received):
    told(
        {
            "kind": "trade",
            "symbol": trade.symbol,
            "id": trade.id,
            "price": str(trade.price),
            "amount": str(trade.amount),
            "side": trade.side,
        }
    )


async def on_book(book, received):
    bids, asks = book.book.bids.to_list(), book.book.asks.to_list()
    told(
        {
            "kind": "book",
            "symbol": book.symbol,
            "number": book.sequence_number,
            "bids": [str(price) for price, _ in bids],
            "asks": [str(price) for price, _ in asks],
            "best": [[str(number) for number in side[0]] for side in (bids, asks) if side],
        }
    )


WSAsyncConn.__init__ = init
if exchange == "upbit":
    Exchange, path, symbols = Upbit, "/websocket/v1", ["BTC-KRW", "DOGE-BTC"]
    routes = Routes("/v1/market/all")
else:
    Exchange, path, symbols = Binance, "", ["BTC-USDT", "ETH-USDT"]
    routes = Routes("/api/v3/exchangeInfo", l2book="/api/v3/depth?symbol={}&limit={}")
Exchange.websocket_endpoints = [WebsocketEndpoint(f"{ws_url}{path}")]
Exchange.rest_endpoints = [RestEndpoint(rest_url, routes=routes)]
handler = FeedHandler(config={"log": {"disabled": True}, "uvloop": False})
feed = Exchange(symbols=symbols, channels=[TRADES, L2_BOOK], callbacks={TRADES: on_trade, L2_BOOK: on_book})
handler.add_feed(feed)
handler.run(install_signal_handlers=False)
