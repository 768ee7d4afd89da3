from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
async def exchange(sim):
    ccxtpro = pytest.importorskip("ccxt.pro")  # imported where it is used
    client = ccxtpro.binance({"enableRateLimit": False, "options": {"fetchMarkets": ["spot"], "fetchCurrencies": False}})
    client.has["fetchCurrencies"] = False
    client.urls["api"]["public"] = f"{sim.rest_url}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{sim.ws_url}/ws"
    yield client
    await client.close()


async def test_ccxt_loads_the_markets(exchange) -> None:
    markets = await exchange.load_markets()
    assert {"BTC/USDT", "ETH/USDT"} <= set(markets)
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01
    assert markets["BTC/USDT"]["active"]


async def test_ccxt_rebuilds_the_engines_book(exchange, sim, engine_book) -> None:
    async with asyncio.timeout(60):
        for _ in range(15):
            book = await exchange.watch_order_book("BTC/USDT")
        sim.engine.market("BTCUSDT").frozen = True
        bids, asks = engine_book(100)
        newest = sim.engine.market("BTCUSDT").book.update_id
        while book["nonce"] != newest:
            book = await exchange.watch_order_book("BTC/USDT")
    assert [tuple(level[:2]) for level in book["bids"][:100]] == bids
    assert [tuple(level[:2]) for level in book["asks"][:100]] == asks


async def test_ccxt_watches_the_engines_trades(exchange, sim) -> None:
    seen: dict[str, tuple[float, float]] = {}
    async with asyncio.timeout(60):
        while len(seen) < 10:
            for trade in await exchange.watch_trades("BTC/USDT"):
                seen[trade["id"]] = (trade["price"], trade["amount"])
    market = sim.engine.market("BTCUSDT")
    made = {str(t.trade_id): (t.price * market.instrument.tick_e8 / 1e8, t.lots * market.instrument.lot_e8 / 1e8) for t in market.trades}
    assert {name: made[name] for name in seen} == seen


async def test_ccxt_fetches_candles_and_trades_over_rest(exchange) -> None:
    candles = await exchange.fetch_ohlcv("BTC/USDT", "1m")
    trades = await exchange.fetch_trades("BTC/USDT", limit=5)
    ticker = await exchange.fetch_ticker("BTC/USDT")
    assert candles
    assert len(trades) == 5
    assert ticker["bid"] < ticker["ask"]
