"""One strategy on three venues at once, on paper: it begins, sees what it asked for of each, and holds what it wants."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hoga.app.config import load_config
from hoga.app.trader.paper import PaperWorld
from hoga.app.trader.state import status_line
from hoga.app.trader.trader import Trader
from hoga.app.trader.trading import plan_trade, trade
from hoga.audit.reading import Walk
from hoga.core.ticks import MarketTop
from hoga.core.trading import StreamUpdate
from hoga.simulator import Simulator, SimulatorConfig
from hoga.trading.paper import PaperExchange, PaperSettings
from tests.trading.exchange import FUTURES, T0, S, instrument, rules_of
from tests.waiting import eventually

MANY = """
from hoga import Strategy


class Many(Strategy):
    symbols = ("binance-usdm:BTCUSDT", "binance:ETHUSDT", "upbit:KRW-BTC")

    def setup(self, m):
        for each in self.symbols:
            m.bars(each, "1s", history=2)
        m.quotes("binance:ETHUSDT")

    def on_bar(self, bar):
        self.log(f"bar {bar.symbol} {bar.trades}")
        self.target(bar.symbol, "0.02", why="the first bar")
"""


async def test_a_strategy_on_three_venues_begins_and_trades_on_each(tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(MANY)
    symbols = ("BTCUSDT", "ETHUSDT", "KRW-BTC")
    async with Simulator(SimulatorConfig(venues=("binance", "binance-usdm", "upbit"), symbols=symbols, seed=3)) as simulator:
        overrides = ["STALE_AFTER_MS=60000", "upbit.MAX_ORDER_NOTIONAL=100000000", "upbit.MAX_POSITION_NOTIONAL=100000000"]
        config = load_config(None, overrides=overrides, environ=simulator.environment(), data_dir=tmp_path / "data")
        plan = plan_trade(config, str(tmp_path / "many.py"), (), "paper")
        over = asyncio.Event()
        ready: asyncio.Future[Trader] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(trade(config, plan, mode="paper", over=over, on_ready=ready.set_result))
        async with asyncio.timeout(60):
            trader = await ready
        await eventually(lambda: len(trader.engine.state.portfolio.held()) == 3, why=lambda: status_line(trader.engine, 0))
        over.set()
        end = await task
    assert end.ok
    assert end.fills >= 3
    notes = {each.fields["text"].split()[1] for each in Walk(plan.journal).records() if each.kind == "note"}
    assert notes == {"binance-usdm:BTCUSDT", "binance:ETHUSDT", "upbit:KRW-BTC"}


def test_exchanges_on_paper_tell_nothing_of_the_time_before_they_began() -> None:
    """Not even when two of them are told together that it is today."""
    heard: list[tuple[str, int]] = []
    world = PaperWorld()
    for name in ("one", "two"):
        rules = rules_of(instrument(venue=name))

        def hear(event: object, name: str = name) -> None:
            if isinstance(event, StreamUpdate):
                heard.append((name, event.at_ns))

        world.exchanges.append(PaperExchange(name, {rules.symbol: rules}, FUTURES, PaperSettings(), hear))
    world.pass_time(T0)
    assert heard == [("one", T0), ("two", T0)]
    world.see(MarketTop(symbol="one:BTCUSDT", at_ns=T0 + 3 * S, bid=1, bid_size=1, ask=2, ask_size=1))
    assert [at for _, at in heard] == sorted(at for _, at in heard)
    assert {name for name, _ in heard[2:]} == {"one", "two"}
