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


def hoga(folder: Path, venue: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hoga", *arguments]
    return subprocess.run(command, check=False, cwd=folder, env=ENVIRONMENT | venue, capture_output=True, text=True, timeout=110)


async def test_a_recording_with_a_hole_is_healed_and_verifies(tmp_path: Path, venue: dict[str, str]) -> None:
    settings = ("--set", "SYMBOLS=BTCUSDT", "--set", "STREAMS=aggTrade", "--set", "DASHBOARD_PORT_NUMBER=0")
    ran = hoga(tmp_path, venue, "run", *settings, "--seconds", "6")
    assert ran.returncode == 0, ran.stderr
    healed = hoga(tmp_path, venue, "heal", "data", "--json")
    told = json.loads(healed.stdout)
    assert (healed.returncode, told["ok"], told["failed"], told["gaps"]) == (0, True, [], []), healed.stderr
    assert [(done["rows"], done["sources"]) for done in told["done"]] == [
        (4, ["rest"])
    ]  # nothing before the first one proves that it was there
    assert list((tmp_path / "data" / "binance" / "execution").glob("BTCUSDT_execution_*.healed.jsonl.zst"))
    assert hoga(tmp_path, venue, "verify", "data").returncode == 0
    again = hoga(tmp_path, venue, "heal", "data")
    assert (again.returncode, again.stdout) == (0, "0 trades healed; nothing is missing by its ids\n")


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["heal", str(tmp_path / "none")]) == 2
    assert "PATH: found" in capsys.readouterr().err


def test_nothing_to_heal_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["heal", str(tmp_path)]) == 0
    assert "0 trades healed" in capsys.readouterr().out
