"""`hoga run` as people meet it: its last words, its exit status, and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoga.simulator import Simulator, SimulatorConfig


def command(data: Path, *settings: str, seconds: float | None = None) -> list[str]:
    values = ["SYMBOLS=BTCUSDT", "WS_URL=ws://127.0.0.1:9", "REST_URL=http://127.0.0.1:9", "DASHBOARD_PORT_NUMBER=0", *settings]
    arguments = ["run", "--data", str(data), *(part for value in values for part in ("--set", value))]
    return [sys.executable, "-m", "hoga", *arguments, *(["--seconds", str(seconds)] if seconds is not None else [])]


def ran(*arguments: str, cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=240, check=False, **more)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
async def simulator() -> Simulator:  # type: ignore[misc]
    sim = Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT", "ETHUSDT", "BTCFDUSD")))
    await sim.start()
    yield sim
    await sim.stop()


async def test_the_last_line_is_a_verdict_and_all_is_what_the_venue_lists(simulator: Simulator, tmp_path: Path) -> None:
    import asyncio

    settings = (f"WS_URL={simulator.ws_url}", f"REST_URL={simulator.rest_url}", "SYMBOLS=ALL:USDT", "STREAMS=depth20@100ms")
    done = await asyncio.to_thread(ran, *command(tmp_path / "data", *settings, seconds=3), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all symbols venue=binance symbols=2 streams=2 connections=1" in done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("next: hoga verify data")
    assert " records in data, " in lines[-2]
    assert not lines[-2].startswith("0 ")
    assert sum("stopping" in line for line in lines) == 1
    assert list((tmp_path / "data" / "binance" / "instruments").glob("instruments_*"))


def test_a_run_that_recorded_nothing_is_not_good_and_old_names_are_told_once(tmp_path: Path) -> None:
    done = ran(*command(tmp_path / "data", "LATENCY_THRESHOLD_SEC=0.5", seconds=1), cwd=tmp_path)
    assert done.stderr.count("LATENCY_THRESHOLD_SEC") == 1
    assert done.returncode == 1
    assert "hoga: binance: nothing was recorded: never connected to ws://127.0.0.1:9" in done.stderr


def test_a_list_that_never_comes_is_told(tmp_path: Path) -> None:
    done = ran(*command(tmp_path / "data", "SYMBOLS=ALL", seconds=1), cwd=tmp_path)
    assert done.returncode == 1
    assert "the list of symbols is not there yet" in done.stderr
    assert "list of symbols never came" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["LOG_DIR=/proc/x/logs", "LOB_DIR=afile/x", "LOG_DIR=afile"])
def test_what_cannot_be_written_is_one_line(tmp_path: Path, option: str) -> None:
    (tmp_path / "afile").write_text("x")
    settings = command(tmp_path / "data", option.replace("afile", str(tmp_path / "afile")), seconds=1)
    done = ran(*settings, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(f"hoga: --set: {option.partition('=')[0]}: ")


def test_too_few_open_files_are_one_line(tmp_path: Path) -> None:
    done = ran("sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *command(tmp_path / "data", seconds=1), cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "ulimit -n" in done.stderr


def test_a_port_that_is_taken_is_said_where_the_address_would_be(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = ran(*command(tmp_path / "data", f"DASHBOARD_PORT_NUMBER={port}", seconds=2), cwd=tmp_path)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dashboard: ")]
    assert "DASHBOARD_PORT_NUMBER" in line


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that waits for its venue; it has installed its handlers."""
    process = subprocess.Popen(command(tmp_path / "data"), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "dashboard: " in line:
            break
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_every_way_to_end_it_is_a_clean_one(waiting: subprocess.Popen[str], number: int, status: int) -> None:
    waiting.send_signal(number)
    _, said = waiting.communicate(timeout=240)
    assert waiting.returncode == status, said
    assert "Traceback" not in said
    assert "nothing was recorded" in said


def test_ctrl_c_of_the_whole_group_while_it_starts_leaves_no_trace(tmp_path: Path) -> None:
    """As a terminal does it, at the first word that it says: its workers are being started then."""
    process = subprocess.Popen(command(tmp_path / "data"), cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, first + said
    assert "Traceback" not in said
    assert "leaked" not in said
