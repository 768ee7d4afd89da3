"""feed.leg: one life of a connection: its link, and what is asked and known on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hoga.feed.subscribing import Subscribing
from hoga.feed.vigil import Vigil
from hoga.net.spoken import Spoken
from hoga.net.ws import Link
from hoga.runtime.clock import Timer

__all__ = ["Leg"]


@dataclass(slots=True, eq=False)
class Leg:
    """`counts`: frames of each stream when it was made; `again`: those when the stream was asked for again. `opened_at`: steady seconds."""

    epoch: int
    link: Link
    url: str
    asking: Subscribing
    spoken: Spoken
    counts: dict[str, int]
    vigil: Vigil
    opened_at: float
    farewell: str = ""
    again: dict[str, int] = field(default_factory=dict)
    timer: Timer | None = None
