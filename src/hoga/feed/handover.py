"""feed.handover: two legs side by side: may the old one end, and must the new one? Pure."""

from __future__ import annotations

from collections.abc import Collection

from hoga.feed.doubts import Doubts
from hoga.feed.subscribing import Subscribing

__all__ = ["Overlap"]

_LASTING = 10
"""What came on the old leg and not on the new one in so many looks in a row does not merely come a moment later."""


class Overlap:
    """Of an `old` and a `new` leg, from `began` on, `least_s` at least and until `until`; seconds of any steady clock.

    Where the old one is `ending` anyway, or the new one brings what it lacks, there is no limit: both are of use.
    """

    def __init__(
        self, old: Subscribing, new: Subscribing, doubts: Doubts, *, began: float, least_s: float, until: float, ending: bool
    ) -> None:
        self._old, self._new, self._doubts = old, new, doubts
        self._began, self._least_s, self._until, self._ending = began, least_s, until, ending
        self._again_s = least_s
        self._held: dict[str, int] = {}

    def is_due(self, now: float) -> bool:
        """Whether both have run long enough to be looked at."""
        return now - self._began > self._least_s

    def look(self, now: float, lacks: Collection[str]) -> bool | None:
        """Whether the new one brings every stream that comes at all; None while that is open. `lacks`: what lately came on the old only."""
        self._held = {name: self._held.get(name, 0) + 1 for name in lacks}
        late = now > self._until
        lasting = [name for name in lacks if self._held[name] >= _LASTING or not late]
        if not lasting and not self._short_of(self._old, self._new, lacks):
            return True
        return False if late and not self._ending and not self._short_of(self._new, self._old, ()) else None

    def again(self, now: float, lacks: Collection[str]) -> list[str]:
        """Of those, what shall be asked for again on the new one: ever more rarely."""
        if now - self._began <= 2 * self._again_s:
            return []
        self._again_s *= 2
        return [name for name in lacks if name in self._new.live]

    def _short_of(self, one: Subscribing, other: Subscribing, lately: Collection[str]) -> list[str]:
        """Streams that are proven on `one` leg and not on the `other`. One that the venue refuses counts when it came lately."""
        resting, live = self._doubts.quarantine, one.live
        return [name for name in other.lacking if name in live and (name not in resting or name in lately)]
