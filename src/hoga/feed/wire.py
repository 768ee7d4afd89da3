"""feed.wire: the public streams of one venue, as the hub wants them, over as few connections as the venue allows."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from hoga.core.errors import VenueError
from hoga.core.instrument import Instrument
from hoga.core.streams import Stream
from hoga.feed.config import FeedConfig
from hoga.feed.connection import Connection
from hoga.hub.port import RateLimit, WireInlet, WireStats
from hoga.hub.states import WebSocketType
from hoga.net.budgets import connect_budget, rest_budgets
from hoga.net.rest import RestClient
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import supervise
from hoga.venues.spec import VenueSpec

__all__ = ["FeedWire", "Tap"]

_log = get_log("hub")


class Tap(Protocol):
    """Brings streams over connections that somebody else keeps. Called like a wire, and before it."""

    def start(self, inlet: WireInlet) -> None:
        """Begin, once."""

    def want(self, streams: list[Stream]) -> list[Stream]:
        """Bring these from now on, as far as it can; returns the rest."""

    def tick(self) -> None:
        """Once a second."""

    def connections(self) -> list[Connection]:
        """Those it may bring something from."""

    def stats(self) -> list[WireStats]:
        """Of those it does."""

    def stop(self) -> None:
        """Bring nothing any more."""


class FeedWire:
    """The public streams of one venue.

    `symbols`: tells what the venue lists. `tap`: brings those that are recorded in this process, None where nothing is.
    """

    kind = WebSocketType.PUBLIC

    def __init__(
        self,
        spec: VenueSpec,
        config: FeedConfig,
        *,
        rest: RestClient,
        symbols: Callable[[], Awaitable[Mapping[str, Instrument]]],
        tls: ssl.SSLContext | None,
        tap: Tap | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.venue = spec.name
        self.spelling = spec
        self._spec = spec
        self._config = config
        self._rest = rest
        self._symbols = symbols
        self._tls = tls
        self._clock = clock
        self._budget = connect_budget(spec, config.ws_url)
        self._connections: dict[str, Connection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._next_name = 0
        self._inlet: WireInlet | None = None
        self._tap = tap

    # -- what the hub calls ---------------------------------------------------------------------------------------

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        if self._inlet is None:
            self._rest.hold()
        self._inlet = inlet
        if self._tap is not None:
            self._tap.start(inlet)

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these: what a connection has stays there, what is new goes where there is room."""
        if self._tap is not None:
            streams = self._tap.want(streams)
        wanted = dict.fromkeys(streams)
        plans: dict[str, list[Stream]] = {}
        for name, connection in self._connections.items():
            plans[name] = [stream for stream in connection.streams if stream in wanted]
            for stream in plans[name]:
                del wanted[stream]
        for stream in wanted:
            plans.setdefault(self._place(stream, plans), []).append(stream)
        for name, plan in plans.items():
            self._carry_out(name, plan)

    def _place(self, stream: Stream, plans: Mapping[str, list[Stream]]) -> str:
        route = self._spec.route_of(stream)
        most = min(self._config.streams_per_connection, self._spec.limits.streams_per_connection)
        for name, plan in plans.items():
            if len(plan) < most and plan and self._spec.route_of(plan[0]) == route:
                return name
        self._next_name += 1
        return f"{self._config.label}{self.venue}-hub-{self._next_name}"

    def _carry_out(self, name: str, plan: list[Stream]) -> None:
        assert self._inlet is not None, "started before anything is wanted"
        connection = self._connections.get(name)
        if connection is None:
            self._open(name, plan, self._inlet)
        elif not plan:
            self._end(name)
        elif plan != connection.streams:
            for epoch in self._inlet.lives(name):
                self._inlet.joining(name, epoch, plan)
            connection.change(plan)

    def _open(self, name: str, plan: list[Stream], inlet: WireInlet) -> None:
        connection = Connection(
            name,
            self._spec,
            self._config,
            plan,
            inlet=inlet,
            connect_budget=self._budget,
            tls=self._tls,
            jitter=random.random,
            clock=self._clock,
            first_rollover_s=self._config.rollover_s * (1.0 - 0.1 * random.random()),
            first_port=self._next_name,
        )
        self._connections[name] = connection
        self._tasks[name] = asyncio.create_task(self._keep(connection), name=f"hub {name}")

    async def _keep(self, connection: Connection) -> None:
        await supervise(
            connection.run, log=_log, what="connection task failed", abandon=connection.abandon, clock=self._clock, conn=connection.name
        )

    def _end(self, name: str) -> None:
        task = asyncio.create_task(self._finish(self._connections.pop(name), self._tasks.pop(name)), name=f"hub end {name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _finish(self, connection: Connection, task: asyncio.Task[None]) -> None:
        await connection.stop()
        await asyncio.wait([task], timeout=1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._inlet is not None:
            self._inlet.gone(connection.name)

    def tick(self) -> None:
        """Once a second."""
        for connection in self._connections.values():
            connection.tick()
        if self._tap is not None:
            self._tap.tick()

    def stats(self) -> list[WireStats]:
        """Every connection of this wire's own, and those of the recorder that serve it."""
        own = [connection.wire_stats() for connection in self._connections.values()]
        return own + self._tap.stats() if self._tap is not None else own

    def _all(self) -> list[Connection]:
        return [*self._connections.values(), *(self._tap.connections() if self._tap is not None else ())]

    async def list_subscriptions(self) -> dict[str, frozenset[str] | None]:
        """By connection, the recorder's included: what the venue has subscribed, in its own words."""
        connections = self._all()
        lists = await asyncio.gather(*(connection.list_subscriptions() for connection in connections))
        return {connection.name: names for connection, names in zip(connections, lists, strict=True)}

    def rate_limits(self) -> list[RateLimit]:
        """Of connects, REST calls, and each connection's requests."""
        shared = [("connects", self._budget), ("rest", next(iter(rest_budgets(self._spec, self._rest.base_url).values())))]
        budgets = [(what, budget.window_s, budget) for what, budget in shared]
        for connection in self._all():
            budgets += [(f"requests {connection.name}", window_s, budget) for window_s, budget in connection.budgets()]
        now = self._clock.monotonic()
        return [
            RateLimit(
                venue=self.venue,
                what=what,
                limit=budget.limit,
                window_s=window_s,
                used=budget.used(now),
                allowed=budget.allowed(now),
                wait_s=budget.wait_s(now),
                refusals=budget.refusals,
            )
            for what, window_s, budget in budgets
        ]

    def delayed(self) -> list[tuple[list[Stream], float]]:
        """Streams that wait for the venue's limits, and for how many seconds they will."""
        found = [connection.delayed() for connection in self._connections.values()]
        return [(streams, wait_s) for streams, wait_s in found if streams]

    async def known_symbols(self) -> dict[str, str] | None:
        """As the venue lists them now."""
        try:
            return {symbol: each.status for symbol, each in (await self._symbols()).items()}
        except VenueError as fault:
            _log.info("symbols not checked", venue=self.venue, why=str(fault))
            return None

    async def stop(self) -> None:
        """Close every connection."""
        try:
            for name in list(self._connections):
                self._end(name)
            await asyncio.gather(*self._ending, return_exceptions=True)
            if self._tap is not None:
                self._tap.stop()
        finally:
            if self._inlet is not None:
                self._inlet = None
                await self._rest.release()
