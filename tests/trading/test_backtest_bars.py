"""Where no book was recorded: trades alone, and candles: what fills at which price, and what is told of the file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.cli.main import main
from hoga.core.errors import ArchiveError, ConfigError
from hoga.core.times import day_start_ns
from tests.trading.recorded import START_NS, Market, strategy
from tests.trading.test_backtest import records

T0 = day_start_ns("2026-01-05") // 10**6
CROSS = """
from hoga import Strategy

class Cross(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"fast": 3, "slow": 8, "size": "0.010"}

    def setup(self, m):
        bars = m.bars(self.symbol, "1m", history=50)
        self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)

    def on_bar(self, bar):
        self.target(self.symbol, self.p.size if self.fast > self.slow else 0)
"""
STOPS = """
from hoga import Strategy

class Stops(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        self.bars = m.bars(self.symbol, "1m", history=50)
        m.protect(self.symbol, stop="0.5%", take="0.5%")

    def on_bar(self, bar):
        if not self.position() and len(self.bars) % 4 == 0:
            self.target(self.symbol, "0.010")
        elif not self.position():
            self.target(self.symbol, "0")
"""


class Candle(NamedTuple):
    start_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 5.0


def walk(seed: int, count: int, *, wide: float = 30.0) -> list[Candle]:
    rng, price, found = random.Random(seed), 60_000.0, []
    for number in range(count):
        opened = round(price + rng.gauss(0, 5), 1)
        close = round(opened + rng.gauss(0, wide), 1)
        high = round(max(opened, close) + abs(rng.gauss(0, wide / 2)), 1)
        low = round(min(opened, close) - abs(rng.gauss(0, wide / 2)), 1)
        found.append(Candle(T0 + number * 60_000, opened, high, low, close))
        price = close
    return found


def write(path: Path, candles: list[Candle]) -> Path:
    path.write_text("time,open,high,low,close,volume\n" + "".join(",".join(map(str, each)) + "\n" for each in candles))
    return path


def run(folder: Path, text: str, candles: Path, *, settings: tuple[str, ...] = (), **how: Any) -> Any:
    config = load_config(None, overrides=["MAX_DAILY_LOSS=1000000", *settings], environ={}, data_dir=folder / "data")
    return backtest(plan_backtest(config, str(strategy(folder, text)), (), bars=candles, ask=False, **how))


def fills(end: Any) -> list[tuple[int, str, float, float]]:
    found, powers = [], (0, 0)
    for each in records(end.journal):
        if each.kind == "config" and "pp" in each.fields:
            powers = each.fields["pp"], each.fields["sp"]
        if each.kind == "order.fill":
            price, size = each.fields["p"] * 10.0 ** powers[0], each.fields["q"] * 10.0 ** powers[1]
            found.append((each.t, each.fields["side"], round(price, 4), round(size, 6)))
    return found


def crossed(candles: list[Candle], fast: int, slow: int) -> list[tuple[int, str, float, float]]:
    """The plain loop: decided on a close, traded at the next open."""
    found: list[tuple[int, str, float, float]] = []
    closes: list[float] = []
    wanted, held = False, False
    for candle in candles:
        if wanted != held:
            found.append((candle.start_ms * 10**6, "B" if wanted else "S", candle.open, 0.01))
            held = wanted
        closes.append(candle.close)
        if len(closes) >= slow:
            wanted = sum(closes[-fast:]) / fast > sum(closes[-slow:]) / slow
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_the_trades_are_those_of_a_plain_loop_over_the_file(tmp_path: Path, seed: int) -> None:
    candles = walk(seed, 300)
    end = run(tmp_path, CROSS, write(tmp_path / "candles.csv", candles))
    expected = crossed(candles, 3, 8)
    assert (end.grade, end.ok) == ("bars", True)
    assert len(expected) > 20
    assert fills(end) == expected
    assert end.fills == len(expected)


def test_a_stop_and_a_take_inside_one_bar_count_as_the_stop(tmp_path: Path) -> None:
    flat = [Candle(T0 + number * 60_000, 60_000.0, 60_010.0, 59_990.0, 60_000.0) for number in range(12)]
    wide = [each._replace(high=60_400.0, low=59_600.0) if number == 5 else each for number, each in enumerate(flat)]
    end = run(tmp_path, STOPS, write(tmp_path / "candles.csv", wide))
    at = [(side, price, (t // 10**6 - T0) / 60_000) for t, side, price, _ in fills(end)]
    bought, sold = at[0], at[1]
    assert bought == ("B", 60_000.0, 4.0)
    assert sold[:2] == ("S", 59_700.0)
    assert sold[2] == pytest.approx(6.0)


def test_a_stop_that_the_opening_has_passed_is_paid_at_the_opening(tmp_path: Path) -> None:
    flat = [Candle(T0 + number * 60_000, 60_000.0, 60_010.0, 59_990.0, 60_000.0) for number in range(12)]
    jump = [each._replace(open=59_000.0, low=58_900.0, high=60_010.0) if number == 5 else each for number, each in enumerate(flat)]
    end = run(tmp_path, STOPS, write(tmp_path / "candles.csv", jump))
    assert [(side, price) for _, side, price, _ in fills(end)][:2] == [("B", 60_000.0), ("S", 59_000.0)]


def test_longer_bars_are_made_of_the_candles(tmp_path: Path) -> None:
    candles = walk(4, 240)
    end = run(tmp_path, CROSS.replace('"1m"', '"5m"').replace('"slow": 8', '"slow": 6'), write(tmp_path / "candles.csv", candles))
    fives = [
        Candle(part[0].start_ms, part[0].open, max(each.high for each in part), min(each.low for each in part), part[-1].close)
        for part in (candles[at : at + 5] for at in range(0, len(candles), 5))
    ]
    assert fills(end) == crossed(fives, 3, 6)


def test_too_little_history_for_the_longest_line_is_told(tmp_path: Path, capsys: Any) -> None:
    candles = write(tmp_path / "candles.csv", walk(4, 60))
    path = strategy(tmp_path, CROSS.replace('"1m"', '"15m"'))
    assert main(["trade", str(path), "--mode", "backtest", "--bars", str(candles), "--data", str(tmp_path / "data")]) == 0
    assert "no bars are handed out without binance-usdm:BTCUSDT 15m 4/8 bars" in capsys.readouterr().err
    assert run(tmp_path, CROSS, candles).waits == ()


def test_holes_doubles_and_disorder_are_told_and_the_run_goes_on(tmp_path: Path) -> None:
    candles = walk(5, 120)
    broken = [*candles[:40], candles[39], *candles[44:80], candles[90], *candles[81:90], candles[80], *candles[91:]]
    end = run(tmp_path, CROSS, write(tmp_path / "candles.csv", broken))
    told = " ".join(end.notes)
    assert "4 candles are missing in 1 places" in told
    assert "1 candles are there twice" in told
    assert "not in order of time" in told
    assert end.fills
    whole = run(tmp_path, CROSS, write(tmp_path / "candles.csv", sorted(set(broken))))
    assert fills(whole) == fills(end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time,open,high,low,close\n1,2,x,1,2\n", "candles.csv:2"),
        ("time,open,high,low\n1,2,3,1\n", "a column close"),
        ("time,open,high,low,close\n1767571200,2,1,3,2\n1767571260,2,3,1,2\n", "high is the highest"),
        ("time,open,high,low,close\n1767571200,2,3,1,2\n", "two or more"),
        ("", "no line"),
        ("time,open,high,low,close\n1767571200,2,3,1,2\n1767571260,2,3,1,2\n1767571350,2,3,1,2\n", "whole number"),
    ],
)
def test_a_file_that_holds_no_candles_is_one_line(tmp_path: Path, text: str, expected: str, capsys: Any) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(text)
    arguments = ["trade", str(strategy(tmp_path, CROSS)), "--mode", "backtest", "--bars", str(path), "--data", str(tmp_path / "data")]
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hoga: ")]
    assert len(lines) == 1
    assert expected in lines[0]


def test_bars_that_the_candles_cannot_make_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="60 s"):
        run(tmp_path, CROSS.replace('"1m"', '"5s"'), write(tmp_path / "candles.csv", walk(1, 20)))


def test_where_no_book_was_recorded_orders_are_filled_by_trades(tmp_path: Path) -> None:
    Market(seed=3).walk(START_NS, 60, kinds=("execution",)).keep(tmp_path)
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    end = backtest(plan_backtest(config, str(strategy(tmp_path)), (), ask=False))
    assert end.grade == "trades"
    assert any("no book of binance-usdm:BTCUSDT" in each for each in end.notes)
    assert end.fills >= 2
    assert end.ok


def test_a_day_with_nothing_to_trade_on_says_what_there_is(tmp_path: Path) -> None:
    Market(seed=3).walk(START_NS, 5, kinds=("mark",)).keep(tmp_path)
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    with pytest.raises(ArchiveError, match="only mark"):
        plan_backtest(config, str(strategy(tmp_path)), (), ask=False)


def test_years_of_candles_are_a_matter_of_seconds(tmp_path: Path) -> None:
    candles = walk(6, 3_000)
    hours = [each._replace(start_ms=T0 + number * 3_600_000) for number, each in enumerate(candles)]
    end = run(tmp_path, CROSS.replace('"1m"', '"1h"'), write(tmp_path / "candles.csv", hours))
    assert end.events == len(hours)
    assert fills(end) == crossed(hours, 3, 8)


HELD = """
from hoga import Strategy

class Held(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        m.bars(self.symbol, "4h", history=1)

    def on_bar(self, bar):
        self.target(self.symbol, "0.010" if bar.open < 63_000 else 0)
"""


def test_funding_is_paid_at_the_opening_of_the_candle_that_begins_then_by_what_was_held_before_it(tmp_path: Path) -> None:
    """At 08:00 it is held and that candle opens at 62,000; at 16:00 it is sold at the opening of 64,000, after the funding."""
    candles = [
        Candle(
            T0 + place * 4 * 3_600_000,
            60_000.0 + place * 1_000,
            60_900.0 + place * 1_000,
            59_900.0 + place * 1_000,
            60_500.0 + place * 1_000,
        )
        for place in range(8)
    ]
    end = run(tmp_path, HELD, write(tmp_path / "candles.csv", candles))
    paid = [each.fields for each in records(end.journal) if each.kind == "funding"]
    assert [each["amount"] for each in paid] == ["-0.062", "-0.064"]


def test_funding_in_the_middle_of_a_candle_is_paid_at_what_is_known_then(tmp_path: Path) -> None:
    """Candles of a day: the one that holds 08:00 and 16:00 opened at 61,000; that of the next midnight at 62,000."""
    candles = [
        Candle(
            T0 + place * 24 * 3_600_000,
            60_000.0 + place * 1_000,
            60_900.0 + place * 1_000,
            59_900.0 + place * 1_000,
            60_500.0 + place * 1_000,
        )
        for place in range(3)
    ]
    text = HELD.replace('"4h"', '"1d"').replace("63_000", "90_000")
    end = run(tmp_path, text, write(tmp_path / "candles.csv", candles))
    paid = [each.fields for each in records(end.journal) if each.kind == "funding"]
    assert [each["amount"] for each in paid][:3] == ["-0.061", "-0.061", "-0.062"]
