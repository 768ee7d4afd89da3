"""`hoga dashboard` and `hoga top` as a user starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from hoga.core.ledger import Reason
from hoga.dashboard.page import page_path
from hoga.dashboard.snapshot import Happened
from hoga.dashboard.terminal import Top
from hoga.quality.incidents import Incident
from tests.dashboard.stage import STARTED_NS, Stage, make_trader
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
    first, *facts = out.splitlines()
    assert first == "recording: everything is being recorded"
    (incident,) = [fact for fact in facts if fact.startswith("incident")]
    assert incident.endswith(": connection c-1 was cut for 0.1 s, 4 streams, nothing countable lost")
    assert re.match(r"[1-9][\d.,]* frames/s   [\d,]+ records   no incidents   4/4 streams", facts[0])
    at = next(number for number, fact in enumerate(facts) if fact.split()[:2] == ["venue", "stream"])
    assert facts[at].split()[2:] == ["kind", "state", "frames/s", "median", "ms", "p99", "ms", "queue", "gaps", "records"]
    assert {row.split()[0] for row in facts[at + 1 :]} == {"binance"}
    assert "0.0" not in [row.split()[4] for row in facts[at + 1 :]], "no rate before there is one"
    assert "\x1b" not in out


def test_top_names_the_folder_that_nobody_records_into(tmp_path: Path) -> None:
    process = start("top", "--once", "--data", str(tmp_path / "nowhere"))
    out, said = process.communicate(timeout=240)
    assert process.returncode == 1
    assert f"No recorder is running for {tmp_path / 'nowhere'}" in out
    assert f"nothing is recorded into {tmp_path / 'nowhere'}" in said


def texts(app: Top) -> tuple[str, list[list[str]]]:
    """(the facts, the table's cells)"""
    table: Any = app.query_one("DataTable")
    return str(app.query_one("#facts").render()), [[str(cell).strip() for cell in table.get_row_at(row)] for row in range(table.row_count)]


class Noted(Top):
    """Remembers what it said of the first stream's rate, each time that it looked."""

    rates: ClassVar[list[str]] = []

    def refresh_all(self) -> None:
        super().refresh_all()
        table: Any = self.query_one("DataTable")
        if table.row_count:
            self.rates.append(str(table.get_cell_at((0, 4))))


async def test_top_shows_no_rate_before_it_knows_one_and_helps_when_asked(told: Stage) -> None:
    app = Noted(told.page, str(told.folder))
    async with app.run_test(size=(160, 40)) as pilot:
        table: Any = app.query_one("DataTable")
        assert [str(column.label) for column in table.columns.values()][:2] == ["venue", "stream"]
        await eventually(lambda: app.rates)
        assert app.rates[0] == "–"
        about = app.query_one("#help")
        assert not about.display
        await pilot.press("?")
        assert about.display
        facts = str(app.query_one("#facts").render())
        assert "1 incident (" in facts or "no incidents" in facts


async def test_top_says_the_same_in_80_columns_as_in_200(told: Stage) -> None:
    told.trader = make_trader(told.folder)
    told.trader_page = told.page.with_suffix(".trader")
    seen: dict[int, tuple[str, list[list[str]]]] = {}
    for width, height in ((80, 24), (200, 50)):
        app = Top(told.page, str(told.folder))
        async with app.run_test(size=(width, height)) as pilot:
            await eventually(
                lambda app=app: all(part in texts(app)[0] for part in ("trader hg", "cpu")) and texts(app)[1][0][4] not in ("", "–")
            )
            told.hold()
            await pilot.pause()
            app.refresh_all()
            seen[width] = texts(app)
            told.go_on()
            table: Any = app.query_one("DataTable")
            assert table.size.height >= 4
            assert sum(column.get_render_width(table) for column in table.columns.values()) <= width
    (facts_80, narrow), (facts_200, wide) = seen[80], seen[200]
    for fact in (
        "trader hg (live)   NO_OPEN",
        "2 orders, 1 UNKNOWN for 8 s",
        "position binance-usdm:BTCUSDT",
        "PnL -3.67 USDT",
        "connections up",
        "latency: half",
    ):
        assert fact in facts_80 and fact in facts_200
    plain = [re.sub(r"[\d.,]+ frames/s   [\d,]+ records|cpu.*", "", facts) for facts in (facts_80, facts_200)]
    assert plain[0] == plain[1]
    for short, long in zip(narrow, wide, strict=True):
        assert (short[0], short[2]) == (long[0], long[2])
        assert long[1].startswith(short[1].lower())
        assert (short[3], long[3]) == ("✓", "✓ recording")
        assert short[5] == "12.5/31.0" and long[5:7] == ["12.5 ms", "31.0 ms"]
        assert short[6:8] == long[7:9]


async def test_top_follows_a_terminal_that_is_resized(told: Stage) -> None:
    app = Top(told.page, str(told.folder))
    async with app.run_test(size=(200, 50)) as pilot:
        table: Any = app.query_one("DataTable")
        for width, first in ((80, "symbol"), (200, "stream"), (100, "symbol")):
            await pilot.resize_terminal(width, 24)
            await eventually(
                lambda first=first: [str(column.label).strip() for column in table.columns.values()][1] == first and table.row_count == 4
            )


async def test_top_says_that_it_is_paused_and_goes_on_with_the_verdict(told: Stage) -> None:
    app = Top(told.page, str(told.folder))

    def verdict() -> str:
        return str(app.query_one("#verdict").render())

    async with app.run_test(size=(160, 40)) as pilot:
        await eventually(lambda: texts(app)[1] and texts(app)[1][0][4] not in ("", "–"))
        await pilot.press("space")
        seen = texts(app)
        assert re.search(r"RECORDING.*\n PAUSED since \d\d:\d\d:\d\d UTC", verdict())
        told.close()
        app.refresh_all()
        assert "STOPPED" in verdict() and "No recorder is running" in verdict() and "PAUSED since" in verdict()
        await pilot.resize_terminal(100, 40)
        await pilot.resize_terminal(160, 40)
        assert texts(app) == seen, "all but the verdict stands still"
        await pilot.press("space")
        assert "PAUSED" not in verdict()
        facts, rows = texts(app)
        assert facts.startswith("– frames/s") and "?/4 streams" in facts
        assert {(row[3], row[4], row[5]) for row in rows} == {("? unknown", "–", "–")}
