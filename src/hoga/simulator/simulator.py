"""simulator.simulator: the whole simulator as one object with a life: `async with Simulator(SimulatorConfig(...)) as sim`.

Runs inside any asyncio loop. It owns the clock, the engine, the stream server, the REST server, the fault desk and one
task that drives them; nothing here decides anything about the wire.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from aiohttp import web
from picows import WSUpgradeResponse

from hoga.simulator.admin import add_admin_routes
from hoga.simulator.binance.budget import Budget
from hoga.simulator.binance.publisher import CUT_NS, Publisher
from hoga.simulator.binance.rest import RestApi
from hoga.simulator.binance.server import Connection, StreamServer
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine
from hoga.simulator.faults import ActiveFault, Fault, FaultDesk, FaultKind, read_script
from hoga.simulator.replay.capture import Capture, survey
from hoga.simulator.replay.player import Player
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth

__all__ = ["Simulator"]

_STEP_NS = CUT_NS // 5
_SHORTEST_NAP_S = 0.002
_ANYONE = "everyone"


class Simulator:
    """A running exchange. `ws_url` and `rest_url` are scheme, host and port, without a path."""

    def __init__(self, config: SimulatorConfig = SimulatorConfig()) -> None:
        self.config = config
        self.clock = SimClock(speed=config.speed, start_ns=config.start_ns)
        self.truth = Truth()
        self.desk = FaultDesk(seed=config.seed)
        self.board = Switchboard(self.truth, self.desk)
        self.engine = Engine(config.symbols, seed=config.seed, now_ns=self.clock.now_ns())
        self.publisher = Publisher(self.engine, self.board, self.clock)
        self.player: Player | None = None
        self.ws_url = self.rest_url = ""
        self._streams: StreamServer
        self._rest: RestApi
        self._runner: web.AppRunner | None = None
        self._driver: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        limits = config.rest_limits
        patience, ban_s = limits.refusals_before_ban, limits.ban_s
        self._connects = Budget(limit=limits.connects, window_s=limits.connects_window_s, refusals_before_ban=patience, ban_s=ban_s)
        self._weights = Budget(limit=limits.weight_per_minute, window_s=60.0, refusals_before_ban=patience, ban_s=ban_s)

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and let the market run. Raises OSError when a port is taken, ConfigError for a bad fault script."""
        config = self.config
        script = read_script(config.faults) if config.faults else []
        tls = _tls(config)
        capture = await asyncio.to_thread(survey, config.replay) if config.replay else None
        if capture is not None:
            self.engine = Engine(capture.symbols, seed=config.seed, now_ns=self.clock.now_ns())
            self.publisher = Publisher(self.engine, self.board, self.clock)
        self._streams = StreamServer(
            clock=self.clock,
            board=self.board,
            truth=self.truth,
            limits=config.limits,
            admit=self._admit,
            on_subscribe=self._wake,
        )
        await self._streams.start(config.host, config.port, tls)
        if capture is not None:
            self.player = self._player_of(capture)
        try:
            rest_port = await self._start_rest(tls)
        except OSError:
            self._streams.stop_listening()
            raise
        self.ws_url = f"{'wss' if tls else 'ws'}://{config.host}:{self._streams.port}"
        self.rest_url = f"{'https' if tls else 'http'}://{config.host}:{rest_port}"
        for fault in script:
            self.desk.schedule(fault, self.clock.start_ns)
        self._driver = asyncio.create_task(self._drive(), name="simulator")
        if self.player is not None:
            self._spawn(self.player.run())

    async def stop(self) -> None:
        """Close every connection and stop. Safe to call twice."""
        if self._driver is not None:
            await _ended(self._driver, *self._tasks)
            self._driver = None
            await self._streams.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def inject(self, fault: Fault) -> ActiveFault | None:
        """Inject a fault. Returns it with its live counts, None when it begins only later (`at_s` > 0)."""
        known = len(self.desk.history)
        self.desk.schedule(fault, self.clock.now_ns())
        self._advance_faults()
        return self.desk.history[known] if len(self.desk.history) > known else None

    def clear_faults(self) -> None:
        """End every fault that lasts, and forget those that wait."""
        self.desk.clear()
        self._advance_faults()

    def status(self) -> dict[str, Any]:
        """What the simulator has really done: the truth to compare a client's records with."""
        return {
            "clock": {"now_ns": self.clock.now_ns(), "stamp_ns": self.clock.stamp_ns(self.clock.now_ns()), "speed": self.clock.speed},
            **self.truth.status(),
            "open": sorted(self._streams.connections),
            "skipped_ns": self.publisher.skipped_ns,
            "faults": self.desk.status(),
            "rest": {"requests": self._rest.requests},
            "replay": self.player.status() if self.player else None,
            "delisted": sorted(self.publisher.delisted),
        }

    # -- driving -----------------------------------------------------------

    async def _drive(self) -> None:
        while True:
            now_ns = self.clock.now_ns()
            self._advance_faults()
            self.publisher.advance(now_ns)
            following = now_ns // _STEP_NS * _STEP_NS + _STEP_NS
            await asyncio.sleep(max(_SHORTEST_NAP_S, self.clock.wall_s(following - self.clock.now_ns())))

    def _advance_faults(self) -> None:
        self.desk.advance(self.clock.now_ns())
        for active in self.desk.started():
            self._begin(active)
        for active in self.desk.ended():
            self._finish(active)
        self.board.release()

    def _begin(self, active: ActiveFault) -> None:
        act = _BEGIN.get(active.fault.fault)
        if act is not None:
            act(self, active)

    def _finish(self, active: ActiveFault) -> None:
        fault = active.fault
        if fault.fault is FaultKind.REFUSE_TCP:
            self._spawn(self._streams.listen_again())
        elif fault.fault is FaultKind.CLOCK_STEP and fault.duration_s is not None:
            self.clock.step_ns -= int(fault.ms * 1e6)
        elif fault.fault is FaultKind.CLOCK_SKEW:
            self.clock.skew(0.0)

    def _targets(self, active: ActiveFault) -> list[Connection]:
        chosen = [c for c in list(self._streams.connections.values()) if active.matches_connection(c.name)]
        active.hit_connections.update(connection.name for connection in chosen)
        return chosen

    def _close(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            code = 1006 if active.fault.code is None else active.fault.code
            connection.end(code, active.fault.reason)
        self.desk.finish(active)

    def _lifetime(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            connection.end(1006, "24 h")
        self.desk.finish(active)

    def _half_open(self, active: ActiveFault) -> None:
        for connection in self._targets(active):
            connection.play_dead()

    def _shut_down(self, active: ActiveFault) -> None:
        event = f'{{"e":"serverShutdown","E":{self.clock.stamp_ns(self.clock.now_ns()) // 1_000_000}}}'
        targets = self._targets(active)
        for connection in targets:
            connection.send_control(f'{{"stream":"!serverShutdown","data":{event}}}' if connection.combined else event)
        code = 1001 if active.fault.code is None else active.fault.code
        self._spawn(self._end_later(active, targets, code))

    async def _end_later(self, active: ActiveFault, targets: list[Connection], code: int) -> None:
        await asyncio.sleep(self.clock.wall_s(int(active.fault.after_s * 1e9)))
        for connection in targets:
            connection.end(code, active.fault.reason)
        self.desk.finish(active)

    def _refuse_tcp(self, active: ActiveFault) -> None:
        self._streams.stop_listening()

    def _step_clock(self, active: ActiveFault) -> None:
        self.clock.step_ns += int(active.fault.ms * 1e6)

    def _skew_clock(self, active: ActiveFault) -> None:
        self.clock.skew(active.fault.ppm)

    def _delist(self, active: ActiveFault) -> None:
        self.publisher.delist(active.fault.symbol.upper())

    def _admit(self, path: str) -> WSUpgradeResponse | None:
        refused = self.desk.take_one(FaultKind.REFUSE, path)
        if refused is not None:
            self.truth.refused[str(refused.status)] += 1
            return _refusal(refused.status, refused.retry_after_s)
        verdict = self._connects.spend(_ANYONE, 1, self.clock.now_ns())
        if verdict.status == 200:
            return None
        self.truth.refused[str(verdict.status)] += 1
        return _refusal(verdict.status, verdict.retry_after_s)

    def _wake(self, names: list[str]) -> None:
        if self.player is not None:
            self.player.wake(names)
        else:
            self.publisher.wake(names)

    def _player_of(self, capture: Capture) -> Player:
        return Player(
            capture,
            board=self.board,
            clock=self.clock,
            drained=self._streams.drained,
            flat_out=self.config.replay_max,
            start_delay_s=self.config.replay_start_delay_s,
            loop=self.config.replay_loop,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="simulator-fault")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_rest(self, tls: ssl.SSLContext | None) -> int:
        self._rest = RestApi(
            engine=self.engine,
            publisher=self.publisher,
            clock=self.clock,
            desk=self.desk,
            budget=self._weights,
            weight_limit=self.config.rest_limits.weight_per_minute,
        )
        self._rest.player = self.player
        app = web.Application()
        add_admin_routes(app, status=self.status, inject=self.inject, clear=self.clear_faults)
        self._rest.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        port = self.config.port + 1 if self.config.port else 0
        await web.TCPSite(self._runner, self.config.host, port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])


_BEGIN = {
    FaultKind.CLOSE: Simulator._close,
    FaultKind.LIFETIME: Simulator._lifetime,
    FaultKind.HALF_OPEN: Simulator._half_open,
    FaultKind.SERVER_SHUTDOWN: Simulator._shut_down,
    FaultKind.REFUSE_TCP: Simulator._refuse_tcp,
    FaultKind.CLOCK_STEP: Simulator._step_clock,
    FaultKind.CLOCK_SKEW: Simulator._skew_clock,
    FaultKind.DELIST: Simulator._delist,
}


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _refusal(status: int, retry_after_s: int | None) -> WSUpgradeResponse:
    waits = status in (418, 429) or retry_after_s is not None
    headers = {"Retry-After": str(60 if retry_after_s is None else retry_after_s)} if waits else None
    response: WSUpgradeResponse = WSUpgradeResponse.create_error_response(status, b"", headers)
    return response


def _tls(config: SimulatorConfig) -> ssl.SSLContext | None:
    if config.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config.tls_cert, config.tls_key)
    return context
