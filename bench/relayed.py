"""bench.relayed: the relay beside a collector that is measured, with its server and after the server went away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from time import monotonic

from bench.nats import Served, nats_server
from hoga.app.relay_process import RelayProcess
from hoga.core.errors import HogaError

__all__ = ["RelayMissing", "Relaying", "relayed", "server_for"]

_START_S = 60.0


class Relaying(StrEnum):
    """What goes on beside the collector. `AWAY`: the relay was connected, and its server is gone."""

    NONE = "none"
    SENDING = "sending"
    AWAY = "away"


class RelayMissing(HogaError):
    """The relay never was connected, or was not when it was to be."""


@contextmanager
def server_for(how: Relaying, folder: Path) -> Iterator[Served | None]:
    """The server that `how` needs."""
    if how is Relaying.NONE:
        yield None
        return
    with nats_server(folder) as server:
        yield server


@asynccontextmanager
async def relayed(relay: RelayProcess | None, server: Served | None, how: Relaying) -> AsyncIterator[None]:
    """While this lasts, the relay is there as `how` says. Raises RelayMissing."""
    if relay is None or server is None:
        yield
        return
    await relay.start()
    try:
        await _until(relay, connected=True)
        if how is Relaying.AWAY:
            server.process.kill()
            await _until(relay, connected=False)
        yield
        if (relay.row().trouble is None) is not (how is Relaying.SENDING):
            raise RelayMissing(f"the relay: {relay.row().trouble or 'connected'}")
    finally:
        await relay.stop()


async def _until(relay: RelayProcess, *, connected: bool) -> None:
    end = monotonic() + _START_S
    while (relay.row().trouble is None) is not connected:
        if monotonic() > end:
            raise RelayMissing(f"the relay: {relay.row().trouble or 'connected'}")
        await asyncio.sleep(0.1)
