"""trading.paper.fills: who is met when: an order that takes walks the levels that are known, one that rests waits its turn. Pure.

Rules: an order that comes to rest stands behind all that is visible at its price, in the newest book and in the next one, and from
that one on moves forward, by trades at that price only. Where its price is not visible, it stands behind what is seen there first. A
trade beyond its price, or a book that crosses it, meets it for as much as was traded or stands there. What an own order took is not
there again until the next book, nor for the next own order. So nothing is filled sooner than it would have been, and nothing that would
have been filled is denied for ever. What own orders do to the others is not modelled.

Prices and quantities are integers of one instrument, a side is +1 (buy) or -1 (sell). The same rules fill orders on paper, in a backtest,
and in a simulator that plays a recording.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

__all__ = ["FillModel", "Resting"]

_SLICES = 50
"""So many steps behind the last known level does an order at the market go."""


class Resting(Protocol):
    """What the model needs to know of an order that rests. `queue`: what stands before it, None: not known yet; `is_placed`: a book that
    came after it has been seen."""

    sign: int
    price: int | None
    left: int
    queue: int | None
    is_placed: bool


R = TypeVar("R", bound=Resting)

Level = tuple[int, int]
"""(price, size)."""


class FillModel(ABC, Generic[R]):
    """One instrument's market and own orders in it. `resting`: oldest first.

    Whoever has the market says what is known of it: `touch`, `levels`, `stamp`. What comes back as (order, quantity) is for the caller to
    take over at once: `order.left` has to be less by so much before the next call.
    """

    __slots__ = ("_taken", "_taken_at", "resting")

    def __init__(self) -> None:
        self.resting: list[R] = []
        self._taken: dict[int, int] = {}
        self._taken_at = 0

    # -- what is known ------------------------------------------------------------------------------------------------

    @abstractmethod
    def touch(self, sign: int) -> int:
        """The best price that an order of this side could take at, 0: none."""

    @abstractmethod
    def levels(self, sign: int) -> Sequence[Level]:
        """The levels that an order of this side could take from, best first, as far as they are known; () where no book is known."""

    def reaches(self, sign: int, price: int) -> bool:
        """Whether the levels on which orders of this side rest may tell of a price: told without reading them all."""
        return True

    @abstractmethod
    def stamp(self) -> int:
        """Another number for each book."""

    @abstractmethod
    def worse(self, price: int, sign: int, by: int) -> int:
        """A price that is worse for an order of this side by so much, or by a price step at least."""

    # -- taking -------------------------------------------------------------------------------------------------------

    def takeable(self, sign: int, quantity: int, limit: int | None, *, beyond: bool = True) -> list[Level]:
        """(price, quantity) that an order would get now, at `limit` (None: any price) or better. `beyond`: behind the last known level,
        too, where as much each is supposed as stands there, in steps as wide as the spread."""
        if self._taken_at != self.stamp():
            self._taken.clear()
        found: list[Level] = []
        known = self.levels(sign)
        if not known:
            price = self.touch(sign)
            return [(price, quantity)] if price and quantity and (limit is None or (price - limit) * sign <= 0) else found
        for price, size in known:
            if not quantity or (limit is not None and (price - limit) * sign > 0):
                return found
            met = min(quantity, size - self._taken.get(price, 0))
            if met > 0:
                found.append((price, met))
                quantity -= met
        if quantity and beyond:
            self._beyond(known[-1], sign, quantity, limit, found)
        return found

    def took(self, price: int, quantity: int) -> None:
        """An own order took so much; it is gone until the next book."""
        self._taken_at = self.stamp()
        self._taken[price] = self._taken.get(price, 0) + quantity

    def _beyond(self, last: Level, sign: int, quantity: int, limit: int | None, found: list[Level]) -> None:
        price, size = last
        best, other = self.touch(sign), self.touch(-sign)
        spread = abs(best - other) if best and other else 0
        for _ in range(_SLICES):
            price = self.worse(price, sign, spread)
            if not quantity or price <= 0 or (limit is not None and (price - limit) * sign > 0):
                return
            met = min(quantity, size - self._taken.get(price, 0))
            if met > 0:
                found.append((price, met))
                quantity -= met

    # -- resting ------------------------------------------------------------------------------------------------------

    def rest(self, order: R) -> None:
        """An order comes to rest, behind what is visible at its price."""
        order.queue, order.is_placed = self._before(order), False
        self.resting.append(order)

    def leave(self, order: R) -> None:
        """It is filled or taken back; one that does not rest is passed over."""
        if order in self.resting:
            self.resting.remove(order)

    def _before(self, order: R) -> int | None:
        """What stands before an order: what is visible at its price, and own orders that came there earlier, behind what these wait for."""
        before = self._visible(order)
        if before is None:
            return None
        for each in self.resting:
            if each is order:
                break
            if each.price == order.price and each.sign == order.sign:
                before = max(before, each.queue or 0) + each.left
        return before

    def _visible(self, order: R) -> int | None:
        """What stands at an order's price on its own side; None: that far nothing is visible."""
        price = order.price or 0
        known = self.levels(-order.sign) if self.reaches(order.sign, price) else ()
        if not known:
            return None
        for level, size in known:
            if level == price:
                return size
            if (price - level) * order.sign > 0:
                return 0  # between levels that are visible, or better than all of them
        return None

    def traded(self, price: int, size: int, taker: int) -> list[tuple[R, int]]:
        """Somebody traded so much, and `taker` was the side that took: whom it would have met, best price first, the oldest first."""
        met: list[tuple[R, int]] = []
        for order in self._by_price(-taker):
            at = order.price or 0
            if at == price:
                if order.queue is None or not order.is_placed:
                    continue  # those before it are not known yet
                passed = min(order.queue, size)
                order.queue -= passed
            elif (at - price) * order.sign > 0:
                order.queue = passed = 0
            else:
                break
            quantity = min(order.left, size - passed)
            if quantity > 0:
                met.append((order, quantity))
                size -= quantity if at != price else 0  # at one price, those who came earlier are part of what others wait for
        if not self.levels(taker):  # without books, a trade of the other side beyond an order's price tells of a level that it would take
            for order in self._by_price(taker):
                if ((order.price or 0) - price) * order.sign > 0:
                    met.append((order, min(order.left, size)))
        return met

    def moved(self, *, whole: bool = True) -> list[tuple[R, int]]:
        """The book changed: who is crossed by it, and for how much. `whole`: it is news of more than the best price; then an order learns
        who stands before it, if it did not know: who came while its book was on its way, may have come before it."""
        met: list[tuple[R, int]] = []
        for order in self.resting:
            touch = self.touch(order.sign)
            if touch and ((order.price or 0) - touch) * order.sign >= 0:
                for price, quantity in self.takeable(order.sign, order.left, order.price, beyond=False):
                    self.took(price, quantity)
                    met.append((order, quantity))
            elif whole and not order.is_placed and (before := self._before(order)) is not None:
                order.queue, order.is_placed = max(order.queue or 0, before), True
        return met

    def ranged(self, low: int, high: int) -> list[tuple[R, int]]:
        """All that is known is how low and how high it was traded: who was passed is filled whole."""
        return [(order, order.left) for order in self.resting if ((order.price or 0) - (low if order.sign > 0 else high)) * order.sign > 0]

    def _by_price(self, sign: int) -> list[R]:
        """Resting orders of one side, the best price first, the oldest first."""
        mine = [order for order in self.resting if order.sign == sign]
        if len(mine) > 1:
            mine.sort(key=lambda order: -sign * (order.price or 0))
        return mine
