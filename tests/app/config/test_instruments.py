"""Sections of one instrument: its limits over its venue's, a strategy's parameters, and what is a mistake there."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.app.config import load_config
from hoga.app.config.keys import KEYS
from hoga.app.config.model import Config, VenueConfig
from hoga.app.config.rooms import limits_of
from hoga.core.errors import ConfigError
from hoga.trading.limits import Limits

Load = Callable[..., Config]

FILE = """
MAX_ORDER_NOTIONAL = 900          # everywhere
[binance-usdm]
MAX_ORDER_NOTIONAL = 700
LEVERAGE = 3
[binance-usdm:ETHUSDT]
MAX_ORDER_NOTIONAL = 250.5
MARGIN_TYPE = isolated
fast = 10
size = "0.010"
[upbit:KRW-BTC]
MAX_DAILY_LOSS = 100000
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def read(text: str, *overrides: str, **environ: str) -> Config:
        path = tmp_path / "hoga.conf"
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides=list(overrides), environ=environ)

    return read


def mistake(load: Load, text: str, *overrides: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides, **environ)
    return str(caught.value).rpartition("/")[2]


def test_an_instruments_own_value_goes_over_its_venues(load: Load) -> None:
    config = load(FILE)
    eth, btc = config.instrument("binance-usdm", "ETHUSDT"), config.instrument("binance-usdm", "BTCUSDT")
    assert (eth.max_order_notional, eth.leverage, eth.margin_type) == (Decimal("250.5"), 3, "isolated")
    assert (btc.max_order_notional, btc.leverage, btc.margin_type) == (Decimal(700), 3, "")
    assert config.instrument("binance", "ETHUSDT").max_order_notional == Decimal(900)
    assert config.instrument("upbit", "KRW-BTC").max_daily_loss == Decimal(100_000)


def test_a_strategys_parameters_are_texts_of_their_instrument(load: Load) -> None:
    config = load(FILE)
    assert config.parameters("binance-usdm", "ETHUSDT") == {"fast": "10", "size": "0.010"}
    assert config.parameters("binance-usdm", "BTCUSDT") == {}


def test_the_environment_and_the_command_line_spell_instruments_too(load: Load) -> None:
    environ = {
        "HOGA_BINANCE_USDM__ETHUSDT__MAX_ORDER_NOTIONAL": "300", "HOGA_UPBIT__KRW_BTC__MAX_DAILY_LOSS": "7",
        "HOGA_BINANCE_USDM__ETHUSDT__fast": "20",
    }  # fmt: skip
    config = load(FILE, **environ)
    assert config.instrument("binance-usdm", "ETHUSDT").max_order_notional == Decimal(300)
    assert config.instrument("upbit", "KRW-BTC").max_daily_loss == Decimal(7)
    assert config.parameters("binance-usdm", "ETHUSDT")["fast"] == "20"
    told = load(FILE, "binance-usdm:ETHUSDT.MAX_ORDER_NOTIONAL=400", "binance-usdm:ETHUSDT.fast=30", **environ)
    assert told.instrument("binance-usdm", "ETHUSDT").max_order_notional == Decimal(400)
    assert told.parameters("binance-usdm", "ETHUSDT")["fast"] == "30"
    assert load(FILE, "MAX_ORDER_NOTIONAL=1").instrument("binance-usdm", "ETHUSDT").max_order_notional == Decimal(1)


def test_it_is_shown_where_each_value_came_from(load: Load) -> None:
    config = load(FILE, HOGA_BINANCE_USDM__ETHUSDT__fast="20")
    shown = {(each.venue, each.key): (each.value, each.origin.rpartition("/")[2]) for each in config.settings}
    assert shown["binance-usdm:ETHUSDT", "MAX_ORDER_NOTIONAL"] == ("250.5", "hoga.conf:7")
    assert shown["binance-usdm:ETHUSDT", "fast"] == ("20", "environment")
    assert shown["binance-usdm:ETHUSDT", "size"] == ("0.010", "hoga.conf:10")
    assert shown["binance-usdm", "MAX_ORDER_NOTIONAL"] == ("700", "hoga.conf:4")
    assert shown["binance-usdm", "MAX_DAILY_LOSS"] == ("500", "default")
    assert ("binance-usdm:ETHUSDT", "LEVERAGE") not in shown


def test_trading_keys_alone_let_nothing_be_recorded(load: Load) -> None:
    assert load("[upbit:KRW-BTC]\nMAX_DAILY_LOSS = 1\n").active_venues == ("binance",)
    assert load("SYMBOLS = BTCUSDT\n", "upbit.LEVERAGE=2").active_venues == ("binance",)


def test_a_file_without_sections_limits_every_venue_and_records_the_classic_one(load: Load) -> None:
    config = load("SYMBOLS = BTCUSDT\nMAX_ORDER_NOTIONAL = 5\nLOG_FORMAT = json\n")
    assert config.active_venues == ("binance",)
    assert {config.venue(name).max_order_notional for name in ("binance", "binance-usdm", "upbit")} == {Decimal(5)}
    assert load("MAX_ORDER_NOTIONAL = 5\n").active_venues == ("binance",)


MISTAKES = [
    ("[binance-usdm:ETHUSDT]\nMAX_ORDER_NOTIONL = 5\n",
     "hoga.conf:2: MAX_ORDER_NOTIONL: found an unknown key, expected a known key, or a parameter of a strategy in small letters; "
     "did you mean MAX_ORDER_NOTIONAL?"),
    ("[binance-usdm:ETHUSDT]\nmax_order_notionl = 5\n", "did you mean MAX_ORDER_NOTIONAL?"),
    ("[binance-usdm:ETHUSDT]\nFast = 5\n", "hoga.conf:2: Fast: found an unknown key"),
    ("[binance-usdm]\nfast = 5\n", "hoga.conf:2: fast: found an unknown key"),
    ("[binance-usdm:ETHUSDT]\nTRADER = me\n",
     "hoga.conf:2: TRADER: found a key that one instrument has none of (binance-usdm:ETHUSDT), expected a key of [binance-usdm]"),
    ("[binance-usdm:ETHUSDT]\nLOG_LEVEL = INFO\n", "expected a key above all sections"),
    ("[binance-usdn:ETHUSDT]\n", "hoga.conf:1: [binance-usdn:ETHUSDT]: found an unknown section"),
    ("[binance-usdm:]\n", "found an unknown section, expected one of binance, binance-usdm, upbit, and behind a colon a symbol"),
    ("[binance-usdm:ETH USDT]\n", "found an unknown section"),
    ("[binance-usdm:ETHUSDT]\nfast = 1\nfast = 2\n", "found a second value (the first is in line 2)"),
    ("MAX_ORDER_NOTIONAL = much\n", "found 'much', expected an amount of money from 0.01 to 1e+15"),
    ("MAX_ORDER_NOTIONAL = nan\n", "expected an amount of money"),
    ("MAX_ORDER_NOTIONAL = -1\n", "expected an amount of money"),
    ("MAX_ORDER_NOTIONAL =\n", "expected an amount of money"),
    ("LEVERAGE = 0\n", "expected a whole number from 1 to 200 (times), or nothing"),
    ("MARGIN_TYPE = both\n", "expected one of cross, isolated, or nothing"),
    ("TRADER = Two Words\n", "expected 1 to 8 small letters and digits, a letter first"),
    ("RISK_PER_TRADE = 101%\n", "expected a number from 0.001 to 100 (%)"),
    ("ON_STOP = sell\n", "expected one of keep, flatten"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_one_line_that_says_what_was_expected(load: Load, text: str, said: str) -> None:
    told = mistake(load, text)
    assert said in told
    assert "\n" not in told


def test_mistakes_of_the_other_sources_are_told_alike(load: Load) -> None:
    assert "found an unknown key" in mistake(load, "", "binance-usdm:ETHUSDT.MAX_ORDER=1")
    assert "expected KEY=VALUE, VENUE.KEY=VALUE or VENUE:SYMBOL.KEY=VALUE" in mistake(load, "", "binance-usdm:.fast=1")
    assert "HOGA_BINANCE_USDM__ETHUSDT__MAX_ORDER: found an unknown key" in mistake(load, "", HOGA_BINANCE_USDM__ETHUSDT__MAX_ORDER="1")
    assert "found an unknown key" in mistake(load, "", HOGA_OTHER__ETHUSDT__fast="1")


def test_percents_may_be_written_so_and_what_is_optional_may_be_left_empty(load: Load) -> None:
    venue = load("RISK_PER_TRADE = 0.5 %\nLEVERAGE =\nMARGIN_TYPE =\n[binance]\n").venue("binance")
    assert (venue.risk_per_trade, venue.leverage, venue.margin_type) == (0.5, None, "")


def test_money_that_nothing_says_is_in_what_the_venue_is_paid_in() -> None:
    config = load_config(None, overrides=[], environ={})
    found = {name: config.venue(name) for name in ("binance", "binance-usdm", "upbit")}
    assert [venue.max_order_notional for venue in found.values()] == [2_000, 2_000, 3_000_000]
    assert [venue.paper_balance for venue in found.values()] == [10_000, 10_000, 15_000_000]
    assert found["upbit"].limit_currencies == ("KRW",)


def test_limits_are_the_instruments(load: Load) -> None:
    config = load(FILE)
    limits = limits_of(config, "binance-usdm:ETHUSDT")
    assert limits is not None
    assert (limits.max_order_notional, limits.leverage, limits.taker_fee_bp) == (Decimal("250.5"), 3, 5.0)
    assert limits_of(config, "nowhere:ETHUSDT") is None


CHANGED: dict[str, tuple[str, object]] = {
    "LIMIT_CURRENCIES": ("BTC,ETH", ("BTC", "ETH")), "SELF_CROSS": ("allow", "allow"), "MARGIN_TYPE": ("cross", "cross"),
    "POSITION_MODE": ("hedge", "hedge"),
}  # fmt: skip


@pytest.mark.parametrize("key", [key for key in KEYS if key.instrument], ids=lambda key: key.name)
def test_every_key_of_an_instrument_reaches_its_limits(key: object) -> None:
    text, value = CHANGED.get(key.name, ("707", 707) if key.name.endswith("_MS") else ("7", 7))  # type: ignore[attr-defined]
    config = load_config(None, overrides=[f"upbit:KRW-BTC.{key.name}={text}"], environ={})  # type: ignore[attr-defined]
    plain = load_config(None, overrides=[], environ={})
    (fill,) = key.fills  # type: ignore[attr-defined]
    assert fill.room is Limits
    assert getattr(limits_of(config, "upbit:KRW-BTC"), fill.field) == value
    assert getattr(limits_of(plain, "upbit:KRW-BTC"), fill.field) != value
    assert limits_of(config, "upbit:KRW-ETH") == limits_of(plain, "upbit:KRW-ETH")


@given(some.text(max_size=60))
def test_no_section_and_no_line_lets_the_reader_fall(text: str) -> None:
    from hoga.app.config.parse import parse_file

    parse_file(f"[upbit:KRW-BTC]\n{text}\n[{text}]\n", where="x", venues=("upbit",), classic_venue="upbit")


def test_instruments_travel_with_the_configuration(load: Load) -> None:
    config = load(FILE)
    moved = config.with_symbols({"binance": ("A",)})
    assert isinstance(moved.instrument("binance-usdm", "ethusdt"), VenueConfig)
    assert moved.parameters("binance-usdm", "ETHUSDT") == {"fast": "10", "size": "0.010"}
    assert load(FILE) == config
    assert load(FILE.replace("fast = 10", "fast = 11")) != config
