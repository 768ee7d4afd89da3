"""bench.audience: the dashboard beside a collector that is measured: who looks at it, and what happens to it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import AsyncIterator
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from bench.children import start_child
from hoga.app.dashboard_process import DashboardProcess
from hoga.core.errors import HogaError

__all__ = ["Audience", "AudienceMissing", "CrowdPlan", "attended", "watch"]

_EVERY_S = 1.0
_GATHER_S = 30.0
_REQUEST = (
    "GET /ws/dashboard HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Audience(StrEnum):
    """What goes on at the dashboard. `NONE`: there is none, though the page for it is written. `STOPPED` and `KILLED`: whichever process
    serves it is, every second."""

    NONE = "none"
    ALONE = "alone"
    VIEWERS = "viewers"
    STOPPED = "stopped"
    KILLED = "killed"


_SIGNALS = {Audience.STOPPED: signal.SIGSTOP, Audience.KILLED: signal.SIGKILL}


class CrowdPlan(msgspec.Struct, frozen=True):
    """So many viewers of the dashboard at `host`:`port`."""

    host: str
    port: int
    viewers: int


class AudienceMissing(HogaError):
    """The dashboard did not come up, or not everybody got in."""


def watch(plan: CrowdPlan) -> None:
    """Be the crowd until killed: raw sockets that shake hands, read, and throw away."""
    eyes = selectors.DefaultSelector()
    for _ in range(plan.viewers):
        each = socket.create_connection((plan.host, plan.port))
        each.sendall(_REQUEST.format(host=plan.host, port=plan.port).encode())
        each.setblocking(False)
        eyes.register(each, selectors.EVENT_READ, each)
    while True:
        for key, _ in eyes.select():
            if not key.data.recv(1 << 20):
                raise AudienceMissing("a viewer was let go")
        time.sleep(0.01)


@contextlib.asynccontextmanager
async def attended(dashboard: DashboardProcess, audience: Audience, viewers: int) -> AsyncIterator[None]:
    """While this lasts, `audience` is there. `viewers`: how many, where there are. Raises AudienceMissing."""
    if audience is Audience.NONE:
        yield
        return
    await dashboard.start()
    url = await dashboard.url()
    if url is None:
        raise AudienceMissing("the dashboard did not come up")
    place = urlsplit(url)
    crowd = start_child("watch", CrowdPlan(place.hostname or "", place.port or 0, viewers)) if audience is Audience.VIEWERS else None
    harm = asyncio.create_task(_harm(dashboard, _SIGNALS[audience])) if audience in _SIGNALS else None
    try:
        if crowd is not None:
            await _until_there(dashboard, viewers)
        yield
        if crowd is not None and crowd.poll() is not None:
            raise AudienceMissing("the viewers were let go")
    finally:
        if crowd is not None:
            crowd.kill()
            crowd.wait()
        if harm is not None:
            harm.cancel()
            await asyncio.gather(harm, return_exceptions=True)


async def _until_there(dashboard: DashboardProcess, viewers: int) -> None:
    end = time.monotonic() + _GATHER_S
    while (status := dashboard.status()) is None or status.viewers < viewers:
        if time.monotonic() > end:
            raise AudienceMissing(f"not {viewers} viewers within {_GATHER_S:.0f} s")
        await asyncio.sleep(0.1)


async def _harm(dashboard: DashboardProcess, kind: signal.Signals) -> None:
    while True:
        status = dashboard.status()
        if status is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, kind)
        await asyncio.sleep(_EVERY_S)
