"""venues.registry: the venues hoga knows, one line each."""

from __future__ import annotations

from hoga.venues.binance import SPOT, USDM
from hoga.venues.spec import ChannelSpec, VenueSpec
from hoga.venues.upbit import UPBIT

__all__ = ["VENUES", "channels_for", "possible"]

VENUES: dict[str, VenueSpec] = {spec.name: spec for spec in (SPOT, USDM, UPBIT)}


def possible(venue: str) -> tuple[VenueSpec, ...]:
    """The venue of that name; all of them where there is none: a folder of any name may hold an archive."""
    return (VENUES[venue],) if venue in VENUES else tuple(VENUES.values())


def channels_for(venue: str, kind: str) -> tuple[ChannelSpec, ...]:
    """The channels whose payloads a series of `kind` may hold; "" for a venue that nobody wrote down."""
    return tuple(dict.fromkeys(channel for spec in possible(venue) for channel in spec.channels_for(kind)))
