"""The Python of the front page, and the strategies of other pages, are run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import hoga
from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.audit.reading import Walk
from hoga.simulator import Simulator, SimulatorConfig
from tests.history.test_load import merge, orderbook
from tests.recorder.test_run import Program
from tests.trading.recorded import START_NS, Market

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


FRONT = blocks("README.md")
READING = [block for block in FRONT if ("read_json" in block or "hoga.load(" in block) and "s3://" not in block]
LIVE = [block for block in FRONT if "hoga.connect(" in block and "nats=" not in block]
ELSEWHERE = [block for block in FRONT if "nats=" in block or "s3://" in block]
"""What wants a broker or a bucket is run where there is one: its calls are looked at in test_shown.py."""
STRATEGIES = [(page, block) for page in ("README.md", "docs/trading.md") for block in blocks(page) if "(Strategy)" in block]
PIECES = [(page, block) for page in ("docs/trading.md", "docs/trading-limits.md") for block in blocks(page) if block.startswith("def ")]


def test_nothing_on_the_front_page_is_left_out() -> None:
    assert len(READING) + len(LIVE) + len(ELSEWHERE) + sum(page == "README.md" for page, _ in STRATEGIES) == len(FRONT)


@pytest.mark.parametrize("block", READING, ids=range(len(READING)))
def test_what_reads_reads(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    merge(orderbook(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(block, "README.md", "exec"), made)
    books = made["books"]
    assert len(books if hasattr(books, "index") else books.numpy().recv_ns) == 90


@pytest.mark.parametrize("block", LIVE, ids=range(len(LIVE)))
async def test_what_is_live_comes(block: str, tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT",), seed=3)) as simulator:
        run = Program(simulator, tmp_path / "data")
        await run.start()
        environment = os.environ | simulator.environment()
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-c", block, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, limit=1 << 20
        )
        assert child.stdout is not None
        try:
            async with asyncio.timeout(90):
                said = [await child.stdout.readline() for _ in range(4)]
        finally:
            for each in (child, run.process):
                each.kill()
            _, errors = await child.communicate()
            await run.process.communicate()
    assert all(b"BTCUSDT" in line for line in said[1:]), errors.decode()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("front")
    Market("BTCUSDT", seed=1, price=600_000).walk(START_NS, 150, step_ms=500).keep(root)
    return root


@pytest.mark.parametrize(("page", "block"), STRATEGIES, ids=[page for page, _ in STRATEGIES])
def test_a_strategy_is_taken_as_it_stands(page: str, block: str, recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(block)
    config = load_config(None, overrides=[], environ={}, data_dir=recorded)
    end: Any = backtest(plan_backtest(config, str(path), (), ask=False))
    assert end.ok
    assert not [each.fields for each in Walk(Path(end.journal)).records() if each.fields.get("what") == "quarantined"]


@pytest.mark.parametrize(("page", "block"), PIECES, ids=range(len(PIECES)))
def test_a_piece_of_a_strategy_asks_for_what_there_is(page: str, block: str) -> None:
    compile(block, page, "exec")
    own = {"p", *re.findall(r"self\.(\w+)(?:, self\.(\w+))* =", block)}
    for name in re.findall(r"\bself\.(\w+)\(", block):
        assert hasattr(hoga.Strategy, name) or name in own, name
    for name in re.findall(r"\bm\.(\w+)\(", block):
        assert hasattr(hoga.Setup, name), name
    for name in re.findall(r"^def (\w+)", block, re.MULTILINE):
        assert hasattr(hoga.Strategy, name), name
