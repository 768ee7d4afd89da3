"""Nothing is left behind: by a million cycles, by ten thousand collected components, by connections that come and go."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from pathlib import Path

import pytest

from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from tests.hub.workbench import FakeWire, Make, ticker
from tests.waiting import eventually


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, event: BaseWebSocketEvent) -> None:
        self.count += 1


def resident_mb() -> float:
    """What the process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def sizes(manager: GlobalWebSocketManager) -> dict[str, int]:
    """How much the manager remembers, and the process has."""
    gc.collect()
    stats = manager.get_routing_statistics()
    return {
        "routes": stats.routes,
        "consumers": stats.consumers,
        "streams": manager.subscriptions.streams,
        "tasks": len(asyncio.all_tasks()),
        "doors": sum(len(inlet.doors) for inlet in manager._inlets.values()),
        "made": len(manager.resolver._made),
        "wanted": len(manager._unserved.since),
        "objects": len(gc.get_objects()),
    }


async def cycle(manager: GlobalWebSocketManager, wire: FakeWire, cycles: int) -> None:
    owner = Widget()
    wishes = [[SubscriptionSpec(DataType.TICKER, [f"KRW-S{number % 100}", "KRW-ALL"])] for number in range(500)]
    for number in range(cycles):
        name = f"c{number % 7}"
        await manager.register_component(name, owner, wishes[number % 500], owner.take, delivery=Delivery.INLINE)
        if number % 3:
            await manager.unregister_component(name)
        if not number % 500:
            await asyncio.sleep(0)
            wire.push(ticker("KRW-ALL"))
    for number in range(7):
        await manager.unregister_component(f"c{number}")
    await asyncio.sleep(0.05)
    wire.wants.clear()  # the wire's own notes, as many as there was time for


async def churn(make: Make, cycles: int, warm: int) -> None:
    wire = FakeWire("upbit")
    manager = make(wire)
    await cycle(manager, wire, warm)
    before, memory = sizes(manager), resident_mb() if sys.platform == "linux" else 0.0
    await cycle(manager, wire, cycles)
    after = sizes(manager)
    assert after.pop("objects") <= before.pop("objects") + 200
    assert after == before
    assert {name: after[name] for name in ("routes", "consumers", "streams", "doors", "made", "wanted")} == dict.fromkeys(
        ("routes", "consumers", "streams", "doors", "made", "wanted"), 0
    )
    if memory:
        assert resident_mb() - memory < 5.0


async def test_cycles_leave_nothing_behind(make: Make) -> None:
    await churn(make, 5_000, 5_000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_million_cycles_leave_nothing_behind(make: Make) -> None:
    await churn(make, 1_000_000, 50_000)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_collected_components_leave_nothing_behind(make: Make, count: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "hoga.hub")  # what is told of symbols that bring nothing for long would be kept here
    wire = FakeWire("upbit")
    manager = make(wire)

    async def generation() -> None:
        owners = [Widget() for _ in range(count)]
        for number, owner in enumerate(owners):
            wish = [SubscriptionSpec(DataType.TICKER, [f"KRW-S{number % 200}", "KRW-ALL"])]
            await manager.register_component(f"c{number}", owner, wish, owner.take)
        await eventually(lambda: "KRW-ALL" in {stream.symbol for stream in wire.streams})
        wire.push(ticker("KRW-ALL"))
        await eventually(lambda: all(owner.count for owner in owners))

    async def settled() -> dict[str, int]:
        gc.collect()
        await eventually(lambda: not (wire.streams or manager.subscriptions.streams or manager.get_routing_statistics().routes))
        await asyncio.sleep(0.1)
        return sizes(manager)

    await generation()
    before = await settled()
    await generation()
    after = await settled()
    assert after.pop("objects") <= before.pop("objects") + 200
    assert after == before
    assert (after["routes"], after["consumers"], after["streams"]) == (0, 0, 0)
    assert wire.streams == []
