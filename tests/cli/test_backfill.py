"""`hoga backfill`, as a user runs it, against a simulated archive."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from hoga.cli import main as cli
from hoga.simulator import HistoryConfig, Simulator, SimulatorConfig


class Ran(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


Hoga = Callable[..., Ran]


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """Where the archives of two venues are; the simulator has a loop and a thread of its own."""
    found: dict[str, str] = {}
    up = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        history = HistoryConfig(days=5, rows_a_day=40)
        config = SimulatorConfig(venues=("binance", "binance-usdm"), symbols=("BTCUSDT",), history=history)
        async with Simulator(config) as simulator:
            found.update({name: venue.urls["history"] for name, venue in simulator.venues.items()})
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(60)
    yield found
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    loop.close()


@pytest.fixture
def hoga(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hoga:
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, url: str = "http://127.0.0.1:9", venue: str = "binance") -> Ran:
        monkeypatch.setenv(f"HOGA_{venue.upper().replace('-', '_')}__HISTORY_URL", url)
        status = cli.main(["backfill", *arguments])
        return Ran(status, *capsys.readouterr())

    return run


def days_ago(count: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=count)).isoformat()


RANGE = ("--start-date", days_ago(3), "--end-date", days_ago(2))


def test_files_come_and_the_json_says_which(tmp_path: Path, hoga: Hoga, urls: dict[str, str]) -> None:
    ran = hoga(*RANGE, "--symbols", "btcusdt", "--data", "d", "--json", url=urls["binance"])
    assert ran.status == 0, ran.err
    told = json.loads(ran.out)
    assert (told["ok"], told["failed"]) == (True, [])
    assert [(each["what"], each["findings"]) for each in told["done"]] == [
        (f"BTCUSDT-aggTrades-{days_ago(back)}.zip", []) for back in (3, 2)
    ]
    assert (tmp_path / "d" / "binance" / "execution" / f"BTCUSDT-aggTrades-{days_ago(2)}.parquet").exists()


def test_candles_have_a_folder_of_their_own_and_futures_an_archive(tmp_path: Path, hoga: Hoga, urls: dict[str, str]) -> None:
    (tmp_path / "hoga.conf").write_text("[binance-usdm]\nSYMBOLS = BTCUSDT\n")
    ran = hoga(*RANGE, "--kind", "klines", "--interval", "1h", url=urls["binance-usdm"], venue="binance-usdm")
    assert ran.status == 0, ran.err
    assert "2 files with 48 rows are in" in ran.out
    assert (tmp_path / "data" / "binance-usdm" / "candle" / f"BTCUSDT-1h-{days_ago(2)}.zip").exists()


def test_what_is_missing_is_one_line_and_exit_1(hoga: Hoga, urls: dict[str, str]) -> None:
    ran = hoga("--start-date", days_ago(1), "--end-date", days_ago(0), "--symbols", "BTCUSDT", url=urls["binance"])
    assert ran.status == 1
    assert ran.err.splitlines()[-1] == f"hoga: BTCUSDT-aggTrades-{days_ago(0)}.zip: the day is not over"


@pytest.mark.parametrize("end", ["9999-12-31", "2026-02-30", "2026-3-1", "0001-01-01"])
def test_what_is_no_day_is_refused(hoga: Hoga, end: str) -> None:
    ran = hoga("--start-date", "2026-01-01", "--end-date", end, "--symbols", "BTCUSDT")
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert f"--end-date: found {end}, expected a day as YYYY-MM-DD" in ran.err


def test_the_days_to_come_are_one_line(hoga: Hoga, urls: dict[str, str]) -> None:
    ran = hoga("--start-date", days_ago(2), "--end-date", "2261-12-31", "--symbols", "BTCUSDT", url=urls["binance"])
    assert (ran.status, ran.err.count("the day is not over")) == (1, 1)
    assert ran.err.splitlines()[-1] == f"hoga: BTCUSDT-aggTrades-{days_ago(0)}…2261-12-31: the day is not over"


def test_a_dry_run_is_a_table(tmp_path: Path, hoga: Hoga, urls: dict[str, str]) -> None:
    ran = hoga(*RANGE, "--symbols", "BTCUSDT", "--dry-run", url=urls["binance"])
    assert ran.status == 0
    assert ran.out.count("to fetch") == 2
    assert not list(tmp_path.rglob("*.zip"))


def test_nobody_there_is_one_line(hoga: Hoga) -> None:
    ran = hoga(*RANGE, "--symbols", "BTCUSDT", "--set", "TIMEOUT=1")
    assert ran.status == 1
    assert ran.err.splitlines()[-1].startswith("hoga: binance: no answer from http://127.0.0.1:9")


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
