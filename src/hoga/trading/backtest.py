"""trading.backtest: an engine driven through the past: market data, timers and what exchanges say, in order of their stamps. Pure.

    recorded events ─▶ take ─▶ what is due before ─▶ exchange ─▶ engine ─▶ effects ─▶ exchange, journal

The only clock is the stamp of what is being handled. What is due at T happens with the stamp T, before the first event that is stamped T or
later; of one moment the exchanges speak first, then timers are due, then comes the market, after what it did to orders. There is no loop
that waits, no task and no queue between threads: the same events give the same journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from hoga.core.ticks import MarketBars, MarketEvent
from hoga.core.times import SECOND_NS
from hoga.core.trading import ExecutionEvent, Rung
from hoga.trading.engine import Engine
from hoga.trading.ports import (
    Cancel,
    Command,
    CommandKind,
    Done,
    Effect,
    Event,
    JournalFault,
    Query,
    Read,
    ReadBars,
    RunGate,
    Send,
    SendList,
    Tell,
    Tick,
    Venue,
    WakeAt,
    Write,
)
from hoga.trading.state import venue_of

__all__ = ["Backtest", "Exchange", "no_bars"]

FAR_NS = 1 << 62
"""Never."""
_STOP_NS = 30 * SECOND_NS
"""So long after its end a run may take to come to rest."""


class Exchange(Venue, Protocol):
    """A venue that fills orders by the market data that it is shown (`trading.paper`). `next_ns`: when it has something to say next."""

    next_ns: int

    def on_market(self, event: MarketEvent) -> None:
        """The market moved."""

    def advance(self, now_ns: int) -> None:
        """Say what is due by then, in order of stamps. What is asked next is asked at this moment."""


def no_bars(ask: ReadBars, now_ns: int) -> MarketBars:
    """There are none of before."""
    return MarketBars(symbol=ask.symbol, at_ns=now_ns, interval_ns=ask.interval_ns, asked_ns=now_ns, bars=(), oldest=True)


class Backtest:
    """One engine and its exchanges. `take` every event in order, between `begin` and `end`.

    `write(kind, fields, at_ns)` keeps a record, and says whether it could. `bars(ask, now_ns)`: those of before, as of then.
    `done`: how it ended.
    """

    def __init__(
        self,
        engine: Engine,
        exchanges: Mapping[str, Exchange],
        *,
        write: Callable[[str, Mapping[str, object], int], bool],
        tell: Callable[[Tell, int], object] = lambda tell, at_ns: None,
        gate: Callable[[RunGate, int], object] = lambda change, at_ns: None,
        bars: Callable[[ReadBars, int], MarketBars] = no_bars,
    ) -> None:
        self.engine = engine
        self.exchanges = dict(exchanges)
        self.now_ns = 0
        self.done: Done | None = None
        self._write = write
        self._tell = tell
        self._gate = gate
        self._bars = bars
        self._each = tuple(self.exchanges.values())
        self._wake_ns = FAR_NS
        self._said: deque[Event] = deque()

    def deliver(self, event: ExecutionEvent) -> None:
        """What an exchange says; they are made with it. It is handled when what is being handled is done."""
        self._said.append(event)

    # -- its life ---------------------------------------------------------------------------------------------------

    def begin(self, at_ns: int) -> None:
        """Start the engine: accounts are read and compared, and its strategies begin."""
        self._pass(at_ns)
        self._step(Command(at_ns=at_ns, kind=CommandKind.START, who="backtest"))
        self._catch_up(at_ns)

    def take(self, event: MarketEvent) -> None:
        """The next event of the market, and everything that is due before it."""
        at_ns = event.at_ns
        if at_ns > self.now_ns:
            self._catch_up(at_ns)
            self.now_ns = at_ns
        exchange = self.exchanges.get(venue_of(event.symbol))
        if exchange is not None:
            exchange.on_market(event)
            if exchange.next_ns <= self.now_ns:
                self._listen()  # what the event did to orders is known with it
        self._step(event)
        self._listen()

    def end(self, at_ns: int) -> Done | None:
        """Let time pass until then, and stop; None: it did not come to rest."""
        self._catch_up(at_ns)
        self._pass(max(self.now_ns, at_ns))
        self._step(Command(at_ns=self.now_ns, kind=CommandKind.STOP, who="backtest"))
        self._listen()
        until_ns = self.now_ns + _STOP_NS
        while self.done is None and (due_ns := self._due_ns()) <= until_ns:
            self._pass(due_ns)
        return self.done

    # -- time -------------------------------------------------------------------------------------------------------

    def _due_ns(self) -> int:
        """When something happens next without the market."""
        due_ns = self._wake_ns
        for exchange in self._each:
            if exchange.next_ns < due_ns:
                due_ns = exchange.next_ns
        return due_ns

    def _catch_up(self, at_ns: int) -> None:
        """Everything that is due by then."""
        while (due_ns := self._due_ns()) <= at_ns:
            self._pass(due_ns)

    def _pass(self, due_ns: int) -> None:
        """What is due at one moment."""
        self.now_ns = max(self.now_ns, due_ns)
        for exchange in self._each:
            exchange.advance(self.now_ns)
        self._hear()
        if self._wake_ns <= due_ns:
            self._step(Tick(self._wake_ns))
            self._listen()

    def _listen(self) -> None:
        """What exchanges say at once because of what just happened."""
        now_ns = self.now_ns
        for exchange in self._each:
            while exchange.next_ns <= now_ns:
                exchange.advance(now_ns)
                self._hear()

    def _hear(self) -> None:
        said = self._said
        while said:
            self._step(said.popleft())

    # -- the engine ---------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        if self._wake_ns <= event.at_ns:
            self._wake_ns = FAR_NS  # what was due is done in this step, and the next moment is told
        for effect in self.engine.step(event):
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Write():
                if not self._write(effect.kind, effect.fields, self.engine.state.now_ns):
                    self._said.append(JournalFault(self.now_ns, "the journal cannot be written"))
            case WakeAt():
                self._wake_ns = effect.at_ns
            case Send():
                self.exchanges[venue_of(effect.request.symbol)].send(effect.request)
            case SendList():
                self.exchanges[venue_of(effect.requests[0].symbol)].send_list(effect.requests)
            case Cancel():
                self.exchanges[venue_of(effect.symbol)].cancel(effect)
            case Query():
                self.exchanges[venue_of(effect.symbol)].query(effect)
            case Read():
                self.exchanges[effect.venue].read(effect)
            case ReadBars():
                self._read_bars(effect)
            case Tell():
                self._tell(effect, self.engine.state.now_ns)
            case RunGate():
                self._on_rung(effect)
            case Done():
                self.done = self.done or effect

    def _read_bars(self, ask: ReadBars) -> None:
        self._said.append(self._bars(ask, self.now_ns))

    def _on_rung(self, change: RunGate) -> None:
        if change.rung is Rung.FLATTEN:
            for exchange in self._each:
                exchange.freeze()
        self._gate(change, self.engine.state.now_ns)

    def __repr__(self) -> str:
        return f"<Backtest {self.engine!r}>"
