"""What came of a run is reckoned from its journal alone, and its sums are the journal's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.audit.chain import Record
from hoga.core.market import Side
from hoga.core.trading import FillUpdate, FundingUpdate, PositionSide, Rules, rules_of, signed, text_of
from hoga.trading import records
from hoga.trading.outcome import OutcomeBuilder
from hoga.trading.portfolio import Portfolio
from hoga.trading.ports import Write
from hoga.trading.told import Outcome, figures
from tests.trading.exchange import SYMBOL, T0, S, instrument

RULES = rules_of(instrument())
POWER = RULES.money_power


class Books:
    """A trader's books, which write the journal, and beside them the sums of whoever only reads what was traded."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.portfolio = Portfolio({rules.symbol: rules})
        self.portfolio.pass_midnight(T0)
        self.journal: list[Record] = []
        self.at = T0
        self.price = 0
        self.held = 0
        self.cash = self.fees = self.funding = 0
        self.write(records.config(rules))

    def write(self, what: Write | tuple[str, Mapping[str, Any]]) -> None:
        kind, fields = (what.kind, what.fields) if isinstance(what, Write) else what
        self.journal.append(Record(len(self.journal) + 1, self.at, self.at, 1, kind, dict(fields), b""))

    def mark(self, price: int, equity: str | None = None) -> None:
        self.at += 60 * S
        self.price = price
        fields: dict[str, Any] = {"marks": {self.rules.symbol: [price, *self.portfolio.sums(self.rules.symbol)]}, "equity": {}}
        if equity is not None:
            fields["equity"] = {"one": [self.rules.quote, equity]}
        self.write(("mark", fields))

    def fill(
        self, side: Side, quantity: int, price: int, *, fee: int = 0, id: str = "c", strategy: str = "one", maker: bool = False
    ) -> None:
        self.at += S
        symbol, fee_text = self.rules.symbol, text_of(fee, POWER)
        event = FillUpdate(
            at_ns=self.at, symbol=symbol, client_id=id, venue_id="1", trade_id=str(len(self.journal)), side=side, price=price,
            quantity=quantity, fee=fee_text, fee_currency=self.rules.quote, maker=maker, position_side=PositionSide.BOTH,
        )  # fmt: skip
        share, ended = self.portfolio.fill(strategy, event, mid=price, why="why")
        today, sums = self.portfolio.today(symbol), self.portfolio.sums(symbol)
        self.write(records.fill(id, event, share, today, sums, self.portfolio.position(symbol), late=False))
        for each in ended:
            self.write(records.round_(each, self.rules, None))
        self.price = price
        self.held += signed(side, quantity)
        self.cash -= signed(side, quantity) * price
        self.fees += fee

    def fund(self, amount: int) -> None:
        self.at += S
        self.portfolio.fund(self.rules.symbol, amount)
        self.write(
            records.funding(
                FundingUpdate(at_ns=self.at, symbol=self.rules.symbol, currency=self.rules.quote, amount=text_of(amount, POWER))
            )
        )
        self.funding += amount


def outcome(journal: Iterable[Record]) -> Outcome:
    builder = OutcomeBuilder()
    for record in journal:
        builder.feed(record)
    return builder.result()


_fills = st.tuples(st.sampled_from(Side), st.integers(1, 40), st.integers(1, 900), st.integers(0, 50), st.sampled_from(("one", "two")))
_steps = st.one_of(_fills, st.integers(-500, 500), st.integers(1, 900).map(str))


def play(books: Books, steps: list[Any]) -> None:
    for step in steps:
        if isinstance(step, tuple):
            side, quantity, price, fee, strategy = step
            books.fill(side, quantity, price, fee=fee, strategy=strategy)
        elif isinstance(step, int):
            books.fund(step)
        else:
            books.mark(int(step))


@given(st.lists(_steps, max_size=30))
def test_equity_is_start_and_what_was_won_and_the_position_is_the_sum_of_the_fills(steps: list[Any]) -> None:
    books = Books()
    books.mark(500, "1000")
    play(books, steps)
    found = outcome(books.journal)
    (whole,), (one,) = found.money, found.symbols
    assert one.held == text_of(books.held, RULES.size_power)
    net = books.cash + books.held * books.price - books.fees + books.funding
    assert (whole.net, whole.fees, whole.funding) == tuple(text_of(each, POWER) for each in (net, books.fees, books.funding))
    assert Fraction(whole.realized) + Fraction(whole.unrealized) - Fraction(whole.fees) + Fraction(whole.funding) == Fraction(whole.net)
    assert whole.start is not None
    assert whole.end is not None
    assert (Fraction(whole.start), Fraction(whole.end)) == (1000, 1000 + Fraction(whole.net))
    assert one.net == whole.net
    assert whole.net_curve[-1][1] == net or not steps


@given(st.lists(_steps, max_size=15), st.lists(_steps, max_size=15))
def test_a_later_life_begins_where_the_earlier_one_ended(before: list[Any], after: list[Any]) -> None:
    books = Books()
    books.mark(500)
    play(books, before)
    net = books.cash + books.held * 450 - books.fees + books.funding
    books.mark(450, "70")
    first = len(books.journal) - 1
    play(books, after)
    found = outcome([books.journal[0], *books.journal[first:]])
    (whole,) = found.money
    late = books.cash + books.held * books.price - books.fees + books.funding
    assert whole.net == text_of(late - net, POWER)
    assert whole.start == "70"
    assert Fraction(whole.realized) + Fraction(whole.unrealized) - Fraction(whole.fees) + Fraction(whole.funding) == Fraction(whole.net)
    assert books.held or whole.unrealized == "0"


@given(st.lists(_fills, max_size=30))
def test_a_journal_without_sums_is_reckoned_by_its_shares(fills: list[Any]) -> None:
    books = Books()
    play(books, fills)
    bare = [each._replace(fields={name: value for name, value in each.fields.items() if name != "sums"}) for each in books.journal]
    assert outcome(bare).money == outcome(books.journal).money


@given(st.lists(_fills, min_size=1, max_size=40))
def test_rounds_are_counted_as_they_are_written(fills: list[Any]) -> None:
    books = Books()
    play(books, fills)
    written = [each.fields for each in books.journal if each.kind == "round"]
    found = outcome(books.journal)
    told = found.money[0].rounds
    nets = [each["net"] for each in written]
    assert told.rounds == len(written) == found.trips_in_all == len(found.trips)
    assert told.net == text_of(sum(nets), POWER)
    assert (told.wins, told.losses) == (sum(net > 0 for net in nets), sum(net < 0 for net in nets))
    assert (told.largest_win, told.largest_loss) == (text_of(max([0, *nets]), POWER), text_of(min([0, *nets]), POWER))
    lost = -sum(net for net in nets if net < 0)
    assert told.profit_factor == (round(sum(net for net in nets if net > 0) / lost, 6) if lost else None)
    assert [each.net for each in found.trips] == [text_of(net, POWER) for net in nets]


def test_the_drawdown_is_the_furthest_below_a_former_peak() -> None:
    books = Books()
    books.mark(1_000, "10")
    books.fill(Side.BUY, 100, 1_000)
    for price in (1_500, 1_200, 1_800, 1_100, 1_700):
        books.mark(price)
    (whole,) = outcome(books.journal).money
    assert whole.drawdown == text_of(100 * 700, POWER)
    assert whole.drawdown_share == pytest.approx(float(Fraction(100 * 700) / (Fraction(10) / Fraction(10) ** POWER + 100 * 800)), abs=1e-6)
    assert (whole.drawdown_ns - whole.peak_ns) == 60 * S
    assert min(value for _, value in whole.drawdown_curve) == -100 * 700


def test_an_order_is_held_against_the_prices_that_it_was_decided_at() -> None:
    books = Books()

    def order(id: str, **more: Any) -> None:
        fields = {"id": id, "sym": SYMBOL, "side": "B", "q": 10, "p": None, "type": "market", "tif": "ioc", "role": "target", "st": "one",
                  "bid": 999, "ask": 1_001, "cause": {"src": SYMBOL, "at": books.at - 40_000}} | more  # fmt: skip
        books.write(("order.intent", fields))
        books.write(("order.sent", {"id": id, "sym": SYMBOL}))

    order("a")
    books.at += 5_000_000
    books.write(("order.ack", {"id": "a", "sym": SYMBOL, "state": "LIVE"}))
    books.fill(Side.BUY, 10, 1_003, id="a")
    books.write(("order.end", {"id": "a", "sym": SYMBOL, "state": "FILLED"}))
    order("b", side="S", type="limit", tif="gtc", role="entry")
    books.fill(Side.SELL, 4, 1_001, id="b", maker=True)
    books.write(("order.cancel", {"id": "b", "sym": SYMBOL, "state": "CANCELED"}))
    order("c", side="S", type="stop", tif="gtc", role="protect", trigger=990)
    books.fill(Side.SELL, 6, 989, id="c")
    books.write(("order.end", {"id": "c", "sym": SYMBOL, "state": "FILLED"}))
    order("d")
    books.write(("order.end", {"id": "d", "sym": SYMBOL, "state": "EXPIRED"}))
    books.write(("order.deny", {"id": "e", "code": "max-order-notional"}))
    found = outcome(books.journal)
    (one,) = found.symbols
    assert (one.taken.fills, one.taken.bp, one.taken.cost) == (1, 30.0, text_of(30, POWER))
    assert (one.made.fills, one.made.bp) == (1, -10.0)
    market, resting, stops = (found.execution[way] for way in ("at-market", "resting", "conditional"))
    assert (market.orders, market.whole, market.none) == (2, 1, 1)
    assert market.model_bp == pytest.approx(2 / 1_001 * 10_000, abs=1e-3)
    assert (resting.orders, resting.partly, resting.model_bp) == (1, 1, None)
    assert (stops.whole, stops.model_bp) == (1, pytest.approx(1 / 990 * 10_000, abs=1e-3))
    assert found.orders == {"sent": 4, "filled": 2, "canceled": 1, "expired": 1, "rejected": 0, "denied": 1, "unknown": 0, "absent": 0}
    assert found.denials == {"max-order-notional": 1}
    assert found.latency["ack"].p50 == pytest.approx(5_000_000, rel=0.1)
    assert found.latency["decide"].n == 4
    assert [trip.reason for trip in found.trips] == ["stop"]
    assert sum(count for _, count in found.slippage_bars) == 2


def test_time_in_the_market_doubts_and_the_ladder_are_told() -> None:
    books = Books()
    books.mark(100)
    books.fill(Side.BUY, 1, 100)
    books.at += 59 * S
    books.write(("data.doubt", {"sym": SYMBOL, "why": "a gap", "held": 1}))
    books.write(("data.fresh", {"sym": SYMBOL, "seconds": "2.500"}))
    books.fill(Side.SELL, 1, 100)
    books.write(("data.doubt", {"sym": SYMBOL, "why": "again", "held": 0}))
    books.write(("state", {"rung": "NO_OPEN", "was": "ACTIVE", "incident": "", "why": "stale", "cause": {"of": "stale-market"}}))
    books.at += 20 * S
    books.write(("state", {"what": "end", "left": [], "held": {}}))
    found = outcome(books.journal)
    (one,) = found.symbols
    assert (one.in_market_s, one.doubts, one.doubt_s) == (60.0, 2, 22.5)
    assert [(each.why, each.seconds) for each in found.doubts] == [("a gap", 2.5), ("again", None)]
    assert [(each.was, each.rung, each.cause) for each in found.ladder] == [("ACTIVE", "NO_OPEN", "stale-market")]
    assert found.verdict == "FLAT"


def test_a_trader_that_has_not_ended_has_no_verdict_and_one_that_holds_keeps() -> None:
    books = Books()
    books.fill(Side.BUY, 7, 100)
    assert (outcome(books.journal).verdict, outcome(books.journal).held) == ("UNKNOWN", {SYMBOL: text_of(7, RULES.size_power)})
    books.write(("state", {"what": "end", "left": [], "held": {f"{SYMBOL}/both": 7}}))
    assert (outcome(books.journal).verdict, outcome(books.journal).held) == ("KEPT", {SYMBOL: text_of(7, RULES.size_power)})


def test_two_currencies_stand_apart_and_fees_in_a_third_are_told_as_they_were_paid() -> None:
    books = Books()
    other = msgspec.structs.replace(RULES, symbol="two:KRW-ETH", base="ETH", quote="KRW", settle="KRW")
    books.mark(100)
    books.fill(Side.BUY, 1, 100, fee=3)
    beside = Books(other)
    beside.mark(100)
    beside.fill(Side.BUY, 2, 100)
    beside.mark(150)
    beside.write(
        ("order.fill", {"sym": other.symbol, "p": 150, "q": 1, "side": "B", "fee": "0.0123", "fee_in": "BNB", "sums": [3, 350, 0, 0, 0]})
    )
    found = outcome([*books.journal, *beside.journal])
    assert [(each.currency, each.net) for each in found.money] == [("USDT", text_of(-3, POWER)), ("KRW", text_of(100, other.money_power))]
    assert found.paid_fees == {"BNB": "0.0123", "KRW": "0", "USDT": text_of(3, POWER)}
    assert figures(found)["currency"] == "USDT"


def test_what_is_kept_is_bounded_and_what_is_best_and_worst_stays() -> None:
    books = Books()
    books.mark(100, "1000")
    for number in range(3_000):
        price = 100 if number not in (5, 7) else (900 if number == 5 else 1)
        books.fill(Side.BUY, 1, 100)
        books.fill(Side.SELL, 1, price)
        books.write(("data.doubt", {"sym": SYMBOL, "why": str(number)}))
        books.write(("order.deny", {"id": "x", "code": f"code-{number}"}))
    found = outcome(books.journal)
    assert found.trips_in_all == 3_000
    assert 1_000 < len(found.trips) <= 1_500
    nets = [float(trip.net) for trip in found.trips]
    assert (max(nets), min(nets)) == (800 * 10.0**POWER, -99 * 10.0**POWER)
    assert len(found.doubts) == 500
    assert len(found.denials) == 201
    assert len(found.money[0].net_curve) <= 1_600
    assert len(found.symbols[0].fill_marks) <= 1_000


def test_conditions_are_of_all_strategies_and_starts() -> None:
    books = Books()
    for checks in ({"trend": [1, 1, 0, 0]}, {"trend": [10, 4, 6, 2], "volume": [4, 1, 3, 3]}):
        books.write(("check", {"st": "one", "checks": checks}))
    books.write(("check", {"st": "two", "checks": {"trend": [2, 1, 1, 1]}}))
    books.write(("boot", {"mode": "paper"}))
    books.write(("check", {"st": "one", "checks": {"trend": [3, 3, 0, 0]}}))
    assert outcome(books.journal).checks == {"trend": [15, 8, 7, 3], "volume": [4, 1, 3, 3]}


def test_paper_stands_beside_what_was_really_filled() -> None:
    books = Books()
    for worse, later in ((2, 40.0), (-1, 10.0), (0, -5.0)):
        fields = {
            "sym": SYMBOL,
            "side": "S",
            "q": 3,
            "paper": 1_000 - worse,
            "real": 1_000,
            "worse_bp": f"{worse * 10:.2f}",
            "later_ms": f"{later}",
        }
        books.write(("shadow.fill", fields))
    books.write(("shadow.alone", {"sym": SYMBOL, "side": "S", "q": 1, "p": 999, "on": "real"}))
    found = outcome(books.journal).shadow
    assert found is not None
    assert (found.pairs.fills, found.pairs.cost, found.pairs.worst_bp) == (3, text_of(3, POWER), 20.0)
    assert found.pairs.bp == pytest.approx(10 / 3, abs=1e-3)
    assert (found.later_ms, found.alone_on_paper, found.alone_in_reality) == (10.0, 0, 1)
    books.write(("shadow.end", {"paired": 3, "only_paper": 2, "only_real": 1}))
    books.write(("shadow.alone", {"sym": SYMBOL, "side": "S", "q": 1, "p": 999, "on": "paper"}))
    later = outcome(books.journal).shadow
    assert later is not None
    assert (later.alone_on_paper, later.alone_in_reality) == (3, 1)


def test_what_an_exit_came_to_is_the_verdict_of_its_start_alone() -> None:
    books = Books()
    books.write(("boot", {"mode": "live"}))
    books.write(("emergency.end", {"verdict": "FLAT_WITH_DUST"}))
    books.write(("state", {"what": "end", "left": [], "held": {SYMBOL + "/both": 1}}))
    assert outcome(books.journal).verdict == "FLAT_WITH_DUST"
    books.at += S
    books.write(("boot", {"mode": "live"}))
    books.write(("state", {"what": "end", "left": [], "held": {}}))
    assert outcome(books.journal).verdict == "FLAT"


def test_nonsense_in_records_raises_nothing() -> None:
    kinds = (
        "order.fill",
        "order.intent",
        "order.sent",
        "order.ack",
        "state",
        "check",
        "config",
        "balance",
        "funding",
        "data.fresh",
        "boot",
    )
    junk = [Record(number, T0, None, 0, kind, {"id": "x"}, b"") for number, kind in enumerate(kinds)]
    assert outcome(junk).fills == 0
