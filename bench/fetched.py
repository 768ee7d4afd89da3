"""bench.fetched: what it costs to have a day of the exchange's past: its zip proven, read, judged, and made into Parquet."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

from bench.machine import rss_peak_bytes
from hoga.history.csvrows import convert
from hoga.history.zipped import find_member
from hoga.venues.registry import VENUES

__all__ = ["Fetched", "FetchedPlan", "measure_backfill"]

_NAME = "BTCUSDT-aggTrades-2026-11-01"
_FIRST_ID, _FIRST_US = 3_000_000_000, 1_793_491_200_000_000
_CHUNK = 50_000


class FetchedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A day of `rows` aggregate trades. `disordered`: its first third stands behind the second."""

    data: str
    rows: int
    disordered: bool = False
    core: int | None = None


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` from the zip to its Parquet, hash included; `bytes` of that; `rss_peak` of the process, the making of the zip included."""

    rows: int
    seconds: float
    bytes: int
    rss_peak: int


def measure_backfill(plan: FetchedPlan) -> Fetched:
    """Make the zip, then prove and convert it. Raises RuntimeError when not every row came out."""
    folder = Path(plan.data)
    source, target = folder / f"{_NAME}.zip", folder / f"{_NAME}.parquet"
    _make(source, plan)
    spec = VENUES["binance"].history
    if spec is None:
        raise RuntimeError("the venue has no archive of files")
    _keep_on(plan.core)
    began = perf_counter()
    with source.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    made = convert(source, find_member(source), target, spec.kinds["aggTrades"], step=1, notes={})
    seconds = perf_counter() - began
    if made.facts.rows != plan.rows or made.facts.missing:
        raise RuntimeError(f"{made.facts.rows} rows came out of {plan.rows}, and {made.facts.missing} are missing")
    return Fetched(rows=plan.rows, seconds=seconds, bytes=target.stat().st_size, rss_peak=rss_peak_bytes())


def _keep_on(core: int | None) -> None:
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _make(source: Path, plan: FetchedPlan) -> None:
    """The zip as the exchange packs it, in little memory."""
    random = np.random.default_rng(1)
    starts = list(range(0, plan.rows, _CHUNK))
    if plan.disordered:
        third = max(1, len(starts) // 3)
        starts = starts[third : 2 * third] + starts[:third] + starts[2 * third :]
    with (
        zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{_NAME}.csv", "w", force_zip64=True) as member,
    ):
        for start in starts:
            count = min(_CHUNK, plan.rows - start)
            prices = 8_600_000 + random.integers(-3_000, 3_000, count)
            lots = (random.lognormal(3, 1.5, count) * 10).astype(int) + 1
            sold = random.random(count) < 0.5
            step_us = 86_400_000_000 // plan.rows
            lines = [
                f"{_FIRST_ID + at},{price // 100}.{price % 100:02d}000000,{lot // 100_000}.{lot % 100_000:05d}000,"
                f"{5_000_000_000 + 2 * at},{5_000_000_001 + 2 * at},{_FIRST_US + at * step_us},{maker},True\n"
                for at, price, lot, maker in zip(range(start, start + count), prices.tolist(), lots.tolist(), sold.tolist(), strict=True)
            ]
            member.write("".join(lines).encode())
