"""bench.clients: clients beside the whole program, on the same frames: the bare one, and the program stage by stage.

    count    picows receives, and counts
    intake   + receipt stamped, stream looked up, ids judged, batched (and forgotten)
    chunk    + batches made into journal chunks (and forgotten)
    write    + journals written and fsynced

What differs from the stage before is what the stage costs.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections import Counter
from pathlib import Path
from time import monotonic, process_time, time_ns
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.books import PROBE, RECORDED, symbol_names
from bench.machine import pin_process, rss_bytes
from hoga.archive.form.journal import JournalHeader, Note, StreamEntry
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.net.plan import shards
from hoga.net.ws import Link, Take, open_link
from hoga.recorder.fastpath import make_intake
from hoga.recorder.lane import Lane, Pulse
from hoga.recorder.writer import JournalWriter
from hoga.runtime.allocator import keep_freed_memory
from hoga.runtime.loop import run as run_loop
from hoga.venues.registry import VENUES

__all__ = ["STAGES", "ClientPlan", "Counted", "run_client"]

STAGES = ("count", "intake", "chunk", "write")

_SPEC = VENUES["binance"]
_WARM_S = 2.0
_STALL_S = 5.0
_START_S = 60.0
_LANE_STREAMS = 1024
_MANY = 1 << 30


class ClientPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which stage, and what comes (as `collector.CollectorPlan`). `probes`: subscribe the streams hoga measures latency on, too."""

    stage: str
    url: str
    data: str
    symbols: int
    frames: int = 0
    seconds: float = 0.0
    core: int | None = None
    tls_ca: str | None = None
    probes: bool = False


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Frames counted within `cpu_s` and `wall_s`; `ended_ns`: when the last was."""

    frames: int
    cpu_s: float
    wall_s: float
    ended_ns: int
    rss: int


def run_client(plan: ClientPlan) -> Counted:
    """Receive what the load server sends."""
    keep_freed_memory()
    return run_loop(_measure(plan))


async def _measure(plan: ClientPlan) -> Counted:
    client = _CountingClient(plan) if plan.stage == "count" else _StageClient(plan)
    await client.connect(ssl.create_default_context(cafile=plan.tls_ca) if plan.tls_ca else None)
    gc.collect()
    gc.freeze()
    pin_process(plan.core)
    try:
        return await _watch(plan, client)
    finally:
        client.close()


async def _watch(plan: ClientPlan, client: _CountingClient | _StageClient) -> Counted:
    end = monotonic() + _START_S
    cpu, wall = process_time(), monotonic()
    while not client.count() and monotonic() < end:
        cpu, wall = process_time(), monotonic()
        await asyncio.sleep(0.01)
    before = 0
    if plan.frames:
        seen, moved = -1, monotonic()
        while monotonic() - moved < _STALL_S and not (client.count() >= plan.frames and client.is_idle()):
            await asyncio.sleep(0.005)
            if client.count() != seen:
                seen, moved = client.count(), monotonic()
    else:
        await asyncio.sleep(_WARM_S)
        before, cpu, wall = client.count(), process_time(), monotonic()
        await asyncio.sleep(plan.seconds)
    return Counted(
        frames=client.count() - before, cpu_s=process_time() - cpu, wall_s=monotonic() - wall, ended_ns=time_ns(), rss=rss_bytes()
    )


def _shards(plan: ClientPlan) -> list[list[Stream]]:
    """The streams of each connection, as hoga would spread them."""
    symbols = symbol_names(plan.symbols)
    streams = [_SPEC.parse_stream(symbol, RECORDED) for symbol in symbols]
    if plan.probes:
        streams += [_SPEC.parse_stream(symbol, PROBE) for symbol in symbols]
    return shards(streams, _SPEC.limits.streams_per_connection)


class _Counter(WSListener):
    """Counts frames longer than 1,000 bytes (a probe or an ack is shorter), like the least that a client can do."""

    def __init__(self) -> None:
        self.frames = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.frames += frame.payload_size > 1_000


class _CountingClient:
    """picows, and nothing else."""

    def __init__(self, plan: ClientPlan) -> None:
        self._plan = plan
        self._counters: list[_Counter] = []
        self._transports: list[WSTransport] = []

    async def connect(self, tls: ssl.SSLContext | None) -> None:
        for streams in _shards(self._plan):
            transport, listener = await ws_connect(_Counter, f"{self._plan.url}/stream", ssl_context=tls)
            assert isinstance(listener, _Counter)
            self._counters.append(listener)
            self._transports.append(transport)
            transport.send(WSMsgType.TEXT, _SPEC.subscribe([stream.name for stream in streams], 1))

    def count(self) -> int:
        return sum(counter.frames for counter in self._counters)

    def is_idle(self) -> bool:
        return True

    def close(self) -> None:
        for transport in self._transports:
            transport.disconnect(graceful=False)


class _StageClient:
    """hoga's own path up to a stage, without what surrounds it: no timers, no gates, no minutes' end."""

    def __init__(self, plan: ClientPlan) -> None:
        self._plan = plan
        self._links: list[Link] = []
        folder = Path(plan.data)
        self._writer = _writer_for(plan.stage)
        streams = [stream for part in _shards(plan) for stream in part if stream.channel == RECORDED]
        self._lanes: list[Any] = []
        self._pulse = pulse = Pulse()
        self.intakes = {}
        for number, members in enumerate(shards(streams, _LANE_STREAMS)):
            lane = _Forgetful() if plan.stage == "intake" else _lane(number, members, folder, self._writer, pulse)
            self._lanes.append(lane)
            for index, stream in enumerate(members):
                self.intakes[stream.name] = make_intake(_SPEC, stream, index=index, lane=lane, queue_max=_MANY, memory=64)

    async def connect(self, tls: ssl.SSLContext | None) -> None:
        self._writer.start()
        for lane in self._lanes:
            lane.begin(time_ns())
        for number, streams in enumerate(_shards(self._plan), 1):
            table: dict[bytes, Take] = {}
            for stream in streams:
                intake = self.intakes.get(stream.name)
                if intake is not None:
                    intake.connected(number, time_ns())
                table[_SPEC.frame_key(stream)] = intake.take if intake is not None else _ignore
            link = await open_link(
                f"{self._plan.url}/stream",
                name=f"bench-{number}",
                epoch=1,
                table=table,
                on_odd=_ignore,
                on_open=lambda now: None,
                tls=tls,
                timeout_s=10.0,
            )
            self._links.append(link)
            link.send(_SPEC.subscribe([stream.name for stream in streams], 1))

    def count(self) -> int:
        return sum(intake.recorded for intake in self.intakes.values())

    def is_idle(self) -> bool:
        return not self._writer.pending_records

    def close(self) -> None:
        for link in self._links:
            link.mute()
            link.cut()
        for lane in self._lanes:
            lane.end(time_ns())
        self._pulse.close()
        self._writer.stop(timeout_s=10.0)


def _ignore(now: int, data: bytes) -> bool:
    return True


class _Forgetful:
    """A lane that throws every batch away."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.shed_reason = Reason.BACKPRESSURE

    def begin(self, now: int) -> None:
        self.records.clear()

    def arm(self) -> None:
        """Nothing waits."""

    def flush(self) -> None:
        self.records.clear()

    def end(self, now: int) -> None:
        self.records.clear()

    def pending_of(self, index: int) -> int:
        return 0

    def gap(self, index: int, gap: Gap) -> None:
        """Nobody reads it."""

    def odd(self, now_ns: int, leg: int, why: str, raw: bytes) -> None:
        """Nobody reads it."""


class _NoWriter(JournalWriter):
    """Takes chunks and drops them."""

    def start(self) -> None:
        """No threads."""

    def put(self, lane: int, chunk: bytes, *, records: int, oldest_ns: int) -> None:
        self._queued += records
        self._written += records

    def rotate(self, lane: int, path: Path | None, header: bytes) -> None:
        """No file."""

    def stop(self, *, timeout_s: float) -> bool:
        return True


def _writer_for(stage: str) -> JournalWriter:
    kind = JournalWriter if stage == "write" else _NoWriter
    return kind(fsync_interval_s=1.0, on_closed=lambda path: None, on_fault=lambda fault: None)


class _Keeper:
    """A bookkeeper who has nothing to say."""

    def __init__(self, streams: list[Stream]) -> None:
        self._streams = streams

    def end_minute(self, lane: Lane, boundary_ns: int, later: Counter[int]) -> list[Note]:
        return []

    def begin_minute(self, lane: Lane, from_ns: int) -> tuple[JournalHeader, list[Note]]:
        header = JournalHeader(
            venue=_SPEC.name,
            session="0",
            number=lane.journals,
            lane=lane.number,
            from_ns=from_ns,
            minute_ns=from_ns,
            interval_min=1,
            archive_format="zip",
            aside_directory="aside",
            streams=[StreamEntry(stream=stream, directory="orderbook") for stream in self._streams],
            hoga="bench",
        )
        return header, []

    def shed(self, lane: Lane, index: int, reason: Reason, from_ns: int, to_ns: int, frames: int) -> None:
        raise AssertionError("nothing is shed: records_max is out of reach")


def _lane(number: int, streams: list[Stream], folder: Path, writer: JournalWriter, pulse: Pulse) -> Lane:
    return Lane(
        number, folder=folder, session="0", writer=writer, keeper=_Keeper(streams), streams=len(streams), records_max=_MANY, pulse=pulse
    )
