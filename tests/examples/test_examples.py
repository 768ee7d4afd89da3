"""Every example runs as it stands, against the simulator."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from tests.recorder.test_run import Program

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=3)) as simulator:
        run = Program(simulator, tmp_path / "data") if example.stem == "another_process" else None
        if run is not None:
            await run.start()
        environment = os.environ | {"HOGA_BINANCE__WS_URL": simulator.ws_url, "HOGA_BINANCE__REST_URL": simulator.rest_url}
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(example), "2.5", cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe
        )
        try:
            async with asyncio.timeout(30):
                out, errors = await child.communicate()
        finally:
            if run is not None:
                run.process.kill()
                await run.process.communicate()
    assert child.returncode == 0, errors.decode()
    assert b"Traceback" not in errors
    assert len(out.splitlines()) >= 2
    assert b"0 trades" not in out
    assert not out.startswith(b"0 events")
    assert b"nothing to show" not in out
