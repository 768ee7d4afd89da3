"""trading.engine.roster: the strategies at work: who is called, and whether anybody is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hoga.trading import records
from hoga.trading.ports import Write
from hoga.trading.sessions import Session

if TYPE_CHECKING:
    from hoga.trading.engine.instance import Instance

__all__ = ["Roster"]


class Roster:
    """`running`: the strategies are called; `ended`: nothing is begun any more. `periods`, `sessions`: each timer and each session of a
    strategy, by its number."""

    __slots__ = ("by_key", "ended", "instances", "periods", "running", "sessions")

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.by_key: dict[str, Instance] = {}
        self.periods: list[tuple[Instance, int]] = []
        self.sessions: list[tuple[Instance, Session]] = []
        self.running = False
        self.ended = False

    def add(self, instance: Instance) -> None:
        """One more, which was made."""
        self.instances.append(instance)
        self.by_key[instance.key] = instance
        self.periods += [(instance, period) for period in instance.setup.timers]
        if instance.has_hook("on_session"):
            self.sessions += [(instance, session) for session in instance.setup.sessions]

    def number_of(self, key: str) -> int:
        """The number of a strategy in client ids."""
        return self.by_key[key].number

    def of(self, symbol: str) -> Iterator[Instance]:
        """Those that trade a symbol."""
        return (each for each in self.instances if symbol in each.symbols)

    def checks(self) -> list[Write]:
        """The conditions of those that have counted some since this was asked last."""
        return [records.checks(each.key, each.conditions.told()) for each in self.instances if each.conditions.is_news]

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
