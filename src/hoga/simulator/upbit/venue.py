"""simulator.upbit.venue: Upbit as one thing that can be started, driven and stopped.

Wires its market (engine or capture), its streams, its REST, its accounts and its budgets together. Decides only what a
handshake gets. Source: protocol sheet 1.1, 1.2, 1.6, 5.1, 6.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine
from hoga.simulator.faults import FaultDesk, FaultKind
from hoga.simulator.hosting import Hosting
from hoga.simulator.replay.capture import Capture
from hoga.simulator.replay.player import Player
from hoga.simulator.sockets import Connection, Handshake, Opening, Refusal, StreamServer
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth
from hoga.simulator.upbit.dialect import DIALECT
from hoga.simulator.upbit.exchange import AssetsChanged, Exchange, OrderChanged
from hoga.simulator.upbit.limits import Buckets, BucketVerdict
from hoga.simulator.upbit.markets import KNOWN_MARKETS, describe, is_market
from hoga.simulator.upbit.names import assets_name, orders_name
from hoga.simulator.upbit.payloads import Format, printed
from hoga.simulator.upbit.private import asset_text, order_text
from hoga.simulator.upbit.publisher import LiveMarket, Publisher
from hoga.simulator.upbit.replayed import printing
from hoga.simulator.upbit.rest import RestApi
from hoga.simulator.upbit.session import Session
from hoga.simulator.upbit.token import TokenCheck, TokenRefused

__all__ = ["Upbit"]

_PUBLIC, _PRIVATE = "/websocket/v1", "/websocket/v1/private"
_ANYONE = "everyone"
_MS_NS = 1_000_000


class Upbit:
    """See the module. `capture` None lets the seeded engine make the market."""

    name = "upbit"

    def __init__(self, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Capture | None) -> None:
        capture = capture.only(_is_mine) if capture else None
        codes = capture.symbols if capture else [code for code in config.symbols if _is_mine(code)] or KNOWN_MARKETS
        self.truth = Truth()
        self.board = Switchboard(self.truth, desk, DIALECT)
        self.engine = Engine(codes, seed=config.seed, now_ns=clock.now_ns(), describe=describe)
        self.publisher = Publisher(self.engine, self.board, clock)
        self.exchange = Exchange(self.engine, config.upbit_accounts, seed=config.seed)
        self.exchange.closed = self.publisher.delisted
        self.publisher.on_events = self._take_fills
        self.streams = StreamServer(
            name=self.name,
            clock=clock,
            board=self.board,
            truth=self.truth,
            open_session=self._open_session,
            on_subscribe=self._wake,
            snapshots=self._answer,
        )
        self._hosting = Hosting(self.streams)
        self._config = config
        self._clock = clock
        self._desk = desk
        self._tokens = TokenCheck(config.upbit_accounts)
        self._buckets = Buckets(config.upbit)
        self._rest = RestApi(
            publisher=self.publisher,
            exchange=self.exchange,
            tokens=self._tokens,
            buckets=self._buckets,
            clock=clock,
            desk=desk,
            catch_up=lambda: self.advance(clock.now_ns()),
            replaying=capture is not None,
        )
        self.player = self._player_of(capture) if capture else None

    @property
    def urls(self) -> dict[str, str]:
        """Where to reach it: `ws`, `private` (the same door, another path) and `rest`."""
        return {"ws": self._hosting.ws_url, "private": self._hosting.ws_url, "rest": self._hosting.rest_url}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: Callable[[web.Application], None]) -> None:
        """Listen: streams on `port`, REST on the next one (both chosen by the system for 0). Raises OSError when taken."""
        await self._hosting.start(host, port, tls, add_routes=[add_routes, self._rest.add_routes], player=self.player)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        await self._hosting.stop()

    def advance(self, now_ns: int) -> None:
        """Let the market run up to `now_ns`; nothing to do while a capture plays."""
        if self.player is None:
            self.publisher.advance(now_ns)
            self._tell()

    def announce_shutdown(self, connection: Connection) -> None:
        """Nothing: this venue announces nothing in band."""

    def delist(self, symbol: str) -> None:
        """Take a market out of trading; one it does not have is ignored."""
        self.publisher.delist(symbol)

    def status(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            **self.truth.status(),
            "open": sorted(self.streams.connections),
            "skipped_ns": self.publisher.skipped_ns,
            "rest": {"requests": self._rest.requests},
            "delisted": sorted(self.publisher.delisted),
            "replay": self.player.status() if self.player else None,
        }

    # -- streams -------------------------------------------------------------------------------------------------

    def _wake(self, names: list[str]) -> None:
        if self.player is not None:
            self.player.wake(names)
        else:
            self.publisher.wake(names)

    def _answer(self, connection: Connection, names: list[str]) -> None:
        if self.player is not None:
            return
        form = connection.form
        assert isinstance(form, Format), "every session of this venue has one"
        self.publisher.wake(names)
        for name in names:
            snapshot = self.publisher.snapshot(name, form)
            if snapshot is not None:
                self.board.answer(connection, name, snapshot)

    def _take_fills(self, live: LiveMarket, now_ns: int) -> None:
        self.exchange.take_fills(live.market)

    def _tell(self) -> None:
        """Send what happened to orders and balances to the private streams of their account."""
        sent_ms = self._clock.stamp_ns(self._clock.now_ns()) // _MS_NS
        for event in self.exchange.events():
            if isinstance(event, OrderChanged):
                self._tell_order(event, sent_ms)
            else:
                self._tell_assets(event, sent_ms)

    def _tell_order(self, change: OrderChanged, sent_ms: int) -> None:
        for code in (change.order.code, "*"):
            self._publish(orders_name(code, change.order.account), lambda form: order_text(change, form, sent_ms=sent_ms))

    def _tell_assets(self, change: AssetsChanged, sent_ms: int) -> None:
        asset_id = self.exchange.asset_id(change.account)
        self._publish(assets_name(change.account), lambda form: asset_text(change, form, asset_uuid=asset_id, sent_ms=sent_ms))

    def _publish(self, name: str, encode: Callable[[Format], str]) -> None:
        self.board.publish(name, lambda form: printed(encode(form), form))

    # -- handshakes ----------------------------------------------------------------------------------------------

    def _open_session(self, handshake: Handshake) -> Opening | Refusal:
        path = urlsplit(handshake.uri).path
        fault = self._desk.take_one(FaultKind.REFUSE, path)
        if fault is not None:
            return Refusal(fault.status, fault.retry_after_s)
        now_ns = self._clock.now_ns()
        group = "origin" if "Origin" in handshake.headers else "websocket"
        verdict = self._buckets.spend(group, _ANYONE, now_ns)
        if verdict.status != 200:
            return Refusal(verdict.status, body=b"Too many API requests.")
        if path not in (_PUBLIC, _PRIVATE):
            return Refusal(404, body=_error("not_found", "no Route matched with those values"))
        account: str | None = None
        if path == _PRIVATE:
            try:
                account = self._tokens.admit(handshake.headers.get("Authorization")).name
            except TokenRefused as refused:
                if not self._config.upbit.auth_in_band:
                    return Refusal(401, body=_error(refused.name, refused.message))
                account = ""
        return Opening(Session(account=account, limits=self._config.upbit, now_ns=now_ns), [], self._headers(group, verdict))

    def _headers(self, group: str, verdict: BucketVerdict) -> tuple[tuple[str, str], ...]:
        return (("Remaining-Req", self._buckets.header(group, verdict)), ("Limit-By-Ip", "Yes"))

    def _player_of(self, capture: Capture) -> Player:
        return Player(
            capture,
            board=self.board,
            clock=self._clock,
            printing=printing,
            drained=self.streams.drained,
            flat_out=self._config.replay_max,
            start_delay_s=self._config.replay_start_delay_s,
            loop=self._config.replay_loop,
        )


def _is_mine(name: str) -> bool:
    """A market's code or a stream's name of this venue, told from another's by its spelling."""
    return is_market(name.partition("@")[0])


def _error(name: str, message: str) -> bytes:
    return json.dumps({"error": {"name": name, "message": message}}, ensure_ascii=False).encode()
