"""hub.consumers: one component as those who deliver see it: its callback, its mailbox, and how it is called.

    put ──▶ mailbox ──▶ courier thread   (plain function)
                   ├──▶ task on the loop (async function), a turn at a time (`hub.turns`)
    put ──▶ at once                      (`Delivery.INLINE`, for trusted functions of microseconds)

Whatever a callback raises is its own: counted, logged once a kind with the component's id; it goes on with the next event.
A consumer that is renewed (its component registers again) keeps what waits and its figures.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from dis import opname
from enum import StrEnum
from functools import partial
from time import monotonic, time_ns
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import msgspec

from hoga.core.errors import ProtocolMisuse
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.couriers import Couriers
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.mailbox import Mailbox, Overflow, make_mailbox
from hoga.hub.turns import SHARE_S, Turns
from hoga.runtime.logs import get_log

__all__ = ["CALLERS_FAULTS", "Callback", "Consumer", "ConsumerStats", "Delivery", "Policy", "Post", "Put", "hold", "pass_on_ctrl_c"]

_log = get_log("hub")

Callback = Callable[[Any], object]
"""Takes an event; may be an async function."""
Put = Callable[[BaseWebSocketEvent], object]
F = TypeVar("F", bound=Callable[..., object])

CALLERS_FAULTS = (Exception, SystemExit, GeneratorExit, KeyboardInterrupt)
"""What a callback may raise without anybody else noticing. A KeyboardInterrupt is looked at: see `pass_on_ctrl_c`."""
_BATCH = 256
_NOTICED_S = 0.0005
"""An INLINE call that took less is not counted against its share of the loop's turn."""


class Delivery(StrEnum):
    """How a consumer is called. AUTO: async functions on the loop, plain ones by a courier."""

    AUTO = "auto"
    THREAD = "thread"
    LOOP = "loop"
    INLINE = "inline"


_WARMING_S = 3.0
"""First calls import, compile and fill caches: a component that is slow so soon after its first event is not told of."""


class Policy(NamedTuple):
    """How a consumer is called, and what happens to events that it does not keep up with. `interval_s` is of THROTTLE."""

    delivery: Delivery = Delivery.AUTO
    overflow: Overflow = Overflow.DROP_OLDEST
    capacity: int = 1000
    interval_s: float = 0.1


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


class Post(Protocol):
    """What a consumer needs of the engine."""

    loop: asyncio.AbstractEventLoop
    couriers: Couriers
    turns: Turns
    ages_ns: deque[int]

    def on_loop(self) -> bool: ...


class Consumer:
    """Made, renewed and put to on the event loop. `callback` is held weakly when it is a method of `owner`."""

    __slots__ = (
        "_callback", "_errand", "_first", "_handed_at", "_interval_s", "_is_told", "_overtime", "_post", "_spent", "_task", "_told",
        "_version", "box", "closed", "component_id", "delivered", "delivery", "errors", "put", "routes", "slow",
    )  # fmt: skip

    def __init__(self, component_id: str, callback: Callback, post: Post, *, owner: object | None, policy: Policy) -> None:
        self.component_id = component_id
        self.delivered = self.errors = 0
        self.slow = self.closed = self._overtime = False
        self._spent = self._first = 0.0
        self._is_told = False
        self.routes: set[Stream] = set()
        self._post = post
        self._version = 0
        self._handed_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._told: tuple[str, ...] = ()
        self._errand: Callable[[], object] = self._hand_over
        self._settle(callback, owner, policy)
        self.box = self._box(policy)
        self._choose_put()

    def renew(self, callback: Callback, *, owner: object | None, policy: Policy, wanted: Callable[[Stream], bool]) -> None:
        """Another callback, another policy. What waits of streams still `wanted` goes to the new callback."""
        before, box = self.box, self._box(policy)
        self._version += 1
        self._settle(callback, owner, policy)
        before.move_to(box, wanted)
        self.box = box
        self._choose_put()
        box.stir()

    def _settle(self, callback: Callback, owner: object | None, policy: Policy) -> None:
        self._callback = hold(callback, owner)
        self._interval_s = policy.interval_s if policy.overflow is Overflow.THROTTLE else 0.0
        self.delivery = policy.delivery
        if policy.delivery is Delivery.AUTO:
            self.delivery = Delivery.LOOP if checks.is_async(callback) else Delivery.THREAD

    def _box(self, policy: Policy) -> Mailbox:
        return make_mailbox(policy.overflow, self._wake, capacity=policy.capacity)

    def _choose_put(self) -> None:
        self.put: Put = self._call_inline if self.delivery is Delivery.INLINE else self.box.put

    # -- being called -------------------------------------------------------------------------------------------

    def _wake(self, box: Mailbox) -> None:
        """Whoever calls holds `busy` for whom is woken."""
        wait = self._handed_at + self._interval_s - monotonic() if self._interval_s else 0.0
        if wait <= 0:
            self._wake_now()
        elif self._post.on_loop():
            self._post.loop.call_later(wait, self._wake_now)
        else:
            self._post.loop.call_soon_threadsafe(self._post.loop.call_later, wait, self._wake_now)

    def _wake_now(self) -> None:
        if self.delivery is Delivery.THREAD:
            self._post.couriers.send(self._errand)
        elif self._post.on_loop():
            self._task = self._post.loop.create_task(self._hand_over_async(), name=f"hub consumer {self.component_id}")
        else:
            self._post.loop.call_soon_threadsafe(self._wake_now)

    def _hand_over(self) -> None:
        """By a courier."""
        version, callback = self._version, self._callback()
        if self.delivery is not Delivery.THREAD:  # renewed since it was sent for
            self._wake_now()
            return
        self._handed_at = monotonic()
        for _ in range(_BATCH):
            event = self.box.take()
            if event is None or callback is None or self.closed:
                break
            if version != self._version:
                self._give_back(event)
                break
            self._sample(event)
            try:
                answer = callback(event)
                if answer is not None and inspect.isawaitable(answer):
                    self._await_elsewhere(answer)
            except BaseException as fault:  # noqa: BLE001  # a consumer's fault is the consumer's, whatever it raises: counted, logged once a kind
                self._failed(fault)
            self.delivered += 1
        self._leave_if(callback is None)
        del callback
        self.box.rest()

    async def _hand_over_async(self) -> None:
        """As a task of its own, on the loop, as long as something waits; others have their turns in between."""
        turns, version, callback = self._post.turns, self._version, self._callback()
        self._handed_at = monotonic()
        while callback is not None:
            if turns.spent() and self.box.waiting:
                await turns.next()
            if self.closed or version != self._version or (event := self.box.take()) is None:
                break
            self._sample(event)
            try:
                answer = callback(event)
                if answer is not None and inspect.isawaitable(answer):
                    await answer
            except asyncio.CancelledError as fault:
                if self.closed or _is_cancelled():
                    raise
                self._failed(fault)
            except CALLERS_FAULTS as fault:
                pass_on_ctrl_c(fault)
                self._failed(fault)
            self.delivered += 1
            if self._interval_s:
                break
        self._leave_if(callback is None)
        del callback
        self._task = None
        self.box.rest()
        if self._overtime and self._task is None and not self.box.waiting:
            self._overtime = False

    def _leave_if(self, collected: bool) -> None:
        """The owner is gone, and so is its method: what waits is for nobody."""
        if collected:
            self.box.close()

    def _call_inline(self, event: BaseWebSocketEvent) -> None:
        if self._overtime:
            self.box.put(event)
            return
        callback = self._callback()
        if callback is None:
            return
        self.box.accepted += 1
        if not self.delivered & 63:
            self._sample(event)
        began = monotonic()
        if not self._first:
            self._first = began
        try:
            answer = callback(event)
            if answer is not None and inspect.isawaitable(answer):
                self._refuse(answer)
        except (*CALLERS_FAULTS, asyncio.CancelledError) as fault:
            pass_on_ctrl_c(fault)
            self._failed(fault)
        self.delivered += 1
        took = monotonic() - began
        if took > _NOTICED_S:
            self._charge(began, took)

    def _charge(self, began: float, took: float) -> None:
        """It takes its time: beyond its share of a turn of the loop, what follows waits for turns of its own."""
        if not self._spent:
            self._post.loop.call_soon(self._rest)
        self._spent += took
        if self._spent > SHARE_S:
            self._overtime = True
            self.slow = True
            if not self._is_told and began - self._first > _WARMING_S:
                self._is_told = True
                _log.warning("a consumer holds the socket up", component=self.component_id, seconds=round(self._spent, 3),
                             note="INLINE is for functions of microseconds; what comes meanwhile waits for turns of the loop")  # fmt: skip

    def _rest(self) -> None:
        """In the next turn of the loop."""
        self._spent = 0.0
        if self._task is None and not self.box.waiting:
            self._overtime = False

    @staticmethod
    def _refuse(answer: Awaitable[object]) -> None:
        """Nothing is awaited in the socket's callback."""
        if inspect.iscoroutine(answer):
            answer.close()
        raise ProtocolMisuse("an INLINE callback gave something to be awaited", hint="delivery=Delivery.LOOP awaits it")

    def _give_back(self, event: BaseWebSocketEvent) -> None:
        """It was taken while the consumer was renewed: it is the first of those that wait."""
        if event.stream in self.routes:
            self.box.events.appendleft(event)

    def _await_elsewhere(self, answer: Awaitable[object]) -> None:
        """A plain function handed back something to be awaited: it is, on the loop, before its next event."""
        done: Any = asyncio.run_coroutine_threadsafe(_awaited(answer), self._post.loop)
        done.result()

    def _failed(self, fault: BaseException) -> None:
        self.errors += 1
        kind = type(fault).__name__
        if kind not in self._told:
            self._told += (kind,)
            _log.failure("a consumer failed", fault, component=self.component_id, note="told once; further ones are counted")

    def _sample(self, event: BaseWebSocketEvent) -> None:
        self._post.ages_ns.append(time_ns() - event.recv_ns)

    # -- state --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing more is handed over; what waits is dropped without being counted (nobody is there to miss it)."""
        self.closed = True
        self.box.close()
        task, self._task = self._task, None
        if task is not None and not _is_current(task):  # a callback that makes its own component leave is not cut short
            task.cancel()

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


def hold(function: F, owner: object | None) -> Callable[[], F | None]:
    """How to keep a function: a method of `owner` must not keep it alive; any other is held as it is."""
    if owner is not None and getattr(function, "__self__", None) is owner:
        return cast("Callable[[], F | None]", weakref.WeakMethod(cast("Any", function)))
    return lambda: function


def pass_on_ctrl_c(fault: BaseException) -> None:
    """Raise a KeyboardInterrupt that is a person's: it ends the program. One that a callback raised itself is the callback's.

    A person's comes between two instructions of whatever runs, or out of the handler that was set for it; a callback's own
    comes from a `raise`.
    """
    if not isinstance(fault, KeyboardInterrupt) or fault.__traceback__ is None:
        return
    handler: Any = signal.getsignal(signal.SIGINT)
    while isinstance(handler, partial):
        handler = handler.func
    set_for_it = getattr(getattr(handler, "__func__", handler), "__code__", None)
    trace = fault.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if code is set_for_it or opname[code.co_code[trace.tb_lasti]] != "RAISE_VARARGS":
        raise fault


def _is_current(task: asyncio.Task[None]) -> bool:
    try:
        return asyncio.current_task() is task
    except RuntimeError:  # no loop runs here
        return False


def _is_cancelled() -> bool:
    """Whether the task that runs is being cancelled, and not only something it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer
