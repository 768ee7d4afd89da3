"""net.ratelimit: counting budgets that learn from refusals. Pure: time is an argument, in seconds of any steady clock.

A venue that answers 429 means "slower": nothing for as long as it says, then half of the limit, and a step back up each
quiet minute. 418 means "banned": the same, down to an eighth at once. Everybody in the process who shares the budget
slows down with the one who was refused.

    share   1 ──429──▶ 1/2 ──429──▶ 1/4 ──429──▶ 1/8          ──418──▶ 1/8
            ▲ ◀──60 s── ▲ ◀──60 s── ▲ ◀──60 s── │              counted from the end of the pause
"""

from __future__ import annotations

from collections import deque
from heapq import merge

from hoga.net.retry import LONGEST_S, bounded

__all__ = ["LEAST_SHARE", "RECOVER_S", "Budget"]

RECOVER_S = 60.0
"""Without a refusal for so long, the share doubles."""
LEAST_SHARE = 1 / 8


class Budget:
    """At most `limit` of weight in any `window_s` seconds; most events weigh 1. No refusal counts for longer than `longest_s`.

    Ask `wait_s(now)`, wait that long, ask again; when it is 0, `take(now)`. Tell `refused` when the venue did, and `learned`
    what it says is used up: others at our address count there as well.
    """

    __slots__ = (
        "_banned_until", "_blocked_until", "_elsewhere", "_refused_at", "_share", "_taken", "_used", "limit", "longest_s", "refusals",
        "window_s",
    )  # fmt: skip

    def __init__(self, *, limit: int, window_s: float, longest_s: float = LONGEST_S) -> None:
        self.limit = limit
        self.window_s = window_s
        self.longest_s = longest_s
        self.refusals = 0
        self._taken: deque[tuple[float, int]] = deque()
        self._used = 0
        self._share = 1.0
        self._refused_at = 0.0
        self._blocked_until = 0.0
        self._banned_until = 0.0
        self._elsewhere = (0.0, 0)

    def wait_s(self, now: float, weight: int = 1, *, kept: float = 0.0, urgent: bool = False) -> float:
        """Seconds until `weight` more is allowed; 0 when it is now. What weighs more than all there is waits for an empty window.

        `kept`: this part of what is allowed is left to others. `urgent`: the whole limit is there, and only a ban is waited for.
        """
        blocked = max(0.0, (self._banned_until if urgent else self._blocked_until) - now)
        room = max(0, int((self.limit if urgent else self.allowed(now)) * (1.0 - kept)) - weight)
        over = self.used(now) - room
        if over <= 0:
            return blocked
        for at, each in merge(self._taken, (self._elsewhere,)):
            over -= each
            if over <= 0:
                return max(blocked, at + self.window_s - now, 0.0)
        return blocked

    def take(self, now: float, weight: int = 1) -> None:
        """Count it."""
        self._forget(now)
        self._taken.append((now, weight))
        self._used += weight

    def used(self, now: float) -> int:
        """How much falls into the window that ends now."""
        self._forget(now)
        return self._used + self._elsewhere[1]

    def learned(self, now: float, used: int) -> None:
        """The venue says that so much is used up: what is not ours is others', until it says otherwise or a window has passed."""
        self._forget(now)
        self._elsewhere = (now, max(0, used - self._used))

    def refused(self, now: float, *, retry_after_s: float | None, banned: bool) -> None:
        """The venue said 429, or 418 (`banned`): nothing for `retry_after_s` (None, or no number: one window), and less afterwards."""
        wish = None if retry_after_s is None else bounded(retry_after_s, longest_s=self.longest_s)
        self.refusals += 1
        self._share = LEAST_SHARE if banned else max(LEAST_SHARE, self.share(now) / 2)
        self._blocked_until = max(self._blocked_until, now + (self.window_s if wish is None else wish))
        if banned:
            self._banned_until = max(self._banned_until, self._blocked_until)
        self._refused_at = self._blocked_until

    def share(self, now: float) -> float:
        """How much of the limit is used now."""
        steps = max(0, int((now - self._refused_at) / RECOVER_S)) if self._share < 1.0 else 0
        return min(1.0, self._share * 2.0 ** min(steps, 10))

    def allowed(self, now: float) -> int:
        """The limit as it is kept now, at least 1."""
        return max(1, int(self.limit * self.share(now)))

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] <= now - self.window_s:
            self._used -= self._taken.popleft()[1]
        if self._elsewhere[0] <= now - self.window_s:
            self._elsewhere = (0.0, 0)
