"""dashboard.snapshot: everything a run shows of itself, as it stands on the page between collector and dashboard.

The field names below are the keys, and stand nowhere else: whoever writes or reads the page uses these Structs. The page
holds one `Snapshot` in MessagePack. Times are wall-clock ns; a column is a list with one value per stream, in the
order of `Meta.streams`, or per symbol, in the order of `Meta.symbols`. None: not known. Pure.
"""

from __future__ import annotations

from enum import IntFlag, StrEnum
from typing import Any

import msgspec

from hoga.core.streams import Kind
from hoga.quality.incidents import Incident

__all__ = [
    "AlertRow",
    "BookFrame",
    "ConnectionRow",
    "DashboardStatus",
    "GapRow",
    "Happened",
    "Hardware",
    "HubConnectionRow",
    "HubRow",
    "Logs",
    "Meta",
    "PageState",
    "ProcessRow",
    "RelayRow",
    "Rows",
    "RunState",
    "Snapshot",
    "SnapshotDecoder",
    "SnapshotEncoder",
    "StreamFlag",
    "StreamRow",
    "TradeFrames",
    "VenueRow",
    "decode_status",
    "encode_status",
]


class RunState(StrEnum):
    """What the run as a whole is doing."""

    STARTING = "starting"
    RECORDING = "recording"
    STOPPING = "stopping"


class StreamFlag(IntFlag):
    """What holds a stream up now; 0 is nothing."""

    GATED = 1
    DISK_FULL = 2
    DISCONNECTED = 4
    SILENT = 8
    OTHER_DOWN = 16
    NEVER = 32
    """No connection has brought it yet."""


class StreamRow(msgspec.Struct, frozen=True, array_like=True):
    """What a stream is. `symbol_at` is its place in `Meta.symbols`, `lane` its lane, `directory` its archive folder."""

    name: str
    venue: str
    symbol: str
    channel: str
    kind: str
    symbol_at: int
    lane: int
    directory: str

    @property
    def asked(self) -> bool:
        """Whether it is asked for over REST, and has no pace of its own."""
        return self.kind == Kind.SNAPSHOT

    @property
    def steady(self) -> bool:
        """Whether it comes at a pace of its own (books do), rather than when somebody trades."""
        return Kind.of(self.kind) in (Kind.ORDERBOOK, Kind.DELTA)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while a run lasts. `members`: connection → places of its streams. `symbols` are instruments: one of two venues
    is there twice. `collector`: its name, "" for none."""

    hoga: str
    started_ns: int
    simulated: bool
    data_dir: str
    interval_s: float
    disk_reserve_bytes: int
    latency_threshold_ms: float
    latency_gate: str
    memory_limit_percent: float
    streams: list[StreamRow]
    symbols: list[str]
    members: dict[str, list[int]]
    collector: str = ""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Per stream: frames received, recorded, duplicate; gaps; records waiting for the disk; receipt of the newest frame;
    what holds it up (`StreamFlag`). Per symbol: median and p99 latency, ms. Per lane: chunks written. `held`: of the streams that
    something holds up, (place, since when)."""

    received: list[int]
    recorded: list[int]
    duplicates: list[int]
    gaps: list[int]
    queue: list[int]
    newest_ns: list[int]
    flags: list[int]
    median_ms: list[float | None]
    p99_ms: list[float | None]
    chunks: list[int]
    held: list[tuple[int, int]] = []


class ConnectionRow(msgspec.Struct, frozen=True, array_like=True):
    """One connection. `uptime_s` is of the current epoch; `failures` are attempts since the last success. While there is none:
    `retry_in_s` until the next attempt, which is at `retry_at_ns`, and `why` the last one failed. `since_ns`: since when there is one, or
    none; `closed_ns`: when the last one ended, 0: none has."""

    name: str
    venue: str
    state: str
    epoch: int
    url: str
    streams: int
    uptime_s: float
    reconnects: int
    failures: int
    last_close: str
    retry_in_s: float = 0.0
    why: str = ""
    since_ns: int = 0
    retry_at_ns: int = 0
    closed_ns: int = 0


class VenueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's recorder. `tick_ms`: receipt → handed to the operating system (p50, p99, max) of the last second.
    `clock_error_ms` bounds the offset's own error; `skew_ms` is the median latency where it can only come from clocks that differ.
    `archive_bytes`: sealed files, on disk. `repeated`: frames that one connection brought twice; `jumps`: how often ids began anew.
    `lost`: frames that arrived and were not recorded; `gaps`; by reason. `home`: the folder that recording began in, on the disk
    that is judged."""

    venue: str
    pending: int
    written: int
    written_bytes: int
    fsync_ms: float
    fsyncs: int
    tick_ms: list[float]
    odd: int
    sealed: int
    days: int
    waiting: int
    seal_failures: int
    seal_s: float
    clock_offset_ms: float | None
    clock_error_ms: float | None
    clock_source: str
    skewed: bool
    disk_full: bool
    fault: str | None
    lost: dict[str, int]
    gaps: dict[str, int]
    archive_bytes: int = 0
    skew_ms: float | None = None
    repeated: int = 0
    jumps: int = 0
    home: str = ""


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's process. Loop lag and GC pauses are of the last second, in ms; `publish_us` is what a snapshot costs."""

    loop_lag_ms: float
    loop_lag_max_ms: float
    gc_pause_ms: float
    gc_pause_max_ms: float
    gc_collections: int
    publish_us: float
    publish_interval_s: float
    memory_percent: float
    memory_short: bool
    dashboard_restarts: int


class GapRow(msgspec.Struct, frozen=True, array_like=True):
    """A recent gap of the stream at place `stream`."""

    stream: int
    from_ns: int
    to_ns: int
    reason: str
    missed: int | None


class Happened(msgspec.Struct, frozen=True):
    """Incidents: how many began since the start, by reason (each is there from 0 on), and the newest of them, by time.

    `numbers`: one for each of `recent`, the same while the incident grows.
    """

    begun: dict[str, int] = {}
    recent: list[Incident] = []
    numbers: list[int] = []


class Logs(msgspec.Struct, frozen=True):
    """The last log lines, newest last; `dropped` never reached the log."""

    lines: list[str]
    dropped: int


class BookFrame(msgspec.Struct, frozen=True, array_like=True):
    """The newest frame of a book that somebody is looking at, as the venue sent it."""

    stream: int
    recv_ns: int
    frame: bytes


class TradeFrames(msgspec.Struct, frozen=True, array_like=True):
    """The newest frames of a trade stream that somebody is looking at: (receipt, frame as the venue sent it), oldest first. `count`: how
    many there were since somebody looks, these included."""

    stream: int
    count: int
    frames: list[tuple[int, bytes]]


class HubConnectionRow(msgspec.Struct, frozen=True, array_like=True):
    """One connection as the hub sees it. `uptime_s` is of the current epoch; `error_rate` and `health` 0..1; `stale_frames`
    are those of dead epochs, dropped."""

    name: str
    venue: str
    kind: str
    state: str
    epoch: int
    uptime_s: float
    rate: float
    subscriptions: int
    requests: int
    reconnects: int
    error_rate: float
    stale_frames: int
    health: float


class AlertRow(msgspec.Struct, frozen=True, array_like=True):
    """An alert that is raised now. `kind`: one of `hub.alerts.AlertKind`; `subject`: a connection, venue or folder. `text` is
    English; a page words `code` with `args` in its viewer's language, where there is a code."""

    kind: str
    subject: str
    text: str
    code: str = ""
    args: dict[str, str | int | float | None] = {}


class HubRow(msgspec.Struct, frozen=True, kw_only=True):
    """The hub of the run: who wants what, and how it gets there. `values` are the latest ones kept for those who pull;
    latency is socket → callback, None before the first delivery."""

    state: str
    components: int
    subscriptions: int
    values: int
    delivered: int
    dropped: int
    callback_errors: int
    stale_frames: int
    latency_ms: float | None
    latency_p99_ms: float | None
    alerts: list[AlertRow]
    connections: list[HubConnectionRow]


class RelayRow(msgspec.Struct, frozen=True, kw_only=True):
    """The relay beside the run, which sends what is recorded to NATS. `trouble`: why NATS does not have it, None while it does;
    `away_s`: for how long. `behind_s`: for how long something sealed has not been sent; `waiting`: ledgers and days with something unsent.
    `damaged`: files that cannot be read or are not as they were sealed; `newest_damaged`: one of them. `restarts`: of its process.
    The other counts are of the process as it is now."""

    collector: str
    trouble: str | None
    away_s: float
    restarts: int
    behind_s: float = 0.0
    waiting: int = 0
    files: int = 0
    sent_bytes: int = 0
    days: int = 0
    damaged: int = 0
    newest_damaged: str | None = None
    live_messages: int = 0
    live_lost: int = 0
    outages: int = 0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run at one moment. What has not changed since the snapshot before is the same object. `hub`, `relay`: None where
    none runs. `price_steps`: of each of `Meta.symbols`, as text, None where the venue has none or was not asked yet; empty: none is
    known."""

    now_ns: int
    state: RunState
    meta_turn: int
    logs_turn: int
    meta: Meta
    rows: Rows
    connections: list[ConnectionRow]
    venues: list[VenueRow]
    process: ProcessRow
    gaps: list[GapRow]
    logs: Logs
    books: list[BookFrame]
    hub: HubRow | None = None
    relay: RelayRow | None = None
    happened: Happened = Happened()
    trades: list[TradeFrames] = []
    price_steps: list[str | None] = []


class DashboardStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a dashboard tells its collector, on a page of its own: where it serves, who looks at which books and trades (`books`).

    `trouble`: why it does not serve (the port is taken), None when it does.
    """

    pid: int
    url: str
    trouble: str | None
    viewers: int
    books: list[str]


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the machine. Percentages are of all processors for `cpu`, of one for a process. None: not known.

    `reserve_in_s`: until the free space is down to the reserve, at hoga's own pace; `trend_in_s`: at the pace of the whole file
    system; `own_bytes_per_day`: hoga's own pace. None before an hour of it is known (`dashboard.forecast`).
    """

    cpu_percent: float
    cpus: int
    load1: float | None
    collector_cpu: float | None
    collector_rss: int | None
    workers_cpu: float | None
    dashboard_cpu: float
    dashboard_rss: int
    memory_percent: float
    memory_available: int
    net_in: float
    net_out: float
    disk_free: int | None
    disk_total: int | None
    reserve_in_s: float | None
    trend_in_s: float | None
    own_bytes_per_day: float | None
    temperature: float | None


class PageState(StrEnum):
    """What a reader found. Anything but `GOOD` comes without a payload."""

    GOOD = "good"
    MISSING = "missing"
    EMPTY = "empty"
    FOREIGN = "foreign"
    VERSION = "version"
    TORN = "torn"


class _RowParts(msgspec.Struct, frozen=True, kw_only=True):
    """`Rows`, each column as it is encoded."""

    received: msgspec.Raw
    recorded: msgspec.Raw
    duplicates: msgspec.Raw
    gaps: msgspec.Raw
    queue: msgspec.Raw
    newest_ns: msgspec.Raw
    flags: msgspec.Raw
    median_ms: msgspec.Raw
    p99_ms: msgspec.Raw
    chunks: msgspec.Raw
    held: msgspec.Raw = msgspec.Raw()


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """`Snapshot` with encoded parts in it."""

    now_ns: int
    state: RunState
    meta_turn: int
    logs_turn: int
    meta: msgspec.Raw
    connections: msgspec.Raw
    venues: msgspec.Raw
    process: msgspec.Raw
    gaps: msgspec.Raw
    logs: msgspec.Raw
    books: list[BookFrame]
    trades: list[TradeFrames] = []
    hub: msgspec.Raw = msgspec.Raw()
    relay: msgspec.Raw = msgspec.Raw()
    happened: msgspec.Raw = msgspec.Raw()
    price_steps: msgspec.Raw = msgspec.Raw()


class _Written(_Common, frozen=True, kw_only=True):
    """As it is written: the rows change with every snapshot."""

    rows: Rows


class _Read(_Common, frozen=True, kw_only=True):
    """As it is read: of the rows, some columns hardly ever change."""

    rows: _RowParts


_KEPT_PARTS = ("meta", "connections", "venues", "process", "gaps", "logs", "hub", "relay", "happened", "price_steps")
_encoder = msgspec.msgpack.Encoder()
_parts = msgspec.msgpack.Decoder(_Read)
_COLUMNS = {each.name: f"rows.{each.name}" for each in msgspec.structs.fields(Rows)}
_part_decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
    **{each.name: msgspec.msgpack.Decoder(each.type) for each in msgspec.structs.fields(Snapshot) if each.name in _KEPT_PARTS},
    **{_COLUMNS[each.name]: msgspec.msgpack.Decoder(each.type) for each in msgspec.structs.fields(Rows)},
}
_status = msgspec.msgpack.Decoder(DashboardStatus)


class SnapshotEncoder:
    """Encodes snapshots, one after the other: a part that is the same object as in the one before is not encoded again."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Any, msgspec.Raw]] = {}

    def encode(self, snapshot: Snapshot) -> bytes:
        """The page's payload."""
        return _encoder.encode(
            _Written(
                now_ns=snapshot.now_ns,
                state=snapshot.state,
                meta_turn=snapshot.meta_turn,
                logs_turn=snapshot.logs_turn,
                rows=snapshot.rows,
                books=snapshot.books,
                trades=snapshot.trades,
                **{name: self._part(name, getattr(snapshot, name)) for name in _KEPT_PARTS},
            )
        )

    def _part(self, name: str, part: Any) -> msgspec.Raw:
        known = self._parts.get(name)
        if known is None or known[0] is not part:
            known = self._parts[name] = part, msgspec.Raw(_encoder.encode(part))
        return known[1]


class SnapshotDecoder:
    """Decodes snapshots, one after the other: a part, or a column of the rows, whose bytes are those of the one before is the same object
    again. (What 1,500 streams are called takes longer to read than all that changes.)"""

    def __init__(self) -> None:
        self._known: dict[str, tuple[msgspec.Raw, Any]] = {}
        self._sound: tuple[Meta | None, int] = (None, 0)

    def decode(self, payload: bytes) -> Snapshot:
        """The snapshot in a payload. Raises msgspec.DecodeError (ValidationError is one) when it is none, or its parts do not fit."""
        parts = _parts.decode(payload)
        kept = {name: self._part(name, raw) for name in _KEPT_PARTS if len(memoryview(raw := getattr(parts, name)))}
        columns = {name: self._part(key, raw) for name, key in _COLUMNS.items() if len(memoryview(raw := getattr(parts.rows, name)))}
        snapshot = Snapshot(
            now_ns=parts.now_ns,
            state=parts.state,
            meta_turn=parts.meta_turn,
            logs_turn=parts.logs_turn,
            rows=Rows(**columns),
            books=parts.books,
            trades=parts.trades,
            **kept,
        )
        self._check(snapshot)
        return snapshot

    def _check(self, snapshot: Snapshot) -> None:
        meta, rows, count = snapshot.meta, snapshot.rows, len(snapshot.meta.streams)
        of_streams = (rows.received, rows.recorded, rows.duplicates, rows.gaps, rows.queue, rows.newest_ns, rows.flags)
        fits = all(len(column) == count for column in of_streams)
        fits = fits and len(rows.median_ms) == len(rows.p99_ms) == len(meta.symbols)
        fits = fits and all(0 <= at < count for at, _ in rows.held) and all(0 <= gap.stream < count for gap in snapshot.gaps)
        if fits and (self._sound[0] is not meta or self._sound[1] != len(rows.chunks)):
            fits = all(0 <= row.symbol_at < len(meta.symbols) and 0 <= row.lane < len(rows.chunks) for row in meta.streams)
            fits = fits and all(0 <= at < count for members in meta.members.values() for at in members)
        if not fits:
            raise msgspec.ValidationError("the parts of the snapshot do not fit together")
        self._sound = meta, len(rows.chunks)

    def _part(self, name: str, raw: msgspec.Raw) -> Any:
        known = self._known.get(name)
        if known is None or known[0] != raw:
            known = self._known[name] = raw.copy(), _part_decoders[name].decode(raw)
        return known[1]


def encode_status(status: DashboardStatus) -> bytes:
    """The payload of the dashboard's own page."""
    return _encoder.encode(status)


def decode_status(payload: bytes) -> DashboardStatus:
    """The dashboard's word in a payload. Raises msgspec.DecodeError when it is none."""
    return _status.decode(payload)
