"""simulator.binance.budget: how much an address may ask for, and what it hears when it asks for more. Pure.

429 first; an address that goes on gets 418 for a ban that doubles each time.
Source: protocol sheet 4.3 (spot-docs): weight windows are fixed and UTC-aligned, limits are per address.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Budget", "WeightVerdict"]

S_NS = 1_000_000_000


class WeightVerdict(NamedTuple):
    """`status` 200, 429 or 418; `used` in this window after the request; `retry_after_s` whole seconds, 0 for 200;
    `until_ms` when a refusal ends, epoch ms."""

    status: int
    used: int
    retry_after_s: int = 0
    until_ms: int = 0


class _Account:
    __slots__ = ("ban_s", "banned_until_ns", "refusals", "used", "window")

    def __init__(self) -> None:
        self.window = -1
        self.used = 0
        self.refusals = 0
        self.banned_until_ns = 0
        self.ban_s = 0.0


class Budget:
    """Weight per fixed window and address."""

    def __init__(self, *, limit: int, window_s: float, refusals_before_ban: int, ban_s: float) -> None:
        self._limit = limit
        self._window_ns = int(window_s * S_NS)
        self._patience = refusals_before_ban
        self._first_ban_s = ban_s
        self._accounts: dict[str, _Account] = {}

    def spend(self, address: str, weight: int, now_ns: int) -> WeightVerdict:
        """Charge a request and tell whether it may pass. A refused request is charged too."""
        account = self._accounts.setdefault(address, _Account())
        if now_ns < account.banned_until_ns:
            return _refusal(418, account.used, account.banned_until_ns, now_ns)
        window = now_ns // self._window_ns
        if window != account.window:
            account.window, account.used, account.refusals = window, 0, 0
        account.used += weight
        if account.used <= self._limit:
            return WeightVerdict(200, account.used)
        account.refusals += 1
        if account.refusals <= self._patience:
            return _refusal(429, account.used, (window + 1) * self._window_ns, now_ns)
        account.ban_s = account.ban_s * 2 or self._first_ban_s
        account.banned_until_ns = now_ns + int(account.ban_s * S_NS)
        return _refusal(418, account.used, account.banned_until_ns, now_ns)


def _refusal(status: int, used: int, until_ns: int, now_ns: int) -> WeightVerdict:
    return WeightVerdict(status, used, max(1, -(-(until_ns - now_ns) // S_NS)), until_ns // 1_000_000)
