"""simulator.replay.frames: what recorded frames say of books, trades and marks, in ticks and lots, whichever venue they are of. Pure.

Numbers are read from their texts; what is finer than a tick or a lot is cut off. A frame that cannot be read says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

from hoga.simulator.engine import Side

__all__ = ["Kind", "Said", "Sides", "kind_of", "mark_by", "said_by", "sides_of"]

T = TypeVar("T")
Sides = tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]
"""(bids, asks) of (price, size), best first."""


class Kind:
    """What a stream brings."""

    BOOK = "book"
    CHANGES = "changes"
    TOP = "top"
    TRADE = "trade"
    MARK = "mark"


class Said(NamedTuple):
    """One trade: what was paid, how much, and the side that took."""

    price: Decimal
    size: Decimal
    taker: Side


def kind_of(stream: str) -> tuple[str, str, str] | None:
    """(symbol as REST spells it, kind, the venue's own word for it) of a stream's name; None for one that no order asks of."""
    symbol, _, rest = stream.partition("@")
    channel = rest.partition("@")[0].partition(".")[0]
    kind = _KINDS.get(channel)
    if kind is None and channel.startswith("depth"):
        kind = Kind.BOOK
    return None if kind is None else (symbol.upper(), kind, channel)


_KINDS = {
    "depth": Kind.CHANGES,
    "bookTicker": Kind.TOP,
    "trade": Kind.TRADE,
    "aggTrade": Kind.TRADE,
    "markPrice": Kind.MARK,
    "orderbook": Kind.BOOK,
}


def sides_of(payload: bytes) -> Sides | None:
    """The levels of a book, of its changes (a size of 0: gone) or of its top."""
    return _read(payload, _sides)


def said_by(payload: bytes) -> Said | None:
    """A trade."""
    return _read(payload, _said)


def mark_by(payload: bytes) -> Decimal | None:
    """A mark price."""
    return _read(payload, lambda row: Decimal(row["p"]))


def _read(payload: bytes, read: Callable[[Any], T]) -> T | None:
    try:
        return read(json.loads(payload, parse_float=Decimal, parse_int=Decimal))
    except (ValueError, LookupError, TypeError, InvalidOperation):
        return None


def _sides(row: Any) -> Sides:
    units = row.get("orderbook_units") or row.get("obu")
    if units is not None:
        return (
            [(Decimal(each.get("bid_price", each.get("bp"))), Decimal(each.get("bid_size", each.get("bs")))) for each in units],
            [(Decimal(each.get("ask_price", each.get("ap"))), Decimal(each.get("ask_size", each.get("as")))) for each in units],
        )
    if "B" in row and "A" in row:  # the best of both sides
        return [(Decimal(row["b"]), Decimal(row["B"]))], [(Decimal(row["a"]), Decimal(row["A"]))]
    return _levels(row["bids"] if "bids" in row else row["b"]), _levels(row["asks"] if "asks" in row else row["a"])


def _levels(rows: Iterable[Any]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(row[0]), Decimal(row[1])) for row in rows]


def _said(row: Any) -> Said:
    if "m" in row and "p" in row:
        return Said(Decimal(row["p"]), Decimal(row["q"]), Side.SELL if row["m"] else Side.BUY)
    price, size = row.get("trade_price", row.get("tp")), row.get("trade_volume", row.get("tv"))
    return Said(Decimal(price), Decimal(size), Side.BUY if row.get("ask_bid", row.get("ab")) == "BID" else Side.SELL)
