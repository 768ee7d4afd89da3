"""dashboard.rings: curves over a day in bounded memory: samples on the clock's own grid, in three widths. Pure.

A sample has a slot of its own, the number of its step since 1970, so that a time in which nobody looked is a hole of the right
length. What is finer than a step is folded into it, by the largest for some columns, by the mean of what is known for the others; the step
that is being filled is told as it is so far.

    span   step     kept by each ring
    1m     1 s      `fine_s` seconds
    15m    1 s      where `fine_s` reaches so far, else 5 s
    1h     5 s      720 samples
    24h    120 s    720 samples

A column takes (`fine_s` + 1,440) samples of 2 or 4 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy
from numpy.typing import DTypeLike, NDArray

__all__ = ["SPANS", "Curves", "KeptCurves", "KeptRing", "Ring", "Stretch"]

SPANS = {"1m": 60, "15m": 900, "1h": 3_600, "24h": 86_400}
"""Seconds of each range that can be asked for."""
_STEPS = ((5, 720), (120, 720))
_CARRY_S = 3

Values = NDArray[Any]


class Stretch(NamedTuple):
    """Samples, evenly spaced: the first at `t0_s`, one each `step_s`. `values` (sample, column): a hole is NaN."""

    t0_s: int
    step_s: int
    values: Values


class KeptRing(msgspec.Struct, frozen=True):
    """A ring as bytes: samples from slot `first` to `newest`, row by row."""

    step_s: int
    first: int
    newest: int
    data: bytes


class KeptCurves(msgspec.Struct, frozen=True):
    """All rings of some curves; each row has a value of each of `names`."""

    names: list[str]
    dtype: str
    rings: list[KeptRing]


class Ring:
    """The newest `rows` samples of `width` columns. Memory is taken as it is filled."""

    def __init__(self, step_s: int, rows: int, width: int, dtype: DTypeLike) -> None:
        self.step_s = step_s
        self.rows = rows
        self.first = self.newest = -1
        self._values = numpy.empty((rows, width), dtype)

    def put(self, slot: int, values: Values) -> None:
        """Set the sample of a slot. One before the newest: the clock was set back, and what came after it is forgotten."""
        if self.newest < 0 or slot - self.newest >= self.rows or slot < self.first:
            self.first = slot
        elif slot > self.newest + 1:
            self._values[numpy.arange(self.newest + 1, slot) % self.rows] = numpy.nan
        self.newest = slot
        self.first = max(self.first, slot - self.rows + 1)
        self._values[slot % self.rows] = values

    def last(self, count: int, slot: int, columns: Sequence[int] | slice) -> Values:
        """`count` samples of `columns`, the last of them that of `slot`; NaN where there is none."""
        start = slot - count + 1
        low, high = max(self.first, start), min(self.newest, slot)
        width = numpy.arange(self._values.shape[1])[columns].size
        found = numpy.full((count, width), numpy.nan, self._values.dtype)
        if self.newest >= 0 and low <= high:
            found[low - start : high - start + 1] = self._values[numpy.arange(low, high + 1) % self.rows][:, columns]
        return found

    def fill(self, newest: int, values: Values) -> None:
        """Begin with `values` (sample, column), the last of them that of slot `newest`."""
        values = values[-self.rows :]
        self.newest, self.first = newest, newest - len(values) + 1
        self._values[numpy.arange(self.first, newest + 1) % self.rows] = values


class _Fold:
    """Folds seconds into the steps of a ring."""

    def __init__(self, ring: Ring, most: NDArray[numpy.bool_]) -> None:
        self._ring = ring
        self._most = most
        self._slot = -1
        self._begin(-1)

    def _begin(self, slot: int) -> None:
        self._slot = slot
        self._count = numpy.zeros(len(self._most), numpy.int32)
        self._sum = numpy.zeros(len(self._most))
        self._largest = numpy.full(len(self._most), numpy.nan)

    def add(self, second: int, values: Values) -> None:
        slot = second // self._ring.step_s
        if slot != self._slot:
            self._begin(slot)
        known = ~numpy.isnan(values)
        self._count += known
        self._sum[known] += values[known]
        self._largest = numpy.fmax(self._largest, values)
        mean = numpy.divide(self._sum, self._count, out=numpy.full(len(values), numpy.nan), where=self._count > 0)
        self._ring.put(slot, numpy.where(self._most, self._largest, mean))


class Curves:
    """Columns called `names`. `most`: those that are folded by the largest. `fine_s`: so many seconds are kept one by one. A value that
    `dtype` has no room for is the largest that it has: a clock that is off by hours makes such latencies."""

    def __init__(self, names: Iterable[str], *, most: Iterable[str] = (), fine_s: int = 900, dtype: DTypeLike = numpy.float32) -> None:
        self.names = list(names)
        self._fine_s = fine_s
        self._dtype = numpy.dtype(dtype)
        self._largest = float(numpy.finfo(self._dtype).max)
        self._second = -1
        largest = set(most)
        self._most = numpy.array([name in largest for name in self.names], dtype=bool)
        self._rings = [Ring(step_s, rows, len(self.names), self._dtype) for step_s, rows in ((1, fine_s), *_STEPS)]
        self._folds = [_Fold(ring, self._most) for ring in self._rings[1:]]

    def add(self, second: int, values: Values) -> None:
        """The values of a second, by column; NaN: not known. Seconds that were stepped over since a sample just before are given the same:
        somebody looked, only not that often."""
        values = numpy.clip(values, -self._largest, self._largest)
        stepped = range(self._second + 1, second) if 0 <= self._second < second <= self._second + _CARRY_S else ()
        for each in (*stepped, second):
            self._rings[0].put(each, values)
            for fold in self._folds:
                fold.add(each, values)
        self._second = second

    def over(self, span: str, now_s: int, columns: Sequence[int] | slice = slice(None)) -> Stretch:
        """A range of `SPANS` up to now."""
        wanted_s = SPANS[span]
        ring = next((each for each in self._rings if each.rows * each.step_s >= wanted_s), self._rings[-1])
        count, slot = wanted_s // ring.step_s, now_s // ring.step_s
        return Stretch((slot - count + 1) * ring.step_s, ring.step_s, ring.last(count, slot, columns))

    # -- kept over a restart ------------------------------------------------------------------------------------------

    def keep(self, *, least_step_s: int = 1) -> KeptCurves:
        """All there is, or only what has a step of so many seconds."""
        return KeptCurves(self.names, self._dtype.str, [_kept(ring) for ring in self._rings if ring.step_s >= least_step_s])

    def take(self, kept: KeptCurves) -> None:
        """Begin with what is known of columns of the same name. What does not fit together is left out."""
        if kept.dtype != self._dtype.str or not kept.names:
            return
        known = {name: at for at, name in enumerate(kept.names)}
        places = [known.get(name, -1) for name in self.names]
        for ring in self._rings:
            for each in kept.rings:
                rows = each.newest - each.first + 1
                if each.step_s != ring.step_s or not 0 < rows <= ring.rows or len(each.data) != rows * len(known) * self._dtype.itemsize:
                    continue
                values = numpy.frombuffer(each.data, self._dtype).reshape(rows, len(known))
                values = numpy.concatenate([values, numpy.full((rows, 1), numpy.nan, self._dtype)], axis=1)
                ring.fill(each.newest, values[:, places])


def _kept(ring: Ring) -> KeptRing:
    rows = ring.newest - ring.first + 1 if ring.newest >= 0 else 0
    return KeptRing(ring.step_s, ring.first, ring.newest, ring.last(rows, ring.newest, slice(None)).tobytes())
