"""What can happen between a gateway and its venue, over real sockets: lost answers, faults, cuts; every venue alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.core.trading import (
    Action,
    CancelSent,
    Cut,
    FillUpdate,
    NotFound,
    OrderAccepted,
    OrderRefused,
    OrderState,
    OrderUpdate,
    ReadFailed,
    RulesUpdate,
    StreamUpdate,
    TradesRead,
    Unanswered,
    Unread,
)
from hoga.simulator.faults import Fault, FaultKind
from hoga.trading.ports import ReadKind
from tests.gateway.conformance.rig import CASES, Case, Rig, opened
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])


@pytest_asyncio.fixture
async def rig(case: Case) -> AsyncIterator[Rig]:
    async with opened(case) as made:
        yield made


LOST = {
    "5xx": {"status": 500},
    "bad-gateway": {"status": 502},
    "cut": {"status": 0},
    "timeout": {"status": 408},
    "backend-timeout": {"status": 504},
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
async def test_an_order_whose_answer_is_lost_is_there_and_is_found(rig: Rig, lost: dict[str, int]) -> None:
    rig.fault(FaultKind.REPLY_LOST, paths=rig.case.order_path, methods="POST", count=1, **lost)
    order = rig.resting()
    unknown = await rig.place(order)
    assert isinstance(unknown, Unanswered), unknown
    assert unknown.action is Action.NEW
    found = await rig.query(order)
    assert isinstance(found, OrderUpdate), found
    assert found.state is OrderState.NEW
    assert found.client_id == order.client_id


async def test_a_cancel_whose_answer_is_lost_is_done_all_the_same(rig: Rig) -> None:
    order = rig.resting()
    await rig.place(order)
    rig.fault(FaultKind.REPLY_LOST, methods="DELETE", status=502, count=1)
    unknown = await rig.cancel(order)
    assert isinstance(unknown, Unanswered), unknown
    assert unknown.action is Action.CANCEL
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)


async def test_an_order_that_is_not_answered_in_time_is_unanswered(case: Case) -> None:
    async with opened(case, answer_s=0.3) as rig:
        rig.fault(FaultKind.REPLY_SLOW, paths=rig.case.order_path, methods="POST", ms=900, count=1)
        order = rig.resting()
        unknown = await rig.place(order)
        assert isinstance(unknown, Unanswered), unknown
        assert isinstance(await rig.query(order), OrderUpdate)


async def test_what_is_refused_before_it_was_done_is_not_there(rig: Rig) -> None:
    rig.fault(FaultKind.REST_ERROR, paths=rig.case.order_path, methods="POST", status=429, retry_after_s=0, count=1)
    order = rig.resting()
    refused = await rig.place(order)
    assert isinstance(refused, OrderRefused), refused
    assert isinstance(await rig.query(order), NotFound)


async def test_an_order_goes_by_the_line_that_is_open_and_over_rest_where_none_is(rig: Rig) -> None:
    await rig.until(Cut, lambda each: each.open)
    ways = {"binance-usdm": "socket", "binance": "socket", "upbit": "rest"}
    order = rig.resting()
    assert isinstance(await rig.place(order), OrderAccepted)
    assert isinstance(await rig.cancel(order), CancelSent)
    seen = [
        (each.does, "rest" if each.via == "rest" else "socket") for each in rig.simulator.orders_seen() if each.client_id == order.client_id
    ]
    assert seen == [("place", ways[rig.case.venue]), ("cancel", ways[rig.case.venue])]
    rig.fault(FaultKind.REFUSE, status=503)
    rig.fault(FaultKind.CLOSE, code=1006)
    if rig.case.venue != "upbit":
        await rig.until(Cut, lambda each: not each.open)
    later = rig.resting()
    assert isinstance(await rig.place(later), OrderAccepted)
    assert [each.via for each in rig.simulator.orders_seen() if each.client_id == later.client_id] == ["rest"]


async def test_what_the_stream_does_not_tell_is_doubted_and_found_by_reading(case: Case) -> None:
    async with opened(case, suspect_s=0.3) as rig:
        rig.fault(FaultKind.LOST_EVENT)
        order = rig.taking()
        assert isinstance(await rig.place(order), OrderAccepted)
        doubted = await rig.until(StreamUpdate, lambda each: order.client_id in each.why)
        assert doubted.missed
        assert not rig.of(FillUpdate, order.client_id)
        trades = await rig.read(ReadKind.TRADES, symbol=rig.symbol)
        assert isinstance(trades, TradesRead), trades
        assert sum(each.quantity for each in trades.fills) == order.quantity


async def test_a_stream_that_was_cut_comes_back_and_says_that_something_may_be_missing(rig: Rig) -> None:
    before = len(rig.events)
    rig.fault(FaultKind.CLOSE, code=1006)
    await eventually(lambda: any(isinstance(each, StreamUpdate) and not each.live for each in rig.events[before:]))
    order = rig.taking()
    await rig.place(order)
    await eventually(lambda: any(isinstance(each, StreamUpdate) and each.live and each.missed for each in rig.events[before:]))
    trades = await rig.read(ReadKind.TRADES, symbol=rig.symbol)
    assert sum(each.quantity for each in trades.fills) == order.quantity


async def test_a_clock_that_is_off_stops_no_order(case: Case) -> None:
    async with opened(case, Fault(fault=FaultKind.CLOCK_STEP, ms=7_000), live=False) as rig:
        if case.venue != "upbit":
            assert 6_000_000_000 < rig.gateway.clock_off_ns <= 7_000_000_000
        assert isinstance(await rig.place(rig.resting()), OrderAccepted)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_listing_that_failed_is_told_as_failed(rig: Rig, status: int) -> None:
    rig.fault(FaultKind.REST_ERROR, methods="GET", status=status)
    for what in (ReadKind.ORDERS, ReadKind.ACCOUNT):
        failed = await rig.read(what)
        assert isinstance(failed, ReadFailed), failed
        assert failed.why
    failed = await rig.query(rig.resting())
    assert isinstance(failed, ReadFailed), failed


async def test_a_refusal_that_speaks_of_rules_has_them_read_again(case: Case) -> None:
    if case.venue == "binance":
        pytest.skip("spot says that a market is closed with the code that it has for many reasons (-2010)")
    async with opened(case, rules_pause_s=0.0) as rig:
        rig.fault(FaultKind.DELIST, symbol=case.symbol)
        refused = await rig.place(rig.resting())
        assert isinstance(refused, OrderRefused), refused
        told = await rig.until(RulesUpdate)
        assert told.rules == rig.gateway.rules[rig.symbol]
        assert not told.rules.is_trading


async def test_an_event_that_cannot_be_read_is_kept_told_and_costs_no_connection(rig: Rig) -> None:
    rig.fault(FaultKind.TRUNCATED_JSON, events="*", count=1)
    order = rig.taking()
    assert isinstance(await rig.place(order), OrderAccepted)
    odd = await rig.until(Unread)
    assert odd.raw
    later = rig.resting()
    assert isinstance(await rig.place(later), OrderAccepted)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.NEW, later.client_id)
    assert rig.gateway.is_live
    trades = await rig.read(ReadKind.TRADES, symbol=rig.symbol)
    assert sum(each.quantity for each in trades.fills) == order.quantity


async def test_an_event_that_comes_twice_is_told_once(rig: Rig) -> None:
    rig.fault(FaultKind.DUPLICATE, events="*")
    order = rig.taking()
    assert isinstance(await rig.place(order), OrderAccepted)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, order.client_id)
    fills = rig.of(FillUpdate, order.client_id)
    assert len({each.trade_id for each in fills}) == len(fills)
    assert sum(each.quantity for each in fills) == order.quantity
