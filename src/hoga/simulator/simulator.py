"""simulator.simulator: the whole simulator as one object with a life: `async with Simulator(SimulatorConfig(...)) as sim`.

Runs inside any asyncio loop. It owns the clock, the fault desk, the venues and one task that drives them; it carries
out the faults of connections, ports and clocks. Nothing here decides anything about a venue's wire.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any

from aiohttp import web

from hoga.simulator.admin import add_admin_routes
from hoga.simulator.binance.keys import EXAMPLE_KEYS
from hoga.simulator.binance.spot import SPOT, binance_spot
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine
from hoga.simulator.faults import ActiveFault, Fault, FaultDesk, FaultKind, read_script
from hoga.simulator.front import FrontDoor
from hoga.simulator.replay.capture import survey
from hoga.simulator.replay.player import Performance, Player
from hoga.simulator.replay.timeline import Timeline
from hoga.simulator.seen import OrderSeen
from hoga.simulator.sockets import Connection
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth
from hoga.simulator.upbit.token import Account
from hoga.simulator.upbit.venue import UPBIT, Upbit
from hoga.simulator.usdm.venue import USDM, binance_usdm
from hoga.simulator.venue import Venue, VenueMaker

__all__ = ["VENUES", "Simulator"]

VENUES: dict[str, VenueMaker] = {SPOT.name: binance_spot, USDM.name: binance_usdm, UPBIT: Upbit}
"""Every venue that can be simulated, by name."""

_STEP_NS = 20_000_000
_SHORTEST_NAP_S = 0.002


class Simulator:
    """Running exchanges. `ws_url` and `rest_url` (scheme, host, port; no path), `board`, `engine`, `truth` and `player`
    are those of the first venue; `venues` has them all."""

    def __init__(self, config: SimulatorConfig = SimulatorConfig(), *, timelines: Mapping[str, Timeline] = MappingProxyType({})) -> None:
        """`timelines`: venue → what is played of it, instead of `config.replay`."""
        self.config = config
        self.performance: Performance | None = None
        """The replay of all venues, None when engines make every market."""
        self.playing: asyncio.Task[None] | None = None
        """It, running. What it raises is for whoever started the simulator."""
        self.clock = SimClock(speed=config.speed, start_ns=config.start_ns)
        self.desk = FaultDesk(seed=config.seed)
        self.venues: dict[str, Venue[Any]] = {}
        self._timelines = timelines
        self._door: FrontDoor | None = None
        self._driver: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def ws_url(self) -> str:
        """Where the streams are."""
        return self._first.urls["ws"]

    @property
    def rest_url(self) -> str:
        """Where REST and the operator's door are."""
        return self._first.urls["rest"]

    def environment(self) -> dict[str, str]:
        """The variables with which hoga goes to these venues, and to one account at each."""
        found: dict[str, str] = {}
        for name, venue in self.venues.items():
            urls, login = venue.urls, self.login(name)
            values = {"WS_URL": urls["ws"], "REST_URL": urls["rest"], "WS_PRIVATE_URL": urls.get("private", urls["ws"])}
            values |= {"HISTORY_URL": urls["history"]} if "history" in urls else {}
            values |= {"WS_API_URL": urls["ws"]} if name != UPBIT else {}
            values |= {"API_KEY": login[0], "API_SECRET": login[1]}
            found |= {f"HOGA_{name.upper().replace('-', '_')}__{variable}": value for variable, value in values.items()}
        return found

    def login(self, name: str) -> tuple[str, str]:
        """(key, secret) of an account at one of its venues."""
        account = Account()
        return (account.access_key, account.secret_key) if name == UPBIT else (EXAMPLE_KEYS[0].key, EXAMPLE_KEYS[0].secret)

    @property
    def board(self) -> Switchboard:
        """Who is subscribed to what; its `tap` sees every frame sent."""
        return self._first.board

    @property
    def engine(self) -> Engine:
        """The market itself."""
        return self._first.engine

    @property
    def truth(self) -> Truth:
        """Exact counts of what was sent."""
        return self._first.truth

    @property
    def player(self) -> Player | None:
        """The replay, None when the engine makes the market."""
        return self._first.player

    async def start(self) -> None:
        """Listen and let the markets run. Raises OSError when a port is taken, ConfigError for a bad fault script."""
        config = self.config
        script = read_script(config.faults) if config.faults else []
        tls = _tls(config)
        capture = await asyncio.to_thread(survey, config.replay) if config.replay else None
        made = {
            name: VENUES[name](config, clock=self.clock, desk=self.desk, capture=self._timelines.get(name, capture))
            for name in config.venues
        }
        try:
            await (self._open_door(made, tls) if config.one_port else self._open_doors(made, tls))
        except OSError:
            await self._stop_venues()
            raise
        for fault in script:
            self.desk.schedule(fault, self.clock.start_ns)
        self._driver = asyncio.create_task(self._drive(), name="simulator")
        self._begin_replay()

    async def stop(self) -> None:
        """Close every connection and stop. Safe to call twice."""
        if self._driver is not None:
            tasks = (self._driver, *self._tasks, *filter(None, (self.playing,)))
            self._driver = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_venues()

    def inject(self, fault: Fault) -> ActiveFault | None:
        """Inject a fault. Returns it with its live counts, None when it begins only later (`at_s` > 0)."""
        known = len(self.desk.history)
        self.desk.schedule(fault, self.clock.now_ns())
        self._advance_faults()
        return next((active for active in self.desk.history[known:] if active.fault is fault), None)

    def orders_seen(self, venue: str | None = None) -> list[OrderSeen]:
        """Every request that was meant to change an account, and what became of it, oldest first; of one venue or of all."""
        venues = self.venues.values() if venue is None else [self.venues[venue]]
        return sorted((request for each in venues for request in each.seen.requests()), key=lambda request: request.time_ns)

    def clear_faults(self) -> None:
        """End every fault that lasts, and forget those that wait."""
        self.desk.clear()
        self._advance_faults()

    def status(self, venue: str | None = None) -> dict[str, Any]:
        """What the simulator has really done: the truth to compare a client's records with. Counts are those of `venue`
        (None: the first); each venue's REST door tells its own."""
        now_ns = self.clock.now_ns()
        return {
            "clock": {"now_ns": now_ns, "stamp_ns": self.clock.stamp_ns(now_ns), "speed": self.clock.speed},
            "venue": venue or self.config.venues[0],
            **(self.venues[venue] if venue else self._first).status(),
            "faults": self.desk.status(),
        }

    # -- driving -----------------------------------------------------------

    @property
    def _first(self) -> Venue[Any]:
        return self.venues[self.config.venues[0]]

    def _add_routes(self, name: str, app: web.Application) -> None:
        add_admin_routes(app, self, name)

    async def _open_doors(self, made: dict[str, Venue[Any]], tls: ssl.SSLContext | None) -> None:
        config = self.config
        for at, (name, venue) in enumerate(made.items()):
            port = config.port + 2 * at if config.port else 0
            await venue.start(config.host, port, tls, add_routes=partial(self._add_routes, name))
            self.venues[name] = venue

    async def _open_door(self, made: dict[str, Venue[Any]], tls: ssl.SSLContext | None) -> None:
        self.venues.update(made)
        self._door = FrontDoor([venue.room() for venue in made.values()], partial(self._add_routes, next(iter(made))))
        port = await self._door.start(self.config.host, self.config.port, tls)
        for venue in made.values():
            venue.found_at(f"{self.config.host}:{port}", tls=tls is not None)

    def _begin_replay(self) -> None:
        config = self.config
        players = [venue.player for venue in self.venues.values() if venue.player is not None]
        if players:
            self.performance = Performance(
                players,
                clock=self.clock,
                flat_out=config.replay_max,
                start_delay_s=config.replay_start_delay_s,
                loop=config.replay_loop,
            )
            self.playing = asyncio.create_task(self.performance.run(), name="simulator-replay")

    async def _stop_venues(self) -> None:
        if self._door is not None:
            await self._door.stop()
        await asyncio.gather(*(venue.stop() for venue in self.venues.values()))

    async def _drive(self) -> None:
        while True:
            now_ns = self.clock.now_ns()
            self._advance_faults()
            for venue in self.venues.values():
                venue.advance(now_ns)
            following = now_ns // _STEP_NS * _STEP_NS + _STEP_NS
            await asyncio.sleep(max(_SHORTEST_NAP_S, self.clock.wall_s(following - self.clock.now_ns())))

    def _advance_faults(self) -> None:
        self.desk.advance(self.clock.now_ns())
        for active in self.desk.started():
            self._begin(active)
        for active in self.desk.ended():
            self._finish(active)
        for venue in self.venues.values():
            venue.board.release()

    def _begin(self, active: ActiveFault) -> None:
        act = _BEGIN.get(active.fault.fault)
        if act is not None:
            act(self, active)

    def _finish(self, active: ActiveFault) -> None:
        fault = active.fault
        if fault.fault is FaultKind.REFUSE_TCP:
            for venue in self.venues.values():
                self._spawn(venue.streams.listen_again())
        elif fault.fault is FaultKind.HALF_OPEN:
            for connection in self._targets(active):
                if connection.dead:
                    connection.bury()
        elif fault.fault is FaultKind.CLOCK_STEP and fault.duration_s is not None:
            self.clock.step_ns -= int(fault.ms * 1e6)
        elif fault.fault is FaultKind.CLOCK_SKEW:
            self.clock.skew(0.0)

    def _targets(self, active: ActiveFault) -> list[Connection]:
        everyone = [connection for venue in self.venues.values() for connection in venue.streams.connections.values()]
        chosen = [connection for connection in everyone if active.matches_connection(connection.name)]
        active.hit_connections.update(connection.name for connection in chosen)
        return chosen

    def _close(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            connection.end(1006 if active.fault.code is None else active.fault.code, active.fault.reason)
        self.desk.finish(active)

    def _lifetime(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            connection.end(1006, "24 h")
        self.desk.finish(active)

    def _half_open(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            connection.play_dead()

    def _shut_down(self, active: ActiveFault) -> None:
        targets = self._targets(active)
        for venue in self.venues.values():
            for connection in targets:
                if connection.name in venue.streams.connections:
                    venue.announce_shutdown(connection)
        self._spawn(self._end_later(active, targets, 1001 if active.fault.code is None else active.fault.code))

    async def _end_later(self, active: ActiveFault, targets: list[Connection], code: int) -> None:
        await asyncio.sleep(self.clock.wall_s(int(active.fault.after_s * 1e9)))
        for connection in targets:
            connection.end(code, active.fault.reason)
        self.desk.finish(active)

    def _refuse_tcp(self, active: ActiveFault) -> None:
        for venue in self.venues.values():
            venue.streams.refuse()

    def _step_clock(self, active: ActiveFault) -> None:
        self.clock.step_ns += int(active.fault.ms * 1e6)

    def _skew_clock(self, active: ActiveFault) -> None:
        self.clock.skew(active.fault.ppm)

    def _remember(self, active: ActiveFault) -> None:
        for venue in self.venues.values():
            venue.remember()

    def _expire_orders(self, active: ActiveFault) -> None:
        for venue in self.venues.values():
            venue.expire_orders(active.takes_order)
        self.desk.finish(active)

    def _forget_listen_keys(self, active: ActiveFault) -> None:
        for venue in self.venues.values():
            venue.forget_listen_keys(active.fault.key)
        self.desk.finish(active)

    def _delist(self, active: ActiveFault) -> None:
        for venue in self.venues.values():
            venue.delist(active.fault.symbol.upper())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="simulator-fault")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_BEGIN: dict[FaultKind, Callable[[Simulator, ActiveFault], None]] = {
    FaultKind.CLOSE: Simulator._close,
    FaultKind.LIFETIME: Simulator._lifetime,
    FaultKind.HALF_OPEN: Simulator._half_open,
    FaultKind.SERVER_SHUTDOWN: Simulator._shut_down,
    FaultKind.REFUSE_TCP: Simulator._refuse_tcp,
    FaultKind.CLOCK_STEP: Simulator._step_clock,
    FaultKind.CLOCK_SKEW: Simulator._skew_clock,
    FaultKind.DELIST: Simulator._delist,
    FaultKind.STALE_LISTING: Simulator._remember,
    FaultKind.EXPIRE_ORDER: Simulator._expire_orders,
    FaultKind.LISTEN_KEY_GONE: Simulator._forget_listen_keys,
}


def _tls(config: SimulatorConfig) -> ssl.SSLContext | None:
    if config.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config.tls_cert, config.tls_key)
    return context
