"""simulator.engine.past: what a market traded before it was opened, day by day. Pure: the same seed, the same past.

A day's trades can be had without those of the days before it: every whole day has as many trades as every other, and its
prices lead from a level drawn for its beginning to that of the next one. Ids go on without a hole up to the market's first own trade.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from functools import lru_cache
from random import Random
from typing import NamedTuple

from hoga.simulator.engine.instruments import Instrument
from hoga.simulator.engine.market import DAY_NS, AggTrade, Market, Trade, rows_before

__all__ = ["DayOfTrades", "Past"]

_US_NS = 1_000
_SWING = 0.03
_NOISE = 0.0004
_KEPT_DAYS = 80
_PAIRS = ((1, 3), (2, 2), (3, 1))
"""Trades in two aggregates, one after the other."""


class DayOfTrades(NamedTuple):
    """All that was traded on one day, oldest first. Two aggregates hold four trades, whatever each of them holds."""

    aggregates: list[AggTrade]
    trades: list[Trade]


class _Day(NamedTuple):
    """What a day's trades are drawn for: `span_ns` of it, so many `rows`, ids from these on, from one level (in ticks) to the other."""

    day: int
    span_ns: int
    rows: int
    agg_id: int
    trade_id: int
    opens: float
    closes: float


class Past:
    """The past of `market`: `rows_a_day` aggregates on each whole day (an even number).

    A day is counted from 1970. What the market has done itself is told where its memory still reaches back to its beginning.
    """

    def __init__(self, market: Market, *, seed: int, rows_a_day: int) -> None:
        self._market = market
        self._instrument: Instrument = market.instrument
        self._seed = f"{seed}/{market.instrument.symbol}"
        self._until_ns = market.begins_ns
        self._rows = rows_a_day
        self._opening_day = self._until_ns // DAY_NS
        self._opening_rows = rows_before(self._until_ns, rows_a_day) - rows_before(self._opening_day * DAY_NS, rows_a_day)
        self.day = lru_cache(maxsize=_KEPT_DAYS)(self._day)

    def trades_of(self, day: int) -> DayOfTrades | None:
        """All trades of a day, the market's own included; None where it has forgotten some of them."""
        past = self.day(day)
        start_ns, end_ns = day * DAY_NS, (day + 1) * DAY_NS
        if end_ns <= self._until_ns:
            return past
        market = self._market
        if not market.remembers_all:
            return None
        aggregates = [row for row in market.agg_trades if start_ns <= row.time_ns < end_ns]
        trades = [row for row in market.trades if start_ns <= row.time_ns < end_ns]
        return DayOfTrades([*past.aggregates, *aggregates], [*past.trades, *trades])

    def aggregates_from(self, agg_id: int, limit: int, *, since_day: int) -> list[AggTrade]:
        """Aggregates with that id and higher ones, from before the market began and not before `since_day`."""
        found: list[AggTrade] = []
        for day in self._days(self._market.first_agg_id - agg_id, since_day):
            rows = self.day(day).aggregates
            found += rows[bisect_left(rows, agg_id, key=lambda row: row.agg_id) :][: limit - len(found)]
            if len(found) >= limit:
                break
        return found

    def trades_from(self, trade_id: int, limit: int, *, since_day: int) -> list[Trade]:
        """The same of single trades."""
        found: list[Trade] = []
        for day in self._days((self._market.first_trade_id - trade_id) // 2, since_day):
            rows = self.day(day).trades
            found += rows[bisect_left(rows, trade_id, key=lambda row: row.trade_id) :][: limit - len(found)]
            if len(found) >= limit:
                break
        return found

    def _days(self, rows_back: int, since_day: int) -> range:
        """The days from the one that lies so many aggregates back, or a little before it."""
        first = self._opening_day - max(0, -(-rows_back // self._rows)) - 1
        return range(max(since_day, first), self._opening_day + 1)

    def _day(self, day: int) -> DayOfTrades:
        if day > self._opening_day:
            return DayOfTrades([], [])
        opening = day == self._opening_day
        rows = self._opening_rows if opening else self._rows
        back = rows if opening else self._opening_rows + (self._opening_day - day) * self._rows
        return self._traded(day, rows, self._market.first_agg_id - back, self._market.first_trade_id - 2 * back)

    def _traded(self, day: int, rows: int, agg_id: int, trade_id: int) -> DayOfTrades:
        span_ns = min((day + 1) * DAY_NS, self._until_ns) - day * DAY_NS
        return _drawn_day(self._instrument, self._seed, _Day(day, span_ns, rows, agg_id, trade_id, self._level(day), self._level(day + 1)))

    def _level(self, day: int) -> float:
        """The price, in ticks, at the beginning of a day."""
        start = self._instrument.start_ticks
        if day > self._opening_day:
            return float(start)
        draw = zlib.crc32(f"{self._seed}/level/{day}".encode()) / 2**32
        return start * (1 + _SWING * (2 * draw - 1))


@lru_cache(maxsize=_KEPT_DAYS)  # whole days are the same for every market of the seed, whenever it was opened
def _drawn_day(instrument: Instrument, seed: str, of: _Day) -> DayOfTrades:
    random = Random(f"{seed}/past/{of.day}")
    start_ns, agg_id, trade_id = of.day * DAY_NS, of.agg_id, of.trade_id
    times = sorted(start_ns + random.randrange(of.span_ns // _US_NS) * _US_NS for _ in range(of.rows))
    counts = [count for _ in range(of.rows // 2) for count in random.choice(_PAIRS)]
    aggregates: list[AggTrade] = []
    trades: list[Trade] = []
    for time_ns, count in zip(times, counts, strict=True):
        level = of.opens + (of.closes - of.opens) * (time_ns - start_ns) / of.span_ns
        price = max(1, round(level * (1 + random.gauss(0.0, _NOISE))))
        sold = random.random() < 0.5
        parts = [1 + int(instrument.typical_lots * random.lognormvariate(-0.5, 1.1)) for _ in range(count)]
        trades += [Trade(trade_id + nth, price, lots, time_ns, sold) for nth, lots in enumerate(parts)]
        aggregates.append(AggTrade(agg_id, price, sum(parts), trade_id, trade_id + count - 1, time_ns, sold))
        agg_id += 1
        trade_id += count
    return DayOfTrades(aggregates, trades)
