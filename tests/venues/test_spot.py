"""Binance spot as data and pure functions: names, frames in every spelling, replies; garbage never raises."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.app.stream_plan import plan_streams
from hoga.core.errors import ConfigError
from hoga.venues.binance import SPOT
from hoga.venues.endpoints import VENUE_DEFAULTS
from hoga.venues.registry import VENUES
from hoga.venues.spec import Answer
from tests.recorder.workbench import agg_trade, book


@pytest.mark.parametrize("name", VENUES)
def test_every_venue_keeps_the_shape(name: str) -> None:
    """One conformance suite over the registry."""
    spec = VENUES[name]
    defaults = VENUE_DEFAULTS[name]
    assert spec.name == name
    for symbol in defaults.symbols:
        for channel in defaults.streams:
            stream = spec.parse_stream(symbol, channel)
            described = spec.channel_of(channel)
            assert (stream.venue, stream.symbol, stream.kind) == (name, symbol, described.kind)
            payload = b'{"x":1}' if spec.wrapped else spec.frame_key(stream) + b',"x":1}'
            data = spec.frame_key(stream) + payload + b"}" if spec.wrapped else payload
            assert spec.split(data) == (stream.name, payload)
            assert spec.route_of(stream) in spec.connect_path(spec.route_of(stream), [stream.name])
            assert spec.answer(data) is None
            assert not spec.is_shutdown_notice(data)
            assert (described.record.first_key is None) == (described.record.last_key is None)
            assert described.record.last_key is not None or not described.record.contiguous
            assert described.silence_floor_s > 0
    if spec.probe_channel is not None:
        assert spec.channel_of(spec.probe_channel).record.event_key is not None
    assert spec.connect_path("", []) in spec.connect_path("", ["a@b"])


@pytest.mark.parametrize(
    ("channel", "kind", "first", "last", "contiguous"),
    [
        ("depth20@100ms", "orderbook", "lastUpdateId", "lastUpdateId", False),
        ("depth5", "orderbook5", "lastUpdateId", "lastUpdateId", False),
        ("depth@100ms", "delta", "U", "u", True),
        ("aggTrade", "execution", "a", "a", True),
        ("trade", "execution", "t", "t", True),
        ("bookTicker", "quote", "u", "u", False),
        ("kline_1m", "candle", None, None, False),
        ("kline_1d@+08:00", "candle", None, None, False),
        ("ticker_4h", "ticker-window", None, None, False),
        ("avgPrice", "average", None, None, False),
    ],
)
def test_channels(channel: str, kind: str, first: str | None, last: str | None, contiguous: bool) -> None:
    described = SPOT.channel_of(channel)
    assert (described.kind, described.record.first_key, described.record.last_key, described.record.contiguous) == (
        kind,
        first,
        last,
        contiguous,
    )


@pytest.mark.parametrize("channel", ["", "depth30", "depth20@50ms", "aggtrade", "kline_7m", "depth20@100ms ", "trade@x"])
def test_channels_that_are_acked_and_silent_for_ever_are_refused(channel: str) -> None:
    with pytest.raises(ValueError, match="unknown stream"):
        SPOT.channel_of(channel)


@pytest.mark.parametrize("symbol", ["", "BTC/USDT", "BTC USDT", "a@b", "a,b", "a?b", "a&b", "a#b"])
def test_symbols_that_cannot_be_one_are_refused(symbol: str) -> None:
    with pytest.raises(ValueError):
        SPOT.parse_stream(symbol, "trade")


def test_names_are_lower_case_and_survive_the_url() -> None:
    stream = SPOT.parse_stream("币安人生usdt", "aggTrade")
    assert (stream.symbol, stream.name) == ("币安人生USDT", "币安人生usdt@aggTrade")
    path = SPOT.connect_path("", [stream.name, "btcusdt@kline_1d@+08:00"])
    assert path.isascii()
    assert unquote(path) == "/stream?streams=币安人生usdt@aggTrade/btcusdt@kline_1d@+08:00"
    assert json.loads(SPOT.subscribe([stream.name], 7)) == {"method": "SUBSCRIBE", "params": [stream.name], "id": 7}
    assert json.loads(SPOT.unsubscribe([stream.name], 8))["method"] == "UNSUBSCRIBE"


PAYLOADS = [book(1), agg_trade(2), b'{ "a" : 1 }', b'{"a":"}}"}', '{"s":"币"}'.encode()]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "spelling",
    [
        b'{"stream":"%b","data":%b}',
        b'{ "stream" : "%b" , "data" : %b }',
        b'\n{"stream":"%b",\r\n"data":%b\n}\n',
        b'{"stream":"%b","data":%b,"more":{"x":1}}',
        b'{"stream":"%b","data":%b,"more":1}',
        b'{"more":[1],"stream":"%b","data":%b}',
    ],
)
def test_a_frame_is_split_in_any_spelling_and_its_payload_left_as_it_is(spelling: bytes, payload: bytes) -> None:
    assert SPOT.split(spelling % (b"btcusdt@trade", payload)) == ("btcusdt@trade", payload)


def test_escaped_names_are_read() -> None:
    assert SPOT.split(b'{"stream":"btcusdt\\u0040trade","data":{"a":1}}') == ("btcusdt@trade", b'{"a":1}')
    assert SPOT.split(b'{"data":{"a":1},"stream":"x"}') == ("x", b'{"a":1}')


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"}{ not json",
        b"\xff\x00",
        b"null",
        b'{"stream":"x"}',
        b'{"data":{"a":1}}',
        b'{"stream":"x","data":[1]}',
        b'{"stream":"x","data":1}',
        b'{"stream":"x","data":{}}',
        b'{"stream":5,"data":{"a":1}}',
        b'{"stream":"x","data":{"a":1}',
        b'{"stream":"x","data":{"a":1}}}',
        b'{"stream":"x","data":{"a":1}}{"stream":"x","data":{"a":1}}',
        b'{"stream":"x","data":{"a":"\xff"}}',
        b"[" * 5000,
    ],
)
def test_what_is_no_data_frame_is_none(frame: bytes) -> None:
    assert SPOT.split(frame) is None


@given(st.binary(max_size=80))
def test_garbage_never_raises(data: bytes) -> None:
    for text in (data, b'{"stream":"' + data, b'{"stream":"x","data":' + data + b"}", b'{"id":1,"result":' + data + b"}"):
        SPOT.split(text)
        SPOT.answer(text)
        SPOT.is_shutdown_notice(text)


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b'{"result":null,"id":1}', Answer(1)),
        (b'{"result":null,"id":"17"}', Answer(17)),
        (b'{"result":null,"error":null,"id":1}', Answer(1)),
        (b'{"result":["a@b"],"id":"x"}', Answer(None, names=frozenset({"a@b"}))),
        (b'{"result":false,"id":4}', Answer(4, "an odd answer: false")),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":20}', Answer(20, '{"code":2,"msg":"Invalid request"}')),
        (b'{"code":3,"msg":"Invalid JSON","id":null}', Answer(None, "3 Invalid JSON")),
        (b'{"stream":"x","data":{"a":1}}', None),
        (b'{"result":null}', None),
        (b"garbage", None),
    ],
)
def test_answers_in_both_forms(frame: bytes, answer: Answer | None) -> None:
    assert SPOT.answer(frame) == answer


@pytest.mark.parametrize(
    ("frame", "notice"),
    [
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', True),
        (b'{"e":"serverShutdown","E":1770123456789}', True),
        (b'{"stream":"x","data":{"a":1}}', False),
    ],
)
def test_the_announced_end(frame: bytes, notice: bool) -> None:
    assert SPOT.is_shutdown_notice(frame) is notice


def test_rest_replies() -> None:
    assert SPOT.server_time_ms(b'{"serverTime":1790134512331}') == 1790134512331
    listed = SPOT.instruments(b'{"timezone":"UTC","symbols":[{"symbol":"A","status":"BREAK","x":1},{"symbol":"B"}]}')
    assert {each.symbol: each.said for each in listed} == {
        "A": "BREAK",
        "B": "TRADING",
    }


def test_captured_frames_are_what_they_say(captures: Path) -> None:
    seen = {}
    for line in (captures / "binance-spot" / "frames_20260923.jsonl").read_bytes().splitlines():
        noted = json.loads(line)
        if noted["direction"] == "server" and isinstance(noted["raw"], str):
            text = noted["raw"].encode()
            seen[noted["id"]] = (SPOT.split(text) is not None, SPOT.answer(text), SPOT.is_shutdown_notice(text))
    assert seen["ack"] == (False, Answer(1), False)
    assert seen["diff-depth"] == (True, None, False)
    assert len(seen) >= 8


def test_the_plan_names_every_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_streams(SPOT, ("BTCUSDT", "B/C"), ("depth20@100ms", "dept", "trades"), where="[binance]")
    found = [(mistake.key, mistake.nearest) for mistake in caught.value.mistakes]
    assert found == [("STREAMS", "depth"), ("STREAMS", "trade"), ("SYMBOLS", None)]


def test_the_plan_is_each_stream_once() -> None:
    streams = plan_streams(SPOT, ("BTCUSDT", "btcusdt"), ("aggTrade", "trade", "aggTrade"), where="x")
    assert [stream.name for stream in streams] == ["btcusdt@aggTrade", "btcusdt@trade"]
