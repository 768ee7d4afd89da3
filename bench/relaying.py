"""bench.relaying: what it costs to send what is recorded to NATS: while it arrives, and afterwards from disk. Needs nats-server.

The relay is a process of its own, as beside `hoga run`; its processor time is read from when it has begun. A journal is written
as a recorder does it, a chunk every 1.5 ms or 256 frames; whoever reads the live messages is this process.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from time import monotonic, perf_counter, sleep, time_ns

import msgspec
import psutil

from bench.books import load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day, minute_header, renumbered
from bench.frames import data_frames
from bench.nats import nats_server
from hoga.archive.form.chunks import ChunkDecoder, ChunkEncoder, columns, read_packed
from hoga.archive.form.journal import CONTROL, JournalHeader, JournalName, LegNote, encode_header, encode_note, journal_name, read_body
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.streams import Kind
from hoga.core.times import day_of, minute_of
from hoga.relay.broker import Broker, Received, address_of

__all__ = ["RelayCosts", "RelayPlan", "measure_relay"]

_DAY = "2026-11-20"
_BATCH_S = 0.0015
_BATCH = 256
_WAIT_S = 120.0


class RelayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`symbols` of books, together `per_second` frames, written for `seconds`; then `minutes` of them that lie sealed."""

    data: str
    symbols: int = 100
    per_second: int = 15_000
    seconds: float = 20.0
    minutes: int = 4
    capture: str | None = None


class RelayCosts(msgspec.Struct, frozen=True, kw_only=True):
    """`live_cpu`: share of a core while frames arrive. `late_ms`: from a frame's receipt to whoever reads the live messages (p50, p99);
    `messages` a second. `sealed_cpu`: the same share for what was sealed, sent as fast as it goes: `sealed_cpu_s` for `minutes`.
    `speed`: of catching up, times real time."""

    live_cpu: float
    late_ms: tuple[float, float]
    messages: float
    sealed_cpu: float
    speed: float
    sealed_mb: float


def measure_relay(plan: RelayPlan) -> RelayCosts:
    """Start a server and two relays, one after the other."""
    folder = Path(plan.data)
    folder.mkdir(parents=True, exist_ok=True)
    frames = data_frames(load_books(Path(plan.capture)) if plan.capture else walk_books(2_000), plan.symbols, 60)
    try:
        with nats_server(folder) as server:
            live_cpu, late, messages = asyncio.run(_live(plan, frames, folder / "live", server.url))
            cpu_s, wall_s, size = _catch_up(plan, frames, folder / "sealed", server.url)
    finally:
        shutil.rmtree(folder)
    return RelayCosts(
        live_cpu=live_cpu,
        late_ms=(_share(late, 0.5), _share(late, 0.99)),
        messages=messages / plan.seconds,
        sealed_cpu=cpu_s / (plan.minutes * 60),
        speed=plan.minutes * 60 / wall_s,
        sealed_mb=size / 1e6,
    )


# -- while it arrives -----------------------------------------------------------------------------------------------------


async def _live(plan: RelayPlan, frames: dict[str, list[bytes]], root: Path, url: str) -> tuple[float, list[float], int]:
    folder = root / "binance" / "orderbook" / "temporary" / "journal"
    folder.mkdir(parents=True)
    header = minute_header(symbol_names(plan.symbols), time_ns())
    path = folder / journal_name(JournalName(0, day_of(header.minute_ns), minute_of(header.minute_ns), "1", 1))
    relay = await asyncio.to_thread(_start, root, url)
    listener = _Listener()
    broker = Broker(address_of(url, {}), "bench")
    try:
        await asyncio.to_thread(_until_connected, root)
        await broker.open()
        await broker.follow("hoga.live.*", listener.take)
        before, began = _cpu_s(relay), monotonic()
        await asyncio.to_thread(_write, plan, frames, path, header)
        cpu = (_cpu_s(relay) - before) / (monotonic() - began)
        await asyncio.sleep(0.2)
        return cpu, listener.late_ms, listener.messages
    finally:
        await broker.close()
        _stop(relay)


class _Listener:
    """Reads live messages to the last frame, and notes how old it is."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.messages = 0
        self._decoder = ChunkDecoder()

    def take(self, message: Received) -> None:
        self.messages += 1
        file = BytesIO(message.payload)
        if message.payload.startswith(b"HOGAJ001"):
            read_body(file)
        while (packed := read_packed(file)) is not None:
            chunk = self._decoder.decode(packed)
            if chunk is not None:
                now = time_ns()
                self.late_ms.append((now - chunk.recv_ns[0]) / 1e6)


def _write(plan: RelayPlan, frames: dict[str, list[bytes]], path: Path, header: JournalHeader) -> None:
    built = list(frames.values())
    encoder = ChunkEncoder(len(built))
    began, count, seq = perf_counter(), 0, 0
    with path.open("wb", buffering=0) as file:
        file.write(encode_header(header))
        batch: list[object] = [time_ns(), CONTROL, encode_note(LegNote(1, "bench-1", 1, time_ns(), list(range(len(built)))))]
        while (now := perf_counter() - began) < plan.seconds:
            due = int(now * plan.per_second)
            while count < due and len(batch) < 3 * _BATCH:
                row, index = divmod(count, len(built))
                lap, at = divmod(row, len(built[0]))
                batch += [time_ns(), index | 1 << 16, renumbered(built[index][at], lap)]
                count += 1
            if batch:
                seq += 1
                file.write(encoder.encode(columns(batch), seq))
                batch = []
            sleep(_BATCH_S)


# -- afterwards -----------------------------------------------------------------------------------------------------------


def _catch_up(plan: RelayPlan, frames: dict[str, list[bytes]], root: Path, url: str) -> tuple[float, float, int]:
    """Processor seconds and seconds until everything is acknowledged, and how many bytes of files that was."""
    per_minute = plan.per_second * 60 // plan.symbols
    for symbol in symbol_names(plan.symbols):
        day = SeriesDay(root / "binance" / "orderbook", symbol, Kind.ORDERBOOK, _DAY)
        make_day(MergePlan(data=str(root), minutes=plan.minutes, per_minute=per_minute), day, frames[next(iter(frames))])
    size = sum(path.stat().st_size for path in root.rglob("*.zip"))
    ledgers = {path.name: path.stat().st_size for path in root.rglob("*.ledger.jsonl")}
    relay = _start(root, url, collector="sealed")
    before, began = _cpu_s(relay), perf_counter()
    try:
        end = monotonic() + _WAIT_S
        while not _has_sent(root, ledgers):
            assert monotonic() < end, "it never caught up"
            sleep(0.05)
        return _cpu_s(relay) - before, perf_counter() - began, size
    finally:
        _stop(relay)


def _has_sent(root: Path, ledgers: dict[str, int]) -> bool:
    from hoga.relay.position import Position

    position = Position(root, "sealed")
    position.load()
    return {name.rpartition("/")[2]: sent.bytes for name, sent in position.ledgers.items()} == ledgers


# -- the relay's process --------------------------------------------------------------------------------------------------


def _start(root: Path, url: str, *, collector: str = "bench") -> subprocess.Popen[bytes]:
    root.mkdir(parents=True, exist_ok=True)
    settings = [f"NATS_URL={url}", f"COLLECTOR={collector}"]
    words = [word for each in settings for word in ("--set", each)]
    end = monotonic() + _WAIT_S
    while monotonic() < end:
        command = [sys.executable, "-m", "hoga", "relay", "--data", str(root), "--json", *words]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout is not None
        if process.stdout.readline():
            return process
        process.wait()  # the server is not there yet
    raise AssertionError("the relay never began")


def _until_connected(root: Path) -> None:
    end = monotonic() + _WAIT_S
    while not (root / ".relay").exists() and monotonic() < end:
        sleep(0.05)


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
