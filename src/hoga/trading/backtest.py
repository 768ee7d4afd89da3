"""trading.backtest: an engine driven through the past: market data, timers and what exchanges say, in order of their stamps. Pure.

    recorded events ─▶ take ─▶ what is due before ─▶ exchange ─▶ engine ─▶ effects ─▶ exchange, journal

The only clock is the stamp of what is being handled. What is due at T happens with the stamp T, before the first event that is stamped T or
later; of one moment the exchanges speak first, then timers are due, then comes the market, after what it did to orders. There is no loop
that waits, no task and no queue between threads: the same events give the same journal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Literal, NamedTuple, Protocol

import numpy as np

from hoga.columns.digits import Ints
from hoga.core.ticks import MarketBar, MarketBars, MarketEvent, MarketPrice, MarketTop
from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import ExecutionEvent, Rules, Rung, StreamUpdate
from hoga.trading.blocks import Block, Chunk, is_ordered
from hoga.trading.engine import Engine
from hoga.trading.paper.leaving import Freezable, cancels_of, leave
from hoga.trading.ports import (
    Cancel,
    Command,
    CommandKind,
    Done,
    Effect,
    Event,
    JournalFault,
    Look,
    Query,
    Read,
    ReadBars,
    RunGate,
    Send,
    SendList,
    Tell,
    Tick,
    WakeAt,
    Work,
    WorkDone,
    Write,
)
from hoga.trading.rungs import Cause
from hoga.trading.state import TRADES_LATE, venue_of

__all__ = ["Backtest", "Exchange", "Places", "no_bars"]

WORK_NS = 100_000_000
"""So long a piece of work takes here, whatever it took."""
FAR_NS = 1 << 62
"""Never."""
_Hear = Callable[[MarketTop], list[Effect] | Literal[False] | None]
_ROUNDS = 10
_FEW = 4
"""So few trades are counted one by one."""
_STOP_NS = 30 * SECOND_NS
"""So long after its end a run may take to come to rest."""


class Exchange(Freezable, Protocol):
    """A venue that fills orders by the market data that it is shown (`trading.paper`). `next_ns`: when it has something to say next."""

    next_ns: int

    def on_market(self, event: MarketEvent) -> None:
        """The market moved."""

    def learn(self, told: Iterable[Rules], now_ns: int) -> None:
        """The rules of instruments as of now: it says what changed."""

    def advance(self, now_ns: int) -> None:
        """Say what is due by then, in order of stamps. What is asked next is asked at this moment."""

    def is_idle(self, symbol: str) -> bool:
        """Whether no order or position of ours hangs on its next price."""

    def calm_to(self) -> int:
        """The moment before which it only says that it lives; 0: it has something else to say."""

    def leave_out_beats(self, before_ns: int) -> StreamUpdate | None:
        """Say that only once, the last time before a moment that is not after `calm_to`."""

    def put_off_beats(self, before_ns: int) -> None:
        """The same, but that it is said when its moment has come."""


def no_bars(ask: ReadBars, now_ns: int) -> MarketBars:
    """There are none of before."""
    return MarketBars(symbol=ask.symbol, at_ns=now_ns, interval_ns=ask.interval_ns, asked_ns=now_ns, bars=(), oldest=True)


def no_work(ask: Work, at_ns: int) -> WorkDone:
    """Nobody does any."""
    return WorkDone(at_ns=at_ns, number=ask.number, error="nobody works here")


class Backtest:
    """One engine and its exchanges. `take` every event in order, between `begin` and `end`.

    `write(kind, fields, at_ns)` keeps a record, and says whether it could. `bars(ask, now_ns)`: those of before, as of then.
    `work(ask, at_ns)`: does a piece of work at once; its answer comes at `at_ns`, `WORK_NS` later. `changes`: of rules, and when, in
    order. `done`: how it ended. `verdict`: of
    its emergency exit, "" where there was none; `only_asked_for`: it was begun by a stop, and not because of a fault.
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
        work: Callable[[Work, int], WorkDone] = no_work,
        changes: Iterable[tuple[int, Rules]] = (),
    ) -> None:
        self.engine = engine
        self._changes = deque(changes)
        self._change_ns = self._changes[0][0] if self._changes else FAR_NS
        self.exchanges = dict(exchanges)
        self.now_ns = 0
        self.done: Done | None = None
        self._write = write
        self._tell = tell
        self._gate = gate
        self._bars = bars
        self._work = work
        self._done_work: deque[WorkDone] = deque()
        self._each = tuple(self.exchanges.values())
        self._wake_ns = FAR_NS
        self._said: deque[Event] = deque()
        self._candles: list[tuple[int, str, MarketBar]] = []
        self._turned = 0
        self.verdict = ""
        self.only_asked_for = False
        self._exit_ns = FAR_NS
        self._rounds = self._exits = 0
        self._changed = True

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

    def take_chunk(self, chunk: Chunk, where: Places | None = None) -> None:
        """Many events in order: the same as `take` of each, but that books are left out which nobody looks at and nothing hangs on.
        `where`: the chunk's places, for several runs.

        Of books that follow one another while nothing waits for a price (no hook, no order, no position that a price could end, no wish, no
        doubt) only the newest before the next event, or the next moment at which something is due, can matter. Trades of that time which
        close no bar are only counted, but for the newest.
        """
        stamps, sources, places, blocks = chunk
        at = [block.at for block in blocks]
        where, idle, counted = where or Places(chunk), frozenset[str](), frozenset[str]()
        spans: dict[str, tuple[int, int]] = {}
        symbols = {block.symbol for block in blocks if block.is_book or block.traded_ns is not None}
        seen = [self.exchanges.get(venue_of(block.symbol)) for block in blocks]
        hears: list[_Hear | None] = []
        place, count, due_ns, idle_ns, step = 0, len(stamps), 0, 0, self.engine.step
        self._changed = True
        while place < count:
            if self._changed:
                self._changed = False
                idle = frozenset(symbol for symbol in symbols if self.is_idle(symbol))
                spans = {symbol: self.engine.counts_from_to(symbol) for symbol in idle}
                counted = frozenset(symbol for symbol, (_, until) in spans.items() if until)
                due_ns, idle_ns = self._due_ns(), self.engine.idle_to()
                hears = [self._hears(block, exchange) for block, exchange in zip(blocks, seen, strict=True)]
            if idle:
                to = where.hard(idle, counted, place)
                if to > place and idle_ns <= stamps[to - 1]:
                    to = bisect_left(stamps, idle_ns, place, to)
                if to > place:
                    if due_ns <= stamps[to - 1] and len(idle) == len(self.engine.state.rules_of):
                        to = self._soft_to(where, spans, place, to)
                        if to > place and due_ns <= stamps[to - 1]:
                            due_ns = self._let_pass(where, place, stamps[to - 1])
                    if to > place and due_ns <= stamps[to - 1]:
                        to = bisect_left(stamps, due_ns, place, to)
                        if to == place:
                            self._catch_up(stamps[place])
                            continue
                    after = self._leave_out(where, spans, place, to)
                    if after > place:
                        place = after
                        if place < count and due_ns <= stamps[place] and not self._changed:
                            self._catch_up(stamps[place])
                        continue
            source = sources[place]
            hear, exchange = hears[source], seen[source]
            if hear is not None and exchange is not None and due_ns > stamps[place]:
                after = self._let_hear(hear, exchange, chunk, place, bisect_left(stamps, due_ns, place))
                if after > place:
                    place = after
                    continue
            event = at[source](places[place])
            at_ns = event.at_ns
            if due_ns <= at_ns or exchange is None:
                self.take(event)
                self._changed = True
            else:  # the same as `take`, for the many events of which nothing comes
                if at_ns > self.now_ns:
                    self.now_ns = at_ns
                exchange.on_market(event)
                if exchange.next_ns <= self.now_ns:
                    self._changed = True
                    self._listen()
                effects = step(event)
                if effects:
                    self._changed = True
                    if self._wake_ns <= at_ns:
                        self._wake_ns = FAR_NS
                    for effect in effects:
                        self._do(effect)
                    self._listen()
            if counted and blocks[source].traded_ns is not None:
                self._changed = True  # a bar may have been closed, and others are counted to now
            place += 1

    def _hears(self, block: Block, exchange: Exchange | None) -> _Hear | None:
        """Who takes its books or quotes, while nothing comes of them but that hooks are called; None: more may come of them."""
        if block.kind is None or exchange is None or not exchange.is_idle(block.symbol):
            return None
        return self.engine.hears(block.symbol, block.kind)

    def _let_hear(self, hear: _Hear, exchange: Exchange, chunk: Chunk, place: int, end: int) -> int:
        """Records of one block that follow one another, up to the first of which something comes; the exchange sees the newest of them.
        Returns the place behind what was taken."""
        _, sources, places, blocks = chunk
        source, newest, effects = sources[place], None, None
        make = blocks[source].at
        while place < end and sources[place] == source:
            event = make(places[place])
            effects = hear(event)  # type: ignore[arg-type]  # it looks itself whether it is one
            if effects is False:
                break
            newest = event
            place += 1
            if effects is not None:
                break
        if newest is not None:
            self.now_ns = max(self.now_ns, newest.at_ns)
            exchange.on_market(newest)
        if effects is not None and effects is not False:
            self._changed = True
            if effects and self._wake_ns <= self.now_ns:
                self._wake_ns = FAR_NS
            for effect in effects:
                self._do(effect)
            self._listen()
        return place

    def _leave_out(self, places: Places, spans: Mapping[str, tuple[int, int]], place: int, to: int) -> int:
        """The books and trades of idle symbols from one place to before another, or up to the first trade that does more than count."""
        to, blocks = self._soft_to(places, spans, place, to), places.chunk.blocks
        newest: list[tuple[int, int, int]] = []
        for source, block in enumerate(blocks):
            start, stop = places.of(source, place, to)
            if start == stop:
                continue
            if block.traded_ns is not None and stop - start > 1:
                self._count(block, start, stop - 1)
            newest.append((places.place_of(source, stop - 1), source, stop - 1))
        for _, source, last in sorted(newest):
            self.take(blocks[source].at(last))
        return to

    def _soft_to(self, places: Places, spans: Mapping[str, tuple[int, int]], place: int, to: int) -> int:
        """Up to the first trade in a part of a chunk that does more than count."""
        blocks = places.chunk.blocks
        for source in places.trades:
            to = places.counted_to(source, *spans.get(blocks[source].symbol, (0, 0)), place, to)
        return to

    def _let_pass(self, places: Places, place: int, until_ns: int) -> int:
        """Time up to `until_ns` of which nothing comes: no order, no doubt, nothing that is due. When something is due then.

        Where every second finds the same, and an exchange only says that it lives, the last of them says it all. Where something is held,
        a second finds what it is worth: those in between are looked at together, and the last one is gone through.
        """
        if self._said:
            return self._due_ns()  # it is heard with what is due next
        engine, due_ns = self.engine, self._due_ns()
        before_ns = min(until_ns + 1, self._exit_ns, self._change_ns)
        if self._done_work:
            before_ns = min(before_ns, self._done_work[0].at_ns)
        for exchange in self._each:
            before_ns = min(before_ns, max(exchange.calm_to(), exchange.next_ns))
        if due_ns < before_ns:
            before_ns = min(before_ns, engine.calm_to())
        for symbol, look in engine.state.looks.items():
            if due_ns < before_ns:
                fresh_ns = engine.settings.limits[symbol].stale_after_ms * MS_NS
                before_ns = min(before_ns, places.fresh_to(symbol, look, fresh_ns, place))
        if due_ns >= before_ns:
            return due_ns
        held = engine.held()
        if held is not None:
            return self._let_pass_held(places, place, held, before_ns)
        if self._wake_ns < before_ns:
            self._wake_ns = engine.leave_out_seconds(before_ns)
        for exchange in self._each:
            said = exchange.leave_out_beats(before_ns) if exchange.next_ns < before_ns else None
            if said is not None:
                self._step(said)
        return self._due_ns()

    def _let_pass_held(self, places: Places, place: int, symbol: str, before_ns: int) -> int:
        """The same, while one symbol is held: its prices at the seconds in between can say that too much was lost."""
        engine = self.engine
        seconds = engine.seconds_before(before_ns)
        if seconds is not None and len(seconds) > 1:
            prices = places.prices_at(symbol, engine.state.looks[symbol], place, seconds[:-1], engine.state.price(symbol))
            if prices is not None and engine.leave_out_held(symbol, prices, seconds[-1]):
                self._wake_ns = seconds[-1]
                for exchange in self._each:
                    if exchange.next_ns < before_ns:
                        exchange.put_off_beats(before_ns)
        return self._due_ns()

    def _count(self, block: Block, start: int, stop: int) -> None:
        run = block.counted(start, stop, TRADES_LATE) if stop - start > _FEW else None
        if run is not None:
            self.engine.count_all(block.symbol, run)
            return
        for each in range(start, stop):
            self.engine.count(block.at(each))  # type: ignore[arg-type]  # it is a trade

    def take_bars(self, start_ns: int, opening: Sequence[MarketBar]) -> None:
        """Candles that begin at a moment, where nothing finer is known; those that end by then are over.

        At that moment, in this order: the exchange sees how far the old ones went (stops come first), the engine sees the price, then the
        closed bars, and what its strategies want is filled at the opening of the new ones.
        """
        while self._candles and self._candles[0][0] <= start_ns:
            self._turn_over(opening)
        if opening and (not self._turned or self._turned < start_ns):
            self._moment(start_ns, (), opening)
        for bar in opening:
            heappush(self._candles, (bar.start_ns + bar.interval_ns, bar.symbol, bar))

    def _turn_over(self, opening: Sequence[MarketBar]) -> None:
        """The candles that end next."""
        at_ns, closed = self._candles[0][0], []
        while self._candles and self._candles[0][0] == at_ns:
            closed.append(heappop(self._candles)[2])
        self._moment(at_ns, closed, [bar for bar in opening if bar.start_ns == at_ns])

    def _moment(self, at_ns: int, closed: Sequence[MarketBar], opening: Sequence[MarketBar]) -> None:
        self._catch_up(at_ns)
        self.now_ns = self._turned = max(self.now_ns, at_ns)
        for bar in closed:
            self._show(bar)
        prices = {bar.symbol: bar.close for bar in closed} | {bar.symbol: bar.open for bar in opening}
        for symbol, price in prices.items():
            self._tell_engine(MarketPrice(symbol=symbol, at_ns=at_ns, event_ns=at_ns, price=price))
        for bar in closed:
            self._tell_engine(bar)
        for bar in opening:
            self._show(MarketPrice(symbol=bar.symbol, at_ns=at_ns, event_ns=at_ns, price=bar.open))

    def _show(self, event: MarketEvent) -> None:
        exchange = self.exchanges.get(venue_of(event.symbol))
        if exchange is not None:
            exchange.on_market(event)
        self._listen()

    def _tell_engine(self, event: MarketEvent) -> None:
        self._step(event)
        self._listen()

    @property
    def last_ns(self) -> int:
        """When the last candle ends."""
        return max((end_ns for end_ns, _, _ in self._candles), default=self.now_ns)

    def is_idle(self, symbol: str) -> bool:
        """Whether a book of it can change nothing but what the next one changes, too."""
        exchange = self.exchanges.get(venue_of(symbol))
        return self.engine.is_idle(symbol) and (exchange is None or exchange.is_idle(symbol))

    def end(self, at_ns: int) -> Done | None:
        """Let time pass until then, and stop; None: it did not come to rest."""
        while self._candles:
            self._turn_over(())
        self._catch_up(at_ns)
        self._pass(max(self.now_ns, at_ns))
        self._step(Command(at_ns=self.now_ns, kind=CommandKind.STOP, who="backtest"))
        self._listen()
        until_ns = self.now_ns + _STOP_NS
        while (self.done is None or self._exit_ns < FAR_NS) and (due_ns := self._due_ns()) <= until_ns:
            self._pass(due_ns)
        return self.done

    # -- time -------------------------------------------------------------------------------------------------------

    def _due_ns(self) -> int:
        """When something happens next without the market."""
        due_ns = min(self._wake_ns, self._exit_ns, self._change_ns)
        if self._done_work and self._done_work[0].at_ns < due_ns:
            due_ns = self._done_work[0].at_ns
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
        self._changed = True
        while self._change_ns <= due_ns:
            at_ns, rules = self._changes.popleft()
            self.exchanges[rules.venue].learn((rules,), max(at_ns, self.now_ns))
            self._change_ns = self._changes[0][0] if self._changes else FAR_NS
        for exchange in self._each:
            exchange.advance(self.now_ns)
        self._hear()
        while self._done_work and self._done_work[0].at_ns <= due_ns:
            self._step(self._done_work.popleft())
            self._listen()
        if self._wake_ns <= due_ns:
            self._step(Tick(self._wake_ns))
            self._listen()
        if self._exit_ns <= due_ns:
            self._leave()

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
        effects = self.engine.step(event)
        if effects:
            self._changed = True
            for effect in effects:
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
            case Work():
                self._done_work.append(self._work(effect, self.now_ns + WORK_NS))
            case Done():
                self.done = self.done or effect

    def _read_bars(self, ask: ReadBars) -> None:
        self._said.append(self._bars(ask, self.now_ns))

    def _on_rung(self, change: RunGate) -> None:
        if change.rung is Rung.FLATTEN:
            for exchange in self._each:
                exchange.freeze()
            if not self.verdict:
                self.verdict, self.only_asked_for = "UNKNOWN", change.cause == Cause.STOPPED_FLATTEN
                self._exit_ns = self.now_ns
                self._write("emergency.begin", {"incident": change.incident, "mode": "backtest"}, self.now_ns)
        self._gate(change, self.engine.state.now_ns)

    # -- the emergency exit ---------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """One round of it: all orders are cancelled, all positions closed at the market; the next one sees what is left."""
        state = self.engine.state
        held, orders = state.portfolio.held(), [each for each in state.orders.working() if not each.status.is_over]
        if self._rounds >= _ROUNDS or not (held or orders):
            self._exit_ns, self.verdict = FAR_NS, "NOT_FLAT" if held else "FLAT"
            self._write(
                "emergency.end", {"verdict": self.verdict, "incident": self.engine.ladder.incident, "mode": "backtest"}, self.now_ns
            )
            return
        self._rounds += 1
        self._exit_ns = self.now_ns + SECOND_NS
        leave(self.exchanges, cancels_of(orders), held, self._exit_id)
        self._listen()

    def _exit_id(self) -> str:
        self._exits += 1
        settings = self.engine.settings
        return f"{settings.trader}-exit-{settings.boot}-{self._exits}"

    def __repr__(self) -> str:
        return f"<Backtest {self.engine!r}>"


class _Prices(NamedTuple):
    """What says a symbol's price in a chunk, in order of places. `punctual`: each is taken when it was received."""

    places: Ints
    received: Ints
    prices: Ints
    punctual: bool


class Places:
    """Where in a chunk the records of each block are: the same for every run that sees it."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.trades = [source for source, block in enumerate(chunk.blocks) if block.traded_ns is not None]
        self._at: list[Sequence[int]]
        if len(chunk.blocks) == 1:
            self._at = [range(len(chunk.stamps))]
        else:
            sources = np.array(chunk.sources)
            self._at = [np.flatnonzero(sources == source).tolist() for source in range(len(chunk.blocks))]
        self._first = [chunk.places[each[0]] if each else 0 for each in self._at]
        self._rises = [block.traded_ns is not None and is_ordered(block.traded_ns) for block in chunk.blocks]
        self._next: dict[tuple[frozenset[str], frozenset[str]], list[int]] = {}
        self._prices: dict[tuple[str, bool], _Prices | None] = {}
        self._fresh: dict[str, _Fresh] = {}

    def fresh_to(self, symbol: str, look: Look, fresh_ns: int, place: int) -> int:
        """Up to when no price of a symbol is older than `fresh_ns`, from that place on."""
        known = self._fresh.get(symbol)
        if known is None:
            known = self._fresh[symbol] = _Fresh(self.prices_of(symbol, with_trades=look.is_price), fresh_ns)
        return known.until(look.at_ns, place)

    def prices_of(self, symbol: str, *, with_trades: bool) -> _Prices | None:
        """What says a symbol's price; None: it is not known that all of it can be relied upon."""
        key = (symbol, with_trades)
        if key not in self._prices:
            self._prices[key] = self._read_prices(symbol, with_trades=with_trades)
        return self._prices[key]

    def _read_prices(self, symbol: str, *, with_trades: bool) -> _Prices | None:
        found: list[_Prices] = []
        for source, block in enumerate(self.chunk.blocks):
            if block.symbol == symbol and (block.is_book or (with_trades and block.traded_ns is not None)):
                received = block.received_ns
                prices = block.prices if received is not None and block.is_sound else None
                if received is None or prices is None:
                    return None
                at, first = self._at[source], self._first[source]
                if at:
                    mine, said = received[first : first + len(at)], prices[first : first + len(at)]
                    punctual = mine[0] == self.chunk.stamps[at[0]] and bool((mine[1:] >= mine[:-1]).all())
                    found.append(_Prices(np.array(at, np.int64), mine, said, punctual))
        if len(found) == 1:
            return found[0]
        if not found:
            nothing = np.zeros(0, np.int64)
            return _Prices(nothing, nothing, nothing, True)
        places, received, prices = (np.concatenate([each[number] for each in found]) for number in range(3))
        order = np.argsort(places)
        return _Prices(places[order], received[order], prices[order], all(each.punctual for each in found))

    def prices_at(self, symbol: str, look: Look, place: int, moments: range, now: int) -> list[int] | None:
        """What a symbol's price is at some moments, from that place on where it is `now`; None: that is not known."""
        if look.mark:
            return [now]  # marks are never left out
        found = self.prices_of(symbol, with_trades=look.is_price)
        if found is None or look.in_doubt or not found.punctual:
            return None
        number = int(np.searchsorted(found.places, place))
        last = np.searchsorted(found.received[number:], np.arange(moments.start, moments.stop, moments.step)) - 1
        prices: list[int] = found.prices[number:][last[last >= 0]].tolist()
        return [now, *prices] if len(prices) < len(last) else prices

    def of(self, source: int, place: int, to: int) -> tuple[int, int]:
        """The records of a block (from one, to before another) that are in a part of the chunk."""
        at, first = self._at[source], self._first[source]
        start = bisect_left(at, place)
        return first + start, first + bisect_left(at, to, start)

    def place_of(self, source: int, number: int) -> int:
        """Where in the chunk a record of a block is."""
        return self._at[source][number - self._first[source]]

    def counted_to(self, source: int, since: int, until: int, place: int, to: int) -> int:
        """Up to where in a part of the chunk the trades of a block are stamped in a span."""
        start, stop = self.of(source, place, to)
        stamps = self.chunk.blocks[source].traded_ns
        if stamps is None or start == stop:
            return to
        if self._rises[source]:
            end = start if stamps[start] < since else bisect_left(stamps, until, start, stop)
        else:
            end = next((each for each in range(start, stop) if not since <= stamps[each] < until), stop)
        return to if end == stop else self.place_of(source, end)

    def hard(self, idle: frozenset[str], counted: frozenset[str], place: int) -> int:
        """The first record from a place on that cannot be left out, for a set of idle symbols, and of those whose trades are only counted;
        their number, where there is none."""
        found = self._next.get((idle, counted))
        if found is None:
            blocks = self.chunk.blocks
            hard = [
                source
                for source, each in enumerate(blocks)
                if not (each.is_book and each.symbol in idle) and not (each.traded_ns is not None and each.symbol in counted)
            ]
            found = self._next[idle, counted] = sorted(at for source in hard for at in self._at[source])
        next_one = bisect_left(found, place)
        return found[next_one] if next_one < len(found) else len(self.chunk.stamps)


class _Fresh:
    """Up to when a symbol's price is fresh, as the prices of a chunk come."""

    def __init__(self, prices: _Prices | None, fresh_ns: int) -> None:
        self._fresh_ns = fresh_ns
        self._prices = prices
        self._last: list[int] = []
        if prices is not None and len(prices.received):
            steps = np.diff(prices.received)
            self._last = [*np.flatnonzero((steps < 0) | (steps > fresh_ns)).tolist(), len(steps)]

    def until(self, at_ns: int, place: int) -> int:
        """From a place on, where the newest price so far is of `at_ns`: the first moment at which it is too old, or may be."""
        if self._prices is None:
            return 0
        places, received, *_ = self._prices
        number = int(np.searchsorted(places, place))
        if number == len(received) or not at_ns <= received[number] <= at_ns + self._fresh_ns:
            return at_ns + self._fresh_ns + 1
        return int(received[self._last[bisect_left(self._last, number)]]) + self._fresh_ns + 1
