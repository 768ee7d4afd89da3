"""feed.sink: what a feed needs of whoever takes its frames, and how a feed is set up."""

from __future__ import annotations

from typing import Protocol

import msgspec

from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.net.backoff import BackoffRules
from hoga.net.ws import Take

__all__ = ["FeedConfig", "LegStats", "Sink"]


class LegStats(Protocol):
    """Frames a leg brought first, and brought again, while there were two legs."""

    won: int
    late: int


class Sink(Protocol):
    """Takes the frames of legs. A leg is one life of one connection; all calls come from the event loop and return at once."""

    def open_leg(self, conn: str, epoch: int, streams: list[Stream]) -> tuple[int, dict[bytes, Take]]: ...
    def leg_live(self, number: int, now: int) -> None: ...
    def close_leg(self, number: int, now: int, *, alive_ns: int, reason: Reason, close: str) -> None: ...
    def odd(self, number: int, now: int, data: bytes) -> None: ...
    def received(self, stream: str) -> tuple[int, int]: ...
    def stream_silent(self, stream: str, since_ns: int) -> None: ...
    def leg_stats(self, number: int) -> LegStats: ...
    def leg_lacks(self, number: int, since_ns: int) -> int: ...


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
