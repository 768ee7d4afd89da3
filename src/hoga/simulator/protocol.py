"""simulator.protocol: the seam between a venue's session rules and the socket that carries them out. Pure.

A venue writes a session: what a client may say, and what it hears. The socket shell feeds it and performs the actions
it returns, in order. A session never waits, sends or reads a clock.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Action", "Close", "Ping", "Pong", "Subscribed", "Text", "Unsubscribed", "VenueSession"]


class Text(NamedTuple):
    """Send a text frame."""

    text: str


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


Action = Text | Ping | Pong | Close | Subscribed | Unsubscribed


class VenueSession(Protocol):
    """What the socket shell asks of a venue's session. After a `Close` it is over and `closed` says how."""

    combined: bool
    micros: bool
    closed: Close | None

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
        """When `tick` has something to do next."""
