"""archive.form.wanted: what is wanted of the records of a series as columns: the venue's description, in the words of `columns`. Pure."""

from __future__ import annotations

import re

from hoga.columns.shapes import Field, LevelLists, LevelUnits, Shape
from hoga.core.streams import Kind
from hoga.venues.records import RecordFacts, SideLists
from hoga.venues.registry import VENUES

__all__ = ["ENVELOPE", "classic_shapes", "depth_of", "has_cube", "shapes_of"]

ENVELOPE = (Field("recv_ns", ("recvNs",), "ns", needed=True), Field("event_ns", ("eventTime",), "ms"))
"""What hoga itself wrote before each payload."""

_DEPTH = re.compile(r"orderbook([0-9]+)")
_USUAL_DEPTH = 20


def shapes_of(venue: str, kind: str) -> tuple[Shape, ...]:
    """The shapes of a series' records; of a folder that is named like no venue those of all venues. Empty for a kind without columns."""
    specs = [VENUES[venue]] if venue in VENUES else list(VENUES.values())
    found: dict[Shape, None] = {}
    for spec in specs:
        for channel in spec.channels_for(kind):
            shape = _shape_of(channel.record)
            if shape is not None:
                found[shape] = None
    return tuple(found)


def classic_shapes(venue: str, kind: str) -> tuple[Shape, ...]:
    """The shapes of records of the classic recorder."""
    specs = [VENUES[venue]] if venue in VENUES else list(VENUES.values())
    known = Kind.of(kind)
    return tuple(dict.fromkeys(spec.classic[known] for spec in specs if known is not None and known in spec.classic))


def has_cube(kind: str) -> bool:
    """Whether records are whole books, which are arrays of shape (n, 2, levels)."""
    return Kind.of(kind) is Kind.ORDERBOOK


def depth_of(kind: str) -> int:
    """How many levels a book of this kind has at least room for."""
    hit = _DEPTH.match(kind)
    return int(hit[1]) if hit else _USUAL_DEPTH


def _shape_of(facts: RecordFacts) -> Shape | None:
    levels: LevelLists | LevelUnits | None = None
    if facts.levels is not None:
        levels = LevelLists(*facts.levels) if isinstance(facts.levels, SideLists) else LevelUnits(*facts.levels)
    elif facts.delta_levels is not None:
        levels = LevelLists(*facts.delta_levels, vary=True)
    return Shape(facts.fields, levels, facts.discriminator) if facts.fields or levels else None
