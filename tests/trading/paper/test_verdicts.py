"""A thousand orders at random: the venue's rules in the simulator, and those on paper, say the same of each, word for word."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import pytest

from hoga.core.trading import ExecutionEvent, NotSent, OrderRefused, OrderRequest
from hoga.trading.limits import Limits
from hoga.trading.ports import Denial
from hoga.trading.risk import Code, RiskGate
from tests.gateway.conformance.rig import CASES, Case, Rig, opened
from tests.trading.gate_view import FakeView
from tests.trading.paper.verdicts import Orders, SimulatedVenue, compare, paper_of

pytestmark = pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
FAR = Decimal(10**12)
IN_A_ROUND = 40
"""A market that stands still is soon bought up."""


async def test_of_orders_at_random_paper_says_what_the_venue_says(case: Case) -> None:
    seen: Counter[str] = Counter()
    seed = 0
    while seen.total() < 334:  # of each of three venues
        seed += 1
        simulated = SimulatedVenue(case, seed=seed)
        assert await compare(simulated, simulated.place, seed=seed, most=IN_A_ROUND, seen=seen) == []
    assert len(seen) > 6, seen
    assert seen["accepted"] > 100, seen


FILTERS = {"-1013", "-4023", "-4003", "-4005", "-4014", "-4016", "-4024", "-4164", "-4108"} | {
    f"{what}_{side}" for what in ("under_min_total", "over_max_total", "invalid_price") for side in ("bid", "ask")
}
"""What venues say of an order that does not keep an instrument's rules."""
DENIED = {Code.OFF_TICK, Code.PRICE_BAND, Code.TOO_SMALL, Code.TOO_LARGE, Code.MIN_NOTIONAL, Code.BAD_QUANTITY, Code.NOT_TRADING}


async def test_the_filters_let_pass_what_no_venue_refuses_for_its_rules(case: Case) -> None:
    simulated, told, passed, denied = SimulatedVenue(case, seed=3), list[ExecutionEvent](), 0, 0
    rules = simulated.rules
    paper, orders = paper_of(simulated, told), Orders(rules, case.venue, seed=7)
    bid, ask = simulated.show(paper, 1_790_000_000_000_000_000)
    view = FakeView()
    much = Limits(
        currencies=(rules.quote,),
        **dict.fromkeys(("max_order_notional", "max_position_notional", "max_gross_notional", "max_net_notional", "max_daily_loss"), FAR),
        **dict.fromkeys(("max_orders_per_sec", "max_orders_per_day", "max_reversals_per_min", "fat_finger_size"), 10**6),
        max_leverage=200.0,
        fat_finger_price_bp=1e6,
        price_collar_bp=400.0,
    )
    gate = RiskGate(lambda symbol: much)
    view.known, view.can, view.cash, view.worth = {rules.symbol: rules}, simulated.spec.capabilities, 10**30, 10**30
    for _ in range(600):
        request = orders.next(bid, ask)
        if request.reduce_only or request.close_position:
            continue
        view.looks = {rules.symbol: view.book(rules.symbol, bid, ask)}
        judged = gate.judge(request, view)
        if isinstance(judged, Denial):
            assert judged.code in DENIED or judged.code in (Code.PRICE_COLLAR, Code.NO_SHORT, Code.SELF_CROSS), judged
            denied += 1
            continue
        passed += 1
        told.clear()
        paper.send(judged)
        paper.advance(1_790_000_000_000_000_000)
        refused = [each for each in told if isinstance(each, OrderRefused)]
        assert not [each for each in refused if each.code in FILTERS and "MAX_NUM" not in each.text], (request, judged, refused)
    assert min(passed, denied) > 40, (passed, denied)


@pytest.mark.slow
async def test_of_a_thousand_orders_over_a_socket_paper_says_what_the_venue_says(case: Case) -> None:
    seen: Counter[str] = Counter()
    seed = 1_000
    while seen.total() < (1_000 if case.venue != "upbit" else 160):  # which takes eight orders a second
        seed += 1
        async with opened(case) as rig:

            async def place(request: OrderRequest, rig: Rig = rig) -> ExecutionEvent:
                while isinstance(answer := await rig.place(request), NotSent):
                    await asyncio.sleep(0.1)
                return answer

            simulated = SimulatedVenue(case, venue=rig.simulator.venues[case.venue], clock=rig.simulator.clock)
            assert await compare(simulated, place, seed=seed, most=IN_A_ROUND, seen=seen) == []
    assert seen["accepted"] > 50, seen
