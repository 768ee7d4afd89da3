"""Orders at the paper exchange, one rule at a time."""

from __future__ import annotations

import msgspec
import pytest

from hoga.core.market import Side
from hoga.core.ticks import MarketDoubt, MarketTop
from hoga.core.trading import (
    AccountRead,
    AlgoUpdate,
    BalanceUpdate,
    CancelRefused,
    CancelSent,
    FillUpdate,
    Force,
    FundingUpdate,
    MarginCall,
    NotSent,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderState,
    OrderUpdate,
    PositionUpdate,
    StreamUpdate,
    TriggerBy,
)
from hoga.trading.paper import Grade, Latency
from hoga.trading.ports import Cancel, ReadKind
from tests.trading.exchange import FUTURES, SPOT, S
from tests.trading.paper.room import LATENCY, MS, Room

BUY, SELL = Side.BUY, Side.SELL
UPBIT = type(SPOT)(
    **({name: getattr(SPOT, name) for name in SPOT.__struct_fields__} | {"market_buy_by_funds": True, "client_id_for_ever": True})
)


# -- when things are said -----------------------------------------------------------------------------------------------


def test_an_order_meets_the_market_that_is_there_when_it_arrives_and_is_answered_then() -> None:
    room = Room()
    room.book()
    sent = room.now
    request = room.order()
    room.paper.send(request)
    assert room.book(bids=[(600_100, 5_000)], asks=[(600_110, 5_000)], after_ms=10) == []
    said = room.wait(10)
    assert [type(each) for each in said] == [OrderAccepted, OrderUpdate, FillUpdate, OrderUpdate, PositionUpdate, BalanceUpdate]
    assert {each.at_ns for each in said} == {sent + LATENCY}
    assert room.fills(request) == [(600_110, 100)]
    assert room.last(request).state is OrderState.FILLED


def test_what_is_due_before_an_event_happens_before_it_though_it_is_said_later() -> None:
    room = Room()
    room.book()
    request = room.order()
    room.paper.send(request)
    at = room.now + LATENCY + MS
    room.paper.on_market(MarketTop(symbol=room.symbol, at_ns=at, bid=700_000, bid_size=1, ask=700_010, ask_size=9_000))
    room.paper.advance(at)
    assert room.fills(request) == [(600_010, 100)]


def test_the_stream_gives_a_sign_of_life_each_second() -> None:
    room = Room()
    room.wait(3_500)
    assert [each.at_ns - room.told[0].at_ns for each in room.of(StreamUpdate)] == [0, S, 2 * S, 3 * S]


def test_latencies_are_drawn_by_the_seed() -> None:
    def stamps(seed: int) -> list[int]:
        room = Room(seed=seed, latency=Latency((10 * MS, 20 * MS, 30 * MS, 40 * MS)))
        room.book()
        for _ in range(8):
            room.paper.send(room.order(price=500_000))
        room.wait(100)
        return [each.at_ns for each in room.of(OrderAccepted)]

    assert stamps(1) == stamps(1)
    assert stamps(1) != stamps(2)
    assert len(set(stamps(1))) > 1


# -- taking -----------------------------------------------------------------------------------------------------------


def test_an_order_at_the_market_walks_the_levels_and_pays_more_behind_what_is_known() -> None:
    room = Room()
    room.book(bids=[(600_000, 50)], asks=[(600_010, 50), (600_020, 60)])
    request = room.place(BUY, 130)
    assert room.fills(request) == [(600_010, 50), (600_020, 60), (600_030, 20)]


def test_what_was_taken_is_not_there_again_until_the_next_book() -> None:
    room = Room()
    room.book(bids=[(600_000, 50)], asks=[(600_010, 50), (600_020, 60)])
    room.place(BUY, 40, 600_010, force=Force.IOC)
    second = room.place(BUY, 40, 600_010, force=Force.IOC)
    assert room.fills(second) == [(600_010, 10)]
    assert room.last(second).state is OrderState.EXPIRED
    room.book(bids=[(600_000, 50)], asks=[(600_010, 50), (600_020, 60)])
    third = room.place(BUY, 40, 600_010, force=Force.IOC)
    assert room.fills(third) == [(600_010, 40)]


def test_a_limit_order_takes_nothing_that_is_not_known_to_be_there() -> None:
    room = Room()
    room.book(asks=[(600_010, 50)])
    request = room.place(BUY, 80, 600_100)
    assert room.fills(request) == [(600_010, 50)]
    assert room.last(request).state is OrderState.PARTIAL


def test_fill_or_kill() -> None:
    room = Room()
    room.book(asks=[(600_010, 50)])
    whole = room.place(BUY, 50, 600_010, force=Force.FOK)
    assert room.last(whole).state is OrderState.FILLED
    refused = room.place(BUY, 51, 600_010, force=Force.FOK)
    assert [each.code for each in room.of(OrderRefused, refused)] == ["-5021"]
    spot = Room(SPOT)
    spot.book(asks=[(600_010, 50)])
    killed = spot.place(BUY, 51, 600_010, force=Force.FOK)
    assert (spot.last(killed).state, spot.fills(killed)) == (OrderState.EXPIRED, [])


@pytest.mark.parametrize(("able", "code"), [(FUTURES, "-5022"), (SPOT, "-2010")])
def test_an_order_that_may_only_rest_is_refused_where_it_would_take(able: type, code: str) -> None:
    room = Room(able)  # type: ignore[arg-type]
    room.book()
    refused = room.place(BUY, 50, 600_010, force=Force.POST_ONLY)
    assert [each.code for each in room.of(OrderRefused, refused)] == [code]
    rests = room.place(BUY, 50, 600_009, force=Force.POST_ONLY)
    assert room.last(rests).state is OrderState.NEW


def test_upbit_takes_it_and_ends_it() -> None:
    room = Room(UPBIT, coins={"BTC": "1"})
    room.book()
    ended = room.place(BUY, 50, 600_010, force=Force.POST_ONLY)
    assert (room.last(ended).state, room.fills(ended)) == (OrderState.EXPIRED, [])
    assert room.last(ended).said == "cancel"


def test_a_buy_that_names_what_is_paid() -> None:
    room = Room(UPBIT)
    room.book(asks=[(600_000, 1_000)])
    request = room.place(BUY, None, funds=600_000 * 250 + 7)
    assert room.fills(request) == [(600_000, 250)]
    assert room.last(request).state is OrderState.FILLED
    assert room.of(BalanceUpdate)[-1].balances[1].free == "84992.5"  # 15,000 and its fee of 0.05 %


def test_own_orders_in_the_way_expire_first() -> None:
    room = Room(SPOT, coins={"BTC": "1"})
    room.book(asks=[(600_010, 500)])
    mine = room.place(SELL, 100, 600_012)
    short = room.place(BUY, 500, 600_020)  # it is filled before it would reach the other
    assert (room.last(mine).state, room.fills(short)) == (OrderState.NEW, [(600_010, 500)])
    room.book(asks=[(600_010, 500)])
    over = room.place(BUY, 550, 600_020)
    assert (room.last(mine).state, room.last(mine).reason) == (OrderState.EXPIRED, "self-trade prevention")
    assert room.fills(over) == [(600_010, 500)]


def test_in_doubt_an_order_waits_for_the_next_book() -> None:
    room = Room()
    room.book()
    room.see(MarketDoubt(symbol=room.symbol, at_ns=room.now + MS, why="test"))
    request = room.place(BUY, 100)
    assert room.last(request).state is OrderState.NEW
    room.book(asks=[(600_500, 5_000)])
    assert room.fills(request) == [(600_500, 100)]


# -- resting ----------------------------------------------------------------------------------------------------------


def test_an_order_waits_until_all_before_it_were_traded() -> None:
    room = Room()
    room.book(bids=[(600_000, 300), (599_990, 700)])
    request = room.place(BUY, 100, 600_000)
    room.trade(600_000, 400)
    assert room.fills(request) == []  # who came while the book was on its way, may have come before it
    room.book(bids=[(600_000, 260), (599_990, 700)])
    room.trade(600_000, 250)
    room.trade(600_000, 10, BUY)
    assert room.fills(request) == []
    room.trade(600_000, 90)
    assert room.fills(request) == [(600_000, 40)]
    room.book(bids=[(600_000, 20)])
    room.trade(600_000, 90)
    assert room.fills(request) == [(600_000, 40), (600_000, 60)]
    assert all(each.maker for each in room.of(FillUpdate, request))


def test_a_trade_beyond_its_price_fills_what_was_traded() -> None:
    room = Room()
    room.book(bids=[(600_000, 300)])
    request = room.place(BUY, 100, 600_000)
    room.trade(599_990, 30)
    assert room.fills(request) == [(600_000, 30)]


def test_two_orders_at_one_price_share_what_was_traded() -> None:
    room = Room()
    room.book(bids=[(600_000, 100)])
    first, second = room.place(BUY, 50, 600_000), room.place(BUY, 50, 600_000)
    room.book(bids=[(600_000, 100)])
    room.trade(600_000, 170)
    assert (room.fills(first), room.fills(second)) == ([(600_000, 50)], [(600_000, 20)])


def test_a_book_that_crosses_it_fills_what_stands_there() -> None:
    room = Room()
    room.book()
    request = room.place(BUY, 100, 599_990)
    room.book(bids=[(599_980, 10)], asks=[(599_985, 30), (599_990, 40), (600_000, 900)])
    assert room.fills(request) == [(599_990, 30), (599_990, 40)]
    room.book(bids=[(599_980, 10)], asks=[(599_985, 30), (600_000, 900)])
    assert room.fills(request) == [(599_990, 30), (599_990, 40), (599_990, 30)]


def test_behind_what_is_visible_it_stands_behind_what_is_seen_there_first() -> None:
    room = Room()
    room.book(bids=[(600_000, 300)])
    request = room.place(BUY, 100, 599_990)
    room.trade(599_990, 50)
    assert room.fills(request) == []
    room.book(bids=[(599_990, 80)])
    room.trade(599_990, 100)
    assert room.fills(request) == [(599_990, 20)]


def test_a_cancel_takes_its_time_and_may_come_too_late() -> None:
    room = Room()
    room.book(bids=[(600_000, 0)])
    request = room.place(BUY, 100, 600_000)
    room.paper.cancel(Cancel(symbol=request.symbol, client_id=request.client_id))
    room.trade(599_990, 500)
    said = room.wait(20)
    assert [each.unknown for each in said if isinstance(each, CancelRefused)] == [True]
    other = room.place(BUY, 100, 599_000)
    assert [type(each) for each in room.cancel(other)][:2] == [CancelSent, OrderUpdate]
    assert room.last(other).state is OrderState.CANCELED


# -- waiting for a price ------------------------------------------------------------------------------------------------


def test_a_stop_becomes_an_order_of_its_own_and_closes_what_there_is() -> None:
    room = Room()
    room.book()
    room.mark(600_000)
    room.place(BUY, 100)
    stop = room.place(SELL, None, kind=OrderKind.STOP, trigger=599_000, close_position=True)
    assert room.of(AlgoUpdate, stop)[-1].state is OrderState.WAITING
    room.trade(598_000, 10)
    room.book(bids=[(598_500, 900)], asks=[(598_510, 900)])
    assert room.fills(stop) == []  # it looks at the mark
    room.mark(598_999)
    assert room.fills(stop) == [(598_500, 100)]
    algo = room.of(AlgoUpdate, stop)
    assert [(each.state, each.said) for each in algo[1:]] == [(OrderState.TRIGGERED, "TRIGGERED"), (OrderState.FILLED, "FINISHED")]
    child = room.last(stop)
    assert (child.parent_id, child.venue_id, child.state) == (stop.client_id, algo[-1].child_id, OrderState.FILLED)
    assert room.position() == 0


def test_a_stop_that_has_nothing_to_close_is_rejected_when_it_is_triggered() -> None:
    room = Room()
    room.book()
    room.mark(600_000)
    stop = room.place(SELL, None, kind=OrderKind.STOP, trigger=599_000, close_position=True)
    room.mark(598_999)
    last = room.of(AlgoUpdate, stop)[-1]
    assert (last.state, last.reason) == (OrderState.REJECTED, "ReduceOnly Order is rejected.")


def test_a_take_by_trades_and_a_trailing_stop() -> None:
    room = Room()
    room.book()
    room.mark(600_000)
    room.trade(600_000, 1)
    room.place(BUY, 100)
    take = room.place(SELL, 50, kind=OrderKind.TAKE, trigger=601_000, trigger_by=TriggerBy.LAST, reduce_only=True)
    trail = room.place(SELL, 50, kind=OrderKind.TRAIL, distance_bp=100, reduce_only=True)
    room.mark(605_000)
    assert not room.fills(take)
    room.trade(601_000, 1)
    assert room.fills(take) == [(600_000, 50)]
    room.mark(599_000)  # 1 % below 605,000 is 598,950
    assert not room.fills(trail)
    room.mark(598_950)
    assert room.fills(trail) == [(600_000, 50)]


def test_spot_stops_rest_with_the_other_orders_and_look_at_trades() -> None:
    room = Room(SPOT, coins={"BTC": "1"})
    room.book()
    room.trade(600_000, 1)
    stop = room.place(SELL, 100, kind=OrderKind.STOP, trigger=599_000)
    assert room.last(stop).state is OrderState.WAITING
    assert [each.order.client_id for each in room.read(ReadKind.ORDERS).orders] == [stop.client_id]
    room.trade(599_000, 1)
    assert room.fills(stop) == [(600_000, 100)]
    assert room.last(stop).state is OrderState.FILLED


def test_of_two_orders_of_a_list_one_ends_the_other_and_they_hold_the_money_once() -> None:
    room = Room(msgspec.structs.replace(SPOT, order_lists=True), coins={"BTC": "0.1"})
    room.book()
    room.trade(600_000, 1)
    stop = room.order(SELL, 100, kind=OrderKind.STOP, trigger=599_000, list_id="l")
    take = room.order(SELL, 100, kind=OrderKind.TAKE, trigger=601_000, list_id="l")
    room.paper.send_list((stop, take))
    room.wait()
    assert len(room.of(OrderAccepted)) == 2
    room.trade(601_000, 1)
    assert room.fills(take) == [(600_000, 100)]
    assert (room.last(stop).state, room.fills(stop)) == (OrderState.EXPIRED, [])
    balances = {each.currency: (each.free, each.locked) for each in room.read(ReadKind.ACCOUNT).balances}
    assert balances["BTC"] == ("0", "0")


# -- money ------------------------------------------------------------------------------------------------------------


def test_orders_above_the_balance_are_refused() -> None:
    room = Room(balance="1000", leverage=10)
    room.book()
    assert room.fills(room.place(BUY, 160)) == [(600_010, 160)]  # 0.16 BTC: 9,600 of 10,000
    refused = room.place(BUY, 10)
    assert [each.code for each in room.of(OrderRefused, refused)] == ["-2019"]
    assert room.fills(room.place(SELL, 160, reduce_only=True)) == [(600_000, 160)]


def test_what_only_closes_is_refused_knocked_out_and_cut() -> None:
    room = Room()
    room.book()
    nothing = room.place(SELL, 10, reduce_only=True)
    assert [each.code for each in room.of(OrderRefused, nothing)] == ["-2022"]
    room.place(BUY, 100)
    rests = room.place(SELL, 100, 601_000, reduce_only=True)
    full = room.place(SELL, 50, 602_000, reduce_only=True)
    assert [each.code for each in room.of(OrderRefused, full)] == ["-4118"]
    room.place(SELL, 60)
    found = room.query(rests)
    assert isinstance(found, OrderUpdate)
    assert (found.state, found.quantity) == (OrderState.NEW, 40)
    room.place(SELL, 40)
    assert (room.last(rests).state, room.last(rests).reason) == (OrderState.EXPIRED, "knocked out by a reduce-only order")


def test_of_two_that_are_met_at_once_the_second_has_nothing_left_to_close() -> None:
    room = Room()
    room.book()
    room.place(BUY, 100)
    first = room.place(SELL, 60, 600_020, reduce_only=True)
    second = room.place(SELL, 40, 600_020, reduce_only=True)
    room.place(SELL, 70, 600_000, reduce_only=False, force=Force.IOC)
    room.book(bids=[(600_030, 900)], asks=[(600_040, 900)])
    assert (sum(quantity for _, quantity in room.fills(first)), room.fills(second)) == (30, [])
    assert (room.last(second).state, room.position()) == (OrderState.EXPIRED, 0)


def test_an_order_at_the_market_buys_what_can_be_paid() -> None:
    room = Room(SPOT, balance="60", taker_fee_bp=0)
    room.book(asks=[(600_000, 1), (601_000, 5)])
    request = room.place(BUY, 1)
    assert room.fills(request) == [(600_000, 1)]
    room = Room(SPOT, balance="60.05", taker_fee_bp=0)
    room.trade(600_000, 1)
    room.book(asks=[(600_600, 5)])
    request = room.place(BUY, 1)
    assert (room.fills(request), room.last(request).state) == ([], OrderState.EXPIRED)
    assert {each.currency: (each.free, each.locked) for each in room.read(ReadKind.ACCOUNT).balances}["USDT"] == ("60.05", "0")


def test_fees_in_the_venues_manner() -> None:
    room = Room(SPOT, maker_fee_bp=10, taker_fee_bp=20)
    room.book()
    request = room.place(BUY, 100)
    assert [(each.fee, each.fee_currency) for each in room.of(FillUpdate, request)] == [("0.0002", "BTC")]
    sale = room.place(SELL, 50, 600_000)
    assert [(each.fee, each.fee_currency) for each in room.of(FillUpdate, sale)] == [("6", "USDT")]
    futures = Room()
    futures.book()
    bought = futures.place(BUY, 100)
    assert [(each.fee, each.fee_currency) for each in futures.of(FillUpdate, bought)] == [("3.00005", "USDT")]
    equity = futures.read(ReadKind.ACCOUNT)
    assert isinstance(equity, AccountRead)
    assert equity.equity == "99996.94995"  # half the spread and the fee


def test_funding_is_paid_at_the_rate_that_was_told_and_else_at_the_stated_one() -> None:
    room = Room()
    room.book()
    room.mark(600_000, rate_e8=-20_000, funding_ns=room.now + S)
    room.place(BUY, 100)
    due = room.paper._markets[room.symbol].funding_ns
    room.wait(1_000)
    room.mark(600_000, rate_e8=-20_000, funding_ns=due)  # the venue tells the time that has passed once more
    room.mark(600_000, rate_e8=10_000, funding_ns=room.now + 8 * 3_600 * S)
    room.mark(600_000, rate_e8=10_000, funding_ns=room.now + 8 * 3_600 * S)
    assert [(each.amount, each.currency) for each in room.of(FundingUpdate)] == [("1.2", "USDT")]
    quiet = Room(beat_ns=60 * S)
    quiet.book()
    quiet.place(SELL, 100)
    quiet.wait(8 * 3_600_000)
    assert [each.amount for each in quiet.of(FundingUpdate)] == ["-0.600005"]


def test_a_position_that_would_have_been_liquidated_is() -> None:
    room = Room(balance="650", leverage=10, maintenance_bp=100)
    room.book()
    room.mark(600_000)
    room.place(BUY, 100)
    held = room.of(PositionUpdate)[-1].held
    assert 540_000 < int(float(held.liquidation) * 10) < 545_000
    rests = room.place(SELL, 100, 625_000, reduce_only=True)
    end = int(float(held.liquidation) * 10)
    room.mark(end + 500)
    assert room.position() == 100
    room.book(bids=[(end - 100, 5_000)], asks=[(end, 5_000)])
    said = room.mark(end - 10)
    assert any(isinstance(each, MarginCall) for each in said)
    assert (room.last(rests).state, room.last(rests).reason) == (OrderState.EXPIRED, "liquidation")
    closing = room.of(FillUpdate)[-1]
    assert (closing.client_id.startswith("autoclose-"), closing.price, closing.quantity) == (True, end - 100, 100)
    assert room.position() == 0
    account = room.read(ReadKind.ACCOUNT)
    assert float(account.equity) < 100


# -- other grades -------------------------------------------------------------------------------------------------------


def test_trades_alone() -> None:
    room = Room(grade=Grade.TRADES, half_spread_bp=10.0)
    room.trade(600_000, 1)
    assert room.fills(room.place(BUY, 100)) == [(600_600, 100)]
    assert room.fills(room.place(SELL, 100)) == [(599_400, 100)]
    rests = room.place(BUY, 100, 599_000)
    room.trade(599_000, 500)
    assert room.fills(rests) == []
    room.trade(598_990, 60, BUY)
    assert room.fills(rests) == [(599_000, 60)]


def test_bars_alone() -> None:
    room = Room(grade=Grade.BARS, half_spread_bp=0.0)
    room.bar((600_000, 600_500, 599_500, 600_100))
    entry = room.order(BUY, 100)
    room.paper.send(entry)
    stop = room.order(SELL, None, kind=OrderKind.STOP, trigger=598_000, close_position=True)
    take = room.order(SELL, None, kind=OrderKind.TAKE, trigger=603_000, close_position=True)
    room.bar((600_200, 600_900, 599_000, 600_400))
    assert room.fills(entry) == [(600_200, 100)]
    room.paper.send(stop)
    room.paper.send(take)
    room.bar((600_400, 603_500, 597_000, 603_000))
    assert (room.fills(stop), room.fills(take)) == ([(598_000, 100)], [])
    assert room.of(AlgoUpdate, take)[-1].state is OrderState.REJECTED  # nothing was left to close


def test_a_bar_that_opens_beyond_a_stop_is_paid_at_its_opening() -> None:
    room = Room(grade=Grade.BARS, half_spread_bp=0.0)
    room.bar((600_000, 600_500, 599_500, 600_100))
    room.paper.send(room.order(BUY, 100))
    room.bar((600_200, 600_900, 599_000, 600_400))
    stop = room.order(SELL, None, kind=OrderKind.STOP, trigger=598_000, close_position=True)
    rests = room.order(BUY, 10, 597_500)
    room.paper.send(stop)
    room.paper.send(rests)
    room.bar((597_700, 598_000, 597_500, 597_600))
    assert (room.fills(stop), room.fills(rests)) == ([(597_700, 100)], [])
    room.bar((597_700, 598_000, 597_499, 597_600))
    assert room.fills(rests) == [(597_500, 10)]


def test_behind_a_shut_gate_nothing_leaves_but_cancels() -> None:
    room = Room()
    room.book()
    rests = room.place(BUY, 100, 599_000)
    room.paper.freeze()
    assert [each.code for each in room.of(NotSent, room.place())] == ["gate-shut"]
    room.cancel(rests)
    assert room.last(rests).state is OrderState.CANCELED
