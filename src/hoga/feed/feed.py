"""feed.feed: all connections of one venue: sharded, staggered, doubled where wanted, supervised."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator

from hoga.core.streams import Stream
from hoga.feed.config import FeedConfig
from hoga.feed.connection import Connection, ConnectionStats
from hoga.hub.port import Inlet
from hoga.net.budgets import connect_budget
from hoga.net.plan import shards
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import supervise
from hoga.venues.spec import VenueSpec

__all__ = ["Feed"]

_log = get_log("feed")


class Feed:
    """Connections that bring `streams` to `inlet`. `start`, then `tick` once a second; `stop` ends in good order."""

    def __init__(
        self,
        spec: VenueSpec,
        config: FeedConfig,
        streams: list[Stream],
        *,
        inlet: Inlet,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
    ) -> None:
        self._after_fault_s, self._clock = config.after_fault_s, clock
        limits = spec.limits
        budget = connect_budget(spec, config.ws_url)
        most = min(config.streams_per_connection, limits.streams_per_connection)
        routes: dict[str, list[Stream]] = {}
        for stream in streams:
            routes.setdefault(spec.route_of(stream), []).append(stream)
        parts = [part for each in routes.values() for part in shards(each, most)]
        self.connections: list[Connection] = []
        self._tasks: list[asyncio.Task[None]] = []
        total = len(parts) * config.redundancy
        for number, part in enumerate(parts, 1):
            for copy in range(config.redundancy):
                place = len(self.connections)
                self.connections.append(
                    Connection(
                        f"{config.label}{spec.name}-{number}{'' if copy == 0 else chr(ord('a') + copy)}",
                        spec,
                        config,
                        part,
                        inlet=inlet,
                        connect_budget=budget,
                        tls=tls,
                        jitter=jitter,
                        clock=clock,
                        first_rollover_s=_first_rollover_s(config, place, total),
                        first_port=copy,
                    )
                )

    def start(self) -> None:
        """Begin to connect."""
        for connection in self.connections:
            self._tasks.append(asyncio.create_task(self._supervise(connection), name=f"feed {connection.name}"))

    async def _supervise(self, connection: Connection) -> None:
        """A fault of our own in one connection is logged and costs that connection a pause, nobody else anything."""
        await supervise(
            connection.run,
            log=_log,
            what="connection task failed",
            abandon=connection.abandon,
            pause_s=self._after_fault_s,
            clock=self._clock,
            conn=connection.name,
        )

    def tick(self) -> None:
        """Once a second."""
        for _ in self.ticking():
            pass

    def ticking(self) -> Iterator[None]:
        """`tick` in steps: between two of them frames may be taken."""
        for connection in self.connections:
            yield from connection.ticking()

    async def stop(self) -> None:
        """Close every connection; frames on their way are still taken."""
        await asyncio.gather(*(connection.stop() for connection in self.connections), return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stats(self) -> list[ConnectionStats]:
        """Figures of every connection."""
        return [connection.stats() for connection in self.connections]


def _first_rollover_s(config: FeedConfig, place: int, total: int) -> float:
    """Connections roll over one after the other: spread over a tenth of the period, none in the first half."""
    full = max(config.rollover_s - config.ready_ahead_s, config.rollover_s / 2)
    return full * (1.0 - 0.1 * place / max(1, total))
