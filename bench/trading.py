"""bench.trading: what a decision costs: a frame read and taken; an order decided, checked, and in its journal.

The venue is a few lines here: it accepts and fills every order at once, so that the engine has a position to turn, and never waits. The
times are of the engine's side alone: from the frame's bytes to the effects, and to the record of the order in the journal.
"""

from __future__ import annotations

import gc
import tempfile
import tracemalloc
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns

import msgspec

from bench.machine import pin_process
from hoga.app.trader.page import About, TraderPage
from hoga.audit.log import AuditLogger
from hoga.core.instrument import Instrument, InstrumentStatus, QuantityRules
from hoga.core.market import DataType
from hoga.core.ticks import MarketTop
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    AccountRead,
    Balance,
    FillUpdate,
    OpenOrders,
    OrderAccepted,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionsRead,
    Rules,
    StreamUpdate,
    TradesRead,
    rules_of,
)
from hoga.trading.bars import Bar
from hoga.trading.engine import Engine, Settings
from hoga.trading.limits import Limits
from hoga.trading.ports import Command, CommandKind, Event, Read, ReadKind, Send, Write
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Ladder
from hoga.trading.strategy import BookView, Strategy
from hoga.venues.registry import VENUES

__all__ = ["Answers", "DecidePlan", "Decided", "Turns", "bench_engine", "bench_rules", "measure_decisions"]

_VENUE = "binance-usdm"
_SYMBOL = f"{_VENUE}:BTCUSDT"
_BEGIN_NS = 1_800_000_000 * SECOND_NS
_APART_NS = 500_000
"""Between two frames: 2,000 a second."""
_THINGS = 10_000
_PAGES = 200


class DecidePlan(msgspec.Struct, frozen=True, kw_only=True):
    """`frames` quotes; each `order_every`-th makes the strategy turn its target. `core`: where it runs, None: anywhere."""

    frames: int
    order_every: int
    core: int | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ns. `quiet`: of frames that lead to no order, bytes → effects. `orders`: of those that do, bytes → the order's record is
    written. `pages`: of the trader's page, made and published. `event_bytes`, `bar_bytes`: memory of one; `plain_…`: of the same as a
    plain dataclass."""

    pages: list[int]
    quiet: list[int]
    orders: list[int]
    event_bytes: float
    plain_event_bytes: float
    bar_bytes: float
    plain_bar_bytes: float


class Turns(Strategy):
    """Wants the other thing at each n-th book."""

    symbol = _SYMBOL
    every = 1
    books = 0

    def on_book(self, book: BookView) -> None:
        self.books += 1
        self.target(_SYMBOL, "0.010" if (self.books // self.every) % 2 else "0", why="bench")


class Answers:
    """The venue: everything is done at once."""

    def __init__(self, engine: Engine, log: AuditLogger) -> None:
        self.engine = engine
        self.log = log
        self.now_ns = _BEGIN_NS
        self.trades = 0

    def give(self, event: Event) -> None:
        for effect in self.engine.step(event):
            if isinstance(effect, Write):
                self.log.append(effect.kind, effect.fields)
            elif isinstance(effect, Read):
                self.give(self.listing(effect))
            elif isinstance(effect, Send):
                self.fill(effect.request)

    def listing(self, ask: Read) -> Event:
        now = self.now_ns
        if ask.what is ReadKind.ORDERS:
            return OpenOrders(at_ns=now, venue=_VENUE, symbol="", asked_ns=now, orders=())
        if ask.what is ReadKind.POSITIONS:
            return PositionsRead(at_ns=now, venue=_VENUE, asked_ns=now, positions=())
        if ask.what is ReadKind.TRADES:
            return TradesRead(at_ns=now, symbol=ask.symbol, asked_ns=now, fills=(), whole=True)
        money = Balance(currency="USDT", free="100000", locked="0")
        return AccountRead(at_ns=now, venue=_VENUE, asked_ns=now, balances=(money,), equity="100000")

    def fill(self, order: OrderRequest) -> None:
        now, quantity = self.now_ns, order.quantity or 0
        self.trades += 1
        venue_id = str(self.trades)
        self.give(OrderAccepted(at_ns=now, client_id=order.client_id, symbol=_SYMBOL))
        self.give(
            FillUpdate(
                at_ns=now,
                symbol=_SYMBOL,
                client_id=order.client_id,
                venue_id=venue_id,
                trade_id=venue_id,
                side=order.side,
                price=order.price or 1,
                quantity=quantity,
                fee="0.01",
                fee_currency="USDT",
                maker=False,
            )
        )
        self.give(
            OrderUpdate(
                at_ns=now,
                symbol=_SYMBOL,
                client_id=order.client_id,
                venue_id=venue_id,
                state=OrderState.FILLED,
                said="FILLED",
                side=order.side,
                quantity=quantity,
                filled=quantity,
                execution="TRADE",
            )
        )


def bench_engine(rules: Rules, order_every: int, strategy: Turns | None = None) -> Engine:
    """An engine whose only strategy turns its position at each n-th book."""
    spec = VENUES[rules.venue]
    assert spec.orders is not None, "it takes orders"
    limits = Limits(
        currencies=("USDT",),
        max_orders_per_sec=0,
        max_orders_per_day=0,
        max_reversals_per_min=0,
        max_daily_loss=Decimal(10**9),
        max_drawdown_pct=0,
    )
    strategy = strategy or Turns()
    strategy.every = order_every
    return Engine(
        Settings(trader="hg", boot=1, limits={rules.symbol: limits}),
        rules={rules.symbol: rules},
        capabilities={rules.venue: spec.orders.capabilities},
        gate=RiskGate({rules.symbol: limits}.get),
        ladder=Ladder(),
        strategies=[("bench", strategy)],
    )


def bench_rules() -> Rules:
    """Those of a contract."""
    lots = QuantityRules(lot=Decimal("0.001"), least=Decimal("0.001"))
    return rules_of(
        Instrument(
            venue=_VENUE,
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            settle="USDT",
            status=InstrumentStatus.TRADING,
            tick=Decimal("0.1"),
            quantity=lots,
        )
    )


def measure_decisions(plan: DecidePlan) -> Decided:
    """Read frames, decide, write: as often as the plan says."""
    if plan.core is not None:
        pin_process(plan.core)
    rules = bench_rules()
    engine, read = bench_engine(rules, plan.order_every), VENUES[_VENUE].ticks[DataType.QUOTE](rules)
    quiet: list[int] = []
    orders: list[int] = []
    with tempfile.TemporaryDirectory() as folder, AuditLogger(Path(folder) / "journal") as log:
        there = Answers(engine, log)
        there.give(StreamUpdate(at_ns=_BEGIN_NS, venue=_VENUE, live=True, missed=False))
        there.give(Command(at_ns=_BEGIN_NS, kind=CommandKind.START, who="bench"))
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 500, 1_000)
        step, append = engine.step, log.append
        for number in range(plan.frames):
            now = there.now_ns = there.now_ns + _APART_NS
            if number % 1_000 == 0:
                there.give(StreamUpdate(at_ns=now, venue=_VENUE, live=True, missed=False))
            price = 600_000 + number % 7
            body = b'{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"%d.%d","B":"5.000","a":"%d.%d","A":"5.000","T":1,"E":1}' % (
                price // 10,
                price % 10,
                (price + 1) // 10,
                (price + 1) % 10,
            )
            began = perf_counter_ns()
            effects = step(read(body, now))
            sent = None
            for place, effect in enumerate(effects):
                if effect.__class__ is Write:
                    append(effect.kind, effect.fields)
                elif effect.__class__ is Send:
                    sent = place
                    break
            (quiet if sent is None else orders).append(perf_counter_ns() - began)
            if sent is not None:
                for effect in effects[sent:]:
                    if isinstance(effect, Write):
                        append(effect.kind, effect.fields)
                    elif isinstance(effect, Send):
                        there.fill(effect.request)
        pages = _pages(engine, log, Path(folder))
    return Decided(
        pages=pages,
        quiet=quiet,
        orders=orders,
        event_bytes=_memory(lambda number: MarketTop(symbol=_SYMBOL, at_ns=number, bid=number, bid_size=5, ask=number + 1, ask_size=5)),
        plain_event_bytes=_memory(lambda number: _PlainTop(_SYMBOL, number, None, number, 5, number + 1, 5)),
        bar_bytes=_memory(lambda number: Bar(rules, number, number + 1, 1, 2, 3, 4, 5, 6, True)),
        plain_bar_bytes=_memory(lambda number: _PlainBar(_SYMBOL, number, number + 1, 1, 2, 3, 4, 5, 6, True, 0, -1, -3)),
    )


class _Shown:
    """As much of a trader as its page looks at."""

    def __init__(self, engine: Engine, log: AuditLogger) -> None:
        self.engine, self.log = engine, log


def _pages(engine: Engine, log: AuditLogger, folder: Path) -> list[int]:
    """What the trader's page costs, time after time."""
    page = TraderPage(_Shown(engine, log), About(mode="live", name="hg", data=folder, journal=folder / "journal"))
    page.open()
    times = []
    for _ in range(_PAGES):
        began = perf_counter_ns()
        page.publish()
        times.append(perf_counter_ns() - began)
    page.close()
    return times


@dataclass
class _PlainTop:
    symbol: str
    at_ns: int
    event_ns: int | None
    bid: int
    bid_size: int
    ask: int
    ask_size: int


@dataclass
class _PlainBar:
    symbol: str
    start_ns: int
    end_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    whole: bool
    revision: int
    price_power: int
    size_power: int


def _memory(make: object) -> float:
    """Bytes of one thing of many, without its numbers: those are the same however they are kept."""
    assert callable(make), "a function of a number"
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [make(number % 200) for number in range(_THINGS)]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(kept)
