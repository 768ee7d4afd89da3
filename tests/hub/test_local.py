"""The hub over a local socket: what reaches readers in other processes, what they cost, and what they are told of trouble."""

from __future__ import annotations

import asyncio
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
import pytest_asyncio

from hoga.core.market import DataType
from hoga.hub import local
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.errors import NoHub
from hoga.hub.events import EpochEvent, StatusEvent
from hoga.hub.local_server import HubServer
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import LifeEnd
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.venues.registry import VENUES
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import eventually as until


class Stage:
    """A hub over wires made of lists, its socket, and readers that come and go."""

    def __init__(self, make: Make, folder: Path) -> None:
        self.path = folder / "hub"
        self.make = make
        self.readers: list[GlobalWebSocketManager] = []
        self.hubs: list[LocalHub] = []

    async def serve(self, *wires: FakeWire, **options: Any) -> HubServer:
        self.server = HubServer(self.make(*wires), self.path, **options)
        await self.server.start()
        return self.server

    async def reader(self, *, every: bool = False) -> GlobalWebSocketManager:
        hub = LocalHub(self.path, VENUES, every=every)
        await hub.open()
        manager = GlobalWebSocketManager(hub.wires, VENUES, pace=Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000), linger_s=0.2)
        manager.start()
        self.hubs.append(hub)
        self.readers.append(manager)
        return manager

    async def close(self) -> None:
        for manager in self.readers:
            await manager.stop()
        await self.server.stop()


@pytest_asyncio.fixture
async def stage(make: Make) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        found = Stage(make, Path(folder))
        yield found
        await found.close()


class Reading:
    """A component in a reader's process."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.status: list[StatusEvent] = []

    async def register(self, manager: GlobalWebSocketManager, *symbols: str, data_type: DataType = DataType.TICKER) -> Any:
        return await manager.register_component(
            "a", self, [SubscriptionSpec(data_type, symbols)], self.events.append, delivery=Delivery.INLINE, on_status=self.status.append
        )


async def test_a_reader_gets_what_it_wants_verbatim_and_the_hub_asks_once(stage: Stage) -> None:
    upbit, binance = FakeWire("upbit"), FakeWire("binance")
    await stage.serve(upbit, binance)
    one, two = Reading(), Reading()
    await one.register(await stage.reader(), "KRW-A", "KRW-B")
    await two.register(await stage.reader(), "BTCUSDT", data_type=DataType.TRADE)
    await until(lambda: upbit.streams and binance.streams)
    for number in range(3):
        upbit.push(ticker("KRW-A", number, stamp=number))
        await asyncio.sleep(0.01)
        binance.push(trade("BTCUSDT", number))
    await until(lambda: len(one.events) == 3 and len(two.events) == 3)
    assert [event.payload for event in one.events] == [ticker("KRW-A", number, stamp=number) for number in range(3)]
    assert [event.body.trade_id for event in two.events] == [0, 1, 2]
    assert {(event.conn, event.epoch) for event in one.events} == {("upbit-public", 1)}
    source = stage.server.manager.latest(one.events[-1].stream)
    assert source is not None
    assert one.events[-1].recv_ns == source.recv_ns
    assert len(upbit.wants) == 1


async def test_the_pull_client_in_another_process(stage: Stage) -> None:
    wire = FakeWire("upbit")
    await stage.serve(wire)
    async with SimpleWebSocketClient("gui", manager=await stage.reader()) as client:
        await client.register_interests(["KRW-A"], [DataType.TICKER])
        await until(lambda: wire.streams)
        assert client.is_stale("KRW-A", DataType.TICKER)
        wire.push(ticker("KRW-A", 7))
        await until(lambda: client.get_ticker("KRW-A"))
        latest = client.get_ticker("KRW-A")
        assert latest is not None
        assert latest.trade_price == 7
        assert not client.is_stale("KRW-A", DataType.TICKER)


async def test_a_second_reader_has_what_is_known_at_once(stage: Stage) -> None:
    wire, first, second = FakeWire("upbit"), Reading(), Reading()
    await stage.serve(wire)
    await first.register(await stage.reader(), "KRW-A")
    await until(lambda: wire.streams)
    wire.push(ticker("KRW-A", 5))
    await until(lambda: first.events)
    await second.register(await stage.reader(), "KRW-A")
    await until(lambda: second.events)
    assert second.events[0].payload == ticker("KRW-A", 5)
    assert len(wire.wants) == 1


async def test_a_stopped_reader_keeps_the_newest_and_nobody_waits(stage: Stage) -> None:
    """A socket that nobody reads: bounded, conflated, counted; the other reader has everything."""
    wire, other = FakeWire("upbit"), Reading()
    server = await stage.serve(wire, capacity=100)
    await other.register(await stage.reader(), "KRW-A")
    reader, writer = await asyncio.open_unix_connection(str(stage.path), limit=2**16)
    writer.write(local.pack(local.Want([local.Wish(1, "upbit", "KRW-A", "ticker")])))
    await until(lambda: len(server.readers) == 2 and all(each.streams for each in server.stats()))
    transport = writer.transport
    transport.pause_reading()
    began = thread_time()
    count = 20_000
    for number in range(count):
        wire.push(ticker("KRW-A", number, stamp=number))
        if not number % 50:
            await asyncio.sleep(0)
    assert thread_time() - began < 5.0
    await until(lambda: other.events[-1].body.last == count - 1)
    stopped = server.stats()[1]
    assert stopped.waiting <= 1
    assert stopped.sent + stopped.conflated + stopped.waiting == count
    transport.resume_reading()
    splitter, newest = local.Splitter(), 0
    async with asyncio.timeout(60):
        while newest != count - 1:
            for kind, body in splitter.feed(await reader.read(2**16)):
                if kind == local.EVENT:
                    newest = int(body.partition(b'"timestamp":')[2].partition(b",")[0])
    writer.close()
    await until(lambda: len(server.readers) == 1)


async def test_trades_are_not_conflated_and_what_is_dropped_is_told(stage: Stage) -> None:
    wire, reading = FakeWire("binance"), Reading()
    server = await stage.serve(wire, capacity=100)
    await reading.register(await stage.reader(), "BTCUSDT", data_type=DataType.TRADE)
    await until(lambda: wire.streams)
    for number in range(80):
        wire.push(trade("BTCUSDT", number))
    await until(lambda: len(reading.events) == 80)
    for number in range(80, 1_080):
        wire.push(trade("BTCUSDT", number))
    await until(lambda: reading.events[-1].body.trade_id == 1_079)
    dropped = server.stats()[0].dropped  # 900, unless the machine was so busy that the hub gave the loop a turn in between
    assert 0 < dropped <= 900
    assert len(reading.events) == 1_080 - dropped
    await until(lambda: stage.hubs[0].dropped == dropped)


async def test_a_connection_of_the_hub_that_is_lost_is_lost_here_too(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    await stage.serve(wire)
    manager = await stage.reader()
    await reading.register(manager, "KRW-A")
    await until(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)
    assert manager.is_live(reading.events[0])
    ghost = wire.cut()
    await until(lambda: not manager.is_live(reading.events[0]))
    wire.connect()
    for take in ghost.values():
        take(1, ticker("KRW-A", 666))
    wire.push(ticker("KRW-A", 2))
    await until(lambda: len(reading.events) == 2)
    assert [event.epoch for event in reading.events] == [1, 2]
    assert [(each.epoch, each.up) for each in reading.status if isinstance(each, EpochEvent)] == [(1, True), (1, False), (2, True)]


@pytest.mark.parametrize("again", ["the same", "another"])
async def test_a_hub_that_comes_back_is_found_and_everything_restored(stage: Stage, again: str) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    await stage.serve(wire)
    manager = await stage.reader()
    await reading.register(manager, "KRW-A", "KRW-B")
    await until(lambda: len(wire.streams) == 2)
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)
    if again == "the same":
        for each in list(stage.server.readers.values()):
            each.abandon()
    else:
        await stage.server.stop()
        wire = FakeWire("upbit")
        await until(lambda: not manager.is_live(reading.events[0]))
        await stage.serve(wire)
    await until(lambda: stage.hubs[0].reconnects == 1)
    await until(lambda: len(wire.streams) == 2)
    wire.push(ticker("KRW-B", 2))
    await until(lambda: any(event.symbol == "KRW-B" for event in reading.events))
    assert manager.is_live(reading.events[-1])
    assert sum(1 for event in reading.events if event.payload == ticker("KRW-A", 1)) == 1


async def test_a_hub_that_stands_still_makes_stale_values(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    await stage.serve(wire)
    manager = await stage.reader()
    await reading.register(manager, "KRW-A")
    await until(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)
    stage.hubs[0]._heard -= 10
    manager.tick()
    assert not manager.is_live(reading.events[0])
    wire.push(ticker("KRW-A", 2))
    await until(lambda: len(reading.events) == 2)
    assert manager.is_live(reading.events[1])


async def test_a_venue_that_cannot_be_reached_is_told_to_readers_too(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    wire.hold = True
    await stage.serve(wire)
    await reading.register(await stage.reader(), "KRW-A")
    await until(lambda: wire.streams)
    assert wire.inlet is not None
    for why in ("refused", "refused", "HTTP 451"):
        wire.inlet.opening(wire.name, 1, wire.streams)
        wire.inlet.closed(wire.name, 1, LifeEnd(why))
    await until(lambda: len(reading.status) == 2)
    assert [(event.up, event.why) for event in reading.status if isinstance(event, EpochEvent)] == [(False, "refused"), (False, "HTTP 451")]
    assert stage.readers[0].get_connection_metrics()[wire.name].failed_attempts == 2
    wire.connect()
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)
    assert [event.up for event in reading.status if isinstance(event, EpochEvent)] == [False, False, True]


async def test_what_is_not_wanted_any_more_is_not_sent(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    server = await stage.serve(wire)
    manager = await stage.reader()
    await reading.register(manager, "KRW-A", "KRW-B")
    await until(lambda: len(wire.streams) == 2)
    await reading.register(manager, "KRW-B")
    await until(lambda: [stream.symbol for stream in wire.streams] == ["KRW-B"])
    wire.push(ticker("KRW-A", 1))
    wire.push(ticker("KRW-B", 1))
    await until(lambda: reading.events)
    assert [event.symbol for event in reading.events] == ["KRW-B"]
    await manager.unregister_component("a")
    await until(lambda: not wire.streams)
    assert server.stats()[0].streams == 0


async def test_an_unknown_symbol_is_told_to_the_component_that_asked(stage: Stage) -> None:
    wire, reading = FakeWire("upbit", symbols={"KRW-A": "TRADING"}), Reading()
    server = await stage.serve(wire)
    server.manager.resolver.known["upbit"] = {"KRW-A": "TRADING"}
    subscription = await reading.register(await stage.reader(), "KRW-A", "KRW-NOPE")
    await until(lambda: subscription.errors)
    assert subscription.errors[0].symbols == ("KRW-NOPE",)
    await until(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)


async def test_the_socket_is_ours_alone_and_without_a_hub_there_is_a_clear_error(stage: Stage, tmp_path: Path) -> None:
    await stage.serve(FakeWire("upbit"))
    assert stat.S_IMODE(stage.path.stat().st_mode) == 0o600
    assert [each.name for each in stage.path.parent.iterdir()] == ["hub"]
    with pytest.raises(NoHub, match=r"nothing is there.*hoga run"):
        await LocalHub(tmp_path / "none", VENUES).open()
    (tmp_path / "dead").write_bytes(b"")
    with pytest.raises(NoHub, match="nobody answers"):
        await LocalHub(tmp_path / "dead", VENUES).open()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, local.HEAD.pack(5, 0) + b"{{{{{"])
async def test_who_does_not_speak_the_language_is_let_go(stage: Stage, said: bytes) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    server = await stage.serve(wire)
    await reading.register(await stage.reader(), "KRW-A")
    _, writer = await asyncio.open_unix_connection(str(stage.path))
    writer.write(said)
    await until(lambda: len(server.readers) == 1)
    writer.close()
    await until(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await until(lambda: reading.events)


def test_messages_survive_any_cut() -> None:
    notes = [local.pack(local.Beat(number, 0)) for number in range(5)]
    whole = b"".join(notes)
    for size in range(1, len(whole) + 1):
        splitter = local.Splitter()
        found = [body for at in range(0, len(whole), size) for _, body in splitter.feed(whole[at : at + size])]
        assert [local.decoder()(body) for body in found] == [local.Beat(number, 0) for number in range(5)]


async def test_readers_that_come_and_go_leave_nothing_behind(stage: Stage) -> None:
    wire = FakeWire("upbit")
    server = await stage.serve(wire)
    for _ in range(20):
        hub = LocalHub(stage.path, VENUES)
        await hub.open()
        manager = GlobalWebSocketManager(hub.wires, VENUES, pace=Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000))
        manager.start()
        reading = Reading()
        await reading.register(manager, "KRW-A")
        await until(lambda: wire.streams)
        await manager.stop()
        await until(lambda: not server.readers)
    stats = server.manager.get_routing_statistics()
    assert (stats.routes, stats.consumers) == (0, 0)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("hub reader ", "hub consumer"))]
