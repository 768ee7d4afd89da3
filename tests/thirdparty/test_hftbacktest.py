"""hftbacktest's own validator on what `hoga export` writes. It lives in an environment of its own (`bench/peers/install.sh hftbacktest`):
it needs an older numpy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import hoga
from hoga.core.ledger import Gap, Reason
from tests.archive.workshop import Workshop, fill_trades
from tests.history.heal.conftest import MakeMissed, make_missed
from tests.history.test_load import fill_books
from tests.thirdparty.environments import python_of

__all__ = ["make_missed"]

PROGRAM = Path(__file__).with_name("hftbacktest_validator.py")


@pytest.fixture
def python() -> str:
    return python_of("hftbacktest")


def validated(python: str, *paths: Path) -> list[dict[str, object]]:
    done = subprocess.run([python, str(PROGRAM), *map(str, paths)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_its_validator_takes_books_with_a_gap_and_trades(python: str, tmp_path: Path) -> None:
    shop = fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook"), ("13-15", "13-36"))
    shop.tell_gap(Gap(from_ns=shop.minute_ns("13-16"), to_ns=shop.minute_ns("13-36"), reason=Reason.DISCONNECT, missed=None))
    fill_trades(Workshop(tmp_path / "binance" / "execution", "execution"))
    hoga.load("binance:BTCUSDT", "orderbook", root=tmp_path).to_hftbacktest(tmp_path / "books.npz")
    hoga.load("binance:BTCUSDT", "execution", root=tmp_path).to_hftbacktest(tmp_path / "trades.npz")
    found = validated(python, tmp_path / "books.npz", tmp_path / "trades.npz")
    assert [each["layout"] for each in found] == [True, True]


def test_its_validator_takes_real_captures_as_they_were_recorded(python: str, captures: Path, tmp_path: Path) -> None:
    """The recorder's clock was 1.27 s behind: it stays so."""
    hoga.load(captures / "binance-spot" / "derived_depth20_btcusdt_20240808.gz").to_hftbacktest(tmp_path / "books.npz")
    hoga.load(captures / "binance-usdm" / "hft_btcusdt_20240808.gz", "delta").to_hftbacktest(tmp_path / "deltas.npz", time="transaction")
    assert all(each["layout"] for each in validated(python, tmp_path / "books.npz", tmp_path / "deltas.npz"))


async def test_its_validator_takes_trades_that_were_fetched_afterwards(python: str, make_missed: MakeMissed, tmp_path: Path) -> None:
    missed = await make_missed()
    await missed.record({3, 7, 8, 9, 38})
    assert (await missed.heal()).ok
    hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent).to_hftbacktest(tmp_path / "trades.npz")
    assert validated(python, tmp_path / "trades.npz") == [{"events": 40, "layout": True}]
