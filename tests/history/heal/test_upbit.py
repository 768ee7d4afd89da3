"""Upbit's trades, whose ids prove no hole: what a cut of the connection may have lost is asked for, once, and lies in its place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

import hoga
from hoga.app.config import Config, load_config
from hoga.app.heal import heal
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.archive.read.reader import read_blocks
from hoga.hub.events import GapEvent, TradeEvent
from hoga.runtime.pool import WorkerPool
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from tests.waiting import eventually as until

CODE = "KRW-BTC"
MISSED = 12


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=(CODE,), seed=11)) as simulator:
        yield simulator


def config(sim: Simulator) -> Config:
    urls = sim.venues["upbit"].urls
    values = {
        "BASE_BACKOFF": "1",
        "upbit.WS_URL": urls["ws"],
        "upbit.REST_URL": urls["rest"],
        "upbit.SYMBOLS": CODE,
        "upbit.STREAMS": "trade",
    }
    return load_config(None, overrides=[f"{key}={value}" for key, value in values.items()], environ={})


def traded(sim: Simulator) -> list[int]:
    """The sequential ids of everything that was traded, in order."""
    venue: Any = sim.venues["upbit"]
    return [each.sid for each in venue.publisher.live[CODE].tape.prints]


async def record_with_a_cut(sim: Simulator, settings: Config, root: Path) -> None:
    """The connection is cut and refused for a dozen trades."""
    pool = WorkerPool(workers=1)
    of = settings.venue("upbit")
    folders = {"data_dir": root, "lob_dir": root / "orderbook", "chart_dir": root / "execution"}
    run = VenueRun(msgspec.structs.replace(of, latency_gate="off", **folders), pool)
    await run.start()

    def recorded() -> int:
        return sum(intake.n for intake in run.recorder.intakes.values())

    await until(lambda: recorded() >= 10)
    sim.inject(Fault(fault=FaultKind.REFUSE))
    sim.inject(Fault(fault=FaultKind.CLOSE))
    await until(lambda: not sim.status()["open"])
    before, begun = recorded(), len(traded(sim))
    await until(lambda: len(traded(sim)) >= begun + MISSED)
    sim.clear_faults()
    await until(lambda: recorded() >= before + 10)
    await run.stop_intake()
    await run.drain()
    await run.seal(timeout_s=20)
    run.release()
    await pool.close()


def ids(root: Path, *, fill: bool = True) -> list[int]:
    text = b"".join(block.text for block in read_blocks(root, kind="execution", fill=fill))
    return [json.loads(line)["sequential_id"] for line in text.splitlines()]


async def test_what_a_cut_connection_lost_comes_back_in_its_place(sim: Simulator, tmp_path: Path) -> None:
    settings, root = config(sim), tmp_path / "data" / "upbit"
    await record_with_a_cut(sim, settings, root)
    received = ids(root)
    everything = traded(sim)
    whole = [each for each in everything if received[0] <= each <= received[-1]]
    lost = sorted(set(whole) - set(received))
    assert len(lost) >= MISSED
    now_ns = sim.clock.now_ns()
    report = await heal(root, settings, now_ns=now_ns)
    assert report.ok, report.failed
    assert [(each.rows, each.sources) for each in report.done] == [(len(lost), ["rest"])]
    assert ids(root) == whole
    assert ids(root, fill=False) == received
    assert verify([root]).ok
    asked = sim.status()["rest"]["requests"]
    again = await heal(root, settings, now_ns=now_ns)
    assert (again.ok, again.done, sim.status()["rest"]["requests"]) == (True, [], asked), "what was looked for once is not asked again"

    loaded = hoga.load(f"upbit:{CODE}", "execution", root=root.parent)
    assert loaded.numpy().trade_id.tolist() == whole
    assert sorted(loaded.numpy().trade_id[loaded.numpy().recv_ns == -(2**63)].tolist()) == lost
    events = list(hoga.read(f"upbit:{CODE}", "execution", root=root.parent))
    trades = [each for each in events if isinstance(each, TradeEvent)]
    assert [each.body.trade_id for each in trades] == whole
    assert sorted(each.body.trade_id for each in trades if each.healed_from == "rest") == lost
    assert [each.reason for each in events if isinstance(each, GapEvent)].count("disconnect") == 1, "its ids prove nothing: the gap stays"
    told = {each.sid: each for each in _prints(sim)}
    for each in trades:
        made = told[each.body.trade_id]
        assert (float(each.body.price), float(each.body.size)) == (made.price / 1e8, made.size / 1e8)
        assert each.body.event_ns == made.time_ms * 1_000_000


def _prints(sim: Simulator) -> list[Any]:
    venue: Any = sim.venues["upbit"]
    found: list[Any] = list(venue.publisher.live[CODE].tape.prints)
    return found
