"""archive.bookcheck: what looks wrong in a stream of order-book records. Pure.

These are facts about the market or the venue, not about the archive: a book may be crossed on the wire.
Empty sides are fine, thin books have them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["BookCheck"]

_FROZEN_RECORDS = 3000
_FROZEN_MOVES = 2000

_levels = msgspec.json.Decoder(list[list[msgspec.Raw]])


class BookCheck:
    """Feed it both sides of each book in order; it tells what looks wrong with each.

    A side is *frozen* when it stayed the same for 3000 records (five minutes of depth20@100ms) while the other
    changed in at least 2000 of them. In genuine captures of one minute and more no side stands still for 100.
    """

    def __init__(self) -> None:
        self._bids = _Side(descending=True)
        self._asks = _Side(descending=False)

    def look(self, bids: bytes, asks: bytes) -> Iterator[tuple[str, str]]:
        """Faults of the next book as (kind, detail). The sides are JSON arrays of [price, size, …]."""
        bids_moved, asks_moved = self._bids.take(bids), self._asks.take(asks)
        if not bids_moved and not asks_moved:
            return
        yield from self._bids.faults("bids", bids_moved, asks_moved)
        yield from self._asks.faults("asks", asks_moved, bids_moved)
        best_bid, best_ask = self._bids.best, self._asks.best
        if best_bid is not None and best_ask is not None and not _less(best_bid, best_ask):
            yield "crossed", f"best bid {best_bid.decode()} is not below best ask {best_ask.decode()}"


class _Side:
    def __init__(self, *, descending: bool) -> None:
        self._text = b""
        self._descending = descending
        self._still = 0
        self._other_moves = 0
        self._prices: list[bytes] = []
        self.best: bytes | None = None

    def take(self, text: bytes) -> bool:
        """Remember `text`; whether it differs from what was there."""
        if text == self._text:
            self._still += 1
            return False
        self._text = text
        self._prices = _prices(text)
        self.best = self._prices[0] if self._prices else None
        self._still = self._other_moves = 0
        return True

    def faults(self, name: str, moved: bool, other_moved: bool) -> Iterator[tuple[str, str]]:
        if not moved:
            self._other_moves += other_moved
            if self._prices and self._other_moves == _FROZEN_MOVES and self._still >= _FROZEN_RECORDS:
                yield "frozen", f"{name} stand still for {self._still} records while the other side changed {self._other_moves} times"
            return
        if b"-" in self._text or b"n" in self._text or b"N" in self._text:
            yield "bad-size", f"{name} hold a number that is negative or none"
        elif not self._sorted():
            yield "unsorted", f"{name} are not sorted best first"

    def _sorted(self) -> bool:
        prices = self._prices
        if not prices or len(prices[0]) == len(prices[-1]):
            return prices == sorted(prices, reverse=self._descending)
        values = [float(price) for price in prices]
        return values == sorted(values, reverse=self._descending)


def _prices(side: bytes) -> list[bytes]:
    """The prices as their text: the usual spelling is cut up directly (1.2 µs for 20 levels, decoding takes 4)."""
    if side.startswith(b'[["'):
        return side.split(b'"')[1::4]
    return [bytes(level[0]).strip(b'"') for level in _levels.decode(side) if level] if side else []


def _less(one: bytes, other: bytes) -> bool:
    return one < other if len(one) == len(other) else float(one) < float(other)
