"""`hoga heal`, as a user runs it: a recording with a hole, made by `hoga run` from a simulated exchange that drops frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoga.cli import main as cli
from tests.archive.workshop import Workshop, agg_trade

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")}


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a simulated exchange that drops every seventh trade, five times."""
    script = tmp_path / "faults.jsonl"
    script.write_text('{"fault":"drop","streams":"btcusdt@aggTrade","every":7,"count":5}\n')
    command = [sys.executable, "-m", "hoga", "sim", "--symbols", "BTCUSDT", "--faults", str(script), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["environment"]
        process.terminate()


def test_a_recording_with_a_hole_is_healed_and_verifies(
    tmp_path: Path, venue: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in venue.items():
        monkeypatch.setenv(name, value)
    settings = ("--set", "SYMBOLS=BTCUSDT", "--set", "STREAMS=aggTrade", "--set", "DASHBOARD_PORT_NUMBER=0")
    command = [sys.executable, "-m", "hoga", "run", *settings, "--seconds", "5"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    assert cli.main(["heal", "data", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["failed"], told["gaps"]) == (True, [], [])
    assert [(done["rows"], done["sources"]) for done in told["done"]] == [(4, ["rest"])]  # nothing proves that one was before the first
    assert list((tmp_path / "data" / "binance" / "execution").glob("BTCUSDT_execution_*.healed.jsonl.zst"))
    assert cli.main(["verify", "data"]) == 0
    capsys.readouterr()
    assert cli.main(["heal", "data"]) == 0
    assert capsys.readouterr().out == "0 trades healed; nothing is missing by its ids\n"


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["heal", str(tmp_path / "none")]) == 2
    assert "PATH: found" in capsys.readouterr().err


def test_nothing_to_heal_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["heal", str(tmp_path)]) == 0
    assert "0 trades healed" in capsys.readouterr().out


def test_a_simulated_market_s_trades_are_not_asked_of_a_real_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its ids are somebody else's there."""
    shop = Workshop(tmp_path / "data" / "binance" / "execution", "execution")
    start = shop.minute_ns("13-15")
    lines = [agg_trade(start + at, at).replace(b'"conn":"binance-1"', b'"conn":"simulated-binance-1"') for at in (1, 2, 5)]
    assert b"simulated" in lines[0]
    shop.seal("13-15", lines, ids=[1, 2, 5])
    assert cli.main(["heal", str(tmp_path / "data"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["what"] for each in told["failed"]] == ["binance:BTCUSDT"]
    assert told["failed"][0]["why"].startswith("recorded from a simulated exchange")
