"""A user's file of strategies: whatever is wrong in it is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.app.strategies import instances_of, read_strategy
from hoga.core.errors import ConfigError


@pytest.mark.parametrize(
    "lines, says",
    [
        ("symbol = 5", "symbol = 5"),
        ('symbols = "binance:BTCUSDT"', "symbols = 'binance:BTCUSDT'"),
        ('symbol = "binance:BTCUSDT"\n    params = 7', "params = 7"),
        ('symbol = "binance:BTCUSDT"\n    def __init__(self): 1 / 0', "ZeroDivisionError"),
    ],
)
def test_what_a_class_says_wrongly_of_itself_is_named(tmp_path: Path, lines: str, says: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"from hoga import Strategy\n\n\nclass Mine(Strategy):\n    {lines}\n")
    with pytest.raises(ConfigError) as refused:
        instances_of(read_strategy(str(path)), (), {})
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
