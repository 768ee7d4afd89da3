"""Traders of processes of their own are killed at an exchange over real sockets, and what is left is compared."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import signal
import sys
import time
from pathlib import Path

import pytest

from hoga.app.drill import campaign
from hoga.app.drill.campaign import CaseResult, run_cases, work_of
from hoga.app.drill.cases import FAULTS, FLATTENS, KILLS, Case, DeathPoint
from hoga.cli._complete import cases
from hoga.cli.main import main
from hoga.simulator.arenas import ARENAS

A_FEW = [
    Case(name="sent", death=DeathPoint("order.sent", before=False)),
    Case(name="flatten", flatten=True),
    Case(name="both legs", death=DeathPoint("order.fill", before=False), hedge=True),
]


def test_a_killed_trader_and_the_exit_leave_nothing_behind(tmp_path: Path) -> None:
    told: list[CaseResult] = []
    work = [(ARENAS["binance-usdm"], case) for case in A_FEW]
    results = asyncio.run(run_cases(work, seed=1, folder=tmp_path, tell=told.append, known_within_s=25.0))  # a busy machine's own
    assert [(each.runs, each.failed, each.why) for each in results] == [(1, 0, [])] * 3
    assert len(told) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_fails_keeps_its_folder_and_says_why(tmp_path: Path) -> None:
    never = Case(name="never", death=DeathPoint("order.sent", before=True, nth=10_000))
    (result,) = asyncio.run(
        run_cases([(ARENAS["binance-usdm"], never)], seed=1, folder=tmp_path, tell=lambda each: None, dies_within_s=2.0)
    )
    assert result.failed == 1
    assert "it was to die at kill before order.sent" in result.why[0]
    assert [each.name for each in tmp_path.iterdir()] == ["0000"]


async def test_how_each_of_many_ended_is_known_while_others_begin() -> None:
    context = multiprocessing.get_context("forkserver")

    async def one(number: int) -> int | None:
        await asyncio.sleep(number / 500)
        process = context.Process(target=sys.exit, args=(number,))
        process.start()
        return await campaign._end_of(process, 60.0)

    assert await asyncio.gather(*map(one, range(30))) == list(range(30))
    sleeper = context.Process(target=time.sleep, args=(600,))
    sleeper.start()
    assert await campaign._end_of(sleeper, 0.05) is None
    assert sleeper.exitcode == -signal.SIGKILL


def test_there_are_enough_cases() -> None:
    assert len(KILLS) >= 12
    assert FLATTENS
    assert FAULTS


def test_a_venue_that_there_is_not_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "--venue", "binanc"]) == 2
    assert "did you mean binance" in capsys.readouterr().err


def test_a_case_that_there_is_not_is_one_line_with_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "--only", "kill before order.akc"]) == 2
    assert "did you mean kill before order.ack" in capsys.readouterr().err
    assert main(["drill", "--venue", "upbit", "--only", "both legs: flatten"]) == 2
    assert "a case that there is at upbit" in capsys.readouterr().err


def test_work_is_what_was_asked_for_where_there_is_such_a_case() -> None:
    arenas = tuple(ARENAS.values())
    assert [(arena.venue, case.name) for arena, case in work_of(arenas, 1, frozenset({"both legs: flatten"}))] == [
        ("binance-usdm", "both legs: flatten")
    ]
    assert len(work_of(arenas, 2, frozenset({"flatten"}))) == 6
    assert cases("both") == [
        "both legs: kill after order.sent",
        "both legs: kill after order.ack",
        "both legs: kill after order.fill",
        "both legs: flatten",
    ]


@pytest.mark.faults
@pytest.mark.parametrize("venue", list(ARENAS))
def test_every_case_is_good(venue: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["drill", "--venue", venue, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [(case["name"], case["why"]) for case in found["cases"] if case["failed"]] == []
    assert (status, found["ok"]) == (0, True)
    assert len(found["cases"]) >= 12
