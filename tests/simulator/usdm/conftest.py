from __future__ import annotations

from typing import Any

import pytest

from hoga.simulator import Simulator


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
