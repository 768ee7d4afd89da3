"""simulator.engine.book: a price-time-priority book in integer ticks and lots. Pure.

Every change of a level's total counts `update_id` up by one and notes the price as changed since the last cut.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from enum import IntEnum
from typing import NamedTuple

__all__ = ["Book", "BookSide", "Level", "Match", "RestingOrder", "Side"]


class Side(IntEnum):
    """BUY orders rest on the bid side, SELL orders on the ask side."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class RestingOrder:
    """A resting order: `lots` is what is left of it. `owner` is "" for the random flow."""

    __slots__ = ("lots", "order_id", "owner", "price", "side")

    def __init__(self, order_id: int, side: Side, price: int, lots: int, owner: str = "") -> None:
        self.order_id = order_id
        self.side = side
        self.price = price
        self.lots = lots
        self.owner = owner


class Level:
    """All orders at one price, oldest first. `printed` is a memo for whoever prints the level, cleared by every change."""

    __slots__ = ("lots", "orders", "price", "printed")

    def __init__(self, price: int) -> None:
        self.price = price
        self.lots = 0
        self.orders: dict[int, RestingOrder] = {}
        self.printed: str | None = None

    def queue(self, order: RestingOrder, *, behind: float) -> None:
        """Put an order behind the first so many lots, and before those who come after them."""
        before, orders = 0, list(self.orders.values())
        for at, each in enumerate(orders):
            if before >= behind:
                orders.insert(at, order)
                break
            before += each.lots
        else:
            orders.append(order)
        self.orders = {each.order_id: each for each in orders}


class Match(NamedTuple):
    """One resting order met by a taker."""

    price: int
    lots: int
    maker: RestingOrder


class BookSide:
    """The levels of one side. `keys` holds `price * side`, ascending, so that the best level is the last on both sides."""

    __slots__ = ("changed", "keys", "levels", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}
        self.changed: set[int] = set()

    def best(self) -> Level | None:
        """The best level, None when the side is empty."""
        return self.levels[self.keys[-1] * self.side] if self.keys else None

    def at(self, rank: int) -> Level:
        """The level `rank` places behind the best (0 is the best). Raises IndexError beyond the last."""
        return self.levels[self.keys[-1 - rank] * self.side]

    def top(self, count: int) -> list[Level]:
        """The best `count` levels, best first."""
        side, levels = self.side, self.levels
        return [levels[key * side] for key in self.keys[: -count - 1 : -1]]

    def level_for(self, price: int) -> Level:
        """The level at `price`, made when there is none."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            insort(self.keys, price * self.side)
        return level

    def drop_if_empty(self, level: Level) -> None:
        """Forget a level without orders."""
        if not level.orders:
            del self.levels[level.price]
            key = level.price * self.side
            if self.keys[-1] == key:
                self.keys.pop()
            else:
                del self.keys[bisect_left(self.keys, key)]


class Book:
    """Both sides, every resting order by id, and the counter of changes."""

    __slots__ = ("asks", "bids", "orders", "update_id")

    def __init__(self, *, update_id: int = 0) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.orders: dict[int, RestingOrder] = {}
        self.update_id = update_id

    def side(self, side: Side) -> BookSide:
        """The side on which orders of `side` rest."""
        return self.bids if side is Side.BUY else self.asks

    def open(self, orders: list[RestingOrder]) -> None:
        """The first orders of an empty book, each at a price of its own. They count as changes that everybody knows of."""
        for order in orders:
            half = self.bids if order.side > 0 else self.asks
            level = half.levels[order.price] = Level(order.price)
            level.lots = order.lots
            level.orders[order.order_id] = self.orders[order.order_id] = order
        for half in (self.bids, self.asks):
            half.keys = sorted(price * half.side for price in half.levels)
        self.update_id += len(orders)

    def rest(self, order: RestingOrder, *, ahead: float = 1.0) -> None:
        """Put an order behind the others at its price, or behind the share `ahead` of their lots. The caller has matched it first: it must
        not cross."""
        half = self.side(order.side)
        level = half.level_for(order.price)
        if ahead < 1.0:
            level.queue(order, behind=ahead * level.lots)
        else:
            level.orders[order.order_id] = order
        self.orders[order.order_id] = order
        self._change(half, level, order.lots)

    def remove(self, order: RestingOrder) -> None:
        """Take a resting order out."""
        half = self.side(order.side)
        level = half.levels[order.price]
        del level.orders[order.order_id], self.orders[order.order_id]
        self._change(half, level, -order.lots)
        half.drop_if_empty(level)

    def shrink(self, order: RestingOrder, lots: int) -> None:
        """Leave so many lots of a resting order, fewer than there are and more than none; it keeps its place."""
        half = self.side(order.side)
        gone, order.lots = order.lots - lots, lots
        self._change(half, half.levels[order.price], -gone)

    def takeable(self, side: Side, *, limit: int | None) -> int:
        """Lots that an order of `side` could take now at `limit` or better."""
        half, total = self.side(side.opposite), 0
        for key in reversed(half.keys):
            if limit is not None and key < limit * half.side:
                break
            total += half.levels[key * half.side].lots
        return total

    def own_in_the_way(self, side: Side, lots: int, *, limit: int | None, owner: str) -> set[int]:
        """Ids of the orders of `owner` that an order of `side` would meet at `limit` or better before it is filled by others'."""
        half, met = self.side(side.opposite), set[int]()
        for key in reversed(half.keys):
            if limit is not None and key < limit * half.side:
                break
            for order in half.levels[key * half.side].orders.values():
                if lots <= 0:
                    return met
                if order.owner == owner:
                    met.add(order.order_id)
                else:
                    lots -= order.lots
        return met

    def take(self, side: Side, lots: int, *, limit: int | None) -> list[Match]:
        """Match an incoming order of `side` for up to `lots`, at `limit` or better, oldest of the best level first."""
        half = self.side(side.opposite)
        matches: list[Match] = []
        while lots and half.keys:
            if limit is not None and half.keys[-1] < limit * half.side:
                break
            level = half.levels[half.keys[-1] * half.side]
            lots = self._take_level(half, level, lots, matches)
        return matches

    def _take_level(self, half: BookSide, level: Level, lots: int, matches: list[Match]) -> int:
        taken = 0
        for maker in list(level.orders.values()):
            met = min(lots - taken, maker.lots)
            if not met:
                break
            taken += met
            maker.lots -= met
            matches.append(Match(level.price, met, maker))
            if not maker.lots:
                del level.orders[maker.order_id], self.orders[maker.order_id]
        self._change(half, level, -taken)
        half.drop_if_empty(level)
        return lots - taken

    def _change(self, half: BookSide, level: Level, lots: int) -> None:
        level.lots += lots
        level.printed = None
        half.changed.add(level.price)
        self.update_id += 1
