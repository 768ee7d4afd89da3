"""Protective stops over real sockets: at every venue, over a restart, and when the venue loses their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoga.core.trading import OrderKind, Rung
from hoga.simulator.faults import FaultKind
from hoga.trading.orders import Role, Status
from hoga.trading.strategy import Setup
from tests.trading.live import Live, Wants, live
from tests.waiting import eventually

FAR = ("FAT_FINGER_SIZE=0", "PRICE_COLLAR_BP=200")


class Guarded(Wants):
    """Holds what the test says, and never without both ends."""

    def setup(self, m: Setup) -> None:
        m.protect(self.symbol, stop="3%", take="5%", within="3s")


def ends(it: Live) -> list[Any]:
    return [each for each in it.engine.state.orders.working() if each.role is Role.PROTECT]


def stand(it: Live) -> bool:
    kinds = sorted(each.request.kind for each in ends(it) if each.status is Status.LIVE)
    return kinds == [OrderKind.STOP, OrderKind.TAKE]


@pytest.mark.parametrize("venue", ["binance-usdm", "binance"])
async def test_both_ends_rest_are_found_again_and_go_with_the_position(venue: str, tmp_path: Path) -> None:
    async with live(tmp_path, venue, *FAR, wanted="0.01", kind=Guarded) as it:
        await eventually(lambda: stand(it), why=it.orders)
        guard = next(iter(it.engine.guarding.guards.values()))
        assert guard.naked_ns == 0
        names = sorted(each.client_id for each in ends(it))
        placed = it.records("protect")
        assert [each["what"] for each in placed] == ["placed", "placed"]
        end = await it.stop()
        assert (end.verdict, end.left) == ("KEPT", ())
        await it.begin("0.01", kind=Guarded)
        await eventually(lambda: stand(it), why=it.orders)
        assert sorted(each.client_id for each in ends(it)) == names, "no second stop"
        it.strategy.wanted = 0
        await eventually(lambda: not it.engine.state.orders.count() and not it.engine.state.portfolio.held(), why=it.orders)
        assert it.engine.state.rung is Rung.ACTIVE
        end = await it.stop()
    assert (end.verdict, end.ok) == ("FLAT", True)


async def test_where_the_venue_keeps_no_stop_the_engine_watches(tmp_path: Path) -> None:
    async with live(tmp_path, "upbit", *FAR, wanted="0.01", kind=Guarded) as it:
        await it.holds("0.01")
        assert ends(it) == []
        guard = next(iter(it.engine.guarding.guards.values()))
        await eventually(lambda: guard.level > 0)
        guard.level = it.engine.state.looks[it.symbol].ask * 2  # the price is beyond it now
        it.strategy.wanted = None
        await it.holds("0")
        assert [each["why"] for each in it.records("round")] == ["protect: stop"]
        await it.stop()


async def test_ends_whose_answers_are_lost_after_they_were_done_are_the_ends_and_no_others_stay(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", *FAR, kind=Guarded) as it:
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/algoOrder", methods="POST", count=2, status=503, code=-1007, reason="Timeout")
        it.strategy.wanted = "0.01"
        await eventually(lambda: stand(it) and len(ends(it)) == 2, why=it.orders)
        assert it.engine.state.rung is Rung.ACTIVE
        it.strategy.wanted = 0
        await eventually(lambda: not it.engine.state.orders.count() and not it.engine.state.portfolio.held(), why=it.orders)
        await it.stop()


async def test_ends_that_the_venue_refuses_for_a_moment_rest_in_time_all_the_same(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", *FAR, kind=Guarded) as it:
        it.fault(FaultKind.REST_ERROR, paths="/fapi/v1/algoOrder", methods="POST", count=2, status=400, code=-2019, reason="Margin.")
        it.strategy.wanted = "0.01"
        await eventually(lambda: stand(it), why=it.orders)
        assert it.engine.state.rung is Rung.ACTIVE
        await it.stop()


async def test_a_stop_that_is_met_while_the_trader_is_down_is_what_the_next_life_begins_with(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", *FAR, wanted="0.01", kind=Guarded) as it:
        await eventually(lambda: stand(it), why=it.orders)
        (stop,) = [each.client_id for each in ends(it) if each.request.kind is OrderKind.STOP]
        bid = it.engine.state.looks[it.symbol].bid
        assert (await it.stop()).verdict == "KEPT"
        venue = it.simulator.venues["binance-usdm"]
        venue.set_mark("BTCUSDT", it.engine.state.rules_of[it.symbol].price_text(bid * 9 // 10))
        await eventually(lambda: len(venue.account("main")["open_algo_orders"]) == 1)
        venue.set_mark("BTCUSDT", None)
        await it.begin(kind=Guarded)
        await eventually(lambda: it.engine.state.orders.get(stop).status is Status.FILLED, why=it.orders)
        assert (it.held(), it.strategy.position()) == ("0", 0)
        assert it.engine.state.portfolio.adopted == {}
        assert len(it.records("order.fill")) == len(venue.account("main")["trades"])
        assert it.records("recon.adopt") == it.records("pos") == []
        end = await it.stop()
    assert (end.verdict, end.ok) == ("FLAT", True)
