"""Latencies are of live events, of times that can be times."""

from __future__ import annotations

import json

import pytest

from hoga.archive.form.lines import LineMaker
from hoga.core.jsontext import TopInteger
from hoga.core.times import MS_NS, SECOND_NS, instant_ns
from hoga.quality.eventtime import EventTime
from hoga.recorder.config import LatencyRules
from hoga.recorder.lateness import Lateness
from hoga.venues.registry import VENUES
from tests.recorder.workbench import NOON_NS, SPOT, agg_trade, frame, stream

UPBIT = VENUES["upbit"]
BOOK = UPBIT.parse_stream("KRW-ONE", "orderbook")
TRADE = stream("BTCUSDT", "aggTrade")
NOON_MS = NOON_NS // MS_NS


class Newest:
    """A stream whose newest frame is set by hand."""

    def __init__(self) -> None:
        self.frame: tuple[int, bytes] = (0, b"")

    def newest(self) -> tuple[int, bytes]:
        return self.frame


def measured(frames: list[tuple[int, bytes]], event_time: EventTime) -> Lateness:
    lateness = Lateness(LatencyRules(sample_min=1), told=lambda *told: None)
    source = Newest()
    lateness.watch("X", source, event_time, lambda data: data)
    for source.frame in frames:
        for _ in lateness.ticking():
            pass
    return lateness


def book(event_ms: int, way: str) -> bytes:
    return f'{{"type":"orderbook","code":"KRW-ONE","timestamp":{event_ms},"orderbook_units":[],"stream_type":"{way}","level":0}}'.encode()


def upbit_time() -> EventTime:
    channel = UPBIT.channel_of("orderbook")
    assert channel.record.event_key is not None
    return EventTime(channel.record.event_key, channel.record.replay_pattern)


def test_a_snapshot_is_no_sample_and_live_events_are() -> None:
    old = [(NOON_NS + at, book(NOON_MS - 20_000, "SNAPSHOT")) for at in range(20)]
    live = [(NOON_NS + at * MS_NS + 1000 * MS_NS, book(NOON_MS + at + 990, "REALTIME")) for at in range(3)]
    lateness = measured([*old, *live], upbit_time())
    assert lateness.median_ns("X") == 10 * MS_NS
    assert not lateness.is_closed("X")
    assert not lateness.skewed()


@pytest.mark.parametrize("channel", ["orderbook", "orderbook.5", "trade", "ticker", "candle.1m"])
def test_every_upbit_channel_knows_a_snapshot(channel: str) -> None:
    mark = UPBIT.channel_of(channel).record.replay_pattern
    assert mark is not None
    for text in (b'{"stream_type":"SNAPSHOT"}', b'{"st" : "SNAPSHOT"}'):
        assert mark.search(text)
    assert not mark.search(b'{"stream_type":"REALTIME"}')


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (NOON_NS // SECOND_NS, NOON_NS // SECOND_NS * SECOND_NS),
        (NOON_MS, NOON_NS),
        (NOON_NS // 1000, NOON_NS),
        (NOON_NS, NOON_NS),
        (0, None),
        (-NOON_MS, None),
        (12_345, None),
        (99_999_999_999_999, None),
        (10**30, None),
    ],
)
def test_the_size_of_a_number_tells_its_unit(number: int, expected: int | None) -> None:
    assert instant_ns(number) == expected


NO_TIMES = [b"-5", b"0", b"17", b'"1795176000000"', b"1795176000.5", b"1.795e12", b"null", b"[]", b"9" * 40, b"99999999999999", b"true"]


@pytest.mark.parametrize("value", NO_TIMES)
def test_what_is_no_time_is_left_out_and_counted(value: bytes) -> None:
    event_time = EventTime("E")
    lateness = measured([(NOON_NS, b'{"E":%b,"a":1}' % value)], event_time)
    assert lateness.median_ns("X") is None
    assert (event_time.odd, event_time.last_odd) == (1, value[:64])


@pytest.mark.parametrize("value", NO_TIMES)
def test_what_is_no_time_is_null_in_the_archive(value: bytes) -> None:
    maker = LineMaker(SPOT, TRADE, conn="binance-1", epoch=1, median_ns=5_000_000, overhead_ns=0)
    payload = agg_trade(7).replace(b"1790134512331", value)
    line = maker.line(NOON_NS, frame(TRADE, payload))
    assert line is not None
    record = json.loads(line)
    assert (record["eventTime"], record["timeSource"]) == (None, "venue")
    assert line.endswith(payload[1:] + b"\n"), "the payload is the venue's own"


@pytest.mark.parametrize("unit_ns", [SECOND_NS, MS_NS, 1000, 1])
def test_a_time_in_any_unit_is_in_the_archive_in_milliseconds(unit_ns: int) -> None:
    maker = LineMaker(SPOT, TRADE, conn="binance-1", epoch=1, median_ns=None, overhead_ns=0)
    line = maker.line(NOON_NS, frame(TRADE, agg_trade(7).replace(b"1790134512331", b"%d" % (NOON_NS // unit_ns))))
    assert line is not None
    assert json.loads(line)["eventTime"] == NOON_MS
    assert measured([(NOON_NS + 3 * MS_NS, b'{"E":%d}' % (NOON_NS // unit_ns))], EventTime("E")).median_ns("X") == 3 * MS_NS


def test_a_time_inside_another_object_is_not_the_events() -> None:
    maker = LineMaker(SPOT, TRADE, conn="binance-1", epoch=1, median_ns=None, overhead_ns=0)
    line = maker.line(NOON_NS, frame(TRADE, b'{"meta":{"E":%d},"a":1}' % (NOON_MS - 99)))
    assert line is not None
    assert json.loads(line)["eventTime"] is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"a":7}', b"7"),
        (b'{ "x" : "y,\\"a\\":3", "a" : 12 , "z":1}', b"12"),
        (b'{"m":{"a":1},"a":2}', b"2"),
        (b'{"m":[{"a":1}],"a":2}', b"2"),
        (b'{"\\u0061":5}', b"5"),
        (b'{"a":1.0}', None),
        (b'{"a":1e3}', None),
        (b'{"a":"1"}', None),
        (b'{"b":1}', None),
        (b'{"m":{"a":1}}', None),
        (b'{"a":', None),
        (b"", None),
    ],
)
def test_the_integer_at_the_top(text: bytes, found: bytes | None) -> None:
    assert TopInteger("a").find(text) == found
    assert TopInteger("a").find(b"xx" + text + b"yy", 2, 2 + len(text)) == found


def test_a_frame_says_of_itself_that_it_is_in_time() -> None:
    lateness = Lateness(LatencyRules(threshold_ms=1000), told=lambda *told: None)
    in_time = lateness.in_time(upbit_time())
    assert in_time(NOON_NS, book(NOON_MS - 900, "REALTIME"))
    assert not in_time(NOON_NS, book(NOON_MS - 1100, "REALTIME"))
    assert not in_time(NOON_NS, book(NOON_MS - 10, "SNAPSHOT")), "nothing says when it was sent"
    lateness.offset_ns = 200 * MS_NS
    assert in_time(NOON_NS, book(NOON_MS - 1100, "REALTIME")), "our clock is ahead"


def test_our_own_share_is_what_frames_of_one_read_are_apart() -> None:
    lateness = Lateness(LatencyRules(), told=lambda *told: None)
    assert lateness.overhead_ns == 0, "nothing was measured yet, and nothing is made up"
    lateness.sample_overhead([NOON_NS, NOON_NS + MS_NS])
    assert lateness.overhead_ns == 0, "two reads"
    lateness.sample_overhead([NOON_NS, NOON_NS + 1_500, NOON_NS + 3_100, NOON_NS + 4_500, NOON_NS + 4 * MS_NS])
    assert lateness.overhead_ns == 1_500
