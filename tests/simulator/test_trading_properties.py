"""Whatever accounts do, and wherever markets go: money is neither made nor lost, closing orders only close, and a pair fills once."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from hoga.simulator import SimulatorConfig
from hoga.simulator.binance.spot import binance_spot
from hoga.simulator.clock import SimClock
from hoga.simulator.faults import FaultDesk
from hoga.simulator.usdm.venue import binance_usdm

D = Decimal
START_NS = 1_795_180_500_000_000_000
STEPS = 40


class Floor:
    """A venue that nobody is connected to, on a clock that is moved by hand."""

    def __init__(self, make: Any, seed: int) -> None:
        self.now_ns = 0
        self.clock = SimClock(start_ns=START_NS, monotonic_ns=lambda: self.now_ns)
        self.venue = make(SimulatorConfig(symbols=("BTCUSDT",), seed=seed), clock=self.clock, desk=FaultDesk(), capture=None)
        self.market = self.venue.engine.market("BTCUSDT")
        self.random = Random(seed)

    def pass_time(self) -> None:
        """Let a tenth of a second pass, and now and then move the market up to 0.4 %."""
        self.now_ns += 100_000_000
        self.venue.advance(self.clock.now_ns())
        if self.random.random() < 0.2:
            ticks = int(self.market.top.bid * (1 + self.random.uniform(-0.004, 0.004)))
            self.market.move_to(ticks, self.clock.now_ns())
            self.venue.advance(self.clock.now_ns())

    def ask(self, what: str, **params: Any) -> Any:
        """What the venue answers, None when it refuses."""
        try:
            return self.venue.act("main", what, {name: str(value) for name, value in params.items()})
        except ValueError:
            return None

    def price(self, share: float, digits: str) -> str:
        ticks = int(self.market.top.bid * share)
        return str((D(ticks * self.market.instrument.tick_e8) / 10**8).quantize(D(digits)))


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_closing_order_never_opens_and_positions_are_what_was_filled(seed: int) -> None:
    floor = Floor(binance_usdm, seed)
    random, hedged = floor.random, seed == 2
    if hedged:
        floor.ask("POST /fapi/v1/positionSide/dual", dualSidePosition="true")
    for number in range(STEPS):
        side = random.choice(("BUY", "SELL"))
        leg = {"positionSide": random.choice(("LONG", "SHORT"))} if hedged else {}
        closes = {} if hedged else {"reduceOnly": random.choice(("true", "false"))}
        size = str(D(random.randint(1, 60)) / 1_000)
        wish: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "quantity": size, "newClientOrderId": f"o{number}", **leg, **closes}
        kind = random.randrange(5)
        if kind == 0:
            floor.ask("POST /fapi/v1/order", type="MARKET", **wish)
        elif kind == 1:
            away = random.uniform(0.0, 0.003) * (-1 if side == "BUY" else 1)
            floor.ask("POST /fapi/v1/order", type="LIMIT", timeInForce="GTC", price=floor.price(1 + away, "0.01"), **wish)
        elif kind == 2:
            away = random.uniform(0.0005, 0.003) * (1 if side == "BUY" else -1)
            stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "symbol": "BTCUSDT", "side": side, **leg}
            floor.ask("POST /fapi/v1/algoOrder", triggerPrice=floor.price(1 + away, "0.01"), closePosition="true", **stop)
        elif kind == 3:
            floor.ask("DELETE /fapi/v1/order", symbol="BTCUSDT", origClientOrderId=f"o{random.randrange(number + 1)}")
        else:
            floor.ask("DELETE /fapi/v1/algoOpenOrders", symbol="BTCUSDT")
        floor.pass_time()
        truth = floor.venue.account("main")
        held = {row["positionSide"]: D(row["positionAmt"]) for row in truth["positions"]}
        summed: dict[str, Decimal] = {}
        for trade in truth["trades"]:
            summed.setdefault(trade["positionSide"], D(0))
            summed[trade["positionSide"]] += D(trade["qty"]) * (1 if trade["side"] == "BUY" else -1)
        assert held == {name: amount for name, amount in summed.items() if amount}
        if hedged:
            assert held.get("LONG", 0) >= 0 >= held.get("SHORT", 0)
        for closing in ("BUY", "SELL"):
            resting = sum(
                D(row["origQty"]) - D(row["executedQty"])
                for row in truth["open_orders"]
                if row["side"] == closing and (row["reduceOnly"] or (hedged and (row["positionSide"] == "LONG") == (closing == "SELL")))
            )
            sign = 1 if closing == "SELL" else -1
            assert resting <= max([D(0), *(amount * sign for amount in held.values())])
        paid = sum(D(row["realizedPnl"]) - D(row["commission"]) for row in truth["trades"])
        assert D(truth["balance"]) == 100_000 + paid
    assert len(truth["trades"]) > 10


@pytest.mark.parametrize("seed", [0])
async def test_a_pair_is_filled_once_and_spot_s_money_is_all_there(seed: int) -> None:
    floor = Floor(binance_spot, seed)
    random, pairs = floor.random, 0
    before = {row["asset"]: D(row["free"]) for row in floor.venue.account("main")["balances"]}
    for number in range(STEPS):
        kind = random.randrange(5)
        if kind == 0:
            floor.ask("POST /api/v3/order", symbol="BTCUSDT", side=random.choice(("BUY", "SELL")), type="MARKET", quantity="0.01")
        elif kind == 1:
            stop = floor.price(1 - random.uniform(0.0005, 0.003), "0.01")
            floor.ask("POST /api/v3/order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.02", stopPrice=stop)
        elif kind in (2, 3):
            above, below = floor.price(1 + random.uniform(0.0005, 0.003), "0.01"), floor.price(1 - random.uniform(0.0005, 0.003), "0.01")
            legs = {"aboveType": "LIMIT_MAKER", "abovePrice": above, "belowType": "STOP_LOSS", "belowStopPrice": below}
            if random.random() < 0.5:
                made = floor.ask("POST /api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.03", **legs)
            else:
                entry = {"workingType": "LIMIT", "workingSide": "BUY", "workingQuantity": "0.03", "workingTimeInForce": "GTC"}
                entry |= {"workingPrice": floor.price(1 - random.uniform(0.0, 0.001), "0.01")}
                named = {f"pending{name[0].upper()}{name[1:]}": value for name, value in legs.items()}
                sizes = {"pendingSide": "SELL", "pendingQuantity": "0.029"}
                made = floor.ask("POST /api/v3/orderList/otoco", symbol="BTCUSDT", **entry, **named, **sizes)
            pairs += made is not None
        elif number % 3 == 0:
            floor.ask("DELETE /api/v3/openOrders", symbol="BTCUSDT")
        floor.pass_time()
        truth = floor.venue.account("main")
        after = {row["asset"]: (D(row["free"]), D(row["locked"])) for row in truth["balances"]}
        moved = {asset: D(0) for asset in before}
        for trade in truth["trades"]:
            sign = 1 if trade["isBuyer"] else -1
            moved["BTC"] += sign * D(trade["qty"])
            moved["USDT"] -= sign * D(trade["quoteQty"])
            moved[trade["commissionAsset"]] -= D(trade["commission"])
        for asset, (free, locked) in after.items():
            assert free >= 0
            assert locked >= 0
            assert free + locked == pytest.approx(before[asset] + moved[asset], abs=D("0.00001"))
        if not truth["open_orders"]:
            assert all(locked == 0 for _, locked in after.values())
    assert pairs > 5
    rows = floor.ask("GET /api/v3/allOrders", symbol="BTCUSDT", limit=1_000)
    lists: dict[int, list[Any]] = {}
    for row in rows:
        lists.setdefault(row["orderListId"], []).append(row)
    for number, legs in lists.items():
        exits = [row for row in legs if row["side"] == "SELL"] if number >= 0 else []
        assert sum(1 for row in exits if row["status"] in ("FILLED", "PARTIALLY_FILLED")) <= 1
