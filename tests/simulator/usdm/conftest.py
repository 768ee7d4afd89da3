from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from hoga.simulator import Simulator
from tests.simulator.signing import Trader


@pytest.fixture
def futures(simulate):
    """Start a simulator of USDⓈ-M futures alone."""

    async def start(**settings: Any) -> Simulator:
        return await simulate(**{"venues": ("binance-usdm",), **settings})

    return start


@pytest.fixture
def ask(http):
    async def get(sim: Simulator, path: str, **options: Any) -> tuple[int, Any, Any]:
        async with http.get(sim.rest_url + path, **options) as response:
            return response.status, await response.json(content_type=None), response.headers

    return get


@pytest_asyncio.fixture
async def sim(futures) -> Simulator:
    """Futures whose crowd in BTCUSDT stands still."""
    made = await futures()
    made.engine.market("BTCUSDT").frozen = True
    return made


@pytest.fixture
def trader(sim, http) -> Trader:
    return Trader(http, sim, "binance-usdm")


@pytest.fixture
def listen(sim, connect, trader):
    """Open the account's user stream."""

    async def open_stream() -> Any:
        _, made = await trader.ask("POST", "/listenKey", signed=False)
        return await connect(sim, f"/private/ws/{made['listenKey']}")

    return open_stream
