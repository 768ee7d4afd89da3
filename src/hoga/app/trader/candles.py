"""app.trader.candles: bars of before, asked of a venue page by page, as one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from hoga.core.ticks import MarketBar, MarketBars
from hoga.core.times import SECOND_NS
from hoga.core.trading import Rules
from hoga.net.rest import RestClient
from hoga.trading.ports import ReadBars
from hoga.venues.ticks import CandleReads

__all__ = ["contiguous", "read_candles"]

_SETTLED_NS = 10 * SECOND_NS
"""A candle without trades is taken for one only so long after its end: before that it may merely not be there yet."""


async def read_candles(rest: RestClient, candles: CandleReads | None, rules: Rules, ask: ReadBars, now_ns: Callable[[], int]) -> MarketBars:
    """The latest `ask.count` candles, the oldest first; none, and nothing older, of a length that the venue does not have.

    Raises VenueError, LinkError for what the venue or the network does.
    """
    asked_ns = now_ns()
    if candles is None or ask.interval_ns not in candles.intervals:
        return _answer(ask, asked_ns, now_ns(), (), oldest=True)
    found: dict[int, MarketBar] = {}
    end_ns: int | None = None
    left, oldest, name = ask.count, False, ask.symbol.partition(":")[2]
    while left > 0 and not oldest:
        count = min(left, candles.most)
        path = candles.path(name, ask.interval_ns, count, end_ns)
        page = await rest.read(path, lambda body: candles.read(rules, ask.interval_ns, body), weight=candles.weight)
        older = [each for each in page if each.start_ns not in found and (end_ns is None or each.start_ns < end_ns)]
        oldest = len(page) < count or not older
        found.update((each.start_ns, each) for each in older)
        end_ns = min(found, default=0)
        left = ask.count if not found else ask.count - (asked_ns - end_ns) // ask.interval_ns
    bars = [found[start] for start in sorted(found)]
    if candles.skips_empty:
        bars = list(contiguous(bars, asked_ns - _SETTLED_NS))
    return _answer(ask, asked_ns, now_ns(), tuple(bars), oldest=oldest)


def contiguous(bars: Iterable[MarketBar], until_ns: int) -> Iterable[MarketBar]:
    """With flat ones where none was told, and behind the last, so far as they were over by `until_ns`."""
    last: MarketBar | None = None
    for each in bars:
        while last is not None and last.start_ns + last.interval_ns < each.start_ns:
            last = _flat_after(last)
            yield last
        yield each
        last = each
    while last is not None and last.start_ns + 2 * last.interval_ns <= until_ns:
        last = _flat_after(last)
        yield last


def _flat_after(bar: MarketBar) -> MarketBar:
    price = bar.close
    return msgspec.structs.replace(bar, start_ns=bar.start_ns + bar.interval_ns, open=price, high=price, low=price, close=price, volume=0)


def _answer(ask: ReadBars, asked_ns: int, now_ns: int, bars: tuple[MarketBar, ...], *, oldest: bool) -> MarketBars:
    return MarketBars(symbol=ask.symbol, at_ns=now_ns, interval_ns=ask.interval_ns, asked_ns=asked_ns, bars=bars, oldest=oldest)
