"""A replay's book is the market's: rebuilt from a snapshot and deltas it equals every recorded book of the same id, in the same texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoga.app.replay import Wanted, timelines_of
from hoga.archive.form.discover import discover
from tests.app.recording import Recorded, record

SYMBOL = "BTCUSDT"


def timeline(recorded: Recorded, venue: str):  # type: ignore[no-untyped-def]
    return timelines_of(Wanted(days=discover([recorded.root]).days))[venue]


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
async def test_it_equals_every_recorded_book_of_the_same_id_and_is_deeper(tmp_path: Path, venue: str) -> None:
    recorded = await record(tmp_path / "data", venue, (SYMBOL,), 400, ask_at=60)
    line = timeline(recorded, venue)
    name = "btcusdt@depth20@100ms"
    bids_key, asks_key, id_key = ("bids", "asks", "lastUpdateId") if venue == "binance" else ("b", "a", "u")
    books = {each[id_key]: (each[bids_key], each[asks_key]) for each in recorded.payloads[name]}
    deltas = recorded.times["btcusdt@depth@100ms"]
    _, asked_ns = recorded.asked[0]
    compared = 0
    for at_ns in deltas:
        reply = line.depth(SYMBOL, at_ns, {})
        if at_ns < asked_ns:
            continue
        assert reply is not None
        book = json.loads(reply.body)
        same = books.get(book["lastUpdateId"])
        if same is not None:
            assert (book["bids"][:20], book["asks"][:20]) == tuple(map(list, same))
            assert len(book["bids"]) > 100
            assert "E" in book or venue == "binance"
            compared += 1
    assert compared >= 10
    again = line.depth(SYMBOL, deltas[-5], {})
    assert again is not None, "a replay that begins again goes back"
    assert json.loads(again.body)["lastUpdateId"] < book["lastUpdateId"]


async def test_behind_a_hole_the_newest_streamed_book_is_told(tmp_path: Path) -> None:
    recorded = await record(tmp_path / "data", "binance", (SYMBOL,), 400, ask_at=60, lose=2)
    line = timeline(recorded, "binance")
    last = recorded.times["btcusdt@depth20@100ms"][-1]
    reply = line.depth(SYMBOL, last, {})
    assert reply is not None
    book = json.loads(reply.body)
    assert len(book["bids"]) == 20
    assert book == recorded.payloads["btcusdt@depth20@100ms"][-1]


async def test_without_a_snapshot_the_newest_streamed_book_is_told(tmp_path: Path) -> None:
    recorded = await record(tmp_path / "data", "binance", (SYMBOL,), 100)
    reply = timeline(recorded, "binance").depth(SYMBOL, recorded.times["btcusdt@depth20@100ms"][-1], {})
    assert reply is not None
    assert json.loads(reply.body) == recorded.payloads["btcusdt@depth20@100ms"][-1]
