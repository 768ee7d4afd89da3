"""simulator.engine.tape: what trades leave behind: recent trades, bars of every interval, rolling statistics. Pure.

Bars are closed by time, not by the next trade; a bar without trades is flat at the previous close. Times are
milliseconds, prices ticks, sizes lots, `quote` is ticks x lots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

__all__ = ["INTERVALS", "KEPT_BARS", "UTC8_MS", "Bar", "BarSeries", "RollingStats", "Tape"]

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000

INTERVALS: dict[str, int] = {
    "1s": _SECOND,
    "1m": _MINUTE,
    "3m": 3 * _MINUTE,
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "4h": 4 * _HOUR,
    "6h": 6 * _HOUR,
    "8h": 8 * _HOUR,
    "12h": 12 * _HOUR,
    "1d": _DAY,
    "3d": 3 * _DAY,
    "1w": 7 * _DAY,
    "1M": 0,
}
"""Interval name → length in ms; 0 means a calendar month."""

UTC8_MS = 8 * _HOUR
KEPT_BARS = 1_500
_MONDAY = 4 * _DAY  # 1970-01-05


class Bar:
    """One candle. `first_id`/`last_id` are trade ids, -1 while there was no trade."""

    __slots__ = (
        "close",
        "close_ms",
        "count",
        "first_id",
        "high",
        "last_id",
        "lots",
        "low",
        "open",
        "open_ms",
        "quote",
        "taker_lots",
        "taker_quote",
    )

    def __init__(self, open_ms: int, close_ms: int, price: int) -> None:
        self.open_ms = open_ms
        self.close_ms = close_ms
        self.first_id = self.last_id = -1
        self.open = self.high = self.low = self.close = price
        self.lots = self.quote = self.count = self.taker_lots = self.taker_quote = 0

    def add(self, trade_id: int, price: int, lots: int, *, taker_buys: bool) -> None:
        """Count one trade in."""
        if not self.count:
            self.first_id = trade_id
            self.open = self.high = self.low = price
        self.last_id = trade_id
        self.close = price
        if price > self.high:
            self.high = price
        if price < self.low:
            self.low = price
        self.count += 1
        self.lots += lots
        self.quote += price * lots
        if taker_buys:
            self.taker_lots += lots
            self.taker_quote += price * lots

    def add_bar(self, other: Bar) -> None:
        """Count in what came after this bar's own trades: those of `other`, at least one."""
        if not self.count:
            self.first_id = other.first_id
            self.open, self.high, self.low = other.open, other.high, other.low
        elif other.high > self.high or other.low < self.low:
            self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.last_id, self.close = other.last_id, other.close
        self.count += other.count
        self.lots += other.lots
        self.quote += other.quote
        self.taker_lots += other.taker_lots
        self.taker_quote += other.taker_quote


class BarSeries:
    """The bars of one interval, oldest first; the last one is in progress. `offset_ms` shifts day boundaries east."""

    def __init__(self, interval: str, *, offset_ms: int, price: int, now_ms: int) -> None:
        self.interval = interval
        self._length_ms = INTERVALS[interval]
        self._offset_ms = offset_ms
        self.bars: deque[Bar] = deque(maxlen=KEPT_BARS)
        self.current = self._bar(now_ms, price)
        self.bars.append(self.current)

    def advance(self, now_ms: int) -> None:
        """Close every bar that ended before `now_ms` and open the one that holds it."""
        while now_ms > self.current.close_ms:
            skipped = (now_ms - self.current.close_ms) // self._length_ms if self._length_ms else 0
            start = self.current.close_ms + 1
            if skipped > KEPT_BARS:
                start += (skipped - KEPT_BARS) * self._length_ms
            self.current = self._bar(start, self.current.close)
            self.bars.append(self.current)

    def since(self, open_ms: int) -> list[Bar]:
        """Bars that open at or after `open_ms`, oldest first."""
        found: list[Bar] = []
        for bar in reversed(self.bars):
            if bar.open_ms < open_ms:
                break
            found.append(bar)
        return found[::-1]

    def _bar(self, now_ms: int, price: int) -> Bar:
        start, end = _bounds(now_ms + self._offset_ms, self.interval, self._length_ms)
        return Bar(start - self._offset_ms, end - self._offset_ms - 1, price)


class RollingStats(NamedTuple):
    """Statistics of the last `window_ms`. Ids are -1 and prices the last known one while there was no trade."""

    open_ms: int
    close_ms: int
    open: int
    high: int
    low: int
    close: int
    previous: int
    last_lots: int
    lots: int
    quote: int
    first_id: int
    last_id: int
    trades: int


class Tape:
    """Recent trades and aggregate trades (as the market made them), and all bars.

    A trade goes into one bar, which is added to the twenty-two of all series when one of them ends or somebody asks.
    """

    def __init__(self, *, price: int, now_ms: int) -> None:
        self._series: dict[tuple[str, int], BarSeries] = {}
        for interval in INTERVALS:
            made = self._series[interval, 0] = BarSeries(interval, offset_ms=0, price=price, now_ms=now_ms)
            if _bounds_differ(interval):
                made = BarSeries(interval, offset_ms=UTC8_MS, price=price, now_ms=now_ms)
            self._series[interval, UTC8_MS] = made
        self._distinct = [series for (name, offset), series in self._series.items() if not offset or _bounds_differ(name)]
        self._next_close_ms = self._first_close_ms()
        self._newest = Bar(0, 0, price)
        self.last_price = price
        self.last_lots = 0
        self.last_trade_ms = now_ms

    @property
    def series(self) -> dict[tuple[str, int], BarSeries]:
        """The bars by interval and offset, with every trade in them; ask again once there are others."""
        self._share()
        return self._series

    def add(self, trade_id: int, price: int, lots: int, time_ms: int, *, taker_buys: bool) -> None:
        """Count one trade into every series."""
        if time_ms > self._next_close_ms:
            self.advance(time_ms)
        self._newest.add(trade_id, price, lots, taker_buys=taker_buys)
        self.last_price, self.last_lots, self.last_trade_ms = price, lots, time_ms

    def advance(self, now_ms: int) -> None:
        """Close bars by time."""
        if now_ms <= self._next_close_ms:
            return
        self._share()
        for series in self._distinct:
            if now_ms > series.current.close_ms:
                series.advance(now_ms)
        self._next_close_ms = self._first_close_ms()

    def _share(self) -> None:
        newest = self._newest
        if newest.count:
            for series in self._distinct:
                series.current.add_bar(newest)
            self._newest = Bar(0, 0, newest.close)

    def _first_close_ms(self) -> int:
        return min(series.current.close_ms for series in self._distinct)

    def rolling(self, window_ms: int, now_ms: int) -> RollingStats:
        """Statistics over the minutes that make up the last `window_ms` (so up to 59.999 s longer than named)."""
        bars = self.series["1m", 0].since((now_ms - window_ms) // _MINUTE * _MINUTE)
        traded = [bar for bar in bars if bar.count]
        first, last = (traded[0], traded[-1]) if traded else (None, None)
        return RollingStats(
            open_ms=now_ms - window_ms,
            close_ms=now_ms,
            open=first.open if first else self.last_price,
            high=max((bar.high for bar in traded), default=self.last_price),
            low=min((bar.low for bar in traded), default=self.last_price),
            close=self.last_price,
            previous=bars[0].open if bars else self.last_price,
            last_lots=self.last_lots,
            lots=sum(bar.lots for bar in traded),
            quote=sum(bar.quote for bar in traded),
            first_id=first.first_id if first else -1,
            last_id=last.last_id if last else -1,
            trades=sum(bar.count for bar in traded),
        )

    def average(self, minutes: int, now_ms: int) -> tuple[int, int]:
        """(quote, lots) traded in the last `minutes`; (last price, 1) when nothing was."""
        bars: Iterable[Bar] = islice(reversed(self.series["1m", 0].bars), minutes)
        totals = [(bar.quote, bar.lots) for bar in bars if bar.count and bar.close_ms > now_ms - minutes * _MINUTE]
        return (sum(q for q, _ in totals), sum(n for _, n in totals)) if totals else (self.last_price, 1)


def _bounds(at_ms: int, interval: str, length_ms: int) -> tuple[int, int]:
    if interval == "1M":
        return _month(at_ms)
    shift = _MONDAY if interval == "1w" else 0
    start = (at_ms - shift) // length_ms * length_ms + shift
    return start, start + length_ms


def _month(at_ms: int) -> tuple[int, int]:
    first = datetime.fromtimestamp(at_ms / 1_000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp() * 1_000), int(following.timestamp() * 1_000)


def _bounds_differ(interval: str) -> bool:
    length_ms = INTERVALS[interval]
    return not length_ms or UTC8_MS % length_ms != 0
