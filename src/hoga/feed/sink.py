"""feed.sink: what a feed needs of whoever takes its frames, and how a feed is set up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.feed.vigil import VigilRules
from hoga.net.backoff import BackoffRules
from hoga.net.ws import Take

__all__ = ["FeedConfig", "LegStats", "Sink"]


class LegStats(Protocol):
    """Frames a leg brought first, and brought again, while there were two legs."""

    won: int
    late: int


class Sink(Protocol):
    """Takes the frames of legs. A leg is one life of one connection; all calls come from the event loop and return at once.

    A stream counts as coming on a leg from `leg_live` on, or from its first frame there, whichever is sooner; an open
    socket proves nothing. Streams are told by wire name.
    """

    def open_leg(self, conn: str, epoch: int, streams: list[Stream]) -> tuple[int, dict[bytes, Take]]:
        """A connection is about to be made: its number, and who takes its frames."""

    def not_connected(self, streams: list[Stream], why: str) -> None:
        """A connection that was never up could not be made."""

    def leg_opened(self, number: int, now: int) -> None:
        """The socket is open; nothing is proven to come yet."""

    def leg_live(self, number: int, now: int, names: Collection[str]) -> None:
        """The venue has agreed to bring these. May be told of some again."""

    def leg_waits(self, number: int, now: int, names: Collection[str], why: str) -> None:
        """The venue has refused these, or not answered; they are asked for again."""

    def leg_waiting(self, number: int) -> Collection[str]:
        """Streams of the leg that were neither told live nor have come."""

    def close_leg(self, number: int, now: int, *, alive_ns: int, reason: Reason, close: str) -> None: ...
    def odd(self, number: int, now: int, data: bytes) -> None: ...
    def received(self, stream: str) -> tuple[int, int]: ...
    def stream_silent(self, stream: str, since_ns: int) -> None: ...
    def leg_stats(self, number: int) -> LegStats: ...
    def leg_lacks(self, number: int, since_ns: int) -> list[str]:
        """Streams that have brought frames since `since_ns`, but none on this leg while there were two."""


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are kept. `label` goes before every connection's name. `ws_url` may
    hold `{port}`, which is replaced from `ports` in turn."""

    ws_url: str
    ports: tuple[int, ...]
    backoff: BackoffRules
    rollover_s: float
    ready_ahead_s: float
    ping_interval_s: float
    ping_timeout_s: float
    connect_timeout_s: float = 10.0
    redundancy: int = 1
    streams_per_connection: int = 1024
    label: str = ""
    vigil: VigilRules = VigilRules()
