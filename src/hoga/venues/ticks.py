"""venues.ticks: the shape of a venue's readers of market data in integers, and what they make numbers with. Pure.

A reader is made for one instrument and takes one payload, as sent, with the receipt's stamp. No Decimal is made; a price's text that came
before is looked up. Readers raise ValueError for what they cannot read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hoga.core.ticks import MarketBar, MarketEvent
from hoga.core.trading import Rules, whole_of

__all__ = ["CandleReads", "TickReader", "memo"]

TickReader = Callable[[Rules], Callable[[bytes, int], MarketEvent]]
"""`reader(rules)` → `read(payload, at_ns)`."""


@dataclass(frozen=True, slots=True)
class CandleReads:
    """A venue's candles over REST, of the lengths `intervals` (ns).

    `path(symbol, interval_ns, count, end_ns)`: of the latest that begin before `end_ns`, None: of all, the open one too. `read(rules,
    interval_ns, body)`: those of an answer, oldest first; raises ValueError, LookupError, TypeError. `most`: at one time. `skips_empty`: a
    candle without trades is left out.
    """

    path: Callable[[str, int, int, int | None], str]
    read: Callable[[Rules, int, bytes], tuple[MarketBar, ...]]
    most: int
    intervals: tuple[int, ...]
    weight: int = 1
    skips_empty: bool = False


_MOST = 16_384


def memo(power: int) -> Callable[[str], int]:
    """A text's number as so many times `10 ** power`. Texts are remembered: the same few thousand come again and again."""
    known: dict[str, int] = {}
    get = known.get

    def number(text: str) -> int:
        found = get(text)
        if found is None:
            found = whole_of(text, power)
            if len(known) >= _MOST:
                known.clear()
            known[text] = found
        return found

    return number
