"""The futures venue's WebSocket API: orders by method, signed or logged on, with budgets in every answer and the faults of REST."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hoga.simulator import Fault, FaultKind
from tests.simulator.signing import ED25519_KEY, HMAC_KEY, ApiClient, Trader
from tests.waiting import eventually

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "85000.00"}


@pytest_asyncio.fixture
async def api(sim, http):
    sockets = []

    async def connect(key: Any = HMAC_KEY) -> ApiClient:
        sockets.append(await http.ws_connect(sim.ws_url + "/ws-fapi/v1"))
        return ApiClient(sockets[-1], Trader(http, sim, "binance-usdm", key=key))

    yield connect
    for socket in sockets:
        await socket.close()


async def test_an_order_is_placed_found_modified_and_cancelled(api, trader) -> None:
    client = await api()
    placed = await client.ask("order.place", signed=True, newClientOrderId="ws-1", **LIMIT)
    assert (placed["status"], placed["result"]["status"], placed["result"]["clientOrderId"]) == (200, "NEW", "ws-1")
    assert [(row["rateLimitType"], row.get("count")) for row in placed["rateLimits"]] == [
        ("ORDERS", 1),
        ("ORDERS", 1),
        ("REQUEST_WEIGHT", 0),
    ]
    found = await client.ask("order.status", signed=True, symbol="BTCUSDT", origClientOrderId="ws-1")
    assert found["result"]["orderId"] == placed["result"]["orderId"]
    again = await client.ask("order.place", signed=True, newClientOrderId="ws-1", **LIMIT)
    assert (again["status"], again["error"]["code"]) == (400, -4116)
    changed = {"symbol": "BTCUSDT", "origClientOrderId": "ws-1", "side": "BUY", "quantity": "0.020"}
    assert (await client.ask("order.modify", signed=True, **changed))["error"]["code"] == -1102
    modified = await client.ask("order.modify", signed=True, price="84000.00", **changed)
    assert [modified["result"][key] for key in ("orderId", "origQty", "price", "status")] == [
        placed["result"]["orderId"], "0.020", "84000.00", "NEW",
    ]  # fmt: skip
    assert (await trader.ask("GET", "/openOrders"))[1][0]["price"] == "84000.00"
    gone = await client.ask("order.cancel", signed=True, symbol="BTCUSDT", origClientOrderId="ws-1")
    assert gone["result"]["status"] == "CANCELED"
    assert (await client.ask("order.cancel", signed=True, symbol="BTCUSDT", origClientOrderId="ws-1"))["error"]["code"] == -2011


async def test_conditional_orders_positions_and_listen_keys_go_by_socket_too(api, trader) -> None:
    client = await api()
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
    placed = await client.ask("algoOrder.place", signed=True, triggerPrice="80000.00", clientAlgoId="s", **stop)
    assert placed["result"]["algoStatus"] == "NEW"
    assert (await client.ask("algoOrder.cancel", signed=True, clientAlgoId="s"))["result"]["code"] == "200"
    bought = await client.ask("order.place", signed=True, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.010")
    assert bought["result"]["executedQty"] == "0.010"
    held = await client.ask("v2/account.position", signed=True)
    assert [row["positionAmt"] for row in held["result"]] == ["0.010"]
    assert (await client.ask("v2/account.balance", signed=True))["result"][0]["asset"] == "USDT"
    key = (await client.ask("userDataStream.start", apiKey=HMAC_KEY.key))["result"]["listenKey"]
    assert (await trader.ask("POST", "/listenKey", signed=False))[1] == {"listenKey": key}
    assert (await client.ask("order.fly", signed=True))["error"]["code"] == -1000
    stops = await client.ask("order.place", signed=True, symbol="BTCUSDT", side="SELL", type="STOP_MARKET", quantity="0.010")
    assert stops["error"]["code"] == -4120


async def test_a_session_is_logged_on_with_ed25519_alone(api) -> None:
    assert (await (await api()).ask("session.logon", signed=True))["error"]["code"] == -4056
    client = await api(ED25519_KEY)
    assert (await client.ask("session.logon", signed=True))["result"]["apiKey"] == ED25519_KEY.key
    assert (await client.ask("order.place", stamped=True, **LIMIT))["result"]["status"] == "NEW"
    assert (await client.ask("order.place", **LIMIT))["error"]["code"] == -1102
    assert (await client.ask("order.place", stamped=True, **{**LIMIT, "timestamp": 1}))["error"]["code"] == -1021


async def test_an_order_is_done_and_its_connection_cut(sim, api, trader) -> None:
    client = await api()
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, paths="*/order", methods="POST", connections="binance-usdm-*", status=0))
    with pytest.raises((TypeError, aiohttp.ClientError, RuntimeError)):
        await client.ask("order.place", signed=True, newClientOrderId="cut", **LIMIT)
    assert client.socket.close_code == 1006
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="cut"))[1]["status"] == "NEW"
    assert (await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="rest"))[0] == 200
    seen = [(each.client_id, each.via.rpartition("-")[0], each.done, each.answered) for each in sim.orders_seen()]
    assert seen == [("cut", "binance-usdm", True, 0), ("rest", "", True, 200)]


async def test_orders_by_socket_are_refused_lost_and_late_as_by_rest(sim, api) -> None:
    client = await api()
    order = {"paths": "*/order", "methods": "POST", "count": 1}
    sim.inject(Fault(fault=FaultKind.REST_ERROR, status=400, code=-2019, reason="Margin is insufficient.", **order))
    assert (await client.ask("order.place", signed=True, **LIMIT))["error"] == {"code": -2019, "msg": "Margin is insufficient."}
    sim.inject(Fault(fault=FaultKind.REPLY_LOST, status=408, **order))
    lost = await client.ask("order.place", signed=True, newClientOrderId="lost", **LIMIT)
    assert (lost["status"], lost["error"]["code"]) == (408, -1007)
    assert (await client.ask("order.status", signed=True, symbol="BTCUSDT", origClientOrderId="lost"))["result"]["status"] == "NEW"

    def resting() -> set[str]:
        return {row["clientOrderId"] for row in sim.venues["binance-usdm"].account("main")["open_orders"]}

    for kind in (FaultKind.REST_SLOW, FaultKind.REPLY_SLOW):
        sim.inject(Fault(fault=kind, ms=150, **order))
        placing = asyncio.create_task(client.ask("order.place", signed=True, newClientOrderId=kind, **LIMIT))
        if kind is FaultKind.REPLY_SLOW:
            await eventually(lambda name=kind: name in resting())
        else:
            await asyncio.sleep(0.05)
            assert kind not in resting()
        assert not placing.done()
        assert (await placing)["result"]["clientOrderId"] == kind
