"""app.tap: hands over to the hub what is recorded in this process: each recorded frame once, under the recorder's own
connection and epoch. Recorder and hub are neighbours that do not know each other.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from hoga.core.streams import Stream
from hoga.feed.connection import Connection
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.recorder.recorder import Recorder

__all__ = ["RecorderTap"]


class RecorderTap:
    """A `feed.wire.Tap` over one recorder."""

    def __init__(self, recorder: Recorder, connections: Callable[[], list[Connection]]) -> None:
        self._recorder = recorder
        self._connections = connections
        self._inlet: WireInlet | None = None
        self._tapped: dict[str, Stream] = {}
        self._takes: dict[str, dict[int, Take]] = {}
        self._known: dict[int, tuple[str, int]] = {}

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        self._inlet = inlet

    def connections(self) -> list[Connection]:
        """The recorder's."""
        return self._connections()

    def want(self, streams: list[Stream]) -> list[Stream]:
        """Tap what is recorded; returns the rest."""
        intakes = self._recorder.intakes
        tapped = {stream.name: stream for stream in streams if stream.name in intakes}
        for name in self._tapped.keys() - tapped.keys():
            self._let_go(name)
        fresh = tapped.keys() - self._tapped.keys()
        self._tapped = tapped
        for name in fresh:
            self._takes[name] = {}
            intakes[name].route = self._router(name)
        return [stream for stream in streams if stream.name not in tapped]

    def _router(self, name: str) -> Callable[[int, bytes], None]:
        intake, takes = self._recorder.intakes[name], self._takes[name]

        def route(now: int, data: bytes) -> None:
            number = intake.tag >> 16
            take = takes.get(number) or self._join(name, number)
            if take is not None and not take(now, data) and self._inlet is not None:
                self._inlet.odd(*self._known[number], now, data)

        return route

    def _join(self, name: str, number: int) -> Take | None:
        """A stream's first frame on a leg; on a leg's first frame, all its streams join."""
        if number not in self._known and not self._open(number):
            return None
        assert self._inlet is not None, "started first"
        take = self._takes[name][number] = self._inlet.join(*self._known[number], self._tapped[name])
        return take

    def _open(self, number: int) -> bool:
        self.tick()
        leg = self._recorder.legs.identity(number)
        if leg is None or self._inlet is None:
            return False
        self._known[number] = leg
        carried = self._recorder.legs.streams(number)
        self._inlet.opening(*leg, [stream for name, stream in self._tapped.items() if name in carried])
        self._inlet.opened(*leg, time_ns())
        return True

    def _let_go(self, name: str) -> None:
        self._recorder.intakes[name].route = None
        stream, takes = self._tapped[name], self._takes.pop(name)
        if self._inlet is not None:
            for number in takes.keys() & self._known.keys():
                self._inlet.leave(*self._known[number], stream)

    def tick(self) -> None:
        """Once a second, and before a new leg: legs that are over are over here too."""
        for number, leg in list(self._known.items()):
            if self._recorder.legs.identity(number) != leg:
                self._close(number, "closed")

    def stats(self) -> list[WireStats]:
        """The recorder's connections that bring anything tapped."""
        found = []
        for connection in self._connections():
            count = sum(1 for stream in connection.streams if stream.name in self._tapped)
            if count:
                found.append(connection.wire_stats(count))
        return found

    def stop(self) -> None:
        """Let the intakes go."""
        for name in list(self._takes):
            self._let_go(name)
        for number in list(self._known):
            self._close(number, "")

    def _close(self, number: int, why: str) -> None:
        leg = self._known.pop(number)
        for takes in self._takes.values():
            takes.pop(number, None)
        if self._inlet is not None:
            self._inlet.closed(*leg, LifeEnd(why))
