"""dashboard.ladder: what a frame says, as its channel reads it, and how much of a book is shown. Pure."""

from __future__ import annotations

from hoga.core.market import Body
from hoga.venues.spec import VenueSpec

__all__ = ["DEPTH", "read_payload"]

DEPTH = 20
"""Levels a side that are shown."""


def read_payload(spec: VenueSpec, channel: str, frame: bytes) -> Body | None:
    """What a frame of the venue's `channel` says, None when it cannot be read."""
    parts = spec.split(frame)
    try:
        decode = spec.channel_of(channel).record.decode
        return None if parts is None or decode is None else decode(parts[1])
    except (ValueError, ArithmeticError):
        return None
