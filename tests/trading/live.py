"""A trader against a simulated venue, over real sockets, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hoga.app.config import Config, load_config
from hoga.app.config.rooms import limits_of
from hoga.app.trader.strategies import instances_of
from hoga.app.trader.trader import Trader
from hoga.app.trader.trading import TradeEnd, TradePlan, trade
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.reading import Walk
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.simulator.usdm.rules import FuturesRules
from hoga.trading.strategy import Strategy
from tests.waiting import eventually

SYMBOLS = {"binance-usdm": "BTCUSDT", "binance": "BTCUSDT", "upbit": "KRW-BTC"}


class Wants(Strategy):
    """Holds what the test says, from the first book on."""

    wanted: Any = None
    books = 0

    def __init__(self) -> None:
        self.stale: list[str] = []
        self.todo: list[Callable[[], Any]] = []

    def on_start(self) -> None:
        self.started_with = self.position()

    def on_book(self, book: Any) -> None:
        self.books += 1
        while self.todo:
            self.todo.pop(0)()
        if self.wanted is not None:
            self.target(self.symbol, self.wanted, why="test")

    def on_stale(self, symbol: str, why: str) -> None:
        self.stale.append(why)


class Live:
    """One trader at work. `end`: what it came to, once it has stopped."""

    def __init__(self, simulator: Simulator, venue: str, data: Path, settings: tuple[str, ...]) -> None:
        self.simulator = simulator
        self.venue = venue
        self.symbol = f"{venue}:{SYMBOLS[venue]}"
        self.data = data
        self.settings = settings
        self.strategy: Any = Wants()
        self.again: Callable[[], Config] | None = None
        self.trader: Trader
        self.over = asyncio.Event()
        self.task: asyncio.Task[TradeEnd]

    async def begin(self, wanted: Any = None, *, running: bool = True, kind: type[Wants] = Wants, mode: str = "live") -> None:
        environ = self.simulator.environment()
        if mode == "paper":
            environ = {name: value for name, value in environ.items() if "API_KEY" not in name and "API_SECRET" not in name}
        config = load_config(None, overrides=[*self.settings], environ=environ, data_dir=self.data)
        made = instances_of(kind, (self.symbol,), {})
        strategy = made[0][1]
        assert isinstance(strategy, Wants)
        self.strategy, strategy.wanted = strategy, wanted
        limits = limits_of(config, self.symbol)
        assert limits is not None
        plan = TradePlan(
            strategies=made,
            symbols={self.venue: (self.symbol,)},
            limits={self.symbol: limits},
            journal=self.data / JOURNAL_FOLDER,
            real_money=False,
        )
        ready: asyncio.Future[Trader] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self.task = asyncio.create_task(trade(config, plan, mode=mode, over=self.over, on_ready=ready.set_result, again=self.again))
        await asyncio.wait({self.task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        self.trader = ready.result()
        if running:
            await eventually(lambda: self.trader.engine.running, why=lambda: f"not running: {self.trader.engine.ladder.causes()}")

    async def stop(self) -> TradeEnd:
        self.over.set()
        return await self.task

    def fault(self, kind: FaultKind, **more: Any) -> None:
        self.simulator.inject(Fault(fault=kind, **more))

    # -- what there is ---------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Any:
        return self.trader.engine

    def held(self) -> str:
        """As the engine knows it, as people write it."""
        return str(self.engine.state.rules_of[self.symbol].quantity_text(self.engine.state.position(self.symbol)))

    async def holds(self, quantity: str, *, seconds: float = 60.0) -> float:
        return await eventually(
            lambda: self.held() == quantity,
            seconds=seconds,
            why=lambda: f"held {self.held()}, {self.engine.state.rung.name}, {self.engine.ladder.causes()}, {self.orders()}",
        )

    def orders(self) -> list[str]:
        return [f"{each.client_id} {each.status} {each.reason}" for each in self.engine.state.orders]

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record.fields for record in Walk(self.data / JOURNAL_FOLDER).records() if record.kind == kind]


@asynccontextmanager
async def live(
    data: Path,
    venue: str = "binance-usdm",
    *settings: str,
    wanted: Any = None,
    before: Callable[[Simulator], Any] | None = None,
    kind: type[Wants] = Wants,
    mode: str = "live",
    again: Callable[[], Config] | None = None,
    futures: FuturesRules = FuturesRules(),
) -> AsyncIterator[Live]:
    """A venue, and a trader there (or one on paper, without keys)."""
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=(SYMBOLS[venue],), seed=11, futures=futures)) as simulator:
        if before is not None:
            before(simulator)
        it = Live(simulator, venue, data, settings)
        it.again = again
        await it.begin(wanted, kind=kind, mode=mode)
        try:
            yield it
        finally:
            if not it.task.done():
                it.over.set()
                await asyncio.gather(it.task, return_exceptions=True)
