"""hub.routing: from a stream to the consumers that want it. Each has a mailbox, a policy and a way of being called.

    socket ──▶ Route.deliver ──▶ mailbox ──▶ courier thread   (plain function)
                                        ├──▶ task on the loop (async function)
                                        └──▶ at once          (`Delivery.INLINE`, for trusted functions of microseconds)

Delivering costs one append per consumer and decodes nothing. A consumer that raises, blocks, or hands back something to
be awaited delays nobody; its errors are counted, and the first of each kind is logged with its name.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from functools import partial
from threading import get_ident
from time import monotonic, time_ns
from typing import Any, cast

import msgspec

from hoga.core.streams import Stream
from hoga.hub.couriers import Couriers
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.mailbox import Mailbox, Overflow, make_mailbox
from hoga.hub.metrics import percentile
from hoga.runtime.logs import get_log

__all__ = ["Callback", "Consumer", "ConsumerStats", "DataRoutingEngine", "Delivery", "Route", "RoutingStats"]

_log = get_log("hub")

Callback = Callable[[Any], object]
"""Takes an event; may be an async function."""
Put = Callable[[BaseWebSocketEvent], object]

_BATCH = 256
_LOOK_S = 0.025
_SAMPLES = 1024


class Delivery(StrEnum):
    """How a consumer is called. AUTO: async functions on the loop, plain ones by a courier."""

    AUTO = "auto"
    THREAD = "thread"
    LOOP = "loop"
    INLINE = "inline"


class ConsumerStats(msgspec.Struct, frozen=True, kw_only=True):
    """Of one consumer. `slow`: it has held up its courier."""

    component_id: str
    accepted: int
    delivered: int
    dropped: int
    waiting: int
    errors: int
    slow: bool
    routes: int


class RoutingStats(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole engine. Latencies in ms, socket read → callback, None before the first sample."""

    routes: int
    consumers: int
    routed: int
    unrouted: int
    delivered: int
    dropped: int
    errors: int
    couriers: int
    latency_mean_ms: float | None
    latency_p99_ms: float | None
    by_consumer: dict[str, ConsumerStats]


class Route:
    """Everything that happens to events of one stream. `puts` is replaced, never changed: a delivery under way is not disturbed.

    A `pinned` route stays though nobody wants it: whoever brings the frames holds it.
    """

    __slots__ = ("_members", "pinned", "puts", "routed", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.puts: tuple[Put, ...] = ()
        self.routed = 0
        self.pinned = False
        self._members: dict[str, Put] = {}

    def deliver(self, event: BaseWebSocketEvent) -> None:
        """Hand it to every consumer."""
        self.routed += 1
        for put in self.puts:
            put(event)

    def add(self, component_id: str, put: Put) -> None:
        """One more; adding it again replaces what is called."""
        self._members[component_id] = put
        self.puts = tuple(self._members.values())

    def remove(self, component_id: str) -> None:
        """One less."""
        if self._members.pop(component_id, None) is not None:
            self.puts = tuple(self._members.values())


class Consumer:
    """One component as the engine sees it. `callback` is held weakly when it is a method of `owner`."""

    def __init__(
        self,
        component_id: str,
        callback: Callback,
        engine: DataRoutingEngine,
        *,
        owner: object | None,
        delivery: Delivery,
        overflow: Overflow,
        capacity: int,
        interval_s: float,
    ) -> None:
        self.component_id = component_id
        self.delivered = self.errors = 0
        self.slow = False
        self.routes: set[Stream] = set()
        self._engine = engine
        self._callback = _hold(callback, owner)
        self._interval_s = interval_s
        self._handed_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        if delivery is Delivery.AUTO:
            delivery = Delivery.LOOP if inspect.iscoroutinefunction(_inner(callback)) else Delivery.THREAD
        self.delivery = delivery
        wake = self._wake_loop if delivery is Delivery.LOOP else self._wake_courier
        if overflow is Overflow.THROTTLE:
            wake = partial(self._later, wake)
        self._errand: Callable[[], object] = self._hand_over
        self.box: Mailbox = make_mailbox(overflow, wake, capacity=capacity)
        self.put: Put = self._call_inline if delivery is Delivery.INLINE else self.box.put

    # -- being called -------------------------------------------------------------------------------------------

    def _wake_courier(self, box: Mailbox) -> None:
        self._engine.couriers.send(self._errand)

    def _wake_loop(self, box: Mailbox) -> None:
        loop = self._engine.loop
        if self._engine.on_loop():
            self._task = loop.create_task(self._hand_over_async(), name=f"hub consumer {self.component_id}")
        else:
            loop.call_soon_threadsafe(self._wake_loop, box)

    def _later(self, wake: Callable[[Mailbox], object], box: Mailbox) -> None:
        wait = self._handed_at + self._interval_s - monotonic()
        loop = self._engine.loop
        if wait <= 0:
            wake(box)
        elif self._engine.on_loop():
            loop.call_later(wait, wake, box)
        else:
            loop.call_soon_threadsafe(loop.call_later, wait, wake, box)

    def _hand_over(self) -> None:
        """By a courier."""
        box, callback = self.box, self._callback()
        self._handed_at = monotonic()
        for _ in range(_BATCH):
            event = box.take()
            if event is None or callback is None or box.closed:
                break
            self._sample(event)
            try:
                answer = callback(event)
                if answer is not None and inspect.isawaitable(answer):
                    self._await_elsewhere(answer)
            except Exception as fault:  # noqa: BLE001  # a consumer's fault is the consumer's: counted, logged once a kind
                self._failed(fault)
            self.delivered += 1
        del callback
        box.rest()

    async def _hand_over_async(self) -> None:
        """As a task of its own, on the loop."""
        box, callback = self.box, self._callback()
        self._handed_at = monotonic()
        for _ in range(_BATCH):
            event = box.take()
            if event is None or callback is None or box.closed:
                break
            self._sample(event)
            try:
                answer = callback(event)
                if answer is not None and inspect.isawaitable(answer):
                    await answer
            except Exception as fault:  # noqa: BLE001  # as above
                self._failed(fault)
            self.delivered += 1
        del callback
        self._task = None
        box.rest()

    def _call_inline(self, event: BaseWebSocketEvent) -> None:
        callback = self._callback()
        if callback is None:
            return
        self.box.accepted += 1
        if not self.delivered & 63:
            self._sample(event)
        try:
            callback(event)
        except Exception as fault:  # noqa: BLE001  # as above
            self._failed(fault)
        self.delivered += 1

    def _await_elsewhere(self, answer: Awaitable[object]) -> None:
        """A plain function handed back something to be awaited: it is, on the loop, before its next event."""
        done: Any = asyncio.run_coroutine_threadsafe(_awaited(answer), self._engine.loop)
        done.result()

    def _failed(self, fault: Exception) -> None:
        self.errors += 1
        kind = type(fault).__name__
        if kind not in self._told:
            self._told.add(kind)
            _log.failure("a consumer failed", fault, component=self.component_id, note="told once; further ones are counted")

    def _sample(self, event: BaseWebSocketEvent) -> None:
        self._engine.ages_ns.append(time_ns() - event.recv_ns)

    # -- state --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing more is handed over; what waits is dropped without being counted (nobody is there to miss it)."""
        self.box.close()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def stats(self) -> ConsumerStats:
        """Figures of now."""
        box = self.box
        return ConsumerStats(
            component_id=self.component_id,
            accepted=box.accepted,
            delivered=self.delivered,
            dropped=box.dropped,
            waiting=box.waiting,
            errors=self.errors,
            slow=self.slow,
            routes=len(self.routes),
        )


class DataRoutingEngine:
    """All routes and consumers. Made on the event loop; everything but the couriers' calls happens there."""

    def __init__(self, *, couriers: Couriers | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.couriers = couriers or Couriers(on_slow=self._slow)
        self.ages_ns: deque[int] = deque(maxlen=_SAMPLES)
        self._thread = get_ident()
        self._routes: dict[Stream, Route] = {}
        self._consumers: dict[str, Consumer] = {}
        self._unrouted = 0
        self._past = [0, 0, 0, 0]
        self._looking: asyncio.TimerHandle | None = None

    def on_loop(self) -> bool:
        """Whether this is the loop's thread."""
        return get_ident() == self._thread

    # -- who gets what ------------------------------------------------------------------------------------------

    def add_consumer(
        self,
        component_id: str,
        callback: Callback,
        *,
        owner: object | None = None,
        delivery: Delivery = Delivery.AUTO,
        overflow: Overflow = Overflow.DROP_OLDEST,
        capacity: int = 1000,
        interval_s: float = 0.1,
    ) -> Consumer:
        """A consumer without routes yet. An id that is there already is replaced."""
        self.unregister_routes(component_id)
        consumer = Consumer(
            component_id, callback, self, owner=owner, delivery=delivery, overflow=overflow, capacity=capacity, interval_s=interval_s
        )
        self._consumers[component_id] = consumer
        if self._looking is None:
            self._looking = self.loop.call_later(_LOOK_S, self._look)
        return consumer

    def set_routes(self, component_id: str, streams: Iterable[Stream]) -> None:
        """The consumer gets exactly these streams from now on."""
        consumer = self._consumers[component_id]
        wanted = set(streams)
        for stream in consumer.routes - wanted:
            self._leave(stream, component_id)
        for stream in wanted - consumer.routes:
            self.route(stream).add(component_id, consumer.put)
        consumer.routes = wanted

    def add_once(self, component_id: str, stream: Stream, served: Callable[[], object]) -> None:
        """The consumer gets the next event of `stream` only; `served` is called then, on the loop."""
        consumer, left = self._consumers[component_id], [1]

        def put(event: BaseWebSocketEvent) -> None:
            if left:
                left.clear()
                consumer.put(event)
                self.loop.call_soon(served)

        self.route(stream).add(component_id, put)
        consumer.routes.add(stream)

    def leave(self, component_id: str, stream: Stream) -> None:
        """The consumer does not want this stream any more."""
        consumer = self._consumers.get(component_id)
        if consumer is not None and stream in consumer.routes:
            consumer.routes.discard(stream)
            self._leave(stream, component_id)

    def route(self, stream: Stream) -> Route:
        """The route of a stream, made when there is none."""
        route = self._routes.get(stream)
        if route is None:
            route = self._routes[stream] = Route(stream)
        return route

    def register_route(self, stream: Stream, callback: Callback, component_id: str) -> None:
        """One stream for one component; its consumer is made when there is none, with the usual policy."""
        consumer = self._consumers.get(component_id) or self.add_consumer(component_id, callback)
        self.route(stream).add(component_id, consumer.put)
        consumer.routes.add(stream)

    def unregister_routes(self, component_id: str) -> None:
        """The component leaves; what waits for it is dropped."""
        consumer = self._consumers.pop(component_id, None)
        if consumer is None:
            return
        for stream in consumer.routes:
            self._leave(stream, component_id)
        consumer.close()
        stats = consumer.stats()
        for at, number in enumerate((stats.delivered, stats.dropped, stats.errors)):
            self._past[at] += number

    def _leave(self, stream: Stream, component_id: str) -> None:
        route = self._routes.get(stream)
        if route is not None:
            route.remove(component_id)
            self._drop(route)

    def leave_route(self, stream: Stream, member: str) -> None:
        """A member that was added to the route itself leaves."""
        self._leave(stream, member)

    def pin(self, stream: Stream) -> Route:
        """The route of a stream, kept until `unpin`."""
        route = self.route(stream)
        route.pinned = True
        return route

    def unpin(self, stream: Stream) -> None:
        """Nobody brings it any more."""
        route = self._routes.get(stream)
        if route is not None:
            route.pinned = False
            self._drop(route)

    def _drop(self, route: Route) -> None:
        if not route.puts and not route.pinned:
            self._past[3] += route.routed
            del self._routes[route.stream]

    # -- events -------------------------------------------------------------------------------------------------

    def route_event(self, event: BaseWebSocketEvent) -> None:
        """Hand an event to everybody who wants its stream."""
        route = self._routes.get(event.stream)
        if route is None:
            self._unrouted += 1
        else:
            route.deliver(event)

    async def publish(self, event: BaseWebSocketEvent) -> None:
        """The same for producers that can wait: until every consumer with `Overflow.BLOCK` has room."""
        route = self._routes.get(event.stream)
        if route is not None:
            for consumer in [each for each in self._consumers.values() if event.stream in each.routes]:
                while consumer.box.limit > consumer.box.capacity and consumer.box.full and not consumer.box.closed:  # noqa: ASYNC110  # threads empty it
                    await asyncio.sleep(0.001)
        self.route_event(event)

    def consumer(self, component_id: str) -> Consumer | None:
        """Of a component, None when there is none."""
        return self._consumers.get(component_id)

    def get_routing_statistics(self) -> RoutingStats:
        """Figures of now; those of components that left stay in the sums."""
        by = {name: consumer.stats() for name, consumer in self._consumers.items()}
        ages = [age / 1e6 for age in self.ages_ns]
        return RoutingStats(
            routes=len(self._routes),
            consumers=len(by),
            routed=sum(route.routed for route in self._routes.values()) + self._past[3],
            unrouted=self._unrouted,
            delivered=sum(each.delivered for each in by.values()) + self._past[0],
            dropped=sum(each.dropped for each in by.values()) + self._past[1],
            errors=sum(each.errors for each in by.values()) + self._past[2],
            couriers=self.couriers.threads,
            latency_mean_ms=sum(ages) / len(ages) if ages else None,
            latency_p99_ms=percentile(ages, 0.99),
            by_consumer=by,
        )

    def close(self) -> None:
        """Every consumer leaves, the couriers go."""
        for component_id in list(self._consumers):
            self.unregister_routes(component_id)
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.couriers.close()

    # -- couriers -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looking = self.loop.call_later(_LOOK_S, self._look) if self._consumers else None
        self.couriers.look()

    def _slow(self, errand: object, seconds: float) -> None:
        consumer = getattr(errand, "__self__", None)
        if isinstance(consumer, Consumer) and not consumer.slow:
            consumer.slow = True
            _log.warning("a consumer holds its courier up", component=consumer.component_id, seconds=round(seconds, 3),
                         note="the others have another; what it does not keep up with is dropped by its policy")  # fmt: skip


def _hold(callback: Callback, owner: object | None) -> Callable[[], Callback | None]:
    """A method of `owner` must not keep it alive; any other function is held as it is."""
    if owner is not None and getattr(callback, "__self__", None) is owner:
        return weakref.WeakMethod(cast("Any", callback))
    return lambda: callback


def _inner(callback: Callback) -> Callback:
    while isinstance(callback, partial):
        callback = callback.func
    if not inspect.isroutine(callback) and not inspect.isclass(callback):
        return cast("Callback", getattr(callback, "__call__", callback))  # noqa: B004  # objects that can be called
    return callback


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer
