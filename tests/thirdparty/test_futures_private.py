"""Signing clients of other people, unmodified but for the address: orders and user streams of the simulated Binance.

The official SDK (binance-sdk-derivatives-trading-usds-futures 18.1.0) asks for a newer certifi than the tests are pinned to; its tests
run where it was installed with `pip install --no-deps`, together with binance-common.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.binance.keys import EXAMPLE_KEYS

pytestmark = pytest.mark.filterwarnings("ignore")
KEY = EXAMPLE_KEYS[0]


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(venues=("binance-usdm", "binance"), symbols=("BTCUSDT", "ETHUSDT"), seed=7)) as simulator:
        yield simulator


@pytest.fixture
async def exchange(sim):
    ccxtpro = pytest.importorskip("ccxt.pro")
    client = ccxtpro.binanceusdm({"apiKey": KEY.key, "secret": KEY.secret, "enableRateLimit": False})
    client.has["fetchCurrencies"] = False
    client.options["fetchCurrencies"] = False
    for version, names in (("v1", ("fapiPublic", "fapiPrivate")), ("v2", ("fapiPublicV2", "fapiPrivateV2")), ("v3", ("fapiPrivateV3",))):
        for name in names:
            client.urls["api"][name] = f"{sim.rest_url}/fapi/{version}"
    client.urls["api"]["ws"]["future"] = client.urls["api"]["ws"]["linear"] = f"{sim.ws_url}/ws"
    yield client
    await client.close()


async def test_ccxt_trades_futures_and_hears_of_it(exchange) -> None:
    symbol = "BTC/USDT:USDT"
    async with asyncio.timeout(60):
        await exchange.load_markets()
        watching = asyncio.ensure_future(exchange.watch_orders(symbol))
        await asyncio.sleep(0.5)
        order = await exchange.create_order(symbol, "market", "buy", 0.05)
        heard = await watching
        while heard[-1]["status"] != "closed":
            heard = await exchange.watch_orders(symbol)
        positions = await exchange.fetch_positions([symbol])
        resting = await exchange.create_order(symbol, "limit", "sell", 0.05, exchange.price_to_precision(symbol, order["price"] or 90_000))
        still_open = await exchange.fetch_open_orders(symbol)
        await exchange.cancel_order(resting["id"], symbol)
        balance = await exchange.fetch_balance()
    assert heard[-1]["id"] == order["id"]
    assert heard[-1]["filled"] == 0.05
    assert positions[0]["contracts"] == 0.05
    assert [entry["id"] for entry in still_open] == [resting["id"]]
    assert balance["USDT"]["total"] < 100_000


@pytest.fixture
async def client(sim, monkeypatch):
    binance = pytest.importorskip("binance")
    streams = pytest.importorskip("binance.ws.streams")
    spot = sim.venues["binance"].urls
    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{spot['rest']}/api")
    monkeypatch.setattr(binance.AsyncClient, "WS_API_URL", f"{spot['ws']}/ws-api/v3")
    monkeypatch.setattr(binance.AsyncClient, "FUTURES_URL", f"{sim.rest_url}/fapi")
    monkeypatch.setattr(streams.BinanceSocketManager, "FSTREAM_URL", f"{sim.ws_url}/")
    made = await binance.AsyncClient.create(KEY.key, KEY.secret)
    yield made
    await made.close_connection()


async def test_python_binance_trades_futures_and_hears_of_it(client) -> None:
    from binance import BinanceSocketManager

    async with asyncio.timeout(60), BinanceSocketManager(client).futures_user_socket() as stream:
        order = await client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.010")
        events = [await stream.recv()]
        while events[-1]["e"] != "ORDER_TRADE_UPDATE" or events[-1]["o"]["X"] != "FILLED":
            events.append(await stream.recv())
        held = await client.futures_position_information(symbol="BTCUSDT")
    assert events[-1]["o"]["i"] == order["orderId"]
    assert held[0]["positionAmt"] == "0.010"


async def test_python_binance_trades_spot_and_hears_of_it(client) -> None:
    from binance import BinanceSocketManager

    async with asyncio.timeout(60), BinanceSocketManager(client).user_socket() as stream:
        order = await client.create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.01000")
        events = [await stream.recv()]
        while events[-1].get("e") != "executionReport" or events[-1]["X"] != "FILLED":
            events.append(await stream.recv())
        status = await client.ws_get_order(symbol="BTCUSDT", orderId=order["orderId"])
        account = await client.get_account()
    assert events[-1]["i"] == order["orderId"] == status["orderId"]
    assert {row["asset"] for row in account["balances"]} >= {"BTC", "USDT"}


async def test_the_official_sdk_trades_futures_and_hears_of_it(sim) -> None:
    sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures")
    common = pytest.importorskip("binance_common.configuration")
    made = sdk.DerivativesTradingUsdsFutures(
        config_rest_api=common.ConfigurationRestAPI(timeout=30_000, base_path=sim.rest_url, api_key=KEY.key, api_secret=KEY.secret),
        config_ws_streams=common.ConfigurationWebSocketStreams(stream_url=sim.ws_url),
    )
    key = (await asyncio.to_thread(made.rest_api.start_user_data_stream)).data().listen_key
    connection = await made.websocket_streams.create_connection()
    heard: list[Any] = []
    try:
        async with asyncio.timeout(60):
            stream = await connection.user_data(key)
            stream.on("message", heard.append)
            await asyncio.to_thread(made.rest_api.new_order, symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01)
            while not any(name == "OrderTradeUpdate" and event.o.X == "FILLED" for name, event in _unwrapped(heard)):
                await asyncio.sleep(0.02)
    finally:
        await connection.close_connection(close_session=True)
    assert {name for name, _ in _unwrapped(heard)} == {"OrderTradeUpdate", "TradeLite", "AccountUpdate"}


def _unwrapped(heard: list[Any]) -> list[tuple[str, Any]]:
    """The SDK wraps every event; (its class, the event)."""
    return [(type(event.actual_instance).__name__, event.actual_instance) for event in heard]
