"""hoga's own recorder and hub on the simulated futures: what was sent is what arrived, on both routes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.runtime.pool import WorkerPool
from hoga.simulator import Fault, FaultKind, Simulator
from hoga.venues.registry import VENUES
from tests.waiting import LONG_S
from tests.waiting import eventually as until

CHANNELS = ("depth20@100ms", "depth@100ms", "bookTicker", "aggTrade", "kline_1m")


def config_of(sim: Simulator) -> Config:
    values = {"WS_URL": sim.ws_url, "REST_URL": sim.rest_url, "SYMBOLS": "BTCUSDT,ETHUSDT", "STREAMS": ",".join(CHANNELS)}
    overrides = [f"binance-usdm.{key}={value}" for key, value in values.items()]
    return load_config(None, overrides=["BASE_BACKOFF=1", *overrides], environ={})


def freeze(sim: Simulator) -> None:
    for market in sim.engine.markets.values():
        market.frozen = True


async def test_everything_sent_is_recorded_once_and_a_cut_is_accounted(futures, tmp_path: Path) -> None:
    sim = await futures()
    venue = config_of(sim).venue("binance-usdm")
    venue = msgspec.structs.replace(
        venue, data_dir=tmp_path, lob_dir=tmp_path / "orderbook", chart_dir=tmp_path / "execution", latency_gate="off", book_snapshot_min=0
    )
    pool = WorkerPool(workers=1)
    run = VenueRun(venue, pool)
    await run.start()
    wanted = {f"{symbol}@{channel}" for symbol in ("btcusdt", "ethusdt") for channel in CHANNELS}
    await until(lambda: all(sim.truth.produced[stream] >= 5 for stream in wanted - {s for s in wanted if "kline" in s}))
    sim.inject(Fault(fault=FaultKind.CLOSE, code=1001, connections="binance-usdm-1"))
    await until(lambda: len(sim.truth.connections) >= 3)
    freeze(sim)

    def sent() -> int:
        return sum(connection.sent.total() for connection in sim.truth.connections)

    await until(lambda: _received(run) == sent())
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=LONG_S)
    run.release()
    await pool.close()
    report = verify([tmp_path])
    assert report.problems == []
    assert report.records == sent()
    assert set(sim.truth.produced) == wanted
    assert run.recorder.odd_frames == 0


def _received(run: VenueRun) -> int:
    return sum(intake.n for intake in run.recorder.intakes.values())


async def test_the_hub_serves_both_routes_and_every_event_once(futures) -> None:
    sim = await futures()
    manager = GlobalWebSocketManager(wires_of(config_of(sim), recorders={}), VENUES)
    manager.start()
    seen: list[BaseWebSocketEvent] = []

    class Widget:
        pass

    widget = Widget()
    types = (DataType.ORDERBOOK, DataType.DELTA, DataType.QUOTE, DataType.TRADE, DataType.CANDLE)
    specs = [SubscriptionSpec(kind, ["BTCUSDT", "ETHUSDT"], venue="binance-usdm") for kind in types]
    await manager.register_component("chart", widget, specs, seen.append)
    await until(lambda: len(sim.truth.produced) == 10 and min(sim.truth.produced.values()) >= 1 and len(seen) > 300)
    freeze(sim)
    await until(lambda: len(seen) == sum(sim.truth.produced.values()))
    assert len(sim.truth.connections) == 2
    counts = Counter(type(event).__name__ for event in seen)
    assert len(counts) == len(types)
    await manager.stop()
