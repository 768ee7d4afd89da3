"""Bars from trades: closed by event time, contiguous, and figures over them as a plain reckoning gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.ticks import MarketBar, MarketTrade
from hoga.core.trading import rules_of
from hoga.trading.bars import GRACE_NS, Bar, BarSeries, interval_ns
from tests.trading.exchange import SYMBOL, instrument

M = 60 * 10**9
RULES = rules_of(instrument())
BEGIN = 1_800_000_000 * 10**9 // M * M


def series(history: int = 50, interval: str = "1m") -> BarSeries:
    return BarSeries(SYMBOL, interval, history, RULES)


def trade(at_ns: int, price: int, size: int = 1) -> MarketTrade:
    return MarketTrade(symbol=SYMBOL, at_ns=at_ns, event_ns=at_ns, price=price, size=size, taker=Side.BUY, trade_id=1)


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


def test_a_trade_that_comes_too_late_is_counted_and_changes_nothing() -> None:
    bars = series()
    closed(bars, [(M, 20), (2 * M, 30)])
    assert bars.trade(trade(BEGIN + M, 99)) == []
    assert bars.late == 1


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


def test_a_warm_up_joins_what_forms() -> None:
    bars = series()
    mean = bars.sma(3)
    assert bars.fill(past(-3, -2, -1, 0), BEGIN + 1) == 3
    assert float(mean) == pytest.approx(7.0)
    closed(bars, [(5, 50), (M, 60)])
    assert not bars.ready, "the first bar that was seen began before us"
    assert bars.fill(past(-3, -2, -1, 0), BEGIN + M) == 4
    assert float(mean) == pytest.approx((70 + 80 + 90) / 3 / 10)
    closed(bars, [(2 * M, 70)])
    assert [bar.close_ for bar in bars.bars] == [60, 70, 80, 90, 60]


def test_bars_that_do_not_reach_up_to_what_forms_fill_nothing() -> None:
    bars = series()
    bars.sma(2)
    closed(bars, [(5 * M, 50), (6 * M, 60)])
    assert bars.fill(past(1, 2, 3), BEGIN + 6 * M) == 0
    assert bars.fill(past(1, 2, 3, interval=5 * M), BEGIN + 60 * M) == 0
    assert bars.fill(past(1, 2, 4, 5), BEGIN + 6 * M) == 2


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


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40), st.integers(1, 8))
def test_figures_are_those_of_a_plain_reckoning(prices: list[int], length: int) -> None:
    bars = series(history=60)
    sma, ema, top, low, atr = bars.sma(length), bars.ema(length), bars.highest(length), bars.lowest(length), bars.atr(length)
    closed(bars, [(-M, 5), *((index * M, price) for index, price in enumerate([*prices, 1]))])
    assert len(bars) == len(prices)
    assert sma.ready == (len(prices) >= length)
    if sma.ready:
        last = prices[-length:]
        assert float(sma) == pytest.approx(sum(last) / length / 10)
        assert (float(top), float(low)) == (pytest.approx(max(last) / 10), pytest.approx(min(last) / 10))
        mean = sum(prices[:length]) / length
        for price in prices[length:]:
            mean += (price - mean) * 2 / (length + 1)
        assert float(ema) == pytest.approx(mean / 10)
    assert atr.ready == (len(prices) > length)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("15m", 900), ("4h", 14_400), ("1d", 86_400)])
def test_intervals(text: str, seconds: int) -> None:
    assert interval_ns(text) == seconds * 10**9


@pytest.mark.parametrize("text", ["", "m", "0m", "1x", "-1m", "1.5m"])
def test_what_is_no_interval_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval_ns(text)
