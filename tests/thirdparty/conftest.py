"""Clients that other people wrote, unmodified, against the simulator: only their base URLs are overridden."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from hoga.simulator import Simulator, SimulatorConfig
from tests.waiting import eventually

SYMBOL = "BTCUSDT"


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=7)) as simulator:
        yield simulator


@pytest.fixture
def engine_book(sim: Simulator) -> Callable[[int], tuple[list[tuple[float, float]], list[tuple[float, float]]]]:
    """The engine's own book of BTCUSDT, (bids, asks) as (price, size), best first, at most `count` a side."""

    def book(count: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        market = sim.engine.market(SYMBOL)
        tick, lot = market.instrument.tick_e8, market.instrument.lot_e8
        sides = (market.book.bids.top(count), market.book.asks.top(count))
        bids, asks = ([(level.price * tick / 1e8, level.lots * lot / 1e8) for level in side] for side in sides)
        return bids, asks

    return book


@pytest.fixture
def until() -> Callable[..., object]:
    """Wait until a condition holds."""
    return eventually
