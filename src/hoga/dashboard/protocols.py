"""dashboard.protocols: the server's protocols: connections are watched (`crowd`), and frames that go to everybody have a way of their own.

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

from hoga.dashboard.crowd import Crowd
from hoga.dashboard.fanout import Outlet

__all__ = ["DoorProtocol", "ServerConfig", "WireProtocol", "outlet_of"]

_KEY = "hoga.outlet"
_NO_TEXT = 1007


class ServerConfig(uvicorn.Config):
    """uvicorn's, and the crowd that its connections belong to."""

    crowd: Crowd


def _crowd_of(protocol: DoorProtocol | WireProtocol) -> Crowd:
    config = protocol.config
    assert isinstance(config, ServerConfig), "serve makes it so"
    return config.crowd


class DoorProtocol(H11Protocol):
    """uvicorn's protocol; each connection is one of the crowd."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """As it is, if there is room."""
        super().connection_made(transport)
        _crowd_of(self).enter(transport, self.client[0] if self.client else "", self._doing, monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """As it is."""
        _crowd_of(self).leave(self.transport)
        super().connection_lost(exc)

    def _doing(self) -> Hashable:
        """Which request is being answered, and whether it is."""
        return None if self.cycle is None else (id(self.cycle), self.cycle.response_complete)


class WireProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol; the application finds the connection's outlet in its scope."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As it is; it is the connection of a `DoorProtocol`, which asked for another protocol."""
        super().connection_made(transport)
        _crowd_of(self).goes_on(self.transport, lambda: None, monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """As it is."""
        _crowd_of(self).leave(self.transport)
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

    def handle_connect(self, event: Request) -> None:
        """As it is, and the outlet with it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: Any = self.scope["extensions"]
            extensions[_KEY] = _Wire(self)


class _Wire:
    """The outlet of a connection of `WireProtocol`."""

    def __init__(self, protocol: WireProtocol) -> None:
        self._protocol = protocol

    def seat(self, seated: bool) -> None:
        crowd, transport = _crowd_of(self._protocol), self._protocol.transport
        if seated:
            crowd.seat(transport)
        else:
            crowd.unseat(transport, monotonic())

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
