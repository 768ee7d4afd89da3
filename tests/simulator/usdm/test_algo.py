"""Conditional orders of the futures venue: kept apart, triggered by trades or the mark price, told as they go."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest_asyncio

from hoga.simulator import Fault, FaultKind, Simulator
from tests.simulator.signing import Trader
from tests.waiting import LONG_S

D = Decimal
E8 = 10**8


@pytest_asyncio.fixture
async def stream(listen) -> Any:
    return await listen()


def price(sim: Simulator, share: str) -> str:
    """That share of the best bid, on a tick."""
    market = sim.engine.market("BTCUSDT")
    ticks = int(market.top.bid * D(share))
    return str(D(ticks * market.instrument.tick_e8) / E8)


def trade_at(sim: Simulator, text: str) -> None:
    """Let the market trade through to a price."""
    market = sim.engine.market("BTCUSDT")
    market.move_to(int(D(text) * E8) // market.instrument.tick_e8, sim.clock.now_ns())


async def algo(trader: Trader, **more: Any) -> tuple[int, Any]:
    wanted = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.100", **more}
    return await trader.ask("POST", "/algoOrder", **{name: value for name, value in wanted.items() if value is not None})


async def until(client: Any, kind: str, status: str) -> list[Any]:
    """Every event up to one of a kind and status."""
    seen = []
    async with asyncio.timeout(LONG_S):
        while not seen or (seen[-1]["e"], seen[-1].get("o", {}).get("X")) != (kind, status):
            seen.append(await client.frame())
    return seen


def words(events: list[Any]) -> list[str]:
    return [f"{e['e']}/{e['o']['X']}" for e in events if e["e"] in ("ALGO_UPDATE", "ORDER_TRADE_UPDATE")]


async def test_a_stop_rests_apart_is_found_and_cancelled(sim, trader, stream) -> None:
    await trader.market("BUY", "0.100")
    status, placed = await algo(trader, triggerPrice=price(sim, "0.98"), clientAlgoId="stop-1", reduceOnly="true")
    assert (status, placed["algoStatus"], placed["quantity"], placed["orderType"]) == (200, "NEW", "0.100", "STOP_MARKET")
    assert trader.headers["X-MBX-ORDER-COUNT-10S"] == "2"
    _, listed = await trader.ask("GET", "/openAlgoOrders")
    assert [(row["clientAlgoId"], row["actualOrderId"]) for row in listed] == [("stop-1", "")]
    assert (await trader.ask("GET", "/openOrders"))[1] == []
    assert (await trader.ask("DELETE", "/allOpenOrders", symbol="BTCUSDT"))[0] == 200
    _, one = await trader.ask("GET", "/algoOrder", clientAlgoId="stop-1")
    assert (one["algoId"], one["algoStatus"]) == (placed["algoId"], "NEW")
    assert (await algo(trader, triggerPrice=price(sim, "0.98"), clientAlgoId="stop-1"))[1]["code"] == -4116
    assert (await trader.ask("DELETE", "/order", symbol="BTCUSDT", origClientOrderId="stop-1"))[1]["code"] == -2011
    _, gone = await trader.ask("DELETE", "/algoOrder", algoId=placed["algoId"])
    assert gone == {"algoId": placed["algoId"], "clientAlgoId": "stop-1", "code": "200", "msg": "success"}
    assert (await trader.ask("DELETE", "/algoOrder", algoId=placed["algoId"]))[1]["code"] == -2011
    assert (await trader.ask("GET", "/algoOrder", algoId=1))[1]["code"] == -2013
    assert (await trader.ask("GET", "/openAlgoOrders", symbol="BTCUSDT"))[1] == []
    assert [row["algoStatus"] for row in (await trader.ask("GET", "/allAlgoOrders", symbol="BTCUSDT"))[1]] == ["CANCELED"]
    events = await until(stream, "ALGO_UPDATE", "CANCELED")
    first = next(event for event in events if event["e"] == "ALGO_UPDATE")
    assert " ".join(first["o"]) == "caid aid at o s S ps f q X ai ap aq act tp p V wt pm cp pP R tt gtd rm"
    assert (first["o"]["X"], first["o"]["ai"], first["o"]["caid"]) == ("NEW", "", "stop-1")


async def test_a_close_all_stop_has_no_quantity_and_closes_the_position(sim, trader, stream) -> None:
    await trader.market("BUY", "0.200")
    stop = {"closePosition": "true", "quantity": None, "triggerPrice": price(sim, "0.97"), "clientAlgoId": "guard"}
    _, placed = await algo(trader, **stop)
    assert (placed["quantity"], placed["closePosition"]) == (None, True)
    assert (await algo(trader, **{**stop, "clientAlgoId": "two"}))[1]["code"] == -4130
    higher = {**stop, "triggerPrice": price(sim, "1.03")}
    assert (await algo(trader, **{**higher, "type": "TAKE_PROFIT_MARKET", "clientAlgoId": "tp"}))[0] == 200
    assert (await algo(trader, **{**higher, "side": "BUY", "clientAlgoId": "b"}))[0] == 200
    trade_at(sim, price(sim, "0.969"))
    events = await until(stream, "ALGO_UPDATE", "FINISHED")
    told = words(events)
    at = told.index("ALGO_UPDATE/TRIGGERING")
    assert told[at : at + 3] == ["ALGO_UPDATE/TRIGGERING", "ALGO_UPDATE/TRIGGERED", "ORDER_TRADE_UPDATE/NEW"]
    assert told[-2:] == ["ORDER_TRADE_UPDATE/FILLED", "ALGO_UPDATE/FINISHED"]
    child = next(e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["ot"] == "STOP_MARKET")
    assert (child["c"], child["o"], child["R"], child["cp"], child["q"]) == ("guard", "MARKET", True, True, "0.200")
    finished = events[-1]["o"]
    assert (finished["ai"], finished["aq"]) == (str(child["i"]), "0.200")
    assert D(finished["ap"]) > 0
    assert (await trader.ask("GET", "/fapi/v3/positionRisk"))[1] == []
    _, row = await trader.ask("GET", "/algoOrder", clientAlgoId="guard")
    assert (row["algoStatus"], row["actualOrderId"]) == ("FINISHED", str(child["i"]))
    left = {row["clientAlgoId"] for row in (await trader.ask("GET", "/openAlgoOrders"))[1]}
    assert left == {"tp", "b"}
    assert (await trader.ask("DELETE", "/algoOpenOrders", symbol="BTCUSDT"))[1]["code"] == 200
    assert (await trader.ask("GET", "/openAlgoOrders"))[1] == []


async def test_the_mark_price_triggers_only_those_that_watch_it(sim, trader, stream) -> None:
    await trader.market("BUY", "0.200")
    trigger = price(sim, "0.98")
    await algo(trader, triggerPrice=trigger, workingType="MARK_PRICE", clientAlgoId="mark", reduceOnly="true")
    await algo(trader, triggerPrice=trigger, clientAlgoId="last", reduceOnly="true")
    sim.engine.market("BTCUSDT").mark_e8 = int(D(trigger) * E8)
    events = await until(stream, "ALGO_UPDATE", "FINISHED")
    assert events[-1]["o"]["caid"] == "mark"
    assert [row["clientAlgoId"] for row in (await trader.ask("GET", "/openAlgoOrders"))[1]] == ["last"]


async def test_a_child_may_be_told_before_its_parent_was_triggered(sim, trader, stream) -> None:
    await trader.market("BUY", "0.100")
    await algo(trader, closePosition="true", quantity=None, triggerPrice=price(sim, "0.98"))
    sim.inject(Fault(fault=FaultKind.CHILD_FIRST, count=1))
    trade_at(sim, price(sim, "0.979"))
    told = words(await until(stream, "ALGO_UPDATE", "FINISHED"))
    assert told[-3:] == ["ORDER_TRADE_UPDATE/FILLED", "ALGO_UPDATE/TRIGGERED", "ALGO_UPDATE/FINISHED"]


async def test_a_trailing_stop_follows_the_best_price_and_not_back(sim, trader, stream) -> None:
    await trader.market("BUY", "0.100")
    status, placed = await algo(
        trader, type="TRAILING_STOP_MARKET", callbackRate="1", activatePrice=price(sim, "1.01"), reduceOnly="true", clientAlgoId="trail"
    )
    assert (status, placed["callbackRate"]) == (200, "1.0")
    start = price(sim, "1")
    low, active, high, back = (str((D(start) * D(share)).quantize(D("0.1"))) for share in ("0.985", "1.012", "1.03", "1.018"))
    for where in (low, active, high):
        trade_at(sim, where)
        await asyncio.sleep(0.05)
        assert [row["clientAlgoId"] for row in (await trader.ask("GET", "/openAlgoOrders"))[1]] == ["trail"]
    trade_at(sim, back)
    events = await until(stream, "ALGO_UPDATE", "FINISHED")
    assert events[-1]["o"]["aq"] == "0.100"


async def test_a_stop_that_finds_nothing_or_no_margin_is_rejected_when_triggered(sim, trader, stream) -> None:
    await algo(trader, closePosition="true", quantity=None, triggerPrice=price(sim, "0.98"), clientAlgoId="nothing")
    await algo(trader, quantity="40.000", triggerPrice=price(sim, "0.98"), clientAlgoId="poor")
    trade_at(sim, price(sim, "0.979"))
    await until(stream, "ALGO_UPDATE", "REJECTED")
    _, rows = await trader.ask("GET", "/allAlgoOrders", symbol="BTCUSDT")
    assert {row["clientAlgoId"]: row["algoStatus"] for row in rows} == {"nothing": "REJECTED", "poor": "REJECTED"}
    assert (await trader.ask("GET", "/fapi/v3/positionRisk"))[1] == []


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"algoType": "TWAP"}, -1130),
    ({"type": "LIMIT"}, -1116),
    ({"triggerPrice": None}, -1102),
    ({"triggerPrice": "80000.05"}, -4014),
    ({"triggerPrice": "99000"}, -2021),
    ({"side": "BUY"}, -2021),
    ({"type": "TAKE_PROFIT_MARKET"}, -2021),
    ({"type": "STOP"}, -1102),
    ({"type": "TRAILING_STOP_MARKET"}, -1102),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "11"}, -2007),
    ({"closePosition": "true"}, -4137),
    ({"closePosition": "true", "quantity": None, "reduceOnly": "true"}, -1106),
    ({"closePosition": "true", "quantity": None, "type": "STOP", "price": "80000"}, -4136),
    ({"quantity": None}, -1102),
    ({"positionSide": "LONG"}, -4061),
    ({"timeInForce": "GTE_GTC"}, -4509),
    ({"workingType": "WISH"}, -1130),
    ({"clientAlgoId": "no spaces"}, -1100),
    ({"quantity": "0.0005"}, -1111),
    ({"symbol": "ETHUSDT", "quantity": "0.001", "triggerPrice": "2000"}, -4164),
]


async def test_what_cannot_wait_for_a_trigger_is_refused_at_once(trader: Trader) -> None:
    answers = [await algo(trader, **{"triggerPrice": "80000.00", **change}) for change, _ in REFUSED]
    assert [(change, status, answer["code"]) for (change, _), (status, answer) in zip(REFUSED, answers, strict=True)] == [
        (change, 400, code) for change, code in REFUSED
    ]
    assert (await trader.ask("GET", "/openAlgoOrders"))[1] == []


async def test_no_more_than_two_hundred_wait(futures, http) -> None:
    sim = await futures()
    trader = Trader(http, sim, "binance-usdm")
    for number in range(200):
        status, placed = await algo(trader, triggerPrice="80000.00", clientAlgoId=f"n{number}")
        assert status == 200, placed
    assert (await algo(trader, triggerPrice="80000.00"))[1]["code"] == -4045


async def test_the_operator_moves_markets_and_mark_prices(sim, http, trader) -> None:
    for wish, status in (
        ({"symbol": "BTCUSDT", "price": "80000"}, 200),
        ({"symbol": "BTCUSDT", "mark": "79000"}, 200),
        ({"symbol": "BTCUSDT", "frozen": False}, 200),
        ({"symbol": "BTCUSDT", "frozen": True}, 200),
        ({"symbol": "NOSUCH", "price": "80000"}, 400),
        ({"symbol": "BTCUSDT", "price": "-1"}, 400),
        ({"symbol": "BTCUSDT", "prize": "1"}, 400),
    ):
        async with http.post(f"{sim.rest_url}/sim/market", json=wish) as reply:
            assert reply.status == status, await reply.text()
    _, index = await trader.ask("GET", "/premiumIndex", signed=False, symbol="BTCUSDT")
    _, ticker = await trader.ask("GET", "/ticker/price", signed=False, symbol="BTCUSDT")
    assert (D(index["markPrice"]), D(ticker["price"])) == (79_000, 80_000)


async def test_a_triggered_stop_is_refused_and_the_position_is_naked(sim, trader, stream) -> None:
    await trader.market("BUY", "0.100")
    await algo(trader, closePosition="true", quantity=None, triggerPrice=price(sim, "0.98"), clientAlgoId="guard")
    sim.inject(Fault(fault=FaultKind.REJECT_TRIGGER, orders="guard"))
    trade_at(sim, price(sim, "0.979"))
    events = await until(stream, "ALGO_UPDATE", "REJECTED")
    assert (events[-1]["o"]["rm"], events[-1]["o"]["ai"]) == ("Margin is insufficient.", "")
    assert [row["positionAmt"] for row in (await trader.ask("GET", "/fapi/v3/positionRisk"))[1]] == ["0.100"]


async def test_the_venue_ends_orders_by_itself(sim, trader, stream) -> None:
    await algo(trader, triggerPrice=price(sim, "0.98"), clientAlgoId="s1")
    await trader.limit("BUY", "0.010", price(sim, "0.98"), newClientOrderId="o1")
    await trader.limit("BUY", "0.010", price(sim, "0.98"), newClientOrderId="stays")
    active = sim.inject(Fault(fault=FaultKind.EXPIRE_ORDER, orders="[so]1", symbol="BTCUSDT"))
    assert active.affected.total() == 2
    events = await until(stream, "ALGO_UPDATE", "EXPIRED")
    assert "ORDER_TRADE_UPDATE/EXPIRED" in words(events)
    assert [row["clientOrderId"] for row in (await trader.ask("GET", "/openOrders"))[1]] == ["stays"]
    assert (await trader.ask("GET", "/openAlgoOrders"))[1] == []
