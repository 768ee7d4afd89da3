"""simulator.upbit.names: what a subscription asks for, and the names under which its frames are counted. Pure.

A stream is named `CODE@TYPE`, a book of another depth or grouping `CODE@orderbook.5`, `CODE@orderbook:10000`, or both;
private streams carry their account behind `#` (`KRW-BTC@myOrder#main`, `*@myOrder#main` for every market).
Source: protocol sheet 2.1, 3.3.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from hoga.simulator.upbit.markets import E8

__all__ = ["CANDLE_UNITS", "DEPTHS", "PRIVATE_TYPES", "PUBLIC_TYPES", "Want", "assets_name", "orders_name", "parse_name", "want_of"]

CANDLE_UNITS = ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m")
PUBLIC_TYPES = frozenset({"ticker", "trade", "orderbook", *(f"candle.{unit}" for unit in CANDLE_UNITS)})
PRIVATE_TYPES = frozenset({"myOrder", "myAsset"})
DEPTHS = (1, 5, 15, 30)
_FULL = 30
_BOOK = re.compile(r"(?P<code>[^@]+)@orderbook(?:\.(?P<depth>\d+))?(?::(?P<level>[0-9.]+))?")


class Want(NamedTuple):
    """A public stream: `depth` units of a book, grouped by `level_e8` (0: not)."""

    type: str
    code: str
    depth: int = _FULL
    level_e8: int = 0

    @property
    def name(self) -> str:
        """Its name."""
        if self.type != "orderbook":
            return f"{self.code}@{self.type}"
        depth = "" if self.depth == _FULL else f".{self.depth}"
        return f"{self.code}@orderbook{depth}" + (f":{Decimal(self.level_e8) / E8:f}" if self.level_e8 else "")


def want_of(kind: str, code: str, level_e8: int = 0) -> Want:
    """What a type and one of its codes ask for. A depth that does not exist means the full one."""
    if kind != "orderbook":
        return Want(kind, code)
    market, dot, suffix = code.partition(".")
    depth = int(suffix) if dot and suffix in {str(each) for each in DEPTHS} else _FULL
    return Want(kind, market, depth, level_e8)


def parse_name(name: str) -> Want | None:
    """The public stream of a name, None when it is none."""
    code, at, kind = name.partition("@")
    if not at:
        return None
    hit = _BOOK.fullmatch(name)
    if hit is not None:
        level_e8 = int(Decimal(hit["level"]) * E8) if hit["level"] else 0
        return Want("orderbook", code, int(hit["depth"] or _FULL), level_e8)
    return Want(kind, code) if kind in PUBLIC_TYPES else None


def orders_name(code: str, account: str) -> str:
    """The stream of an account's orders in a market, `*` for all markets."""
    return f"{code}@myOrder#{account}"


def assets_name(account: str) -> str:
    """The stream of an account's assets."""
    return f"@myAsset#{account}"
