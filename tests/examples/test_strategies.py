"""Every strategy of the examples trades on a market made by a seed, in a short form of itself, and on paper nothing is left undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoga.app.backtest import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.audit.reading import Walk
from tests.trading.recorded import START_NS, Market

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
