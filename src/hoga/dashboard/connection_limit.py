"""dashboard.connection_limit: which connections stay when there are too many: those that ask and ask must not keep the others out. Pure.

A connection has ten seconds for its next step: to send a request (headers and body), to take the answer, to ask again; while it is
taking an answer it may last a minute. A viewer's connection has rules of its own (`fanout`). At most `limit` connections are open, and
at most `per_address` from one address that is not this machine's. When one more comes, the one that has waited longest is closed, of the
address with the most connections: a monitor, which asks and leaves, gets in.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Protocol

__all__ = ["PROGRESS_S", "ConnectionLimit", "Doing", "Transport", "is_loopback"]

PROGRESS_S = 10.0
_WHOLE = 6


Doing = Callable[[], Hashable]
"""Tells the step that a connection is at: a value other than before is progress."""


class Transport(Protocol):
    """What is needed of a connection's transport; asyncio's have it."""

    def abort(self) -> None:
        """Close it at once; what was not sent is lost."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be taken."""


class _Connection:
    __slots__ = ("address", "did", "doing", "left", "progress_at", "since", "transport", "viewing")

    def __init__(self, transport: Transport, address: str, doing: Doing, now: float) -> None:
        self.transport = transport
        self.address = address
        self.doing = doing
        self.did: Hashable = doing()
        self.viewing = False
        self.left = 0
        self.since = self.progress_at = now


class ConnectionLimit:
    """All open connections. `turned_away` counts those that were closed because there was no place.

    `limit` and `per_address`: how many there may be; `progress_s`: seconds for one step. Each `now` is monotonic, in seconds.
    """

    def __init__(self, *, limit: int, per_address: int, progress_s: float = PROGRESS_S) -> None:
        self.limit = limit
        self.turned_away = 0
        self._per_address = per_address
        self.progress_s = progress_s
        self._connections: dict[Transport, _Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def opened(self, transport: Transport, address: str, doing: Doing, now: float) -> None:
        """Count a new connection from `address`; close another one, or this one, when there is no place."""
        connection = self._connections[transport] = _Connection(transport, address, doing, now)
        several = [each for each in self._connections.values() if each.address == address]
        if not is_loopback(address) and len(several) > self._per_address:
            self._make_room(several, connection)
        elif len(self._connections) > self.limit:
            self._make_room(list(self._connections.values()), connection)

    def closed(self, transport: Transport) -> None:
        """Forget a connection that has ended."""
        self._connections.pop(transport, None)

    def switched(self, transport: Transport, doing: Doing, now: float) -> None:
        """Note that the connection speaks another protocol from now on: its time begins anew."""
        connection = self._connections.get(transport)
        if connection is not None:
            connection.doing, connection.did, connection.since, connection.progress_at = doing, doing(), now, now

    def begin_viewing(self, transport: Transport) -> None:
        """Note that it is a viewer's: it may stay as long as it likes."""
        if transport in self._connections:
            self._connections[transport].viewing = True

    def end_viewing(self, transport: Transport, now: float) -> None:
        """Note that it is a viewer's no more: it has the usual time to end."""
        connection = self._connections.get(transport)
        if connection is not None:
            connection.viewing = False
            connection.since = connection.progress_at = now

    def sweep(self, now: float) -> None:
        """Close the connections whose time is over. Call it once a second."""
        for connection in [each for each in self._connections.values() if not each.viewing]:
            did, left = connection.doing(), connection.transport.get_write_buffer_size()
            if did != connection.did:
                connection.did, connection.left, connection.since, connection.progress_at = did, left, now, now
            elif left < connection.left:
                connection.left, connection.progress_at = left, now
            else:
                connection.left = left
            if now - connection.progress_at > self.progress_s or now - connection.since > _WHOLE * self.progress_s:
                self._send_away(connection)

    def _make_room(self, among: list[_Connection], fresh: _Connection) -> None:
        waiting = [each for each in among if not each.viewing and each is not fresh]
        if not waiting:
            self._send_away(fresh)
        else:
            crowds = Counter(each.address for each in waiting)
            self._send_away(min(waiting, key=lambda each: (-crowds[each.address], each.progress_at)))
        self.turned_away += 1

    def _send_away(self, connection: _Connection) -> None:
        self._connections.pop(connection.transport, None)
        connection.transport.abort()


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)
