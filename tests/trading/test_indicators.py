"""Running figures are those of a plain reckoning over all bars, however the bars came: one by one, filled in, or revised."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.ticks import MarketBar, MarketBars, MarketTrade
from hoga.core.times import MINUTE_NS
from hoga.core.trading import rules_of
from hoga.trading.bars import BarSeries
from tests.trading.exchange import SYMBOL, instrument

RULES = rules_of(instrument())
BEGIN = 1_800_000_000 * 10**9 // MINUTE_NS * MINUTE_NS


class Row(NamedTuple):
    """A bar in the instrument's integers: ticks of 0.1, lots of 0.001."""

    open: int
    high: int
    low: int
    close: int
    volume: int


def bars_of(rows: Sequence[Row], first: int = 0) -> tuple[MarketBar, ...]:
    return tuple(
        MarketBar(
            symbol=SYMBOL, at_ns=0, interval_ns=MINUTE_NS, start_ns=BEGIN + (first + at) * MINUTE_NS, open=row.open, high=row.high,
            low=row.low, close=row.close, volume=row.volume,
        )
        for at, row in enumerate(rows)
    )  # fmt: skip


def told(rows: Sequence[Row], first: int = 0) -> MarketBars:
    asked = BEGIN + (first + len(rows)) * MINUTE_NS
    return MarketBars(symbol=SYMBOL, at_ns=0, interval_ns=MINUTE_NS, asked_ns=asked, bars=bars_of(rows, first), oldest=True)


@st.composite
def row(draw: st.DrawFn) -> Row:
    low = draw(st.integers(1, 500))
    high = low + draw(st.integers(0, 60))
    return Row(draw(st.integers(low, high)), high, low, draw(st.integers(low, high)), draw(st.integers(1, 40)))


ROWS = st.lists(row(), min_size=1, max_size=50)


def one_by_one(rows: Sequence[Row], series: BarSeries) -> None:
    """As trades: open, high, low, close."""
    series.fill(MarketBars(symbol=SYMBOL, at_ns=0, interval_ns=MINUTE_NS, asked_ns=BEGIN, bars=(), oldest=True, exact=True))
    number = 0
    for at, each in enumerate(rows):
        for part, price in enumerate((each.open, each.high, each.low, each.close)):
            number += 1
            size = each.volume if not part else 0
            stamp = BEGIN + at * MINUTE_NS + part
            series.trade(MarketTrade(symbol=SYMBOL, at_ns=stamp, event_ns=stamp, price=price, size=size, taker=Side.BUY, trade_id=number))
    series.pass_time(BEGIN + len(rows) * MINUTE_NS + 300_000_000)


# -- the plain reckonings, over whole lists --------------------------------------------------------------------------


def smoothed(values: Sequence[float], length: int) -> float | None:
    if len(values) < length:
        return None
    mean = sum(values[:length]) / length
    for each in values[length:]:
        mean = (mean * (length - 1) + each) / length
    return mean


def plain_rsi(closes: Sequence[int], length: int) -> float | None:
    moves = [now - was for was, now in zip(closes, closes[1:], strict=False)]
    gain, loss = smoothed([max(0, each) for each in moves], length), smoothed([max(0, -each) for each in moves], length)
    if gain is None or loss is None:
        return None
    return 50.0 if gain == loss else 100.0 if not loss else 100 - 100 / (1 + gain / loss)


def plain_atr(rows: Sequence[Row], length: int) -> float | None:
    ranges = [
        max(now.high - now.low, abs(now.high - was.close), abs(now.low - was.close)) for was, now in zip(rows, rows[1:], strict=False)
    ]
    found = smoothed(ranges, length)
    return None if found is None else found / 10


def plain_ema(closes: Sequence[int], length: int) -> float | None:
    if len(closes) < length:
        return None
    value = sum(closes[:length]) / length
    for each in closes[length:]:
        value = each * 2 / (length + 1) + value * (1 - 2 / (length + 1))
    return value / 10


def plain_swings(values: Sequence[int], side: int) -> list[int]:
    """Tops: above all before it within `side`, and no lower than all after it."""
    return [
        value
        for at, value in enumerate(values)
        if side <= at < len(values) - side
        and all(each < value for each in values[at - side : at])
        and all(each <= value for each in values[at + 1 : at + side + 1])
    ]


@given(ROWS, st.integers(1, 8), st.sampled_from(["fill", "trades", "both"]))
def test_every_line_is_what_a_plain_reckoning_gives(rows: list[Row], length: int, how: str) -> None:
    series = BarSeries(SYMBOL, "1m", 60, RULES)
    sma, ema, rsi, atr = series.sma(length), series.ema(length), series.rsi(length), series.atr(length)
    top, low, volume, swings = series.highest(length), series.lowest(length), series.sma(length, of="volume"), series.swings(length)
    if how == "fill":
        series.fill(told(rows))
    elif how == "trades":
        one_by_one(rows, series)
    else:
        one_by_one(rows, series)
        assert sma.value is None or sma.value > 0
        series.doubt()
        stamp = BEGIN + (len(rows) + 2) * MINUTE_NS
        series.trade(MarketTrade(symbol=SYMBOL, at_ns=stamp, event_ns=stamp, price=9, size=9, taker=Side.BUY, trade_id=999))
        series.fill(told([*rows, rows[-1], rows[-1]]))
        flat = Row(rows[-1].close, rows[-1].close, rows[-1].close, rows[-1].close, 0)
        rows = [*rows, rows[-1], flat]  # the last was closed, whole, behind the one in doubt
    assert len(series) == len(rows)
    closes = [each.close for each in rows]
    window = np.array(closes[-length:])
    if len(rows) >= length:
        assert float(sma) == pytest.approx(float(window.mean()) / 10)
        assert float(top) == pytest.approx(max(each.high for each in rows[-length:]) / 10)
        assert float(low) == pytest.approx(min(each.low for each in rows[-length:]) / 10)
        assert float(volume) == pytest.approx(float(np.mean([each.volume for each in rows[-length:]])) / 1000)
    else:
        assert not any(each.ready for each in (sma, ema, rsi, atr, top, low, volume))
    for line, plain in ((ema, plain_ema(closes, length)), (rsi, plain_rsi(closes, length)), (atr, plain_atr(rows, length))):
        assert line.value == (None if plain is None else pytest.approx(plain))
    highs = plain_swings([each.high for each in rows], length)
    lows = plain_swings([-each.low for each in rows], length)
    assert list(swings.high) == pytest.approx([each / 10 for each in highs])
    assert list(swings.low) == pytest.approx([-each / 10 for each in lows])
    assert swings.ready == bool(highs and lows)


def rising(count: int = 6) -> BarSeries:
    return BarSeries(SYMBOL, "1m", count, RULES)


def test_a_line_compares_counts_and_prints_like_a_number() -> None:
    series = rising()
    fast, slow = series.sma(2), series.sma(4)
    assert not fast
    assert f"{fast:.1f}" == "nan"
    with pytest.raises(ValueError, match=r"sma\(2\) has no value yet, and needs 2 bars"):
        assert fast > slow
    series.fill(told([Row(price, price, price, price, 1) for price in (100, 110, 120, 130)]))
    assert fast
    assert fast > slow
    assert not fast < slow
    assert fast >= 12.5
    assert fast <= Decimal("12.5")
    assert f"{fast:.1f}/{slow:.2f}" == "12.5/11.50"
    assert (fast - slow, slow - fast, fast + 1, 1 + fast, 20 - fast) == (1.0, -1.0, 13.5, 13.5, 7.5)
    assert (fast * 2, 2 * fast, fast / 5, 25 / fast, -fast, abs(fast), round(fast)) == (25.0, 25.0, 2.5, 2.0, -12.5, 12.5, 12)
    assert (fast[-1], fast[-2], list(fast), len(fast)) == (12.5, 11.5, [10.5, 11.5, 12.5], 3)
    assert repr(fast) == "<Line sma(2) 12.5>"
    with pytest.raises(IndexError, match=r"sma\(2\) has 3 values; \[-4\] was asked for"):
        assert fast[-4]


def test_a_crossing_is_told_at_the_bar_at_which_it_is() -> None:
    series = rising(20)
    fast, slow = series.sma(1), series.sma(3)
    assert not fast.crossed_above(slow)
    told_of = []
    prices = (100, 100, 100, 100, 130, 140, 90, 80, 100)
    for count in range(1, len(prices) + 1):
        series.fill(told([Row(price, price, price, price, 1) for price in prices[:count]]))
        again = BarSeries(SYMBOL, "1m", 20, RULES)
        fast, slow = again.sma(1), again.sma(3)
        again.fill(told([Row(price, price, price, price, 1) for price in prices[:count]]))
        told_of.append("above" if fast.crossed_above(slow) else "below" if fast.crossed_below(slow) else "")
        assert fast.crossed_above(9.5) == (count > 1 and prices[count - 2] <= 95 < prices[count - 1])
    assert told_of == ["", "", "", "", "above", "", "below", "", "above"]


def test_what_a_line_keeps_is_bounded() -> None:
    series = rising(3)
    line = series.sma(2)
    for at in range(50):
        series.fill(told([Row(at + 1, at + 1, at + 1, at + 1, 1)] * 3, first=at))
        assert len(line) <= 3
    assert len(series) == 3
