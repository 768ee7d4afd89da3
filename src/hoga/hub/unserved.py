"""hub.unserved: streams that are wanted and do not come: unknown, silent, without a connection, or waiting for a venue's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from hoga.core.streams import Stream
from hoga.hub.inlet import HubInlet
from hoga.hub.port import TellsOfItself, Wire, WireKey
from hoga.hub.resolve import UNLISTED, Resolver
from hoga.hub.states import WebSocketType
from hoga.quality.limits import SERVED_WITHIN_S

__all__ = ["Unserved"]


class Unserved:
    """`since`: when each stream that nothing came of yet was first wanted. `key_of(stream)`: of its inlet. Seconds of any steady clock."""

    def __init__(
        self,
        inlets: Mapping[WireKey, HubInlet],
        resolver: Resolver,
        key_of: Callable[[Stream], WireKey],
        is_wanted: Callable[[Stream], bool],
    ) -> None:
        self._inlets, self._resolver, self._key_of, self._is_wanted = inlets, resolver, key_of, is_wanted
        self.since: dict[Stream, float] = {}
        self._suspected: set[Stream] = set()
        self._delayed: set[Stream] = set()

    def forget(self, stream: Stream) -> None:
        """Nobody wants it any more."""
        self.since.pop(stream, None)
        self._suspected.discard(stream)
        self._delayed.discard(stream)

    def suspect(self, stream: Stream) -> bool:
        """A wire cannot bring it: whether those who want it are to be told, which they are once."""
        if stream in self._suspected or not self._is_wanted(stream):
            return False
        self._suspected.add(stream)
        return True

    def find(self, now: float) -> Iterator[tuple[Stream, str, bool]]:
        """(stream, why, whether it is for good) of those that nobody serves."""
        for stream, since in list(self.since.items()):
            key = self._key_of(stream)
            inlet = self._inlets.get(key)
            if now - since < SERVED_WITHIN_S or stream in self._suspected:
                continue
            if inlet is None:
                yield stream, "no connection for streams of this kind", True
                continue
            known = self._resolver.known.get(stream.venue)
            door = inlet.doors.get(stream)
            if (door is not None and door.count) or key[1] is WebSocketType.PRIVATE:
                del self.since[stream]
            elif known is not None and stream.symbol not in known:
                yield stream, UNLISTED, True
            elif known is None and inlet.spec.channel_of(stream.channel).first_frame_s is not None and _is_open(inlet, stream):
                self._suspected.add(stream)
                yield stream, f"nothing came within {SERVED_WITHIN_S:g} s: unknown or silent", False

    def find_delayed(self, wires: Iterable[Wire], bound_s: float) -> Iterator[tuple[str, list[Stream], float]]:
        """(venue, streams, seconds) of those that wait for a venue's limits longer than `bound_s`, once."""
        for wire in wires:
            for streams, wait_s in wire.delayed() if isinstance(wire, TellsOfItself) else ():
                fresh = [stream for stream in streams if stream not in self._delayed and self._is_wanted(stream)]
                if wait_s > bound_s and fresh:
                    self._delayed.update(fresh)
                    yield wire.venue, fresh, wait_s


def _is_open(inlet: HubInlet, stream: Stream) -> bool:
    return any(book.connected_at is not None and stream in life.doors for book in inlet.books.values() for life in book.lives.values())
