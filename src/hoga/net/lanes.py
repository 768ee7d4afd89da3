"""net.lanes: whose call is next at one venue, and what its answers say of its limits. Pure: time is an argument, in steady seconds.

    EMERGENCY  cancels, closes, and what proves them     all that there is; stopped by a ban (418) only
    ORDERS     new orders                                 leave 5 % to those before
    ACCOUNT    listings, settings                         leave 15 %
    MARKET     everything public                          leave 25 %

REST and the order line of an account count in the same budgets, and learn from either's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hoga.net.ratelimit import Budget
from hoga.venues.request import Priority, Request

__all__ = ["Lanes"]

_KEPT = {Priority.MARKET: 0.25, Priority.ACCOUNT: 0.15, Priority.ORDERS: 0.05, Priority.EMERGENCY: 0.0}
"""The part of a budget that each lane leaves to those before it."""


class Lanes:
    """Of one venue. `budget`: of calls that name no group, None: no limit; `groups`: of those that do.

    `apart`: a group that is used up leaves the others open.
    """

    def __init__(self, budget: Budget | None = None, groups: Mapping[str, Budget] | None = None, *, apart: bool = False) -> None:
        self.budget = budget
        self._groups = groups or {}
        self._apart = apart

    def wait_s(self, request: Request, now: float) -> float:
        """Seconds until it is this call's turn; 0 when it is now."""
        kept, urgent = _KEPT[request.priority], request.priority is Priority.EMERGENCY
        return max((each.wait_s(now, request.weight, kept=kept, urgent=urgent) for each in self._of(request)), default=0.0)

    def take(self, request: Request, now: float) -> None:
        """The call goes out."""
        for budget in self._of(request):
            budget.take(now, request.weight)

    def learned(self, usage: Iterable[tuple[str, int]], now: float) -> None:
        """So much of each group is used up, as the venue counts."""
        for group, used in usage:
            if group in self._groups:
                self._groups[group].learned(now, used)

    def answered(self, request: Request, status: int, wish_s: float | None, now: float) -> None:
        """A 429 stops the lanes of this call, or all (`apart`); a 418 all. `wish_s`: for how long the venue wants to be left alone."""
        if status not in (429, 418):
            return
        for budget in self._of(request) if self._apart and status == 429 else self._all():
            budget.refused(now, retry_after_s=wish_s, banned=status == 418)

    def _of(self, request: Request) -> list[Budget]:
        if request.groups and self._groups:
            return [self._groups[name] for name in request.groups]
        return [] if self.budget is None else [self.budget]

    def _all(self) -> list[Budget]:
        usual = [] if self.budget is None or self.budget in self._groups.values() else [self.budget]
        return [*self._groups.values(), *usual]
