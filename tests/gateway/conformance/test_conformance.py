"""One suite over all gateways: each venue, over real sockets, does what the vocabulary says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.core.market import Side
from hoga.core.trading import (
    Action,
    CancelRefused,
    CancelSent,
    FillUpdate,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderState,
    OrderUpdate,
    TradesRead,
    Unanswered,
)
from hoga.simulator.faults import FaultKind
from hoga.trading.ports import ReadKind
from tests.gateway.conformance.rig import CASES, Case, Rig, simulator_of
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])


@pytest_asyncio.fixture
async def rig(case: Case) -> AsyncIterator[Rig]:
    async with simulator_of(case) as simulator:
        made = Rig(case, simulator)
        await made.open()
        yield made
        await made.close()


async def test_an_order_is_placed_found_and_cancelled(rig: Rig) -> None:
    order = rig.resting()
    accepted = await rig.place(order)
    assert isinstance(accepted, OrderAccepted), accepted
    assert accepted.order is not None
    assert (accepted.order.client_id, accepted.order.quantity, accepted.order.price) == (order.client_id, order.quantity, order.price)
    told = await rig.until(OrderUpdate, lambda each: each.state is OrderState.NEW, order.client_id)
    assert (told.quantity, told.price, told.side, told.venue_id) == (order.quantity, order.price, Side.BUY, accepted.order.venue_id)
    found = await rig.query(order)
    assert isinstance(found, OrderUpdate), found
    assert (found.state, found.quantity, found.filled, found.price) == (OrderState.NEW, order.quantity, 0, order.price)
    assert isinstance(await rig.cancel(order), CancelSent)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)


async def test_what_is_open_is_listed_and_nothing_else(rig: Rig) -> None:
    order, other = rig.resting(), rig.resting(Side.SELL)
    await rig.place(order)
    await rig.place(other)
    listed = await rig.read(ReadKind.ORDERS)
    assert isinstance(listed, OpenOrders), listed
    assert {each.order.client_id for each in listed.orders} == {order.client_id, other.client_id}
    await rig.cancel(order)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)
    assert [each.order.client_id for each in (await rig.read(ReadKind.ORDERS, symbol=rig.symbol)).orders] == [other.client_id]


async def test_an_order_that_is_met_is_filled_to_the_last_lot(rig: Rig) -> None:
    order = rig.taking()
    assert isinstance(await rig.place(order), OrderAccepted)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, order.client_id)
    fills = rig.of(FillUpdate, order.client_id)
    assert sum(each.quantity for each in fills) == order.quantity
    assert all(each.side is Side.BUY and 0 < each.price <= (order.price or 0) and each.fee is not None for each in fills)
    assert len({each.trade_id for each in fills}) == len(fills)
    trades = await rig.read(ReadKind.TRADES, symbol=rig.symbol)
    assert isinstance(trades, TradesRead), trades
    assert {each.trade_id: each.quantity for each in trades.fills} == {each.trade_id: each.quantity for each in fills}


async def test_an_unknown_order_cannot_be_cancelled_and_is_not_found(rig: Rig) -> None:
    nobody = rig.resting()
    refused = await rig.cancel(nobody)
    assert isinstance(refused, CancelRefused), refused
    assert refused.unknown
    assert isinstance(await rig.query(nobody), NotFound)
    filled = rig.taking()
    await rig.place(filled)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, filled.client_id)
    late = await rig.cancel(filled)
    assert isinstance(late, CancelRefused), late
    assert late.unknown


async def test_what_the_venue_refuses_is_refused_with_its_words(rig: Rig) -> None:
    tiny = rig.resting(quantity=0)
    refused = await rig.place(tiny)
    assert isinstance(refused, OrderRefused), refused
    assert refused.code
    assert refused.text
    assert isinstance(await rig.query(tiny), NotFound)
    rich = rig.resting(quantity=rig.quantity(100_000))
    assert isinstance(await rig.place(rich), OrderRefused)


async def test_a_client_id_that_is_there_already_proves_nothing_of_the_second_order(rig: Rig) -> None:
    order = rig.resting()
    assert isinstance(await rig.place(order), OrderAccepted)
    again = await rig.place(order)
    assert isinstance(again, Unanswered), again
    found = await rig.query(order)
    assert isinstance(found, OrderUpdate), found


@pytest.mark.parametrize("status", [500, 502, 0], ids=["5xx", "bad-gateway", "cut"])
async def test_an_order_whose_answer_is_lost_is_there_and_is_found(rig: Rig, status: int) -> None:
    rig.fault(FaultKind.REPLY_LOST, paths=(rig.case.order_path,), status=status, count=1)
    order = rig.resting()
    lost = await rig.place(order)
    assert isinstance(lost, Unanswered), lost
    assert lost.action is Action.NEW
    found = await rig.query(order)
    assert isinstance(found, OrderUpdate), found
    assert found.state is OrderState.NEW
    told = await rig.until(OrderUpdate, lambda each: each.execution != "", order.client_id) if rig.case.venue != "upbit" else found
    assert told.client_id == order.client_id


async def test_an_order_that_is_not_answered_in_time_is_unanswered(rig: Rig) -> None:
    rig.fault(FaultKind.REST_SLOW, paths=(rig.case.order_path,), ms=3_000, count=1)
    order = rig.resting()
    lost = await rig.place(order)
    assert isinstance(lost, Unanswered), lost


async def test_what_is_refused_before_it_was_done_is_not_there(rig: Rig) -> None:
    rig.fault(FaultKind.REST_ERROR, paths=(rig.case.order_path,), status=429, retry_after_s=0, count=1)
    order = rig.resting()
    refused = await rig.place(order)
    assert isinstance(refused, OrderRefused), refused
    assert isinstance(await rig.query(order), NotFound)


async def test_behind_a_shut_gate_nothing_leaves_but_cancels(rig: Rig) -> None:
    order = rig.resting()
    assert isinstance(await rig.place(order), OrderAccepted)
    rig.gateway.freeze()
    refused = await rig.place(rig.resting())
    assert isinstance(refused, NotSent), refused
    assert refused.code == "gate-shut"
    assert isinstance(await rig.cancel(order), CancelSent)
    await eventually(lambda: any(each.state is OrderState.CANCELED for each in rig.of(OrderUpdate, order.client_id)))
