"""trading.engine.turn: what one event causes, gathered in order; and what all parts of the engine look at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hoga.core.times import SECOND_NS
from hoga.trading.limits import Limits
from hoga.trading.ports import Effect, Event, Tell, Write
from hoga.trading.state import State

__all__ = ["Handlers", "Settings", "Turn"]

Handlers = dict[type, Callable[[Any], None]]
"""Who hears which class of event."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is made. `limits`: of each symbol. `boot`: counts the trader's starts; client ids hold it.

    `upkeep_ns`: how often it looks after what time alone changes. `waits_for_data`: data that do not come are a hole in a recording, not a
    venue that is silent: nothing is opened by old prices, but no position is given up for them.
    """

    trader: str
    boot: int
    limits: Mapping[str, Limits]
    flatten_on_stop: bool = False
    upkeep_ns: int = SECOND_NS
    waits_for_data: bool = False


class Turn:
    """One event's consequences. `out`: what is to be done, in order; `after`: what need not be done before an order leaves.

    `cause`: the event, None where time alone led here. `state`: everything that is known; filled by the engine's parts alone.
    """

    __slots__ = ("after", "cause", "out", "settings", "state")

    def __init__(self, settings: Settings, state: State) -> None:
        self.settings = settings
        self.state = state
        self.out: list[Effect] = []
        self.after: list[Effect] = []
        self.cause: Event | None = None

    def write(self, record: Write) -> None:
        """A record of the journal."""
        self.out.append(record)

    def tell(self, level: str, text: str) -> None:
        """A line for people."""
        self.out.append(Tell(text=text, level=level))
