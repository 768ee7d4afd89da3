"""Lives of one connection that overlap, end in any order, and bring what was known: in the hub's process and over the local socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.live import Live
from hoga.core.market import DataType
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.events import EpochEvent, GapEvent, StatusEvent
from hoga.hub.local_server import HubServer
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import LifeEnd, Take
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.venues.registry import VENUES
from tests.hub.workbench import FakeWire, Make, ticker, trade
from tests.waiting import eventually

Table = dict[bytes, Take]


def book(symbol: str, number: int) -> bytes:
    return b'{"stream":"%b@depth20@100ms","data":{"lastUpdateId":%d,"bids":[["1.0","%d.0"]],"asks":[["9.0","1.0"]]}}' % (
        symbol.lower().encode(), number, number,
    )  # fmt: skip


def upbit_trade(number: int, manner: str) -> bytes:
    return (
        b'{"type":"trade","code":"KRW-A","timestamp":5,"trade_date":"2026-11-30","trade_time":"00:00:00","trade_timestamp":4,'
        b'"trade_price":1.0,"trade_volume":1.0,"ask_bid":"ASK","prev_closing_price":1.0,"change":"EVEN","change_price":0.0,'
        b'"sequential_id":%d,"stream_type":"%b"}' % (number, manner.encode())
    )


class Watching:
    """A component that keeps events and what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.status: list[StatusEvent] = []

    async def register(self, manager: GlobalWebSocketManager, name: str, *wishes: SubscriptionSpec) -> None:
        await manager.register_component(
            name, self, list(wishes), self.events.append, delivery=Delivery.INLINE, on_status=self.status.append
        )

    @property
    def lives(self) -> list[tuple[int, bool]]:
        return [(event.epoch, event.up) for event in self.status if isinstance(event, EpochEvent)]

    @property
    def trades(self) -> list[int]:
        return [event.body.trade_id for event in self.events]


def trades_of(*symbols: str, mode: Mode = Mode.BOTH) -> SubscriptionSpec:
    return SubscriptionSpec(DataType.TRADE, symbols, mode=mode)


class Places:
    """One connection of a hub, and where its streams are read: in its process ("here"), or over its socket ("there")."""

    def __init__(self, make: Make, folder: Path) -> None:
        self._make = make
        self._path = folder / "hub"
        self.hub: LocalHub | None = None
        self.there: GlobalWebSocketManager | None = None

    async def begin(self, wire: FakeWire) -> None:
        self.wire = wire
        self.here = self._make(wire)
        self.server = HubServer(self.here, self._path, beat_s=0.05)
        await self.server.start()

    async def reader(self, **how: Any) -> GlobalWebSocketManager:
        self.hub = LocalHub(self._path, VENUES, **how)
        await self.hub.open()
        pace = Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000)
        self.there = GlobalWebSocketManager(self.hub.wires, VENUES, pace=pace, linger_s=0.2)
        self.there.start()
        return self.there

    async def at(self, place: str) -> GlobalWebSocketManager:
        return self.here if place == "here" else await self.reader()

    def push(self, table: Table, data: bytes) -> None:
        """On one life, whichever is the newest."""
        current, self.wire.table = self.wire.table, table
        self.wire.push(data)
        self.wire.table = current

    def end(self, epoch: int, why: str = "rolled over") -> None:
        assert self.wire.inlet is not None
        self.wire.inlet.closed(self.wire.name, epoch, LifeEnd(why))

    def alive_there(self) -> set[int]:
        assert self.there is not None
        return {epoch for _, epoch in self.there.open_lives(self.wire.name)}

    async def close(self) -> None:
        if self.there is not None:
            await self.there.stop()
        await self.server.stop()


@pytest_asyncio.fixture
async def places(make: Make, tmp_path: Path) -> AsyncIterator[Places]:
    found = Places(make, tmp_path)
    yield found
    await found.close()


async def test_a_reader_that_meets_the_older_life_after_the_newer_one_goes_on(places: Places) -> None:
    """It comes in the middle of a handover: what it gets first is of the new life, then of the old one."""
    wire, own, reading = FakeWire("binance"), Watching(), Watching()
    await places.begin(wire)
    await own.register(places.here, "own", trades_of("BTCUSDT", "ETHUSDT"))
    await eventually(lambda: wire.streams)
    old = dict(wire.table)
    wire.connect()
    manager = await places.reader()
    await reading.register(manager, "a", trades_of("BTCUSDT", "ETHUSDT"))
    await eventually(lambda: places.server.stats()[0].streams == 2)
    for number in range(1, 10):
        places.push(old if number % 2 == 0 else wire.table, trade("BTCUSDT", number))
        await asyncio.sleep(0.005)
    places.push(old, trade("ETHUSDT", 1))
    await eventually(lambda: len(reading.events) == 10)
    assert reading.trades == [*range(1, 10), 1]
    assert {event.epoch for event in reading.events} == {1, 2}
    assert places.hub is not None
    assert places.hub.reconnects == 0
    assert sorted(reading.lives) == [(1, True), (2, True)]


async def test_a_reader_is_told_of_the_life_that_a_handover_ended_and_of_the_cut_after_it(places: Places) -> None:
    wire, own = FakeWire("binance"), Watching()
    await places.begin(wire)
    await own.register(places.here, "own", trades_of("BTCUSDT", "ETHUSDT"))
    async with SimpleWebSocketClient("gui", manager=await places.reader()) as client:
        await client.register_interests(["BTCUSDT", "ETHUSDT"], [DataType.TRADE])
        await eventually(lambda: places.alive_there() == {1})
        wire.push(trade("BTCUSDT", 1))
        wire.push(trade("ETHUSDT", 1))
        await eventually(lambda: client.get_trade("ETHUSDT"))
        for _ in range(3):
            old = wire.epoch
            wire.connect()
            places.end(old)
        await eventually(lambda: places.alive_there() == {4})
        (inlet,) = [each for each in places.there._inlets.values() if each.doors]  # type: ignore[union-attr]
        assert [door._legs for door in inlet.doors.values()] == [[(wire.name, 4)]] * 2
        (reader,) = places.server.readers.values()
        assert list(reader._legs) == [(wire.name, 4)]
        assert places.there is not None
        assert places.there.get_connection_metrics()[wire.name].is_connected
        wire.push(trade("ETHUSDT", 2))
        await eventually(lambda: not client.is_stale("ETHUSDT", DataType.TRADE))
        wire.cut()
        await eventually(lambda: client.is_stale("ETHUSDT", DataType.TRADE))
        assert not places.there.get_connection_metrics()[wire.name].is_connected


async def test_a_venue_that_numbers_anew_after_a_handover_and_a_cut_is_read_on(places: Places) -> None:
    wire, own, reading = FakeWire("binance"), Watching(), Watching()
    wish = SubscriptionSpec(DataType.ORDERBOOK, ["BTCUSDT"])
    await places.begin(wire)
    await own.register(places.here, "own", wish)
    await reading.register(await places.reader(every=True), "a", wish)
    await eventually(lambda: places.alive_there() == {1})
    wire.push(book("BTCUSDT", 1000))
    wire.connect()
    wire.push(book("BTCUSDT", 1001))
    await eventually(lambda: len(reading.events) == 2)
    places.end(1)
    wire.push(book("BTCUSDT", 1002))
    wire.cut()
    wire.connect()
    for number in range(1, 41):
        wire.push(book("BTCUSDT", number))
    await eventually(lambda: reading.events[-1].body.update_id == 40)
    assert [event.body.update_id for event in reading.events] == [1000, 1001, 1002, *range(1, 41)]
    assert sorted(reading.lives) == [(1, True), (2, False), (2, True), (3, True)]


@pytest.mark.parametrize("place", ["here", "there"])
async def test_a_handover_that_is_given_up_is_no_cut_and_the_cut_after_it_is_one(places: Places, place: str) -> None:
    wire = FakeWire("binance")
    await places.begin(wire)
    stream = wire.spec.parse_stream("BTCUSDT", "aggTrade")
    live, told = Live([stream]), Watching()
    live.begin(after_ns=time_ns())
    manager = await places.at(place)
    await told.register(manager, "told", trades_of("BTCUSDT"))
    await manager.register_component(
        "since", live, [trades_of("BTCUSDT")], live.take, delivery=Delivery.INLINE, on_status=live.status
    )  # fmt: skip
    await eventually(lambda: told.lives == [(1, True)])

    async def drained(last: int) -> list[Any]:
        await eventually(lambda: told.events and told.events[-1].body.trade_id == last)
        found = []
        while (event := await live.next(0.01)) is not None:
            found.append(event.reason.value if isinstance(event, GapEvent) else event.body.trade_id)
        return found

    wire.push(trade("BTCUSDT", 1))
    assert await drained(1) == ["shutdown", 1]
    old = wire.table
    wire.connect()
    await eventually(lambda: (2, True) in told.lives)
    places.end(2, "did not bring all")
    places.push(old, trade("BTCUSDT", 2))
    assert await drained(2) == [2]
    places.end(1, "1006")
    await eventually(lambda: told.lives == [(1, True), (2, True), (1, False)])
    wire.connect()
    wire.push(trade("BTCUSDT", 10))
    assert await drained(10) == ["disconnect", 10]
    assert told.lives == [(1, True), (2, True), (1, False), (3, True)]


async def test_a_life_that_ends_while_the_next_is_being_made_is_a_cut(make: Make) -> None:
    """An attempt is no life yet: what comes to nothing then is only counted."""
    wire, told = FakeWire("binance"), Watching()
    manager = make(wire)
    await told.register(manager, "a", trades_of("BTCUSDT"))
    await eventually(lambda: wire.streams)
    assert wire.inlet is not None
    wire.inlet.opening(wire.name, 2, wire.streams)
    wire.inlet.closed(wire.name, 1, LifeEnd("1006"))
    assert told.lives == [(1, True), (1, False)]
    assert not manager.get_connection_metrics()[wire.name].is_connected
    wire.inlet.closed(wire.name, 2, LifeEnd("1006"))
    assert told.lives == [(1, True), (1, False)]
    assert manager.get_connection_metrics()[wire.name].failed_attempts == 1


# -- values that have not changed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["here", "there"])
@pytest.mark.parametrize(
    ("data_type", "first", "again"),
    [
        (DataType.TICKER, ticker("KRW-A", 7), ticker("KRW-A", 7)),
        (DataType.TRADE, upbit_trade(7, "REALTIME"), upbit_trade(7, "SNAPSHOT")),
    ],
)
async def test_what_a_new_life_confirms_is_alive_and_serves_who_wants_the_value(
    places: Places, place: str, data_type: DataType, first: bytes, again: bytes
) -> None:
    wire, running, once = FakeWire("upbit"), Watching(), Watching()
    await places.begin(wire)
    manager = await places.at(place)
    await running.register(manager, "running", SubscriptionSpec(data_type, ["KRW-A"]))
    async with SimpleWebSocketClient("gui", manager=manager) as client:
        await client.register_interests(["KRW-A"], [data_type])
        await eventually(lambda: wire.streams)
        wire.push(first)
        await eventually(lambda: not client.is_stale("KRW-A", data_type))
        wire.cut()
        await eventually(lambda: client.is_stale("KRW-A", data_type))
        await once.register(manager, "once", SubscriptionSpec(data_type, ["KRW-A"], mode=Mode.SNAPSHOT))
        wire.connect()
        wire.push(again)
        await eventually(lambda: once.events)
        assert (once.events[0].epoch, once.events[0].payload) == (2, again)
        assert not client.is_stale("KRW-A", data_type)
        assert [event.epoch for event in running.events] == [1]
        wire.push(again)
        await asyncio.sleep(0.02)
        assert (len(once.events), len(running.events)) == (1, 1)


async def test_what_both_lives_of_a_handover_said_is_alive_after_it(places: Places) -> None:
    wire = FakeWire("binance")
    await places.begin(wire)
    async with (
        SimpleWebSocketClient("here", manager=places.here) as here,
        SimpleWebSocketClient("there", manager=await places.reader()) as there,
    ):
        for client in (here, there):
            await client.register_interests(["BTCUSDT"], [DataType.TRADE])
        await eventually(lambda: places.alive_there() == {1})
        old = wire.table
        wire.connect()
        for table in (old, wire.table):
            places.push(table, trade("BTCUSDT", 5))
        await eventually(lambda: there.get_trade("BTCUSDT"))
        places.end(1)
        await eventually(lambda: places.alive_there() == {2})
        for client in (here, there):
            await eventually(lambda client=client: not client.is_stale("BTCUSDT", DataType.TRADE))
            latest = client.get_trade("BTCUSDT")
            assert latest is not None
            assert latest.epoch == 2


async def test_a_hub_that_goes_on_has_living_connections_at_once(places: Places) -> None:
    """Any sign of life is one; no market has to move."""
    wire, reading = FakeWire("upbit"), Watching()
    await places.begin(wire)
    manager = await places.reader()
    await reading.register(manager, "a", SubscriptionSpec(DataType.TICKER, ["KRW-A"]))
    await eventually(lambda: places.alive_there() == {1})
    wire.push(ticker("KRW-A", 1))
    await eventually(lambda: reading.events)
    assert places.hub is not None
    places.hub._heard -= 10
    manager.tick()
    assert not manager.is_live(reading.events[0])
    await eventually(lambda: manager.is_live(reading.events[0]), seconds=1.0)
    assert reading.lives == [(1, True), (1, False), (1, True)]
    wire.push(ticker("KRW-A", 2))
    await eventually(lambda: len(reading.events) == 2)
