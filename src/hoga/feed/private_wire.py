"""feed.private_wire: the private streams of one venue, as the hub wants them, over one connection."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from uuid import uuid4

from hoga.core.secret import Credentials
from hoga.core.streams import Stream
from hoga.feed.private import PrivateConnection
from hoga.feed.private_life import PrivateConfig
from hoga.hub.port import WireInlet, WireStats
from hoga.hub.private import PrivateState
from hoga.hub.states import WebSocketType
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import supervise
from hoga.venues.spec import VenueSpec

__all__ = ["PrivateWire", "nonce"]

_log = get_log("hub")


class PrivateWire:
    """The private streams of one venue: the connection brings the whole account, what is wanted only decides who gets what."""

    kind = WebSocketType.PRIVATE

    def __init__(
        self,
        spec: VenueSpec,
        config: PrivateConfig,
        credentials: Credentials,
        *,
        connect_budget: Budget,
        rest: RestClient,
        tls: ssl.SSLContext | None,
        label: str = "",
        jitter: Callable[[], float] = random.random,
        clock: Clock = SYSTEM,
    ) -> None:
        assert spec.private is not None, "only venues with private streams have such a wire"
        self.venue = spec.name
        self._rest = rest
        self._held = False
        self._usable = spec.private.can_use(credentials)
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.connection = PrivateConnection(
            f"{label}{spec.name}-private",
            spec.name,
            spec.private,
            config,
            credentials,
            connect_budget=connect_budget,
            rest=rest,
            tls=tls,
            nonce=nonce,
            jitter=jitter,
            clock=clock,
        )

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        if not self._held:
            self._held = True
            self._rest.hold()
        self.connection.start(inlet)

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these."""
        self.connection.want(streams)
        if not self._usable:
            self.connection.without_key(wanted=bool(streams))
        elif not streams:
            self._end()
        elif self._task is None:
            self._task = asyncio.create_task(self._keep(list(self._ending)), name=f"hub {self.connection.name}")

    async def _keep(self, before: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*before, return_exceptions=True)
        it = self.connection
        await supervise(it.run, log=_log, what="private connection task failed", abandon=it.abandon, conn=it.name)

    def _end(self) -> None:
        if self._task is not None:
            ending = asyncio.create_task(self._finish(self._task), name=f"hub end {self.connection.name}")
            self._task = None
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _finish(self, task: asyncio.Task[None]) -> None:
        await self.connection.stop()
        done, _ = await asyncio.wait([task], timeout=1.0)
        if not done:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.connection.abandon()

    def missing_keys(self) -> str:
        """What to set before anything can come, "" when the keys are there."""
        return "" if self._usable else self.connection.missing_keys()

    def suspect(self, why: str) -> None:
        """Somebody doubts that everything comes: a second login is made beside the first."""
        self.connection.suspect(why)

    def tick(self) -> None:
        """The connection looks after itself."""

    def stats(self) -> list[WireStats]:
        """The connection, once something is wanted."""
        connection = self.connection
        return [] if connection.phase is PrivateState.IDLE and not connection.epoch else [connection.wire_stats()]

    async def known_symbols(self) -> dict[str, str] | None:
        """The public wire asks."""
        return None

    async def stop(self) -> None:
        """Close the connection."""
        self._end()
        try:
            await asyncio.gather(*self._ending, return_exceptions=True)
        finally:
            if self._held:
                self._held = False
                await self._rest.release()


def nonce() -> str:
    """Not used before, by anybody."""
    return str(uuid4())
