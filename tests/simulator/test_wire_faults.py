"""Every fault over a real socket, and the counts that the simulator claims."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from hoga.simulator import Fault, FaultKind, Simulator
from tests.waiting import eventually

STREAM = "btcusdt@depth@100ms"
PATH = f"/stream?streams={STREAM}/ethusdt@depth@100ms"
HOUR_MS = 3_600_000


def of(frames: list, name: str = STREAM) -> list:
    return [frame["data"] for frame in frames if frame.get("stream") == name]


def holes(chain: list) -> list:
    return [later["U"] for earlier, later in pairwise(chain) if later["U"] != earlier["u"] + 1]


def chained(chain: list) -> bool:
    return not holes(chain)


def copies(frames: list) -> int:
    return len(frames) - len({frame["data"]["u"] for frame in frames})


def backwards(frames: list) -> int:
    return sum(later["data"]["u"] < earlier["data"]["u"] for earlier, later in pairwise(frames))


async def test_dropped_frames_are_a_gap_on_the_wire_and_counted(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, PATH)
    before = await client.frames(6)
    active = sim.inject(Fault(fault=FaultKind.DROP, streams="btc*", count=3))
    assert active is not None
    frames = before + await client.until(lambda seen: active.done and not chained(of(before + seen)))
    assert len(holes(of(frames))) == 1
    assert chained(of(frames, "ethusdt@depth@100ms"))
    status = sim.status()
    assert status["faults"][0]["affected"] == {STREAM: 3}
    assert status["streams"][STREAM]["produced"] - status["streams"][STREAM]["sent"] == 3


async def test_duplicates_are_copies_and_reordered_frames_come_later(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, f"/stream?streams={STREAM}")
    await client.frame()
    twice = sim.inject(Fault(fault=FaultKind.DUPLICATE, count=2))
    ids = [frame["data"]["u"] for frame in await client.until(lambda seen: twice.done and copies(seen) == 2)]
    assert ids == sorted(ids)
    assert sim.status()["copies"] == 2
    swapped = sim.inject(Fault(fault=FaultKind.REORDER, count=1))
    frames = await client.until(lambda seen: swapped.done and backwards(seen) > 0)
    assert backwards([*frames, *await client.frames(4)]) == 1


async def test_delay_keeps_the_order_and_loses_nothing(simulate, connect) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, f"/stream?streams={STREAM}")
    before = await client.frame()
    delay = sim.inject(Fault(fault=FaultKind.DELAY, ms=200, jitter_ms=100))
    frames = [before, *await client.until(lambda seen: delay.affected.total() >= 3)]
    sim.clear_faults()
    frames += await client.frames(8)
    assert chained(of(frames))


async def test_a_frozen_connection_still_pings(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=20.0)
    client = await connect(sim, f"/stream?streams={STREAM}")
    await client.frame()
    sim.inject(Fault(fault=FaultKind.FREEZE))
    await client.caught_up(sim)
    while not client.pings:
        with pytest.raises((asyncio.TimeoutError, TimeoutError)):
            await client.frame(within_s=0.6)
    await client.socket.ping(b"are you there")
    message = await client.message()
    assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"are you there")


async def test_a_silent_stream_leaves_its_neighbour_alone(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, PATH)
    await client.frames(4)
    sim.inject(Fault(fault=FaultKind.SILENT, streams=STREAM))
    await client.caught_up(sim)
    assert {frame["stream"] for frame in await client.frames(10)} == {"ethusdt@depth@100ms"}
    sim.clear_faults()
    assert of(await client.until(lambda seen: bool(of(seen))))


@pytest.mark.parametrize(
    "kind, told",
    [
        (FaultKind.GARBAGE, lambda message: not _is_json(message.data)),
        (FaultKind.BINARY_GARBAGE, lambda message: message.type is aiohttp.WSMsgType.BINARY),
        (FaultKind.TRUNCATED_JSON, lambda message: not _is_json(message.data)),
        (FaultKind.OVERSIZED, lambda message: len(message.data) == 10 * 1024 * 1024),
        (FaultKind.NO_STREAM, lambda message: "stream" not in json.loads(message.data)),
        (FaultKind.UNKNOWN_STREAM, lambda message: json.loads(message.data)["stream"].startswith("nosuch")),
        (FaultKind.EMPTY_SIDE, lambda message: json.loads(message.data)["data"]["b"] == []),
    ],
)
async def test_odd_frames_arrive_once_and_neighbours_survive(simulate, connect, kind: FaultKind, told) -> None:
    sim: Simulator = await simulate(speed=5.0)
    client = await connect(sim, f"/stream?streams={STREAM}")
    await client.frame()
    active = sim.inject(Fault(fault=kind, count=1))
    odd = await client.message()
    while not active.affected:
        odd = await client.message()
    while not told(odd):
        odd = await client.message()
    assert (await client.frame())["stream"] == STREAM
    status = sim.status()
    assert status["odd"] == 1
    assert status["faults"][0]["affected"] == {STREAM: 1}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def test_a_torn_frame_ends_the_connection_in_the_middle(simulate) -> None:
    sim: Simulator = await simulate()
    host, port = sim.ws_url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /ws/{STREAM} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    sim.inject(Fault(fault=FaultKind.TRUNCATED_FRAME, count=1))
    data = await reader.read()
    size = int.from_bytes(data[2:4], "big") if data[1] == 126 else data[1]
    assert 0 < len(data) < size
    writer.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012])
async def test_closes_carry_their_code_and_reason(simulate, connect, code: int) -> None:
    sim: Simulator = await simulate()
    client, spared = await connect(sim, "/ws"), await connect(sim, "/ws")
    active = sim.inject(Fault(fault=FaultKind.CLOSE, code=code, reason="because", connections="binance-1"))
    assert await client.end() == (code, "because")
    assert active.hit_connections == {"binance-1"}
    await spared.send("LIST_SUBSCRIPTIONS", id=1)
    assert await spared.reply() == {"result": [], "id": 1}


async def test_1006_is_a_reset(simulate) -> None:
    sim: Simulator = await simulate()
    host, port = sim.ws_url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    sim.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_the_24_h_cut_can_be_had_now(simulate, connect) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, "/ws")
    sim.inject(Fault(fault=FaultKind.LIFETIME))
    assert await client.end() == (1006, "")


async def test_half_open_says_nothing_ever_again(simulate, connect) -> None:
    sim: Simulator = await simulate()
    client = await connect(sim, f"/stream?streams={STREAM}")
    await client.frame()
    active = sim.inject(Fault(fault=FaultKind.HALF_OPEN))
    await client.socket.ping(b"hello?")
    await client.caught_up(sim)
    with pytest.raises((asyncio.TimeoutError, TimeoutError)):
        await client.message(within_s=0.4)
    assert active.affected[STREAM] >= 1
    assert not client.socket.closed
    sim.clear_faults()
    assert await client.end() == (1006, "")
    assert sim.status()["connections"][0]["close"] == "1006 half-open"


@pytest.mark.parametrize(
    "path, event",
    [("/stream", {"stream": "!serverShutdown", "data": {"e": "serverShutdown"}}), ("/ws", {"e": "serverShutdown"})],
)
async def test_server_shutdown_is_announced_in_both_framings_then_carried_out(simulate, connect, path: str, event: dict) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, path)
    sim.inject(Fault(fault=FaultKind.SERVER_SHUTDOWN, after_s=2.0))
    frame = await client.frame()
    assert (frame.get("data") or frame).pop("E") > 0
    assert frame == event
    assert (await client.end())[0] == 1001


class TestRefusals:
    @pytest.mark.parametrize("status, retry", [(429, "7"), (418, "7"), (503, "7")])
    async def test_handshakes_are_refused_with_a_status(self, simulate, connect, http, status: int, retry: str) -> None:
        sim: Simulator = await simulate()
        sim.inject(Fault(fault=FaultKind.REFUSE, status=status, retry_after_s=7, count=1))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(sim.ws_url + "/ws")
        assert refused.value.status == status
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == retry
        assert await connect(sim, "/ws")
        assert sim.status()["faults"][0]["affected"] == {"/ws": 1}

    async def test_tcp_is_refused_and_comes_back_on_the_same_port(self, simulate, connect, http) -> None:
        sim: Simulator = await simulate()
        kept = await connect(sim, f"/stream?streams={STREAM}")
        sim.inject(Fault(fault=FaultKind.REFUSE_TCP))
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.ws_connect(sim.ws_url + "/ws")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", urlsplit(sim.ws_url).port))
        assert await kept.frame()
        sim.clear_faults()
        for _ in range(1_000):
            try:
                assert await connect(sim, "/ws")
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
        else:
            pytest.fail("the port never came back")


class TestRest:
    async def test_rest_fails_on_some_paths_only(self, simulate, http) -> None:
        sim: Simulator = await simulate()
        sim.inject(Fault(fault=FaultKind.REST_ERROR, paths="*/depth", status=500))
        async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=BTCUSDT") as response:
            assert response.status == 500
        async with http.get(f"{sim.rest_url}/api/v3/time") as response:
            assert response.status == 200

    async def test_rest_429_names_the_seconds(self, simulate, http) -> None:
        sim: Simulator = await simulate()
        sim.inject(Fault(fault=FaultKind.REST_ERROR, status=429, retry_after_s=3))
        async with http.get(f"{sim.rest_url}/api/v3/time") as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "3")
            assert (await response.json())["code"] == -1003

    async def test_rest_is_slow(self, simulate, http) -> None:
        sim: Simulator = await simulate()
        sim.inject(Fault(fault=FaultKind.REST_SLOW, ms=200, count=1))
        began = time.monotonic()
        async with http.get(f"{sim.rest_url}/api/v3/time") as response:
            assert response.status == 200
        assert time.monotonic() - began >= 0.2


class TestClock:
    async def test_a_step_moves_event_times_and_server_time_and_back(self, simulate, connect, http) -> None:
        sim: Simulator = await simulate(speed=5.0)
        client = await connect(sim, f"/stream?streams={STREAM}")
        before = (await client.frame())["data"]["E"]
        active = sim.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=-HOUR_MS, duration_s=HOUR_MS))
        stepped = (await client.until(lambda seen: bool(seen) and seen[-1]["data"]["E"] < before))[-1]["data"]["E"]
        async with http.get(f"{sim.rest_url}/api/v3/time") as response:
            assert before - HOUR_MS <= stepped <= (await response.json())["serverTime"] < before
        sim.clear_faults()
        await client.until(lambda seen: active.done and bool(seen) and seen[-1]["data"]["E"] > before)

    async def test_skew_grows(self, simulate) -> None:
        sim: Simulator = await simulate()
        sim.inject(Fault(fault=FaultKind.CLOCK_SKEW, ppm=100_000.0))
        await asyncio.sleep(0.1)
        clock = sim.status()["clock"]
        assert clock["stamp_ns"] - clock["now_ns"] > 5_000_000


async def test_a_delisted_symbol_falls_silent_and_stops_trading(simulate, connect, http) -> None:
    sim: Simulator = await simulate(speed=10.0)
    client = await connect(sim, PATH)
    await client.frames(4)
    sim.inject(Fault(fault=FaultKind.DELIST, symbol="BTCUSDT"))
    await client.caught_up(sim)
    assert {frame["stream"] for frame in await client.frames(10)} == {"ethusdt@depth@100ms"}
    async with http.get(f"{sim.rest_url}/api/v3/exchangeInfo?symbol=BTCUSDT") as response:
        assert (await response.json())["symbols"][0]["status"] == "BREAK"


class TestOperatorsDoor:
    async def test_faults_are_posted_and_cleared(self, simulate, connect, http) -> None:
        sim: Simulator = await simulate(speed=10.0)
        client = await connect(sim, f"/stream?streams={STREAM}")
        await client.frame()
        async with http.post(f"{sim.rest_url}/sim/fault", json={"fault": "drop", "every": 2, "streams": "btc*"}) as response:
            assert await response.json() == {"ok": True, "number": 1}
        await client.caught_up(sim)
        await client.frames(5)
        async with http.delete(f"{sim.rest_url}/sim/faults") as response:
            assert response.status == 200
        async with http.get(f"{sim.rest_url}/sim/status") as response:
            status = await response.json()
        assert status["faults"][0]["state"] == "done"
        assert status["faults"][0]["affected"][STREAM] >= 4
        assert status["connections"][0]["sent"][STREAM] >= 6

    async def test_a_misspelt_fault_is_refused_with_the_reason(self, simulate, http) -> None:
        sim: Simulator = await simulate()
        async with http.post(f"{sim.rest_url}/sim/fault", json={"fault": "drop", "streems": "*"}) as response:
            assert response.status == 400
            assert "streems" in (await response.json())["why"]


async def test_a_script_begins_its_faults_on_time(simulate, tmp_path: Path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"fault":"close","at_s":10,"code":1012,"reason":"restart"}\n')
    sim: Simulator = await simulate(speed=10.0, faults=script)
    await eventually(lambda: bool(sim.status()["faults"]))
    entry = sim.status()["faults"][0]
    assert entry["began_ns"] - sim.clock.start_ns >= 10_000_000_000


async def test_the_truth_equals_what_a_client_received(simulate, connect) -> None:
    sim: Simulator = await simulate(speed=10.0)
    tapped: list[bytes] = []
    sim.board.tap = lambda connection, stream, text: tapped.append(text)
    client = await connect(sim, PATH)
    sim.inject(Fault(fault=FaultKind.DROP, probability=0.3))
    sim.inject(Fault(fault=FaultKind.DUPLICATE, every=4))
    sim.inject(Fault(fault=FaultKind.GARBAGE, every=5))
    received: list[str] = []
    while len(received) < 60:
        received.append((await client.message()).data)
    for market in sim.engine.markets.values():
        market.frozen = True
    status = sim.status()
    while len(received) < status["sent"] + status["copies"] + status["odd"]:
        received.append((await client.message()).data)
        status = sim.status()
    real = [text for text in received if _is_json(text)]
    assert len(received) - len(real) == status["odd"]
    assert real == [text.decode() for text in tapped]
    assert status["sent"] == sum(entry["produced"] for entry in status["streams"].values()) - status["faults"][0]["affected_total"]
