"""One suite over all gateways, over real sockets, and over the exchange on paper: each does what the vocabulary says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.core.market import Side
from hoga.core.trading import (
    AccountRead,
    CancelRefused,
    CancelSent,
    FillUpdate,
    Force,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderState,
    OrderUpdate,
    PositionsRead,
    ReadFailed,
    RulesUpdate,
    TradesRead,
    Unanswered,
)
from hoga.trading.ports import ReadKind
from tests.gateway.conformance.paper import MEMBERS, member
from tests.gateway.conformance.rig import Case, Rig

pytestmark = pytest.mark.parametrize("case", MEMBERS, ids=[case.name for case in MEMBERS])


@pytest_asyncio.fixture
async def rig(case: Case) -> AsyncIterator[Rig]:
    async with member(case) as made:
        yield made


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


async def test_behind_a_shut_gate_nothing_leaves_but_cancels(rig: Rig) -> None:
    order = rig.resting()
    assert isinstance(await rig.place(order), OrderAccepted)
    rig.gateway.freeze()
    refused = await rig.place(rig.resting())
    assert isinstance(refused, NotSent), refused
    assert refused.code == "gate-shut"
    assert isinstance(await rig.cancel(order), CancelSent)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.CANCELED, order.client_id)


async def test_of_an_order_that_may_not_rest_what_is_not_met_ends(rig: Rig) -> None:
    best = rig.best_ask_size()
    order = rig.taking(price=rig.price(rig.spread()), quantity=best + rig.quantity(), force=Force.IOC)
    assert isinstance(await rig.place(order), OrderAccepted)
    ended = await rig.until(OrderUpdate, lambda each: not each.state.is_open, order.client_id)
    assert ended.state in (OrderState.EXPIRED, OrderState.CANCELED)
    assert ended.filled == best
    assert sum(each.quantity for each in rig.of(FillUpdate, order.client_id)) == best


async def test_an_order_that_may_only_rest_takes_nothing(rig: Rig) -> None:
    order = rig.taking(force=Force.POST_ONLY)
    answer = await rig.place(order)
    if isinstance(answer, OrderAccepted):
        await rig.until(OrderUpdate, lambda each: not each.state.is_open, order.client_id)
    else:
        assert isinstance(answer, OrderRefused), answer
    assert not rig.of(FillUpdate)


async def test_orders_at_the_market_buy_and_sell(rig: Rig) -> None:
    buy = rig.market_order(Side.BUY)
    assert isinstance(await rig.place(buy), OrderAccepted)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, buy.client_id)
    bought = sum(each.quantity for each in rig.of(FillUpdate, buy.client_id))
    assert 0 < bought <= rig.quantity(2)
    sale = rig.market_order(Side.SELL, quantity=bought, reduce_only=rig.gateway.capabilities.reduce_only)
    assert isinstance(await rig.place(sale), OrderAccepted)
    await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, sale.client_id)
    assert sum(each.quantity for each in rig.of(FillUpdate, sale.client_id)) == bought
    if rig.gateway.capabilities.short:
        held = await rig.read(ReadKind.POSITIONS)
        assert isinstance(held, PositionsRead), held
        assert held.positions == ()


async def test_trades_are_read_from_the_one_known_last(rig: Rig) -> None:
    since_ns = rig.now_ns()
    for _ in range(2):
        order = rig.taking()
        await rig.place(order)
        await rig.until(OrderUpdate, lambda each: each.state is OrderState.FILLED, order.client_id)
    told = rig.of(FillUpdate)
    after = "" if rig.case.venue == "upbit" else told[0].trade_id
    trades = await rig.read(ReadKind.TRADES, symbol=rig.symbol, after=after, since_ns=since_ns)
    assert isinstance(trades, TradesRead), trades
    assert trades.whole
    assert {each.trade_id for each in trades.fills} == {each.trade_id for each in (told if not after else told[1:])}


async def test_rules_and_account_are_read(rig: Rig) -> None:
    told = await rig.read(ReadKind.RULES, symbol=rig.symbol)
    assert isinstance(told, RulesUpdate), told
    assert told.rules == rig.rules
    assert (told.rules.is_trading, told.rules.symbol) == (True, rig.symbol)
    assert told.rules.min_notional
    nothing = await rig.read(ReadKind.RULES, symbol=f"{rig.case.venue}:NOSUCH")
    assert isinstance(nothing, ReadFailed), nothing
    account = await rig.read(ReadKind.ACCOUNT)
    assert isinstance(account, AccountRead), account
    assert rig.rules.quote in {each.currency for each in account.balances}
    assert account.can_trade
    assert not account.hedge
