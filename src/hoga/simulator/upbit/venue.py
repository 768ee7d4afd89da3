"""simulator.upbit.venue: Upbit as one thing that can be started, driven and stopped.

Wires its REST, its accounts and its budgets together. Decides only what a handshake gets. Source: protocol sheet 1.1, 1.2, 1.6, 5.1, 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.faults import FaultDesk, FaultKind
from hoga.simulator.replay.timeline import Timeline
from hoga.simulator.sockets import Connection, Handshake, Opening, Refusal
from hoga.simulator.upbit.clerk import Clerk
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
from hoga.simulator.venue import Listing, Venue

__all__ = ["UPBIT", "Upbit"]

UPBIT = "upbit"

_PUBLIC, _PRIVATE = "/websocket/v1", "/websocket/v1/private"
_PATHS = ("/v1", "/websocket")
_ANYONE = "everyone"
_MS_NS = 1_000_000


class Upbit(Venue[Publisher]):
    """See the module."""

    def __init__(self, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Timeline | None) -> None:
        listing = Listing(UPBIT, _is_mine, KNOWN_MARKETS, describe, DIALECT, printing, _PATHS)
        super().__init__(listing, Publisher, config, clock=clock, desk=desk, capture=capture)
        self.exchange = Exchange(self.engine, config.upbit_accounts, seed=config.seed)
        self.publisher.on_events = self._take_fills
        self._tokens = TokenCheck(config.upbit_accounts)
        self._buckets = Buckets(config.upbit)
        self._clerk = Clerk(self.exchange, config.upbit_accounts, clock, desk, venue=UPBIT)
        self.seen = self._clerk.seen
        self.rest = RestApi(
            publisher=self.publisher,
            clerk=self._clerk,
            tokens=self._tokens,
            buckets=self._buckets,
            clock=clock,
            desk=desk,
            catch_up=lambda: self.advance(clock.now_ns()),
            player=self.player,
        )

    @property
    def urls(self) -> dict[str, str]:
        """`ws`, `private` (the same door, another path) and `rest`."""
        return super().urls | {"private": self._hosting.ws_url}

    def delist(self, symbol: str) -> None:
        """Take a market out of trading; one it does not have is ignored."""
        super().delist(symbol)
        self.publisher.forget(symbol)

    def act(self, account: str, what: str, params: Mapping[str, str]) -> Any:
        """See `Venue`."""
        self.advance(self._clock.now_ns())
        return self._clerk.act(account, what, params)

    def account(self, account: str) -> dict[str, Any]:
        """See `Venue`."""
        self.advance(self._clock.now_ns())
        return self._clerk.state(account)

    def expire_orders(self, chosen: Callable[[str, str], bool]) -> None:
        """See `Venue`: they end in `cancel`."""
        self.advance(self._clock.now_ns())
        self.exchange.expire(chosen, self._clock.now_ns())

    def tell(self, account: str, event: str) -> None:
        """See `Venue`."""
        self._publish(orders_name("*", account), "told", lambda form: event)

    def remember(self) -> None:
        """See `Venue`."""
        self._clerk.remember()

    # -- streams -------------------------------------------------------------------------------------------------

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
        self.exchange.settle(now_ns)

    def _tell_accounts(self) -> None:
        """Send what happened to orders and balances to the private streams of their account."""
        if self.player is not None:
            self.exchange.settle(self._clock.now_ns())
        self._clerk.remember()
        sent_ms = self._clock.stamp_ns(self._clock.now_ns()) // _MS_NS
        for event in self.exchange.events():
            name = f"myOrder/{event.state}/{event.order.code}" if isinstance(event, OrderChanged) else "myAsset"
            if self._desk.take_event(FaultKind.LOST_EVENT, name) is not None:
                continue
            if isinstance(event, OrderChanged):
                self._tell_order(event, name, sent_ms)
            else:
                self._tell_assets(event, name, sent_ms)

    def _tell_order(self, change: OrderChanged, event: str, sent_ms: int) -> None:
        for code in (change.order.code, "*"):
            self._publish(orders_name(code, change.order.account), event, lambda form: order_text(change, form, sent_ms=sent_ms))

    def _tell_assets(self, change: AssetsChanged, event: str, sent_ms: int) -> None:
        asset_id = self.exchange.asset_id(change.account)
        self._publish(assets_name(change.account), event, lambda form: asset_text(change, form, asset_uuid=asset_id, sent_ms=sent_ms))

    def _publish(self, name: str, event: str, encode: Callable[[Format], str]) -> None:
        self.board.publish(name, lambda form: printed(encode(form), form, event))

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


def _is_mine(name: str) -> bool:
    """A market's code or a stream's name of this venue, told from another's by its spelling."""
    return is_market(name.partition("@")[0])


def _error(name: str, message: str) -> bytes:
    return json.dumps({"error": {"name": name, "message": message}}, ensure_ascii=False).encode()
