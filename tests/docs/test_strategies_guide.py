"""Everything on the page for strategies is done as it is written: its strategies trade, its programs run, its commands lead on."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.audit.reading import Walk
from tests.trading.recorded import START_NS, Market

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
STRATEGIES = {found[1]: block for block in PYTHON if (found := re.search(r"^class (\w+)\(Strategy\)", block, re.MULTILINE))}
PROGRAMS = [block for block in PYTHON if "(Strategy)" not in block]
QUIET = {"Layers"}
"""What needs more of the past than minutes."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of two contracts."""
    root = tmp_path_factory.mktemp("guide")
    for name, seed, price in (("BTCUSDT", 1, 600_000), ("ETHUSDT", 2, 30_000)):
        Market(name, seed=seed, price=price).walk(START_NS, 240, step_ms=500).keep(root)
    return root


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_of_the_page_does_what_it_is_for(name: str, recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{name.lower()}.py"
    path.write_text(STRATEGIES[name])
    config = load_config(None, overrides=[], environ={}, data_dir=recorded)
    end: Any = backtest(plan_backtest(config, str(path), (), ask=False))
    records = list(Walk(Path(end.journal)).records())
    assert end.ok
    assert not [each.fields for each in records if each.fields.get("what") == "quarantined"]
    assert name in QUIET or any(each.kind in ("note", "signal") for each in records), "it says or wants something"


@pytest.mark.parametrize("block", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_of_the_page_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docs/strategies.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip(), "it shows something"


def test_the_korean_page_has_the_same_code_and_the_same_figures() -> None:
    korean = (Path(__file__).resolve().parents[2] / "docs" / "strategies.ko.md").read_text(encoding="utf-8")
    blocks = r"```\w+\n.*?```"
    assert re.findall(blocks, korean, re.DOTALL) == re.findall(blocks, PAGE, re.DOTALL)
    figures = r"[-+]?[\d,]+\.\d\d USDT|`(?:m|self)\.\w+"
    prose = [re.sub(blocks, "", page, flags=re.DOTALL) for page in (PAGE, korean)]
    assert re.findall(figures, prose[0]) == re.findall(figures, prose[1])
    assert len(re.findall(r"^#+ |^\|", prose[0], re.MULTILINE)) == len(re.findall(r"^#+ |^\|", prose[1], re.MULTILINE))


def ports(page: str) -> str:
    """The page with ports that are free here."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        first = one.getsockname()[1]
    return page.replace("9600", str(first)).replace("9601", str(first + 1))


@pytest.mark.slow
async def test_the_quarter_of_an_hour_of_a_newcomer(tmp_path: Path) -> None:
    """Every command in its order, with seconds in place of minutes, against the exchange that the page starts."""
    page = ports(PAGE)
    (tmp_path / "hoga.conf").write_text(re.search(r"```ini\n(.*?)```", page, re.DOTALL)[1])  # type: ignore[index]  # the page has one
    (tmp_path / "first.py").write_text(STRATEGIES["First"])
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.strip().splitlines()]
    assert commands[0].startswith("hoga sim")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")}
    pipe = asyncio.subprocess.PIPE

    async def begin(command: str) -> asyncio.subprocess.Process:
        words = shlex.split(re.sub(r"--seconds \d+", "--seconds 20", command))
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", *words, cwd=tmp_path, env=environment, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )

    exchange = await begin(commands[0])
    try:
        assert exchange.stdout is not None
        async with asyncio.timeout(60):
            while b"ready" not in await exchange.stdout.readline():
                pass
        said = {}
        for command in commands[1:]:
            step = await begin(command)
            async with asyncio.timeout(120):
                out, _ = await step.communicate()
            said[command] = out.decode()
            assert step.returncode == (2 if "fats" in command else 0), out.decode()
    finally:
        exchange.kill()
        await exchange.communicate()
    told = "\n".join(said.values())
    assert "records in data" in told
    assert "on books: " in told
    assert "did you mean fast" in told
    traded = [int(found[1]) for found in re.finditer(r"orders?, (\d+) fills", told)]
    assert sum(traded) > 0, told
    assert list((tmp_path / "paper").rglob("report.html"))
