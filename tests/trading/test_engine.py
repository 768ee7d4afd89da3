"""The engine against a venue in memory: from a wish to an order, a fill, a position, and an end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.errors import ConfigError
from hoga.core.ticks import MarketBar, MarketBars
from hoga.core.trading import CancelSent, OrderAccepted, OrderState, StreamUpdate
from hoga.trading.bars import Bar
from hoga.trading.engine import Restored
from hoga.trading.limits import Limits
from hoga.trading.ports import Cancel, Denial, Done, ReadBars, Send, Tell, Write
from hoga.trading.risk import RiskGate
from hoga.trading.strategy import BookView, Setup, Strategy
from tests.trading.exchange import BUY, SELL, SPOT, SYMBOL, VENUE, Exchange, Holds, S, holds


def test_a_target_becomes_an_order_a_fill_and_a_position() -> None:
    there = Exchange(holds("0.010"))
    (request,) = there.sent
    assert (request.side, request.quantity, request.symbol) == (BUY, 10, SYMBOL)
    there.fill(request)
    assert there.position() == 10
    assert len(there.sent) == 1


def test_the_record_of_an_order_stands_before_it() -> None:
    there = Exchange(holds("0.010"))
    kinds = [each.kind if isinstance(each, Write) else type(each).__name__ for each in there.effects]
    place = kinds.index("Send")
    assert kinds[place - 1] == "order.intent"
    assert kinds[place + 1] == "order.sent"


def test_a_wish_that_is_repeated_while_its_order_is_on_its_way_sends_nothing() -> None:
    there = Exchange(holds("0.010"))
    for _ in range(20):
        there.book()
    assert len(there.sent) == 1
    there.accept(there.last)
    there.trade(there.last, 4)
    for _ in range(20):
        there.book()
    assert len(there.sent) == 1
    there.trade(there.last, 6)
    assert there.position() == 10


class Flips(Strategy):
    """Wants the other side at every book."""

    symbol = SYMBOL
    wants = 10

    def on_book(self, book: BookView) -> None:
        self.wants = -self.wants
        self.target(self.symbol, f"{self.wants / 1000}", why="flip")


def test_a_target_that_flips_at_every_book_is_bounded_with_a_reason_of_its_own() -> None:
    limits = Limits(currencies=("USDT",), max_reversals_per_min=5)
    there = Exchange(Flips(), gate=RiskGate({SYMBOL: limits}.get))
    known = 0
    for _ in range(300):
        there.now += S // 10
        there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=True, missed=False))
        there.book()
        while known < len(there.sent):
            there.fill(there.sent[known])
            known += 1
    denied = [each.fields["code"] for each in there.records("order.deny")]
    assert set(denied) == {"max-reversals-per-min"}
    assert len(there.sent) <= 8, "one opening, five turns of it, and its closing"
    assert there.position() == 0, "what was held is let go, and nothing is opened"
    sent = len(there.sent)
    there.pass_time(65)
    assert len(there.sent) > sent, "a minute later it is opened again"


def test_what_an_ioc_leaves_over_is_asked_for_again() -> None:
    there = Exchange(holds("0.010"))
    first = there.last
    there.accept(first)
    there.trade(first, 4)
    there.open.pop(first.client_id)
    there.give(there.update(first, OrderState.EXPIRED, filled=4))
    assert [each.quantity for each in there.sent] == [10, 6]
    there.fill(there.last)
    assert there.position() == 10


def test_a_stop_cancels_entries_and_ends() -> None:
    strategy = holds()
    there = Exchange(strategy)
    name = there.do(lambda: strategy.limit(SYMBOL, "buy", "0.010", "59000", why="test"))
    there.accept(there.last)
    assert there.stop() is None
    (cancel,) = there.of(Cancel)
    assert cancel.client_id == name
    there.cancelled(cancel)
    (done,) = there.of(Done)
    assert done.clean
    assert there.records("state")[-1].fields["held"] == {}


def test_a_standing_target_leaves_the_strategys_own_resting_orders_alone() -> None:
    strategy = holds("0.010")
    there = Exchange(strategy)
    there.fill(there.last)
    there.do(lambda: strategy.limit(SYMBOL, "sell", "0.005", "70000"))
    there.accept(there.last)
    there.pass_time(5)
    assert not there.of(Cancel)
    assert len(there.of(Send)) == 2


def test_one_strategy_that_raises_is_quarantined_alone() -> None:
    bad, good = holds("0.010"), holds("0.010", "one:ETHUSDT")
    there = Exchange(bad, good, symbols=("BTCUSDT", "ETHUSDT"))
    bad.on_book = lambda book: 1 / 0  # type: ignore[method-assign, assignment]
    there.book()
    assert any(each.fields.get("what") == "quarantined" for each in there.records("state"))
    good.wanted = "0.020"
    there.fill(there.sent[1])
    there.book(symbol="one:ETHUSDT")
    assert there.last.symbol == "one:ETHUSDT"
    assert there.last.quantity == 10
    assert not there.engine.instances[1].quarantined


def test_a_position_is_turned_by_one_order() -> None:
    strategy = holds("0.010")
    there = Exchange(strategy)
    there.fill(there.last)
    strategy.wanted = "-0.010"
    there.book()
    assert (there.last.side, there.last.quantity, there.last.reduce_only) == (SELL, 20, False)
    there.fill(there.last)
    assert there.position() == -10


def test_an_answer_that_tells_the_end_before_the_fills_makes_no_second_order() -> None:
    """As spot answers: the order is FILLED, and behind that stand its trades."""
    there = Exchange(holds("0.010"), able=SPOT)
    (request,) = there.sent
    fill = there.trade(request, 10, told=False)
    done = there.update(request, OrderState.FILLED, filled=10, venue_id="1", execution="")
    there.give(OrderAccepted(at_ns=there.now, client_id=request.client_id, symbol=SYMBOL, order=done, fills=(fill,)))
    there.pass_time(3)
    assert there.position() == 10
    assert len(there.sent) == 1


@pytest.mark.parametrize(
    "state, filled, executed",
    [
        (OrderState.FILLED, 10, 10),
        (OrderState.FILLED, None, 10),
        (OrderState.CANCELED, 4, 4),
        (OrderState.EXPIRED, 0, 0),
        (OrderState.CANCELED, None, None),
    ],
)
def test_the_record_of_an_end_holds_what_the_venue_says_was_filled(state: OrderState, filled: int | None, executed: int | None) -> None:
    there = Exchange(holds("0.010"))
    (request,) = there.sent
    there.accept(request)
    there.give(there.update(request, state, filled=filled))
    ends = [each.fields for kind in ("order.end", "order.cancel") for each in there.records(kind) if "executed" in each.fields]
    assert [(each["state"], each["filled"], each["executed"]) for each in ends] == [(state.value.upper(), 0, executed)]


def test_the_record_of_an_end_that_its_fills_made_holds_them() -> None:
    there = Exchange(holds("0.010"))
    there.fill(there.last)
    (end,) = there.records("order.end")
    assert (end.fields["filled"], end.fields["executed"]) == (10, 10)


def test_the_record_of_a_cancel_that_says_nothing_more_knows_nothing_of_what_was_filled() -> None:
    there = Exchange(holds("0.010"))
    (request,) = there.sent
    there.accept(request)
    there.give(CancelSent(at_ns=there.now, client_id=request.client_id, symbol=SYMBOL, final=True))
    ends = [each.fields for each in there.records("order.cancel") if "executed" in each.fields]
    assert [(each["state"], each["executed"]) for each in ends] == [("CANCELED", None)]


def test_a_trade_that_is_listed_before_its_orders_answer_came_is_its_orders() -> None:
    """Listings name the venue's own ids only: as long as an order has none, a trade may be its."""
    there = Exchange(holds("0.010"))
    (request,) = there.sent
    listed = msgspec.structs.replace(there.trade(request, 10, told=False), client_id="", venue_id="77")
    there.fills = [listed]
    there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=True, missed=True))
    assert there.position() == 0
    there.give(OrderAccepted(at_ns=there.now, client_id=request.client_id, symbol=SYMBOL))
    there.give(there.update(request, OrderState.FILLED, filled=10, venue_id="77"))
    there.pass_time(3)
    assert there.position() == 10
    assert there.engine.state.portfolio.adopted == {}
    assert len(there.sent) == 1
    assert there.records("recon.mismatch") == []


def test_what_is_missing_after_a_fee_was_taken_off_the_coins_is_asked_for_once_a_minute() -> None:
    strategy = holds("0.010")
    there = Exchange(strategy, able=SPOT)
    there.gate.deny = lambda request, view: Denial(code="min-notional") if (request.quantity or 0) < 2 else None
    there.fill(there.sent[0], 9)
    there.give(there.update(there.sent[0], OrderState.EXPIRED, filled=9))
    there.pass_time(59)
    assert len(there.records("order.deny")) == 1
    there.pass_time(60)
    assert len(there.records("order.deny")) == 2
    strategy.wanted = "0.020"
    there.book()
    assert there.last.quantity == 11


class Mean(Holds):
    """Trades on the mean of three minutes."""

    def setup(self, m: Setup) -> None:
        self.mean = m.bars(self.symbol, "1m").sma(3)
        self.seen: list[float] = []

    def on_bar(self, bar: Bar) -> None:
        self.seen.append(float(self.mean))


def test_bars_of_before_are_asked_for_until_there_are_enough_and_on_bar_waits_for_them() -> None:
    strategy = Mean()
    there = Exchange(strategy)
    (ask,) = there.of(ReadBars)
    assert (ask.symbol, ask.interval_ns) == (SYMBOL, 60 * S)
    there.pass_time(3)
    assert len(there.of(ReadBars)) > 1
    minute = there.now - there.now % (60 * S)
    bars = tuple(
        MarketBar(
            symbol=SYMBOL, at_ns=0, interval_ns=60 * S, start_ns=minute - back * 60 * S, open=9, high=9, low=9, close=600_000, volume=1
        )
        for back in (3, 2, 1)
    )  # fmt: skip
    there.give(MarketBars(symbol=SYMBOL, at_ns=there.now, interval_ns=60 * S, asked_ns=there.now, bars=bars, oldest=True))
    asked = len(there.of(ReadBars))
    there.pass_time(5)
    assert len(there.of(ReadBars)) == asked
    assert strategy.mean.ready
    assert strategy.seen == []


def test_a_strategy_that_ends_the_program_ends_itself_only() -> None:
    bad = holds("0.010")
    there = Exchange(bad)

    def leave(book: object) -> None:
        raise SystemExit(7)

    bad.on_book = leave  # type: ignore[method-assign, assignment]
    there.book()
    assert there.engine.instances[0].quarantined


def test_a_setup_that_raises_is_one_line() -> None:
    bad = holds("0.010")

    def fail(m: object) -> None:
        raise RuntimeError("two\nlines")

    bad.setup = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(ConfigError, match="raised in setup: RuntimeError: two lines"):
        Exchange(bad)


def test_the_peak_and_the_losses_in_a_row_outlive_a_restart() -> None:
    there = Exchange(holds(), start=False)
    found = Restored(orders=[], shares=[], trades={}, days={}, powers={}, since_ns=0, losses={SYMBOL: 3}, peaks={VENUE: 5 * 10**13})
    assert there.engine.restore(found, there.now) == []
    there.begin()
    day = there.engine.state.day(SYMBOL)
    assert (day.losses, day.total, day.peak) == (3, 0, 50 * 10_000), "50 USDT, in the money of the symbol"
    (mark, *_) = there.records("mark")
    assert mark.fields["peaks"] == {VENUE: 5 * 10**13}


class Asks(Holds):
    """Can order what the test says, too."""


@pytest.mark.parametrize(
    ("side", "quantity", "price", "code"),
    [
        ("buy", ["0.01"], "60000", "no-number"),
        ("buy", (0, (1,), 0), "60000", "no-number"),
        ("buy", {}, "60000", "no-number"),
        ("buy", None, "60000", "no-number"),
        ("buy", "1e999999999", "60000", "quantity"),
        (["buy"], "0.01", "60000", "bad-side"),
        ("hold", "0.01", "60000", "bad-side"),
        (None, "0.01", "60000", "bad-side"),
        ("buy", "0.01", ["60000"], "off-tick"),
    ],
)
def test_what_is_no_order_is_denied_with_a_code(side: Any, quantity: Any, price: Any, code: str) -> None:
    strategy = Asks()
    there = Exchange(strategy)
    assert there.do(lambda: strategy.limit(SYMBOL, side, quantity, price)) == ""
    assert [each.fields["code"] for each in there.records("order.deny")] == [code]
    assert not there.engine.instances[0].quarantined
    assert not there.sent


@pytest.mark.parametrize("quantity", [["0.01"], (0, (1,), 0), {"a": 1}, None, object()])
def test_a_target_that_is_no_number_is_denied(quantity: Any) -> None:
    strategy = Asks()
    there = Exchange(strategy)
    there.do(lambda: strategy.target(SYMBOL, quantity))
    assert [each.fields["code"] for each in there.records("order.deny")] == ["no-number"]
    assert not there.engine.instances[0].quarantined


@pytest.mark.parametrize("quantity", ["0.0004", "-0.0009", 0.0004])
def test_a_target_of_less_than_a_lot_is_told_once(quantity: Any) -> None:
    strategy = Asks()
    there = Exchange(strategy)
    for _ in range(3):
        there.do(lambda: strategy.target(SYMBOL, quantity))
    assert [(each.fields["code"], each.fields["limit"]) for each in there.records("order.deny")] == [("too-small", "0.001")]
    assert not there.sent


@pytest.mark.parametrize("side", ["BUY", "Buy", "buy", BUY])
def test_a_side_may_be_written_in_capitals(side: Any) -> None:
    strategy = Asks()
    there = Exchange(strategy)
    assert there.do(lambda: strategy.limit(SYMBOL, side, "0.01", "59900"))
    assert there.last.side is BUY


def test_a_side_of_a_size_that_is_none_ends_that_instance_alone_with_words() -> None:
    asks, other = Asks(), holds("0.010")
    there = Exchange(asks, other)
    asks.todo.append(lambda: asks.size(SYMBOL, risk="1%", stop="59000", side=["buy"]))  # type: ignore[arg-type]
    there.book()
    assert [each.quarantined for each in there.engine.instances] == [True, False]
    (fell,) = [each for each in there.records("state") if each.fields.get("what") == "quarantined"]
    assert "is no side; expected buy or sell" in fell.fields["why"]


def test_denials_are_told_once_a_minute_with_their_count() -> None:
    strategy = Asks()
    there = Exchange(strategy)
    for _ in range(5):
        there.do(lambda: strategy.target(SYMBOL, "x"))
    said = [each.text for each in there.of(Tell) if "denied" in each.text]
    assert said == ["Asks/one:BTCUSDT: an order is denied: no-number found 'x' is no number"]
    there.pass_time(61)
    said = [each.text for each in there.of(Tell) if "denied" in each.text]
    assert said[1:] == ["Asks/one:BTCUSDT: 4 more orders were denied in a minute: no-number"]
    there.pass_time(120)
    assert len([each for each in there.of(Tell) if "denied" in each.text]) == 2
    there.do(lambda: strategy.target(SYMBOL, "x"))
    assert len([each for each in there.of(Tell) if "denied" in each.text]) == 3
