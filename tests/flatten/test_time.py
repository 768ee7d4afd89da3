"""The exit signs with the venue's time: with a clock of our own that is off, and where the venue's is set in the middle of it."""

from __future__ import annotations

import time

import pytest

from hoga.core.secret import Credentials, Secret
from hoga.core.trading import AccountRead, PositionsRead
from hoga.flatten.account import ExitAccount
from hoga.runtime.clock import SystemClock
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.venues.registry import VENUES


class Off(SystemClock):
    """A machine whose wall clock is five seconds ahead."""

    def __init__(self) -> None:
        self.time_ns = lambda: time.time_ns() + 5_000_000_000  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("venue", ["binance-usdm", "binance"])
async def test_it_goes_on_by_the_venues_time(venue: str) -> None:
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=("BTCUSDT",), seed=3)) as simulator:
        spec, (key, secret) = VENUES[venue], simulator.login(venue)
        assert spec.private is not None
        sign = spec.private.signer(Credentials(key=Secret(key), secret=Secret(secret)), str)
        account = ExitAccount(spec, simulator.venues[venue].urls["rest"], sign, tls=None, jitter=lambda: 0.5, clock=Off())
        await account.open()
        try:
            assert abs(account.clock_off_ms + 5_000) < 500
            for step_ms in (0, 60_000, -120_000):
                simulator.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=step_ms))
                assert isinstance(await account.balances(), AccountRead)
                if account.has_positions:
                    assert isinstance(await account.positions(), PositionsRead)
            assert abs(account.clock_off_ms + 65_000) < 500
            assert account.retries == 0, "the call that was refused for its time is made again at once"
        finally:
            await account.close()
