"""What only contracts have: leverage, waiting orders in a service of their own, what only reduces, and a dead man's countdown."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.core.errors import VenueError
from hoga.core.market import Side
from hoga.core.trading import (
    AlgoUpdate,
    CancelRefused,
    CancelSent,
    ConfigUpdate,
    Cut,
    FillUpdate,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderState,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
)
from hoga.simulator.faults import Fault, FaultKind
from hoga.trading.ports import ReadKind
from tests.gateway.conformance.paper import member
from tests.gateway.conformance.rig import CASES, Rig, opened

CONTRACTS = CASES[0]


@pytest_asyncio.fixture(params=[CONTRACTS, CONTRACTS._replace(paper=True)], ids=["gateway", "paper"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A gateway at the simulated venue, or the exchange on paper."""
    async with member(request.param) as made:
        yield made


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with opened(CONTRACTS) as made:
        yield made


async def bought(rig: Rig, times: int = 1) -> None:
    """A long position."""
    order = rig.taking(quantity=rig.quantity(times))
    assert isinstance(await rig.place(order), OrderAccepted)
    await rig.until(PositionUpdate, lambda each: each.held.quantity == rig.quantity(times))


async def test_leverage_and_margin_are_set_before_the_first_order_and_told() -> None:
    async with opened(CONTRACTS, leverage={"BTCUSDT": 7}, margin_type={"BTCUSDT": "isolated"}) as rig:
        told = [(each.leverage, each.margin_type) for each in rig.of(ConfigUpdate) if each.symbol == rig.symbol]
        assert (7, "isolated") in told  # the stream tells of the leverage alone, before or after
    async with opened(CONTRACTS, margin_type={"BTCUSDT": "cross"}) as rig:
        assert "cross" in [each.margin_type for each in rig.of(ConfigUpdate)], "what is so already is no fault"


async def test_what_the_venue_does_not_set_stops_the_start() -> None:
    refused = Fault(fault=FaultKind.REST_ERROR, paths="/fapi/v1/leverage", status=400, code=-4028, reason="Leverage 7 is not valid")
    with pytest.raises(VenueError, match=r"leverage 7 was not set: HTTP 400: -4028 Leverage 7 is not valid"):
        async with opened(CONTRACTS, refused, leverage={"BTCUSDT": 7}):
            pass


async def test_settings_that_cannot_be_read_stop_the_start_only_where_some_are_asked_for() -> None:
    unserved = Fault(fault=FaultKind.REST_ERROR, paths="/fapi/v1/symbolConfig", status=404)
    async with opened(CONTRACTS, unserved) as rig:
        assert isinstance(await rig.place(rig.resting()), OrderAccepted)
    with pytest.raises(VenueError, match="leverage and margin type cannot be read"):
        async with opened(CONTRACTS, unserved, leverage={"BTCUSDT": 7}):
            pass


async def test_a_stop_that_closes_the_position_rests_elsewhere_and_becomes_an_order_when_it_is_met(either: Rig) -> None:
    rig = either
    await bought(rig)
    stop = rig.resting(Side.SELL, kind=OrderKind.STOP, quantity=None, price=None, trigger=rig.price(-500), close_position=True)
    accepted = await rig.place(stop)
    assert isinstance(accepted, OrderAccepted), accepted
    listed = await rig.read(ReadKind.ORDERS)
    assert isinstance(listed, OpenOrders), listed
    (resting,) = [each.order for each in listed.orders]
    assert isinstance(resting, AlgoUpdate)
    assert (resting.client_id, resting.quantity, resting.close_position, resting.state) == (stop.client_id, None, True, OrderState.WAITING)
    await rig.until(AlgoUpdate, lambda each: each.state is OrderState.WAITING, stop.client_id)
    found = await rig.query(stop)
    assert isinstance(found, AlgoUpdate), found
    rig.mark_at(-600)
    triggered = await rig.until(AlgoUpdate, lambda each: each.child_id != "", stop.client_id)
    child = await rig.until(OrderUpdate, lambda each: each.venue_id == triggered.child_id and each.state is OrderState.FILLED)
    assert sum(each.quantity for each in rig.of(FillUpdate) if each.venue_id == child.venue_id) == rig.quantity()
    await rig.until(PositionUpdate, lambda each: each.held.quantity == 0)
    assert (await rig.read(ReadKind.POSITIONS)).positions == ()


async def test_each_kind_of_waiting_order_is_placed_and_cancelled(either: Rig) -> None:
    rig = either
    await bought(rig)
    waiting = [
        rig.resting(Side.SELL, kind=OrderKind.STOP, price=None, trigger=rig.price(-500), reduce_only=True),
        rig.resting(Side.SELL, kind=OrderKind.TAKE, price=None, trigger=rig.price(500), reduce_only=True),
        rig.resting(Side.SELL, kind=OrderKind.TRAIL, price=None, distance_bp=150, reduce_only=True),
    ]
    for order in waiting:
        assert isinstance(await rig.place(order), OrderAccepted), order
        await rig.until(AlgoUpdate, lambda each: each.state is OrderState.WAITING, order.client_id)
    for order in waiting:
        assert isinstance(await rig.cancel(order), CancelSent)
        await rig.until(AlgoUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)
    assert (await rig.read(ReadKind.ORDERS)).orders == ()
    gone = await rig.cancel(waiting[0])
    assert isinstance(gone, CancelRefused), gone
    assert gone.unknown


async def test_a_stop_that_the_venue_denies_is_in_its_listing_all_the_same(rig: Rig) -> None:
    await bought(rig)
    rig.fault(FaultKind.DENY_ORDER)
    stop = rig.resting(Side.SELL, kind=OrderKind.STOP, quantity=None, price=None, trigger=rig.price(-500), close_position=True)
    assert isinstance(await rig.place(stop), OrderAccepted)
    await rig.until(AlgoUpdate, lambda each: each.state is OrderState.WAITING, stop.client_id)
    assert isinstance(await rig.query(stop), NotFound)
    assert isinstance(await rig.cancel(stop), CancelRefused)
    assert [each.order.client_id for each in (await rig.read(ReadKind.ORDERS)).orders] == [stop.client_id]


async def test_what_only_reduces_reduces_only(either: Rig) -> None:
    rig = either
    refused = await rig.place(rig.market_order(Side.SELL, reduce_only=True))
    assert isinstance(refused, OrderRefused), refused
    assert refused.code == "-2022"
    await bought(rig)
    assert isinstance(await rig.place(rig.market_order(Side.SELL, reduce_only=True, quantity=rig.quantity(5))), OrderAccepted)
    await rig.until(PositionUpdate, lambda each: each.held.quantity == 0)
    assert (await rig.read(ReadKind.POSITIONS)).positions == ()


async def test_the_venue_cancels_everything_when_it_hears_of_us_no_more() -> None:
    async with opened(CONTRACTS, dead_man_s=1.2) as rig:
        rig.healthy = True
        order = rig.resting()
        assert isinstance(await rig.place(order), OrderAccepted)
        heard = "/fapi/v1/countdownCancelAll"
        await rig.asked(heard, times=3)
        assert not [each for each in rig.of(OrderUpdate, order.client_id) if not each.state.is_open]
        rig.healthy = False
        await rig.until(OrderUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)


async def test_after_a_clean_end_the_venue_waits_no_more() -> None:
    async with opened(CONTRACTS, dead_man_s=1.2) as rig:
        rig.healthy = True
        await rig.asked("/fapi/v1/countdownCancelAll", times=1)
        order = rig.resting()
        assert isinstance(await rig.place(order), OrderAccepted)
        rig.fault(FaultKind.REST_ERROR, paths="/fapi/v1/countdownCancelAll", status=503, count=1)
        assert await rig.gateway.disarm() == ""
        await rig.pass_time(1.5)
        assert [each.order.client_id for each in (await rig.read(ReadKind.ORDERS)).orders] == [order.client_id]


async def test_orders_go_nowhere_else_than_rest_does() -> None:
    """WS_API_URL is left as it is, the venue's own, and REST_URL is a simulator's: the WebSocket API is not used."""
    async with opened(CONTRACTS, only=("WS_URL", "REST_URL", "WS_PRIVATE_URL")) as rig:
        await rig.until(Cut, lambda each: each.open)
        order = rig.resting()
        assert isinstance(await rig.place(order), OrderAccepted)
        assert [each.via for each in rig.simulator.orders_seen() if each.client_id == order.client_id] == ["rest"]


async def test_two_positions_of_a_symbol_are_opened_told_and_left_apart(rig: Rig) -> None:
    rig.simulator.venues[CONTRACTS.venue].act("main", "POST /fapi/v1/positionSide/dual", {"dualSidePosition": "true"})
    assert (await rig.read(ReadKind.ACCOUNT)).hedge
    both = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}
    for position_side, side in both.items():
        order = rig.taking(side, position_side=position_side)
        assert isinstance(await rig.place(order), OrderAccepted)
        await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, order.client_id)
    held = await rig.read(ReadKind.POSITIONS)
    assert {(each.position_side, each.quantity) for each in held.positions} == {
        (PositionSide.LONG, rig.quantity()),
        (PositionSide.SHORT, -rig.quantity()),
    }
    for position_side, side in both.items():
        away = Side.SELL if side is Side.BUY else Side.BUY
        close = rig.market_order(away, position_side=position_side, reduce_only=True)
        assert isinstance(await rig.place(close), OrderAccepted)
        await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, close.client_id)
    assert (await rig.read(ReadKind.POSITIONS)).positions == ()
