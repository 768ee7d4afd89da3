"""trading.engine.renewing: limits and parameters that hold from an event on, in place of those before. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.limits import Limits
from hoga.trading.ports import Renewal, Write
from hoga.trading.strategy import Params, parameters_of

__all__ = ["Renewing"]


class Renewing:
    """`limits`: those in force, by symbol; the gate and everybody else looks there. `renewed`: is told to look again."""

    def __init__(self, turn: Turn, roster: Roster, limits: dict[str, Limits], renewed: Callable[[], object]) -> None:
        self._turn, self._roster, self._limits, self._renewed = turn, roster, limits, renewed

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {Renewal: self._on_renewal}

    def _on_renewal(self, event: Renewal) -> None:
        for symbol, limits in event.limits.items():
            before = self._limits.get(symbol)
            if before is not None and before != limits:
                self._limits[symbol] = limits
                self._tell({"sym": symbol}, symbol, msgspec.to_builtins(before), msgspec.to_builtins(limits), event.who)
        self._renewed()
        for key, texts in event.given.items():
            instance = self._roster.by_key.get(key)
            if instance is None:
                continue
            strategy = instance.strategy
            now = parameters_of(type(strategy).params, texts)
            then = dict(strategy.p.items())
            if now != then:
                strategy.p = Params(now)
                self._tell({"st": key}, key, then, now, event.who)

    def _tell(self, of: dict[str, Any], what: str, then: dict[str, Any], now: dict[str, Any], who: str) -> None:
        names = [name for name in now if now[name] != then.get(name)]
        old, new = ({name: str(each.get(name)) for name in names} for each in (then, now))
        self._turn.write(Write("renew", of | {"old": old, "new": new, "who": who}))
        self._turn.tell("info", f"{what}: {', '.join(f'{name} {old[name]} -> {new[name]}' for name in names)}")
