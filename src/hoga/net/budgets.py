"""net.budgets: the budgets that everybody in the process shares. To a venue, one address is one client, however many ask."""

from __future__ import annotations

from hoga.core.errors import HandshakeRefused
from hoga.net.ratelimit import Budget
from hoga.net.retry import bounded
from hoga.venues.spec import VenueSpec

__all__ = ["connect_budget", "refused_for_s", "rest_budgets"]

_SHARE = 0.8
"""Of the venue's limits, so much is used: others may share the address."""

_COURTESY_S = 3_600.0
"""A server that is only out of order (503) may ask for so much; it says nothing of a limit that we hurt."""

_budgets: dict[tuple[str, str, str], Budget] = {}


def connect_budget(spec: VenueSpec, ws_url: str) -> Budget:
    """Of connects to one venue and address."""
    limits = spec.limits
    limit, window_s = limits.connects_per_window, limits.connect_window_s
    return _shared("connect", spec.name, ws_url, limit=limit, window_s=window_s, longest_s=limits.longest_ban_s)


def refused_for_s(fault: HandshakeRefused, budget: Budget, now: float) -> float:
    """A handshake was refused: tell those who share `budget` when it was for a limit. Seconds until the next may be tried."""
    if fault.status in (429, 418):
        budget.refused(now, retry_after_s=fault.retry_after_s, banned=fault.status == 418)
        return budget.wait_s(now)
    return bounded(fault.retry_after_s or 0.0, longest_s=_COURTESY_S) or 0.0


def rest_budgets(spec: VenueSpec, rest_url: str) -> dict[str, Budget]:
    """Of REST calls to one venue and address, by the venue's group (`RestLimit.group`); the first is that of public calls."""
    longest_s = spec.limits.longest_ban_s
    return {
        each.group: _shared(each.group, spec.name, rest_url, limit=each.limit, window_s=each.window_s, longest_s=longest_s)
        for each in spec.rest.limits
    }


def _shared(what: str, venue: str, url: str, *, limit: int, window_s: float, longest_s: float) -> Budget:
    key = (what, venue, url)
    if key not in _budgets:
        _budgets[key] = Budget(limit=max(1, int(limit * _SHARE)), window_s=window_s, longest_s=longest_s)
    return _budgets[key]
