"""app.tap: hands over to the hub what is recorded in this process: each recorded frame once, under the recorder's own
connection and epoch. Recorder and hub are neighbours that do not know each other.

It is called where the recorder takes its frames, so nothing that goes wrong here goes back there.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from hoga.core.streams import Stream
from hoga.feed.connection import Connection
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.recorder.recorder import Recorder
from hoga.runtime.logs import get_log

__all__ = ["RecorderTap"]

_log = get_log("hub")


class RecorderTap:
    """A `feed.wire.Tap` over one recorder. `faults`: what went wrong here, in all; the first of each stream is logged."""

    def __init__(self, recorder: Recorder, connections: Callable[[], list[Connection]]) -> None:
        self._recorder = recorder
        self._connections = connections
        self._inlet: WireInlet | None = None
        self._tapped: dict[str, Stream] = {}
        self._takes: dict[str, dict[int, Take]] = {}
        self._known: dict[int, tuple[str, int]] = {}
        self.faults = 0
        self._told: set[str] = set()

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        self._inlet = inlet
        self._recorder.legs.on_change = self.tick

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
            intakes[name].route, intakes[name].again = self._router(name), self._repeater(name)
        self._look()
        for number in self._known:
            for name in fresh & self._recorder.legs.streams(number):
                self._join(name, number)
        return [stream for stream in streams if stream.name not in tapped]

    def _router(self, name: str) -> Callable[[int, bytes], None]:
        intake, takes = self._recorder.intakes[name], self._takes[name]

        def route(now: int, data: bytes) -> None:
            try:
                number = intake.tag >> 16
                take = takes.get(number) or self._join(name, number)
                if take is not None and not take(now, data) and self._inlet is not None:
                    self._inlet.odd(*self._known[number], now, data)
            except Exception as fault:  # noqa: BLE001  # the supervised place: the hub lacks a frame, the recorder does not notice
                self._failed(name, fault)

        return route

    def _repeater(self, name: str) -> Callable[[int, bytes], None]:
        intake, stream = self._recorder.intakes[name], self._tapped[name]

        def again(now: int, data: bytes) -> None:
            try:
                leg = self._known.get(intake.tag >> 16)
                if leg is not None and self._inlet is not None:
                    self._inlet.repeated(*leg, now, stream, data)
            except Exception as fault:  # noqa: BLE001  # the supervised place, as above
                self._failed(name, fault)

        return again

    def _failed(self, what: str, fault: Exception) -> None:
        self.faults += 1
        if what not in self._told:
            self._told.add(what)
            _log.failure("what is recorded cannot be handed to the hub", fault, what=what)

    def _join(self, name: str, number: int) -> Take | None:
        """A stream's first frame on a leg; on a leg's first frame, all its streams join."""
        if number not in self._known and not self._open(number):
            return None
        assert self._inlet is not None, "started first"
        take = self._takes[name][number] = self._inlet.join(*self._known[number], self._tapped[name])
        return take

    def _open(self, number: int) -> bool:
        leg = self._recorder.legs.identity(number)
        if leg is None or self._inlet is None:
            return False
        carried = self._recorder.legs.streams(number)
        self._inlet.opening(*leg, [stream for name, stream in self._tapped.items() if name in carried])
        self._known[number] = leg
        self._inlet.opened(*leg, time_ns())
        return True

    def _let_go(self, name: str) -> None:
        self._recorder.intakes[name].route = self._recorder.intakes[name].again = None
        stream, takes = self._tapped[name], self._takes.pop(name)
        if self._inlet is not None:
            for number in takes.keys() & self._known.keys():
                self._inlet.leave(*self._known[number], stream)

    def tick(self) -> None:
        """Whenever the recorder tells of its legs, and once a second."""
        try:
            self._look()
        except Exception as fault:  # noqa: BLE001  # the supervised place, as above
            self._failed("connections", fault)

    def _look(self) -> None:
        """The recorder's legs are the lives that there are: those that are over end, then those that carry anything tapped begin, quiet
        ones too, or the end of one would look like the end of all."""
        legs = self._recorder.legs
        for number, leg in list(self._known.items()):
            if legs.identity(number) != leg:
                self._close(number, "closed")
        for number in legs.open:
            if number not in self._known and self._tapped.keys() & legs.streams(number):
                self._open(number)

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
        self._recorder.legs.on_change = lambda: None

    def _close(self, number: int, why: str) -> None:
        leg = self._known.pop(number)
        for takes in self._takes.values():
            takes.pop(number, None)
        if self._inlet is not None:
            self._inlet.closed(*leg, LifeEnd(why))
