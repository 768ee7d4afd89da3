"""venues.binance.lenient: optional values of Binance's account events, whatever the venue makes of them one day. Pure.

A field that is spelt in a new way, or holds what nobody knows, must not cost the event that carries it: what cannot be read here is
None, and the payload keeps it. What an event cannot do without is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from hoga.core.times import MS_NS

__all__ = ["flag", "nanoseconds", "number", "word"]


def word(value: Any, *, none: Iterable[str] = ("",)) -> str | None:
    """A text, or a whole number as text. None for anything else, and for the words that mean nothing (`none`)."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
    return text if text and text not in none else None


def number(value: Any) -> Decimal | None:
    """An exact number, out of a text or a whole number; None for anything else, and for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        found = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return found if found.is_finite() else None


def flag(value: Any) -> bool | None:
    """True or False, None for anything else."""
    return value if isinstance(value, bool) else None


def nanoseconds(value: Any) -> int | None:
    """Of a time in ms; None for 0 and for anything else."""
    return value * MS_NS if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
