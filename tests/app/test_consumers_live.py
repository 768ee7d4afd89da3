"""Every style of consumer lives through everything: a cut, a venue that is away, a run that is begun again, a busy neighbour.

Beside each of them a heart beats: no wait in it may hold the event loop.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest_asyncio

import hoga
from hoga.app.config import Config, load_config
from hoga.app.hub import open_manager
from hoga.core.ledger import Reason
from hoga.core.market import DataType
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, GapEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from tests.recorder.test_run import Program
from tests.waiting import eventually

WISH = [SubscriptionSpec(DataType.ORDERBOOK, ["BTCUSDT"], venue="binance", channel="depth20@100ms")]
STYLES = ("push", "push-async", "pull", "stream", "subscribe")


class Heart:
    """Beats every 20 ms. `skipped` is the longest it stood still while this process computed (not while others did)."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.beats = 0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            at, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.02)
            self.skipped = max(self.skipped, min(time.monotonic() - at, time.thread_time() - cpu))
            self.beats += 1

    async def beats_on(self, count: int = 10) -> None:
        """Nothing keeps it from beating so often more; a busy machine takes longer for it."""
        wanted = self.beats + count
        await eventually(lambda: self.beats >= wanted, why="the heart to beat")

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Consumer:
    """One of the styles, with a run (its hub) or without (a manager of our own)."""

    def __init__(self, style: str, config: Config, *, run: bool) -> None:
        self.style = style
        self.config = config
        self.run = run
        self.seen: list[int] = []
        self.gaps: list[GapEvent] = []
        self.lives: list[EpochEvent] = []
        self._task: asyncio.Task[None] | None = None
        self._manager: GlobalWebSocketManager | None = None
        self._client: SimpleWebSocketClient | None = None

    async def start(self) -> None:
        if self.style == "subscribe":
            self._task = asyncio.create_task(self._subscribe())
            return
        if self.run:
            self._client = await hoga.connect("styles", config=self.config)
            self._manager = self._client.manager
        else:
            self._manager = await open_manager(self.config)
            self._manager.start()
            self._client = SimpleWebSocketClient("styles", manager=self._manager, on_close=self._manager.stop)
        if self.style.startswith("push"):
            take: Any = self._take_async if self.style == "push-async" else self._take
            await self._manager.register_component("push", self, WISH, take, delivery=Delivery.AUTO, on_status=self._status)
            return
        await self._client.register_interests(["BTCUSDT"], [DataType.ORDERBOOK], venue="binance")
        self._task = asyncio.create_task(self._pull() if self.style == "pull" else self._stream())

    def _take(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event.recv_ns)

    async def _take_async(self, event: BaseWebSocketEvent) -> None:
        self.seen.append(event.recv_ns)

    def _status(self, event: StatusEvent) -> None:
        if isinstance(event, EpochEvent):
            self.lives.append(event)

    async def _pull(self) -> None:
        assert self._client is not None
        while True:
            await asyncio.sleep(0.02)
            event = self._client.get_orderbook("BTCUSDT")
            if event is not None and (not self.seen or event.recv_ns != self.seen[-1]):
                self.seen.append(event.recv_ns)

    async def _stream(self) -> None:
        assert self._client is not None
        async for event in self._client.events():
            self.seen.append(event.recv_ns)

    async def _subscribe(self) -> None:
        async for event in hoga.subscribe("binance:BTCUSDT", "orderbook", config=self.config):
            if isinstance(event, GapEvent):
                self.gaps.append(event)
            else:
                self.seen.append(event.recv_ns)

    async def more(self, count: int = 3) -> None:
        wanted = len(self.seen) + count

        def come() -> bool:
            if self._task is not None and self._task.done():
                self._task.result()
            return len(self.seen) >= wanted

        await eventually(come, seconds=60.0, why=lambda: f"{self.style}: {len(self.seen)} of {wanted}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._client is not None:
            await self._client.close()


class Stage:
    """A simulator that can be away, runs, consumers, a heart."""

    def __init__(self, simulator: Simulator, data: Path) -> None:
        self.simulator = simulator
        self.data = data
        values = [
            "SYMBOLS=BTCUSDT",
            "STREAMS=depth20@100ms",
            f"WS_URL={simulator.ws_url}",
            f"REST_URL={simulator.rest_url}",
            "BASE_BACKOFF=1",
        ]
        self.config = load_config(None, overrides=values, environ={}, data_dir=data)
        self.programs: list[Program] = []
        self.consumers: list[Consumer] = []

    async def run(self) -> Program:
        self.programs.append(Program(self.simulator, self.data, "BASE_BACKOFF=1"))
        await self.programs[-1].start()
        return self.programs[-1]

    async def all_styles(self, *, run: bool) -> list[Consumer]:
        for style in STYLES:
            self.consumers.append(Consumer(style, self.config, run=run))
            await self.consumers[-1].start()
        return self.consumers


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=5)) as simulator:
        found = Stage(simulator, tmp_path)
        yield found
        for consumer in found.consumers:
            await consumer.stop()
        for program in found.programs:
            if program.running:
                program.process.kill()
                await program.process.communicate()


async def _live_through_a_busy_neighbour(stage: Stage) -> None:
    """Somebody holds the loop for longer than anything is kept waiting; afterwards everybody goes on."""
    for _ in range(2):
        time.sleep(2.5)  # noqa: ASYNC251  # that is what it is about
        await asyncio.sleep(0)
    for consumer in stage.consumers:
        await consumer.more()


async def _live_through_cuts(stage: Stage, heart: Heart) -> None:
    for consumer in stage.consumers:
        await consumer.more()
    for _ in range(2):
        stage.simulator.inject(Fault(fault=FaultKind.CLOSE))
        await heart.beats_on()
        await asyncio.sleep(0.3)
        for consumer in stage.consumers:
            await consumer.more()
    assert heart.skipped < 0.5
    for consumer in stage.consumers:
        assert consumer.seen == sorted(consumer.seen)
        assert len(set(consumer.seen)) == len(consumer.seen)
        if consumer.style.startswith("push"):
            assert [each.up for each in consumer.lives].count(False) >= 2
            assert consumer.lives[-1].up


async def test_without_a_run_every_style_lives_through_cuts(stage: Stage) -> None:
    heart = Heart()
    await stage.all_styles(run=False)
    await _live_through_cuts(stage, heart)
    told = next(each for each in stage.consumers if each.style == "subscribe").gaps
    assert [gap.reason for gap in told].count(Reason.DISCONNECT) == 2
    assert all(gap.from_ns < gap.to_ns for gap in told)
    await heart.stop()
    await _live_through_a_busy_neighbour(stage)


async def test_with_a_run_every_style_lives_through_cuts_and_through_its_end(stage: Stage) -> None:
    heart = Heart()
    program = await stage.run()
    await stage.all_styles(run=True)
    await _live_through_cuts(stage, heart)
    program.send(signal.SIGKILL)
    await program.process.communicate()
    await heart.beats_on(40)
    await stage.run()
    for consumer in stage.consumers:
        await consumer.more()
    assert heart.skipped < 0.5
    told = next(each for each in stage.consumers if each.style == "subscribe").gaps
    assert {Reason.DISCONNECT, Reason.CRASH} <= {gap.reason for gap in told}
    await heart.stop()
    before = len(told)
    await _live_through_a_busy_neighbour(stage)
    assert len(told) == before, "what a reader did not look at is in the archive"


async def test_a_venue_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    """Without a run, nobody there: every style waits without holding the loop, and has events when the venue comes."""
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=5)) as simulator:
        simulator.inject(Fault(fault=FaultKind.REFUSE_TCP, duration_s=3.0))
        stage, heart = Stage(simulator, tmp_path), Heart()
        await stage.all_styles(run=False)
        await heart.beats_on(40)
        for consumer in stage.consumers:
            await consumer.more()
        assert heart.skipped < 0.5
        for consumer in stage.consumers:
            await consumer.stop()
        await heart.stop()
