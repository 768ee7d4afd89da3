"""Downloaders that other people wrote, unmodified but for the address: they fetch from the simulated archive what they fetch from the
exchange, and what one of them leaves is taken over."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from hoga.simulator import HistoryConfig, Simulator, SimulatorConfig
from tests.history.backfill.conftest import Past

START_NS = int(datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest_asyncio.fixture
async def archive() -> AsyncIterator[Simulator]:
    history = HistoryConfig(days=9, rows_a_day=30, page=5)
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=7, start_ns=START_NS, history=history)) as simulator:
        yield simulator


async def test_binance_bulk_downloader_fetches_every_listed_day(archive: Simulator, tmp_path: Path) -> None:
    downloader = pytest.importorskip("binance_bulk_downloader.downloader")
    url = archive.venues["binance"].urls["history"]

    class Here(downloader.BinanceBulkDownloader):  # type: ignore[misc,name-defined]
        _BINANCE_DATA_S3_BUCKET_URL = f"{url}/data.binance.vision"
        _BINANCE_DATA_DOWNLOAD_BASE_URL = url

    job = Here(destination_dir=str(tmp_path), data_type="aggTrades", asset="spot", timeperiod_per_file="daily", symbols="BTCUSDT")
    made: list[str] = []
    for _ in range(3):  # it loses what goes wrong in its threads; like its users, we let it run again then
        await asyncio.to_thread(job.run_download)
        made = sorted(path.name for path in tmp_path.rglob("*.csv"))
        if len(made) == 9:
            break
    assert made == [
        f"BTCUSDT-aggTrades-{day}.csv"
        for day in (
            "2026-02-24",
            "2026-02-25",
            "2026-02-26",
            "2026-02-27",
            "2026-02-28",
            "2026-03-01",
            "2026-03-02",
            "2026-03-03",
            "2026-03-04",
        )
    ]
    assert all(len(path.read_text().splitlines()) == 30 for path in tmp_path.rglob("*.csv"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_what_curl_fetches_is_what_the_sum_says_and_is_taken_over(archive: Simulator, tmp_path: Path) -> None:
    """The way of the classic downloader: both files by curl, the sum compared, the sum's file removed."""
    past = Past(archive, tmp_path)
    name = "BTCUSDT-aggTrades-2026-03-02.zip"
    for each in (name, f"{name}.CHECKSUM"):
        command = (
            "curl",
            "-sL",
            "--fail",
            "--max-time",
            "20",
            "-o",
            str(tmp_path / each),
            f"{past.url}/data/spot/daily/aggTrades/BTCUSDT/{each}",
        )
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0
    expected, told = (tmp_path / f"{name}.CHECKSUM").read_text().split()
    assert (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest(), name) == (expected, told)
    assert zipfile.ZipFile(tmp_path / name).namelist() == [name.replace(".zip", ".csv")]
    (tmp_path / f"{name}.CHECKSUM").unlink()
    before = past.asked()
    assert (await past.backfill("2026-03-02", "2026-03-02")).ok
    assert past.asked() == before
