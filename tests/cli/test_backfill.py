"""`hoga backfill`, as a user runs it: a process of its own against a simulated archive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hoga.cli import main as cli

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "hoga", "sim", "--venues", "binance,binance-usdm", "--symbols", "BTCUSDT", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield ready["venues"]["binance"]["history"] + " " + ready["venues"]["binance-usdm"]["history"]
        process.terminate()


def hoga(folder: Path, *arguments: str, url: str = "http://127.0.0.1:9", venue: str = "BINANCE") -> subprocess.CompletedProcess[str]:
    address = url.split()[-1 if venue == "BINANCE_USDM" else 0]
    environment = ENVIRONMENT | {f"HOGA_{venue}__HISTORY_URL": address, "HOGA_TIMEOUT": "20"}
    return subprocess.run(
        [sys.executable, "-m", "hoga", "backfill", *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def days_ago(count: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=count)).isoformat()


RANGE = ("--start-date", days_ago(3), "--end-date", days_ago(2))


def test_files_come_and_the_json_says_which(tmp_path: Path, url: str) -> None:
    ran = hoga(tmp_path, *RANGE, "--symbols", "btcusdt", "--data", "d", "--json", url=url)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["ok"], told["failed"]) == (True, [])
    assert [(each["what"], each["findings"]) for each in told["done"]] == [
        (f"BTCUSDT-aggTrades-{days_ago(back)}.zip", []) for back in (3, 2)
    ]
    assert (tmp_path / "d" / "binance" / "execution" / f"BTCUSDT-aggTrades-{days_ago(2)}.parquet").exists()


def test_candles_have_a_folder_of_their_own_and_futures_an_archive(tmp_path: Path, url: str) -> None:
    (tmp_path / "hoga.conf").write_text("[binance-usdm]\nSYMBOLS = BTCUSDT\n")
    ran = hoga(tmp_path, *RANGE, "--kind", "klines", "--interval", "1h", url=url, venue="BINANCE_USDM")
    assert ran.returncode == 0, ran.stderr
    assert "2 files with 48 rows are in" in ran.stdout
    assert (tmp_path / "data" / "binance-usdm" / "candle" / f"BTCUSDT-1h-{days_ago(2)}.zip").exists()


def test_what_is_missing_is_one_line_and_exit_1(tmp_path: Path, url: str) -> None:
    ran = hoga(tmp_path, "--start-date", days_ago(1), "--end-date", days_ago(0), "--symbols", "BTCUSDT", url=url)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == f"hoga: BTCUSDT-aggTrades-{days_ago(0)}.zip: the day is not over"


def test_a_dry_run_is_a_table(tmp_path: Path, url: str) -> None:
    ran = hoga(tmp_path, *RANGE, "--symbols", "BTCUSDT", "--dry-run", url=url)
    assert ran.returncode == 0
    assert ran.stdout.count("to fetch") == 2
    assert not list(tmp_path.rglob("*.zip"))


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    ran = hoga(tmp_path, *RANGE, "--symbols", "BTCUSDT", "--set", "TIMEOUT=1")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("hoga: binance: no answer from http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--start-date", "yesterday", "--end-date", "2026-01-01"), "--start-date: found yesterday, expected a day as YYYY-MM-DD"),
        (("--start-date", "2026-01-02", "--end-date", "2026-01-01"), "a day not before --start-date 2026-01-02"),
        ((*RANGE, "--kind", "aggtrade"), "found aggtrade, expected aggTrades or trades or klines; did you mean aggTrades?"),
        ((*RANGE, "--interval", "1m"), "no interval: aggTrades have none"),
        ((*RANGE, "--kind", "klines", "--interval", "7m"), "expected 1s, 1m"),
        ((*RANGE, "--symbols", "../x"), "a symbol of binance, like BTCUSDT"),
        ((*RANGE, "--set", "SYMBOLS=ALL"), "symbols by name"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["backfill", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "data").exists()


def test_a_venue_without_files_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hoga.conf").write_text("[upbit]\nSYMBOLS = KRW-BTC\n")
    assert cli.main(["backfill", *RANGE]) == 2
    assert "a venue with an archive of files: [binance], [binance-usdm]" in capsys.readouterr().err
