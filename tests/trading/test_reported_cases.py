"""What users of other programs reported of their orders: each case is met here by a trader, over real sockets.

The rest of them: a target that is completed, silent market data, a second trader (`test_live`), the same in memory (`test_unknown`).
"""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.exit import leave
from hoga.core.errors import ConfigError
from hoga.core.trading import StreamUpdate
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.report import ExitReport
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import FaultKind
from hoga.simulator.seen import Does
from hoga.simulator.usdm.rules import FuturesRules
from hoga.trading.orders import Role, Status
from hoga.trading.rungs import Rung
from hoga.trading.strategy import Setup
from tests.trading.live import Live, Wants, live
from tests.waiting import eventually

USDM = "binance-usdm"
WIDE = ("FAT_FINGER_SIZE=0", "PRICE_COLLAR_BP=200")
ROOMY = ("MAX_ORDER_NOTIONAL=100000000", "MAX_POSITION_NOTIONAL=200000000", "MAX_GROSS_NOTIONAL=400000000", "MAX_NET_NOTIONAL=400000000")


class Stopped(Wants):
    """Holds what the test says, and never without a stop."""

    def setup(self, m: Setup) -> None:
        m.protect(self.symbol, stop="3%", within="60s")


def ends(it: Live) -> list[Any]:
    return [each for each in it.engine.state.orders.working() if each.role is Role.PROTECT]


def guarded(it: Live) -> bool:
    return [each.status for each in ends(it)] == [Status.LIVE]


def placed(it: Live, path: str = "/fapi/v1/order") -> list[str]:
    """The client ids of orders that the venue took."""
    seen = it.simulator.orders_seen()
    return [each.client_id for each in seen if each.does is Does.PLACE and each.done and each.path == path]


def account(it: Live) -> Any:
    return it.simulator.venues[it.venue].account("main")


def act(it: Live, what: str, **params: str) -> Any:
    return it.simulator.venues[it.venue].act("main", what, params)


DENIED = ""
"""The name of an order that was not sent: the best price itself lay beyond a narrow collar at that moment."""


def status_of(it: Live, done: list[str]) -> Status | None:
    """Of the first order that was given; None before there is one."""
    order = it.engine.state.orders.get(done[0]) if done else None
    return None if order is None else order.status


def far(it: Live, percent: int) -> str:
    """A price so far from the market."""
    rules, look = it.engine.state.rules_of[it.symbol], it.engine.state.looks[it.symbol]
    return str(rules.price_text(rules.price_down(look.bid * (100 + percent) // 100)))


async def ready(it: Live) -> None:
    await eventually(lambda: it.strategy.books > 1 and it.engine.state.rung is Rung.ACTIVE, why=it.engine.ladder.causes)


async def compared(it: Live) -> None:
    """The trader has read everything of its account once more."""
    rounds = len(it.records("recon.end"))
    it.engine.reckonings[it.venue].ended_ns = 0
    it.trader.take(StreamUpdate(at_ns=time.time_ns(), venue=it.venue, live=True, missed=True, why="test"))
    await eventually(lambda: len(it.records("recon.end")) > rounds)


async def left(simulator: Simulator, venue: str, data: Path, scope: Scope = Scope.OWN) -> ExitReport:
    """What `hoga flatten` does."""
    config = load_config(None, overrides=[], environ=simulator.environment(), data_dir=data).venue(venue)
    began = time.monotonic()
    return await leave(config, data, scope=scope, symbols=(), tell=lambda line: None, stop=lambda: time.monotonic() - began > 120)


@pytest.mark.parametrize("found_by", ["stream", "listing"])
async def test_a_stop_that_the_venue_denies_is_one_stop_of_one_position(found_by: str, tmp_path: Path) -> None:
    """1. A stop is accepted; query and cancel deny it: it is UNKNOWN, nothing is entered twice, a listing or the stream settles it."""
    async with live(tmp_path, USDM, *WIDE, kind=Stopped) as it:
        await ready(it)
        it.fault(FaultKind.DENY_ORDER)
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/algoOrder", methods="POST", status=503, code=-1007, reason="Timeout")
        if found_by == "listing":
            it.fault(FaultKind.LOST_EVENT, events="ALGO_UPDATE/*")
        it.strategy.wanted = "0.01"
        await eventually(lambda: len(ends(it)) == 1 and ends(it)[0].status is not Status.SENT, why=it.orders)
        while found_by == "listing" and not guarded(it):
            await compared(it)
        await eventually(lambda: guarded(it), why=it.orders)
        await compared(it)
        assert guarded(it)
        assert len(placed(it)) == 1
        assert len(placed(it, "/fapi/v1/algoOrder")) == 1
        assert it.held() == "0.01"
        await it.stop()


async def test_a_stop_that_only_the_other_listing_has_is_enough(tmp_path: Path) -> None:
    """2. Stops are in `openAlgoOrders` alone: no alarm of a naked position, no second stop."""
    async with live(tmp_path, USDM, *WIDE, wanted="0.01", kind=Stopped) as it:
        await eventually(lambda: guarded(it), why=it.orders)
        for _ in range(2):
            await compared(it)
        assert account(it)["open_orders"] == []
        assert len(account(it)["open_algo_orders"]) == 1
        assert next(iter(it.engine.guarding.guards.values())).naked_ns == 0
        assert it.engine.state.rung is Rung.ACTIVE
        assert len(placed(it, "/fapi/v1/algoOrder")) == 1
        await it.stop()


async def test_a_stop_without_a_quantity_is_adopted_at_the_start(tmp_path: Path) -> None:
    """3. A restart with a resting `closePosition` stop, which has no quantity."""
    async with live(tmp_path, USDM, wanted="0.01") as it:
        await it.holds("0.01")
        trigger = far(it, -5)
        await it.stop()
        name = "hg-1-1-zz"
        act(
            it, "POST /fapi/v1/algoOrder", symbol="BTCUSDT", side="SELL", algoType="CONDITIONAL", type="STOP_MARKET",
            triggerPrice=trigger, closePosition="true", clientAlgoId=name,
        )  # fmt: skip
        await it.begin("0.01")
        found = it.engine.state.orders.get(name)
        assert found is not None
        assert (found.status, found.request.quantity, found.request.close_position) == (Status.LIVE, None, True)
        assert it.held() == "0.01"
        await ready(it)
        await it.stop()
        assert (await left(it.simulator, USDM, tmp_path)).verdict is Verdict.FLAT
        assert account(it)["open_algo_orders"] == []


@pytest.mark.parametrize("kept", [True, False])
async def test_a_stop_whose_trades_come_before_it_is_triggered_is_counted_once(tmp_path: Path, kept: bool) -> None:
    """4. The child is filled before TRIGGERED is told, and has its parent's name or one of its own."""
    futures = FuturesRules(child_keeps_client_id=kept)
    async with live(tmp_path, USDM, *WIDE, "STALE_AFTER_MS=60000", kind=Stopped, futures=futures) as it:
        await ready(it)
        it.strategy.wanted = "0.01"
        await eventually(lambda: guarded(it), why=it.orders)
        it.strategy.wanted = None
        it.fault(FaultKind.CHILD_FIRST)
        (stop,) = ends(it)
        it.simulator.venues[USDM].set_mark("BTCUSDT", far(it, -10))
        await it.holds("0")
        await eventually(lambda: stop.status is Status.FILLED, why=it.orders)
        await compared(it)
        assert it.held() == "0"
        assert len(it.records("order.fill")) == len(account(it)["trades"])
        assert not it.records("recon.mismatch")
        assert not it.records("pos"), "nobody else traded"
        assert it.engine.state.portfolio.share(next(iter(it.engine.instances)).key, it.symbol) == 0
        await it.stop()


async def test_two_legs_of_a_symbol_are_two_positions_and_both_are_left(tmp_path: Path) -> None:
    """5. Hedge mode, long 1 and short 1: the exit sells the long and buys back the short."""

    def open_legs(simulator: Simulator) -> None:
        venue = simulator.venues[USDM]
        venue.act("main", "POST /fapi/v1/positionSide/dual", {"dualSidePosition": "true"})
        for side, leg in (("BUY", "LONG"), ("SELL", "SHORT")):
            asked = {"symbol": "BTCUSDT", "side": side, "positionSide": leg, "type": "MARKET", "quantity": "0.010"}
            venue.act("main", "POST /fapi/v1/order", asked)

    async with Simulator(SimulatorConfig(venues=(USDM,), symbols=("BTCUSDT",), seed=11)) as simulator:
        open_legs(simulator)
        it = Live(simulator, USDM, tmp_path, ())
        with pytest.raises(ConfigError, match="two positions a symbol"):
            await it.begin("0.01")
        assert len(account(it)["positions"]) == 2
        before = len(account(it)["trades"])
        report = await left(simulator, USDM, tmp_path, Scope.ACCOUNT)
        assert report.verdict is Verdict.FLAT
        assert sorted((each.side, each.before) for each in report.legs) == [("long", "0.01"), ("short", "-0.01")]
        assert account(it)["positions"] == []
        assert len(account(it)["trades"]) > before


async def test_a_cancel_of_what_was_filled_is_one_order(tmp_path: Path) -> None:
    """8. The cancel says "unknown order", because the order was filled."""
    async with live(tmp_path, USDM, *WIDE, "STALE_AFTER_MS=60000") as it:
        await ready(it)
        price, done = far(it, -1), []
        it.strategy.todo.append(lambda: done.append(it.strategy.limit(it.symbol, "buy", "0.01", price)))
        await eventually(lambda: status_of(it, done) is Status.LIVE, why=it.orders)
        it.fault(FaultKind.LOST_EVENT, events="ORDER_TRADE_UPDATE/*")
        it.simulator.venues[USDM].move("BTCUSDT", far(it, -2))
        await eventually(lambda: account(it)["positions"])
        assert it.held() == "0", "nobody has told it"
        it.strategy.todo.append(lambda: it.strategy.cancel(done[0]))
        await it.holds("0.01")
        assert [(each.does, each.code) for each in it.simulator.orders_seen() if each.does is Does.CANCEL] == [(Does.CANCEL, "-2011")]
        assert placed(it) == done
        assert it.engine.state.orders.get(done[0]).status is Status.FILLED
        await it.stop()


async def test_six_orders_that_nobody_answers_count_until_they_are_found(tmp_path: Path) -> None:
    """9. The network dies while six orders are sent: six UNKNOWN, whose exposure counts all the time, and all are found later."""
    async with live(tmp_path, USDM, *WIDE, *ROOMY, "STALE_AFTER_MS=60000", "MAX_OPEN_ORDERS=10") as it:
        await ready(it)
        it.fault(FaultKind.LOST_EVENT, events="ORDER_TRADE_UPDATE/*")
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/order", methods="POST", status=503, code=-1007, reason="Timeout")
        it.fault(FaultKind.REST_ERROR, methods="GET", status=0)
        price, done = far(it, -1), []
        for _ in range(6):
            it.strategy.todo.append(lambda: done.append(it.strategy.limit(it.symbol, "buy", "0.01", price)))
        orders = it.engine.state.orders
        await eventually(lambda: [each.status for each in orders] == [Status.UNKNOWN] * 6, why=it.orders)
        assert len(placed(it)) == 6
        assert sum(each.rest for each in it.engine.state.working(it.symbol)) == 60
        it.simulator.clear_faults()
        await eventually(lambda: [each.status for each in orders] == [Status.LIVE] * 6, why=it.orders)
        assert sorted(placed(it)) == sorted(done)
        assert sum(each.rest for each in it.engine.state.working(it.symbol)) == 60
        await eventually(lambda: it.engine.state.rung is Rung.ACTIVE)
        end = await it.stop()
    assert end.left == ()


@pytest.mark.parametrize("later_ms", [0, 700])
async def test_an_answer_of_timeout_and_the_acceptance_by_stream_are_one_order(later_ms: int, tmp_path: Path) -> None:
    """10. -1007 is answered, and the acceptance comes by stream before it or after it."""
    async with live(tmp_path) as it:
        await ready(it)
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/order", methods="POST", count=1, status=408, code=-1007, reason="Timeout")
        if later_ms:
            it.fault(FaultKind.DELAY, events="ORDER_TRADE_UPDATE/*", ms=later_ms)
        it.strategy.wanted = "0.01"
        await it.holds("0.01")
        await compared(it)
        assert it.held() == "0.01"
        assert len(placed(it)) == 1
        await it.stop()


async def test_trades_during_a_cut_are_read_afterwards_by_their_ids(tmp_path: Path) -> None:
    """12. Fills during a cut."""
    async with live(tmp_path, USDM, *WIDE, "STALE_AFTER_MS=60000") as it:
        await ready(it)
        price, done = far(it, -1), []
        it.strategy.todo.append(lambda: done.append(it.strategy.limit(it.symbol, "buy", "0.01", price)))
        await eventually(lambda: status_of(it, done) is Status.LIVE, why=it.orders)
        it.fault(FaultKind.REFUSE)
        it.fault(FaultKind.CLOSE, code=1006)
        await eventually(lambda: not it.engine.state.accounts[USDM].live)
        it.simulator.venues[USDM].move("BTCUSDT", far(it, -2))
        await eventually(lambda: account(it)["positions"])
        it.simulator.clear_faults()
        await it.holds("0.01")
        await eventually(lambda: it.engine.state.accounts[USDM].live)
        await compared(it)
        assert it.held() == "0.01"
        told = [str(each["tid"]) for each in it.records("order.fill")]
        assert sorted(told) == sorted(str(each["id"]) for each in account(it)["trades"])
        await it.stop()


async def test_a_reduce_only_order_of_the_full_size_goes_before_the_close(tmp_path: Path) -> None:
    """14. It rests, and the position shall be closed: it is cancelled first, and the venue refuses nothing."""
    async with live(tmp_path, USDM, wanted="0.01") as it:
        await it.holds("0.01")
        price = far(it, 3)
        await it.stop()
        name = "hg-1-1-zz"
        act(
            it, "POST /fapi/v1/order", symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.010", price=price,
            reduceOnly="true", newClientOrderId=name,
        )  # fmt: skip
        await it.begin()
        await ready(it)
        assert it.engine.state.orders.get(name).status is Status.LIVE
        it.strategy.wanted = 0
        await it.holds("0")
        assert it.engine.state.orders.get(name).status is Status.CANCELED
        assert account(it)["positions"] == []
        assert [each.code for each in it.simulator.orders_seen() if each.code] == []
        await it.stop()


async def test_a_position_below_the_least_notional_is_closed(tmp_path: Path) -> None:
    """15. What is too little for an order is closed by one that only reduces."""

    def trade_at(simulator: Simulator, price: str) -> None:
        simulator.venues[USDM].move("BTCUSDT", price)
        simulator.venues[USDM].set_mark("BTCUSDT", price)

    async with live(tmp_path, USDM, "STALE_AFTER_MS=60000", before=lambda simulator: trade_at(simulator, "51000"), wanted="0.001") as it:
        await it.holds("0.001")
        rules, look = it.engine.state.rules_of[it.symbol], it.engine.state.looks[it.symbol]
        trade_at(it.simulator, "49500")
        await eventually(lambda: look.ask < rules.min_notional and look.mark < rules.min_notional)
        it.strategy.wanted = 0
        await eventually(lambda: it.held() == "0", why=lambda: (it.orders(), it.records("order.deny")[-1:]))
        assert account(it)["positions"] == []
        end = await it.stop()
    assert end.verdict == "FLAT"


async def test_a_purchase_for_funds_that_ends_in_cancel_was_filled(tmp_path: Path) -> None:
    """16. A market buy at Upbit ends in `cancel`, with fills."""
    async with live(tmp_path, "upbit", *ROOMY) as it:
        await ready(it)
        done: list[str] = []
        it.strategy.todo.append(lambda: done.append(it.strategy.buy(it.symbol, "0.01")))
        await eventually(lambda: (status := status_of(it, done)) is not None and status.is_over, why=it.orders)
        assert it.engine.state.orders.get(done[0]).status is Status.FILLED
        assert float(it.held()) > 0.0099
        await it.stop()


@pytest.mark.parametrize(("quantity", "collar"), [("0.01", 50), ("20", 1)])
async def test_an_order_that_expires_leaves_what_was_filled(quantity: str, collar: int, tmp_path: Path) -> None:
    """17. An IOC order expires: unfilled, because the market went away, or filled in part, because the book is thin within the collar."""
    settings = (*ROOMY, "FAT_FINGER_SIZE=0", f"PRICE_COLLAR_BP={collar}", "MAX_LEVERAGE=20", "STALE_AFTER_MS=60000")
    async with live(tmp_path, USDM, *settings) as it:
        await ready(it)
        done: list[str] = []

        def buy() -> None:
            if quantity == "0.01":
                it.simulator.venues[USDM].move("BTCUSDT", far(it, 2))
            done[:] = [it.strategy.buy(it.symbol, quantity)]

        while status_of(it, done) is not Status.EXPIRED:
            done.clear()
            it.strategy.todo.append(buy)
            await eventually(lambda: status_of(it, done) is Status.EXPIRED or done == [DENIED], why=lambda: (done, it.orders()))
        await compared(it)
        held = sum(Decimal(each["positionAmt"]) for each in account(it)["positions"])
        assert Decimal(it.held()) == held
        assert held == 0 if quantity == "0.01" else 0 < held < 20
        assert placed(it) == done
        assert not it.records("recon.mismatch")
        await it.stop()


async def test_a_limit_that_is_used_up_is_kept_and_what_was_asked_for_is_done_afterwards(tmp_path: Path) -> None:
    """18. 429 while cancelling: the venue is left in peace for as long as it said, and never answers 418."""
    async with live(tmp_path, USDM, *WIDE, "STALE_AFTER_MS=60000") as it:
        await ready(it)
        price, done = far(it, -1), []
        for _ in range(3):
            it.strategy.todo.append(lambda: done.append(it.strategy.limit(it.symbol, "buy", "0.01", price)))
        orders = it.engine.state.orders
        await eventually(lambda: [each.status for each in orders] == [Status.LIVE] * 3, why=it.orders)
        it.fault(FaultKind.REST_ERROR, status=429, code=-1003, reason="Too many requests.", retry_after_s=2, duration_s=2)
        it.strategy.todo.append(lambda: it.strategy.cancel_all(it.symbol))
        await eventually(lambda: [each.status for each in orders] == [Status.CANCELED] * 3, why=it.orders)
        refused = it.simulator.status()["faults"][0]["affected_total"]
        assert 1 <= refused <= 9, "each cancel and a question after it, and what was on its way"
        assert 418 not in [each.answered for each in it.simulator.orders_seen()]
        assert it.engine.state.rung is Rung.ACTIVE
        await it.stop()


async def test_a_clock_that_is_off_halts_and_the_exit_leaves_all_the_same(tmp_path: Path) -> None:
    """19. The clock is off by 5 s: HALTED, which says by how much; `hoga flatten` ends FLAT."""
    async with live(tmp_path, USDM, wanted="0.01") as it:
        await it.holds("0.01")
        await it.stop()
        it.fault(FaultKind.CLOCK_STEP, ms=5_000)
        await it.begin("0.02", running=False)
        await eventually(lambda: it.engine.state.rung is Rung.HALTED, why=it.engine.ladder.causes)
        (told,) = [each for each in it.records("state") if each.get("rung") == "HALTED"]
        assert "binance-usdm: +" in told["why"], told
        assert Decimal(told["why"].split("+")[1].split(" ms")[0]) > 4_000
        assert it.held() == "0.01", "nothing is opened before it is known"
        report = await left(it.simulator, USDM, tmp_path)
        assert report.verdict is Verdict.FLAT
        assert account(it)["positions"] == []
        end = await it.stop()
    assert end.orders == 0
