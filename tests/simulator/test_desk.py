"""The order desk by itself: what its parameters change. That each venue's own rules hold is in the venues' tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.simulator.engine import (
    NOT_WHOLE,
    WOULD_MATCH,
    CashAccounts,
    Desk,
    Engine,
    FeeModel,
    FeeOf,
    Force,
    LatencyModel,
    MarginAccounts,
    NewOrder,
    OwnFill,
    OwnOrder,
    QueueModel,
    SelfTrade,
    Side,
    Status,
)
from hoga.simulator.engine.instruments import E8
from tests.tries import tries

NOW = 1_795_163_415_120_000_000
MS = 1_000_000
SYMBOL = "BTCUSDT"


class Told:
    """A teller that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def refused(self, order: OwnOrder, reason: str) -> None:
        self.lines.append(reason)

    def placed(self, order: OwnOrder) -> None:
        self.lines.append("placed")

    def filled(self, order: OwnOrder, fill: OwnFill) -> None:
        self.lines.append("maker" if fill.maker else "taker")

    def ended(self, order: OwnOrder) -> None:
        self.lines.append(order.status)


class Floor:
    """A market whose crowd stands still, a desk, and accounts with as much as they may want."""

    def __init__(self, *, fees: FeeModel = FeeModel(), quote: int = 10**9 * E8, **desk: Any) -> None:
        self.engine = Engine([SYMBOL], seed=5, now_ns=NOW)
        self.market = self.engine.market(SYMBOL)
        self.accounts = CashAccounts(lambda name: {"BTC": 1_000 * E8, "USDT": quote}, fees=fees)
        self.told = Told()
        self.desk: Desk[OwnOrder] = Desk(self.engine, self.accounts, self.told, **desk)

    def order(self, side: Side, lots: int, price: int | None, **terms: Any) -> OwnOrder:
        return OwnOrder(account="me", instrument=self.market.instrument, side=side, lots=lots, price=price, **terms)

    def place(self, side: Side, lots: int, price: int | None, **terms: Any) -> OwnOrder:
        made = self.order(side, lots, price, **terms)
        self.desk.place(made, NOW)
        return made

    def empty_bid(self) -> int:
        """The price of the best bids, which are taken back."""
        price = self.market.top.bid
        for order_id in list(self.market.book.bids.levels[price].orders):
            self.market.cancel(order_id, NOW)
        return price

    def sell(self, lots: int) -> None:
        """The crowd sells so much at market."""
        if not lots:
            return
        self.market.submit(NewOrder(Side.SELL, lots, None, rest=False), NOW)
        self.desk.settle(NOW)


# -- the queue ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead, before", [(1.0, 300), (0.5, 150), (0.0, 0)])
def test_an_order_waits_for_those_who_stand_before_it(ahead: float, before: int) -> None:
    floor = Floor(queue=QueueModel(ahead=ahead))
    price = floor.empty_bid()
    for _ in range(2):
        floor.market.submit(NewOrder(Side.BUY, 150, price), NOW)
    mine = floor.place(Side.BUY, 50, price)
    floor.sell(before)
    assert mine.filled == 0
    floor.sell(50)
    assert mine.status is Status.FILLED


# -- the way there -----------------------------------------------------------------------------------------------------


def test_an_order_meets_the_market_when_it_arrives() -> None:
    floor = Floor(latency=LatencyModel(order_ns=30 * MS))
    mine = floor.place(Side.BUY, 10, floor.market.top.ask)
    assert (floor.told.lines, mine.order_id) == ([], 0)
    floor.desk.settle(NOW + 29 * MS)
    assert floor.told.lines == []
    floor.desk.settle(NOW + 40 * MS)
    assert floor.told.lines[:2] == ["placed", "taker"]
    assert mine.created_ns == NOW + 30 * MS


def test_a_cancel_that_arrives_too_late_changes_nothing() -> None:
    floor = Floor(latency=LatencyModel(cancel_ns=30 * MS))
    price = floor.market.top.bid
    mine = floor.place(Side.BUY, 10, price)
    floor.desk.cancel(mine, NOW)
    assert mine.is_open
    floor.sell(floor.market.book.bids.levels[price].lots)
    assert mine.status is Status.FILLED
    floor.desk.settle(NOW + 31 * MS)
    assert floor.told.lines[-1] == Status.FILLED


def test_what_two_orders_on_the_way_cannot_both_have_is_refused_to_the_second() -> None:
    floor = Floor(latency=LatencyModel(order_ns=MS), quote=1_000 * E8)
    price = floor.market.top.bid - 100
    lots = 600 * E8 * E8 // (price * floor.market.instrument.tick_e8 * floor.market.instrument.lot_e8)
    for _ in range(2):
        made = floor.order(Side.BUY, lots, price)
        assert floor.accounts.covers(made, at=price)
        floor.desk.place(made, NOW)
    floor.desk.settle(NOW + MS)
    assert floor.told.lines == ["placed", "insufficient funds"]


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_a_fee_of_what_is_received_and_one_of_the_quote_amount() -> None:
    received, quote = Floor(fees=FeeModel(0, 1_000, FeeOf.RECEIVED)), Floor(fees=FeeModel(0, 1_000, FeeOf.QUOTE))
    for floor in (received, quote):
        floor.place(Side.BUY, 10, floor.market.top.ask)
    size = received.accounts.size(received.market.instrument, 10)
    worth = quote.accounts.worth(quote.market.instrument, quote.market.trades[-1].price * 10)
    assert received.accounts.of("me")["BTC"].free == 1_000 * E8 + size - size // 1_000
    assert received.accounts.of("me")["USDT"].free == 10**9 * E8 - worth
    assert quote.accounts.of("me")["BTC"].free == 1_000 * E8 + size
    assert quote.accounts.of("me")["USDT"].free == 10**9 * E8 - worth - worth // 1_000


def test_a_maker_pays_the_maker_s_fee() -> None:
    floor = Floor(fees=FeeModel(100, 1_000))
    price = floor.market.top.bid
    mine = floor.place(Side.BUY, 10, price)
    floor.sell(floor.market.book.bids.levels[price].lots)
    assert sum(each.fee for each in mine.fills) == floor.accounts.worth(mine.instrument, mine.quote) // 10_000


# -- the terms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("force, reason", [(Force.POST_ONLY, WOULD_MATCH), (Force.FOK, NOT_WHOLE)])
def test_a_venue_that_refuses_leaves_no_trace_and_one_that_does_not_lets_it_expire(force: Force, reason: str) -> None:
    for refuses, told in ((frozenset({reason}), [reason]), (frozenset(), ["placed", Status.EXPIRED])):
        floor = Floor(refuses=refuses)
        floor.place(Side.BUY, 10**9 if force is Force.FOK else 10, floor.market.top.ask, force=force)
        assert floor.told.lines == told
        assert floor.accounts.of("me")["USDT"].locked == 0
        assert floor.desk.open_of("me") == []


@pytest.mark.parametrize(
    "way, told",
    [
        (SelfTrade.NONE, ["placed", "placed", "taker", "maker", Status.FILLED, Status.FILLED]),
        (SelfTrade.EXPIRE_MAKER, ["placed", "placed", Status.EXPIRED_IN_MATCH]),
        (SelfTrade.EXPIRE_TAKER, ["placed", "placed", Status.EXPIRED_IN_MATCH]),
    ],
)
def test_an_order_that_would_meet_its_owner_s_own(way: SelfTrade, told: list[str]) -> None:
    floor = Floor()
    inside = floor.empty_bid()
    first = floor.place(Side.BUY, 10, inside)
    second = floor.place(Side.SELL, 10, inside, self_trade=way)
    assert floor.told.lines == told
    assert (first.is_open, second.is_open) == {"NONE": (False, False), "EXPIRE_MAKER": (False, True), "EXPIRE_TAKER": (True, False)}[way]


def test_an_amount_buys_as_many_lots_as_it_can_pay_for() -> None:
    floor = Floor()
    mine = floor.place(Side.BUY, 0, None, budget_e8=500 * E8)
    spent = floor.accounts.worth(mine.instrument, mine.quote)
    one = floor.market.top.ask * mine.instrument.tick_e8 * mine.instrument.lot_e8 // E8
    assert mine.filled > 0
    assert 500 * E8 - spent < one * 2
    assert mine.status is Status.EXPIRED  # the rest buys nothing


# -- money -------------------------------------------------------------------------------------------------------------

WISHES = st.tuples(
    st.sampled_from(["me", "you"]),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.integers(-20, 20),
    st.integers(1, 5_000),
    st.sampled_from(list(Force)),
    st.sampled_from(list(SelfTrade)),
    st.booleans(),
)


@settings(max_examples=tries(40), deadline=None)
@given(st.lists(WISHES, min_size=1, max_size=15), st.sampled_from(list(FeeOf)), st.sampled_from([0.0, 0.4, 1.0]))
def test_what_wallets_have_is_what_fills_have_moved(wishes: list, of: FeeOf, ahead: float) -> None:
    floor = Floor(fees=FeeModel(200, 500, of), queue=QueueModel(ahead))
    for number, (account, side, ticks, lots, force, way, takes_back) in enumerate(wishes):
        base = floor.market.top.bid if side is Side.BUY else floor.market.top.ask
        order = floor.order(side, lots, base + ticks, force=force, self_trade=way)
        order.account = account
        floor.desk.place(order, NOW + number * 100 * MS)
        floor.market.run_until(NOW + number * 100 * MS)
        floor.desk.settle(NOW + number * 100 * MS)
        if takes_back:
            floor.desk.cancel(order, NOW)
    for account in ("me", "you"):
        wallets, orders = floor.accounts.of(account), list(floor.desk.of(account))
        base = quote = 0
        for order in orders:
            for fill in order.fills:
                size, worth = floor.accounts.size(order.instrument, fill.lots), floor.accounts.worth(order.instrument, fill.quote)
                base += size * order.side - (fill.fee if fill.fee_asset == "BTC" else 0)
                quote -= worth * order.side + (fill.fee if fill.fee_asset == "USDT" else 0)
        assert wallets["BTC"].free + wallets["BTC"].locked == 1_000 * E8 + base
        assert wallets["USDT"].free + wallets["USDT"].locked == 10**9 * E8 + quote
        assert wallets["BTC"].locked + wallets["USDT"].locked == sum(order.held for order in orders if order.is_open)
        assert all(order.held == 0 for order in orders if not order.is_open)
        assert all(wallet.locked >= 0 for wallet in wallets.values())


def test_a_position_that_is_closed_has_realised_what_the_wallet_gained() -> None:
    engine = Engine([SYMBOL], seed=5, now_ns=NOW)
    market = engine.market(SYMBOL)
    accounts = MarginAccounts(
        "USDT", start_e8=10**6 * E8, leverage=10, fees=FeeModel(200, 500), mark_e8=lambda symbol: market.top.bid * market.instrument.tick_e8
    )
    desk: Desk[OwnOrder] = Desk(engine, accounts, Told())
    fills = []
    for side in (Side.BUY, Side.SELL):
        order = OwnOrder(account="me", instrument=market.instrument, side=side, lots=100, price=None, reduce_only=side is Side.SELL)
        assert accounts.covers(order, desk.open_of("me"), at=market.top.ask)
        assert accounts.reduces(order) == order.reduce_only
        desk.place(order, NOW)
        fills += order.fills
    assert accounts.of("me")[SYMBOL, 0].lots == 0
    gained = sum(each.realized - each.fee for each in fills)
    assert gained < 0
    assert accounts.wallet("me", []).available_e8 == accounts.balance_e8("me") == 10**6 * E8 + gained
