"""The clock that is given: the machine's is what it was, a manual one passes when it is told to, and in order."""

from __future__ import annotations

import asyncio
import time

from hoga.core.times import SECOND_NS
from hoga.runtime.clock import SYSTEM, ManualClock


def test_the_systems_clock_costs_nothing() -> None:
    assert (SYSTEM.time_ns, SYSTEM.monotonic, SYSTEM.monotonic_ns) == (time.time_ns, time.monotonic, time.monotonic_ns)


def test_both_clocks_pass_together_and_the_wall_clock_may_be_set() -> None:
    clock = ManualClock(5 * SECOND_NS, mono_ns=7 * SECOND_NS)
    clock.advance(1.5)
    assert (clock.time_ns(), clock.monotonic(), clock.monotonic_ns()) == (6_500_000_000, 8.5, 8_500_000_000)
    clock.set_wall(0)
    clock.advance(1.0)
    assert (clock.time_ns(), clock.monotonic()) == (SECOND_NS, 9.5)


def test_what_is_due_is_called_at_its_own_moment_and_in_order() -> None:
    clock, called = ManualClock(), []
    clock.call_later(2.0, lambda: called.append(("b", clock.time_ns())))
    clock.call_later(
        1.0, lambda: (called.append(("a", clock.time_ns())), clock.call_later(0.5, lambda: called.append(("c", clock.time_ns()))))
    )
    dropped = clock.call_later(1.0, lambda: called.append(("never", 0)))
    dropped.cancel()
    clock.advance(1.9)
    assert called == [("a", SECOND_NS), ("c", 3 * SECOND_NS // 2)]
    clock.advance(0.1)
    assert called[2:] == [("b", 2 * SECOND_NS)]


async def test_who_sleeps_goes_on_when_the_time_has_passed_and_sleeps_again() -> None:
    clock, woken = ManualClock(), []

    async def work() -> None:
        while True:
            await clock.sleep(1.0)
            woken.append(clock.monotonic() - 1000)

    task = asyncio.create_task(work())
    await clock.pass_time(0.9)
    assert woken == []
    await clock.pass_time(2.2)
    assert woken == [1.0, 2.0, 3.0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clock.pass_time(5.0)
    assert len(woken) == 3
