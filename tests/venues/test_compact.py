"""Upbit in SIMPLE spelling: asked for, told apart, read as usual."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from hoga.core.market import DataType
from hoga.hub.events import OrderbookEvent, TickerEvent, TradeEvent, make_event
from hoga.venues.formats import SimpleFormatConverter
from hoga.venues.registry import VENUES
from tests.hub.test_events import BOOK, TICKER, TRADE

UPBIT = VENUES["upbit"]
assert UPBIT.compact is not None
COMPACT = UPBIT.compact
FRAMES: list[tuple[str, DataType, bytes]] = [
    ("ticker", DataType.TICKER, TICKER), ("trade", DataType.TRADE, TRADE), ("orderbook", DataType.ORDERBOOK, BOOK),
]  # fmt: skip


@pytest.mark.parametrize(("channel", "data_type", "frame"), FRAMES)
def test_a_frame_says_whose_it_is_and_reads_as_usual(channel: str, data_type: DataType, frame: bytes) -> None:
    short = SimpleFormatConverter.to_simple(frame)
    assert len(short) < len(frame) * 0.8
    stream = COMPACT.parse_stream("KRW-BTC", channel)
    mark = short.find(COMPACT.key.until, COMPACT.key.start)
    assert short[:mark] == COMPACT.frame_key(stream)
    assert COMPACT.split(short) == (f"KRW-BTC@{channel}", short)
    assert COMPACT.split(frame) is None
    assert COMPACT.answer(short) is None
    usual, told = make_event("upbit", "KRW-BTC", data_type, frame), make_event("upbit", "KRW-BTC", data_type, short)
    assert told.body == usual.body
    assert told.raw() == usual.raw()
    assert told.stream_type == usual.stream_type
    assert told.payload == short


@pytest.mark.parametrize("symbol", ["KRW-W", "KRW-BTC", "USDT-1INCH", "BTC-ABCDEFGH"])
@pytest.mark.parametrize("channel", ["ticker", "trade", "orderbook", "orderbook.5", "candle.1s", "candle.240m"])
def test_every_stream_s_key_ends_where_it_should(symbol: str, channel: str) -> None:
    stream = COMPACT.parse_stream(symbol, channel)
    kind = "orderbook" if channel.startswith("orderbook") else channel
    frame = f'{{"ty":"{kind}","cd":"{symbol}","tms":1,"st":"REALTIME"}}'.encode()
    assert frame[: frame.find(COMPACT.key.until, COMPACT.key.start)] == COMPACT.frame_key(stream)


def test_requests_ask_for_it() -> None:
    for request in (
        COMPACT.subscribe(["KRW-BTC@trade"], 1),
        cast("Any", COMPACT.replace)(["KRW-BTC@trade"], [], 1),
        cast("Any", COMPACT.listing)(1),
    ):
        assert msgspec.json.decode(request)[-1] == {"format": "SIMPLE"}
    assert msgspec.json.decode(UPBIT.subscribe(["KRW-BTC@trade"], 1))[-1] == {"format": "DEFAULT"}


def test_ids_and_times_are_found_under_their_short_names() -> None:
    for channel in ("ticker", "trade", "orderbook", "candle.1m"):
        usual, short = UPBIT.channel_of(channel), COMPACT.channel_of(channel)
        assert (short.record.event_key, usual.record.event_key) == ("tms", "timestamp")
        assert (short.kind, short.data_type) == (usual.kind, usual.data_type)
    assert COMPACT.channel_of("trade").record.last_key == "sid"


def test_what_is_broken_is_a_fault_of_the_venue() -> None:
    from hoga.core.errors import WireFault

    for payload in (b'{"ty":"trade"', b'{"ty":"trade","cd":"KRW-BTC"}', b'{"ty":"trade","trade_price":1}'):
        event = make_event("upbit", "KRW-BTC", "trade", payload)
        with pytest.raises(WireFault):
            cast("TradeEvent", event).price  # noqa: B018


def test_numbers_keep_their_digits() -> None:
    event = cast("TickerEvent", make_event("upbit", "KRW-BTC", "ticker", SimpleFormatConverter.to_simple(TICKER)))
    assert event.acc_trade_price == Decimal("4596871205.797009")
    book = cast("OrderbookEvent", make_event("upbit", "KRW-BTC", "orderbook", SimpleFormatConverter.to_simple(BOOK)))
    assert book.total_ask_size == Decimal("2.51469375")
