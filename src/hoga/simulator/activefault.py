"""simulator.activefault: a fault that has begun: whom it is meant for, whom it takes, and how often it did. Pure: chance is an argument."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import translate
from random import Random

from hoga.simulator.faultwords import Asked, Fault, Out

__all__ = ["S_NS", "ActiveFault"]

S_NS = 1_000_000_000


class ActiveFault:
    """A fault that has begun. `affected` counts per stream (per path for REST faults, "" where neither applies)."""

    def __init__(self, number: int, fault: Fault, now_ns: int) -> None:
        self.number = number
        self.fault = fault
        self.began_ns = now_ns
        self.ends_ns = None if fault.duration_s is None else now_ns + int(fault.duration_s * S_NS)
        self.affected: Counter[str] = Counter()
        self.done = False
        self.held: dict[tuple[str, str], Out] = {}
        self.hit_connections: set[str] = set()
        self._seen = 0
        self._left = fault.count
        self._streams = re.compile(translate(fault.streams))
        self._connections = re.compile(translate(fault.connections))
        self._paths = re.compile(translate(fault.paths))
        self._methods = re.compile(translate(fault.methods))
        self._orders = re.compile(translate(fault.orders))
        self._events = re.compile(translate(fault.events))
        self._matches: dict[tuple[str, str], bool] = {}

    def matches(self, connection: str, stream: str) -> bool:
        """Tell whether the fault is meant for this stream on this connection."""
        found = self._matches.get((connection, stream))
        if found is None:
            found = self.matches_connection(connection) and self._streams.match(stream) is not None
            self._matches[connection, stream] = found
        return found

    def matches_connection(self, connection: str) -> bool:
        """Tell whether the fault is meant for this connection."""
        return self._connections.match(connection) is not None

    def matches_path(self, path: str) -> bool:
        """Tell whether the fault is meant for this REST path."""
        return self._paths.match(path) is not None

    def matches_request(self, asked: Asked) -> bool:
        """Tell whether the fault is meant for this request."""
        return (
            self.matches_path(asked.path)
            and self._methods.match(asked.method) is not None
            and self.fault.symbol in ("", asked.symbol)
            and self._orders.match(asked.client_id) is not None
            and self.matches_connection(asked.connection)
        )

    def takes_order(self, symbol: str, client_id: str) -> bool:
        """Tell whether the fault is meant for an order, and count it if so."""
        if self._left == 0 or self.fault.symbol not in ("", symbol) or self._orders.match(client_id) is None:
            return False
        self.note(symbol)
        return True

    def matches_event(self, name: str) -> bool:
        """Tell whether the fault is meant for this event of an account."""
        return self._events.match(name) is not None

    def takes(self, random: Random) -> bool:
        """Tell whether the fault takes the next matching frame: `every`, `probability` and `count`."""
        if self._left == 0:
            return False
        self._seen += 1
        if (self._seen - 1) % self.fault.every:
            return False
        return self.fault.probability >= 1.0 or random.random() < self.fault.probability

    def note(self, what: str) -> None:
        """Count one affected frame."""
        self.affected[what] += 1
        if self._left is not None:
            self._left -= 1

    def is_over(self, now_ns: int) -> bool:
        """Tell whether the fault has run out, by time, or by count and nothing is held back any more."""
        return (self._left == 0 and not self.held) or (self.ends_ns is not None and now_ns >= self.ends_ns)
