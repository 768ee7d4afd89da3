"""A started manager over wires made of lists."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.runtime.clock import SYSTEM, Clock
from tests.hub.workbench import FakeWire, Make


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """Makes them; stopped at the end. Without `pace`, wants are told at once (after a loop turn), and nothing lingers."""
    made: list[GlobalWebSocketManager] = []

    def start(*wires: FakeWire, clock: Clock = SYSTEM, pace: Pace | None = None, linger_s: float = 0.0) -> GlobalWebSocketManager:
        venues = {wire.venue: wire.spec for wire in wires}
        unhurried = pace or Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000)
        manager = GlobalWebSocketManager(wires, venues, pace=unhurried, clock=clock, linger_s=linger_s)
        manager.start()
        made.append(manager)
        return manager

    yield start
    for manager in made:
        await manager.stop()
