"""Bars of before a moment, out of what was recorded, and trades after it that go on in the middle of a bar."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.ticks import MarketBars, MarketDoubt
from hoga.trading.bars import BarSeries
from hoga.trading.ports import ReadBars
from hoga.trading.warmup import Warmup
from tests.trading.exchange import SYMBOL
from tests.trading.test_bars import BEGIN, RULES, M, candle, trade


@given(st.lists(st.integers(0, 3000), min_size=5, max_size=60), st.integers(300, 2700))
def test_a_start_in_the_middle_makes_the_bars_of_one_without_it(seconds: list[int], cut: int) -> None:
    """Whatever the moment: bars of before, stitched to the trades behind it, are those of all trades in a row."""
    trades = [trade(BEGIN + at * 10**9, 100 + number * 7 % 50, number=number) for number, at in enumerate(sorted(seconds), 1)]
    until = BEGIN + cut * 10**9
    plain = BarSeries(SYMBOL, "1m", 100, RULES)
    plain.fill(MarketBars(symbol=SYMBOL, at_ns=BEGIN, interval_ns=M, asked_ns=BEGIN, bars=(), exact=True))
    for each in trades:
        plain.trade(each)
    made = Warmup(ReadBars(SYMBOL, M, 60), RULES, until_ns=until)
    made.whole_from(BEGIN)
    for each in trades:
        made.take(each)
    stitched = BarSeries(SYMBOL, "1m", 100, RULES)
    stitched.fill(made.answer())
    for each in trades:
        if (each.event_ns or 0) >= until:
            stitched.trade(each)
    for bars in (plain, stitched):
        bars.pass_time(BEGIN + 3100 * 10**9)

    def shown(bars: BarSeries) -> list[tuple[int, ...]]:
        return [(bar.start_ns, bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_) for bar in bars if bar.start_ns >= BEGIN]

    if (trades[0].event_ns or 0) < until:
        assert shown(stitched) == shown(plain)


def test_candles_and_doubts_count_and_what_is_of_another_time_does_not() -> None:
    ask = ReadBars(SYMBOL, 5 * M, 4)
    start = BEGIN // (5 * M) * (5 * M)
    made = Warmup(ask, RULES, until_ns=start)
    assert made.since_ns == start - 25 * M
    offset = (start - BEGIN) // M
    for at in (-10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1):
        made.take(candle(offset + at, 100))
    answer = made.answer()
    assert [each.start_ns for each in answer.bars] == [start - 10 * M, start - 5 * M]
    assert (answer.oldest, answer.exact, answer.asked_ns) == (True, False, start)
    made = Warmup(ReadBars(SYMBOL, M, 4), RULES, until_ns=BEGIN + M // 2)
    made.whole_from(BEGIN - 2 * M)
    made.take(trade(BEGIN - 2 * M, 10))
    made.take(trade(BEGIN, 20))
    assert [each.close for each in made.answer().bars] == [10, 10, 20]
    assert made.answer().exact
    made.take(MarketDoubt(symbol=SYMBOL, at_ns=BEGIN + 1, why="a cut"))
    assert not made.answer().exact
