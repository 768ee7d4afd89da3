"""What is recorded, handed to the hub: whatever comes of that, the recorder does not notice."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.tap import RecorderTap
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.events import EpochEvent, StatusEvent
from hoga.hub.inlet import HubInlet
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import WireInlet
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from tests.hub.workbench import FakeWire
from tests.recorder.workbench import SPOT, Bench, Life, agg_trade, stream
from tests.waiting import eventually

STREAMS = [stream(symbol, "aggTrade") for symbol in ("BTCUSDT", "ETHUSDT")]
BTC, ETH = STREAMS


class TapWire(FakeWire):
    """A wire whose streams are all recorded in this process."""

    def __init__(self, tap: RecorderTap) -> None:
        super().__init__("binance")
        self.tap = tap

    def start(self, inlet: WireInlet) -> None:
        super().start(inlet)
        self.tap.start(inlet)

    def want(self, streams: list[Stream]) -> None:
        self.streams = streams
        assert self.tap.want(streams) == []

    def tick(self) -> None:
        self.tap.tick()

    async def stop(self) -> None:
        self.tap.stop()


class Stage:
    """A recorder on its bench, a hub that taps it, and a component."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, STREAMS).start()
        self.tap = RecorderTap(self.bench.recorder, list)
        self.wire = TapWire(self.tap)
        pace = Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000)
        self.manager = GlobalWebSocketManager([self.wire], {"binance": SPOT}, pace=pace, linger_s=0.0)
        self.manager.start()
        self.events: list[Any] = []
        self.status: list[StatusEvent] = []

    async def register(self, *symbols: str, name: str = "a", mode: Mode = Mode.BOTH) -> None:
        wish = SubscriptionSpec(DataType.TRADE, symbols, mode=mode)
        await self.manager.register_component(
            name, self, [wish], self.events.append, delivery=Delivery.INLINE, on_status=self.status.append
        )
        await eventually(lambda: len(self.wire.streams) >= len(symbols))

    def send(self, life: Life, number: int, of: Stream = BTC) -> None:
        self.bench.now += 1_000_000
        self.bench.send(life, of, agg_trade(number))

    @property
    def lives(self) -> list[tuple[int, bool]]:
        return [(event.epoch, event.up) for event in self.status if isinstance(event, EpochEvent)]

    @property
    def trades(self) -> list[int]:
        return [event.raw()["a"] for event in self.events]

    async def close(self) -> None:
        await self.manager.stop()
        await self.bench.stop()


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    found = Stage(tmp_path)
    yield found
    await found.close()


async def test_a_consumer_that_comes_in_a_handover_has_every_frame_and_the_recorder_notices_nothing(stage: Stage) -> None:
    old, new = stage.bench.connect(epoch=5), stage.bench.connect(epoch=6)
    await stage.register("BTCUSDT", "ETHUSDT")
    stage.send(new, 1)
    for number in range(2, 10):
        stage.send(old if number % 2 else new, number)
    assert stage.trades == [*range(1, 10)]
    assert stage.lives == [(5, True), (6, True)]
    assert stage.tap.faults == 0
    assert stage.bench.recorder.intakes[BTC.name].recorded == 9


async def test_the_end_of_the_old_leg_is_no_cut_though_the_new_one_has_brought_nothing_yet(stage: Stage) -> None:
    old = stage.bench.connect(epoch=5)
    await stage.register("BTCUSDT")
    stage.send(old, 1)
    new = stage.bench.connect(epoch=6)
    stage.bench.cut(old)
    assert stage.lives == [(5, True), (6, True)]
    stage.send(new, 2)
    stage.bench.cut(new)
    assert stage.lives == [(5, True), (6, True), (6, False)]
    stage.send(stage.bench.connect(epoch=7), 3)
    assert stage.lives[3:] == [(7, True)]
    assert stage.trades == [1, 2, 3]


async def test_who_comes_later_is_told_of_the_cut_though_nothing_of_its_stream_has_come(stage: Stage) -> None:
    life = stage.bench.connect(epoch=1)
    await stage.register("BTCUSDT", name="first")
    stage.send(life, 1)
    stage.status.clear()
    await stage.manager.unregister_component("first")
    await stage.register("ETHUSDT", name="second")
    await eventually(lambda: stage.wire.streams == [ETH])
    stage.bench.cut(life)
    assert stage.lives == [(1, False)]


@pytest.mark.parametrize("broken", ["opening", "join", "opened"])
async def test_nothing_that_goes_wrong_in_the_hub_reaches_the_socket(
    stage: Stage, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.register("BTCUSDT")

    def fails(*_: object) -> None:
        raise AssertionError("of ours")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(HubInlet, broken, fails)
        life = stage.bench.connect(epoch=1)
        for number in range(1, 6):
            stage.send(life, number)
    faults = stage.tap.faults
    assert faults >= 1
    assert stage.bench.recorder.intakes[BTC.name].recorded == 5
    stage.bench.cut(life)
    life = stage.bench.connect(epoch=2)
    stage.send(life, 6)
    assert stage.trades[-1] == 6
    assert stage.tap.faults == faults


async def test_what_the_recorder_keeps_as_a_duplicate_makes_the_value_live_again(stage: Stage) -> None:
    await stage.register("BTCUSDT")
    async with SimpleWebSocketClient("gui", manager=stage.manager) as client:
        await client.register_interests(["BTCUSDT"], [DataType.TRADE])
        life = stage.bench.connect(epoch=1)
        stage.send(life, 7)
        assert not client.is_stale("BTCUSDT", DataType.TRADE)
        stage.bench.cut(life)
        assert client.is_stale("BTCUSDT", DataType.TRADE)
        await stage.register("BTCUSDT", name="once", mode=Mode.SNAPSHOT)
        life = stage.bench.connect(epoch=2)
        assert stage.trades == [7]
        stage.send(life, 7)
        assert stage.bench.recorder.intakes[BTC.name].duplicates == 1
        assert [(event.epoch, event.raw()["a"]) for event in stage.events] == [(1, 7), (2, 7)]
        assert not client.is_stale("BTCUSDT", DataType.TRADE)
        stage.send(life, 7)
        assert len(stage.events) == 2


async def test_what_both_legs_said_is_alive_after_the_handover(stage: Stage) -> None:
    await stage.register("BTCUSDT")
    old = stage.bench.connect(epoch=1)
    new = stage.bench.connect(epoch=2)
    for life in (old, new):
        stage.send(life, 7)
    stage.bench.cut(old)
    latest = stage.manager.latest(BTC)
    assert latest is not None
    assert (latest.epoch, stage.trades) == (2, [7])
