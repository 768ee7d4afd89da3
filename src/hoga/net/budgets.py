"""net.budgets: the budgets that everybody in the process shares. To a venue, one address is one client, however many ask."""

from __future__ import annotations

from hoga.net.ratelimit import Budget
from hoga.venues.spec import VenueSpec

__all__ = ["connect_budget", "rest_budget"]

_SHARE = 0.8
"""Of the venue's limits, so much is used: others may share the address."""

_budgets: dict[tuple[str, str, str], Budget] = {}


def connect_budget(spec: VenueSpec, ws_url: str) -> Budget:
    """Of connects to one venue and address."""
    limits = spec.limits
    return _shared("connect", spec.name, ws_url, limit=limits.connects_per_window, window_s=limits.connect_window_s)


def rest_budget(spec: VenueSpec, rest_url: str) -> Budget:
    """Of the weight of public REST calls to one venue and address."""
    return _shared("rest", spec.name, rest_url, limit=spec.rest.weight_limit, window_s=spec.rest.weight_window_s)


def _shared(what: str, venue: str, url: str, *, limit: int, window_s: float) -> Budget:
    key = (what, venue, url)
    if key not in _budgets:
        _budgets[key] = Budget(limit=max(1, int(limit * _SHARE)), window_s=window_s)
    return _budgets[key]
