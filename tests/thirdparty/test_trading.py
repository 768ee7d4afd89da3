"""Other people's clients, unmodified but for the address, place, find, cancel and fill orders on the simulated venues, and are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.binance.keys import EXAMPLE_KEYS
from hoga.simulator.upbit.token import Account

pytestmark = pytest.mark.filterwarnings("ignore")

KEY, ACCOUNT = EXAMPLE_KEYS[0], Account()


class Place(NamedTuple):
    """A venue as ccxt knows it: what is traded, how much, where a bid rests, and what it cannot afford."""

    venue: str
    client: str
    symbol: str
    amount: float
    rests_at: float
    too_much: float
    refusal: str


PLACES = (
    Place("binance", "binance", "BTC/USDT", 0.01, 80_000.0, 125.5, "LOT_SIZE"),
    Place("binance-usdm", "binanceusdm", "BTC/USDT:USDT", 0.01, 85_000.0, 60.0, "Margin is insufficient"),
    Place("upbit", "upbit", "BTC/KRW", 0.001, 100_000_000.0, 5.0, "insufficient_funds_bid"),
)


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    config = SimulatorConfig(venues=("binance", "binance-usdm", "upbit"), symbols=("BTCUSDT", "ETHUSDT", "KRW-BTC"), seed=7)
    async with Simulator(config) as simulator:
        yield simulator


async def client_of(sim: Simulator, place: Place) -> Any:
    ccxt = pytest.importorskip("ccxt.async_support")
    key = (ACCOUNT.access_key, ACCOUNT.secret_key) if place.venue == "upbit" else (KEY.key, KEY.secret)
    options: dict[str, Any] = {"fetchCurrencies": False, "warnOnFetchOpenOrdersWithoutSymbol": False}
    if place.venue == "binance":
        options |= {"fetchMarkets": ["spot"], "fetchMargins": False}
    client = getattr(ccxt, place.client)({"apiKey": key[0], "secret": key[1], "enableRateLimit": False, "options": options})
    client.has["fetchCurrencies"] = False
    rest, api = sim.venues[place.venue].urls["rest"], client.urls["api"]
    if place.venue == "upbit":
        api["public"] = api["private"] = rest
    else:
        api["public"] = api["private"] = f"{rest}/api/v3"
        for name in ("fapiPublic", "fapiPrivate"):
            api |= {name: f"{rest}/fapi/v1", f"{name}V2": f"{rest}/fapi/v2", f"{name}V3": f"{rest}/fapi/v3"}
    await client.load_markets()
    return client


@pytest.mark.parametrize("place", PLACES, ids=[place.venue for place in PLACES])
async def test_ccxt_places_finds_cancels_fills_and_is_refused(sim: Simulator, place: Place) -> None:
    import ccxt

    client = await client_of(sim, place)
    try:
        async with asyncio.timeout(60):
            rests = await client.create_order(place.symbol, "limit", "buy", place.amount, place.rests_at)
            found = await client.fetch_order(rests["id"], place.symbol)
            assert (found["status"], found["price"], found["amount"]) == ("open", place.rests_at, place.amount)
            assert [order["id"] for order in await client.fetch_open_orders(place.symbol)] == [rests["id"]]
            await client.cancel_order(rests["id"], place.symbol)
            assert (await client.fetch_order(rests["id"], place.symbol))["status"] == "canceled"
            assert await client.fetch_open_orders(place.symbol) == []
            with pytest.raises(ccxt.ExchangeError, match=place.refusal):
                await client.create_order(place.symbol, "limit", "buy", place.too_much, place.rests_at)
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order(rests["id"], place.symbol)
            sold = await client.create_order(place.symbol, "market", "sell", place.amount)
            assert (await client.fetch_order(sold["id"], place.symbol))["filled"] == place.amount
            if place.venue == "upbit":
                assert (await client.fetch_balance())["BTC"]["total"] == 1.5 - place.amount
            else:
                assert sum(trade["amount"] for trade in await client.fetch_my_trades(place.symbol)) == pytest.approx(place.amount)
    finally:
        await client.close()


async def test_ccxt_protects_a_futures_position_with_conditional_orders(sim: Simulator) -> None:
    place = PLACES[1]
    client = await client_of(sim, place)
    try:
        async with asyncio.timeout(60):
            await client.set_leverage(5, place.symbol)
            await client.create_order(place.symbol, "market", "buy", 0.05)
            stop = await client.create_order(place.symbol, "market", "sell", 0.05, None, {"stopLossPrice": 80_000, "reduceOnly": True})
            take = await client.create_order(place.symbol, "market", "sell", 0.05, None, {"takeProfitPrice": 95_000, "reduceOnly": True})
            waiting = await client.fetch_open_orders(place.symbol, params={"trigger": True})
            assert {order["id"] for order in waiting} == {stop["id"], take["id"]}
            assert {order["triggerPrice"] for order in waiting} == {80_000, 95_000}
            assert await client.fetch_open_orders(place.symbol) == []
            await client.cancel_order(take["id"], place.symbol, {"trigger": True})
            sim.venues["binance-usdm"].move("BTCUSDT", "79999")
            while await client.fetch_positions([place.symbol]):
                await asyncio.sleep(0.02)
            assert await client.fetch_open_orders(place.symbol, params={"trigger": True}) == []
            assert (await client.fetch_order(stop["id"], place.symbol, {"trigger": True}))["status"] == "closed"
            assert (await client.fetch_leverage(place.symbol))["longLeverage"] == 5
    finally:
        await client.close()


async def test_ccxt_lets_a_spot_order_wait_for_a_price(sim: Simulator) -> None:
    place = PLACES[0]
    client = await client_of(sim, place)
    try:
        async with asyncio.timeout(60):
            stop = await client.create_order(place.symbol, "limit", "sell", 0.01, 79_000, {"stopLossPrice": 80_000})
            (found,) = await client.fetch_open_orders(place.symbol)
            assert (found["id"], found["triggerPrice"], found["price"]) == (stop["id"], 80_000, 79_000)
            await client.cancel_all_orders(place.symbol)
            assert await client.fetch_open_orders(place.symbol) == []
    finally:
        await client.close()


async def test_python_binance_uses_conditional_orders_lists_and_both_websocket_apis(sim: Simulator, monkeypatch: Any) -> None:
    binance = pytest.importorskip("binance")
    streams = pytest.importorskip("binance.ws.reconnecting_websocket")
    spot, futures = sim.venues["binance"].urls, sim.venues["binance-usdm"].urls
    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{spot['rest']}/api")
    monkeypatch.setattr(binance.AsyncClient, "WS_API_URL", f"{spot['ws']}/ws-api/v3")
    monkeypatch.setattr(binance.AsyncClient, "WS_FUTURES_URL", f"{futures['ws']}/ws-fapi/v1")
    monkeypatch.setattr(streams.ReconnectingWebsocket, "TIMEOUT", 4)  # it waits that long for nothing when it is closed
    monkeypatch.setattr(binance.AsyncClient, "FUTURES_URL", f"{futures['rest']}/fapi")
    client = await binance.AsyncClient.create(KEY.key, KEY.secret)
    try:
        async with asyncio.timeout(60):
            stop = await client.futures_create_algo_order(
                symbol="BTCUSDT", side="SELL", type="STOP_MARKET", algoType="CONDITIONAL", triggerPrice="80000", closePosition="true"
            )
            assert [row["algoId"] for row in await client.futures_get_open_algo_orders(symbol="BTCUSDT")] == [stop["algoId"]]
            assert (await client.futures_cancel_algo_order(algoId=stop["algoId"]))["code"] == "200"
            placed = await client.ws_futures_create_order(
                symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.010", price="85000.00"
            )
            assert (await client.futures_get_order(symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "NEW"
            with pytest.raises(binance.exceptions.BinanceAPIException) as refused:
                await client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.010", reduceOnly="true")
            assert refused.value.code == -2022
            order = await client.ws_create_order(
                symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.01", price="99000.00"
            )
            assert (await client.get_order(symbol="BTCUSDT", orderId=order["orderId"]))["status"] == "NEW"
    finally:
        await client.ws_future.__aexit__(None, None, None)
        await client.close_connection()
