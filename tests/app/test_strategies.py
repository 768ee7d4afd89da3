"""A user's file of strategies: whatever is wrong in it is one line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.app.trader.strategies import instances_of, read_strategy, split_settings
from hoga.core.errors import ConfigError


@pytest.mark.parametrize(
    "lines, says",
    [
        ("symbol = 5", "symbol = 5"),
        ('symbols = "binance:BTCUSDT"', "symbols = 'binance:BTCUSDT'"),
        ('symbol = "binance:BTCUSDT"\n    params = 7', "params = 7"),
        ('symbol = "binance:BTCUSDT"\n    params = {"fast": None}', "params: 'fast': None, expected a name, and an int, a float"),
        ('symbol = "binance:BTCUSDT"\n    params = {"side": ()}', "params: 'side': ()"),
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


@pytest.mark.parametrize("name", ["hoga.conf", "mine", "mine.txt"])
def test_a_file_that_is_no_python_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("SYMBOLS = BTCUSDT\n")
    with pytest.raises(ConfigError, match=f"found {name}, expected a Python file"):
        read_strategy(str(tmp_path / name))


TYPED = """
from decimal import Decimal
from hoga import Strategy


class Mine(Strategy):
    symbol = "binance:BTCUSDT"
    params = {
        "fast": 10, "ratio": 0.5, "size": "0.010", "least": Decimal("5"), "quick": True, "side": ("long", "short"), "depth": (5, 20),
        "interval": "1m",
    }
"""


@pytest.fixture
def typed(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(TYPED)
    return str(tmp_path / "mine.py")


def made(path: str, *settings: str) -> dict[str, Any]:
    params, rest = split_settings(path, list(settings))
    assert not rest
    ((_, strategy),) = instances_of(read_strategy(path), (), {"": params})
    return dict(strategy.p.items())


def test_parameters_are_of_the_type_of_their_defaults_and_of_choices_the_first_holds(typed: str) -> None:
    plain = {
        "fast": 10, "ratio": 0.5, "size": "0.010", "least": Decimal(5), "quick": True, "side": "long", "depth": 5, "interval": "1m"
    }  # fmt: skip
    assert made(typed) == plain
    found = made(
        typed, "fast=3", "ratio=0.25", "size=1e-2", "least=7.50", "quick=no", "side=short", "depth=20", "interval=5m", "fast = 4"
    )  # fmt: skip
    assert found == {
        "fast": 4, "ratio": 0.25, "size": "0.01", "least": Decimal("7.50"), "quick": False, "side": "short", "depth": 20, "interval": "5m"
    }  # fmt: skip
    assert [type(each) for each in found.values()] == [type(each) for each in plain.values()]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("fast=ten", "Mine.fast: STRATEGY: found ten, expected an int, as 10"),
        ("fast=1.5", "found 1.5, expected an int, as 10"),
        ("ratio=nan", "expected a float, as 0.5"),
        ("size=much", "expected a number, as '0.010'"),
        ("least=nan", "expected a number, as Decimal('5')"),
        ("quick=maybe", "expected a bool, as True"),
        ("side=shrot", "expected one of long, short; did you mean short?"),
        ("depth=7", "expected one of 5, 20"),
        ("fsat=3", "an unknown name, expected a parameter of Mine (fast, ratio, size, least, quick, side, depth, interval), or a key"),
        ("fsat=3", "did you mean fast?"),
    ],
)
def test_a_parameter_that_cannot_be_is_one_line(typed: str, setting: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        made(typed, setting)
    assert "\n" not in str(refused.value)
    assert says in str(refused.value), str(refused.value)


def test_what_is_no_parameter_is_for_the_configuration(typed: str) -> None:
    settings = ["fast=3", "max_workers=2", "LEVERAGE=3", "binance.MAX_ORDER_NOTIONAL=5", "binance:BTCUSDT.fast=7"]
    assert split_settings(typed, settings) == ({"fast": "3"}, settings[1:])
    assert split_settings("nowhere.py", []) == ({}, [])


def test_a_parameter_of_a_section_that_the_strategy_does_not_have_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import hoga\nclass Mine(hoga.Strategy):\n    symbol = 'binance:BTCUSDT'\n    params = {'fast': 10, 'slow': 30}\n")
    kind = read_strategy(str(file))
    with pytest.raises(ConfigError, match=r"\[binance:BTCUSDT\]: fsat: found 7, expected a parameter of Mine .*did you mean fast\?"):
        instances_of(kind, (), {"binance:BTCUSDT": {"fsat": "7"}})
    assert instances_of(kind, (), {"binance:BTCUSDT": {"fast": "7"}})[0][1].p.fast == 7
