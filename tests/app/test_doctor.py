"""The doctor: every judge, and every probe against a good and a bad machine."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from filelock import FileLock

from hoga.app.doctor import (
    Check,
    State,
    examine,
    judge_clock,
    judge_disk_speed,
    judge_open_files,
    judge_python,
    judge_space,
)
from hoga.runtime.clock import ClockReading

HERE = Path("/here")


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (judge_python((3, 12, 1), "uvloop"), State.OK),
        (judge_python((3, 12, 1), "asyncio"), State.WARNING),
        (judge_python((3, 10, 9), "uvloop"), State.FAILED),
        (judge_clock(ClockReading(0.01, "chrony", 3.0)), State.OK),
        (judge_clock(ClockReading(-80.0, "chrony", 3.0)), State.WARNING),
        (judge_clock(ClockReading(3.0, "venue x", 20.0)), State.WARNING),
        (judge_clock(ClockReading(-5000.0, "venue x", 20.0)), State.FAILED),
        (judge_clock(ClockReading(510.0, "ntp x", 20.0)), State.WARNING),
        (judge_clock(ClockReading(None, "none")), State.FAILED),
        (judge_space(HERE, 100_000, 1024), State.OK),
        (judge_space(HERE, 3_000, 1024), State.WARNING),
        (judge_space(HERE, 1_000, 1024), State.FAILED),
        (judge_disk_speed(HERE, [1.0, 2.0, 3.0], 1000), State.OK),
        (judge_disk_speed(HERE, [1.0, 2.0, 3000.0], 1000), State.WARNING),
        (judge_disk_speed(HERE, [1500.0], 1000), State.FAILED),
        (judge_open_files(65_536), State.OK),
        (judge_open_files(-1), State.OK),
        (judge_open_files(256), State.WARNING),
    ],
)
def test_judges(check: Check, state: State) -> None:
    assert check.state is state
    assert (check.advice is None) == (state is State.OK), "what is not good says what to do"


@pytest.fixture
async def venue() -> AsyncIterator[str]:
    """A server that answers like a venue's REST; gives its `host:port`."""

    async def tell_time(_request: web.Request) -> web.Response:
        return web.json_response({"serverTime": time.time_ns() // 1_000_000})

    app = web.Application()
    app.router.add_get("/api/v3/time", tell_time)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "{}:{}".format(*runner.addresses[0][:2])
    await runner.cleanup()


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def look(tmp_path: Path, *overrides: str, path: Path | None = None) -> dict[str, list[Check]]:
    checks = await asyncio.wait_for(examine(path, overrides=list(overrides), environ={}, data_dir=tmp_path / "data"), 30)
    by_name: dict[str, list[Check]] = {}
    for check in checks:
        by_name.setdefault(check.name, []).append(check)
    return by_name


async def test_a_good_machine(tmp_path: Path, venue: str) -> None:
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    for name in ("python", "config", "open files", "folder", "recorder", "binance REST", "binance streams"):
        assert {check.state for check in found[name]} == {State.OK}, name
    assert found["clock"][0].state is not State.FAILED
    assert not (tmp_path / "data").exists(), "looking changes nothing"
    json.dumps([check.name for checks in found.values() for check in checks])


async def test_no_network_is_reported(tmp_path: Path) -> None:
    nowhere = closed_port()
    found = await look(tmp_path, f"REST_URL=http://{nowhere}", f"WS_URL=ws://{nowhere}")
    assert found["binance REST"][0].state is State.FAILED
    assert found["binance streams"][0].state is State.FAILED
    assert nowhere in found["binance streams"][0].found
    assert "firewall" in (found["binance REST"][0].advice or "")


async def test_every_port_of_a_cycling_url_is_tried(tmp_path: Path, venue: str) -> None:
    good, bad = venue.rpartition(":")[2], closed_port().rpartition(":")[2]
    found = await look(tmp_path, f"REST_URL=http://{venue}", "WS_URL=ws://127.0.0.1:{port}", f"PORTS={good},{bad}")
    assert [check.state for check in found["binance streams"]] == [State.OK, State.FAILED]


async def test_a_rest_that_is_none_is_reported(tmp_path: Path, venue: str) -> None:
    async def garble(_request: web.Request) -> web.Response:
        return web.Response(text="<html>")

    app = web.Application()
    app.router.add_get("/api/v3/time", garble)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = await look(tmp_path, "REST_URL=http://{}:{}".format(*runner.addresses[0][:2]), f"WS_URL=ws://{venue}")
    await runner.cleanup()
    assert "no server time" in found["binance REST"][0].found


async def test_a_bad_configuration_is_one_failed_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_arguments: object) -> list[Check]:
        return []

    monkeypatch.setattr("hoga.app.doctor._examine_endpoints", none)
    path = tmp_path / "hoga.conf"
    path.write_text("NOPE = 1\nTIMEOUT = x\n")
    found = await look(tmp_path, path=path)
    assert [check.state for check in found["config"]] == [State.FAILED, State.FAILED]
    assert "disk space" in found


async def test_a_running_recorder_is_seen(tmp_path: Path, venue: str) -> None:
    lock = tmp_path / "data" / "binance" / "orderbook" / "temporary" / "journal" / ".lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert found["recorder"][0].state is State.WARNING
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert found["recorder"][0].state is State.OK


async def test_a_folder_that_is_a_file_or_not_ours_is_reported(tmp_path: Path, venue: str) -> None:
    (tmp_path / "data").write_text("in the way")
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert {check.state for check in found["folder"]} == {State.FAILED}
    assert "is a file" in found["folder"][0].found


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_is_reported(tmp_path: Path, venue: str) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert {check.state for check in found["folder"]} == {State.FAILED}
