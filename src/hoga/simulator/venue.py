"""simulator.venue: what the simulator asks of a venue, whichever it is."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import Engine
from hoga.simulator.faults import FaultDesk
from hoga.simulator.replay.capture import Capture
from hoga.simulator.replay.player import Player
from hoga.simulator.sockets import Connection, StreamServer
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.truth import Truth

__all__ = ["Venue", "VenueMaker"]


class Venue(Protocol):
    """A venue that can be started, driven and stopped."""

    truth: Truth
    board: Switchboard
    engine: Engine
    player: Player | None
    streams: StreamServer

    @property
    def urls(self) -> dict[str, str]:
        """Where to reach it: `ws`, `rest` and whatever else it has; scheme, host and port, no path."""

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None, *, add_routes: Callable[[web.Application], None]) -> None:
        """Listen: streams on `port`, REST on the next one (both chosen by the system for 0). Raises OSError when taken."""

    async def stop(self) -> None:
        """Close every connection and stop listening."""

    def advance(self, now_ns: int) -> None:
        """Let the market run up to `now_ns`; nothing to do while a capture plays."""

    def announce_shutdown(self, connection: Connection) -> None:
        """Tell a client that the end is near, where the venue does."""

    def delist(self, symbol: str) -> None:
        """Take a symbol out of trading; one it does not have is ignored."""

    def status(self) -> dict[str, Any]:
        """Ready for JSON."""


class VenueMaker(Protocol):
    """Makes a venue. `capture` None lets the seeded engine make the market; a capture without this venue's streams does too."""

    def __call__(self, config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Capture | None) -> Venue:
        """See the class."""
