"""Every channel's frames beside captured ones: the same keys in the same order, the same types, the same digits.

The captures of 2021 and 2024 lack the keys that came later (`nq` on 2025-12-31; `ps`, `st` in June 2026).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

_LATER = {"nq", "ps", "st"}
_STREAMS = {
    "depth@0ms": "hft_btcusdt_20240808.gz",
    "bookTicker": "hft_btcusdt_20240808.gz",
    "trade": "hft_btcusdt_20240808.gz",
    "depth@100ms": "cf_20210722_ws.raw.gz",
    "aggTrade": "cf_20210722_ws.raw.gz",
    "kline_1m": "cf_20210722_ws.raw.gz",
}


def shape(value: Any, *, digits: bool) -> Any:
    """Keys in order, types, and (with `digits`) decimal places; a list by its first element."""
    if isinstance(value, dict):
        return [(key, shape(inner, digits=digits)) for key, inner in value.items() if key not in _LATER]
    if isinstance(value, list):
        return ["list", *(shape(inner, digits=digits) for inner in value[:1])]
    if isinstance(value, str):
        places = re.fullmatch(r"-?\d+(?:\.(\d+))?", value)
        return ("decimal", len(places[1] or "") if digits else None) if places else "text"
    return type(value).__name__


def captured(path: Path, channel: str) -> Any:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            start = line.find('{"stream"')
            if start >= 0 and f'@{channel}"' in line[:80]:
                frame = json.loads(line[start:])
                if not channel.startswith("depth") or (frame["data"]["b"] and frame["data"]["a"]):
                    return frame
    raise AssertionError(f"{path} has no {channel}")


@pytest.mark.parametrize("channel", _STREAMS)
async def test_frames_look_like_captured_ones(futures, connect, data: Path, channel: str) -> None:
    theirs = captured(data / "binance-usdm" / _STREAMS[channel], channel)
    route = "public" if re.match("depth|bookTicker|trade", channel) else "market"
    sim = await futures(symbols=("BTCUSDT",))
    client = await connect(sim, f"/{route}/stream?streams=btcusdt@{channel}")
    async with asyncio.timeout(60):
        ours = await client.frame()
        while channel.startswith("depth") and not (ours["data"]["b"] and ours["data"]["a"]):
            ours = await client.frame()
    bitcoin = theirs["data"]["s"] == "BTCUSDT"  # digits are each contract's own
    assert shape(ours, digits=bitcoin) == shape(theirs, digits=bitcoin)


@pytest.mark.parametrize("channel", ["depth20@100ms", "depth5@500ms", "depth10"])
async def test_partial_depth_has_the_shape_of_a_delta(futures, connect, data: Path, channel: str) -> None:
    theirs = captured(data / "binance-usdm" / "hft_btcusdt_20240808.gz", "depth@0ms")
    client = await connect(await futures(), f"/public/ws/btcusdt@{channel}")
    assert shape(await client.frame(), digits=True) == shape(theirs["data"], digits=True)


async def test_snapshots_look_like_captured_ones(futures, ask, data: Path) -> None:
    with gzip.open(data / "binance-usdm" / "hft_btcusdt_20240808.gz", "rt") as lines:
        theirs = next(json.loads(line.split(" ", 1)[1]) for line in lines if '"stream"' not in line)
    _, ours, _ = await ask(await futures(), "/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
    assert shape(ours, digits=True) == shape(theirs, digits=True)
    assert len(ours["bids"]) == len(theirs["bids"]) == 1_000


async def test_exchange_info_has_every_captured_key(futures, ask, data: Path) -> None:
    with gzip.open(data / "binance-usdm" / "cf_20210722_exchangeinfo.raw.gz", "rt") as lines:
        line = next(line for line in lines if "exchangeInfo -> " in line)
    theirs = json.loads(line[line.index('{"timezone"') :])
    _, ours, _ = await ask(await futures(), "/fapi/v1/exchangeInfo")
    gone = {"settlePlan"}  # and the filter MAX_NUM_ALGO_ORDERS, since 2025-12
    assert list(ours) == list(theirs)
    assert ours["rateLimits"] == theirs["rateLimits"]
    known = [key for key in theirs["symbols"][0] if key not in gone]
    assert [key for key in ours["symbols"][0] if key in known] == known
    filters = {entry["filterType"]: list(entry) for entry in ours["symbols"][0]["filters"]}
    for entry in theirs["symbols"][0]["filters"]:
        if entry["filterType"] != "MAX_NUM_ALGO_ORDERS":
            assert sorted(filters[entry["filterType"]]) == sorted(entry)


_DOCUMENTED = {
    "btcusdt@depth20@100ms": "e E T s ps U u pu b a st",
    "btcusdt@bookTicker": "e u s ps b B a A T E st",
    "btcusdt@aggTrade": "e E a s p q nq f l T m st",
    "btcusdt@markPrice@1s": "e E s p ap P i r T st",
    "btcusdt@miniTicker": "e E s ps c o h l v q st",
    "btcusdt@ticker": "e E s p P w c Q o h l v q O C F L n st",
    "btcusdt_perpetual@continuousKline_1m": "e E ps ct k",
}


@pytest.mark.parametrize("stream", _DOCUMENTED)
async def test_keys_of_2026_are_where_live_probes_saw_them(futures, connect, stream: str) -> None:
    route = "public" if re.search("@depth|@bookTicker", stream) else "market"
    client = await connect(await futures(speed=5.0), f"/{route}/ws/{stream}")
    assert " ".join(await client.frame()) == _DOCUMENTED[stream]
