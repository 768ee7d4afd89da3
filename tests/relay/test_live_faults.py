"""Three collectors of one exchange, relays and the server killed at random: what a client is told is in order of each, and once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

import hoga
from hoga.hub.private import MissedEvent
from hoga.hub.routing import Delivery
from hoga.simulator import Simulator, SimulatorConfig
from tests.nats_server import NatsServer, nats_server
from tests.relay.live_stage import Desk, LiveStage
from tests.waiting import eventually

__all__ = ["nats_server"]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
NAMES = ("tokyo", "seoul", "london")


@pytest_asyncio.fixture
async def stage(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[LiveStage]:
    nats_server.start()
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=5)) as simulator:
        found = LiveStage(simulator, nats_server, tmp_path)
        for name in NAMES:
            await found.collector(name)
        yield found
        await found.end()


async def test_relays_and_the_server_killed_at_random(stage: LiveStage) -> None:
    chance = Random(11)
    client, desk = await hoga.connect("desk", nats=stage.nats.url), Desk()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.ORDERBOOK, ["BTCUSDT"], venue="binance")]
    await client.manager.register_component("books", desk, wishes, desk.take, delivery=Delivery.INLINE, on_status=desk.status)
    alive = dict(zip(NAMES, stage.relays, strict=True))
    for _ in range(12):
        wanted = len(desk.events) + 10
        await eventually(lambda wanted=wanted: len(desk.events) >= wanted)
        if chance.random() < 0.25:
            stage.nats.kill()
            await asyncio.sleep(chance.random())
            stage.nats.start()
        else:
            name = chance.choice(NAMES)
            await alive[name].kill()
            alive[name] = await stage.relay(name)
    wanted = len(desk.events) + 20
    await eventually(lambda: len(desk.events) >= wanted)
    places = stage.places(desk.events)
    assert len(places) == len(set(places)), "nothing twice"
    assert places == sorted(places), "a book never goes back"
    by_leg: dict[tuple[str, int], list[int]] = defaultdict(list)
    for event in desk.events:
        by_leg[event.conn, event.epoch].append(event.recv_ns)
    assert all(times == sorted(times) for times in by_leg.values())
    assert desk.of(MissedEvent)
    await client.close()


async def test_with_three_collectors_one_that_is_killed_costs_nothing(stage: LiveStage) -> None:
    client, desk = await hoga.connect("desk", nats=stage.nats.url), Desk()
    wishes = [hoga.SubscriptionSpec(hoga.DataType.ORDERBOOK, ["BTCUSDT"], venue="binance")]
    await client.manager.register_component("books", desk, wishes, desk.take, delivery=Delivery.INLINE, on_status=desk.status)
    await eventually(lambda: {event.conn.partition("/")[0] for event in desk.events} == set(NAMES))
    for relay in stage.relays[:2]:
        wanted = len(desk.events) + 20
        await eventually(lambda wanted=wanted: len(desk.events) >= wanted)
        await relay.kill()
    wanted = len(desk.events) + 20
    await eventually(lambda: len(desk.events) >= wanted)
    places = stage.places(desk.events)
    assert places == list(range(places[0], places[-1] + 1)), "every book, once, in order"
    await client.close()
