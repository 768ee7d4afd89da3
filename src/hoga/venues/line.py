"""venues.line: the shape of what is said on a venue's WebSocket API, where calls of an account go besides REST. Pure.

    opening ─▶ (sent) ─▶ read: in ─▶ encode(call, token) ─▶ (sent) ─▶ read: an answer, by its token

Nothing here raises for what a venue sends.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from hoga.venues.request import Request

__all__ = ["LineAnswer", "LineTalk"]


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame says. `token`: of the call that it answers, "" when it answers none; then `entered`: whether we are let in, and
    `leaving`: why the venue will end the connection, or does not know us (any more). `body`: what REST would answer with.
    `usage`: how much of each limit is used up."""

    token: str = ""
    status: int = 200
    body: bytes = b""
    retry_after_s: float | None = None
    usage: tuple[tuple[str, int], ...] = ()
    entered: bool = False
    leaving: str = ""


class LineTalk(Protocol):
    """One connection's speech, built once from an account's keys. `path`: where on the venue's WebSocket API it is."""

    path: str

    def opening(self, now_ms: int) -> bytes | None:
        """What to say first, None when calls may follow at once (each is signed by itself then)."""

    def encode(self, request: Request, token: str, now_ms: int) -> bytes:
        """The bytes of a call. Raises LookupError for one that is not served here."""

    def read(self, frame: bytes) -> LineAnswer | None:
        """What a frame says, None for one that says nothing we know."""
