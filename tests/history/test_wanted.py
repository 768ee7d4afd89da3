"""Columns and typed events are two readings of the same payloads: what the venue's `fields` say is what its `decode` says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hoga.archive.form.wanted import ENVELOPE, shapes_of
from hoga.columns.digits import NONE
from hoga.columns.reading import Reader
from hoga.core.market import Book, Delta, Side
from hoga.history.decoding import arrays_of
from hoga.venues.registry import VENUES
from tests.archive.workshop import envelope

SENT = {
    "binance": {
        "depth20@100ms": b'{"lastUpdateId":7,"bids":[["1.50","2"],["1.40","0.5"]],"asks":[["1.60","3"]]}',
        "depth@100ms": b'{"e":"depthUpdate","E":1795180500098,"s":"A","U":5,"u":7,"b":[["1.50","2"],["1.40","0"]],"a":[["1.60","3"]]}',
        "aggTrade": b'{"e":"aggTrade","E":1795180500098,"s":"A","a":9,"p":"1.5","q":"2.25","f":1,"l":2,"T":1795180500097,"m":true,"M":true}',
        "trade": b'{"e":"trade","E":1795180500098,"s":"A","t":9,"p":"1.5","q":"2.25","T":1795180500097,"m":false,"M":true}',
        "bookTicker": b'{"u":7,"s":"A","b":"1.5","B":"2","a":"1.6","A":"3.5"}',
        "kline_1m": b'{"e":"kline","E":1795180500098,"s":"A","k":{"t":1795180440000,"T":1795180499999,"s":"A","i":"1m","f":1,"L":2,"o":"1.0",'
        b'"c":"1.1","h":"1.2","l":"0.9","v":"10","n":3,"x":true,"q":"11.5","V":"5","Q":"6","B":"0"}}',
        "miniTicker": b'{"e":"24hrMiniTicker","E":1795180500098,"s":"A","c":"1.1","o":"1.0","h":"1.2","l":"0.9","v":"10","q":"11.5"}',
    },
    "binance-usdm": {
        "depth20@100ms": b'{"e":"depthUpdate","E":1795180500098,"T":1795180500097,"s":"A","U":5,"u":7,"pu":4,"b":[["1.5","2"]],"a":[["1.6","3"]]}',
        "depth@100ms": b'{"e":"depthUpdate","E":1795180500098,"T":1795180500097,"s":"A","U":5,"u":7,"pu":4,"b":[],"a":[["1.6","0"]]}',
        "markPrice@1s": b'{"e":"markPriceUpdate","E":1795180500098,"s":"A","p":"1.5","i":"1.4","P":"1.3","r":"-0.0001","T":1795190400000}',
        "forceOrder": b'{"e":"forceOrder","E":1795180500098,"o":{"s":"A","S":"SELL","o":"LIMIT","f":"IOC","q":"2","p":"1.5","ap":"1.4","X":"FILLED",'
        b'"l":"2","z":"2","T":1795180500097}}',
    },
    "upbit": {
        "orderbook": b'{"type":"orderbook","code":"KRW-A","timestamp":1795180500098,"total_ask_size":3.5,"total_bid_size":2.0,"orderbook_units":'
        b'[{"ask_price":1600.0,"bid_price":1500.0,"ask_size":3.5,"bid_size":2.0}],"stream_type":"REALTIME","level":0}',
        "trade": b'{"type":"trade","code":"KRW-A","timestamp":1795180500098,"trade_timestamp":1795180500097,"trade_price":1500.0,"trade_volume":'
        b'1.2e-05,"ask_bid":"ASK","sequential_id":17951805000970000,"stream_type":"REALTIME"}',
        "ticker": b'{"type":"ticker","code":"KRW-A","opening_price":1.0,"high_price":1.2,"low_price":0.9,"trade_price":1.1,"signed_change_price":0.1,'
        b'"acc_trade_volume":10.5,"acc_trade_price":11.5,"timestamp":1795180500098}',
        "candle.1m": b'{"type":"candle.1m","code":"KRW-A","candle_date_time_utc":"2026-11-20T13:14:00","opening_price":1.0,"high_price":1.2,'
        b'"low_price":0.9,"trade_price":1.1,"candle_acc_trade_volume":10,"candle_acc_trade_price":11.5,"timestamp":1795180500098}',
    },
}  # fmt: skip


@pytest.mark.parametrize(("venue", "channel"), [(venue, channel) for venue, each in SENT.items() for channel in each])
def test_columns_say_what_the_decoder_says(venue: str, channel: str) -> None:
    payload = SENT[venue][channel]
    spec = VENUES[venue].channel_of(channel)
    assert spec.record.decode is not None
    body = spec.record.decode(payload)
    rows = Reader(shapes_of(venue, spec.kind), ENVELOPE).read(envelope(1795180500123456789, payload) * 3)
    arrays = arrays_of(rows, spec.kind, exact=False)
    shape = shapes_of(venue, spec.kind)[int(rows.shape[0])]
    for name in (field.column for field in shape.fields):
        assert_same(arrays[name][1], _said_of(body, name, payload), name)
    if isinstance(body, Book | Delta):
        for side, levels in enumerate((body.bids, body.asks)):
            assert _levels(arrays, side) == [(float(price), float(size)) for price, size in levels]


def _said_of(body: Any, name: str, payload: bytes) -> Any:
    if name == "transaction_ns":
        return 1795180500097000000 if b'"T"' in payload or b"trade_timestamp" in payload else None
    if name == "side":
        side = body.taker if hasattr(body, "taker") else body.side
        return 1 if side == Side.BUY else -1
    return getattr(body, name)


def assert_same(found: Any, said: Any, name: str) -> None:
    if said is None:
        assert found in (NONE, None) or np.isnan(found), name
    elif isinstance(said, str):
        assert found == said, name
    else:
        assert found == (float(said) if found.dtype.kind == "f" else said), name


def _levels(arrays: Any, side: int) -> list[tuple[float, float]]:
    if arrays["prices"].ndim == 3:
        there = ~np.isnan(arrays["prices"][1, side])
        return list(zip(arrays["prices"][1, side][there].tolist(), arrays["sizes"][1, side][there].tolist(), strict=True))
    begin = int(arrays["offsets"][1]) + (int(arrays["counts"][1, 0]) if side else 0)
    end = begin + int(arrays["counts"][1, side])
    return list(zip(arrays["prices"][begin:end].tolist(), arrays["sizes"][begin:end].tolist(), strict=True))


def test_every_kind_of_record_that_can_be_decoded_has_columns() -> None:
    for venue in VENUES.values():
        for channel in venue.examples:
            spec = venue.channel_of(channel)
            if spec.record.decode is not None:
                assert shapes_of(venue.name, spec.kind), (venue.name, channel)
