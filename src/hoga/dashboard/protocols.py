"""dashboard.protocols: the server's protocols: they count connections (`connection_limit`), and send frames for everybody directly.

uvicorn hands every message of every viewer through four layers (application, ASGI, protocol, frame), 45 µs each time. News
are the same for all viewers, so the frame is built once (`runtime.frames`) and put on each viewer's transport as it is. What
else is said (handshake, pings, closing, answers to one viewer) goes the usual way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from time import monotonic
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from hoga.dashboard.connection_limit import ConnectionLimit
from hoga.dashboard.fanout import Outlet

__all__ = ["HttpProtocol", "ServerConfig", "SocketProtocol", "outlet_of"]

_KEY = "hoga.outlet"
_NO_TEXT = 1007
_MAY_ANSWER = ("IDLE", "SEND_RESPONSE")
"""States of h11 in which no answer has begun."""
_PONGS_BYTES = 1 << 18


class ServerConfig(uvicorn.Config):
    """uvicorn's, and the limit that its connections are counted by."""

    hoga_limit: ConnectionLimit


def _limit_of(protocol: HttpProtocol | SocketProtocol) -> ConnectionLimit:
    config = protocol.config
    assert isinstance(config, ServerConfig), "serve makes it so"
    return config.hoga_limit


class HttpProtocol(H11Protocol):
    """uvicorn's protocol; each connection is counted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """As it is, if there is room."""
        super().connection_made(transport)
        _limit_of(self).opened(transport, self.client[0] if self.client else "", self._doing, monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """As it is."""
        _limit_of(self).closed(self.transport)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """As it is, but once: a request that breaks off in its body may have its answer already, or have it made."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if str(self.conn.our_state) in _MAY_ANSWER:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _doing(self) -> Hashable:
        """Which request is being answered, and whether it is."""
        return None if self.cycle is None else (id(self.cycle), self.cycle.response_complete)


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol; the application finds the connection's outlet in its scope."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As it is; it is the connection of a `HttpProtocol`, which asked for another protocol."""
        super().connection_made(transport)
        _limit_of(self).switched(self.transport, lambda: None, monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """As it is."""
        _limit_of(self).closed(self.transport)
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        """As it is, but what a viewer calls text and is none ends that viewer without a word in the log (RFC 6455, 8.1)."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(_NO_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """As it is, but a viewer that pings and takes nothing is not answered: pongs would pile up in memory."""
        if self.transport.get_write_buffer_size() > _PONGS_BYTES:
            self.conn.data_to_send()
            return
        super().handle_ping()

    def handle_connect(self, event: Request) -> None:
        """As it is, and the outlet with it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: Any = self.scope["extensions"]
            extensions[_KEY] = _Outlet(self)


class _Outlet:
    """The outlet of a connection of `SocketProtocol`."""

    def __init__(self, protocol: SocketProtocol) -> None:
        self._protocol = protocol

    def set_viewing(self, viewing: bool) -> None:
        limit, transport = _limit_of(self._protocol), self._protocol.transport
        if viewing:
            limit.begin_viewing(transport)
        else:
            limit.end_viewing(transport, monotonic())

    @property
    def clear(self) -> bool:
        return not self._protocol.transport.get_write_buffer_size()

    def write(self, frame: bytes) -> None:
        protocol = self._protocol
        transport: asyncio.Transport = protocol.transport
        if protocol.handshake_complete and not protocol.close_sent and not transport.is_closing():
            transport.write(frame)


def outlet_of(scope: Any) -> Outlet:
    """The outlet of a WebSocket's scope."""
    outlet: Outlet = scope["extensions"][_KEY]
    return outlet
