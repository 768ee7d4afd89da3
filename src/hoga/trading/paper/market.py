"""trading.paper.market: one symbol's market as it was told last, and what an order that takes would get. Pure."""

from __future__ import annotations

from hoga.core.ticks import MarketDepth, MarketTop
from hoga.core.trading import Rules, whole_of
from hoga.trading.paper.orders import PaperOrder

__all__ = ["PaperMarket"]

_BP = 10_000
_SLICES = 50
"""So many steps behind the last known level does an order at the market go."""


class PaperMarket:
    """See the module. `top`: the newest book, `last`, `mark`: the newest prices, 0: none yet. `resting`: own orders in the book, oldest
    first; `waiting`: those that wait for a price."""

    __slots__ = ("_taken", "_taken_ns", "half_spread_bp", "is_closed", "last", "mark", "resting", "rules", "top", "waiting")

    def __init__(self, rules: Rules, half_spread_bp: float) -> None:
        self.rules = rules
        self.half_spread_bp = half_spread_bp
        self.top: MarketTop | None = None
        self.last = 0
        self.mark = 0
        self.is_closed = not rules.is_trading
        self.resting: list[PaperOrder] = []
        self.waiting: list[PaperOrder] = []
        self._taken: dict[int, int] = {}
        self._taken_ns = 0

    @property
    def price(self) -> int:
        """What a unit is worth now: the mark, else the middle of the book, else the last trade; 0: nobody knows."""
        if self.mark:
            return self.mark
        top = self.top
        if top is not None and top.bid and top.ask:
            return (top.bid + top.ask) // 2
        return self.last

    def touch(self, sign: int) -> int:
        """The best price that a buy (+1) or a sell (-1) could take at, 0: none."""
        top = self.top
        if top is not None:
            return top.ask if sign > 0 else top.bid
        if not self.last:
            return 0
        half = int(self.last * self.half_spread_bp / _BP)
        return self.rules.price_up(self.last + half) if sign > 0 else self.rules.price_down(self.last - half)

    def levels(self, sign: int) -> list[tuple[int, int]]:
        """(price, size) that a buy (+1) or a sell (-1) could take from, best first, as far as they are known."""
        top, rules = self.top, self.rules
        if top is None:
            return []
        if isinstance(top, MarketDepth):
            side = top.asks if sign > 0 else top.bids
            return [(whole_of(price, rules.price_power), whole_of(size, rules.size_power)) for price, size in side]
        price, size = (top.ask, top.ask_size) if sign > 0 else (top.bid, top.bid_size)
        return [(price, size)] if price else []

    def takeable(self, sign: int, quantity: int, limit: int | None) -> list[tuple[int, int]]:
        """(price, quantity) that an order would get now, at `limit` or better; what was taken since the newest book is not there again."""
        top = self.top
        if top is None:
            price = self.touch(sign)
            return [(price, quantity)] if price and (limit is None or (price - limit) * sign <= 0) else []
        if self._taken_ns != top.at_ns:
            self._taken.clear()
        found, left = [], quantity
        known = self.levels(sign)
        for price, size in known:
            if not left or (limit is not None and (price - limit) * sign > 0):
                break
            met = min(left, size - self._taken.get(price, 0))
            if met > 0:
                found.append((price, met))
                left -= met
        if left and known:
            found += self._beyond(known, sign, left, limit)
        return found

    def took(self, price: int, quantity: int) -> None:
        """What an own order took is gone until the next book."""
        if self.top is not None:
            self._taken_ns = self.top.at_ns
            self._taken[price] = self._taken.get(price, 0) + quantity

    def _beyond(self, known: list[tuple[int, int]], sign: int, left: int, limit: int | None) -> list[tuple[int, int]]:
        """Behind the last known level nobody knows: as much each as stands there, in steps that are as wide as the spread at least."""
        found, (price, size) = [], known[-1]
        spread = abs(self.touch(1) - self.touch(-1)) if self.touch(-sign) else 0
        for _ in range(_SLICES):
            step = max(spread, self.rules.tick_at(price))
            price = self.rules.price_up(price + step) if sign > 0 else self.rules.price_down(price - step)
            if not left or price <= 0 or (limit is not None and (price - limit) * sign > 0):
                break
            met = min(left, max(0, size - self._taken.get(price, 0)))
            if met:
                found.append((price, met))
                left -= met
        return found
