"""Futures clients of other people, unmodified but for the address, against the simulated USDⓈ-M.

The official SDK (binance-sdk-derivatives-trading-usds-futures 18.1.0) asks for a newer certifi than the tests are pinned to; its tests
run where it was installed with `pip install --no-deps`, together with binance-common.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.simulator import Simulator, SimulatorConfig

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(venues=("binance-usdm",), symbols=("BTCUSDT", "ETHUSDT"), seed=7)) as simulator:
        yield simulator


@pytest.fixture
async def exchange(sim):
    ccxtpro = pytest.importorskip("ccxt.pro")
    client = ccxtpro.binanceusdm({"enableRateLimit": False, "options": {"fetchCurrencies": False}})
    client.has["fetchCurrencies"] = False
    for version, name in (("v1", "fapiPublic"), ("v2", "fapiPublicV2")):
        client.urls["api"][name] = f"{sim.rest_url}/fapi/{version}"
    client.urls["api"]["ws"]["future"] = client.urls["api"]["ws"]["linear"] = f"{sim.ws_url}/ws"
    yield client
    await client.close()


async def test_ccxt_rebuilds_the_engines_book(exchange, sim, engine_book) -> None:
    async with asyncio.timeout(60):
        for _ in range(10):
            book = await exchange.watch_order_book("BTC/USDT:USDT")
        sim.engine.market("BTCUSDT").frozen = True
        bids, asks = engine_book(100)
        while not ([tuple(row[:2]) for row in book["bids"][:100]] == bids and [tuple(row[:2]) for row in book["asks"][:100]] == asks):
            book = await exchange.watch_order_book("BTC/USDT:USDT")
    assert book["symbol"] == "BTC/USDT:USDT"


async def test_ccxt_watches_the_engines_trades(exchange, sim) -> None:
    seen: dict[str, tuple[float, float]] = {}
    async with asyncio.timeout(60):
        while len(seen) < 10:
            for trade in await exchange.watch_trades("BTC/USDT:USDT"):
                seen[trade["id"]] = (trade["price"], trade["amount"])
    market = sim.engine.market("BTCUSDT")
    tick, lot = market.instrument.tick_e8 / 1e8, market.instrument.lot_e8 / 1e8
    made = {str(trade.trade_id): (pytest.approx(trade.price * tick), pytest.approx(trade.lots * lot)) for trade in market.trades}
    assert all(seen[name] == made[name] for name in seen)


async def test_ccxt_reads_contracts_candles_and_funding(exchange) -> None:
    markets = await exchange.load_markets()
    candles = await exchange.fetch_ohlcv("BTC/USDT:USDT", "1m")
    funding = await exchange.fetch_funding_rate("BTC/USDT:USDT")
    assert markets["BTC/USDT:USDT"]["precision"]["price"] == 0.1
    assert markets["BTC/USDT:USDT"]["swap"]
    assert candles
    assert funding["markPrice"] == pytest.approx(funding["indexPrice"], rel=0.01)


@pytest.fixture
async def client(sim, monkeypatch):
    binance = pytest.importorskip("binance")
    streams = pytest.importorskip("binance.ws.streams")
    monkeypatch.setattr(binance.AsyncClient, "FUTURES_URL", f"{sim.rest_url}/fapi")
    monkeypatch.setattr(streams.BinanceSocketManager, "FSTREAM_URL", f"{sim.ws_url}/")
    made = binance.AsyncClient()
    yield made
    await made.close_connection()


async def test_python_binance_reads_depth_and_trades_of_both_routes(client, sim) -> None:
    from binance import BinanceSocketManager

    sockets = BinanceSocketManager(client)
    async with asyncio.timeout(60):
        async with sockets.futures_depth_socket("BTCUSDT", depth="20") as stream:
            books = [(await stream.recv())["data"] for _ in range(5)]
        async with sockets.aggtrade_futures_socket("BTCUSDT") as stream:
            trades = [(await stream.recv())["data"] for _ in range(5)]
    assert all(later["pu"] == earlier["u"] for earlier, later in zip(books, books[1:], strict=False))
    assert all(len(book["b"]) == len(book["a"]) == 20 for book in books)
    ids = [trade["a"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 5))


async def test_python_binance_asks_rest(client) -> None:
    book = await client.futures_order_book(symbol="BTCUSDT", limit=10)
    mark = await client.futures_mark_price(symbol="BTCUSDT")
    info = await client.futures_exchange_info()
    assert len(book["bids"]) == 10
    assert float(book["bids"][0][0]) == pytest.approx(float(mark["markPrice"]), rel=0.01)
    assert [entry["symbol"] for entry in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]


async def test_the_official_sdk_streams_from_both_routes_and_asks_rest(sim) -> None:
    sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures")
    common = pytest.importorskip("binance_common.configuration")
    made = sdk.DerivativesTradingUsdsFutures(
        config_rest_api=common.ConfigurationRestAPI(timeout=30_000, base_path=sim.rest_url),
        config_ws_streams=common.ConfigurationWebSocketStreams(stream_url=sim.ws_url),
    )
    answer = await asyncio.to_thread(made.rest_api.order_book, symbol="BTCUSDT", limit=5)
    assert len(answer.data().bids) == 5
    connection = await made.websocket_streams.create_connection()
    books, marks = [], []
    try:
        async with asyncio.timeout(60):
            depth = await connection.partial_book_depth_streams(symbol="btcusdt", levels=20, update_speed="100ms")
            depth.on("message", books.append)
            mark = await connection.mark_price_stream(symbol="btcusdt", update_speed="1s")
            mark.on("message", marks.append)
            while len(books) < 5 or not marks:
                await asyncio.sleep(0.02)
    finally:
        await connection.close_connection(close_session=True)
    assert all(len(book.b) == 20 for book in books)
    assert all(later.pu == earlier.u for earlier, later in zip(books, books[1:], strict=False))
    assert abs(float(marks[0].p) / float(books[0].b[0][0]) - 1) < 0.01
