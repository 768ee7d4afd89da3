"""simulator.usdm.listen_keys: the keys that futures user streams are opened with. Pure; time is an argument.

A key is good for an hour after it was made or last kept alive; making one again gives the same key and extends it.
Source: protocol sheet 5.4.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["ListenKeys"]

_GOOD_FOR_NS = 3_600_000_000_000


class ListenKeys:
    """One key an account."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._made = 0
        self._keys: dict[str, tuple[str, int]] = {}

    def make(self, account: str, now_ns: int) -> str:
        """The account's key, new or extended."""
        known = self._keys.get(account)
        if known is None:
            self._made += 1
            known = (sha256(f"{self._seed}/{account}/{self._made}".encode()).hexdigest(), 0)
        self._keys[account] = (known[0], now_ns + _GOOD_FOR_NS)
        return known[0]

    def extend(self, account: str, now_ns: int) -> str | None:
        """The account's key with another hour, None when it has none."""
        return self.make(account, now_ns) if account in self._keys else None

    def drop(self, account: str) -> str | None:
        """Forget the account's key; which it was."""
        known = self._keys.pop(account, None)
        return known[0] if known else None

    def of(self, account: str) -> str | None:
        """The account's key, None when it has none."""
        known = self._keys.get(account)
        return known[0] if known else None

    def expired(self, now_ns: int) -> list[str]:
        """Keys whose hour is over; they are forgotten."""
        over = [account for account, (_, until_ns) in self._keys.items() if now_ns >= until_ns]
        return [self._keys.pop(account)[0] for account in over]

    def accounts(self) -> list[str]:
        """Who has a key."""
        return list(self._keys)
