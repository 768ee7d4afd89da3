"""simulator.hosting: a venue's two doors, WebSocket and REST, opened and closed together."""

from __future__ import annotations

import ssl

from aiohttp import web

from hoga.simulator.front import AddRoutes, Room
from hoga.simulator.sockets import StreamServer

__all__ = ["Hosting"]


class Hosting:
    """Streams on a port, REST on the next one; or both behind a front door. `ws_url` and `rest_url` (no path) are "" until then."""

    def __init__(self, streams: StreamServer) -> None:
        self.ws_url = self.rest_url = ""
        self._streams = streams
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: list[AddRoutes]) -> None:
        """Listen; `port` 0 lets the system choose both. `add_routes` fill the REST application. Raises OSError when one is taken."""
        await self._streams.start(host, port, tls)
        try:
            app = web.Application()
            for add in add_routes:
                add(app)
            runner = self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, host, port + 1 if port else 0, ssl_context=tls).start()
        except OSError:
            self._streams.stop_listening()
            raise
        self.ws_url = f"{'wss' if tls else 'ws'}://{host}:{self._streams.port}"
        self.rest_url = f"{'https' if tls else 'http'}://{host}:{int(runner.addresses[0][1])}"

    def room(self, paths: tuple[str, ...], *, add_routes: list[AddRoutes]) -> Room:
        """Both, for a front door; whoever opens it calls `found_at` with its address."""
        return Room(paths, self._streams.protocol, add_routes)

    def found_at(self, address: str, *, tls: bool) -> None:
        """Where the front door is: host and port."""
        self.ws_url, self.rest_url = f"{'wss' if tls else 'ws'}://{address}", f"{'https' if tls else 'http'}://{address}"

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        await self._streams.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
