"""relay.standing: which of several relays of one name stays. Pure.

One that has the name (it heard nobody before it, when it began or since) goes before one that has not; among those, and among these, the
one that began earlier. That is an order without ties, so of any two that hear of each other exactly one yields.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.relay.subjects import WhoAnswer

__all__ = ["Standing", "standing_of"]


class Standing(NamedTuple):
    """The lesser one stays. `session` decides between two that began in the same nanosecond."""

    is_new: bool
    since_ns: int
    session: str

    def yields_to(self, other: Standing) -> bool:
        """Whether the relay that stands so ends its lanes because of the other."""
        return other < self


def standing_of(who: WhoAnswer) -> Standing:
    """What a relay says of itself."""
    return Standing(not who.settled, who.since_ns, who.session)
