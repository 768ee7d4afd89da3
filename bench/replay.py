"""bench.replay: an archive replayed to one client: how far from the recording's rhythm a frame comes, and how many a second can be had.

`hoga replay` runs in a process of its own, as a user starts it; the client in this one counts, and stamps what it receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec
import psutil
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.books import RECORDED, load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.machine import pin_process
from hoga.archive.form.discover import discover
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.merged import Run, read_merged
from hoga.core.streams import Kind
from hoga.core.times import SECOND_NS, iso_of, minute_start_ns
from hoga.runtime.loop import run as run_loop

__all__ = ["ReplayPlan", "Replayed", "measure_replay"]

_DAY = "2026-11-20"
_WAIT_S = 120.0


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`symbols` books, ten frames a second each, `minutes` long. `flat_out`: all of it, as fast as it comes; else `seconds` of it in
    its own time, half of them before and half behind the end of a minute. `core`: where `hoga replay` is kept, `client_core` this
    process."""

    data: str
    symbols: int
    minutes: int
    flat_out: bool
    seconds: float = 0.0
    capture: str | None = None
    core: int | None = None
    client_core: int | None = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` from the first frame to the last. An error is how much sooner or later than usual a frame comes after it was received when
    it was recorded. `cpu_s` is of `hoga replay`, the frames alone."""

    frames: int
    seconds: float
    error_p50_ms: float
    error_p99_ms: float
    cpu_s: float


def measure_replay(plan: ReplayPlan) -> Replayed:
    """Make an archive, replay it. Raises OSError, RuntimeError when frames are missing."""
    pin_process(plan.client_core)
    directory = Path(plan.data) / "binance" / "orderbook"
    _make_archive(plan, directory)
    edge = minute_start_ns(_DAY, "00-00") + plan.minutes * 60 * SECOND_NS // 2
    edge -= edge % (60 * SECOND_NS)
    half = int(plan.seconds * SECOND_NS / 2)
    window = (None, None) if plan.flat_out else (edge - half, edge + half)
    due = _receipts(directory, window)
    options = ["--speed", "max"] if plan.flat_out else ["--start", iso_of(edge - half), "--end", iso_of(edge + half)]
    command = [sys.executable, "-m", "hoga", "replay", str(directory), "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if plan.core is not None:
                psutil.Process(server.pid).cpu_affinity([plan.core])
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            names = [f"{symbol.lower()}@{RECORDED}" for symbol in symbol_names(plan.symbols)]
            before = _cpu_s(server.pid)
            stamps = run_loop(_listen(f"{ready['venues']['binance']['ws']}/stream?streams={'/'.join(names)}", len(due)))
            cpu_s = _cpu_s(server.pid) - before
        finally:
            server.kill()
    if len(stamps) != len(due):
        raise RuntimeError(f"{len(stamps)} frames came where {len(due)} are recorded")
    after = sorted(stamp - at for stamp, at in zip(stamps, due, strict=True))
    usual = after[len(after) // 2]
    error = sorted(abs(each - usual) / 1e6 for each in after)
    return Replayed(
        frames=len(stamps),
        seconds=(stamps[-1] - stamps[0]) / 1e9,
        error_p50_ms=error[len(error) // 2],
        error_p99_ms=error[len(error) * 99 // 100],
        cpu_s=cpu_s,
    )


def _make_archive(plan: ReplayPlan, directory: Path) -> None:
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    built = data_frames(books, plan.symbols, min(len(books), 600))
    for symbol in symbol_names(plan.symbols):
        day = SeriesDay(directory, symbol, Kind.ORDERBOOK, _DAY)
        make_day(MergePlan(data=str(directory), minutes=plan.minutes), day, built[f"{symbol.lower()}@{RECORDED}"])


def _receipts(directory: Path, window: tuple[int | None, int | None]) -> list[int]:
    """When each frame was received, in the order in which they are played."""
    series: dict[str, list[SeriesDay]] = {}
    for day in discover([directory]).days:
        series.setdefault(day.symbol, []).append(day)
    items = read_merged(list(series.values()), start_ns=window[0], end_ns=window[1])
    return [at for item in items if isinstance(item, Run) for at in item.receipts]


async def _listen(url: str, count: int) -> list[int]:
    client = _Client(count)
    transport, _ = await ws_connect(lambda: client, url, max_frame_size=1 << 24)
    gc.collect()
    gc.disable()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(client.over.wait(), _WAIT_S)
    gc.enable()
    transport.disconnect()
    return client.stamps


class _Client(WSListener):
    def __init__(self, count: int) -> None:
        self.stamps: list[int] = []
        self.over = asyncio.Event()
        self._count = count

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.stamps.append(perf_counter_ns())
            if len(self.stamps) == self._count:
                self.over.set()
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: Any) -> None:
        self.over.set()


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
