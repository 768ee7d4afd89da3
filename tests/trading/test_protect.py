"""The guard of a position: both ends in time, one stop always, nothing left behind; whatever the venue does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hoga.core.market import Side
from hoga.core.trading import Capabilities, Conditional, OrderKind, PositionSide
from hoga.trading.orders import Canceling, Order, Role, Status
from hoga.trading.ports import Look
from hoga.trading.protect import Ask, Close, Doubt, Drop, Guard, Keeping, Place, Protection, Seen, Settled, keeping_of
from hoga.trading.rungs import Cause
from hoga.trading.strategy import Setup
from tests.trading.gate_view import BTC, FUTURES, NOON, SPOT, S, rules
from tests.tries import tries

BUY, SELL = Side.BUY, Side.SELL
RULES = rules()
BOTH = Protection(stop=150, take=300)
WATCHING = Capabilities(
    client_id_chars=32, client_id_for_ever=True, absence_after_s=None, conditional=Conditional.NONE, reduce_only=False, short=False,
    hedge=False, leverage=False, fills_in_reply=False, market_buy_by_funds=True, cancels_by_symbol=True,
)  # fmt: skip


class Venue:
    """Where a guard's orders rest. A test answers what was asked, as it likes; a step is what an engine does after each event."""

    def __init__(self, guard: Guard, *, price: int = 1_000_000, entry: int = 1_000_000) -> None:
        self.guard, self.now_ns, self.position, self.entry = guard, NOON, 0, entry
        self.look = Look(bid=price - 1, ask=price + 1, at_ns=NOON, in_doubt=False)
        self.orders: list[Order] = []
        self.asks: list[Ask] = []
        self.closing = 0
        self.entering = False
        self.number = 0

    def price(self, price: int) -> None:
        self.look.bid, self.look.ask = price - 1, price + 1

    @property
    def working(self) -> list[Order]:
        return [order for order in self.orders if not order.status.is_over]

    def of(self, kind: OrderKind) -> list[Order]:
        return [order for order in self.working if order.request.kind is kind]

    def step(self) -> list[Ask]:
        """Ask the guard, and do what it says."""
        seen = Seen(now_ns=self.now_ns, rules=RULES, position=self.position, entry=self.entry, look=self.look, orders=self.working,
                    exiting=self.closing > 0, entering=self.entering)  # fmt: skip
        asks = self.guard.decide(seen)
        for ask in asks:
            if isinstance(ask, Place):
                list_id = f"list-{self.number + 1}"
                for request in ask.requests:
                    self.number += 1
                    named = msgspec.structs.replace(request, client_id=f"hg-1-1-{self.number}", list_id=request.list_id and list_id)
                    self.orders.append(Order(request=named, strategy="s", role=Role.PROTECT, status=Status.SENT))
            elif isinstance(ask, Drop):
                assert ask.order.cancel is Canceling.NONE
                ask.order.cancel = Canceling.SENT
                self.still_guarded(ask.order)
            elif isinstance(ask, Close):
                assert not self.closing
                self.closing = ask.quantity
        self.asks += asks
        return asks

    def still_guarded(self, dropped: Order) -> None:
        """Where a stop may be beside another, one that stands is only dropped beside one that stands."""
        guards = dropped.request.kind is OrderKind.STOP and dropped.status is Status.LIVE and dropped.request.side is self.guard._side
        if self.position and guards and self.guard.keeping in (Keeping.CLOSE_ALL, Keeping.QUANTITY):
            stops = self.of(OrderKind.STOP)
            assert [each for each in stops if each.cancel is Canceling.NONE and (each.status is Status.LIVE or each.accepted_ns)]

    def accept(self, order: Order) -> None:
        order.status, order.accepted_ns = Status.LIVE, self.now_ns

    def settle(self, times: int = 12) -> None:
        """A venue that answers everything at once."""
        for _ in range(times):
            self.step()
            for order in self.working:
                if order.status is Status.SENT:
                    self.accept(order)
                elif order.cancel is Canceling.SENT:
                    order.status, order.cancel = Status.CANCELED, Canceling.NONE
                    for other in self.working:
                        if order.request.list_id and other.request.list_id == order.request.list_id:
                            other.status = Status.CANCELED

    def hold(self, quantity: int, entry: int = 1_000_000) -> Venue:
        self.position, self.entry = quantity, entry
        return self

    def doubts(self) -> list[Cause]:
        return [ask.cause for ask in self.asks if isinstance(ask, Doubt)]

    def closes(self) -> list[str]:
        return [ask.why for ask in self.asks if isinstance(ask, Close)]


def venue(keeping: Keeping = Keeping.CLOSE_ALL, protection: Protection = BOTH, *, lists: bool = True, **changes: Any) -> Venue:
    return Venue(Guard(BTC, protection, keeping, lists=lists), **changes)


def rests(where: Venue) -> list[tuple[OrderKind, Side, int | None, int | None]]:
    return [(each.request.kind, each.request.side, each.request.quantity, each.request.trigger) for each in where.working]


# -- how it is kept ---------------------------------------------------------------------------------------------------


def test_where_ends_rest_is_what_the_venue_can() -> None:
    assert keeping_of(FUTURES, alone=True) is Keeping.CLOSE_ALL
    assert keeping_of(FUTURES, alone=False) is Keeping.QUANTITY
    assert keeping_of(SPOT, alone=True) is Keeping.LISTED
    assert keeping_of(WATCHING, alone=True) is Keeping.WATCHED


@pytest.mark.parametrize(("long", "stop", "take"), [(1, 985_000, 1_030_000), (-1, 1_015_000, 970_000)])
def test_both_ends_rest_after_the_first_fill(long: int, stop: int, take: int) -> None:
    side = SELL if long > 0 else BUY
    for keeping, quantity in ((Keeping.CLOSE_ALL, None), (Keeping.QUANTITY, 10), (Keeping.LISTED, 10)):
        where = venue(keeping).hold(10 * long)
        where.settle()
        assert rests(where) == [(OrderKind.STOP, side, quantity, stop), (OrderKind.TAKE, side, quantity, take)], keeping
        assert all(each.request.close_position is (keeping is Keeping.CLOSE_ALL) for each in where.working)
        assert where.guard.naked_ns == 0
        assert where.step() == []


def test_a_list_is_one_and_what_comes_later_has_its_own() -> None:
    where = venue(Keeping.LISTED).hold(10)
    where.settle()
    where.hold(25)
    where.settle()
    assert [each.request.quantity for each in where.of(OrderKind.STOP)] == [10, 15]
    assert [each.request.list_id for each in where.working] == ["list-1", "list-1", "list-3", "list-3"]
    alone = venue(Keeping.LISTED, lists=False).hold(10)
    alone.settle()
    assert [(each.request.kind, each.request.list_id) for each in alone.working] == [(OrderKind.STOP, "")]


def test_an_entry_that_fills_in_parts_has_one_list_and_a_position_two_at_most() -> None:
    where = venue(Keeping.LISTED).hold(4)
    where.entering = True
    assert where.step() == []
    where.hold(10)
    assert where.step() == []
    assert where.guard.deadline_ns(where.now_ns) == NOON + S
    where.entering = False
    where.settle()
    assert [each.request.quantity for each in where.of(OrderKind.STOP)] == [10]
    slow = venue(Keeping.LISTED).hold(4)
    slow.entering = True
    slow.step()
    slow.now_ns += S
    slow.settle()
    assert [each.request.quantity for each in slow.of(OrderKind.STOP)] == [4]
    for held in (14, 17, 30):
        where.hold(held)
        where.settle()
        quantities = [each.request.quantity or 0 for each in where.of(OrderKind.STOP)]
        assert sum(quantities) == held
        assert len(quantities) <= 2


def test_ends_follow_partial_fills() -> None:
    where = venue(Keeping.QUANTITY).hold(4)
    where.settle()
    where.hold(10)
    where.settle()
    assert rests(where) == [(OrderKind.TAKE, SELL, 10, 1_030_000), (OrderKind.STOP, SELL, 10, 985_000)] or rests(where) == [
        (OrderKind.STOP, SELL, 10, 985_000), (OrderKind.TAKE, SELL, 10, 1_030_000)
    ]  # fmt: skip


@pytest.mark.parametrize("keeping", [Keeping.CLOSE_ALL, Keeping.QUANTITY, Keeping.LISTED])
def test_when_one_end_took_the_position_the_other_is_read_back_as_gone(keeping: Keeping) -> None:
    where = venue(keeping).hold(10)
    where.settle()
    (take,) = where.of(OrderKind.TAKE)
    take.status, where.position = Status.FILLED, 0
    where.step()
    assert where.guard.is_cleaning
    assert all(each.cancel is Canceling.SENT for each in where.working)
    where.settle()
    assert where.working == []
    assert not where.guard.is_cleaning


def test_a_position_that_is_turned_drops_the_old_ends() -> None:
    where = venue().hold(10)
    where.settle()
    where.hold(-10)
    where.step()
    assert where.guard.is_cleaning
    where.settle()
    assert {each.request.side for each in where.working} == {BUY}
    assert not where.guard.is_cleaning


# -- how it moves -----------------------------------------------------------------------------------------------------

TRAILING = Protection(stop=150, trail=100, activate=50, step=5)


@pytest.mark.parametrize("keeping", [Keeping.CLOSE_ALL, Keeping.QUANTITY])
def test_a_stop_moves_in_favour_and_the_position_is_never_naked_meanwhile(keeping: Keeping) -> None:
    where = venue(keeping, TRAILING).hold(10)
    where.settle()
    where.price(1_004_000)  # not activated yet
    assert where.step() == []
    where.price(1_020_000)
    for _ in range(20):
        where.step()
        where.step()
        stands = [each for each in where.of(OrderKind.STOP) if each.status is Status.LIVE and each.cancel is Canceling.NONE]
        assert stands, "there is always one that stands"
        close_all = [each for each in where.of(OrderKind.STOP) if each.request.close_position]
        assert len(close_all) <= 1, "the venue takes one"
        pending = [each for each in where.working if each.status is Status.SENT or each.cancel is Canceling.SENT]
        if not pending:
            break
        where.accept(pending[0]) if pending[0].status is Status.SENT else setattr(pending[0], "status", Status.CANCELED)
    assert [(each.request.trigger, each.request.close_position) for each in where.working] == [
        (1_009_800, keeping is Keeping.CLOSE_ALL)
    ]  # fmt: skip
    moved = [ask for ask in where.asks if isinstance(ask, Place) and ask.moved_from is not None]
    assert moved[0].moved_from == 985_000
    assert {ask.what for ask in where.asks if isinstance(ask, Place)} == {"placed", "moved"}


def test_a_stop_never_moves_back_nor_by_less_than_a_step() -> None:
    where = venue(Keeping.QUANTITY, TRAILING).hold(10)
    where.price(1_020_000)
    where.settle()
    for price in (1_019_000, 1_015_000, 1_020_400):
        where.price(price)
        assert where.step() == []
    where.price(1_021_000)
    where.settle()
    assert [each.request.trigger for each in where.working] == [1_010_790]


def test_adding_to_a_position_at_a_worse_price_takes_no_stop_back() -> None:
    where = venue().hold(10)
    where.settle()
    where.hold(20, entry=990_000)
    where.settle()
    assert [each.request.trigger for each in where.of(OrderKind.STOP)] == [985_000]
    assert [each.request.trigger for each in where.of(OrderKind.TAKE)] == [1_019_700]
    watched = venue(Keeping.WATCHED).hold(10)
    watched.step()
    watched.hold(20, entry=990_000).step()
    assert watched.guard.level == 985_000


def test_a_stop_goes_to_the_entry_once_that_is_earned() -> None:
    where = venue(protection=Protection(stop=150, break_even=100)).hold(10)
    where.settle()
    where.price(1_009_999)
    where.settle()
    assert where.guard.level == 985_000
    where.price(1_010_000)
    where.settle()
    assert [each.request.trigger for each in where.working] == [1_000_000]


def test_on_spot_one_list_after_the_other_moves_and_is_watched_meanwhile() -> None:
    where = venue(Keeping.LISTED, TRAILING).hold(10)
    where.settle()
    where.hold(20)
    where.settle()
    where.price(1_020_000)
    where.step()
    going = [each for each in where.of(OrderKind.STOP) if each.cancel is Canceling.SENT]
    where.step()
    assert len(going) == len([each for each in where.of(OrderKind.STOP) if each.cancel is Canceling.SENT]) == 1, "the other one stays"
    going[0].status = Status.CANCELED
    where.price(1_009_000)  # beyond the new level, and above the old list's stop, which stands
    where.settle()
    assert where.closes() == []
    assert [each.request.trigger for each in where.working] == [985_000, 1_009_800]


def test_a_position_is_closed_after_its_time() -> None:
    where = venue(protection=Protection(stop=150, hold_ns=60 * S)).hold(10)
    where.settle()
    assert where.guard.deadline_ns(where.now_ns) == NOON + 60 * S
    where.now_ns += 60 * S
    assert [ask for ask in where.step() if isinstance(ask, Close)] == [Close(side=SELL, quantity=10, why="time limit")]
    assert where.step() == []
    where.closing = 0
    where.now_ns += S
    assert where.step() == [Close(side=SELL, quantity=10, why="time limit")]


# -- watching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "why"), [(985_000, "stop"), (984_000, "stop"), (1_030_000, "take"), (990_000, "")])
def test_where_nothing_rests_the_engine_watches_and_sells(price: int, why: str) -> None:
    where = venue(Keeping.WATCHED).hold(10)
    assert where.step() == []
    where.price(price)
    assert bool(where.guard.saw(where.look)) or not why
    where.step()
    assert where.closes() == ([why] if why else [])
    assert where.working == []
    assert where.doubts() == []


def test_a_stop_that_is_not_placed_yet_is_watched() -> None:
    where = venue().hold(10)
    where.step()
    where.price(980_000)
    where.step()
    assert where.closes() == ["stop"]


def test_a_stop_that_the_venue_does_not_take_in_time_is_taken_here() -> None:
    where = venue().hold(10)
    where.settle()
    where.price(980_000)
    assert where.step() == []
    where.now_ns += 3 * S
    where.step()
    assert where.closes() == ["stop"]


def test_what_is_locked_is_cancelled_before_it_is_sold() -> None:
    where = venue(Keeping.LISTED, Protection(stop=150, take=300), lists=False).hold(10)
    where.settle()
    where.price(1_030_000)
    assert [type(ask) for ask in where.step()] == [Drop]
    assert where.step() == []
    where.working[0].status = Status.CANCELED
    where.step()
    assert where.closes() == ["take"]


def test_room_is_made_for_a_strategys_own_sale_and_then_taken_back() -> None:
    where = venue(Keeping.LISTED).hold(10)
    where.settle()
    where.guard.make_room(where.now_ns)
    where.settle()
    assert where.working == []
    where.hold(4)
    where.now_ns += 3 * S
    where.settle()
    assert [each.request.quantity for each in where.of(OrderKind.STOP)] == [4]


@pytest.mark.parametrize("keeping", [Keeping.QUANTITY, Keeping.LISTED, Keeping.WATCHED])
def test_less_than_anybody_may_close_is_no_alarm_and_nothing_is_asked_for_it(keeping: Keeping) -> None:
    where = Venue(Guard(BTC, BOTH, keeping))
    where.hold(0)
    where.position = 0
    tiny = rules(least=5, market_least=5)
    seen = Seen(now_ns=NOON, rules=tiny, position=4, entry=1_000_000, look=where.look, orders=[])
    assert where.guard.decide(seen) == []
    seen.now_ns += 60 * S
    assert where.guard.decide(seen) == []
    seen.look.bid = seen.look.ask = 980_000
    assert where.guard.decide(seen) == []


# -- what goes wrong --------------------------------------------------------------------------------------------------


def refuse(where: Venue, order: Order) -> None:
    order.status = Status.REJECTED
    where.guard.refused(where.now_ns)


def test_a_stop_that_is_refused_near_the_price_is_priced_anew_once_and_then_the_ladder_closes() -> None:
    where = venue().hold(10)
    where.price(986_000)
    where.step()
    refuse(where, where.of(OrderKind.STOP)[0])
    where.step()
    (second,) = where.of(OrderKind.STOP)
    assert second.request.trigger is not None
    assert second.request.trigger <= 985_000
    refuse(where, second)
    where.step()
    assert where.doubts() == [Cause.UNPROTECTABLE]


def test_a_stop_priced_anew_does_not_run_into_the_price_again() -> None:
    where = venue().hold(10)
    where.price(985_100)
    where.step()
    refuse(where, where.of(OrderKind.STOP)[0])
    where.settle()
    (stop,) = where.of(OrderKind.STOP)
    assert stop.request.trigger == 984_608
    where.price(995_000)
    where.settle()
    assert [each.request.trigger for each in where.of(OrderKind.STOP)] == [985_000] or where.guard.level == 985_000


def test_a_stop_that_is_refused_for_another_reason_is_tried_until_the_deadline() -> None:
    where = venue(protection=Protection(stop=150)).hold(10)
    for _ in range(7):
        where.step()
        for order in where.of(OrderKind.STOP):
            refuse(where, order)
        where.now_ns += S // 2
    where.step()
    assert where.doubts() == [Cause.UNPROTECTED]
    where.settle()
    assert isinstance(where.asks[-1], Settled)
    assert where.guard.naked_ns == 0


@pytest.mark.parametrize("end", [Status.REJECTED, Status.EXPIRED, Status.CANCELED])
def test_a_stop_that_ends_without_having_closed_anything_is_replaced_at_once(end: Status) -> None:
    where = venue().hold(10)
    where.settle()
    (stop,) = where.of(OrderKind.STOP)
    stop.triggered, stop.status = True, end
    placed = [ask for ask in where.step() if isinstance(ask, Place)]
    assert [ask.requests[0].kind for ask in placed] == [OrderKind.STOP]
    where.settle()
    assert where.doubts() == []


def test_a_stop_that_nobody_answers_is_doubled_by_a_cover_in_time_and_only_one_stays() -> None:
    where = venue(protection=Protection(stop=150)).hold(10)
    where.step()
    (lost,) = where.working
    lost.status = Status.UNKNOWN
    assert where.guard.deadline_ns(where.now_ns) == NOON + 3 * S // 2
    where.now_ns += 3 * S // 2
    where.step()
    (_, cover) = where.working
    assert (cover.request.quantity, cover.request.reduce_only, cover.request.close_position) == (10, True, False)
    where.accept(cover)
    where.now_ns += 10 * S
    assert where.step() == []
    assert where.doubts() == []
    where.accept(lost)
    where.settle()
    assert where.working == [lost]


def test_a_stop_that_the_venue_denies_after_it_had_accepted_it_still_guards() -> None:
    where = venue().hold(10)
    where.settle()
    (stop,) = where.of(OrderKind.STOP)
    stop.status = Status.UNKNOWN
    where.now_ns += 1800 * S
    assert where.step() == []


def test_no_stop_in_time_leads_down_the_ladder() -> None:
    where = venue(Keeping.LISTED).hold(10)
    where.step()
    where.now_ns += 3 * S - 1
    where.step()
    assert where.doubts() == []
    assert where.guard.deadline_ns(where.now_ns) == NOON + 3 * S
    where.now_ns += 1
    (doubt,) = (ask for ask in where.step() if isinstance(ask, Doubt))
    assert (doubt.cause, doubt.detail) == (Cause.UNPROTECTED, f"{BTC}: no stop stands 3.0 s after it should")
    where.position = 0
    assert Settled(Cause.UNPROTECTED) in where.step()


def test_a_restart_finds_its_ends_and_leaves_them() -> None:
    first = venue(protection=TRAILING).hold(10)
    first.price(1_020_000)
    first.settle()
    second = venue(protection=TRAILING).hold(10)
    second.orders, second.number = first.orders, first.number
    second.price(1_012_000)
    assert second.step() == []
    assert second.guard.level == 1_009_800


def test_while_the_engine_closes_nothing_is_placed() -> None:
    where = venue().hold(10)
    where.closing = 10
    assert where.step() == []


# -- whatever happens -------------------------------------------------------------------------------------------------


class GuardMachine(RuleBasedStateMachine):
    """A venue that answers when it likes and as it likes, a market that goes anywhere."""

    where: Venue

    @initialize(
        keeping=some.sampled_from([Keeping.CLOSE_ALL, Keeping.QUANTITY, Keeping.LISTED, Keeping.WATCHED]),
        take=some.none() | some.just(300), trail=some.none() | some.just(100), lists=some.booleans(), short=some.booleans(),
    )  # fmt: skip
    def begin(self, keeping: Keeping, take: int | None, trail: int | None, lists: bool, short: bool) -> None:
        self.where = venue(keeping, Protection(stop=150, take=take, trail=trail), lists=lists)
        self.sign = -1 if short and keeping in (Keeping.CLOSE_ALL, Keeping.QUANTITY) else 1
        self.level, self.doubted, self.naked_since = 0, False, 0
        self.look_again()

    def look_again(self) -> None:
        """As an engine: after each event, until there is nothing more to say."""
        for _ in range(6):
            asks = self.where.step()
            self.doubted = self.doubted or any(isinstance(ask, Doubt) for ask in asks)
            if not asks:
                break
            if self.doubted and any(isinstance(ask, Settled) for ask in asks):
                self.doubted = False

    def one(self, pick: int, orders: list[Order]) -> Order | None:
        return orders[pick % len(orders)] if orders else None

    @rule(quantity=some.integers(1, 20))
    def fill_entry(self, quantity: int) -> None:
        if not self.where.guard.is_cleaning:
            where = self.where
            price = (where.look.bid + where.look.ask) // 2
            held = abs(where.position)
            where.entry = (where.entry * held + price * quantity) // (held + quantity)
            where.position += self.sign * quantity
        self.look_again()

    @rule(change=some.integers(-30_000, 30_000))
    def move_price(self, change: int) -> None:
        where = self.where
        price = max(500_000, min(2_000_000, (where.look.bid + where.look.ask) // 2 + change))
        where.price(price)
        where.guard.saw(where.look)
        for order in where.working:
            self.maybe_trigger(order)
        self.look_again()

    def maybe_trigger(self, order: Order) -> None:
        """A venue that does what it is there for."""
        trigger, price = order.request.trigger or 0, (self.where.look.bid + self.where.look.ask) // 2
        below = (order.request.kind is OrderKind.STOP) == (order.request.side is SELL)
        if order.status is Status.LIVE and (price <= trigger if below else price >= trigger):
            quantity = order.request.quantity or abs(self.where.position)
            self.where.position -= self.sign * min(quantity, abs(self.where.position))
            order.status, order.cancel = Status.FILLED, Canceling.NONE
            for other in self.where.working:
                if order.request.list_id and other.request.list_id == order.request.list_id and other.request.quantity == quantity:
                    other.status = Status.EXPIRED

    @rule(pick=some.integers(0, 9), how=some.sampled_from(["accept", "refuse", "lose", "not-sent"]))
    def answer(self, pick: int, how: str) -> None:
        order = self.one(pick, [each for each in self.where.working if each.status in (Status.SENT, Status.UNKNOWN)])
        if order is None:
            return
        if how == "accept":
            self.where.accept(order)
        elif how == "lose":
            order.status = Status.UNKNOWN
        elif how == "refuse":
            order.status = Status.REJECTED
            if order.request.kind is OrderKind.STOP:
                self.where.guard.refused(self.where.now_ns)
        else:
            order.status = Status.REJECTED
            self.where.guard.not_placed(self.where.now_ns)
        self.look_again()

    @rule(pick=some.integers(0, 9), gone=some.booleans())
    def answer_cancel(self, pick: int, gone: bool) -> None:
        order = self.one(pick, [each for each in self.where.working if each.cancel is not Canceling.NONE])
        if order is not None:
            order.cancel = Canceling.NONE
            if gone:
                order.status = Status.CANCELED
                for other in self.where.working:
                    if order.request.list_id and other.request.list_id == order.request.list_id:
                        other.status = Status.CANCELED
            self.look_again()

    @rule(pick=some.integers(0, 9), status=some.sampled_from([Status.EXPIRED, Status.CANCELED, Status.REJECTED]))
    def end_by_itself(self, pick: int, status: Status) -> None:
        order = self.one(pick, [each for each in self.where.working if each.status is Status.LIVE])
        if order is not None:
            order.status, order.cancel = status, Canceling.NONE
            self.look_again()

    @rule(part=some.booleans())
    def fill_close(self, part: bool) -> None:
        where = self.where
        if where.closing:
            quantity = min(where.closing, abs(where.position))
            quantity = quantity // 2 if part else quantity
            where.position -= self.sign * quantity
            where.closing = 0
            self.look_again()

    @rule(ms=some.sampled_from([1, 400, 1_100, 3_100]))
    def wait(self, ms: int) -> None:
        where, until = self.where, self.where.now_ns + ms * 1_000_000
        while (deadline := where.guard.deadline_ns(where.now_ns)) is not None and deadline <= until:
            where.now_ns = deadline
            self.look_again()
        where.now_ns = until
        self.look_again()

    @invariant()
    def nothing_is_too_many(self) -> None:
        if not hasattr(self, "where"):
            return
        where = self.where
        stops, takes = where.of(OrderKind.STOP), where.of(OrderKind.TAKE)
        keeping = where.guard.keeping
        if keeping is Keeping.WATCHED:
            assert not where.working
        elif keeping is Keeping.LISTED:
            assert sum(each.rest for each in stops or takes) <= abs(where.position) or where.guard.is_cleaning or not where.position
        else:
            assert len(stops) <= 2
            assert len(takes) <= 1
            assert len([each for each in stops if each.request.close_position]) <= (keeping is Keeping.CLOSE_ALL)

    @invariant()
    def never_naked_for_longer_than_the_deadline(self) -> None:
        if not hasattr(self, "where"):
            return
        where, guard = self.where, self.where.guard
        if not where.position or guard.keeping is Keeping.WATCHED:
            self.naked_since = 0
            return
        stands = [
            each for each in where.of(OrderKind.STOP)
            if each.cancel is Canceling.NONE and (each.status is Status.LIVE or (each.status is Status.UNKNOWN and each.accepted_ns))
        ]  # fmt: skip
        if stands:
            self.naked_since = 0
            return
        self.naked_since = self.naked_since or where.now_ns
        if where.now_ns - self.naked_since >= guard.protection.within_ns:
            assert where.doubts(), "the ladder was told"

    @invariant()
    def a_stop_goes_one_way_only(self) -> None:
        if not hasattr(self, "where"):
            return
        guard = self.where.guard
        if guard.level and self.level and self.where.position and guard._began_ns == self.began:
            assert (guard.level - self.level) * self.sign >= 0
        self.level, self.began = guard.level, guard._began_ns

    @invariant()
    def closes_once_at_a_time(self) -> None:
        if hasattr(self, "where"):
            assert self.where.closing <= max(abs(self.where.position), self.where.closing)

    def teardown(self) -> None:
        """Whatever was: a venue that answers then leaves a guarded position, and after its end nothing."""
        if not hasattr(self, "where"):
            return
        where = self.where
        where.closing = 0
        where.now_ns += 10 * S
        if where.position:
            where.price(where.entry + self.sign * where.entry // 1000)
            for order in where.working:
                if order.status is Status.UNKNOWN:
                    order.status = Status.CANCELED
            where.settle(24)
            if where.guard.keeping is not Keeping.WATCHED and not where.closing:
                stops = [each for each in where.of(OrderKind.STOP) if each.cancel is Canceling.NONE]
                assert stops
        where.position = where.closing = 0
        for order in where.working:
            if order.status is Status.UNKNOWN:
                order.status = Status.CANCELED
        where.settle(24)
        assert where.working == []
        assert not where.guard.is_cleaning


TestGuard = GuardMachine.TestCase
TestGuard.settings = settings(max_examples=tries(80), stateful_step_count=30, deadline=None)


# -- how it is said ---------------------------------------------------------------------------------------------------


def test_it_is_said_in_a_strategys_setup() -> None:
    setup = Setup("s", {BTC: RULES}, lambda symbol, interval, history: None)  # type: ignore[arg-type, return-value]
    setup.protect(BTC, stop="1.5%", take="3 %", trail=("1%", "0.5%"), break_even="1%", time_limit="4h", within="2s")
    wanted = Protection(stop=150, take=300, trail=100, activate=50, break_even=100, hold_ns=14_400 * S, within_ns=2 * S)
    assert setup.protections == {(BTC, PositionSide.BOTH): wanted}
    setup.protect(BTC, stop="3%", leg="short")
    assert setup.protections.pop((BTC, PositionSide.SHORT)).stop == 300
    with pytest.raises(ValueError, match="is no leg; expected long or short"):
        setup.protect(BTC, stop="3%", leg="up")
    setup.protect(BTC, trail="2%")
    assert setup.protections[BTC, PositionSide.BOTH].trail == 200
    for wrong in ({"stop": "1.5"}, {"stop": "0%"}, {"stop": "100%"}, {"stop": "-1%"}, {"take": "nan%"}, {"trail": ("1%", "x")}, {},
                  {"break_even": "1%"}, {"stop": "1%", "within": "soon"}):  # fmt: skip
        with pytest.raises(ValueError, match=r"is no distance|is no duration|needs at least"):
            setup.protect(BTC, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not traded here"):
        setup.protect("binance-usdm:NONE", stop="1%")
