"""Keys, and what is made of them, show nowhere: logs, errors, reprs, tracebacks with their locals, events, archive, metrics page."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.private import private_wire
from hoga.core.errors import ConfigError, LinkError, VenueError
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import PrivateState
from hoga.net.rest import RestClient
from hoga.net.ws import open_link
from hoga.runtime.logs import format_json, format_text
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from hoga.venues.request import Request
from tests.app.private_server import PrivateServer
from tests.app.test_private import ORDERS, VENUE_NAMES, Rig, make_wire, until
from tests.venues.test_private_signing import pem
from tests.waiting import LONG_S

KEY, SECRET = "AccessKey0fTheTest77", "SecretKey0fTheTest99"
PEM = pem(bytes(range(32))).reveal()
HIDDEN = (KEY, SECRET, PEM.splitlines()[1], "Bearer ey", "listen1", "PRIVATE KEY-", base64.b64encode(KEY.encode())[4:-4].decode())


def shows(text: str) -> list[str]:
    return [each for each in HIDDEN if each in text]


class Ledger(logging.Handler):
    """Every line of every library, as both forms of the log have it, and with the locals of its traceback."""

    def __init__(self) -> None:
        super().__init__(1)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [format_text(record), format_json(record), repr(record.__dict__)]
        if record.exc_info and record.exc_info[1] is not None:
            self.lines.append(with_locals(record.exc_info[1]))


def with_locals(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made, root = Ledger(), logging.getLogger()
    level = root.level
    root.addHandler(made)
    root.setLevel(1)
    yield made
    root.setLevel(level)
    root.removeHandler(made)


def reprs(thing: object, seen: set[int] | None = None) -> Iterator[str]:
    """The repr of a thing of ours and of everything it holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield repr(thing)
    fields = [getattr(thing, name, None) for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    for part in (*vars(thing).values(), *fields) if hasattr(thing, "__dict__") else fields:
        for each in part.values() if isinstance(part, dict) else part if isinstance(part, list | tuple | set) else (part,):
            if type(each).__module__.startswith("hoga.") and not isinstance(each, Secret):
                yield from reprs(each, seen)


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_whole_life_shows_nothing(venue: str, ledger: Ledger) -> None:
    """Refused by a venue that repeats the keys in its answer, let in, cut, closed with the key as the reason, and a fault of our own."""
    async with PrivateServer(key=KEY, secret=SECRET) as server:
        server.keys[KEY] = "wrong"
        wire = make_wire(venue, server, Credentials(key=Secret(KEY), secret=Secret(SECRET)))
        manager = GlobalWebSocketManager([wire], VENUES)
        manager.start()
        rig = Rig(manager, wire)
        subscription = await rig.register(DataType.MY_ORDER)
        await until(lambda: rig.desk.has_been(PrivateState.REJECTED))
        server.keys[KEY] = "ok"
        await until(lambda: rig.desk.has_been(PrivateState.LIVE))
        shown = list(reprs(manager)) + list(reprs(wire)) + [repr(manager.get_connection_metrics())]
        assert any("PrivateConnection" in each for each in shown)
        await server.push(ORDERS[venue])
        await until(lambda: rig.desk.events)
        await server.cut()
        await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
        await server.close(4001, f"bye {KEY} {SECRET}")
        await until(lambda: rig.desk.has_been(PrivateState.LIVE, 3))
        assert wire.connection._life is not None
        wire.connection._life.session.tick = None  # type: ignore[assignment,method-assign]  # a fault of our own in the middle of a life
        await until(lambda: any("connection task failed" in line for line in ledger.lines))
        shown += [repr(each) for each in rig.desk.seen] + [repr(subscription), *ledger.lines]
        await manager.stop()
    assert any("bye *** ***" in line for line in shown)
    assert len(ledger.lines) > 10
    assert not [line for each in shown for line in each.splitlines() if shows(line)]


@pytest.mark.parametrize("port", ["refused", "closed"])
async def test_errors_show_nothing_even_with_their_locals(port: str) -> None:
    headers = {"Authorization": Secret(f"Bearer {KEY}"), "X-MBX-APIKEY": Secret(KEY)}
    found: list[BaseException] = []
    async with PrivateServer(key="other", secret="other") as server:
        url = f"ws://{server.url}" if port == "refused" else "ws://127.0.0.1:1"
        target = Secret(f"/websocket/v1/private?{KEY}")
        try:
            await open_link(
                url, name="c", epoch=1, table={}, on_odd=print, on_open=print, tls=None, timeout_s=5.0, target=target, headers=headers
            )
        except LinkError as fault:
            found.append(fault)
        if port == "closed":
            async with RestClient("v", "http://127.0.0.1:1", tls=None, timeout_s=5.0) as rest:
                try:
                    await rest.send(Request(method="POST", path="/x", headers=headers))
                except VenueError as fault:
                    found.append(fault)
    assert len(found) == (1 if port == "refused" else 2)
    for fault in found:
        assert not shows(with_locals(fault)), with_locals(fault)
        assert not shows(f"{fault} {fault!r} {fault.args}")


def configured(folder: Path, **environment: str) -> Any:
    return load_config(None, overrides=[], environ={f"HOGA_BINANCE__{key}": value for key, value in environment.items()}).venue("binance")


def test_the_configuration_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(PEM)
    path.chmod(0o600)
    venue = configured(tmp_path, API_KEY=KEY, API_SECRET=SECRET, PRIVATE_KEY_FILE=str(path))
    wire = private_wire_in_loop(venue)
    assert not shows(" ".join([repr(venue), str(venue), *reprs(wire)]))


def private_wire_in_loop(venue: Any) -> Any:
    async def make() -> Any:
        return private_wire(venue)

    return asyncio.run(make())


@pytest.mark.parametrize(
    "mode, text, expected",
    [
        (0o644, PEM, "mode 0600"),
        (0o600, PEM.replace("M", "N"), "Ed25519"),
        (0o600, KEY, "Ed25519"),
        (0o600, PEM + "é", "Ed25519"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_without_its_text(mode: int, text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        private_wire_in_loop(configured(tmp_path, API_KEY=KEY, PRIVATE_KEY_FILE=str(path)))
    assert expected in str(caught.value)
    assert "PRIVATE_KEY_FILE" in str(caught.value)
    assert not shows(str(caught.value))


def test_a_key_that_cannot_go_into_a_header_is_told_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        private_wire_in_loop(configured(tmp_path, API_KEY=KEY + "é", API_SECRET=SECRET))
    assert "API_KEY" in str(caught.value)
    assert not shows(str(caught.value))


def test_a_venue_without_private_streams_has_no_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VENUES, "binance", replace(VENUES["binance"], private=None))
    assert private_wire_in_loop(configured(tmp_path, API_KEY=KEY)) is None


async def test_a_recording_run_with_keys_in_its_environment_writes_none(tmp_path: Path) -> None:
    """Archive, ledgers, logs, what it prints, and the metrics page."""
    environment = os.environ | {f"HOGA_{venue}__{name}": value for venue in ("BINANCE", "UPBIT", "BINANCE_USDM")
                                for name, value in (("API_KEY", KEY), ("API_SECRET", SECRET))}  # fmt: skip
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=3)) as simulator:
        values = [f"WS_URL={simulator.ws_url}", f"REST_URL={simulator.rest_url}", "SYMBOLS=BTCUSDT", "DASHBOARD_PORT_NUMBER=0"]
        values += [f"LOG_DIR={tmp_path / 'logs'}", "LOG_LEVEL=DEBUG", "DISK_RESERVE_MB=1"]
        arguments = [part for value in values for part in ("--set", value)]
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hoga", "run", "--json", "--data", str(tmp_path / "data"), "--seconds", "8", *arguments,
            env=environment, stdout=pipe, stderr=pipe,
        )  # fmt: skip
        assert child.stdout is not None
        ready = json.loads(await child.stdout.readline())
        pages = []
        for path in ("/metrics", "/healthz", "/dashboard"):
            pages.append(await asyncio.to_thread(page, ready["dashboard"].removesuffix("/dashboard") + path))
        out, errors = await child.communicate()
    assert child.returncode == 0, errors.decode()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2
    everything = [out, errors, *pages, *(path.read_bytes() for path in files)]
    assert sum(map(len, pages)) > 1000
    assert not [shows(each.decode("utf-8", "replace")) for each in everything if shows(each.decode("utf-8", "replace"))]


def page(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=LONG_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as fault:
            with fault:
                return bytes(fault.read())
        except OSError:
            time.sleep(0.05)
    return b""
