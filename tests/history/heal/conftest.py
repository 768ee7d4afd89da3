"""A recorder that missed some of what a simulated venue traded, and the venue to ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.history.heal import Files, HealReport, heal_series
from hoga.net.rest import RestClient
from hoga.simulator import HistoryConfig, Simulator, SimulatorConfig
from hoga.simulator.binance.payloads import SpotPrinter
from hoga.simulator.engine import AggTrade, Past, Trade
from hoga.venues.registry import VENUES
from tests.recorder.workbench import Bench, stream
from tests.waiting import LONG_S

START_NS = int(datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
TODAY = START_NS // 86_400_000_000_000
DAY = "2026-03-04"
SPOT = VENUES["binance"]


class Missed:
    """`rows` were traded on 2026-03-04 (or `back` days before today); those at `gone` were not received."""

    def __init__(self, simulator: Simulator, root: Path) -> None:
        self.simulator = simulator
        self.root = root
        self.rows: list[AggTrade] = []
        self.trades: list[Trade] = []
        self.day = SeriesDay(root / "execution", "BTCUSDT", "execution", DAY)

    @property
    def past(self) -> Past:
        venue: Any = self.simulator.venues["binance"]
        found: Past = venue._history.past("BTCUSDT")
        return found

    async def record(
        self, gone: Collection[int] = (), *, count: int = 40, back: int = 1, begin: int = 100, singles: bool = False, merged: bool = True
    ) -> None:
        """Record `count` aggregates (or single trades) of a day but those."""
        day = self.past.day(TODAY - back)
        self.rows = day.aggregates[begin : begin + count]
        self.trades = day.trades[begin : begin + count]
        of = stream("BTCUSDT", "trade" if singles else "aggTrade")
        printer = SpotPrinter(self.simulator.engine.instruments["BTCUSDT"])
        rows: list[Any] = list(self.trades if singles else self.rows)
        bench = Bench(self.root, [of], start_ns=rows[0].time_ns).start()
        life = bench.connect()
        for at, row in enumerate(rows):
            bench.wait(max(0.0, (row.time_ns + 5_000_000 - bench.now) / 1e9))
            if at not in gone:
                ms = row.time_ns // 1_000_000
                bench.send(life, of, (printer.trade if singles else printer.agg_trade)(row, ms + 1, ms).encode())
        await bench.finish()
        if merged:
            self.merge()

    def merge(self) -> None:
        for folder in sorted((self.root / "execution" / "temporary").glob("BTCUSDT_execution_*")):
            day = SeriesDay(self.root / "execution", "BTCUSDT", "execution", folder.name[-10:])
            merge_day(day, venue="binance", archive_format="zip", purge=True)

    def days(self) -> list[SeriesDay]:
        from hoga.archive.form.discover import discover

        return [day for day in discover([self.root]).days if day.kind == "execution"]

    async def heal(self, *, files: Files | None = None, now_ns: int = START_NS) -> HealReport:
        rest = RestClient("binance", self.simulator.rest_url, tls=None, timeout_s=LONG_S)
        return await heal_series(self.days(), SPOT, rest, files, now_ns=now_ns, schedule=(0.001,))


MakeMissed = Callable[..., Awaitable[Missed]]


@pytest_asyncio.fixture
async def make_missed(tmp_path: Path) -> AsyncIterator[MakeMissed]:
    running: list[Simulator] = []

    async def make(*, rest_days: int = 7, days: int = 3) -> Missed:
        history = HistoryConfig(days=days, rows_a_day=2_000, rest_days=rest_days)
        simulator = Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=3, start_ns=START_NS, history=history))
        running.append(simulator)
        await simulator.start()
        return Missed(simulator, tmp_path / "binance")

    yield make
    await asyncio.gather(*(simulator.stop() for simulator in running))


@pytest_asyncio.fixture
async def missed(make_missed: MakeMissed) -> Missed:
    return await make_missed()


@pytest.fixture
def now_ns() -> int:
    return START_NS
