from __future__ import annotations

import asyncio
import multiprocessing

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.upbit.token import Account

pyupbit = pytest.importorskip("pyupbit")

pytestmark = pytest.mark.filterwarnings("ignore")

ACCOUNT = Account()
REAL_WS, REAL_REST = "wss://api.upbit.com", "https://api.upbit.com"


@pytest.fixture
async def sim():
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC", "KRW-ETH"), seed=7)) as simulator:
        yield simulator


@pytest.fixture
def here(sim, monkeypatch):
    """Let pyupbit's connections go to the simulator: its addresses are literals in its functions."""
    import requests
    import websockets

    for method in ("get", "post", "delete"):
        real = getattr(requests, method)
        monkeypatch.setattr(requests, method, lambda url, real=real, **more: real(url.replace(REAL_REST, sim.rest_url), **more))
    dial = websockets.connect
    monkeypatch.setattr(websockets, "connect", lambda uri, **more: dial(uri.replace(REAL_WS, sim.ws_url), **more))


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="only a forked process keeps the replaced address")
@pytest.mark.parametrize("kind", ["ticker", "trade", "orderbook"])
async def test_pyupbit_streams(sim, kind) -> None:
    manager = pyupbit.WebSocketManager(kind, ["KRW-BTC"])
    try:
        async with asyncio.timeout(60):
            seen = [await asyncio.to_thread(manager.get) for _ in range(5)]
    finally:
        manager.terminate()
        await asyncio.to_thread(manager.join, 5)
    assert {(frame["type"], frame["code"], frame["stream_type"]) for frame in seen} == {(kind, "KRW-BTC", "REALTIME")}


@pytest.mark.usefixtures("here")
async def test_pyupbit_asks_for_prices(sim) -> None:
    call = asyncio.to_thread
    assert await call(pyupbit.get_tickers, "KRW") == ["KRW-BTC", "KRW-ETH"]
    price = await call(pyupbit.get_current_price, "KRW-BTC")
    book = await call(pyupbit.get_orderbook, "KRW-BTC")
    candles = await call(pyupbit.get_ohlcv, "KRW-BTC", "minute1", 2)
    assert book["orderbook_units"][0]["bid_price"] <= price + 50_000
    assert book["orderbook_units"][0]["ask_price"] >= price - 50_000
    assert candles["close"].iloc[-1] > 0


@pytest.mark.usefixtures("here")
async def test_pyupbit_trades(sim) -> None:
    call = asyncio.to_thread
    trader = pyupbit.Upbit(ACCOUNT.access_key, ACCOUNT.secret_key)
    assert await call(trader.get_balance, "KRW") == 100_000_000
    order = await call(trader.buy_limit_order, "KRW-BTC", 100_000_000, 0.001)
    assert order["state"] == "wait"
    assert (await call(trader.get_order, order["uuid"]))["state"] == "wait"
    assert await call(trader.buy_limit_order, "KRW-BTC", 100_000_000, 5) is None  # it swallows what it was told
    assert sim.orders_seen()[-1].code == "insufficient_funds_bid"
    cancelled = await call(trader.cancel_order, order["uuid"])
    assert cancelled["uuid"] == order["uuid"]
    bought = await call(trader.buy_market_order, "KRW-BTC", 1_000_000)
    held = await call(trader.get_balance, "BTC")
    assert bought["ord_type"] == "price"
    assert held > 1.5
