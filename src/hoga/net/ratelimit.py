"""net.ratelimit: counting budgets that learn from refusals. Pure: time is an argument, in seconds of any steady clock.

A venue that answers 429 means "slower": nothing for as long as it says, then half of the limit, and a step back up each
quiet minute. 418 means "banned": the same, down to an eighth at once. Everybody in the process who shares the budget
slows down with the one who was refused.

    share   1 ──429──▶ 1/2 ──429──▶ 1/4 ──429──▶ 1/8          ──418──▶ 1/8
            ▲ ◀──60 s── ▲ ◀──60 s── ▲ ◀──60 s── │              counted from the end of the pause
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import merge

from hoga.net.retry import LONGEST_S, bounded

__all__ = ["BAN_S", "LEAST_SHARE", "RECOVER_S", "Budget"]

RECOVER_S = 60.0
"""Without a refusal for so long, the share doubles."""
LEAST_SHARE = 1 / 8


BAN_S = 120.0
"""A ban lasts so long where the venue does not say how long: the shortest that a venue documents."""


class Budget:
    """At most `limit` of weight in any `window_s` seconds; most events weigh 1. No refusal counts for longer than `longest_s`.

    Ask `wait_s(now)`, wait that long, ask again; when it is 0, `take(now)`. Tell `refused` when the venue did, and `learned`
    what it says is used up: others at our address count there as well.

    `whole`: what is there for all of them together (None: `limit`); `limit` is then our own share of it, which others do not use up
    as long as the whole has room. `kept`: this part is always left to what is urgent.
    """

    __slots__ = (
        "_banned_until", "_blocked_until", "_elsewhere", "_refused_at", "_share", "_taken", "_used", "kept", "limit", "longest_s",
        "refusals", "whole", "window_s",
    )  # fmt: skip

    def __init__(self, *, limit: int, window_s: float, longest_s: float = LONGEST_S, whole: int | None = None, kept: float = 0.0) -> None:
        self.limit = limit
        self.whole = limit if whole is None else whole
        self.kept = kept
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
        wait = max(0.0, (self._banned_until if urgent else self._blocked_until) - now)
        self._forget(now)
        share, left = (1.0, 1.0) if urgent else (self.share(now), 1.0 - max(kept, self.kept))
        ours = self._used - self._room(self.limit, share, left, weight)
        wait = max(wait, self._until(now, ours, self._taken))
        all_of_it = self._used + self._elsewhere[1] - self._room(self.whole, share, left, weight)
        return max(wait, self._until(now, all_of_it, merge(self._taken, (self._elsewhere,))))

    @staticmethod
    def _room(limit: int, share: float, left: float, weight: int) -> int:
        return max(0, int(max(1, int(limit * share)) * left) - weight)

    def _until(self, now: float, over: int, events: Iterable[tuple[float, int]]) -> float:
        """Seconds until so much of what was taken has left the window; 0 where there is room."""
        if over <= 0:
            return 0.0
        for at, each in events:
            over -= each
            if over <= 0:
                return max(0.0, at + self.window_s - now)
        return 0.0

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
        """The venue said 429, or 418 (`banned`): nothing for `retry_after_s` (None, or no number: one window, or `BAN_S`), and less
        afterwards."""
        unsaid = max(self.window_s, BAN_S) if banned else self.window_s
        wish = None if retry_after_s is None else bounded(retry_after_s, longest_s=self.longest_s)
        self.refusals += 1
        self._share = LEAST_SHARE if banned else max(LEAST_SHARE, self.share(now) / 2)
        self._blocked_until = max(self._blocked_until, now + (unsaid if wish is None else wish))
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
