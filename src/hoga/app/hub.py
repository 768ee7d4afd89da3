"""app.hub: the hub on real connections: a wire over `feed`'s connections for every venue, and the process's manager.

Streams that are recorded in this process need no connection of their own: the recorder's intake hands them over
(`RecorderTap`). All other streams share as few connections as the venue allows.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from time import monotonic

import msgspec

from hoga.app.config import Config, VenueConfig, find_config, load_config
from hoga.app.config.rooms import feed_config, rest_of, tls_of
from hoga.app.private import private_wire
from hoga.app.venue_run import VenueRun
from hoga.core.errors import ProtocolMisuse, VenueError
from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.dashboard.page import page_path
from hoga.feed.connection import Connection, State
from hoga.feed.sink import FeedConfig
from hoga.hub import checks
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.doors import Take
from hoga.hub.errors import ArgumentError
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.hub.wire import Inlet, RateLimit, Wire, WireStats
from hoga.net.budgets import connect_budget, rest_budgets
from hoga.net.rest import RestClient
from hoga.recorder.recorder import Recorder
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec

__all__ = [
    "FeedWire",
    "GlobalWebSocketManager",
    "RecorderTap",
    "config_of",
    "connect",
    "hub_path",
    "in_order",
    "local_manager",
    "open_manager",
    "wires_of",
]

_log = get_log("hub")

_STATES = {
    State.IDLE: ConnectionState.DISCONNECTED,
    State.CONNECTING: ConnectionState.CONNECTING,
    State.LIVE: ConnectionState.CONNECTED,
    State.HANDOVER: ConnectionState.HANDOVER,
    State.WAITING: ConnectionState.RECONNECTING,
    State.STOPPED: ConnectionState.STOPPED,
}


class _LegStats(msgspec.Struct):
    won: int = 0
    late: int = 0


class _Leg:
    __slots__ = ("conn", "epoch", "live", "streams", "table")

    def __init__(self, conn: str, epoch: int, streams: list[Stream], table: dict[bytes, Take]) -> None:
        self.conn = conn
        self.epoch = epoch
        self.streams = streams
        self.table = table
        self.live: set[str] = set()

    def fill(self, table: dict[bytes, Take], key_of: Callable[[Stream], bytes]) -> None:
        """Its frames are taken so; the first frame of a stream that nothing has proven yet does prove it."""
        self.table.clear()
        self.table.update(table)
        for stream in self.streams:
            key = key_of(stream)
            if stream.name not in self.live and key in table:
                self.table[key] = self._first_take(stream.name, key, table[key])

    def _first_take(self, name: str, key: bytes, take: Take) -> Take:
        def first(now: int, data: bytes) -> object:
            if take(now, data):
                return True
            self.live.add(name)
            self.table[key] = take
            return None

        return first


class FeedWire:
    """The public streams of one venue. `run`: what records the venue in this process, None when nothing does.

    It is the sink of its connections; see `feed.sink.Sink`.
    """

    kind = WebSocketType.PUBLIC

    def __init__(
        self, spec: VenueSpec, config: FeedConfig, *, rest: RestClient, tls: ssl.SSLContext | None, run: VenueRun | None = None
    ) -> None:
        self.venue = spec.name
        self.spelling = spec
        self._spec = spec
        self._config = config
        self._rest = rest
        self._tls = tls
        self._budget = connect_budget(spec, config.ws_url)
        self._connections: dict[str, Connection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._legs: dict[int, _Leg] = {}
        self._streams: dict[str, Stream] = {}
        self._next_leg = 0
        self._next_name = 0
        self._inlet: Inlet | None = None
        self._tap = RecorderTap(run.recorder, lambda: run.feed.connections) if run is not None else None

    # -- what the hub calls ---------------------------------------------------------------------------------------

    def start(self, inlet: Inlet) -> None:
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
        self._streams = {stream.name: stream for stream in streams}
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
        connection = self._connections.get(name)
        if connection is None:
            self._open(name, plan)
        elif not plan:
            self._end(name)
        elif plan != connection.streams:
            for leg in self._legs.values():
                if leg.conn == name and self._inlet is not None:
                    leg.streams = plan
                    leg.live &= {stream.name for stream in plan}
                    leg.fill(self._inlet.joining(name, leg.epoch, plan), self._spec.frame_key)
            connection.change(plan)

    def _open(self, name: str, plan: list[Stream]) -> None:
        connection = Connection(
            name,
            self._spec,
            self._config,
            plan,
            sink=self,
            connect_budget=self._budget,
            tls=self._tls,
            jitter=random.random,
            first_rollover_s=self._config.rollover_s * (1.0 - 0.1 * random.random()),
            first_port=self._next_name,
        )
        self._connections[name] = connection
        self._tasks[name] = asyncio.create_task(self._keep(connection), name=f"hub {name}")

    async def _keep(self, connection: Connection) -> None:
        while True:
            try:
                await connection.run()
                return
            except Exception as fault:  # noqa: BLE001  # the supervised place: told, begun anew
                _log.failure("connection task failed", fault, conn=connection.name)
                connection.abandon()
                await asyncio.sleep(5.0)

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
        own = [_wire_stats(connection) for connection in self._connections.values()]
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
        budgets = [("connects", self._budget), ("rest", next(iter(rest_budgets(self._spec, self._rest.base_url).values())))]
        for connection in self._all():
            budgets += [(f"requests {connection.name}", budget) for budget in connection.budgets()]
        now = monotonic()
        return [
            RateLimit(
                venue=self.venue,
                what=what,
                limit=budget.limit,
                window_s=budget.window_s,
                used=budget.used(now),
                allowed=budget.allowed(now),
                wait_s=budget.wait_s(now),
                refusals=budget.refusals,
            )
            for what, budget in budgets
        ]

    async def known_symbols(self) -> dict[str, str] | None:
        """As the venue lists them now."""
        try:
            paths = self._spec.rest
            return await self._rest.read(paths.instruments, self._spec.symbols, weight=paths.instruments_weight)
        except VenueError as fault:
            _log.info("symbols not checked", venue=self.venue, why=str(fault))
            return None

    async def stop(self) -> None:
        """Close every connection."""
        for name in list(self._connections):
            self._end(name)
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._tap is not None:
            self._tap.stop()
        if self._inlet is not None:
            self._inlet = None
            await self._rest.release()

    # -- what the connections call (feed.sink.Sink) ---------------------------------------------------------------

    def open_leg(self, conn: str, epoch: int, streams: list[Stream]) -> tuple[int, dict[bytes, Take]]:
        """A connection is about to be made."""
        assert self._inlet is not None, "started before anything is wanted"
        self._next_leg += 1
        leg = self._legs[self._next_leg] = _Leg(conn, epoch, streams, {})
        leg.fill(self._inlet.opening(conn, epoch, streams), self._spec.frame_key)
        return self._next_leg, leg.table

    def not_connected(self, streams: list[Stream], why: str) -> None:
        """Tried again; the connection's state says so."""

    def leg_opened(self, number: int, now: int) -> None:
        """It is open."""
        leg = self._legs[number]
        if self._inlet is not None:
            self._inlet.opened(leg.conn, leg.epoch)

    def leg_live(self, number: int, now: int, names: Collection[str]) -> None:
        """The venue has agreed to bring these."""
        self._legs[number].live.update(names)

    def leg_waits(self, number: int, now: int, names: Collection[str], why: str) -> None:
        """Asked for again by its connection. One that was refused by name is told to those who want it."""
        for name in names if len(names) == 1 else ():
            stream = self._streams.get(name)
            if stream is not None and self._inlet is not None:
                self._inlet.refused(stream, why)

    def leg_waiting(self, number: int) -> Collection[str]:
        """Streams of the leg that were neither told live nor have come."""
        leg = self._legs.get(number)
        return {stream.name for stream in leg.streams} - leg.live if leg is not None else ()

    def close_leg(self, number: int, now: int, *, alive_ns: int, reason: Reason, close: str) -> None:
        """It is over."""
        leg = self._legs.pop(number, None)
        if leg is not None and self._inlet is not None:
            self._inlet.closed(leg.conn, leg.epoch, close if reason is not Reason.SILENCE else f"silent: {close}")

    def odd(self, number: int, now: int, data: bytes) -> None:
        """A frame that nobody takes as it stands."""
        leg = self._legs.get(number)
        if leg is not None and self._inlet is not None:
            self._inlet.odd(leg.conn, leg.epoch, now, data)

    def received(self, stream: str) -> tuple[int, int]:
        """(frames in all, receipt of the newest)."""
        known = self._streams.get(stream)
        return self._inlet.received(known) if known is not None and self._inlet is not None else (0, 0)

    def stream_silent(self, stream: str, since_ns: int) -> None:
        """Asked for again by its connection; nothing to do here."""

    def leg_stats(self, number: int) -> _LegStats:
        """Who brought a frame first is not counted here."""
        return _LegStats()

    def leg_lacks(self, number: int, since_ns: int) -> list[str]:
        """Streams that have brought frames since `since_ns`, but none on this leg."""
        leg, inlet = self._legs.get(number), self._inlet
        if leg is None or inlet is None:
            return []
        return [
            stream.name
            for stream in leg.streams
            if inlet.received(stream)[1] >= since_ns and not inlet.has_come(stream, leg.conn, leg.epoch)
        ]


class RecorderTap:
    """Hands over what is recorded in this process: each recorded frame once, under the recorder's own connection and epoch."""

    def __init__(self, recorder: Recorder, connections: Callable[[], list[Connection]]) -> None:
        self._recorder = recorder
        self._connections = connections
        self._inlet: Inlet | None = None
        self._tapped: dict[str, Stream] = {}
        self._takes: dict[str, dict[int, Take]] = {}
        self._known: dict[int, tuple[str, int]] = {}

    def start(self, inlet: Inlet) -> None:
        """Begin."""
        self._inlet = inlet

    def connections(self) -> list[Connection]:
        """The recorder's."""
        return self._connections()

    def want(self, streams: list[Stream]) -> list[Stream]:
        """Tap what is recorded; returns the rest."""
        intakes = self._recorder.intakes
        tapped = {stream.name: stream for stream in streams if stream.name in intakes}
        for name in self._tapped.keys() - tapped.keys():
            self._let_go(name)
        fresh = tapped.keys() - self._tapped.keys()
        self._tapped = tapped
        for name in fresh:
            self._takes[name] = {}
            intakes[name].route = self._router(name)
        return [stream for stream in streams if stream.name not in tapped]

    def _router(self, name: str) -> Take:
        intake, takes = self._recorder.intakes[name], self._takes[name]

        def route(now: int, data: bytes) -> object:
            number = intake.tag >> 16
            take = takes.get(number) or self._join(name, number)
            if take is not None and take(now, data) and self._inlet is not None:
                self._inlet.odd(*self._known[number], now, data)
            return None

        return route

    def _join(self, name: str, number: int) -> Take | None:
        """A stream's first frame on a leg; on a leg's first frame, all its streams join."""
        if number not in self._known and not self._open(number):
            return None
        assert self._inlet is not None, "started first"
        take = self._takes[name][number] = self._inlet.join(*self._known[number], self._tapped[name])
        return take

    def _open(self, number: int) -> bool:
        self.tick()
        leg = self._recorder.leg_identity(number)
        if leg is None or self._inlet is None:
            return False
        self._known[number] = leg
        carried = self._recorder.leg_streams(number)
        self._inlet.opening(*leg, [stream for name, stream in self._tapped.items() if name in carried])
        self._inlet.opened(*leg)
        return True

    def _let_go(self, name: str) -> None:
        self._recorder.intakes[name].route = None
        stream, takes = self._tapped[name], self._takes.pop(name)
        if self._inlet is not None:
            for number in takes.keys() & self._known.keys():
                self._inlet.leave(*self._known[number], stream)

    def tick(self) -> None:
        """Once a second, and before a new leg: legs that are over are over here too."""
        for number, leg in list(self._known.items()):
            if self._recorder.leg_identity(number) != leg:
                self._close(number, "closed")

    def stats(self) -> list[WireStats]:
        """The recorder's connections that bring anything tapped."""
        found = []
        for connection in self._connections():
            count = sum(1 for stream in connection.streams if stream.name in self._tapped)
            if count:
                found.append(_wire_stats(connection, count))
        return found

    def stop(self) -> None:
        """Let the intakes go."""
        for name in list(self._takes):
            self._let_go(name)
        for number in list(self._known):
            self._close(number, "")

    def _close(self, number: int, why: str) -> None:
        leg = self._known.pop(number)
        for takes in self._takes.values():
            takes.pop(number, None)
        if self._inlet is not None:
            self._inlet.closed(*leg, why)


def _wire_stats(connection: Connection, streams: int | None = None) -> WireStats:
    each = connection.stats()
    return WireStats(
        connection=each.name,
        state=_STATES[each.state],
        epoch=each.epoch,
        streams=each.streams if streams is None else streams,
        reconnects=each.reconnects,
        requests=each.requests,
        last_close=each.last_close,
    )


def wires_of(config: Config, *, recorders: Mapping[str, VenueRun] | None = None, label: str = "") -> list[Wire]:
    """A public and a private wire for every venue hoga knows; those that nobody asks for anything never connect.

    `recorders`: by venue, what records it in this process; streams that it records come over its connections.
    """
    public: list[Wire] = [_wire(config.venue(name), (recorders or {}).get(name), label) for name in VENUES]
    private = [private_wire(config.venue(name), label) for name in VENUES]
    return public + [wire for wire in private if wire is not None]


def _wire(config: VenueConfig, run: VenueRun | None, label: str) -> FeedWire:
    usual = VENUES[config.venue]
    spec = usual.compact if config.wire_format == "simple" and usual.compact is not None else usual
    return FeedWire(spec, feed_config(config, label), rest=rest_of(config), tls=tls_of(config), run=run)


def in_order(config: Config) -> dict[str, VenueSpec]:
    """Every venue, the configured ones first: where a symbol could be of two, it is of the first."""
    return {name: VENUES[name] for name in sorted(VENUES, key=lambda name: name not in config.active_venues)}


async def open_manager(config: object) -> GlobalWebSocketManager:
    """The manager of `config`: a Config, the path of a hoga.conf, or None for hoga.conf in the working folder and the environment.

    Raises ConfigError, ProtocolMisuse.
    """
    found = config_of(config)
    return GlobalWebSocketManager(wires_of(found), in_order(found), config=found)


def config_of(config: object, data: str | Path | None = None) -> Config:
    """The configuration that `config` means (see `open_manager`), with `data` as its data folder.

    Where neither is said, and the process has a manager, it is the manager's. Raises ConfigError, ProtocolMisuse, ArgumentError.
    """
    if data is not None and not isinstance(data, str | Path):
        raise ArgumentError("hoga", "data", checks.shown(data), "a folder, or nothing")
    root = Path(data) if data is not None else None
    if config is None and root is None:
        manager = GlobalWebSocketManager.running()
        config = manager.config if manager is not None else None
    if config is None:
        config = load_config(find_config(None, os.environ), overrides=[], environ=os.environ, data_dir=root)
    elif isinstance(config, str | Path):
        config = load_config(Path(config), overrides=[], environ=os.environ, data_dir=root)
    if not isinstance(config, Config):
        raise ProtocolMisuse(f"config is a {type(config).__name__}", hint="give a Config, a path, or nothing")
    return config


async def connect(client_id: str = "", *, config: object = None, data: str | Path | None = None) -> SimpleWebSocketClient:
    """A client of the hub that another process on this machine serves (`hoga run`), over its local socket.

    Args:
        client_id: for the log; any text.
        config: as for `GlobalWebSocketManager.get_instance`; it says where the data folder is.
        data: the data folder itself, as in `hoga run --data`.

    Returns:
        A client like any other, `close` ends it; `client.manager` takes components with callbacks. When the hub goes away
        the client finds it again by itself; meanwhile `is_stale` says so.

    Raises:
        NoHub: none is running there. ConfigError, ArgumentError.
    """
    name = checks.identity(client_id or f"local {os.getpid()}", "connect", "client_id")
    found = config_of(config, data)
    manager = await local_manager(LocalHub(hub_path(found.program.data_dir), VENUES), found)
    return SimpleWebSocketClient(name, manager=manager, on_close=manager.stop)


async def local_manager(hub: LocalHub, config: Config | None = None) -> GlobalWebSocketManager:
    """A started manager over another process's hub. Raises NoHub."""
    await hub.open()
    manager = GlobalWebSocketManager(hub.wires, VENUES, pace=Pace(quiet_s=0.005, longest_s=0.02, per_minute=6000), config=config)
    manager.start()
    return manager


def hub_path(data_dir: Path) -> Path:
    """Where the hub of the run that records into `data_dir` listens."""
    return page_path(data_dir, part="hub")


GlobalWebSocketManager.opener = staticmethod(open_manager)
GlobalWebSocketManager.meaning = staticmethod(config_of)
