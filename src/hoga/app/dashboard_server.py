"""app.dashboard_server: the dashboard in a program of the user's own: the page of a `hoga run` on this machine, on the program's own loop.

    async with hoga.DashboardServer("data", port=8001) as server:
        print(server.url)
        await whatever_the_program_does()

It reads what the run puts on its page, as `hoga dashboard` does in a process of its own, and reaches the recorder no more than that does.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hoga.app.config.load import SHORTEST_TOKEN
from hoga.app.config.rooms import dashboard_config
from hoga.app.hub import config_of
from hoga.core.errors import ProtocolMisuse
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.connection_limit import is_loopback
from hoga.dashboard.serve import serve
from hoga.hub import checks
from hoga.hub.errors import ArgumentError

__all__ = ["DashboardServer"]

_numbers = itertools.count(1)


class DashboardServer:
    """The page of the run that records into `data`. `start`, then `stop`; or `async with`. It waits for a run that is not there yet, and
    follows the next one when it ends.

    Args:
        data: the data folder, as in `hoga run --data`. None: the configuration's.
        config: as for `GlobalWebSocketManager.get_instance`: the path of a hoga.conf, a Config, None: hoga.conf here and the environment.
            It says how often the page is pushed, how many may look, and the token.
        host: the address to listen on. Any but a loopback address needs a `DASHBOARD_TOKEN` of 16 letters or more.
        port: 0: one that is free; `url` says which.

    Raises:
        ArgumentError, ConfigError: for what cannot be.
    """

    def __init__(self, data: str | Path | None = None, *, config: object = None, host: str = "127.0.0.1", port: int = 0) -> None:
        if not isinstance(host, str) or not host:
            raise ArgumentError("DashboardServer", "host", checks.shown(host), "an address, like 127.0.0.1")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
            raise ArgumentError("DashboardServer", "port", checks.shown(port), "a whole number from 0 to 65535")
        told = dashboard_config(config_of(config, data).program, None)
        if not (host == "localhost" or is_loopback(host)) and len(told.token) < SHORTEST_TOKEN:
            expected = f"a loopback address, or a DASHBOARD_TOKEN of {SHORTEST_TOKEN} letters or more as well"
            raise ArgumentError("DashboardServer", "host", checks.shown(host), expected)
        status_page = f"{told.status_page}-{os.getpid()}-{next(_numbers)}"
        self._config: DashboardConfig = msgspec.structs.replace(told, host=host, port=port, status_page=status_page)
        self._task: asyncio.Task[object] | None = None
        self._url: asyncio.Future[str] | None = None
        self._stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where the page is. Behind a token it holds a word that lets one browser in, once. Raises ProtocolMisuse before `start`."""
        if self._url is None or not self._url.done() or self._url.cancelled() or self._url.exception() is not None:
            raise ProtocolMisuse("the dashboard does not serve", hint="await start() first")
        return self._url.result()

    async def start(self) -> Self:
        """Begin to serve on the running loop, and return when it does.

        Raises PortTaken where the port is, or may not be had; ProtocolMisuse when it was started before.
        """
        if self._task is not None:
            raise ProtocolMisuse("this dashboard was started before", hint="make another DashboardServer")
        url = self._url = asyncio.get_running_loop().create_future()

        def remember(stop: Callable[[], None]) -> None:
            self._stop = stop

        serving = serve(self._config, on_start=remember, on_serving=url.set_result, patient=False, ends_on=())
        self._task = asyncio.create_task(serving, name="hoga dashboard")
        await asyncio.wait([self._task, url], return_when=asyncio.FIRST_COMPLETED)
        if not url.done():
            url.cancel()
            self._task.result()
            raise ProtocolMisuse("the dashboard was stopped while it started")
        return self

    async def wait(self) -> None:
        """Until somebody calls `stop`. Raises what ended it otherwise; ProtocolMisuse before `start`."""
        if self._task is None:
            raise ProtocolMisuse("the dashboard does not serve", hint="await start() first")
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """End it: viewers are let go. Calling it again, or before `start`, does nothing."""
        if self._task is None or self._task.done():
            return
        self._stop()
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            raise

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
