"""`hoga run` records a venue and serves it at once: one connection, every frame recorded once and told once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import hoga
from hoga.app.config import load_config
from hoga.app.hub import connect
from hoga.app.run import Run
from hoga.archive.prove.verify import verify
from hoga.core.market import DataType
from hoga.hub.errors import NoHub
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.runtime.pool import WorkerPool
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from tests.recorder.test_run import Program
from tests.recorder.workbench import SPOT, Archive
from tests.waiting import LONG_S
from tests.waiting import eventually as until

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)


def settings(simulator: Simulator, data: Path, **more: str) -> Any:
    values = {
        "SYMBOLS": ",".join(SYMBOLS),
        "STREAMS": "depth20@100ms,aggTrade",
        "WS_URL": simulator.ws_url,
        "REST_URL": simulator.rest_url,
        "DISK_RESERVE_MB": "1",
        "BASE_BACKOFF": "1",
        "LATENCY_GATE": "off",
        **more,
    }
    return load_config(None, overrides=[f"{key}={value}" for key, value in values.items()], environ={}, data_dir=data)


async def end(run: Run, pool: WorkerPool) -> None:
    for venue in run.venues:
        await venue.stop_intake()  # first: no frame may come between the end of the hub and that of the recorder
    await run.hub.stop()
    for venue in run.venues:
        await venue.drain()
        await venue.seal(timeout_s=LONG_S)
        venue.release()
    await pool.close()


async def test_one_connection_records_and_serves_every_frame_once(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(symbols=SYMBOLS, seed=5)) as simulator:
        sent: Counter[tuple[str, bytes]] = Counter()
        simulator.board.tap = lambda connection, name, text: sent.update([(name, text)])
        pool = WorkerPool(workers=1)
        run = Run(settings(simulator, tmp_path), pool)
        await run.start()
        manager = await GlobalWebSocketManager.get_instance()
        assert manager is run.hub.manager
        widget = Widget()
        wishes = [SubscriptionSpec(kind, SYMBOLS, mode=Mode.REALTIME) for kind in (DataType.ORDERBOOK, DataType.TRADE)]
        await manager.register_component("a", widget, wishes, widget.take, delivery=Delivery.INLINE, on_status=widget.status.append)
        await until(lambda: len(widget.events) > 60)
        assert len(simulator.truth.connections) == 1
        simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
        await until(lambda: widget.events[-1].epoch == 2 and len(widget.events) > 120)
        metrics = manager.get_connection_metrics()
        assert list(metrics) == ["binance-1"]
        assert metrics["binance-1"].is_connected
        await end(run, pool)
        frames = [(event.stream.name, SPOT.frame_key(event.stream) + event.payload + b"}") for event in widget.events]
        assert max(Counter(frames).values()) == 1
        assert set(frames) <= set(sent)
        assert [(each.epoch, each.up) for each in widget.status if isinstance(each, EpochEvent)][:3] == [(1, True), (1, False), (2, True)]
        archive = Archive(tmp_path / "binance")
        assert_served_is_recorded(archive, widget.events)
        assert verify([tmp_path]).problems == []


def assert_served_is_recorded(archive: Archive, events: list[BaseWebSocketEvent]) -> None:
    """From the first event that was served on, what was served is what was recorded: same order, same receipt, same bytes."""
    for symbol in SYMBOLS:
        for data_type, kind in ((DataType.ORDERBOOK, "orderbook"), (DataType.TRADE, "execution")):
            mine = [(event.recv_ns, event.payload) for event in events if (event.symbol, event.data_type) == (symbol, data_type)]
            lines = archive.text(symbol, kind).splitlines()
            recorded = [
                (int(line[len(b'{"recvNs":') : line.index(b",")]), b"{" + line.split(b',"conn":', 1)[1].split(b",", 1)[1]) for line in lines
            ]
            assert mine
            assert recorded[recorded.index(mine[0]) :] == mine


@pytest_asyncio.fixture
async def programs() -> AsyncIterator[Callable[[Simulator, Path], Program]]:
    """Makes `hoga run`s; none outlives its test."""
    made: list[Program] = []

    def make(simulator: Simulator, data: Path) -> Program:
        made.append(Program(simulator, data))
        return made[-1]

    yield make
    for program in made:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.communicate()


async def test_a_reader_in_another_process_is_served_over_the_recorders_connection(
    tmp_path: Path, programs: Callable[[Simulator, Path], Program]
) -> None:
    """The reader is here; `hoga run` is the other process."""
    async with Simulator(SimulatorConfig(symbols=SYMBOLS, seed=5)) as simulator:
        with pytest.raises(NoHub, match="hoga run"):
            await hoga.connect(data=tmp_path)
        program = programs(simulator, tmp_path)
        await program.start()
        client = await connect("gui", data=tmp_path)
        widget = Widget()
        await client.register_interests(["BTCUSDT"], [DataType.ORDERBOOK], venue="binance")
        trades = [SubscriptionSpec(DataType.TRADE, ["BTCUSDT"], venue="binance")]
        await client.manager.register_component("trades", widget, trades, widget.take)
        await until(lambda: client.get_orderbook("BTCUSDT") and len(widget.events) > 5)
        book = client.get_orderbook("BTCUSDT")
        assert book is not None
        assert book.bids[0] < book.asks[0]
        assert len(simulator.truth.connections) == 1
        await client.register_interests(["ETHUSDT"], [DataType.QUOTE], venue="binance")
        await until(lambda: client.get_quote("ETHUSDT"))
        assert len(simulator.truth.connections) == 2
        program.send(signal.SIGKILL)
        await program.process.communicate()
        await until(lambda: client.is_stale("BTCUSDT", DataType.ORDERBOOK))
        again = programs(simulator, tmp_path)
        await again.start()
        await until(lambda: not client.is_stale("BTCUSDT", DataType.ORDERBOOK) and not client.is_stale("ETHUSDT", DataType.QUOTE))
        await client.close()
        again.send(signal.SIGTERM)
        status, said = await again.end()
        assert status == 0, said
        ids = [event.body.trade_id for event in widget.events]
        assert ids == sorted(set(ids))
