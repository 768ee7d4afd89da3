"""The exit's own line to a venue: its clock, its limits, what is asked again and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.private import credentials_of
from hoga.core.market import Side
from hoga.core.trading import (
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    PositionsRead,
    ReadFailed,
    Unanswered,
)
from hoga.feed.private_wire import nonce
from hoga.flatten.account import ExitAccount
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.procedure import Exit
from hoga.flatten.report import Wanted
from hoga.net.venue_clock import VenueClock
from hoga.runtime.clock import SYSTEM, Clock
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.venues.registry import VENUES

VENUE = "binance-usdm"


class Wrong:
    """The system's clock, seconds off."""

    def __init__(self, off_s: float) -> None:
        self._off_ns = int(off_s * 1e9)
        self.monotonic, self.monotonic_ns = SYSTEM.monotonic, SYSTEM.monotonic_ns
        self.sleep, self.call_later = SYSTEM.sleep, SYSTEM.call_later

    def time_ns(self) -> int:
        return SYSTEM.time_ns() + self._off_ns


def at_venue(act: Callable[[Simulator, ExitAccount], Awaitable[None]], *, clock: Clock = SYSTEM) -> None:
    async def run() -> None:
        async with Simulator(SimulatorConfig(venues=(VENUE,), symbols=("BTCUSDT",), seed=3)) as simulator:
            config = load_config(None, overrides=[], environ=simulator.environment()).venue(VENUE)
            spec = VENUES[VENUE]
            assert spec.private is not None
            sign = spec.private.signer(credentials_of(config), nonce)
            account = ExitAccount(spec, config.rest_url, sign, tls=None, jitter=lambda: 0.0, clock=clock)
            await account.open()
            await account.learn_rules()
            try:
                await act(simulator, account)
            finally:
                await account.close()

    asyncio.run(run())


def buy(account: ExitAccount, client_id: str, **more: Any) -> OrderRequest:
    quantity = account.book.of("BTCUSDT").quantity(Decimal("0.010"))
    known = {"client_id": client_id, "symbol": f"{VENUE}:BTCUSDT", "side": Side.BUY, "kind": OrderKind.MARKET, "quantity": quantity}
    return OrderRequest(**(known | more))


@pytest.mark.parametrize("off_s", [-5.0, 5.0, 3600.0])
def test_a_clock_that_is_wrong_keeps_nothing_from_being_left(off_s: float) -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        assert isinstance(await account.send(buy(account, "hg-1-1-1")), OrderAccepted)
        wanted = Wanted(scope=Scope.OWN, trader="hg", incident="i", run=1, symbols=("BTCUSDT",))
        report = await Exit(account, wanted).run()
        assert report.verdict is Verdict.FLAT
        assert abs(account.clock_off_ms + off_s * 1000) < 1000

    at_venue(act, clock=Wrong(off_s))


def test_what_reads_is_asked_three_times_and_then_it_is_no_empty_list() -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=503, count=2, paths="*positionRisk*"))
        assert isinstance(await account.positions(), PositionsRead)
        assert account.retries == 2
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=503, count=3, paths="*openOrders*"))
        failed = await account.open_orders()
        assert isinstance(failed, ReadFailed)
        assert "503" in failed.why
        assert isinstance(await account.open_orders(), OpenOrders)

    at_venue(act)


def test_a_new_order_is_sent_once_whatever_comes_of_it() -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        simulator.inject(Fault(fault=FaultKind.REPLY_LOST, status=0, count=1, methods="POST"))
        assert isinstance(await account.send(buy(account, "hg-1-1-1")), Unanswered)
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=503, count=1, methods="POST"))
        assert isinstance(await account.send(buy(account, "hg-1-1-2")), Unanswered)
        read = await account.positions()
        assert isinstance(read, PositionsRead)
        assert [each.quantity for each in read.positions] == [10]
        assert isinstance(await account.send(buy(account, "hg-1-1-3", quantity=None)), NotSent)

    at_venue(act)


def test_a_limit_that_is_used_up_is_waited_for() -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=429, retry_after_s=1, count=1, paths="*positionRisk*"))
        began = SYSTEM.monotonic()
        assert isinstance(await account.positions(), ReadFailed | PositionsRead)
        assert isinstance(await account.positions(), PositionsRead)
        assert SYSTEM.monotonic() - began >= 0.9

    at_venue(act)


def test_keys_that_are_refused_are_said_to_be() -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        simulator.inject(
            Fault(fault=FaultKind.REST_ERROR, status=401, code=-2015, reason="Invalid API-key", count=3, paths="*positionRisk*")
        )
        assert isinstance(await account.positions(), ReadFailed)
        assert "Invalid API-key" in account.shut_out
        assert isinstance(await account.positions(), PositionsRead)
        assert account.shut_out == ""

    at_venue(act)


def test_an_order_of_the_exit_comes_soon_or_never_and_its_denial_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(simulator: Simulator, account: ExitAccount) -> None:
        asked = account.clock.time_ns()
        simulator.inject(Fault(fault=FaultKind.REST_ERROR, probability=1.0, status=503, methods="POST", paths="/fapi/v1/order"))
        await account.send(buy(account, "hg-x-1"))
        proves = account.proves_ns("hg-x-1")
        assert proves is not None
        assert asked + 2_000_000_000 <= proves <= account.clock.time_ns() + 2_000_000_000
        simulator.clear_faults()
        right = VenueClock.now_ms
        monkeypatch.setattr(VenueClock, "now_ms", lambda clock: right(clock) - 1_500)  # so long it is on its way
        for number in (2, 3):
            assert isinstance(await account.send(buy(account, f"hg-x-{number}")), OrderRefused), "refused for good: nothing is unknown"
        assert isinstance(await account.send(buy(account, "hg-x-4")), OrderAccepted), "where the way is long, more time is given"
        monkeypatch.setattr(VenueClock, "now_ms", lambda clock: right(clock) - 4_500)
        for number in (5, 6):
            assert isinstance(await account.send(buy(account, f"hg-x-{number}")), OrderRefused)
        assert isinstance(await account.send(buy(account, "hg-x-7")), OrderAccepted), "in the end the venue's own"
        assert account.proves_ns("hg-x-7") is None

    at_venue(act)
