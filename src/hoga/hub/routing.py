"""hub.routing: from a stream to the consumers that want it (`hub.consumers`).

    socket ──▶ Route.deliver ──▶ each consumer's put

Delivering costs one append per consumer and decodes nothing. Whatever goes wrong while one consumer is put to ends that
consumer, counted and logged once with its id: the others, and the socket, do not notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from threading import get_ident

import msgspec

from hoga.core.streams import Stream
from hoga.hub.consumers import Callback, Consumer, ConsumerStats, Delivery, Policy, Put
from hoga.hub.couriers import Couriers
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.mailbox import Overflow
from hoga.hub.metrics import percentile
from hoga.hub.turns import Turns
from hoga.runtime.logs import get_log

__all__ = ["Callback", "Consumer", "ConsumerStats", "DataRoutingEngine", "Delivery", "Policy", "Route", "RoutingStats"]

_log = get_log("hub")

Fell = Callable[[str, BaseException], object]
"""Told of (component id, fault) when a consumer could not even be put to."""

_LOOK_S = 0.025
_SAMPLES = 1024


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

    Most members want news only; those that `watch` want the value: they are told, too, that the last one holds under another life.
    A `pinned` route stays though nobody wants it: whoever brings the frames holds it.
    """

    __slots__ = ("_fell", "_members", "_watches", "pinned", "puts", "routed", "stream")

    def __init__(self, stream: Stream, fell: Fell = lambda component_id, fault: None) -> None:
        self.stream = stream
        self._fell = fell
        self.puts: tuple[Put, ...] = ()
        self.routed = 0
        self.pinned = False
        self._members: dict[str, Put] = {}
        self._watches: tuple[tuple[str, Put], ...] = ()

    def deliver(self, event: BaseWebSocketEvent) -> None:
        """Hand it to every consumer. Never raises: one that cannot take it has left afterwards."""
        self.routed += 1
        puts = iter(self.puts)
        while True:
            try:
                for put in puts:
                    put(event)
                return
            except Exception as fault:  # noqa: BLE001  # the supervised place: that consumer leaves, told by name; the rest is served
                self._end(put, fault)

    def confirm(self, event: BaseWebSocketEvent) -> None:
        """It says what was told last, under a life that is alive. Never raises, as `deliver`."""
        for component_id, put in self._watches:
            try:
                put(event)
            except Exception as fault:  # noqa: BLE001  # the supervised place, as above
                self.remove(component_id)
                self._fell(component_id, fault)

    def watch(self, component_id: str, put: Put) -> None:
        """A member wants to know, by `put`, what holds, too, until it is removed."""
        self._watches = (*(each for each in self._watches if each[0] != component_id), (component_id, put))

    def _end(self, put: Put, fault: Exception) -> None:
        for component_id in [name for name, each in self._members.items() if each is put]:
            self.remove(component_id)
            self._fell(component_id, fault)

    def add(self, component_id: str, put: Put) -> None:
        """One more; adding it again replaces what is called."""
        self._members[component_id] = put
        self.puts = tuple(self._members.values())

    def replace(self, component_id: str, before: Put, put: Put) -> None:
        """Call `put` where `before` was called; whoever was added in another way stays as it is."""
        if self._members.get(component_id) == before:
            self.add(component_id, put)

    def remove(self, component_id: str) -> None:
        """One less."""
        if self._watches:
            self._watches = tuple(each for each in self._watches if each[0] != component_id)
        if self._members.pop(component_id, None) is not None:
            self.puts = tuple(self._members.values())


class DataRoutingEngine:
    """All routes and consumers. Made on the event loop; everything but the couriers' calls happens there.

    `on_fell(component_id, fault)` is told when a consumer was let go because it could not be put to.
    """

    def __init__(self, *, couriers: Couriers | None = None, on_fell: Fell = lambda component_id, fault: None) -> None:
        self.loop = asyncio.get_running_loop()
        self.couriers = couriers or Couriers(on_slow=self._slow, on_fault=self._courier_failed)
        self.turns = Turns(self.loop)
        self._on_fell = on_fell
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
        streams: Iterable[Stream] | None = None,
    ) -> Consumer:
        """A consumer without routes yet; one that is there already is renewed.

        Renewed: it keeps its figures, and of `streams` (None: of all it has) its routes and what waits for it.
        """
        policy = Policy(delivery, overflow, capacity, interval_s)
        consumer = self._consumers.get(component_id)
        if consumer is None:
            consumer = self._consumers[component_id] = Consumer(component_id, callback, self, owner=owner, policy=policy)
        else:
            keep = consumer.routes & set(streams) if streams is not None else set(consumer.routes)
            for stream in consumer.routes - keep:
                self._leave(stream, component_id)
            consumer.routes = keep
            before = consumer.put
            consumer.renew(callback, owner=owner, policy=policy, wanted=keep.__contains__)
            for stream in keep:
                self.route(stream).replace(component_id, before, consumer.put)
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

        route = self.route(stream)
        route.add(component_id, put)
        route.watch(component_id, put)
        consumer.routes.add(stream)

    def add_live(self, component_id: str, stream: Stream) -> None:
        """The consumer gets the events of `stream`, but for those that tell what was before."""
        consumer = self._consumers[component_id]

        def put(event: BaseWebSocketEvent) -> None:
            if not event.is_snapshot:
                consumer.put(event)

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
            route = self._routes[stream] = Route(stream, self._fell)
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

    def watch(self, component_id: str, stream: Stream) -> None:
        """The consumer of that stream is told, too, that its last value holds under another life."""
        consumer = self._consumers.get(component_id)
        if consumer is not None and stream in consumer.routes:
            self.route(stream).watch(component_id, consumer.put)

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

    def put(self, component_id: str, event: BaseWebSocketEvent) -> None:
        """Hand an event to one consumer, guarded like any other delivery."""
        consumer = self._consumers.get(component_id)
        if consumer is not None:
            try:
                consumer.put(event)
            except Exception as fault:  # noqa: BLE001  # the supervised place, as in `Route.deliver`
                self._fell(component_id, fault)

    def consumer(self, component_id: str) -> Consumer | None:
        """Of a component, None when there is none."""
        return self._consumers.get(component_id)

    def get_routing_statistics(self) -> RoutingStats:
        """Figures of now; those of components that left stay in the sums."""
        by = {name: consumer.stats() for name, consumer in self._consumers.items()}
        ages = [age / 1e6 for age in self.ages_ns.copy()]  # whole, whatever its thread adds meanwhile
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

    # -- couriers, and what goes wrong --------------------------------------------------------------------------

    def _fell(self, component_id: str, fault: BaseException) -> None:
        """A consumer could not be put to: it leaves."""
        consumer = self._consumers.get(component_id)
        if consumer is not None:
            consumer.errors += 1
        else:
            self._past[2] += 1
        _log.failure("a consumer cannot be delivered to, it is let go", fault, component=component_id)
        self.unregister_routes(component_id)
        self._on_fell(component_id, fault)

    def _courier_failed(self, errand: object, fault: BaseException) -> None:
        """By a courier: handing over failed outside of the callback."""
        consumer = getattr(errand, "__self__", None)
        if isinstance(consumer, Consumer):
            self.loop.call_soon_threadsafe(self._fell, consumer.component_id, fault)

    def _look(self) -> None:
        self._looking = self.loop.call_later(_LOOK_S, self._look) if self._consumers else None
        self.couriers.look()

    def _slow(self, errand: object, seconds: float) -> None:
        consumer = getattr(errand, "__self__", None)
        if isinstance(consumer, Consumer) and not consumer.slow:
            consumer.slow = True
            _log.warning("a consumer holds its courier up", component=consumer.component_id, seconds=round(seconds, 3),
                         note="the others have another; what it does not keep up with is dropped by its policy")  # fmt: skip
