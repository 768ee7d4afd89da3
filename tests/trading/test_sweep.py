"""Many sets of parameters on one reading of the past: each as if it had been run alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoga.app.backtest.run import Journal, backtest, plan_backtest
from hoga.app.backtest.sweep import SweepJob, grid_of, sweep
from hoga.app.config import load_config
from hoga.cli.main import main
from hoga.core.errors import ConfigError
from tests.trading.recorded import START_NS, Market, strategy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    Market(seed=5).walk(START_NS, 40, kinds=("quote", "execution"), step_ms=200).keep(tmp_path / "data")
    return tmp_path / "data"


def job_of(folder: Path, data: Path) -> SweepJob:
    return SweepJob(
        strategy=str(strategy(folder)),
        symbols=(),
        config=None,
        settings=(),
        data=data,
        params={"size": "0.020"},
        start_ns=None,
        end_ns=None,
        bars=None,
        ask=False,
    )


def journals(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("backtests/*/journal/*/*.jsonl"))}


def test_each_set_is_what_it_is_alone(tmp_path: Path, data: Path) -> None:
    job = job_of(tmp_path, data)
    sets = grid_of(job.strategy, ["fast=2,3", "slow=4,6"], 100)
    found = sweep(job, sets, workers=1)
    together = journals(data)
    assert [row.params for row in found.rows] == sets
    assert len({row.journal for row in found.rows}) == 4
    assert any(row.fills for row in found.rows)
    config = load_config(None, overrides=[], environ={}, data_dir=data)
    for row in found.rows:
        end = backtest(plan_backtest(config, job.strategy, (), params=job.params | row.params, ask=False))
        assert (end.journal, end.pnl, end.orders, end.fills) == (row.journal, row.pnl, row.orders, row.fills)
    assert journals(data) == together


def test_what_was_run_is_not_run_again(tmp_path: Path, data: Path) -> None:
    job = job_of(tmp_path, data)
    sets = grid_of(job.strategy, ["fast=2,3"], 100)
    first = sweep(job, sets, workers=1)
    more = grid_of(job.strategy, ["fast=2,3,4"], 100)
    second = sweep(job, more, workers=1)
    assert (first.known, second.known) == (0, 2)
    assert second.rows[:2] == first.rows
    Path(second.rows[0].journal).parent.joinpath("result.json").write_text("{")
    assert sweep(job, more, workers=1).known == 2


def test_two_processes_come_to_the_same(tmp_path: Path, data: Path) -> None:
    job = job_of(tmp_path, data)
    sets = grid_of(job.strategy, ["fast=2,3", "slow=4,6"], 100)
    shares: list[float] = []
    found = sweep(job, sets, workers=2, on_progress=lambda share, done: shares.append(share))
    assert shares[-1] == 1.0
    config = load_config(None, overrides=[], environ={}, data_dir=data)
    for row in found.rows:
        plan = plan_backtest(config, job.strategy, (), params=job.params | row.params, ask=False)
        told = Journal.result_of(plan)
        assert told is not None
        assert (told.pnl, told.fills) == (row.pnl, row.fills)
    assert not list(data.glob("backtests/*.part*"))
    assert not list(data.glob("backtests/.sweep*"))


def test_a_set_that_cannot_be_run_is_told_and_the_others_are_run(tmp_path: Path, data: Path) -> None:
    job = job_of(tmp_path, data)
    found = sweep(job, grid_of(job.strategy, ["fast=2,0"], 100), workers=1)
    assert [row.why != "" for row in found.rows] == [False, True]
    assert not found.ok
    assert "sma(0)" in found.rows[1].why
    assert not list(data.glob("backtests/*.part*"))


def test_the_table_is_sorted_and_warns(tmp_path: Path, data: Path, capsys: Any) -> None:
    base = [
        "trade",
        str(strategy(tmp_path)),
        "--mode",
        "backtest",
        "--data",
        str(data),
        "-j",
        "1",
        "--grid",
        "fast=2,3",
        "--grid",
        "slow=4,6",
    ]
    assert main([*base, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sets"], told["known"], told["ok"]) == (4, 0, True)
    nets = [float(row["pnl"]) for row in told["rows"]]
    assert nets == sorted(nets, reverse=True)
    assert "best of 4" in told["warning"]
    page = Path(told["report"])
    assert page.name == "comparison.html"
    assert "4 runs · fast, slow" in page.read_text(encoding="utf-8")
    assert main([*base, "--sort=-fills"]) == 0
    out = capsys.readouterr()
    fills = [int(line.split()[3]) for line in out.out.splitlines()[1:-1]]
    assert out.out.splitlines()[-1] == f"report: {page}"
    assert fills == sorted(fills)
    assert "best of 4" in out.err
    assert main([*base, "--sort", "pln"]) == 2
    assert "did you mean pnl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["fast=1,2", "slow=1,2,3"], "6 sets"),
        (["fats=1"], "did you mean fast"),
        (["fast"], "NAME=VALUE"),
        (["fast=,"], "NAME=VALUE"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(tmp_path: Path, texts: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        grid_of(str(strategy(tmp_path)), texts, 5)
