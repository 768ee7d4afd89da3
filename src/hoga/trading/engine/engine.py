"""trading.engine.engine: the door: an event in, what is due by then first, and what is to be done because of it out. Pure.

Every decision is a function of the events so far and of nothing else: the same events give the same effects, in a year too. What is due at
T is done with the stamp T, before the first event that is stamped T or later. A strategy that raises loses its own orders and
nothing else; anything else that raises here is a fault of the engine, and the ladder decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from hoga.core.market import DataType
from hoga.core.ticks import MarketDepth, MarketTop, MarketTrade
from hoga.core.trading import Capabilities, FillUpdate, Rules, StreamUpdate
from hoga.trading.blocks import Counted
from hoga.trading.engine.accounts import Accounts
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.candles import Candles
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.comparing import Comparing
from hoga.trading.engine.counting import Counting
from hoga.trading.engine.guarding import Guarding, Key
from hoga.trading.engine.hearing import Hearing
from hoga.trading.engine.instance import Instance
from hoga.trading.engine.life import Life
from hoga.trading.engine.market import Market
from hoga.trading.engine.placing import Placing
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.renewing import Renewing
from hoga.trading.engine.restoring import Restored, restore
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Handlers, Settings, Turn
from hoga.trading.engine.upkeep import Upkeep
from hoga.trading.engine.working import Working
from hoga.trading.ports import Effect, Event, Gate, ReadBars, Rung, Tick, WakeAt
from hoga.trading.protect import Guard
from hoga.trading.reconcile import Reckoning
from hoga.trading.rungs import Cause, Ladder
from hoga.trading.sampling import Sampler
from hoga.trading.state import State
from hoga.trading.strategy import Strategy

__all__ = ["Engine"]

_FAR_NS = 1 << 62
"""Never."""
_CALM = frozenset((MarketTop, MarketDepth, StreamUpdate, Tick))
"""Of these nothing comes that a second would have to look after, but what they cause at once."""


class Engine:
    """See the module. `state` is what it knows; nobody else writes to it. `marked`: prices of the journal's last mark, by symbol.
    `<Engine ACTIVE 2 strategies 3 orders>`."""

    def __init__(
        self,
        settings: Settings,
        *,
        rules: Mapping[str, Rules],
        capabilities: Mapping[str, Capabilities],
        gate: Gate,
        ladder: Ladder,
        strategies: Iterable[tuple[str, Strategy]],
    ) -> None:
        hedged = [symbol for symbol, limits in settings.limits.items() if limits.is_hedge]
        state = State(rules, capabilities, hedged=hedged, reckons_late=settings.waits_for_data)
        state.rung = ladder.rung
        self.settings = settings
        self.state = state
        self.gate = gate
        self.ladder = ladder
        guards: dict[Key, Guard] = {}
        sampler = Sampler()
        self.marked = sampler.prices
        turn = self._turn = Turn(settings, state)
        timers = self._timers = Timers()
        roster = self._roster = Roster()
        causes = self._causes = Causes(turn, timers, ladder)
        asking = self._asking = Asking(turn, capabilities)
        placing = self.placing = Placing(turn, roster, causes, gate, guards)
        guarding = self.guarding = Guarding(turn, timers, roster, causes, placing, guards)
        candles = self._candles = Candles(turn, timers, roster)
        pursuing = self._pursuing = Pursuing(turn, roster, placing, guarding)
        counting = self._counting = Counting(turn, causes, asking, gate)
        life = self._life = Life(turn, timers, roster, causes, asking, placing, candles, guarding, pursuing, counting, sampler)
        hearing = Hearing(turn, roster, causes, asking, counting, guarding, pursuing, gate)
        market = self._market = Market(turn, roster, causes, candles, guarding, pursuing, sampler, self._advance)
        accounts = Accounts(turn, causes, asking, hearing, life.start_if_ready)
        comparing = Comparing(turn, causes, asking, counting, hearing, life.start_if_ready)
        self._upkeep = Upkeep(turn, roster, causes, asking, placing, candles, guarding, pursuing, counting, hearing, market, sampler)
        working = Working(turn, roster)
        limits = settings.limits if isinstance(settings.limits, dict) else dict(settings.limits)
        renewing = Renewing(turn, roster, limits, gate.renewed)
        self._handlers: Handlers = {}
        for part in (market, candles, hearing, counting, accounts, comparing, life, causes, working, renewing):
            self._handlers |= part.handlers()
        self._woken = 0
        for number, (key, strategy) in enumerate(strategies, 1):
            roster.add(Instance(number, key, strategy, turn, roster, placing, pursuing, candles.series_of, life.quarantine, working))
        market.begin()
        candles.begin()
        guarding.begin()

    def __repr__(self) -> str:
        return f"<Engine {self.state.rung.name} {len(self.instances)} strategies {self.state.orders.count()} orders>"

    def restore(self, found: Restored, now_ns: int, *, fills: Iterable[FillUpdate] = ()) -> list[str]:
        """Be where earlier lives ended; before the first event. Returns symbols that count in other steps now, which cannot be.

        `fills`: what exits traded between two lives; they are counted at the start.
        """
        self._life.found_fills = list(fills)
        return restore(found, now_ns, turn=self._turn, causes=self._causes, asking=self._asking, gate=self.gate)

    # -- the door ---------------------------------------------------------------------------------------------------

    def step(self, event: Event) -> list[Effect]:
        """Take one event; what is to be done comes back, in order. Never raises."""
        turn, state = self._turn, self.state
        out: list[Effect] = []
        turn.out = out
        at_ns = max(event.at_ns, state.now_ns)
        heap = self._timers.heap
        while heap and heap[0][0] <= at_ns:
            self._pass(heap[0][0], out)
        try:
            state.now_ns = at_ns
            turn.cause = event
            kind = event.__class__
            if kind not in _CALM:
                self._upkeep.calm_ns = 0
            handle = self._handlers.get(kind)
            if handle is not None:
                handle(event)
        except Exception as fault:  # noqa: BLE001  # the supervised place: what the engine cannot do itself, the ladder decides
            self._causes.fault(Cause.ENGINE_FAULT, f"{type(fault).__name__}: {fault} at {type(event).__name__}")
        return self._close(out)

    def _pass(self, at_ns: int, out: list[Effect]) -> None:
        """What is due at one moment is done, and settled, before anything later: whether somebody woke us then makes no difference."""
        heap, state = self._timers.heap, self.state
        try:
            while heap and heap[0][0] <= at_ns:
                self._due()
        except Exception as fault:  # noqa: BLE001  # as in `step`, of what was due
            self._causes.fault(Cause.ENGINE_FAULT, f"{type(fault).__name__}: {fault} at a timer")
        state.now_ns = max(state.now_ns, at_ns)
        self._settle(out)

    def _close(self, out: list[Effect]) -> list[Effect]:
        self._settle(out)
        if out:
            self._upkeep.calm_ns = 0
        heap = self._timers.heap
        if heap and heap[0][0] != self._woken:
            self._woken = heap[0][0]
            out.append(WakeAt(self._woken))
        return out

    def _settle(self, out: list[Effect]) -> None:
        after = self._turn.after
        if after:
            out += after  # what need not be written before an order is not
            after.clear()
        if self._life.stopping_ns and not self._roster.ended:
            self._life.end_if_quiet()
        if self._causes.due:
            try:
                self._advance()
            except Exception as fault:  # noqa: BLE001  # as above, of the ladder's own consequences
                self._turn.tell("error", f"the ladder's consequences failed: {type(fault).__name__}: {fault}")

    def _due(self) -> None:
        """Do what is due next."""
        found = self._timers.pop()
        if found is None:
            return
        at_ns, kind, number = found
        self.state.now_ns = max(self.state.now_ns, at_ns)
        self._turn.cause = None
        if kind == "second":
            every_ns = self._turn.settings.upkeep_ns
            self._timers.arm("second", 0, at_ns - at_ns % every_ns + every_ns)
            self._upkeep.each_second()
            return
        self._upkeep.calm_ns = 0
        if kind == "bars":
            self._candles.is_due(number)
        elif kind == "guard":
            self.guarding.is_due(number)
        elif kind == "every":
            instance, period = self._roster.periods[number]
            self._timers.arm("every", number, at_ns + period)
            if self._roster.running:
                instance.call("on_timer", at_ns)
        elif kind == "session":
            instance, session = self._roster.sessions[number]
            self._timers.arm("session", number, session.changes_ns(at_ns))
            if self._roster.running:
                instance.call("on_session", session)

    def _advance(self) -> None:
        """Go where the ladder leads: down, entries are cancelled, and every strategy is told."""
        for before, new in self._causes.advance():
            if new >= Rung.REDUCING and new > before:
                self.placing.cancel_entries(new.name)
            self._roster.call("on_ladder", new)

    def is_idle(self, symbol: str) -> bool:
        """Whether a book of a symbol can change nothing but what the next one changes, too: nobody hears it, nothing waits for a price."""
        return self._roster.running and not self._life.stopping_ns and not self._causes.due and self._market.is_idle(symbol)

    def idle_to(self) -> int:
        """The moment before which what is idle now stays so, if nothing else happens."""
        return min(map(self._pursuing.waits_to, self.state.rules_of))

    def hears(self, symbol: str, kind: type[MarketTop]) -> Callable[[MarketTop], list[Effect] | Literal[False] | None] | None:
        """What `step` does with books or quotes (`kind`) of a symbol as long as they do no more than call hooks, with less to ask each
        time. None: they may do more now.

        A list that it returns is to be done as what `step` returns, and then this is to be asked again; False: the event was not taken, and
        is one for `step`. It may be called with stamps before the moment that was told by the last `WakeAt`.
        """
        instances = self._market.hearers(symbol, kind)
        turn, state, causes, pursuing, heap = self._turn, self.state, self._causes, self._pursuing, self._timers.heap
        if not instances or turn.after or self._life.stopping_ns or causes.due or symbol not in state.looks:
            return None
        look, hooks, nothing = state.looks[symbol], [each.on_book for each in instances], list[Effect]()

        tries, waits_to = pursuing.tries, pursuing.waits_to(symbol)

        def hear(event: MarketTop) -> list[Effect] | Literal[False] | None:
            bid, ask, at_ns = event.bid, event.ask, event.at_ns
            if event.__class__ is not kind or not 0 < bid < ask or not state.now_ns <= at_ns < waits_to:
                return False
            state.now_ns = look.at_ns = at_ns
            look.bid, look.ask = bid, ask
            turn.out, turn.cause = nothing, event
            for hook in hooks:
                hook(event)
            if nothing or turn.after or causes.due or pursuing.tries != tries or (heap and heap[0][0] != self._woken):
                return self._close(nothing)
            return None

        return hear

    def calm_to(self) -> int:
        """The moment before which time alone changes nothing, while nobody asks anything, only prices move and none is old; 0: it may."""
        heap, ladder = self._timers.heap, self.ladder
        quiet = self._roster.running and not self._life.stopping_ns and not self._causes.due and not self._turn.after
        if not quiet or ladder.rung is not Rung.ACTIVE or ladder.causes() or not self._timers.is_next("second", 0):
            return 0
        other_ns = min((each[0] for each in heap[1:]), default=_FAR_NS)
        return min(self._upkeep.next_ns(), other_ns) if other_ns > heap[0][0] else 0

    def leave_out_seconds(self, before_ns: int) -> int:
        """Those before a moment that is not after `calm_to`. Returns when something is due next."""
        heap, every_ns = self._timers.heap, self.settings.upkeep_ns
        last_ns = max(heap[0][0], (before_ns - 1) // every_ns * every_ns)
        if last_ns < before_ns:
            self.state.passed(last_ns)
            self._timers.put_off("second", 0, last_ns - last_ns % every_ns + every_ns)
        self._woken = heap[0][0]
        return self._woken

    def held(self) -> str | None:
        """The symbol that is held, where it is one; what is reckoned each second hangs on its price."""
        return self._upkeep.held()

    def seconds_before(self, moment_ns: int) -> range | None:
        """The seconds up to a moment that is not after `calm_to`; None: no second is due next."""
        every_ns, first_ns = self.settings.upkeep_ns, self._timers.heap[0][0]
        return range(first_ns, moment_ns, every_ns) if not first_ns % every_ns else None

    def leave_out_held(self, symbol: str, prices: Sequence[int], next_ns: int) -> bool:
        """Those before `next_ns`, at which the held symbol had one of `prices` each. False: what was lost could have led to something, and
        none is left out."""
        if not self._upkeep.pass_held(symbol, min(prices), max(prices)):
            return False
        self._timers.put_off("second", 0, next_ns)
        self._woken = next_ns
        return True

    def counts_from_to(self, symbol: str) -> tuple[int, int]:
        """While a symbol is idle: the venue's times (from, and before) of trades of which nothing comes but that they are counted."""
        return self._market.counts_from_to(symbol)

    def count(self, event: MarketTrade) -> None:
        """One of these: what `step` would do with it, but that the price that it is traded at is seen with the next event."""
        self._market.count(event)

    def count_all(self, symbol: str, run: Counted) -> None:
        """Several of these, the same as one after the other."""
        self._market.count_all(symbol, run)

    # -- to look at -----------------------------------------------------------------------------------------------------------

    @property
    def instances(self) -> list[Instance]:
        """The strategies at work."""
        return self._roster.instances

    @property
    def wanted(self) -> Mapping[str, frozenset[DataType]]:
        """By symbol, the market data that are needed: what strategies asked for, and always a book and the mark price, for the gate."""
        needed = {DataType.ORDERBOOK, DataType.MARK_PRICE}
        return {symbol: frozenset(needed.union(*(each.wants(symbol) for each in self._roster.instances))) for symbol in self.state.rules_of}

    @property
    def waits_for(self) -> list[str]:
        """The bars that strategies wait for, as people read it: `binance:BTCUSDT 4h 57/200 bars`."""
        return self._candles.waits_for

    def asks_of_before(self, now_ns: int) -> list[ReadBars]:
        """The bars of before that it will ask for when it starts at that moment."""
        return self._candles.asks(now_ns)

    @property
    def running(self) -> bool:
        """Whether the strategies are called."""
        return self._roster.running

    @property
    def ended(self) -> bool:
        """Whether it has stopped."""
        return self._roster.ended

    @property
    def sent(self) -> int:
        """Orders so far."""
        return self.placing.sent

    @property
    def fills(self) -> int:
        """Trades of them so far."""
        return self._counting.fills

    @property
    def reckonings(self) -> Mapping[str, Reckoning]:
        """The rounds of listings, by venue."""
        return self._asking.reckonings
