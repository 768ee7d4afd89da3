"""A start beside a venue that cannot answer now: tried again, told in a line, and never blamed on the keys; and what a start costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.trader.check import examine_trading, look_at_account
from hoga.app.trader.patience import patiently
from hoga.core.errors import ConfigError, RateLimited, Unavailable, VenueError
from hoga.net.rest import RestClient, RestReply
from hoga.runtime.clock import ManualClock
from hoga.simulator.faults import Fault, FaultKind
from hoga.trading.limits import Limits
from hoga.venues.request import Request
from tests.gateway.conformance.rig import CASES, Case, simulator_of
from tests.trading.live import live

DEAR = {"binance-usdm": 100, "binance": 120, "upbit": 16}
"""What a start may cost of 2,400, of 6,000, and of some calls a second; it was 332, 339 and 21."""


class Times:
    """An attempt that fails so often."""

    def __init__(self, *faults: VenueError) -> None:
        self.faults = list(faults)
        self.at_s: list[float] = []
        self.clock = ManualClock()
        self.told: list[str] = []

    async def __call__(self) -> str:
        self.at_s.append(self.clock.monotonic() - 1000)
        if self.faults:
            raise self.faults.pop(0)
        return "done"

    async def run(self) -> str:
        trying = asyncio.create_task(patiently(self, tell=self.told.append, clock=self.clock))
        while not trying.done():
            await self.clock.pass_time(1.0)
        return await trying


def gone() -> Unavailable:
    return Unavailable("v", "/account answered HTTP 503")


async def test_pauses_grow_and_each_is_told_in_a_line() -> None:
    times = Times(gone(), gone(), RateLimited("v", status=429, retry_after_s=20.0), gone())
    assert await times.run() == "done"
    assert times.at_s == [0, 1, 3, 23, 31]
    assert times.told[0] == "v: /account answered HTTP 503; tried again in 1 s"
    assert len(times.told) == 4


async def test_in_the_end_the_venue_s_own_error_is_told() -> None:
    times = Times(*(gone() for _ in range(20)))
    with pytest.raises(Unavailable, match="HTTP 503"):
        await times.run()
    assert times.at_s[-1] <= 90
    banned = Times(RateLimited("v", status=418, retry_after_s=600.0))
    with pytest.raises(RateLimited, match="retry after 600 s"):
        await banned.run()
    assert banned.at_s == [0]


async def test_what_will_not_change_is_not_tried_again() -> None:
    times = Times(VenueError("v", "no rules of BTCUSD"))
    with pytest.raises(VenueError, match="no rules"):
        await times.run()
    assert times.told == []


@pytest.mark.parametrize("status", [503, 500, 429, 418, 0])
@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
async def test_a_venue_that_cannot_answer_says_nothing_of_the_keys(case: Case, status: int) -> None:
    async with simulator_of(case) as simulator:
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=status))
        config = load_config(None, overrides=[], environ=simulator.environment()).venue(case.venue)
        with pytest.raises(VenueError) as raised:
            await look_at_account(config, {case.symbol: Limits()})
        assert raised.value.transient
        (check,) = await examine_trading(config, {case.symbol: Limits()})
        assert check.advice == "try it again in a while: the venue cannot tell now, which says nothing of the keys"


@pytest.mark.parametrize("venue", DEAR)
async def test_a_start_costs_little_of_the_venue_s_limits(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    real = RestClient.send

    async def send(self: RestClient, request: Request, **more: Any) -> RestReply:
        calls.append((request.path, request.weight))
        return await real(self, request, **more)

    monkeypatch.setattr(RestClient, "send", send)
    async with live(tmp_path, venue) as it:
        assert it.engine.running
        assert sum(weight for _, weight in calls) <= DEAR[venue], calls
        await it.stop()


async def test_a_trader_begins_once_the_venue_answers_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def break_it(simulator: Any) -> None:
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, paths="/fapi/v3/account", status=503, count=1))

    async with live(tmp_path, before=break_it) as it:
        assert it.engine.running
        await it.stop()
    assert [each.message for each in caplog.records if "tried again in 1 s" in each.getMessage()]


async def test_keys_that_are_refused_are_still_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    def break_it(simulator: Any) -> None:
        simulator.inject(Fault(fault=FaultKind.KEY_REVOKED))

    with pytest.raises(ConfigError, match="-2015"):
        async with live(tmp_path, before=break_it):
            pass
