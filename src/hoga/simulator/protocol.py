"""simulator.protocol: the seam between a venue's session rules and the socket that carries them out. Pure.

A venue writes a session: what a client may say, and what it hears. The socket shell feeds it and performs the actions
it returns, in order. A session never waits, sends or reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol, TypeAlias

__all__ = [
    "Action",
    "Binary",
    "Close",
    "Later",
    "Ping",
    "Pong",
    "RequestVerdict",
    "Snapshots",
    "Subscribed",
    "Text",
    "Unsubscribed",
    "VenueSession",
    "carried_out",
]  # fmt: skip


class Text(NamedTuple):
    """Send a text frame."""

    text: str


class Binary(NamedTuple):
    """Send a binary frame."""

    data: bytes


class Ping(NamedTuple):
    """Send a ping frame."""

    payload: bytes


class Pong(NamedTuple):
    """Send a pong frame."""

    payload: bytes


class Close(NamedTuple):
    """Close the connection; `code` 1006 means cut it without a close frame."""

    code: int
    reason: str


class Subscribed(NamedTuple):
    """These streams were added (not those that were there already)."""

    names: list[str]


class Unsubscribed(NamedTuple):
    """These streams were removed."""

    names: list[str]


class Snapshots(NamedTuple):
    """Send the present state of these streams to this connection alone, now."""

    names: list[str]


class RequestVerdict(NamedTuple):
    """What becomes of a request for streams: `refused` with these words, `ignored`, or carried out but for the `deaf` streams,
    which are agreed to and never come."""

    refused: str | None = None
    ignored: bool = False
    deaf: frozenset[str] = frozenset()


def carried_out(names: list[str]) -> RequestVerdict:
    """A venue that does what it is asked."""
    return RequestVerdict()


class Later(NamedTuple):
    """Ask `act` what to do after so many nanoseconds of simulated time, and do it, if the connection is still there."""

    delay_ns: int
    act: Callable[[], list[Action]]


Action: TypeAlias = "Text | Binary | Ping | Pong | Close | Subscribed | Unsubscribed | Snapshots | Later"


class VenueSession(Protocol):
    """What the socket shell asks of a venue's session. After a `Close` it is over and `closed` says how.

    `form` is how this connection wants its frames printed: the venue's own value, compared and hashed, never looked
    into; connections of equal forms get the same bytes. `wrote_ns` is the shell's to set: when it last sent anything.
    `judge` too: what faults make of a request for streams; `carried_out` where there are none. And `name`, the connection's.
    """

    closed: Close | None
    wrote_ns: int
    name: str
    judge: Callable[[list[str]], RequestVerdict]

    @property
    def form(self) -> Hashable:
        """How frames are printed for this connection; may change at any time."""

    def open(self, names: list[str]) -> list[Action]:
        """The connection is open; the URL named these streams."""

    def text(self, payload: bytes, now_ns: int) -> list[Action]:
        """A text frame arrived."""

    def binary(self, now_ns: int) -> list[Action]:
        """A binary frame arrived."""

    def ping(self, payload: bytes, now_ns: int) -> list[Action]:
        """A ping arrived."""

    def pong(self, payload: bytes, now_ns: int) -> list[Action]:
        """A pong arrived."""

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed."""

    def deadline_ns(self) -> int:
        """When `tick` has something to do next. Asked again after every input."""
