"""Every example runs as it stands, against the simulator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from hoga.core.secret import Credentials, Secret
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.upbit.token import Account
from hoga.venues.upbit.auth import bearer
from tests.nats_server import nats_server
from tests.recorder.test_run import Program
from tests.relay.live_stage import RelayProcess

__all__ = ["nats_server"]

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))
ACCOUNT = Account()


async def buy(simulator: Simulator, rest_url: str) -> None:
    """As soon as somebody listens to the account."""
    while not any(ACCOUNT.name in name for name in simulator.venues["upbit"].board.subscribers):
        await asyncio.sleep(0.05)
    wish = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "200000000", "volume": "0.01"}
    credentials = Credentials(key=Secret(ACCOUNT.access_key), secret=Secret(ACCOUNT.secret_key))
    token = bearer(credentials, str(uuid4()), "&".join(f"{name}={value}" for name, value in wish.items())).reveal()
    async with aiohttp.ClientSession() as http, http.post(f"{rest_url}/v1/orders", json=wish, headers={"Authorization": token}) as reply:
        assert reply.status == 201


def brought_all(example: Path, out: bytes) -> bool:
    """Whether what it is to show came within its time."""
    return not re.search(rb"\b0 (trades|events)|nothing to show", out) and (example.stem != "private_orders" or b"fill " in out)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_runs(example: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if example.stem == "gui_pyside6":
        pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed", exc_type=ImportError)
    symbols = ("BTCUSDT", "ETHUSDT", "KRW-BTC")
    async with Simulator(SimulatorConfig(venues=("binance", "upbit"), symbols=symbols, seed=3)) as simulator:
        with_run = example.stem in ("another_process", "dashboard_in_a_program", "over_nats")
        run = Program(simulator, tmp_path / "data", "COLLECTOR=tokyo") if with_run else None
        if run is not None:
            await run.start()
        relay, more = None, []
        if example.stem == "over_nats":
            nats = request.getfixturevalue("nats_server").start()
            relay, more = RelayProcess("tokyo", tmp_path / "data", nats), [nats.url]
            await relay.start()
        upbit = simulator.venues["upbit"].urls
        environment = os.environ | {
            "HOGA_BINANCE__WS_URL": simulator.ws_url, "HOGA_BINANCE__REST_URL": simulator.rest_url,
            "HOGA_UPBIT__WS_PRIVATE_URL": upbit["private"], "HOGA_UPBIT__REST_URL": upbit["rest"],
            "QT_QPA_PLATFORM": "offscreen", "HOGA_UPBIT__API_KEY": ACCOUNT.access_key, "HOGA_UPBIT__API_SECRET": ACCOUNT.secret_key,
        }  # fmt: skip
        buying = asyncio.create_task(buy(simulator, upbit["rest"]))
        pipe = asyncio.subprocess.PIPE
        try:
            for seconds in ("2.5", "20"):  # more where the machine is so busy that nothing came
                child = await asyncio.create_subprocess_exec(
                    sys.executable, str(example), seconds, *more, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe
                )
                async with asyncio.timeout(120):
                    out, errors = await child.communicate()
                if child.returncode or not re.search(rb"\b0 (trades|events)|nothing to show", out):
                    break
        finally:
            buying.cancel()
            if relay is not None:
                await relay.kill()
            if run is not None:
                run.process.kill()
                await run.process.communicate()
    assert child.returncode == 0, errors.decode()
    assert b"Traceback" not in errors
    assert len(out.splitlines()) >= 2
    assert re.search(rb"\b0 trades", out) is None
    assert not out.startswith(b"0 events")
    assert b"nothing to show" not in out
    if example.stem == "dashboard_in_a_program":
        assert b'"state":"recording"' in out
    if example.stem == "private_orders":
        assert b"upbit-private is live" in out
        assert b"fill " in out
        assert b" is done, 0" in out
