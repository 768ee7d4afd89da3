"""What an account is told wrongly: events lost, doubled and late, orders denied, listings of before, fills in part, listen keys gone."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from hoga.simulator import Fault, FaultKind

D = Decimal


async def events(client: Any, last: str) -> list[str]:
    """`kind/what` of every event, up to one."""
    seen: list[str] = []
    async with asyncio.timeout(10):
        while not seen or seen[-1] != last:
            event = await client.frame()
            seen.append(f"{event['e']}/{event['o']['X'] if 'o' in event else event.get('a', {}).get('m', '')}")
    return seen


WHOLE = ["ORDER_TRADE_UPDATE/NEW", "TRADE_LITE/", "ACCOUNT_UPDATE/ORDER", "ORDER_TRADE_UPDATE/FILLED"]


async def test_one_fill_is_never_told_and_the_stream_is_else_healthy(sim, trader, listen) -> None:
    first, second = await listen(), await listen()
    sim.inject(Fault(fault=FaultKind.LOST_EVENT, events="ORDER_TRADE_UPDATE/TRADE/*", count=1))
    await trader.market("BUY", "0.001")
    await trader.market("BUY", "0.001")
    for client in (first, second):
        assert await events(client, WHOLE[-1]) == [*WHOLE[:-1], *WHOLE]


async def test_a_fill_is_dropped_on_one_connection_alone(sim, trader, listen) -> None:
    first, second = await listen(), await listen()
    sim.inject(Fault(fault=FaultKind.DROP, events="ORDER_TRADE_UPDATE/TRADE/BTCUSDT", connections="*-1", count=1))
    await trader.market("BUY", "0.001")
    await trader.market("BUY", "0.001")
    assert await events(first, WHOLE[-1]) == [*WHOLE[:-1], *WHOLE]
    assert await events(second, WHOLE[-1]) == WHOLE


async def test_a_fill_is_told_twice_and_another_late(sim, trader, listen) -> None:
    client = await listen()
    sim.inject(Fault(fault=FaultKind.DUPLICATE, events="ORDER_TRADE_UPDATE/TRADE/*", count=1))
    await trader.market("BUY", "0.001")
    assert await events(client, WHOLE[-1]) == WHOLE
    assert (await client.frame())["o"]["x"] == "TRADE"
    sim.inject(Fault(fault=FaultKind.DELAY, events="ORDER_TRADE_UPDATE/TRADE/*", ms=200, count=1))
    began = asyncio.get_running_loop().time()
    await trader.market("BUY", "0.001")
    await events(client, WHOLE[-1])
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_an_order_is_denied_though_it_lives(sim, trader) -> None:
    await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="a")
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.010"}
    await trader.ask("POST", "/algoOrder", triggerPrice="80000.00", clientAlgoId="s", **stop)
    sim.inject(Fault(fault=FaultKind.DENY_ORDER, orders="[as]"))
    for path, name in (("/order", "origClientOrderId"), ("/algoOrder", "clientAlgoId")):
        about = {"symbol": "BTCUSDT", name: "a" if path == "/order" else "s"}
        assert (await trader.ask("GET", path, **about))[1]["code"] == -2013
        assert (await trader.ask("DELETE", path, **about))[1]["code"] == -2011
    assert [row["clientOrderId"] for row in (await trader.ask("GET", "/openOrders"))[1]] == ["a"]
    assert [row["clientAlgoId"] for row in (await trader.ask("GET", "/openAlgoOrders"))[1]] == ["s"]
    sim.clear_faults()
    assert (await trader.ask("DELETE", "/algoOrder", clientAlgoId="s"))[0] == 200


async def test_listings_are_as_of_before(sim, trader) -> None:
    await trader.market("BUY", "0.010")
    sim.inject(Fault(fault=FaultKind.STALE_LISTING, ms=400))
    await trader.market("SELL", "0.010")
    await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="new")
    assert (await trader.ask("GET", "/openOrders", symbol="BTCUSDT"))[1] == []
    assert [D(row["positionAmt"]) for row in (await trader.ask("GET", "/fapi/v3/positionRisk"))[1]] == [D("0.01")]
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="new"))[1]["status"] == "NEW"
    async with asyncio.timeout(10):
        while not (await trader.ask("GET", "/openOrders"))[1]:
            await asyncio.sleep(0.05)
    rows = (await trader.ask("GET", "/fapi/v3/positionRisk"))[1]
    assert [D(row["positionAmt"]) for row in rows] == [D(0)]


async def test_a_listing_fails_and_others_do_not(sim, trader) -> None:
    sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/openOrders", methods="GET", status=503))
    assert (await trader.ask("GET", "/openOrders"))[0] == 503
    assert (await trader.ask("GET", "/fapi/v3/positionRisk"))[0] == 200


async def test_a_market_order_is_filled_in_part(sim, trader) -> None:
    sim.inject(Fault(fault=FaultKind.PARTIAL_MARKET, share=0.4, count=1))
    _, reply = await trader.market("BUY", "0.010")
    assert (reply["status"], reply["executedQty"], reply["origQty"]) == ("EXPIRED", "0.004", "0.010")
    assert (await trader.market("SELL", "0.004", reduceOnly="true"))[1]["status"] == "FILLED"


async def test_another_client_deletes_the_listen_key(sim, trader, listen) -> None:
    client = await listen()
    sim.inject(Fault(fault=FaultKind.LISTEN_KEY_GONE))
    await trader.market("BUY", "0.010")
    assert (await trader.ask("PUT", "/listenKey", signed=False))[1]["code"] == -1125
    with pytest.raises(TimeoutError):
        await client.frame(0.2)
    assert not client.socket.closed


async def test_requests_are_seen_strangers_act_and_the_truth_is_told(sim, trader, http) -> None:
    sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/order", orders="no", status=503, count=1))
    await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="no")
    await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="yes")
    await trader.limit("BUY", "0.010", "85000.00", newClientOrderId="yes")
    seen = [(each.client_id, each.does, each.done, each.answered, each.code) for each in sim.orders_seen("binance-usdm")]
    assert seen == [("no", "place", False, 503, "-1000"), ("yes", "place", True, 200, ""), ("yes", "place", False, 400, "-4116")]
    wish = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "89000.00"}
    act = {"do": "POST /fapi/v1/order", "params": {**wish, "newClientOrderId": "stranger"}}
    for body, status in ((act, 200), (act, 400), ({"do": "POST /nowhere"}, 400), ({**act, "account": "nobody"}, 400)):
        async with http.post(f"{sim.rest_url}/sim/act", json=body) as reply:
            assert reply.status == status
    async with http.get(f"{sim.rest_url}/sim/orders") as reply:
        assert [row["client_id"] for row in await reply.json()] == ["no", "yes", "yes"]
    sim.inject(Fault(fault=FaultKind.STALE_LISTING, ms=60_000))
    await trader.market("BUY", "0.010")
    async with http.get(f"{sim.rest_url}/sim/account") as reply:
        truth = await reply.json()
    assert [row["clientOrderId"] for row in truth["open_orders"]] == ["yes", "stranger"]
    assert [D(row["positionAmt"]) for row in truth["positions"]] == [D("0.01")]
    assert sum(D(row["qty"]) for row in truth["trades"]) == D("0.01")
    assert D(truth["balance"]) < 100_000


async def test_an_account_is_told_what_nobody_can_read(sim, http, listen) -> None:
    client, odd = await listen(), '{"e":"ORDER_TRADE_UPDATE","o":{"X":"DREAMT"}}'
    for wish, status in (({"event": odd}, 200), ({"event": "}{"}, 200), ({"even": 1}, 400)):
        async with http.post(f"{sim.rest_url}/sim/tell", json=wish) as reply:
            assert reply.status == status
    assert [(await client.message()).data for _ in range(2)] == [odd, "}{"]
