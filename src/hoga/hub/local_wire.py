"""hub.local_wire: wires that bring frames from the hub of another process: one local socket, a wire for each kind it serves.

So a reader's process has a manager of its own, with everything it has elsewhere: components, policies, the pool, epochs
and errors. The lives of the hub's connections are lives here too. Lost, the socket is made again for ever, quickly at
first; meanwhile, and while a hub gives no sign of life, no connection is alive here, and values say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, time_ns
from typing import cast

from hoga.core.pauses import Pauses, Schedule
from hoga.core.streams import Stream
from hoga.hub.errors import NoHub
from hoga.hub.local import (
    EVENT,
    EVENT_BODY,
    NOT_OUR_LANGUAGE,
    VERSION,
    AskSymbols,
    Beat,
    Hello,
    LegFailed,
    LegOver,
    LegUp,
    Message,
    Refused,
    Splitter,
    Symbols,
    Want,
    Wish,
    decoder,
    pack,
)  # fmt: skip
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.hub.states import CONNECTION_MOVES, ConnectionState, Standing, WebSocketType
from hoga.runtime.logs import get_log
from hoga.venues.spec import VenueSpec

__all__ = ["LocalHub", "LocalWire"]

_log = get_log("hub")

_QUIET_S = 4.0
"""The hub says something every second; after so long it is taken for stopped."""
_HELLO_S = 5.0
_ANSWER_S = 5.0
_BODY = EVENT_BODY.size


class _Leg:
    """A life of one of the hub's connections. `up`: it is alive here as well."""

    __slots__ = ("conn", "epoch", "streams", "up", "wire")

    def __init__(self, wire: LocalWire, conn: str, epoch: int) -> None:
        self.wire = wire
        self.conn = conn
        self.epoch = epoch
        self.streams: set[Stream] = set()
        self.up = False


class _Connection(Standing[ConnectionState]):
    """One of the hub's connections, as it is seen from here; known once the hub has told of it."""

    __slots__ = ("epoch",)

    def __init__(self) -> None:
        super().__init__(CONNECTION_MOVES, ConnectionState.CONNECTING)
        self.epoch = 0


class LocalWire:
    """The streams of one venue and kind. See `hub.port.Wire`."""

    def __init__(self, hub: LocalHub, venue: str, kind: WebSocketType) -> None:
        self.venue = venue
        self.kind = kind
        self.hub = hub
        self.inlet: WireInlet | None = None
        self.streams: list[Stream] = []

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        self.inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these."""
        self.hub.let_go(set(self.streams) - set(streams))
        self.streams = streams
        self.hub.changed()

    def tick(self) -> None:
        """Once a second."""
        self.hub.tick()

    def stats(self) -> list[WireStats]:
        """The hub's connections, as far as they serve us."""
        return self.hub.stats(self)

    async def known_symbols(self) -> dict[str, str] | None:
        """As the hub knows them."""
        return await self.hub.symbols(self.venue)

    async def stop(self) -> None:
        """The last one ends the socket."""
        self.streams = []
        await self.hub.close()


class LocalHub(asyncio.Protocol):
    """Our end of the socket at `path`. `open` first; then hand `wires` to a manager.

    `every`: of each stream every frame, not only the newest of books, quotes and tickers.
    """

    def __init__(self, path: Path, venues: Mapping[str, VenueSpec], *, every: bool = False) -> None:
        self.path = path
        self.wires: list[LocalWire] = []
        self.conflated = self.dropped = self.reconnects = 0
        self._venues = venues
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._decode = decoder()
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._hello: asyncio.Future[Hello] = self._loop.create_future()
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._life = ""
        self._numbers: dict[Stream, int] = {}
        self._streams: dict[int, Stream] = {}
        self._next = 0
        self._legs: dict[int, _Leg] = {}
        self._connections: dict[tuple[LocalWire, str], _Connection] = {}
        self._takes: dict[tuple[int, int], Take] = {}
        self._asked: dict[str, list[asyncio.Future[dict[str, str] | None]]] = {}
        self._telling: asyncio.Handle | None = None
        self._heard = monotonic()
        self._still = False
        self._closing = False

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect the first time. Raises NoHub."""
        hello = await self._connect()
        for venue, kind in hello.serves:
            if venue in self._venues:
                self.wires.append(LocalWire(self, venue, WebSocketType(kind)))
        self._keeper = self._loop.create_task(self._keep(), name="hub reader")

    @property
    def connected(self) -> bool:
        """Whether there is a hub at the other end."""
        return self._transport is not None

    async def close(self) -> None:
        """Say goodbye. Calling it again does nothing."""
        self._closing = True
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        if self._telling is not None:
            self._telling.cancel()
        if self._transport is not None:
            self._transport.close()
        self._end_legs("")
        self._legs.clear()

    async def _connect(self) -> Hello:
        self._splitter = Splitter()
        self._hello = self._loop.create_future()
        self._lost.clear()
        try:
            if self.path.stat().st_uid != os.getuid():
                raise NoHub(self.path, "it belongs to another user")
            await self._loop.create_unix_connection(lambda: self, str(self.path))
            async with asyncio.timeout(_HELLO_S):
                hello = await self._hello
        except FileNotFoundError as fault:
            raise NoHub(self.path, "nothing is there") from fault
        except (OSError, TimeoutError) as fault:
            self._drop()
            raise NoHub(self.path, "nobody answers") from fault
        if hello.version != VERSION:
            self._drop()
            raise NoHub(self.path, f"it speaks version {hello.version}, we {VERSION}")
        if hello.life != self._life:
            self._begin_anew(hello.life)
        self._heard = monotonic()
        self._tell()
        return hello

    def _begin_anew(self, life: str) -> None:
        """Another process than before: its connections only have the names of those that we knew."""
        for wire, conn in self._connections:
            if wire.inlet is not None:
                wire.inlet.gone(conn)
        self._connections.clear()
        self._life = life

    async def _keep(self) -> None:
        """For ever."""
        pauses = Pauses(Schedule.HUB)
        while True:
            await self._lost.wait()
            _log.warning("the hub is gone", path=str(self.path), note="it is looked for until it is back")
            while True:
                await asyncio.sleep(pauses.next_s())
                try:
                    await self._connect()
                except NoHub:
                    continue
                break
            pauses.clear()
            self.reconnects += 1
            _log.info("the hub is back", path=str(self.path))

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- the socket ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's are none by name

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._still = False
        self._end_legs("the hub is gone")
        self._legs.clear()
        for waiting in self._asked.values():
            for answer in waiting:
                if not answer.done():
                    answer.set_result(None)
        self._asked.clear()
        if not self._hello.done():
            self._hello.set_exception(ConnectionResetError("closed"))
        if not self._closing:
            self._lost.set()

    def data_received(self, data: bytes) -> None:
        self._heard = monotonic()
        try:
            if self._still:
                self._goes_on()
            for kind, body in self._splitter.feed(data):
                if kind == EVENT:
                    self._event(body)
                else:
                    self._note(self._decode(body))
        except NOT_OUR_LANGUAGE as fault:
            _log.warning("the hub does not speak our language", why=str(fault))
            self._drop()
        except Exception as fault:  # noqa: BLE001  # the supervised place: connected anew
            _log.failure("what the hub says cannot be taken, it is connected anew", fault, path=str(self.path))
            self._drop()

    def _event(self, body: bytes) -> None:
        number, leg, recv_ns = EVENT_BODY.unpack_from(body)
        take = self._takes.get((number, leg)) or self._join(number, leg)
        if take is not None:
            take(recv_ns, body[_BODY:])

    def _join(self, number: int, leg_number: int) -> Take | None:
        """A stream's first frame on a leg."""
        leg, stream = self._legs.get(leg_number), self._streams.get(number)
        if leg is None or stream is None or leg.wire.inlet is None:
            return None
        if not leg.up:
            self._up(leg, list(leg.streams))
        leg.streams.add(stream)
        take = self._takes[number, leg_number] = leg.wire.inlet.join(leg.conn, leg.epoch, stream, bare=True)
        return take

    def _note(self, message: Message) -> None:
        match message:
            case Hello():
                if not self._hello.done():
                    self._hello.set_result(message)
            case LegUp():
                self._leg_up(message)
            case LegOver():
                self._leg_over(message)
            case LegFailed():
                self._leg_failed(message)
            case Refused(number=number, why=why):
                stream = self._streams.get(number)
                for wire in self.wires:
                    if stream is not None and stream in wire.streams and wire.inlet is not None:
                        wire.inlet.refused(stream, why)
            case Symbols(venue=venue, known=known):
                for answer in self._asked.pop(venue, []):
                    if not answer.done():
                        answer.set_result(known)
            case Beat():
                self.conflated, self.dropped = message.conflated, message.dropped
            case _:
                raise ValueError(f"a hub that says {type(message).__name__}")

    # -- lives of connections -----------------------------------------------------------------------------------

    def _leg_up(self, note: LegUp) -> None:
        wire = next((each for each in self.wires if (each.venue, each.kind) == (note.venue, note.kind)), None)
        if wire is None:
            return
        leg = self._legs[note.number] = _Leg(wire, note.conn, note.epoch)
        self._up(leg, [self._streams[number] for number in note.streams if number in self._streams])

    def _up(self, leg: _Leg, streams: list[Stream]) -> None:
        inlet = leg.wire.inlet
        if inlet is None:
            return
        leg.up = True
        leg.streams = set(streams)
        known = self._connection(leg.wire, leg.conn)
        known.epoch = max(known.epoch, leg.epoch)
        known.become(ConnectionState.CONNECTED)
        inlet.opening(leg.conn, leg.epoch, streams)
        inlet.opened(leg.conn, leg.epoch, time_ns())

    def _leg_over(self, note: LegOver) -> None:
        leg = self._legs.pop(note.number, None)
        if leg is not None:
            self._over(note.number, leg, note.why)

    def _leg_failed(self, note: LegFailed) -> None:
        """As here: an attempt that came to nothing."""
        for wire in self.wires:
            if (wire.venue, wire.kind) == (note.venue, note.kind) and wire.inlet is not None and wire.streams:
                self._leg_lost(wire, note.conn)
                wire.inlet.opening(note.conn, note.epoch, wire.streams)
                wire.inlet.closed(note.conn, note.epoch, LifeEnd(note.why))

    def _over(self, number: int, leg: _Leg, why: str) -> None:
        for key in [key for key in self._takes if key[1] == number]:
            del self._takes[key]
        if leg.up and leg.wire.inlet is not None:
            leg.up = False
            self._leg_lost(leg.wire, leg.conn)
            leg.wire.inlet.closed(leg.conn, leg.epoch, LifeEnd(why))

    def _connection(self, wire: LocalWire, conn: str) -> _Connection:
        found = self._connections.get((wire, conn))
        if found is None:
            found = self._connections[wire, conn] = _Connection()
        return found

    def _leg_lost(self, wire: LocalWire, conn: str) -> None:
        """A leg of the connection is over, or could not be made; another may be up."""
        if not any(leg.up for leg in self._legs.values() if (leg.wire, leg.conn) == (wire, conn)):
            self._connection(wire, conn).become(ConnectionState.RECONNECTING)

    def _end_legs(self, why: str) -> None:
        for number, leg in self._legs.items():
            self._over(number, leg, why)

    def tick(self) -> None:
        """Once a second and wire: a hub that is stopped has values that stand still, which must not look alive."""
        if monotonic() - self._heard > _QUIET_S and any(leg.up for leg in self._legs.values()):
            _log.warning("the hub gives no sign of life", path=str(self.path))
            self._still = True
            self._end_legs("the hub gives no sign of life")

    def _goes_on(self) -> None:
        """It does give one again, whatever it says: its connections are as they were told last."""
        self._still = False
        _log.info("the hub goes on", path=str(self.path))
        for leg in self._legs.values():
            if not leg.up:
                self._up(leg, list(leg.streams))

    # -- wishes -------------------------------------------------------------------------------------------------

    def let_go(self, streams: set[Stream]) -> None:
        """These are not wanted any more."""
        for stream in streams:
            number = self._numbers.pop(stream, None)
            if number is None:
                continue
            del self._streams[number]
            for leg_number, leg in self._legs.items():
                self._takes.pop((number, leg_number), None)
                if stream in leg.streams:
                    leg.streams.discard(stream)
                    if leg.up and leg.wire.inlet is not None:
                        leg.wire.inlet.leave(leg.conn, leg.epoch, stream)

    def changed(self) -> None:
        """Some wire wants something else: told once for all wires that change now."""
        if self._telling is None:
            self._telling = self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = None
        wishes = []
        for wire in self.wires:
            for stream in wire.streams:
                if stream not in self._numbers:
                    self._next += 1
                    self._numbers[stream] = self._next
                    self._streams[self._next] = stream
                wishes.append(Wish(self._numbers[stream], stream.venue, stream.symbol, stream.channel))
        if self._transport is not None and (wishes or self.wires):
            self._transport.write(pack(Want(wishes, self._every)))

    async def symbols(self, venue: str) -> dict[str, str] | None:
        """What the hub knows of a venue's symbols, None when it does not, or does not answer."""
        if self._transport is None:
            return None
        answer: asyncio.Future[dict[str, str] | None] = self._loop.create_future()
        self._asked.setdefault(venue, []).append(answer)
        self._transport.write(pack(AskSymbols(venue)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        return None

    def stats(self, wire: LocalWire) -> list[WireStats]:
        """Of one wire."""
        alive: dict[str, set[Stream]] = {}
        for leg in self._legs.values():
            if leg.wire is wire and leg.up:
                alive.setdefault(leg.conn, set()).update(leg.streams)
        return [
            WireStats(
                connection=conn,
                state=known.state,
                epoch=known.epoch,
                streams=len(alive.get(conn, ())),
                reconnects=self.reconnects,
                requests=0,
            )
            for (of, conn), known in self._connections.items()
            if of is wire
        ]
