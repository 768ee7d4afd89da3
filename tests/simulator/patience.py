"""Simulated venues that are faster than the wall's clock, and do not count what the machine stood still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest

from hoga.simulator.clock import SimClock
from tests.waiting import PatientClock

__all__ = ["made_patient", "patiently"]


@contextmanager
def made_patient(clock: PatientClock) -> Iterator[None]:
    """The simulators that are made in here go by `clock`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoga.simulator.simulator.SimClock", partial(SimClock, monotonic_ns=clock.monotonic_ns))
        yield


@asynccontextmanager
async def patiently() -> AsyncIterator[None]:
    """The same, with a clock that ticks meanwhile."""
    clock = PatientClock()
    ticking = asyncio.create_task(clock.tick())
    try:
        with made_patient(clock):
            yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
