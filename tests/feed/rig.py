"""A recorder fed by the simulator over real loopback sockets, and what the simulator really sent to hold it against."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Self

from hoga.archive.keep.seal import SealJob, seal
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.feed.config import FeedConfig
from hoga.feed.connection import Connection
from hoga.feed.feed import Feed
from hoga.hub.states import ConnectionState
from hoga.net.backoff import BackoffRules
from hoga.recorder.config import RecorderConfig
from hoga.recorder.recorder import Recorder, directories_for
from hoga.simulator import Fault, FaultKind, Limits, Simulator, SimulatorConfig
from hoga.venues.spec import VenueSpec
from tests.recorder.workbench import SPOT, Archive, stream
from tests.simulator.patience import made_patient
from tests.waiting import LONG_S, PatientClock, eventually

CHANNELS = ("depth20@100ms", "aggTrade", "depth@100ms")
SPEED = 3.0
"""The market and its faults run so much faster than the clock on the wall."""


def impatient(spec: VenueSpec, *, silence_s: float = 0.6) -> VenueSpec:
    """The venue, with streams that are missed sooner."""
    return replace(spec, channel_of=lambda channel: replace(spec.channel_of(channel), silence_floor_s=silence_s, first_frame_s=silence_s))


class Rig:
    """Use as `async with`; then `finish()` seals everything and gives the archive. For the feed and for the simulated venue, which
    stand still together, no time passes while the machine is busy with something else: their patience is cut to a second."""

    def __init__(
        self,
        root: Path,
        *,
        symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"),
        channels: tuple[str, ...] = CHANNELS,
        spec: VenueSpec = SPOT,
        **feed: Any,
    ) -> None:
        self.root = root
        self.spec = spec
        self.streams = [stream(symbol, channel) for symbol in symbols for channel in channels]
        limits = feed.pop("limits", Limits())
        self.clock = PatientClock()
        with made_patient(self.clock):
            self.sim = Simulator(SimulatorConfig(symbols=symbols, seed=11, limits=limits, speed=SPEED))
        self._first: list[Fault] = feed.pop("first", [])
        self._feed = feed
        self.sent: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        self.closed: list[Path] = []
        self.faults: list[str | None] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    async def __aenter__(self) -> Self:
        await self.sim.start()
        for fault in self._first:
            self.sim.inject(fault)
        self.sim.board.tap = lambda connection, name, text: self.sent[name].append((connection, text))
        directories = directories_for(self.streams, lambda kind: self.root / kind)
        config = RecorderConfig(
            home=self.root / "orderbook",
            directories=directories,
            aside_directory=self.root / "aside",
            fsync_interval_s=0.02,
            disk_reserve_bytes=0,
        )
        self.recorder = Recorder(self.spec, config, self.streams, on_closed=self.closed.append, on_fault=self.faults.append)
        self.recorder.acquire()
        self.recorder.start(None)
        fields: dict[str, Any] = {
            "ws_url": self.sim.ws_url,
            "ports": (1, 2),
            "backoff": BackoffRules(base_s=1.2, max_s=2.0),
            "rollover_s": 3600.0,
            "ready_ahead_s": 1.0,
            "ping_interval_s": 20.0,
            "ping_timeout_s": 20.0,
            "connect_timeout_s": LONG_S,
        }
        self.feed = Feed(
            self.spec,
            FeedConfig(**{**fields, **self._feed}),
            self.recorder.wanted,
            inlet=self.recorder.legs,
            tls=None,
            jitter=lambda: 0.0,
            clock=self.clock,
        )
        self.feed.start()
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self.clock.tick())]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        if not self._stopped:
            await self.stop()
        await self.sim.stop()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.recorder.tick(time_ns())
            self.feed.tick()

    @property
    def connection(self) -> Connection:
        return self.feed.connections[0]

    def inject(self, fault: FaultKind, **fields: Any) -> Any:
        return self.sim.inject(Fault(fault=fault, **fields))

    def answers_within(self, seconds: float) -> None:
        """So long may the venue take to answer requests, on legs that are yet to come."""
        requests = self.connection._requests
        requests._spec = replace(requests._spec, requests=replace(requests._spec.requests, answer_s=seconds))

    def received(self) -> int:
        return sum(intake.n for intake in self.recorder.intakes.values())

    async def until(self, condition: Callable[[], object], why: str = "") -> None:
        await eventually(condition, why=lambda: f"{why}: {self.feed.stats()}")

    async def live(self, epoch: int = 1) -> None:
        """Until the first connection is up in that epoch, and every book has come on it."""
        await self.until(
            lambda: self.connection.epoch >= epoch and self.connection.state is ConnectionState.CONNECTED, why="for the connection"
        )
        await self.more()

    async def more(self, frames: int = 8) -> None:
        """Until every book has brought so many frames more than have been sent by now (some of those may be under way)."""
        books = [intake for intake in self.recorder.intakes.values() if intake.stream.kind == "orderbook"]
        wanted = [max(intake.n, len(self.sent[intake.stream.name])) + frames for intake in books]
        await self.until(lambda: all(intake.n >= count for intake, count in zip(books, wanted, strict=True)), why="for frames")

    async def stop(self) -> None:
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.feed.stop()
        self.recorder.end_lanes()
        assert await asyncio.to_thread(self.recorder.stop, timeout_s=LONG_S)
        self.recorder.release()

    async def finish(self) -> Archive:
        if not self._stopped:
            await self.stop()
        for path in sorted(self.closed, key=lambda path: int(path.stem.split("_")[-1])):
            result = seal(SealJob(journals=[str(path)]))
            assert not result.failed
            assert not result.damaged_bytes
        archive = Archive(self.root)
        total = 0
        for series in {(of.symbol, of.kind) for of in self.streams}:
            total += archive.check_balance(*series)[0]
        assert total == self.received(), "what was received is in the ledger, all of it"
        self.check_payloads(archive)
        return archive

    def check_payloads(self, archive: Archive) -> None:
        """Every record is a frame that was sent on that stream, byte for byte, and none is there twice."""
        for of in self.streams:
            sent = {text[len(SPOT.frame_key(of)) : -1] for _, text in self.sent[of.name]}
            recorded = [b"{" + line.split(b',"conn":', 1)[1].split(b",", 1)[1] for line in archive.text(of.symbol, of.kind).splitlines()]
            assert set(recorded) <= sent
            assert len(recorded) == len(set(recorded)), f"{of.name}: doubled"

    def unique(self, name: str) -> list[bytes]:
        """The frames sent on a stream to anybody, each once, in order."""
        return list(dict.fromkeys(text for _, text in self.sent[name]))

    def lost(self, archive: Archive) -> dict[str, int]:
        """Per stream, frames sent to anybody that are not in the archive."""
        missing = {}
        for of in self.streams:
            text = archive.text(of.symbol, of.kind)
            absent = [data for data in self.unique(of.name) if data[len(SPOT.frame_key(of)) + 1 : -1] not in text]
            if absent:
                missing[of.name] = len(absent)
        return missing


def whole(gaps: list[Gap]) -> list[Gap]:
    """The gaps that count no frames, with those that a minute's end cut in two put together again."""
    found: list[Gap] = []
    for gap in gaps:
        if gap.reason in COUNTED:
            continue
        if found and (found[-1].to_ns, found[-1].reason) == (gap.from_ns, gap.reason):
            gap = Gap(found.pop().from_ns, gap.to_ns, gap.reason, gap.missed, gap.from_id, gap.to_id, gap.detail)
        found.append(gap)
    return found


def reasons(gaps: list[Gap]) -> list[Reason]:
    """Why, of the same."""
    return [gap.reason for gap in whole(gaps)]
