"""`hoga dashboard` and `hoga top` as a user starts them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.core.ledger import Reason
from hoga.dashboard.page import page_path
from hoga.dashboard.snapshot import Happened
from hoga.dashboard.terminal import Top
from hoga.quality.incidents import Incident
from tests.dashboard.stage import STARTED_NS, Stage
from tests.waiting import eventually


def start(*arguments: str, ignoring: str = "") -> subprocess.Popen[str]:
    """A command; a shell that starts something with & has it ignore SIGINT, and so does `ignoring="INT"`."""
    command = [sys.executable, "-m", "hoga", *arguments]
    if ignoring:
        command = ["sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh", *command]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOGA_SYMBOLS": "BTCUSDT"}
    )


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Stage]:
    """A run that is played, into `tmp_path`, with an incident."""
    stage = Stage(tmp_path)
    stage.page = page_path(tmp_path)
    cut = Incident(
        from_ns=STARTED_NS, to_ns=STARTED_NS + 100_000_000, reason=Reason.DISCONNECT, streams=4, gaps=4, missed=0, uncounted=4, conn="c-1"
    )
    stage.scene = lambda snapshot: msgspec.structs.replace(snapshot, happened=Happened({"disconnect": 1}, [cut]))
    stage.play()
    yield stage
    stage.close()


def test_a_port_that_is_taken_ends_it_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        out, said = start("dashboard", "--data", str(tmp_path), "--port", str(port)).communicate(timeout=240)
    assert out == ""
    assert said == f"hoga: port {port} on 127.0.0.1 is taken by another program (--port or DASHBOARD_PORT_NUMBER sets another)\n"


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_even_where_a_shell_had_it_ignored(tmp_path: Path, number: signal.Signals, status: int) -> None:
    process = start("dashboard", "--json", "--data", str(tmp_path), "--port", "0", ignoring="INT")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    process.send_signal(number)
    _, said = process.communicate(timeout=240)
    assert (process.returncode, "Traceback" in said) == (status, False)


def test_top_off_a_terminal_says_how_things_are_once(told: Stage) -> None:
    process = start("top", "--data", str(told.folder))
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    first, incident, head, *rows = out.splitlines()
    assert first == "recording: everything is being recorded"
    assert incident.endswith(": connection c-1 was cut for 0.1 s, 4 streams, nothing countable lost")
    assert head.split()[:2] == ["venue", "stream"]
    assert {row.split()[0] for row in rows} == {"binance"}
    assert "\x1b" not in out


def test_top_names_the_folder_that_nobody_records_into(tmp_path: Path) -> None:
    process = start("top", "--once", "--data", str(tmp_path / "nowhere"))
    out, said = process.communicate(timeout=240)
    assert process.returncode == 1
    assert f"No recorder is running for {tmp_path / 'nowhere'}" in out
    assert f"nothing is recorded into {tmp_path / 'nowhere'}" in said


async def test_top_shows_no_rate_before_it_knows_one_and_helps_when_asked(told: Stage) -> None:
    app = Top(told.page, str(told.folder))
    async with app.run_test(size=(160, 40)) as pilot:
        table: Any = app.query_one("DataTable")
        assert [str(column.label) for column in table.columns.values()][:2] == ["venue", "stream"]
        await eventually(lambda: table.row_count, pause=0.005)
        first = str(table.get_cell_at((0, 4)))
        assert first == "–"
        about = app.query_one("#help")
        assert not about.display
        await pilot.press("?")
        assert about.display
        facts = str(app.query_one("#facts").render())
        assert "1 incident (" in facts or "no incidents" in facts
