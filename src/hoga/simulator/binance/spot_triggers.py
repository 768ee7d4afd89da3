"""simulator.binance.spot_triggers: spot's orders that wait for a trade at their stop price, in the book's own list of orders. Pure.

Calling contract: `look` after the market has moved; it sends what was triggered to the market and calls `moved` for each.
Source: protocol sheet 4.5.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.simulator.binance.spot_reports import SpotOrder
from hoga.simulator.binance.spot_rules import is_met
from hoga.simulator.engine import Desk, Engine, Status, Watch

__all__ = ["SpotTriggers"]


class SpotTriggers:
    """See the module."""

    def __init__(self, engine: Engine, desk: Desk[SpotOrder], moved: Callable[[SpotOrder, int], None]) -> None:
        self._watch = Watch(engine)
        self._desk = desk
        self._moved = moved

    def begin(self, symbol: str) -> None:
        """An order of a symbol begins to wait: what was traded before it does not count."""
        self._watch.begin(symbol)

    def look(self, now_ns: int) -> None:
        """Trigger what the market has met since the last look."""
        waiting: dict[str, list[SpotOrder]] = {}
        for order in self._desk.everyones_open():
            if order.waits:
                waiting.setdefault(order.symbol, []).append(order)
        for symbol, orders in waiting.items():
            prices = self._watch.prices(symbol)
            for order in orders:
                if any(is_met(order, price) for price in prices) and order.waits and order.status is Status.NEW:
                    self._desk.work(order, now_ns)
                    self._moved(order, now_ns)
