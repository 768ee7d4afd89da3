"""What every venue's description must keep, and what is particular to each."""

from __future__ import annotations

import ast
import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from hoga.core.market import Book, Delta, Liquidation, MarkPrice, Quote, Side, Ticker, Trade
from hoga.venues.registry import VENUES
from hoga.venues.spec import Answer, VenueSpec

SPOT, USDM, UPBIT = VENUES["binance"], VENUES["binance-usdm"], VENUES["upbit"]
SYMBOL = {"binance": "BTCUSDT", "binance-usdm": "BTCUSDT", "upbit": "KRW-BTC"}


@pytest.fixture(params=list(VENUES.values()), ids=list(VENUES))
def spec(request: pytest.FixtureRequest) -> VenueSpec:
    found: VenueSpec = request.param
    return found


def test_every_type_of_data_has_a_channel_that_decodes(spec: VenueSpec) -> None:
    for data_type, channel in spec.channels.items():
        described = spec.channel_of(channel.replace("{interval}", spec.default_interval))
        assert described.data_type is data_type
        assert described.record.decode is not None


def test_every_example_is_a_stream(spec: VenueSpec) -> None:
    for channel in spec.examples:
        stream = spec.parse_stream(SYMBOL[spec.name], channel)
        assert stream.venue == spec.name
        assert stream.kind == spec.channel_of(channel).kind


def test_what_is_no_channel_or_symbol_says_so(spec: VenueSpec) -> None:
    with pytest.raises(ValueError, match="expected one like"):
        spec.parse_stream(SYMBOL[spec.name], "nonsense")
    with pytest.raises(ValueError, match="cannot be a symbol"):
        spec.parse_stream("a/b", spec.examples[0])
    assert spec.is_symbol(SYMBOL[spec.name])
    assert not spec.is_symbol(SYMBOL[spec.name].lower())


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"stream":1}', b'{"type":"trade"}', b"{}" * 100])
def test_garbage_is_no_data_frame_and_never_raises(spec: VenueSpec, garbage: bytes) -> None:
    assert spec.split(garbage) is None
    spec.answer(garbage)


@pytest.mark.parametrize("key", ["result", "error", "data", "x", "status", "method"])
@pytest.mark.parametrize("deep", [b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000], ids=["lists", "objects"])
def test_what_is_nested_too_deeply_is_no_frame_and_never_raises(spec: VenueSpec, deep: bytes, key: str) -> None:
    for each in (spec, spec.compact or spec):
        _check_depth(each, deep, key)


def _check_depth(spec: VenueSpec, deep: bytes, key: str) -> None:
    stream = spec.parse_stream(SYMBOL[spec.name], spec.channels[next(iter(spec.channels))].replace("{interval}", spec.default_interval))
    begin = spec.frame_key(stream)
    frame = begin + (b'{"x":%b}}' % deep if spec.wrapped else b',"x":%b}' % deep)
    assert spec.split(frame) is None
    odds = [frame, deep, b'{"mthd":"LIST_SUBSCRIPTIONS","rslt":%b}' % deep]
    for odd in (*odds, b'{"%b":%b}' % (key.encode(), deep), b'{"id":1,"status":"UP","%b":%b}' % (key.encode(), deep)):
        assert spec.split(odd) is None
        spec.answer(odd)


def test_a_frame_begins_as_its_stream_says(spec: VenueSpec) -> None:
    stream = spec.parse_stream(SYMBOL[spec.name], spec.channels[next(iter(spec.channels))].replace("{interval}", spec.default_interval))
    key = spec.frame_key(stream)
    frame = key + (b'{"a":1}}' if spec.wrapped else b',"timestamp":1}')
    assert frame[: frame.find(spec.key.until, spec.key.start)] == key
    split = spec.split(frame)
    assert split is not None
    assert split[0] == stream.name


@pytest.mark.parametrize(
    "channel, route",
    [("depth@100ms", "public"), ("depth20@100ms", "public"), ("bookTicker", "public"), ("aggTrade", "market"),
     ("markPrice@1s", "market"), ("forceOrder", "market"), ("kline_1m", "market"), ("ticker", "market"), ("miniTicker", "market")],
)  # fmt: skip
def test_futures_streams_live_on_their_routes(channel: str, route: str) -> None:
    stream = USDM.parse_stream("BTCUSDT", channel)
    assert USDM.route_of(stream) == route
    assert USDM.connect_path(route, [stream.name]) == f"/{route}/stream?streams=btcusdt@{channel}"


def test_a_futures_delta_is_chained_by_the_id_before_it() -> None:
    facts = USDM.channel_of("depth@100ms").record
    assert (facts.first_key, facts.previous_key, facts.last_key, facts.contiguous) == ("U", "pu", "u", True)


def test_upbit_asks_for_everything_in_one_message_and_snapshots_only_of_what_is_new() -> None:
    assert UPBIT.replace is not None
    names = ["KRW-BTC@orderbook", "KRW-ETH@orderbook", "KRW-BTC@trade"]
    request = json.loads(UPBIT.replace(["KRW-XRP@orderbook"], names, 7))
    assert request == [
        {"ticket": "hoga-7"},
        {"type": "orderbook", "codes": ["KRW-BTC", "KRW-ETH"], "is_only_realtime": True},
        {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "orderbook", "codes": ["KRW-XRP"]},
        {"format": "DEFAULT"},
    ]


def test_upbit_books_of_another_depth_or_level_have_a_connection_of_their_own() -> None:
    routes = {
        UPBIT.route_of(UPBIT.parse_stream("KRW-BTC", channel)) for channel in ("orderbook", "orderbook.5", "orderbook:10000", "trade")
    }
    assert routes == {"", "orderbook.5", "orderbook:10000"}
    request = json.loads(UPBIT.subscribe(["KRW-BTC@orderbook.5", "KRW-BTC@orderbook:10000"], 1))
    assert request[1:3] == [{"type": "orderbook", "codes": ["KRW-BTC.5"]}, {"type": "orderbook", "codes": ["KRW-BTC"], "level": 10000}]


def test_upbit_says_what_it_complains_of() -> None:
    assert UPBIT.answer(b'{"status":"UP"}') == Answer()
    refused = UPBIT.answer(b'{"error":{"name":"NO_TICKET","message":"x"}}')
    assert refused is not None
    assert "NO_TICKET" in refused.complaint
    assert UPBIT.answer(b'{"type":"trade","code":"KRW-BTC"}') is None


def test_every_captured_upbit_frame_is_told_and_decoded(captures: Path) -> None:
    told = 0
    from hoga.venues.upbit import SimpleFormatConverter

    with gzip.open(captures / "upbit" / "cf_20210405.raw.gz", "rt") as lines:
        simple = [ast.literal_eval("b'" + line.partition(": b'")[2].strip()) for line in lines if ": b'" in line]
    frames = [SimpleFormatConverter.to_default(frame) for frame in simple]
    frames += [line.encode() for line in (captures / "upbit" / "ticker_20250714_part1.jsonl").read_text().splitlines()]
    for frame in frames:
        split = UPBIT.split(frame)
        assert split is not None
        symbol, _, channel = split[0].partition("@")
        stream = UPBIT.parse_stream(symbol, channel)
        if b": " not in frame[:10]:
            assert frame[: frame.find(UPBIT.key.until, UPBIT.key.start)] == UPBIT.frame_key(stream)
        decode = UPBIT.channel_of(channel).record.decode
        assert decode is not None
        body = decode(split[1])
        assert isinstance(body, Book | Trade | Ticker)
        if isinstance(body, Book):
            assert [level[0] for level in body.asks] == sorted(level[0] for level in body.asks)
            assert body.bids[0][0] < body.asks[0][0]
        told += 1
    assert told == 1061 + 672 + 228


def test_exponents_are_exact() -> None:
    frame = (
        b'{"type":"orderbook","code":"KRW-BTC","timestamp":1,"orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,'
        b'"ask_size":0.00077720,"bid_size":7.9276E-4},{"ask_price":0,"bid_price":0.0,"ask_size":0,"bid_size":0.0}],"level":0}'
    )
    decode = UPBIT.channel_of("orderbook").record.decode
    assert decode is not None
    book = decode(frame)
    assert isinstance(book, Book)
    assert book.asks == ((Decimal(116539000), Decimal("0.0007772")),)
    assert book.bids == ((Decimal(116538000), Decimal("0.00079276")),)


def test_every_captured_futures_frame_is_told_and_decoded(captures: Path) -> None:
    kinds: dict[str, int] = {}
    with gzip.open(captures / "binance-usdm" / "cf_20210722_ws.raw.gz", "rt") as lines:
        for line in lines:
            _, found, text = line.strip().partition(': {"stream"')
            if not found:
                continue
            split = USDM.split(('{"stream"' + text).encode())
            assert split is not None
            symbol, _, channel = split[0].partition("@")
            decode = USDM.channel_of(channel).record.decode
            assert decode is not None
            assert isinstance(decode(split[1]), Delta | Quote | Trade) or channel.startswith("kline")
            assert USDM.parse_stream(symbol.upper(), channel).name == split[0]
            kinds[channel] = kinds.get(channel, 0) + 1
    assert kinds == {"depth@100ms": 764, "bookTicker": 613, "aggTrade": 91, "kline_1m": 67}


def test_the_newer_futures_payloads() -> None:
    mark = USDM.channel_of("markPrice@1s").record.decode
    force = USDM.channel_of("forceOrder").record.decode
    depth = USDM.channel_of("depth20@100ms").record.decode
    assert mark is not None
    assert force is not None
    assert depth is not None
    price = mark(
        b'{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"76910.1","ap":"1","P":"2","i":"76933.0","r":"0.00010000","T":1790784000000,"st":1}'
    )
    assert isinstance(price, MarkPrice)
    assert price.funding_rate == Decimal("0.0001")
    none = mark(b'{"E":1,"p":"1","i":"1","r":"","T":0}')
    assert isinstance(none, MarkPrice)
    assert (none.funding_rate, none.next_funding_ns) == (None, None)
    forced = force(b'{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","q":"0.014","p":"76500.00","ap":"76820.10","st":1}}')
    assert isinstance(forced, Liquidation)
    assert forced.side is Side.SELL
    book = depth(b'{"E":1,"T":1,"U":1,"u":9,"pu":0,"b":[["1.0","2"],["1.5","3"]],"a":[["2.5","1"],["2.0","1"]],"st":1}')
    assert isinstance(book, Book)
    assert [level[0] for level in book.bids] == [Decimal("1.5"), Decimal("1.0")]
    assert [level[0] for level in book.asks] == [Decimal("2.0"), Decimal("2.5")]
    assert SPOT.book is not None
