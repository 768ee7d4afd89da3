"""Books that nobody looks at are left out: what is decided is the same as with every one of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hoga.app.backtest.run import BacktestRun, feed_of, plan_backtest
from hoga.app.config import load_config
from hoga.archive.form.lists import list_name, pack_list
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.market import Side
from hoga.core.ticks import MarketTrade
from hoga.core.times import DAY_NS, SECOND_NS, day_of, day_start_ns
from hoga.core.trading import rules_of
from hoga.trading.bars import BarSeries
from hoga.trading.blocks import Chunk, TradeBlock
from tests.archive.workshop import DAY
from tests.trading.exchange import instrument
from tests.trading.recorded import START_NS, Market, SpotMarket, strategy

RULES = rules_of(instrument())
KINDS = ("orderbook", "quote", "execution", "mark")
STRATEGIES = {
    "bars": """
from hoga import Strategy

class Bars(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        self.line = m.bars(self.symbol, "2s", history=20).sma(3)

    def on_bar(self, bar):
        self.target(self.symbol, "0.01" if float(self.line) > float(bar.close) else "-0.01")
""",
    "protected": """
from hoga import Strategy

class Protected(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        m.bars(self.symbol, "5s", history=20)
        m.protect(self.symbol, stop="0.02%", take="0.03%", trail="0.02%")

    def on_bar(self, bar):
        self.target(self.symbol, "0.01")
""",
    "timer": """
from hoga import Strategy

class Rests(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    turn = 0

    def setup(self, m):
        m.every(1.5)

    def on_timer(self, at_ns):
        self.turn += 1
        book = self.book()
        self.cancel_all()
        if self.turn % 3 == 0:
            self.flatten()
        elif self.turn % 2:
            self.limit(self.symbol, "buy", "0.01", book.bid)
        else:
            self.limit(self.symbol, "sell", "0.01", book.ask)
""",
    "looks": """
from hoga import Strategy

class Looks(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    books = 0

    def on_book(self, book):
        self.books += 1
        if self.books % 17 == 0:
            self.target(self.symbol, ("0.01", "0.01", 0, "5000", "-0.01")[self.books // 17 % 5])
        if self.books % 29 == 0:
            self.limit(self.symbol, "buy", "0.01", book.bid)
        if self.books % 61 == 0:
            self.cancel_all()
            self.log(f"{book.bid} {book.ask} {self.position()} {self.check('odd', self.books % 2)}")
        if self.books == 300:
            raise ValueError("enough")
""",
    "seldom": """
from hoga import Strategy

class Seldom(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    bars = 0

    def setup(self, m):
        m.bars(self.symbol, "5s", history=3)
        m.bars(self.symbol, "1m", history=2)
        m.every(77)

    def on_bar(self, bar):
        self.bars += 1
        if self.bars % 20 < 3:
            self.target(self.symbol, ("0.01", "0.0001", 0)[self.bars % 20])

    def on_timer(self, at_ns):
        self.target(self.symbol, "0.00001")

    def on_stale(self, symbol, why):
        self.target(self.symbol, 0)
""",
}
LISTED = b"""{"timezone":"UTC","symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[
{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"},
{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"},{"filterType":"NOTIONAL","minNotional":"5"}]}]}"""
"""A fee that is taken off the coins leaves less than the least order of what was wanted: it is tried again each minute."""
HOLDER = """
from hoga import Strategy

class Holder(Strategy):
    symbol = "binance:BTCUSDT"
    turn = 0

    def setup(self, m):
        m.every(41)

    def on_timer(self, at_ns):
        self.turn += 1
        self.target(self.symbol, ("0.01", "0.01", "0.02", 0)[self.turn % 4])

    def on_ladder(self, rung):
        self.log(f"{rung} {self.position()}")
"""
NEXT_DAY = day_of(day_start_ns(DAY) + DAY_NS)
LONG = ("seldom", "protected", "timer")


TRADE = st.tuples(st.integers(0, 999), st.integers(0, 30), st.integers(90, 110), st.integers(1, 9))


@given(
    before=st.lists(TRADE, max_size=3),
    trades=st.lists(TRADE, min_size=1, max_size=30),
    in_order=st.booleans(),
    data=st.data(),
)
def test_trades_that_are_counted_at_once_are_counted_as_each(
    before: list[tuple[int, int, int, int]], trades: list[tuple[int, int, int, int]], in_order: bool, data: st.DataObject
) -> None:
    if in_order:
        trades = sorted(trades)
        trades = [(at, at * 40 + number, price, size) for at, number, price, size in trades]
    columns = [list(each) for each in zip(*trades, strict=True)]
    block = TradeBlock(RULES.symbol, [columns[0], columns[0], columns[2], columns[3], [1] * len(trades), columns[1]])
    start = data.draw(st.integers(0, len(trades) - 1))
    stop = data.draw(st.integers(start + 1, len(trades)))
    one, all_ = BarSeries(RULES.symbol, "1s", 10, RULES), BarSeries(RULES.symbol, "1s", 10, RULES)
    early = [MarketTrade(symbol=RULES.symbol, at_ns=at, event_ns=at, price=price, size=size, taker=Side.BUY, trade_id=number)
             for at, number, price, size in ((1, 1, 100, 1), *before)]  # fmt: skip
    for each in early:
        one.trade(each)
        all_.trade(each)
    run = block.counted(start, stop, 5)
    rising = all(first[:2] <= then[:2] for first, then in pairwise(trades))
    assert run is not None or not (in_order and rising)
    if run is not None:
        assert list(run.newest) == [(at, price, size) for at, _, price, size in trades[max(start, stop - 5) : stop]]
        all_.count_all(run)
        for place in range(start, stop):
            one.trade(block.at(place))  # type: ignore[arg-type]  # it is a trade
        assert one.forming == all_.forming
        late = MarketTrade(symbol=RULES.symbol, at_ns=9, event_ns=998, price=500, size=1, taker=Side.BUY, trade_id=39_000)
        one.trade(late), all_.trade(late)
        assert one.forming == all_.forming


def journal_of(folder: Path, data: Path, text: str, *, whole: bool, keys: tuple[str, ...] = ()) -> tuple[list[bytes], Any]:
    config = load_config(None, overrides=list(keys), environ={}, data_dir=data)
    plan = plan_backtest(config, str(strategy(folder, text)), (), ask=False)
    kept: list[bytes] = []
    feed = feed_of(plan, [])
    run = BacktestRun(
        plan,
        feed.start_ns,
        lambda kind, fields, at_ns: kept.append(f"{at_ns} {kind} {fields}".encode()) is None,
        lambda tell, at_ns: kept.append(f"{at_ns} {tell}".encode()),
    )
    for chunk in feed.pieces:
        assert isinstance(chunk, Chunk)
        if whole:
            for source, place in zip(chunk.sources, chunk.places, strict=True):
                run.backtest.take(chunk.blocks[source].at(place))
        else:
            run.backtest.take_chunk(chunk)
    return kept, run.finish()


@settings(max_examples=16, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    kinds=st.sets(st.sampled_from(KINDS), min_size=1).filter(lambda each: each - {"mark"}),
    step_ms=st.sampled_from([50, 100, 400, 3_000]),
    name=st.sampled_from(["looks", *sorted(STRATEGIES)]),
)
def test_the_journal_is_the_same(tmp_path_factory: Any, seed: int, kinds: set[str], step_ms: int, name: str) -> None:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("mine")
    chosen = tuple(each for each in KINDS if each in kinds)
    Market(seed=seed).walk(START_NS, 25, step_ms=step_ms, kinds=chosen).keep(data)
    fast, fast_end = journal_of(folder, data, STRATEGIES[name], whole=False)
    slow, slow_end = journal_of(folder, data, STRATEGIES[name], whole=True)
    assert fast == slow
    assert (fast_end.orders, fast_end.fills, fast_end.pnl) == (slow_end.orders, slow_end.fills, slow_end.pnl)


@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    kinds=st.sets(st.sampled_from(KINDS), min_size=1).filter(lambda each: each - {"mark"}),
    parts=st.lists(st.tuples(st.integers(1, 250), st.sampled_from([0.0, 0.4, 2.9, 3.1, 40.0, 700.0])), min_size=1, max_size=4),
    step_ms=st.sampled_from([700, 1_000, 2_500]),
    crossed=st.sampled_from([0, 0, 13]),
    name=st.sampled_from(LONG),
)
def test_time_in_which_nothing_can_happen_is_left_out(
    tmp_path_factory: Any, seed: int, kinds: set[str], parts: list[tuple[int, float]], step_ms: int, crossed: int, name: str
) -> None:
    """Over midnight too, with holes in between and books whose sides are beyond each other."""
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("mine")
    chosen = tuple(each for each in KINDS if each in kinds)
    midnight = day_start_ns(DAY) + DAY_NS
    at_ns = midnight - round(sum(seconds + hole for seconds, hole in parts) * 0.6) * SECOND_NS
    market, first, crosses = Market(seed=seed), True, Crossed(crossed)
    for seconds, hole in parts:
        for _ in range(max(1, seconds * 1000 // step_ms)):
            if first and at_ns >= midnight:
                crosses.keep(market, data)
                first, market = False, Market(seed=seed + 1, day=NEXT_DAY, price=market.price)
            market.walk(at_ns, step_ms / 1000, step_ms=step_ms, kinds=chosen)
            at_ns += step_ms * 1_000_000
        at_ns += round(hole * SECOND_NS)
    crosses.keep(market, data)
    fast, fast_end = journal_of(folder, data, STRATEGIES[name], whole=False)
    slow, slow_end = journal_of(folder, data, STRATEGIES[name], whole=True)
    assert fast == slow
    assert (fast_end.orders, fast_end.fills, fast_end.pnl) == (slow_end.orders, slow_end.fills, slow_end.pnl)


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    kinds=st.sets(st.sampled_from(KINDS[:3]), min_size=1),
    seconds=st.integers(50, 400),
    step_ms=st.sampled_from([300, 700, 2_500]),
    lost=st.sampled_from(["1", "3", "1000"]),
    fallen=st.sampled_from(["0", "0.05"]),
    again=st.booleans(),
    listed=st.booleans(),
)
def test_seconds_at_which_something_is_held_are_looked_at_together(
    tmp_path_factory: Any, seed: int, kinds: set[str], seconds: int, step_ms: int, lost: str, fallen: str, again: bool, listed: bool
) -> None:
    """Also where the losses become too high in the middle of it."""
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("mine")
    SpotMarket(seed=seed).walk(START_NS, seconds, step_ms=step_ms, kinds=tuple(each for each in KINDS if each in kinds)).seal(data)
    if listed:
        folder_of_lists = data / "binance" / "instruments"
        folder_of_lists.mkdir(parents=True)
        (folder_of_lists / list_name(DAY)).write_bytes(pack_list(LISTED))
    if again:
        for kind in kinds:
            merge_day(SeriesDay(data / "binance" / kind, "BTCUSDT", kind, DAY), venue="binance", archive_format="zip", purge=True)
    keys = (f"MAX_DAILY_LOSS={lost}", f"MAX_DRAWDOWN={fallen}", "PAPER_BALANCE=3000")
    slow, slow_end = journal_of(folder, data, HOLDER, whole=True, keys=keys)
    for _ in range(1 + again):
        fast, fast_end = journal_of(folder, data, HOLDER, whole=False, keys=keys)
        assert fast == slow
        assert (fast_end.orders, fast_end.fills, fast_end.pnl) == (slow_end.orders, slow_end.fills, slow_end.pnl)


class Crossed:
    """Makes one of so many books and quotes one whose bid is above its ask; 0: none."""

    def __init__(self, each: int) -> None:
        self.each = each

    def keep(self, market: Market, data: Path) -> None:
        lines = market.lines
        for place in range(self.each, len(lines), self.each or 1) if self.each else ():
            kind, at_ns, line = lines[place]
            if kind == "quote":
                lines[place] = kind, at_ns, line.replace(b'"b":', b'"x":').replace(b'"a":', b'"b":').replace(b'"x":', b'"a":')
        if lines:
            market.keep(data)


def test_hours_of_which_nothing_comes_are_not_gone_through(tmp_path: Path) -> None:
    Market(seed=3).walk(START_NS, 900, step_ms=1_000, kinds=("quote",)).keep(tmp_path)
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    plan = plan_backtest(config, str(strategy(tmp_path, STRATEGIES["bars"])), (), ask=False)
    feed = feed_of(plan, [])
    run = BacktestRun(plan, feed.start_ns, lambda kind, fields, at_ns: True)
    steps: list[int] = []
    step = run.backtest.engine.step
    run.backtest.engine.step = lambda event: steps.append(event.at_ns) or step(event)  # type: ignore[method-assign,func-returns-value]
    for piece in feed.pieces:
        run.take(piece)
    run.finish()
    assert len(steps) < 900
