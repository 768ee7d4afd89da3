"""Every strategy of the examples trades on a market made by a seed, in a short form of itself, and on paper nothing is left undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.audit.reading import Walk
from hoga.cli.main import main
from tests.trading.recorded import MINUTE, START_NS, Market

STRATEGIES = sorted((Path(__file__).resolve().parents[2] / "examples" / "strategies").glob("*.py"))
SHORT: dict[str, dict[str, str]] = {
    "cross": {"interval": "5s", "fast": "3", "slow": "8"},
    "breakout": {"interval": "5s", "entry": "8", "exit": "4", "side": "both"},
    "quoter": {"seconds": "5", "width_bp": "0.2"},
    "pair": {"interval": "5s", "length": "30", "enter": "1.0"},
    "whole": {
        "trend": "10s",
        "pullback": "5s",
        "entry": "2s",
        "history": "16",
        "hours": "always",
        "stop": "0.05%",
        "take": "0.06%",
        "trail": "0.04%",
    },
}
"""Of each, parameters with which minutes are enough."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of an hour of two contracts."""
    root = tmp_path_factory.mktemp("strategies")
    for name, seed, price in (("BTCUSDT", 1, 600_000), ("ETHUSDT", 2, 30_000)):
        Market(name, seed=seed, price=price).walk(START_NS, 15 * 60, step_ms=1000).keep(root)
    return root


def test_all_of_them_are_here() -> None:
    assert [each.stem for each in STRATEGIES] == sorted(SHORT)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda path: path.stem)
def test_a_strategy_trades_and_ends_well(strategy: Path, recorded: Path) -> None:
    config = load_config(None, overrides=["MAX_ORDER_NOTIONAL=5000", "MAX_POSITION_NOTIONAL=10000"], environ={}, data_dir=recorded)
    end: Any = backtest(plan_backtest(config, str(strategy), (), params=SHORT[strategy.stem], ask=False))
    records = list(Walk(Path(end.journal)).records())
    assert not [each.fields for each in records if each.fields.get("what") == "quarantined"]
    assert end.ok, end
    assert end.fills > 1
    fills = [each.fields for each in records if each.kind == "order.fill"]
    assert {each["side"] for each in fills} == {"B", "S"}, "it comes in and goes out"
    if ".check(" in strategy.read_text(encoding="utf-8"):
        assert next(each.fields for each in reversed(records) if each.kind == "check")["checks"]


TO_THE_LETTER = """
from hoga import Strategy

class Cross(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"fast": 10, "slow": 30, "size": "0.010"}

    def setup(self, m):                       # declared, so warm-up and history are known before start
        bars = m.bars(self.symbol, "1m", history=200)
        self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)
        m.protect(self.symbol, stop="1.5%", within="3s")     # no naked position

    def on_bar(self, bar):                    # called only on closed, contiguous bars
        want = self.p.size if self.fast > self.slow else 0
        self.target(self.symbol, want, why=f"{self.fast:.1f}/{self.slow:.1f}")
"""


def test_fifteen_lines_trade_on_minutes(tmp_path: Path) -> None:
    """More than an hour, of which half goes by until the slow average is there: the recording has no more than that of before."""
    Market().walk(START_NS, 70 * 60, step_ms=6_000).keep(tmp_path)
    (tmp_path / "cross.py").write_text(TO_THE_LETTER)
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    end: Any = backtest(plan_backtest(config, str(tmp_path / "cross.py"), (), ask=False))
    assert end.ok
    assert end.fills >= 1
    wanted = [each for each in Walk(Path(end.journal)).records() if each.kind == "signal"]
    assert wanted[0].t >= START_NS + 31 * MINUTE


def test_json_and_the_last_lines_tell_what_stopped_most(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "never.py").write_text(
        """
from hoga import Strategy


class Never(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        m.timer(60)

    def on_timer(self, now_ns):
        self.check("always", True) and self.check("never", False)
"""
    )
    command = ["trade", str(tmp_path / "never.py"), "--mode", "backtest", "--data", str(recorded)]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checks"] == {"always": [14, 14, 0, 0], "never": [14, 0, 14, 14]}
    assert main(command) == 0
    assert "conditions: 'never' stopped most, as the first in 14 of 14" in capsys.readouterr().out
