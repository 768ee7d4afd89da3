"""Bars from trades: closed by event time, contiguous, and figures over them as a plain reckoning gives them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.ticks import MarketBar, MarketBars, MarketTrade
from hoga.core.trading import rules_of
from hoga.trading.bars import GRACE_NS, MOST_BARS, Bar, BarSeries
from hoga.trading.intervals import interval_ns
from tests.trading.exchange import SYMBOL, S, instrument

M = 60 * 10**9
RULES = rules_of(instrument())
BEGIN = 1_800_000_000 * 10**9 // M * M


def series(history: int = 50, interval: str = "1m") -> BarSeries:
    return BarSeries(SYMBOL, interval, history, RULES)


def trade(at_ns: int, price: int, size: int = 1, number: int = 1) -> MarketTrade:
    return MarketTrade(symbol=SYMBOL, at_ns=at_ns, event_ns=at_ns, price=price, size=size, taker=Side.BUY, trade_id=number)


def closed(bars: BarSeries, trades: list[tuple[int, int]]) -> list[Bar]:
    return [bar for at, price in trades for bar in bars.trade(trade(BEGIN + at, price))]


def test_a_bar_is_closed_by_the_first_trade_of_a_later_one() -> None:
    bars = series()
    done = closed(bars, [(0, 10), (M - 1, 30), (M, 20), (2 * M + 5, 25)])
    assert [(bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_) for bar in done] == [(10, 30, 10, 30, 2), (20, 20, 20, 20, 1)]
    assert [bar.whole for bar in done] == [False, True]
    assert str(done[1].close) == "2.0"


def test_without_trades_it_is_closed_shortly_after_its_end_and_flat() -> None:
    bars = series()
    closed(bars, [(0, 10), (M, 20)])
    assert bars.pass_time(BEGIN + 2 * M + GRACE_NS - 1) == []
    (bar,) = bars.pass_time(BEGIN + 2 * M + GRACE_NS)
    assert bar.close_ == 20
    (flat,) = bars.pass_time(BEGIN + 3 * M + GRACE_NS)
    assert (flat.open_, flat.high_, flat.low_, flat.close_, flat.volume_, flat.trades) == (20, 20, 20, 20, 0, 0)


def test_a_late_trade_revises_its_bar_and_the_lines_over_it() -> None:
    bars = series()
    mean = bars.sma(2)
    closed(bars, [(0, 10), (M, 20), (2 * M, 30), (3 * M, 40)])
    assert float(mean) == pytest.approx(2.5)
    assert bars.trade(trade(BEGIN + M + 1, 99, number=9)) == ()
    assert (bars.late, bars.revised) == (1, 1)
    (bar,) = bars.revisions()
    assert (bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_, bar.trades, bar.revision) == (20, 99, 20, 99, 2, 2, 1)
    assert bars[-2] is bar
    assert bars.revisions() == []
    assert float(mean) == pytest.approx((99 + 30) / 2 / 10)


def test_a_late_trade_of_a_bar_that_the_venue_told_or_that_is_gone_changes_nothing() -> None:
    bars = series(history=2)
    closed(bars, [(0, 10), (M, 20)])
    bars.fill(told(0, asked_ns=BEGIN + M + 1))
    assert [bar.trades for bar in bars] == [None]
    bars.trade(trade(BEGIN + 1, 99))
    closed(bars, [(2 * M, 30), (3 * M, 40), (4 * M, 50)])
    bars.trade(trade(BEGIN + M + 1, 99))
    assert (bars.late, bars.revised) == (2, 0)
    assert [bar.high_ for bar in bars] == [30, 40]


def test_flat_bars_follow_a_close_that_a_late_trade_has_changed() -> None:
    bars = series()
    closed(bars, [(0, 10), (M, 20)])
    bars.pass_time(BEGIN + 4 * M + GRACE_NS)
    bars.trade(trade(BEGIN + 2 * M - 1, 77, number=5))
    assert [(bar.close_, bar.volume_) for bar in bars] == [(77, 2), (77, 0), (77, 0)]
    assert bars.forming is not None
    assert (bars.forming.open_, bars.forming.whole) == (77, False)
    assert [bar.start_ns for bar in bars.revisions()] == [BEGIN + M, BEGIN + 2 * M, BEGIN + 3 * M]


@given(st.lists(st.tuples(st.integers(0, 240), st.integers(1, 50)), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_in_whatever_order_trades_come_the_bars_are_those_of_their_stamps(found: list[tuple[int, int]], chance: Random) -> None:
    """Each within four minutes of its neighbours, as far back as first and last trades are remembered."""
    known = [(BEGIN + at * 10**9 + M, price, number) for number, (at, price) in enumerate(sorted(found), 1)]
    plain, mixed = series(history=100), series(history=100)
    for bars, order in ((plain, known), (mixed, sorted(known, key=lambda each: chance.random()))):
        bars.trade(trade(BEGIN, 5))
        bars.pass_time(BEGIN + M + GRACE_NS)
        for at, price, number in order:
            bars.trade(trade(at, price, number=number))
        bars.pass_time(BEGIN + 8 * M)
    assert [msgspec.structs.replace(bar, revision=0) for bar in mixed] == list(plain)


def test_bars_over_a_doubt_are_not_whole_and_figures_begin_anew_behind_it() -> None:
    bars = series()
    mean = bars.sma(2)
    closed(bars, [(index * M, 10 * index) for index in range(5)])
    assert mean.ready
    bars.doubt()
    (bar,) = closed(bars, [(5 * M, 50)])
    assert not bar.whole
    assert not mean.ready
    assert not bars.ready
    closed(bars, [(index * M, 10 * index) for index in range(6, 9)])
    assert float(mean) == pytest.approx((60 + 70) / 2 / 10)


def past(*starts: int, interval: int = M) -> list[MarketBar]:
    return [
        MarketBar(
            symbol=SYMBOL, at_ns=0, interval_ns=interval, start_ns=BEGIN + at * M, open=1, high=1, low=1, close=10 * (at + 9), volume=1
        )
        for at in starts
    ]  # fmt: skip


def told(*starts: int, interval: int = M, asked_ns: int = 1 << 62, oldest: bool = False) -> MarketBars:
    bars = tuple(past(*starts, interval=interval))
    return MarketBars(symbol=SYMBOL, at_ns=0, interval_ns=interval, asked_ns=asked_ns, bars=bars, oldest=oldest)


def test_a_warm_up_joins_what_forms() -> None:
    bars = series()
    mean = bars.sma(3)
    bars.fill(told(-3, -2, -1, 0, asked_ns=BEGIN + 1, oldest=True))
    assert len(bars) == 3
    assert float(mean) == pytest.approx(7.0)
    closed(bars, [(5, 50), (M, 60)])
    assert not bars.ready, "the first bar that was seen began before us"
    bars.fill(told(-3, -2, -1, 0, asked_ns=BEGIN + M))
    assert len(bars) == 4
    assert float(mean) == pytest.approx((70 + 80 + 90) / 3 / 10)
    closed(bars, [(2 * M, 70)])
    assert [bar.close_ for bar in bars] == [60, 70, 80, 90, 60]


def test_bars_that_do_not_reach_up_to_what_forms_fill_nothing() -> None:
    bars = series()
    bars.sma(2)
    closed(bars, [(5 * M, 50), (6 * M, 60)])
    for event, count in (
        (told(1, 2, 3, asked_ns=BEGIN + 6 * M), 0),
        (told(1, 2, 3, interval=5 * M, asked_ns=BEGIN + 60 * M), 0),
        (told(1, 2, 4, 5, asked_ns=BEGIN + 6 * M), 2),
    ):
        bars.fill(event)
        assert len(bars) == count


def test_it_waits_for_the_history_that_was_asked_for_or_for_the_word_that_there_is_no_more() -> None:
    bars = series(history=5)
    bars.sma(2)
    assert bars.missing == "1m 0/5 bars"
    assert bars.wants(BEGIN) == 7
    bars.fill(told(0, 1, 2, asked_ns=BEGIN + 3 * M))
    assert bars.missing == "1m 3/5 bars"
    bars.fill(told(0, 1, 2, asked_ns=BEGIN + 3 * M, oldest=True))
    assert bars.ready
    assert not bars.missing
    short = series(history=5)
    short.sma(4)
    short.fill(told(0, 1, 2, asked_ns=BEGIN + 3 * M, oldest=True))
    assert short.missing == "1m 3/4 bars"


def test_after_a_hole_only_what_is_missing_is_asked_for_and_what_was_before_stays() -> None:
    bars = series(history=10)
    bars.fill(told(*range(-10, 0), asked_ns=BEGIN))
    assert bars.ready
    closed(bars, [(0, 10), (M, 20)])
    assert bars.wants(BEGIN + M) == 3, "the first bar that was seen began before us"
    bars.fill(told(0, asked_ns=BEGIN + M))
    assert bars.ready
    closed(bars, [(2 * M, 30)])
    bars.doubt()
    closed(bars, [(3 * M, 40), (4 * M, 50)])
    assert not bars.ready
    assert bars.wants(BEGIN + 4 * M) == 4
    bars.fill(told(2, asked_ns=BEGIN + 4 * M))
    assert [bar.close_ for bar in bars][-4:] == [90, 20, 110, 40]
    assert bars.ready


def test_own_bars_are_held_against_the_venues() -> None:
    bars = series(history=3)
    bars.fill(told(-3, -2, -1, asked_ns=BEGIN, oldest=True))
    closed(bars, [(0, 10), (M, 20), (2 * M, 110), (3 * M, 120), (4 * M, 5)])
    bars.fill(told(0, asked_ns=BEGIN + M))
    assert bars.wants(BEGIN + 4 * M) == 0, "a moment later"
    assert bars.wants(BEGIN + 4 * M + 3 * S) == 5
    assert bars.wants(BEGIN + 5 * M) == 0, "asked a minute ago"
    found = bars.fill(told(1, 2, 3, asked_ns=BEGIN + 4 * M + 3 * S))
    assert [(each.start_ns, each.own[3], each.venue[3]) for each in found] == [
        (BEGIN + M, 20, 100), (BEGIN + 2 * M, 110, 110), (BEGIN + 3 * M, 120, 120)
    ]  # fmt: skip
    assert (bars.checked, bars.different) == (3, 3)
    assert [bar.close_ for bar in bars] == [20, 110, 120], "they stay"
    assert bars.fill(told(1, 2, 3, asked_ns=BEGIN + 5 * M)) == [], "once each"


def test_what_a_recording_says_exactly_goes_on_in_the_middle_of_a_bar() -> None:
    bars = series(history=3)
    half = BEGIN + M // 2
    bars.fill(msgspec.structs.replace(told(-2, -1, 0, asked_ns=half), exact=True))
    assert not bars.ready
    assert bars.forming is not None
    assert bars.forming.close_ == 90
    (bar,) = closed(bars, [(M // 2, 7), (M, 20)])
    assert (bar.whole, bar.open_, bar.low_, bar.close_, bar.volume_) == (True, 1, 1, 7, 2)
    assert bars.ready
    at_the_edge = series(history=2)
    at_the_edge.fill(msgspec.structs.replace(told(-2, -1, asked_ns=BEGIN, oldest=True), exact=True))
    (flat,) = at_the_edge.pass_time(BEGIN + M + GRACE_NS)
    assert (flat.whole, flat.close_) == (True, 80)


@pytest.mark.parametrize(
    ("text", "day", "begins"), [("1d", "UTC", 0), ("1d", "KST", 15), ("1w", "UTC", 0), ("1w", "KST", 15), ("4h", "UTC", 0)]
)
def test_days_are_those_that_were_asked_for_and_weeks_begin_on_monday(text: str, day: str, begins: int) -> None:
    bars = BarSeries(SYMBOL, text, 5, RULES, day=day)
    length = interval_ns(text)
    done = closed(bars, [(at * length // 3, 10) for at in range(12)])
    start = datetime.fromtimestamp(done[1].start_ns // 10**9, UTC)
    assert start.hour % (4 if text == "4h" else 24) == begins
    if text == "1w":
        assert start.strftime("%A") == ("Monday" if day == "UTC" else "Sunday")
    assert bars.interval == (text if day == "UTC" else f"{text} {day}")
    assert done[1].interval == text


def test_a_day_in_seoul_is_made_of_hours() -> None:
    hour = 60 * M
    bars = BarSeries(SYMBOL, "1d", 2, RULES, day="KST")
    assert bars.wants(BEGIN) == 4 * 24
    midnight = BEGIN - (BEGIN + 9 * hour) % (24 * hour)
    hours = [past(0, interval=hour)[0] for _ in range(60)]
    for at, each in enumerate(hours):
        each.start_ns, each.close, each.high = midnight + (at - 50) * hour, at, 1000 + at
    bars.fill(MarketBars(symbol=SYMBOL, at_ns=0, interval_ns=hour, asked_ns=midnight + 9 * hour, bars=tuple(hours)))
    assert [(bar.start_ns, bar.close_, bar.high_, bar.volume_) for bar in bars] == [
        (midnight - 48 * hour, 25, 1025, 24), (midnight - 24 * hour, 49, 1049, 24)
    ]  # fmt: skip


def test_where_three_days_begin_is_read_off_the_venues_candles() -> None:
    bars = BarSeries(SYMBOL, "3d", 2, RULES)
    day = 24 * 60 * M
    assert bars.trade(trade(BEGIN, 10)) == ()
    assert bars.forming is None
    one, two = past(0, 0, interval=3 * day)
    one.start_ns, two.start_ns = BEGIN // day * day - 7 * day, BEGIN // day * day - 4 * day
    bars.fill(MarketBars(symbol=SYMBOL, at_ns=0, interval_ns=3 * day, asked_ns=BEGIN, bars=(one, two)))
    assert bars.ready
    closed(bars, [(0, 10)])
    assert bars.forming is not None
    assert bars.forming.start_ns == BEGIN // day * day - day


def test_bars_are_given_as_arrays() -> None:
    bars = series()
    closed(bars, [(0, 10), (M, 20), (2 * M, 30), (3 * M, 40)])
    arrays = bars.arrays()
    assert arrays.close.tolist() == [2.0, 3.0]
    assert arrays.volume.tolist() == [0.001, 0.001]
    assert arrays.start_ns.tolist() == [BEGIN + M, BEGIN + 2 * M]
    assert series().arrays().close.shape == (0,)


@pytest.mark.parametrize("history", [0, -1, True, 1.5, MOST_BARS + 1, "200"])
def test_what_is_no_number_of_bars_is_told(history: object) -> None:
    with pytest.raises(ValueError, match="number of bars from 1"):
        BarSeries(SYMBOL, "1m", history, RULES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ask", [lambda bars: bars.sma(0), lambda bars: bars.ema(2.5), lambda bars: bars.swings(-1), lambda bars: bars.sma(3, of="mid")]
)
def test_what_is_no_line_is_told(ask: Callable[[BarSeries], object]) -> None:
    with pytest.raises(ValueError, match=r"whole number of bars|expected one of open, high"):
        ask(series())


@given(st.lists(st.tuples(st.integers(0, 20 * 60), st.integers(1, 1000)), min_size=2, max_size=60))
def test_bars_are_contiguous_and_say_what_the_trades_say(found: list[tuple[int, int]]) -> None:
    found = sorted(found)
    bars = series(history=100)
    done = closed(bars, [(at * 10**9, price) for at, price in found])
    for was, now in zip(done, done[1:], strict=False):
        assert was.end_ns == now.start_ns
    for bar in done:
        inside = [price for at, price in found if bar.start_ns <= BEGIN + at * 10**9 < bar.end_ns]
        if inside:
            assert (bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_) == (
                inside[0], max(inside), min(inside), inside[-1], len(inside)
            )  # fmt: skip
        else:
            assert bar.volume_ == 0


def candle(at: int, price: int, *, interval: int = M, volume: int = 1) -> MarketBar:
    return MarketBar(
        symbol=SYMBOL, at_ns=0, interval_ns=interval, start_ns=BEGIN + at * interval, open=price, high=price + 5, low=price - 5,
        close=price + 1, volume=volume,
    )  # fmt: skip


def test_bars_are_made_of_candles_where_there_are_no_trades() -> None:
    one, five = series(history=20), series(history=20, interval="5m")
    five_begin = (BEGIN // M) % 5
    candles = [candle(at, 100 + at) for at in range(-five_begin, 15 - five_begin)]
    ones = [bar for each in candles for bar in one.candle(each)]
    fives = [bar for each in candles for bar in five.candle(each)]
    assert [(bar.open_, bar.close_, bar.whole, bar.trades) for bar in ones] == [(each.open, each.close, True, None) for each in candles]
    assert [(bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_) for bar in fives] == [
        (part[0].open, part[-1].high, part[0].low, part[-1].close, 5) for part in (candles[:5], candles[5:10], candles[10:])
    ]
    assert len(five) == 3
    assert one.deadline_ns() is None
    assert one.pass_time(1 << 62) == []
    assert series(interval="3m").candle(candle(0, 1, interval=5 * M)) == ()


def test_a_candle_that_is_missing_is_a_hole_and_one_that_comes_twice_counts_once() -> None:
    one, five = series(history=20), series(history=20, interval="5m")
    five_begin = (BEGIN // M) % 5
    order = [0, 1, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 3]
    fives = [bar for at in order for bar in five.candle(candle(at - five_begin, 100))]
    ones = [bar for at in order for bar in one.candle(candle(at - five_begin, 100))]
    assert [(bar.whole, bar.volume_) for bar in fives] == [(True, 5), (False, 4), (True, 5)]
    assert (five.late, five.incomplete) == (2, 1)
    assert len(five) == 1
    assert len(ones) == 14
    assert one[0].start_ns == BEGIN + (8 - five_begin) * M


def test_a_leap_over_years_makes_no_millions_of_bars() -> None:
    bars = series(history=5, interval="1m")
    closed(bars, [(0, 10), (M, 20), (2 * M, 30)])
    year = 365 * 24 * 60 * M
    assert bars.pass_time(BEGIN + year) == []
    assert bars.forming is not None
    assert bars.forming.start_ns == BEGIN + year - M
    assert len(bars) == 0
    (bar,) = closed(bars, [(year + 1, 40)])
    assert not bar.whole
    assert [bar.whole for bar in closed(bars, [(year + M, 50)])] == [True]


def test_a_stamp_from_the_future_does_not_end_the_series() -> None:
    bars = series()
    closed(bars, [(0, 10), (M, 20)])
    wrong = msgspec.structs.replace(trade(BEGIN + 2 * M, 99), event_ns=BEGIN + 10**18)
    assert [bar.close_ for bar in bars.trade(wrong)] == [20]
    assert [bar.close_ for bar in closed(bars, [(3 * M, 30)])] == [99]
