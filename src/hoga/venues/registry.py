"""venues.registry: the venues hoga knows, one line each."""

from __future__ import annotations

from hoga.venues.binance import SPOT
from hoga.venues.spec import VenueSpec

__all__ = ["VENUES"]

VENUES: dict[str, VenueSpec] = {spec.name: spec for spec in (SPOT,)}
