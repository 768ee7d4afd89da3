"""A run that is played: snapshots made by hand, put on a page, and a dashboard's own process that shows them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.page import PageReader, PageWriter
from hoga.dashboard.snapshot import (
    AlertRow,
    BookFrame,
    ConnectionRow,
    DashboardStatus,
    GapRow,
    HubConnectionRow,
    HubRow,
    Logs,
    Meta,
    PageState,
    ProcessRow,
    RelayRow,
    Rows,
    RunState,
    Snapshot,
    StreamFlag,
    StreamRow,
    TradeFrames,
    VenueRow,
    decode_status,
)
from hoga.dashboard.trader import (
    AccountRow,
    CauseRow,
    FigureRow,
    InstrumentRow,
    MoneyRow,
    OrderRow,
    PositionRow,
    RoomRow,
    StrategyRow,
    TraderState,
    encode_trader,
)
from tests.nursery import Born, born
from tests.waiting import Patience

STARTED_NS = 1_795_180_000_000_000_000
PER_SYMBOL = (("depth20@100ms", "orderbook"), ("aggTrade", "execution"))


def make_meta(symbols: int, *, directory: str = "/nowhere", **changes: Any) -> Meta:
    names = [f"SYM{at:03d}USDT" for at in range(symbols)]
    streams = [
        StreamRow(f"{name.lower()}@{channel}", "binance", name, channel, kind, at, 0, f"{directory}/{kind}")
        for at, name in enumerate(names)
        for channel, kind in PER_SYMBOL
    ]
    values: dict[str, Any] = {
        "hoga": "0.0.0-test",
        "started_ns": STARTED_NS,
        "simulated": False,
        "data_dir": directory,
        "interval_s": 0.1,
        "disk_reserve_bytes": 1 << 20,
        "latency_threshold_ms": 1000.0,
        "latency_gate": "pause",
        "memory_limit_percent": 99.9,
        "streams": streams,
        "symbols": names,
        "members": {"binance-1": list(range(len(streams)))},
    }
    return Meta(**{**values, **changes})


def make_snapshot(meta: Meta, *, ticks: int = 10, now_ns: int | None = None, **changes: Any) -> Snapshot:
    """A healthy run after `ticks` tenths of a second: every stream has had one frame in each."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    count = len(meta.streams)
    rows = Rows(
        received=[ticks] * count,
        recorded=[ticks] * count,
        duplicates=[0] * count,
        gaps=[0] * count,
        queue=[0] * count,
        newest_ns=[now_ns - 10_000_000] * count,
        flags=[0] * count,
        median_ms=[12.5] * len(meta.symbols),
        p99_ms=[31.0] * len(meta.symbols),
        chunks=[ticks],
    )
    values: dict[str, Any] = {
        "now_ns": now_ns,
        "state": RunState.RECORDING,
        "meta_turn": 1,
        "logs_turn": 1,
        "meta": meta,
        "rows": rows,
        "connections": [ConnectionRow("binance-1", "binance", "connected", 1, "ws://here", count, ticks / 10, 0, 0, "")],
        "venues": [make_venue()],
        "process": make_process(),
        "gaps": [],
        "logs": Logs(["2026-11-20T03:00:00.123Z INFO feed connected conn=binance-1"], 0),
        "books": [],
    }
    return Snapshot(**{**values, **changes})


def make_venue(**changes: Any) -> VenueRow:
    values: dict[str, Any] = {
        "venue": "binance", "pending": 0, "written": 0, "written_bytes": 0, "fsync_ms": 1.0, "fsyncs": 1, "tick_ms": [1.0, 2.0, 3.0],
        "odd": 0,
        "sealed": 0, "days": 0, "waiting": 0, "seal_failures": 0, "seal_s": 0.0, "clock_offset_ms": 0.2, "clock_error_ms": None, "clock_source": "chrony",
        "skewed": False, "disk_full": False, "fault": None, "lost": {}, "gaps": {},
    }  # fmt: skip
    return VenueRow(**{**values, **changes})


def make_process(**changes: Any) -> ProcessRow:
    values: dict[str, Any] = {
        "loop_lag_ms": 0.1, "loop_lag_max_ms": 0.4, "gc_pause_ms": 0.0, "gc_pause_max_ms": 0.0, "gc_collections": 1, "publish_us": 80.0,
        "publish_interval_s": 0.1, "memory_percent": 40.0, "memory_short": False, "dashboard_restarts": 0,
    }  # fmt: skip
    return ProcessRow(**{**values, **changes})


def make_relay(**changes: Any) -> RelayRow:
    values: dict[str, Any] = {
        "collector": "tokyo", "trouble": None, "away_s": 0.0, "behind_s": 0.0, "waiting": 0, "files": 7, "sent_bytes": 9_000_000, "days": 1,
        "damaged": 0, "newest_damaged": None, "live_messages": 5, "live_lost": 2, "outages": 3, "restarts": 4,
    }  # fmt: skip
    return RelayRow(**{**values, **changes})


def make_hub(**changes: Any) -> HubRow:
    connections = [
        HubConnectionRow("binance-1", "binance", "public", "connected", 1, 60.0, 40.0, 4, 1, 0, 0.0, 0, 1.0),
        HubConnectionRow("upbit-private", "upbit", "private", "refused", 0, 0.0, 0.0, 2, 3, 2, 0.5, 7, 0.0),
    ]
    values: dict[str, Any] = {
        "state": "active", "components": 3, "subscriptions": 6, "values": 12, "delivered": 1_234, "dropped": 5, "callback_errors": 1,
        "stale_frames": 7, "latency_ms": 0.21, "latency_p99_ms": 0.9,
        "alerts": [AlertRow("connection-lost", "upbit-private", "refused")], "connections": connections,
    }  # fmt: skip
    return HubRow(**{**values, **changes})


def with_hub(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, hub=make_hub())


def with_rows(snapshot: Snapshot, **columns: Any) -> Snapshot:
    return msgspec.structs.replace(snapshot, rows=msgspec.structs.replace(snapshot.rows, **columns))


def book_frame(at: int, recv_ns: int, *, middle: float = 100.0) -> BookFrame:
    bids = [[f"{middle - 0.01 * (step + 1):.2f}", f"{1 + step % 5}.5"] for step in range(20)]
    asks = [[f"{middle + 0.01 * (step + 1):.2f}", f"{1 + step % 3}.25"] for step in range(20)]
    return BookFrame(at, recv_ns, msgspec.json.encode({"stream": "s", "data": {"lastUpdateId": 1, "bids": bids, "asks": asks}}))


def trade_frames(at: int, *, count: int, first: int, recv_ns: int = STARTED_NS) -> TradeFrames:
    """The trades `first` to `count` of a stream, the newest of `count`; each a step dearer, taken in turns."""
    frames = [
        (recv_ns + number, msgspec.json.encode({
            "stream": "s", "data": {"e": "aggTrade", "E": STARTED_NS // 1_000_000 + number, "s": "SYM000USDT", "a": number,
            "p": f"{100 + number / 100:.2f}000000", "q": "0.50000000", "f": number, "l": number, "T": STARTED_NS // 1_000_000, "m": number % 2 == 1, "M": True},
        }))
        for number in range(first, count + 1)
    ]  # fmt: skip
    return TradeFrames(at, count, frames)


def make_trader(folder: Path, **changes: Any) -> TraderState:
    """A trader that holds something, has an order of which nobody knows, and a limit that is nearly used up."""
    now_ns = time.time_ns()
    order = {
        "symbol": "binance-usdm:BTCUSDT", "strategy": "Cross", "role": "target", "side": "buy", "kind": "limit", "quantity": "0.010",
        "filled": "0", "price": "67000.1",
    }  # fmt: skip
    values: dict[str, Any] = {
        "pid": os.getpid(), "hoga": "0.0.0-test", "mode": "live", "trader": "hg", "data": str(folder), "journal": str(folder / "journal"),
        "started_ns": STARTED_NS, "written_ns": now_ns, "rung": "NO_OPEN", "running": True, "simulated": True,
        "causes": (CauseRow(cause="stale-market", subject="binance-usdm:BTCUSDT", since_ns=now_ns, detail="2.4 s"),),
        "strategies": (StrategyRow(key="Cross", symbols=("binance-usdm:BTCUSDT",), state="running", denials=3),),
        "instruments": (
            InstrumentRow(symbol="binance-usdm:BTCUSDT", bid="67000.1", ask="67000.2", mark="67000.0", age_s=2.4, ready=False),
        ),
        "positions": (
            PositionRow(
                symbol="binance-usdm:BTCUSDT", side="both", strategy="Cross", quantity="0.010", entry="66912.05", unrealized="0.88",
                currency="USDT",
            ),
        ),
        "orders": (
            OrderRow(id="hg1s1-2", state="UNKNOWN", age_s=7.5, **order),
            OrderRow(id="hg1s1-1", state="LIVE", age_s=61.0, **order),
        ),
        "open_orders": 2, "unknown_orders": 1, "unknown_s": 7.5, "sent": 12, "fills": 9,
        "money": (MoneyRow(currency="USDT", realized="3.2", unrealized="0.88", fees="0.4", funding="-0.01", net="-3.67"),),
        "room": (
            RoomRow(key="MAX_POSITION_NOTIONAL", subject="binance-usdm:BTCUSDT", used="4500", limit="5000", share=0.9),
            RoomRow(key="MAX_DAILY_LOSS", subject="binance-usdm", used="0", limit="500", share=0.0),
        ),
        "accounts": (
            AccountRow(venue="binance-usdm", live=True, reconciled=True, compared_s=4.2, proof_s=0.3, equity="10003.67", doubt=""),
        ),
        "journal_records": 4_711,
        "figures": (
            FigureRow(name="decision", over_s=10, unit="µs", count=90_000, p50=35.0, p99=140.0, p999=300.0, most=900.0, bar=1_000.0),
            FigureRow(name="gc", over_s=60, unit="ms", count=1, p50=12.0, p99=12.0, p999=12.0, most=12.0, bar=10.0, broken=True),
            FigureRow(name="backlog", over_s=1, unit="events", count=10, p50=0.0, p99=3.0, p999=3.0, most=3.0),
            FigureRow(name="memory", over_s=60, unit="MB/h", count=1, p50=2.0, p99=2.0, p999=2.0, most=2.0, bar=10.0),
        ),
        "publish_us": 140.0,
    }  # fmt: skip
    return TraderState(**{**values, **changes})


# -- the five things that a person must see at once ----------------------------------------------------------------


def disconnected(snapshot: Snapshot) -> Snapshot:
    count = len(snapshot.meta.streams)
    row = ConnectionRow("binance-1", "binance", "reconnecting", 3, "", count, 0.0, 2, 4, "1006 reset by peer")
    return msgspec.structs.replace(with_rows(snapshot, flags=[int(StreamFlag.DISCONNECTED)] * count), connections=[row])


def gate_closed(snapshot: Snapshot) -> Snapshot:
    flags, medians = list(snapshot.rows.flags), list(snapshot.rows.median_ms)
    for at, row in enumerate(snapshot.meta.streams):
        if row.symbol_at == 1:
            flags[at] = int(StreamFlag.GATED)
    medians[1] = 2345.0
    return with_rows(snapshot, flags=flags, median_ms=medians)


def disk_nearly_full(snapshot: Snapshot) -> Snapshot:
    """The reserve is as large as what is free."""
    usage = os.statvfs("/")
    meta = msgspec.structs.replace(snapshot.meta, data_dir="/", disk_reserve_bytes=int(usage.f_bavail * usage.f_frsize * 0.95))
    return msgspec.structs.replace(snapshot, meta=meta)


def one_silent(snapshot: Snapshot) -> Snapshot:
    newest, flags = list(snapshot.rows.newest_ns), list(snapshot.rows.flags)
    newest[2] -= 45_000_000_000
    flags[2] = int(StreamFlag.SILENT)
    return with_rows(snapshot, newest_ns=newest, flags=flags)


def clock_skewed(snapshot: Snapshot) -> Snapshot:
    medians = [-512.0] * len(snapshot.meta.symbols)
    venue = make_venue(skewed=True, skew_ms=-512.0, clock_offset_ms=None, clock_source="none")
    return msgspec.structs.replace(with_rows(snapshot, median_ms=medians), venues=[venue])


SCENES = {
    "disconnected": disconnected, "gate": gate_closed, "disk-low": disk_nearly_full, "silent": one_silent, "skewed": clock_skewed,
}  # fmt: skip


class Stage:
    """A page in a folder, and a thread that publishes on it ten times a second what `scene` makes of a healthy run."""

    def __init__(self, folder: Path, *, symbols: int = 2, **meta: Any) -> None:
        self.folder = folder
        self.page = folder / "hoga-test.run"
        self.status_page = folder / "hoga-test.dashboard"
        self.trader_page = folder / "hoga-test.trader"
        self.trader: TraderState | None = None
        self._trader_writer: PageWriter | None = None
        self.meta = make_meta(symbols, directory=str(folder), **meta)
        self.scene: Any = lambda snapshot: snapshot
        self.ticks = 0
        self._writer: PageWriter | None = None
        self._stop = threading.Event()
        self._hold = threading.Event()
        self._thread = threading.Thread(target=self._play, name="stage", daemon=True)

    def open(self) -> None:
        self._writer = PageWriter(self.page, slot_bytes=4 << 20)

    def play(self) -> None:
        if self._writer is None:
            self.open()
        self._thread.start()

    def publish(self) -> None:
        """One snapshot, as the scene has it."""
        assert self._writer is not None
        self.ticks += 1
        now_ns = time.time_ns()
        books = [book_frame(0, now_ns, middle=100.0 + (self.ticks % 40) * 0.01)]
        trades = [trade_frames(1, count=self.ticks, first=max(1, self.ticks - 20), recv_ns=now_ns)]
        snapshot = make_snapshot(self.meta, ticks=self.ticks, now_ns=now_ns, books=books, trades=trades)
        self._writer.publish(msgspec.msgpack.encode(self.scene(snapshot)))
        self._publish_trader()

    def _publish_trader(self) -> None:
        if self.trader is None:
            if self._trader_writer is not None:
                self._trader_writer.close()
                self._trader_writer = None
            return
        if self._trader_writer is None:
            self._trader_writer = PageWriter(self.trader_page, slot_bytes=1 << 16)
        self._trader_writer.publish(encode_trader(self.trader))

    def hold(self) -> None:
        """The recorder hangs."""
        self._hold.set()

    def go_on(self) -> None:
        self._hold.clear()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._trader_writer is not None:
            self._trader_writer.close()

    def _play(self) -> None:
        while not self._stop.wait(0.1):
            if not self._hold.is_set():
                self.publish()

    def config(self, **changes: Any) -> DashboardConfig:
        pages = {"page": str(self.page), "status_page": str(self.status_page), "trader_page": str(self.trader_page)}
        base = DashboardConfig(**pages, port=0, hardware_interval_s=0.3, cpu_span_s=0.05)
        return msgspec.structs.replace(base, **changes)


class Served:
    """A dashboard's process. `url` ends before the path."""

    def __init__(self, config: DashboardConfig, *, wait: bool = True, files: int | None = None, begins: bool = False) -> None:
        """`files`: how many open files it may have. `begins`: it is begun as a run begins it, not forked (`tests.nursery`)."""
        self.config = config
        self.process: Born | subprocess.Popen[bytes]
        if begins or files is not None:
            command = [sys.executable, "-m", "hoga.dashboard"]
            if files is not None:
                command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        else:
            self.process = born("hoga.dashboard.serve", "serve_as_child")
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(config) + b"\n")
        self.process.stdin.flush()
        self.url = ""
        if wait:
            try:
                self.status = self.wait_for(lambda status: status.trouble is None)
            except BaseException:
                self.close()
                raise
            self.url = self.status.url.partition("/dashboard")[0]

    def wait_for(self, good: Any) -> DashboardStatus:
        """What it tells on its page, as soon as it is `good`."""
        reader = PageReader(Path(self.config.status_page))
        patience = Patience()
        try:
            while True:
                page = reader.read()
                if page.state is PageState.GOOD:
                    status = decode_status(page.payload)
                    if status.pid == self.process.pid and good(status):
                        return status
                assert self.process.poll() is None, "the dashboard ended"
                time.sleep(0.02)
                patience.look("the dashboard did not come up")
        finally:
            reader.close()

    def get(self, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers); redirects are not followed."""
        request = urllib.request.Request(self.url + path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with _opener.open(request, timeout=240) as answer:
                return answer.status, answer.read(), dict(answer.headers.items())
        except urllib.error.HTTPError as fault:
            with fault:
                return fault.code, fault.read(), dict(fault.headers.items())

    def close(self) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


@contextlib.contextmanager
def serving(stage: Stage, **changes: Any) -> Iterator[Served]:
    served = Served(stage.config(**changes))
    try:
        yield served
    finally:
        served.close()


__all__ = [
    "SCENES",
    "GapRow",
    "Served",
    "Stage",
    "book_frame",
    "make_hub",
    "make_meta",
    "make_relay",
    "make_snapshot",
    "make_trader",
    "make_venue",
    "serving",
    "trade_frames",
    "with_hub",
    "with_rows",
]  # fmt: skip
