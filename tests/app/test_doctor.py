"""The doctor: every judge, and every probe against a good and a bad machine."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from filelock import FileLock

from hoga.app.doctor import (
    Check,
    CheckState,
    examine,
    judge_clock,
    judge_disk_speed,
    judge_open_files,
    judge_python,
    judge_space,
)
from hoga.core.errors import VenueError
from hoga.runtime.clock_check import ClockReading
from tests.waiting import LONG_S

HERE = Path("/here")


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (judge_python((3, 12, 1), "uvloop"), CheckState.OK),
        (judge_python((3, 12, 1), "asyncio"), CheckState.WARNING),
        (judge_python((3, 10, 9), "uvloop"), CheckState.FAILED),
        (judge_clock(ClockReading(0.01, "chrony", 3.0)), CheckState.OK),
        (judge_clock(ClockReading(-80.0, "chrony", 3.0)), CheckState.WARNING),
        (judge_clock(ClockReading(3.0, "venue x", 20.0)), CheckState.WARNING),
        (judge_clock(ClockReading(-5000.0, "venue x", 20.0)), CheckState.FAILED),
        (judge_clock(ClockReading(510.0, "ntp x", 20.0)), CheckState.WARNING),
        (judge_clock(ClockReading(None, "none")), CheckState.FAILED),
        (judge_space(HERE, 100_000, 1024), CheckState.OK),
        (judge_space(HERE, 3_000, 1024), CheckState.WARNING),
        (judge_space(HERE, 1_000, 1024), CheckState.FAILED),
        (judge_disk_speed(HERE, [1.0, 2.0, 3.0], 1000), CheckState.OK),
        (judge_disk_speed(HERE, [1.0, 2.0, 3000.0], 1000), CheckState.WARNING),
        (judge_disk_speed(HERE, [1500.0], 1000), CheckState.FAILED),
        (judge_open_files(65_536), CheckState.OK),
        (judge_open_files(-1), CheckState.OK),
        (judge_open_files(256), CheckState.WARNING),
    ],
)
def test_judges(check: Check, state: CheckState) -> None:
    assert check.state is state
    assert (check.advice is None) == (state is CheckState.OK), "what is not good says what to do"


INSTRUMENTS = {"symbols": [
    {"symbol": "BTCUSDT", "status": "TRADING", "quoteAsset": "USDT"},
    {"symbol": "ETHUSDT", "status": "TRADING", "quoteAsset": "USDT"},
    {"symbol": "OLDUSDT", "status": "BREAK", "quoteAsset": "USDT"},
]}  # fmt: skip


class Venue:
    """A server that answers like a venue, or as it is told to."""

    def __init__(self) -> None:
        self.address = ""
        self.instruments: object = INSTRUMENTS
        self.door: Callable[[], web.Response | None] = lambda: None
        self.says: tuple[str, ...] = ('{"result":null,"id":1}', '{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":1}}')

    async def tell_time(self, _request: web.Request) -> web.Response:
        return web.json_response({"serverTime": time.time_ns() // 1_000_000})

    async def tell_instruments(self, _request: web.Request) -> web.StreamResponse:
        return self.instruments if isinstance(self.instruments, web.Response) else web.json_response(self.instruments)

    async def refuse(self, *_arguments: object) -> bytes:
        raise VenueError("binance", "not asked")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        refusal = self.door()
        if refusal is not None:
            return refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _message in socket:
            for text in self.says:
                await socket.send_str(text)
            if not self.says:
                await socket.close(code=1008, message=b"not you")
        return socket


@pytest.fixture
async def server() -> AsyncIterator[Venue]:
    venue, app = Venue(), web.Application()
    app.router.add_get("/api/v3/time", venue.tell_time)
    app.router.add_get("/api/v3/exchangeInfo", venue.tell_instruments)
    app.router.add_get("/stream", venue.stream)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.address = "{}:{}".format(*runner.addresses[0][:2])
    yield venue
    await runner.cleanup()


@pytest.fixture
def venue(server: Venue) -> str:
    """Its `host:port`."""
    return server.address


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def look(tmp_path: Path, *overrides: str, path: Path | None = None) -> dict[str, list[Check]]:
    checks = await asyncio.wait_for(examine(path, overrides=list(overrides), environ={}, data_dir=tmp_path / "data"), LONG_S)
    by_name: dict[str, list[Check]] = {}
    for check in checks:
        by_name.setdefault(check.name, []).append(check)
    return by_name


async def test_a_good_machine(tmp_path: Path, venue: str) -> None:
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    for name in ("python", "config", "open files", "folder", "recorder", "binance REST", "binance symbols", "binance streams"):
        assert {check.state for check in found[name]} == {CheckState.OK}, name
    assert found["clock"][0].state is not CheckState.FAILED
    assert not (tmp_path / "data").exists(), "looking changes nothing"
    json.dumps([check.name for checks in found.values() for check in checks])


async def seen(tmp_path: Path, venue: Venue, *overrides: str) -> dict[str, list[Check]]:
    return await look(tmp_path, f"REST_URL=http://{venue.address}", f"WS_URL=ws://{venue.address}", *overrides)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(451, "does not serve"), (403, "does not serve"), (429, "too many requests"), (200, "not the venue"), (503, "in trouble")],
)
async def test_what_the_server_says_instead_of_a_handshake_is_shown(tmp_path: Path, server: Venue, status: int, advice: str) -> None:
    server.door = lambda: web.Response(status=status, text="<html>\x1bService unavailable from a restricted location")
    (check,) = (await seen(tmp_path, server))["binance streams"]
    assert check.state is CheckState.FAILED
    assert f"HTTP {status}" in check.found
    assert f"ws://{server.address}" in check.found
    assert "restricted location" in check.found
    assert check.found.isprintable()
    assert advice in (check.advice or "")


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (('{"error":{"code":2,"msg":"Invalid request"},"id":1}',), "refused with"),
        (("<html>hello",), "it sent <html>hello"),
        ((), "1008 not you"),
    ],
)
async def test_a_subscription_that_brings_nothing_is_told(tmp_path: Path, server: Venue, says: tuple[str, ...], said: str) -> None:
    server.says = says
    (check,) = (await seen(tmp_path, server))["binance streams"]
    assert check.state is CheckState.FAILED
    assert said in check.found


async def test_symbols_are_held_against_the_venues_list(tmp_path: Path, server: Venue) -> None:
    checks = (await seen(tmp_path, server, "SYMBOLS=BTCUSDT,ETHUSD,OLDUSDT,XXXXXX"))["binance symbols"]
    assert [(check.state, check.found.split()[-1]) for check in checks] == [
        (CheckState.FAILED, "ETHUSD"),
        (CheckState.WARNING, "TRADING"),
        (CheckState.FAILED, "XXXXXX"),
    ]
    assert checks[0].advice == "did you mean ETHUSDT?"


async def test_all_is_looked_up(tmp_path: Path, server: Venue) -> None:
    (check,) = (await seen(tmp_path, server, "SYMBOLS=ALL"))["binance symbols"]
    assert (check.state, check.found) == (CheckState.OK, "BTCUSDT, ETHUSDT: known, and trading")


@pytest.mark.parametrize("status", [200, 451])
async def test_a_list_that_is_none_is_shown(tmp_path: Path, server: Venue, status: int) -> None:
    server.instruments = web.Response(text="<html>log in first", status=status)
    (check,) = (await seen(tmp_path, server))["binance REST"]
    assert check.state is CheckState.FAILED
    assert server.address in check.found or str(status) in check.found
    assert "log in first" in check.found


async def test_a_proxy_is_told(tmp_path: Path, server: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hush@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "binance proxy" not in await seen(tmp_path, server), "NO_PROXY names it"
    monkeypatch.delenv("NO_PROXY")
    host = "10.255.255.1:9"
    monkeypatch.setattr("hoga.app.venue_check._CONNECT_S", 0.1)
    monkeypatch.setattr("hoga.app.venue_check.fetch", server.refuse)
    found = await look(tmp_path, f"REST_URL=http://{host}", f"WS_URL=ws://{host}", "TIMEOUT=0.1")
    (check,) = found["binance proxy"]
    assert check.found == f"http://{host} and ws://{host} through http://proxy.example:3128 (HTTP_PROXY)"
    monkeypatch.setenv("HTTP_PROXY", "socks5://proxy.example")
    (check,) = (await look(tmp_path, f"REST_URL=http://{host}", f"WS_URL=ws://{host}"))["binance proxy"]
    assert check.state is CheckState.FAILED


async def test_what_a_classic_file_says_otherwise_is_a_warning(tmp_path: Path, server: Venue) -> None:
    checks = (await seen(tmp_path, server, "LATENCY_THRESHOLD_SEC=1"))["config"]
    assert [check.state for check in checks] == [CheckState.OK, CheckState.WARNING]


async def test_no_network_is_reported(tmp_path: Path) -> None:
    nowhere = closed_port()
    found = await look(tmp_path, f"REST_URL=http://{nowhere}", f"WS_URL=ws://{nowhere}")
    assert found["binance REST"][0].state is CheckState.FAILED
    assert found["binance streams"][0].state is CheckState.FAILED
    assert nowhere in found["binance streams"][0].found
    assert "firewall" in (found["binance REST"][0].advice or "")


async def test_every_port_of_a_cycling_url_is_tried(tmp_path: Path, venue: str) -> None:
    good, bad = venue.rpartition(":")[2], closed_port().rpartition(":")[2]
    found = await look(tmp_path, f"REST_URL=http://{venue}", "WS_URL=ws://127.0.0.1:{port}", f"PORTS={good},{bad}")
    assert [check.state for check in found["binance streams"]] == [CheckState.OK, CheckState.FAILED]


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
    assert "no server time: <html>" in found["binance REST"][0].found


async def test_a_bad_configuration_is_one_failed_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_arguments: object) -> list[Check]:
        return []

    monkeypatch.setattr("hoga.app.doctor.examine_venue", none)
    path = tmp_path / "hoga.conf"
    path.write_text("NOPE = 1\nTIMEOUT = x\n")
    found = await look(tmp_path, path=path)
    assert [check.state for check in found["config"]] == [CheckState.FAILED, CheckState.FAILED]
    assert "disk space" in found


async def test_a_running_recorder_is_seen(tmp_path: Path, venue: str) -> None:
    lock = tmp_path / "data" / "binance" / "orderbook" / "temporary" / "journal" / ".lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert found["recorder"][0].state is CheckState.WARNING
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert found["recorder"][0].state is CheckState.OK


async def test_a_folder_that_is_a_file_or_not_ours_is_reported(tmp_path: Path, venue: str) -> None:
    (tmp_path / "data").write_text("in the way")
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert {check.state for check in found["folder"]} == {CheckState.FAILED}
    assert "is a file" in found["folder"][0].found


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_is_reported(tmp_path: Path, venue: str) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    found = await look(tmp_path, f"REST_URL=http://{venue}", f"WS_URL=ws://{venue}")
    assert {check.state for check in found["folder"]} == {CheckState.FAILED}
