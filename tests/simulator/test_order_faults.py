"""Requests about orders that go wrong: refused, done and not answered, answered late; chosen by method, market and the order's own name."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hoga.simulator import Fault, FaultKind, Simulator
from tests.simulator.signing import Trader
from tests.waiting import LONG_S

VENUES = ("binance", "binance-usdm")
PRICES = {"binance": "80000.00", "binance-usdm": "85000.00"}


@pytest_asyncio.fixture(params=VENUES)
async def trader(request: Any, simulate: Any, http: aiohttp.ClientSession) -> Trader:
    sim: Simulator = await simulate(venues=VENUES)
    return Trader(http, sim, request.param)


async def place(trader: Trader, client_id: str, **more: Any) -> tuple[int, Any]:
    price = PRICES["binance-usdm" if trader.prefix == "/fapi/v1" else "binance"]
    return await trader.limit("BUY", "0.010", price, newClientOrderId=client_id, **more)


async def resting(trader: Trader) -> list[str]:
    return [row["clientOrderId"] for row in (await trader.ask("GET", "/openOrders"))[1]]


async def test_an_order_is_refused_with_a_code_of_ones_choice_and_only_it(trader: Trader) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/order", methods="POST", orders="b*", status=400, code=-2010, reason="No."))
    assert (await place(trader, "a1"))[0] == 200
    assert await place(trader, "b1") == (400, {"code": -2010, "msg": "No."})
    assert (await trader.ask("GET", "/order", symbol="BTCUSDT", origClientOrderId="b1"))[1]["code"] == -2013
    assert await resting(trader) == ["a1"]


@pytest.mark.parametrize(
    "status, code, reason",
    [
        (503, -1000, "Unknown error, please check your request or try again later."),
        (408, -1007, ""),
        (504, -1007, ""),
        (502, -1006, "An unexpected response was received from the message bus."),
    ],
)
async def test_an_order_is_done_and_the_answer_says_that_nobody_knows(trader: Trader, status: int, code: int, reason: str) -> None:
    own = code if code == -1006 else None
    fault = Fault(fault=FaultKind.REPLY_LOST, paths="*/order", methods="POST", status=status, code=own, reason=reason, count=1)
    active = trader.sim.inject(fault)
    answered, answer = await place(trader, "lost")
    assert (answered, answer["code"]) == (status, code)
    assert await resting(trader) == ["lost"]
    assert active is not None
    assert active.affected.total() == 1


@pytest.mark.parametrize(
    "reason, code", [("Service Unavailable.", -1000), ("Internal error; unable to process your request. Please try again.", -1001)]
)
async def test_an_order_is_not_done_and_the_answer_is_503(trader: Trader, reason: str, code: int) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/order", methods="POST", status=503, reason=reason))
    assert await place(trader, "never") == (503, {"code": code, "msg": reason})
    assert await resting(trader) == []


async def test_an_order_is_done_and_the_connection_is_cut(trader: Trader) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REPLY_LOST, paths="*/order", methods="POST", symbol="BTCUSDT", status=0, count=1))
    with pytest.raises(aiohttp.ClientError):
        await place(trader, "cut")
    assert await resting(trader) == ["cut"]
    assert (await place(trader, "after"))[0] == 200


async def test_an_answer_comes_late_and_the_order_rests_meanwhile(trader: Trader) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REPLY_SLOW, paths="*/order", methods="POST", ms=2_000, count=1))
    placing = asyncio.create_task(place(trader, "slow"))
    async with asyncio.timeout(LONG_S):
        while not await resting(trader):
            await asyncio.sleep(0.01)
        assert not placing.done()
        assert (await placing)[0] == 200


async def test_an_order_arrives_late(trader: Trader) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REST_SLOW, paths="*/order", methods="POST", ms=200, count=1))
    began = time.monotonic()
    placing = asyncio.create_task(place(trader, "late"))
    await asyncio.sleep(0.05)
    assert await resting(trader) == [] or time.monotonic() - began >= 0.2, "a busy machine looks late"
    assert (await placing)[0] == 200
    assert time.monotonic() - began >= 0.2
    assert await resting(trader) == ["late"]


async def test_faults_of_other_markets_methods_and_transports_leave_a_request_alone(trader: Trader) -> None:
    for choice in (
        {"symbol": "ETHUSDT"},
        {"methods": "DELETE"},
        {"connections": "binance-*"},
        {"paths": "*/openOrders", "methods": "POST"},
    ):
        trader.sim.inject(Fault(fault=FaultKind.REST_ERROR, **choice))
    assert (await place(trader, "fine"))[0] == 200


async def test_a_request_is_cut_and_nothing_is_done(trader: Trader) -> None:
    trader.sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/order", methods="POST", status=0, count=1))
    with pytest.raises(aiohttp.ClientError):
        await place(trader, "cut")
    assert await resting(trader) == []
    assert [(each.client_id, each.done, each.answered) for each in trader.sim.orders_seen()] == [("cut", False, 0)]


async def test_a_key_that_only_reads_cannot_trade_and_one_that_withdraws_says_so(trader: Trader) -> None:
    path = "/fapi/v2/account" if trader.prefix == "/fapi/v1" else "/account"
    powers = ("canTrade", "canWithdraw")
    assert [(await trader.ask("GET", path))[1][name] for name in powers] == [True, False]
    trader.sim.inject(Fault(fault=FaultKind.KEY_READS))
    trader.sim.inject(Fault(fault=FaultKind.KEY_WITHDRAWS, key=trader.key.key))
    status, answer = await place(trader, "no")
    assert (status, answer["code"]) == (401, -2015)
    assert [(await trader.ask("GET", path))[1][name] for name in powers] == [False, True]
