"""app.trader.trader: a trader: one engine, the accounts it trades on, the market data it sees, its journal. Everything on one event loop.

    sockets ─▶ bus ─▶ engine.step ─▶ effects ─▶ journal, order line, log

An event is handled in the turn of the loop in which it came: nothing is awaited between a frame and the bytes of an order. An effect is
carried out after the one before it; when the journal cannot be written, what stands behind the record is not done.

What the engine is given is kept, in its order: frames, timers and signs of life on the tape (`audit.taping`), everything else as a record
`event`; every record of the engine says in `f` how much of the tape was before it. So the same can be decided again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from hoga.app.trader.candles import read_candles
from hoga.app.trader.measuring import Measures
from hoga.app.trader.state import status_line
from hoga.app.trader.workers import Workers
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger
from hoga.audit.tape import LIFE, TICK
from hoga.audit.taping import Tape
from hoga.core.errors import ArchiveError, LinkError, VenueError
from hoga.core.market import DataType
from hoga.core.ticks import MarketBars, MarketDoubt, MarketEvent
from hoga.core.times import SECOND_NS
from hoga.core.trading import ExecutionEvent, FillUpdate, NotSent, OrderAccepted, OrderUpdate, Rules, Rung, StreamUpdate
from hoga.hub.events import BaseWebSocketEvent, EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.net.rest import RestClient
from hoga.runtime.clock import SYSTEM, Clock, Timer
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.trading.bus import EventBus, EventClass
from hoga.trading.engine import Engine
from hoga.trading.inputs import EVENT, fields_of, is_sign_of_life
from hoga.trading.limits import Limits
from hoga.trading.meter import TraderFigures
from hoga.trading.ports import (
    Alarm,
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
    Renewal,
    RunGate,
    Send,
    SendList,
    Tell,
    Tick,
    Venue,
    WakeAt,
    Work,
    Write,
)
from hoga.trading.rungs import Cause
from hoga.trading.shapes import misshapen
from hoga.trading.state import venue_of
from hoga.venues.registry import VENUES

__all__ = ["Account", "Trader", "World"]

_log = get_log("trading")

_TURN_NS = 2_000_000
_EARLY_NS = 100_000_000
"""A clock that is slewed loses 15 ms in the longest wait; one that is more behind was set back."""
_CLOCK_LIMIT_NS = 500_000_000
_LOOK_S = 0.1
_LOOKS = 10
"""So often is the latch looked at, and every so many looks the accounts' streams."""
_KNOWN = (DataType.ORDERBOOK, DataType.QUOTE, DataType.TRADE, DataType.MARK_PRICE)


_ANSWERS: frozenset[type[Any]] = frozenset((OrderAccepted, OrderUpdate, FillUpdate))
_SAMPLE_NS = 8_000_000
"""So far apart are frames that are measured, 125 in a second at most: one costs a quarter of a microsecond, and a percentile of a second is
made of a hundred at least."""

_STATUS_LOOKS = 300
_TIDY_FIRST = 50
_TIDY_LOOKS = 600
"""A status line each half minute; garbage is collected after the warm-up, and then each minute."""


class OnFlatten(Protocol):
    """Begins the exit."""

    def __call__(self, *, asked_for: bool) -> object:
        """`asked_for`: by ON_STOP, and not because something failed."""


class Account(Venue, Protocol):
    """What a trader needs of an account: a gateway, or one that exists on paper."""

    is_frozen: bool

    @property
    def is_live(self) -> bool:
        """Whether what happens to the account is told."""

    @property
    def clock_off_ns(self) -> int:
        """How far the venue's clock is ahead of ours, at least."""

    async def disarm(self) -> str:
        """The venue need not wait for us any more; "" when it heard, else why not."""


class World(Protocol):
    """What happens beside the venue: exchanges on paper. It tells by `Trader.deliver`, in order of stamps."""

    def pass_time(self, at_ns: int) -> None:
        """Everything up to that moment is told before this returns."""

    def see(self, event: MarketEvent) -> None:
        """The same up to an event of the market, which it sees before the engine does."""

    def due_ns(self) -> int | None:
        """When it has something to tell next; None: it has nothing."""


class Trader:
    """See the module. `start` connects, `stop` ends in order; `ended` is done when the engine has stopped.

    `engine` is made of the rules that the accounts read, by `make`; `tape_of(streams, venues)` makes the tape, once both are known.
    `world`: exchanges on paper, in the accounts' place.
    """

    def __init__(
        self,
        *,
        make: Callable[[Mapping[str, Account]], Engine],
        manager: GlobalWebSocketManager,
        log: AuditLogger,
        latch: Latch,
        rest: Callable[[str], RestClient],
        recorded: Callable[[ReadBars, Rules, int], MarketBars | None] = lambda ask, rules, now_ns: None,
        clock: Clock = SYSTEM,
        on_change: Callable[[str], object] = lambda text: None,
        on_flatten: OnFlatten | None = None,
        on_status: Callable[[str], object] = lambda line: None,
        on_rung: Callable[[RunGate], object] = lambda gate: None,
        tape_of: Callable[[tuple[tuple[str, str], ...], tuple[str, ...]], Tape] | None = None,
        world: World | None = None,
        dev: bool = False,
    ) -> None:
        self.gateways: dict[str, Account] = {}
        self.ended: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self.log = log
        self.latch = latch
        self._make = make
        self._manager = manager
        self._clock = clock
        self._now_ns = clock.time_ns
        self._mono_ns = clock.monotonic_ns
        self._on_change = on_change
        self._on_flatten = on_flatten
        self._on_status_line = on_status
        self._on_rung_moved = on_rung
        self._frozen_from_outside = False
        self._engine: Engine | None = None
        self._bus = EventBus(on_backlog=self._backlog, on_drop=self._dropped)
        self._workers = Workers(self.take, clock=clock)
        self._tape_of = tape_of
        self._tape: Tape | None = None
        self._world = world
        self._is_telling = False
        self._world_timer: Timer | None = None
        self._world_ns: int | None = None
        self._numbers: dict[tuple[str, str, DataType], int] = {}
        self._decide = self._step_checked if dev else self._step
        self._bus.subscribe(EventClass.DATA, self._see)
        self._bus.subscribe(EventClass.SIGNAL, self._hear)
        self._bus.subscribe(EventClass.ORDER, self._hear)
        self._early: list[Event] = []
        self._rest = rest
        self._recorded = recorded
        self._asking: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._timer: Timer | None = None
        self._turn_ends_ns = 0
        self._more = False
        self._beat: asyncio.Task[None] | None = None
        self._readers: dict[tuple[str, str, DataType], Callable[[bytes, int], MarketEvent]] = {}
        self._quoted: set[str] = set()
        self._unreadable = 0
        self._clock_is_wrong = False
        self._measures = Measures(asyncio.get_running_loop(), clock)
        self._meter = self._measures.meter
        self._sample_ns = 0

    def figures(self) -> TraderFigures:
        """What the trader measures of itself."""
        return self._meter.figures()

    @property
    def engine(self) -> Engine:
        """There from `start` on."""
        assert self._engine is not None, "started before it is looked at"
        return self._engine

    # -- its life -------------------------------------------------------------------------------------------------------

    async def start(self, gateways: Iterable[Account]) -> None:
        """Connect to every account, read its rules, make the engine, follow the market. Raises VenueError, ConfigError."""
        self.gateways = {each.venue: each for each in gateways}
        await asyncio.gather(*(each.start() for each in self.gateways.values()))
        self._engine = self._make(self.gateways)
        wanted = self._wanted(self._engine)
        if self._tape_of is not None:
            streams = tuple((f"{venue}:{name}", data_type.value) for venue, name, data_type in self._numbers)
            self._tape = self._tape_of(streams, tuple(self.gateways))
            self._tape.open()
        await self._manager.register_component("trader", self, wanted, self._on_frame, delivery=Delivery.INLINE, on_status=self._on_status)
        early, self._early = self._early, []
        for event in early:
            self.take(event)
        self.command(CommandKind.START, who="trader")
        self._look_at_clocks()  # before the first order
        self._measures.start()
        self._beat = asyncio.create_task(self._beats(), name="trader heartbeat")

    async def stop(self, *, patience_s: float) -> Done | None:
        """Ask the engine to stop, and wait for it; None: it did not in time."""
        if self._engine is None:
            return None
        self.command(CommandKind.STOP, who="signal")
        with contextlib.suppress(TimeoutError):
            return await within(asyncio.shield(self.ended), patience_s)
        return None

    @property
    def is_well(self) -> bool:
        """Whether the venue may be told that we live: the engine decides, its journal is written, and nobody has shut the latch."""
        if self._engine is None or self.ended.done() or self.latch.shut():
            return False
        return self._engine.state.rung < Rung.HALTED and not self.log.health().unwritable_s

    async def close(self) -> None:
        """Let everything go. After a clean end the venue need not wait for us any more."""
        self._measures.stop()
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        self._workers.stop()
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self._manager.unregister_component("trader")
        if self.ended.done() and self.ended.result().clean:
            await asyncio.gather(*(each.disarm() for each in self.gateways.values()), return_exceptions=True)
        await asyncio.gather(*(each.stop() for each in self.gateways.values()), return_exceptions=True)
        for timer in (self._timer, self._world_timer):
            if timer is not None:
                timer.cancel()
        if self._tape is not None:
            self._tape.close()

    def let_go(self, why: str) -> None:
        """Of what a wanted exit latched: there is nothing that a person has to look at."""
        incident = self.engine.ladder.incident
        if incident and self.latch.release(incident, by="trader", at_ns=self._now_ns()):
            self.log.append("state", {"rung": Rung.ACTIVE.name, "was": Rung.FLATTEN.name, "incident": "", "why": why})

    def command(self, kind: CommandKind, *, who: str, text: str = "", incident: str = "") -> None:
        """Ask the engine for something."""
        self.take(Command(at_ns=self._now_ns(), kind=kind, who=who, text=text, incident=incident))

    def renew(self, limits: dict[str, Limits], given: dict[str, dict[str, str]], *, who: str) -> None:
        """Other limits (by symbol) and parameters (by strategy, as texts) from now on."""
        self.take(Renewal(at_ns=self._now_ns(), who=who, limits=limits, given=given))

    # -- in -------------------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """What must be taken, in order."""
        if self._engine is None:
            self._early.append(event)
            return
        self._bus.publish(EventClass.ORDER, event)
        self._pump()

    def deliver(self, event: ExecutionEvent) -> None:
        """What a venue says; gateways are made with it."""
        if self._is_telling:
            self._hear(event)
        elif not (self.ended.done() and isinstance(event, StreamUpdate)):  # they are closed then, by us
            self.take(event)

    def _pump(self) -> None:
        if self._more:
            return
        self._turn_ends_ns = self._mono_ns() + _TURN_NS
        if self._bus.drain(self._is_over):
            self._more = True
            asyncio.get_running_loop().call_soon(self._go_on)
        if self._tape is not None and self._tape.is_due:
            self._tape.write()

    def _go_on(self) -> None:
        self._more = False
        self._pump()

    def _is_over(self) -> bool:
        return self._mono_ns() > self._turn_ends_ns

    def _backlog(self, waiting: int) -> None:
        _log.error("events wait that nobody takes", waiting=waiting)
        self._bus.publish(EventClass.ORDER, Alarm(at_ns=self._now_ns(), kind=Cause.BACKLOG.value, why=f"{waiting} events wait"))

    def _dropped(self, item: tuple[MarketEvent, int, bytes]) -> None:
        event = item[0]
        doubt = MarketDoubt(symbol=event.symbol, at_ns=self._now_ns(), why="trades came faster than they could be taken")
        self._bus.publish(EventClass.ORDER, doubt)

    # -- the market -----------------------------------------------------------------------------------------------------

    def _wanted(self, engine: Engine) -> list[SubscriptionSpec]:
        wanted = []
        for symbol, rules in engine.state.rules_of.items():
            venue = venue_of(symbol)
            spec = VENUES[venue]
            wanted_here = engine.wanted[symbol] if self._world is None else _KNOWN  # who fills orders on paper looks at everything
            types = [each for each in _KNOWN if each in wanted_here and each in spec.ticks and each in spec.channels]
            if DataType.QUOTE in types:
                self._quoted.add(symbol)
            for data_type in types:
                self._numbers[venue, rules.name, data_type] = len(self._numbers)
                self._readers[venue, rules.name, data_type] = spec.ticks[data_type](rules)
                wanted.append(SubscriptionSpec(data_type, [rules.name], venue=venue))
        return wanted

    def _on_frame(self, event: BaseWebSocketEvent) -> None:
        """A frame of a market, in the socket's own turn."""
        stream = event.stream
        data_type = event.data_type
        stream_key = (stream.venue, stream.symbol, data_type)
        try:
            tick = self._readers[stream_key](event.payload, event.recv_ns)
        except (ValueError, LookupError, TypeError) as fault:
            self._cannot_read(event, fault)
            return
        item = (tick, self._numbers[stream_key], event.payload)
        if data_type is DataType.TRADE:
            self._bus.publish(EventClass.DATA, item)
        else:
            self._bus.publish(EventClass.DATA, item, key=stream_key)
        self._pump()
        if self._turn_ends_ns >= self._sample_ns:
            self._sample_ns = self._turn_ends_ns + _SAMPLE_NS
            self._meter.decision(self._mono_ns() - self._turn_ends_ns + _TURN_NS)

    def _cannot_read(self, event: BaseWebSocketEvent, fault: Exception) -> None:
        self._unreadable += 1
        symbol = f"{event.venue}:{event.symbol}"
        _log.warning("a frame cannot be read", stream=event.stream.name, why=str(fault), count=self._unreadable)
        self.take(MarketDoubt(symbol=symbol, at_ns=event.recv_ns, why=f"a frame that cannot be read: {fault}"))

    def _on_status(self, event: object) -> None:
        if isinstance(event, EpochEvent):
            for symbol in self.engine.state.rules_of:
                if venue_of(symbol) == event.venue:
                    why = f"{event.conn} {'began anew' if event.up else event.why or 'was lost'}"
                    self.take(MarketDoubt(symbol=symbol, at_ns=self._now_ns(), why=why))

    # -- to the engine, and onto the tape -------------------------------------------------------------------------------

    def _see(self, item: tuple[MarketEvent, int, bytes]) -> None:
        """A frame's event, once it is its turn: what was replaced or dropped before was not decided on."""
        event, number, frame = item
        world = self._world
        if world is not None:
            self._tell_of(world, event)
        if self._tape is not None:
            self._tape.add(number, event.at_ns, frame)
        self._decide(event)
        if world is not None:
            self._wait_for(world)

    def _hear(self, event: Event) -> None:
        """Everything else."""
        if event.__class__ in _ANSWERS:
            self._answered(event)
        world = None if self._is_telling else self._world
        if world is not None:
            self._tell_of(world, event)
        tape = self._tape
        if tape is not None:
            if event.__class__ is Tick:
                tape.add(TICK, event.at_ns)
            elif isinstance(event, StreamUpdate) and is_sign_of_life(event):
                tape.add(LIFE + list(self.gateways).index(event.venue), event.at_ns)
            else:
                tape.write()
                self.log.append(EVENT, {"f": tape.count} | fields_of(event))
        self._decide(event)
        if world is not None:
            self._wait_for(world)

    def _answered(self, event: Any) -> None:
        """The venue said something of an order of ours: how long did that take?"""
        if event.__class__ is FillUpdate:
            self._meter.filled(event.client_id, self._mono_ns())
        else:
            self._meter.accepted(event.client_id, self._mono_ns())

    def _tell_of(self, world: World, event: Event) -> None:
        """What happened on paper until then comes before it, whatever waits."""
        self._is_telling = True
        try:
            if isinstance(event, MarketEvent):
                world.see(event)
            else:
                world.pass_time(event.at_ns)
        finally:
            self._is_telling = False

    def beside(self, act: Callable[[], object]) -> None:
        """Do something with the world at this moment, beside the engine."""
        assert self._world is not None, "asked where there is one"
        self.take(Tick(self._now_ns()))
        act()
        self._wait_for(self._world)

    def _wait_for(self, world: World) -> None:
        """The moment at which something happens on paper is a timer's, stamped as it was due."""
        due_ns = world.due_ns()
        if due_ns == self._world_ns:
            return
        self._world_ns = due_ns
        if self._world_timer is not None:
            self._world_timer.cancel()
        if due_ns is not None:
            delay_s = max(0.0, (due_ns - self._now_ns()) / SECOND_NS)
            self._world_timer = self._clock.call_later(delay_s, lambda: self.take(Tick(due_ns)))

    # -- out ------------------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        effects = self.engine.step(event)
        if effects:
            self._perform(effects)

    def _step_checked(self, event: Event) -> None:
        """With `--dev`: an event has the shape that its class says, and a record stands before each order. Raises AssertionError."""
        found = misshapen(event)
        assert not found, found
        effects = self.engine.step(event)
        recorded = set()
        for effect in effects:
            if isinstance(effect, Write) and effect.kind == "order.intent":
                recorded.add(effect.fields["id"])
            elif isinstance(effect, Send):
                assert effect.request.client_id in recorded, f"{effect.request.client_id} is sent without a record before it"
        self._perform(effects)

    def _perform(self, effects: list[Effect]) -> None:
        """In order. A record that is not written stops what stands behind it; wishes that are dropped so are told one by one."""
        append, gateways, tape = self.log.append, self.gateways, self._tape
        written = False
        for number, effect in enumerate(effects):
            kind = effect.__class__
            if kind is Write:
                fields: dict[str, Any] = effect.fields  # type: ignore[union-attr,assignment]  # it is a Write
                if tape is not None:
                    fields["f"] = tape.count
                    written = True
                if not append(effect.kind, fields):  # type: ignore[union-attr]  # as above
                    self._unwritten(effects[number + 1 :])
                    return
            elif kind is Send:
                request = effect.request  # type: ignore[union-attr]  # it is a Send
                gateways[venue_of(request.symbol)].send(request)
                self._meter.sent(request.client_id, self._turn_ends_ns - _TURN_NS, self._mono_ns())
            else:
                self._do(effect)
        if written and tape is not None:  # after an order's bytes
            tape.write()

    def _do(self, effect: Effect) -> None:
        match effect:
            case SendList():
                self.gateways[venue_of(effect.requests[0].symbol)].send_list(effect.requests)
            case Cancel():
                self.gateways[venue_of(effect.symbol)].cancel(effect)
            case Query():
                self.gateways[venue_of(effect.symbol)].query(effect)
            case Read():
                self.gateways[effect.venue].read(effect)
            case ReadBars():
                self._bars(effect)
            case WakeAt():
                self._wake(effect.at_ns)
            case Tell():
                self._tell(effect)
            case RunGate():
                self._on_rung(effect)
            case Work():
                self._workers.do(effect)
            case Done():
                if not self.ended.done():
                    self.ended.set_result(effect)
            case _:
                raise AssertionError(f"{type(effect).__name__} is carried out elsewhere")

    def _bars(self, ask: ReadBars) -> None:
        """Ask for bars, in a task of its own; what does not come is asked for again."""
        key = (ask.symbol, ask.interval_ns)
        if key not in self._asking or self._asking[key].done():
            self._asking[key] = asyncio.create_task(self._read_bars(ask), name=f"trader bars {ask.symbol}")

    async def _read_bars(self, ask: ReadBars) -> None:
        """The venue's candles; where it has none of that length, what is being recorded here."""
        venue, rules = venue_of(ask.symbol), self.engine.state.rules_of[ask.symbol]
        try:
            bars = await read_candles(self._rest(venue), VENUES[venue].candles, rules, ask, self._now_ns)
            if not bars.bars:
                found = await asyncio.to_thread(self._recorded, ask, rules, self._now_ns())
                bars = bars if found is None else found
        except (VenueError, LinkError, ArchiveError, OSError) as fault:
            _log.warning("bars of before cannot be read", symbol=ask.symbol, why=str(fault))
            return
        self.take(bars)

    def _unwritten(self, rest: list[Effect]) -> None:
        """The journal refused: nothing that opens or changes is done; what only asks, and timers, go on."""
        now_ns = self._now_ns()
        health = self.log.health()
        self.take(JournalFault(now_ns, health.why))
        for effect in rest:
            if isinstance(effect, Send | SendList):
                text = "the journal cannot be written"
                for asked in effect.requests if isinstance(effect, SendList) else (effect.request,):
                    self.take(NotSent(at_ns=now_ns, client_id=asked.client_id, symbol=asked.symbol, code="journal", text=text))
            elif isinstance(effect, Write):
                if self._tape is not None:
                    effect.fields["f"] = self._tape.count
                self.log.append(effect.kind, effect.fields)
            else:
                self._do(effect)

    def _wake(self, at_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max(0.0, (at_ns - self._now_ns()) / SECOND_NS)
        self._timer = self._clock.call_later(delay_s, lambda: self._woken(at_ns))

    def _woken(self, at_ns: int) -> None:
        """A timer goes by the steady clock, and may be early by the wall clock, as one that is slewed goes more slowly: what is asked for
        then would have been asked before the moment that it is for."""
        if 0 < at_ns - self._now_ns() < _EARLY_NS:
            self._wake(at_ns)
        else:
            self.take(Tick(at_ns))

    def _tell(self, effect: Tell) -> None:
        say: Any = {"info": _log.info, "warning": _log.warning, "error": _log.error}[effect.level]
        say(effect.text, **dict(effect.fields))
        self._on_change(effect.text)

    def _on_rung(self, effect: RunGate) -> None:
        """The latch keeps what is latched; at FLATTEN the exit begins, unless it is somebody else's."""
        if effect.rung >= Rung.REDUCING:
            self.latch.set_rung(effect.rung, incident=effect.incident, cause=effect.why, by="trader", at_ns=self._now_ns())
        if effect.rung is Rung.FLATTEN:
            for gateway in self.gateways.values():
                gateway.freeze()
            if self._on_flatten is not None and not self._frozen_from_outside:
                self._on_flatten(asked_for=effect.cause == Cause.STOPPED_FLATTEN)
        elif effect.rung < Rung.HALTED:
            for gateway in self.gateways.values():
                gateway.is_frozen = False
        self._on_rung_moved(effect)
        self._on_change(effect.why)

    # -- each second ------------------------------------------------------------------------------------------------------

    def _look_at_clocks(self) -> None:
        """A machine whose clock is wrong decides nothing; cancels and closes are signed with the venue's time all the same."""
        off = {venue: gateway.clock_off_ns for venue, gateway in self.gateways.items()}
        wrong = [f"{venue}: {ns / 1e6:+.0f} ms" for venue, ns in off.items() if abs(ns) > _CLOCK_LIMIT_NS]
        if bool(wrong) != self._clock_is_wrong:
            self._clock_is_wrong = bool(wrong)
            why = f"the venue's clock against this machine's: {', '.join(wrong)}" if wrong else "as the venue's"
            self.take(Alarm(at_ns=self._now_ns(), kind=Cause.CLOCK.value, why=why, bad=bool(wrong)))

    async def _beats(self) -> None:
        """The account's streams live; somebody set the latch from outside."""
        beats = 0
        while True:
            await self._clock.sleep(_LOOK_S)
            beats += 1
            if self._tape is not None:
                self._tape.write()
            if beats % _STATUS_LOOKS == 0:
                self._on_status_line(status_line(self.engine, self._now_ns()))
            if beats % _TIDY_LOOKS == _TIDY_FIRST:
                self._measures.tidy(beats // _TIDY_LOOKS)
            if beats % _LOOKS == 0:
                for venue, gateway in self.gateways.items() if self._world is None else ():
                    if gateway.is_live:
                        self.take(StreamUpdate(at_ns=self._now_ns(), venue=venue, live=True, missed=False))
                self._look_at_clocks()
                self._measures.second(self._bus.most_waiting())
            if self.latch.is_news:
                said = self.latch.state()
                self.latch.seen()
                if said.rung > Rung.ACTIVE:
                    self._frozen_from_outside = True
                    self.command(CommandKind.FREEZE, who=said.by, text=f"{said.cause} {said.detail}".strip(), incident=said.incident)
                else:
                    self._frozen_from_outside = False
                    self.command(CommandKind.RESUME, who=said.by, text=said.incident)
