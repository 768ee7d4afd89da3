"""dashboard.ladder: the levels in a book's frame, whichever of the known shapes it has. Pure.

Reads shapes, not venues: `bids`/`asks` (or `b`/`a`) as lists of [price, size, …], or a list of units with both sides.
Prices and sizes stay the text or number that was sent; nothing is computed with them here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hoga.core.jsontext import NO_JSON

__all__ = ["DEPTH", "Ladder", "read_ladder"]

DEPTH = 20
"""Levels a side that are shown."""

_SIDES = (("bids", "asks"), ("b", "a"))
_UNIT_LISTS = ("orderbook_units", "obu")
_UNIT_KEYS = (("bid_price", "bid_size", "ask_price", "ask_size"), ("bp", "bs", "ap", "as"))

Level = tuple[float, float]


class Ladder(msgspec.Struct, frozen=True):
    """Levels as (price, size), best first, at most `DEPTH` a side."""

    bids: list[Level]
    asks: list[Level]


def read_ladder(frame: bytes) -> Ladder | None:
    """The ladder in a frame, None when it holds none."""
    try:
        found = msgspec.json.decode(frame)
    except NO_JSON:
        return None
    if isinstance(found, dict) and isinstance(found.get("data"), dict):
        found = found["data"]
    if not isinstance(found, dict):
        return None
    try:
        return _sides(found) or _units(found)
    except (TypeError, ValueError, IndexError, KeyError, StopIteration):
        return None


def _sides(found: dict[str, Any]) -> Ladder | None:
    for bids, asks in _SIDES:
        if isinstance(found.get(bids), list) and isinstance(found.get(asks), list):
            return Ladder(_levels(found[bids]), _levels(found[asks]))
    return None


def _levels(rows: list[Any]) -> list[Level]:
    return [(float(row[0]), float(row[1])) for row in rows[:DEPTH]]


def _units(found: dict[str, Any]) -> Ladder | None:
    units = next((found[name] for name in _UNIT_LISTS if isinstance(found.get(name), list)), None)
    if not units:
        return None
    bid, bid_size, ask, ask_size = next(keys for keys in _UNIT_KEYS if keys[0] in units[0])
    return Ladder(
        [(float(unit[bid]), float(unit[bid_size])) for unit in units[:DEPTH]],
        [(float(unit[ask]), float(unit[ask_size])) for unit in units[:DEPTH]],
    )
