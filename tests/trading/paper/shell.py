"""The smallest shell: an engine that trades at a paper exchange, event by event."""

from __future__ import annotations

from typing import Any

from hoga.core.ticks import MarketTop
from hoga.core.trading import Capabilities, ExecutionEvent, rules_of
from hoga.trading.engine import Engine, Settings
from hoga.trading.limits import Limits
from hoga.trading.paper import PaperExchange, PaperSettings
from hoga.trading.ports import Cancel, Command, CommandKind, Effect, Query, Read, Send, SendList, Tick, WakeAt
from hoga.trading.rungs import Ladder
from hoga.trading.strategy import Strategy
from tests.trading.exchange import FUTURES, SYMBOL, T0, VENUE, OpenGate, S, instrument


class Shell:
    """`effects`: everything that the engine asked for; `told`: everything that the exchange said."""

    def __init__(self, *strategies: Strategy, able: Capabilities = FUTURES, **settings: Any) -> None:
        self.now = T0
        self.rules = {SYMBOL: rules_of(instrument())}
        self.effects: list[Effect] = []
        self.told: list[ExecutionEvent] = []
        self.wake: int | None = None
        self.paper = PaperExchange(VENUE, self.rules, able, PaperSettings(**settings), self.deliver)
        self.engine = Engine(
            Settings(trader="hg", boot=7, limits={symbol: Limits() for symbol in self.rules}),
            rules=self.rules,
            capabilities={VENUE: able},
            gate=OpenGate(),
            ladder=Ladder(),
            strategies=[(f"{type(each).__name__}/{each.symbol}", each) for each in strategies],
        )
        self.paper.advance(self.now)
        self.step(Command(at_ns=self.now, kind=CommandKind.START, who="test"))

    def deliver(self, event: ExecutionEvent) -> None:
        self.told.append(event)
        self.step(event)

    def step(self, event: Any) -> None:
        effects = self.engine.step(event)
        self.effects += effects
        for effect in effects:
            match effect:
                case WakeAt():
                    self.wake = effect.at_ns
                case Send():
                    self.paper.send(effect.request)
                case SendList():
                    self.paper.send_list(effect.requests)
                case Cancel():
                    self.paper.cancel(effect)
                case Query():
                    self.paper.query(effect)
                case Read():
                    self.paper.read(effect)

    def pass_to(self, at_ns: int) -> None:
        """What the exchange and the engine's timers have to do by then, in order of stamps."""
        while True:
            due = self.paper.due_ns()
            wake = self.wake
            if due is not None and due <= at_ns and (wake is None or due < wake):
                self.paper.advance(due)
            elif wake is not None and wake <= at_ns:
                self.wake = None
                self.paper.advance(wake)
                self.step(Tick(wake))
            else:
                break
        self.now = at_ns

    def market(self, event: Any) -> None:
        self.pass_to(event.at_ns)
        self.paper.on_market(event)
        self.pass_to(event.at_ns)
        self.step(event)

    def book(self, bid: int = 600_000, ask: int = 600_010, *, after: float = 0.1, size: int = 5_000) -> None:
        at = self.now + int(after * S)
        self.market(MarketTop(symbol=SYMBOL, at_ns=at, bid=bid, bid_size=size, ask=ask, ask_size=size))

    def position(self) -> int:
        return self.engine.state.position(SYMBOL)
