"""bench.suite: the measurements, one after the other, each repeated in fresh processes; figures come out.

    burst, tls   everything at once, as fast as it can be taken: frames a second on one core, on disk
    stages       the same frames through more and more of the path: what each stage costs
    paced        an even stream of 10 frames a second and symbol: cost of a frame beside a bare client's, lateness
    streams      1,500 symbols, all of Binance spot: nothing lost, lateness, memory
    consumer     receipt → a consumer in the process
    live         receipt → a consumer over NATS, where nats-server is installed
    viewers      the same beside a dashboard: with nobody, with a hundred viewers, stopped, killed every second
    hub          1,000 subscriptions at 10,000 events a second, cost of routing, of the pool, of readers in other processes
    seal, merge  a minute made into segments, a day merged
    union        the archives of two collectors made one, where both have all, and where each lacks a fourth
    gather       what relays have sent, taken in and made durable; where nats-server is installed
    relay        15,000 frames a second sent to NATS while they come, and from disk afterwards; where nats-server is installed
    relayed      the collector at that pace without a relay, beside one, and with the server gone; likewise
    past         a day as arrays, from zip, zst and Parquet; a book at an instant, batches, Parquet, events for hftbacktest
    replay       an archive replayed to one client: in its own time, how far from its time a frame comes; flat out, how many a second
    view         a seek in `hoga view`, anywhere in a day, until its answer, and until the page shows it
    backfill     a day of the exchange's aggregate trades: its zip proven, read and made into Parquet
    tree         `hoga tree` of 100,000 files
    report       the report of a journal of 1,000,000 records
    paper        `hoga trade --mode paper` at 10,000 quotes a second: from a quote to its decision
    backtest     the whole engine on a recorded day, and a sweep
    start        how long `hoga --help` takes
    program      `hoga run` itself: processor time and memory of all its processes, how it ends under load
    sustained    twice that pace for five minutes
    peers        other programs on the same frames, where they are installed

The collector is kept on the first core of the process, the load server (and sealing) on the second; beside a dashboard, which needs
a place too, it is not kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import msgspec

from bench.audience import Audience
from bench.backtest import PastPlan, Swept, Went
from bench.bars import Figure, Verdict, figure, of_a_sample
from bench.certificate import make_certificate
from bench.children import BenchFailed, LoadServer, run_child
from bench.clients import STAGES, ClientPlan, Counted
from bench.collector import Collected, CollectorPlan
from bench.days import Merged, MergePlan, Sealed, SealPlan
from bench.fetched import Fetched, FetchedPlan
from bench.gathered import GatheredCosts, GatherPlan
from bench.hub import CostPlan, Costs, LoadedHub, LoadedPlan, ReaderCosts, ReaderPlan
from bench.live import Heard, LivePlan
from bench.looking import Drawn, Looked, TreePlan, ViewPlan
from bench.machine import Machine, describe_machine
from bench.nats import find_server
from bench.papers import PaperPlan, PaperTimes
from bench.peers import Peer, PeerCost, find_peers, run_peer
from bench.plans import LoadPlan, LoadReport
from bench.program import Program, Ran, count_lines, recover
from bench.reading import Batched, DayPlan, Loaded, Made
from bench.relayed import Relaying
from bench.relaying import RelayCosts, RelayPlan
from bench.replay import Replayed, ReplayPlan
from bench.reports import Reported, ReportedPlan
from bench.switches import Switched, SwitchPlan
from bench.trading import Decided, DecidePlan
from bench.unions import CASES, UnionPlan, UnitedCosts
from bench.usual import UsualPlan, UsualTimes
from hoga.app.trader.page import EVERY_S

__all__ = ["PARTS", "Report", "Settings", "run_suite"]

PARTS = (
    "burst",
    "tls",
    "stages",
    "paced",
    "streams",
    "consumer",
    "live",
    "viewers",
    "hub",
    "seal",
    "merge",
    "union",
    "relay",
    "relayed",
    "gather",
    "past",
    "replay",
    "view",
    "backfill",
    "tree",
    "trade",
    "report",
    "usual",
    "paper",
    "backtest",
    "start",
    "program",
    "sustained",
    "peers",
)
"""The measurements, in order."""

_PER_SYMBOL = 40
_RATE_OF_SYMBOL = 10
_STREAMS = 1_500
_CONSUMER_RATE = 10_000
_LIVE_START_S = 20.0
"""Four processes have begun by then."""
_VIEWERS = 100
_AUDIENCES = {
    Audience.NONE: "no dashboard",
    Audience.ALONE: "0 viewers",
    Audience.VIEWERS: f"{_VIEWERS} viewers",
    Audience.STOPPED: "dashboard stopped",
    Audience.KILLED: "dashboard killed every second",
}
_RELAYS = {Relaying.NONE: "no relay", Relaying.SENDING: "beside a relay", Relaying.AWAY: "NATS gone"}
_RELAYED_RATE = 15_000
_HUB_STREAMS = 1_000
_USUAL_RATE, _USUAL_S = 2_000, 5.0
_PAPER_RATE, _PAPER_WARM_S = 10_000, 6.0
_PROGRAM_REST_S = 3.0
"""So long at most from the last frame until it is on disk."""
_HUB_READERS = (0, 1, 4)
_REPLAY_SYMBOLS = 20
_PEER_SYMBOLS, _PEER_RATE = 100, 5_000
"""What every peer can carry: one connection, and a rate at which the slowest has time left."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often. `capture`: where the books come from, None for a random walk. `folder`: where to work. `sample`: whether
    it is too little to say how fast anything is."""

    only: tuple[str, ...] = PARTS
    sample: bool = False
    repeat: int = 5
    seconds: float = 10.0
    streams_s: float = 60.0
    frames: int = 1_000_000
    symbols: int = 100
    rates: tuple[int, ...] = (1_000, 5_000, 10_000, 15_000)
    merge_minutes: int = 1_440
    union_minutes: int = 240
    relay_s: float = 20.0
    relay_minutes: int = 4
    gather_minutes: int = 10
    past_minutes: int = 240
    replay_minutes: int = 120
    view_minutes: int = 1_440
    backfill_rows: int = 1_000_000
    tree_files: int = 100_000
    decisions: int = 20_000
    report_records: int = 1_000_000
    backtest_minutes: int = 240
    backtest_sets: int = 100
    replay_s: float = 20.0
    seal_records: int = 60_000
    peer_frames: int = 100_000
    program_s: float = 70.0
    program_rate: int = 60_000
    sustained_s: float = 300.0
    sustained_rate: int = 120_000
    capture: str | None = None
    folder: str | None = None

    def quick(self, seconds: float) -> Settings:
        """The same in some seconds: whether all of it works, not how fast it is."""
        return msgspec.structs.replace(
            self,
            sample=True,
            repeat=1,
            seconds=seconds,
            streams_s=seconds,
            frames=40_000,
            rates=(1_000, 10_000),
            merge_minutes=60,
            union_minutes=8,
            relay_s=seconds,
            relay_minutes=1,
            gather_minutes=1,
            past_minutes=8,
            replay_minutes=4,
            view_minutes=12,
            backfill_rows=60_000,
            tree_files=2_000,
            decisions=2_000,
            report_records=20_000,
            backtest_minutes=10,
            backtest_sets=4,
            replay_s=seconds,
            seal_records=6_000,
            peer_frames=4_000,
            program_s=seconds,
            program_rate=1_000,
            sustained_s=seconds,
            sustained_rate=2_000,
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures, and where they were taken. `ok`: no bar was missed."""

    ok: bool
    machine: Machine
    settings: Settings
    figures: list[Figure]


class _Bench(NamedTuple):
    """What every measurement needs."""

    settings: Settings
    folder: Path
    collector_core: int | None
    server_core: int | None
    tell: Callable[[str], None]


def run_suite(settings: Settings, *, tell: Callable[[str], None]) -> Report:
    """Take every figure of `settings.only`. `tell` is called with a line before each measurement. Raises BenchFailed."""
    folder = Path(tempfile.mkdtemp(prefix="hoga-bench-", dir=settings.folder))
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    apart = len(cores) > 1
    bench = _Bench(settings, folder, cores[0] if apart else None, cores[1] if apart else None, tell)
    machine = describe_machine()
    figures: list[Figure] = []
    for part in PARTS:
        if part in settings.only:
            figures += _MEASURES[part](bench)
    shutil.rmtree(folder)
    if settings.sample:
        figures = [of_a_sample(each) for each in figures]
    return Report(ok=all(each.verdict is not Verdict.MISSED for each in figures), machine=machine, settings=settings, figures=figures)


# -- one run ----------------------------------------------------------------------------------------------------------


@contextmanager
def _fresh(bench: _Bench) -> Iterator[Path]:
    """A data folder for one run, removed when the run went well."""
    data = Path(tempfile.mkdtemp(dir=bench.folder))
    yield data
    shutil.rmtree(data)


def _burst_plan(bench: _Bench, *, tls: bool) -> LoadPlan:
    settings = bench.settings
    certificate = make_certificate(bench.folder) if tls else None
    lap = settings.symbols * _PER_SYMBOL
    return LoadPlan(
        symbols=settings.symbols,
        per_symbol=_PER_SYMBOL,
        burst_frames=max(1, settings.frames // lap) * lap,
        certificate=str(certificate) if certificate else None,
        key=str(certificate) if certificate else None,
        capture=settings.capture,
    )


def _paced_plan(bench: _Bench, rate: int, seconds: float) -> LoadPlan:
    symbols = max(1, rate // _RATE_OF_SYMBOL)
    return LoadPlan(symbols=symbols, per_symbol=max(8, 4_000 // symbols), rate=rate, seconds=seconds + 4.0, capture=bench.settings.capture)


def _collect(
    bench: _Bench,
    load: LoadPlan,
    *,
    seconds: float = 0.0,
    consumer: bool = False,
    audience: Audience | None = None,
    relay: Relaying = Relaying.NONE,
) -> tuple[Collected, LoadReport]:
    """The whole program on one load. Raises BenchFailed when a frame is lost, in the account or in the files."""
    with _fresh(bench) as data, LoadServer(load, core=bench.server_core, folder=bench.folder) as server:
        plan = CollectorPlan(
            url=server.url,
            data=str(data),
            symbols=load.symbols,
            frames=load.burst_frames,
            seconds=seconds,
            core=bench.collector_core if audience is None else None,
            tls_ca=load.certificate,
            consumer=consumer,
            audience=audience or Audience.NONE,
            viewers=_VIEWERS,
            relay=relay,
        )
        collected = run_child("collect", plan, Collected, folder=bench.folder)
        report = server.stop()
        on_disk = count_lines(data)
        if not report.frames == collected.records == on_disk:
            why = f"{report.frames} frames were sent, {collected.records} recorded, {on_disk} are on disk"
            raise BenchFailed("collect", why, bench.folder / "collect.log")
    return collected, report


def _count(bench: _Bench, load: LoadPlan, stage: str, *, seconds: float = 0.0, probes: bool = False) -> tuple[Counted, LoadReport]:
    """A client on one load."""
    with _fresh(bench) as data, LoadServer(load, core=bench.server_core, folder=bench.folder) as server:
        plan = ClientPlan(
            stage=stage,
            url=server.url,
            data=str(data),
            symbols=load.symbols,
            frames=load.burst_frames,
            seconds=seconds,
            core=bench.collector_core,
            tls_ca=load.certificate,
            probes=probes,
        )
        counted = run_child("client", plan, Counted, folder=bench.folder)
        return counted, server.stop()


# -- the measurements ---------------------------------------------------------------------------------------------------


def _burst(bench: _Bench) -> list[Figure]:
    return _bursts(bench, "burst", "burst, plain", tls=False)


def _tls(bench: _Bench) -> list[Figure]:
    return _bursts(bench, "tls", "burst, TLS", tls=True)


def _bursts(bench: _Bench, name: str, label: str, *, tls: bool) -> list[Figure]:
    load = _burst_plan(bench, tls=tls)
    rates, costs, per_cpu, seals = [], [], [], []
    for number in range(bench.settings.repeat):
        bench.tell(f"{label}: run {number + 1} of {bench.settings.repeat}, {load.burst_frames:,} frames of {load.symbols} symbols")
        collected, report = _collect(bench, load)
        rates.append(collected.records / ((collected.written_ns - report.started_ns) / 1e9))
        costs.append(collected.cpu_s / collected.records * 1e6)
        per_cpu.append(collected.records / collected.cpu_s)
        seals.append(collected.seal_cpu_s / collected.records * 1e6)
    return [
        figure(
            f"{name}.rate",
            f"{label}: recorded to disk on one core",
            "frames/s",
            rates,
            note="first frame sent → last one with the OS; all counted in the files",
        ),
        figure(f"{name}.per_cpu", f"{label}: per second of CPU", "frames/s", per_cpu, note="all threads of the collector"),
        figure(f"{name}.cost", f"{label}: CPU of the collector", "µs/frame", costs),
        figure(f"{name}.seal", f"{label}: CPU of the sealing worker", "µs/frame", seals, note="another process, start-up included"),
    ]


def _stages(bench: _Bench) -> list[Figure]:
    load = _burst_plan(bench, tls=False)
    costs: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "whole")}
    for number in range(bench.settings.repeat):
        for stage in STAGES:
            bench.tell(f"stages: run {number + 1} of {bench.settings.repeat}, {stage}")
            counted, _ = _count(bench, load, stage)
            costs[stage].append(counted.cpu_s / counted.frames * 1e6)
        bench.tell(f"stages: run {number + 1} of {bench.settings.repeat}, whole")
        collected, _ = _collect(bench, load)
        costs["whole"].append(collected.cpu_s / collected.records * 1e6)
    labels = {
        "count": "picows: receive and count",
        "intake": "+ stamp, look up, judge the id, batch",
        "chunk": "+ journal chunk",
        "write": "+ write, fsync",
        "whole": "the whole program",
    }
    return [
        figure(f"stage.{stage}", f"stage: {labels[stage]}", "µs/frame", runs, note="cumulative, saturated") for stage, runs in costs.items()
    ]


def _paced(bench: _Bench) -> list[Figure]:
    return [each for rate in bench.settings.rates for each in _paced_at(bench, rate)]


def _paced_at(bench: _Bench, rate: int) -> list[Figure]:
    settings = bench.settings
    load = _paced_plan(bench, rate, settings.seconds)
    costs, bare, ratios, medians, p99s, worst, lates = [], [], [], [], [], [], []
    for number in range(settings.repeat):
        bench.tell(f"paced: {rate:,} frames/s, run {number + 1} of {settings.repeat}")
        counted, _ = _count(bench, load, "count", seconds=settings.seconds, probes=True)
        collected, report = _collect(bench, load, seconds=settings.seconds)
        bare.append(counted.cpu_s / counted.frames * 1e6)
        costs.append(collected.cpu_s / collected.measured * 1e6)
        ratios.append(costs[-1] / bare[-1])
        medians.append(collected.lag_ms[0])
        p99s.append(collected.lag_ms[1])
        worst.append(collected.lag_ms[2])
        lates.append(report.per_send)
    head, at = f"paced.{rate}", f"{rate:,}/s"
    return [
        figure(f"{head}.cost", f"paced {at}: CPU", "µs/frame", costs, note=f"{median(lates):.1f} frames per send of the server"),
        figure(f"{head}.bare", f"paced {at}: CPU of a bare picows client", "µs/frame", bare, note="same run, same streams"),
        figure(f"{head}.ratio", f"paced {at}: CPU against the bare client", "×", ratios),
        figure(f"{head}.lag_p50", f"paced {at}: receipt → handed to the OS, p50", "ms", medians, note="oldest record of each chunk"),
        figure(f"{head}.lag_p99", f"paced {at}: receipt → handed to the OS, p99", "ms", p99s),
        figure(f"{head}.lag_max", f"paced {at}: receipt → handed to the OS, worst", "ms", worst),
    ]


def _streams(bench: _Bench) -> list[Figure]:
    rate = _STREAMS * _RATE_OF_SYMBOL
    seconds = bench.settings.streams_s
    bench.tell(f"streams: {_STREAMS:,} symbols at {_RATE_OF_SYMBOL}/s for {seconds:g} s")
    collected, report = _collect(bench, _paced_plan(bench, rate, seconds), seconds=seconds)
    growth = max(0, collected.rss_end - collected.rss_start) / 2**20
    return [
        figure("streams.lost", f"{_STREAMS:,} streams × {_RATE_OF_SYMBOL}/s: lost", "frames", [float(report.frames - collected.records)]),
        figure(
            "streams.lag_p50",
            f"{_STREAMS:,} streams: receipt → handed to the OS, p50",
            "ms",
            [collected.lag_ms[0]],
            note="oldest record of each chunk",
        ),
        figure("streams.lag_p99", f"{_STREAMS:,} streams: receipt → handed to the OS, p99", "ms", [collected.lag_ms[1]]),
        figure("streams.lag_max", f"{_STREAMS:,} streams: receipt → handed to the OS, worst", "ms", [collected.lag_ms[2]]),
        figure("streams.core", f"{_STREAMS:,} streams: of one core", "%", [collected.cpu_s / collected.wall_s * 100]),
        figure(
            "streams.seal", f"{_STREAMS:,} streams: CPU of the sealing worker", "µs/frame", [collected.seal_cpu_s / collected.records * 1e6]
        ),
        figure("memory.rss", "resident memory of the collector", "MB", [collected.rss_end / 2**20], note=f"{_STREAMS:,} streams"),
        figure(
            "memory.growth",
            f"resident memory: growth over {seconds:g} s",
            "MB",
            [growth],
            note="of a start; the soak says whether it stays flat",
        ),
    ]


def _consumer(bench: _Bench) -> list[Figure]:
    runs = []
    for number in range(bench.settings.repeat):
        bench.tell(f"consumer: {_CONSUMER_RATE:,} frames/s, run {number + 1} of {bench.settings.repeat}")
        seconds = bench.settings.seconds
        runs.append(_collect(bench, _paced_plan(bench, _CONSUMER_RATE, seconds), seconds=seconds, consumer=True)[0].consumer_ms)
    at = f"{_CONSUMER_RATE:,}/s"
    return [
        figure("consumer.p50", f"receipt → consumer in the process, {at}, p50", "ms", [run[0] for run in runs]),
        figure("consumer.p99", f"receipt → consumer in the process, {at}, p99", "ms", [run[1] for run in runs]),
    ]


def _live(bench: _Bench) -> list[Figure]:
    if find_server() is None:
        bench.tell("live: left out, nats-server is not installed")
        return []
    settings, runs = bench.settings, []
    for number in range(settings.repeat // 2 + 1):
        bench.tell(f"live: {_CONSUMER_RATE:,} frames/s over NATS, run {number + 1}")
        load = _paced_plan(bench, _CONSUMER_RATE, settings.seconds + _LIVE_START_S)
        with _fresh(bench) as folder, LoadServer(load, core=bench.server_core, folder=bench.folder) as server:
            plan = LivePlan(url=server.url, folder=str(folder), symbols=load.symbols, seconds=settings.seconds)
            runs.append(run_child("live", plan, Heard, folder=bench.folder))
    at = f"{_CONSUMER_RATE:,}/s"
    return [
        figure("live.p50", f"receipt → consumer over NATS, {at}, p50", "ms", [run.late_ms[0] for run in runs]),
        figure("live.p99", f"receipt → consumer over NATS, {at}, p99", "ms", [run.late_ms[1] for run in runs]),
        figure("live.cost", f"a consumer over NATS, {at}: CPU of its process", "µs/event", [run.cpu_us for run in runs]),
        figure("live.missed", "holes that it was told of", "", [float(run.missed) for run in runs]),
    ]


def _viewers(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    burst, paced = _burst_plan(bench, tls=False), _paced_plan(bench, _CONSUMER_RATE, settings.seconds)
    rates: dict[Audience, list[float]] = {audience: [] for audience in Audience}
    costs, p99s = deepcopy(rates), deepcopy(rates)
    for number in range(settings.repeat // 2 + 1):
        for audience in Audience:
            bench.tell(f"viewers: {_AUDIENCES[audience]}, run {number + 1}")
            collected, report = _collect(bench, burst, audience=audience)
            rates[audience].append(collected.records / ((collected.written_ns - report.started_ns) / 1e9))
            collected, _ = _collect(bench, paced, seconds=settings.seconds, audience=audience)
            costs[audience].append(collected.cpu_s / collected.measured * 1e6)
            p99s[audience].append(collected.lag_ms[1])
    at = f"{_CONSUMER_RATE:,}/s"
    return [
        *(figure(f"viewers.{each}.rate", f"burst, {_AUDIENCES[each]}: recorded", "frames/s", rates[each]) for each in Audience),
        *(figure(f"viewers.{each}.cost", f"{at}, {_AUDIENCES[each]}: CPU of the collector", "µs/frame", costs[each]) for each in Audience),
        *(figure(f"viewers.{each}.lag_p99", f"{at}, {_AUDIENCES[each]}: receipt → OS, p99", "ms", p99s[each]) for each in Audience),
    ]


def _relayed(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    if find_server() is None:
        bench.tell("relayed: nats-server is not installed, left out")
        return []
    load = _paced_plan(bench, _RELAYED_RATE, settings.seconds)
    costs: dict[Relaying, list[float]] = {how: [] for how in Relaying}
    p99s = deepcopy(costs)
    for number in range(settings.repeat):
        for how in Relaying:
            bench.tell(f"relayed: {_RELAYED_RATE:,} frames/s, {_RELAYS[how]}, run {number + 1}")
            collected, _ = _collect(bench, load, seconds=settings.seconds, relay=how)
            costs[how].append(100 * collected.cpu_s / collected.wall_s)
            p99s[how].append(collected.lag_ms[1])
    at = f"{_RELAYED_RATE:,}/s"
    alone = median(costs[Relaying.NONE])
    return [
        *(figure(f"relayed.{how}.cpu", f"{at}, {_RELAYS[how]}: CPU of the collector", "% of a core", costs[how]) for how in Relaying),
        *(figure(f"relayed.{how}.lag_p99", f"{at}, {_RELAYS[how]}: receipt → OS, p99", "ms", p99s[how]) for how in Relaying),
        *(
            figure(
                f"relayed.{how}.more",
                f"{at}, {_RELAYS[how]}: more CPU than without",
                "% of a core",
                [each - alone for each in costs[how]],
                note="each run less the median of those without a relay",
            )
            for how in (Relaying.SENDING, Relaying.AWAY)
        ),
    ]


def _hub(bench: _Bench) -> list[Figure]:
    return [*_hub_load(bench), *_hub_costs(bench), *_hub_readers(bench)]


def _hub_load(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    load = LoadPlan(symbols=_HUB_STREAMS, per_symbol=8, rate=_CONSUMER_RATE, seconds=settings.streams_s, capture=settings.capture)
    lost, dropped, cpus, p50s, p99s, receipts, worst, servers = [], [], [], [], [], [], [], []
    for number in range(settings.repeat // 2 + 1):
        bench.tell(f"hub: {_HUB_STREAMS:,} subscriptions, {_CONSUMER_RATE:,} events/s for {settings.streams_s:g} s, run {number + 1}")
        with LoadServer(load, core=bench.server_core, folder=bench.folder) as server:
            plan = LoadedPlan(
                url=server.url,
                symbols=load.symbols,
                per_symbol=load.per_symbol,
                rate=load.rate,
                seconds=load.seconds,
                core=bench.collector_core,
            )
            hub = run_child("hub", plan, LoadedHub, folder=bench.folder)
            report = server.stop()
        lost.append(float(report.frames - hub.delivered - hub.dropped))
        dropped.append(float(hub.dropped))
        cpus.append(hub.cpu_s / hub.measured * 1e6)
        wire = [(offset - report.started_ns) / 1e6 for offset in hub.offset_ns]
        p50s.append(wire[0])
        p99s.append(wire[1])
        worst.append(wire[2])
        receipts.append(hub.receipt_ms[1])
        servers.append(report.late_p99_ms)
    at = f"{_HUB_STREAMS:,} subscriptions, {_CONSUMER_RATE:,}/s"
    late = "from the moment the server should send, its own lateness included"
    return [
        figure("hub.lost", f"hub, {at}: neither delivered nor counted", "events", lost),
        figure("hub.dropped", f"hub, {at}: dropped by policy", "events", dropped),
        figure("hub.cost", f"hub, {at}: CPU", "µs/event", cpus, note="socket, routing, thread, callback"),
        figure("hub.wire_p50", f"hub, {at}: wire → callback, p50", "ms", p50s, note=late),
        figure("hub.wire_p99", f"hub, {at}: wire → callback, p99", "ms", p99s, note=late),
        figure("hub.wire_max", f"hub, {at}: wire → callback, worst", "ms", worst, note=late),
        figure("hub.server_p99", f"hub, {at}: the load server's own lateness, p99", "ms", servers, note="of its sends"),
        figure("hub.receipt_p99", f"hub, {at}: receipt → callback, p99", "ms", receipts),
    ]


def _hub_costs(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    runs = []
    for number in range(settings.repeat):
        bench.tell(f"hub: costs, run {number + 1} of {settings.repeat}")
        plan = CostPlan(events=settings.peer_frames, core=bench.collector_core)
        runs.append(run_child("hub-costs", plan, Costs, folder=bench.folder))
    found, made = [], "event made, too"
    for count in (1, 10, 100):
        label = f"hub: an event to {count} consumer{'s' if count > 1 else ''}"
        found.append(figure(f"hub.inline.{count}", f"{label}, inline", "µs", [run.inline[count] for run in runs], note=made))
        found.append(
            figure(f"hub.thread.{count}", f"{label}, by courier", "µs", [run.thread[count] for run in runs], note="event made, too")
        )
    return [
        *found,
        figure("hub.pool", "hub: read the latest value", "µs", [run.pool_read_us for run in runs]),
        figure("hub.register", "hub: register and unregister", "µs", [run.register_us for run in runs], note="10 symbols"),
        figure("hub.memory", "hub: memory of a subscription", "bytes", [run.bytes_per_subscription for run in runs]),
    ]


def _hub_readers(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    costs: dict[int, list[float]] = {count: [] for count in _HUB_READERS}
    p50s, p99s = [], []
    for number in range(settings.repeat // 2 + 1):
        for count in _HUB_READERS:
            bench.tell(f"hub: {count} readers in other processes, run {number + 1}")
            plan = ReaderPlan(
                readers=count,
                rate=_CONSUMER_RATE,
                seconds=settings.seconds,
                core=bench.collector_core,
                reader_core=bench.server_core,
            )
            run = run_child("hub-readers", plan, ReaderCosts, folder=bench.folder)
            costs[count].append(run.cpu_us)
            if count == 1:
                p50s.append(run.receipt_ms[0])
                p99s.append(run.receipt_ms[1])
    none, most = costs[0], max(_HUB_READERS)
    each = [(with_readers - without) / most for with_readers, without in zip(costs[most], none, strict=True)]
    at = f"{_CONSUMER_RATE:,} books/s"
    return [
        figure("hub.reader.cost", f"hub: each reader in another process, {at}", "µs/event", each, note="CPU of the hub's process"),
        figure("hub.reader.p50", f"hub: receipt → callback in another process, {at}, p50", "ms", p50s),
        figure("hub.reader.p99", f"hub: receipt → callback in another process, {at}, p99", "ms", p99s),
    ]


def _seal(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    runs = []
    for number in range(settings.repeat):
        bench.tell(f"seal: run {number + 1} of {settings.repeat}")
        with _fresh(bench) as data:
            per_symbol = settings.seal_records // settings.symbols
            plan = SealPlan(data=str(data), symbols=settings.symbols, per_symbol=per_symbol, capture=settings.capture)
            runs.append(run_child("seal", plan, Sealed, folder=bench.folder))
    return [
        figure(
            "seal.cost",
            "seal a minute: CPU",
            "µs/record",
            [run.cpu_s / run.records * 1e6 for run in runs],
            note=f"{runs[0].records:,} records",
        ),
        figure("seal.rate", "seal a minute: one worker", "records/s", [run.records / run.wall_s for run in runs]),
        figure("seal.ratio", "seal a minute: text / segment", "×", [run.text_bytes / run.archive_bytes for run in runs]),
    ]


def _merge(bench: _Bench) -> list[Figure]:
    runs = []
    for number in range(max(1, bench.settings.repeat // 2 + 1)):
        bench.tell(f"merge: run {number + 1}, a day of {bench.settings.merge_minutes} minutes")
        data = Path(tempfile.mkdtemp(dir=bench.folder))
        plan = MergePlan(data=str(data), minutes=bench.settings.merge_minutes, capture=bench.settings.capture)
        runs.append(run_child("merge", plan, Merged, folder=bench.folder))
    text = f"{runs[0].text_bytes / 1e9:.2f} GB of text in {bench.settings.merge_minutes} segments"
    return [
        figure("merge.splice", "day merge: splice", "GB/s of text", [run.text_bytes / run.splice_s / 1e9 for run in runs], note=text),
        figure(
            "merge.read_back",
            "day merge: whole, with read-back",
            "MB/s of text",
            [run.text_bytes / run.merge_s / 1e6 for run in runs],
            note="manifest, checks, fsync",
        ),
        figure("merge.rss", "day merge: most resident memory", "MB", [run.rss_peak / 2**20 for run in runs], note="of the whole process"),
    ]


def _union(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, dict[str, list[UnitedCosts]]()
    for number in range(max(1, settings.repeat)):
        for case in CASES:
            bench.tell(f"union: {case}, run {number + 1}, a day of {settings.union_minutes} minutes")
            data = Path(tempfile.mkdtemp(dir=bench.folder))
            plan = UnionPlan(data=str(data), case=case, minutes=settings.union_minutes, capture=settings.capture)
            runs.setdefault(case, []).append(run_child("union", plan, UnitedCosts, folder=bench.folder))
    peaks = [run.rss_peak / 2**20 for case in runs.values() for run in case]
    return [
        *(
            figure(f"union.{case}", f"union of two: {told}", "records/s", [run.records / run.cpu_s for run in runs[case]], note=note)
            for case, (_, told, note) in CASES.items()
        ),
        figure("union.rss", "union of two: most resident memory", "MB", peaks, note="of the whole process, which made both days, too"),
    ]


def _relay(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, list[RelayCosts]()
    if find_server() is None:
        bench.tell("relay: nats-server is not installed, left out")
        return []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"relay: run {number + 1}, {settings.relay_s:g} s live, then {settings.relay_minutes} minutes from disk")
        plan = RelayPlan(
            data=str(bench.folder / "relay"), seconds=settings.relay_s, minutes=settings.relay_minutes, capture=settings.capture
        )
        runs.append(run_child("relay", plan, RelayCosts, folder=bench.folder))
    shares = [100 * (run.live_cpu + run.sealed_cpu) for run in runs]
    rate = f"{RelayPlan(data='').per_second:,} frames/s of depth20"
    return [
        figure("relay.cpu", "relay: share of a core", "%", shares, note=f"{rate}: live chunks, and what is sealed of them"),
        figure("relay.live_cpu", "relay: of that, live chunks", "%", [100 * run.live_cpu for run in runs], note=rate),
        figure(
            "relay.catch_up",
            "relay: catching up from disk",
            "× real time",
            [run.speed for run in runs],
            note=f"{rate}, until all is acknowledged",
        ),
        figure(
            "relay.late_p50", "relay: receipt → live message, median", "ms", [run.late_ms[0] for run in runs], note="gathered for 25 ms"
        ),
        figure("relay.late_p99", "relay: receipt → live message, p99", "ms", [run.late_ms[1] for run in runs], note="gathered in 25 ms"),
    ]


def _gather(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, list[GatheredCosts]()
    if find_server() is None:
        bench.tell("gather: nats-server is not installed, left out")
        return []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"gather: run {number + 1}, {settings.gather_minutes} minutes")
        plan = GatherPlan(data=str(bench.folder / "gather"), minutes=settings.gather_minutes, capture=settings.capture)
        runs.append(run_child("gather", plan, GatheredCosts, folder=bench.folder))
    note = f"by processor time; minutes of {plan.per_minute} records of depth20, made durable and acknowledged"
    return [
        figure("gather.intake", "gather: taken in, one core", "records/s", [run.records / run.cpu_s for run in runs], note=note),
        figure(
            "gather.wall", "gather: taken in, by the clock", "records/s", [run.records / run.wall_s for run in runs], note="with the disk"
        ),
    ]


def _replay(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    runs: dict[bool, list[Replayed]] = {True: [], False: []}
    for number in range(max(1, settings.repeat)):
        for flat_out in runs:
            bench.tell(f"replay: {'flat out' if flat_out else 'in its own time'}, run {number + 1}")
            with _fresh(bench) as data:
                plan = ReplayPlan(
                    data=str(data),
                    symbols=1 if flat_out else _REPLAY_SYMBOLS,
                    minutes=settings.replay_minutes if flat_out else 2,
                    flat_out=flat_out,
                    seconds=settings.replay_s,
                    capture=settings.capture,
                    core=bench.collector_core,
                    client_core=bench.server_core,
                )
                runs[flat_out].append(run_child("replay", plan, Replayed, folder=bench.folder))
    timed, fast = runs[False], runs[True]
    pace = f"{timed[0].frames:,} frames in {settings.replay_s:g} s, {_REPLAY_SYMBOLS} books, over the end of a minute"
    return [
        figure("replay.error_p50", "replay ×1: error, p50", "ms", [run.error_p50_ms for run in timed], note=pace),
        figure("replay.error_p99", "replay ×1: error, p99", "ms", [run.error_p99_ms for run in timed], note=pace),
        figure(
            "replay.rate",
            "replay max: depth20 to one client",
            "frames/s",
            [run.frames / run.seconds for run in fast],
            note=f"{fast[0].frames:,} frames, every byte proven",
        ),
        figure("replay.cost", "replay max: CPU of hoga replay", "µs/frame", [run.cpu_s / run.frames * 1e6 for run in fast]),
    ]


def _past(bench: _Bench) -> list[Figure]:
    settings, runs, batched = bench.settings, [], []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"past: run {number + 1}, a day of {settings.past_minutes} minutes")
        with _fresh(bench) as data:
            plan = DayPlan(data=str(data), minutes=settings.past_minutes, capture=settings.capture, core=bench.collector_core)
            runs.append(run_child("past", plan, Loaded, folder=bench.folder))
    for _ in range(max(1, settings.repeat // 2)):
        with _fresh(bench) as data:
            plan = DayPlan(data=str(data), minutes=settings.past_minutes, capture=settings.capture, core=bench.collector_core)
            run_child("past-day", plan, Made, folder=bench.folder)
            batched.append(run_child("past-batches", plan, Batched, folder=bench.folder))
    note = f"by processor time; a loop of json and float on the same lines: {median(run.json for run in runs):,.0f}/s"
    return [
        figure("past.zip", "load: depth20 from zip to the float cube", "records/s", [run.zip for run in runs], note=note),
        figure("past.zst", "load: the same from zst", "records/s", [run.zst for run in runs]),
        figure("past.parquet", "load: the same from Parquet", "records/s", [run.parquet for run in runs]),
        figure("past.at", "load: a book at an instant, median", "ms", [median(run.instants) for run in runs], note="from zip"),
        figure("past.at_p99", "load: the same, p99", "ms", [_worst(run.instants) for run in runs]),
        figure("past.rss", "load: most resident memory of batches", "MB", [run.rss_peak / 2**20 for run in batched]),
        figure("past.batches", "load: batches from zip", "records/s", [run.rate for run in batched]),
        figure("past.record", "Parquet: a depth20 record", "B", [run.record_bytes for run in runs]),
        figure("past.converted", "Parquet: a day converted, proven", "records/s", [run.converted for run in runs]),
        figure("past.events", "events for hftbacktest", "records/s", [run.events for run in runs], note="differences of whole books"),
    ]


def _view(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, []
    for number in range(max(1, settings.repeat // 2 + 1)):
        bench.tell(f"view: run {number + 1}, a day of {settings.view_minutes} minutes")
        with _fresh(bench) as data:
            plan = ViewPlan(
                data=str(data),
                minutes=settings.view_minutes,
                capture=settings.capture,
                core=bench.collector_core,
                client_core=bench.server_core,
            )
            runs.append(run_child("view", plan, Looked, folder=bench.folder))
    note = f"{len(runs[0].seeks)} instants that nobody looked at before, over HTTP; one core for hoga view"
    figures = [
        figure("view.seek", "view: a seek to the book, median", "ms", [median(run.seeks) for run in runs], note=note),
        figure("view.seek_p99", "view: the same, p99", "ms", [_worst(run.seeks) for run in runs]),
        figure("view.step", "view: to the next frame, median", "ms", [median(run.steps) for run in runs]),
    ]
    drawn = [run.drawn for run in runs if run.drawn]
    if drawn:
        figures.append(
            figure("view.drawn", "view: a seek until the page shows it, median", "ms", [median(each) for each in drawn], note="in Chromium")
        )
        figures.append(figure("view.drawn_p99", "view: the same, p99", "ms", [_worst(each) for each in drawn]))
    return figures


def _worst(values: list[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def _backfill(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    runs: dict[bool, list[Fetched]] = {False: [], True: []}
    for number in range(max(1, settings.repeat)):
        bench.tell(f"backfill: run {number + 1}, {settings.backfill_rows} rows")
        for disordered in (False, True):
            with _fresh(bench) as data:
                plan = FetchedPlan(data=str(data), rows=settings.backfill_rows, disordered=disordered, core=bench.collector_core)
                runs[disordered].append(run_child("backfill", plan, Fetched, folder=bench.folder))
    ordered, sorted_ = runs[False], runs[True]
    note = "one core; hash, inflate, parse, ids, Parquet"
    return [
        figure(
            "backfill.rows", "backfill: aggTrades zip to checked Parquet", "rows/s", [run.rows / run.seconds for run in ordered], note=note
        ),
        figure("backfill.sorted", "backfill: the same out of order", "rows/s", [run.rows / run.seconds for run in sorted_]),
        figure("backfill.rss", "backfill: most resident memory", "MB", [run.rss_peak / 2**20 for run in [*ordered, *sorted_]]),
        figure("backfill.row", "backfill: a row in Parquet", "B", [run.bytes / run.rows for run in ordered]),
    ]


def _tree(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"tree: run {number + 1}, {settings.tree_files} files")
        with _fresh(bench) as data:
            plan = TreePlan(data=str(data), files=settings.tree_files, core=bench.collector_core)
            runs.append(run_child("tree", plan, Drawn, folder=bench.folder))
    note = f"{runs[0].files:,} files, start of the program included"
    return [
        figure("tree.seconds", "hoga tree", "s", [run.seconds for run in runs], note=note),
        figure("tree.rss", "hoga tree: most resident memory", "MB", [run.rss_peak / 2**20 for run in runs], note="of the whole process"),
    ]


def _backtest(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    minutes, found = settings.backtest_minutes, list[Figure]()
    books, both = ("orderbook",), ("orderbook", "execution")
    most: list[float] = []
    for name, label, kinds, looks in (
        ("books", "backtest: depth20 books, a strategy on bars", books, False),
        ("seen_books", "backtest: depth20 books, each looked at", books, True),
        ("quotes", "backtest: quotes, each looked at", ("quote",), True),
        ("trades", "backtest: trades, a strategy on bars", ("execution",), False),
        ("both", "backtest: books and trades, a strategy on bars", both, False),
        ("deltas", "backtest: deltas of 36 levels, a strategy on bars", ("delta",), False),
        ("seen_deltas", "backtest: deltas of 36 levels, each book looked at", ("delta",), True),
    ):
        runs = []
        for number in range(max(1, settings.repeat)):
            bench.tell(f"backtest: {name}, run {number + 1}")
            with _fresh(bench) as data:
                plan = PastPlan(
                    data=str(data), kinds=kinds, minutes=minutes, looks=looks, capture=settings.capture, core=bench.collector_core
                )
                runs.append(run_child("backtest", plan, Went, folder=bench.folder))
        again = [run.events / run.again_s for run in runs]
        if kinds != ("delta",):  # of them no columns are kept
            found.append(
                figure(f"backtest.{name}_again", f"{label}: again", "records/s", again, note="from the columns that the first run kept")
            )
        most += [run.rss_peak / 2**20 for run in runs]
        found.append(figure(f"backtest.{name}", label, "records/s", [run.events / run.cpu_s for run in runs], note="from a day's zip"))
    found.append(figure("backtest.rss", "backtest: most resident memory", "MB", most))
    with _fresh(bench) as data:
        bench.tell(f"backtest: {settings.backtest_sets} sets")
        plan = PastPlan(data=str(data), kinds=both, minutes=minutes, sets=settings.backtest_sets, capture=settings.capture)
        swept = run_child("sweep", plan, Swept, folder=bench.folder)
    note = f"{settings.backtest_sets} sets on two cores, against as many runs alone"
    found.append(figure("backtest.sweep", "backtest: a sweep", "times faster", [swept.one_s / swept.all_s], note=note))
    return found


def _trade(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"trade: run {number + 1}, {settings.decisions} frames")
        plan = DecidePlan(frames=settings.decisions, order_every=10, core=bench.collector_core)
        runs.append(run_child("decide", plan, Decided, folder=bench.folder))
    panel = [_part(run.pages, 0.5) / 1e9 / EVERY_S * 100 for run in runs]
    switched = []
    for number in range(max(1, settings.repeat)):
        bench.tell(f"trade: switches, run {number + 1}")
        turns = SwitchPlan(turns=max(8, settings.decisions // 200), core=bench.collector_core)
        switched.append(run_child("switches", turns, Switched, folder=bench.folder))
    note = "frame's bytes → the order's record is in the journal, fourteen checks; every tenth frame makes an order"
    return [
        figure("trade.quiet_p50", "trade: a frame that leads to no order", "µs", [_part(run.quiet, 0.5) / 1e3 for run in runs]),
        figure("trade.quiet_p99", "trade: the same, p99", "µs", [_part(run.quiet, 0.99) / 1e3 for run in runs]),
        figure("trade.order_p50", "trade: a frame that leads to an order", "µs", [_part(run.orders, 0.5) / 1e3 for run in runs], note=note),
        figure("trade.order_p99", "trade: the same, p99", "µs", [_part(run.orders, 0.99) / 1e3 for run in runs]),
        figure("trade.panel", "trade: the panel, cost in the trader", "% of a core", panel, note="its page, made twice a second"),
        figure("trade.measuring", "trade: of a frame, what measuring costs", "%", [(r.measured / r.plain - 1) * 100 for r in switched]),
        figure("trade.dev_off", "trade: --dev off, over a trader without the switch", "times", [r.off / r.plain for r in switched]),
        figure("trade.dev_on", "trade: --dev on, over the same", "times", [r.on / r.plain for r in switched]),
        figure("trade.event_memory", "trade: memory of an event", "of a dataclass's", [r.event_bytes / r.plain_event_bytes for r in runs]),
        figure("trade.bar_memory", "trade: memory of a bar", "of a dataclass's", [r.bar_bytes / r.plain_bar_bytes for r in runs]),
    ]


def _report(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, []
    for number in range(max(1, min(settings.repeat, 3))):
        bench.tell(f"report: run {number + 1}, {settings.report_records} records")
        with _fresh(bench) as data:
            plan = ReportedPlan(data=str(data), records=settings.report_records, core=bench.collector_core)
            runs.append(run_child("report", plan, Reported, folder=bench.folder))
    note = f"{runs[0].records:,} records: read, proven, reckoned, and the page written"
    return [
        figure("report.seconds", "report: of a whole journal", "s", [run.read_s + run.page_s for run in runs], note=note),
        figure("report.record", "report: of that a record's reckoning", "µs", [run.reckon_s / run.reckoned * 1e6 for run in runs]),
        figure("report.page", "report: the page", "MB", [run.page_bytes / 1e6 for run in runs]),
        figure("report.rss", "report: most resident memory", "MB", [run.rss_peak / 2**20 for run in runs]),
    ]


def _usual(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, list[tuple[UsualTimes, UsualTimes]]()
    seconds = min(settings.seconds, _USUAL_S)
    for number in range(max(1, min(settings.repeat, 3))):
        bench.tell(f"usual: run {number + 1}, {_USUAL_RATE} quotes a second for {seconds:g} s, twice")
        pair = [
            run_child(
                "usual",
                UsualPlan(pattern=pattern, seconds=seconds, rate=_USUAL_RATE, turn_every=1_000, core=bench.collector_core),
                UsualTimes,
                folder=bench.folder,
            )
            for pattern in ("hoga", "usual")
        ]
        runs.append((pair[0], pair[1]))
    note = "fifty frames at a time; beside it a reader thread, three asyncio queues, plain handlers and a log line an event"
    rows = []
    for at, name, label in ((0, "hoga", "usual: hoga"), (1, "usual", "usual: the usual pattern")):
        for part, word in ((0.5, "p50"), (0.99, "p99")):
            times = [_part(run[at].signals, part) / 1e3 for run in runs]
            rows.append(figure(f"usual.{name}_{word}", f"{label}, frame → signal {word}", "µs", times, note=note))
        rows.append(figure(f"usual.{name}_cpu", f"{label}, processor", "% of a core", [run[at].cpu * 100 for run in runs]))
    times = [_part(usual.signals, 0.99) / max(1, _part(hoga.signals, 0.99)) for hoga, usual in runs]
    return [*rows, figure("usual.times", "usual: its p99 over hoga's", "times", times)]


def _paper(bench: _Bench) -> list[Figure]:
    settings, runs = bench.settings, list[PaperTimes]()
    for number in range(max(1, min(settings.repeat, 3))):
        bench.tell(f"paper: run {number + 1}, {_PAPER_RATE} quotes a second for {settings.seconds:g} s")
        with _fresh(bench) as data:
            plan = PaperPlan(
                data=str(data),
                seconds=settings.seconds,
                rate=_PAPER_RATE,
                warm_s=min(_PAPER_WARM_S, settings.seconds),
                core=bench.collector_core,
            )
            runs.append(run_child("paper", plan, PaperTimes, folder=bench.folder))
    note = (
        f"{_PAPER_RATE:,} quotes of ten symbols a second, ten at a time, a hundred orders a second; from the server's sending to the target"
    )
    found = [
        figure(f"paper.{word}", f"paper: quote → decision {word}", "µs", [_part(run.decisions, part) / 1e3 for run in runs], note=note)
        for part, word in ((0.5, "p50"), (0.99, "p99"), (0.999, "p999"))
    ]
    lost = [(run.sent - run.taken) / run.sent * 100 for run in runs]
    found.append(figure("paper.replaced", "paper: quotes that a newer one replaced", "%", lost))
    return [*found, figure("paper.cpu", "paper: processor", "% of a core", [run.cpu * 100 for run in runs], note="the panel's page made")]


def _part(times: list[int], part: float) -> float:
    return float(sorted(times)[min(len(times) - 1, int(len(times) * part))])


def _run_program(bench: _Bench, load: LoadPlan, *, seconds: float, leave: bool = False) -> tuple[Ran, LoadReport, int, float]:
    """`hoga run` on a load, until all has come, or (`leave`) stopped while it comes: how it ran, what was sent, how much of it is on
    disk in the end, and the processor time of sealing what it left open. Raises BenchFailed when the archive is not good."""
    log = bench.folder / "program.log"
    with _fresh(bench) as data, LoadServer(load, core=None, folder=bench.folder) as server:
        program = Program(server.url, data, load.symbols, log=log)
        program.start()
        program.watch(seconds if leave else seconds + _PROGRAM_REST_S)
        ran = program.stop()
        report = server.stop()
        try:
            left_s = recover(data, log=log)
        except subprocess.CalledProcessError as fault:
            raise BenchFailed("program", f"`hoga {fault.cmd[3]}` ended with status {fault.returncode}", log) from fault
        return ran, report, count_lines(data), left_s


def _program(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    rate, seconds = settings.program_rate, settings.program_s
    load = msgspec.structs.replace(_paced_plan(bench, rate, seconds), symbols=min(settings.symbols, rate), seconds=seconds)
    costs, bare, ratios, lost, lefts = [], [], [], [], []
    for number in range(max(1, settings.repeat // 2)):
        bench.tell(f"program: {rate:,} frames/s for {seconds:g} s, run {number + 1}")
        counted, _ = _count(bench, msgspec.structs.replace(load, seconds=min(seconds, 10.0) + 4.0), "count", seconds=min(seconds, 10.0))
        ran, report, records, left_s = _run_program(bench, load, seconds=seconds)
        bare.append(counted.cpu_s / counted.frames * 1e6)
        costs.append(ran.cpu_s / report.frames * 1e6)
        ratios.append(costs[-1] / bare[-1])
        lost.append(float(report.frames - records))
        lefts.append(left_s)
    bench.tell(f"program: {_STREAMS:,} streams at {_RATE_OF_SYMBOL}/s")
    many, report, records, _ = _run_program(
        bench, _paced_plan(bench, _STREAMS * _RATE_OF_SYMBOL, settings.streams_s), seconds=settings.streams_s
    )
    lost.append(float(report.frames - records))
    bench.tell(f"program: stopped at {rate:,} frames/s")
    stops = [_run_program(bench, load, seconds=min(seconds, 20.0), leave=True)[0] for _ in range(max(1, settings.repeat // 2))]
    at = f"{rate:,}/s for {seconds:g} s"
    return [
        figure("program.cost", f"the whole program, {at}: CPU of all processes", "µs/frame", costs, note="start, dashboard, sealing, stop"),
        figure("program.bare", f"{at}: CPU of a bare picows client", "µs/frame", bare, note="same pace, same streams"),
        figure("program.ratio", f"{at}: against the bare client", "×", ratios),
        figure("program.left", f"{at}: CPU of sealing what it left open", "s", lefts, note="the next start's work"),
        figure("program.lost", "the whole program: lost", "frames", lost, note="sent and not on disk, all runs"),
        figure("program.pss", f"{_STREAMS:,} streams: memory of all processes (PSS)", "MB", [many.pss / 2**20]),
        figure("program.pss_growth", f"{_STREAMS:,} streams: its growth", "MB", [max(0, many.pss - many.pss_begin) / 2**20]),
        figure("program.stop", f"SIGTERM at {rate:,}/s → the end", "s", [ran.stop_s for ran in stops]),
        figure("program.status", "its exit status", "", [float(ran.status) for ran in stops]),
    ]


def _sustained(bench: _Bench) -> list[Figure]:
    settings = bench.settings
    rate, seconds = settings.sustained_rate, settings.sustained_s
    bench.tell(f"sustained: {rate:,} frames/s for {seconds:g} s")
    load = msgspec.structs.replace(_paced_plan(bench, rate, seconds), symbols=min(settings.symbols, rate), seconds=seconds)
    ran, report, records, left_s = _run_program(bench, load, seconds=seconds)
    at = f"{rate:,}/s for {seconds:g} s"
    return [
        figure("sustained.lost", f"{at}: lost", "frames", [float(report.frames - records)]),
        figure("sustained.sent", f"{at}: really sent", "frames/s", [report.frames / ((report.ended_ns - report.started_ns) / 1e9)]),
        figure("sustained.cost", f"{at}: CPU of all processes", "µs/frame", [ran.cpu_s / report.frames * 1e6]),
        figure(
            "sustained.left", f"{at}: CPU of sealing what was open in the end", "s", [left_s], note="a minute at most, when sealing kept up"
        ),
        figure("sustained.pss", f"{at}: memory of all processes (PSS)", "MB", [ran.pss / 2**20]),
    ]


def _start(bench: _Bench) -> list[Figure]:
    bench.tell("start: hoga --help")
    runs = []
    for _ in range(max(3, bench.settings.repeat)):
        began = perf_counter()
        subprocess.run([sys.executable, "-m", "hoga", "--help"], stdout=subprocess.DEVNULL, check=True)
        runs.append((perf_counter() - began) * 1e3)
    return [figure("start.help", "hoga --help", "ms", runs, note="a fresh process")]


def _peers(bench: _Bench) -> list[Figure]:
    """Every peer and hoga in turn, burst and paced. hoga's figures are of the whole program, recording."""
    settings, peers = bench.settings, find_peers()
    if not peers:
        bench.tell("peers: none are installed (make bench-peers)")
        return []
    lap = _PEER_SYMBOLS * _PER_SYMBOL
    frames = max(1, settings.peer_frames // lap) * lap
    burst = LoadPlan(symbols=_PEER_SYMBOLS, per_symbol=_PER_SYMBOL, burst_frames=frames, capture=settings.capture)
    paced = msgspec.structs.replace(burst, burst_frames=0, rate=_PEER_RATE, seconds=settings.seconds + 4.0)
    return [
        *_beside(bench, peers, "peers.burst", "burst", burst, 0.0),
        *_beside(bench, peers, "peers.paced", f"paced {_PEER_RATE:,}/s", paced, settings.seconds),
    ]


def _beside(bench: _Bench, peers: list[Peer], name: str, label: str, load: LoadPlan, seconds: float) -> list[Figure]:
    costs: dict[str, list[float]] = {}
    does = {"hoga": "everything: recorded to disk, ids judged, ledger; sealing apart"}
    for number in range(bench.settings.repeat // 2 + 1):
        bench.tell(f"peers: {label}, run {number + 1}, hoga")
        collected, _ = _collect(bench, load, seconds=seconds)
        costs.setdefault("hoga", []).append(collected.cpu_s / collected.measured * 1e6)
        for peer in peers:
            bench.tell(f"peers: {label}, run {number + 1}, {peer.name}")
            try:
                cost = _peer(bench, peer, load, seconds)
            except BenchFailed as fault:
                bench.tell(f"peers: {fault}")
                continue
            costs.setdefault(peer.name, []).append(cost.cpu_s / cost.frames * 1e6)
            does[peer.name] = f"{cost.version}: {cost.does}"
    return [figure(f"{name}.{peer}", f"{label}: {peer}", "µs/frame", runs, note=does[peer]) for peer, runs in costs.items()]


def _peer(bench: _Bench, peer: Peer, load: LoadPlan, seconds: float) -> PeerCost:
    with _fresh(bench) as data, LoadServer(load, core=bench.server_core, folder=bench.folder) as server:
        return run_peer(
            peer, url=server.url, symbols=load.symbols, frames=load.burst_frames, seconds=seconds, core=bench.collector_core, folder=data
        )


_MEASURES: dict[str, Callable[[_Bench], list[Figure]]] = {
    "burst": _burst,
    "tls": _tls,
    "stages": _stages,
    "paced": _paced,
    "streams": _streams,
    "consumer": _consumer,
    "live": _live,
    "viewers": _viewers,
    "hub": _hub,
    "seal": _seal,
    "merge": _merge,
    "union": _union,
    "gather": _gather,
    "relay": _relay,
    "relayed": _relayed,
    "past": _past,
    "replay": _replay,
    "view": _view,
    "backfill": _backfill,
    "tree": _tree,
    "trade": _trade,
    "report": _report,
    "usual": _usual,
    "paper": _paper,
    "backtest": _backtest,
    "start": _start,
    "program": _program,
    "sustained": _sustained,
    "peers": _peers,
}
