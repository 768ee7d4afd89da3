"""A simulated archive and a backfill from it, in one process."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.history.backfill import BackfillReport, Job, backfill
from hoga.history.plan import Series
from hoga.simulator import Fault, FaultKind, FileDefect, HistoryConfig, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.waiting import LONG_S

START_NS = int(datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
TODAY = date(2026, 3, 5)
QUICK = (0.001, 0.001)

Simulate = Callable[..., Awaitable[Simulator]]


@pytest_asyncio.fixture
async def simulate() -> AsyncIterator[Simulate]:
    running: list[Simulator] = []

    async def start(*, days: int = 35, rows_a_day: int = 40, start_ns: int = START_NS, venues: tuple[str, ...] = ("binance",)) -> Simulator:
        history = HistoryConfig(days=days, rows_a_day=rows_a_day, page=30, bomb_bytes=70_000_000)
        simulator = Simulator(SimulatorConfig(venues=venues, symbols=("BTCUSDT", "ETHUSDT"), seed=3, start_ns=start_ns, history=history))
        running.append(simulator)
        await simulator.start()
        return simulator

    yield start
    await asyncio.gather(*(simulator.stop() for simulator in running))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "binance" / "execution"


class Past:
    """One simulated archive, and a folder that is filled from it."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder

    @property
    def url(self) -> str:
        return next(iter(self.simulator.venues.values())).urls["history"]

    def spoil(self, defect: FileDefect, paths: str, **more: Any) -> None:
        self.simulator.inject(Fault(fault=FaultKind.FILE, defect=defect, paths=paths, **more))

    def job(self, start: str, end: str, *, symbol: str = "BTCUSDT", name: str = "aggTrades", interval: str = "", **more: Any) -> Job:
        venue = next(iter(self.simulator.venues))
        spec = VENUES[venue].history
        assert spec is not None
        settings: dict[str, Any] = {
            "venue": venue,
            "spec": spec,
            "kind": spec.kinds[name],
            "series": (Series(symbol, name, interval),),
            "folder": self.folder,
            "start": date.fromisoformat(start),
            "end": date.fromisoformat(end),
            "today": TODAY,
            "history_url": self.url,
            "listing_url": f"{self.url}/data.binance.vision",
            "silence_s": LONG_S,
            "at_once": 4,
            "schedule": QUICK,
        }
        return Job(**{**settings, **more})

    async def backfill(self, start: str, end: str, **more: Any) -> BackfillReport:
        return await backfill(self.job(start, end, **more))

    def asked(self) -> dict[str, int]:
        """How often each zip was asked for, by its name."""
        files = self.simulator.status()["history"]["files"]
        return {key.rpartition("/")[2]: told["asked"] for key, told in files.items() if key.endswith(".zip")}


@pytest_asyncio.fixture
async def past(simulate: Simulate, folder: Path) -> Past:
    return Past(await simulate(), folder)


def zip_rows(path: Path) -> list[str]:
    """The lines of the CSV in a zip."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def zip_of(path: Path, text: str | bytes, *, name: str | None = None, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip like an exchange's, with that text."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr(name or f"{path.name.removesuffix('.zip')}.csv", text)
    path.write_bytes(made.getvalue())
    return path
