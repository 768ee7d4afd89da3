"""book.ladder: one order book: sizes by price, best first. Pure.

Removing a price that is not there is normal (the venue removes what lay outside the snapshot).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

from hoga.core.market import Book, Level

__all__ = ["Ladder"]


class _Side:
    """Prices kept sorted, as keys that sort best first (bids negated)."""

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[Decimal] = []
        self.sizes: dict[Decimal, Decimal] = {}

    def load(self, levels: Iterable[Level]) -> None:
        self.sizes = {self.sign * price: size for price, size in levels if size}
        self.keys = sorted(self.sizes)

    def set(self, price: Decimal, size: Decimal) -> None:
        key = self.sign * price
        known = key in self.sizes
        if size:
            self.sizes[key] = size
            if not known:
                insort(self.keys, key)
        elif known:
            del self.sizes[key]
            del self.keys[bisect_left(self.keys, key)]

    def top(self, depth: int | None) -> tuple[Level, ...]:
        keys = self.keys if depth is None else self.keys[:depth]
        return tuple((self.sign * key, self.sizes[key]) for key in keys)


class Ladder:
    """A mutable book for its owner alone; consumers get `book()`, which is a copy."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = _Side(-1)
        self._asks = _Side(1)

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Discard what there was; begin with these levels."""
        self._bids.load(bids)
        self._asks.load(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Absolute sizes; 0 removes."""
        for price, size in bids:
            self._bids.set(price, size)
        for price, size in asks:
            self._asks.set(price, size)

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
        return Book(bids=self._bids.top(depth), asks=self._asks.top(depth), update_id=update_id, event_ns=event_ns)

    def __len__(self) -> int:
        return len(self._bids.keys) + len(self._asks.keys)
