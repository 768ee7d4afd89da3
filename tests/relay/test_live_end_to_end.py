"""Live frames over NATS: simulated exchange, `hoga run`, relay, nats-server, client. What comes is what was sent."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import zstandard

import hoga
from hoga.core.errors import HogaError
from hoga.hub.events import EpochEvent, GapEvent, SubscriptionErrorEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.private import MissedEvent
from hoga.hub.routing import Delivery
from hoga.relay.broker import address_of
from hoga.relay.wire import LiveHub
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.nats_server import NatsServer, nats_server
from tests.relay.cutting import Relay
from tests.relay.live_stage import BOOKS, Desk, LiveStage
from tests.relay.test_hearing import AFTERWARDS, FOLDER, Recorder, streams_of
from tests.waiting import eventually

__all__ = ["nats_server"]


@pytest_asyncio.fixture
async def stage(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[LiveStage]:
    nats_server.start()
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=5)) as simulator:
        found = LiveStage(simulator, nats_server, tmp_path)
        yield found
        await found.end()


async def connected(stage: LiveStage, *, symbols: tuple[str, ...] = ("BTCUSDT",)) -> tuple[Any, Desk]:
    client, desk = await hoga.connect("desk", nats=stage.nats.url), Desk()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.ORDERBOOK, symbols, venue="binance")]
    await client.manager.register_component("books", desk, wishes, desk.take, delivery=Delivery.INLINE, on_status=desk.status)
    return client, desk


async def more(desk: Desk, count: int) -> None:
    wanted = len(desk.events) + count
    await eventually(lambda: len(desk.events) >= wanted, why=lambda: (len(desk.events), desk.told))


async def test_a_client_anywhere_is_told_what_the_exchange_sent(stage: LiveStage) -> None:
    await stage.collector("tokyo")
    before = asyncio.all_tasks()
    raw = await bare_listener(stage)
    client, desk = await connected(stage, symbols=("BTCUSDT", "DOGEUSDT"))
    await client.register_interests(["BTCUSDT"], [hoga.DataType.ORDERBOOK, hoga.DataType.TRADE])
    await more(desk, 30)
    places = stage.places(desk.events)
    assert places == list(range(places[0], places[-1] + 1)), "each, once, in order"
    assert {(event.conn.split("/")[0], event.epoch) for event in desk.events} == {("tokyo", 1)}
    assert client.get_orderbook("BTCUSDT").bids
    assert not client.is_stale("BTCUSDT", hoga.DataType.ORDERBOOK)
    await eventually(lambda: desk.of(SubscriptionErrorEvent))
    refused = [str(each.error) for each in desk.of(SubscriptionErrorEvent) if isinstance(each, SubscriptionErrorEvent)]
    assert refused == ["books: binance orderbook DOGEUSDT: no collector records it: tokyo has BTCUSDT"]
    await client.close()
    await raw.close()
    frames = raw.frames()
    assert [frame for frame in frames if frame.startswith(b'{"stream":"btcusdt@depth20')] == [
        frame for frame in stage.sent[BOOKS.name] if frame in set(frames)
    ], "the bytes on NATS, read by nothing of ours, are the exchange's"
    assert len(frames) > 30
    assert not [task for task in asyncio.all_tasks() - before if not task.done() and "sim" not in task.get_name()], "nothing is left"


class Bare:
    """A client of NATS that knows nothing of hoga: keeps what was sent on the live subjects, and reads it by the documented format."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.messages: list[Any] = []

    async def close(self) -> None:
        await self._client.close()

    def frames(self) -> list[bytes]:
        found: list[bytes] = []
        streams: dict[str, Any] = {}
        for message in self.messages:
            journal, data = message.headers["Hoga-Journal"], message.data
            if data[:8] == b"HOGAJ001":
                data = data[16 + struct.unpack_from("<I", data, 8)[0] :]
            while data:
                magic, stored, raw, count, _, _ = struct.unpack_from("<4sIIIQI", data)
                if magic == b"HGCK":
                    streams[journal] = zstandard.ZstdDecompressor().decompressobj()
                if journal in streams:
                    text = streams[journal].decompress(data[28 : 28 + stored])
                    assert len(text) == raw
                    tags = struct.unpack_from(f"<{count}I", text, 8 * count)
                    at = 16 * count
                    for tag, length in zip(tags, struct.unpack_from(f"<{count}I", text, 12 * count), strict=True):
                        if tag & 0xFFFF != 0xFFFF:
                            found.append(text[at : at + length])
                        at += length
                data = data[28 + stored :]
        return found


async def bare_listener(stage: LiveStage) -> Bare:
    nats = pytest.importorskip("nats")
    client = await nats.connect(stage.nats.url)
    found = Bare(client)

    async def keep(message: Any) -> None:
        found.messages.append(message)

    await client.subscribe("hoga.live.*", cb=keep)
    return found


async def test_nats_away_and_back_and_a_relay_killed_cost_what_is_told(stage: LiveStage) -> None:
    await stage.collector("tokyo")
    client, desk = await connected(stage)
    await more(desk, 20)
    stage.nats.kill()
    await eventually(lambda: any(isinstance(each, EpochEvent) and not each.up for each in desk.told))
    assert client.is_stale("BTCUSDT", hoga.DataType.ORDERBOOK)
    stage.nats.start()
    await more(desk, 20)
    await stage.relays[-1].kill()
    await stage.relay("tokyo")
    await more(desk, 20)
    places = stage.places(desk.events)
    assert places == sorted(set(places)), "in order, nothing twice"
    spans = [(each.from_ns or 0, each.to_ns) for each in desk.of(MissedEvent) if isinstance(each, MissedEvent)]
    holes = [(one, other) for (one, other), (at, then) in zip(pairwise(desk.events), pairwise(places), strict=True) if then > at + 1]
    assert holes, "NATS was away"
    for one, other in holes:
        assert any(from_ns <= other.recv_ns and to_ns >= one.recv_ns for from_ns, to_ns in spans), "told"
    await client.close()


async def test_the_past_from_the_archive_then_live_without_hole_or_double(stage: LiveStage) -> None:
    await stage.collector("tokyo")
    await eventually(lambda: len(stage.sent[BOOKS.name]) > 15)
    events, gaps = [], []
    data = stage.folder / "tokyo"
    async for event in hoga.subscribe("binance:BTCUSDT", "orderbook", since=0, data=data, nats=stage.nats.url):
        (gaps if isinstance(event, GapEvent) else events).append(event)
        if len(events) > 60:
            break
    places = stage.places(events)
    assert places == list(range(places[0], places[-1] + 1))
    assert places[0] < 15
    assert [gap for gap in gaps if gap.from_ns >= events[0].recv_ns] == []


async def test_what_cannot_be_reached_is_one_clear_line(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(hoga.NoHub, match=r"no hub at nats://127\.0\.0\.1:1: NATS at nats://127\.0\.0\.1:1 is not there: ") as away:
        await hoga.connect("desk", nats="nats://127.0.0.1:1")
    assert "\n" not in str(away.value)
    with pytest.raises(hoga.ArgumentError, match=r"hoga: nats: found 'http://x', expected nats://HOST:PORT or tls://HOST:PORT"):
        await hoga.connect("desk", nats="http://x")
    with pytest.raises(hoga.ArgumentError, match=r"credentials") as told:
        await hoga.connect("desk", nats="nats://me:secret@127.0.0.1:4222")
    assert "secret" not in str(told.value)
    nats_server.user, nats_server.password = "me", "right"
    nats_server.start()
    monkeypatch.setenv("NATS_USER", "me")
    monkeypatch.setenv("NATS_PASSWORD", "wrong")
    with pytest.raises(HogaError, match=r"refused the credentials") as refused:
        await hoga.connect("desk", nats=nats_server.url)
    assert "wrong" not in str(refused.value)


async def test_a_client_that_does_not_keep_up_costs_only_itself_and_is_told(nats_server: NatsServer) -> None:
    nats_server.start()
    hub = LiveHub(address_of(nats_server.url, {}), VENUES, pending_bytes=3_000)
    await hub.open()
    manager, desk = GlobalWebSocketManager(hub.wires, VENUES, pace=Pace(quiet_s=0, longest_s=0, per_minute=10**6), linger_s=0.0), Desk()
    manager.start()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.TRADE, ["S00USDT"], venue="binance")]
    await manager.register_component("slow", desk, wishes, desk.take, delivery=Delivery.INLINE, on_status=desk.status)
    recorder, relay = Recorder(0, streams_of(0, 1)), Relay()
    recorder.play([act for _ in range(400) for act in (("frame", 0, 20), ("flush", 0, 0))])
    messages = [each for name, data in recorder.journals for each in relay.cut(FOLDER, name, data)]
    recorder.play(AFTERWARDS)
    afterwards = [*relay.cut(FOLDER, *recorder.journals[-1])]
    publisher = await pytest.importorskip("nats").connect(nats_server.url)
    for message in messages:
        await publisher.publish(message.subject, message.payload, headers=message.headers)
    await publisher.flush()
    await eventually(lambda: len(desk.events) > 10)
    for message in afterwards:
        await publisher.publish(message.subject, message.payload, headers=message.headers)
    await publisher.flush()
    last = int(recorder.sent[-1][1].split(b":")[-1][:-2])
    await eventually(lambda: desk.events[-1].raw()["a"] == last)
    found = [event.raw()["a"] for event in desk.events]
    assert found == sorted(set(found))
    assert hub.stats().missing, "it did not keep up"
    assert desk.of(MissedEvent)
    await publisher.close()
    await manager.stop()


async def test_closing_leaves_no_thread_task_or_socket(nats_server: NatsServer) -> None:
    nats_server.start()
    tasks, threads, files = asyncio.all_tasks(), set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        client = await hoga.connect("desk", nats=nats_server.url)
        await client.register_interests(["BTCUSDT"], [hoga.DataType.ORDERBOOK])
        await client.close()
        await client.close()
    await eventually(lambda: asyncio.all_tasks() <= tasks)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)
    assert {each for each in set(threading.enumerate()) - threads if not each.name.startswith("asyncio_")} == set()
