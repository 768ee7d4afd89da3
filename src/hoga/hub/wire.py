"""hub.wire: what the hub needs of whoever brings frames, and what it offers them.

A `Wire` brings the streams of one venue and kind over as few connections as the venue allows, heals by itself, and
tells the `Inlet` of every life of every connection. `app.hub` makes wires from `feed`'s connections; tests make them
from lists of frames.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from hoga.core.streams import Stream
from hoga.hub.doors import Take
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.venues.spec import VenueSpec

__all__ = ["Inlet", "NeedsKeys", "RateLimit", "SpellsItsOwn", "TellsOfItself", "Wire", "WireStats"]


class WireStats(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of a wire, as the wire sees it. `last_close` is the venue's own words."""

    connection: str
    state: ConnectionState
    epoch: int
    streams: int
    reconnects: int
    requests: int
    last_close: str = ""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of the venue as it is kept now: at most `allowed` (of `limit`) of `what` in any `window_s` seconds.

    `allowed` is below `limit` for a while after `refusals`. `used` falls into the window that ends now; `wait_s`: until one more may be.
    """

    venue: str
    what: str
    limit: int
    window_s: float
    used: int
    allowed: int
    wait_s: float
    refusals: int


class Inlet(Protocol):
    """The hub, as a wire sees it. All calls come from the event loop and return at once."""

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """A connection is being made with these streams: who takes frames that begin so."""

    def joining(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """These streams come on a connection that is open."""

    def join(self, conn: str, epoch: int, stream: Stream) -> Take:
        """One stream more on a connection that is open."""

    def leave(self, conn: str, epoch: int, stream: Stream) -> None:
        """And one less."""

    def opened(self, conn: str, epoch: int) -> None:
        """It is open."""

    def closed(self, conn: str, epoch: int, why: str) -> None:
        """That life is over, or never began."""

    def gone(self, conn: str) -> None:
        """The connection is no more and will not come back."""

    def refused(self, stream: Stream, why: str) -> None:
        """The stream cannot be brought."""

    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None:
        """A frame that nobody takes as it stands."""

    def tell(self, event: PrivateStateEvent | MissedEvent) -> None:
        """What those who want private streams should know of their connection."""

    def has_come(self, stream: Stream, conn: str, epoch: int) -> bool:
        """Whether that life of the connection has brought the stream."""

    def received(self, stream: Stream) -> tuple[int, int]:
        """(frames so far, receipt of the newest) of a stream."""


class Wire(Protocol):
    """Brings streams. `want` replaces what is wanted, at any time; an empty list ends all connections."""

    venue: str
    kind: WebSocketType

    def start(self, inlet: Inlet) -> None:
        """Begin, once."""

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these from now on."""

    def tick(self) -> None:
        """Once a second."""

    def stats(self) -> list[WireStats]:
        """Every connection."""

    async def known_symbols(self) -> dict[str, str] | None:
        """Symbol → status as the venue lists them, None when it cannot be asked now."""

    async def stop(self) -> None:
        """End in good order."""


@runtime_checkable
class NeedsKeys(Protocol):
    """A wire that can bring nothing without keys."""

    def missing_keys(self) -> str:
        """What to do about it, "" when there are keys."""


@runtime_checkable
class SpellsItsOwn(Protocol):
    """A wire whose frames are in another spelling of the venue than the usual one."""

    spelling: VenueSpec


@runtime_checkable
class TellsOfItself(Protocol):
    """A wire that can be asked what the venue has subscribed, and what its limits leave."""

    async def list_subscriptions(self) -> dict[str, frozenset[str] | None]:
        """By connection: the venue's own list of names; None: it did not tell."""

    def rate_limits(self) -> list[RateLimit]:
        """Of connects, of REST calls, of each connection's requests."""
