"""net.retry: when a server asks to be left alone, for how long that is obeyed. Pure: the clock is an argument.

Whatever stands in Retry-After, what comes out is a finite number of seconds, not negative, and no longer than a ban that
venues really speak.
"""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST_S", "bounded", "retry_after_s"]

LONGEST_S = 3 * 86_400.0
"""The longest ban that a venue documents (Binance: "from 2 minutes to 3 days")."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE)


def retry_after_s(text: str | None, *, date: str | None = None, now_s: float) -> float | None:
    """Seconds that the header asks for, 0 for what is past, at most `LONGEST_S`; None where it says nothing that can be read.

    Args:
        text: the header Retry-After, None without one.
        date: the answer's own header Date: a point in time is measured from it, so that our clock does not matter.
        now_s: our own wall clock in seconds, for an answer without a Date.
    """
    text = (text or "").strip()
    if _NUMBER.fullmatch(text):
        return bounded(float(text))
    until = _moment(text)
    if until is None:
        return None
    said_at = _moment(date or "")
    return bounded(until - (now_s if said_at is None else said_at))


def bounded(seconds: float, *, longest_s: float = LONGEST_S) -> float | None:
    """`seconds` as they are obeyed: from 0 to `longest_s`; None for no number."""
    return None if math.isnan(seconds) else min(max(0.0, seconds), longest_s)


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date in any of its three forms, None for other texts."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
