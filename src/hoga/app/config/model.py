"""app.config.model: the resolved configuration, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga.core.secret import Secret
from hoga.core.streams import Kind

__all__ = ["Config", "ConfigNote", "Instrument", "ProgramConfig", "Setting", "VenueConfig", "folded"]


class ConfigNote(msgspec.Struct, frozen=True):
    """What was read otherwise than it stands there: an old name, a number that was raised, a key that means nothing any more.

    It stops nothing. `line` is None for what the environment or the command line says.
    """

    where: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return f"{place}: {self.key}: {self.text}"


class ProgramConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that hold for the whole process; `keys.KEYS` says what each means, in which unit and range.

    `data_dir` is the data root: `--data`, else `./data`.
    """

    data_dir: Path
    fsync_interval_ms: int
    disk_reserve_mb: int
    dashboard_host: str
    dashboard_port_number: int
    dashboard_stream_interval: float
    max_dashboard_connections: int
    max_dashboard_session_sec: float
    dashboard_token: Secret
    notify_urls: Secret
    dashboard_names: tuple[str, ...]
    hardware_monitoring_interval: float
    cpu_percent_duration: float
    dashboard_restart_timeout: float
    dashboard_check_interval: float
    desired_max_sys_mem_load: float
    timeout: float
    max_workers: int
    retention_days: int
    retention_root: Path | None
    collector: str | None
    collectors: tuple[str, ...] | None
    nats_url: str | None
    gather_grace_min: float
    tape_retention_days: int
    s3_endpoint: str | None
    s3_region: str | None
    log_dir: Path
    log_level: str
    log_max_mb: int
    log_backups: int
    log_format: str


class VenueConfig(ProgramConfig, frozen=True, kw_only=True):
    """Every key as it holds for `venue`: its own value, else the global one, else the default.

    URLs keep their `{port}`; None where the venue has no such service. Folders have their `<venue>` filled in.
    """

    venue: str
    symbols: tuple[str, ...]
    streams: tuple[str, ...]
    book_snapshot_min: int
    book_snapshot_weight: float
    book_digests: int
    lob_dir: Path
    chart_dir: Path
    save_interval_min: int
    purge_on_date_change: bool
    archive_format: str
    snapshots_queue_max: int
    executions_queue_max: int
    records_max: int
    latency_deque_size: int
    latency_sample_min: int
    latency_threshold_ms: float
    latency_routine_sleep_sec: float
    latency_gate: str
    base_backoff: float
    max_backoff: float
    reset_cycle_after: int
    reset_backoff_level: int
    ws_ping_interval: float
    ws_ping_timeout: float
    ports: tuple[int, ...]
    port_cycling_period_hrs: float
    back_up_ready_ahead_sec: float
    redundancy: int
    wire_format: str
    ws_url: str
    rest_url: str
    history_url: str | None
    ws_api_url: str | None
    ws_private_url: str | None
    tls_ca: Path | None
    api_key: Secret
    api_secret: Secret
    testnet_api_key: Secret
    testnet_api_secret: Secret
    private_key_file: Path | None
    trader: str
    testnet: bool
    on_stop: str
    on_fault: str
    paper_balance: Decimal
    paper_latency_ms: float
    paper_latency_from: Path | None
    half_spread_bp: float
    grid_max: int
    limit_currencies: tuple[str, ...]
    max_order_notional: Decimal
    max_position_notional: Decimal
    max_gross_notional: Decimal
    max_net_notional: Decimal
    max_leverage: float
    max_open_orders: int
    max_orders_per_sec: int
    max_cancels_per_sec: int
    max_orders_per_day: int
    max_reversals_per_min: int
    max_same_rejects: int
    reject_pause_sec: float
    stale_after_ms: int
    exec_stale_after_ms: int
    event_overdue_ms: int
    account_stale_after_sec: float
    price_collar_bp: float
    fat_finger_price_bp: float
    fat_finger_size: int
    self_cross: str
    max_daily_loss: Decimal
    max_drawdown: float
    max_losses_in_a_row: int
    max_margin_ratio: float
    min_liquidation_distance: float
    risk_per_trade: float
    leverage: int | None
    margin_type: str
    position_mode: str
    maker_fee_bp: float
    taker_fee_bp: float

    def directory(self, kind: str) -> Path:
        """The archive folder of a kind: `LOB_DIR` for order books, `CHART_DIR` for executions, else `data/<venue>/<kind>`."""
        if kind == Kind.ORDERBOOK:
            return self.lob_dir
        return self.chart_dir if kind == Kind.EXECUTION else self.data_dir / self.venue / kind


def folded(symbol: str) -> str:
    """A symbol as sections and variables of the environment are compared: in capitals, with underscores for dashes."""
    return symbol.upper().replace("-", "_")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One resolved value, for people: `venue` is None for a key of the whole program, `origin` says where it came from.

    Of one instrument `venue` has its symbol behind a colon, and `key` may be a strategy's parameter, in small letters.
    """

    venue: str | None
    key: str
    value: str
    origin: str


class Instrument(NamedTuple):
    """What is said of one instrument alone: fields of `VenueConfig`, and a strategy's parameters as texts."""

    fields: Mapping[str, Any]
    parameters: Mapping[str, str]


class Config:
    """The configuration of a process. Immutable.

    `active_venues` are those that something configures, or the classic one when nothing does. `path` is the file
    that was read, None when there was none. `notes`: what was read otherwise than it was written, each worth one warning.
    """

    def __init__(self, *, path: Path | None, program: ProgramConfig, venues: Mapping[str, VenueConfig], active: tuple[str, ...],
                 settings: tuple[Setting, ...], notes: tuple[ConfigNote, ...] = (),
                 overlays: Mapping[tuple[str, str], Instrument] | None = None) -> None:  # fmt: skip
        self.path = path
        self.program = program
        self.active_venues = active
        self.settings = settings
        self.notes = notes
        self._venues = dict(venues)
        self._overlays = dict(overlays or {})

    def venue(self, name: str) -> VenueConfig:
        """Every key as it holds for the venue `name`, active or not. Raises KeyError for an unknown venue."""
        return self._venues[name]

    def instrument(self, name: str, symbol: str) -> VenueConfig:
        """Every key as it holds for `symbol` at the venue `name`: its section's over the venue's. Raises KeyError for an unknown venue."""
        overlay = self._overlays.get((name, folded(symbol)))
        return msgspec.structs.replace(self._venues[name], **overlay.fields) if overlay else self._venues[name]

    def parameters(self, name: str, symbol: str) -> dict[str, str]:
        """A strategy's parameters that the section of `symbol` at the venue `name` has, as texts."""
        overlay = self._overlays.get((name, folded(symbol)))
        return dict(overlay.parameters) if overlay else {}

    def with_symbols(self, symbols: Mapping[str, tuple[str, ...]]) -> Config:
        """The same with other symbols for the venues named."""
        venues = {name: msgspec.structs.replace(venue, symbols=symbols.get(name, venue.symbols)) for name, venue in self._venues.items()}
        return self.with_venues(venues)

    def with_venues(self, changed: Mapping[str, VenueConfig]) -> Config:
        """The same with other values for the venues named."""
        venues = self._venues | dict(changed)
        return Config(
            path=self.path, program=self.program, venues=venues, active=self.active_venues, settings=self.settings, notes=self.notes,
            overlays=self._overlays,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        """Whether everything holds as in the other, wherever it was said."""
        if not isinstance(other, Config):
            return NotImplemented
        mine = self.program, self.active_venues, self._venues, self._overlays
        theirs = other.program, other.active_venues, other._venues, other._overlays
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]  # compared, never a key

    def __repr__(self) -> str:
        return f"<Config {self.path or 'defaults'} {','.join(self.active_venues)}>"
