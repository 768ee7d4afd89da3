"""Spot's orders that wait for a price, and order lists: money held once, one cancels the other, one sends the other, told as they go."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from hoga.simulator import Fault, FaultKind, Simulator
from tests.simulator.signing import HMAC_KEY, ApiClient, Trader

D = Decimal
SIZE = "0.01000"


@pytest_asyncio.fixture
async def sim(simulate) -> Simulator:
    made = await simulate()
    made.engine.market("BTCUSDT").frozen = True
    return made


@pytest.fixture
def trader(sim, http) -> Trader:
    return Trader(http, sim, "binance")


@pytest_asyncio.fixture
async def api(sim, http):
    async with http.ws_connect(sim.ws_url + "/ws-api/v3") as socket:
        client = ApiClient(socket, Trader(http, sim, "binance", key=HMAC_KEY))
        await client.ask("userDataStream.subscribe.signature", signed=True)
        yield client


def at(sim: Simulator, share: str) -> str:
    market = sim.engine.market("BTCUSDT")
    return f"{(D(market.top.bid) * D(share)).to_integral_value() * D('0.01'):.2f}"


async def locked(trader: Trader, asset: str = "BTC") -> Decimal:
    _, account = await trader.ask("GET", "/account")
    return next(D(row["locked"]) for row in account["balances"] if row["asset"] == asset)


async def statuses(trader: Trader) -> dict[str, str]:
    return {row["clientOrderId"]: row["status"] for row in (await trader.ask("GET", "/allOrders", symbol="BTCUSDT"))[1]}


async def done(client: ApiClient) -> list[str]:
    """What was told of orders and lists, up to the list's end."""
    told: list[str] = []
    async with asyncio.timeout(10):
        while not told or told[-1] != "listStatus/ALL_DONE":
            event = (await client.event())["event"]
            if event["e"] in ("executionReport", "listStatus"):
                told.append(f"listStatus/{event['l']}" if event["e"] == "listStatus" else f"{event['C'] or event['c']}/{event['X']}")
    return told


def oco(sim: Simulator, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": SIZE, "listClientOrderId": "pair",
        "aboveType": "LIMIT_MAKER", "abovePrice": at(sim, "1.02"), "aboveClientOrderId": "take",
        "belowType": "STOP_LOSS", "belowStopPrice": at(sim, "0.98"), "belowClientOrderId": "stop", **more,
    }  # fmt: skip


async def test_a_stop_waits_in_the_book_and_sells_when_it_is_traded_through(sim, trader) -> None:
    wish = {"symbol": "BTCUSDT", "side": "SELL", "quantity": SIZE, "stopPrice": at(sim, "0.99")}
    status, reply = await trader.ask("POST", "/order", type="STOP_LOSS", newClientOrderId="s", **wish)
    assert (status, set(reply)) == (200, {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"})
    _, (row,) = await trader.ask("GET", "/openOrders", symbol="BTCUSDT")
    assert (row["status"], row["isWorking"], row["stopPrice"]) == ("NEW", False, f"{wish['stopPrice']}000000")
    assert await locked(trader) == D(SIZE)
    sim.venues["binance"].move("BTCUSDT", at(sim, "0.995"))
    assert (await statuses(trader)) == {"s": "NEW"}
    sim.venues["binance"].move("BTCUSDT", wish["stopPrice"])
    async with asyncio.timeout(5):
        while await statuses(trader) != {"s": "FILLED"}:
            await asyncio.sleep(0.01)
    assert await locked(trader) == 0
    too_far = {**wish, "stopPrice": at(sim, "1.01")}
    assert (await trader.ask("POST", "/order", type="STOP_LOSS", **too_far))[1]["msg"] == "Stop price would trigger immediately."


async def test_take_profit_limits_wait_above_and_can_be_cancelled(sim, trader) -> None:
    wish = {"symbol": "BTCUSDT", "side": "SELL", "quantity": SIZE, "timeInForce": "GTC", "type": "TAKE_PROFIT_LIMIT"}
    prices = {"stopPrice": at(sim, "1.01"), "price": at(sim, "1.015")}
    assert (await trader.ask("POST", "/order", newClientOrderId="t", **wish, **prices))[0] == 200
    sim.venues["binance"].move("BTCUSDT", prices["stopPrice"])
    async with asyncio.timeout(5):
        while not (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="t"))[1]["isWorking"]:
            await asyncio.sleep(0.01)
    _, gone = await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="t")
    assert gone["status"] == "CANCELED"
    assert await locked(trader) == 0


async def test_one_cancels_the_other_when_the_better_price_is_met(sim, trader, api) -> None:
    status, reply = await trader.ask("POST", "/orderList/oco", **oco(sim))
    assert (status, reply["contingencyType"], reply["listStatusType"]) == (200, "OCO", "EXEC_STARTED")
    assert {row["clientOrderId"]: row["type"] for row in reply["orderReports"]} == {"take": "LIMIT_MAKER", "stop": "STOP_LOSS"}
    assert await locked(trader) == D(SIZE)
    _, (listed,) = await trader.ask("GET", "/openOrderList")
    assert (listed["orderListId"], len(listed["orders"])) == (reply["orderListId"], 2)
    assert {row["orderListId"] for row in (await trader.ask("GET", "/openOrders"))[1]} == {reply["orderListId"]}
    sim.venues["binance"].move("BTCUSDT", at(sim, "1.03"))
    told = await done(api)
    assert (set(told[:2]), told[2]) == ({"take/NEW", "stop/NEW"}, "listStatus/EXEC_STARTED")
    assert set(told[-3:-1]) == {"take/FILLED", "stop/EXPIRED"}
    assert await statuses(trader) == {"take": "FILLED", "stop": "EXPIRED"}
    assert (await locked(trader), (await trader.ask("GET", "/openOrderList"))[1]) == (0, [])


async def test_one_cancels_the_other_when_the_stop_is_triggered(sim, trader, api) -> None:
    limit = {"belowType": "STOP_LOSS_LIMIT", "belowPrice": at(sim, "0.97"), "belowTimeInForce": "GTC"}
    placed = await api.ask("orderList.place.oco", signed=True, **oco(sim, **limit))
    assert placed["status"] == 200, placed
    sim.venues["binance"].move("BTCUSDT", at(sim, "0.979"))
    await done(api)
    assert await statuses(trader) == {"take": "EXPIRED", "stop": "FILLED"}
    assert await locked(trader) == 0
    status = await api.ask("orderList.status", signed=True, origClientOrderId="pair")
    assert status["result"]["listOrderStatus"] == "ALL_DONE"


@pytest.mark.parametrize("how", ["list", "one of it", "all of the symbol"])
async def test_a_list_ends_as_a_whole(sim, trader, api, how: str) -> None:
    await trader.ask("POST", "/orderList/oco", **oco(sim))
    if how == "list":
        _, reply = await trader.ask("DELETE", "/orderList", symbol="BTCUSDT", listClientOrderId="pair")
        assert {row["status"] for row in reply["orderReports"]} == {"CANCELED"}
    elif how == "one of it":
        assert (await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="stop"))[0] == 200
    else:
        assert (await trader.ask("DELETE", "/openOrders", symbol="BTCUSDT"))[0] == 200
    await done(api)
    assert await statuses(trader) == {"take": "CANCELED", "stop": "CANCELED"}
    assert await locked(trader) == 0
    assert (await trader.ask("DELETE", "/orderList", symbol="BTCUSDT", listClientOrderId="pair"))[1]["code"] == -2011


async def test_an_entry_sends_its_stop_and_its_take_when_it_is_filled(sim, trader, api) -> None:
    entry = {
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": at(sim, "0.99"),
        "workingQuantity": SIZE,
        "workingTimeInForce": "GTC",
    }
    exits = {"pendingSide": "SELL", "pendingQuantity": "0.00900"}
    exits |= {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": at(sim, "1.02"), "pendingAboveClientOrderId": "take"}
    exits |= {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": at(sim, "0.97"), "pendingBelowClientOrderId": "stop"}
    status, reply = await trader.ask("POST", "/orderList/otoco", symbol="BTCUSDT", workingClientOrderId="in", **entry, **exits)
    assert (status, reply["contingencyType"]) == (200, "OTO")
    assert await statuses(trader) == {"in": "NEW", "take": "PENDING_NEW", "stop": "PENDING_NEW"}
    assert await locked(trader) == 0
    sim.venues["binance"].move("BTCUSDT", at(sim, "0.985"))
    async with asyncio.timeout(5):
        while await statuses(trader) != {"in": "FILLED", "take": "NEW", "stop": "NEW"}:
            await asyncio.sleep(0.01)
    assert await locked(trader) == D("0.009")
    sim.venues["binance"].move("BTCUSDT", at(sim, "0.96"))
    await done(api)
    assert await statuses(trader) == {"in": "FILLED", "take": "EXPIRED", "stop": "FILLED"}
    assert await locked(trader) == 0


async def test_what_waits_for_an_entry_that_is_cancelled_expires(sim, trader, api) -> None:
    entry = {
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": at(sim, "0.99"),
        "workingQuantity": SIZE,
        "workingTimeInForce": "GTC",
    }
    pending = {"pendingType": "MARKET", "pendingSide": "SELL", "pendingQuantity": SIZE}
    names = {"workingClientOrderId": "in", "pendingClientOrderId": "out"}
    assert (await trader.ask("POST", "/orderList/oto", symbol="BTCUSDT", **entry, **pending, **names))[0] == 200
    await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="in")
    await done(api)
    assert (await statuses(trader))["in"] == "CANCELED"
    assert (await trader.ask("GET", "/openOrders"))[1] == []


REFUSED = [
    ({"aboveType": "STOP_LOSS", "aboveStopPrice": "1"}, -1165),
    ({"abovePrice": "70000.00"}, -2010),
    ({"belowStopPrice": "99000.00"}, -2010),
    ({"quantity": "99999999.00000"}, -1013),
    ({"aboveClientOrderId": "stop"}, -2010),
    ({"belowType": "WISH"}, -1116),
    ({"quantity": "0.000001"}, -1013),
]


async def test_lists_that_make_no_sense_are_refused_as_a_whole(sim, trader) -> None:
    for change, code in REFUSED:
        wish = oco(sim, **change)
        if wish["aboveType"] == "STOP_LOSS":
            wish = {**wish, "aboveStopPrice": wish.pop("abovePrice")}
        status, answer = await trader.ask("POST", "/orderList/oco", **wish)
        assert (change, status, answer["code"]) == (change, 400, code)
    crossing = oco(sim, abovePrice=at(sim, "0.999"))
    assert (await trader.ask("POST", "/orderList/oco", **crossing))[1]["msg"] == "Order would immediately match and take."
    assert (await trader.ask("GET", "/openOrders"))[1] == []
    assert (await trader.ask("GET", "/openOrderList"))[1] == []
    assert await locked(trader) == 0


async def test_the_venue_ends_one_of_a_pair_and_both_are_gone(sim, trader, api) -> None:
    await trader.ask("POST", "/orderList/oco", **oco(sim))
    sim.inject(Fault(fault=FaultKind.EXPIRE_ORDER, orders="stop"))
    await done(api)
    assert await statuses(trader) == {"take": "EXPIRED", "stop": "EXPIRED"}
    assert await locked(trader) == 0
