"""simulator.switchboard: from a produced payload to the frames of every subscribed connection, faults included.

Knows no venue: a stream is a name, a connection is anything that can `push` frames, and how a payload is printed for a
connection is told by its `form`, a value that only the venue reads. Synchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol

from hoga.runtime.frames import ws_frame
from hoga.simulator.faults import Dialect, FaultDesk, FaultKind, Out, Printed
from hoga.simulator.protocol import RequestVerdict
from hoga.simulator.truth import ConnectionTruth, Truth

__all__ = ["Subscriber", "Switchboard"]


class Subscriber(Protocol):
    """What the switchboard needs of a connection."""

    name: str
    truth: ConnectionTruth

    @property
    def form(self) -> Hashable:
        """How frames are printed for it: equal forms, equal bytes."""

    def push(self, wire: bytes) -> None:
        """Put bytes on the wire, in order."""

    def push_later(self, stream: str, wire: bytes, delay_ns: int) -> None:
        """Put bytes on the wire after a delay, never before earlier delayed ones of the same stream."""

    def is_delaying(self, stream: str) -> bool:
        """Delayed frames of this stream are still waiting."""

    def tear(self, wire: bytes) -> None:
        """Put half of the bytes on the wire and cut the connection."""


class Switchboard:
    """Who is subscribed to what, and how frames get there. `dialect` says what faults look like at this venue."""

    def __init__(self, truth: Truth, desk: FaultDesk, dialect: Dialect) -> None:
        self.subscribers: dict[str, dict[Subscriber, None]] = {}
        self.tap: Callable[[str, str, bytes], None] | None = None
        """Called with (connection, stream, frame text) for every frame sent that no fault made up."""
        self.cut: frozenset[str] = frozenset()
        """Streams that nobody may have now: a replay is in a gap of theirs."""
        self._truth = truth
        self._desk = desk
        self._dialect = dialect
        self._by_name: dict[str, Subscriber] = {}

    def join(self, connection: Subscriber) -> None:
        """A connection is open."""
        self._by_name[connection.name] = connection

    def leave(self, connection: Subscriber) -> None:
        """A connection is gone, with all its subscriptions."""
        self._by_name.pop(connection.name, None)
        self._desk.forget_connection(connection.name)
        for name in [name for name, connections in self.subscribers.items() if connection in connections]:
            self.unsubscribe(connection, [name])

    def judge(self, connection: str, names: list[str]) -> RequestVerdict:
        """What faults and gaps make of a request for these streams."""
        if self.is_cut(names):
            return RequestVerdict(refused="the recording that is replayed has a gap here")
        if (refused := self._desk.take_request(FaultKind.REFUSE_SUBSCRIBE, connection, names)) is not None:
            return RequestVerdict(refused=refused.reason or "please try again")
        if self._desk.take_request(FaultKind.IGNORE_SUBSCRIBE, connection, names) is not None:
            return RequestVerdict(ignored=True)
        deaf = self._desk.take_request(FaultKind.DEAF_SUBSCRIBE, connection, names)
        return RequestVerdict() if deaf is None else RequestVerdict(deaf=frozenset(self._desk.matching(deaf, connection, names)))

    def is_cut(self, names: Iterable[str]) -> bool:
        """Whether one of these streams is in a gap."""
        return bool(self.cut) and not self.cut.isdisjoint(names)

    def having(self, names: Iterable[str]) -> set[Subscriber]:
        """The connections that are subscribed to one of these streams."""
        return {connection for name in names for connection in self.subscribers.get(name, ())}

    def subscribe(self, connection: Subscriber, names: list[str]) -> None:
        """Frames of these streams go to this connection from now on."""
        for name in names:
            self.subscribers.setdefault(name, {})[connection] = None

    def unsubscribe(self, connection: Subscriber, names: list[str]) -> None:
        """And no longer."""
        for name in names:
            connections = self.subscribers.get(name, {})
            connections.pop(connection, None)
            if not connections:
                self.subscribers.pop(name, None)

    def publish(self, stream: str, encode: Callable[[Any], Printed], *, last_id: int | None = None) -> bool:
        """Send one payload to every subscriber of its stream. Tells whether there was one.

        `encode(form)` prints it for connections of that form; it is called once a form.
        """
        connections = self.subscribers.get(stream)
        if not connections:
            return False
        self._truth.produced[stream] += 1
        if last_id is not None:
            self._truth.last_ids[stream] = last_id
        made: dict[Hashable, tuple[Printed, bytes]] = {}
        for connection in list(connections):
            form = connection.form
            entry = made.get(form)
            if entry is None:
                printed = encode(form)
                entry = made[form] = (printed, ws_frame(printed.opcode, printed.text))
            self._deliver(connection, stream, *entry)
        return True

    def answer(self, connection: Subscriber, stream: str, printed: Printed) -> None:
        """Send one frame of a stream to one connection alone, subscribed or not: a snapshot. Faults touch it like any other."""
        self._truth.answered[stream] += 1
        self._deliver(connection, stream, printed, ws_frame(printed.opcode, printed.text))

    def release(self) -> None:
        """Send what ended faults had held back."""
        for name, stream, out in self._desk.released():
            connection = self._by_name.get(name)
            if connection is not None:
                self._send(connection, stream, out, ws_frame(out.opcode, out.data))

    def _deliver(self, connection: Subscriber, stream: str, printed: Printed, wire: bytes) -> None:
        if not self._desk.busy and not connection.is_delaying(stream):
            connection.push(wire)
            connection.truth.sent[stream] += 1
            if self.tap is not None:
                self.tap(connection.name, stream, printed.text)
            return
        for out in self._desk.route(connection.name, stream, printed, self._dialect):
            self._send(connection, stream, out, wire if out.data is printed.text else ws_frame(out.opcode, out.data))

    def _send(self, connection: Subscriber, stream: str, out: Out, wire: bytes) -> None:
        truth = connection.truth
        counter = truth.sent if out.role == "real" else truth.copies if out.role == "copy" else truth.odd
        counter[stream] += 1
        if self.tap is not None and out.role != "odd":
            self.tap(connection.name, stream, out.data)
        if out.torn:
            connection.tear(wire)
        elif out.delay_ns or connection.is_delaying(stream):
            connection.push_later(stream, wire, out.delay_ns)
        else:
            connection.push(wire)
