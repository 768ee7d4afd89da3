from __future__ import annotations

import asyncio

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.upbit.token import Account

pytestmark = pytest.mark.filterwarnings("ignore")

ACCOUNT = Account()


@pytest.fixture
async def sim():
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC", "KRW-ETH", "BTC-DOGE"), seed=7)) as simulator:
        yield simulator


@pytest.fixture
async def exchange(sim):
    ccxtpro = pytest.importorskip("ccxt.pro")  # imported where it is used
    client = ccxtpro.upbit({"enableRateLimit": False, "apiKey": ACCOUNT.access_key, "secret": ACCOUNT.secret_key})
    client.urls["api"]["public"] = client.urls["api"]["private"] = sim.rest_url
    client.urls["api"]["ws"] = f"{sim.ws_url}/websocket/v1"
    yield client
    await client.close()


async def test_ccxt_loads_the_markets(exchange) -> None:
    markets = await exchange.load_markets()
    assert {"BTC/KRW", "ETH/KRW", "DOGE/BTC"} <= set(markets)


async def test_ccxt_watches_books_trades_and_tickers_on_one_connection(exchange, sim) -> None:
    books, trades, tickers = [], {}, []
    async with asyncio.timeout(60):
        first = await exchange.watch_order_book("BTC/KRW")
        ticker = await exchange.watch_ticker("BTC/KRW")
        await exchange.watch_trades("BTC/KRW")
        while len(trades) < 5 or len(books) < 5:
            books.append(await exchange.watch_order_book("BTC/KRW"))
            for trade in await exchange.watch_trades("BTC/KRW"):
                trades[trade["id"]] = (trade["price"], trade["amount"])
        tickers.append(await exchange.watch_ticker("BTC/KRW"))
    assert first["bids"][0][0] < first["asks"][0][0]
    assert ticker["high"] >= tickers[-1]["last"] >= tickers[-1]["low"]
    prints = {str(made.sid): (made.price / 1e8, made.size / 1e8) for made in sim.venues["upbit"].publisher.live["KRW-BTC"].tape.prints}
    assert {name: prints[name] for name in trades} == trades
    assert len(sim.truth.connections) == 1


async def test_ccxt_s_book_is_the_engine_s(exchange, sim) -> None:
    async with asyncio.timeout(60):
        for _ in range(5):
            book = await exchange.watch_order_book("BTC/KRW")
        sim.engine.market("KRW-BTC").frozen = True
        bids, asks = _engine_book(sim, 15)
        while not ([tuple(level) for level in book["bids"]] == bids and [tuple(level) for level in book["asks"]] == asks):
            book = await exchange.watch_order_book("BTC/KRW")


async def test_ccxt_asks_rest(exchange) -> None:
    ticker, candles = await exchange.fetch_ticker("BTC/KRW"), await exchange.fetch_ohlcv("BTC/KRW", "1m")
    trades, book = await exchange.fetch_trades("BTC/KRW", limit=5), await exchange.fetch_order_book("BTC/KRW")
    assert candles[-1][4] > 0
    assert ticker["last"] > 0
    assert len(trades) == 5
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_ccxt_places_watches_and_cancels_an_order(exchange, sim) -> None:
    async with asyncio.timeout(60):
        assert (await exchange.fetch_balance())["KRW"]["free"] == 100_000_000
        watching = asyncio.create_task(exchange.watch_orders("BTC/KRW"))
        while not any("@myOrder" in name for name in sim.board.subscribers):
            await asyncio.sleep(0.02)
        order = await exchange.create_order("BTC/KRW", "limit", "buy", 0.001, 100_000_000)
        (seen,) = await watching
        assert (seen["id"], seen["status"], seen["price"]) == (order["id"], "open", 100_000_000)
        assert [row["id"] for row in await exchange.fetch_open_orders("BTC/KRW")] == [order["id"]]
        await exchange.cancel_order(order["id"], "BTC/KRW")
        assert (await exchange.fetch_order(order["id"], "BTC/KRW"))["status"] == "canceled"


def _engine_book(sim, count: int):
    market = sim.engine.market("KRW-BTC")
    tick = market.instrument.tick_e8
    sides = (market.book.bids.top(count), market.book.asks.top(count))
    return ([(level.price * tick / 1e8, level.lots / 1e8) for level in side] for side in sides)
