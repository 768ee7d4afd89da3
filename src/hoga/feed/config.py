"""feed.config: how a feed is set up. Pure."""

from __future__ import annotations

import msgspec

from hoga.feed.vigil import VigilRules
from hoga.net.backoff import BackoffRules

__all__ = ["FeedConfig"]


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
