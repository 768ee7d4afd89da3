"""simulator.usdm.names: what a futures stream name asks for, and on which route it lives. Pure.

As on spot a name that is well-formed is acked; one that does not exist, or that lives on another route than the
connection's, is listed and silent for ever.

Source: protocol sheet 2.1 and 2.4 (USD-M docs; probes of 2026-08 to 2026-10).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hoga.simulator.engine import INTERVALS

__all__ = ["ALL_MARKET", "SPEEDS_MS", "Channel", "channel_of", "route_of", "speed_suffix"]

SPEEDS_MS = (0, 100, 250, 500)
"""Depth intervals; 0 is every change, as they come."""

_DEPTH = re.compile(r"^depth(5|10|20)?(@100ms|@500ms|@0ms)?$")
_SPEEDS = {None: 250, "@100ms": 100, "@500ms": 500, "@0ms": 0}
_SUFFIXES = {250: "", 100: "@100ms", 500: "@500ms", 0: "@0ms"}
_KLINE = re.compile(r"^(kline|continuousKline)_(\w+)$")
_PLAIN = frozenset({"aggTrade", "trade", "bookTicker", "miniTicker", "ticker", "forceOrder"})
_PUBLIC = frozenset({"diff", "partial", "rpiDepth", "bookTicker", "trade"})
ALL_MARKET = {
    "!bookTicker": "public",
    "!markPrice@arr": "market",
    "!markPrice@arr@1s": "market",
    "!miniTicker@arr": "market",
    "!ticker@arr": "market",
    "!forceOrder@arr": "market",
    "!contractInfo": "market",
    "!assetIndex@arr": "market",
}
"""Streams of every symbol, and their route."""


class Channel(NamedTuple):
    """A channel that exists. `speed_ms` of a depth channel; `argument`: the interval of a candle channel."""

    kind: str
    levels: int = 0
    speed_ms: int = 0
    argument: str = ""


def channel_of(name: str) -> Channel | None:
    """What a stream name's channel part asks for, None when no such channel exists. An upper-case symbol never matches."""
    symbol, _, rest = name.partition("@")
    if symbol != symbol.lower():
        return None
    if rest in _PLAIN:
        return Channel(rest)
    if hit := _DEPTH.match(rest):
        return _depth(hit[1], _SPEEDS[hit[2]])
    if rest in ("markPrice", "markPrice@1s"):
        return Channel("markPrice", speed_ms=1_000 if rest.endswith("@1s") else 3_000)
    if rest == "rpiDepth@500ms":
        return Channel("rpiDepth", levels=20, speed_ms=500)
    hit = _KLINE.match(rest)
    if hit and hit[2] in INTERVALS and (hit[1], hit[2]) != ("kline", "1s"):
        return Channel(hit[1], argument=hit[2])
    return None


def route_of(name: str) -> str | None:
    """The route a stream lives on, None for a stream that does not exist."""
    if name in ALL_MARKET:
        return ALL_MARKET[name]
    channel = channel_of(name)
    if channel is None:
        return None
    return "public" if channel.kind in _PUBLIC else "market"


def speed_suffix(speed_ms: int) -> str:
    """How a depth stream's name ends for a speed."""
    return _SUFFIXES[speed_ms]


def _depth(levels: str | None, speed_ms: int) -> Channel | None:
    if levels is None:
        return Channel("diff", speed_ms=speed_ms)
    return Channel("partial", levels=int(levels), speed_ms=speed_ms) if speed_ms else None
