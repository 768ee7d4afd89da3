"""`hoga replay` as a process: recorded again it is the same, damage ends it, and mistakes are one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import pytest

from hoga.cli.main import main
from hoga.core.errors import ArchiveError
from tests.archive.workshop import SYMBOL, Workshop, fill_books, fill_trades, read_records
from tests.waiting import LONG_S

HOGA = [sys.executable, "-m", "hoga"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three minutes of books and trades."""
    for kind, fill in (("orderbook", fill_books), ("execution", fill_trades)):
        fill(Workshop(tmp_path / "data" / "binance" / kind, kind))
    return tmp_path / "data"


@pytest.fixture
def start() -> Callable[..., tuple[subprocess.Popen[str], dict]]:  # type: ignore[misc, type-arg]
    """Start it and give its ready line."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> tuple[subprocess.Popen[str], dict]:  # type: ignore[type-arg]
        words = [*HOGA, "replay", *map(str, arguments), "--json"]
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        out = running[-1].stdout
        assert out is not None
        return running[-1], json.loads(out.readline())

    yield begin
    for each in running:
        if each.poll() is None:
            each.kill()
        each.communicate()


def payloads(root: Path, kind: str) -> list[bytes]:
    """The venue's own texts, in order."""
    return [line[line.index(b'"conn":"') :].split(b'",', 1)[1] for line in read_records(root, kind=kind)]


def recorded(root: Path, kind: str) -> list[bytes]:
    """What is recorded as yet, also in the open minute; nothing while a recorder has not begun."""
    try:
        return payloads(root, kind) if (root / "binance").is_dir() else []
    except ArchiveError:
        return []


def test_recorded_again_it_is_the_same_text_for_text(archive: Path, start: Callable[..., tuple], tmp_path: Path) -> None:  # type: ignore[type-arg]
    process, ready = start(archive, "--speed", "max", "--start-delay", "2")
    assert ready["ready"] is True
    urls = ready["venues"]["binance"]
    assert urls["ws"].partition("://")[2] == urls["rest"].partition("://")[2], "one port"
    again = tmp_path / "again"
    settings = ["SYMBOLS=BTCUSDT", "DASHBOARD_PORT_NUMBER=0", "STREAMS=depth20@100ms,aggTrade"]
    words = [*HOGA, "run", "--data", str(again), *(part for each in settings for part in ("--set", each))]
    with subprocess.Popen(words, env=os.environ | ready["environment"], stderr=subprocess.PIPE, text=True, cwd=tmp_path) as recorder:
        end = monotonic() + 90
        while sum(len(recorded(again, kind)) for kind in ("orderbook", "execution")) < 240 and monotonic() < end:
            sleep(0.5)
        recorder.send_signal(signal.SIGTERM)
        _, err = recorder.communicate(timeout=240)
    assert recorder.returncode == 0, err
    with urlopen(f"{urls['rest']}/sim/status") as answer:
        status = json.load(answer)["replay"]
    assert (status["sent"], status["unheard"], status["done"]) == (240, 0, True)
    for kind in ("orderbook", "execution"):
        assert payloads(tmp_path / "again", kind) == payloads(archive, kind)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LONG_S)
    assert process.returncode == 0


def test_damage_ends_it_with_one_line_that_names_the_file(archive: Path, start: Callable[..., tuple], tmp_path: Path) -> None:  # type: ignore[type-arg]
    path = next((archive / "binance" / "execution" / "temporary").rglob("*13-17*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    process, ready = start(archive, "--speed", "max", "--start-delay", "0", "--kind", "execution")
    host, _, port = ready["venues"]["binance"]["ws"].partition("://")[2].partition(":")
    program = (
        "import asyncio, aiohttp\n"
        "async def main():\n"
        "    async with aiohttp.ClientSession() as http:\n"
        f"        async with http.ws_connect('ws://{host}:{port}/stream?streams=btcusdt@aggTrade') as socket:\n"
        "            print(len([message async for message in socket]))\n"
        "asyncio.run(main())\n"
    )
    heard = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert str(path) in err
    assert "not what was sealed" in err
    assert int(heard.stdout) == 80, "what comes before it is played"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "PATH"),
        (["binance:BTCUSD", "--data", "data"], "did you mean BTCUSDT?"),
        (["data", "--speed", "fast"], "--speed"),
        (["data", "--speed", "0"], "--speed"),
        (["data", "--gaps", "fill"], "cut or skip or wait"),
        (["data", "--kind", "orderbok"], "did you mean orderbook?"),
        (["data", "--start", "2026-11-20T14:00", "--end", "2026-11-20T13:00"], "--start"),
        (["data", "--start", "2026-11-21"], "recorded: 2026-11-20 13:15-13:17"),
        (["data", "--start", "noon"], "--start"),
        (["data", "--tls-cert", "nowhere.pem"], "nowhere.pem"),
        (["data", "--port", "70000"], "'--port'"),
        ([], "VENUE:SYMBOL"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str], told: str, archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    assert main(["replay", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err
    assert SYMBOL in err or "BTCUSDT" not in told
