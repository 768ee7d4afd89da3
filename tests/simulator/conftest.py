"""A minimal client of its own for the wire tests: aiohttp's sockets, no venue logic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hoga.simulator import Simulator, SimulatorConfig
from tests.simulator.patience import made_patient
from tests.waiting import PatientClock

FAST = 20.0
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the captures of ../shared/data are not here")
    return DATA


class Client:
    """One socket. `frame()` gives the next text frame decoded, `end()` reads to the close and gives (code, reason)."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.pings: list[bytes] = []
        self.received = 0

    async def send(self, method: str, params: list[Any] | None = None, **more: Any) -> None:
        await self.socket.send_str(json.dumps({"method": method, **({} if params is None else {"params": params}), **more}))

    async def message(self, within_s: float = 60.0) -> aiohttp.WSMessage:
        while True:
            message = await self.socket.receive(within_s)
            if message.type is not aiohttp.WSMsgType.PING:
                self.received += message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
                return message
            self.pings.append(message.data)

    async def frame(self, within_s: float = 60.0) -> Any:
        message = await self.message(within_s)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def reply(self) -> Any:
        """The next frame that is no market data."""
        while True:
            frame = await self.frame()
            if "result" in frame or "error" in frame:
                return frame

    async def frames(self, count: int) -> list[Any]:
        return [await self.frame() for _ in range(count)]

    async def caught_up(self, simulator: Simulator) -> None:
        """Read what was sent before now; only for a test's first connection without control messages."""
        truth = simulator.truth.connections[0]
        sent = truth.sent.total() + truth.copies.total() + truth.odd.total()
        while self.received < sent:
            await self.message()

    async def until(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        seen: list[Any] = []
        while not enough(seen):
            seen.append(await self.frame())
        return seen

    async def end(self, within_s: float = 60.0) -> tuple[int | None, str]:
        while True:
            message = await self.message(within_s)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data, message.extra
            if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self.socket.close_code, ""


Connect = Callable[..., Any]


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture
async def simulate() -> AsyncIterator[Callable[..., Any]]:
    """Start a simulator with the given settings; stopped at the end of the test. One that is much faster than the wall's clock does
    not count what the machine stood still: its limits and deadlines of a minute are a second of this one."""
    running: list[Simulator] = []
    clock = PatientClock()
    ticking = asyncio.create_task(clock.tick())

    async def start(**settings: Any) -> Simulator:
        with made_patient(clock) if settings.get("speed", 1.0) >= FAST else nullcontext():
            simulator = Simulator(SimulatorConfig(**{"symbols": ("BTCUSDT", "ETHUSDT"), "seed": 3, **settings}))
        running.append(simulator)
        await simulator.start()
        return simulator

    yield start
    await asyncio.gather(*(simulator.stop() for simulator in running))
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)


@pytest_asyncio.fixture
async def connect(http: aiohttp.ClientSession) -> AsyncIterator[Connect]:
    """Open a socket: `await connect(sim, "/ws/btcusdt@trade")`."""
    sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def open_socket(simulator: Simulator, path: str, *, autoping: bool = False, **options: Any) -> Client:
        socket = await http.ws_connect(simulator.ws_url + path, autoping=autoping, autoclose=False, max_msg_size=0, **options)
        sockets.append(socket)
        return Client(socket)

    yield open_socket
    for socket in sockets:
        await socket.close()
