"""trading.indicators: running figures over closed bars: averages, strength, range, extremes, swings. Pure.

A `Line` is a number that moves at each closed bar. It compares, counts and prints like one, and is true once it has a value; `line[-1]`
is its newest value and `line[-2]` the one before. What it is made of runs along, in integers wherever that is possible, so a bar costs the
same whatever the length, and the value is the one that a plain reckoning over the last bars gives. Lines begin anew with the bars they
stand on: where bars were filled in, revised, or a hole was found, they are reckoned again from what the series holds.

| line | is | bars it needs |
|---|---|---|
| `sma(n)` | the mean of the last n values | n |
| `ema(n)` | `value += (new - value) * 2 / (n + 1)`, begun with the mean of the first n | n |
| `rsi(n)` | 100 - 100 / (1 + gains / losses), both smoothed as Wilder did; 50 where nothing moved | n + 1 |
| `atr(n)` | the true range, smoothed as Wilder did: begun with the mean of the first n | n + 1 |
| `highest(n)`, `lowest(n)` | the extreme of the last n values | n |
| `swings(n)` | the last low and high that n bars on both sides of it did not pass | 2 n + 1 |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Protocol

__all__ = ["Atr", "Ema", "Extreme", "HasPrices", "Line", "Mean", "Number", "Reckoner", "Rsi", "Swing", "Swings", "value_of"]


class HasPrices(Protocol):
    """What a bar has, in the instrument's integers."""

    @property
    def open_(self) -> int:
        """The first price."""

    @property
    def high_(self) -> int:
        """The highest."""

    @property
    def low_(self) -> int:
        """The lowest."""

    @property
    def close_(self) -> int:
        """The last."""

    @property
    def volume_(self) -> int:
        """What was traded."""


_VALUES: dict[str, Callable[[HasPrices], int]] = {
    "open": lambda bar: bar.open_,
    "high": lambda bar: bar.high_,
    "low": lambda bar: bar.low_,
    "close": lambda bar: bar.close_,
    "volume": lambda bar: bar.volume_,
}


def value_of(what: str) -> Callable[[HasPrices], int]:
    """The value of a bar that a line is of: `open`, `high`, `low`, `close` or `volume`. Raises ValueError."""
    if what not in _VALUES:
        raise ValueError(f"of={what!r}: expected one of {', '.join(_VALUES)}")
    return _VALUES[what]


class Reckoner(Protocol):
    """One figure over bars, fed one after the other."""

    def feed(self, bar: HasPrices) -> float | None:
        """The figure in the instrument's integers; None: it has not had enough bars."""

    def reset(self) -> None:
        """Forget everything."""


class Mean:
    """`sma`: a sum that one value enters and one leaves; exact."""

    def __init__(self, length: int, of: Callable[[HasPrices], int]) -> None:
        self._length, self._of = length, of
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._sum = 0
        self._last: deque[int] = deque(maxlen=self._length)

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`."""
        last, value = self._last, self._of(bar)
        self._sum += value
        if len(last) == self._length:
            self._sum -= last[0]
        last.append(value)
        return self._sum / self._length if len(last) == self._length else None


class Ema:
    """`ema`."""

    def __init__(self, length: int, of: Callable[[HasPrices], int]) -> None:
        self._length, self._of, self._part = length, of, 2.0 / (length + 1)
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._value: float | None = None
        self._sum = self._count = 0

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`."""
        new = self._of(bar)
        if self._value is not None:
            self._value += (new - self._value) * self._part
            return self._value
        self._sum += new
        self._count += 1
        if self._count == self._length:
            self._value = self._sum / self._length
        return self._value


class _Smooth:
    """As Wilder smoothed: the mean of the first n, then each new value has a share of one in n."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._sum: float = 0
        self._count = 0
        self._value: float | None = None

    def feed(self, new: int) -> float | None:
        if self._value is not None:
            self._value = (self._value * (self._length - 1) + new) / self._length
            return self._value
        self._sum += new
        self._count += 1
        if self._count == self._length:
            self._value = self._sum / self._length
        return self._value


class Rsi:
    """`rsi`: 0 to 100."""

    def __init__(self, length: int, of: Callable[[HasPrices], int]) -> None:
        self._length, self._of = length, of
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._before: int | None = None
        self._gains, self._losses = _Smooth(self._length), _Smooth(self._length)

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`."""
        new, before = self._of(bar), self._before
        self._before = new
        if before is None:
            return None
        gain, loss = self._gains.feed(max(0, new - before)), self._losses.feed(max(0, before - new))
        if gain is None or loss is None:
            return None
        return 50.0 if gain == loss else 100.0 * gain / (gain + loss)


class Atr:
    """`atr`: the true range reaches from the lowest to the highest of a bar and the close before it."""

    def __init__(self, length: int) -> None:
        self._length = length
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._before: int | None = None
        self._smooth = _Smooth(self._length)

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`."""
        before, self._before = self._before, bar.close_
        if before is None:
            return None
        return self._smooth.feed(max(bar.high_, before) - min(bar.low_, before))


class Extreme:
    """`highest` (`sign` 1) and `lowest` (`sign` -1): those that may still become it wait in order; each bar enters and leaves once."""

    def __init__(self, length: int, of: Callable[[HasPrices], int], sign: int) -> None:
        self._length, self._of, self._sign = length, of, sign
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._count = 0
        self._waiting: deque[tuple[int, int]] = deque()

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`."""
        waiting, new = self._waiting, self._of(bar) * self._sign
        self._count += 1
        while waiting and waiting[-1][1] <= new:
            waiting.pop()
        waiting.append((self._count, new))
        if waiting[0][0] <= self._count - self._length:
            waiting.popleft()
        return float(waiting[0][1] * self._sign) if self._count >= self._length else None


class Swing:
    """The last turning point: a high (`sign` 1) above which no bar of the `side` before and of the `side` after it went.

    Of equal ones in a row the first counts. It is known `side` bars late, and stays until the next.
    """

    def __init__(self, side: int, sign: int) -> None:
        self._side, self._sign = side, sign
        self._of = _VALUES["high" if sign > 0 else "low"]
        self.reset()

    def reset(self) -> None:
        """See `Reckoner`."""
        self._last: deque[int] = deque(maxlen=2 * self._side + 1)
        self._value: float | None = None
        self.turned = False

    def feed(self, bar: HasPrices) -> float | None:
        """See `Reckoner`. `turned`: this bar has shown a new one."""
        last = self._last
        last.append(self._of(bar) * self._sign)
        self.turned = False
        if len(last) == 2 * self._side + 1:
            seen = list(last)
            middle = seen[self._side]
            if all(each < middle for each in seen[: self._side]) and all(each <= middle for each in seen[self._side + 1 :]):
                self._value = float(middle * self._sign)
                self.turned = True
        return self._value


Number = int | float | Decimal
"""What a line compares and counts with, beside other lines."""


class Line:
    """A running figure over a series, as a float. `<Line sma(10) 67320.4>`.

    Args:
        refresh: called before anything is read: the series reckons its lines anew where its bars have changed.
        keep: so many of its values are kept.
    """

    def __init__(
        self, name: str, length: int, reckoner: Reckoner, scale: float, *, keep: int, refresh: Callable[[], object] = lambda: None
    ) -> None:
        self.name = name
        self.length = length
        self._reckoner = reckoner
        self._scale = scale
        self._refresh = refresh
        self._values: deque[float] = deque(maxlen=max(2, keep))
        self._value: float | None = None

    @property
    def value(self) -> float | None:
        """The newest; None: there were not enough bars."""
        self._refresh()
        return self._value

    @property
    def ready(self) -> bool:
        """Whether there were enough bars."""
        return self.value is not None

    def feed(self, bar: HasPrices) -> None:
        """A bar was closed."""
        found = self._reckoner.feed(bar)
        if found is not None:
            self._value = found * self._scale
            self._keep(self._value)

    def _keep(self, value: float) -> None:
        self._values.append(value)

    def reset(self) -> None:
        """Begin anew."""
        self._reckoner.reset()
        self._value = None
        self._values.clear()

    def resize(self, keep: int) -> None:
        """Keep so many values."""
        self._values = deque(self._values, maxlen=max(2, keep))

    def crossed_above(self, other: Line | Number) -> bool:
        """Whether it was not above `other` one bar ago, and is now. False while one of them has too few values."""
        now, was = _pair(self, other)
        return now is not None and was is not None and was[0] <= was[1] and now[0] > now[1]

    def crossed_below(self, other: Line | Number) -> bool:
        """Whether it was not below `other` one bar ago, and is now. False while one of them has too few values."""
        now, was = _pair(self, other)
        return now is not None and was is not None and was[0] >= was[1] and now[0] < now[1]

    def __getitem__(self, index: int) -> float:
        self._refresh()
        try:
            return self._values[index]
        except IndexError:
            raise IndexError(f"{self.name} has {len(self._values)} values; [{index}] was asked for") from None

    def __len__(self) -> int:
        self._refresh()
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        self._refresh()
        return iter(tuple(self._values))

    def __float__(self) -> float:
        value = self.value
        if value is None:
            raise ValueError(f"{self.name} has no value yet, and needs {self.length} bars at least; ask `ready` first")
        return value

    def __lt__(self, other: Line | Number) -> bool:
        return float(self) < float(other)

    def __gt__(self, other: Line | Number) -> bool:
        return float(self) > float(other)

    def __le__(self, other: Line | Number) -> bool:
        return float(self) <= float(other)

    def __ge__(self, other: Line | Number) -> bool:
        return float(self) >= float(other)

    def __add__(self, other: Line | Number) -> float:
        return float(self) + float(other)

    def __radd__(self, other: Number) -> float:
        return float(other) + float(self)

    def __sub__(self, other: Line | Number) -> float:
        return float(self) - float(other)

    def __rsub__(self, other: Number) -> float:
        return float(other) - float(self)

    def __mul__(self, other: Line | Number) -> float:
        return float(self) * float(other)

    def __rmul__(self, other: Number) -> float:
        return float(other) * float(self)

    def __truediv__(self, other: Line | Number) -> float:
        return float(self) / float(other)

    def __rtruediv__(self, other: Number) -> float:
        return float(other) / float(self)

    def __neg__(self) -> float:
        return -float(self)

    def __abs__(self) -> float:
        return abs(float(self))

    def __round__(self, digits: int = 0) -> float:
        return round(float(self), digits)

    def __format__(self, spec: str) -> str:
        value = self.value
        return format(float("nan") if value is None else value, spec)

    def __repr__(self) -> str:
        return f"<Line {self.name} {self.value}>"


def _pair(line: Line, other: Line | Number) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """(now, one bar ago), each as (line, other); None: too few values."""
    if len(line) < 2:
        return None, None
    if isinstance(other, Line):
        return ((line[-1], other[-1]), (line[-2], other[-2])) if len(other) >= 2 else (None, None)
    level = float(other)
    return (line[-1], level), (line[-2], level)


class _Turns(Line):
    """A line that keeps only where it turned: `[-1]` the last turning point, `[-2]` the one before."""

    def __init__(self, name: str, swing: Swing, side: int, scale: float, *, keep: int, refresh: Callable[[], object]) -> None:
        super().__init__(name, 2 * side + 1, swing, scale, keep=keep, refresh=refresh)
        self._swing = swing

    def _keep(self, value: float) -> None:
        if self._swing.turned:
            self._values.append(value)


class Swings:
    """The turning points of a series. `high`, `low`: lines of the last of each; `high[-2]` is the one before the last."""

    def __init__(self, side: int, scale: float, *, keep: int, refresh: Callable[[], object] = lambda: None) -> None:
        self.high: Line = _Turns(f"swings({side}).high", Swing(side, 1), side, scale, keep=keep, refresh=refresh)
        self.low: Line = _Turns(f"swings({side}).low", Swing(side, -1), side, scale, keep=keep, refresh=refresh)

    @property
    def ready(self) -> bool:
        """Whether one of each is known."""
        return self.high.ready and self.low.ready

    @property
    def lines(self) -> Iterable[Line]:
        """Both."""
        return (self.high, self.low)

    def __repr__(self) -> str:
        return f"<Swings {self.low.value} {self.high.value}>"
