"""feed.leg: one life of a connection: its link, and what is asked and known on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hoga.feed.subscribing import Subscribing
from hoga.feed.vigil import Vigil
from hoga.net.spoken import Spoken
from hoga.net.ws import Link
from hoga.runtime.clock import Clock, Timer, restamp

__all__ = ["Leg"]


@dataclass(slots=True, eq=False)
class Leg:
    """`counts`: what it had brought of each stream when it was made; `again`: when the stream was asked for again. `opened_at`: steady
    seconds. `newest_ns`: receipt of the newest it brought, 0 for none, known once it is over."""

    epoch: int
    link: Link
    url: str
    asking: Subscribing
    spoken: Spoken
    counts: dict[str, int]
    vigil: Vigil
    opened_at: float
    farewell: str = ""
    newest_ns: int = 0
    again: dict[str, int] = field(default_factory=dict)
    timer: Timer | None = None

    def opened_ns(self, clock: Clock) -> int:
        """When its link was opened, as the wall clock shows it now."""
        return restamp(self.link.opened_ns, self.opened_at, clock)

    def control_ns(self, clock: Clock) -> int:
        """The same of the link's last control frame."""
        return restamp(self.link.last_control_ns, self.link.last_control_at, clock)
