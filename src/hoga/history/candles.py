"""history.candles: candles as closed bars in integers: of the recorder's series, of the exchange's files, of a CSV file of one's own.

They come in order, each once. What is wrong with them (holes, doubles, disorder) is counted and told, and a hole is never filled.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hoga.columns.digits import NONE
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.ticks import MarketBar
from hoga.core.times import SECOND_NS, iso_of, parse_time_ns
from hoga.core.trading import Rules, whole_of
from hoga.history.asking import AskedSeries
from hoga.history.batch import Arrays
from hoga.history.decoding import series_batches
from hoga.history.published import published_batches
from hoga.trading.intervals import interval_of

__all__ = ["CandleFile", "Candles", "archived_bars", "read_candle_file", "scaled", "shortest_of"]

_TIMES = ("time", "timestamp", "open_time", "opentime", "start", "start_ns", "date", "datetime")
_PRICES = ("open", "high", "low", "close")
_VOLUMES = ("volume", "vol", "size")
_UNITS = ((10**11, SECOND_NS), (10**14, 10**6), (10**17, 10**3))
"""Below this it counts so many ns: seconds, milliseconds, microseconds; else nanoseconds."""

_LATE = 64


class _Row(NamedTuple):
    start_ns: int
    prices: tuple[str, str, str, str]
    volume: str


class CandleFile(NamedTuple):
    """The candles of a file, as texts, in order and each once. `told`: what was not as it should be."""

    path: Path
    interval_ns: int
    rows: list[_Row]
    told: tuple[str, ...]

    @property
    def price_places(self) -> int:
        """The most digits behind the point that a price has."""
        return max(_places(each) for row in self.rows for each in row.prices)

    def bars(self, rules: Rules, start_ns: int, end_ns: int) -> Iterator[MarketBar]:
        """Those that begin in the span and end in it. Raises ValueError where a price is finer than the rules' integers."""
        for row in self.rows:
            if start_ns <= row.start_ns and row.start_ns + self.interval_ns <= end_ns:
                opened, high, low, close = (whole_of(each, rules.price_power) for each in row.prices)
                yield _bar(rules, self.interval_ns, row.start_ns, (opened, high, low, close), whole_of(row.volume, rules.size_power))


def read_candle_file(path: Path) -> CandleFile:
    """A CSV file: a line of names (time, open, high, low, close, volume, in any order), or the exchange's columns without one.

    Times are UTC: numbers of s, ms, µs or ns since 1970, or as 2026-11-20T03:00. Raises ConfigError for what is no such file.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(number, [each.strip() for each in row]) for number, row in enumerate(csv.reader(file), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise _mistake(path, None, str(getattr(fault, "strerror", None) or fault), "a CSV file of candles that can be read") from fault
    if not lines:
        raise _mistake(path, None, "no line", "candles: time, open, high, low, close, volume")
    names = [each.lower() for each in lines[0][1]]
    places = _places_of(path, names) if "open" in names else (0, 1, 2, 3, 4, 5)
    rows = [_row(path, number, cells, places) for number, cells in (lines[1:] if "open" in names else lines)]
    return _in_order(path, rows)


def _places_of(path: Path, names: list[str]) -> tuple[int, ...]:
    time = next((names.index(each) for each in _TIMES if each in names), None)
    missing = [each for each in _PRICES if each not in names] + (["time"] if time is None else [])
    if missing or time is None:
        raise _mistake(path, 1, ", ".join(names), f"a column {missing[0]}")
    volume = next((names.index(each) for each in _VOLUMES if each in names), -1)
    return (time, *(names.index(each) for each in _PRICES), volume)


def _row(path: Path, number: int, cells: list[str], places: tuple[int, ...]) -> _Row:
    time, opened, high, low, close, volume = places
    try:
        start_ns = _time_of(cells[time])
        found = _Row(start_ns, (_plain(cells[opened]), _plain(cells[high]), _plain(cells[low]), _plain(cells[close])),
                     _plain(cells[volume]) if 0 <= volume < len(cells) else "0")  # fmt: skip
        numbers = [Decimal(each) for each in found.prices]
    except (IndexError, ValueError, InvalidOperation):
        raise _mistake(path, number, ",".join(cells)[:80], "time, open, high, low, close, volume") from None
    if min(numbers) <= 0 or numbers[1] != max(numbers) or numbers[2] != min(numbers):
        raise _mistake(path, number, ",".join(found.prices), "prices above 0, of which high is the highest and low the lowest")
    return found


def _time_of(text: str) -> int:
    if text.replace(".", "", 1).isdigit():
        number = Decimal(text)
        unit = next((unit for below, unit in _UNITS if number < below), 1)
        return int(number * unit)
    return parse_time_ns(text)


def _plain(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return f"{number:f}"


def _places(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def _in_order(path: Path, rows: list[_Row]) -> CandleFile:
    """Sorted, each once; what was wrong is told."""
    told: list[str] = []
    ordered = sorted(rows, key=lambda row: row.start_ns)
    if [row.start_ns for row in ordered] != [row.start_ns for row in rows]:
        told.append(f"{path}: the candles are not in order of time: they were sorted")
    kept: list[_Row] = []
    doubles = differ = 0
    for row in ordered:
        if kept and kept[-1].start_ns == row.start_ns:
            doubles += 1
            differ += row != kept[-1]
            continue
        kept.append(row)
    if doubles:
        told.append(f"{path}: {doubles} candles are there twice: the first one counts" + (f" ({differ} of them differ)" if differ else ""))
    steps = Counter(after.start_ns - before.start_ns for before, after in pairwise(kept))
    if not steps:
        raise _mistake(path, None, f"{len(kept)} candle", "two or more: their distance is their length")
    interval_ns = min(steps)
    odd = [step for step in steps if step % interval_ns]
    if odd:
        at = next(each for each, after in pairwise(kept) if after.start_ns - each.start_ns in odd)
        raise _mistake(path, None, f"a candle that does not begin a whole number of {interval_ns // SECOND_NS} s after the one of "
                       f"{iso_of(at.start_ns)}", "candles of one length")  # fmt: skip
    holes = sum((step // interval_ns - 1) * count for step, count in steps.items())
    if holes:
        places = sum(count for step, count in steps.items() if step > interval_ns)
        told.append(f"{path}: {holes} candles are missing in {places} places: bars over them do not count")
    return CandleFile(path, interval_ns, kept, tuple(told))


class Candles(NamedTuple):
    """The candles of one series: recorded ones (of several lengths perhaps: those with this `label`), or of the exchange's files."""

    series: AskedSeries
    interval_ns: int
    label: str = ""


def shortest_of(series: AskedSeries) -> Candles | None:
    """The shortest candles of a recorded series, as its first records say it; None where there is none of a known length."""
    first = next(series_batches(series, 0, 2**63 - 1, exact=True), None)
    lengths: dict[int, str] = {}
    for label in set(first["interval"].tolist()) if first is not None and "interval" in first else ():
        try:
            lengths[interval_of(label).ns] = label
        except ValueError:
            continue
    return Candles(series, min(lengths), lengths[min(lengths)]) if lengths else None


def archived_bars(candles: Candles, rules: Rules, start_ns: int, end_ns: int) -> Iterator[MarketBar]:
    """Its closed candles that lie in the span, in order, each once: of two the one that came first. One that came after more than `_LATE`
    others that begin later is left out. Raises ArchiveError, SegmentCorrupt."""
    waiting: list[tuple[int, int, MarketBar]] = []
    last_ns = -1
    for number, bar in enumerate(_as_they_came(candles, rules, start_ns, end_ns)):
        heappush(waiting, (bar.start_ns, number, bar))
        if len(waiting) > _LATE:
            start, _, bar = heappop(waiting)
            if start > last_ns:
                last_ns = start
                yield bar
    while waiting:
        start, _, bar = heappop(waiting)
        if start > last_ns:
            last_ns = start
            yield bar


def _as_they_came(candles: Candles, rules: Rules, start_ns: int, end_ns: int) -> Iterator[MarketBar]:
    """Its closed candles that lie in the span."""
    series = candles.series
    batches = (
        published_batches(series, start_ns, end_ns, exact=True)
        if series.files
        else series_batches(series, start_ns, end_ns + 1, exact=True)
    )
    for batch in batches:
        columns = [scaled(batch, name, rules.price_power) for name in _PRICES] + [scaled(batch, "volume", rules.size_power)]
        closed = batch["closed"].tolist() if "closed" in batch else [True] * batch.records
        starts = batch["start_ns"].tolist()
        if candles.label:
            closed = [is_closed and label == candles.label for is_closed, label in zip(closed, batch["interval"].tolist(), strict=True)]
        for place, start in enumerate(starts):
            if closed[place] and start_ns <= start and start + candles.interval_ns <= end_ns:
                opened, high, low, close, volume = (column[place] for column in columns)
                yield _bar(rules, candles.interval_ns, start, (opened, high, low, close), volume)


def scaled(batch: Arrays, name: str, power: int) -> list[int]:
    """An exact column as integers of another power; finer digits are cut off, what is missing is 0."""
    values, counted = batch[name].tolist(), batch.powers.get(name, 0)
    if counted >= power:
        factor = 10 ** (counted - power)
        return [0 if value == NONE else value * factor for value in values]
    divisor = 10 ** (power - counted)
    return [0 if value == NONE else value // divisor for value in values]


def _bar(rules: Rules, interval_ns: int, start_ns: int, prices: tuple[int, int, int, int], volume: int) -> MarketBar:
    opened, high, low, close = prices
    return MarketBar(
        symbol=rules.symbol,
        at_ns=start_ns + interval_ns,
        event_ns=start_ns + interval_ns,
        interval_ns=interval_ns,
        start_ns=start_ns,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


def _mistake(path: Path, line: int | None, found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake(str(path), line, "--bars", found, expected)])
