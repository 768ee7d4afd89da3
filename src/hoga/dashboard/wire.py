"""dashboard.wire: the server's WebSocket protocol, with a way past it for frames that go to everybody.

uvicorn hands every message of every viewer through four layers (application, ASGI, protocol, frame), 45 µs each time. News
are the same for all viewers, so the frame is built once (`fanout.text_frame`) and put on each viewer's transport as it is. What
else is said (handshake, pings, closing, answers to one viewer) goes the usual way.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from hoga.dashboard.fanout import Outlet

__all__ = ["WireProtocol", "outlet_of"]

_KEY = "hoga.outlet"


class WireProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol; the application finds the connection's outlet in its scope."""

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
