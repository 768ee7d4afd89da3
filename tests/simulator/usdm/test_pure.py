from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Market
from hoga.simulator.engine.market import SPEEDS_MS as ENGINE_SPEEDS
from hoga.simulator.usdm.ids import spread_id
from hoga.simulator.usdm.instruments import contract_of
from hoga.simulator.usdm.liquidations import Liquidations
from hoga.simulator.usdm.mark import FUNDING_MS, mark_of, next_funding_ms
from hoga.simulator.usdm.names import Channel, channel_of, route_of
from hoga.simulator.usdm.payloads import ContractPrinter

START_NS = 1_795_180_500_000_000_000


@settings(deadline=None)
@given(first=st.integers(1, 2**38), steps=st.integers(1, 10_000))
def test_ids_grow_and_stay_far_apart(first: int, steps: int) -> None:
    assert spread_id(first) < spread_id(first + 1) < spread_id(first + 1 + steps)
    assert spread_id(first + steps) < 2**53


def test_the_next_delta_does_not_begin_where_the_last_one_ended() -> None:
    holes = {spread_id(number + 1) - spread_id(number) for number in range(40_000_000_000, 40_000_001_000)}
    assert min(holes) > 0
    assert len(holes) > 50


@pytest.mark.parametrize(
    "name, channel, route",
    [
        ("btcusdt@depth", Channel("diff", speed_ms=250), "public"),
        ("btcusdt@depth@0ms", Channel("diff"), "public"),
        ("btcusdt@depth20@100ms", Channel("partial", levels=20, speed_ms=100), "public"),
        ("btcusdt@depth5", Channel("partial", levels=5, speed_ms=250), "public"),
        ("btcusdt@depth10@500ms", Channel("partial", levels=10, speed_ms=500), "public"),
        ("btcusdt@bookTicker", Channel("bookTicker"), "public"),
        ("btcusdt@trade", Channel("trade"), "public"),
        ("btcusdt@rpiDepth@500ms", Channel("rpiDepth", levels=20, speed_ms=500), "public"),
        ("btcusdt@aggTrade", Channel("aggTrade"), "market"),
        ("btcusdt@markPrice", Channel("markPrice", speed_ms=3_000), "market"),
        ("btcusdt@markPrice@1s", Channel("markPrice", speed_ms=1_000), "market"),
        ("btcusdt@kline_1m", Channel("kline", argument="1m"), "market"),
        ("btcusdt_perpetual@continuousKline_1s", Channel("continuousKline", argument="1s"), "market"),
        ("btcusdt@forceOrder", Channel("forceOrder"), "market"),
        ("btcusdt@ticker", Channel("ticker"), "market"),
        ("btcusdt@depth@250ms", None, None),
        ("btcusdt@depth20@250ms", None, None),
        ("btcusdt@depth20@0ms", None, None),
        ("btcusdt@depth30", None, None),
        ("btcusdt@kline_1s", None, None),
        ("btcusdt@kline_1m@+08:00", None, None),
        ("btcusdt@avgPrice", None, None),
        ("BTCUSDT@depth", None, None),
    ],
)
def test_names_ask_for_channels_and_live_on_routes(name: str, channel: Channel | None, route: str | None) -> None:
    assert channel_of(name) == channel
    assert route_of(name) == route


def test_streams_of_every_symbol_have_their_routes() -> None:
    assert route_of("!bookTicker") == "public"
    assert route_of("!markPrice@arr@1s") == route_of("!forceOrder@arr") == "market"


@pytest.mark.parametrize(
    "value_e8, digits, text",
    [
        (8_670_470_000_000, 2, "86704.70"),
        (8_670_470_000_000, 0, "86704"),
        (1, 8, "0.00000001"),
        (-150_000_000, 1, "-1.5"),
        (99_999_999, 2, "0.99"),
        (0, 3, "0.000"),
    ],
)
def test_decimals_are_cut_to_their_digits(value_e8: int, digits: int, text: str) -> None:
    assert decimal_text(value_e8, digits) == text


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "PEPEUSDT", "NEVERHEARDUSDT"])
def test_every_step_of_a_contract_can_be_printed(symbol: str) -> None:
    contract = contract_of(symbol)
    printer = ContractPrinter(contract)
    assert printer.price(contract.start_ticks) != printer.price(contract.start_ticks + 1)
    assert printer.size(contract.typical_lots) != printer.size(contract.typical_lots + 1)
    assert contract.start_ticks > 100


def test_bitcoin_moves_by_a_tenth_and_prints_two_digits() -> None:
    contract = contract_of("BTCUSDT")
    printer = ContractPrinter(contract)
    assert printer.price(contract.start_ticks) == "86704.70"
    assert printer.size(6_760) == "6.760"


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 50), seconds=st.integers(1, 5))
def test_mark_and_index_stay_near_the_trades(seed: int, seconds: int) -> None:
    market = Market(contract_of("BTCUSDT"), seed=seed, now_ns=START_NS, levels=60, speeds=ENGINE_SPEEDS)
    now_ns = START_NS + seconds * 1_000_000_000
    market.run_until(now_ns)
    mark = mark_of(market, now_ns // 1_000_000)
    tick = market.instrument.tick_e8
    prices = [trade.price * tick for trade in market.trades]
    assert min(prices) <= mark.index_price <= max(prices)
    assert abs(mark.price - mark.index_price) <= (max(prices) - min(prices)) + 100 * tick
    assert abs(mark.rate) < 1_000_000


def test_funding_is_exchanged_every_eight_hours() -> None:
    assert next_funding_ms(0) == FUNDING_MS
    assert next_funding_ms(FUNDING_MS - 1) == FUNDING_MS
    assert next_funding_ms(FUNDING_MS) == 2 * FUNDING_MS


def test_a_liquidation_is_the_largest_sweep_and_its_fills_were_printed() -> None:
    market = Market(contract_of("BTCUSDT"), seed=4, now_ns=START_NS, levels=60, speeds=ENGINE_SPEEDS)
    market.run_until(START_NS + 30_000_000_000)
    trades = [event for event in market.drain() if type(event).__name__ == "Trade"]
    watch = Liquidations()
    watch.watch(market, trades, lambda ns: ns // 1_000_000)
    largest = watch.take("BTCUSDT")
    assert largest is not None
    fills = [t for t in trades if t.time_ns // 1_000_000 == largest.time_ms and t.buyer_is_maker is (largest.side == "SELL")]
    assert largest.lots == sum(fill.lots for fill in fills)
    assert largest.quote == sum(fill.lots * fill.price for fill in fills)
    assert largest.price == fills[-1].price
    assert watch.take("BTCUSDT") is None
