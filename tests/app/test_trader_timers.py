"""When a trader's timers are due, by a wall clock that does not go as the steady one does."""

from __future__ import annotations

from typing import Any

import pytest

from hoga.app.trader.trader import Trader
from hoga.core.times import MS_NS, SECOND_NS
from hoga.runtime.clock import ManualClock
from hoga.trading.ports import Tick

NOW_NS = 1_800_000_000 * SECOND_NS


@pytest.fixture
async def woken(monkeypatch: pytest.MonkeyPatch) -> tuple[ManualClock, list[Any]]:
    """A trader that wants to be woken in a second, and what it takes."""
    clock = ManualClock(NOW_NS)
    taken: list[Any] = []
    nothing: Any = None
    trader = Trader(make=nothing, manager=nothing, log=nothing, latch=nothing, rest=nothing, clock=clock)
    monkeypatch.setattr(trader, "take", taken.append)
    trader._wake(NOW_NS + SECOND_NS)
    return clock, taken


@pytest.mark.parametrize("late_ms", [1, 15])
async def test_while_the_clock_is_slewed_no_moment_is_there_before_it_is(woken: tuple[ManualClock, list[Any]], late_ms: int) -> None:
    """The engine would begin a round of listings at a moment that has not come, and take them for older than the round."""
    clock, taken = woken
    clock.set_wall(NOW_NS - late_ms * MS_NS)
    clock.advance(1.0)
    assert taken == []
    clock.advance(late_ms / 1000)
    assert taken == [Tick(NOW_NS + SECOND_NS)]
    assert clock.time_ns() >= NOW_NS + SECOND_NS


async def test_when_the_clock_was_set_back_nobody_waits_for_it(woken: tuple[ManualClock, list[Any]]) -> None:
    clock, taken = woken
    clock.set_wall(NOW_NS - 3600 * SECOND_NS)
    clock.advance(1.0)
    assert taken == [Tick(NOW_NS + SECOND_NS)]
