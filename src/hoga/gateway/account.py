"""gateway.account: what the account's stream says, as events: an inlet that a wire brings its frames to. Everything in the turn it came.

Two lives of the stream may run side by side; an event that both bring is told once: it is the same when it says the same, but for when it
was sent. That there was a time without any life is told as `StreamUpdate`, with `missed`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection
from hashlib import blake2b

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.core.trading import ExecutionEvent, StreamUpdate, Unread
from hoga.hub.port import LegStats, LifeEnd, Take
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.runtime.clock import Clock
from hoga.venues.orders import RuleBook
from hoga.venues.private import EVERYTHING
from hoga.venues.spec import VenueSpec

__all__ = ["AccountStream"]

_REMEMBERED = 1_024
"""So many frames are remembered, to know them again."""
_NAMES = 1_024


class AccountStream:
    """Takes what a wire brings of one account (`hub.port.WireInlet`), and gives `take` the events in it.

    `proof_ns`: when the stream last proved to live; 0: never.
    """

    def __init__(self, spec: VenueSpec, book: RuleBook, take: Callable[[ExecutionEvent], None], *, clock: Clock) -> None:
        assert spec.orders is not None, "asked of venues that take orders"
        self.proof_ns = 0
        self._spec = spec
        self._events = spec.orders.events
        self._book = book
        self._take = take
        self._clock = clock
        self._live: set[tuple[str, int]] = set()
        self._came: dict[tuple[str, int], int] = {}
        self._first: tuple[tuple[str, int], int] = (("", 0), 0)
        self._sent_at: re.Pattern[bytes] | None = None
        self._moves: frozenset[DataType] = frozenset()
        if spec.private is not None and spec.private.sent_key is not None:
            self._sent_at = re.compile(rb'"%b"\s*:\s*\d+' % spec.private.sent_key.encode())
            self._moves = spec.private.moves
        self._known: set[bytes] = set()
        self._order: deque[bytes] = deque()
        self._told: dict[str, None] = {}

    @property
    def is_live(self) -> bool:
        """Whether a life of the stream is up."""
        return bool(self._live)

    def streams(self) -> list[Stream]:
        """All that there is about the account."""
        private = self._spec.private
        return [] if private is None else [self._spec.private_stream(EVERYTHING, data_type) for data_type in private.decode]

    def has_told(self, client_id: str) -> bool:
        """Whether the stream has said something of the order."""
        return client_id in self._told

    def _taker(self, life: tuple[str, int], data_type: str) -> Take:
        """What takes the frames of one type on one life. A frame of several types is told once, too."""
        bare = self._sent_at is not None and data_type not in self._moves

        def take(now_ns: int, payload: bytes) -> bool:
            self._came[life] = self.proof_ns = now_ns
            said = self._sent_at.sub(b"", payload, count=1) if bare and self._sent_at is not None else payload
            mark = blake2b(said, digest_size=16).digest()
            if mark in self._known:
                return True
            self._known.add(mark)
            self._order.append(mark)
            if len(self._order) > _REMEMBERED:
                self._known.discard(self._order.popleft())
            self._first = (life, now_ns)
            for event in self._events(self._book, payload, now_ns):
                self._pass(event)
            return True

        return take

    def _pass(self, event: ExecutionEvent) -> None:
        client_id = getattr(event, "client_id", "")
        if client_id:
            self._told[client_id] = None
            if len(self._told) > _NAMES:
                del self._told[next(iter(self._told))]
        self._take(event)

    # -- what the wire calls ----------------------------------------------------------------------------------------

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """A connection is being made."""
        return self.joining(conn, epoch, streams)

    def joining(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """Everything goes one way."""
        return {stream.name.encode(): self._taker((conn, epoch), stream.kind) for stream in streams}

    def opened(self, conn: str, epoch: int, now_ns: int) -> None:
        """The venue has let us in."""
        self._live.add((conn, epoch))
        self.proof_ns = now_ns

    def closed(self, conn: str, epoch: int, end: LifeEnd) -> None:
        """That life is over."""
        self._came.pop((conn, epoch), None)
        if (conn, epoch) in self._live:
            self._live.discard((conn, epoch))
            if not self._live:
                why = end.why or "closed"
                self._take(StreamUpdate(at_ns=self._clock.time_ns(), venue=self._spec.name, live=False, missed=False, why=why))

    def tell(self, event: PrivateStateEvent | MissedEvent) -> None:
        """Live again, and perhaps something was missed; or why it is not."""
        if isinstance(event, MissedEvent):
            self._take(StreamUpdate(at_ns=event.to_ns, venue=self._spec.name, live=True, missed=True, why="a new life of the stream"))
        elif event.text and not self._live:
            why = f"{event.text} ({event.hint})" if event.hint else event.text
            self._take(StreamUpdate(at_ns=event.at_ns, venue=self._spec.name, live=False, missed=False, why=why))

    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None:
        """A frame that nobody knows."""
        raw = frame[:4_096].decode("utf-8", "replace")
        self._take(Unread(at_ns=now_ns, raw=raw, venue=self._spec.name, why="a frame that nobody knows"))

    # -- what only streams of many have to tell ------------------------------------------------------------------------

    def lives(self, conn: str) -> list[int]:
        """The epochs of the connection that are up."""
        return [epoch for name, epoch in self._live if name == conn]

    def live(self, conn: str, epoch: int, now_ns: int, names: Collection[str]) -> None:
        """Told by `opened` here."""

    def waits(self, conn: str, epoch: int, now_ns: int, names: Collection[str], why: str) -> None:
        """Told by `tell` here."""

    def lacking(self, conn: str, epoch: int) -> Collection[str]:
        """An account may be quiet."""
        return ()

    def silent(self, name: str, since_ns: int) -> None:
        """An account may be quiet."""

    def received(self, name: str) -> tuple[int, int]:
        """Not counted here."""
        return 0, self.proof_ns

    def brought(self, conn: str, epoch: int, name: str) -> tuple[int, int]:
        """Not counted here."""
        return self.received(name)

    def behind(self, conn: str, epoch: int, since_ns: int) -> list[str]:
        """Whether another life has brought something since then, and this one nothing."""
        first, at_ns = self._first
        late = first != (conn, epoch) and at_ns >= since_ns and self._came.get((conn, epoch), 0) < since_ns
        return [EVERYTHING] if late else []

    def race(self, conn: str, epoch: int) -> LegStats:
        """Not counted here."""
        return LegStats()

    def join(self, conn: str, epoch: int, stream: Stream, *, bare: bool = False) -> Take:
        """Everything goes one way."""
        return self._taker((conn, epoch), stream.kind)

    def repeated(self, conn: str, epoch: int, now_ns: int, stream: Stream, frame: bytes) -> None:
        """Nobody tells duplicates apart before."""

    def leave(self, conn: str, epoch: int, stream: Stream) -> None:
        """All streams stay."""

    def gone(self, conn: str) -> None:
        """The connection is no more."""

    def refused(self, stream: Stream, why: str) -> None:
        """The stream cannot be brought."""
        self._take(StreamUpdate(at_ns=self._clock.time_ns(), venue=self._spec.name, live=False, missed=False, why=why))
