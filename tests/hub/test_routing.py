"""Delivery: nobody delays anybody, every drop is counted, order holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hoga.hub.events import BaseWebSocketEvent, TickerEvent
from hoga.hub.mailbox import Overflow
from hoga.hub.routing import DataRoutingEngine, Delivery
from hoga.venues.registry import VENUES
from tests.waiting import eventually as until

UPBIT = VENUES["upbit"]


def event(symbol: str = "KRW-A", number: int = 0) -> BaseWebSocketEvent:
    stream = UPBIT.parse_stream(symbol, "ticker")
    channel = UPBIT.channel_of("ticker")
    assert channel.data_type is not None
    assert channel.record.decode is not None
    return TickerEvent(stream, channel.data_type, b"%d" % number, time.time_ns(), "c", 1, channel.record.decode)


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[DataRoutingEngine]:
    made = DataRoutingEngine()
    yield made
    made.close()


@pytest.mark.parametrize("delivery", list(Delivery))
async def test_every_way_of_being_called_keeps_the_order(engine: DataRoutingEngine, delivery: Delivery) -> None:
    seen: list[bytes] = []
    engine.add_consumer("a", lambda each: seen.append(each.payload), delivery=delivery, capacity=10_000)
    engine.set_routes("a", [event().stream])
    for number in range(3_000):
        engine.route_event(event(number=number))
    await until(lambda: len(seen) == 3_000)
    assert seen == [b"%d" % number for number in range(3_000)]


async def test_a_callback_that_blocks_holds_up_nobody_and_is_named_once(engine: DataRoutingEngine) -> None:
    release, seen = threading.Event(), []
    engine.add_consumer("blocked", lambda each: release.wait(20), capacity=5)
    engine.add_consumer("quick", seen.append)
    for name in ("blocked", "quick"):
        engine.set_routes(name, [event().stream])
    try:
        for number in range(50):
            engine.route_event(event(number=number))
            await asyncio.sleep(0.005)
        await until(lambda: len(seen) == 50)
        stats = engine.get_routing_statistics()
        blocked = stats.by_consumer["blocked"]
        assert blocked.slow
        assert not stats.by_consumer["quick"].slow
        assert blocked.accepted == 50
        assert blocked.dropped + blocked.delivered + blocked.waiting + 1 == 50
    finally:
        release.set()


async def test_a_callback_that_raises_is_counted_and_goes_on(engine: DataRoutingEngine) -> None:
    seen = []

    def moody(each: BaseWebSocketEvent) -> None:
        seen.append(each)
        if len(seen) % 2:
            raise RuntimeError("no")

    engine.add_consumer("a", moody)
    engine.set_routes("a", [event().stream])
    for _ in range(10):
        engine.route_event(event())
    await until(lambda: len(seen) == 10)
    await until(lambda: engine.get_routing_statistics().errors == 5)


async def test_async_callbacks_and_functions_that_hand_back_coroutines_are_awaited(engine: DataRoutingEngine) -> None:
    seen: list[str] = []

    async def proper(each: BaseWebSocketEvent) -> None:
        await asyncio.sleep(0)
        seen.append("proper")

    async def inner() -> None:
        seen.append("forgotten")

    engine.add_consumer("proper", proper)
    engine.add_consumer("forgotten", lambda each: inner())
    for name in ("proper", "forgotten"):
        engine.set_routes(name, [event().stream])
    engine.route_event(event())
    await until(lambda: sorted(seen) == ["forgotten", "proper"])


async def test_an_async_callback_that_never_ends_costs_itself_only(engine: DataRoutingEngine) -> None:
    seen = []

    async def stuck(each: BaseWebSocketEvent) -> None:
        await asyncio.Event().wait()

    async def fine(each: BaseWebSocketEvent) -> None:
        seen.append(each)

    engine.add_consumer("stuck", stuck, capacity=3)
    engine.add_consumer("fine", fine)
    for name in ("stuck", "fine"):
        engine.set_routes(name, [event().stream])
    for _ in range(20):
        engine.route_event(event())
        await asyncio.sleep(0)
    await until(lambda: len(seen) == 20)
    assert engine.get_routing_statistics().by_consumer["stuck"].dropped == 16


async def test_conflation_keeps_the_newest_of_each_symbol_and_counts_the_rest(engine: DataRoutingEngine) -> None:
    release, seen = threading.Event(), []

    def take(each: BaseWebSocketEvent) -> None:
        seen.append((each.symbol, each.payload))
        release.wait(10)

    engine.add_consumer("a", take, overflow=Overflow.CONFLATE)
    engine.set_routes("a", [event(symbol).stream for symbol in ("KRW-A", "KRW-B", "KRW-C")])
    engine.route_event(event("KRW-C", 0))
    await until(lambda: seen)
    for number in range(10):
        for symbol in ("KRW-A", "KRW-B"):
            engine.route_event(event(symbol, number))
    release.set()
    await until(lambda: len(seen) == 3)
    assert seen[1:] == [("KRW-A", b"9"), ("KRW-B", b"9")]
    assert engine.get_routing_statistics().dropped == 18


async def test_throttling_hands_over_the_newest_at_most_so_often(engine: DataRoutingEngine) -> None:
    seen: list[tuple[float, bytes]] = []
    engine.add_consumer("a", lambda each: seen.append((time.monotonic(), each.payload)), overflow=Overflow.THROTTLE, interval_s=0.05)
    engine.set_routes("a", [event().stream])
    for number in range(60):
        engine.route_event(event(number=number))
        await asyncio.sleep(0.002)
    await until(lambda: seen[-1][1] == b"59")
    assert 2 <= len(seen) <= (seen[-1][0] - seen[0][0]) / 0.045 + 1
    assert all(later[0] - earlier[0] >= 0.045 for earlier, later in zip(seen, seen[1:], strict=False))


async def test_a_producer_that_can_wait_loses_nothing(engine: DataRoutingEngine) -> None:
    seen = []

    def slowly(each: BaseWebSocketEvent) -> None:
        time.sleep(0.0002)
        seen.append(each)

    engine.add_consumer("a", slowly, overflow=Overflow.BLOCK, capacity=10)
    engine.set_routes("a", [event().stream])
    for number in range(200):
        await engine.publish(event(number=number))
        assert engine.get_routing_statistics().by_consumer["a"].waiting <= 11
    await until(lambda: len(seen) == 200)
    assert engine.get_routing_statistics().dropped == 0


async def test_leaving_while_events_are_under_way(engine: DataRoutingEngine) -> None:
    seen = []
    engine.add_consumer("a", seen.append)
    engine.set_routes("a", [event().stream])
    for _ in range(100):
        engine.route_event(event())
    engine.unregister_routes("a")
    engine.unregister_routes("a")
    before = len(seen)
    engine.route_event(event())
    await asyncio.sleep(0.02)
    assert len(seen) <= before + 1
    assert engine.get_routing_statistics().routes == 0
    assert engine.get_routing_statistics().unrouted == 1
