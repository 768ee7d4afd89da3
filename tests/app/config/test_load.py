"""Loading a configuration: precedence, scopes, folders, secrets, and every mistake at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from hoga.app.config import Config, ProgramConfig, VenueConfig, load_config
from hoga.app.config.keys import KEYS, Kind, Scope
from hoga.core.errors import ConfigError, ConfigMistake

CLASSIC = """\
# recorder configuration
SYMBOLS = btcusdt,ETHUSDT      # majuscules or not
LOB_DIR = ./data/binance/orderbook/
SAVE_INTERVAL_MIN = 5
PURGE_ON_DATE_CHANGE = 0
SNAPSHOTS_QUEUE_MAX = 100
LATENCY_THRESHOLD_MS = 500
BASE_BACKOFF = 1
MAX_BACKOFF = 10
DASHBOARD_PORT_NUMBER = 8080
LOG_LEVEL = debug
"""

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def from_text(text: str = "", *overrides: str, environ: dict[str, str] | None = None, mode: int = 0o600, **more: object) -> Config:
        path = tmp_path / "hoga.conf"
        path.write_bytes(text.encode())
        path.chmod(mode)
        return load_config(path, overrides=list(overrides), environ=environ or {}, **more)  # type: ignore[arg-type]

    return from_text


def mistakes_of(load: Load, text: str = "", *overrides: str, **more: object) -> list[ConfigMistake]:
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides, **more)
    return [dataclasses.replace(mistake, where=Path(mistake.where).name) for mistake in caught.value.mistakes]


def test_nothing_at_all_records_the_classic_venue() -> None:
    config = load_config(None, overrides=[], environ={"PATH": "/bin"})
    assert config.active_venues == ("binance",)
    venue = config.venue("binance")
    assert venue.symbols == ("BTCUSDT", "ETHUSDT")
    assert venue.streams == ("depth20@100ms", "aggTrade")
    assert venue.lob_dir == Path("data/binance/orderbook")
    assert venue.ports == (9443, 443)
    assert {setting.origin for setting in config.settings} == {"default"}


def test_the_classic_file_works_unchanged(load: Load) -> None:
    config = load(CLASSIC)
    assert config.active_venues == ("binance",)
    venue = config.venue("binance")
    assert venue.symbols == ("BTCUSDT", "ETHUSDT")
    assert (venue.save_interval_min, venue.purge_on_date_change, venue.snapshots_queue_max) == (5, False, 100)
    assert (venue.latency_threshold_ms, venue.base_backoff, venue.max_backoff) == (500.0, 1.0, 10.0)
    assert (config.program.dashboard_port_number, config.program.log_level) == (8080, "DEBUG")
    assert config.venue("upbit").save_interval_min == 1


def test_bom_crlf_quotes_and_missing_spaces_are_tolerated(load: Load) -> None:
    text = "\ufeffSYMBOLS=\"BTCUSDT, ETHUSDT\"  # two\r\nDASHBOARD_TOKEN = 'a#b'\r\nLOG_DIR=/x#y\r\nTIMEOUT=7#8 # no"
    mistakes = mistakes_of(load, text)
    assert [(mistake.line, mistake.key) for mistake in mistakes] == [(4, "TIMEOUT")]
    config = load(text.rsplit("\r\n", 1)[0])
    assert config.venue("binance").symbols == ("BTCUSDT", "ETHUSDT")
    assert config.program.dashboard_token.reveal() == "a#b"
    assert config.program.log_dir == Path("/x#y")


def test_sections_hold_for_their_venue_and_globals_for_all(load: Load) -> None:
    config = load("SAVE_INTERVAL_MIN = 10\n[binance]\nSAVE_INTERVAL_MIN = 2\n[upbit]\nSYMBOLS = krw-btc\n")
    assert config.active_venues == ("binance", "upbit")
    assert config.venue("binance").save_interval_min == 2
    assert config.venue("upbit").save_interval_min == 10
    assert config.venue("upbit").symbols == ("KRW-BTC",)
    assert config.venue("binance").symbols == ("BTCUSDT", "ETHUSDT")


def test_command_line_beats_environment_beats_file_beats_default(load: Load) -> None:
    text = "[binance]\nMAX_BACKOFF = 40\nBASE_BACKOFF = 3\nREDUNDANCY = 2\n"
    environ = {"HOGA_MAX_BACKOFF": "50", "HOGA_BINANCE__BASE_BACKOFF": "4"}
    venue = load(text, "MAX_BACKOFF=60", environ=environ).venue("binance")
    assert (venue.max_backoff, venue.base_backoff, venue.redundancy, venue.reset_cycle_after) == (60.0, 4.0, 2, 7)


def test_within_a_source_the_venues_own_value_wins(load: Load) -> None:
    config = load("[binance]\n[upbit]\n", "TIMEOUT=9", "MAX_BACKOFF=60", "upbit.MAX_BACKOFF=70", "upbit.MAX_BACKOFF=80")
    assert config.venue("binance").max_backoff == 60
    assert config.venue("upbit").max_backoff == 80
    assert config.program.timeout == 9


def test_origins_are_told(load: Load, tmp_path: Path) -> None:
    config = load("MAX_BACKOFF = 40\n", "REDUNDANCY=2", environ={"HOGA_BINANCE__BASE_BACKOFF": "4"})
    origins = {setting.key: setting.origin for setting in config.settings}
    assert origins["MAX_BACKOFF"] == f"{tmp_path}/hoga.conf:1"
    assert (origins["REDUNDANCY"], origins["BASE_BACKOFF"], origins["LATENCY_GATE"]) == ("--set", "environment", "default")
    assert len(origins) == len(KEYS)


def test_dashes_of_a_venue_are_underscores_in_the_environment(load: Load) -> None:
    config = load(environ={"HOGA_BINANCE_USDM__SYMBOLS": "solusdt"})
    assert config.active_venues == ("binance-usdm",)
    assert config.venue("binance-usdm").symbols == ("SOLUSDT",)


def test_credentials_alone_do_not_start_a_recording(load: Load) -> None:
    config = load(environ={"HOGA_UPBIT__API_KEY": "k", "HOGA_UPBIT__API_SECRET": "s"})
    assert config.active_venues == ("binance",)
    assert config.venue("upbit").api_secret.reveal() == "s"


def test_a_data_folder_moves_every_relative_folder(load: Load) -> None:
    config = load("CHART_DIR = trades/<venue>\nLOG_DIR = /var/log/hoga\n", data_dir=Path("/rec"))
    venue = config.venue("binance")
    assert venue.lob_dir == Path("/rec/binance/orderbook")
    assert venue.chart_dir == Path("/rec/trades/binance")
    assert venue.log_dir == Path("/var/log/hoga")
    assert [venue.directory(kind) for kind in ("orderbook", "execution", "delta")] == [
        Path("/rec/binance/orderbook"),
        Path("/rec/trades/binance"),
        Path("/rec/binance/delta"),
    ]
    assert load(CLASSIC, data_dir=Path("/rec")).venue("binance").lob_dir == Path("/rec/binance/orderbook")


def test_all_mistakes_are_named_at_once_with_line_and_nearest_key(load: Load) -> None:
    text = "SYMBOL = BTCUSDT\n\nSAVE_INTERVAL_MIN = 7\nnonsense\n[binanse]\nWHATEVER = 1\n[upbit]\nLATENCY_GATE = pauze\n"
    mistakes = mistakes_of(load, text, "RUDENDANCY=2", "kraken.SYMBOLS=X", "=", environ={"HOGA_TIMOUT": "1"})
    assert [(m.where, m.line, m.key, m.nearest) for m in mistakes] == [
        ("--set", None, "RUDENDANCY", "REDUNDANCY"),
        ("--set", None, "kraken.SYMBOLS", None),
        ("--set", None, "=", None),
        ("hoga.conf", 1, "SYMBOL", "SYMBOLS"),
        ("hoga.conf", 3, "SAVE_INTERVAL_MIN", None),
        ("hoga.conf", 4, "nonsense", None),
        ("hoga.conf", 5, "[binanse]", "binance"),
        ("hoga.conf", 8, "LATENCY_GATE", "pause"),
        ("environment", None, "HOGA_TIMOUT", "HOGA_TIMEOUT"),
    ]
    expected = "expected a whole number from 1 to 1440 (minutes) that divides 1440"
    assert str(mistakes[4]) == f"hoga.conf:3: SAVE_INTERVAL_MIN: found '7', {expected}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SAVE_INTERVAL_MIN = 0", "1 to 1440"),
        ("SAVE_INTERVAL_MIN = 1.5", "1 to 1440"),
        ("LATENCY_THRESHOLD_MS = nan", "from 0"),
        ("PURGE_ON_DATE_CHANGE = 2", "1 or 0"),
        ("ARCHIVE_FORMAT = rar", "one of zip, zst"),
        ("PORTS = 9443,0", "ports from 1 to 65535"),
        ("PORTS =", "ports from 1 to 65535"),
        ("SYMBOLS =", "separated by commas"),
        ("SYMBOLS = BTC USDT", "separated by commas"),
        ("STREAMS = depth21@100ms", "one like depth20@100ms"),
        ("SYMBOLS = A@B", "spells it, like BTCUSDT"),
        ("TLS_CA = /no/such/file.pem", "a file that exists"),
        ("DASHBOARD_HOST = not a host", "host name"),
        ("WS_URL = wss://stream.example.com/stream", "no path"),
        ("WS_URL = https://stream.example.com", "ws:// or wss://"),
        ("WS_URL = wss://", "with a host"),
        ("WS_URL = wss://h:{prt}", "with a host"),
        ("REST_URL = api.example.com", "http:// or https://"),
        ("REST_URL = https://user:pw@api.example.com", "no path"),
        ("REST_URL = https://api.example.com?x=1", "no path"),
        ("BASE_BACKOFF = 40", "at most MAX_BACKOFF (30)"),
        ("LATENCY_SAMPLE_MIN = 200", "at most LATENCY_DEQUE_SIZE (100)"),
        ("DASHBOARD_HOST = 0.0.0.0", "a loopback address, or a token as well"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(load: Load, line: str, said: str) -> None:
    (mistake,) = mistakes_of(load, line)
    assert said in mistake.expected


def test_a_url_with_a_path_names_the_path(load: Load) -> None:
    (mistake,) = mistakes_of(load, "WS_URL = wss://stream.example.com:9443/stream")
    assert mistake.found.endswith("with the path /stream")


@pytest.mark.parametrize("url", ["wss://h:{port}", "ws://127.0.0.1:9000", "ws://[::1]:9000", "wss://h", "wss://h/"])
def test_urls_that_are_good(load: Load, url: str) -> None:
    assert load(f"WS_URL = {url}").venue("binance").ws_url == url.rstrip("/")


SPELT = [
    ("binance", "BTC-USDT", "BTCUSDT"),
    ("binance", "BTCUSDT.P", "BTCUSDT"),
    ("binance", "sol/usdt", "SOLUSDT"),
    ("binance", "SOLUSDT.PERP", "SOLUSDT"),
    ("binance", "KRW-SAND", "KRWSAND"),
    ("binance", "A;B", None),
    ("binance", "*", "ALL"),
    ("binance", "BTC\u0007USDT", "BTCUSDT"),
    ("binance", "X" * 300, None),
    ("binance", "币" * 90, None),
    ("binance-usdm", "BTC_USDT_PERP", None),
    ("binance-usdm", "BTC_USDT", "BTCUSDT"),
    ("upbit", "BTCUSDT", None),
    ("upbit", "KRWBTC", "KRW-BTC"),
    ("upbit", "krw_btc", "KRW-BTC"),
    ("upbit", "ALL:", None),
]


@pytest.mark.parametrize(("venue", "symbol", "nearest"), SPELT)
def test_a_symbol_spelt_for_another_venue_is_a_mistake_with_one_expectation(
    load: Load, venue: str, symbol: str, nearest: str | None
) -> None:
    (mistake,) = mistakes_of(load, f"[{venue}]\n", environ={f"HOGA_{venue.upper().replace('-', '_')}__SYMBOLS": symbol})
    assert (mistake.key, mistake.nearest) == ("SYMBOLS", nearest)
    assert str(mistake).count("expected") == 1
    assert len(str(mistake)) < 250
    assert str(mistake).isprintable()
    if len(symbol) < 90:
        assert {"upbit": "KRW-BTC"}.get(venue, "BTCUSDT") in mistake.expected


@pytest.mark.parametrize("symbol", ["btcusdt", "1000SATSUSDT", "币安人生USDT", "BTCUSDT_261225", "X" * 100, "all", "ALL:USDT", "all:fdusd"])
def test_symbols_that_are_good(load: Load, symbol: str) -> None:
    assert load(f"SYMBOLS = {symbol}\n").venue("binance").symbols == (symbol.upper(),)


def test_a_key_set_twice_is_a_mistake(load: Load) -> None:
    (mistake,) = mistakes_of(load, "TIMEOUT = 1\nTIMEOUT = 1\nTIMEOUT = 2\n")
    assert mistake.line == 3
    assert "line 1" in mistake.found


def test_a_program_key_in_two_sections_must_agree(load: Load) -> None:
    (mistake,) = mistakes_of(load, "[binance]\nTIMEOUT = 1\n[upbit]\nTIMEOUT = 2\n")
    assert (mistake.line, mistake.expected) == (4, "one value for the whole program")
    assert load("[binance]\nTIMEOUT = 1\n[upbit]\n").program.timeout == 1


def test_two_venues_may_not_share_a_folder(load: Load) -> None:
    mistakes = mistakes_of(load, "LOB_DIR = /rec\n[binance]\n[upbit]\n")
    assert [mistake.key for mistake in mistakes] == ["LOB_DIR"]


@pytest.mark.parametrize(
    ("path", "said"), [("missing.conf", "missing.conf: there is no such file"), (".", "cannot be read: Is a directory")]
)
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path / path, overrides=[], environ={})


def test_a_file_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "hoga.conf").write_bytes(b"SYMBOLS = \xff\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "hoga.conf", overrides=[], environ={})


class TestSecrets:
    TEXT = "[binance]\nAPI_KEY = kkk\nAPI_SECRET = sss\n"

    def test_a_private_file_may_hold_them(self, load: Load) -> None:
        assert load(self.TEXT).venue("binance").api_secret.reveal() == "sss"

    def test_a_file_others_can_read_may_not(self, load: Load) -> None:
        mistakes = mistakes_of(load, self.TEXT, mode=0o644)
        assert [mistake.key for mistake in mistakes] == ["API_KEY", "API_SECRET"]
        assert all("mode 0600" in mistake.expected for mistake in mistakes)

    def test_the_command_line_may_not(self, load: Load) -> None:
        (mistake,) = mistakes_of(load, "", "binance.API_SECRET=sss")
        assert "sss" not in str(mistake)

    def test_they_belong_to_one_venue(self, load: Load) -> None:
        (mistake,) = mistakes_of(load, "", environ={"HOGA_API_KEY": "kkk"})
        assert "HOGA_VENUE__API_KEY" in mistake.expected

    def test_they_never_show(self, load: Load) -> None:
        config = load("DASHBOARD_TOKEN = ttt\n" + self.TEXT)
        for text in (repr(config), repr(config.venue("binance")), repr(config.settings), f"{config.venue('binance').api_key}"):
            assert not any(secret in text for secret in ("kkk", "sss", "ttt"))
        assert "***" in repr(config.settings)

    def test_not_in_mistakes_either(self, load: Load) -> None:
        (mistake,) = mistakes_of(load, "[binance]\nAPI_SECRET = s s s\n")
        assert "s s s" not in str(mistake)
        assert mistake.found == "(hidden)"

    SHARED = (("DASHBOARD_TOKEN", "0123456789abcdef"), ("NOTIFY_URLS", "json://user:pw@127.0.0.1:9/x"))

    @pytest.mark.parametrize(("key", "text"), SHARED)
    def test_what_guards_the_whole_program_is_a_secret_too(self, load: Load, key: str, text: str) -> None:
        (mistake,) = mistakes_of(load, f"{key} = {text}\n", mode=0o644)
        assert (mistake.key, "mode 0600" in mistake.expected) == (key, True)
        (mistake,) = mistakes_of(load, "", f"{key}={text}")
        assert (mistake.where, text in str(mistake)) == ("--set", False)
        assert f"HOGA_{key}" in mistake.expected
        assert getattr(load(f"{key} = {text}\n").program, key.lower()).reveal() == text
        assert getattr(load(environ={f"HOGA_{key}": text}).program, key.lower()).reveal() == text

    def test_every_secret_is_kept_off_the_command_line_and_out_of_open_files(self, load: Load, tmp_path: Path) -> None:
        pem = tmp_path / "key.pem"
        pem.write_text("x")
        pem.chmod(0o600)
        for key in KEYS:
            if key.secret:
                text = str(pem) if key.kind is Kind.SECRET_FILE else "0123456789abcdef"
                assert [mistake.key for mistake in mistakes_of(load, f"[binance]\n{key.name} = {text}\n", mode=0o640)] == [key.name]
                assert [mistake.where for mistake in mistakes_of(load, "", f"binance.{key.name}={text}")] == ["--set"]
                assert not load(f"[binance]\n{key.name} = {text}\n", mode=0o400).notes

    def test_one_that_is_set_to_nothing_hides_nothing(self, load: Load) -> None:
        assert not load("DASHBOARD_TOKEN =\n", mode=0o644).program.dashboard_token

    def test_several_addresses_are_one_value(self, load: Load) -> None:
        assert load(environ={"HOGA_NOTIFY_URLS": "json://a json://b"}).program.notify_urls.reveal() == "json://a json://b"

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
    def test_off_loopback_a_short_token_is_none(self, load: Load, host: str) -> None:
        environ = {"HOGA_DASHBOARD_HOST": host, "HOGA_DASHBOARD_TOKEN": "fifteen letters"[:15].replace(" ", "-")}
        (mistake,) = mistakes_of(load, environ=environ)
        assert (mistake.key, mistake.found) == ("DASHBOARD_TOKEN", "15 letters")
        assert load(environ=environ | {"HOGA_DASHBOARD_TOKEN": "0123456789abcdef"}).program.dashboard_host == host
        assert load(environ={"HOGA_DASHBOARD_TOKEN": "a"}).program.dashboard_host == "127.0.0.1"

    def test_a_key_file_that_others_can_read_is_told(self, load: Load, tmp_path: Path) -> None:
        pem = tmp_path / "key.pem"
        pem.write_text("x")
        pem.chmod(0o644)
        (told,) = load(environ={"HOGA_BINANCE__PRIVATE_KEY_FILE": str(pem)}).notes
        assert "chmod 600" in told.text


def test_the_table_and_the_structs_agree() -> None:
    program = {key.field for key in KEYS if key.scope is Scope.PROGRAM}
    venue = {key.field for key in KEYS if key.scope is Scope.VENUE}
    assert program == set(ProgramConfig.__struct_fields__) - {"data_dir"}
    assert venue == set(VenueConfig.__struct_fields__) - set(ProgramConfig.__struct_fields__) - {"venue"}


def test_every_number_has_a_range_and_every_choice_its_choices() -> None:
    for key in KEYS:
        assert (key.low is not None and key.high is not None) == (key.kind in (Kind.INT, Kind.FLOAT, Kind.MONEY)), key.name
        assert bool(key.choices) == (key.kind is Kind.CHOICE), key.name


@pytest.mark.parametrize("key", ["WS_URL", "REST_URL"])
def test_an_address_left_empty_is_the_venues(tmp_path: Path, key: str) -> None:
    conf = tmp_path / "hoga.conf"
    conf.write_text(f"SYMBOLS = BTCUSDT\n{key} =\n", encoding="utf-8")
    found = load_config(conf, overrides=[], environ={}).venue("binance")
    plain = load_config(None, overrides=["SYMBOLS=BTCUSDT"], environ={}).venue("binance")
    assert (found.ws_url, found.rest_url) == (plain.ws_url, plain.rest_url)


def test_a_folder_that_cannot_be_told_to_anybody_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        load_config(None, overrides=[], environ={}, data_dir=tmp_path / "x\udcffy")
    (mistake,) = told.value.mistakes
    assert str(mistake).isascii()
    assert "is not spelt in UTF-8" in str(mistake)


def test_of_a_line_that_is_no_assignment_only_the_first_word_is_shown(load: Load) -> None:
    for line in ("API_SECRET: hunter2hunter2hunter2", "DASHBOARD_TOKEN hunter2hunter2"):
        with pytest.raises(ConfigError) as told:
            load(f"[binance]\n{line}\n")
        assert line.split()[0] in str(told.value)
        assert "hunter2" not in str(told.value)


def test_rest_takes_the_first_of_the_ports(load: Load) -> None:
    config = load("", "PORTS=444,443", "REST_URL=http://there:{port}", "HISTORY_URL=http://past:{port}").venue("binance")
    assert (config.rest_url, config.history_url) == ("http://there:444", "http://past:444")


def test_pauses_before_connecting_again_never_shrink(load: Load) -> None:
    config = load("", "BASE_BACKOFF=0.5")
    assert config.venue("binance").base_backoff == 1.0
    assert any("BASE_BACKOFF" in str(note) for note in config.notes)
