"""simulator.upbit.limits: Upbit's figures, and the buckets they fill. Pure; times are simulated seconds.

Source: protocol sheet 1.5, 2.6, 5.1 to 5.3 (rate-limits page of 2026-10-07; measured: a bucket that refills evenly).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Bucket", "BucketVerdict", "Buckets", "Group", "MessageBudget", "UpbitLimits", "groups_of"]

S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpbitLimits:
    """The venue's figures; tests and demos may change them. `trailing_s`: frames of a replaced subscription may still come so
    long. `auth_in_band`: a bad token is told by an error frame instead of HTTP 401. `camel_case_flags`: the old spelling
    `isOnlyRealtime` is understood too. `text_ping_counts`: `PING` as text is a message."""

    messages_per_s: int = 5
    messages_per_min: int = 100
    connects_per_s: int = 5
    idle_s: float = 60.5
    up_every_s: float = 10.0
    error_linger_s: float = 0.15
    trailing_s: float = 0.15
    too_many_name: str = "TOO_MANY_REQUEST"
    auth_in_band: bool = False
    camel_case_flags: bool = True
    text_ping_counts: bool = False
    refusals_before_ban: int = 50
    ban_s: float = 60.0
    quotation_per_s: int = 10
    """Each of the groups market, candles, crix-trades, ticker and orderbook."""
    default_per_s: int = 30
    order_per_s: int = 12


class Group(NamedTuple):
    """A group of calls that share a budget: `limit` per `window_s`, `minute` as the header prints it, per address or per account."""

    name: str
    limit: int
    window_s: float
    minute: int
    by_ip: bool


def groups_of(limits: UpbitLimits) -> dict[str, Group]:
    """Every group by name."""
    quotation, orders = limits.quotation_per_s, limits.order_per_s
    groups = [Group(name, quotation, 1.0, 60 * quotation, True) for name in ("market", "candles", "crix-trades", "ticker", "orderbook")]
    groups += [
        Group("default", limits.default_per_s, 1.0, 60 * limits.default_per_s, False),
        Group("order", orders, 1.0, 480, False),
        Group("order-test", 8, 1.0, 480, False),
        Group("order-cancel-all", 1, 2.0, 30, False),
        Group("origin", 1, 10.0, 6, True),
        Group("websocket", limits.connects_per_s, 1.0, 60 * limits.connects_per_s, True),
    ]
    return {group.name: group for group in groups}


class BucketVerdict(NamedTuple):
    """`status` 200, 429 or 418; `left` in the bucket after the call; `blocked_s` how long a 418 lasts."""

    status: int
    left: int
    blocked_s: int = 0


class Bucket:
    """Holds `limit` calls and refills evenly within `window_s`. Refusals that go on become a block that doubles."""

    def __init__(self, group: Group, *, refusals_before_ban: int, ban_s: float) -> None:
        self._group = group
        self._patience = refusals_before_ban
        self._ban_s = ban_s
        self._level = float(group.limit)
        self._at_ns: int | None = None
        self._refusals = 0
        self._blocked_until_ns = 0

    def spend(self, now_ns: int) -> BucketVerdict:
        """Take one call out and tell whether it may pass."""
        if now_ns < self._blocked_until_ns:
            return self._blocked(now_ns)
        group = self._group
        if self._at_ns is not None:
            self._level = min(float(group.limit), self._level + (now_ns - self._at_ns) / S_NS * group.limit / group.window_s)
        self._at_ns = now_ns
        if self._level >= 1.0:
            self._level -= 1.0
            self._refusals = 0
            return BucketVerdict(200, int(self._level))
        self._refusals += 1
        if self._refusals <= self._patience:
            return BucketVerdict(429, 0)
        self._blocked_until_ns = now_ns + int(self._ban_s * S_NS)
        self._ban_s *= 2
        self._refusals = 0
        return self._blocked(now_ns)

    def _blocked(self, now_ns: int) -> BucketVerdict:
        return BucketVerdict(418, 0, -(-(self._blocked_until_ns - now_ns) // S_NS))


class Buckets:
    """One bucket per group and client."""

    def __init__(self, limits: UpbitLimits) -> None:
        self.groups = groups_of(limits)
        self._limits = limits
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def spend(self, group: str, client: str, now_ns: int) -> BucketVerdict:
        """Take one call of a client out of a group's bucket."""
        bucket = self._buckets.get((group, client))
        if bucket is None:
            limits = self._limits
            bucket = Bucket(self.groups[group], refusals_before_ban=limits.refusals_before_ban, ban_s=limits.ban_s)
            self._buckets[group, client] = bucket
        return bucket.spend(now_ns)

    def header(self, group: str, verdict: BucketVerdict) -> str:
        """The text of `Remaining-Req`."""
        return f"group={group}; min={self.groups[group].minute}; sec={verdict.left}"


class MessageBudget:
    """A connection's requests: so many within any second, and so many within any minute."""

    def __init__(self, limits: UpbitLimits) -> None:
        self._second: deque[int] = deque(maxlen=limits.messages_per_s)
        self._minute: deque[int] = deque(maxlen=limits.messages_per_min)

    def spend(self, now_ns: int) -> bool:
        """Count one request; False when it is one too many."""
        for arrivals, window_ns in ((self._second, S_NS), (self._minute, 60 * S_NS)):
            if len(arrivals) == arrivals.maxlen and now_ns - arrivals[0] < window_ns:
                return False
        self._second.append(now_ns)
        self._minute.append(now_ns)
        return True
