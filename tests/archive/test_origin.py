"""Which stream a record came from is told from its payload, where several streams feed one series."""

from __future__ import annotations

import pytest

from hoga.archive.form.origin import origin_of, streams_of
from hoga.core.streams import Series

TRADE, AGG = b'{"e":"trade","s":"BTCUSDT","t":1}', b'{"e":"aggTrade","s":"BTCUSDT","a":1}'


@pytest.mark.parametrize(
    ("venue", "symbol", "kind", "names", "payload", "name"),
    [
        ("binance", "BTCUSDT", "execution", ["btcusdt@aggTrade", "btcusdt@trade"], TRADE, "btcusdt@trade"),
        ("binance", "BTCUSDT", "execution", ["btcusdt@aggTrade", "btcusdt@trade"], AGG, "btcusdt@aggTrade"),
        ("binance", "BTCUSDT", "execution", ["btcusdt@trade"], AGG, "btcusdt@trade"),
        ("binance", "BTCUSDT", "orderbook", ["btcusdt@depth20@100ms"], b'{"lastUpdateId":1}', "btcusdt@depth20@100ms"),
        ("binance", "BTCUSDT", "candle", ["btcusdt@kline_1m", "btcusdt@kline_1h"], b'{"e":"kline","k":{"i":"1h"}}', "btcusdt@kline_1h"),
        ("binance", "BTCUSDT", "ticker", ["btcusdt@ticker", "btcusdt@miniTicker"], b'{"e":"24hrMiniTicker"}', "btcusdt@miniTicker"),
        ("binance", "BTCUSDT", "ticker", ["btcusdt@miniTicker", "btcusdt@ticker"], b'{"e":"24hrTicker"}', "btcusdt@ticker"),
        ("binance", "BTCUSDT", "ticker-window", ["btcusdt@ticker_1h", "btcusdt@ticker_4h"], b'{"e":"4hTicker"}', "btcusdt@ticker_4h"),
        ("binance-usdm", "BTCUSDT", "delta", ["btcusdt@depth@100ms"], b'{"e":"depthUpdate"}', "btcusdt@depth@100ms"),
        (
            "upbit",
            "KRW-BTC",
            "candle",
            ["KRW-BTC@candle.1s", "KRW-BTC@candle.1m"],
            b'{"type":"candle.1m","code":"KRW-BTC"}',
            "KRW-BTC@candle.1m",
        ),
    ],
)
def test_the_payload_says_which_of_a_series_streams_brought_it(
    venue: str, symbol: str, kind: str, names: list[str], payload: bytes, name: str
) -> None:
    streams = streams_of(Series(venue=venue, symbol=symbol, kind=kind), names)
    assert [stream.name for stream in streams] == names
    assert all(stream.kind == kind for stream in streams)
    assert origin_of(streams)(payload).name == name


def test_a_series_of_which_no_stream_was_written_down_may_have_the_usual_ones() -> None:
    streams = streams_of(Series(venue="binance", symbol="BTCUSDT", kind="execution"))
    assert {stream.channel for stream in streams} == {"aggTrade", "trade"}
    assert origin_of(streams)(TRADE).channel == "trade"
    assert streams_of(Series(venue="elsewhere", symbol="BTCUSDT", kind="execution")) == []
    assert streams_of(Series(venue="binance", symbol="BTCUSDT", kind="nothing")) == []


def test_a_name_that_is_no_channel_any_more_is_passed_over() -> None:
    names = ["btcusdt@gone", "btcusdt@trade"]
    assert [stream.name for stream in streams_of(Series(venue="binance", symbol="BTCUSDT", kind="execution"), names)] == ["btcusdt@trade"]
