"""SIMPLE ↔ DEFAULT: exact on every captured frame, in both directions, for every type."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.venues.upbit.simple import _KEYS, SimpleFormatConverter

to_simple, to_default = SimpleFormatConverter.to_simple, SimpleFormatConverter.to_default


def captured(folder: Path) -> Iterator[bytes]:
    upbit = folder / "upbit"
    with gzip.open(upbit / "cf_20210405.raw.gz", "rt") as lines:
        for line in lines:
            _, found, text = line.partition(": b'")
            if found:
                yield ast.literal_eval("b'" + text.strip())
    yield from (line.encode() for line in (upbit / "ticker_20250714_part1.jsonl").read_text().splitlines())
    for line in (upbit / "frames_20260923.jsonl").read_text().splitlines():
        frame = json.loads(line)
        if frame["direction"] == "server":
            yield frame["raw"].encode()
    for path in sorted((upbit / "fixtures").glob("Subscriptions_*.txt")):
        yield from (part.strip().encode() for part in path.read_text().split("=")[1:] if part.strip().startswith("{"))


def test_every_captured_frame_comes_back_byte_for_byte(captures: Path) -> None:
    simple = default = other = 0
    for frame in captured(captures):
        try:
            is_simple = SimpleFormatConverter.is_simple(frame)
        except ValueError:
            continue
        if is_simple:
            simple += 1
            assert to_simple(to_default(frame)) == frame
            assert to_default(frame) != frame
        elif b'"type"' in frame:
            default += 1
            assert to_default(to_simple(frame)) == frame
            assert len(to_simple(frame)) < len(frame)
        else:
            other += 1
            assert to_simple(frame) == to_default(frame) == frame
    assert simple > 1_700
    assert default > 228
    assert other >= 8


def test_objects_convert_as_bytes_do(captures: Path) -> None:
    for frame in captured(captures):
        try:
            data = json.loads(frame, parse_float=Decimal)
            back = to_default(frame) if SimpleFormatConverter.is_simple(frame) else to_simple(frame)
        except ValueError:
            continue
        convert = SimpleFormatConverter.convert_from_simple_format if "ty" in data else SimpleFormatConverter.convert_to_simple_format
        assert convert(data) == json.loads(back, parse_float=Decimal)


@pytest.mark.parametrize("kind", sorted(_KEYS))
def test_no_two_keys_of_one_type_share_a_spelling(kind: str) -> None:
    keys = _KEYS[kind]
    assert len(set(keys.values())) == len(keys)


@pytest.mark.parametrize("kind", sorted(set(_KEYS) - {"LIST_SUBSCRIPTIONS"}))
@given(data=st.data())
def test_any_frame_of_any_type_comes_back(kind: str, data: st.DataObject) -> None:
    name = "candle.5m" if kind == "candle" else kind
    values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just('a":"b'), st.just("[{x}]"))
    frame = {"type": name} | {key: data.draw(values) for key in _KEYS[kind] if key != "type" and data.draw(st.booleans())}
    text = json.dumps(frame, ensure_ascii=data.draw(st.booleans())).encode()
    assert to_default(to_simple(text)) == text
    assert json.loads(to_simple(text)).get("ty") == name
    listed = b" [" + text + b" , " + text + b"]"
    assert to_default(to_simple(listed)) == listed
    assert SimpleFormatConverter.split_list(listed) == [text, text]


def test_number_spelling_survives() -> None:
    frame = b'{"type":"orderbook","code":"KRW-BTC","orderbook_units":[{"ask_price":1.16539E8,"ask_size":0.00077720}]}'
    assert to_simple(frame) == b'{"ty":"orderbook","cd":"KRW-BTC","obu":[{"ap":1.16539E8,"as":0.00077720}]}'


def test_one_key_means_two_things_in_two_types() -> None:
    assert to_default(b'{"ty":"trade","td":"2026-11-20"}') == b'{"type":"trade","trade_date":"2026-11-20"}'
    assert to_default(b'{"ty":"ticker","tdt":"20261120"}') == b'{"type":"ticker","trade_date":"20261120"}'
    assert to_default(b'{"ty":"myOrder","ap":1}') == b'{"type":"myOrder","avg_price":1}'


def test_an_unknown_key_passes_and_an_ambiguous_one_is_refused() -> None:
    assert to_simple(b'{"type":"trade","new_field":1}') == b'{"ty":"trade","new_field":1}'
    with pytest.raises(ValueError, match="'ap' could not be told from 'ask_price'"):
        to_simple(b'{"type":"orderbook","ap":1}')


def test_a_list_of_subscriptions_and_a_sign_of_life() -> None:
    frame = b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"t"}'
    simple = b'{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"orderbook","cds":["KRW-BTC"],"lv":0}],"tckt":"t"}'
    assert to_simple(frame) == simple
    assert to_default(simple) == frame
    assert to_simple(b'{"status":"UP"}') == b'{"status":"UP"}'


def test_keys_inside_a_delisting_date_are_not_ours() -> None:
    frame = b'{"type":"ticker","delisting_date":{"type":1,"code":2},"code":"KRW-X"}'
    assert to_simple(frame) == b'{"ty":"ticker","dd":{"type":1,"code":2},"cd":"KRW-X"}'
    assert to_default(to_simple(frame)) == frame


def test_simple_pays_for_large_frames_only() -> None:
    assert SimpleFormatConverter.is_simple_format_beneficial(830)
    assert not SimpleFormatConverter.is_simple_format_beneficial(40)
