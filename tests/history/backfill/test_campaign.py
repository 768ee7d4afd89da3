"""Faults of every kind on the way, and `kill -9` at random: at the end everything is there, equal byte for byte, and nothing that was
finished was fetched twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hoga.history.csvrows import convert
from hoga.history.zipped import find_member
from hoga.simulator import Fault, FaultKind, Simulator
from hoga.simulator.faults import TRANSFER_DEFECTS
from hoga.venues.binance.history import SPOT_HISTORY
from tests.history.backfill.conftest import Simulate

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def spoil(simulator: Simulator, share: float) -> None:
    """Every fault of a transfer, each for that share of all requests; some refusals too."""
    for defect in sorted(TRANSFER_DEFECTS):
        simulator.inject(
            Fault(fault=FaultKind.FILE, defect=defect, paths="/data/spot/*", probability=share, ms=1_200 if defect == "stall" else 2)
        )
    for status in (403, 429, 500, 503):
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=status, retry_after_s=0, paths="/data/spot/*", probability=share / 2))


async def start(told: dict[str, Any]) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.history.backfill.killed", json.dumps(told))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)


def asked(simulator: Simulator) -> dict[str, int]:
    return {key.rpartition("/")[2]: each["asked"] for key, each in simulator.status()["history"]["files"].items() if key.endswith(".zip")}


async def campaign(simulator: Simulator, folder: Path, *, start_day: str, end_day: str, kills: int, seed: int, longest_s: float) -> None:
    random = Random(seed)
    url = simulator.venues["binance"].urls["history"]
    told = {"symbols": SYMBOLS, "folder": str(folder), "start": start_day, "end": end_day, "today": "2026-03-05", "url": url}
    killed = 0
    for _ in range(kills):
        finished = {path.name for path in folder.glob("*.zip")}
        before = asked(simulator)
        process = await start(told)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), random.uniform(0.5, longest_s))
        if process.returncode is None:
            process.kill()
            killed += 1
        await process.wait()
        again = asked(simulator)
        assert {name for name in finished if again.get(name) != before.get(name)} == set()
    assert killed
    finished = {path.name for path in folder.glob("*.zip")}
    before = asked(simulator)
    process = await start(told)
    out, err = await process.communicate()
    assert process.returncode == 0, (out, err)
    again = asked(simulator)
    assert {name for name in finished if again.get(name) != before.get(name)} == set()


def is_equal_to_the_exchanges(simulator: Simulator, folder: Path, tmp_path: Path) -> int:
    """How many files there are; each is what the simulator publishes, and its Parquet what is made of that."""
    simulator.clear_faults()
    files = simulator.venues["binance"]._history  # type: ignore[attr-defined]
    kind = SPOT_HISTORY.kinds["aggTrades"]
    zips = sorted(folder.glob("*.zip"))
    for path in zips:
        symbol = path.name.partition("-")[0]
        span = "monthly" if path.name.count("-") == 3 else "daily"
        published = files.file(f"data/spot/{span}/aggTrades/{symbol}/{path.name}")
        assert path.read_bytes() == published.body
        convert(path, find_member(path), tmp_path / "again.parquet", kind, step=1, notes={})
        import polars

        assert polars.read_parquet(tmp_path / "again.parquet").equals(polars.read_parquet(path.with_suffix(".parquet")))
    left = {path.name for path in folder.iterdir()} - {each.name for path in zips for each in (path, path.with_suffix(".parquet"))}
    assert left <= {".backfill.jsonl", ".backfill.lock", "quarantine"}
    return len(zips)


async def test_eight_symbol_days_survive_faults_and_kills(simulate: Simulate, folder: Path, tmp_path: Path) -> None:
    simulator = await simulate(days=5)
    spoil(simulator, 0.05)
    await campaign(simulator, folder, start_day="2026-03-01", end_day="2026-03-04", kills=3, seed=1, longest_s=2.0)
    assert is_equal_to_the_exchanges(simulator, folder, tmp_path) == 8


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sixty_symbol_days_survive_faults_and_kills(simulate: Simulate, folder: Path, tmp_path: Path, seed: int) -> None:
    simulator = await simulate(days=34, rows_a_day=600)
    spoil(simulator, 0.05)
    await campaign(simulator, folder, start_day="2026-02-03", end_day="2026-03-04", kills=12, seed=seed, longest_s=4.0)
    assert is_equal_to_the_exchanges(simulator, folder, tmp_path) == 60
