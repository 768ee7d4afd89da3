"""simulator.binance.private: what a venue's private half needs from the whole, and what the whole asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from hoga.simulator.binance.api import Api, Endpoint
from hoga.simulator.binance.budget import Budget
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.guard import Guard
from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.keys import KeyRing
from hoga.simulator.binance.order_count import OrderCount
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.faults import FaultDesk
from hoga.simulator.protocol import VenueSession
from hoga.simulator.sockets import Connection
from hoga.simulator.switchboard import Switchboard

__all__ = ["PrivateDeps", "PrivateHalf"]


class PrivateDeps(NamedTuple):
    """What a private half is given. `connections` are the open ones; `public` the endpoints that need no key; `faults` what goes wrong."""

    api: Api
    board: Switchboard
    keys: KeyRing
    guard: Guard
    budget: Budget
    orders: OrderCount
    limits: Limits
    public: Mapping[str, Endpoint]
    connections: Callable[[], Iterable[Connection]]
    config: SimulatorConfig
    faults: FaultDesk

    def now_ns(self) -> int:
        """The simulated time."""
        return self.api.clock.now_ns()

    def to_ms(self, ns: int) -> int:
        """A moment as the venue prints it."""
        return self.api.clock.stamp_ns(ns) // 1_000_000


class PrivateHalf(Protocol):
    """Accounts, orders and user streams of one venue."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What REST serves beside the public endpoints."""

    def open(self, path: str, clerk: Clerk) -> VenueSession | None:
        """The session of a WebSocket path that is the private half's own, None for any other path; `clerk` carries its requests out."""

    def advance(self) -> None:
        """The market has moved: settle fills, tell everyone."""

    def state(self, account: str) -> dict[str, Any]:
        """What an account really has now: ready for JSON, whatever faults let REST say."""

    def expire(self, chosen: Callable[[str, str], bool]) -> None:
        """End the open orders that are chosen, by symbol and client id, as the venue may."""

    def tell(self, account: str, event: str) -> None:
        """Tell an account's user streams something, as it is."""

    def fund(self, symbol: str, rate: str | None) -> None:
        """Exchange funding now, at a rate or at the market's, where there is such a thing."""

    def forget_keys(self, names: str) -> None:
        """Delete the listen keys of accounts whose API key matches a glob, where there are listen keys."""
