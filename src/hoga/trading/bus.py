"""trading.bus: events in two lanes: what must be taken, in order, and what only counts in its newest state. Pure.

    order, signal ──▶ lane X: every one, in order, without a limit; who brings it never waits
    data          ──▶ lane M: the newest of each key; without a key, at most 1,000, the oldest goes first and is told

    drain: all of X, then one of M, and again, until nothing is left or the turn is over

The three classes have marks: 1,000 data, 100 signals, 50 orders. For orders and signals a mark is an alarm, not a wall: it is counted and
told, nothing is lost. Beyond 1,000 in lane X somebody has stopped taking events, and that is a fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["MARKS", "BusStats", "EventBus", "EventClass"]

Handler = Callable[[Any], object]


class EventClass(StrEnum):
    """What an event is worth."""

    DATA = "data"
    """Market data: only the newest of a key counts."""
    SIGNAL = "signal"
    """Wishes, timers, closed bars: every one."""
    ORDER = "order"
    """Orders, fills, commands: every one."""


MARKS = {EventClass.DATA: 1_000, EventClass.SIGNAL: 100, EventClass.ORDER: 50}
"""So many of a class may wait before it is told; of data, more do not fit."""
FAULT_AT = 1_000
"""So many waiting in lane X are a fault."""


class BusStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start. `waiting`: now; `most`: the most that ever waited; `replaced`: data that a newer one of its key replaced;
    `dropped`: data that did not fit; `alarms`: how often a mark was passed; `faults`: what handlers raised."""

    published: dict[str, int]
    waiting: dict[str, int]
    most: dict[str, int]
    replaced: int
    dropped: int
    alarms: int
    faults: int


class EventBus:
    """See the module. Handlers are plain functions, called one event at a time; what one publishes waits for its turn.

    Args:
        on_alarm: told of (class, how many wait) when a mark is passed.
        on_backlog: told of how many wait in lane X when that is a fault, once until it is empty.
        on_drop: told of each data event that did not fit.
        on_fault: told of (event, what its handler raised); None: it is raised out of `drain`, with the event taken.
    """

    def __init__(
        self,
        *,
        on_alarm: Callable[[EventClass, int], object] = lambda which, waiting: None,
        on_backlog: Callable[[int], object] = lambda waiting: None,
        on_drop: Callable[[Any], object] = lambda event: None,
        on_fault: Callable[[Any, Exception], object] | None = None,
    ) -> None:
        self._handlers: dict[EventClass, tuple[Handler, ...]] = dict.fromkeys(EventClass, ())
        self._must: deque[tuple[EventClass, Any]] = deque()
        self._newest: dict[Hashable, Any] = {}
        self._line: deque[tuple[Hashable, Any]] = deque()
        self._waiting = dict.fromkeys(EventClass, 0)
        self._published = dict.fromkeys(EventClass, 0)
        self._most = dict.fromkeys(EventClass, 0)
        self._peaks = dict.fromkeys(EventClass, 0)
        self._alarmed: set[EventClass] = set()
        self._in_fault = False
        self._replaced = self._dropped = self._alarms = self._faults = 0
        self._draining = False
        self._on_alarm, self._on_backlog, self._on_drop, self._on_fault = on_alarm, on_backlog, on_drop, on_fault

    def subscribe(self, which: EventClass | str, handler: Handler) -> Callable[[], None]:
        """Call `handler` with every event of a class; what is returned takes that back. Raises ValueError for no class."""
        kind = EventClass(which)
        self._handlers[kind] = (*self._handlers[kind], handler)

        def leave() -> None:
            self._handlers[kind] = tuple(each for each in self._handlers[kind] if each is not handler)

        return leave

    def publish(self, which: EventClass | str, event: Any, *, key: Hashable = None) -> None:
        """Put an event in its lane. `key`: of data, of which only the newest counts; None: each of them."""
        kind = which if which.__class__ is EventClass else EventClass(which)
        self._published[kind] += 1
        if kind is not EventClass.DATA:
            self._must.append((kind, event))
            self._count(kind, self._waiting[kind] + 1)
            if len(self._must) > FAULT_AT and not self._in_fault:
                self._in_fault = True
                self._on_backlog(len(self._must))
            return
        if key is not None:
            if key in self._newest:
                self._newest[key] = event
                self._replaced += 1
                return
            self._newest[key] = event
            self._line.append((key, None))
        else:
            self._line.append((None, event))
        self._count(kind, len(self._line))
        if len(self._line) > MARKS[kind]:
            gone, lost = self._line.popleft()
            self._dropped += 1
            self._waiting[kind] = len(self._line)
            self._on_drop(self._newest.pop(gone) if gone is not None else lost)

    def drain(self, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Hand out what waits, until nothing does or `is_over()`; True: something is left. Inside a handler it does nothing."""
        if self._draining:
            return False
        self._draining = True
        try:
            while self._must or self._line:
                while self._must:
                    kind, event = self._must.popleft()
                    self._waiting[kind] -= 1
                    self._hand_out(kind, event)
                if self._line:
                    key, event = self._line.popleft()
                    self._waiting[EventClass.DATA] = len(self._line)
                    self._hand_out(EventClass.DATA, self._newest.pop(key) if key is not None else event)
                if is_over():
                    return bool(self._must or self._line)
        finally:
            self._draining = False
        self._in_fault = False
        self._alarmed.clear()
        return False

    def most_waiting(self) -> dict[str, int]:
        """The most that waited in each class since this was asked last."""
        most = {kind.value: count for kind, count in self._peaks.items()}
        self._peaks = dict(self._waiting)
        return most

    def stats(self) -> BusStats:
        """Counts since the start."""
        return BusStats(
            published={kind.value: count for kind, count in self._published.items()},
            waiting={kind.value: count for kind, count in self._waiting.items()},
            most={kind.value: count for kind, count in self._most.items()},
            replaced=self._replaced,
            dropped=self._dropped,
            alarms=self._alarms,
            faults=self._faults,
        )

    def __repr__(self) -> str:
        return f"<EventBus {' '.join(f'{kind.value}={count}' for kind, count in self._waiting.items())}>"

    def _count(self, kind: EventClass, waiting: int) -> None:
        self._waiting[kind] = waiting
        if waiting > self._peaks[kind]:
            self._peaks[kind] = waiting
            if waiting > self._most[kind]:
                self._most[kind] = waiting
        if waiting > MARKS[kind] and kind not in self._alarmed:
            self._alarmed.add(kind)
            self._alarms += 1
            self._on_alarm(kind, waiting)

    def _hand_out(self, kind: EventClass, event: Any) -> None:
        for handler in self._handlers[kind]:
            try:
                handler(event)
            except Exception as fault:
                self._faults += 1
                if self._on_fault is None:
                    raise
                self._on_fault(event, fault)
