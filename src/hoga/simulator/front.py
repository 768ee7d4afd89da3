"""simulator.front: one port for everything: the WebSockets and the REST of one venue or several, told apart by what is asked for.

Every connection begins as HTTP; clients keep it, and ask one venue after the other on it. A request for a WebSocket, the first one or
a later, hands the connection over to the streams of the venue that owns its path: from there on it is theirs, as if they had
accepted it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import web

__all__ = ["AddRoutes", "FrontDoor", "Room"]

AddRoutes = Callable[[web.Application], None]
"""Adds what it serves to an application."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Room(NamedTuple):
    """One venue behind the door: the paths below which everything is its own, what makes a protocol for a connection to its streams, and
    what serves its REST."""

    paths: tuple[str, ...]
    streams: Callable[[], asyncio.BaseProtocol]
    rest: list[AddRoutes]

    def owns(self, path: str) -> bool:
        """Whether it is one of its paths, or below one."""
        return any(path == place or path.startswith(f"{place}/") for place in self.paths)


class FrontDoor:
    """Listens, and shows everyone in. A WebSocket below no room's paths goes to the first one; `more` routes are the door's own."""

    def __init__(self, rooms: Sequence[Room], more: AddRoutes) -> None:
        self._rooms = tuple(rooms)
        app = web.Application(middlewares=[self._show_in])
        for add in (more, *(add for room in rooms for add in room.rest)):
            add(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen on `port` (0 lets the system choose) and give the port. Raises OSError when it is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening, and end what is HTTP; what was handed over is its room's to end."""
        await self._runner.cleanup()

    @web.middleware
    async def _show_in(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await handler(request)
        room = next((room for room in self._rooms if room.owns(request.path)), self._rooms[0])
        answering = asyncio.current_task()
        assert answering is not None, "a request is answered in a task"
        asyncio.get_running_loop().call_soon(_hand_over, request, room.streams(), answering)
        await asyncio.Event().wait()
        raise AssertionError("the connection was handed over, and this task ended with that")


def _hand_over(request: web.Request, host: asyncio.BaseProtocol, answering: asyncio.Task[object]) -> None:
    """The connection of `request` becomes `host`'s, which reads the request's head once more."""
    before, transport = request.protocol, request.transport
    if transport is None:  # it is gone
        return
    before.transport = None  # else it would be closed with the protocol
    before.connection_lost(None)
    answering.cancel()
    transport.set_protocol(host)
    host.connection_made(transport)
    lines = [f"{request.method} {request.raw_path} HTTP/1.1".encode(), *(name + b": " + value for name, value in request.raw_headers)]
    _feed(host, b"\r\n".join(lines) + b"\r\n\r\n")


def _feed(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    assert isinstance(protocol, asyncio.BufferedProtocol), "picows's protocols are"
    while data:
        room = memoryview(protocol.get_buffer(len(data))).cast("B")
        count = min(len(room), len(data))
        room[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]
