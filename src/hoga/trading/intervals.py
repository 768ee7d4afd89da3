"""trading.intervals: how time is cut into bars: how long, from where, and by whose days. Pure.

    interval_of("4h")               from 00:00 UTC on
    interval_of("1d", day="KST")    from 15:00 UTC on: midnight in Seoul
    interval_of("1w")               from Monday on

Where three days begin is nowhere said: their anchor is None until the venue's own candles have shown it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from hoga.core.times import DAY_NS, SECOND_NS

__all__ = ["DAYS", "WEEK_NS", "Interval", "has_intervals", "interval_ns", "interval_of", "interval_text", "require_interval"]

_UNITS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS, "d": DAY_NS, "w": 7 * DAY_NS}
_MINUTE_NS, _HOUR_NS = _UNITS["m"], _UNITS["h"]
WEEK_NS = _UNITS["w"]
_MONDAY_NS = 4 * DAY_NS
"""1970-01-05."""
DAYS = {"UTC": 0, "KST": -9 * _HOUR_NS}
"""Whose midnight a day begins at, as what is added to UTC's."""


class Interval(msgspec.Struct, frozen=True):
    """`anchor_ns`: one moment at which a bar begins; None: not known yet. `source_ns`: of the candles that bars of before are made of."""

    text: str
    ns: int
    anchor_ns: int | None
    source_ns: int
    day: str = "UTC"

    def start_of(self, stamp_ns: int) -> int:
        """The begin of the bar that holds a moment. The anchor has to be known."""
        assert self.anchor_ns is not None, "nobody asks before it is known"
        return stamp_ns - (stamp_ns - self.anchor_ns) % self.ns

    @property
    def name(self) -> str:
        """`1d`, `1d KST`."""
        return self.text if self.day == "UTC" else f"{self.text} {self.day}"


def interval_ns(text: str) -> int:
    """`10s`, `1m`, `4h`, `1d`, `1w` in ns. Raises ValueError."""
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdigit() or not int(text[:-1]):
        raise ValueError(f"{text!r} is no interval; expected a number and one of s, m, h, d, w, as 1m")
    return int(text[:-1]) * unit


def interval_text(ns: int) -> str:
    """The shortest spelling: `1m`, `4h`, `1w`; the inverse of `interval_ns`."""
    for name, unit in reversed(_UNITS.items()):
        if ns % unit == 0:
            return f"{ns // unit}{name}"
    return f"{ns} ns"


def interval_of(text: str, day: str = "UTC") -> Interval:
    """The interval of that name. Raises ValueError for what is none, and for days of a kind that there is not."""
    ns = interval_ns(text)
    if day not in DAYS:
        raise ValueError(f"day={day!r}: expected one of {', '.join(DAYS)}")
    if ns <= DAY_NS and DAY_NS % ns:
        raise ValueError(f"{text!r} does not divide a day")
    if ns > DAY_NS and ns not in (3 * DAY_NS, WEEK_NS):
        raise ValueError(f"{text!r} is no interval; beyond a day there are 3d and 1w")
    if day != "UTC":
        if ns not in (DAY_NS, WEEK_NS):
            raise ValueError(f"{text!r} begins at no midnight; day={day!r} is for 1d and 1w")
        return Interval(text, ns, DAYS[day] + (_MONDAY_NS if ns == WEEK_NS else 0), _HOUR_NS, day)
    return Interval(text, ns, None if ns == 3 * DAY_NS else _MONDAY_NS if ns == WEEK_NS else 0, ns)


def has_intervals(symbol: str, known: Iterable[int]) -> str:
    """`; binance has 1m, 3m, …`: what the venue of `symbol` has; "": nobody knows."""
    names = ", ".join(interval_text(each) for each in sorted(known))
    return f"; {symbol.partition(':')[0]} has {names}" if names else ""


def require_interval(symbol: str, interval: Interval, known: Iterable[int]) -> None:
    """Raises ValueError where the venue of `symbol` has no such candles; below a minute there are those that divide one.

    Args:
        known: the lengths (ns) of the candles that the venue has; empty: any.
    """
    has = sorted(known)
    if interval.ns < _MINUTE_NS:
        if _MINUTE_NS % interval.ns:
            raise ValueError(f"{interval.text!r} does not divide a minute")
    elif has and interval.source_ns not in has:
        venue = symbol.partition(":")[0]
        names = [interval_text(each) for each in has]
        near = get_close_matches(interval.text, names, n=1, cutoff=0.4)
        raise ValueError(f"{venue} has no bars of {interval.text}; there are {', '.join(names)}{f' (nearest: {near[0]})' if near else ''}")
