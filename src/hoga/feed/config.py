"""feed.config: how a feed is set up. Pure."""

from __future__ import annotations

import msgspec

from hoga.feed.vigil import VigilRules
from hoga.net.backoff import BackoffRules

__all__ = ["CONNECT_TIMEOUT_S", "FeedConfig"]


CONNECT_TIMEOUT_S = 10.0
"""How long a connection may take to be made, handshakes and all."""


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are kept. `label` goes before every connection's name. `ws_url` may
    hold `{port}`, which is replaced from `ports` in turn. `after_fault_s`: the pause after a fault of our own.

    Two legs of a handover run side by side for `overlap_min_s` at least; the new one has `overlap_max_s` (or `ready_ahead_s`) to bring all
    that the old one does. A handover that failed, or a new connection because requests were in vain, is tried again
    after `again_s`, doubling.
    """

    ws_url: str
    ports: tuple[int, ...] = (9443, 443)
    backoff: BackoffRules = BackoffRules()
    rollover_s: float = 43_200.0
    ready_ahead_s: float = 60.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    redundancy: int = 1
    streams_per_connection: int = 1024
    label: str = ""
    after_fault_s: float = 5.0
    overlap_min_s: float = 2.0
    overlap_max_s: float = 10.0
    again_s: float = 60.0
    vigil: VigilRules = VigilRules()
