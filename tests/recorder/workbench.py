"""A recorder on a bench: frames in, time by hand, journals sealed, the archive read back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hoga.archive.form.chunks import ChunkEncoder, columns
from hoga.archive.form.journal import CONTROL
from hoga.archive.form.ledger import GapEntry, LedgerEntry, SegmentEntry, read_ledger
from hoga.archive.form.segment import read_blocks
from hoga.archive.keep.recover import recover_folder
from hoga.archive.keep.seal import SealJob, SealResult, seal
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import MINUTE_NS, SECOND_NS, day_start_ns
from hoga.hub.port import LifeEnd
from hoga.recorder.config import RecorderConfig
from hoga.recorder.recorder import Recorder, directories_for
from hoga.runtime.clock import ManualClock
from hoga.venues.registry import VENUES
from tests.waiting import LONG_S

SPOT = VENUES["binance"]
NOON_NS = day_start_ns("2026-11-20") + 12 * 60 * MINUTE_NS
MS = 1_000_000

Life = tuple[str, int]
"""A connection and its epoch."""


def stream(symbol: str, channel: str) -> Stream:
    return SPOT.parse_stream(symbol, channel)


def frame(of: Stream, payload: bytes) -> bytes:
    return SPOT.frame_key(of) + payload + b"}"


def book(number: int, text: str = "97962.29") -> bytes:
    return b'{"lastUpdateId":%d,"bids":[["%b","4.3"]],"asks":[["98000.00","1"]]}' % (number, text.encode())


def agg_trade(number: int) -> bytes:
    return b'{"e":"aggTrade","E":1790134512331,"s":"BTCUSDT","a":%d,"p":"86704.78","q":"0.012","f":1,"l":2,"T":1790134512330}' % number


def delta(first: int, last: int) -> bytes:
    return b'{"e":"depthUpdate","E":1790134512214,"s":"BTCUSDT","U":%d,"u":%d,"b":[["1","2"]],"a":[]}' % (first, last)


def kline(number: int) -> bytes:
    return b'{"e":"kline","E":1790134512331,"s":"BTCUSDT","k":{"t":1790134500000,"c":"%d"}}' % number


class FakeLane:
    """Keeps what an intake says."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.kept: list[tuple[int, int, bytes]] = []
        self.gaps: list[Gap] = []
        self.odds: list[tuple[str, bytes]] = []
        self.waiting = 0
        self.armed = 0
        self.shed_reason = Reason.BACKPRESSURE

    def arm(self) -> None:
        self.armed += 1

    def flush(self) -> None:
        taken = self.records[:]
        self.records.clear()
        self.kept += [(taken[at], taken[at + 1], taken[at + 2]) for at in range(0, len(taken), 3)]

    def pending_of(self, index: int) -> int:
        return self.waiting

    def gap(self, index: int, gap: Gap) -> None:
        self.gaps.append(gap)

    def odd(self, now_ns: int, leg: int, why: str, raw: bytes) -> None:
        self.odds.append((why, raw))

    def all(self) -> list[tuple[int, int, bytes]]:
        self.flush()
        return self.kept

    def frames(self) -> list[bytes]:
        return [data for _, tag, data in self.all() if tag & CONTROL != CONTROL]


class Archive:
    """What was sealed under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folders(self, symbol: str, kind: str) -> list[Path]:
        return sorted(self.root.rglob(f"temporary/{symbol}_{kind}_*"))

    def files(self, symbol: str, kind: str) -> list[Path]:
        found = [path for folder in self.folders(symbol, kind) for path in folder.iterdir() if path.name.endswith((".zip", ".zst"))]
        return sorted(found, key=lambda path: (path.name.removesuffix(".zip").removesuffix(".jsonl.zst") + "_").split("_"))

    def lines(self, symbol: str, kind: str) -> list[dict[str, Any]]:
        return [json.loads(line) for path in self.files(symbol, kind) for line in b"".join(read_blocks(path)).splitlines()]

    def text(self, symbol: str, kind: str) -> bytes:
        return b"".join(b"".join(read_blocks(path)) for path in self.files(symbol, kind))

    def ledger(self, symbol: str, kind: str) -> list[LedgerEntry]:
        return [entry for folder in self.folders(symbol, kind) for path in folder.glob("*.ledger.jsonl") for entry in read_ledger(path)]

    def gaps(self, symbol: str, kind: str, *reasons: Reason) -> list[Gap]:
        found = [entry.gap for entry in self.ledger(symbol, kind) if isinstance(entry, GapEntry)]
        return [gap for gap in found if not reasons or gap.reason in reasons]

    def segments(self, symbol: str, kind: str) -> list[SegmentEntry]:
        return [entry for entry in self.ledger(symbol, kind) if isinstance(entry, SegmentEntry)]

    def check_balance(self, symbol: str, kind: str) -> tuple[int, int, int]:
        """received = records + duplicates + counted, journal by journal; gives the sums of received, records, counted."""
        counted: dict[str, int] = defaultdict(int)
        for entry in self.ledger(symbol, kind):
            if isinstance(entry, GapEntry) and entry.gap.reason in COUNTED:
                counted[entry.journal] += entry.gap.missed or 0
        received: Counter[str] = Counter()
        written: Counter[str] = Counter()
        for segment in self.segments(symbol, kind):
            assert segment.received is not None, segment
            received[segment.journal] += segment.received
            written[segment.journal] += segment.records + segment.duplicates
        for journal in {*received, *counted}:
            assert received[journal] == written[journal] + counted[journal], journal
        assert sum(segment.records for segment in self.segments(symbol, kind)) == len(self.lines(symbol, kind))
        return received.total(), len(self.lines(symbol, kind)), sum(counted.values())


class Bench:
    """A recorder whose clock is `now`; call inside a running loop, `stop` at the end."""

    def __init__(self, root: Path, streams: Iterable[Stream], *, start_ns: int = NOON_NS, **fields: Any) -> None:
        self.root = root
        self.streams = list(streams)
        self.clock = ManualClock(start_ns)
        self.closed: list[Path] = []
        self.faults: list[str | None] = []
        directories = directories_for(self.streams, lambda kind: root / kind)
        config = RecorderConfig(
            home=root / "orderbook",
            directories=directories,
            aside_directory=root / "aside",
            **{"fsync_interval_s": 0.02, "disk_reserve_bytes": 0, **fields},
        )
        self.recorder = Recorder(SPOT, config, self.streams, on_closed=self.closed.append, on_fault=self.faults.append, clock=self.clock)
        self.archive = Archive(root)
        self.tables: dict[Life, dict[bytes, Any]] = {}

    @property
    def now(self) -> int:
        return self.clock.time_ns()

    @now.setter
    def now(self, ns: int) -> None:
        self.clock.set_wall(ns)

    def start(self, life: Any = None) -> Bench:
        self.recorder.acquire()
        self.recorder.start(life)
        return self

    def connect(self, *streams: Stream, conn: str = "binance-1", epoch: int = 1) -> Life:
        self.tables[conn, epoch] = self.recorder.legs.opening(conn, epoch, list(streams or self.streams))
        self.recorder.legs.opened(conn, epoch, self.now)
        self.recorder.legs.live(conn, epoch, self.now, [stream.name for stream in streams or self.streams])
        return conn, epoch

    def cut(self, life: Life, *, alive_ns: int | None = None, reason: Reason = Reason.DISCONNECT) -> None:
        end = LifeEnd("1006", at_ns=self.now, alive_ns=self.now if alive_ns is None else alive_ns, reason=reason)
        self.recorder.legs.closed(*life, end)

    def send(self, life: Life, of: Stream, payload: bytes) -> None:
        self.send_raw(life, frame(of, payload))

    def send_raw(self, life: Life, data: bytes) -> None:
        """As the socket does it."""
        take = self.tables[life].get(data[: data.find(b"{", 12)])
        if take is None or not take(self.now, data):
            self.recorder.legs.odd(*life, self.now, data)

    def flush(self) -> None:
        for lane in self.recorder.lanes:
            lane.flush()

    def wait(self, seconds: float, *, tick: bool = True) -> None:
        self.now += int(seconds * SECOND_NS)
        if tick:
            self.recorder.tick(self.now)

    async def stop(self) -> Any:
        life = self.recorder.end_lanes()
        assert await asyncio.to_thread(self.recorder.stop, timeout_s=LONG_S)
        self.recorder.release()
        return life

    async def killed(self) -> None:
        """What was handed over reaches the disk, and nothing more; then somebody recovers."""
        assert await asyncio.to_thread(self.recorder.stop, timeout_s=LONG_S)
        self.recorder.release()
        self.closed.clear()
        recovered = recover_folder(self.recorder.config.journal_folder, now_ns=self.now + SECOND_NS)
        assert recovered.crashed
        assert not recovered.failed

    def seal(self) -> list[SealResult]:
        results = [seal(SealJob(journals=[str(path)])) for path in sorted(self.closed, key=lambda path: int(path.stem.split("_")[-1]))]
        self.closed.clear()
        assert not any(result.failed for result in results), results
        return results

    async def finish(self) -> Archive:
        await self.stop()
        self.seal()
        assert not list(self.root.rglob("*.journal"))
        assert not list(self.root.rglob("*.tmp"))
        return self.archive


def chunk_of(seq: int, records: list[tuple[int, int, bytes]]) -> bytes:
    """A journal chunk of (recv_ns, tag, frame) that can be read alone."""
    return ChunkEncoder(1).encode(columns([item for record in records for item in record]), seq)
