"""book.ladder: one order book: sizes by price, best first. Pure.

Removing a price that is not there is normal (the venue removes what lay outside the snapshot). What lies there and does not change is not
known either: a book is known only as far as the snapshot reached that it began with.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from decimal import Decimal
from typing import Generic, TypeVar

from hoga.core.market import Book, Level

__all__ = ["Ladder", "Sides"]

N = TypeVar("N", Decimal, int)
"""What prices and sizes are counted in: `Decimal`, or integers of one power of ten."""


class _Side(Generic[N]):
    """Prices kept sorted, ascending. `best_last`: the highest is the best (bids)."""

    __slots__ = ("best_last", "prices", "reach", "sizes")

    def __init__(self, *, best_last: bool) -> None:
        self.best_last = best_last
        self.prices: list[N] = []
        self.sizes: dict[N, N] = {}
        self.reach: N | None = None

    def load(self, levels: Iterable[tuple[N, N]], most: int | None) -> None:
        self.sizes = {price: size for price, size in levels if size}
        self.prices = sorted(self.sizes)
        is_cut = most is not None and len(self.prices) >= most
        self.reach = (self.prices[0] if self.best_last else self.prices[-1]) if is_cut and self.prices else None

    def apply(self, levels: Iterable[tuple[N, N]]) -> None:
        sizes, prices = self.sizes, self.prices
        for price, size in levels:
            if size:
                if price not in sizes:
                    insort(prices, price)
                sizes[price] = size
            elif sizes.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]

    def top(self, depth: int | None) -> tuple[tuple[N, N], ...]:
        prices, sizes = self.prices, self.sizes
        if self.best_last:
            found = prices[::-1] if depth is None else prices[: -depth - 1 : -1]
        else:
            found = prices if depth is None else prices[:depth]
        return tuple([(price, sizes[price]) for price in found])

    def best(self, depth: int) -> tuple[list[N], list[N]]:
        prices = self.prices[: -depth - 1 : -1] if self.best_last else self.prices[:depth]
        return prices, list(map(self.sizes.__getitem__, prices))

    def known(self, depth: int) -> int:
        """How many of the best `depth` levels are the venue's: all of them where the side is known to its end."""
        if self.reach is None:
            return depth
        prices = self.prices
        if len(prices) >= depth and (prices[-depth] >= self.reach if self.best_last else prices[depth - 1] <= self.reach):
            return depth  # the usual case, without a search
        return min(depth, len(prices) - bisect_left(prices, self.reach) if self.best_last else bisect_right(prices, self.reach))


class Sides(Generic[N]):
    """A mutable book for its owner alone, in the numbers that its owner counts in."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids: _Side[N] = _Side(best_last=True)
        self._asks: _Side[N] = _Side(best_last=False)

    def load(self, bids: Iterable[tuple[N, N]], asks: Iterable[tuple[N, N]], *, most: int | None = None) -> None:
        """Discard what there was; begin with these levels. `most`: how many of a side may be told at all: one that has so many may go on
        beyond them. None: the sides are whole."""
        self._bids.load(bids, most)
        self._asks.load(asks, most)

    def apply(self, bids: Iterable[tuple[N, N]], asks: Iterable[tuple[N, N]]) -> None:
        """Absolute sizes; 0 removes."""
        self._bids.apply(bids)
        self._asks.apply(asks)

    def top(self, depth: int | None = None) -> tuple[tuple[tuple[N, N], ...], tuple[tuple[N, N], ...]]:
        """A copy of the best `depth` bids and asks, of all for None."""
        return self._bids.top(depth), self._asks.top(depth)

    def best(self, depth: int) -> tuple[list[N], list[N], list[N], list[N]]:
        """The same as columns: prices and sizes of the best bids, and of the best asks."""
        (bids, bid_sizes), (asks, ask_sizes) = self._bids.best(depth), self._asks.best(depth)
        return bids, bid_sizes, asks, ask_sizes

    def known(self, depth: int) -> tuple[int, int]:
        """How many of the best `depth` bids and asks are certain: `depth` where the side is known so far, or to its end."""
        return self._bids.known(depth), self._asks.known(depth)

    @property
    def deepest(self) -> int:
        """How many levels the longer side has."""
        return max(len(self._bids.prices), len(self._asks.prices))

    def __len__(self) -> int:
        return len(self._bids.prices) + len(self._asks.prices)


class Ladder(Sides[Decimal]):
    """The same as consumers know it; they get `book()`, which is a copy."""

    __slots__ = ()

    def best_bid(self) -> Level | None:
        """(price, size), None for an empty side."""
        top = self._bids.top(1)
        return top[0] if top else None

    def best_ask(self) -> Level | None:
        """(price, size), None for an empty side."""
        top = self._asks.top(1)
        return top[0] if top else None

    def book(self, *, depth: int | None = None, update_id: int | None = None, event_ns: int | None = None) -> Book:
        """A copy of the best `depth` levels a side, of all for None."""
        bids, asks = self.top(depth)
        return Book(bids=bids, asks=asks, update_id=update_id, event_ns=event_ns)
