"""Every program on the hub's pages runs as it is written, against the simulator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from tests.nats_server import nats_server
from tests.recorder.test_run import Program
from tests.relay.live_stage import RelayProcess

__all__ = ["nats_server"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("hub.md", "gui.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL), 1)
]


NATS = "nats://127.0.0.1:4222"


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_block_runs_as_it_is_written(block: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "PySide6" in block:
        pytest.importorskip("PySide6.QtCore", reason="PySide6 is not installed", exc_type=ImportError)
    needs_a_run = "hoga.connect(" in block or "hoga.subscribe(" in block
    async with Simulator(SimulatorConfig(venues=("binance", "upbit"), symbols=("BTCUSDT", "ETHUSDT", "KRW-BTC"), seed=3)) as simulator:
        run = Program(simulator, tmp_path / "data", "COLLECTOR=tokyo") if needs_a_run else None
        if run is not None:
            await run.start()
        relay = None
        if NATS in block:
            nats = request.getfixturevalue("nats_server").start()
            relay = RelayProcess("tokyo", tmp_path / "data", nats)
            await relay.start()
            block = block.replace(NATS, nats.url)
        environment = os.environ | simulator.environment() | {"QT_QPA_PLATFORM": "offscreen"}
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", block, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe)
        try:
            async with asyncio.timeout(90):
                out, errors = await child.communicate()
        finally:
            if relay is not None:
                await relay.kill()
            if run is not None:
                run.process.kill()
                await run.process.communicate()
    assert child.returncode == 0, errors.decode()
    assert b"Traceback" not in errors
    assert out.strip(), "it shows something"
