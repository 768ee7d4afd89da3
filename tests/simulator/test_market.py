from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.simulator.engine import INTERVALS, AggTrade, Cut, Engine, Level, Market, NewOrder, Side, Top, Trade, instrument_of
from hoga.simulator.engine.instruments import KNOWN_SYMBOLS

START_NS = 1_795_180_500_000_000_000
CUT_NS = 100_000_000
SYMBOLS = st.sampled_from([*KNOWN_SYMBOLS[:6], "PEPEUSDT", "WHATEVERUSDT", "币安人生USDT"])


def market_of(symbol: str, seed: int) -> Market:
    return Market(instrument_of(symbol), seed=seed, now_ns=START_NS)


def rows(levels: list[Level]) -> list[tuple[int, int]]:
    return [(level.price, level.lots) for level in levels]


def apply(book: dict[str, dict[int, int]], cut: Cut) -> None:
    for side, changes in (("bids", cut.bids), ("asks", cut.asks)):
        for price, lots in changes:
            book[side].pop(price, None)
            if lots:
                book[side][price] = lots


@settings(max_examples=15, deadline=None)
@given(symbol=SYMBOLS, seed=st.integers(0, 1_000))
def test_rebuilding_from_the_cuts_gives_the_book_at_every_cut(symbol: str, seed: int) -> None:
    market = market_of(symbol, seed)
    rebuilt = {"bids": dict(rows(market.book.bids.top(10_000))), "asks": dict(rows(market.book.asks.top(10_000)))}
    slowly = {side: dict(levels) for side, levels in rebuilt.items()}
    last_fast = last_slow = market.book.update_id
    for number in range(1, 41):
        market.run_until(START_NS + number * CUT_NS)
        fast, slow = market.cut(100), market.cut(1000) if number % 10 == 0 else None
        if fast is not None:
            assert fast.first_id == last_fast + 1
            last_fast = fast.final_id
            apply(rebuilt, fast)
        if slow is not None:
            assert slow.first_id == last_slow + 1
            last_slow = slow.final_id
            apply(slowly, slow)
            assert slowly == rebuilt
        assert last_fast == market.book.update_id
        assert sorted(rebuilt["bids"].items(), reverse=True)[:20] == rows(market.book.bids.top(20))
        assert sorted(rebuilt["asks"].items())[:20] == rows(market.book.asks.top(20))
        assert market.top.bid < market.top.ask


@settings(max_examples=10, deadline=None)
@given(symbol=SYMBOLS, seed=st.integers(0, 1_000))
def test_trades_aggregates_and_bars_agree(symbol: str, seed: int) -> None:
    market = market_of(symbol, seed)
    market.tape.advance(START_NS // 1_000_000)
    opened = {key: series.current.open_ms for key, series in market.tape.series.items()}
    market.run_until(START_NS + 5_000_000_000)
    market.tape.advance((START_NS + 5_000_000_000) // 1_000_000)
    trades = list(market.trades)
    assert all(later.trade_id == earlier.trade_id + 1 for earlier, later in pairwise(trades))
    for agg in market.agg_trades:
        members = [trade for trade in trades if agg.first_id <= trade.trade_id <= agg.last_id]
        assert agg.lots == sum(trade.lots for trade in members)
        assert {(trade.price, trade.time_ns, trade.buyer_is_maker) for trade in members} == {(agg.price, agg.time_ns, agg.buyer_is_maker)}
    assert all(later.agg_id == earlier.agg_id + 1 for earlier, later in pairwise(market.agg_trades))
    for (interval, offset), series in market.tape.series.items():
        for bar in series.since(opened[interval, offset]):
            members = [trade for trade in trades if bar.open_ms <= trade.time_ns // 1_000_000 <= bar.close_ms]
            assert bar.count == len(members)
            assert bar.lots == sum(trade.lots for trade in members)
            assert bar.quote == sum(trade.lots * trade.price for trade in members)
            assert bar.taker_lots == sum(trade.lots for trade in members if not trade.buyer_is_maker)
            if members:
                assert (bar.open, bar.close) == (members[0].price, members[-1].price)
                assert (bar.high, bar.low) == (max(t.price for t in members), min(t.price for t in members))
                assert (bar.first_id, bar.last_id) == (members[0].trade_id, members[-1].trade_id)


def test_bars_follow_one_another_without_a_hole_even_when_nothing_trades() -> None:
    market = market_of("BTCUSDT", 1)
    market.frozen = True
    market.tape.advance(START_NS // 1_000_000 + 300_000)
    for (interval, _), series in market.tape.series.items():
        bars = list(series.bars)
        assert all(later.open_ms == earlier.close_ms + 1 for earlier, later in pairwise(bars)), interval
    last = market.tape.series["1s", 0].bars[-1]
    assert (last.count, last.first_id, last.open) == (0, -1, market.tape.last_price)


def test_every_interval_has_bars() -> None:
    market = market_of("BTCUSDT", 1)
    assert {name for name, _ in market.tape.series} == set(INTERVALS)
    week = market.tape.series["1w", 0].current
    assert (week.open_ms // 86_400_000 + 3) % 7 == 0  # a Monday
    assert market.tape.series["1d", 8 * 3_600_000].current.open_ms % 86_400_000 == 16 * 3_600_000


def test_the_same_seed_makes_the_same_market_and_another_seed_another() -> None:
    def history(seed: int) -> list[tuple]:
        market = market_of("ETHUSDT", seed)
        market.run_until(START_NS + 3_000_000_000)
        return [tuple(event) for event in market.drain()]

    assert history(5) == history(5)
    assert history(5) != history(6)


def test_events_come_in_the_order_things_happened() -> None:
    market = market_of("BTCUSDT", 2)
    market.run_until(START_NS + 3_000_000_000)
    events = market.drain()
    assert [e.update_id for e in events if isinstance(e, Top)] == sorted(e.update_id for e in events if isinstance(e, Top))
    for agg in (event for event in events if isinstance(event, AggTrade)):
        assert events.index(agg) > max(at for at, e in enumerate(events) if isinstance(e, Trade) and e.trade_id <= agg.last_id)
    assert market.drain() == []


def test_an_initial_book_is_a_thousand_levels_deep() -> None:
    market = market_of("BTCUSDT", 1)
    assert len(market.book.bids.keys) >= 1_000
    assert len(market.book.asks.keys) >= 1_000


class TestOrdersOfOthers:
    def market(self) -> Market:
        market = market_of("BTCUSDT", 4)
        market.frozen = True
        return market

    def test_a_limit_order_rests_and_is_cancelled(self) -> None:
        market = self.market()
        price = market.top.bid - 5
        report = market.submit(NewOrder(Side.BUY, 700, price, owner="me"), START_NS)
        assert report.matches == []
        assert report.resting is not None
        assert report.resting.owner == "me"
        assert report.resting in market.book.bids.levels[price].orders.values()
        assert market.cancel(report.order_id, START_NS) is report.resting
        assert market.cancel(report.order_id, START_NS) is None

    def test_a_marketable_order_prints_trades_and_rests_the_remainder(self) -> None:
        market = self.market()
        ask = market.book.asks.at(0)
        lots, price = ask.lots, ask.price
        report = market.submit(NewOrder(Side.BUY, lots + 9, price), START_NS)
        assert sum(match.lots for match in report.matches) == lots
        assert (market.top.bid, market.top.bid_lots) == (price, 9)
        trades = [event for event in market.drain() if isinstance(event, Trade)]
        assert sum(trade.lots for trade in trades) == lots
        assert not any(trade.buyer_is_maker for trade in trades)

    @pytest.mark.parametrize(
        "terms, refused",
        [({"post_only": True}, "would match"), ({"whole": True, "rest": False}, "cannot match completely")],
    )
    def test_terms_that_cannot_be_met_leave_the_book_alone(self, terms: dict, refused: str) -> None:
        market = self.market()
        before = market.book.update_id
        report = market.submit(NewOrder(Side.BUY, 10**12, market.top.ask, **terms), START_NS)
        assert report.refused == refused
        assert market.book.update_id == before

    def test_an_immediate_order_never_rests(self) -> None:
        market = self.market()
        report = market.submit(NewOrder(Side.SELL, 10, market.top.ask + 100, rest=False), START_NS)
        assert (report.matches, report.resting) == ([], None)

    def test_the_crowd_leaves_an_owned_order_alone_until_it_is_met(self) -> None:
        market = market_of("BTCUSDT", 4)
        report = market.submit(NewOrder(Side.BUY, 10**7, market.top.bid - 40_000, owner="me"), START_NS)
        market.run_until(START_NS + 30_000_000_000)
        assert report.order_id in market.book.orders


def test_many_symbols_have_shallow_books() -> None:
    engine = Engine([f"COIN{number}USDT" for number in range(101)], seed=1, now_ns=START_NS)
    assert 100 <= len(engine.market("COIN7USDT").book.bids.keys) <= 200


def test_a_dormant_symbol_opens_when_it_is_first_asked_for() -> None:
    engine = Engine(["BTCUSDT", "ETHUSDT"], seed=1, now_ns=START_NS)
    engine.run_until(START_NS + CUT_NS)
    assert engine.markets == {}
    market = engine.market("ETHUSDT")
    before = market.book.update_id
    engine.run_until(START_NS + 10 * CUT_NS)
    assert market.book.update_id > before
    with pytest.raises(KeyError):
        engine.market("NOSUCH")


@given(st.text(min_size=1, max_size=12))
def test_any_text_makes_an_instrument_with_positive_figures(symbol: str) -> None:
    instrument = instrument_of(symbol)
    assert instrument.symbol == symbol
    assert min(instrument.tick_e8, instrument.lot_e8, instrument.start_ticks, instrument.typical_lots) > 0
    assert instrument_of(symbol) == instrument


@pytest.mark.parametrize("share", [0.9, 0.999, 1.0005, 1.2])
def test_a_market_can_be_moved_to_a_price_and_is_whole_there(share: float) -> None:
    market = market_of("BTCUSDT", 3)
    price = int(market.top.bid * share)
    market.move_to(price, START_NS)
    assert market.tape.last_price == price
    assert market.top.bid in (price, price - 1)
    assert market.top.ask == market.top.bid + 1
    assert len(market.book.bids.keys) >= 1_000
    market.run_until(START_NS + 5 * 10**9)
    assert abs(market.tape.last_price - price) < price // 100
