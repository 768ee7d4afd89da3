"""simulator.binance.venue: what Binance's venues have in common: handshakes, budgets, the private half.

What differs between spot and
futures is in a `Product`. Decides only what a handshake gets. Source: protocol sheet 1.1 and 1.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from hoga.captures.frames import Frame
from hoga.simulator.binance.api import Api, ApiError, Endpoint, PastAsked, text_of
from hoga.simulator.binance.budget import Budget
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.dialect import DIALECT, Form, printing
from hoga.simulator.binance.door import RestApi
from hoga.simulator.binance.guard import Guard
from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.history import HistoryFiles, HistoryProduct
from hoga.simulator.binance.history_door import HistoryDoor
from hoga.simulator.binance.keys import EXAMPLE_KEYS, KeyRing
from hoga.simulator.binance.order_count import OrderCount, OrderWindow
from hoga.simulator.binance.private import PrivateDeps, PrivateHalf
from hoga.simulator.binance.session import NameRules, Session
from hoga.simulator.binance.ws_api import ApiSession
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine, Instrument
from hoga.simulator.engine.instruments import KNOWN_SYMBOLS
from hoga.simulator.faults import FaultDesk, FaultKind, FileDefect, Printed
from hoga.simulator.replay.timeline import Timeline
from hoga.simulator.sockets import Connection, Handshake, Opening, Refusal
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.venue import Listing, StreamPublisher, Venue

__all__ = ["MAX_URI_CHARS", "BinanceVenue", "Product", "Wanted", "split_streams"]

MAX_URI_CHARS = 8_000
"""Longer request lines were seen to fail (unicorn-binance-websocket-api issue 38)."""

_ANYONE = "everyone"
_RETRY_AFTER_S = 60


class Wanted(NamedTuple):
    """What a request target asks for: the framing, the streams, and how the connection behaves."""

    combined: bool
    names: list[str]
    name_rules: NameRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is particular to one of Binance's venues. `symbols` are the default ones; `wanted(path, query)` is None for a
    path that does not exist; `prefix` is where REST lives; `paths` are all that it has, of both."""

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
    paths: tuple[str, ...]
    private: Callable[[PrivateDeps], PrivateHalf]
    wanted: Callable[[str, str], Wanted | None]
    announces_shutdown: bool
    history: HistoryProduct


class BinanceVenue(Venue[StreamPublisher]):
    """See the module."""

    def __init__(self, product: Product, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Timeline | None) -> None:
        listing = Listing(product.name, _is_mine, product.symbols, product.describe, DIALECT, _captured, product.paths, product.speeds)
        super().__init__(listing, product.publisher, config, clock=clock, desk=desk, capture=capture)
        limits = config.rest_limits
        self._product = product
        self._connects = _budget(config, limit=limits.connects, window_s=limits.connects_window_s)
        self._history = self._history_of(product, config) if self.player is None else None
        past = None if self._history is None else PastAsked(self._history.past, self._history.oldest_rest_day)
        weight_limit = limits.weight_per_minute or product.weight_per_minute
        api = Api(
            engine=self.engine,
            pace=self.publisher.pace,
            clock=clock,
            weight_limit=weight_limit,
            player=self.player,
            faults=desk,
            keys=KeyRing(EXAMPLE_KEYS, desk),
            past=past,
        )
        self._deps = self._private_deps(api)
        self._private = product.private(self._deps)
        endpoints = {**product.endpoints, **self._private.endpoints}
        self._clerk = Clerk(api, self._deps.keys, endpoints, venue=product.name)
        self.seen = self._clerk.seen
        self.rest = RestApi(self._deps, endpoints, self._clerk, prefix=product.prefix)
        self._history_door: HistoryDoor | None = None
        if self._history is not None:
            self._history_door = HistoryDoor(self._history, desk, clock, page=config.history.page)
            self._more_routes.append(self._history_door.add_routes)

    @property
    def urls(self) -> dict[str, str]:
        """See `Venue`; `history` is the archive of its past."""
        urls = super().urls
        return urls if self._history_door is None else {**urls, "history": urls["rest"]}

    def status(self) -> dict[str, Any]:
        """See `Venue`."""
        return {**super().status(), "history": None if self._history_door is None else self._history_door.status()}

    def _history_of(self, product: Product, config: SimulatorConfig) -> HistoryFiles:
        def defects(key: str) -> frozenset[FileDefect]:
            return self._desk.defects(f"/{key}")

        return HistoryFiles(product.history, self.engine, self._clock, config.history, seed=config.seed, defects=defects)

    def announce_shutdown(self, connection: Connection) -> None:
        """Send `serverShutdown`, raw or combined as the connection is, where the venue has it."""
        if not self._product.announces_shutdown:
            return
        event = f'{{"e":"serverShutdown","E":{self._server_ms()}}}'
        if isinstance(connection.session, ApiSession):
            connection.send_control(f'{{"event":{event}}}')
            return
        wrapped = isinstance(connection.form, Form) and connection.form.combined
        connection.send_control(f'{{"stream":"!serverShutdown","data":{event}}}' if wrapped else event)

    def act(self, account: str, what: str, params: Mapping[str, str]) -> Any:
        """See `Venue`."""
        try:
            return msgspec.json.decode(text_of(self._clerk.act(account, what, params)))
        except ApiError as refused:
            raise ValueError(f"{refused.code} {refused.text}") from refused

    def account(self, account: str) -> dict[str, Any]:
        """See `Venue`."""
        return self._private.state(account)

    def remember(self) -> None:
        """See `Venue`."""
        self._clerk.remember()

    def forget_listen_keys(self, names: str) -> None:
        """See `Venue`."""
        self._private.forget_keys(names)

    def expire_orders(self, chosen: Callable[[str, str], bool]) -> None:
        """See `Venue`."""
        self._private.expire(chosen)

    def tell(self, account: str, event: str) -> None:
        """See `Venue`."""
        self._private.tell(account, event)

    def fund(self, symbol: str, rate: str | None = None) -> None:
        """See `Venue`."""
        self._market(symbol)
        self._private.fund(symbol, rate)

    def _tell_accounts(self) -> None:
        self._private.advance()
        self._clerk.remember()

    def _private_deps(self, api: Api) -> PrivateDeps:
        keys = api.keys
        return PrivateDeps(
            api=api,
            board=self.board,
            keys=keys,
            guard=Guard(keys, self._server_ms),
            budget=_budget(self._config, limit=api.weight_limit, window_s=60.0),
            orders=OrderCount(self._product.order_windows),
            limits=self._config.limits or self._product.limits,
            public=self._product.endpoints,
            connections=self.streams.connections.values,
            config=self._config,
            faults=self._desk,
        )

    def _server_ms(self) -> int:
        return self._clock.stamp_ns(self._clock.now_ns()) // 1_000_000

    def _open_session(self, handshake: Handshake) -> Opening | Refusal:
        if len(handshake.uri) > MAX_URI_CHARS:
            return Refusal(414)
        parts = urlsplit(handshake.uri)
        refusal = self._refusal(parts.path)
        if refusal is not None:
            return refusal
        private = self._private.open(parts.path, self._clerk)
        if private is not None:
            return Opening(private, [])
        wanted = self._product.wanted(parts.path, parts.query)
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


def split_streams(path: str, query: str) -> tuple[bool, list[str]] | None:
    """(combined, stream names) of a request target, None for a path that is neither `/ws…` nor `/stream`."""
    if path.rstrip("/") == "/stream":
        raw = next((part[len("streams=") :] for part in query.split("&") if part.startswith("streams=")), "")
        return True, [name for name in unquote(raw).split("/") if name]
    if path == "/ws" or path.startswith("/ws/"):
        return False, [name for name in unquote(path[len("/ws") :]).split("/") if name]
    return None


def _captured(frame: Frame) -> Callable[[Any], Printed]:
    return printing(frame.stream, lambda micros: frame.payload, whole=frame.whole)


def _is_mine(name: str) -> bool:
    """A symbol or stream name of this venue, told from another's by its spelling."""
    return "-" not in name.partition("@")[0]


def _budget(config: SimulatorConfig, *, limit: int, window_s: float) -> Budget:
    limits = config.rest_limits
    return Budget(limit=limit, window_s=window_s, refusals_before_ban=limits.refusals_before_ban, ban_s=limits.ban_s)
