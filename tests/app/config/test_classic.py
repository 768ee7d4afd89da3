"""Files of the classic recorder and downloader: each of them starts hoga, and says what was read otherwise than it stands there.

The files below are written after those that were in use in 2025: their keys and values, in all the ways they were combined.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.app.config import Config, load_config
from hoga.app.config.classic import ALIASES, RETIRED
from hoga.app.config.keys import BY_NAME, KEYS, Kind
from hoga.core.errors import ConfigError

PLAIN = """\
SYMBOLS = {symbols}
LOB_DIR = ./data/binance/orderbook/
CHART_DIR = ./data/binance/execution/
SAVE_INTERVAL_MIN = 1
PURGE_ON_DATE_CHANGE = 1
SNAPSHOTS_QUEUE_MAX = {queue}
LATENCY_DEQUE_SIZE = 10
LATENCY_SAMPLE_MIN = 10
BASE_BACKOFF = 2
MAX_BACKOFF = 30
RESET_CYCLE_AFTER = 7
RESET_BACKOFF_LEVEL = {level}
"""

_NAMES = """
BTC ETH XRP SOL BNB DOGE ADA TRX LINK AVAX SUI XLM TON SHIB HBAR DOT LTC BCH UNI PEPE AAVE NEAR APT ICP ETC ONDO MNT POL VET RENDER
ALGO FIL ARB ATOM FET OP
"""

SYMBOLS = (
    "BTCUSDT",
    "BTCUSDT,ETHUSDT",
    "btcusdt, ethusdt ,SOLUSDT",
    ",".join(f"{name}USDT" for name in _NAMES.split()),
)

EXTRAS = (
    """\
WS_PING_INTERVAL = 0
WS_PING_TIMEOUT = 0
LATENCY_THRESHOLD_MS = 500
LATENCY_SIGNAL_SLEEP = 0.2
""",
    """\
WS_PING_INTERVAL\t= 0
WS_PING_TIMEOUT\t= 0
LATENCY_THRESHOLD_SEC\t= 0.5\t# half a second
LATENCY_GATE_SLEEP\t= 1.0
""",
    """\
LATENCY_THRESHOLD_MS = 1000
LATENCY_ROUTINE_SLEEP_SEC = 0.001   # as often as possible
WS_PING_INTERVAL = 0 # none
WS_PING_TIMEOUT = 0
""",
    """\
PORTS_STREAM_BINANCE_COM = 9443,443
WILDCARD_STREAM_BINANCE_COM_PORT = <PORT>
PORT_CYCLING_PERIOD_HRS = 12
BACK_UP_READY_AHEAD_SEC = 60
""",
    """\
PORTS_STREAM_BINANCE_COM\t= 9443,443
WILDCARD_STREAM_BINANCE_COM_PORT = %PORT%
PORT_CYCLING_PERIOD_HRS = 0.0003
BACK_UP_READY_AHEAD_SEC = 4
""",
    """\
DASHBOARD_STREAM_FREQ = 0.03
DASHBOARD_PORT_NUMBER = 8000
MAX_DASHBOARD_CONNECTIONS = 3
MAX_DASHBOARD_SESSION_SEC = 1800
""",
    """\
DASHBOARD_STREAM_INTERVAL = 0.01666
HARDWARE_MONITORING_INTERVAL = 1.0
CPU_PERCENT_DURATION = 0.2
DESIRED_MAX_SYS_MEM_LOAD = 85.0
""",
    """\
PROFILE_DURATION = 0
GC_INTERVAL_SEC = 60.0
WS_PING_INTERVAL = 0
WS_PING_TIMEOUT = 0
LATENCY_SIGNAL_SLEEP = 0.01
""",
    """\
PROFILE_DURATION = 3600
EXECUTIONS_QUEUE_MAX = 10
RECORDS_MAX = 100
DASHBOARD_STREAM_INTERVAL = 0.07
LATENCY_ROUTINE_SLEEP_SEC = 0
""",
    """\
TIMEOUT = 300
MAX_WORKERS = 8
PORT_CYCLING_PERIOD_HRS = 0.01
BACK_UP_READY_AHEAD_SEC = 60
GC_INTERVAL_SEC = 60.0
""",
)

FILES = [
    PLAIN.format(symbols=symbols, queue=(100, 10)[place % 2], level=(5, 3)[place % 2]) + extra
    for place, symbols in enumerate(SYMBOLS)
    for extra in EXTRAS
]

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def from_text(text: str) -> Config:
        path = tmp_path / "hoga.conf"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return load_config(path, overrides=[], environ={})

    return from_text


def test_there_are_forty_of_them() -> None:
    assert len(set(FILES)) == 40


@pytest.mark.parametrize("text", FILES)
def test_every_classic_file_starts_and_every_difference_is_told_once(load: Load, text: str) -> None:
    config = load(text)
    venue = config.venue("binance")
    assert config.active_venues == ("binance",)
    wanted = text.splitlines()[0].partition("= ")[2]
    assert venue.symbols == tuple(name.strip().upper() for name in wanted.split(","))
    told = [(note.line, note.key) for note in config.notes]
    assert len(told) == len(set(told)), "one line each"
    labels = {line.partition("=")[0].strip() for line in text.splitlines()}
    assert labels & (set(ALIASES) | set(RETIRED)) <= {note.key for note in config.notes}
    for key in KEYS:
        value = getattr(venue, key.field)
        if key.kind in (Kind.INT, Kind.FLOAT) and not key.optional:
            assert value >= (key.least or key.low), key.name
    assert venue.back_up_ready_ahead_sec <= venue.port_cycling_period_hrs * 3600


@pytest.mark.parametrize(
    ("line", "field", "value", "said"),
    [
        ("WS_PING_INTERVAL = 0", "ws_ping_interval", 20.0, "WS_PING_INTERVAL: taken as 20: 0 is hoga's own rule"),
        ("WS_PING_TIMEOUT = 0.0", "ws_ping_timeout", 20.0, "taken as 20"),
        ("WS_PING_TIMEOUT = 0.01", "ws_ping_timeout", 0.1, "taken as 0.1"),
        ("LATENCY_SIGNAL_SLEEP = 0.01", "latency_routine_sleep_sec", 0.01, "is LATENCY_ROUTINE_SLEEP_SEC now"),
        ("LATENCY_GATE_SLEEP = 1.0", "latency_routine_sleep_sec", 1.0, "is LATENCY_ROUTINE_SLEEP_SEC now"),
        ("LATENCY_ROUTINE_SLEEP_SEC = 0.001", "latency_routine_sleep_sec", 0.01, "taken as 0.01: less than 0.01 makes no sense"),
        ("LATENCY_ROUTINE_SLEEP_SEC = 0", "latency_routine_sleep_sec", 0.01, "taken as 0.01"),
        ("LATENCY_THRESHOLD_SEC = 0.5", "latency_threshold_ms", 500.0, "taken as LATENCY_THRESHOLD_MS = 500"),
        ("latency_threshold_sec=1.234 # s", "latency_threshold_ms", 1234.0, "taken as LATENCY_THRESHOLD_MS = 1234"),
        ("PORTS_STREAM_BINANCE_COM = 443,9443", "ports", (443, 9443), "is PORTS now"),
        ("DASHBOARD_STREAM_FREQ = 0.03", "dashboard_stream_interval", 0.03, "is DASHBOARD_STREAM_INTERVAL now"),
        ("PORT_CYCLING_PERIOD_HRS = 0.0003", "port_cycling_period_hrs", 0.001, "taken as 0.001"),
        ("PROFILE_DURATION = 3600", "timeout", 100.0, "means nothing to hoga"),
        ("GC_INTERVAL_SEC = 60.0", "timeout", 100.0, "means nothing to hoga"),
        ("WILDCARD_STREAM_BINANCE_COM_PORT = <PORT>", "ports", (9443, 443), "means nothing to hoga"),
    ],
)
def test_each_old_spelling_means_what_it_meant(load: Load, line: str, field: str, value: object, said: str) -> None:
    config = load(f"SYMBOLS = BTCUSDT\n{line}\n")
    assert getattr(config.venue("binance"), field) == value
    assert any(said in str(note) and note.line == 2 for note in config.notes), list(map(str, config.notes))


def test_a_successor_gets_the_time_that_it_asks_for(load: Load) -> None:
    venue = load("PORT_CYCLING_PERIOD_HRS = 0.0003\nBACK_UP_READY_AHEAD_SEC = 60\n").venue("binance")
    assert (venue.port_cycling_period_hrs * 3600, venue.back_up_ready_ahead_sec) == (pytest.approx(120), 60)


def test_a_short_period_alone_shortens_the_time_of_its_successor(load: Load) -> None:
    venue = load("PORT_CYCLING_PERIOD_HRS = 0.01\n").venue("binance")
    assert (venue.port_cycling_period_hrs, venue.back_up_ready_ahead_sec) == (0.01, pytest.approx(18))


def test_a_keys_own_name_beats_its_old_ones_and_that_is_told(load: Load) -> None:
    config = load("LATENCY_SIGNAL_SLEEP = 0.3\nLATENCY_GATE_SLEEP = 0.5\nLATENCY_ROUTINE_SLEEP_SEC = 0.7\n")
    assert config.venue("binance").latency_routine_sleep_sec == 0.7
    left = [note.key for note in config.notes if "left alone: LATENCY_ROUTINE_SLEEP_SEC" in note.text]
    assert left == ["LATENCY_SIGNAL_SLEEP", "LATENCY_GATE_SLEEP"]


OLD = "SYMBOLS = BTCUSDT\nPROFILE_DURATION = 0\n"
"""Begins a file that only the classic recorder can have had."""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("MY_OWN_THING = 7", "found an unknown key"),
        ("LATENCY_TRESHOLD_MS = 7", "did you mean LATENCY_THRESHOLD_MS?"),
        ("a line of prose", "found no `=`"),
        ("SAVE_INTERVAL_MIN = 7", "taken as 6"),
        ("SAVE_INTERVAL_MIN = 5000", "taken as 1440"),
        ("SNAPSHOTS_QUEUE_MAX = 0", "taken as 1"),
        ("MAX_DASHBOARD_CONNECTIONS = -1", "taken as 1"),
        ("PURGE_ON_DATE_CHANGE = maybe", "is left alone"),
        ("LATENCY_THRESHOLD_MS = soon", "is left alone"),
        ("LATENCY_SAMPLE_MIN = 500", "taken as 100"),
        ("DASHBOARD_HOST = 0.0.0.0", "taken as 127.0.0.1"),
        ("BASE_BACKOFF = 2\nBASE_BACKOFF = 3", "line 4 says it again"),
    ],
)
def test_nothing_that_the_classic_file_says_about_how_stops_a_start(load: Load, line: str, said: str) -> None:
    config = load(f"{OLD}{line}\n")
    assert any(said in str(note) for note in config.notes), list(map(str, config.notes))


@pytest.mark.parametrize(
    "line", ["MY_OWN_THING = 7", "LATENCY_TRESHOLD_MS = 7", "SAVE_INTERVAL_MIN = 7", "a line of prose", "DASHBOARD_HOST = 0.0.0.0"]
)
@pytest.mark.parametrize("head", ["SYMBOLS = BTCUSDT\n", "[binance]\nPROFILE_DURATION = 0\n"])
def test_in_any_other_file_a_mistake_is_one(load: Load, head: str, line: str) -> None:
    with pytest.raises(ConfigError):
        load(f"{head}{line}\n")


@pytest.mark.parametrize("line", ["STREAMS = nothing", "SYMBOLS =", "DASHBOARD_TOKEN = 0123456789abcdef"])
def test_what_is_recorded_and_secrets_are_never_guessed(load: Load, line: str) -> None:
    with pytest.raises(ConfigError):
        load(f"PROFILE_DURATION = 0\n{line}\n")


def test_old_names_are_taken_wherever_keys_are(tmp_path: Path) -> None:
    config = load_config(
        None, overrides=["upbit.LATENCY_THRESHOLD_SEC=2"], environ={"HOGA_DASHBOARD_STREAM_FREQ": "0.5", "HOGA_GC_INTERVAL_SEC": "60"}
    )
    assert config.venue("upbit").latency_threshold_ms == 2000
    assert config.program.dashboard_stream_interval == 0.5
    assert [note.where for note in config.notes] == ["--set", "environment", "environment"]


def test_the_tables_hold_together() -> None:
    assert all(alias.key in BY_NAME for alias in ALIASES.values())
    assert not set(ALIASES) & set(BY_NAME)
    assert not set(RETIRED) & (set(BY_NAME) | set(ALIASES))


@given(st.lists(st.tuples(st.sampled_from([*BY_NAME, *ALIASES, *RETIRED]), st.text(st.characters(codec="ascii"), max_size=12)), max_size=8))
def test_whatever_a_classic_file_holds_only_what_is_recorded_can_stop_it(lines: list[tuple[str, str]]) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(
            "GC_INTERVAL_SEC = 1\n" + "".join(f"{key} = {text.splitlines()[0] if text.splitlines() else ''}\n" for key, text in lines)
        )
        file.flush()
        Path(file.name).chmod(0o644)
        try:
            load_config(Path(file.name), overrides=[], environ={})
        except ConfigError as error:
            stopped = {BY_NAME[mistake.key] for mistake in error.mistakes}
            assert all(key.group == "what" or key.secret for key in stopped), [str(mistake) for mistake in error.mistakes]
