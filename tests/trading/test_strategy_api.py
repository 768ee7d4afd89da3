"""What a strategy may ask for, and what it is called for: bars of several intervals, sessions, conditions, data of its choice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.errors import ConfigError
from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketBar, MarketBars, MarketDepth, MarketTrade
from hoga.trading.bars import Bar
from hoga.trading.conditions import MOST_CONDITIONS, Conditions
from hoga.trading.ports import ReadBars, Tell
from hoga.trading.sessions import Session
from hoga.trading.strategy import Setup, Strategy
from tests.trading.exchange import FUTURES, SYMBOL, T0, Exchange, S

M = 60 * S
H = 60 * M


class Asks(Strategy):
    """Asks for what the test says, and keeps what it is called for."""

    symbol = SYMBOL

    def __init__(self, *asks: Any, symbols: tuple[str, ...] = ()) -> None:
        self.asks = asks
        self.symbols = symbols
        self.heard: list[tuple[Any, ...]] = []

    def setup(self, m: Setup) -> None:
        self.got = [ask(m) for ask in self.asks]


class OnBar(Asks):
    """…bars, and how all of its series stood then."""

    def on_bar(self, bar: Bar) -> None:
        self.heard.append((bar.interval, bar.start_ns, [len(each) for each in self.got], [each[-1].end_ns for each in self.got]))

    def on_revise(self, bar: Bar) -> None:
        self.heard.append(("revised", bar.start_ns, bar.high_))


def trade(there: Exchange, at_ns: int, price: int = 600_000, number: int = 1, symbol: str = SYMBOL) -> None:
    there.now = max(there.now, at_ns)
    there.give(MarketTrade(symbol=symbol, at_ns=there.now, event_ns=at_ns, price=price, size=1, taker=Side.BUY, trade_id=number))


def bars_of(there: Exchange, ask: ReadBars, *, count: int, at_ns: int | None = None, oldest: bool = True, **more: Any) -> None:
    """What the venue answers: the latest bars."""
    now = there.now if at_ns is None else at_ns
    begin = now - now % ask.interval_ns
    bars = tuple(
        MarketBar(
            symbol=ask.symbol, at_ns=0, interval_ns=ask.interval_ns, start_ns=begin - back * ask.interval_ns, open=600_000, high=600_000,
            low=600_000, close=600_000, volume=1,
        )
        for back in range(count, 0, -1)
    )  # fmt: skip
    event = MarketBars(symbol=ask.symbol, at_ns=there.now, interval_ns=ask.interval_ns, asked_ns=now, bars=bars, oldest=oldest)
    there.give(msgspec.structs.replace(event, **more))


def test_bars_that_close_at_one_instant_are_all_closed_before_the_first_is_told_and_the_shortest_comes_first() -> None:
    """By a trade at one boundary, by time at the next."""
    strategy = OnBar(
        lambda m: m.bars(SYMBOL, "1h", history=2), lambda m: m.bars(SYMBOL, "1m", history=3), lambda m: m.bars(SYMBOL, "15m", history=2)
    )
    there = Exchange(strategy)
    hour = T0 - T0 % H + H
    there.now = hour - 10 * S
    for ask in there.of(ReadBars):
        bars_of(there, ask, count=ask.count, at_ns=hour - H, exact=True)
    for minute in range(61):
        trade(there, hour - H + minute * M, 600_000 + minute, minute + 1)
    assert [each[0] for each in strategy.heard[-3:]] == ["1m", "15m", "1h"]
    assert {tuple(each[3]) for each in strategy.heard[-3:]} == {(hour, hour, hour)}
    strategy.heard.clear()
    there.now = hour + H
    there.pass_time(1, books=False)
    assert [each[0] for each in strategy.heard[-3:]] == ["1m", "15m", "1h"]
    assert {tuple(each[3]) for each in strategy.heard[-3:]} == {(hour + H, hour + H, hour + H)}
    assert [each[0] for each in strategy.heard].count("1m") == 60, "a minute without a trade is a flat bar"


def test_it_waits_until_each_interval_has_the_history_asked_for_and_says_what_is_missing() -> None:
    strategy = OnBar(lambda m: m.bars(SYMBOL, "1m", history=3), lambda m: m.bars(SYMBOL, "4h", history=200))
    there = Exchange(strategy)
    short, long = there.of(ReadBars)
    assert (short.interval_ns, long.interval_ns, long.count) == (M, 4 * H, 202)
    bars_of(there, short, count=5, oldest=False)
    bars_of(there, long, count=57, oldest=False)
    assert there.engine.waits_for == [f"{SYMBOL} 4h 57/200 bars"]
    trade(there, there.now)
    trade(there, there.now + M)
    trade(there, there.now + M)
    assert strategy.heard == []
    there.pass_time(1)
    assert f"no bars are handed out yet: waiting for {SYMBOL} 1m 0/3 bars, {SYMBOL} 4h 57/200 bars" in [
        each.text for each in there.of(Tell)
    ]
    for ask in there.of(ReadBars, there.pass_time(10)):
        bars_of(there, ask, count=ask.count)
    assert there.engine.waits_for == []
    there.now += M
    there.pass_time(1)
    assert {each[0] for each in strategy.heard} == {"1m"}
    told = [(each.fields["interval"], each.fields["ready"], each.fields["have"]) for each in there.records("bars")]
    assert {each[0]: each[1:] for each in told} == {"1m": (True, 3), "4h": (True, 200)}


def test_a_venue_that_has_no_more_is_taken_at_its_word() -> None:
    strategy = OnBar(lambda m: m.bars(SYMBOL, "1m", history=200))
    there = Exchange(strategy)
    bars_of(there, there.of(ReadBars)[0], count=7, oldest=True)
    assert there.engine.waits_for == []
    assert "7 bars up to" in there.of(Tell)[-1].text
    assert "the venue has no more of the 200 asked for" in there.of(Tell)[-1].text


def test_what_is_missing_is_asked_for_ever_more_seldom() -> None:
    there = Exchange(OnBar(lambda m: m.bars(SYMBOL, "1m", history=3)))
    asks = []
    for second in range(200):
        if there.of(ReadBars, there.pass_time(1)):
            asks.append(second)
    assert asks == [1, 5, 13, 29, 61, 125, 189]


def test_a_bar_that_began_before_us_is_handed_out_once_the_venue_has_told_it() -> None:
    """All that closed at that instant, the shortest first; not a second time, and not when it is old."""
    strategy = OnBar(lambda m: m.bars(SYMBOL, "5m", history=3), lambda m: m.bars(SYMBOL, "1m", history=3))
    there = Exchange(strategy)
    for ask in there.of(ReadBars):
        bars_of(there, ask, count=6)
    assert there.engine.waits_for == []
    five = there.now - there.now % (5 * M) + 5 * M
    trade(there, five - M - 1)
    trade(there, five - M + 1, number=2)
    bars_of(there, there.of(ReadBars)[1], count=6)
    strategy.heard.clear()
    trade(there, five + 1, number=3)
    assert strategy.heard == [], "the five minutes began before us, and the minute waits for them"
    (ask,) = there.of(ReadBars, there.pass_time(1))
    assert ask.interval_ns == 5 * M
    bars_of(there, ask, count=6)
    assert [(each[0], each[3]) for each in strategy.heard] == [("1m", [five, five]), ("5m", [five, five])]
    bars_of(there, ask, count=6)
    assert len(strategy.heard) == 2


def test_late_trades_revise_and_are_told_within_a_second() -> None:
    strategy = OnBar(lambda m: m.bars(SYMBOL, "1m", history=1))
    there = Exchange(strategy)
    begin = there.now - there.now % M + M
    for minute in range(4):
        trade(there, begin + minute * M, number=minute + 1)
    strategy.heard.clear()
    trade(there, begin + 2 * M + 5, 700_000, number=9)
    trade(there, begin + 2 * M + 6, 710_000, number=10)
    assert strategy.heard == []
    there.pass_time(1)
    assert strategy.heard == [("revised", begin + 2 * M, 710_000)]
    (record,) = there.records("bar.revise")
    assert record.fields == {
        "sym": SYMBOL, "interval": "1m", "start": begin + 2 * M, "bar": [600_000, 710_000, 600_000, 710_000, 3], "rev": 2
    }  # fmt: skip


def test_own_bars_that_the_venue_tells_otherwise_are_told_and_counted() -> None:
    strategy = OnBar(lambda m: m.bars(SYMBOL, "1m", history=9))
    there = Exchange(strategy)
    bars_of(there, there.of(ReadBars)[0], count=9, exact=True, at_ns=there.now - there.now % M)
    begin = there.now - there.now % M
    for minute in range(8):
        trade(there, begin + minute * M, 600_000 + (minute == 3), number=minute + 1)
    there.pass_time(10)
    ask = there.of(ReadBars)[-1]
    assert ask.count == 8, "six bars were closed when it was asked"
    bars_of(there, ask, count=9)
    (record,) = there.records("bar.check")
    assert record.fields["own"] == [600_001] * 4 + [1]
    assert record.fields["venue"] == [600_000] * 4 + [1]
    assert "1 of 7 bars are not what the venue says of them" in there.of(Tell)[-1].text


def test_bars_are_made_of_candles_where_nothing_else_was_recorded() -> None:
    strategy = OnBar(lambda m: m.bars(SYMBOL, "1m", history=2), lambda m: m.bars(SYMBOL, "5m", history=1))
    there = Exchange(strategy)
    for ask in there.of(ReadBars):
        there.give(MarketBars(symbol=SYMBOL, at_ns=there.now, interval_ns=ask.interval_ns, asked_ns=there.now, bars=(), oldest=True))
    begin = there.now - there.now % (5 * M) + 5 * M
    for minute in range(10):
        there.now = begin + (minute + 1) * M
        there.give(
            MarketBar(
                symbol=SYMBOL, at_ns=there.now, interval_ns=M, start_ns=begin + minute * M, open=1, high=2, low=1, close=2, volume=1
            )
        )  # fmt: skip
    assert [each[0] for each in strategy.heard] == ["1m", "5m", "1m", "1m", "1m", "1m", "1m", "5m"]


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda m: m.bars(SYMBOL, "7m"), "'7m' does not divide a day; one has 1m, 1h, 4h"),
        (lambda m: m.bars(SYMBOL, "often"), "is no interval; expected a number and one of s, m, h, d, w, as 1m; one has 1m, 1h, 4h"),
        (lambda m: m.bars(SYMBOL, "2h"), "one has no bars of 2h; there are 1m, 1h, 4h"),
        (lambda m: m.bars("one:NOSUCH"), "'one:NOSUCH' is not traded here; there are one:BTCUSDT"),
        (lambda m: m.bars(SYMBOL, history=10**9), "expected a number of bars from 1 to 20,000"),
        (lambda m: m.bars(SYMBOL, "1h", day="KST"), "begins at no midnight"),
        (lambda m: m.book("one:NOSUCH"), "is not traded here"),
        (lambda m: m.timer(0), "expected seconds above 0"),
        (lambda m: m.session("Nowhere", "09:00", "10:00"), "is no time zone"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(ask: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        Exchange(Asks(ask), able=msgspec.structs.replace(FUTURES, intervals=(M, H, 4 * H)))
    assert "\n" not in str(caught.value)


class Hears(Asks):
    """…books and trades."""

    def on_book(self, book: Any) -> None:
        self.heard.append(("book", book.symbol, len(book.bids)))

    def on_trade(self, trade: Any) -> None:
        self.heard.append(("trade", trade.symbol))


OTHER = "one:ETHUSDT"
ALWAYS = {DataType.ORDERBOOK, DataType.MARK_PRICE}


def depth(there: Exchange, symbol: str) -> None:
    levels = (("60000.0", "1"), ("59999.9", "1"))
    there.give(
        MarketDepth(symbol=symbol, at_ns=there.now, bid=600_000, bid_size=9, ask=600_010, ask_size=9, bids=levels, asks=(("60001.0", "1"),))
    )


@pytest.mark.parametrize(
    ("strategy", "wanted", "heard"),
    [
        (Asks(), [set(), set()], []),
        (Asks(lambda m: m.bars(OTHER)), [set(), {DataType.TRADE}], []),
        (Hears(), [{DataType.TRADE, DataType.QUOTE}] * 2, ["top", "top", "depth", "depth", "trade", "trade"]),
        (Hears(lambda m: m.book(SYMBOL)), [{DataType.TRADE}, {DataType.TRADE}], ["depth", "trade", "trade"]),
        (Hears(lambda m: m.quotes(OTHER), lambda m: m.trades(SYMBOL)), [{DataType.TRADE}, {DataType.QUOTE}], ["top", "depth", "trade"]),
        (Hears(Setup.book, lambda m: m.trades(OTHER), lambda m: m.bars(SYMBOL)), [{DataType.TRADE}] * 2, ["depth", "depth", "trade"]),
    ],
    ids=["nothing", "bars", "hooks alone", "one book", "quotes", "all of them"],
)  # fmt: skip
def test_what_is_subscribed_is_what_is_asked_for_and_hooks_hear_no_more_than_that(
    strategy: Asks, wanted: list[set[DataType]], heard: list[str]
) -> None:
    strategy.symbols = (SYMBOL, OTHER)
    strategy.heard = []
    there = Exchange(strategy, symbols=("BTCUSDT", "ETHUSDT"))
    assert there.engine.wanted == {SYMBOL: ALWAYS | wanted[0], OTHER: ALWAYS | wanted[1]}
    strategy.heard.clear()
    for symbol in (SYMBOL, OTHER):
        there.book(symbol=symbol)
        depth(there, symbol)
        trade(there, there.now, symbol=symbol)
    names = ["trade" if each[0] == "trade" else "depth" if each[2] == 2 else "top" for each in strategy.heard]
    assert sorted(names) == sorted(heard)


def test_a_book_that_was_asked_for_is_there_with_its_levels_for_who_has_no_hook() -> None:
    strategy = Asks(lambda m: m.book(SYMBOL))
    there = Exchange(strategy)
    depth(there, SYMBOL)
    assert [str(price) for price, _ in strategy.book().bids] == ["60000.0", "59999.9"]
    assert str(strategy.price_down("60000.19")) == "60000.1"
    assert str(strategy.price_up("60000.11")) == "60000.2"
    assert str(strategy.price_up("60000.1")) == "60000.1"


class Sessions(Asks):
    """…when its session begins and ends."""

    def on_session(self, session: Session) -> None:
        self.heard.append((session.zone, session.open, self.now_ns))

    def on_timer(self, now_ns: int) -> None:
        self.heard.append(("timer", self.got[0].open, now_ns))


def test_a_session_is_told_at_its_begin_and_its_end_and_is_open_at_the_events_stamp() -> None:
    """T0 is a Friday, 08:00 UTC."""
    strategy = Sessions(lambda m: m.session("UTC", "09:00", "09:30", days="Mon-Fri"), lambda m: m.timer(1200))
    there = Exchange(strategy)
    there.now = T0 - T0 % H + 3 * H
    there.pass_time(1)
    nine = T0 - T0 % H + H
    assert [each for each in strategy.heard if each[0] == "UTC"] == [("UTC", True, nine), ("UTC", False, nine + 30 * M)]
    assert [each[1] for each in strategy.heard if each[0] == "timer"] == [
        nine <= T0 + turn * 1200 * S < nine + 30 * M for turn in range(1, 10)
    ]


# -- conditions ----------------------------------------------------------------------------------------------------------


def test_conditions_are_counted_by_decision() -> None:
    counts = Conditions()
    for decision, (trend, volume) in enumerate([(True, True), (False, True), (False, False), (True, False)]):
        assert counts.check("trend", trend, decision) is trend
        counts.check("volume", volume, decision)
    assert counts.told() == {"trend": [4, 2, 2, 1], "volume": [4, 2, 1, 1]}
    assert not counts.is_news


def test_a_name_that_never_ends_is_bounded() -> None:
    counts = Conditions()
    for number in range(MOST_CONDITIONS + 50):
        assert not counts.check(f"price {number}", False, number)
    assert len(counts.told()) == MOST_CONDITIONS


class Checks(Asks):
    """…only where its conditions hold."""

    def on_book(self, book: Any) -> None:
        spread = self.check("narrow", book.spread < 2)
        if spread and self.check("cheap", book.ask < 50_000):
            self.target(self.symbol, "0.01")


def test_conditions_stand_in_the_journal_each_ten_minutes_and_at_the_end() -> None:
    strategy = Checks()
    there = Exchange(strategy)
    before = len(there.records("check"))
    there.pass_time(1300)
    assert len(there.records("check")) - before == 2
    there.book(bid=600_000, ask=600_100)
    there.stop()
    counts = there.records("check")[-1].fields
    many = counts["checks"]["cheap"][0]
    assert many > 1300
    assert counts == {"st": f"Checks/{SYMBOL}", "checks": {"narrow": [many + 1, many, 1, 1], "cheap": [many, 0, many, many]}}
