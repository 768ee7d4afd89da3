"""A private connection is replaced before it is gone: both are read, nothing is lost or told twice, nothing is missed in silence."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from hoga.core.market import DataType
from hoga.hub.errors import ArgumentError
from hoga.hub.events import EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import PrivateState
from hoga.venues.registry import VENUES
from tests.app.private_server import PrivateServer
from tests.app.test_private import KEY, ORDERS, SECRET, VENUE_NAMES, Hasty, Rig, make_wire, until

Build = Callable[..., Rig]
SHUTDOWN = b'{"event":{"e":"serverShutdown","E":1790134512402}}'


@pytest_asyncio.fixture
async def server() -> AsyncIterator[PrivateServer]:
    async with PrivateServer(key=KEY, secret=SECRET) as made:
        made.same_listen_key = True
        yield made


@pytest_asyncio.fixture
async def build(server: PrivateServer) -> AsyncIterator[Build]:
    made: list[GlobalWebSocketManager] = []

    def start(venue: str, **more: Any) -> Rig:
        wire = make_wire(venue, server, **more)
        manager = GlobalWebSocketManager([wire], VENUES)
        manager.start()
        made.append(manager)
        return Rig(manager, wire)

    yield start
    for manager in made:
        await manager.stop()


def order(venue: str, number: int) -> bytes:
    """The event of another order, sent at another time."""
    frame = ORDERS[venue]
    for id_of in (b"28001", b"8886774", b"9f1c"):
        frame = frame.replace(id_of, b"%d" % number)
    return frame


async def live(rig: Rig) -> None:
    await rig.register(DataType.MY_ORDER, DataType.MY_FILL)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)


def ids(rig: Rig, data_type: DataType = DataType.MY_ORDER) -> list[int]:
    return [int(event.body.order_id) for event in rig.desk.events if event.data_type is data_type]


async def push_while(server: PrivateServer, venue: str, going: Callable[[], bool], *, first: int = 100_000) -> list[int]:
    sent = []
    while going():
        number = first + len(sent)
        await server.push(order(venue, number))
        sent.append(number)
        await asyncio.sleep(0.01)
    return sent


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_doubted_connection_is_replaced_without_a_loss_or_a_double(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue)
    await live(rig)
    missed = len(rig.desk.missed)
    rig.manager.suspect_private(venue, "an order was accepted 3 s ago, and nothing was told of it")
    sent = await push_while(server, venue, lambda: rig.wire.connection.handovers == 0)
    sent += await push_while(server, venue, lambda: len(server.sockets) > 1, first=200_000)
    await server.push(order(venue, 300_000))
    await until(lambda: ids(rig)[-1:] == [300_000])
    assert ids(rig) == [*sent, 300_000]
    assert ids(rig, DataType.MY_FILL) == [*sent, 300_000]
    assert len(rig.desk.missed) == missed, "there was always a live connection"
    assert [each.state for each in rig.desk.states][-3:] == ["live", "handover", "live"]
    assert "accepted 3 s ago" in rig.desk.states[-2].text
    assert {event.epoch for event in rig.desk.events} == {1, 2}  # both lives bring what comes while both live
    assert rig.desk.events[-1].epoch == rig.wire.connection.epoch == 2
    assert [(each.epoch, each.up) for each in rig.desk.seen if isinstance(each, EpochEvent)] == [(1, True), (2, True)]
    assert (rig.wire.connection.reconnects, len(server.sockets), server.asked["connect"]) == (0, 1, 2)


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_one_event_that_was_sent_at_two_times_is_told_once(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue)
    await live(rig)
    server.skew_ms = 1
    rig.wire.suspect("doubt")
    sent = await push_while(server, venue, lambda: rig.wire.connection.handovers == 0)
    assert server.asked["connect"] == 2
    await until(lambda: ids(rig)[-1:] == sent[-1:])
    assert ids(rig) == sent


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_connection_is_replaced_before_the_venue_cuts_it(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue, replace_after_s=0.6)
    await live(rig)
    sent = await push_while(server, venue, lambda: rig.wire.connection.handovers < 2)
    await until(lambda: len(ids(rig)) >= len(sent))
    assert ids(rig) == sent
    assert len(rig.desk.missed) == 1
    assert rig.wire.connection.reconnects == 0


async def test_a_shutdown_that_is_announced_costs_nothing(server: PrivateServer, build: Build) -> None:
    rig = build("binance", rest_s=30.0)
    await live(rig)
    await server.push(SHUTDOWN)
    sent = await push_while(server, "binance", lambda: rig.wire.connection.handovers == 0)
    await until(lambda: rig.wire.connection.epoch == 2 and len(ids(rig)) == len(sent))
    assert ids(rig) == sent
    assert len(rig.desk.missed) == 1
    assert "announced a shutdown" in rig.wire.connection.last_close


async def test_a_shutdown_that_comes_sooner_than_the_second_login(server: PrivateServer, build: Build) -> None:
    """What was between the two is told as missed."""
    rig = build("binance")
    await live(rig)
    await server.push(SHUTDOWN)
    await server.cut()
    await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
    assert len(rig.desk.missed) == 2
    assert rig.desk.missed[-1].from_ns is not None
    await server.push(order("binance", 5))
    await until(lambda: ids(rig) == [5])


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_a_connection_that_falls_dumb_is_replaced_and_what_may_be_missing_is_told(
    venue: str, server: PrivateServer, build: Build
) -> None:
    rig = build(venue, ping_interval_s=0.2, ping_timeout_s=2.0)
    await live(rig)
    [socket] = server.sockets
    assert socket._req is not None
    assert socket._req.transport is not None
    socket._req.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: rig.wire.connection.epoch == 2)
    await until(lambda: len(rig.desk.missed) == 2)
    assert any(each.state is PrivateState.HANDOVER and "no answer to a ping" in each.text for each in rig.desk.states)
    last = rig.desk.missed[-1]
    assert last.from_ns is not None
    assert last.from_ns < last.to_ns
    await server.push(order(venue, 7))
    await until(lambda: ids(rig)[-1:] == [7])
    assert ids(rig) == [7]


async def test_a_second_login_that_is_deaf_is_no_successor(server: PrivateServer, build: Build) -> None:
    rig = build("upbit")
    await live(rig)
    server.deaf = True
    rig.wire.suspect("doubt")
    sent = await push_while(server, "upbit", lambda: not rig.desk.has_been(PrivateState.LIVE, 2))
    assert rig.wire.connection.epoch == 1
    assert rig.desk.states[-1].text == "it does not bring what the other one does"
    assert ids(rig) == sent
    server.deaf = False
    more = await push_while(server, "upbit", lambda: rig.wire.connection.handovers == 0, first=200_000)
    await until(lambda: len(ids(rig)) == len(sent + more))
    assert ids(rig) == sent + more
    assert len(rig.desk.missed) == 1


@pytest.mark.parametrize("venue", VENUE_NAMES)
async def test_while_no_second_login_is_let_in_the_first_goes_on(venue: str, server: PrivateServer, build: Build) -> None:
    rig = build(venue)
    await live(rig)
    server.down = True
    rig.wire.suspect("doubt")
    sent = await push_while(server, venue, lambda: sum(each.state is PrivateState.HANDOVER for each in rig.desk.states) < 2)
    server.down = False
    sent += await push_while(server, venue, lambda: rig.wire.connection.handovers == 0, first=200_000)
    await until(lambda: len(ids(rig)) == len(sent))
    assert ids(rig) == sent
    assert len(rig.desk.missed) == 1


async def test_a_listen_key_that_another_client_deleted_was_deaf_since_it_was_kept_last(server: PrivateServer, build: Build) -> None:
    """Its minutes are milliseconds here. The socket lives and answers pings, and brings nothing."""
    rig = build("binance-usdm", clock=Hasty())
    await live(rig)
    await until(lambda: server.asked.get("listenKey PUT", 0) >= 2)
    first = rig.desk.missed[-1]
    server.listen_keys.clear()
    server.members.clear()
    await until(lambda: rig.desk.has_been(PrivateState.LIVE, 2))
    last = rig.desk.missed[-1]
    assert last.from_ns is not None
    assert first.to_ns - 2_000_000_000 < last.from_ns < last.to_ns
    assert rig.wire.connection.last_close.startswith("the listen key was not kept")


async def test_another_listen_key_at_the_second_login_proves_that_the_first_was_deaf(server: PrivateServer, build: Build) -> None:
    rig = build("binance-usdm")
    await live(rig)
    server.listen_keys.clear()
    server.members.clear()
    rig.wire.suspect("an order was accepted, and nothing was told of it")
    await until(lambda: rig.wire.connection.epoch == 2)
    assert len(rig.desk.missed) == 2
    assert rig.desk.missed[-1].from_ns is not None


async def test_a_doubt_about_nobody_is_a_mistake_and_one_before_anything_is_live_is_none(server: PrivateServer, build: Build) -> None:
    rig = build("binance")
    rig.manager.suspect_private("binance", "doubt")
    with pytest.raises(ArgumentError, match="did you mean binance"):
        rig.manager.suspect_private("binanse", "doubt")
    with pytest.raises(ArgumentError, match="why"):
        rig.manager.suspect_private("binance", "")
    assert server.asked == {}


async def test_doubts_come_to_rest(server: PrivateServer, build: Build) -> None:
    rig = build("binance", rest_s=600.0)
    await live(rig)
    for _ in range(20):
        rig.wire.suspect("doubt")
        await asyncio.sleep(0.01)
    assert (server.asked["connect"], rig.desk.state()) == (1, PrivateState.LIVE)


async def test_a_stop_in_the_middle_of_a_handover_ends_both(server: PrivateServer, build: Build) -> None:
    rig = build("upbit", overlap_s=30.0, patience_s=60.0)
    await live(rig)
    rig.wire.suspect("doubt")
    await until(lambda: len(server.members) == 2)
    await rig.manager.unregister_component("desk")
    await until(lambda: not server.sockets and rig.wire.connection.phase is PrivateState.IDLE)
    await rig.register(DataType.MY_ORDER)
    await until(lambda: rig.desk.state() is PrivateState.LIVE)


async def misbehave(server: PrivateServer, rig: Rig, chance: random.Random) -> None:
    """Anything that a venue, a network or a strategy may do to a private connection, again and again."""
    for _ in range(14):
        what = chance.choice(["suspect", "suspect", "cut all", "cut one", "shutdown", "down", "close one"])
        sockets = list(server.sockets)
        if what == "suspect":
            rig.wire.suspect("doubt")
        elif what == "cut all":
            await server.cut()
        elif what == "cut one" and sockets:
            socket = chance.choice(sockets)
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        elif what == "close one" and sockets:
            await chance.choice(sockets).close(code=1001, message=b"maintenance")
        elif what == "shutdown" and rig.wire.venue == "binance":
            await server.push(SHUTDOWN)
        elif what == "down":
            server.down = not server.down
        await asyncio.sleep(chance.choice([0.0, 0.02, 0.15, 0.35]))
    server.down = False


@pytest.mark.parametrize("venue", VENUE_NAMES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
async def test_what_does_not_come_is_within_what_is_told_as_missed(seed: int, venue: str, server: PrivateServer, build: Build) -> None:
    """Nothing comes twice, whatever happens; and what never comes was sent in a span that was told."""
    rig = build(venue, overlap_s=0.1, patience_s=0.4)
    await live(rig)
    chance, sent = random.Random(seed), dict[int, int]()
    mess = asyncio.create_task(misbehave(server, rig, chance))
    while not mess.done():
        number = 100_000 + len(sent)
        sent[number] = time.time_ns()
        await server.push(order(venue, number))
        await asyncio.sleep(0.004)
    await mess
    await until(lambda: rig.desk.state() is PrivateState.LIVE)
    await until(lambda: rig.wire.connection.state.is_up)
    sent[999_999] = time.time_ns()
    await server.push(order(venue, 999_999))
    await until(lambda: 999_999 in ids(rig))
    came = ids(rig)
    assert len(came) == len(set(came))
    spans = [(each.from_ns or 0, each.to_ns) for each in rig.desk.missed[1:]]
    lost = [number for number in sent if number not in set(came)]
    assert not [number for number in lost if not any(low <= sent[number] <= high for low, high in spans)]
