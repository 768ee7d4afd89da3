"""simulator.sockets: a venue's WebSocket server, on picows. A thin shell around the venue's session; knows no venue.

Frames of one loop turn leave in one write. Everything that must be byte-exact or rude (torn frames, resets, silence)
goes straight to the transport.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, NamedTuple

from picows import (
    WSAutoPingStrategy,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # the stub leaves it out

from hoga.runtime.frames import BINARY, CLOSE, PING, PONG, TEXT, ws_frame
from hoga.simulator.clock import SimClock
from hoga.simulator.protocol import Action, Binary, Close, Later, Ping, Pong, Snapshots, Subscribed, Text, Unsubscribed, VenueSession
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import ConnectionTruth, Truth

__all__ = ["Connection", "Handshake", "Opening", "Refusal", "StreamServer"]

_CLOSE_GRACE_S = 1.0
_HANDSHAKE_S = 5
_LONGEST_FRAME_BYTES = 10 * 1024 * 1024
_READ_BYTES = 16 * 1024
_log = logging.getLogger("picows.server")
_HIGH_WATER_BYTES = 4 * 1024 * 1024
_SLOWEST_READER_BYTES = 256 * 1024 * 1024


class Handshake(NamedTuple):
    """What a client asks for when it connects: path with query, and headers by name in any case."""

    uri: str
    headers: Mapping[str, str]


class Opening(NamedTuple):
    """A handshake is accepted: its session, the streams that the URI names, and headers to add to the 101 reply."""

    session: VenueSession
    names: list[str]
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(NamedTuple):
    """A handshake is refused with an HTTP status; `retry_after_s` None sends no Retry-After."""

    status: int
    retry_after_s: int | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Connection(WSListener):
    """One client's socket: carries out what its session decides and what the switchboard pushes."""

    def __init__(self, name: str, server: StreamServer, session: VenueSession, names: list[str]) -> None:
        self.name = name
        self.session = session
        self.truth: ConnectionTruth
        self.dead = False
        self.writable = asyncio.Event()
        self.writable.set()
        self._server = server
        self._names = names
        self._transport: WSTransport | None = None
        self._outbox: list[bytes] = []
        self._delayed: dict[str, deque[tuple[float, bytes]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = 0
        self._ending = False

    @property
    def form(self) -> Hashable:
        """How frames are printed for this connection."""
        return self.session.form

    # -- what picows calls -------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._server.opened(self)
        self._perform(self.session.open(self._names))
        self._arm()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame arrived."""
        if self.dead or self.session.closed:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        now_ns, payload = self._server.clock.now_ns(), frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.TEXT:
            self._perform(self.session.text(payload, now_ns))
        elif frame.msg_type == WSMsgType.PONG:
            self._perform(self.session.pong(payload, now_ns))
        elif frame.msg_type == WSMsgType.PING:
            self._perform(self.session.ping(payload, now_ns))
        elif frame.msg_type == WSMsgType.CLOSE:
            self._answer_close(payload)
        else:
            self._perform(self.session.binary(now_ns))
        self._arm_sooner()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The TCP connection is gone."""
        self._ending = True
        self.writable.set()
        if self._timer is not None:
            self._timer.cancel()
        self._server.closed(self)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.writable.set()

    # -- what the switchboard and the faults call --------------------------

    def push(self, wire: bytes) -> None:
        """Put bytes on the wire, together with the others of this loop turn."""
        if self._ending or self.dead:
            return
        if not self._outbox:
            self._server.loop.call_soon(self._flush)
        self._outbox.append(wire)

    def push_later(self, stream: str, wire: bytes, delay_ns: int) -> None:
        """Put bytes on the wire after a delay; order within the stream is kept."""
        queue = self._delayed.setdefault(stream, deque())
        due = self._server.loop.time() + self._server.clock.wall_s(delay_ns)
        if queue:
            due = max(due, queue[-1][0])
        queue.append((due, wire))
        self._server.loop.call_at(due, self._push_due, stream)

    def is_delaying(self, stream: str) -> bool:
        """Delayed frames of this stream are still waiting."""
        return bool(self._delayed) and bool(self._delayed.get(stream))

    def tear(self, wire: bytes) -> None:
        """Put half of the bytes on the wire and cut the connection."""
        self._flush()
        self._write(wire[: len(wire) // 2])
        self._end("1006 torn frame")
        self._server.loop.call_later(0.05, self.hang_up)

    def end(self, code: int, reason: str) -> None:
        """Close with a code, or reset the TCP connection when it is 1006."""
        if self._ending or self.dead:
            return
        self.session.closed = Close(code, reason)
        if code == 1006:
            self._flush()
            self.reset(reason)
            return
        self.push(ws_frame(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123]))
        self._flush()
        self._end(f"{code} {reason}".rstrip())
        self._server.loop.call_later(_CLOSE_GRACE_S, self.hang_up)

    def reset(self, reason: str = "") -> None:
        """Reset the TCP connection: no close frame, no FIN."""
        self._end(f"1006 {reason}".rstrip())
        if self._transport is not None:
            raw = self._transport.underlying_transport
            raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.abort()

    def play_dead(self) -> None:
        """Read nothing, send nothing, close nothing: what a vanished peer looks like."""
        self._flush()
        self.dead = True
        self.writable.set()
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def bury(self) -> None:
        """Reset a connection that played dead."""
        self.dead = False
        self.reset("half-open")

    # -- inside ------------------------------------------------------------

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Text):
                self._control(TEXT, action.text.encode())
            elif isinstance(action, Binary):
                self._control(BINARY, action.data)
            elif isinstance(action, Ping):
                self._control(PING, action.payload)
            elif isinstance(action, Pong):
                self._control(PONG, action.payload)
            elif isinstance(action, Subscribed):
                self._server.subscribe(self, action.names)
            elif isinstance(action, Unsubscribed):
                self._server.board.unsubscribe(self, action.names)
            elif isinstance(action, Snapshots):
                self._server.snapshots(self, action.names)
            elif isinstance(action, Later):
                self._server.loop.call_later(self._server.clock.wall_s(action.delay_ns), self._perform_later, action)
            else:
                self.end(action.code, action.reason)

    def _perform_later(self, action: Later) -> None:
        if not (self._ending or self.dead):
            self._perform(action.act())

    def send_control(self, text: str) -> None:
        """Send a text frame that is no market data."""
        self._control(TEXT, text.encode())

    def _control(self, opcode: int, data: bytes) -> None:
        self.truth.control += 1
        self.push(ws_frame(opcode, data))

    def _answer_close(self, payload: bytes) -> None:
        self.session.closed = Close(int.from_bytes(payload[:2], "big") if payload else 1005, "by the client")
        self.push(ws_frame(CLOSE, payload[:2]))
        self._flush()
        self._end(f"{self.session.closed.code} by the client")
        self.hang_up()

    def _end(self, how: str) -> None:
        self._ending = True
        self._outbox.clear()
        if self.truth.close is None:
            self.truth.close = how
        self._server.board.leave(self)

    def hang_up(self) -> None:
        """Close the TCP connection once everything written has left."""
        if self._transport is not None:
            self._transport.disconnect()

    def _flush(self) -> None:
        if self._outbox:
            data, self._outbox = b"".join(self._outbox), []
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None or self.dead:
            return
        self.truth.bytes += len(data)
        self.session.wrote_ns = self._server.clock.now_ns()
        raw = self._transport.underlying_transport
        raw.write(data)
        if raw.get_write_buffer_size() > _SLOWEST_READER_BYTES:
            self.reset("slow reader")

    def _push_due(self, stream: str) -> None:
        queue = self._delayed.get(stream)
        if queue:
            self.push(queue.popleft()[1])
        if not queue:
            self._delayed.pop(stream, None)

    def _arm(self) -> None:
        clock = self._server.clock
        self._armed_ns = self.session.deadline_ns()
        self._timer = self._server.loop.call_later(clock.wall_s(self._armed_ns - clock.now_ns()) + 0.001, self._tick)

    def _arm_sooner(self) -> None:
        if self._timer is not None and not self._ending and self.session.deadline_ns() < self._armed_ns:
            self._timer.cancel()
            self._arm()

    def _tick(self) -> None:
        if self._ending or self.dead:
            return
        self._perform(self.session.tick(self._server.clock.now_ns()))
        self._arm()


_CAN_SHARE = hasattr(socket, "SO_REUSEPORT")
_AGAIN_S = 0.1


def _twin(listening: Any) -> socket.socket | None:
    """A socket bound to the same address that does not listen: whoever connects is refused as soon as the other one is closed. None where
    the address cannot be shared."""
    if not _CAN_SHARE or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT):
        return None
    held = socket.socket(listening.family, listening.type)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(listening.getsockname())
    return held


class StreamServer:
    """Accepts connections, named `<name>-1`, `<name>-2`, …; `open_session` judges the handshake."""

    def __init__(
        self,
        *,
        clock: SimClock,
        board: Switchboard,
        truth: Truth,
        name: str,
        open_session: Callable[[Handshake], Opening | Refusal],
        on_subscribe: Callable[[list[str]], None],
        snapshots: Callable[[Connection, list[str]], None] | None = None,
    ) -> None:
        self.clock = clock
        self.board = board
        self.loop = asyncio.get_running_loop()
        self.connections: dict[str, Connection] = {}
        self._truth = truth
        self._name = name
        self._open_session = open_session
        self._on_subscribe = on_subscribe
        self._snapshots = snapshots
        self._count = 0
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._address = ("", 0)
        self._tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._address[1]

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._tls = tls
        await self._listen(host=host, port=port, reuse_address=True, reuse_port=_CAN_SHARE and not port)

    async def _listen(self, **where: Any) -> None:
        self._server = await ws_create_server(
            self._route, **where, enable_auto_pong=False, ssl=self._tls, backlog=1024, disconnect_on_exception=False
        )
        self._address = self._server.sockets[0].getsockname()[:2]

    def refuse(self) -> None:
        """Refuse TCP connections until `listen_again`; open ones live on. A port of the system's choosing stays ours meanwhile."""
        if self._server is not None:
            self._held = _twin(self._server.sockets[0])
            self._server.close()
            self._server = None

    async def listen_again(self) -> None:
        """Listen on the same port as before, as soon as it is free; behind a front door there is none."""
        held, self._held = self._held, None
        if held is not None:
            await self._listen(sock=held)
        while self._server is None and self._address[0]:
            try:
                await self._listen(host=self._address[0], port=self._address[1], reuse_address=True)
            except OSError:
                await asyncio.sleep(_AGAIN_S)

    def stop_listening(self) -> None:
        """Give the port back; open connections live on."""
        for each in (self._server, self._held):
            if each is not None:
                each.close()
        self._server = self._held = None

    def protocol(self) -> asyncio.BaseProtocol:
        """A protocol for one connection that somebody else has accepted; made as `ws_create_server` makes its own, which gives none
        away (tests/simulator/test_front.py holds it to that)."""
        made: asyncio.BaseProtocol = WSProtocol(
            None, None, False, self._route, _log, False, _HANDSHAKE_S,
            False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, False, _LONGEST_FRAME_BYTES, None, _READ_BYTES,
        )  # fmt: skip
        return made

    async def drained(self) -> None:
        """Wait until no client is far behind."""
        await asyncio.sleep(0)
        for connection in list(self.connections.values()):
            if not connection.dead:
                await connection.writable.wait()

    def hang_up(self, names: frozenset[str]) -> None:
        """Close the connections that have one of these streams, once they have got what was sent."""
        having = self.board.having(names)
        for connection in [each for each in self.connections.values() if each in having]:
            connection.end(1001, "gap")

    async def stop(self) -> None:
        """Close every connection with 1001 and stop listening."""
        self.stop_listening()
        for connection in list(self.connections.values()):
            if connection.dead:
                connection.bury()
            else:
                connection.end(1001, "")
                connection.hang_up()
        await asyncio.sleep(0)

    def opened(self, connection: Connection) -> None:
        """A handshake was completed."""
        self.connections[connection.name] = connection
        connection.truth = self._truth.connect(connection.name, self.clock.now_ns())
        self.board.join(connection)

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.pop(connection.name, None)
        connection.truth.closed_ns = self.clock.now_ns()
        if connection.truth.close is None:
            connection.truth.close = "1006 by the client"
        self.board.leave(connection)

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """A connection wants these streams."""
        self.board.subscribe(connection, names)
        self._on_subscribe(names)

    def snapshots(self, connection: Connection, names: list[str]) -> None:
        """A connection is owed the present state of these streams."""
        assert self._snapshots is not None, "only sessions of venues that answer with snapshots ask for them"
        self._snapshots(connection, names)

    def _route(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        opening = self._open_session(Handshake(request.path.decode("utf-8", "replace"), request.headers))
        if isinstance(opening, Opening) and self.board.is_cut(opening.names):
            opening = Refusal(503, body=b"the recording that is replayed has a gap here")
        if isinstance(opening, Refusal):
            self._truth.refused[str(opening.status)] += 1
            return WSUpgradeResponseWithListener(_answer(opening), None)
        self._count += 1
        connection = Connection(f"{self._name}-{self._count}", self, opening.session, opening.names)
        opening.session.name = connection.name
        opening.session.judge = partial(self.board.judge, connection.name)
        if not opening.headers:
            return connection
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(dict(opening.headers)), connection)


def _answer(refusal: Refusal) -> WSUpgradeResponse:
    waits = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    response: WSUpgradeResponse = WSUpgradeResponse.create_error_response(refusal.status, refusal.body, waits | dict(refusal.headers))
    return response
