"""What other recorders wrote becomes frames: payloads to the byte, times exact, everything else nothing."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.captures.frames import (
    Frame,
    Reply,
    parse_cryptofeed,
    parse_hft,
    parse_noted,
    parse_plain,
    parser_for,
    read_csv,
    read_whole,
)
from hoga.captures.items import items

COMBINED = b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255208,"t":1}}'
PAYLOAD = b'{"e":"trade","E":1723161255208,"t":1}'


class TestLines:
    def test_hft_keeps_time_text_and_payload(self) -> None:
        assert parse_hft(b"1723161253937085768 " + COMBINED + b"\n") == Frame(1723161253937085768, "btcusdt@trade", PAYLOAD, COMBINED)

    def test_a_snapshot_among_hft_lines_is_a_reply(self) -> None:
        item = parse_hft(b'1723161254206652067 {"lastUpdateId":5,"bids":[],"asks":[]}\n')
        assert item == Reply(1723161254206652067, "depth", None, b'{"lastUpdateId":5,"bids":[],"asks":[]}')

    def test_cryptofeed_times_are_exact(self) -> None:
        item = parse_cryptofeed(b"1617647603.4249449: " + COMBINED)
        assert item == Frame(1617647603424944900, "btcusdt@trade", PAYLOAD, COMBINED)

    def test_cryptofeed_rest_replies_name_their_symbol(self) -> None:
        item = parse_cryptofeed(b'https://www.binance.com/api/v1/depth?symbol=ZILUSDT&limit=1000 -> 1617647603.8: {"lastUpdateId":1}\n')
        assert item == Reply(1617647603800000000, "depth", "ZILUSDT", b'{"lastUpdateId":1}')

    @pytest.mark.parametrize(
        "line",
        [
            b"configuration: {}",
            b"wss://x/stream?streams=a <-> 1617647603.1",
            b"wss://x <- 1617647603.1: {}",
            b"",
            b"https://x/time -> 1.5: {}",
        ],
    )
    def test_other_cryptofeed_lines_are_nothing(self, line: bytes) -> None:
        assert parse_cryptofeed(line) is None

    def test_a_plain_message_takes_its_event_time(self) -> None:
        assert parse_plain(COMBINED) == Frame(1723161255208000000, "btcusdt@trade", PAYLOAD, COMBINED)
        assert parse_plain(b'{"stream":"a@bookTicker","data":{"u":1}}') == Frame(
            None, "a@bookTicker", b'{"u":1}', b'{"stream":"a@bookTicker","data":{"u":1}}'
        )

    def test_noted_frames_count_when_the_server_sent_market_data(self) -> None:
        def noted(direction: str, raw: bytes) -> bytes:
            return json.dumps({"id": "x", "direction": direction, "raw": raw.decode()}).encode()

        assert parse_noted(noted("server", COMBINED)) == Frame(1723161255208000000, "btcusdt@trade", PAYLOAD, COMBINED)
        assert parse_noted(noted("client", COMBINED)) is None
        assert parse_noted(noted("server", b'{"result":null,"id":1}')) is None

    def test_a_pretty_printed_message_keeps_its_bytes(self) -> None:
        text = b'{\n  "stream": "btcusdt@bookTicker",\n  "data": {\n    "u": 11\n  }\n}\n'
        frame = read_whole(text)
        assert isinstance(frame, Frame)
        assert frame.payload == b'{\n    "u": 11\n  }'
        assert frame.whole == text.strip()

    def test_data_before_stream_is_understood(self) -> None:
        frame = parse_plain('{"data":{"s":"币安","u":[1, 2]},"stream":"币@trade"}'.encode())
        assert frame == Frame(
            None, "币@trade", '{"s":"币安","u":[1, 2]}'.encode(), '{"data":{"s":"币安","u":[1, 2]},"stream":"币@trade"}'.encode()
        )

    def test_csv_rows_get_their_streams_names(self) -> None:
        lines = [
            "recv_tsec,recv_tnsec,venue,stream_kind,shard_id,conn_epoch,conn_seq,symbol,payload_json\n",
            '1,5,spot,depth5,0,0,1,BTCUSDT,"{""lastUpdateId"":1}"\n',
            '1,6,spot,depth_diff,0,0,2,BTCUSDT,"{""u"":2}"\n',
            "torn,row\n",
            '1,7,spot,trade,0,0,3,BTCUSDT,"{""t"":3}"\n',
        ]
        assert list(read_csv(lines)) == [
            Frame(1_000_000_005, "btcusdt@depth5@100ms", b'{"lastUpdateId":1}', None),
            Frame(1_000_000_006, "btcusdt@depth@100ms", b'{"u":2}', None),
            Frame(1_000_000_007, "btcusdt@trade", b'{"t":3}', None),
        ]

    @given(st.binary(max_size=120))
    def test_garbage_never_raises(self, line: bytes) -> None:
        parser_for(line)
        for parse in (parse_hft, parse_cryptofeed, parse_plain, parse_noted, read_whole):
            parse(line)


class TestItems:
    def test_lines_of_a_capture_are_read_one_by_one_and_empty_ones_before_them_passed_over(self) -> None:
        stream = io.BytesIO(b"\n\n1723161253937085768 " + COMBINED + b"\nnoise\n1723161253937085769 " + COMBINED + b"\n")
        assert [item.time_ns for item in items("x.gz", stream)] == [1723161253937085768, 1723161253937085769]

    def test_a_table_is_known_by_its_name(self) -> None:
        text = b'recv_tsec,recv_tnsec,stream_kind,symbol,payload_json\n1,5,trade,BTCUSDT,"{""t"":3}"\n'
        assert list(items("a.csv.gz", io.BytesIO(text))) == [Frame(1_000_000_005, "btcusdt@trade", b'{"t":3}', None)]
        assert list(items("a.txt", io.BytesIO(text))) == []

    def test_a_file_that_is_one_message_is_one_frame(self) -> None:
        text = b'{\n "stream": "btcusdt@trade",\n "data": {"t": 1}}\n'
        assert [item.payload for item in items("a.json", io.BytesIO(text)) if isinstance(item, Frame)] == [b'{"t": 1}']

    @given(st.binary(max_size=200))
    def test_garbage_is_nothing(self, text: bytes) -> None:
        list(items("a", io.BytesIO(text)))
