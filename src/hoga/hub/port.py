"""hub.port: the one port between who brings frames and who takes them.

    Connection ── Inlet ──▶ a recorder, or the hub                 GlobalWebSocketManager ── Wire ──▶ who makes connections
      opening ─▶ opened ─▶ live, waits, silent, odd ─▶ closed        start ─▶ want, tick, stats ─▶ stop

A life is named by its connection and its epoch, always; two lives of one connection may be open at a time. What comes on
a life is told to its `Inlet`, and to nobody else. All calls come from the event loop and return at once. Times are wall
clock, ns. Streams are named by their wire name where only their name counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

import msgspec

from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.venues.spec import VenueSpec

__all__ = [
    "CanBeDoubted",
    "Inlet",
    "LegStats",
    "LifeEnd",
    "NeedsKeys",
    "RateLimit",
    "SpellsItsOwn",
    "Take",
    "TellsOfItself",
    "Wire",
    "WireInlet",
    "WireKey",
    "WireStats",
]

Take = Callable[[int, bytes], bool]
"""Takes (recv_ns, frame). False: it did not, the frame is not whole as it stands, and is then told as odd."""


class LifeEnd(msgspec.Struct, frozen=True):
    """How a life ended, or that it never began. `why`: for people, "" when it is not worth a word.

    `at_ns`: when that was known; `alive_ns`: the last sign of life, 0 when there was none. `unheard`: it may go on where it is not heard.
    """

    why: str
    at_ns: int = 0
    alive_ns: int = 0
    reason: Reason = Reason.DISCONNECT
    unheard: bool = False


class LegStats(msgspec.Struct):
    """How a life did where two ran side by side: frames it brought first, and frames the other had brought already."""

    won: int = 0
    late: int = 0


WireKey = tuple[str, WebSocketType]
"""The venue of a wire, and its kind."""


class Inlet(Protocol):
    """Takes what connections bring.

    A stream counts as coming on a life from `live` on, or from its first frame there, whichever is sooner; an open socket
    proves nothing.
    """

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """A connection is about to be made with these streams: who takes frames that begin so. The table is the inlet's, and changes."""

    def opened(self, conn: str, epoch: int, now_ns: int) -> None:
        """The socket is open; nothing is proven to come yet."""

    def live(self, conn: str, epoch: int, now_ns: int, names: Collection[str]) -> None:
        """The venue has agreed to bring these. May be told of some again."""

    def waits(self, conn: str, epoch: int, now_ns: int, names: Collection[str], why: str) -> None:
        """The venue has refused these, or not answered; they are asked for again."""

    def lacking(self, conn: str, epoch: int) -> Collection[str]:
        """Streams of the life that were neither told live nor have come."""

    def silent(self, name: str, since_ns: int) -> None:
        """The stream is judged silent on one life since then, though its connection lives; it is asked for again there."""

    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None:
        """A frame that nobody takes as it stands: unusual spelling, unknown stream, broken, or no market data at all."""

    def closed(self, conn: str, epoch: int, end: LifeEnd) -> None:
        """That life is over, or could not begin. What it still brings goes nowhere."""

    def received(self, name: str) -> tuple[int, int]:
        """(frames of a stream so far, receipt of the newest in ns), whichever life brought them."""

    def brought(self, conn: str, epoch: int, name: str) -> tuple[int, int]:
        """The same of this life alone, as long as it is open; of all its lives where the inlet does not tell them apart."""

    def behind(self, conn: str, epoch: int, since_ns: int) -> list[str]:
        """Streams of the life that have brought frames since then, but none on it while there were two."""

    def race(self, conn: str, epoch: int) -> LegStats:
        """How the life does against its twin."""


class WireInlet(Inlet, Protocol):
    """The hub, as a wire sees it: where its connections bring what they have, and what only a wire knows."""

    def lives(self, conn: str) -> list[int]:
        """The epochs of the connection that are open, or being made."""

    def joining(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """Exactly these streams come on the life from now on: its table, which is the one `opening` gave."""

    def join(self, conn: str, epoch: int, stream: Stream, *, bare: bool = False) -> Take:
        """One stream more on a life that is open: what takes its frames, or where they come `bare`, their payloads alone."""

    def repeated(self, conn: str, epoch: int, now_ns: int, stream: Stream, frame: bytes) -> None:
        """A frame that says again what came before, kept by whoever told duplicates apart already."""

    def leave(self, conn: str, epoch: int, stream: Stream) -> None:
        """And one less."""

    def gone(self, conn: str) -> None:
        """The connection is no more and will not come back."""

    def refused(self, stream: Stream, why: str) -> None:
        """The stream cannot be brought."""

    def tell(self, event: PrivateStateEvent | MissedEvent) -> None:
        """What those who want streams of the wire should know of its connections: of private ones their states, and what may be missing."""


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


class Wire(Protocol):
    """Brings streams. `want` replaces what is wanted, at any time; an empty list ends all connections."""

    venue: str
    kind: WebSocketType

    def start(self, inlet: WireInlet) -> None:
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
class CanBeDoubted(Protocol):
    """A wire that can check, by a second connection beside the first, whether everything comes."""

    def suspect(self, why: str) -> None:
        """Somebody has a reason to doubt it: an order was accepted, and nothing was told of it."""


@runtime_checkable
class SpellsItsOwn(Protocol):
    """A wire whose frames are in another spelling of the venue than the usual one."""

    spelling: VenueSpec


@runtime_checkable
class TellsOfItself(Protocol):
    """A wire that can be asked what the venue has subscribed, and what its limits leave."""

    async def list_subscriptions(self) -> dict[str, frozenset[str] | None]:
        """By connection: the venue's own list of names; None: it did not tell."""

    def delayed(self) -> list[tuple[list[Stream], float]]:
        """Streams that are not asked for yet because of a limit, and for how many seconds they wait."""

    def rate_limits(self) -> list[RateLimit]:
        """Of connects, of REST calls, of each connection's requests."""
