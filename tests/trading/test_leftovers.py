"""What is left of a position and is too little to be sold: it asks for nothing, and does not decide over what is bought after it."""

from __future__ import annotations

from typing import Any

from hoga.core.trading import Capabilities, OrderKind, OrderRequest, OrderState
from hoga.trading.limits import Limits
from hoga.trading.ports import Cancel
from hoga.trading.protect import Guard
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Rung
from tests.every import every
from tests.trading.exchange import BUY, FUTURES, SELL, SYMBOL, Exchange, Holds
from tests.trading.test_guarded import BARE, LISTS, Guarded

ENDS = (OrderKind.STOP, OrderKind.TAKE)


class Market(Exchange):
    """One whose price stays where the test puts it, behind the real gate. The least that may be sold is 5 USDT."""

    price = 400_000

    def book(self, bid: int = 0, ask: int = 0, *, symbol: str = SYMBOL) -> Any:
        return super().book(bid or self.price, ask or self.price + 10, symbol=symbol)

    @property
    def strategy(self) -> Holds:
        strategy = self.engine.instances[0].strategy
        assert isinstance(strategy, Holds)
        return strategy

    @property
    def guard(self) -> Guard:
        return next(iter(self.engine.guarding.guards.values()))

    def want(self, wanted: Any) -> None:
        self.strategy.wanted = wanted
        self.book()

    def filled(self, request: OrderRequest, quantity: int) -> None:
        """So much of it at the price, and no more."""
        self.accept(request)
        self.trade(request, quantity, self.price)
        if quantity != request.quantity:
            self.open.pop(request.client_id, None)
            self.give(self.update(request, OrderState.EXPIRED, filled=quantity))
        self.end_lists()

    def end_lists(self) -> None:
        for each in self.of(Cancel):
            self.cancelled(each)


def market(able: Capabilities, *, price: int = 400_000, quantity: int = 10, **ends: Any) -> Market:
    """A position of so many lots, and its ends are accepted."""
    strategy = Guarded()
    strategy.symbol, strategy.wanted, strategy.ends = SYMBOL, None, ends or {"stop": "1%"}
    limits = Limits(currencies=("USDT",), fat_finger_size=0, max_reversals_per_min=0)
    there = Market(strategy, able=able, gate=RiskGate(lambda symbol: limits), start=False)
    there.price = price
    there.begin()
    there.want(f"0.{quantity:03}")
    there.filled(there.last, quantity)
    there.strategy.wanted = None
    for each in [request for request in there.sent if request.kind in ENDS]:
        there.accept(each)
    return there


def left_one_lot(able: Capabilities, *, price: int = 40_000, **ends: Any) -> Market:
    """The stop was met, and 9 of 10 lots were sold. At 4,000 the tenth is worth 4 USDT."""
    there = market(able, price=price, **ends)
    there.price = price * 9_875 // 10_000
    there.book()
    there.filled(next(each for each in there.sent if each.side is SELL), 9)
    assert there.position() == 1
    return there


@every([BARE, LISTS])
def test_what_is_bought_after_it_has_a_stop_of_its_own(able: Capabilities) -> None:
    there = left_one_lot(able)
    there.price = 38_000
    there.pass_time(5)
    there.want("0.010")
    entry = there.last
    assert (entry.side, entry.quantity) == (BUY, 9)
    before = len(there.sent)
    there.filled(entry, 9)
    for each in there.sent[before:]:
        there.accept(each)
    there.pass_time(10)
    after = there.sent[before:]
    assert there.guard.level == 37_818, "1 % below what the ten lots cost on average"
    assert [(each.kind, each.trigger) for each in after] == ([] if able is BARE else [(OrderKind.STOP, 37_818)])
    assert there.engine.state.rung is Rung.ACTIVE
    there.strategy.wanted, there.price = None, 37_500
    there.book()
    if able is BARE:
        assert (there.last.side, there.last.quantity) == (SELL, 10), "and it is met"


@every([BARE, LISTS])
def test_nothing_is_asked_for_it(able: Capabilities) -> None:
    there = left_one_lot(able)
    sent, told = len(there.sent), len(there.records("order.deny"))
    there.pass_time(120)
    assert len(there.sent) == sent
    assert len(there.records("order.deny")) == told
    assert there.engine.state.rung is Rung.ACTIVE


@every([BARE, LISTS])
def test_a_close_that_is_denied_as_too_little_is_tried_again_in_a_minute(able: Capabilities) -> None:
    there = left_one_lot(able, price=50_800)  # at 5,016.5 it is worth 5.02 USDT, and 0.5 % less at the collar
    there.pass_time(125)
    assert [each.fields["code"] for each in there.records("order.deny")] == ["min-notional"] * 3
    assert there.engine.state.rung is Rung.ACTIVE


def test_its_time_is_that_of_the_entry_after_it() -> None:
    there = left_one_lot(BARE, stop="1%", time_limit="30s")
    there.price = 38_000
    there.pass_time(40)
    there.want("0.010")
    there.filled(there.last, 9)
    there.strategy.wanted = None
    there.pass_time(28)
    assert there.last.side is BUY
    there.pass_time(3)
    assert (there.last.side, there.last.quantity) == (SELL, 10)


def test_a_position_that_is_too_little_for_a_while_keeps_its_stop() -> None:
    there = market(BARE, price=5_100, quantity=10, stop="10%", trail="1%")
    there.price = 5_500
    there.book()
    level = there.guard.level
    assert level == 5_450
    there.price = 4_900  # worth 4.90 USDT, and below its stop
    there.pass_time(3)
    assert there.last.side is BUY
    assert there.guard.level == level
    there.price = 5_400
    there.pass_time(2)
    assert (there.last.side, there.last.quantity) == (SELL, 10)


def test_a_small_position_that_the_venue_lets_reduce_stays_guarded() -> None:
    there = market(FUTURES, price=40_000, quantity=2, stop="1%")
    there.price = 39_800
    there.pass_time(1)
    there.want("0.001")
    there.filled(there.last, 1)
    there.strategy.wanted = None
    there.pass_time(5)
    stops = [each for each in there.engine.state.orders.working(SYMBOL) if each.request.kind is OrderKind.STOP]
    assert [(each.request.trigger, each.request.reduce_only) for each in stops] == [(39_600, True)]
    there.open.pop(stops[0].client_id)
    there.give(there.update(stops[0].request, OrderState.EXPIRED, filled=0))
    there.price = 39_000
    there.pass_time(1)
    assert (there.last.kind, there.last.side, there.last.quantity) in [
        (OrderKind.LIMIT, SELL, 1), (OrderKind.MARKET, SELL, 1)
    ]  # fmt: skip
