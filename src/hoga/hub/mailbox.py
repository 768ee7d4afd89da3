"""hub.mailbox: what waits for one consumer, bounded, with a stated policy when it is full.

    DROP_OLDEST  keep the newest `capacity`
    CONFLATE     keep the newest of each stream
    THROTTLE     the same, handed over at most once per `interval_s`
    BLOCK        never drop while the producer can wait (`publish`); frames from a socket cannot: beyond 16 × capacity
                 the oldest goes

Every event that does not reach its consumer is counted. `put` never blocks and never raises; it may be called from one
thread while another takes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from hoga.core.streams import Stream
from hoga.hub.events import BaseWebSocketEvent

__all__ = ["ConflatingBox", "Mailbox", "Overflow", "make_mailbox"]

_SPILL = 16


class Overflow(StrEnum):
    """What happens to events that a consumer does not keep up with."""

    DROP_OLDEST = "drop-oldest"
    CONFLATE = "conflate"
    THROTTLE = "throttle"
    BLOCK = "block"


class Mailbox:
    """A queue of the newest `limit` events. `wake(self)` is called once when there is something to take, not again before
    `rest` was called: whoever takes holds `busy` meanwhile, so events of one consumer never overtake one another."""

    __slots__ = ("_wake", "accepted", "busy", "capacity", "closed", "dropped", "events", "heir", "limit")

    def __init__(self, wake: Callable[[Any], object], *, capacity: int, limit: int) -> None:
        self._wake = wake
        self.capacity = capacity
        self.limit = limit
        self.events: deque[BaseWebSocketEvent] = deque()
        self.busy = threading.Lock()
        self.accepted = self.dropped = 0
        self.closed = False
        self.heir: Mailbox | None = None

    def put(self, event: BaseWebSocketEvent) -> None:
        """Take an event in."""
        if self.closed:
            self._pass_on(event)
            return
        events = self.events
        self.accepted += 1
        events.append(event)
        if len(events) > self.limit:
            self._drop_one()
        if self.busy.acquire(False):
            self._wake(self)

    def take(self) -> BaseWebSocketEvent | None:
        """The oldest, None when there is none."""
        try:
            return self.events.popleft()
        except IndexError:
            return None

    def rest(self) -> None:
        """Whoever took is done for now; woken again at once when something came meanwhile."""
        self.busy.release()
        self.stir()

    def move_to(self, heir: Mailbox, wanted: Callable[[Stream], bool]) -> None:
        """What waits here waits in `heir` from now on, as far as its stream is `wanted`; so do the figures, and who is `busy`.

        By whoever puts. Afterwards `heir.stir()`.
        """
        heir.busy = self.busy
        heir.accepted, heir.dropped = self.accepted, self.dropped
        while (event := self.take()) is not None:
            if wanted(event.stream):
                heir.inherit(event)
        self.heir = heir
        self.close()

    def inherit(self, event: BaseWebSocketEvent) -> None:
        """An event that was accepted before, by another mailbox."""
        self.events.append(event)
        if len(self.events) > self.limit:
            self._drop_one()

    def stir(self) -> None:
        """Wake when there is something to take and nobody takes."""
        if self.waiting and not self.closed and self.busy.acquire(False):
            self._wake(self)

    def _pass_on(self, event: BaseWebSocketEvent) -> None:
        if self.heir is not None:
            self.heir.put(event)

    def close(self) -> int:
        """Nothing is taken in or handed out any more; returns how many events waited."""
        self.closed = True
        waiting = self.waiting
        self.events.clear()
        return waiting

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self.events)

    @property
    def full(self) -> bool:
        """Whether a producer that can wait should."""
        return self.waiting >= self.capacity

    def _drop_one(self) -> None:
        if self.take() is not None:
            self.dropped += 1


class ConflatingBox(Mailbox):
    """Of each stream the newest only, in the order in which the streams were first waiting. `dropped` counts what was replaced."""

    __slots__ = ("_latest", "_lock")

    def __init__(self, wake: Callable[[Any], object], *, capacity: int) -> None:
        super().__init__(wake, capacity=capacity, limit=capacity)
        self._latest: dict[Stream, BaseWebSocketEvent] = {}
        self._lock = threading.Lock()

    def put(self, event: BaseWebSocketEvent) -> None:
        if self.closed:
            self._pass_on(event)
            return
        stream = event.stream
        with self._lock:
            self.accepted += 1
            if stream in self._latest:
                self.dropped += 1
            self._latest[stream] = event
        if self.busy.acquire(False):
            self._wake(self)

    def inherit(self, event: BaseWebSocketEvent) -> None:
        with self._lock:
            if event.stream in self._latest:
                self.dropped += 1
            self._latest[event.stream] = event

    def take(self) -> BaseWebSocketEvent | None:
        event = super().take()
        if event is None:
            with self._lock:
                latest, self._latest = self._latest, {}
            self.events.extend(latest.values())
            event = super().take()
        return event

    def close(self) -> int:
        with self._lock:
            waiting = super().close() + len(self._latest)
            self._latest = {}
        return waiting

    @property
    def waiting(self) -> int:
        return len(self.events) + len(self._latest)


def make_mailbox(overflow: Overflow, wake: Callable[[Any], object], *, capacity: int) -> Mailbox:
    """The mailbox of a policy. (THROTTLE differs from CONFLATE in who wakes it, and when.)"""
    if overflow in (Overflow.CONFLATE, Overflow.THROTTLE):
        return ConflatingBox(wake, capacity=capacity)
    limit = capacity * _SPILL if overflow is Overflow.BLOCK else capacity
    return Mailbox(wake, capacity=capacity, limit=limit)
