"""Runs that are played so that the page can be looked at: three venues, any number of instruments, healthy and in each trouble.

stage_of(folder, instruments)   a stage whose run has them
LOOKS                           name → what it makes of a healthy snapshot
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hoga.core.ledger import Reason
from hoga.dashboard.snapshot import AlertRow, ConnectionRow, Happened, Logs, Snapshot, StreamFlag, StreamRow, VenueRow
from hoga.quality.incidents import Incident
from tests.dashboard.stage import Stage, book_frame, make_hub, make_process, make_venue, with_rows

__all__ = ["LOOKS", "stage_of"]

Scene = Callable[[Snapshot], Snapshot]

_SECOND = 1_000_000_000
_CHANNELS = {
    "binance": (("depth20@100ms", "orderbook"), ("aggTrade", "execution")),
    "binance-usdm": (("depth20@100ms", "orderbook"), ("aggTrade", "execution"), ("bookTicker", "quote")),
    "upbit": (("orderbook", "orderbook"), ("trade", "execution")),
}
_began: dict[str, int] = {}  # when the scene of a crash was first shown
_COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "AVAX", "LINK", "DOT", "TRX")


def _symbol(venue: str, at: int) -> str:
    coin = _COINS[at % len(_COINS)] + ("" if at < len(_COINS) else str(at // len(_COINS)))
    return f"KRW-{coin}" if venue == "upbit" else f"{coin}USDT"


def stage_of(folder: Path, instruments: int, **meta: Any) -> Stage:
    """A stage of so many instruments, in turn of three venues; its scene is the healthy one."""
    streams: list[StreamRow] = []
    symbols: list[str] = []
    for at in range(instruments):
        venue = ("binance", "binance-usdm", "upbit")[at % 3]
        symbol = _symbol(venue, at // 3)
        symbols.append(symbol)
        for channel, kind in _CHANNELS[venue]:
            name = f"{symbol.lower()}@{channel}" if venue != "upbit" else f"{symbol}@{channel}"
            streams.append(StreamRow(name, venue, symbol, channel, kind, at, 0, f"{folder}/{venue}/{kind}"))
    members: dict[str, list[int]] = {}
    for at, row in enumerate(streams):
        members.setdefault(f"{row.venue}-1", []).append(at)
    values = {"streams": streams, "symbols": symbols, "members": members, "simulated": False, **meta}
    stage = Stage(folder, symbols=1)
    stage.meta = msgspec.structs.replace(stage.meta, **values)
    stage.scene = healthy
    return stage


def healthy(snapshot: Snapshot) -> Snapshot:
    """As a run looks on a good day: each stream at its own pace, one cut of a second in the morning."""
    meta, now = snapshot.meta, snapshot.now_ns
    ticks = max(snapshot.rows.received, default=0)
    pace = [(1.0 if row.steady else 0.35) / (1 + (row.symbol_at % 7) * 0.25) for row in meta.streams]
    counts = [int(ticks * each) for each in pace]
    wobble = 1 + 0.25 * math.sin(now / 6e9)
    base = (24.0, 31.0, 6.0)  # of the three venues, in turn
    medians: list[float | None] = [base[at % 3] * wobble * (1 + at % 5 * 0.06) for at in range(len(meta.symbols))]
    worst = [each and each * 2.7 for each in medians]
    venues = sorted({row.venue for row in meta.streams})
    cut = Incident(
        from_ns=now - 5_400 * _SECOND, to_ns=now - 5_399 * _SECOND, reason=Reason.DISCONNECT, streams=2, gaps=2, missed=12, uncounted=1,
        venue="binance", conn="binance-1",
    )  # fmt: skip
    silence = Incident(
        from_ns=now - 9_000 * _SECOND, to_ns=now - 8_955 * _SECOND, reason=Reason.SILENCE, streams=1, gaps=1, missed=0, venue="upbit"
    )
    lines = [
        "2026-11-29T03:00:00.123Z INFO feed connected conn=binance-1 streams=2",
        "2026-11-29T03:00:01.001Z INFO run recording streams=14",
        "2026-11-29T03:12:44.310Z WARNING feed connection lost conn=binance-1 why=1006 after_s=764",
        "2026-11-29T03:12:45.002Z INFO feed connected conn=binance-1 epoch=2",
        "2026-11-29T03:13:00.020Z INFO archive minute sealed series=14 records=8120 took_ms=84",
    ]  # fmt: skip
    rows = with_rows(snapshot, received=counts, recorded=counts, median_ms=medians, p99_ms=worst)
    return msgspec.structs.replace(
        rows,
        connections=[_connection(name, len(places), now) for name, places in meta.members.items()],
        venues=[_venue(venue) for venue in venues],
        process=make_process(publish_us=120.0, gc_pause_max_ms=0.6),
        happened=Happened({"disconnect": 1, "silence": 1}, [silence, cut], [1, 2]),
        logs=Logs(lines, 0),
        books=[book_frame(0, now, middle=86_708.0 + 3 * math.sin(now / 4e9))],
    )


def _connection(name: str, streams: int, now: int) -> ConnectionRow:
    return ConnectionRow(name, name.removesuffix("-1"), "connected", 2, f"wss://{name}.example:9443", streams, 5_399.0, 1, 0, "1006")


def _venue(venue: str, **changes: Any) -> VenueRow:
    values = {
        "venue": venue,
        "tick_ms": [1.2, 6.8, 14.0],
        "sealed": 812,
        "written_bytes": 240_000_000,
        "fsync_ms": 6.2,
        "clock_offset_ms": -0.4,
    }
    return make_venue(**{**values, **changes})


def _down(snapshot: Snapshot, connection: str) -> Snapshot:
    flags = list(snapshot.rows.flags)
    newest = list(snapshot.rows.newest_ns)
    for at in snapshot.meta.members[connection]:
        flags[at] = int(StreamFlag.DISCONNECTED)
        newest[at] = snapshot.now_ns - 12 * _SECOND
    row = msgspec.structs.replace(
        _connection(connection, len(snapshot.meta.members[connection]), snapshot.now_ns), state="reconnecting", uptime_s=0.0, failures=3,
        retry_in_s=4.8, why="connection reset by peer", since_ns=snapshot.now_ns - 12 * _SECOND, retry_at_ns=snapshot.now_ns + 5 * _SECOND,
    )  # fmt: skip
    rows = [row if each.name == connection else each for each in snapshot.connections]
    return msgspec.structs.replace(with_rows(snapshot, flags=flags, newest_ns=newest), connections=rows)


def disconnected(snapshot: Snapshot) -> Snapshot:
    """One venue of three is down."""
    return _down(healthy(snapshot), "binance-1")


def all_down(snapshot: Snapshot) -> Snapshot:
    """Nothing is recorded."""
    snapshot = healthy(snapshot)
    for connection in snapshot.meta.members:
        snapshot = _down(snapshot, connection)
    return snapshot


def gate(snapshot: Snapshot) -> Snapshot:
    """An instrument is too late."""
    snapshot = healthy(snapshot)
    flags, medians = list(snapshot.rows.flags), list(snapshot.rows.median_ms)
    for at, row in enumerate(snapshot.meta.streams):
        if row.symbol_at == 1:
            flags[at] = int(StreamFlag.GATED)
    medians[1] = 2_345.0
    return with_rows(snapshot, flags=flags, median_ms=medians)


def disk(snapshot: Snapshot) -> Snapshot:
    """The disk is nearly full: the reserve is nearly as large as what is free."""
    snapshot = healthy(snapshot)
    usage = os.statvfs("/")
    meta = msgspec.structs.replace(snapshot.meta, data_dir="/", disk_reserve_bytes=int(usage.f_bavail * usage.f_frsize * 0.95))
    return msgspec.structs.replace(snapshot, meta=meta)


def silent(snapshot: Snapshot) -> Snapshot:
    """Of one instrument no trade comes."""
    snapshot = healthy(snapshot)
    newest, flags = list(snapshot.rows.newest_ns), list(snapshot.rows.flags)
    newest[3] -= 45 * _SECOND
    flags[3] = int(StreamFlag.SILENT)
    return with_rows(snapshot, newest_ns=newest, flags=flags)


def clock(snapshot: Snapshot) -> Snapshot:
    """This machine's clock is two seconds off."""
    snapshot = healthy(snapshot)
    venues = [_venue(each.venue, clock_offset_ms=-1_998.0, skewed=True, skew_ms=-1_974.0) for each in snapshot.venues]
    return msgspec.structs.replace(with_rows(snapshot, median_ms=[-1_974.0] * len(snapshot.meta.symbols)), venues=venues)


def anew(snapshot: Snapshot) -> Snapshot:
    """A venue was restarted: its ids began anew."""
    alert = AlertRow("duplicates", "binance", "ids began anew", "jumps", {"count": 2})
    return msgspec.structs.replace(healthy(snapshot), hub=make_hub(alerts=[alert], dropped=0, callback_errors=0, stale_frames=0))


def refused(snapshot: Snapshot) -> Snapshot:
    """A subscription is refused: the connection is up, and a stream has never come."""
    snapshot = healthy(snapshot)
    flags, newest, counts = list(snapshot.rows.flags), list(snapshot.rows.newest_ns), list(snapshot.rows.received)
    flags[1], newest[1], counts[1] = int(StreamFlag.DISCONNECTED), snapshot.now_ns - 40 * _SECOND, 0
    return with_rows(snapshot, flags=flags, newest_ns=newest, received=counts, recorded=counts)


def crash(snapshot: Snapshot) -> Snapshot:
    """The recorder was killed a minute ago, and has recovered."""
    snapshot = healthy(snapshot)
    started = _began.setdefault(snapshot.meta.data_dir, snapshot.now_ns) - 63 * _SECOND
    killed = Incident(
        from_ns=started - 9 * _SECOND,
        to_ns=started,
        reason=Reason.CRASH,
        streams=len(snapshot.meta.streams),
        gaps=14,
        missed=304,
        uncounted=6,
    )
    meta = msgspec.structs.replace(snapshot.meta, started_ns=started)
    return msgspec.structs.replace(snapshot, meta=meta, happened=Happened({"crash": 1}, [*snapshot.happened.recent, killed], [1, 2, 3]))


LOOKS: dict[str, Scene] = {
    "healthy": healthy, "disconnected": disconnected, "all-down": all_down, "gate": gate, "disk": disk, "silent": silent, "clock": clock,
    "anew": anew, "refused": refused, "crash": crash,
}  # fmt: skip
