"""Orders of which nobody knows: never sent again, counted in full, settled by proof. And listings that are older than what happened."""

from __future__ import annotations

from typing import Any

from hoga.core.trading import (
    Action,
    AlgoUpdate,
    CancelRefused,
    OrderKind,
    OrderRequest,
    OrderState,
    Unanswered,
)
from hoga.trading.orders import Order, Role, Status
from hoga.trading.ports import Cancel, Query, Read, ReadKind
from hoga.trading.rungs import Rung
from tests.trading.exchange import BUY, SELL, SYMBOL, VENUE, Exchange, S, holds


def lost(there: Exchange, request: OrderRequest, why: str = "timeout") -> None:
    there.give(Unanswered(at_ns=there.now, client_id=request.client_id, symbol=request.symbol, action=Action.NEW, why=why))


def status(there: Exchange, request: OrderRequest) -> Status:
    order = there.engine.state.orders.get(request.client_id)
    assert order is not None
    return order.status


def denied_for(there: Exchange, seconds: int) -> None:
    """The venue denies every order that it is asked for, second by second."""
    for _ in range(seconds):
        asked = len(there.effects)
        there.pass_time(1)
        for query in there.of(Query, there.effects[asked:]):
            there.deny(query)


def test_an_order_without_an_answer_is_never_sent_again_and_counts_in_full() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    lost(there, request)
    assert status(there, request) is Status.UNKNOWN
    denied_for(there, 8)
    assert len(there.sent) == 1
    assert [each.rest for each in there.engine.state.working(SYMBOL)] == [10]


def test_it_is_absent_by_proof_and_only_then_asked_for_anew() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    lost(there, request)
    denied_for(there, 10)
    assert status(there, request) is Status.UNKNOWN
    denied_for(there, 5)
    assert status(there, request) is Status.ABSENT
    there.pass_time(2)
    assert len(there.sent) == 2
    assert there.sent[0].client_id != there.sent[1].client_id
    there.fill(there.last)
    assert there.position() == 10


def test_an_order_that_is_found_is_as_the_venue_says() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    lost(there, request)
    there.accept(request)
    there.trade(request, 10)
    there.pass_time(15)
    assert (there.position(), len(there.sent)) == (10, 1)


def test_the_acceptance_may_come_by_stream_before_nobody_answers() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    there.accept(request)
    lost(there, request, "-1007")
    assert status(there, request) is Status.LIVE
    there.trade(request, 10)
    assert (there.position(), len(there.sent)) == (10, 1)


def test_a_fill_of_an_order_that_was_proven_absent_counts_and_halts() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    lost(there, request)
    denied_for(there, 16)
    assert status(there, request) is Status.ABSENT
    there.trade(request, 10)
    assert there.position() == 10
    assert there.engine.state.rung is Rung.HALTED


def test_thirty_seconds_unproven_reduce_and_two_minutes_halt() -> None:
    there = Exchange(holds("0.010"))
    lost(there, there.last)
    there.answers_reads = False  # nothing can be proven
    there.pass_time(29)
    assert there.engine.state.rung is Rung.ACTIVE
    there.pass_time(2)
    assert there.engine.state.rung is Rung.REDUCING
    there.pass_time(90)
    assert there.engine.state.rung is Rung.HALTED


def test_six_orders_without_an_answer_are_six_unknowns_and_all_are_found() -> None:
    symbols = tuple(f"C{number}USDT" for number in range(6))
    there = Exchange(*(holds("0.010", f"one:{each}") for each in symbols), symbols=symbols)
    assert len(there.sent) == 6
    for request in list(there.sent):
        lost(there, request, "no name")
    assert there.engine.state.open_count() == 6
    for request in list(there.sent):
        there.accept(request)
        there.trade(request, 10)
    there.pass_time(3)
    assert [there.position(f"one:{each}") for each in symbols] == [10] * 6
    assert len(there.sent) == 6


def algo(there: Exchange, request: OrderRequest, state: OrderState, **more: Any) -> AlgoUpdate:
    return AlgoUpdate(
        at_ns=there.now, symbol=SYMBOL, client_id=request.client_id, algo_id="77", state=state, said=state.value, side=request.side,
        kind=request.kind, quantity=request.quantity, **more,
    )  # fmt: skip


def stop_of(there: Exchange) -> Order:
    """A stop that the engine has sent."""
    request = OrderRequest(
        client_id=there.engine.placing.new_id(1),
        symbol=SYMBOL,
        side=SELL,
        kind=OrderKind.STOP,
        quantity=10,
        trigger=590_000,
        reduce_only=True,
    )
    order = there.engine.placing.place(request, there.engine.instances[0].key, Role.PROTECT, "test")
    assert order is not None
    return order


def test_a_waiting_order_that_queries_deny_for_half_an_hour_is_not_given_up() -> None:
    there = Exchange(holds("0.010"))
    there.fill(there.last)
    order = stop_of(there)
    there.answers_reads = False  # no listing, no stream: queries alone, and they deny it
    lost(there, order.request)
    for _ in range(60):
        there.now += 30 * S
        there.deny(order.request)
    assert order.status is Status.UNKNOWN
    there.give(algo(there, order.request, OrderState.WAITING))
    assert order.status is Status.LIVE


def test_a_child_may_be_filled_before_its_parent_is_triggered() -> None:
    there = Exchange(holds("0.010"))
    there.fill(there.last)
    strategy = there.engine.instances[0].strategy
    strategy.wanted = None  # type: ignore[attr-defined]
    order = stop_of(there)
    there.give(algo(there, order.request, OrderState.WAITING))
    there.open[order.client_id] = there.update(order.request, OrderState.NEW, venue_id="900")
    there.trade(order.request, 10, 589_990)
    assert there.position() == 0
    there.give(algo(there, order.request, OrderState.TRIGGERED, child_id="900"))
    there.give(algo(there, order.request, OrderState.FILLED, child_id="900"))
    assert there.position() == 0
    assert order.status is Status.FILLED


def test_a_cancel_of_an_unknown_order_asks_and_sends_nothing() -> None:
    strategy = holds()
    there = Exchange(strategy)
    name = there.do(lambda: strategy.limit(SYMBOL, "buy", "0.010", "59000"))
    request = there.last
    there.accept(request)
    there.do(lambda: strategy.cancel(name))
    assert len(there.of(Cancel)) == 1
    there.trade(request, 10, 590_000, told=False)
    there.give(CancelRefused(at_ns=there.now, client_id=name, symbol=SYMBOL, code="-2011", text="Unknown order sent.", unknown=True))
    assert there.of(Query)
    there.give(there.update(request, OrderState.FILLED, filled=10, venue_id="1", execution=""))
    there.pass_time(2)
    assert (there.position(), len(there.sent)) == (10, 1)


def test_a_cancel_that_is_refused_for_a_moment_is_asked_for_again() -> None:
    strategy = holds()
    there = Exchange(strategy)
    name = there.do(lambda: strategy.limit(SYMBOL, "buy", "0.010", "59000"))
    there.accept(there.last)
    there.do(lambda: strategy.cancel(name))
    there.give(CancelRefused(at_ns=there.now, client_id=name, symbol=SYMBOL, code="-1003", text="Too many requests.", unknown=False))
    assert len(there.of(Cancel)) == 1
    there.pass_time(4)
    assert len(there.of(Cancel)) == 2


def test_a_target_is_over_with_the_trade_that_reaches_it() -> None:
    """The answer says FILLED, the trade comes after it, and then the strategy sells: nothing is bought back."""
    strategy = holds("0.010")
    there = Exchange(strategy)
    request = there.last
    there.give(there.update(request, OrderState.FILLED, filled=10, venue_id="1", execution=""))
    there.trade(request, 10)
    strategy.wanted = None
    there.do(lambda: strategy.sell(SYMBOL, "0.010"))
    there.fill(there.last)
    there.pass_time(5)
    assert (there.position(), len(there.sent)) == (0, 2)


def test_a_fill_that_lands_while_positions_are_listed_corrects_nothing() -> None:
    there = Exchange(holds("0.010"))
    request = there.last
    there.answers_reads = False
    there.pass_time(31)
    listing = there.read(Read(what=ReadKind.POSITIONS, venue=VENUE))
    there.fill(request)
    there.answers_reads = True
    there.give(listing)
    there.pass_time(40)
    assert (there.position(), len(there.sent)) == (10, 1)
    assert not there.records("recon.mismatch")


def test_a_position_that_nobody_explains_is_adopted_and_nothing_is_opened() -> None:
    there = Exchange(holds("0.010"), start=False)
    there.held[SYMBOL] = 7
    there.begin()
    assert there.position() == 7
    assert there.records("recon.adopt")[0].fields["change"] == 7
    assert there.engine.state.rung is Rung.NO_OPEN


def test_one_fill_that_nobody_tells_is_found_within_ten_seconds() -> None:
    """The listing has the order no more; its query says that it was filled; the trades say how."""
    there = Exchange(holds("0.010"))
    request = there.last
    there.accept(request)
    there.trade(request, 10, told=False)
    for _ in range(10):
        asked = len(there.effects)
        there.pass_time(1)
        if there.of(Query, there.effects[asked:]):
            there.give(there.update(request, OrderState.FILLED, filled=10, venue_id="1", execution=""))
    assert (there.position(), len(there.sent)) == (10, 1)
    assert there.engine.state.rung is Rung.ACTIVE


def test_somebody_elses_trade_changes_the_position_and_not_the_strategys_share() -> None:
    there = Exchange(holds("0.010"))
    there.fill(there.last)
    stranger = OrderRequest(client_id="web_1", symbol=SYMBOL, side=BUY, quantity=5)
    there.trade(stranger, 5)
    assert there.position() == 15
    assert there.engine.state.portfolio.share(there.engine.instances[0].key, SYMBOL) == 10
    there.pass_time(35)
    assert not there.records("recon.mismatch")


def test_the_same_events_give_the_same_effects() -> None:
    def run() -> list[str]:
        there = Exchange(holds("0.010"))
        lost(there, there.last)
        denied_for(there, 16)
        there.pass_time(3)
        there.fill(there.last)
        there.pass_time(12)
        there.stop()
        return [repr(each) for each in there.effects]

    assert run() == run()
