"""Work that is done again whatever happened the time before."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hoga.core.pauses import Pauses, Schedule
from hoga.runtime.clock import ManualClock
from hoga.runtime.logs import FIELDS, get_log
from hoga.runtime.tasks import every, supervise

LOG = get_log("test")


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_timer_whose_work_fails_is_told_and_goes_on(caplog: pytest.LogCaptureFixture, at_once: bool) -> None:
    clock, times = ManualClock(), []

    async def work() -> None:
        times.append(clock.monotonic() - 1000)
        if len(times) == 2:
            raise ValueError("a mistake")

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(every(2.0, work, log=LOG, clock=clock, at_once=at_once, venue="x"))
        await clock.pass_time(7.0)
    await ended(task)
    assert times == ([0.0, 2.0, 4.0, 6.0] if at_once else [2.0, 4.0, 6.0])
    [line] = caplog.records
    assert line.getMessage().startswith("timer failed")
    fields = getattr(line, FIELDS)
    assert (fields["timer"], fields["venue"]) == ("work", "x")


async def test_a_task_that_fails_is_abandoned_and_begun_anew_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    clock, happened = ManualClock(), []

    async def run() -> None:
        happened.append(f"run at {clock.monotonic() - 1000:g}")
        if len(happened) < 4:
            raise RuntimeError("a mistake")

    work = supervise(run, log=LOG, what="task failed", abandon=lambda: happened.append("abandoned"), pause_s=5.0, clock=clock, conn="c")
    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(work)
        await clock.pass_time(60.0)
    assert task.done()
    assert happened == ["run at 0", "abandoned", "run at 5", "abandoned", "run at 10"]
    assert len(caplog.records) == 2


async def test_cancelling_ends_it() -> None:
    clock = ManualClock()
    for work in (every(1.0, lambda: None, log=LOG, clock=clock), supervise(lambda: clock.sleep(9.0), log=LOG, what="", clock=clock)):
        task = asyncio.create_task(work)
        await clock.pass_time(3.0)
        await ended(task)
        assert task.cancelled()


@pytest.mark.parametrize("schedule", list(Schedule))
def test_pauses_grow_stay_at_the_longest_and_begin_again(schedule: Schedule) -> None:
    pauses, seconds = Pauses(schedule), list(schedule.value)
    assert seconds == sorted(seconds)
    assert [pauses.next_s() for _ in range(len(seconds) + 2)] == [*seconds, seconds[-1], seconds[-1]]
    pauses.clear()
    assert (pauses.failures, pauses.next_s()) == (0, seconds[0])
