"""hub.event_bus: `EventBus`: events of a program handed to whoever subscribed, so that nobody who is slow holds up anybody else.

    async with hoga.EventBus() as bus:
        bus.subscribe(Tick, draw)                        # a plain function: in a worker thread of its own
        bus.subscribe("fill", book_it, inline=True)      # called directly, before `publish` of an order event goes on
        bus.subscribe("*", store)                        # a coroutine function: a task of its own
        bus.publish(Tick(…)); bus.publish({"kind": "fill", "price": 5}, queue="order")

Three queues lead to the handlers. Orders and signals come before data, none of them is left out, and beyond 50 and 100 that wait an alarm
is counted; of data at most 1,000 wait, and then the oldest goes, counted. Behind them each handler that is not called directly has a ring
of its own, with the same limits: it is handed its events one after the other in the order in which they came to it, however long it takes.
A handler that raises is counted and told, and the others go on. The bus has no clock, knows no market, and is no way to trade by:
a strategy's hooks are called directly (docs/trading.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from hoga.core.times import MS_NS, SECOND_NS
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.patience import end_if_cancelled
from hoga.trading.bus import FAULT_AT, MARKS, EventClass
from hoga.trading.bus import EventBus as Lanes

__all__ = ["BusStats", "EventBus", "HandlerStats", "QueueStats", "Subscription"]

_log = get_log("bus")

Queue = Literal["data", "signal", "order"]
_TURN_NS = 2 * MS_NS
_TELL_AGAIN_NS = 30 * SECOND_NS
_MUST_LIMIT = 10 * FAULT_AT
"""So many signals and orders wait for one handler at most: one that takes no more of them has stopped."""


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """One queue since the start. `size`: events that wait now, in the queue or for the handler that is furthest behind; `limit`: of data a
    wall, of the others the mark beyond which an alarm is counted; `high_mark`: the most that `size` was; `dropped`: events that somebody
    did not get."""

    published: int
    size: int
    limit: int
    high_mark: int
    dropped: int
    alarms: int

    def __getitem__(self, name: str) -> int:
        found: int = getattr(self, name)
        return found


class HandlerStats(msgspec.Struct, frozen=True, kw_only=True):
    """One handler. `mode`: `inline`, `thread` or `task`; `waiting` in its ring, `high_mark`: the most; `faults`: how often it raised."""

    name: str
    kind: str
    mode: str
    handled: int
    waiting: int
    high_mark: int
    dropped: int
    faults: int


class BusStats(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, since the start."""

    data: QueueStats
    signal: QueueStats
    order: QueueStats
    handlers: tuple[HandlerStats, ...]
    faults: int

    def __getitem__(self, queue: str) -> QueueStats:
        found: QueueStats = getattr(self, EventClass(queue).value)
        return found


class Subscription:
    """One handler of one kind of event. Called, or with `leave`, it is handed no further event.

    `<Subscription draw of Tick: thread, 3 wait>`
    """

    def __init__(self, bus: EventBus, kind: type | str, handler: Callable[[Any], object], mode: str) -> None:
        self.kind = kind
        self.handler = handler
        self.mode = mode
        self.name = getattr(handler, "__qualname__", None) or type(handler).__name__
        self.handled = self.faults = 0
        self._bus = bus

    def leave(self) -> None:
        """Be handed no further event; what waits already is dropped."""
        self._bus.unsubscribe(self)

    def __call__(self) -> None:
        """The same as `leave`."""
        self.leave()

    # -- what the bus does ------------------------------------------------------------------------------------------

    def hand(self, queue: EventClass, event: Any) -> None:
        """Here is an event. Called on the bus's loop."""
        self.run(event)

    def run(self, event: Any) -> None:
        """Call the handler; what it raises is counted."""
        try:
            self.handler(event)
        except (Exception, SystemExit) as fault:  # noqa: BLE001  # the supervised place: a handler's fault is its own
            self.fell(event, fault)
        self.handled += 1

    def fell(self, event: Any, fault: BaseException) -> None:
        """It raised."""
        self.faults += 1
        self._bus.handler_fell(self, event, fault)

    def waiting(self, queue: EventClass | None = None) -> int:
        """How many events wait for it."""
        return 0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The bus has started, on this loop."""

    def end(self) -> None:
        """No further event comes; what waits is handed out still."""

    def stop(self) -> None:
        """Nothing more is handed out."""

    async def wait(self) -> None:
        """Until it has come to its end."""

    def stats(self) -> HandlerStats:
        """Counts since it was subscribed."""
        high, dropped = self.marks()
        return HandlerStats(
            name=self.name, kind=_kind_name(self.kind), mode=self.mode, handled=self.handled, waiting=self.waiting(), high_mark=high,
            dropped=sum(dropped.values()), faults=self.faults,
        )  # fmt: skip

    def marks(self) -> tuple[int, Mapping[EventClass, int]]:
        """The most that ever waited, and what was dropped."""
        return 0, {}

    def __repr__(self) -> str:
        return f"<Subscription {self.name} of {_kind_name(self.kind)}: {self.mode}, {self.waiting()} wait>"


class _Ring:
    """What waits for one handler, in order. Of data the oldest goes beyond its limit; of the others too, far beyond theirs."""

    def __init__(self) -> None:
        self._numbers = count()
        self._lines: dict[bool, deque[tuple[int, EventClass, Any]]] = {False: deque(), True: deque()}
        self.counts = dict.fromkeys(EventClass, 0)
        self.dropped = dict.fromkeys(EventClass, 0)
        self.high = 0

    def put(self, queue: EventClass, event: Any) -> None:
        must = queue is not EventClass.DATA
        line = self._lines[must]
        if len(line) >= (_MUST_LIMIT if must else MARKS[queue]):
            gone = line.popleft()[1]
            self.counts[gone] -= 1
            self.dropped[gone] += 1
        line.append((next(self._numbers), queue, event))
        self.counts[queue] += 1
        self.high = max(self.high, len(self))

    def pop(self) -> Any:
        """The one that came first."""
        data, must = self._lines[False], self._lines[True]
        line = data if data and (not must or data[0][0] < must[0][0]) else must
        _, queue, event = line.popleft()
        self.counts[queue] -= 1
        return event

    def clear(self) -> None:
        for line in self._lines.values():
            for _, queue, _ in line:
                self.dropped[queue] += 1
            line.clear()
        self.counts = dict.fromkeys(EventClass, 0)

    def __len__(self) -> int:
        return len(self._lines[False]) + len(self._lines[True])


class _Ringed(Subscription):
    """A handler with a ring."""

    def __init__(self, bus: EventBus, kind: type | str, handler: Callable[[Any], object], mode: str) -> None:
        super().__init__(bus, kind, handler, mode)
        self._ring = _Ring()
        self._ending = False

    def waiting(self, queue: EventClass | None = None) -> int:
        """See `Subscription`."""
        return len(self._ring) if queue is None else self._ring.counts[queue]

    def marks(self) -> tuple[int, Mapping[EventClass, int]]:
        """See `Subscription`."""
        return self._ring.high, self._ring.dropped


class _InThread(_Ringed):
    """A plain function: a thread of its own calls it."""

    def __init__(self, bus: EventBus, kind: type | str, handler: Callable[[Any], object]) -> None:
        super().__init__(bus, kind, handler, "thread")
        self._news = threading.Condition()
        self._ended: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """See `Subscription`."""
        ended = self._ended = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

        self._thread = threading.Thread(target=self._work, args=(tell,), name=f"bus {self.name}", daemon=True)
        self._thread.start()

    def hand(self, queue: EventClass, event: Any) -> None:
        """See `Subscription`."""
        with self._news:
            self._ring.put(queue, event)
            self._news.notify()

    def end(self) -> None:
        """See `Subscription`."""
        with self._news:
            self._ending = True
            self._news.notify()

    def stop(self) -> None:
        """See `Subscription`."""
        with self._news:
            self._ring.clear()
        self.end()

    async def wait(self) -> None:
        """See `Subscription`."""
        if self._ended is not None:
            await self._ended.wait()

    def _work(self, tell: Callable[[], None]) -> None:
        while True:
            with self._news:
                while not len(self._ring):
                    if self._ending:
                        tell()
                        return
                    self._news.wait()
                event = self._ring.pop()
            self.run(event)


class _InTask(_Ringed):
    """A coroutine function: a task of its own awaits it."""

    def __init__(self, bus: EventBus, kind: type | str, handler: Callable[[Any], object]) -> None:
        super().__init__(bus, kind, handler, "task")
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """See `Subscription`."""
        self._task = loop.create_task(self._work(), name=f"bus {self.name}")

    def hand(self, queue: EventClass, event: Any) -> None:
        """See `Subscription`."""
        self._ring.put(queue, event)
        self._news.set()

    def end(self) -> None:
        """See `Subscription`."""
        self._ending = True
        self._news.set()

    def stop(self) -> None:
        """See `Subscription`."""
        self._ring.clear()
        if self._task is not None:
            self._task.cancel()

    async def wait(self) -> None:
        """See `Subscription`."""
        if self._task is not None:
            await asyncio.gather(asyncio.shield(self._task), return_exceptions=True)

    async def _work(self) -> None:
        while True:
            while len(self._ring):
                event = self._ring.pop()
                try:
                    found = self.handler(event)
                    if inspect.isawaitable(found):
                        await found
                except asyncio.CancelledError as fault:
                    end_if_cancelled()
                    self.fell(event, fault)  # what it waited for was cancelled, not the handler
                except (Exception, SystemExit) as fault:  # noqa: BLE001  # as for plain functions
                    self.fell(event, fault)
                self.handled += 1
            if self._ending:
                return
            self._news.clear()
            await self._news.wait()


class EventBus:
    """See the module. It is started on an event loop, and events are handed out there; `publish` may be called from any thread.

    Args:
        on_fault: told of (the subscription, the event, what it raised) in the handler's own thread; without it, the first fault and then
            one each half minute of each handler is logged.
    """

    def __init__(self, *, on_fault: Callable[[Subscription, Any, BaseException], object] | None = None, clock: Clock = SYSTEM) -> None:
        if on_fault is not None and not callable(on_fault):
            raise TypeError(f"{on_fault!r} cannot be called")
        self._on_fault = on_fault
        self._clock = clock
        self._lanes = Lanes(on_drop=lambda event: None)
        for queue in EventClass:
            self._lanes.subscribe(queue, self._hand_out)
        self._subscriptions: tuple[Subscription, ...] = ()
        self._known: dict[tuple[type, str, EventClass], tuple[Subscription, ...]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._closed = False
        self._more = False
        self._faults_gone = 0
        self._alarms = dict.fromkeys(EventClass, 0)
        self._alarmed: set[EventClass] = set()
        self._refused = dict.fromkeys(EventClass, 0)
        self._high = dict.fromkeys(EventClass, 0)
        self._gone = dict.fromkeys(EventClass, 0)
        self._told: dict[Subscription, int] = {}
        self._early: dict[EventClass, deque[Any]] = {queue: deque() for queue in EventClass}
        self._is_early_due = False
        self._lock = threading.Lock()

    # -- its life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to hand out, on the running loop; what was published before comes first. Raises RuntimeError when it has ended."""
        if self._closed:
            raise RuntimeError("the bus has ended; make another one")
        if self._loop is not None:
            return
        loop = asyncio.get_running_loop()
        for each in self._subscriptions:
            each.begin(loop)
        with self._lock:
            self._loop, self._loop_thread = loop, threading.get_ident()
        self._take_early()

    async def stop(self) -> None:
        """End at once: what waits is not handed out, and counts as dropped. A handler that is at work is not waited for."""
        self._close()
        for each in self._subscriptions:
            each.stop()

    async def shutdown(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109  # its public name
        """Take no further event, hand out all that wait, and end. Returns whether that was done within `timeout` seconds; what was not is
        dropped, and a thread that hangs is left behind."""
        self._close()
        if self._loop is None:
            return not any(self._early.values())
        for each in self._subscriptions:
            each.end()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*(each.wait() for each in self._subscriptions))
            return True
        except TimeoutError:
            for each in self._subscriptions:
                each.stop()
            return False

    def _close(self) -> None:
        self._closed = True
        if self._loop is not None:
            self._take_early()
            self._lanes.drain()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.shutdown()

    # -- who hears what -----------------------------------------------------------------------------------------------

    def subscribe(self, kind: type | str, handler: Callable[[Any], object], *, inline: bool = False) -> Subscription:
        """Hand every event of a kind to `handler`, in order.

        Args:
            kind: a class (and those below it); a text: what the event's own `kind` says (an attribute, or a key of a mapping), the name
                of its class, or its queue; `"*"`: all.
            handler: a plain function is called in a worker thread of its own, a coroutine function is awaited in a task of its own.
            inline: a plain function is called directly, in the loop's thread: for what takes microseconds.

        Returns the subscription; called, it ends. Raises TypeError for what is no kind, or cannot be called so.
        """
        if not isinstance(kind, type | str) or not kind:
            raise TypeError(f"{kind!r} is no kind of event; expected a class or a text")
        if not callable(handler):
            raise TypeError(f"{handler!r} cannot be called")
        is_coroutine = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004
        if is_coroutine and inline:
            raise TypeError(f"{handler!r} is a coroutine function and cannot be called directly; leave inline out")
        made = Subscription(self, kind, handler, "inline") if inline else (_InTask if is_coroutine else _InThread)(self, kind, handler)
        self._subscriptions = (*self._subscriptions, made)
        self._known.clear()
        if self._loop is not None and not self._closed:
            if threading.get_ident() == self._loop_thread:
                made.begin(self._loop)
            else:
                self._loop.call_soon_threadsafe(made.begin, self._loop)
        return made

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hand it no further event; what waits already is dropped."""
        if subscription in self._subscriptions:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
            self._known.clear()
            subscription.stop()
            self._faults_gone += subscription.faults
            for queue, dropped in subscription.marks()[1].items():
                self._gone[queue] += dropped

    # -- events ---------------------------------------------------------------------------------------------------------

    def publish(self, event: Any, queue: Queue = "data") -> bool:
        """Put an event in a queue; it is handed out at once, or when those before it are. Never waits; any thread may call it.

        Returns False where the bus has ended, and nobody is handed it. Raises ValueError for no queue.
        """
        which = EventClass(queue)
        if self._closed:
            self._refused[which] += 1
            return False
        if threading.get_ident() == self._loop_thread:
            self._put(which, event)
            return True
        with self._lock:
            self._keep_early(which, event)
            loop = self._loop
            if loop is None or self._is_early_due:
                return True
            self._is_early_due = True
        try:
            loop.call_soon_threadsafe(self._take_early)
        except RuntimeError:  # the loop is closed
            with self._lock:
                for each, waiting in self._early.items():
                    self._refused[each] += len(waiting)
                    waiting.clear()
            return False
        return True

    def _keep_early(self, queue: EventClass, event: Any) -> None:
        """What comes before the start, or from another thread, waits for the loop; of data, the newest."""
        waiting = self._early[queue]
        if queue is EventClass.DATA and len(waiting) >= MARKS[queue]:
            waiting.popleft()
            self._refused[queue] += 1
        waiting.append(event)

    def _take_early(self) -> None:
        with self._lock:
            self._is_early_due = False
            early = [(queue, event) for queue, waiting in self._early.items() for event in waiting]
            for waiting in self._early.values():
                waiting.clear()
        for queue, event in early:
            self._lanes.publish(queue, (queue, event))
        self._drain()

    def _put(self, queue: EventClass, event: Any) -> None:
        self._lanes.publish(queue, (queue, event))
        self._drain()

    def _drain(self) -> None:
        if self._more:
            return
        ends = self._clock.monotonic_ns() + _TURN_NS
        if self._lanes.drain(lambda: self._clock.monotonic_ns() > ends):
            self._more = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._more = False
        self._drain()

    def _hand_out(self, item: tuple[EventClass, Any]) -> None:
        queue, event = item
        key = (event.__class__, _kind_of(event), queue)
        found = self._known.get(key)
        if found is None:
            found = tuple(each for each in self._subscriptions if _is_of(each.kind, event, key[1], queue))
            if len(self._known) < FAULT_AT:
                self._known[key] = found
        for each in found:
            each.hand(queue, event)
        waiting = max((each.waiting(queue) for each in found), default=0)
        if waiting > self._high[queue]:
            self._high[queue] = waiting
        if waiting > MARKS[queue] and queue not in self._alarmed:
            self._alarmed.add(queue)
            self._alarms[queue] += 1
            _log.warning("events wait for a handler that does not keep up", queue=queue.value, waiting=waiting, mark=MARKS[queue])
        elif waiting <= MARKS[queue] // 2:
            self._alarmed.discard(queue)

    def handler_fell(self, subscription: Subscription, event: Any, fault: BaseException) -> None:
        """A handler raised: it is counted and told, in its own thread, and goes on with the next event."""
        if self._on_fault is not None:
            try:
                self._on_fault(subscription, event, fault)
                return
            except Exception as other:  # noqa: BLE001  # whoever is told of faults makes none for others
                fault = other
        now = self._clock.monotonic_ns()
        if now - self._told.get(subscription, -_TELL_AGAIN_NS) >= _TELL_AGAIN_NS:
            self._told[subscription] = now
            _log.error("a handler raised", handler=subscription.name, fault=f"{type(fault).__name__}: {fault}", count=subscription.faults)

    def stats(self) -> BusStats:
        """How it is, and what became of everything since the start."""
        lanes = self._lanes.stats()
        queues = {}
        for queue in EventClass:
            name, dropped = queue.value, self._refused[queue] + self._gone[queue] + (lanes.dropped if queue is EventClass.DATA else 0)
            early = len(self._early[queue])
            queues[name] = QueueStats(
                published=lanes.published[name],
                size=lanes.waiting[name] + early + max((each.waiting(queue) for each in self._subscriptions), default=0),
                limit=MARKS[queue],
                high_mark=max(lanes.most[name], self._high[queue]),
                dropped=dropped + sum(each.marks()[1].get(queue, 0) for each in self._subscriptions),
                alarms=self._alarms[queue],
            )
        handlers = tuple(each.stats() for each in self._subscriptions)
        faults = self._faults_gone + sum(each.faults for each in handlers)
        return BusStats(data=queues["data"], signal=queues["signal"], order=queues["order"], handlers=handlers, faults=faults)

    def __repr__(self) -> str:
        state = "ended" if self._closed else "waits for start" if self._loop is None else "runs"
        return f"<EventBus {state}, {len(self._subscriptions)} handlers>"


def _kind_of(event: Any) -> str:
    """What it says of itself, "": nothing."""
    said = event.get("kind", "") if isinstance(event, Mapping) else getattr(event, "kind", "")
    return said if isinstance(said, str) else ""


def _is_of(kind: type | str, event: Any, said: str, queue: EventClass) -> bool:
    if isinstance(kind, type):
        return isinstance(event, kind)
    return kind in ("*", said, queue.value) or any(kind == each.__name__ for each in type(event).__mro__[:-1])


def _kind_name(kind: type | str) -> str:
    return kind if isinstance(kind, str) else kind.__name__
