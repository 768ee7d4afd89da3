"""Captured Upbit traffic over the wire."""

from __future__ import annotations

import ast
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.captures.frames import Frame, parse_cryptofeed, parse_plain
from hoga.simulator.replay.capture import survey
from hoga.simulator.upbit.replayed import respelt


def test_a_binary_message_written_as_python_bytes_is_a_frame() -> None:
    frame = parse_cryptofeed(b"""1617646620.849474: b'{"ty":"trade","cd":"KRW-IQ","tms":1617646620673,"tp":41.4}'\n""")
    assert frame == Frame(1_617_646_620_849_474_000, "KRW-IQ@trade", b'{"ty":"trade","cd":"KRW-IQ","tms":1617646620673,"tp":41.4}', None)
    assert parse_cryptofeed(b"1617646620.849474: b'unfinished\n") is None


def test_a_frame_alone_has_its_own_time() -> None:
    frame = parse_plain(b'{"type": "ticker", "code": "KRW-W", "opening_price": 1.0, "trade_timestamp": 5, "timestamp": 1752472006666}\n')
    assert frame is not None
    assert (frame.stream, frame.time_ns) == ("KRW-W@ticker", 1_752_472_006_666_000_000)


def test_what_the_captures_hold(data: Path) -> None:
    capture = survey([data / "upbit" / "cf_20210405.raw.gz", data / "upbit" / "ticker_20250714_part1.jsonl"])
    kinds = {
        kind: sum(count for name, count in capture.streams.items() if name.endswith(kind)) for kind in ("@orderbook", "@trade", "@ticker")
    }
    assert kinds == {"@orderbook": 1_061, "@trade": 672, "@ticker": 228}


def test_every_captured_frame_survives_both_conversions(data: Path) -> None:
    for due in survey([data / "upbit"]).timeline():
        text = due.frame.payload.decode()
        long = '"type"' in text[:40]
        there = respelt(text, to_short=long)
        back = respelt(there, to_short=not long)
        assert back == text.replace('": ', '":').replace(', "', ',"')
        assert list(json.loads(there)) != list(json.loads(text))


@pytest.mark.parametrize("form", ["SIMPLE", "DEFAULT"])
async def test_every_frame_of_a_capture_goes_over_the_wire_once(data: Path, upbit: Any, dial: Any, form: str) -> None:
    path = data / "upbit" / "cf_20210405.raw.gz"
    sim = await upbit(replay=(path,), replay_max=True, replay_start_delay_s=0.1)
    codes = sorted({name.partition("@")[0] for name in sim.player.source.streams})
    client = await dial(sim)
    await client.ask({"type": "orderbook", "codes": codes}, {"type": "trade", "codes": codes}, form=form)
    received = [await client.raw() for _ in range(1_733)]
    with gzip.open(path, "rt") as lines:
        captured = [ast.literal_eval(line.partition(": ")[2].strip()) for line in lines if ": b'" in line]
    if form == "SIMPLE":
        assert received == captured
    else:
        assert [json.loads(respelt(body.decode(), to_short=False), parse_float=Decimal) for body in captured] == [
            json.loads(body, parse_float=Decimal) for body in received
        ]
    assert sim.status()["replay"]["sent"] == 1_733
    assert sim.performance.done or sim.status()["replay"]["unheard"] == 0


async def test_one_capture_of_two_venues_is_played_by_each(data: Path, simulate: Any) -> None:
    paths = (data / "upbit" / "ticker_20250714_part1.jsonl", data / "binance-spot" / "depth_btcusdt_20251207.jsonl.gz")
    sim = await simulate(venues=("binance", "upbit"), replay=paths)
    streams = {name: venue.player.source.streams for name, venue in sim.venues.items()}
    assert set(streams["binance"]) == {"btcusdt@depth@100ms"}
    assert sum(streams["upbit"].values()) == 228
    assert next(due.frame.stream for due in sim.venues["upbit"].player.source.timeline()).endswith("@ticker")
