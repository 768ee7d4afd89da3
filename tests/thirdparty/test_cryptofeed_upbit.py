"""cryptofeed lives in an environment of its own (`bench/peers/install.sh cryptofeed`).

The DNS library that it brings would change aiohttp's resolver in every other test.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from tests.thirdparty.environments import python_of
from tests.waiting import LONG_S

PROGRAM = Path(__file__).with_name("cryptofeed_client.py")


@pytest.fixture
def python() -> str:
    return sys.executable if importlib.util.find_spec("cryptofeed") is not None else python_of("cryptofeed")


async def test_cryptofeed_s_upbit_feed_sees_the_simulated_market(python: str) -> None:
    async with Simulator(SimulatorConfig(venues=("upbit",), symbols=("KRW-BTC", "BTC-DOGE"), seed=7)) as sim:
        arguments = (python, str(PROGRAM), "upbit", sim.ws_url, sim.rest_url, "40")
        client = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        try:
            out, _ = await asyncio.wait_for(client.communicate(), LONG_S)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()
        lines = [json.loads(line) for line in out.decode().splitlines()][:40]
        books, trades = ([line for line in lines if line["kind"] == kind] for kind in ("book", "trade"))
        made = {str(each.sid): each for each in sim.venues["upbit"].publisher.live["KRW-BTC"].tape.prints}
    assert len(lines) == 40
    assert books
    assert trades
    for book in books:
        assert int(book["bids"][0]) < int(book["asks"][0]) if book["symbol"] == "BTC-KRW" else len(book["bids"]) < 30
    for trade in (trade for trade in trades if trade["symbol"] == "BTC-KRW"):
        told = made[trade["id"]]
        assert (float(trade["price"]), float(trade["amount"])) == (told.price / 1e8, told.size / 1e8)
        assert trade["side"] == ("buy" if told.taker_buys else "sell")
