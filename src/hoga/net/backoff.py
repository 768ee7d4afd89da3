"""net.backoff: how long to wait before the next attempt, for ever. Pure: the jitter is an argument.

The classic keys: `BASE_BACKOFF` ** level seconds, at most `MAX_BACKOFF`; after `RESET_CYCLE_AFTER` failures the level goes
back to `RESET_BACKOFF_LEVEL`, so that it never grows without end and never gives up.
"""

from __future__ import annotations

import msgspec

__all__ = ["PROVEN_AFTER_S", "Backoff", "BackoffRules"]

PROVEN_AFTER_S = 10.0
"""A connection that lived so long, and brought data, counts as good: the next loss starts at level 0."""


class BackoffRules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and counts, as configured."""

    base_s: float = 2.0
    max_s: float = 30.0
    reset_cycle_after: int = 7
    reset_level: int = 5


class Backoff:
    """The schedule of one connection."""

    __slots__ = ("failures", "level", "rules")

    def __init__(self, rules: BackoffRules) -> None:
        self.rules = rules
        self.level = 0
        self.failures = 0

    def delay_s(self, jitter: float) -> float:
        """The pause before the next attempt; `jitter` is 0..1. The first pause after a good connection is short."""
        rules = self.rules
        if self.level == 0:
            return 0.1 + 0.4 * jitter
        full = min(rules.max_s, rules.base_s**self.level)
        return full * (0.5 + 0.5 * jitter)

    def failed(self) -> None:
        """An attempt failed, or a connection was lost before it proved good."""
        self.failures += 1
        self.level += 1
        if self.level > self.rules.reset_cycle_after:
            self.level = self.rules.reset_level

    def ended(self, *, lived_s: float, brought_data: bool) -> None:
        """An established connection ended."""
        if brought_data and lived_s >= PROVEN_AFTER_S:
            self.level = 0
            self.failures = 0
        else:
            self.failed()
