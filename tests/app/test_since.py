"""`hoga.subscribe(since=)`: what it tells is the archive, record for record, whenever it looked and whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import hoga
from hoga.app import since as since_module
from hoga.app.config import Config, load_config
from hoga.archive.read.tail import Seam
from hoga.core.ledger import Reason
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, GapEvent
from hoga.simulator import Simulator, SimulatorConfig
from tests.recorder.test_run import Program
from tests.recorder.workbench import Archive
from tests.waiting import eventually


class Listener:
    """Collects what `subscribe` tells."""

    def __init__(self, config: Config, kind: str, *, pause_s: float = 0.0, **more: Any) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.gaps: list[GapEvent] = []
        self.pause_s = pause_s
        self.task = asyncio.create_task(self._listen(config, kind, **more))

    async def _listen(self, config: Config, kind: str, **more: Any) -> None:
        async for event in hoga.subscribe("binance:BTCUSDT", kind, config=config, **more):
            if isinstance(event, GapEvent):
                self.gaps.append(event)
            else:
                self.events.append(event)
            if self.pause_s:
                await asyncio.sleep(self.pause_s)

    async def until(self, true: Callable[[], Any]) -> None:
        def good() -> Any:
            if self.task.done():
                self.task.result()
            return true()

        await eventually(good, seconds=60.0)

    async def more(self, count: int) -> None:
        wanted = len(self.events) + count
        await self.until(lambda: len(self.events) >= wanted)

    async def end(self) -> list[tuple[int, bytes]]:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        return [(event.recv_ns, event.payload) for event in self.events]


class Stage:
    """A simulator, one run after another into one folder, and listeners."""

    def __init__(self, simulator: Simulator, data: Path) -> None:
        self.simulator = simulator
        self.data = data
        self.programs: list[Program] = []
        overrides = ["SYMBOLS=BTCUSDT", "STREAMS=depth20@100ms,aggTrade,depth@100ms"]
        overrides += [f"WS_URL={simulator.ws_url}", f"REST_URL={simulator.rest_url}"]
        self.config = load_config(None, overrides=overrides, environ={}, data_dir=data)

    async def run(self, *settings: str) -> Program:
        self.programs.append(Program(self.simulator, self.data, *settings))
        await self.programs[-1].start()
        return self.programs[-1]

    async def stop(self) -> None:
        self.programs[-1].send(signal.SIGTERM)
        assert (await self.programs[-1].end())[0] == 0

    def recorded(self, kind: str) -> list[tuple[int, bytes]]:
        lines = Archive(self.data / "binance").text("BTCUSDT", kind).splitlines()
        return [
            (int(line[len(b'{"recvNs":') : line.index(b",")]), b"{" + line.split(b',"conn":', 1)[1].split(b",", 1)[1]) for line in lines
        ]


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=5)) as simulator:
        found = Stage(simulator, tmp_path)
        yield found
        for program in found.programs:
            if program.process.returncode is None:
                program.process.kill()
                await program.process.communicate()


def is_run_of(heard: list[tuple[int, bytes]], recorded: list[tuple[int, bytes]]) -> bool:
    """What was heard is a stretch of what was recorded: nothing left out, nothing twice, nothing moved."""
    at = recorded.index(heard[0])
    return recorded[at : at + len(heard)] == heard


async def test_past_and_live_are_joined_over_restarts_and_a_kill(stage: Stage) -> None:
    first = await stage.run()
    await asyncio.sleep(1.0)
    whole, trades = Listener(stage.config, "orderbook", since=0), Listener(stage.config, "execution", since="2026-01-01")
    await whole.more(25)
    await trades.more(3)
    late = Listener(stage.config, "orderbook", since=whole.events[10].recv_ns)
    await late.more(25)
    first.send(signal.SIGKILL)
    await first.process.communicate()
    await stage.run()
    for each in (whole, late, trades):
        await each.until(lambda each=each: each.gaps)
        await each.more(8)
    heard = [await each.end() for each in (whole, late, trades)]
    await stage.stop()
    books, executions = stage.recorded("orderbook"), stage.recorded("execution")
    assert heard[0][0] == books[0]
    assert heard[1][0] == heard[0][10]
    assert is_run_of(heard[0], books)
    assert is_run_of(heard[1], books)
    assert is_run_of(heard[2], executions)
    assert Reason.CRASH in {gap.reason for gap in whole.gaps}
    assert whole.events[0].body.bids
    assert (whole.events[0].conn, whole.events[0].epoch) == ("binance-1", 1)


async def test_a_listener_that_falls_behind_is_given_the_rest_from_the_archive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(since_module, "_AGAIN_S", 0.0)  # every look finds that it was away for too long
    await stage.run()
    slow = Listener(stage.config, "delta", since=0, pause_s=0.12)
    await slow.more(10)
    await asyncio.sleep(2.0)
    slow.pause_s = 0.0
    await slow.more(30)
    heard = await slow.end()
    await stage.stop()
    assert is_run_of(heard, stage.recorded("delta"))


async def test_without_a_run_live_comes_after_a_gap(stage: Stage) -> None:
    await stage.run()
    await asyncio.sleep(1.0)
    await stage.stop()
    recorded = stage.recorded("orderbook")
    listener = Listener(stage.config, "orderbook", since=0)
    await listener.more(len(recorded) + 5)
    heard = await listener.end()
    assert heard[: len(recorded)] == recorded
    assert Reason.SHUTDOWN in {gap.reason for gap in listener.gaps}
    assert heard == sorted(heard)


async def test_whoever_breaks_off_and_ends_leaves_nothing_open(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def first_of_it() -> None:
        async for _ in hoga.subscribe("binance:BTCUSDT", "orderbook", config=stage.config):
            break

    await asyncio.to_thread(asyncio.run, first_of_it())
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.parametrize(
    ("what", "kind", "why"), [("BTCUSDT", "orderbook", "venue:symbol"), ("binance:BTCUSDT", "nonsense", "no stream of kind")]
)
async def test_what_is_not_recorded_is_said_at_once(stage: Stage, what: str, kind: str, why: str) -> None:
    with pytest.raises(SubscriptionError, match=why):
        await anext(aiter(hoga.subscribe(what, kind, config=stage.config)))


def test_a_seam_lets_each_record_through_once() -> None:
    seam = Seam(10)
    told = [(9, b"a"), (10, b"a"), (10, b"b"), (10, b"a"), (12, b"c"), (11, b"d"), (12, b"c"), (12, b"d")]
    assert [each for each in told if seam.is_new(*each)] == [(10, b"a"), (10, b"b"), (12, b"c"), (12, b"d")]
