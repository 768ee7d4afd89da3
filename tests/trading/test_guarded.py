"""Guards at work in an engine: ends placed at the venue, followed, taken, cancelled; and what the ladder does when they are not."""

from __future__ import annotations

from typing import Any

import msgspec

from hoga.core.trading import Action as Asked
from hoga.core.trading import Capabilities, Conditional, OrderKind, OrderRefused, OrderRequest, OrderState, PositionSide, Unanswered
from hoga.trading.limits import Limits
from hoga.trading.ports import Cancel, SendList, Tell
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Cause, Rung
from hoga.trading.strategy import Setup
from tests.trading.exchange import FUTURES, SELL, SPOT, SYMBOL, Exchange, Holds

CLOSE_ALL = msgspec.structs.replace(FUTURES, close_all_stops=1)
LISTS = msgspec.structs.replace(SPOT, order_lists=True)
BARE = msgspec.structs.replace(SPOT, conditional=Conditional.NONE)


class Guarded(Holds):
    """Holds what the test says, with a stop and a take."""

    ends: dict[str, Any]

    def setup(self, m: Setup) -> None:
        m.protect(SYMBOL, **self.ends)


def there(able: Capabilities = CLOSE_ALL, *, wanted: Any = "0.010", real: bool = False, **ends: Any) -> Exchange:
    strategy = Guarded()
    strategy.symbol, strategy.wanted, strategy.ends = SYMBOL, wanted, ends or {"stop": "1%", "take": "2%"}
    limits = Limits(currencies=("USDT",), fat_finger_size=0)
    return Exchange(strategy, able=able, gate=RiskGate(lambda symbol: limits) if real else None)


def ends(where: Exchange, kind: OrderKind) -> list[OrderRequest]:
    return [each for each in where.sent if each.kind is kind]


def entered(able: Capabilities = CLOSE_ALL, **more: Any) -> Exchange:
    where = there(able, **more)
    where.fill(where.sent[0], price=600_000)
    return where


def guarded(able: Capabilities = CLOSE_ALL, **more: Any) -> Exchange:
    where = entered(able, **more)
    for request in list(where.sent[1:]):
        where.accept(request)
    return where


def refuse(where: Exchange, request: OrderRequest) -> None:
    where.give(OrderRefused(at_ns=where.now, client_id=request.client_id, symbol=SYMBOL, code="-2021", text="would trigger"))


def test_both_ends_are_sent_with_the_first_fill() -> None:
    where = there()
    where.accept(where.sent[0])
    where.trade(where.sent[0], 4, 600_000)
    (stop,), (take,) = ends(where, OrderKind.STOP), ends(where, OrderKind.TAKE)
    assert (stop.trigger, stop.close_position, stop.side) == (594_000, True, SELL)
    assert (take.trigger, take.close_position) == (612_000, True)
    where.trade(where.sent[0], 6, 600_000)
    assert len(where.sent) == 3, "they close whatever there is"
    assert [each.fields["what"] for each in where.records("protect")] == ["placed", "placed"]
    kinds = [each.fields["id"] for each in where.records("order.intent")]
    assert stop.client_id in kinds


def test_the_real_gate_lets_them_pass() -> None:
    for able, count in ((CLOSE_ALL, 3), (FUTURES, 3), (LISTS, 3), (BARE, 1)):
        where = there(able, real=True)
        (entry,) = where.sent
        where.fill(entry, price=600_000)
        assert len(where.sent) == count, able
        assert where.records("order.deny") == []


def test_an_end_that_was_taken_takes_the_other_with_it_and_nothing_is_begun_before_that_is_gone() -> None:
    where = guarded()
    stop, take = where.sent[1], where.sent[2]
    where.trade(stop, 10, 594_000)
    where.give(where.update(stop, OrderState.FILLED, filled=10))
    assert where.position() == 0
    assert [each.client_id for each in where.of(Cancel)] == [take.client_id]
    assert [each.fields["what"] for each in where.records("protect")] == ["placed", "placed", "taken"]
    strategy = where.engine.instances[0].strategy
    assert isinstance(strategy, Guarded)
    strategy.wanted = "0.020"
    where.book()
    assert where.records("order.deny")[-1].fields["code"] == "leftover-ends"
    where.cancelled(where.of(Cancel)[0])
    where.pass_time(2)
    assert where.last.quantity == 20
    assert where.last.kind is OrderKind.MARKET


def test_a_stop_that_moves_is_covered_meanwhile() -> None:
    where = guarded(stop="1%", trail="1%")
    first = where.sent[1]
    where.book(bid=612_000, ask=612_010)
    cover = where.last
    assert (cover.quantity, cover.reduce_only, cover.trigger) == (10, True, 605_885)
    assert where.of(Cancel) == []
    where.accept(cover)
    assert [each.client_id for each in where.of(Cancel)] == [first.client_id]
    where.cancelled(where.of(Cancel)[0])
    assert (where.last.close_position, where.last.trigger) == (True, 605_885)
    where.accept(where.last)
    assert [each.client_id for each in where.of(Cancel)] == [first.client_id, cover.client_id]
    moved = [each.fields for each in where.records("protect") if each.fields["what"] == "moved"]
    assert (moved[0]["from"], moved[0]["to"]) == (594_005, 605_885)


def test_a_stop_that_is_refused_twice_near_the_price_leads_to_the_exit() -> None:
    where = entered(stop="0.1%")
    where.book(bid=599_500, ask=599_510)
    refuse(where, where.last)
    assert where.last.trigger is not None
    assert where.last.trigger < 599_400
    assert where.engine.state.rung is Rung.ACTIVE
    refuse(where, where.last)
    assert where.engine.state.rung is Rung.FLATTEN
    assert where.ladder.causes()[0][0] is Cause.UNPROTECTABLE


def test_no_stop_in_time_leads_to_reducing_and_then_to_the_exit() -> None:
    where = entered(LISTS)
    for request in where.sent[1:]:
        where.give(Unanswered(at_ns=where.now, client_id=request.client_id, symbol=SYMBOL, action=Asked.NEW, why="lost"))
    where.pass_time(2)
    assert where.engine.state.rung is Rung.ACTIVE
    where.pass_time(1)
    assert where.engine.state.rung is Rung.REDUCING
    where.pass_time(5)
    assert where.engine.state.rung is Rung.FLATTEN


def test_a_stop_of_which_no_answer_came_is_doubled_in_time() -> None:
    where = entered(stop="1%")
    lost = where.last
    where.give(Unanswered(at_ns=where.now, client_id=lost.client_id, symbol=SYMBOL, action=Asked.NEW, why="lost"))
    where.pass_time(2)
    cover = where.last
    assert (cover.quantity, cover.reduce_only) == (10, True)
    where.accept(cover)
    where.pass_time(5)
    assert where.engine.state.rung is Rung.ACTIVE
    assert len(ends(where, OrderKind.STOP)) == 2


def test_a_stop_that_the_venue_ended_is_placed_again() -> None:
    where = guarded(stop="1%")
    where.give(where.update(where.sent[1], OrderState.EXPIRED))
    assert len(ends(where, OrderKind.STOP)) == 2


def test_on_spot_the_list_is_sent_as_one_and_cancelled_before_its_coins_are_sold() -> None:
    where = guarded(LISTS)
    (sent,) = where.of(SendList)
    assert [each.kind for each in sent.requests] == [OrderKind.STOP, OrderKind.TAKE]
    assert len({each.list_id for each in sent.requests}) == 1
    strategy = where.engine.instances[0].strategy
    assert isinstance(strategy, Guarded)
    strategy.wanted = 0
    where.book()
    assert where.last.kind is OrderKind.TAKE, "nothing is sold yet"
    for ask in where.of(Cancel):
        where.cancelled(ask)
    where.pass_time(1)
    assert (where.last.kind, where.last.side, where.last.quantity) == (OrderKind.MARKET, SELL, 10)
    where.fill(where.last)
    where.pass_time(5)
    assert where.position() == 0
    assert len(where.of(SendList)) == 1


def test_where_the_venue_keeps_no_stop_the_engine_watches_and_sells() -> None:
    where = entered(BARE)
    assert len(where.sent) == 1
    assert [each.text for each in where.of(Tell) if "keeps no stops" in each.text]
    where.book(bid=594_100, ask=594_110)
    assert len(where.sent) == 1
    where.book(bid=593_900, ask=593_910)
    assert (where.last.kind, where.last.side, where.last.quantity) == (OrderKind.MARKET, SELL, 10)
    where.fill(where.last, price=593_900)
    assert where.position() == 0
    assert where.records("round")[-1].fields["why"] == "protect: stop"


def test_a_halted_trader_keeps_guarding() -> None:
    where = entered(BARE, real=True)
    where.ladder.begin(Cause.CLOCK, where.now)
    where.pass_time(1)
    assert where.engine.state.rung is Rung.HALTED
    where.book(bid=593_900, ask=593_910)
    assert (where.last.side, where.last.quantity) == (SELL, 10)
    held = guarded(real=True, stop="1%")
    held.ladder.begin(Cause.CLOCK, held.now)
    held.pass_time(1)
    held.give(held.update(held.sent[1], OrderState.CANCELED))
    assert len(ends(held, OrderKind.STOP)) == 2


def test_a_position_is_closed_after_its_time() -> None:
    where = guarded(stop="1%", time_limit="10s")
    where.pass_time(9)
    assert len(where.sent) == 2
    where.pass_time(1)
    assert (where.last.kind, where.last.reduce_only, where.last.quantity) == (OrderKind.MARKET, True, 10)


def test_a_stop_of_the_trader_waits_until_the_protective_one_stands_and_leaves_it() -> None:
    where = entered(stop="1%")
    assert where.stop() is None
    where.accept(where.last)
    where.pass_time(1)
    done = where.stop()
    assert done is not None
    assert (done.clean, done.held) == (True, 1)
    assert where.of(Cancel) == []


def test_a_strategys_own_close_leaves_no_end_behind() -> None:
    where = guarded()
    strategy = where.engine.instances[0].strategy
    assert isinstance(strategy, Guarded)
    strategy.wanted = 0
    where.book()
    assert (where.last.kind, where.last.side) == (OrderKind.MARKET, SELL)
    where.fill(where.last)
    assert len(where.of(Cancel)) == 2
    for ask in where.of(Cancel):
        where.cancelled(ask)
    assert where.engine.state.orders.count() == 0
    where.pass_time(3)
    assert where.engine.state.orders.count() == 0


def test_a_share_that_others_hold_the_other_way_needs_no_stop() -> None:
    """Somebody's own short and our long are no position of the account: there is nothing to guard, and no alarm."""
    where = there(stop="1%")
    where.engine.state.portfolio.adopt(SYMBOL, PositionSide.BOTH, -10)
    where.fill(where.sent[0], price=600_000)
    where.pass_time(5)
    assert ends(where, OrderKind.STOP) == []
    assert where.engine.state.rung is Rung.ACTIVE
