"""history.view: an archive around an instant: the book in force, the trades, the depth over time, the gaps. Reads files; blocks.

Nothing is filled in: where a gap reaches between a book and the instant, there is no book, as with `Dataset.at`; in the picture such
time is told by its gaps. Minutes that were read are kept for the next look, as many as fit `KEPT_BYTES`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hoga.archive.form.calendar import minutes_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import day_span
from hoga.archive.form.store import look
from hoga.archive.read.coverage import day_coverage
from hoga.archive.read.reader import Block, read_blocks, read_stretches
from hoga.archive.read.stretches import Stretch, find_stretches
from hoga.columns.digits import NONE
from hoga.core.errors import ArchiveError, HogaError
from hoga.core.ledger import Gap
from hoga.core.streams import Kind
from hoga.core.times import DAY_NS, MINUTE_NS, day_of
from hoga.history.asking import Asked, AskedSeries, series_of
from hoga.history.batch import Arrays, joined, some, taken
from hoga.history.dataset import Dataset
from hoga.history.decoding import SeriesDecoder, gaps_in
from hoga.history.depthmap import DepthMap, depth_map
from hoga.runtime.clock import SYSTEM, Clock

__all__ = ["KEPT_BYTES", "Book", "NoSuchSeries", "View", "Window"]

KEPT_BYTES = 96 << 20
"""So much of what was read is kept, at most."""
_FRESH_S = 2.0
"""So long an answer about what may still grow is believed."""
_GROWS_NS = 5 * MINUTE_NS
"""A minute so old has been sealed; what is asked of it again is the same."""
_LOOK_BACK_NS = DAY_NS
_FOREVER = 2**63 - 1
_DAYS_KEPT = 64
_TRADES_SHOWN = 3_000
_GAPS_SHOWN = 1_000

Array = np.ndarray[Any, np.dtype[Any]]


class NoSuchSeries(HogaError):
    """What was asked for is not in the archive."""


class Book(NamedTuple):
    """The book in force at an instant: when it was received, the venue's time and id (None where it has none), `bids` and `asks` as
    (price, size), best first. `first_ns`, `last_ns` say between which receipts there is anything."""

    recv_ns: int
    event_ns: int | None
    update_id: int | None
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class Window(NamedTuple):
    """What is around an instant, from `from_ns` to before `to_ns`. `depth`: None where there are no books. `trades`: (recv_ns, price, size,
    side), by receipt, the largest where there are too many; `trade_count` is of all."""

    from_ns: int
    to_ns: int
    depth: DepthMap | None
    trades: list[tuple[int, float, float, int]]
    trade_count: int
    gaps: list[tuple[str, Gap]]


class View:
    """The archive below a path. Every method may be called in any thread; one reads at a time."""

    def __init__(self, path: Path, *, clock: Clock = SYSTEM) -> None:
        self._path = path
        self._clock = clock.monotonic
        self._now_ns = clock.time_ns
        self._lock = threading.RLock()
        self._series: dict[tuple[str, str], AskedSeries] = {}
        self._look_again = -1.0
        self._minutes: OrderedDict[tuple[str, str, int], tuple[float, int, Arrays | None]] = OrderedDict()
        self._bytes = 0
        self._merged: dict[SeriesDay, tuple[Hashable, list[Stretch]]] = {}
        self._unmerged: dict[SeriesDay, tuple[float, list[Stretch]]] = {}
        self._decoders: dict[tuple[str, str], SeriesDecoder] = {}
        self._gaps: dict[tuple[str, str, str], tuple[float, list[Gap]]] = {}

    def names(self) -> dict[str, list[str]]:
        """What there is to look at: `venue:SYMBOL` → kinds that have columns. Raises ArchiveError."""
        with self._lock:
            self._look()
            found: dict[str, list[str]] = {}
            for name, kind in sorted(self._series):
                found.setdefault(name, []).append(kind)
            return found

    def days(self, name: str) -> list[str]:
        """The days of one, in order: of its books, where it has any. Raises NoSuchSeries, ArchiveError."""
        with self._lock:
            return sorted({day.day for day in self._main(name).days})

    def minutes(self, name: str, day: str) -> str:
        """How the minutes of a day stand (`archive.form.calendar.minutes_of`); empty where nobody kept an account. Raises as `days`."""
        with self._lock:
            chosen = next((each for each in self._main(name).days if each.day == day), None)
            try:
                pieces = [] if chosen is None else day_coverage(chosen, now_ns=self._now_ns()).pieces
            except (ArchiveError, OSError):
                pieces = []
            return minutes_of(pieces, day_span(day)) if pieces else ""

    def span(self, name: str) -> tuple[int, int] | None:
        """(first, last) receipt of the books of one, or of its trades where it has none; None where there is nothing. Raises as `book`."""
        with self._lock:
            series = self._main(name)
            first, last = self._first(series), self._last(series)
            return None if first is None or last is None else (first, last)

    def book(self, name: str, kind: str, at_ns: int) -> Book | None:
        """The book in force at an instant; None where there was none yet, or a gap reaches into the time since. Raises NoSuchSeries,
        ArchiveError, SegmentCorrupt."""
        with self._lock:
            key, series = self._of(name, kind)
            arrays = self._minute(key, series, at_ns // MINUTE_NS)
            index = -1 if arrays is None else int(np.searchsorted(arrays["recv_ns"], at_ns, side="right")) - 1
            if arrays is None or index < 0:
                asked = Asked([series], max(0, at_ns - _LOOK_BACK_NS), at_ns + 1)
                found = Dataset(asked).at(at_ns)
                return None if found is None else _book(found)
            recv_ns = int(arrays["recv_ns"][index])
            if any(
                gap.missed != 0 and gap.from_ns < at_ns and gap.to_ns > recv_ns for gap in self._gaps_of(key, series, recv_ns, at_ns + 1)
            ):
                return None
            return _book({column: each[index] for column, each in arrays.items()})

    def step(self, name: str, kind: str, at_ns: int, by: int) -> int | None:
        """The receipt of the next record after an instant (`by` 1), or of the last one before it (-1), on whatever day that is; None where
        there is none. Raises as `book`."""
        with self._lock:
            key, series = self._of(name, kind)
            here, minute = day_of(at_ns), at_ns // MINUTE_NS
            for day in sorted(series.days, key=lambda each: each.day, reverse=by < 0):
                if (day.day < here) if by > 0 else (day.day > here):
                    continue
                for number in sorted(self._minutes_with(series, day), reverse=by < 0):
                    if (number < minute) if by > 0 else (number > minute):
                        continue
                    arrays = self._minute(key, series, number)
                    receipts = np.unique(arrays["recv_ns"]) if arrays is not None else np.empty(0, np.int64)
                    index = int(np.searchsorted(receipts, at_ns, side="right" if by > 0 else "left")) - (by < 0)
                    if 0 <= index < len(receipts):
                        return int(receipts[index])
            return None

    def window(self, name: str, kind: str, from_ns: int, to_ns: int, *, columns: int, rows: int) -> Window:
        """What there is between two instants, the depth as a map of `columns` by `rows`. Raises as `book`."""
        with self._lock:
            self._look()
            depth = None
            gaps: list[tuple[str, Gap]] = []
            if (name, kind) in self._series:
                key, series = self._of(name, kind)
                own = self._gaps_of(key, series, from_ns, to_ns)
                gaps += [(kind, gap) for gap in own]
                books = self._between(key, series, from_ns, to_ns)
                if books is not None:
                    known_ns = self._known_until(key, series, int(books["recv_ns"][-1]), to_ns)
                    depth = depth_map(books, own, from_ns, to_ns, known_ns=known_ns, columns=columns, rows=rows)
            trades, count = self._trades(name, from_ns, to_ns, gaps)
            shown = sorted(gaps, key=lambda each: (each[1].from_ns, each[1].to_ns))[:_GAPS_SHOWN]
            return Window(from_ns, to_ns, depth, trades, count, shown)

    def lines(self, name: str, from_ns: int, to_ns: int) -> Iterator[bytes]:
        """The records of one between two instants as they are recorded, kind after kind, as texts of whole lines. Raises as `book`."""
        with self._lock:
            self._look()
            chosen = [series for (each, _), series in sorted(self._series.items()) if each == name]
        if not chosen:
            raise NoSuchSeries(f"nothing of {name} is recorded here")
        for series in chosen:
            for block in read_blocks(series.days, start_ns=from_ns, end_ns=to_ns, journals=series.journals):
                yield block.text

    # -- what was read ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Find what there is, when that is old."""
        began = self._clock()
        if began < self._look_again:
            return
        self._series = {
            (series.name, series.kind): series
            for series in series_of(self._path, self._path)
            if Kind.of(series.kind) in (Kind.ORDERBOOK, Kind.EXECUTION) and series.capture is None
        }
        now = self._clock()
        self._look_again = now + max(_FRESH_S, 20 * (now - began))  # many folders take a while

    def _of(self, name: str, kind: str) -> tuple[tuple[str, str], AskedSeries]:
        self._look()
        series = self._series.get((name, kind))
        if series is None:
            raise NoSuchSeries(f"no {kind} of {name} is recorded here")
        return (name, kind), series

    def _main(self, name: str) -> AskedSeries:
        self._look()
        kinds = sorted((kind for each, kind in self._series if each == name), key=lambda kind: (Kind.of(kind) is not Kind.ORDERBOOK, kind))
        if not kinds:
            raise NoSuchSeries(f"nothing of {name} is recorded here")
        return self._series[name, kinds[0]]

    def _first(self, series: AskedSeries) -> int | None:
        """The first receipt."""
        for batch in Dataset(Asked([series], 0, _FOREVER)).batches(1):
            return int(batch["recv_ns"][0])
        return None

    def _last(self, series: AskedSeries) -> int | None:
        """The last receipt: of the last day that has any."""
        for day in series.days[::-1]:
            newest = max(find_stretches(day).sealed, key=lambda each: each.to_ns, default=None)
            last = newest.to_ns if newest is not None and newest.exact else None
            if last is None or series.journals:
                since = 0 if newest is None else newest.from_ns
                for batch in Dataset(Asked([series._replace(days=[day])], since, _FOREVER)).batches():
                    last = int(batch["recv_ns"][-1])
            if last is not None:
                return last
        return None

    def _known_until(self, key: tuple[str, str], series: AskedSeries, last_ns: int, to_ns: int) -> int:
        """Until when the last book before `to_ns` is known to be in force: until then, when more comes soon after; else it may have been
        the last one of all, and nobody knows how long it was."""
        minutes = range(last_ns // MINUTE_NS, to_ns // MINUTE_NS + 2)
        parts = (self._minute(key, series, minute) for minute in minutes if self._has_day(series, minute))
        return to_ns if any(part is not None and int(part["recv_ns"][-1]) > last_ns for part in parts) else last_ns

    def _has_day(self, series: AskedSeries, minute: int) -> bool:
        day = day_of(minute * MINUTE_NS)
        return any(each.day == day for each in series.days)

    def _minute(self, key: tuple[str, str], series: AskedSeries, minute: int) -> Arrays | None:
        """The records received in a minute, None when there are none; an answer about one that may still grow is kept for a moment only."""
        place = (*key, minute)
        start_ns = minute * MINUTE_NS
        known = self._minutes.get(place)
        if known is not None and (start_ns < self._now_ns() - _GROWS_NS or self._clock() - known[0] < _FRESH_S):
            self._minutes.move_to_end(place)
            return known[2]
        parts = self._read(key, series, start_ns, start_ns + MINUTE_NS)
        arrays = joined(parts) if parts else None
        if arrays is not None and bool(np.any(np.diff(arrays["recv_ns"]) < 0)):  # the clock was set back
            arrays = taken(arrays, np.argsort(arrays["recv_ns"], kind="stable"))
        self._keep(place, arrays)
        return arrays

    def _read(self, key: tuple[str, str], series: AskedSeries, from_ns: int, to_ns: int) -> list[Arrays]:
        """The records received in a span of one day. Where the segments of a merged day are is asked once, and how its lines are spelt."""
        day = next((each for each in series.days if each.day == day_of(from_ns)), None)
        stretches = None if day is None else self._merged_stretches(day)
        if day is not None and stretches is not None:
            decoder = self._decoders.setdefault(key, SeriesDecoder(series.venue, series.kind))
            near = [each for each in stretches if each.from_ns < to_ns and each.to_ns >= from_ns]
            try:
                found = list(read_stretches(near, start_ns=from_ns, end_ns=to_ns))
            except FileNotFoundError:  # it was merged anew, or went
                self._merged.pop(day, None)
            else:
                return [part for stretch, text in found for part in decoder.read(Block(day, stretch, text))]
        return list(Dataset(Asked([series], from_ns, to_ns)).batches())

    def _merged_stretches(self, day: SeriesDay) -> list[Stretch] | None:
        """The segments of a day that is all in its day file; None for any other."""
        manifest = look(day.manifest_path)
        if manifest is None or day.only or look(day.folder) is not None:
            return None
        known = self._merged.get(day)
        if known is None or known[0] != manifest.mark:
            known = self._merged[day] = (manifest.mark, find_stretches(day).sealed)
            while len(self._merged) > _DAYS_KEPT:
                del self._merged[next(iter(self._merged))]
        return known[1]

    def _minutes_with(self, series: AskedSeries, day: SeriesDay) -> set[int]:
        """The minutes of a day that may have records; of one that is being recorded all since the last that is sealed."""
        stretches = self._merged_stretches(day)
        if stretches is None:
            known = self._unmerged.get(day)
            if known is None or self._clock() - known[0] >= _FRESH_S:
                known = self._unmerged[day] = (self._clock(), find_stretches(day).sealed)
            stretches = known[1]
        found = {minute for each in stretches for minute in range(each.from_ns // MINUTE_NS, each.to_ns // MINUTE_NS + 1)}
        start, end = (moment // MINUTE_NS for moment in day_span(day.day))
        now = self._now_ns() // MINUTE_NS
        if series.journals and start <= now < end:
            found.update(range(max(found, default=start), now + 1))
        return found

    def _keep(self, place: tuple[str, str, int], arrays: Arrays | None) -> None:
        size = 200 + (sum(each.nbytes for each in arrays.values()) if arrays is not None else 0)
        old = self._minutes.pop(place, None)
        self._bytes += size - (old[1] if old is not None else 0)
        self._minutes[place] = (self._clock(), size, arrays)
        while self._bytes > KEPT_BYTES and len(self._minutes) > 1:
            self._bytes -= self._minutes.popitem(last=False)[1][1]

    def _between(self, key: tuple[str, str], series: AskedSeries, from_ns: int, to_ns: int) -> Arrays | None:
        """The records received between two instants, and the one before them."""
        minutes = range(from_ns // MINUTE_NS, (to_ns - 1) // MINUTE_NS + 1)
        parts = [part for minute in minutes if self._has_day(series, minute) and (part := self._minute(key, series, minute)) is not None]
        if not parts:
            return None
        arrays = joined(parts) if len(parts) > 1 else parts[0]
        low = max(0, int(np.searchsorted(arrays["recv_ns"], from_ns, side="left")) - 1)
        high = int(np.searchsorted(arrays["recv_ns"], to_ns, side="left"))
        return some(arrays, low, high) if high > low else None

    def _trades(self, name: str, from_ns: int, to_ns: int, gaps: list[tuple[str, Gap]]) -> tuple[list[tuple[int, float, float, int]], int]:
        kind = next((kind for each, kind in sorted(self._series) if each == name and Kind.of(kind) is Kind.EXECUTION), None)
        if kind is None:
            return [], 0
        key, series = self._of(name, kind)
        gaps += [(kind, gap) for gap in self._gaps_of(key, series, from_ns, to_ns)]
        found = self._between(key, series, from_ns, to_ns)
        if found is None:
            return [], 0
        inside = found["recv_ns"] >= from_ns
        columns = [found[column][inside] for column in ("recv_ns", "price", "size", "side")]
        count = len(columns[0])
        if count > _TRADES_SHOWN:
            largest = np.sort(np.argpartition(columns[2], count - _TRADES_SHOWN)[count - _TRADES_SHOWN :])
            columns = [column[largest] for column in columns]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [(int(recv), float(price), float(size), int(side)) for recv, price, size, side in rows], count

    def _gaps_of(self, key: tuple[str, str], series: AskedSeries, from_ns: int, to_ns: int) -> list[Gap]:
        """The gaps that reach into a span, day by day, those of a day that may still grow read anew after a moment."""
        found: dict[Gap, None] = {}
        for day in series.days:
            start, end = day_span(day.day)
            if start >= to_ns or end <= from_ns:
                continue
            place = (*key, day.day)
            known = self._gaps.get(place)
            if known is None or (end > self._now_ns() - DAY_NS and self._clock() - known[0] >= _FRESH_S):
                known = self._gaps[place] = (self._clock(), gaps_in(series._replace(days=[day]), start, end))
            found.update(dict.fromkeys(known[1]))
        return [gap for gap in found if gap.missed != 0 and gap.from_ns < to_ns and gap.to_ns > from_ns]


def _book(found: dict[str, Any]) -> Book:
    """One record's columns, without their first axis."""

    def whole(name: str) -> int | None:
        value = found.get(name)
        return None if value is None or int(value) == NONE else int(value)

    sides = [
        [(float(price), float(size)) for price, size in zip(prices, sizes, strict=True) if not np.isnan(price)]
        for prices, sizes in zip(found["prices"], found["sizes"], strict=True)
    ]
    return Book(int(found["recv_ns"]), whole("event_ns"), whole("update_id"), sides[0], sides[1])
