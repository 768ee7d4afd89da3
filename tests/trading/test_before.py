"""A run over the past begins with the bars that were there before it: those that a run from the beginning has at that moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.app.trader.before import bars_recorded
from hoga.core.ledger import Gap, Reason
from hoga.core.times import SECOND_NS
from hoga.core.trading import rules_of
from hoga.trading.ports import ReadBars
from tests.trading.exchange import instrument
from tests.trading.recorded import MINUTE, START_NS, VENUE, Market, strategy
from tests.trading.test_backtest import records, run

TELLS = """
from hoga import Strategy


class Tells(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"short": 20, "long": 3}

    def setup(self, m):
        self.short = m.bars(self.symbol, "5s", history=self.p.short)
        self.long = m.bars(self.symbol, "1m", history=self.p.long)
        self.mean, self.ema = self.short.sma(20), self.long.ema(3)

    def on_bar(self, bar):
        self.log(f"{bar.interval} {bar.start_ns} {bar.open} {bar.high} {bar.low} {bar.close} {bar.volume} {self.mean:.6f} {self.ema:.6f}")
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six minutes of a contract, from a minute's begin."""
    root = tmp_path_factory.mktemp("before")
    Market().walk(START_NS, 360, step_ms=250).keep(root)
    return root


def notes(end: object) -> list[str]:
    return [each.fields["text"] for each in records(end.journal) if each.kind == "note"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [4 * 60, 4 * 60 + 17.5])
def test_bars_of_before_are_stitched_to_those_of_the_run(recorded: Path, tmp_path: Path, start: float) -> None:
    """At a bar's begin and in the middle of one: every line is the one that a run from the beginning tells."""
    start_ns = START_NS + int(start * SECOND_NS)
    whole, late = notes(run(recorded, strategy(tmp_path, TELLS))), notes(run(recorded, strategy(tmp_path, TELLS), start_ns=start_ns))
    assert late
    assert {each.split()[0] for each in late} == {"5s", "1m"}
    begins = [int(each.split()[1]) for each in late]
    assert min(begins) == start_ns - start_ns % MINUTE, "the minute that was open then"
    plain = {tuple(each.split()[:7]): each.split()[7] for each in whole}
    for each in late:
        assert plain[tuple(each.split()[:7])] == each.split()[7], "the mean of 20 bars, most of them of before"


def test_what_lies_before_a_gap_is_not_stitched_over_it(tmp_path: Path) -> None:
    gap = Gap(from_ns=START_NS + 100 * SECOND_NS, to_ns=START_NS + 110 * SECOND_NS, reason=Reason.DISCONNECT, missed=None)
    market = Market().walk(START_NS, 100, step_ms=250)
    market.walk(START_NS + 110 * SECOND_NS, 190, step_ms=250).keep(tmp_path, gaps=(("execution", gap),))
    home = tmp_path / "mine"
    home.mkdir()
    end = run(tmp_path, strategy(home, TELLS), start_ns=START_NS + 130 * SECOND_NS, params={"long": "1"})
    told = [int(each.split()[1]) for each in notes(end) if each.startswith("5s")]
    assert told
    assert min(told) >= gap.to_ns + 95 * SECOND_NS, "20 bars behind the gap"


def test_other_records_of_before_are_other_input(recorded: Path, tmp_path: Path) -> None:
    start_ns = START_NS + 4 * MINUTE
    first = run(recorded, strategy(tmp_path, TELLS), start_ns=start_ns)
    Market(seed=2).walk(START_NS - MINUTE, 60, step_ms=250).walk(START_NS, 360, step_ms=250).keep(tmp_path)
    other = run(tmp_path, strategy(tmp_path, TELLS), start_ns=start_ns)
    assert Path(first.journal).parent.name != Path(other.journal).parent.name


def test_a_length_that_the_venue_has_not_comes_from_what_is_being_recorded(recorded: Path, tmp_path: Path) -> None:
    """Live: bars of five seconds, up to a moment ago, and nothing is claimed of what comes."""
    now_ns = START_NS + 200 * SECOND_NS
    ask, rules = ReadBars(f"{VENUE}:BTCUSDT", 5 * SECOND_NS, 10), rules_of(instrument(venue=VENUE))
    found = bars_recorded(recorded / VENUE / "execution", ask, rules, now_ns)
    assert found is not None
    assert not found.exact
    starts = [each.start_ns for each in found.bars]
    assert starts[-1] + 5 * SECOND_NS <= now_ns - 2 * SECOND_NS
    assert len(starts) >= 10
    assert starts == list(range(starts[0], starts[-1] + 1, 5 * SECOND_NS))
    assert bars_recorded(tmp_path / "nothing", ask, rules, now_ns) is None
    other = ReadBars(f"{VENUE}:ETHUSDT", 5 * SECOND_NS, 10)
    assert bars_recorded(recorded / VENUE / "execution", other, rules, now_ns) is None
