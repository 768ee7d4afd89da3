"""A gateway on a recorded market: orders are filled by what is played, and the account's stream tells of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from hoga.app.config import load_config
from hoga.app.trader.gateway import make_gateway
from hoga.core.market import Side
from hoga.core.trading import Cut, ExecutionEvent, FillUpdate, Force, OrderRequest, OrderState, OrderUpdate, StreamUpdate
from hoga.gateway import GatewayConfig
from tests.app.recording import record
from tests.gateway.conformance.rig import CASES, Case
from tests.thirdparty.test_replay import replayed
from tests.waiting import eventually


@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
async def test_orders_are_filled_by_what_is_played(tmp_path: Path, case: Case) -> None:
    recorded = await record(tmp_path / "data", case.venue, (case.symbol,), 120)
    events: list[ExecutionEvent] = []
    async with await replayed(recorded, delay_s=0.0, speed=1.0) as sim:
        assert sim.performance is not None
        sim.performance.wanted.set()
        config = load_config(None, overrides=[], environ=sim.environment())
        market = sim.venues[case.venue].engine.market(case.symbol)
        await eventually(lambda: market.top.bid > 0)
        gateway = make_gateway(config.venue(case.venue), GatewayConfig(symbols=(case.symbol,)), events.append)
        await gateway.start()
        try:
            await eventually(lambda: any(isinstance(each, StreamUpdate) and each.live for each in events))
            if case.venue != "upbit":  # which has no line for orders
                await eventually(lambda: any(isinstance(each, Cut) and each.open for each in events))
            rules = gateway.rules[f"{case.venue}:{case.symbol}"]
            worst = market.top.ask * 101 // 100 * market.instrument.tick_e8 * 10**-rules.price_power // 10**8
            request = OrderRequest(
                client_id="hg-1-1-1",
                symbol=rules.symbol,
                side=Side.BUY,
                quantity=rules.quantity(Decimal(case.quantity)) * 2,
                price=rules.price_down(worst),
                force=Force.IOC,
            )
            gateway.send(request)
            await eventually(lambda: any(isinstance(each, OrderUpdate) and each.state is OrderState.FILLED for each in events))
            fills = [each for each in events if isinstance(each, FillUpdate) and each.client_id == request.client_id]
            assert sum({each.trade_id: each.quantity for each in fills}.values()) == request.quantity
            assert all((each.via == "rest") is (case.venue == "upbit") for each in sim.orders_seen())
        finally:
            await gateway.stop()
