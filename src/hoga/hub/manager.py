"""hub.manager: the one manager of a process: components in, connections out, everything in between kept true.

    register ─▶ subscriptions ─(pace)─▶ wires ─▶ inlet ─▶ doors ─▶ pool, routes ─▶ components

Components are held weakly: one that is collected leaves by itself. Three tasks run: health every 30 s, sweep of dead
references every 60 s, metrics every 10 s; and once a second wires are looked after. All on an injectable clock.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from threading import get_ident
from typing import Any, TypeVar

from hoga.core.errors import ProtocolMisuse
from hoga.core.instrument import InstrumentStatus
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.alerts import AlertKind, Arg
from hoga.hub.asked import Asked
from hoga.hub.components import Components, OnStatus
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, SubscriptionErrorEvent, WaitingEvent
from hoga.hub.health import Health, OnAlert
from hoga.hub.independence import ConnectionIndependenceMonitor
from hoga.hub.inlet import HubInlet
from hoga.hub.instance import OVER, OnePerProcess
from hoga.hub.mailbox import Overflow
from hoga.hub.metrics import ConnectionMetrics
from hoga.hub.pace import Pace
from hoga.hub.performance import PerformanceMetrics
from hoga.hub.pool import DataPoolManager
from hoga.hub.port import CanBeDoubted, NeedsKeys, RateLimit, SpellsItsOwn, TellsOfItself, Wire, WireKey
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.hub.resolve import Resolver
from hoga.hub.routing import Callback, DataRoutingEngine, Delivery, RoutingStats
from hoga.hub.states import MANAGER_MOVES, GlobalManagerState, Standing, WebSocketType
from hoga.hub.subscriptions import (
    Change,
    ComponentSubscription,
    Mode,
    SubscriptionSpec,
    SubscriptionStateManager,
    checked_specs,
    unknown_venue,
)
from hoga.hub.telling import Telling
from hoga.hub.unserved import Unserved
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every
from hoga.venues.spec import VenueSpec

__all__ = ["GlobalWebSocketManager", "OnAlert", "OnStatus"]

_log = get_log("hub")

T = TypeVar("T")

HEALTH_S, SWEEP_S, METRICS_S, TICK_S = 30.0, 60.0, 10.0, 1.0
LINGER_S, _LINGER_MOST = 5.0, 32
"""Public streams that nobody wants any more stay so long, and so many."""
_ASK_SYMBOLS_S = 3600.0


class GlobalWebSocketManager(OnePerProcess):
    """See the module. `get_instance` gives the process's own; tests make theirs from wires.

    `clock` is that of all timers. `config`: what its wires were made of, for those that it
    serves; None when nobody said.
    """

    def __init__(
        self,
        wires: Iterable[Wire],
        venues: Mapping[str, VenueSpec],
        *,
        clock: Clock = SYSTEM,
        linger_s: float = LINGER_S,
        pace: Pace | None = None,
        config: object = None,
    ) -> None:
        self._standing = Standing(MANAGER_MOVES, GlobalManagerState.IDLE)
        self.config = config
        self.engine = DataRoutingEngine(on_fell=self._fell)
        self.pool = DataPoolManager(self.engine, latest=self.latest)
        self.independence = ConnectionIndependenceMonitor()
        self.resolver = Resolver(venues)
        self.subscriptions = SubscriptionStateManager(self.resolver, private=self._is_private)
        self._venues = dict(venues)
        self._clock = clock
        self._now = clock.monotonic
        self._wires: dict[WireKey, Wire] = {}
        self._inlets: dict[WireKey, HubInlet] = {}
        self._telling = Telling(
            self._wires, self._inlets, self.subscriptions,
            key_of=self._key_of, now=self._now, pace=pace or Pace(), linger_s=linger_s, linger_most=_LINGER_MOST,
        )  # fmt: skip
        self._components = Components(self.subscriptions, leave=self._leave)
        self._unserved = Unserved(self._inlets, self.resolver, self._key_of, self.subscriptions.is_wanted)
        self._health = Health(self._wires, self._inlets, self._now)
        self.alerts, self.on_alert = self._health.alerts, self._health.on_alert
        self._tasks: list[asyncio.Task[None]] = []
        self._stops = False
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        for wire in wires:
            self.add_wire(wire)

    def add_wire(self, wire: Wire) -> None:
        """One more venue or kind. Connections of different wires share nothing."""
        key = (wire.venue, wire.kind)
        self._wires[key] = wire
        spec = wire.spelling if isinstance(wire, SpellsItsOwn) else self._venues[wire.venue]
        self._inlets[key] = HubInlet(
            spec,
            wire.kind,
            self.engine,
            independence=self.independence,
            on_epoch=self._epoch,
            on_private=self._private_event,
            on_refused=self._refused,
            clock=self._clock,
        )
        if self.state is not GlobalManagerState.IDLE:
            wire.start(self._inlets[key])

    def start(self) -> None:
        """Begin, once. Raises ProtocolMisuse when it was begun before."""
        if self.state is not GlobalManagerState.IDLE:
            hint = "get_instance() gives a started one" if self.state in OVER else "it runs already"
            raise ProtocolMisuse(f"start of a manager that is {self.state}", hint=hint)
        self._standing.become(GlobalManagerState.STARTING)
        for key, wire in self._wires.items():
            wire.start(self._inlets[key])
        for name, every_s, act in (
            ("health", HEALTH_S, self.check_health),
            ("sweep", SWEEP_S, self.sweep),
            ("metrics", METRICS_S, self.collect_metrics),
            ("tick", TICK_S, self.tick),
        ):
            self._task(name, every(every_s, act, log=_log, clock=self._clock))
        for wire in self._wires.values():
            self._task(f"symbols {wire.venue}", self._ask_symbols(wire))
        self._standing.become(GlobalManagerState.ACTIVE)

    async def stop(self) -> None:
        """Everybody leaves, all connections end. Calling it again does nothing, or goes on with what was cancelled."""
        if self._stops or self.state is GlobalManagerState.STOPPED:
            return
        self._stops = True
        try:
            await self._stop()
        finally:
            self._stops = False

    async def _stop(self) -> None:
        if self.state not in (GlobalManagerState.IDLE, GlobalManagerState.STOPPING):
            self._standing.become(GlobalManagerState.STOPPING)
        tasks = [*self._tasks, *self._components.telling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._telling.close()
        await asyncio.gather(*(wire.stop() for wire in self._wires.values()), return_exceptions=True)
        for component_id in self._components.ids():
            self._leave(component_id)
        self.engine.close()
        self._standing.become(GlobalManagerState.STOPPED)

    # -- components ---------------------------------------------------------------------------------------------

    async def register_component(
        self,
        component_id: str,
        component_instance: object,
        subscriptions: list[SubscriptionSpec],
        callback: Callback,
        *,
        overflow: Overflow = Overflow.DROP_OLDEST,
        capacity: int = 1000,
        interval_s: float = 0.1,
        delivery: Delivery = Delivery.AUTO,
        on_status: OnStatus | None = None,
    ) -> ComponentSubscription:
        """Serve `callback` what the component asks for, until it leaves or is collected.

        Args:
            component_instance: held weakly; when it is collected, its subscriptions end. Must take weak references.
            callback: gets each event. A plain function is called in another thread (see `Delivery`), an async one on the loop.
            overflow, capacity, interval_s: what happens to events it does not keep up with; `interval_s` is of THROTTLE.
            on_status: told on the loop of new epochs and of symbols that cannot be served; may be an async function.

        Returns:
            What it wants now. `errors` lists what cannot be served, then and later.

        Raises:
            ArgumentError (a ValueError and a TypeError): an argument makes no sense. SubscriptionError: nothing of a wish
            does. ProtocolMisuse: the manager was stopped, or this is another thread than its loop's (see `submit`). Nothing has
            changed then.

        Registering an id again replaces its wishes, callback and policy (and its component; told in the log where the one
        before still lives). Streams that stay are not disturbed: what waits
        of them goes to the new callback, nothing of them is told again, and the figures go on.
        """
        self._check_usable()
        who = checks.identity(component_id, "register_component", "component_id")
        checks.owner_of(component_instance, who, "component_instance")
        specs = checked_specs(subscriptions, who)
        checks.callback_of(callback, who, "callback")
        if on_status is not None:
            checks.callback_of(on_status, who, "on_status")
        delivery = checks.choice(Delivery, delivery, who, "delivery")
        if delivery is Delivery.INLINE and checks.is_async(callback):
            raise ArgumentError(who, "delivery", "'inline' with an async function", "a plain function, which is over when it returns")
        overflow = checks.choice(Overflow, overflow, who, "overflow")
        checks.count(capacity, who, "capacity")
        interval_s = checks.number(interval_s, who, "interval_s")
        had = self.subscriptions.modes_of(who)
        subscription, change = self.subscriptions.register(who, specs)
        self._components.add(who, component_instance, subscription, on_status)
        self.engine.add_consumer(
            who,
            callback,
            owner=component_instance,
            delivery=delivery,
            overflow=overflow,
            capacity=capacity,
            interval_s=interval_s,
            streams=subscription.streams,
        )
        self._note_change(change)
        for stream, mode in list(subscription.streams.items()):
            self._serve(who, stream, mode, had.get(stream))
        for error in subscription.errors:
            self._components.tell_error(error)
        self._tell_private_states(who, subscription)
        return subscription

    def _check_place(self) -> None:
        """Raises ProtocolMisuse in another thread or loop than the manager's."""
        if self._loop.is_closed():
            hint = "await hoga.GlobalWebSocketManager.get_instance() again, in each asyncio.run"
            raise ProtocolMisuse("the manager's event loop is over, and so is the manager", hint=hint)
        if get_ident() != self._thread:
            raise ProtocolMisuse("the manager belongs to another thread's event loop", hint="manager.submit(…) asks it from here")

    def _check_usable(self) -> None:
        self._check_place()
        if self.state in OVER:
            raise ProtocolMisuse("the manager was stopped", hint="GlobalWebSocketManager.get_instance() makes a new one")

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Have `work` (a coroutine, like `manager.register_component(…)`) done on the manager's loop, from any thread.

        Returns at once; `.result(seconds)` of what it returns waits, `.cancel()` cancels the work. On the loop itself (in
        `on_status`, in async callbacks) `result` raises ProtocolMisuse. Raises ArgumentError, ProtocolMisuse.
        """
        checks.work_of(work, "submit")
        if self._loop.is_closed():
            work.close()
            self._check_place()
        return Asked(work, self._loop, self._thread, "submit(…).result()")

    async def unregister_component(self, component_id: str) -> None:
        """The component leaves. Unknown ids, and leaving twice, do nothing. Events under way are dropped.

        Raises ArgumentError: it is no id. ProtocolMisuse: this is another thread or loop than the manager's.
        """
        who = checks.identity(component_id, "unregister_component", "component_id")
        self._check_place()
        self._leave(who)

    def _serve(self, component_id: str, stream: Stream, mode: Mode, had: Mode | None) -> None:
        """`had`: what of the stream the component wanted already; nothing of that is told again."""
        consumer = self.engine.consumer(component_id)
        if consumer is None:  # it could not even take the events before
            return
        latest = None if self._is_private(stream) else self.latest(stream)
        if mode is Mode.SNAPSHOT:
            if latest is not None:
                self.engine.put(component_id, latest)
                self._served(component_id, stream)
            else:
                self.engine.add_once(component_id, stream, lambda: self._served(component_id, stream))
            return
        if latest is not None and mode is Mode.BOTH and had in (None, Mode.SNAPSHOT):
            self.engine.put(component_id, latest)
        if mode is Mode.REALTIME and self._venues[stream.venue].describe(stream.channel).record.replay_pattern is not None:
            self.engine.add_live(component_id, stream)
        else:
            self.engine.register_route(stream, consumer.put, component_id)

    def _served(self, component_id: str, stream: Stream) -> None:
        self.engine.leave(component_id, stream)
        self._note_change(self.subscriptions.snapshot_served(component_id, stream))

    def latest(self, stream: Stream) -> BaseWebSocketEvent | None:
        """The newest event of a stream that is alive: what a snapshot would say."""
        inlet = self._inlets.get(self._key_of(stream))
        door = inlet.doors.get(stream) if inlet is not None else None
        event = door.last_event if door is not None else None
        return event if event is not None and self.is_live(event) else None

    def owner_of(self, component_id: str) -> object | None:
        """Who registered under that id, None when nobody did or it is gone."""
        return self._components.owner_of(component_id)

    def missing_keys(self, stream: Stream) -> str:
        """What to do before a private stream can come, "" when nothing is missing."""
        wire = self._wires.get(self._key_of(stream))
        return wire.missing_keys() if isinstance(wire, NeedsKeys) else ""

    def suspect_private(self, venue: str, why: str) -> None:
        """Make a second login beside the private connection of `venue`, and read both until one is proved good: you have a reason, `why`,
        to doubt that everything comes. Nothing happens where none is live, or within half a minute of the last one. Raises
        ArgumentError."""
        who = "suspect_private"
        if venue not in self._venues:
            names = ", ".join(self._venues)
            raise ArgumentError(who, "venue", checks.shown(venue), f"one of {names}", near=checks.nearest(venue, self._venues))
        reason = checks.identity(why, who, "why")
        wire: object = self._wires.get((venue, WebSocketType.PRIVATE))
        if isinstance(wire, CanBeDoubted):
            wire.suspect(reason)

    def sweep(self) -> None:
        """Let components go whose owners are collected; looks at all of them."""
        self._components.sweep()

    def _leave(self, component_id: str) -> None:
        if not self._components.remove(component_id):
            return
        self.engine.unregister_routes(component_id)
        self.pool.unregister_client(component_id)
        self._note_change(self.subscriptions.unregister(component_id))

    # -- streams ------------------------------------------------------------------------------------------------

    def _note_change(self, change: Change) -> None:
        if not change.added and not change.removed:
            return
        now = self._now()
        for stream in change.added:
            self._unserved.since[stream] = now
        for stream in change.removed:
            self._unserved.forget(stream)
            self.resolver.forget(stream)
            self._telling.left(stream)
        self._telling.changed()

    def _key_of(self, stream: Stream) -> WireKey:
        return stream.venue, WebSocketType.PRIVATE if self._is_private(stream) else WebSocketType.PUBLIC

    def _type_of(self, stream: Stream) -> str:
        return str(self._venues[stream.venue].describe(stream.channel).data_type or stream.channel)

    def _is_private(self, stream: Stream) -> bool:
        return self._venues[stream.venue].is_private(stream.channel)

    def is_live(self, event: BaseWebSocketEvent) -> bool:
        """Whether the life of the connection that brought `event` is alive: what it says may still hold."""
        inlet = self._inlets.get(self._key_of(event.stream))
        return inlet is not None and event.epoch in inlet.epochs.alive(event.conn)

    def carried(self, venue: str, conn: str, epoch: int) -> list[Stream]:
        """The streams of one life of a connection."""
        return [stream for (name, _), inlet in self._inlets.items() if name == venue for stream in inlet.carried(conn, epoch)]

    def open_lives(self, conn: str) -> list[tuple[str, int]]:
        """(venue, epoch) of every life of the connection that is alive; more than one while it hands over."""
        return [(inlet.spec.name, epoch) for inlet in self._inlets.values() for epoch in inlet.open_lives(conn)]

    def connections(self) -> list[str]:
        """The names of all that bring anything, or did and are looked for."""
        return [conn for inlet in self._inlets.values() for conn in inlet.books]

    def kind_of(self, stream: Stream) -> WebSocketType:
        """Public, or an account's."""
        return self._key_of(stream)[1]

    def type_of(self, component_id: str, venue: str, channel: str, symbols: Sequence[str] = ()) -> DataType:
        """The type of data of a venue's channel. Raises SubscriptionError (naming `symbols`) for one that cannot be served."""
        try:
            data_type = self._venues[venue].channel_of(channel).data_type
        except (KeyError, ValueError) as fault:
            raise SubscriptionError(component_id, venue, tuple(symbols), f"no channel {channel!r} of {venue!r} here") from fault
        if data_type is None:
            raise SubscriptionError(component_id, venue, tuple(symbols), f"{channel} can be recorded, but not served")
        return data_type

    async def symbols(self, venue: str) -> list[str]:
        """All symbols that `venue` trades now, in its own order: what `SYMBOLS = ALL` means, by name.

        Asked of the venue at most once an hour. Raises SubscriptionError for a venue that is unknown, or cannot be asked now;
        ProtocolMisuse as `register_component` does.
        """
        self._check_usable()
        if venue not in self._venues:
            raise unknown_venue("symbols", str(venue), self._venues)
        wires = [wire for (name, kind), wire in self._wires.items() if name == venue and kind is WebSocketType.PUBLIC]
        known = self.resolver.known.get(venue) or (await wires[0].known_symbols() if wires else None)
        if not known:
            raise SubscriptionError("symbols", venue, (), "the venue does not tell its symbols now", hint="ask again a little later")
        return [symbol for symbol, status in known.items() if status == InstrumentStatus.TRADING]

    @property
    def served(self) -> list[WireKey]:
        """Venues and kinds of streams there are connections for."""
        return list(self._wires)

    # -- status -------------------------------------------------------------------------------------------------

    def _epoch(self, event: EpochEvent, streams: list[Stream]) -> None:
        self._components.tell_wanting(streams, event)
        self._loop.call_soon(self._look_at_connections)

    def _private_event(self, inlet: HubInlet, event: PrivateStateEvent | MissedEvent) -> None:
        """For everybody who wants anything of that account, or of that venue."""
        self._components.tell_wanting(self._telling.streams((inlet.spec.name, inlet.kind)), event)

    def _tell_private_states(self, component_id: str, subscription: ComponentSubscription) -> None:
        """Who comes later learns what the others know."""
        for key in {self._key_of(stream) for stream in subscription.streams if self._is_private(stream)}:
            inlet = self._inlets.get(key)
            if inlet is not None and inlet.private_state is not None and self._telling.streams(key):
                self._components.tell(component_id, inlet.private_state)

    def _fell(self, component_id: str, fault: BaseException) -> None:
        """A component whose events cannot even be put to it was let go by the engine."""
        if component_id not in self._components:
            return
        error = SubscriptionError(component_id, "", (), f"let go: {type(fault).__name__}: {fault}")
        self._components.note(error)
        self._components.tell(component_id, SubscriptionErrorEvent(error=error))
        self._leave(component_id)

    # -- timers -------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Once a second: look after wires, and find streams that nobody serves."""
        now = self._now()
        for key, wire in self._wires.items():
            wire.tick()
            self._inlets[key].watch(now)
        for stream, why, for_good in self._unserved.find(now):
            (self._reject if for_good else self._complain)(stream, why)
        self._tell_delayed()
        self._look_at_connections()

    def _look_at_connections(self) -> None:
        down = self._health.look_at_connections()
        if self.state in (GlobalManagerState.ACTIVE, GlobalManagerState.DEGRADED):
            self._standing.become(GlobalManagerState.DEGRADED if down else GlobalManagerState.ACTIVE)

    def _tell_delayed(self) -> None:
        """Those who want them learn of streams that wait for a venue's limits longer than any change may."""
        for venue, streams, wait_s in self._unserved.find_delayed(self._wires.values(), self._telling.bound_s):
            for component_id in dict.fromkeys(name for stream in streams for name in self.subscriptions.components_of(stream)):
                mine = self.subscriptions.modes_of(component_id)
                symbols = tuple(dict.fromkeys(stream.symbol for stream in streams if stream in mine))
                self._components.tell(component_id, WaitingEvent(venue=venue, symbols=symbols, wait_s=wait_s))

    def _reject(self, stream: Stream, why: str) -> None:
        for subscription in self.subscriptions.reject(stream, why, data_type=self._type_of(stream)):
            self.engine.leave(subscription.component_id, stream)
            self._components.tell_error(subscription.errors[-1])
        self._note_change(Change([], [stream]))
        self._telling.forget(stream)

    def _complain(self, stream: Stream, why: str) -> None:
        for component_id in self.subscriptions.components_of(stream):
            error = SubscriptionError(component_id, stream.venue, (stream.symbol,), why, data_type=self._type_of(stream))
            self._components.note(error)
            self._components.tell_error(error)

    def _refused(self, stream: Stream, why: str) -> None:
        """A wire cannot bring it: those who want it are told, once."""
        if self._unserved.suspect(stream):
            self._complain(stream, why)

    def check_health(self) -> None:
        """Every 30 s: do the connections bring what can be read, and are components still there?"""
        self.sweep()
        self._look_at_connections()
        self._health.look_at_frames()

    def observe(self, kind: AlertKind, subject: str, *, bad: bool, text: str, code: str = "", args: Mapping[str, Arg] = {}) -> None:
        """For those who see a gap, a full disk, a wrong clock: raise or end an alert."""
        self._health.observe(kind, subject, bad=bad, text=text, now=self._now(), code=code, args=args)

    def collect_metrics(self) -> None:
        """Every 10 s."""
        self.get_connection_metrics()
        for inlet in self._inlets.values():
            inlet.collect(self._now())

    async def _ask_symbols(self, wire: Wire) -> None:
        """As soon as anything of the venue is wanted, and every hour."""
        await self._telling.until_used((wire.venue, wire.kind))
        while True:
            known = await wire.known_symbols()
            if known:
                self.resolver.known[wire.venue] = known
            await self._clock.sleep(_ASK_SYMBOLS_S if known else 30.0)

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._loop.create_task(work, name=f"hub {name}"))

    # -- figures ------------------------------------------------------------------------------------------------

    def get_connection_metrics(self) -> dict[str, ConnectionMetrics]:
        """By connection name."""
        return self._health.connections()

    async def list_subscriptions(self, venue: str | None = None) -> dict[str, frozenset[str] | None]:
        """What the venues themselves have subscribed, by connection: names in their own words; None: it did not tell.

        Asks each connection of `venue` (None: of all), within its limits. Raises SubscriptionError for an unknown venue.
        """
        if venue is not None and venue not in self._venues:
            raise unknown_venue("list_subscriptions", venue, self._venues)
        asked = [wire for wire in self._wires.values() if isinstance(wire, TellsOfItself) and venue in (None, wire.venue)]
        found: dict[str, frozenset[str] | None] = {}
        for each in await asyncio.gather(*(wire.list_subscriptions() for wire in asked)):
            found |= each
        return found

    def get_rate_limits(self) -> list[RateLimit]:
        """How the venues' limits stand: connects, REST calls, requests of each connection."""
        return [limit for wire in self._wires.values() if isinstance(wire, TellsOfItself) for limit in wire.rate_limits()]

    def get_routing_statistics(self) -> RoutingStats:
        """Of the routing engine."""
        return self.engine.get_routing_statistics()

    def get_performance_metrics(self) -> PerformanceMetrics:
        """Of the whole hub."""
        routing, streams = self.engine.get_routing_statistics(), self.subscriptions.streams
        return self._health.performance(self.state, routing, components=len(self._components), streams=streams)

    @property
    def state(self) -> GlobalManagerState:
        """What it is doing; moves by `hub.states.MANAGER_MOVES` only."""
        return self._standing.state

    def __repr__(self) -> str:
        return f"<GlobalWebSocketManager {self.state} {len(self._components)} components {self.subscriptions.streams} streams>"
