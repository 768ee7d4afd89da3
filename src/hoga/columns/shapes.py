"""columns.shapes: what is wanted of a line, as data: which key gives which column, and where the levels of a book stand. Pure.

Who knows a payload's keys (a venue's folder) says them with these words; nothing in this room knows a key itself.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Field", "How", "LevelLists", "LevelUnits", "Shape", "needed"]

How = Literal["decimal", "integer", "ms", "ns", "time", "iso", "flag", "side", "text"]
"""`decimal`: a number as text or not, exactly. `integer`: without a fraction. `ms`, `ns`: integers that are times. `time`: an integer that
is a time in s, ms, µs or ns, told by its size. `iso`: a UTC time as text. `flag`: true or false. `side`: a flag that says who took, the
buyer (1) or the seller (-1). `text`: a string of few different values."""


class Field(NamedTuple):
    """One column: `keys` lead to its value (`("k", "o")` for an object in an object).

    `needed`: a line without it is no record of this shape. `texts`: of a flag that is spelt as a text: what means true,
    and what false.
    `flip`: it means the opposite. `cut`: how a text begins, which is left out.
    """

    column: str
    keys: tuple[str, ...]
    how: How
    needed: bool = False
    texts: tuple[str, str] | None = None
    flip: bool = False
    cut: str = ""


def needed(*fields: Field) -> tuple[Field, ...]:
    """The same fields, which no line is without."""
    return tuple(field._replace(needed=True) for field in fields)


class LevelLists(NamedTuple):
    """Two lists of [price, size], at the keys `bids` and `asks`. An empty list may follow in each, as Binance had it once.

    `vary`: hardly two lines have as many levels.
    """

    bids: str
    asks: str
    vary: bool = False


class LevelUnits(NamedTuple):
    """One list of objects, the n-th best of both sides in each, at the key `units`."""

    units: str
    bid_price: str
    bid_size: str
    ask_price: str
    ask_size: str


class Shape(NamedTuple):
    """What is wanted of lines. `mark`: (key, text) that only these lines have; None where all lines of the series are such."""

    fields: tuple[Field, ...]
    levels: LevelLists | LevelUnits | None = None
    mark: tuple[str, str] | None = None
