"""hub.inlet: the doors of all streams, and the books of all connections: epochs, counts, troubles. It is what wires talk to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from msgspec.structs import replace

from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.hub.doors import Door, Tally
from hoga.hub.epochs import EpochManager
from hoga.hub.events import EpochEvent
from hoga.hub.independence import ConnectionIndependenceMonitor
from hoga.hub.metrics import ConnectionMetrics
from hoga.hub.port import LegStats, LifeEnd, Take, WireStats
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.hub.routing import DataRoutingEngine
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.runtime.clock import SYSTEM, Clock
from hoga.venues.spec import VenueSpec

__all__ = ["ConnectionBook", "HubInlet"]

_HOUR_S = 3600.0
_ENDED_MAX = 64


class _Life:
    """What comes on one life of a connection. `table`: who takes its frames; `live`: proven to come, by wire name; `open`: it did begin."""

    __slots__ = ("doors", "live", "open", "table")

    def __init__(self) -> None:
        self.doors: dict[Stream, Door] = {}
        self.table: dict[bytes, Take] = {}
        self.live: set[str] = set()
        self.open = False

    def first_take(self, name: str, key: bytes, take: Take) -> Take:
        """Takes the first frame of a stream that nothing has proven yet: the frame does."""

        def first(now: int, data: bytes) -> bool:
            if not take(now, data):
                return False
            self.live.add(name)
            self.table[key] = take
            return True

        return first


class ConnectionBook:
    """What is known of one connection. `lives` by epoch, attempts too; `failed` counts attempts that came to nothing; `epoch` is the
    newest life that began.

    `told_down`: why it is down, as it was told last; None while it is not.
    """

    def __init__(self, name: str, venue: str, kind: WebSocketType, since_s: float) -> None:
        self.name = name
        self.venue = venue
        self.kind = kind
        self.epoch = 0
        self.connected_at: float | None = None
        self.down_since: float | None = since_s
        self.lost: deque[float] = deque(maxlen=1000)
        self.errors = self.failed = 0
        self.told_down: str | None = None
        self.tally = Tally()
        self.lives: dict[int, _Life] = {}
        self.rate = 0.0
        self.rated = (0.0, 0)

    def doors(self) -> set[Door]:
        """Of every stream that comes here now."""
        return {door for life in self.lives.values() for door in life.doors.values()}

    def open_lives(self) -> list[int]:
        """The epochs that are alive. While one of them is, whichever, the connection is."""
        return [epoch for epoch, life in self.lives.items() if life.open]

    @property
    def is_down(self) -> bool:
        """Whether it was lost, or could not be made."""
        return self.down_since is not None and (self.epoch > 0 or self.failed > 0)


class HubInlet:
    """One per venue and kind; epochs and doors are shared with nobody. `on_epoch(event, streams)` tells of lives.

    `on_private` gets what a private connection has to say; `private_state` is the newest of it.
    """

    def __init__(
        self,
        spec: VenueSpec,
        kind: WebSocketType,
        engine: DataRoutingEngine,
        *,
        independence: ConnectionIndependenceMonitor,
        on_epoch: Callable[[EpochEvent, list[Stream]], object],
        on_private: Callable[[HubInlet, PrivateStateEvent | MissedEvent], object],
        on_refused: Callable[[Stream, str], object] = lambda stream, why: None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.spec = spec
        self.kind = kind
        self._clock = clock
        self.epochs = EpochManager()
        self.doors: dict[Stream, Door] = {}
        self._by_name: dict[str, Door] = {}
        self.books: dict[str, ConnectionBook] = {}
        self._ended: dict[str, ConnectionBook] = {}
        self._past_frames = self._past_errors = 0
        self.odd_frames = 0
        self._engine = engine
        self._independence = independence
        self._on_epoch = on_epoch
        self._on_private = on_private
        self.private_state: PrivateStateEvent | None = None
        self._on_refused = on_refused

    # -- what wires call ----------------------------------------------------------------------------------------

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """A connection is being made."""
        book = self.books.get(conn)
        if book is None:
            book = self.books[conn] = self._new_book(conn)
        self.epochs.begin(conn, epoch)
        book.lives[epoch] = _Life()
        return self.joining(conn, epoch, streams)

    def _new_book(self, conn: str) -> ConnectionBook:
        """What a connection of that name brought before stays counted."""
        book, before = ConnectionBook(conn, self.spec.name, self.kind, self._clock.monotonic()), self._ended.pop(conn, None)
        if before is not None:
            book.tally, book.errors = before.tally, before.errors
        return book

    def open_lives(self, conn: str) -> list[int]:
        """The epochs of the connection that are alive."""
        book = self.books.get(conn)
        return book.open_lives() if book is not None else []

    def lives(self, conn: str) -> list[int]:
        """The epochs of the connection that are open, or being made."""
        book = self.books.get(conn)
        return list(book.lives) if book is not None else []

    def joining(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """Exactly these streams come on it from now on."""
        book = self.books[conn]
        life = book.lives[epoch]
        before, life.doors = life.doors, {stream: self.door(stream) for stream in streams}
        life.live &= {stream.name for stream in streams}
        life.table.clear()
        for stream, door in before.items():
            if stream not in life.doors:
                door.closed(conn, epoch)
        for stream, door in life.doors.items():
            if stream not in before:
                door.opening(conn, epoch)
            key, take = door.frame_key, door.taker(conn, epoch, book.tally)
            life.table[key] = take if stream.name in life.live else life.first_take(stream.name, key, take)
        return life.table

    def join(self, conn: str, epoch: int, stream: Stream, *, bare: bool = False) -> Take:
        """One stream more on a life that is open."""
        book = self.books[conn]
        door, doors = self.door(stream), book.lives[epoch].doors
        if stream not in doors:
            doors[stream] = door
            door.opening(conn, epoch)
        return door.taker(conn, epoch, book.tally, bare=bare)

    def repeated(self, conn: str, epoch: int, now_ns: int, stream: Stream, frame: bytes) -> None:
        """Whoever told duplicates apart already kept this one: no news, but what it says holds under that life."""
        door, life = self.doors.get(stream), self._life(conn, epoch)
        parts = self.spec.split(frame)
        if door is not None and parts is not None and life is not None and stream in life.doors:
            door.repeated(conn, epoch, now_ns, parts[1])

    def leave(self, conn: str, epoch: int, stream: Stream) -> None:
        """And one less."""
        life = self._life(conn, epoch)
        door = life.doors.pop(stream, None) if life is not None else None
        if door is not None:
            door.closed(conn, epoch)

    def _life(self, conn: str, epoch: int) -> _Life | None:
        book = self.books.get(conn)
        return book.lives.get(epoch) if book is not None else None

    def gone(self, conn: str) -> None:
        """The connection is no more: nothing is remembered of it but what it brought."""
        book = self.books.pop(conn, None)
        if book is not None:
            self._ended[conn] = book
        while len(self._ended) > _ENDED_MAX:
            oldest = self._ended.pop(next(iter(self._ended)))
            self._past_frames += oldest.tally.frames
            self._past_errors += oldest.errors
        self.epochs.forget(conn)
        self._independence.forget(conn)

    def refused(self, stream: Stream, why: str) -> None:
        """Whoever brings the stream cannot, for `why`."""
        self._on_refused(stream, why)

    def opened(self, conn: str, epoch: int, now_ns: int) -> None:
        """It is open."""
        book = self.books[conn]
        book.epoch, book.lives[epoch].open = max(book.epoch, epoch), True
        book.connected_at, book.down_since, book.told_down = self._clock.monotonic(), None, None
        self._on_epoch(EpochEvent(venue=self.spec.name, conn=conn, epoch=epoch, up=True), self.carried(conn, epoch))

    def live(self, conn: str, epoch: int, now_ns: int, names: Collection[str]) -> None:
        """The venue has agreed to bring these."""
        if (life := self._life(conn, epoch)) is not None:
            life.live.update(names)

    def waits(self, conn: str, epoch: int, now_ns: int, names: Collection[str], why: str) -> None:
        """Asked for again by their connection. One that was refused by name is told to those who want it."""
        for name in names if len(names) == 1 else ():
            if (door := self._by_name.get(name)) is not None:
                self.refused(door.stream, why)

    def lacking(self, conn: str, epoch: int) -> Collection[str]:
        """Streams of the life that were neither told live nor have come."""
        life = self._life(conn, epoch)
        return {stream.name for stream in life.doors} - life.live if life is not None else ()

    def silent(self, name: str, since_ns: int) -> None:
        """Asked for again by its connection; nothing to do here."""

    def closed(self, conn: str, epoch: int, end: LifeEnd) -> None:
        """That life is over, or never began. The connection is lost with its last one, whichever that is."""
        book = self.books.get(conn)
        life = book.lives.pop(epoch, None) if book is not None else None
        if book is None or life is None:
            return
        why = f"silent: {end.why}" if end.reason is Reason.SILENCE else end.why
        streams = list(life.doors)
        for door in life.doors.values():
            door.closed(conn, epoch)
        self.epochs.end(conn, epoch)
        now, down = self._clock.monotonic(), not book.open_lives()
        event = EpochEvent(venue=self.spec.name, conn=conn, epoch=epoch, up=False, why=why, unheard=end.unheard)
        if down:
            book.down_since = book.down_since or now
            book.connected_at = None
            if streams and why:
                self._independence.trouble(conn, now, why)
        if life.open and down:
            book.lost.append(now)
            book.told_down = why
            self._on_epoch(event, streams)
        elif not life.open and why:
            book.failed += 1
            if self.kind is WebSocketType.PUBLIC and down and book.told_down != why:
                book.told_down = why  # once for each reason: attempts are made for ever
                self._on_epoch(event, streams)

    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None:
        """A frame in an unusual spelling, of a stream nobody wants any more, or no data at all."""
        parts = self.spec.split(frame) if self.kind is WebSocketType.PUBLIC else None
        book = self.books.get(conn)
        if parts is not None and book is not None:
            life = self._life(conn, epoch)
            for stream, door in life.doors.items() if life is not None else ():
                if stream.name == parts[0]:
                    door.taker(conn, epoch, book.tally, bare=True)(now_ns, parts[1])
                    return
            return
        self.odd_frames += 1
        if book is not None:
            book.errors += 1

    def tell(self, event: PrivateStateEvent | MissedEvent) -> None:
        """What those who want streams of the wire should know of its connections."""
        if isinstance(event, PrivateStateEvent):
            self.private_state = event
        self._on_private(self, event)

    def carried(self, conn: str, epoch: int) -> list[Stream]:
        """The streams of one life of a connection."""
        life = self._life(conn, epoch)
        return list(life.doors) if life is not None else []

    def received(self, name: str) -> tuple[int, int]:
        """(frames so far, receipt of the newest)."""
        door = self._by_name.get(name)
        return (door.count + door.duplicates, door.last_ns) if door is not None else (0, 0)

    def brought(self, conn: str, epoch: int, name: str) -> tuple[int, int]:
        """Not told apart here: a stream has one connection, and two lives of it only within a handover."""
        return self.received(name)

    def behind(self, conn: str, epoch: int, since_ns: int) -> list[str]:
        """Streams that have brought frames since then, but none on this life while there were two."""
        life = self._life(conn, epoch)
        if life is None:
            return []
        return [stream.name for stream, door in life.doors.items() if door.last_ns >= since_ns and (conn, epoch) not in door.came]

    def race(self, conn: str, epoch: int) -> LegStats:
        """Who brought a frame first is not counted here."""
        return LegStats()

    # -- what the manager asks ----------------------------------------------------------------------------------

    def door(self, stream: Stream) -> Door:
        """The way in of a stream, made when there is none."""
        door = self.doors.get(stream)
        if door is None:
            door = self.doors[stream] = self._by_name[stream.name] = Door(self.spec, stream, self._engine.pin(stream), self.epochs)
        return door

    def forget(self, stream: Stream) -> None:
        """Nobody wants it any more."""
        if self.doors.pop(stream, None) is not None:
            del self._by_name[stream.name]
            self._engine.unpin(stream)

    def collect(self, now: float) -> None:
        """Measure rates; every ten seconds or so."""
        for book in self.books.values():
            frames = book.tally.frames
            at, before = book.rated
            if at and now > at and frames >= before:
                book.rate = (frames - before) / (now - at)
            book.rated = (now, frames)

    def watch(self, now: float) -> None:
        """Tell the independence monitor how much came; every second or so."""
        for book in self.books.values():
            if book.connected_at is not None:
                self._independence.count(book.name, book.tally.frames, now)

    def totals(self) -> tuple[int, int]:
        """Frames that went on to somebody, and errors, since the start."""
        books = [*self.books.values(), *self._ended.values()]
        return self._past_frames + sum(book.tally.frames for book in books), self._past_errors + sum(book.errors for book in books)

    def state_of(self, wire: WireStats) -> ConnectionState:
        """Of a connection, as it is now: one whose last life is over is not connected, whatever its wire says a moment longer."""
        book = self.books.get(wire.connection)
        over = book is not None and not book.open_lives()
        return ConnectionState.RECONNECTING if over and wire.state.is_up else wire.state

    def trouble_of(self, wire: WireStats) -> str | None:
        """Why a connection that should bring something is down: "" when nobody said, None when it is not down."""
        book = self.books.get(wire.connection)
        if book is None or not book.is_down or not wire.streams or self.state_of(wire).is_up:
            return None
        return book.told_down or wire.last_close

    def metrics(self, wire: WireStats, now: float) -> ConnectionMetrics:
        """Of one connection."""
        book = self.books.get(wire.connection) or self._ended.get(wire.connection)
        base = ConnectionMetrics(
            connection=wire.connection,
            venue=self.spec.name,
            connection_type=self.kind,
            state=self.state_of(wire),
            at_s=now,
            epoch=wire.epoch,
            reconnect_count=wire.reconnects,
            current_subscriptions=wire.streams,
            requests_sent=wire.requests,
        )
        if book is None:
            return base
        doors = book.doors()
        newest_ns = max((door.last_ns for door in doors), default=0)
        return _with_book(base, book, doors, self._age_s(newest_ns), stale=self.epochs.stale_frames(book.name))

    def _age_s(self, recv_ns: int) -> float | None:
        return (self._clock.time_ns() - recv_ns) / 1e9 if recv_ns else None


def _with_book(base: ConnectionMetrics, book: ConnectionBook, doors: set[Door], age_s: float | None, *, stale: int) -> ConnectionMetrics:
    return replace(
        base,
        connect_time=book.connected_at,
        last_message_time=None if age_s is None else base.at_s - age_s,
        message_count=book.tally.frames,
        error_count=book.errors,
        failed_attempts=book.failed,
        reconnects_last_hour=sum(1 for at in book.lost if base.at_s - at < _HOUR_S),
        bytes_received=book.tally.bytes,
        stale_frames=stale,
        rate=book.rate,
    )
