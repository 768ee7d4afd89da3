"""A simulated exchange, recorders, their relays and a NATS server: what is sent, and who hears it."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

import msgspec

from hoga.hub.events import BaseWebSocketEvent, StatusEvent
from hoga.relay.config import RelayConfig
from hoga.simulator import Simulator
from hoga.venues.registry import VENUES
from tests.nats_server import NatsServer
from tests.recorder.test_run import Program

BOOKS = VENUES["binance"].parse_stream("BTCUSDT", "depth20@100ms")


class Desk:
    """A component that keeps all it is told."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.told: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)

    def status(self, event: StatusEvent) -> None:
        self.told.append(event)

    def of(self, kind: type) -> list[StatusEvent]:
        return [each for each in self.told if isinstance(each, kind)]


class RelayProcess:
    """`python -m hoga.relay`, as `hoga run` starts it."""

    def __init__(self, collector: str, data: Path, nats: NatsServer) -> None:
        self.config = RelayConfig(collector=collector, nats_url=nats.url, root=str(data))
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hoga.relay", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(msgspec.json.encode(self.config) + b"\n")
        async with asyncio.timeout(60):
            await self.process.stdout.readline()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


class LiveStage:
    """`sent`: what the exchange sent of each stream, in order."""

    def __init__(self, simulator: Simulator, nats: NatsServer, folder: Path) -> None:
        self.simulator = simulator
        self.nats = nats
        self.folder = folder
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        simulator.board.tap = lambda connection, name, text: self.sent[name].append(text)
        self.programs: list[Program] = []
        self.relays: list[RelayProcess] = []

    async def collector(self, name: str = "tokyo", *settings: str) -> Program:
        """A run that records into a folder of its name, and a relay beside it."""
        program = Program(self.simulator, self.folder / name, f"COLLECTOR={name}", *settings)
        self.programs.append(program)
        await program.start()
        await self.relay(name)
        return program

    async def relay(self, name: str = "tokyo") -> RelayProcess:
        found = RelayProcess(name, self.folder / name, self.nats)
        self.relays.append(found)
        await found.start()
        return found

    async def end(self) -> None:
        for relay in self.relays:
            await relay.kill()
        for program in self.programs:
            if program.running:
                program.process.kill()
                await program.process.communicate()

    def places(self, events: list[BaseWebSocketEvent]) -> list[int]:
        """Where each event's frame stands among all that the exchange sent of the books; it is there, byte for byte."""
        at = {frame: number for number, frame in enumerate(dict.fromkeys(self.sent[BOOKS.name]))}
        key = VENUES["binance"].frame_key(BOOKS)
        return [at[key + event.payload + b"}"] for event in events]
