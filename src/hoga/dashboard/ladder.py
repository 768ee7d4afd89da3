"""dashboard.ladder: the levels in a book's frame, as its channel reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hoga.core.market import Body, Book, Level
from hoga.venues.spec import VenueSpec

__all__ = ["DEPTH", "Ladder", "read_ladder", "read_payload"]

DEPTH = 20
"""Levels a side that are shown."""


class Ladder(msgspec.Struct, frozen=True):
    """Levels as (price, size), best first, at most `DEPTH` a side. For the eye only: as floats."""

    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


def read_ladder(spec: VenueSpec, channel: str, frame: bytes) -> Ladder | None:
    """The ladder in a frame of the venue's `channel`, None when it holds none."""
    book = read_payload(spec, channel, frame)
    return Ladder(_shown(book.bids), _shown(book.asks)) if isinstance(book, Book) else None


def read_payload(spec: VenueSpec, channel: str, frame: bytes) -> Body | None:
    """What a frame of the venue's `channel` says, None when it cannot be read."""
    parts = spec.split(frame)
    try:
        decode = spec.channel_of(channel).record.decode
        return None if parts is None or decode is None else decode(parts[1])
    except (ValueError, ArithmeticError):
        return None


def _shown(side: Iterable[Level]) -> list[tuple[float, float]]:
    return [(float(price), float(size)) for price, size in list(side)[:DEPTH]]
