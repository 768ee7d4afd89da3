"""trading.engine.roster: the strategies at work: who is called, and whether anybody is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hoga.trading.engine.instance import Instance

__all__ = ["Roster"]


class Roster:
    """`running`: the strategies are called; `ended`: nothing is begun any more. `periods`: each timer of a strategy, by its number."""

    __slots__ = ("by_key", "ended", "instances", "periods", "running")

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.by_key: dict[str, Instance] = {}
        self.periods: list[tuple[Instance, int]] = []
        self.running = False
        self.ended = False

    def add(self, instance: Instance) -> None:
        """One more, which was made."""
        self.instances.append(instance)
        self.by_key[instance.key] = instance
        self.periods += [(instance, period) for period in instance.setup.timers]

    def number_of(self, key: str) -> int:
        """The number of a strategy in client ids."""
        return self.by_key[key].number

    def of(self, symbol: str) -> Iterator[Instance]:
        """Those that trade a symbol."""
        return (each for each in self.instances if symbol in each.symbols)

    def call(self, hook: str, *args: object) -> None:
        """Call a hook of all, if they run."""
        if self.running:
            for instance in self.instances:
                instance.call(hook, *args)

    def call_of(self, symbol: str, hook: str, *args: object) -> None:
        """Call a hook of those that trade a symbol, if they run."""
        if self.running:
            for instance in self.of(symbol):
                instance.call(hook, *args)
