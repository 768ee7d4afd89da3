"""simulator.venue: the life of a venue, whichever it is: market (engine or capture), streams and REST, started and stopped together.

What is particular to a venue is in its class and in the `Listing` that it hands up; how it answers is in its own files.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from aiohttp import web

from hoga.captures.frames import Frame
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine, Instrument, Market, Pace
from hoga.simulator.engine.market import SPEEDS_MS
from hoga.simulator.faults import Dialect, FaultDesk, Printed
from hoga.simulator.front import AddRoutes, Room
from hoga.simulator.hosting import Hosting
from hoga.simulator.replay.played import PlayedEngine
from hoga.simulator.replay.player import Player
from hoga.simulator.replay.timeline import Timeline
from hoga.simulator.seen import Seen
from hoga.simulator.sockets import Connection, Handshake, Opening, Refusal, StreamServer
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth

__all__ = ["Listing", "StreamPublisher", "Venue", "VenueMaker"]


class StreamPublisher(Protocol):
    """Prints an engine's markets for a switchboard, as its pace lets them run."""

    pace: Pace

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed to these streams."""


_ALL_LEVELS = 5_000

PublisherT = TypeVar("PublisherT", bound=StreamPublisher)


class RestDoor(Protocol):
    """A venue's REST: `requests` counts the calls."""

    requests: int

    def add_routes(self, app: web.Application) -> None:
        """Serve every endpoint."""


class Listing(NamedTuple):
    """What a venue trades and how its frames look.

    `is_mine` tells a symbol's or a stream's name from another venue's; `symbols` are the default ones; `printing` gives the bytes of a
    captured frame; below `paths` it is found where several share a port; `speeds` are the depth intervals, in ms."""

    name: str
    is_mine: Callable[[str], bool]
    symbols: Iterable[str]
    describe: Callable[[str], Instrument]
    dialect: Dialect
    printing: Callable[[Frame], Callable[[Any], Printed]]
    paths: tuple[str, ...]
    speeds: tuple[int, ...] = SPEEDS_MS


class Venue(ABC, Generic[PublisherT]):
    """A venue that can be started, driven and stopped. `capture` None lets the seeded engine make the market; a capture without
    this venue's streams does too. A subclass makes `rest` and `seen`."""

    rest: RestDoor
    seen: Seen

    def __init__(
        self,
        listing: Listing,
        publisher: Callable[[Engine, Switchboard, SimClock], PublisherT],
        config: SimulatorConfig,
        *,
        clock: SimClock,
        desk: FaultDesk,
        capture: Timeline | None,
    ) -> None:
        capture = capture.only(listing.is_mine) if capture else None
        symbols = capture.symbols if capture else [name for name in config.symbols if listing.is_mine(name)] or listing.symbols
        self.truth = Truth()
        self.board = Switchboard(self.truth, desk, listing.dialect)
        self.engine = self._engine_of(listing, symbols, config, clock, capture)
        self.publisher = publisher(self.engine, self.board, clock)
        self.streams = StreamServer(
            name=listing.name,
            clock=clock,
            board=self.board,
            truth=self.truth,
            open_session=self._open_session,
            on_subscribe=self._wake,
            snapshots=self._answer,
        )
        self.player = self._player_of(listing, capture) if capture else None
        if self.player is not None and isinstance(self.engine, PlayedEngine):
            played = self.engine
            self.player.on_frame = lambda frame: played.see(frame, clock.now_ns())
        self._hosting = Hosting(self.streams)
        self._paths = listing.paths
        self._config = config
        self._clock = clock
        self._desk = desk
        self._more_routes: list[AddRoutes] = []

    @property
    def urls(self) -> dict[str, str]:
        """Where to reach it: `ws`, `rest` and whatever else it has; scheme, host and port, no path."""
        return {"ws": self._hosting.ws_url, "rest": self._hosting.rest_url}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: Callable[[web.Application], None]) -> None:
        """Listen: streams on `port`, REST on the next one (both chosen by the system for 0). Raises OSError when taken."""
        await self._hosting.start(host, port, tls, add_routes=[add_routes, self.rest.add_routes, *self._more_routes])

    def room(self) -> Room:
        """What a front door needs to show clients in; then it has to be `found_at` the door's address."""
        return self._hosting.room(self._paths, add_routes=[self.rest.add_routes, *self._more_routes])

    def found_at(self, address: str, *, tls: bool) -> None:
        """Where the front door is: host and port."""
        self._hosting.found_at(address, tls=tls)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        await self._hosting.stop()

    def advance(self, now_ns: int) -> None:
        """Let the market run up to `now_ns` (a capture plays by itself), and tell accounts what came of it."""
        if self.player is None:
            self.publisher.pace.advance(now_ns)
        self._tell_accounts()

    def announce_shutdown(self, connection: Connection) -> None:
        """Tell a client that the end is near, where the venue does."""

    def delist(self, symbol: str) -> None:
        """Take a symbol out of trading, its streams fall silent for good; one it does not have is ignored."""
        self.engine.delist(symbol)

    def move(self, symbol: str, price: str) -> None:
        """Let a market trade through to a price, and rest around it. Raises ValueError for a symbol it does not have and for no price."""
        market = self._market(symbol)
        market.move_to(max(1, _e8(price) // market.instrument.tick_e8), self._clock.now_ns())

    def fund(self, symbol: str, rate: str | None = None) -> None:
        """Let positions of a symbol exchange funding now, at a rate ("0.0001") or at the market's, where there is such a thing. Raises
        ValueError for a symbol that is not traded."""

    def freeze(self, symbol: str, *, frozen: bool) -> None:
        """Let a market's crowd stand still, or go on. Raises ValueError for a symbol that is not traded."""
        self._market(symbol).frozen = frozen

    def set_mark(self, symbol: str, price: str | None) -> None:
        """Fix a market's mark price; None lets it follow the market again. Raises ValueError as `move` does."""
        self._market(symbol).mark_e8 = None if price is None else _e8(price)

    def status(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            **self.truth.status(),
            "open": sorted(self.streams.connections),
            "skipped_ns": self.publisher.pace.skipped_ns,
            "rest": {"requests": self.rest.requests},
            "delisted": sorted(self.engine.delisted),
            "replay": self.player.status() if self.player else None,
        }

    @abstractmethod
    def act(self, account: str, what: str, params: Mapping[str, str]) -> Any:
        """Let an account do something by hand, `what` as REST spells it (`POST /path`), and give the answer: no key, no budget, no faults.
        Raises ValueError with the venue's words when it refuses."""

    @abstractmethod
    def account(self, account: str) -> dict[str, Any]:
        """What an account really has now, ready for JSON, whatever faults let REST say. Raises ValueError for one that is not there."""

    @abstractmethod
    def remember(self) -> None:
        """A fault of listings has begun: keep what they say now."""

    @abstractmethod
    def expire_orders(self, chosen: Callable[[str, str], bool]) -> None:
        """End the open orders that are `chosen(symbol, client's id)`, as the venue may."""

    @abstractmethod
    def tell(self, account: str, event: str) -> None:
        """Tell an account's user streams something, as it is: JSON or not."""

    def forget_listen_keys(self, names: str) -> None:
        """Delete the listen keys of accounts whose API key matches a glob, where there are such things."""

    @abstractmethod
    def _open_session(self, handshake: Handshake) -> Opening | Refusal:
        """What a handshake gets."""

    @abstractmethod
    def _tell_accounts(self) -> None:
        """The market has moved: settle fills, tell everyone."""

    def _market(self, symbol: str) -> Market:
        if symbol not in self.engine.instruments:
            raise ValueError(f"{symbol!r} is not traded here")
        return self.engine.market(symbol)

    def _answer(self, connection: Connection, names: list[str]) -> None:
        """Send the present state of these streams, where the venue does."""

    def _wake(self, names: list[str]) -> None:
        if self.player is not None:
            self.player.wake(names)
        else:
            self.publisher.wake(names)

    def _engine_of(
        self, listing: Listing, symbols: Iterable[str], config: SimulatorConfig, clock: SimClock, capture: Timeline | None
    ) -> Engine:
        if capture is not None:
            return PlayedEngine(
                symbols,
                now_ns=clock.now_ns(),
                describe=listing.describe,
                recorded_book=lambda symbol: None if self.player is None else self.player.depth(symbol, _ALL_LEVELS),
                listed=None if (found := capture.instruments(None)) is None else found.body,
            )
        return Engine(
            symbols,
            seed=config.seed,
            now_ns=clock.now_ns(),
            describe=listing.describe,
            speeds=listing.speeds,
            past_rows=config.history.rows_a_day,
        )

    def _player_of(self, listing: Listing, capture: Timeline) -> Player:
        return Player(
            capture,
            board=self.board,
            printing=listing.printing,
            drained=self.streams.drained,
            hang_up=self.streams.hang_up,
        )


class VenueMaker(Protocol):
    """Makes a venue. `capture` None lets the seeded engine make the market; a capture without this venue's streams does too."""

    def __call__(self, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Timeline | None) -> Venue[Any]:
        """See the class."""


def _e8(price: str) -> int:
    """A price in units of 1e-8. Raises ValueError for a text that is none."""
    try:
        value = Decimal(price)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{price!r} is no price")
    return int(value * 100_000_000)
