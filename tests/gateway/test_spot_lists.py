"""What only spot has: stops in the book, and a stop and a take as one list."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.core.market import Side
from hoga.core.trading import (
    CancelSent,
    FillUpdate,
    NotSent,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    Unanswered,
)
from hoga.simulator.faults import FaultKind
from hoga.trading.ports import ReadKind
from tests.gateway.conformance.paper import member
from tests.gateway.conformance.rig import CASES, Rig, opened

SPOT = CASES[1]


@pytest_asyncio.fixture(params=[SPOT, SPOT._replace(paper=True)], ids=["gateway", "paper"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A gateway at the simulated venue, or the exchange on paper."""
    async with member(request.param) as made:
        yield made


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with opened(SPOT) as made:
        yield made


def exits(rig: Rig) -> tuple[OrderRequest, OrderRequest]:
    """A stop below the market and a take above it."""
    name = rig.new_id()
    stop = rig.resting(Side.SELL, kind=OrderKind.STOP, price=None, trigger=rig.price(-500), list_id=name)
    take = rig.resting(Side.SELL, kind=OrderKind.TAKE, price=None, trigger=rig.price(500), list_id=name)
    return stop, take


async def placed(rig: Rig, *orders: OrderRequest) -> list[object]:
    before = len(rig.events)
    rig.gateway.send_list(orders)
    kinds = (OrderAccepted, OrderRefused, NotSent, Unanswered)
    await rig.wait(lambda: sum(isinstance(each, kinds) for each in rig.events[before:]) == len(orders), why=lambda: "no answers")
    return [each for each in rig.events[before:] if isinstance(each, kinds)]


async def test_a_stop_rests_with_the_others_and_sells_when_it_is_met(either: Rig) -> None:
    rig = either
    stop = rig.resting(Side.SELL, kind=OrderKind.STOP, price=None, trigger=rig.price(-500))
    accepted = await rig.place(stop)
    assert isinstance(accepted, OrderAccepted), accepted
    told = await rig.until(OrderUpdate, lambda each: each.state is OrderState.WAITING, stop.client_id)
    assert (told.trigger, told.kind) == (stop.trigger, OrderKind.STOP)
    assert [each.order.state for each in (await rig.read(ReadKind.ORDERS)).orders] == [OrderState.WAITING]
    rig.move_to(-600)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, stop.client_id)
    assert sum(each.quantity for each in rig.of(FillUpdate, stop.client_id)) == stop.quantity


async def test_a_stop_and_a_take_are_one_list_and_one_ends_the_other(either: Rig) -> None:
    rig = either
    stop, take = exits(rig)
    assert [type(each) for each in await placed(rig, stop, take)] == [OrderAccepted, OrderAccepted]
    assert {each.order.client_id for each in (await rig.read(ReadKind.ORDERS)).orders} == {stop.client_id, take.client_id}
    if not rig.case.paper:
        assert [each.path for each in rig.simulator.orders_seen() if each.does == "place"] == ["/api/v3/orderList/oco"]
    rig.move_to(600)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, take.client_id)
    await rig.until(OrderUpdate, lambda each: not each.state.is_open, stop.client_id)
    assert (await rig.read(ReadKind.ORDERS)).orders == ()


async def test_the_cancel_of_one_cancels_the_list(either: Rig) -> None:
    rig = either
    stop, take = exits(rig)
    await placed(rig, stop, take)
    assert isinstance(await rig.cancel(take), CancelSent)
    await rig.until(OrderUpdate, lambda each: not each.state.is_open, stop.client_id)
    assert (await rig.read(ReadKind.ORDERS)).orders == ()


async def test_what_becomes_of_a_list_is_told_for_each_of_its_orders(rig: Rig) -> None:
    rig.fault(FaultKind.REPLY_LOST, paths="/api/v3/orderList/oco", status=502, count=1)
    stop, take = exits(rig)
    assert [type(each) for each in await placed(rig, stop, take)] == [Unanswered, Unanswered]
    found = await rig.query(take)
    assert isinstance(found, OrderUpdate), found
    rig.gateway.freeze()
    assert [type(each) for each in await placed(rig, *exits(rig))] == [NotSent, NotSent]
