"""trading.conditions: how often each condition of a strategy held, and which one stopped it. Pure.

    if self.check("trend", fast > slow) and self.check("volume", volume > mean): …

What is asked for in one call of a hook is one decision. Of each condition four counts are kept: how often it was asked for; how
often it held; how often it was the first of its decision that did not; and how often it was the only one.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MOST_CONDITIONS", "Conditions"]

MOST_CONDITIONS = 200
"""Further names are not counted: a name that holds a number would never end."""


class Conditions:
    """See the module. `counts`: by name [asked, held, first, only]."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._decision = -1
        self._failed: dict[str, None] = {}
        self.is_news = False

    def check(self, name: str, held: bool, decision: int) -> bool:
        """Count one; `decision`: any number that says which it belongs to. Returns `held`."""
        if decision != self._decision:
            self._end()
            self._decision = decision
        counts = self._counts.get(name)
        if counts is None:
            if len(self._counts) >= MOST_CONDITIONS:
                return held
            counts = self._counts[name] = [0, 0, 0, 0]
        self.is_news = True
        counts[0] += 1
        if held:
            counts[1] += 1
        else:
            if not self._failed:
                counts[2] += 1
            self._failed[name] = None
        return held

    def told(self) -> Mapping[str, list[int]]:
        """All counts so far; the decision that is open is taken as it stands."""
        self._end()
        self.is_news = False
        return self._counts

    def _end(self) -> None:
        if len(self._failed) == 1:
            self._counts[next(iter(self._failed))][3] += 1
        self._failed.clear()
        self._decision = -1
