"""The short timer: once for each start, never after close, with and without the system's descriptor."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Any

import pytest

from hoga.runtime import timer as module
from hoga.runtime.timer import ShortTimer
from tests.waiting import eventually


@pytest.fixture(params=["descriptor", "loop"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "loop":
        monkeypatch.setattr(module, "_open_timer", lambda: (-1, None))
    elif module._open_timer()[1] is None:
        pytest.skip("no timer descriptors here")
    return str(request.param)


async def rung(calls: list[Any], count: int) -> None:
    await eventually(lambda: len(calls) >= count, pause=0.001)
    assert len(calls) == count


async def test_rings_once_for_each_start_and_not_too_early(way: str) -> None:
    calls: list[float] = []
    timer = ShortTimer(0.01, lambda: calls.append(monotonic()))
    for round_ in (1, 2):
        began = monotonic()
        timer.start()
        await rung(calls, round_)
        assert calls[-1] - began >= 0.0095
    await asyncio.sleep(0.03)
    assert len(calls) == 2
    timer.close()


async def test_starting_again_puts_it_off(way: str) -> None:
    """However late the machine is: it rings no sooner than its time after the last start."""
    calls: list[float] = []
    timer = ShortTimer(0.05, lambda: calls.append(monotonic()))
    timer.start()
    await asyncio.sleep(0.02)
    calls.clear()  # on a machine that stood still meanwhile it has rung
    again = monotonic()
    timer.start()
    await rung(calls, 1)
    assert calls[0] - again >= 0.0495
    timer.close()


async def test_closed_it_is_silent_and_leaves_no_descriptor(way: str) -> None:
    calls: list[int] = []
    timer = ShortTimer(0.005, lambda: calls.append(1))
    timer.start()
    timer.close()
    if way == "descriptor":
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(timer._fd)
    timer.close()
    timer.start()
    await asyncio.sleep(0.02)
    assert not calls


async def test_it_may_be_started_from_its_own_call(way: str) -> None:
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        if len(calls) < 3:
            timer.start()

    timer = ShortTimer(0.001, act)
    timer.start()
    await rung(calls, 3)
    timer.close()
