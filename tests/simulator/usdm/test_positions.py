"""Positions of the futures venue: two legs, leverage and margin type, orders that may only close, funding, limits of market orders."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from hoga.simulator import Simulator
from hoga.simulator.usdm.rules import FuturesRules
from tests.simulator.signing import OTHER_KEY, Trader

D = Decimal
VENUE = "binance-usdm"


@pytest_asyncio.fixture
async def stream(listen) -> Any:
    return await listen()


def price(sim: Simulator, share: str) -> str:
    market = sim.engine.market("BTCUSDT")
    return str(D(int(market.top.bid * D(share)) * market.instrument.tick_e8) / 10**8)


async def told(client: Any, kind: str) -> Any:
    while True:
        event = await client.frame(5)
        if event["e"] == kind:
            return event


async def legs(trader: Trader) -> dict[str, Decimal]:
    _, rows = await trader.ask("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
    return {row["positionSide"]: D(row["positionAmt"]) for row in rows if D(row["positionAmt"])}


async def hedge(trader: Trader) -> None:
    assert await trader.ask("POST", "/positionSide/dual", dualSidePosition="true") == (200, {"code": 200, "msg": "success"})


async def test_two_legs_are_opened_and_closed_each_by_itself(trader, stream) -> None:
    await hedge(trader)
    assert (await trader.ask("GET", "/positionSide/dual"))[1] == {"dualSidePosition": True}
    assert (await trader.market("BUY", "0.010"))[1]["code"] == -4061
    assert (await trader.market("BUY", "0.010", positionSide="LONG"))[1]["positionSide"] == "LONG"
    assert (await trader.market("SELL", "0.020", positionSide="SHORT"))[0] == 200
    assert await legs(trader) == {"LONG": D("0.01"), "SHORT": D("-0.02")}
    assert (await told(stream, "ACCOUNT_UPDATE"))["a"]["P"][0]["ps"] == "LONG"
    assert (await trader.market("SELL", "0.030", positionSide="LONG"))[1]["code"] == -2022
    assert (await trader.market("SELL", "0.010", positionSide="LONG", reduceOnly="true"))[1]["code"] == -1106
    assert (await trader.ask("POST", "/positionSide/dual", dualSidePosition="false"))[1]["code"] == -4068
    _, both = await trader.ask("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
    assert [row["positionSide"] for row in both] == ["LONG", "SHORT"]
    await trader.market("SELL", "0.010", positionSide="LONG")
    await trader.market("BUY", "0.020", positionSide="SHORT")
    assert await legs(trader) == {}
    _, trades = await trader.ask("GET", "/userTrades", symbol="BTCUSDT")
    assert {row["positionSide"] for row in trades} == {"LONG", "SHORT"}
    assert await trader.ask("POST", "/positionSide/dual", dualSidePosition="false") == (200, {"code": 200, "msg": "success"})
    assert (await trader.ask("POST", "/positionSide/dual", dualSidePosition="false"))[1]["code"] == -4059


async def test_a_close_all_stop_closes_its_own_leg(sim, trader, stream) -> None:
    await hedge(trader)
    await trader.market("BUY", "0.010", positionSide="LONG")
    await trader.market("SELL", "0.010", positionSide="SHORT")
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "type": "STOP_MARKET", "closePosition": "true"}
    long = {"side": "SELL", "positionSide": "LONG", "triggerPrice": price(sim, "0.98")}
    short = {"side": "BUY", "positionSide": "SHORT", "triggerPrice": price(sim, "1.02")}
    for leg in (long, short):
        assert (await trader.ask("POST", "/algoOrder", **stop, **leg))[0] == 200
    assert (await trader.ask("POST", "/positionSide/dual", dualSidePosition="false"))[1]["code"] == -4067
    sim.venues[VENUE].move("BTCUSDT", price(sim, "0.979"))
    while (await told(stream, "ALGO_UPDATE"))["o"]["X"] != "FINISHED":
        pass
    assert await legs(trader) == {"SHORT": D("-0.01")}


async def test_leverage_and_margin_type_are_chosen_told_and_read_back(trader, stream) -> None:
    assert (await trader.ask("POST", "/leverage", symbol="BTCUSDT", leverage=5))[1] == {
        "leverage": 5, "maxNotionalValue": "1000000000", "symbol": "BTCUSDT",
    }  # fmt: skip
    assert (await told(stream, "ACCOUNT_CONFIG_UPDATE"))["ac"] == {"s": "BTCUSDT", "l": 5}
    assert (await trader.ask("POST", "/leverage", symbol="BTCUSDT", leverage=126))[1]["code"] == -4028
    assert (await trader.ask("POST", "/marginType", symbol="BTCUSDT", marginType="ISOLATED"))[0] == 200
    assert (await trader.ask("POST", "/marginType", symbol="BTCUSDT", marginType="ISOLATED"))[1]["code"] == -4046
    _, (config,) = await trader.ask("GET", "/symbolConfig", symbol="BTCUSDT")
    assert (config["leverage"], config["marginType"]) == (5, "ISOLATED")
    _, (risk,) = await trader.ask("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
    assert (risk["leverage"], risk["marginType"]) == ("5", "isolated")
    assert (await trader.limit("BUY", "6.000", "85000.00"))[1]["code"] == -2019  # a hundred thousand carries five times itself
    assert (await trader.limit("BUY", "5.000", "85000.00"))[0] == 200
    assert (await trader.ask("POST", "/marginType", symbol="BTCUSDT", marginType="CROSSED"))[1]["code"] == -4047
    await trader.ask("DELETE", "/allOpenOrders", symbol="BTCUSDT")
    await trader.market("BUY", "0.010")
    assert (await told(stream, "ACCOUNT_UPDATE"))["a"]["P"][0]["mt"] == "isolated"
    assert (await trader.ask("POST", "/marginType", symbol="BTCUSDT", marginType="CROSSED"))[1]["code"] == -4048


async def test_orders_that_close_all_stand_in_each_others_way_until_they_are_cancelled(sim, trader) -> None:
    await trader.market("BUY", "0.010")
    rest = {"timeInForce": "GTC", "reduceOnly": "true"}
    assert (await trader.limit("SELL", "0.006", price(sim, "1.01"), newClientOrderId="part", **rest))[0] == 200
    _, capped = await trader.limit("SELL", "0.010", price(sim, "1.02"), newClientOrderId="more", **rest)
    assert capped["origQty"] == "0.004"
    assert (await trader.market("SELL", "0.010", reduceOnly="true"))[1]["code"] == -4118
    assert (await trader.market("BUY", "0.010", reduceOnly="true"))[1]["code"] == -2022
    await trader.ask("DELETE", "/allOpenOrders", symbol="BTCUSDT")
    assert (await trader.market("SELL", "0.010", reduceOnly="true"))[1]["status"] == "FILLED"
    assert (await trader.market("SELL", "0.010", reduceOnly="true"))[1]["code"] == -2022


async def test_closing_orders_shrink_and_end_with_their_position(sim, trader, stream) -> None:
    await trader.market("BUY", "0.010")
    await trader.limit("SELL", "0.010", price(sim, "1.02"), newClientOrderId="take", reduceOnly="true")
    await trader.market("SELL", "0.004")
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="take"))[1]["origQty"] == "0.006"
    await trader.market("SELL", "0.006")
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="take"))[1]["status"] == "EXPIRED"
    while (event := (await told(stream, "ORDER_TRADE_UPDATE"))["o"])["c"] != "take" or event["x"] == "NEW":
        pass
    assert (event["x"], event["er"]) == ("EXPIRED", "4")
    assert await legs(trader) == {}


async def test_a_waiting_close_all_stop_may_stand_in_the_way(futures, http) -> None:
    sim = await futures(futures=FuturesRules(close_position_blocks=True, child_keeps_client_id=False, balance=2_000))
    sim.engine.market("BTCUSDT").frozen = True
    trader = Trader(http, sim, VENUE)
    await trader.market("BUY", "0.010")
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
    await trader.ask("POST", "/algoOrder", triggerPrice=price(sim, "0.98"), clientAlgoId="guard", **stop)
    assert 1_990 < D((await trader.ask("GET", "/fapi/v3/balance"))[1][0]["balance"]) < 2_000
    assert (await trader.market("SELL", "0.010", reduceOnly="true"))[1]["code"] == -4118
    sim.venues[VENUE].move("BTCUSDT", price(sim, "0.979"))
    async with asyncio.timeout(5):
        while await legs(trader):
            await asyncio.sleep(0.01)
    _, orders = await trader.ask("GET", "/allOrders", symbol="BTCUSDT")
    assert orders[-1]["clientOrderId"] == f"sim{orders[-1]['orderId']}"


async def test_a_countdown_leaves_conditional_orders_or_takes_them(futures, http) -> None:
    for takes in (False, True):
        sim = await futures(speed=50.0, futures=FuturesRules(countdown_takes_algo=takes))
        trader = Trader(http, sim, VENUE)
        stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.010"}
        await trader.ask("POST", "/algoOrder", triggerPrice="80000.00", recvWindow=60_000, **stop)
        await trader.limit("BUY", "0.010", "85000.00", recvWindow=60_000)
        await trader.ask("POST", "/countdownCancelAll", symbol="BTCUSDT", countdownTime=1_000, recvWindow=60_000)
        async with asyncio.timeout(10):
            while (await trader.ask("GET", "/openOrders", recvWindow=60_000))[1]:
                await asyncio.sleep(0.01)
        assert len((await trader.ask("GET", "/openAlgoOrders", recvWindow=60_000))[1]) == (0 if takes else 1)


async def test_funding_is_paid_told_and_listed(sim, http, trader, stream) -> None:
    await trader.market("BUY", "0.100")
    other = Trader(http, sim, VENUE, key=OTHER_KEY)
    await other.market("SELL", "0.100")
    sim.engine.market("BTCUSDT").mark_e8 = 80_000 * 10**8
    async with http.post(f"{sim.rest_url}/sim/market", json={"symbol": "BTCUSDT", "rate": "0.0001"}) as reply:
        assert reply.status == 200
    while (event := await told(stream, "ACCOUNT_UPDATE"))["a"]["m"] != "FUNDING_FEE":
        pass
    assert (event["a"]["P"], D(event["a"]["B"][0]["bc"])) == ([], D("-0.8"))
    for who, amount in ((trader, D("-0.8")), (other, D("0.8"))):
        _, (row,) = await who.ask("GET", "/income", incomeType="FUNDING_FEE")
        assert (row["symbol"], D(row["income"])) == ("BTCUSDT", amount)
    _, money = await trader.ask("GET", "/fapi/v3/balance")
    _, income = await trader.ask("GET", "/income")
    assert D(money[0]["balance"]) == D(100_000) + sum(D(row["income"]) for row in income)


async def test_funding_comes_by_itself_every_eight_hours(futures, http) -> None:
    eight_oclock_s = 20_786 * 86_400 + 8 * 3_600
    sim = await futures(start_ns=(eight_oclock_s - 10) * 10**9, speed=20.0, symbols=("BTCUSDT",))
    sim.engine.market("BTCUSDT").frozen = True
    trader = Trader(http, sim, VENUE)
    sim.venues[VENUE].act("main", "POST /fapi/v1/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.100"})
    async with asyncio.timeout(60):
        while not (paid := sim.venues[VENUE].act("main", "GET /fapi/v1/income", {"incomeType": "FUNDING_FEE"})):
            await asyncio.sleep(0.05)
    assert 0 <= paid[0]["time"] - eight_oclock_s * 1_000 < 60_000
    assert trader.sim is sim


async def test_market_orders_have_limits_of_their_own(sim, trader) -> None:
    _, info = await trader.ask("GET", "/exchangeInfo", signed=False)
    filters = {row["filterType"]: row for row in info["symbols"][0]["filters"]}
    most = filters["MARKET_LOT_SIZE"]["maxQty"]
    assert D(most) < D(filters["LOT_SIZE"]["maxQty"])
    assert (await trader.market("BUY", str(D(most) + D("0.001"))))[1]["code"] == -4005
    assert (await trader.market("BUY", "18.000"))[1]["status"] in ("FILLED", "EXPIRED")
    sim.engine.market("BTCUSDT").mark_e8 = int(D(price(sim, "1.2")) * 10**8)
    assert (await trader.market("SELL", "0.010"))[1]["code"] == -4131


@pytest.mark.parametrize(
    "mode, left, taker", [("EXPIRE_TAKER", ["mine"], "EXPIRED_IN_MATCH"), ("EXPIRE_BOTH", [], "EXPIRED_IN_MATCH"), ("NONE", [], "FILLED")]
)
async def test_who_gives_way_when_an_account_meets_itself(sim, http, trader, mode: str, left: list[str], taker: str) -> None:
    other = Trader(http, sim, VENUE, key=OTHER_KEY)
    await other.market("BUY", "3.000")  # opens the spread
    market = sim.engine.market("BTCUSDT")
    inside = str(D((market.top.bid + 1) * market.instrument.tick_e8) / 10**8)
    await trader.limit("BUY", "0.100", inside, newClientOrderId="mine")
    _, sold = await trader.market("SELL", "0.100", selfTradePreventionMode=mode)
    assert (sold["status"], sold["selfTradePreventionMode"]) == (taker, mode)
    assert [row["clientOrderId"] for row in (await trader.ask("GET", "/openOrders"))[1]] == left


async def test_a_triggered_stop_closes_although_a_take_profit_rests(sim, trader, stream) -> None:
    await trader.market("BUY", "0.010")
    await trader.limit("SELL", "0.010", price(sim, "1.02"), newClientOrderId="take", reduceOnly="true")
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
    await trader.ask("POST", "/algoOrder", triggerPrice=price(sim, "0.98"), **stop)
    sim.venues[VENUE].move("BTCUSDT", price(sim, "0.979"))
    while (await told(stream, "ALGO_UPDATE"))["o"]["X"] != "FINISHED":
        pass
    assert await legs(trader) == {}
    assert (await trader.ask("GET", "/openOrders"))[1] == []
