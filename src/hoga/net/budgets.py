"""net.budgets: the budgets that everybody in the process shares. To a venue, one address is one client, however many ask.

Processes at one address do not see one another. So each keeps to a share of what the venue allows, by what it is for (`Share`), and what
others use, as the venue's own headers tell, is taken off the whole only.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.core.errors import HandshakeRefused
from hoga.net.ratelimit import Budget
from hoga.net.retry import bounded
from hoga.venues.spec import RestLimit, VenueSpec

__all__ = ["EXIT", "RUN", "TRADER", "Share", "connect_budget", "refused_for_s", "rest_budgets"]


class Share(NamedTuple):
    """What one process may use of a venue's limits: `weight` of those of the address, `orders` of those of the account's orders.

    `kept`, `orders_kept`: of that, this part is for cancels, closes and what proves them (`Priority.EMERGENCY`) only.
    """

    weight: float
    orders: float
    kept: float = 0.0
    orders_kept: float = 0.0


RUN = Share(0.4, 0.4)
"""A recorder, a hub, and whatever else only reads."""
TRADER = Share(0.4, 0.95, kept=0.25, orders_kept=0.1)
"""A trader: nobody else gives orders for its account but the exit."""
EXIT = Share(1.0, 1.0)
"""The emergency exit: whatever the headers of its first answer leave."""

_CONNECTS = 0.8
"""Of connects, so much is used: others may share the address."""
_WHOLE = 0.95
"""Of the whole that all processes share so much is used: what the others asked for a moment ago is not told yet."""

_COURTESY_S = 3_600.0
"""A server that is only out of order (503) may ask for so much; it says nothing of a limit that we hurt."""

_budgets: dict[tuple[str, str, str, Share | None], Budget] = {}


def connect_budget(spec: VenueSpec, ws_url: str) -> Budget:
    """Of connects to one venue and address."""
    limits, key = spec.limits, ("connect", spec.name, ws_url, None)
    if key not in _budgets:
        limit = max(1, int(limits.connects_per_window * _CONNECTS))
        _budgets[key] = Budget(limit=limit, window_s=limits.connect_window_s, longest_s=limits.longest_ban_s)
    return _budgets[key]


def refused_for_s(fault: HandshakeRefused, budget: Budget, now: float) -> float:
    """A handshake was refused: tell those who share `budget` when it was for a limit. Seconds until the next may be tried."""
    if fault.status in (429, 418):
        budget.refused(now, retry_after_s=fault.retry_after_s, banned=fault.status == 418)
        return budget.wait_s(now)
    return bounded(fault.retry_after_s or 0.0, longest_s=_COURTESY_S) or 0.0


def rest_budgets(spec: VenueSpec, rest_url: str, share: Share = RUN) -> dict[str, Budget]:
    """Of REST calls to one venue and address, by the venue's group (`RestLimit.group`); the first is that of public calls."""
    return {each.group: _of_calls(spec, rest_url, each, share) for each in spec.rest.limits}


def _of_calls(spec: VenueSpec, rest_url: str, limit: RestLimit, share: Share) -> Budget:
    key = (limit.group, spec.name, rest_url, share)
    if key not in _budgets:
        part, kept = (share.orders, share.orders_kept) if limit.orders else (share.weight, share.kept)
        _budgets[key] = Budget(
            limit=max(1, int(limit.limit * part)),
            whole=max(1, int(limit.limit * max(part, _WHOLE))),
            kept=kept,
            window_s=limit.window_s,
            longest_s=spec.limits.longest_ban_s,
        )
    return _budgets[key]
