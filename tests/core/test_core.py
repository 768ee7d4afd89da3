"""The vocabulary: times, errors, the ledger's words, JSON that is left as it is."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core import errors
from hoga.core.errors import ConfigError, ConfigMistake, HandshakeRefused, HogaError, SegmentCorrupt
from hoga.core.jsontext import TopInteger, is_object
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.times import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    day_of,
    day_start_ns,
    iso_of,
    minute_floor_ns,
    minute_of,
    next_day,
    parse_time_ns,
)

NS = st.integers(0, 4_000_000_000 * SECOND_NS)
INTERVALS = st.sampled_from([1, 2, 5, 15, 60, 240, 720, 1440])


@given(NS)
def test_days_and_minutes_agree_with_the_calendar(ns: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // SECOND_NS)
    assert day_of(ns) == f"{moment:%Y-%m-%d}"
    assert minute_of(ns) == f"{moment:%H-%M}"
    assert iso_of(ns)[:19] == f"{moment:%Y-%m-%dT%H:%M:%S}"
    assert day_start_ns(day_of(ns)) <= ns < day_start_ns(next_day(day_of(ns)))


@given(NS, INTERVALS)
def test_an_interval_begins_at_or_before_within_its_day(ns: int, interval_min: int) -> None:
    floor = minute_floor_ns(ns, interval_min=interval_min)
    assert floor <= ns < floor + interval_min * MINUTE_NS
    assert day_of(floor) == day_of(ns)
    assert (floor - day_start_ns(day_of(ns))) % (interval_min * MINUTE_NS) == 0


def test_leap_days_and_years_end() -> None:
    assert next_day("2024-02-28") == "2024-02-29"
    assert next_day("2025-12-31") == "2026-01-01"
    assert day_start_ns("1970-01-02") == DAY_NS
    with pytest.raises(ValueError):
        day_start_ns("2025-02-29")


SPELLINGS = ["2026-11-20T03:00:00Z", "2026-11-20T03:00:00", "2026-11-20 12:00:00+09:00"]
SPELLINGS += ["1795143600", "1795143600000", "1795143600000000", "1795143600000000000"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_time_in_any_spelling(text: str) -> None:
    assert parse_time_ns(f" {text} ") == 1_795_143_600 * SECOND_NS


def test_a_day_is_its_midnight() -> None:
    assert parse_time_ns("2026-11-20") == day_start_ns("2026-11-20")
    assert parse_time_ns("2026-11-20T00:00:00.000001") == day_start_ns("2026-11-20") + 1_000


@pytest.mark.parametrize("text", ["", "yesterday", "12345", "2026-13-01", "2026-11-20T25:00"])
def test_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time_ns(text)


MISTAKES = [
    ConfigMistake("hoga.conf", 3, "SYMBOL", "'BTC'", "a known key", "SYMBOLS"),
    ConfigMistake("env", None, "PORTS", "x", "ports"),
]
RAISED = [
    errors.ConnectFailed("c", "why", epoch=2, hint="do this"),
    HandshakeRefused("c", 429, epoch=1, retry_after_s=2.5),
    errors.RateLimited("binance", status=418, retry_after_s=120),
    errors.Refused("binance", code=-1121, reason="Invalid symbol."),
    errors.WireFault("binance", "no object"),
    errors.ProtocolMisuse("twice"),
    SegmentCorrupt("a.zip", "bent", offset=7),
    errors.ManifestMismatch(Path("a.json"), "differs"),
    errors.DiskFull("a", "no space", hint="free some"),
    errors.ArchiveBusy("a", "busy"),
    ConfigError(MISTAKES),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_errors_cross_processes_with_all_they_know(error: HogaError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.__dict__ == error.__dict__
    assert str(again) == str(error)
    assert isinstance(again, HogaError)


def test_every_error_is_in_the_tree_and_in_its_picture() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, HogaError)
            assert name in (errors.__doc__ or "")


def test_texts_say_where_what_and_what_next() -> None:
    assert str(RAISED[0]) == "c epoch 2: why (do this)"
    assert str(SegmentCorrupt("a.zip", "bent", offset=7)) == "a.zip: bent at offset 7"
    assert str(RAISED[-1]).splitlines() == [
        "hoga.conf:3: SYMBOL: found 'BTC', expected a known key; did you mean SYMBOLS?",
        "env: PORTS: found x, expected ports",
    ]


def test_what_may_work_later_says_so() -> None:
    assert {type(error).__name__ for error in RAISED if error.transient} == {
        "ConnectFailed",
        "DiskFull",
        "HandshakeRefused",
        "RateLimited",
    }


def test_the_ledgers_words_are_those_of_the_contract() -> None:
    told = "disconnect latency-gate backpressure disk-full crash shutdown silence sequence-gap clock-step malformed"
    assert {reason.value for reason in Reason} == set(told.split())
    assert {reason.value for reason in COUNTED} == {"latency-gate", "backpressure", "disk-full", "malformed"}
    gap = Gap(1, 2, Reason.CRASH, None)
    assert msgspec.json.decode(msgspec.json.encode(gap), type=Gap) == gap
    assert msgspec.json.decode(msgspec.json.encode(gap)) == {"from_ns": 1, "to_ns": 2, "reason": "crash", "missed": None}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (b'{"a":1}', True),
        (b'{ "a" : [1, {"b": null}] }', True),
        ('{"심볼":"币安"}'.encode(), True),
        (b"{}", False),
        (b"{ \n }", False),
        (b"[1]", False),
        (b'"a"', False),
        (b"", False),
        (b'{"a":1}}', False),
        (b'{"a":1}{"b":2}', False),
        (b'{"a":1,}', False),
        (b'{"a":"\x01"}', False),
        (b'{"a":"\xff"}', False),
        (b' {"a":1}', False),
        (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", False),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, False),
    ],
)
def test_an_object_is_told_from_everything_else(text: bytes, verdict: bool) -> None:
    assert is_object(text) is verdict


def test_what_is_nested_too_deeply_has_no_number() -> None:
    assert TopInteger("a").value(b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b',"a":1}') is None


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10)


@given(st.dictionaries(st.text(max_size=5), PLAIN | st.lists(PLAIN, max_size=3), min_size=1, max_size=4))
def test_whatever_json_writes_is_an_object(value: dict[str, object]) -> None:
    assert is_object(json.dumps(value).encode())
    assert is_object(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60))
def test_garbage_never_raises(text: bytes) -> None:
    if is_object(text):
        assert isinstance(json.loads(text), dict)


def test_a_gap_of_an_older_ledger_is_read_and_what_is_not_known_is_not_written() -> None:
    old = b'{"from_ns":1,"to_ns":2,"reason":"disconnect","missed":null}'
    gap = msgspec.json.decode(old, type=Gap)
    assert (gap.conn, gap.since_ns) == (None, None)
    assert msgspec.json.encode(gap) == old
    piece = Gap(2, 3, Reason.LATENCY_GATE, 7, conn="binance-1", since_ns=1)
    assert msgspec.json.decode(msgspec.json.encode(piece), type=Gap) == piece
