"""hub.local_server: serves the hub of this process to readers in other processes of the same user, over a local socket.

A reader costs its share and nobody else anything: what it has not taken yet waits in a box of its own, of books, quotes
and tickers only the newest, of everything else the newest `capacity`; both losses are counted and told to the reader. A
reader that is stopped costs a dictionary entry per frame and nothing more. The socket is the user's own (mode 0600).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from time import monotonic
from typing import Any, cast

import msgspec

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent, SubscriptionErrorEvent
from hoga.hub.local import (
    EVENT,
    EVENT_HEAD,
    NOT_OUR_LANGUAGE,
    REQUEST_MAX_BYTES,
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
    decoder,
    pack,
)  # fmt: skip
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import ComponentSubscription, SubscriptionSpec
from hoga.runtime.local_socket import listen_on
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every

__all__ = ["HubServer", "ReaderStats"]

_log = get_log("hub")

_STATES = frozenset({DataType.ORDERBOOK, DataType.QUOTE, DataType.TICKER, DataType.MARK_PRICE})
"""Of these the newest says all; of others each one counts."""
_APART_S = 0.002
_SLICE_BYTES = 64 * 1024
_PATIENCE_BYTES = 4 * 1024 * 1024
"""Notes must reach the reader, so they wait in the socket's buffer; beyond this nobody is reading."""
_HALVES_BYTES = 8 * 1024 * 1024
"""What half-sent requests may take in all; beyond it the reader that has most waiting goes."""
_READERS_MAX, _STREAMS_MAX = 64, 5_000
_TAIL = EVENT_HEAD.size - 5
"""What an event's head has behind the length and the kind."""

_Names = tuple[str, str, str]
"""Venue, symbol, channel."""


class ReaderStats(msgspec.Struct, frozen=True, kw_only=True):
    """Of one reader. `waiting` frames have not left yet; the others were sent, replaced by newer ones, or dropped."""

    reader: str
    streams: int
    sent: int
    conflated: int
    dropped: int
    waiting: int


class HubServer:
    """Serves `manager` at `path`. A reader's `capacity` is of frames that must not be conflated.

    A sign of life goes to each every `beat_s`. A request that is begun is whole within `request_s`; a reader that takes longer is none.
    """

    def __init__(
        self, manager: GlobalWebSocketManager, path: Path, *, capacity: int = 10_000, beat_s: float = 1.0, request_s: float = 10.0
    ) -> None:
        self.manager = manager
        self.path = path
        self.capacity = capacity
        self.request_s = request_s
        self._beat_s = beat_s
        self.life = secrets.token_hex(8)
        self.readers: dict[str, _Reader] = {}
        self._server: asyncio.Server | None = None
        self._beat: asyncio.Task[None] | None = None
        self._inode = 0
        self._number = 0

    async def start(self) -> None:
        """Listen. What lies at the path is replaced. Raises OSError."""
        listener = listen_on(self.path, backlog=_READERS_MAX)
        self._inode = self.path.stat().st_ino
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Reader(self), sock=listener)
        self._beat = loop.create_task(every(self._beat_s, self._tell, log=_log), name="hub readers")

    async def stop(self) -> None:
        """Every reader is let go, the socket disappears."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for reader in list(self.readers.values()):
            reader.abandon()
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()

    def stats(self) -> list[ReaderStats]:
        """Every reader."""
        return [reader.stats() for reader in self.readers.values()]

    def name(self) -> str:
        """For the next reader."""
        self._number += 1
        return f"reader {self._number}"

    def _tell(self) -> None:
        for reader in list(self.readers.values()):
            reader.guarded(reader.beat)

    def spare(self) -> None:
        """Half-sent requests have a bound in all."""
        waiting = sum(reader.half_sent for reader in self.readers.values())
        if waiting > _HALVES_BYTES:
            most = max(self.readers.values(), key=lambda reader: reader.half_sent)
            _log.warning("readers send requests and do not end them, one is let go", reader=most.name, bytes=waiting)
            most.abandon()


class _Reader(asyncio.Protocol):
    """One reader, and what waits for it. It is a component of the manager like any other."""

    def __init__(self, server: HubServer) -> None:
        self._server = server
        self._manager = server.manager
        self._loop = asyncio.get_running_loop()
        self._decode = decoder()
        self._splitter = Splitter(REQUEST_MAX_BYTES)
        self._half_since: float | None = None
        self._transport: asyncio.Transport | None = None
        self._numbers: dict[Stream, int] = {}
        self._legs: dict[tuple[str, int], int] = {}
        self._next_leg = 0
        self._newest: dict[int, BaseWebSocketEvent] = {}
        self._queue: deque[tuple[int, BaseWebSocketEvent]] = deque(maxlen=server.capacity)
        self._every = False
        self._paused = False
        self._timer: asyncio.Handle | None = None
        self._flushed_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.name = ""
        self.sent = self.conflated = self.dropped = self._told = 0

    # -- the socket ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's are none by name
        if len(self._server.readers) >= _READERS_MAX:
            _log.warning("a reader was turned away", readers=len(self._server.readers))
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_SLICE_BYTES)
        self.name = self._server.name()
        self._server.readers[self.name] = self
        self._say(Hello(VERSION, self._server.life, [(venue, kind.value) for venue, kind in self._manager.served]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if self._server.readers.pop(self.name, None) is not None:
            self._run(self._manager.unregister_component(self.name))

    def data_received(self, data: bytes) -> None:
        try:
            for _, body in self._splitter.feed(data):
                if not self._is_here():
                    return
                self._take(self._decode(body))
        except NOT_OUR_LANGUAGE as fault:
            _log.warning("a reader does not speak our language", reader=self.name, why=str(fault))
            self.abandon()
            return
        except Exception as fault:  # noqa: BLE001  # the supervised place: this reader goes, nobody else notices
            self._failed(fault)
            return
        if not self._splitter.waiting:
            self._half_since = None
        elif self._half_since is None:
            self._half_since = monotonic()
        if self._splitter.waiting:
            self._server.spare()

    @property
    def half_sent(self) -> int:
        """Bytes of a request that is not whole yet."""
        return self._splitter.waiting

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._newest or self._queue:
            self.guarded(self._flush)

    def abandon(self) -> None:
        """Let it go now."""
        self._splitter = Splitter(REQUEST_MAX_BYTES)
        if self._transport is not None:
            self._transport.abort()

    def guarded(self, act: Callable[[], object]) -> None:
        """Whatever goes wrong for a reader ends that reader."""
        try:
            act()
        except Exception as fault:  # noqa: BLE001  # the supervised place, as above
            self._failed(fault)

    def _failed(self, fault: Exception) -> None:
        _log.failure("a reader cannot be served, it is let go", fault, reader=self.name)
        self.abandon()

    def _is_here(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    # -- what it asks -------------------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if isinstance(message, Want):
            self._run(self._want(message))
        elif isinstance(message, AskSymbols):
            known = self._manager.resolver.known.get(message.venue)
            self._say(Symbols(message.venue, dict(known) if known is not None else None))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._guarded(work), name=f"hub {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as fault:  # noqa: BLE001  # the supervised place, as above
            self._failed(fault)

    async def _want(self, want: Want) -> None:
        """Become a component with exactly these wishes; what it had already goes on undisturbed."""
        if self._transport is None:
            return
        for wish in want.wishes[_STREAMS_MAX:]:
            self._say(Refused(wish.number, f"a reader may have {_STREAMS_MAX} streams"))
        wishes = {(wish.venue, wish.symbol, wish.channel): wish.number for wish in want.wishes[:_STREAMS_MAX]}
        had = set(self._numbers)
        self._every = want.every
        subscription = await self._register(wishes)
        streams = subscription.streams if subscription is not None else {}
        self._numbers = {stream: wishes[stream.venue, stream.symbol, stream.channel] for stream in streams}
        for stream in self._numbers:
            self._manager.engine.watch(self.name, stream)
        for conn in self._manager.connections():
            self._tell_open(conn)
        self._newest = {number: event for number, event in self._newest.items() if event.stream in self._numbers}
        for stream in self._numbers.keys() - had:
            latest = self._manager.latest(stream)
            if latest is not None:
                self._put(latest)

    async def _register(self, wishes: dict[_Names, int]) -> ComponentSubscription | None:
        """What cannot be is refused, the rest is served."""
        while wishes:
            try:
                specs = self._specs(wishes)
                subscription = await self._manager.register_component(
                    self.name, self, specs, self._put, delivery=Delivery.INLINE, on_status=self._status
                )
            except SubscriptionError as error:
                refused = self._refuse(wishes, error)
                wishes = {names: number for names, number in wishes.items() if number not in refused}
                if not refused:
                    break
                continue
            for each in subscription.errors:
                self._refuse(wishes, each)
            return subscription
        await self._manager.unregister_component(self.name)
        return None

    def _specs(self, wishes: Iterable[_Names]) -> list[SubscriptionSpec]:
        grouped: dict[tuple[str, str], list[str]] = {}
        for venue, symbol, channel in wishes:
            grouped.setdefault((venue, channel), []).append(symbol)
        return [
            SubscriptionSpec(self._manager.type_of(self.name, venue, channel, symbols), symbols, venue, channel=channel)
            for (venue, channel), symbols in grouped.items()
        ]

    def _refuse(self, wishes: dict[_Names, int], error: SubscriptionError) -> set[int]:
        refused = {
            number
            for (venue, symbol, _), number in wishes.items()
            if venue == error.venue and (not error.symbols or symbol in error.symbols)
        }
        for number in refused:
            self._say(Refused(number, error.why))
        return refused

    def _status(self, event: StatusEvent) -> None:
        if isinstance(event, SubscriptionErrorEvent):
            error = event.error
            for stream, number in self._numbers.items():
                if stream.venue == error.venue and stream.symbol in error.symbols:
                    self._say(Refused(number, error.why))
        elif isinstance(event, EpochEvent) and event.up:
            self._leg(event.venue, event.conn, event.epoch)
        elif isinstance(event, EpochEvent):
            self._lost(event)

    # -- what it gets -------------------------------------------------------------------------------------------

    def _put(self, event: BaseWebSocketEvent) -> None:
        number = self._numbers.get(event.stream)
        if number is None:
            return
        if event.data_type in _STATES and not self._every:
            if number in self._newest:
                self.conflated += 1
            self._newest[number] = event
        else:
            if len(self._queue) == self._server.capacity:
                self.dropped += 1
            self._queue.append((number, event))
        if self._timer is None and not self._paused:
            self._arm()

    def _arm(self) -> None:
        wait = self._flushed_at + _APART_S - monotonic()
        self._timer = (
            self._loop.call_soon(self.guarded, self._flush) if wait <= 0 else self._loop.call_later(wait, self.guarded, self._flush)
        )

    def _flush(self) -> None:
        """Write what waits, a slice at a time, until the socket takes no more."""
        self._timer = None
        self._flushed_at = monotonic()
        queue = self._queue
        if self.dropped != self._told and not self._paused:
            self._told = self.dropped
            self._say(Beat(self.conflated, self.dropped))  # before the first frame behind the hole
        while queue and not self._paused and self._transport is not None:
            parts: list[bytes] = []
            size = 0
            while queue and size < _SLICE_BYTES:
                size += self._encode(*queue.popleft(), parts)
            self._transport.write(b"".join(parts))
        if self._newest and not self._paused and self._transport is not None:
            self._flush_newest(self._transport)

    def _flush_newest(self, transport: asyncio.Transport) -> None:
        waiting = iter(self._newest.items())
        while not self._paused:
            parts: list[bytes] = []
            size = 0
            for number, event in waiting:
                size += self._encode(number, event, parts)
                if size >= _SLICE_BYTES:
                    break
            if not parts:
                break
            transport.write(b"".join(parts))
        self._newest = dict(waiting)

    def _encode(self, number: int, event: BaseWebSocketEvent, parts: list[bytes]) -> int:
        leg = self._legs.get((event.conn, event.epoch))
        if leg is None:
            note = self._leg_note(event.venue, event.conn, event.epoch)
            leg = note.number
            parts.append(pack(note))
        payload = event.payload
        parts.append(EVENT_HEAD.pack(_TAIL + len(payload), EVENT, number, leg, event.recv_ns))
        parts.append(payload)
        self.sent += 1
        return len(payload) + EVENT_HEAD.size

    def _leg(self, venue: str, conn: str, epoch: int) -> None:
        """The frames that came before it go before it: they may be of a life that lags behind what others brought."""
        self._flush()
        if (conn, epoch) not in self._legs:
            self._say(self._leg_note(venue, conn, epoch))

    def _leg_note(self, venue: str, conn: str, epoch: int) -> LegUp:
        self._next_leg += 1
        self._legs[conn, epoch] = self._next_leg
        streams = [stream for stream in self._manager.carried(venue, conn, epoch) if stream in self._numbers]
        kind = next((self._manager.kind_of(stream).value for stream in streams), "public")
        return LegUp(self._next_leg, venue, kind, conn, epoch, [self._numbers[stream] for stream in streams])

    def _tell_open(self, conn: str) -> None:
        """Whatever lives of the connection and brings something of the reader's is known to it, quiet or not."""
        for venue, epoch in self._manager.open_lives(conn):
            if (conn, epoch) not in self._legs and not self._numbers.keys().isdisjoint(self._manager.carried(venue, conn, epoch)):
                self._leg(venue, conn, epoch)

    def _lost(self, event: EpochEvent) -> None:
        """The connection's last life is over, or cannot begin. What ended before it, while it lived on, was told of to nobody."""
        self._flush()
        ends = [epoch for conn, epoch in self._legs if conn == event.conn and epoch != event.epoch]
        if (event.conn, event.epoch) in self._legs or not ends:
            ends.append(event.epoch)
        for epoch in ends:
            self._end(event.conn, epoch, event.why if epoch == ends[-1] else "", venue=event.venue)

    def _settle(self) -> None:
        """Lives that are over while another goes on are told of to nobody: those who read learn it here, behind their last frame."""
        for conn in {conn for conn, _ in self._legs}:
            alive = {epoch for _, epoch in self._manager.open_lives(conn)}
            dead = [epoch for each, epoch in self._legs if each == conn and epoch not in alive]
            if not dead:
                continue
            self._flush()
            if self._newest or self._queue:
                return  # they wait for the socket; later
            self._tell_open(conn)
            for epoch in dead:
                self._end(conn, epoch, "")

    def _end(self, conn: str, epoch: int, why: str, *, venue: str = "") -> None:
        """The frames that came before it went before it; those that could not are of the past, and dropped."""
        life = (conn, epoch)
        late = [each for each in self._queue if (each[1].conn, each[1].epoch) == life]
        old = [number for number, each in self._newest.items() if (each.conn, each.epoch) == life]
        self.dropped += len(late) + len(old)
        for each in late:
            self._queue.remove(each)
        for number in old:
            del self._newest[number]
        leg = self._legs.pop(life, None)
        if leg is not None:
            self._say(LegOver(leg, why))
        else:
            self._say(LegFailed(venue, "public", conn, epoch, why))

    def beat(self) -> None:
        """Once a second."""
        if self._half_since is not None and monotonic() - self._half_since > self._server.request_s:
            _log.warning("a reader does not end its request, it is let go", reader=self.name, bytes=self.half_sent)
            self.abandon()
        elif not self._paused:
            self._settle()
            self._say(Beat(self.conflated, self.dropped))

    def _say(self, message: Message) -> None:
        if self._transport is None:
            return
        self._transport.write(pack(message))
        if self._transport.get_write_buffer_size() > _PATIENCE_BYTES:
            _log.warning("a reader takes nothing, it is let go", reader=self.name)
            self.abandon()

    def stats(self) -> ReaderStats:
        """Figures of now."""
        return ReaderStats(
            reader=self.name,
            streams=len(self._numbers),
            sent=self.sent,
            conflated=self.conflated,
            dropped=self.dropped,
            waiting=len(self._newest) + len(self._queue),
        )
