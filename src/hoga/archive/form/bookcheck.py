"""archive.form.bookcheck: what looks wrong in a stream of order-book records. Pure.

These are facts about the market or the venue, not about the archive: a book may be crossed on the wire.
Empty sides are fine, thin books have them.

Sides are compared as their JSON text where each has one of its own, and only the best price is cut out of it: making objects
of all forty levels takes 8 to 12 µs a record, this takes 2. The order of all levels is looked at in every sixteenth book.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

__all__ = ["BookCheck", "Side"]

_FROZEN_MOVES = 3000
_FULL_LOOK_EVERY = 16
_OPENING = b'[["'

_levels = msgspec.json.Decoder(list[list[msgspec.Raw]])

Fault = tuple[str, str]
Side = bytes | list[tuple[float, float]]
"""One side of a book, best first: a JSON array of [price, size, …], or levels (price, size). Empty when there is none."""


class BookCheck:
    """Feed it both sides of each book in order; it tells what looks wrong with each.

    A side is *frozen* when it stood still while the other changed 3000 times in a row (five minutes of depth20@100ms
    and more). In the genuine captures of liquid books no side stands still for 100 changes of the other.
    """

    def __init__(self) -> None:
        self._bids: Side = b""
        self._asks: Side = b""
        self._bid_moves = self._ask_moves = 0
        self._looks = 0

    def look(self, bids: Side, asks: Side) -> Sequence[Fault]:
        """Faults of the next book as (kind, detail).

        Raises ValueError or ArithmeticError when a side is no such array, or a price no number.
        """
        bids_moved, asks_moved = bids != self._bids, asks != self._asks
        if not bids_moved and not asks_moved:
            return ()
        faults: list[Fault] = []
        if bids_moved:
            self._bids, self._ask_moves = bids, 0
        if asks_moved:
            self._asks, self._bid_moves = asks, 0
        if bids_moved is not asks_moved:
            self._count_stillness(faults, bids_moved=bids_moved)
        if type(bids) is type(asks) is bytes and bids[:3] == asks[:3] == _OPENING:  # without a call: 4.4 → 3.4 µs a record
            best_bid, best_ask = bids[3 : bids.index(b'"', 3)], asks[3 : asks.index(b'"', 3)]
        elif type(bids) is type(asks) is list and bids and asks and bids[0][0] < asks[0][0]:
            best_bid = best_ask = b""
        else:
            best_bid, best_ask = _best(bids), _best(asks)
        if best_bid and best_ask and not _less(best_bid, best_ask):
            faults.append(("crossed", f"best bid {best_bid.decode()} is not below best ask {best_ask.decode()}"))
        self._looks += 1
        if self._looks % _FULL_LOOK_EVERY == 1:
            _look_at_levels(faults, "bids", bids, descending=True)
            _look_at_levels(faults, "asks", asks, descending=False)
        return faults

    def _count_stillness(self, faults: list[Fault], *, bids_moved: bool) -> None:
        """One side changed alone. `_bid_moves` counts changes of bids since the asks last changed, `_ask_moves` the other way round."""
        self._bid_moves += bids_moved
        self._ask_moves += not bids_moved
        if self._bid_moves == _FROZEN_MOVES and _best(self._asks):
            faults.append(("frozen", f"asks stand still while bids changed {_FROZEN_MOVES} times"))
        if self._ask_moves == _FROZEN_MOVES and _best(self._bids):
            faults.append(("frozen", f"bids stand still while asks changed {_FROZEN_MOVES} times"))


def _best(side: Side) -> bytes:
    """The first price as its text, empty for an empty side."""
    if isinstance(side, list):
        return repr(side[0][0]).encode() if side else b""
    if side.startswith(_OPENING):
        return side[3 : side.index(b'"', 3)]
    prices = _prices(side)
    return prices[0] if prices else b""


def _look_at_levels(faults: list[Fault], name: str, side: Side, *, descending: bool) -> None:
    if any(min(level) < 0 for level in side) if isinstance(side, list) else b'"-' in side or b"n" in side or b"N" in side:
        faults.append(("bad-number", f"{name} hold a number that is negative or none"))
        return
    prices = [price for price, _ in side] if isinstance(side, list) else [float(price) for price in _prices(side)]
    if prices != sorted(prices, reverse=descending):
        faults.append(("unsorted", f"{name} are not sorted best first"))


def _prices(side: bytes) -> list[bytes]:
    if not side:
        return []
    if side.startswith(_OPENING):
        return side.split(b'"')[1::4]
    return [bytes(level[0]).strip(b'"') for level in _levels.decode(side) if level]


def _less(one: bytes, other: bytes) -> bool:
    """Texts of one length with the point at one place compare like the numbers they spell."""
    if len(one) == len(other) and one.find(b".") == other.find(b"."):
        return one < other
    return Decimal(one.decode()) < Decimal(other.decode())
