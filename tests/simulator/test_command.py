"""`hoga sim` as a process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from hoga.cli.main import main

HOGA = [sys.executable, "-c", "import sys; from hoga.cli.main import main; sys.exit(main(sys.argv[1:]))", "sim"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*HOGA, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_one_json_line_when_ready_and_a_clean_stop(number: signal.Signals, status: int) -> None:
    process = start("--json", "--symbols", "btcusdt,ethusdt")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    urls = ready["venues"]["binance"]
    assert urls["ws"].startswith("ws://127.0.0.1:")
    with urlopen(f"{urls['rest']}/api/v3/exchangeInfo") as answer:
        assert [entry["symbol"] for entry in json.load(answer)["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    process.send_signal(number)
    out, _ = process.communicate(timeout=240)
    assert out == ""
    assert process.returncode == status


def test_several_venues_tell_all_their_doors() -> None:
    process = start("--json", "--venues", "binance,upbit", "--symbols", "BTCUSDT,KRW-BTC", "--seconds", "5")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    venues, variables = ready["venues"], ready["environment"]
    for name in ("binance", "upbit"):
        assert venues[name]["key"] == variables[f"HOGA_{name.upper()}__API_KEY"]
        assert venues[name]["secret"] == variables[f"HOGA_{name.upper()}__API_SECRET"]
    assert venues["upbit"]["private"] == venues["upbit"]["ws"] != venues["binance"]["ws"]
    with urlopen(f"{venues['upbit']['rest']}/v1/market/all") as answer:
        assert [row["market"] for row in json.load(answer)] == ["KRW-BTC"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=240)


def test_a_venue_that_the_captures_lack_says_so(tmp_path: Path) -> None:
    capture = tmp_path / "ticker.jsonl"
    capture.write_text('{"type":"ticker","code":"KRW-BTC","timestamp":1752472006666}\n')
    process = start("--replay", str(capture), "--venues", "binance,upbit", "--seconds", "0.1")
    _, err = process.communicate(timeout=240)
    assert "binance: the captures hold nothing of it" in err
    assert "upbit: the captures" not in err


def test_seconds_end_it() -> None:
    process = start("--seconds", "0.1")
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert "binance REST" in out


def test_a_busy_port_is_one_line_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        _, err = process.communicate(timeout=240)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "--port" in err
    assert "in use" in err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--venues", "kraken"], "--venues"),
        (["--speed", "fast"], "--speed"),
        (["--speed", "max"], "--speed"),
        (["--speed", "-1"], "--speed"),
        (["--replay", "/nowhere/at/all"], "/nowhere/at/all"),
        (["stray.gz"], "stray.gz"),
        (["--tls-cert", "/nowhere/cert.pem"], "cert.pem"),
        (["--seconds", "inf"], "found inf, expected a number"),
        (["--host", "a" * 100], "an address of this machine"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err


def test_mistakes_of_a_fault_script_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"fault":"drop"}\n{"fault":"dorp"}\n')
    assert main(["sim", "--faults", str(script)]) == 2
    assert f"{script}:2" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--help"]) == 0
    assert "Example: hoga sim" in capsys.readouterr().out
