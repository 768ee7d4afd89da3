"""Faults on Upbit's frames, and the counts that the simulator claims."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from hoga.simulator import Fault, FaultKind

STREAM = "KRW-BTC@orderbook"
BOOK = {"type": "orderbook", "codes": ["KRW-BTC"]}


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("form", ["DEFAULT", "SIMPLE_LIST"])
@pytest.mark.parametrize(
    "kind, told",
    [
        (FaultKind.GARBAGE, lambda data: not is_json(data)),
        (FaultKind.BINARY_GARBAGE, lambda data: not data.startswith((b'{"t', b'[{"t'))),
        (FaultKind.TRUNCATED_JSON, lambda data: not is_json(data)),
        (FaultKind.OVERSIZED, lambda data: len(data) == 1_000_000),
        (FaultKind.NO_STREAM, lambda data: b'"code"' not in data and b'"cd"' not in data),
        (FaultKind.UNKNOWN_STREAM, lambda data: b"KRW-NOSUCH" in data),
        (FaultKind.EMPTY_SIDE, lambda data: data.count(b'"bid_price":0,') + data.count(b'"bp":0,') == 30),
    ],
)
async def test_an_odd_frame_is_binary_and_comes_once(
    upbit: Any, dial: Any, kind: FaultKind, told: Callable[[bytes], bool], form: str
) -> None:
    sim = await upbit(speed=5.0)
    client = await dial(sim)
    await client.ask(BOOK, form=form)
    await client.raw()
    active = sim.inject(Fault(fault=kind, count=1, size_bytes=1_000_000))
    while not told(await client.raw()):
        pass
    assert is_json(await client.raw())
    assert active.affected == {STREAM: 1}
    assert sim.status()["odd"] == 1


async def test_a_snapshot_can_be_withheld_too(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    sim.inject(Fault(fault=FaultKind.DROP, streams=STREAM, count=1))
    await client.ask(BOOK)
    assert (await client.frame())["stream_type"] == "REALTIME"
    assert sim.status()["streams"][STREAM]["answered"] == 1


@pytest.mark.parametrize("code, seen", [(1001, 1001), (None, 1006)])
async def test_cuts(upbit: Any, dial: Any, code: int | None, seen: int) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask(BOOK)
    await client.raw()
    sim.inject(Fault(fault=FaultKind.CLOSE, code=code, connections="upbit-1"))
    assert await client.end() == seen


async def test_a_refused_handshake(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    sim.inject(Fault(fault=FaultKind.REFUSE, status=503, count=1))
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(sim)
    assert refused.value.status == 503
    await dial(sim)


async def test_a_step_of_the_clock_moves_what_is_told(upbit: Any, dial: Any) -> None:
    sim = await upbit()
    client = await dial(sim)
    await client.ask(BOOK, {"type": "trade", "codes": ["KRW-BTC"]})
    await client.raw()
    sim.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=3_600_000.0))
    now_ms = sim.clock.now_ns() // 1_000_000
    frames = await client.until(
        lambda seen: {frame["type"] for frame in seen if frame["timestamp"] > now_ms + 3_000_000} == {"orderbook", "trade"}
    )
    trade = [frame for frame in frames if frame["type"] == "trade"][-1]
    assert trade["sequential_id"] // 10_000 == trade["trade_timestamp"] > now_ms + 3_000_000


async def test_what_is_counted_is_what_arrives(upbit: Any, dial: Any) -> None:
    sim = await upbit(speed=10.0)
    client = await dial(sim)
    for kind, every in ((FaultKind.DROP, 7), (FaultKind.DUPLICATE, 5), (FaultKind.GARBAGE, 6)):
        sim.inject(Fault(fault=kind, every=every))
    await client.ask(BOOK, {"type": "trade", "codes": ["KRW-BTC", "KRW-XRP"]}, {"type": "ticker", "codes": ["KRW-XRP"]})
    received: list[bytes] = [await client.raw() for _ in range(150)]
    for market in sim.engine.markets.values():
        market.frozen = True
    await asyncio.sleep(0.1)
    status = sim.status()
    while len(received) < status["sent"] + status["copies"] + status["odd"]:
        received.append(await client.raw())
    heads = Counter(f"{frame['code']}@{frame['type']}" for frame in map(json.loads, filter(is_json, received)))
    streams = status["streams"]
    assert heads == {name: entry["sent"] + entry["copies"] for name, entry in streams.items()}
    assert sum(not is_json(data) for data in received) == status["odd"]
    dropped = status["faults"][0]["affected"]
    for name, entry in streams.items():
        assert entry["produced"] + entry["answered"] == entry["sent"] + dropped.get(name, 0)
