"""simulator.binance.exchange: one Binance venue as a thing that can be started, driven and stopped.

Wires a market (engine or capture), its streams, its REST API and its budgets together. What differs between spot and
futures is in a `Product`. Decides only what a handshake gets. Source: protocol sheet 1.1 and 1.2.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from hoga.simulator.binance.api import Api, Endpoint, Publishing
from hoga.simulator.binance.budget import Budget
from hoga.simulator.binance.dialect import DIALECT, Form, printing
from hoga.simulator.binance.door import RestDoor
from hoga.simulator.binance.guard import Guard
from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.keys import EXAMPLE_KEYS, KeyRing
from hoga.simulator.binance.order_count import OrderCount, OrderWindow
from hoga.simulator.binance.private import PrivateDeps, PrivateHalf
from hoga.simulator.binance.session import NameRules, Session
from hoga.simulator.binance.ws_api import ApiSession
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine, Instrument
from hoga.simulator.engine.instruments import KNOWN_SYMBOLS
from hoga.simulator.faults import FaultDesk, FaultKind
from hoga.simulator.hosting import Hosting
from hoga.simulator.replay.capture import Capture
from hoga.simulator.replay.player import Player
from hoga.simulator.sockets import Connection, Handshake, Opening, Refusal, StreamServer
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth

__all__ = ["MAX_URI_CHARS", "Exchange", "Product", "StreamPublisher", "Wanted", "split_streams"]

MAX_URI_CHARS = 8_000
"""Longer request lines were seen to fail (unicorn-binance-websocket-api issue 38)."""

_ANYONE = "everyone"
_RETRY_AFTER_S = 60


class StreamPublisher(Publishing, Protocol):
    """A venue's publisher."""

    @property
    def skipped_ns(self) -> int:
        """Simulated time that was left out because the machine was too slow."""

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed to these streams."""

    def delist(self, symbol: str) -> None:
        """Let a symbol's streams fall silent for good."""


class Wanted(NamedTuple):
    """What a request target asks for: the framing, the streams, and how the connection behaves."""

    combined: bool
    names: list[str]
    name_rules: NameRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is particular to one of Binance's venues. `symbols` are the default ones; `wanted(path, query)` is None for a
    path that does not exist; `prefix` is where REST lives."""

    name: str
    limits: Limits
    weight_per_minute: int
    order_windows: tuple[OrderWindow, ...]
    symbols: tuple[str, ...] = KNOWN_SYMBOLS
    describe: Callable[[str], Instrument]
    speeds: tuple[int, ...]
    publisher: Callable[[Engine, Switchboard, SimClock], StreamPublisher]
    endpoints: Mapping[str, Endpoint]
    prefix: str
    private: Callable[[PrivateDeps], PrivateHalf]
    wanted: Callable[[str, str], Wanted | None]
    announces_shutdown: bool


class Exchange:
    """See the module. `capture` None lets the seeded engine make the market."""

    def __init__(self, product: Product, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Capture | None) -> None:
        self.product = product
        self.truth = Truth()
        self.board = Switchboard(self.truth, desk, DIALECT)
        capture = capture.only(_is_mine) if capture else None
        symbols = capture.symbols if capture else [symbol for symbol in config.symbols if _is_mine(symbol)] or product.symbols
        self.engine = Engine(symbols, seed=config.seed, now_ns=clock.now_ns(), describe=product.describe, speeds=product.speeds)
        self.publisher = product.publisher(self.engine, self.board, clock)
        self.player: Player | None = None
        self.streams = StreamServer(
            name=product.name, clock=clock, board=self.board, truth=self.truth, open_session=self._open_session, on_subscribe=self._wake
        )
        self._hosting = Hosting(self.streams)
        self._config = config
        self._clock = clock
        self._desk = desk
        limits = config.rest_limits
        self._connects = _budget(config, limit=limits.connects, window_s=limits.connects_window_s)
        weight_limit = limits.weight_per_minute or product.weight_per_minute
        self.api = Api(engine=self.engine, publisher=self.publisher, clock=clock, weight_limit=weight_limit)
        self._deps = self._private_deps(product, weight_limit)
        self.private = product.private(self._deps)
        self._door = RestDoor(self._deps, {**product.endpoints, **self.private.endpoints}, prefix=product.prefix, desk=desk)
        if capture is not None:
            self.player = self.api.player = self._player_of(capture)

    @property
    def urls(self) -> dict[str, str]:
        """Where to reach it: `ws` and `rest`; user data and the WebSocket API are at `ws` too, on paths of their own."""
        return {"ws": self._hosting.ws_url, "rest": self._hosting.rest_url}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: Callable[[web.Application], None]) -> None:
        """Listen: streams on `port`, REST on the next one (both chosen by the system for 0). Raises OSError when taken."""
        await self._hosting.start(host, port, tls, add_routes=[add_routes, self._door.add_routes], player=self.player)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        await self._hosting.stop()

    def advance(self, now_ns: int) -> None:
        """Let the market run up to `now_ns`; nothing to do while a capture plays."""
        if self.player is None:
            self.publisher.advance(now_ns)
        self.private.advance()

    def announce_shutdown(self, connection: Connection) -> None:
        """Send `serverShutdown`, raw or combined as the connection is, where the venue has it."""
        if not self.product.announces_shutdown:
            return
        event = f'{{"e":"serverShutdown","E":{self._server_ms()}}}'
        if isinstance(connection.session, ApiSession):
            connection.send_control(f'{{"event":{event}}}')
            return
        wrapped = isinstance(connection.form, Form) and connection.form.combined
        connection.send_control(f'{{"stream":"!serverShutdown","data":{event}}}' if wrapped else event)

    def delist(self, symbol: str) -> None:
        """Take a symbol out of trading."""
        self.publisher.delist(symbol)

    def status(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            **self.truth.status(),
            "open": sorted(self.streams.connections),
            "skipped_ns": self.publisher.skipped_ns,
            "rest": {"requests": self._door.requests},
            "delisted": sorted(self.publisher.delisted),
            "replay": self.player.status() if self.player else None,
        }

    def _private_deps(self, product: Product, weight_limit: int) -> PrivateDeps:
        keys = KeyRing(EXAMPLE_KEYS, self._desk)
        return PrivateDeps(
            api=self.api,
            board=self.board,
            keys=keys,
            guard=Guard(keys, self._server_ms),
            budget=_budget(self._config, limit=weight_limit, window_s=60.0),
            orders=OrderCount(product.order_windows),
            limits=self._config.limits or product.limits,
            public=product.endpoints,
            connections=self.streams.connections.values,
        )

    def _server_ms(self) -> int:
        return self._clock.stamp_ns(self._clock.now_ns()) // 1_000_000

    def _wake(self, names: list[str]) -> None:
        if self.player is not None:
            self.player.wake(names)
        else:
            self.publisher.wake(names)

    def _open_session(self, handshake: Handshake) -> Opening | Refusal:
        if len(handshake.uri) > MAX_URI_CHARS:
            return Refusal(414)
        parts = urlsplit(handshake.uri)
        refusal = self._refusal(parts.path)
        if refusal is not None:
            return refusal
        private = self.private.open(parts.path)
        if private is not None:
            return Opening(private, [])
        wanted = self.product.wanted(parts.path, parts.query)
        if wanted is None:
            return Refusal(404)
        micros = "MICROSECOND" in [value.upper() for value in parse_qs(parts.query).get("timeUnit", [])]
        limits, now_ns = self._deps.limits, self._clock.now_ns()
        return Opening(
            Session(combined=wanted.combined, micros=micros, limits=limits, now_ns=now_ns, name_rules=wanted.name_rules), wanted.names
        )

    def _refusal(self, path: str) -> Refusal | None:
        fault = self._desk.take_one(FaultKind.REFUSE, path)
        if fault is not None:
            waits = fault.status in (418, 429) and fault.retry_after_s is None
            return Refusal(fault.status, _RETRY_AFTER_S if waits else fault.retry_after_s)
        verdict = self._connects.spend(_ANYONE, 1, self._clock.now_ns())
        return None if verdict.status == 200 else Refusal(verdict.status, verdict.retry_after_s)

    def _player_of(self, capture: Capture) -> Player:
        return Player(
            capture,
            board=self.board,
            clock=self._clock,
            printing=lambda frame: printing(frame.stream, lambda micros: frame.payload, whole=frame.whole),
            drained=self.streams.drained,
            flat_out=self._config.replay_max,
            start_delay_s=self._config.replay_start_delay_s,
            loop=self._config.replay_loop,
        )


def split_streams(path: str, query: str) -> tuple[bool, list[str]] | None:
    """(combined, stream names) of a request target, None for a path that is neither `/ws…` nor `/stream`."""
    if path.rstrip("/") == "/stream":
        raw = next((part[len("streams=") :] for part in query.split("&") if part.startswith("streams=")), "")
        return True, [name for name in unquote(raw).split("/") if name]
    if path == "/ws" or path.startswith("/ws/"):
        return False, [name for name in unquote(path[len("/ws") :]).split("/") if name]
    return None


def _is_mine(name: str) -> bool:
    """A symbol or stream name of this venue, told from another's by its spelling."""
    return "-" not in name.partition("@")[0]


def _budget(config: SimulatorConfig, *, limit: int, window_s: float) -> Budget:
    limits = config.rest_limits
    return Budget(limit=limit, window_s=window_s, refusals_before_ban=limits.refusals_before_ban, ban_s=limits.ban_s)
