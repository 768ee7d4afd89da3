"""Books that nobody looks at are left out: what is decided is the same as with every one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.app.backtest.run import BacktestRun, feed_of, plan_backtest
from hoga.app.config import load_config
from hoga.trading.blocks import Chunk
from tests.trading.recorded import START_NS, Market, strategy

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
}


def journal_of(folder: Path, data: Path, text: str, *, whole: bool) -> tuple[list[bytes], Any]:
    config = load_config(None, overrides=[], environ={}, data_dir=data)
    plan = plan_backtest(config, str(strategy(folder, text)), (), ask=False)
    kept: list[bytes] = []
    feed = feed_of(plan, [])
    run = BacktestRun(plan, feed.start_ns, lambda kind, fields, at_ns: kept.append(f"{at_ns} {kind} {fields}".encode()) is None)
    for chunk in feed.pieces:
        assert isinstance(chunk, Chunk)
        if whole:
            for source, place in zip(chunk.sources, chunk.places, strict=True):
                run.backtest.take(chunk.blocks[source].at(place))
        else:
            run.backtest.take_chunk(chunk)
    return kept, run.finish()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    kinds=st.sets(st.sampled_from(KINDS), min_size=1).filter(lambda each: {"orderbook", "quote"} & each),
    step_ms=st.sampled_from([50, 100, 400, 3_000]),
    name=st.sampled_from(sorted(STRATEGIES)),
)
def test_the_journal_is_the_same(tmp_path_factory: Any, seed: int, kinds: set[str], step_ms: int, name: str) -> None:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("mine")
    chosen = tuple(each for each in KINDS if each in kinds)
    Market(seed=seed).walk(START_NS, 25, step_ms=step_ms, kinds=chosen).keep(data)
    fast, fast_end = journal_of(folder, data, STRATEGIES[name], whole=False)
    slow, slow_end = journal_of(folder, data, STRATEGIES[name], whole=True)
    assert fast == slow
    assert (fast_end.orders, fast_end.fills, fast_end.pnl) == (slow_end.orders, slow_end.fills, slow_end.pnl)
