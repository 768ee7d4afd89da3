"""A trader over real sockets: what venues and networks do to orders, and that the position is right, once, in the end."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest

from hoga.core.errors import ArchiveBusy
from hoga.core.market import Side
from hoga.core.ticks import MarketBars
from hoga.core.trading import OrderRequest, OrderUpdate, StreamUpdate
from hoga.simulator.faults import FaultKind
from hoga.trading.orders import Status
from hoga.trading.ports import Query
from hoga.trading.rungs import Rung
from hoga.trading.strategy import Setup
from tests.trading.live import Live, Wants, live
from tests.waiting import eventually

SIZES = {"binance-usdm": "0.01", "binance": "0.01", "upbit": "0.01"}
LIMITS = ("MAX_ORDER_NOTIONAL=100000000", "MAX_POSITION_NOTIONAL=200000000", "MAX_GROSS_NOTIONAL=400000000", "MAX_NET_NOTIONAL=400000000")


@pytest.mark.parametrize("venue", SIZES)
async def test_a_target_is_held_and_left_again_at_every_venue(venue: str, tmp_path: Path) -> None:
    async with live(tmp_path, venue, *LIMITS, wanted=SIZES[venue]) as it:
        await eventually(lambda: float(it.held()) > 0.0099, why=lambda: f"{it.held()} {it.orders()} {it.engine.ladder.causes()}")
        it.strategy.wanted = 0
        await eventually(lambda: float(it.held()) < 0.0001, why=lambda: f"{it.held()} {it.orders()} {it.engine.ladder.causes()}")
        end = await it.stop()
    assert end.ok
    assert end.fills >= 2
    assert len(it.records("order.fill")) == end.fills
    assert len({each["tid"] for each in it.records("order.fill")}) == end.fills


@pytest.mark.parametrize("status", [0, 503, 504])
async def test_an_order_whose_answer_is_lost_after_it_was_done_is_one_order(status: int, tmp_path: Path) -> None:
    async with live(tmp_path) as it:
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/order", methods="POST", count=1, status=status, code=-1007, reason="Timeout")
        it.strategy.wanted = "0.01"
        spent = await it.holds("0.01", seconds=12)
        assert spent < 12
        await eventually(lambda: not it.engine.state.orders.count())
        end = await it.stop()
    assert end.orders == 1
    assert end.ok


async def test_a_fill_whose_event_is_never_told_is_found_and_nothing_is_bought_twice(tmp_path: Path) -> None:
    """The stream is healthy otherwise, and drops one frame."""
    async with live(tmp_path) as it:
        it.fault(FaultKind.LOST_EVENT, events="ORDER_TRADE_UPDATE/TRADE/*", count=1)
        it.strategy.wanted = "0.01"
        assert await it.holds("0.01", seconds=10) < 10
        end = await it.stop()
    assert end.orders == 1


async def test_a_venue_that_refuses_for_a_moment_is_asked_again_with_another_order(tmp_path: Path) -> None:
    async with live(tmp_path) as it:
        it.fault(
            FaultKind.REST_ERROR, paths="/fapi/v1/order", methods="POST", count=1, status=400, code=-2019, reason="Margin is insufficient."
        )
        it.strategy.wanted = "0.01"
        await it.holds("0.01")
        assert next(each.status for each in it.engine.state.orders) is Status.REJECTED


async def test_a_trader_that_begins_again_goes_on_with_the_position_it_left(tmp_path: Path) -> None:
    async with live(tmp_path, wanted="0.01") as it:
        await it.holds("0.01")
        first = await it.stop()
        assert first.verdict == "KEPT"
        await it.begin("0.01")
        assert str(it.strategy.started_with) == "0.010"
        await eventually(lambda: it.strategy.books > 5)
        end = await it.stop()
    assert end.orders == 0
    assert end.held == {it.symbol: "0.01"}


async def test_a_second_trader_of_the_folder_is_refused(tmp_path: Path) -> None:
    async with live(tmp_path) as it:
        other = Live(it.simulator, it.venue, tmp_path, ())
        with pytest.raises(ArchiveBusy):
            await other.begin()


async def test_a_second_trader_of_the_account_is_refused_in_another_folder_too(tmp_path: Path) -> None:
    async with live(tmp_path / "one") as it:
        other = Live(it.simulator, it.venue, tmp_path / "two", ())
        with pytest.raises(ArchiveBusy):
            await other.begin()


async def test_silent_market_data_are_told_and_nothing_is_opened(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", "STALE_AFTER_MS=500") as it:
        await eventually(lambda: it.strategy.books > 3)
        it.fault(FaultKind.SILENT)
        await eventually(lambda: it.engine.state.rung is Rung.NO_OPEN)
        assert it.strategy.stale
        it.strategy.wanted = "0.01"
        end = await it.stop()
    assert end.orders == 0


def resting(it: Live, side: Side = Side.BUY, client_id: str = "stranger-1") -> OrderRequest:
    """An order far from the market."""
    rules, look = it.engine.state.rules_of[it.symbol], it.engine.state.looks[it.symbol]
    price = rules.price_down(look.bid * 990 // 1000) if side is Side.BUY else rules.price_up(look.ask * 1010 // 1000)
    return OrderRequest(client_id=client_id, symbol=it.symbol, side=side, quantity=rules.quantity(Decimal("0.01")), price=price)


def rest(it: Live) -> str:
    """The strategy's own, at the next book."""
    rules, asked = it.engine.state.rules_of[it.symbol], resting(it)
    price, done = rules.price_text(asked.price or 0), []
    it.strategy.todo.append(lambda: done.append(it.strategy.limit(it.symbol, "buy", "0.01", price)))
    return price


@pytest.mark.parametrize("venue", SIZES)
async def test_a_stop_cancels_the_traders_entries_and_leaves_a_strangers_order(venue: str, tmp_path: Path) -> None:
    async with live(tmp_path, venue, *LIMITS) as it:
        await eventually(lambda: it.strategy.books > 1)
        it.trader.gateways[venue].send(resting(it))
        rest(it)
        orders = it.engine.state.orders
        await eventually(lambda: any(each.status is Status.LIVE for each in orders), why=it.orders)
        end = await it.stop()
        assert end.ok
        assert end.left == ()
        assert [each.status for each in orders] == [Status.CANCELED]
        await it.begin()
        it.trader.gateways[venue].query(Query(symbol=it.symbol, client_id="stranger-1"))
        found: list[object] = []
        it.trader._bus.subscribe("order", found.append)
        await eventually(
            lambda: any(isinstance(each, OrderUpdate) and each.client_id == "stranger-1" and each.state.is_open for each in found)
        )


async def test_a_stop_is_over_in_time_while_half_of_all_answers_are_503(tmp_path: Path) -> None:
    async with live(tmp_path, wanted="0.01") as it:
        await it.holds("0.01")
        it.strategy.wanted = None
        rest(it)
        await eventually(lambda: any(each.status is Status.LIVE for each in it.engine.state.orders))
        it.fault(FaultKind.REST_ERROR, probability=0.5, status=503, reason="Service Unavailable.")
        began = time.monotonic()
        end = await it.stop()
        assert time.monotonic() - began < 5.5
    assert end.held == {it.symbol: "0.01"}
    assert end.ok, end


async def test_a_market_order_that_is_filled_in_part_is_completed(tmp_path: Path) -> None:
    async with live(tmp_path) as it:
        it.fault(FaultKind.PARTIAL_MARKET, share=0.5, count=1)
        it.strategy.wanted = "0.01"
        await it.holds("0.01")


async def test_listings_older_than_a_fill_correct_nothing(tmp_path: Path) -> None:
    async with live(tmp_path) as it:
        it.fault(FaultKind.STALE_LISTING, ms=1500)
        it.strategy.wanted = "0.01"
        await it.holds("0.01")
        it.engine.reckonings[it.venue].ended_ns = 0
        it.trader.take(StreamUpdate(at_ns=time.time_ns(), venue=it.venue, live=True, missed=True, why="test"))
        await asyncio.sleep(1.0)
        assert it.held() == "0.01"
        end = await it.stop()
    assert end.orders == 1
    assert not it.records("recon.mismatch")


async def test_a_listen_key_that_another_client_deletes_costs_a_login_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoga.venues.binance.usdm_private._KEEP_EVERY_S", 0.3)  # it is noticed when the key is kept: after a minute at most
    async with live(tmp_path) as it:
        it.fault(FaultKind.LISTEN_KEY_GONE)
        await eventually(lambda: any(each["live"] and each["missed"] for each in it.records("recon.stream")[1:]))
        it.strategy.wanted = "0.01"
        await it.holds("0.01")
        end = await it.stop()
    assert end.orders == 1


async def test_a_strategy_that_orders_nonsense_is_denied_with_a_code_each(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", "STALE_AFTER_MS=60000") as it:
        strategy, symbol = it.strategy, it.symbol
        await eventually(lambda: strategy.books > 1 and it.engine.state.rung is Rung.ACTIVE)
        strategy.todo += [
            lambda: strategy.target(symbol, float("nan")),
            lambda: strategy.buy(symbol, "-1"),
            lambda: strategy.limit(symbol, "buy", "0.01", "60000.123456789"),
            lambda: strategy.buy("binance-usdm:NOSUCH", "1"),
            lambda: strategy.buy(symbol, "1000000"),
            lambda: strategy.target(symbol, "what"),
        ]
        await eventually(lambda: len(it.records("order.deny")) >= 6, why=lambda: it.records("order.deny"))
        end = await it.stop()
    assert end.orders == 0
    assert end.ok
    codes = [each["code"] for each in it.records("order.deny")]
    assert codes == ["no-number", "quantity", "off-tick", "unknown-symbol", "too-large", "no-number"]


class Averages(Wants):
    """Waits for its averages."""

    def setup(self, m: Setup) -> None:
        m.bars(self.symbol, "1m", history=30).sma(20)


@pytest.mark.parametrize("venue", SIZES)
async def test_bars_of_before_are_asked_of_the_venue(venue: str, tmp_path: Path) -> None:
    """The simulated market began a moment ago: what it has is the minute that is still open."""
    async with live(tmp_path, venue, kind=Averages) as it:
        found: list[object] = []
        it.trader._bus.subscribe("order", found.append)
        await eventually(lambda: any(isinstance(each, MarketBars) and each.bars for each in found))
        (*_, event) = [each for each in found if isinstance(each, MarketBars)]
        assert event.symbol == it.symbol
        last = event.bars[-1]
        assert abs(last.start_ns - event.asked_ns) < 120 * 10**9
        assert 0.5 < last.close / it.engine.state.price(it.symbol) < 2
