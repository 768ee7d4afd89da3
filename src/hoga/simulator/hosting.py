"""simulator.hosting: a venue's two doors, WebSocket and REST, opened and closed together."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from aiohttp import web

from hoga.simulator.replay.player import Player
from hoga.simulator.sockets import StreamServer

__all__ = ["AddRoutes", "Hosting"]

AddRoutes = Callable[[web.Application], None]
"""Adds what it serves to the application of a REST port."""


class Hosting:
    """Streams on a port, REST on the next one; a capture, where there is one, plays while both are open. `ws_url` and
    `rest_url` (no path) are "" until it has started."""

    def __init__(self, streams: StreamServer) -> None:
        self.ws_url = self.rest_url = ""
        self._streams = streams
        self._playing: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: list[AddRoutes], player: Player | None) -> None:
        """Listen; `port` 0 lets the system choose both. `add_routes` fill the REST application. Raises OSError when one is taken."""
        await self._streams.start(host, port, tls)
        try:
            rest_port = await self._start_rest(host, port + 1 if port else 0, tls, add_routes)
        except OSError:
            self._streams.stop_listening()
            raise
        self.ws_url = f"{'wss' if tls else 'ws'}://{host}:{self._streams.port}"
        self.rest_url = f"{'https' if tls else 'http'}://{host}:{rest_port}"
        if player is not None:
            self._playing = asyncio.create_task(player.run(), name="simulator-replay")

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        await self._streams.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _start_rest(self, host: str, port: int, tls: ssl.SSLContext | None, add_routes: list[AddRoutes]) -> int:
        app = web.Application()
        for add in add_routes:
            add(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])
