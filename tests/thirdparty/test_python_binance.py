from __future__ import annotations

import asyncio

import pytest

binance = pytest.importorskip("binance")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
async def client(sim, monkeypatch):
    from binance.ws.streams import BinanceSocketManager

    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{sim.rest_url}/api")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{sim.ws_url}/")
    made = await binance.AsyncClient.create()
    yield made
    await made.close_connection()


async def test_python_binance_depth_cache_equals_the_engines_book(client, sim, engine_book) -> None:
    manager = binance.DepthCacheManager(client, "BTCUSDT", limit=5000, ws_interval=100)
    async with asyncio.timeout(60), manager as cache_socket:
        for _ in range(15):
            cache = await cache_socket.recv()
        sim.engine.market("BTCUSDT").frozen = True
        bids, asks = engine_book(500)
        while not (_levels(cache.get_bids(), 500) == bids and _levels(cache.get_asks(), 500) == asks):
            cache = await cache_socket.recv()
        sim.engine.market("BTCUSDT").frozen = False  # the client's own exit waits for one more frame
    assert cache.symbol == "BTCUSDT"


async def test_python_binance_streams_trades(client, sim) -> None:
    sockets = binance.BinanceSocketManager(client)
    async with asyncio.timeout(60), sockets.multiplex_socket(["btcusdt@trade", "ethusdt@aggTrade"]) as stream:
        seen = [await stream.recv() for _ in range(10)]
    ids = [message["data"]["t"] for message in seen if message["stream"] == "btcusdt@trade"]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_python_binance_asks_rest(client) -> None:
    book = await client.get_order_book(symbol="BTCUSDT", limit=10)
    info = await client.get_symbol_info("ETHUSDT")
    with pytest.raises(binance.exceptions.BinanceAPIException, match="Invalid symbol") as refused:
        await client.get_order_book(symbol="NOSUCH")
    assert len(book["bids"]) == 10
    assert info["baseAsset"] == "ETH"
    assert refused.value.code == -1121


def _levels(levels, count: int) -> list[tuple[float, float]]:
    return [(float(price), float(size)) for price, size in levels[:count]]
