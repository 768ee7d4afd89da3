"""dashboard.crowd: everybody who is connected, and who has to go: a crowd at the door must not keep the others out. Pure.

A guest is a connection. It has ten seconds for whatever it does next: to ask (headers and body), to take its answer, to ask
again; while an answer is being taken it may last a minute. Viewers are seated: they have rules of their own (`fanout`). There are
places for `limit` guests, and for `per_address` from one address that is not this machine's. Who comes to a full house takes the
place of the one that has waited longest, of those with the most connections: whoever asks and leaves, as a monitor does, gets in.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Protocol

__all__ = ["PROGRESS_S", "Crowd", "Doing", "Way", "is_loopback"]

PROGRESS_S = 10.0
_WHOLE = 6


Doing = Callable[[], Hashable]
"""What a guest is at: when it answers otherwise than before, that was a step forward."""


class Way(Protocol):
    """A connection, as far as it is watched; asyncio's transports are such."""

    def abort(self) -> None:
        """Close it at once; what was not sent is lost."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be taken."""


class _Guest:
    __slots__ = ("address", "did", "doing", "left", "progress_at", "seated", "since", "way")

    def __init__(self, way: Way, address: str, doing: Doing, now: float) -> None:
        self.way = way
        self.address = address
        self.doing = doing
        self.did: Hashable = doing()
        self.seated = False
        self.left = 0
        self.since = self.progress_at = now


class Crowd:
    """All guests. `turned_away` counts those that had to go because there was no place."""

    def __init__(self, *, limit: int, per_address: int, progress_s: float = PROGRESS_S) -> None:
        self.limit = limit
        self.turned_away = 0
        self._per_address = per_address
        self.progress_s = progress_s
        self._guests: dict[Way, _Guest] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, way: Way, address: str, doing: Doing, now: float) -> None:
        """Somebody connected. Somebody, perhaps the same one, may have to go for it."""
        guest = self._guests[way] = _Guest(way, address, doing, now)
        several = [each for each in self._guests.values() if each.address == address]
        if not is_loopback(address) and len(several) > self._per_address:
            self._make_room(several, guest)
        elif len(self._guests) > self.limit:
            self._make_room(list(self._guests.values()), guest)

    def leave(self, way: Way) -> None:
        """The connection is gone."""
        self._guests.pop(way, None)

    def goes_on(self, way: Way, doing: Doing, now: float) -> None:
        """The connection speaks another protocol from now on."""
        guest = self._guests.get(way)
        if guest is not None:
            guest.doing, guest.did, guest.since, guest.progress_at = doing, doing(), now, now

    def seat(self, way: Way) -> None:
        """It is a viewer now."""
        if way in self._guests:
            self._guests[way].seated = True

    def unseat(self, way: Way, now: float) -> None:
        """It is a viewer no more, and has the usual time to go."""
        guest = self._guests.get(way)
        if guest is not None:
            guest.seated = False
            guest.since = guest.progress_at = now

    def sweep(self, now: float) -> None:
        """Once a second: let those go that have had their time."""
        for guest in [each for each in self._guests.values() if not each.seated]:
            did, left = guest.doing(), guest.way.get_write_buffer_size()
            if did != guest.did:
                guest.did, guest.left, guest.since, guest.progress_at = did, left, now, now
            elif left < guest.left:
                guest.left, guest.progress_at = left, now
            else:
                guest.left = left
            if now - guest.progress_at > self.progress_s or now - guest.since > _WHOLE * self.progress_s:
                self._send_away(guest)

    def _make_room(self, among: list[_Guest], fresh: _Guest) -> None:
        waiting = [each for each in among if not each.seated and each is not fresh]
        if not waiting:
            self._send_away(fresh)
        else:
            crowds = Counter(each.address for each in waiting)
            self._send_away(min(waiting, key=lambda each: (-crowds[each.address], each.progress_at)))
        self.turned_away += 1

    def _send_away(self, guest: _Guest) -> None:
        self._guests.pop(guest.way, None)
        guest.way.abort()


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)
