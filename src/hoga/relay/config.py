"""relay.config: what a relay needs to know."""

from __future__ import annotations

import msgspec

from hoga.runtime.log_pipe import LogAddress

__all__ = ["RelayConfig"]


class RelayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`places`: (prefix, folder) of what lies outside of `root`. `logs`: where its lines go, as a child."""

    collector: str
    nats_url: str
    root: str
    places: list[tuple[str, str]] = []
    logs: LogAddress | None = None
