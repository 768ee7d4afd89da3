"""trading.engine.working: what strategies let others do: what is slow, or waits, is done elsewhere; its answer is an event. Pure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.ports import Work, WorkDone, Write
from hoga.trading.strategy import WorkView

__all__ = ["Working"]

_AT_MOST = 64
"""So much may be under way of one trader."""


class Working:
    """`under_way`: by number, whose it is and what."""

    def __init__(self, turn: Turn, roster: Roster) -> None:
        self._turn = turn
        self._roster = roster
        self._numbers = count(1)
        self.under_way: dict[int, tuple[str, str]] = {}

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {WorkDone: self._on_done}

    def begin(self, key: str, function: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """Have it done for the strategy `key`. Its number; 0: too much is under way."""
        name = getattr(function, "__qualname__", type(function).__name__)
        if len(self.under_way) >= _AT_MOST:
            self._turn.write(Write("work", {"st": key, "fn": name, "code": "too-many", "limit": _AT_MOST}))
            return 0
        number = next(self._numbers)
        self.under_way[number] = key, name
        self._turn.write(Write("work", {"st": key, "fn": name, "work": number}))
        self._turn.out.append(Work(number=number, function=function, args=args))
        return number

    def _on_done(self, event: WorkDone) -> None:
        found = self.under_way.pop(event.number, None)
        if found is None or not self._roster.running:
            return
        key, name = found
        self._roster.by_key[key].call("on_work", WorkView(event.number, name, event.value, event.error))
