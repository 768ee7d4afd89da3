"""venues.registry: the venues hoga knows, one line each."""

from __future__ import annotations

from hoga.venues.binance import SPOT, USDM
from hoga.venues.spec import VenueSpec
from hoga.venues.upbit import UPBIT

__all__ = ["VENUES"]

VENUES: dict[str, VenueSpec] = {spec.name: spec for spec in (SPOT, USDM, UPBIT)}
