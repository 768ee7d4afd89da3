"""simulator.binance.names: what a Binance spot stream name asks for. Pure.

Two questions, kept apart because the venue keeps them apart: is the name well-formed (an ack proves no more), and does
it name something that exists (if not: acked, listed, and silent for ever).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hoga.simulator.engine import INTERVALS

__all__ = ["ROLLING_WINDOWS", "Channel", "channel_of", "is_well_formed", "symbol_part"]

ROLLING_WINDOWS = {"1h": 3_600_000, "4h": 4 * 3_600_000, "1d": 24 * 3_600_000}

_WELL_FORMED = re.compile(r"^(?:[^\s@/!\"\\]+@[^\s/\"\\]+|![^\s/\"\\]+)$")
_KLINE = re.compile(r"^kline_(\w+?)(@\+08:00)?$")
_PARTIAL = re.compile(r"^depth(5|10|20)(@100ms|@1000ms)?$")
_SIMPLE = frozenset({"aggTrade", "trade", "bookTicker", "miniTicker", "ticker", "avgPrice", "referencePrice"})


class Channel(NamedTuple):
    """A channel that exists. `fast`: the 100 ms variant of a depth channel. `argument`: kline interval or rolling window."""

    kind: str
    levels: int = 0
    fast: bool = False
    argument: str = ""
    utc8: bool = False


def is_well_formed(name: str) -> bool:
    """Tell whether the venue would ack this name."""
    return _WELL_FORMED.match(name) is not None


def symbol_part(name: str) -> str:
    """The text before the first `@`."""
    return name.partition("@")[0]


def channel_of(name: str) -> Channel | None:
    """What a stream name's channel part asks for, None when no such channel exists. The symbol is not looked at,
    except that an upper-case one never matches."""
    symbol, _, rest = name.partition("@")
    if symbol != symbol.lower():
        return None
    if rest in _SIMPLE:
        return Channel(rest)
    if rest in ("depth", "depth@1000ms", "depth@100ms"):
        return Channel("diff", fast=rest.endswith("@100ms"))
    if hit := _PARTIAL.match(rest):
        return Channel("partial", levels=int(hit[1]), fast=hit[2] == "@100ms")
    if (hit := _KLINE.match(rest)) and hit[1] in INTERVALS:
        return Channel("kline", argument=hit[1], utc8=bool(hit[2]))
    window = rest.removeprefix("ticker_")
    return Channel("rolling", argument=window) if rest != window and window in ROLLING_WINDOWS else None
