"""bench.collector: the whole program as `hoga run` runs it, in a child process, with its own figures taken.

Nothing is switched off: recovery, timers, latency, ledger, fsync, the snapshot page, sealing in worker processes. The dashboard itself,
a process apart, is there when its `audience` is measured, and so is a relay. After the start the
process is kept on one core (the workers are not). It measures from the first frame, or from a while after it when the
load is paced, to the last one on disk; then it stops in good order and seals everything.
"""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Callable
from pathlib import Path
from time import monotonic, process_time, time_ns

import msgspec

from bench.audience import Audience, attended
from bench.books import RECORDED, symbol_names
from bench.machine import pin_process, rss_bytes
from bench.nats import Served
from bench.relayed import Relaying, relayed, server_for
from hoga.app.config import load_config
from hoga.app.config.rooms import relay_config
from hoga.app.dashboard_process import DashboardProcess
from hoga.app.relay_process import RelayProcess
from hoga.app.run import Run
from hoga.recorder.recorder import Recorder
from hoga.runtime.log_pipe import LogPipe
from hoga.runtime.logs import setup_logging
from hoga.runtime.loop import run as run_loop
from hoga.runtime.pool import WorkerPool

__all__ = ["Collected", "CollectorPlan", "collect", "percentile"]

_WARM_S = 2.0
_STALL_S = 5.0
_START_S = 60.0
_SEAL_S = 300.0


class CollectorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to record. `frames`: so many will come (burst); 0: measure for `seconds` and go on until they stop (paced).

    `consumer`: hand every recorded frame to a consumer in the process, too, and time it. `viewers`: how many the `audience` has.
    """

    url: str
    data: str
    symbols: int
    frames: int = 0
    seconds: float = 0.0
    core: int | None = None
    tls_ca: str | None = None
    consumer: bool = False
    audience: Audience = Audience.NONE
    viewers: int = 0
    relay: Relaying = Relaying.NONE
    settings: list[str] = []


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `measured`: frames within `cpu_s` and `wall_s`; `records`: recorded in all, of `received`.

    `written_ns`: when the last record was handed to the operating system. `lag_ms`: receipt → handed to the operating
    system of each chunk's oldest record; `consumer_ms`: receipt → consumer; both (p50, p99, max).
    """

    received: int
    records: int
    duplicates: int
    gaps: int
    measured: int
    cpu_s: float
    wall_s: float
    written_ns: int
    seal_cpu_s: float
    seal_wall_s: float
    sealed_records: int
    sealed_bytes: int
    sealed_archive_bytes: int
    journal_bytes: int
    chunks: int
    fsyncs: int
    rss_start: int
    rss_end: int
    rss_curve: list[int]
    lag_ms: tuple[float, float, float]
    consumer_ms: tuple[float, float, float]


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted `values` lie; 0 when there are none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def collect(plan: CollectorPlan) -> Collected:
    """Record what the load server at `plan.url` sends."""
    with server_for(plan.relay, Path(plan.data).parent) as server:
        return _collect(plan, server)


def _collect(plan: CollectorPlan, server: Served | None) -> Collected:
    names = symbol_names(plan.symbols)
    rest = plan.url.replace("ws://", "http://").replace("wss://", "https://")
    overrides = [
        f"SYMBOLS={','.join(names)}",
        f"STREAMS={RECORDED}",
        f"WS_URL={plan.url}",
        f"REST_URL={rest}",
        "DISK_RESERVE_MB=64",
        "DASHBOARD_PORT_NUMBER=0",
        f"MAX_DASHBOARD_CONNECTIONS={max(16, plan.viewers)}",
        *plan.settings,
    ]
    if server is not None:
        overrides += [f"NATS_URL={server.url}", "COLLECTOR=bench"]
    if plan.tls_ca:
        overrides.append(f"TLS_CA={plan.tls_ca}")
    config = load_config(None, overrides=overrides, environ={}, data_dir=Path(plan.data))
    program = config.program
    logs = setup_logging(
        directory=program.log_dir, level=program.log_level, max_mb=program.log_max_mb, backups=program.log_backups, form=program.log_format
    )
    inlet = LogPipe(logs, level=program.log_level)
    inlet.start()

    async def main() -> Collected:
        pool = WorkerPool(workers=1, logs=inlet.address)
        run = Run(config, pool)
        dashboard = DashboardProcess(program, inlet.address)
        relay = RelayProcess(relay_config(config, inlet.address)) if server is not None else None
        try:
            async with attended(dashboard, plan.audience, plan.viewers), relayed(relay, server, plan.relay):
                await run.start()
                dashboard.publish(run.figures)
                return await _Collection(plan, run, pool).measure()
        finally:
            await dashboard.stop()
            await run.hub.stop()
            pool.kill()

    try:
        return run_loop(main())
    finally:
        inlet.close()
        logs.close()


class _Collection:
    """One measurement of a running recorder."""

    def __init__(self, plan: CollectorPlan, run: Run, pool: WorkerPool) -> None:
        self._plan = plan
        self._venue = run.venues[0]
        self._recorder: Recorder = self._venue.recorder
        self._pool = pool
        self._lags: list[float] = []
        self._venue.on_lags = self._lags.extend
        self._waits: list[int] = []
        self._rss: list[int] = []

    async def measure(self) -> Collected:
        """From the first frame to sealed segments."""
        plan = self._plan
        if plan.consumer:
            for intake in self._recorder.intakes.values():
                intake.route = _timing_consumer(self._waits)
        gc.collect()
        gc.freeze()
        pin_process(plan.core)
        cpu, wall = await self._until_frames_come()
        rss_start = rss_bytes()
        before = self._count()
        if not plan.frames:
            await self._let_pass(_WARM_S)
            self._lags.clear()
            self._waits.clear()
            before, cpu, wall, rss_start = self._count(), process_time(), monotonic(), rss_bytes()
            await self._let_pass(plan.seconds)
        else:
            await self._until_all_is_written()
        cpu, wall, measured, written_ns = process_time() - cpu, monotonic() - wall, self._count() - before, time_ns()
        rss_end = rss_bytes()
        if not plan.frames:
            await self._until_nothing_comes()
        return await self._finish(cpu, wall, 0 if plan.frames else measured, written_ns, rss_start, rss_end)

    def _count(self) -> int:
        return sum(intake.recorded for intake in self._recorder.intakes.values())

    async def _until_frames_come(self) -> tuple[float, float]:
        """CPU and wall clock just before the first frame."""
        end = monotonic() + _START_S
        idle = self._recorder.writer.queued_records
        while monotonic() < end:
            cpu, wall = process_time(), monotonic()
            await asyncio.sleep(0.01)
            queued = self._recorder.writer.queued_records
            if queued - idle > 50 and self._count() > 50:
                return cpu, wall
            if queued - idle > 50:
                idle = queued
        raise TimeoutError(f"no frames within {_START_S:.0f} s")

    async def _let_pass(self, seconds: float) -> None:
        end = monotonic() + seconds
        while monotonic() < end:
            await asyncio.sleep(min(1.0, max(0.0, end - monotonic())))
            self._sample()

    def _sample(self) -> None:
        self._lags += self._recorder.writer.stats().lag_ns
        self._rss.append(rss_bytes())

    async def _until_all_is_written(self) -> None:
        """The expected number of frames has come and left for the disk, or nothing moves any more."""
        recorder, seen, moved = self._recorder, -1, monotonic()
        while monotonic() - moved < _STALL_S:
            await asyncio.sleep(0.005)
            queued = recorder.writer.queued_records
            if queued != seen:
                seen, moved = queued, monotonic()
            elif not recorder.writer.pending_records and self._received() >= self._plan.frames:
                break
        self._sample()

    async def _until_nothing_comes(self) -> None:
        last, quiet = -1, 0
        while quiet < 4:
            await asyncio.sleep(0.25)
            now = self._received()
            quiet, last = (quiet + 1 if now == last else 0), now

    def _received(self) -> int:
        return sum(intake.n for intake in self._recorder.intakes.values())

    async def _finish(self, cpu: float, wall: float, measured: int, written_ns: int, rss_start: int, rss_end: int) -> Collected:
        recorder, venue = self._recorder, self._venue
        status = venue.status()
        records = self._count()
        journal_bytes = recorder.writer.stats().written_bytes
        began = monotonic()
        await venue.stop_intake()
        await venue.drain()
        await venue.seal(timeout_s=_SEAL_S)
        await self._pool.close()
        sealed = venue.sealing.stats
        venue.release()
        lags = sorted(lag / 1e6 for lag in self._lags)
        waits = sorted(wait / 1e6 for wait in self._waits)
        workers = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Collected(
            received=status.received,
            records=records,
            duplicates=status.duplicates,
            gaps=status.gaps,
            measured=measured or records,
            cpu_s=cpu,
            wall_s=wall,
            written_ns=written_ns,
            seal_cpu_s=workers.ru_utime + workers.ru_stime,
            seal_wall_s=monotonic() - began,
            sealed_records=sealed.records,
            sealed_bytes=sealed.bytes,
            sealed_archive_bytes=sealed.archive_bytes,
            journal_bytes=journal_bytes,
            chunks=len(lags),
            fsyncs=recorder.writer.stats().fsyncs,
            rss_start=rss_start,
            rss_end=rss_end,
            rss_curve=self._rss,
            lag_ms=_three(lags),
            consumer_ms=_three(waits),
        )


def _timing_consumer(waits: list[int]) -> Callable[[int, bytes], None]:
    def consume(recv_ns: int, frame: bytes) -> None:
        waits.append(time_ns() - recv_ns)

    return consume


def _three(values: list[float]) -> tuple[float, float, float]:
    return percentile(values, 0.5), percentile(values, 0.99), values[-1] if values else 0.0
