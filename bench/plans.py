"""bench.plans: what the load server is asked for, and what it answers. Here, so that to ask needs none of what it needs."""

from __future__ import annotations

import msgspec

__all__ = ["LoadPlan", "LoadReport"]


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve. `burst_frames` frames at once, or (when it is 0) `rate` frames a second for `seconds`.

    `per_symbol`: different frames per symbol. `certificate` and `key`: serve TLS. `capture`: where the books come from.
    """

    symbols: int
    per_symbol: int
    burst_frames: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    certificate: str | None = None
    key: str | None = None
    capture: str | None = None


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent. Lateness is of a send against its schedule (paced only); `per_send`: frames in one system call."""

    frames: int
    started_ns: int
    ended_ns: int
    cpu_s: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    per_send: float
