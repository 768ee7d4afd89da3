"""app.config.keys: every configuration key, once. Pure.

From this table come the checks, the texts of error messages, `hoga config init|show` and `docs/configuration.md`. A key that is
not here does not exist. What a room keeps in a config struct of its own has its default there, and here is said which key fills
it, and in which unit; other defaults stand here, and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from hoga.dashboard.config import DashboardConfig
from hoga.feed.config import FeedConfig
from hoga.net.backoff import BackoffRules
from hoga.recorder.config import LatencyRules, RecorderConfig, SealingConfig
from hoga.runtime.logs import LogRules
from hoga.trading.limits import Limits

__all__ = ["BY_NAME", "GROUPS", "KEYS", "Fill", "Key", "Kind", "Scope", "expectation"]


class Kind(StrEnum):
    """What a value is, which decides how its text is read."""

    INT = "whole number"
    FLOAT = "number"
    MONEY = "amount of money"
    SWITCH = "switch"
    CHOICE = "choice"
    WORDS = "list"
    PORTS = "ports"
    FOLDER = "folder"
    FILE = "file"
    WS_URL = "WebSocket URL"
    HTTP_URL = "HTTP URL"
    NATS_URL = "NATS URL"
    HOST = "host"
    NAME = "name"
    PLACE = "name of a place"
    PLACES = "names of places"
    SECRET = "secret"
    SECRET_FILE = "file of a secret"


class Scope(StrEnum):
    """`VENUE` keys may differ per venue section, `PROGRAM` keys hold for the whole process."""

    VENUE = "per venue"
    PROGRAM = "whole program"


class Fill(NamedTuple):
    """The field of a room's config struct that a key fills; one of the key's unit is `times` of the field's."""

    room: type
    field: str
    times: float = 1

    def value(self, value: Any) -> Any:
        """What the field holds for a value of the key."""
        return value if self.times == 1 else value * self.times

    def default(self) -> str:
        """The struct's own default, as a user would write it for the key."""
        (value,) = (each.default for each in msgspec.structs.fields(self.room) if each.name == self.field)
        value = value if self.times == 1 else value / self.times
        if value is None:
            return ""
        if isinstance(value, float):
            return f"{value:g}"
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(int(value) if isinstance(value, bool) else value)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration key.

    `fills`: the fields of the rooms' config structs that it fills. `default` is what a user would write; None means the venue has
    its own (`venues.endpoints`), "" means not set.
    `low`..`high` bound numbers, both included. `divides`: the number must divide this one. What is less than `least` is
    taken and raised to it, with a note. `zero`: what 0 stands for is the default. `several`: more than one, separated by blanks.
    `optional`: left empty it is not set, and what then holds is said by `text`. `instrument`: a section of one instrument may set it.
    A default of MONEY is in US dollars; what a venue is paid in is so many times that.
    """

    name: str
    kind: Kind
    default: str | None
    text: str
    group: str = ""
    scope: Scope = Scope.VENUE
    unit: str = ""
    low: float | None = None
    high: float | None = None
    divides: int | None = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    zero: bool = False
    several: bool = False
    optional: bool = False
    instrument: bool = False
    fills: tuple[Fill, ...] = ()

    @property
    def field(self) -> str:
        """The name of the attribute that holds the value."""
        return self.name.lower()

    @property
    def secret(self) -> bool:
        """Only the environment or a file with mode 0600 may set it, and it is never shown."""
        return self.kind in (Kind.SECRET, Kind.SECRET_FILE)

    @property
    def recording(self) -> bool:
        """A venue that has it is recorded: neither its accounts nor trading there are reasons to."""
        return self.group not in ("credentials", "trading")

    @property
    def account(self) -> bool:
        """It is about an account at one venue."""
        return self.group == "credentials"


GROUPS: dict[str, str] = {
    "what": "What is recorded, and where to",
    "files": "Files",
    "queues": "Queues",
    "latency": "Latency and its gate",
    "reconnect": "Connections",
    "endpoints": "Endpoints",
    "credentials": "Credentials",
    "dashboard": "Dashboard",
    "limits": "Limits",
    "keeping": "Keeping",
    "collectors": "Several collectors",
    "trading": "Trading",
    "logs": "Logs",
}
"""Group → its heading, in the order of the default file."""

_DAY_S = 86_400.0


def _of(*fills: Fill, **key: Any) -> Key:
    """A key whose default is that of the first field it fills."""
    return Key(default=fills[0].default(), fills=fills, **key)


def _in(group: str, keys: list[Key], *, scope: Scope | None = None) -> list[Key]:
    """The keys as those of a group, all of one scope where there is one."""
    return [msgspec.structs.replace(key, group=group, scope=scope or key.scope) for key in keys]


def _what() -> list[Key]:
    return [
        Key(name="SYMBOLS", kind=Kind.WORDS, default=None,
            text="Symbols to record, in the venue's words; ALL is every one that trades, ALL:USDT every one that is paid in USDT."),
        Key(name="STREAMS", kind=Kind.WORDS, default=None, text="Streams to record of each symbol, in the venue's words."),
        Key(name="BOOK_SNAPSHOT_MIN", kind=Kind.INT, default="60", unit="minutes", low=0, high=1440,
            text="Where deltas are recorded, whole books are asked for over REST and recorded: where the deltas begin, after every "
            "hole in them, when the market leaves the levels of the last one, and so often; 0: never. Without one, no book can be "
            "rebuilt from the deltas."),
        Key(name="BOOK_SNAPSHOT_WEIGHT", kind=Kind.FLOAT, default="10", unit="%", low=0.1, high=50,
            text="How much of the weight that the venue allows REST calls these books may take; those that have to wait are told."),
        Key(name="BOOK_DIGESTS", kind=Kind.INT, default="5", unit="symbols", low=0, high=10_000,
            text="Of so many symbols with recorded deltas, the first in SYMBOLS, the run keeps the book itself, and notes once a "
            "minute what it is: verify --books compares."),
        Key(name="LOB_DIR", kind=Kind.FOLDER, default="./data/<venue>/orderbook/", text="Folder of the order books."),
        Key(name="CHART_DIR", kind=Kind.FOLDER, default="./data/<venue>/execution/", text="Folder of the public trades."),
    ]  # fmt: skip


def _files() -> list[Key]:
    return [
        _of(Fill(RecorderConfig, "interval_min"), Fill(SealingConfig, "interval_min"),
            name="SAVE_INTERVAL_MIN", kind=Kind.INT, unit="minutes", low=1, high=1440, divides=1440,
            text="Length of one segment file."),
        _of(Fill(SealingConfig, "purge"), name="PURGE_ON_DATE_CHANGE", kind=Kind.SWITCH,
            text="Remove a day's segments once the day file was read back and matched."),
        _of(Fill(RecorderConfig, "archive_format"), Fill(SealingConfig, "archive_format"),
            name="ARCHIVE_FORMAT", kind=Kind.CHOICE, choices=("zip", "zst", "parquet"),
            text="Form of sealed files. `parquet`: minutes are zst, and a day is converted once it was read back; needs `hoga[analysis]`."),
        _of(Fill(RecorderConfig, "fsync_interval_s", 0.001),
            name="FSYNC_INTERVAL_MS", kind=Kind.INT, unit="ms", low=1, high=60_000, scope=Scope.PROGRAM,
            text="The most that a crash or a power cut can take."),
        _of(Fill(RecorderConfig, "disk_reserve_bytes", 1 << 20),
            name="DISK_RESERVE_MB", kind=Kind.INT, unit="MB", low=0, high=10_000_000, scope=Scope.PROGRAM,
            text="Free space that recording leaves alone; below it recording pauses, and resumes by itself."),
    ]  # fmt: skip


def _queues() -> list[Key]:
    return [
        _of(Fill(RecorderConfig, "snapshots_queue_max"), name="SNAPSHOTS_QUEUE_MAX", kind=Kind.INT, unit="frames", low=1, high=100_000_000,
            text="Order-book frames of one symbol that may wait for the disk; more are shed and accounted."),
        _of(Fill(RecorderConfig, "executions_queue_max"),
            name="EXECUTIONS_QUEUE_MAX", kind=Kind.INT, unit="frames", low=1, high=100_000_000,
            text="Trade frames of one symbol that may wait for the disk; more are shed and accounted."),
        _of(Fill(RecorderConfig, "records_max"), name="RECORDS_MAX", kind=Kind.INT, unit="frames", low=1, high=1_000_000_000,
            text="Frames of all symbols together that may wait for the disk."),
    ]  # fmt: skip


def _latency() -> list[Key]:
    return [
        _of(Fill(LatencyRules, "deque_size"), name="LATENCY_DEQUE_SIZE", kind=Kind.INT, unit="samples", low=1, high=1_000_000,
            text="Newest latency samples of a symbol that the median is taken of."),
        _of(Fill(LatencyRules, "sample_min"), name="LATENCY_SAMPLE_MIN", kind=Kind.INT, unit="samples", low=1, high=1_000_000,
            text="Samples needed before a median counts."),
        _of(Fill(LatencyRules, "threshold_ms"), name="LATENCY_THRESHOLD_MS", kind=Kind.FLOAT, unit="ms", low=0, high=3_600_000,
            text="Median latency above which the gate acts."),
        _of(Fill(LatencyRules, "every_s"), name="LATENCY_ROUTINE_SLEEP_SEC", kind=Kind.FLOAT, unit="s", low=0, least=0.01, high=3600,
            text="How often medians are taken and the gate decides."),
        _of(Fill(LatencyRules, "gate"), name="LATENCY_GATE", kind=Kind.CHOICE, choices=("pause", "mark", "off"),
            text="What the gate does with a late stream: pause it, mark it in the ledger, nothing."),
    ]  # fmt: skip


def _reconnect() -> list[Key]:
    return [
        _of(Fill(BackoffRules, "base_s"), name="BASE_BACKOFF", kind=Kind.FLOAT, unit="s", low=0, least=1, high=3600,
            text="Pause before connecting again: this to the power of the failures so far (after the first, short one)."),
        _of(Fill(BackoffRules, "max_s"), name="MAX_BACKOFF", kind=Kind.FLOAT, unit="s", low=0.01, high=_DAY_S,
            text="Longest pause before connecting again."),
        _of(Fill(BackoffRules, "reset_cycle_after"), name="RESET_CYCLE_AFTER", kind=Kind.INT, unit="attempts", low=1, high=1_000_000,
            text="Failures after which the power falls back to RESET_BACKOFF_LEVEL."),
        _of(Fill(BackoffRules, "reset_level"), name="RESET_BACKOFF_LEVEL", kind=Kind.INT, unit="power", low=0, high=1_000_000,
            text="The power of BASE_BACKOFF to go on with then."),
        _of(Fill(FeedConfig, "ping_interval_s"), name="WS_PING_INTERVAL", kind=Kind.FLOAT, unit="s", low=0, least=0.1, zero=True, high=3600,
            text="How often the venue is expected to ping; on venues that do not, how often hoga does."),
        _of(Fill(FeedConfig, "ping_timeout_s"), name="WS_PING_TIMEOUT", kind=Kind.FLOAT, unit="s", low=0, least=0.1, zero=True, high=3600,
            text="Silence beyond the ping interval after which a connection is given up."),
        _of(Fill(FeedConfig, "ports"), name="PORTS", kind=Kind.PORTS,
            text="Ports that {port} in a URL takes in turn, one further at each connect."),
        _of(Fill(FeedConfig, "rollover_s", 3600),
            name="PORT_CYCLING_PERIOD_HRS", kind=Kind.FLOAT, unit="hours", low=0, least=0.001, high=23.9,
            text="Age at which a connection is replaced by a fresh one, before the venue cuts it at 24 h."),
        _of(Fill(FeedConfig, "ready_ahead_s"), name="BACK_UP_READY_AHEAD_SEC", kind=Kind.FLOAT, unit="s", low=0, high=3600,
            text="How long before that age its successor is opened."),
        _of(Fill(FeedConfig, "redundancy"), name="REDUNDANCY", kind=Kind.INT, unit="legs", low=1, high=2,
            text="2 records every stream over two connections at once; the first arrival of a frame is kept."),
        Key(name="WIRE_FORMAT", kind=Kind.CHOICE, default="default", choices=("default", "simple"),
            text="Spelling of frames that are served and not recorded: simple has short keys, where the venue has such a spelling."),
    ]  # fmt: skip


def _endpoints() -> list[Key]:
    return [
        Key(name="WS_URL", kind=Kind.WS_URL, default=None, text="Public streams."),
        Key(name="REST_URL", kind=Kind.HTTP_URL, default=None, text="REST."),
        Key(name="HISTORY_URL", kind=Kind.HTTP_URL, default=None,
            text="Historical files and their listing (HISTORY_URL/?prefix=), for backfill and heal."),
        Key(name="WS_API_URL", kind=Kind.WS_URL, default=None,
            text="WebSocket API: orders. Private streams have WS_PRIVATE_URL."),
        Key(name="WS_PRIVATE_URL", kind=Kind.WS_URL, default=None, text="Private (account) streams."),
        Key(name="TLS_CA", kind=Kind.FILE, default="", text="PEM file of certificates trusted besides the system's."),
    ]  # fmt: skip


def _credentials() -> list[Key]:
    return [
        Key(name="API_KEY", kind=Kind.SECRET, default="", text="API key (or access key)."),
        Key(name="API_SECRET", kind=Kind.SECRET, default="", text="API secret (or secret key)."),
        Key(name="TESTNET_API_KEY", kind=Kind.SECRET, default="", text="API key of the test network; with TESTNET it goes before API_KEY."),
        Key(name="TESTNET_API_SECRET", kind=Kind.SECRET, default="", text="API secret of the test network."),
        Key(name="PRIVATE_KEY_FILE", kind=Kind.SECRET_FILE, default="", text="PEM file of an Ed25519 key."),
    ]  # fmt: skip


def _dashboard() -> list[Key]:
    return [
        _of(Fill(DashboardConfig, "host"), name="DASHBOARD_HOST", kind=Kind.HOST,
            text="Address the dashboard listens on; any but a loopback address needs a DASHBOARD_TOKEN of 16 letters or more."),
        _of(Fill(DashboardConfig, "port"), name="DASHBOARD_PORT_NUMBER", kind=Kind.INT, low=0, high=65_535,
            text="Port of the dashboard; 0 lets the system choose."),
        _of(Fill(DashboardConfig, "interval_s"), name="DASHBOARD_STREAM_INTERVAL", kind=Kind.FLOAT, unit="s", low=0.01, high=60,
            text="How often viewers are sent news."),
        _of(Fill(DashboardConfig, "max_connections"), name="MAX_DASHBOARD_CONNECTIONS", kind=Kind.INT, low=1, high=100_000,
            text="Viewers at one time."),
        _of(Fill(DashboardConfig, "max_session_s"), name="MAX_DASHBOARD_SESSION_SEC", kind=Kind.FLOAT, unit="s", low=0, high=31_536_000,
            text="Longest session of a viewer; 0 is unlimited."),
        Key(name="DASHBOARD_TOKEN", kind=Kind.SECRET, default="", text="What a viewer must present."),
        Key(name="NOTIFY_URLS", kind=Kind.SECRET, default="", several=True,
            text="Where alerts are sent: addresses of apprise, separated by blanks (needs hoga[notify])."),
        _of(Fill(DashboardConfig, "names"), name="DASHBOARD_NAMES", kind=Kind.WORDS,
            text="Host names under which viewers reach the dashboard, behind a reverse proxy for instance."),
        _of(Fill(DashboardConfig, "hardware_interval_s"),
            name="HARDWARE_MONITORING_INTERVAL", kind=Kind.FLOAT, unit="s", low=0.1, high=3600,
            text="How often CPU, memory, disk and network are read."),
        _of(Fill(DashboardConfig, "cpu_span_s"), name="CPU_PERCENT_DURATION", kind=Kind.FLOAT, unit="s", low=0.01, high=60,
            text="Span that a CPU percentage is taken over."),
        Key(name="DASHBOARD_RESTART_TIMEOUT", kind=Kind.FLOAT, default="10", unit="s", low=0.1, high=3600,
            text="Silence of the dashboard's process after which it is ended and started again."),
        Key(name="DASHBOARD_CHECK_INTERVAL", kind=Kind.FLOAT, default="2", unit="s", low=0.1, high=3600,
            text="How often the dashboard's process is looked after."),
    ]  # fmt: skip


def _limits() -> list[Key]:
    return [
        Key(name="DESIRED_MAX_SYS_MEM_LOAD", kind=Kind.FLOAT, default="90.0", unit="%", low=1, high=100,
            text="Memory in use on the machine above which a warning is given, and queues hold a tenth of what they may otherwise."),
        Key(name="TIMEOUT", kind=Kind.FLOAT, default="100", unit="s", low=0.1, high=_DAY_S,
            text="Longest that one REST request may take; one that gets no connection or no byte for 10 s is given up sooner."),
        Key(name="MAX_WORKERS", kind=Kind.INT, default="8", low=1, high=1024, text="Worker processes at most; never more than processors."),
    ]  # fmt: skip


def _keeping() -> list[Key]:
    return [
        Key(name="RETENTION_DAYS", kind=Kind.INT, default="0", unit="days", low=0, high=36_500,
            text="Merged days older than this are removed, if RETENTION_ROOT provably holds them; 0 keeps everything."),
        Key(name="RETENTION_ROOT", kind=Kind.FOLDER, default="",
            text="A copy of the data folder, on another disk or a mounted store: what it holds with the same SHA-256 may go here."),
        Key(name="TAPE_RETENTION_DAYS", kind=Kind.INT, default="0", unit="days", low=0, high=36_500,
            text="Tapes of a trader's lives that ended longer ago are removed, with which they could be proven; 0 keeps everything."),
    ]  # fmt: skip


def _collectors() -> list[Key]:
    return [
        Key(name="COLLECTOR", kind=Kind.PLACE, default="", optional=True,
            text="This collector's name, before every connection's (`tokyo/…`); `hoga merge` tells whose a record is by it."),
        Key(name="COLLECTORS", kind=Kind.PLACES, default="", optional=True,
            text="Names of collectors, the preferred first: of a record that several have, `hoga merge` keeps the first one's."),
        Key(name="NATS_URL", kind=Kind.NATS_URL, default="", optional=True,
            text="Where NATS is: `hoga relay` sends what is recorded there, beside `hoga run` when this is set; it needs a COLLECTOR. "
            "Credentials are in the environment (NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS)."),
        Key(name="GATHER_GRACE_MIN", kind=Kind.FLOAT, default="30", unit="min", low=0, high=1440,
            text="How long after midnight (UTC) `hoga gather` asks every collector for what it has of the day, and unites it."),
        Key(name="S3_ENDPOINT", kind=Kind.HTTP_URL, default="", optional=True,
            text="Where buckets are; the bucket is a part of the path then. Not set: Amazon's own. Keys are in the environment."),
        Key(name="S3_REGION", kind=Kind.PLACE, default="", optional=True,
            text="Region of the buckets; not set: AWS_REGION, else us-east-1."),
    ]  # fmt: skip


def _trading() -> list[Key]:
    return [
        Key(name="TRADER", kind=Kind.NAME, default="hg",
            text="Name of the trader, with which its orders' ids begin: two traders of one account need two names."),
        Key(name="TESTNET", kind=Kind.SWITCH, default="0",
            text="Trade at the venue's test network: its endpoints and TESTNET_API_KEY, and no real money is asked about."),
        Key(name="ON_STOP", kind=Kind.CHOICE, default="keep", choices=("keep", "flatten"),
            text="What a stop does with positions: keep leaves them with their protective stops, flatten sells and waits for the verdict."),
        Key(name="ON_FAULT", kind=Kind.CHOICE, default="flatten", choices=("flatten", "keep"),
            text="The same for a failure of engine, limits or order journal; keep cancels entries, keeps stops and halts."),
        Key(name="PAPER_BALANCE", kind=Kind.MONEY, default="10000", low=0.01, high=1e15,
            text="What a paper trader or a backtest begins with, in the currency that the instrument is paid in."),
        Key(name="PAPER_LATENCY_MS", kind=Kind.FLOAT, default="50", unit="ms", low=0, high=60_000,
            text="How long an order on paper or in a backtest is under way, there and back."),
        Key(name="PAPER_LATENCY_FROM", kind=Kind.FOLDER, default="",
            text="Folder of a live trader's order journal: orders on paper take as long as those that it measured at the same venue."),
        Key(name="HALF_SPREAD_BP", kind=Kind.FLOAT, default="5", unit="hundredths of a percent", low=0, high=1_000,
            text="How far from a trade's price an order would have dealt, where a backtest has no book to go by."),
        Key(name="GRID_MAX", kind=Kind.INT, default="10000", unit="sets", low=1, high=10_000_000,
            text="So many sets of parameters a grid may have."),
        *[msgspec.structs.replace(key, instrument=True) for key in _instrument()],
    ]  # fmt: skip


def _instrument() -> list[Key]:
    return [
        Key(name="LIMIT_CURRENCIES", kind=Kind.WORDS, default=None, fills=(Fill(Limits, "currencies"),),
            text="Currencies that the limits of money below are meant in; an instrument that is paid in another one is not traded until "
            "a section of its own says what holds for it."),
        _of(Fill(Limits, "max_order_notional"), name="MAX_ORDER_NOTIONAL", kind=Kind.MONEY, low=0.01, high=1e15,
            text="Money of one order."),
        _of(Fill(Limits, "max_position_notional"), name="MAX_POSITION_NOTIONAL", kind=Kind.MONEY, low=0.01, high=1e15,
            text="Money of one position, with every order that may still raise it."),
        _of(Fill(Limits, "max_gross_notional"), name="MAX_GROSS_NOTIONAL", kind=Kind.MONEY, low=0.01, high=1e15,
            text="Money of all positions of the account, longs and shorts added up."),
        _of(Fill(Limits, "max_net_notional"), name="MAX_NET_NOTIONAL", kind=Kind.MONEY, low=0.01, high=1e15,
            text="Money of all positions of the account, shorts taken from longs."),
        _of(Fill(Limits, "max_leverage"), name="MAX_LEVERAGE", kind=Kind.FLOAT, unit="times the equity", low=0, high=200,
            text="Money of all positions of the account over its equity; 0: no limit."),
        _of(Fill(Limits, "max_open_orders"), name="MAX_OPEN_ORDERS", kind=Kind.INT, unit="orders", low=0, high=10_000,
            text="Orders of an instrument that may rest at one time; 0: as many as the venue takes."),
        _of(Fill(Limits, "max_orders_per_sec"), name="MAX_ORDERS_PER_SEC", kind=Kind.INT, unit="orders", low=0, high=10_000,
            text="Orders in a second, of the instrument and of the account; 0: no limit."),
        _of(Fill(Limits, "max_cancels_per_sec"), name="MAX_CANCELS_PER_SEC", kind=Kind.INT, unit="cancels", low=0, high=10_000,
            text="Cancels in a second, of the instrument and of the account; 0: no limit. Those of the way down are not counted."),
        _of(Fill(Limits, "max_orders_per_day"), name="MAX_ORDERS_PER_DAY", kind=Kind.INT, unit="orders", low=0, high=100_000_000,
            text="Orders since midnight UTC, of the instrument and of the account; 0: no limit."),
        _of(Fill(Limits, "max_reversals_per_min"), name="MAX_REVERSALS_PER_MIN", kind=Kind.INT, unit="turns", low=0, high=100_000,
            text="How often in a minute an order that takes at once may open a position after it was turned or reduced; 0: no limit."),
        _of(Fill(Limits, "max_same_rejects"), name="MAX_SAME_REJECTS", kind=Kind.INT, unit="refusals", low=0, high=1_000,
            text="So often may the venue refuse the same order for the same reason, then it is paused; 0: always."),
        _of(Fill(Limits, "reject_pause_s"), name="REJECT_PAUSE_SEC", kind=Kind.FLOAT, unit="s", low=1, high=_DAY_S,
            text="For so long."),
        _of(Fill(Limits, "stale_after_ms"), name="STALE_AFTER_MS", kind=Kind.INT, unit="ms", low=50, high=60_000,
            text="Age of the book at which nothing is opened by it any more."),
        _of(Fill(Limits, "exec_stale_after_ms"), name="EXEC_STALE_AFTER_MS", kind=Kind.INT, unit="ms", low=500, high=600_000,
            text="Silence of the account's stream, pings and their answers included, after which nothing is opened."),
        _of(Fill(Limits, "event_overdue_ms"), name="EVENT_OVERDUE_MS", kind=Kind.INT, unit="ms", low=100, high=600_000,
            text="So long after an order of ours was accepted the account's stream must have told of it, or nothing is opened."),
        _of(Fill(Limits, "account_stale_after_s"), name="ACCOUNT_STALE_AFTER_SEC", kind=Kind.FLOAT, unit="s", low=1, high=_DAY_S,
            text="Age of what was read of the account after which nothing is opened."),
        _of(Fill(Limits, "price_collar_bp"), name="PRICE_COLLAR_BP", kind=Kind.FLOAT, unit="hundredths of a percent", low=0.1, high=5_000,
            text="How far beyond the middle of the book, and beyond the mark price, an order may reach; market orders end there."),
        _of(Fill(Limits, "fat_finger_price_bp"), name="FAT_FINGER_PRICE_BP", kind=Kind.FLOAT, unit="hundredths of a percent", low=0,
            high=10_000, text="How far beyond the median price of the last minute's trades an order may reach; 0: not looked at."),
        _of(Fill(Limits, "fat_finger_size"), name="FAT_FINGER_SIZE", kind=Kind.INT, unit="times the median trade", low=0,
            high=1_000_000_000, text="How large an order may be against the last minute's trades; 0: not looked at."),
        _of(Fill(Limits, "self_cross"), name="SELF_CROSS", kind=Kind.CHOICE, choices=("deny", "allow"),
            text="What happens to an order that would trade with a resting order of our own."),
        _of(Fill(Limits, "max_daily_loss"), name="MAX_DAILY_LOSS", kind=Kind.MONEY, low=0.01, high=1e15,
            text="Loss since midnight UTC, realised and not, with fees and funding, at which everything is sold (FLATTEN)."),
        _of(Fill(Limits, "max_drawdown_pct"), name="MAX_DRAWDOWN", kind=Kind.FLOAT, unit="%", low=0, high=100,
            text="Loss since the account's highest at which everything is sold (FLATTEN); 0: no limit."),
        _of(Fill(Limits, "max_losses_in_a_row"), name="MAX_LOSSES_IN_A_ROW", kind=Kind.INT, unit="rounds", low=0, high=10_000,
            text="Rounds lost one after another after which nothing is opened until a person says `hoga resume`; 0: no limit."),
        _of(Fill(Limits, "max_margin_ratio_pct"), name="MAX_MARGIN_RATIO", kind=Kind.FLOAT, unit="%", low=0, high=100,
            text="Maintenance margin over margin balance beyond which nothing is opened; 0: no limit."),
        _of(Fill(Limits, "min_liquidation_distance_pct"), name="MIN_LIQUIDATION_DISTANCE", kind=Kind.FLOAT, unit="%", low=0, high=100,
            text="Distance of the price of liquidation below which nothing is opened; 0: no limit."),
        _of(Fill(Limits, "risk_per_trade_pct"), name="RISK_PER_TRADE", kind=Kind.FLOAT, unit="%", low=0.001, high=100,
            text="Share of the equity that a sized order may lose at its stop, where the strategy names none."),
        _of(Fill(Limits, "leverage"), name="LEVERAGE", kind=Kind.INT, unit="times", low=1, high=200, optional=True,
            text="Leverage that the venue is set to before the first order, and read back; empty: the account's own is used."),
        _of(Fill(Limits, "margin_type"), name="MARGIN_TYPE", kind=Kind.CHOICE, choices=("cross", "isolated"), optional=True,
            text="Margin type, likewise."),
        _of(Fill(Limits, "position_mode"), name="POSITION_MODE", kind=Kind.CHOICE, choices=("one-way", "hedge"),
            text="What the account is: with one position a symbol, or with a long and a short one. Another one is refused."),
        Key(name="MAKER_FEE_BP", kind=Kind.FLOAT, default=None, unit="hundredths of a percent", low=-100, high=1_000,
            fills=(Fill(Limits, "maker_fee_bp"),), text="Fee of a resting order, for paper, backtest and sizing."),
        Key(name="TAKER_FEE_BP", kind=Kind.FLOAT, default=None, unit="hundredths of a percent", low=-100, high=1_000,
            fills=(Fill(Limits, "taker_fee_bp"),), text="Fee of an order that takes."),
    ]  # fmt: skip


def _logs() -> list[Key]:
    return [
        Key(name="LOG_DIR", kind=Kind.FOLDER, default="./logs/", text="Folder of the log files."),
        _of(Fill(LogRules, "level"), name="LOG_LEVEL", kind=Kind.CHOICE, choices=("DEBUG", "INFO", "WARNING", "ERROR"),
            text="Least level that is logged."),
        _of(Fill(LogRules, "max_mb"), name="LOG_MAX_MB", kind=Kind.INT, unit="MB", low=1, high=100_000,
            text="Size at which a new log file is begun."),
        _of(Fill(LogRules, "backups"), name="LOG_BACKUPS", kind=Kind.INT, unit="files", low=0, high=10_000,
            text="Full log files that are kept."),
        _of(Fill(LogRules, "form"), name="LOG_FORMAT", kind=Kind.CHOICE, choices=("text", "json"),
            text="key=value text, or one JSON object a line."),
    ]  # fmt: skip


KEYS: tuple[Key, ...] = (
    *_in("what", _what()),
    *_in("files", _files()),
    *_in("queues", _queues()),
    *_in("latency", _latency()),
    *_in("reconnect", _reconnect()),
    *_in("endpoints", _endpoints()),
    *_in("credentials", _credentials()),
    *_in("dashboard", _dashboard(), scope=Scope.PROGRAM),
    *_in("limits", _limits(), scope=Scope.PROGRAM),
    *_in("keeping", _keeping(), scope=Scope.PROGRAM),
    *_in("collectors", _collectors(), scope=Scope.PROGRAM),
    *_in("trading", _trading()),
    *_in("logs", _logs(), scope=Scope.PROGRAM),
)
"""Every key, in the order of the default file."""

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}


def expectation(key: Key) -> str:
    """What a value of `key` must be, in words: `a whole number from 1 to 1440 (minutes) that divides 1440`."""
    empty = ", or nothing" if key.optional else ""
    match key.kind:
        case Kind.INT | Kind.FLOAT | Kind.MONEY:
            unit = f" ({key.unit})" if key.unit else ""
            divides = f" that divides {key.divides}" if key.divides else ""
            zero = ", 0 for the default" if key.zero else ""
            article = "an" if key.kind is Kind.MONEY else "a"
            return f"{article} {key.kind.value} from {key.low:.12g} to {key.high:.12g}{unit}{divides}{zero}{empty}"
        case Kind.CHOICE:
            return f"one of {', '.join(key.choices)}{empty}"
        case Kind.SWITCH:
            return "1 or 0"
        case Kind.WORDS:
            return "names separated by commas"
        case Kind.PORTS:
            return "ports from 1 to 65535, separated by commas"
        case Kind.FOLDER:
            return "a folder"
        case Kind.FILE | Kind.SECRET_FILE:
            return "a file that exists"
        case Kind.WS_URL:
            return "ws:// or wss:// with a host, perhaps a port or {port}, and no path"
        case Kind.HTTP_URL:
            return "http:// or https:// with a host, perhaps a port or {port}, and no path"
        case Kind.NATS_URL:
            return "nats:// or tls:// with a host, perhaps a port, several separated by commas; credentials are in the environment"
        case Kind.HOST:
            return "a host name or an IP address"
        case Kind.NAME:
            return "1 to 8 small letters and digits, a letter first"
        case Kind.PLACE:
            return "1 to 32 small letters, digits and dashes"
        case Kind.PLACES:
            return "names of 1 to 32 small letters, digits and dashes, separated by commas"
        case Kind.SECRET:
            return "texts separated by blanks" if key.several else "text without spaces"
