"""bench.gathered: what it costs to take in what a relay has sent, over a real server. Needs nats-server.

A day's minutes of many symbols lie in the stream already; the intake of `hoga gather` puts them on the disk and acknowledges them. Its
processor time is that of this process, of all threads.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from bench.books import load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.nats import nats_server
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.streams import Kind
from hoga.relay.broker import Broker, BrokerFault, address_of
from hoga.relay.gathering import Gather, GatherSettings
from hoga.relay.subjects import PART_BYTES, SEGMENTS, FileKind, cut, head_of, segments_subject
from hoga.runtime.pool import WorkerPool

__all__ = ["GatherPlan", "GatheredCosts", "measure_gather"]

_DAY = "2026-11-20"
_WAIT_S = 30.0


class GatherPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`minutes` of `symbols` of books, `per_minute` records each."""

    data: str
    symbols: int = 100
    minutes: int = 10
    per_minute: int = 600
    capture: str | None = None


class GatheredCosts(msgspec.Struct, frozen=True, kw_only=True):
    """`records` in `messages`, in `cpu_s` of all threads of the intake and `wall_s`."""

    records: int
    messages: int
    cpu_s: float
    wall_s: float


def measure_gather(plan: GatherPlan) -> GatheredCosts:
    """Make the minutes, send them, take them in."""
    folder = Path(plan.data)
    folder.mkdir(parents=True, exist_ok=True)
    sent = folder / "sent"
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    (frames,) = data_frames(books, 1, min(len(books), 2_000)).values()
    for symbol in symbol_names(plan.symbols):
        day = SeriesDay(sent / "binance" / Kind.ORDERBOOK, symbol, Kind.ORDERBOOK, _DAY)
        make_day(MergePlan(data=str(day.directory), minutes=plan.minutes, per_minute=plan.per_minute), day, frames)
    try:
        with nats_server(folder) as server:
            return asyncio.run(_measure(plan, sent, folder / "all", server.url))
    finally:
        shutil.rmtree(folder)


async def _measure(plan: GatherPlan, sent: Path, root: Path, url: str) -> GatheredCosts:
    messages = await _send(sent, url)
    pool = WorkerPool(workers=1)
    gather = Gather(GatherSettings(root=root), Broker(address_of(url, {}), "bench"), pool)
    await gather.open()
    began, wall = process_time(), perf_counter()
    running = asyncio.create_task(gather.run(days=False))
    while gather.taken < messages:  # noqa: ASYNC110  # the moment of the last one is what is measured
        await asyncio.sleep(0.01)
    cpu_s, wall_s = process_time() - began, perf_counter() - wall
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await gather.close()
    await pool.close(patience_s=1.0)
    records = plan.symbols * plan.minutes * plan.per_minute
    return GatheredCosts(records=records, messages=messages, cpu_s=cpu_s, wall_s=wall_s)


async def _send(sent: Path, url: str) -> int:
    """Everything below `sent`, as a relay does. Returns how many messages."""
    broker = Broker(address_of(url, {}), "bench")
    for _ in range(int(_WAIT_S * 20)):
        try:
            await broker.open()
            break
        except BrokerFault:
            await asyncio.sleep(0.05)
    await broker.ensure(SEGMENTS)
    waiting, count = [], 0
    for path in sorted(path for path in sent.rglob("*") if path.is_file()):
        data = path.read_bytes()
        kind = FileKind.LEDGER if path.name.endswith(".ledger.jsonl") else FileKind.SEGMENT
        head = head_of("bench", path.relative_to(sent).as_posix(), kind, data)
        for headers, at, length in cut(head, PART_BYTES):
            waiting.append(await broker.post(SEGMENTS, segments_subject("bench"), headers, data[at : at + length]))
            count += 1
        if len(waiting) >= 16:
            await broker.settle(waiting)
            waiting = []
    await broker.settle(waiting)
    await broker.close()
    return count
