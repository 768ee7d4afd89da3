"""hoga's own recorder and hub against the simulated Upbit: what was sent is what arrived, faults included."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent, EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.runtime.pool import WorkerPool
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.waiting import LONG_S
from tests.waiting import eventually as until

CODES = ("KRW-BTC", "KRW-ETH", "KRW-XRP")


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[Any] = []


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=CODES, seed=11)) as simulator:
        yield simulator


def config(sim: Simulator, **more: str) -> Config:
    urls = sim.venues["upbit"].urls
    values = {"BASE_BACKOFF": "1", "upbit.WS_URL": urls["ws"], "upbit.REST_URL": urls["rest"]}
    return load_config(None, overrides=[f"{key}={value}" for key, value in (values | more).items()], environ={})


def freeze(sim: Simulator) -> None:
    for market in sim.engine.markets.values():
        market.frozen = True


def sent(sim: Simulator) -> Counter[str]:
    return sum((connection.sent for connection in sim.truth.connections), Counter())


async def test_the_recorder_has_every_frame_that_was_sent(sim: Simulator, tmp_path: Path) -> None:
    streams = "orderbook,orderbook.5,trade,ticker,candle.1s"
    settings = config(sim, **{"upbit.SYMBOLS": ",".join(CODES), "upbit.STREAMS": streams})
    pool = WorkerPool(workers=1)
    folders = {"data_dir": tmp_path, "lob_dir": tmp_path / "orderbook", "chart_dir": tmp_path / "execution"}
    run = VenueRun(msgspec.structs.replace(settings.venue("upbit"), latency_gate="off", **folders), pool)
    await run.start()
    await until(lambda: len(sent(sim)) == 15 and sent(sim).total() > 300)
    freeze(sim)
    await asyncio.sleep(1.5)  # the candles of the second that was begun are told at its end
    await until(lambda: Counter({name: intake.n for name, intake in run.recorder.intakes.items()}) == sent(sim))
    assert run.recorder.odd_frames == 0
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=LONG_S)
    run.release()
    await pool.close()
    report = verify([tmp_path])
    assert report.problems == []
    assert report.records == sent(sim).total()


async def test_the_hub_delivers_every_frame_and_heals_a_cut(sim: Simulator) -> None:
    manager, widget = GlobalWebSocketManager(wires_of(config(sim)), VENUES), Widget()
    manager.start()
    kinds = (DataType.ORDERBOOK, DataType.TRADE, DataType.TICKER)
    wishes = [SubscriptionSpec(kind, list(CODES), venue="upbit") for kind in kinds]
    await manager.register_component("a", widget, wishes, widget.events.append, delivery=Delivery.INLINE, on_status=widget.status.append)
    await until(lambda: len({event.stream.name for event in widget.events}) == 9)
    sim.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    await until(lambda: len(sim.truth.connections) == 2 and sim.truth.connections[1].sent.total() > 100)
    freeze(sim)
    await asyncio.sleep(0.3)
    arrived = Counter(event.stream.name for event in widget.events if event.epoch == 2)
    assert arrived == sim.truth.connections[1].sent
    assert [(event.epoch, event.up) for event in widget.status if isinstance(event, EpochEvent)] == [(1, True), (1, False), (2, True)]
    for event in widget.events:
        assert event.body is not None
    await manager.stop()


async def test_a_change_of_wishes_disturbs_nothing_on_the_simulated_wire(sim: Simulator) -> None:
    manager, one, two = GlobalWebSocketManager(wires_of(config(sim)), VENUES), Widget(), Widget()
    manager.start()
    await manager.register_component("one", one, [SubscriptionSpec(DataType.ORDERBOOK, ["KRW-BTC"], venue="upbit")], one.events.append)
    await until(lambda: len(one.events) > 3)
    await manager.register_component("two", two, [SubscriptionSpec(DataType.TICKER, ["KRW-ETH"], venue="upbit")], two.events.append)
    await until(lambda: two.events)
    before = len(one.events)
    await manager.unregister_component("two")
    await until(lambda: len(one.events) > before + 3)
    truth = sim.truth
    assert len(truth.connections) == 1
    assert truth.answered == Counter({"KRW-BTC@orderbook": 1, "KRW-ETH@ticker": 1})
    await until(lambda: list(sim.board.subscribers) == ["KRW-BTC@orderbook"])
    await manager.stop()
