"""trading.bars: bars from trades by event time, and lines over them (averages, extremes): bounded, contiguous, deterministic. Pure.

A bar is closed by the first trade of a later one, or 300 ms after its end by the engine's time: bars without trades are closed too, flat at
the last price. A trade that comes later than that is counted and changes nothing. A bar over a moment of doubt is marked, and whoever
waits for contiguous bars begins anew behind it. Prices and sizes are integers of the instrument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise

import msgspec

from hoga.core.ticks import MarketBar, MarketTrade
from hoga.core.times import SECOND_NS
from hoga.core.trading import Rules

__all__ = ["INTERVALS", "Bar", "BarSeries", "Line", "interval_ns"]

INTERVALS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS, "d": 86_400 * SECOND_NS}
GRACE_NS = 300_000_000
"""So long after its end a bar is closed though no later trade came."""


def interval_ns(text: str) -> int:
    """`1m`, `15m`, `4h`, `1d`, `10s` in ns. Raises ValueError."""
    unit = INTERVALS.get(text[-1:])
    if unit is None or not text[:-1].isdigit() or not int(text[:-1]):
        raise ValueError(f"{text!r} is no interval; expected a number and one of s, m, h, d, as 1m")
    return int(text[:-1]) * unit


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar. The integers have an underscore; the prices as people write them are properties. `whole`: nothing is missing.

    `rules`: as they were when it was closed, one object for all bars of a series: 16 bytes a bar less than its symbol and powers.
    """

    rules: Rules
    start_ns: int
    end_ns: int
    open_: int
    high_: int
    low_: int
    close_: int
    volume_: int
    trades: int
    whole: bool

    @property
    def symbol(self) -> str:
        """Venue and symbol."""
        return self.rules.symbol

    @property
    def open(self) -> Decimal:
        """The first price."""
        return Decimal(self.open_).scaleb(self.rules.price_power)

    @property
    def high(self) -> Decimal:
        """The highest price."""
        return Decimal(self.high_).scaleb(self.rules.price_power)

    @property
    def low(self) -> Decimal:
        """The lowest price."""
        return Decimal(self.low_).scaleb(self.rules.price_power)

    @property
    def close(self) -> Decimal:
        """The last price."""
        return Decimal(self.close_).scaleb(self.rules.price_power)

    @property
    def volume(self) -> Decimal:
        """What was traded."""
        return Decimal(self.volume_).scaleb(self.rules.size_power)


class Line:
    """A figure over the closed bars of a series, as a float; it compares, counts and prints like one. `<Line sma(10) 67320.4>`."""

    def __init__(self, name: str, length: int, reckon: Callable[[Line], float | None], power: int) -> None:
        self.name = name
        self.length = length
        self.value: float | None = None
        self._reckon = reckon
        self._scale = 10.0**power
        self.state: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether there were enough bars."""
        return self.value is not None

    def update(self) -> None:
        """A bar was closed."""
        found = self._reckon(self)
        self.value = None if found is None else found * self._scale

    def __float__(self) -> float:
        if self.value is None:
            raise ValueError(f"{self.name} needs {self.length} bars; ask `ready` first")
        return self.value

    def __lt__(self, other: Line | float) -> bool:
        return float(self) < float(other)

    def __gt__(self, other: Line | float) -> bool:
        return float(self) > float(other)

    def __le__(self, other: Line | float) -> bool:
        return float(self) <= float(other)

    def __ge__(self, other: Line | float) -> bool:
        return float(self) >= float(other)

    def __sub__(self, other: Line | float) -> float:
        return float(self) - float(other)

    def __format__(self, spec: str) -> str:
        return format(float("nan") if self.value is None else self.value, spec)

    def __repr__(self) -> str:
        return f"<Line {self.name} {self.value}>"


class BarSeries:
    """The closed bars of one symbol and interval, the newest last, at most `history`; and the one that is forming.

    `needed`: so many contiguous bars must be there before `ready`.
    """

    def __init__(self, symbol: str, interval: str, history: int, rules: Rules) -> None:
        self.symbol = symbol
        self.interval = interval
        self.interval_ns = interval_ns(interval)
        self.bars: deque[Bar] = deque(maxlen=max(1, history))
        self.number = 0
        self.asked_ns = 0
        self.needed = 1
        self.late = 0
        self.incomplete = 0
        self._rules = rules
        self._lines: list[Line] = []
        self._start = 0
        self._forming: list[int] | None = None
        self._trades = 0
        self._doubt = False
        self._first = True

    # -- what a strategy sees ---------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.bars)

    def __getitem__(self, index: int) -> Bar:
        return self.bars[index]

    @property
    def ready(self) -> bool:
        """Whether there are enough contiguous bars for all of its lines."""
        return len(self.bars) >= self.needed

    def sma(self, length: int) -> Line:
        """The mean of the last closes."""
        return self._line(f"sma({length})", length, lambda line: self._mean(line.length))

    def ema(self, length: int) -> Line:
        """The exponential mean of the closes, begun with their plain mean."""

        def reckon(line: Line) -> float | None:
            if line.value is None:
                mean = self._mean(length)
                line.state = mean or 0.0
                return mean
            line.state += (self.bars[-1].close_ - line.state) * 2.0 / (length + 1)
            return line.state

        return self._line(f"ema({length})", length, reckon)

    def highest(self, length: int) -> Line:
        """The highest price of the last bars."""
        return self._line(f"highest({length})", length, lambda line: self._extreme(length, max, lambda bar: bar.high_))

    def lowest(self, length: int) -> Line:
        """The lowest price of the last bars."""
        return self._line(f"lowest({length})", length, lambda line: self._extreme(length, min, lambda bar: bar.low_))

    def atr(self, length: int) -> Line:
        """The mean true range of the last bars."""

        def reckon(line: Line) -> float | None:
            if len(self.bars) <= length:
                return None
            last = list(self.bars)[-length - 1 :]
            ranges = (max(now.high_, was.close_) - min(now.low_, was.close_) for was, now in pairwise(last))
            return sum(ranges) / length

        return self._line(f"atr({length})", length + 1, reckon)

    def _line(self, name: str, length: int, reckon: Callable[[Line], float | None]) -> Line:
        if length < 1:
            raise ValueError(f"{name} needs at least one bar")
        line = Line(name, length, reckon, self._rules.price_power)
        self._lines.append(line)
        self.needed = max(self.needed, length)
        if (self.bars.maxlen or 0) < length:
            self.bars = deque(self.bars, maxlen=length)
        return line

    def _mean(self, length: int) -> float | None:
        if len(self.bars) < length:
            return None
        bars = self.bars
        return sum(bars[index].close_ for index in range(len(bars) - length, len(bars))) / length

    def _extreme(self, length: int, pick: Callable[[Iterable[int]], int], of: Callable[[Bar], int]) -> float | None:
        return None if len(self.bars) < length else float(pick(of(bar) for bar in list(self.bars)[-length:]))

    # -- what the engine does -----------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When the forming bar is closed though no trade comes; None: there is none."""
        return None if self._forming is None else self._start + self.interval_ns + GRACE_NS

    def trade(self, trade: MarketTrade) -> list[Bar]:
        """Count a trade; returns the bars that it closed, oldest first."""
        stamp = trade.event_ns if trade.event_ns is not None else trade.at_ns
        start = stamp - stamp % self.interval_ns
        closed: list[Bar] = []
        if start < self._start:
            self.late += 1
            return closed
        while self._forming is not None and start > self._start:
            closed += self._close()
        if self._forming is None:
            self._begin(start, trade.price)
        forming = self._forming
        if forming is not None:
            if not self._trades and forming[4] == 0:
                forming[0] = forming[1] = forming[2] = trade.price
            forming[1] = max(forming[1], trade.price)
            forming[2] = min(forming[2], trade.price)
            forming[3] = trade.price
            forming[4] += trade.size
            self._trades += 1
        return closed

    def pass_time(self, now_ns: int) -> list[Bar]:
        """Close what is due by now."""
        closed: list[Bar] = []
        while self._forming is not None and now_ns >= self._start + self.interval_ns + GRACE_NS:
            closed += self._close()
        return closed

    def doubt(self) -> None:
        """Trades may be missing: the forming bar is not whole."""
        self._doubt = True

    def fill(self, bars: Iterable[MarketBar], now_ns: int) -> int:
        """What the venue says of bars that were closed by `now_ns`: they take the places of those that are missing, or not whole.

        Own whole bars stay. Returns how many contiguous bars there are then; figures are reckoned anew.
        """
        found = {bar.start_ns: bar for bar in self.bars}
        for each in bars:
            if each.interval_ns == self.interval_ns and each.start_ns + self.interval_ns <= now_ns:
                values = [each.open, each.high, each.low, each.close, each.volume]
                found.setdefault(each.start_ns, self._made(each.start_ns, values, 0, whole=True))
        kept: deque[Bar] = deque(maxlen=self.bars.maxlen)
        for start in sorted(found):
            if kept and kept[-1].end_ns != start:
                kept.clear()
            kept.append(found[start])
        if not kept or (self._start and kept[-1].end_ns < self._start):
            return len(self.bars)  # it does not reach up to what forms now
        self.bars.clear()
        for line in self._lines:
            line.value = None
        for bar in kept:
            self.bars.append(bar)
            for line in self._lines:
                line.update()
        return len(self.bars)

    def _begin(self, start: int, price: int) -> None:
        self._start, self._forming, self._trades = start, [price, price, price, price, 0], 0
        if self._first:
            self._first = False
            self._doubt = True  # it began before us

    def _close(self) -> list[Bar]:
        forming = self._forming
        assert forming is not None, "there is one to close"
        bar = self._made(self._start, forming, self._trades, whole=not self._doubt)
        self._doubt = False
        self._take(bar)
        self._start += self.interval_ns
        self._forming, self._trades = [forming[3], forming[3], forming[3], forming[3], 0], 0
        return [bar]

    def _made(self, start: int, values: list[int], trades: int, *, whole: bool) -> Bar:
        opened, high, low, close, volume = values
        return Bar(self._rules, start, start + self.interval_ns, opened, high, low, close, volume, trades, whole)

    def _take(self, bar: Bar) -> None:
        if not bar.whole:
            self.incomplete += 1
            self.bars.clear()
            for line in self._lines:
                line.value = None
            return
        if self.bars and self.bars[-1].end_ns != bar.start_ns:
            self.bars.clear()
            for line in self._lines:
                line.value = None
        self.bars.append(bar)
        for line in self._lines:
            line.update()
