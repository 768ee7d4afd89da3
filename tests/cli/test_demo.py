"""`hoga demo`: what it simulates and records where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hoga.app.demo import symbols_of
from hoga.core.errors import ConfigError

ALL = ("binance", "binance-usdm", "upbit")


def test_every_venue_has_its_usual_symbols() -> None:
    chosen = symbols_of(ALL, ())
    assert list(chosen) == list(ALL)
    assert all(chosen.values())


@pytest.mark.parametrize(
    ("venues", "symbols", "chosen"),
    [
        (ALL, ("BTCUSDT",), {"binance": ("BTCUSDT",), "binance-usdm": ("BTCUSDT",)}),
        (ALL, ("KRW-BTC", "SOLUSDT"), {"binance": ("SOLUSDT",), "binance-usdm": ("SOLUSDT",), "upbit": ("KRW-BTC",)}),
        (("upbit",), ("KRW-BTC",), {"upbit": ("KRW-BTC",)}),
    ],
)
def test_each_venue_takes_the_symbols_spelt_like_its_own(
    venues: tuple[str, ...], symbols: tuple[str, ...], chosen: dict[str, tuple[str, ...]]
) -> None:
    assert symbols_of(venues, symbols) == chosen


@pytest.mark.parametrize(
    ("venues", "symbols", "said"), [(("upbitt",), (), "did you mean upbit"), (("upbit",), ("BTCUSDT",), "like KRW-BTC")]
)
def test_what_fits_nowhere_is_a_mistake(venues: tuple[str, ...], symbols: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        symbols_of(venues, symbols)


@pytest.mark.slow
def test_it_records_every_venue_heals_and_is_proven(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hoga", "demo", "--seconds", "20", "--json", "--data", str(tmp_path / "demo"), "--port", "28443"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["ok"], result["records"] > 0, result["gaps"] > 0) == (True, True, True)
    assert all((tmp_path / "demo" / venue).is_dir() for venue in ALL)
    for said in ("streams of 3 venues in sync", "on purpose", "healed in", "hoga top --data"):
        assert said in done.stderr
