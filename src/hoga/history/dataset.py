"""history.dataset: the handle that `hoga.load` gives: nothing is read before it is asked for, and no record is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.catalog import CatalogRow, listing
from hoga.archive.read.told import gaps_of
from hoga.core.ledger import Gap
from hoga.core.times import DAY_NS, day_start_ns
from hoga.history import frames
from hoga.history.asking import Asked, AskedSeries, Misasked, Moment, What, ask, moment_ns
from hoga.history.batch import Arrays, Collector, joined, some
from hoga.history.decoding import SeriesDecoder, gaps_in, series_batches
from hoga.history.filling import filled
from hoga.history.merging import merge
from hoga.runtime.allocator import expect_large_arrays

__all__ = ["Dataset", "catalog", "load"]

_BATCH = 65_536


def load(
    what: What,
    kind: str | None = None,
    day: str | date | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    root: str | Path = "data",
    exact: bool = False,
    fill: bool = True,
) -> Dataset:
    """Records as arrays and frames: `hoga.load("binance:BTCUSDT", "orderbook", "2026-11-20").polars()`.

    Args:
        what: `venue:SYMBOL`, a path (a day file, a minute, a folder, another recorder's capture), or a list of these.
        kind: the archive's word: `orderbook`, `execution`, `delta`, `quote`, `ticker`, `candle`, …; a path with one kind needs none.
        day: a UTC day; else `start` (at or after) and `end` (before) say when the records were received; None: everything.
        root: the data folder in which `venue:SYMBOL` is looked for.
        exact: prices and sizes as int64 that count a power of ten, instead of float64.
        fill: with the trades that `hoga heal` has fetched, by their ids, without a receipt; False: only what was received.

    Returns:
        A handle. Minutes that are still being written are included.

    Raises:
        ArchiveError: no such path, venue, symbol or kind. ValueError: an argument that makes no sense.
    """
    return Dataset(ask(what, kind, day, start, end, root), exact=exact, fill=fill)


def catalog(root: str | Path = "data") -> list[CatalogRow]:
    """What is recorded below a path: a row for each series and day, with records, coverage and gaps. Raises ArchiveError."""
    return listing([Path(root)])[0]


class Dataset:
    """Records of one kind, of one series or several, in a span of time. Every method reads anew.

    Columns of all kinds: `recv_ns`, `event_ns` (int64, ns since 1970; -2**63, numpy's NaT, where there is none), `gap_before` (bool:
    something may be missing between the record before and this one), and with several series `series`, the place in `names`.
    Books: `update_id` (n,), `prices`, `sizes` (n, 2, levels): bids and asks, best first, NaN where there is no level. Deltas: `first_id`,
    `last_id`, `counts` (n, 2), and flat `prices`, `sizes` whose levels of record i are `offsets[i]` to `offsets[i + 1]`, bids first.
    Trades: `price`, `size`, `side` (1: the buyer took, -1: the seller), `trade_id`. Other kinds: the names of `hoga.core.market`.
    Nothing is filled, sorted or left out; trades that were fetched afterwards (`hoga heal`) have no receipt and stand where their ids say.
    """

    def __init__(self, asked: Asked, *, exact: bool = False, fill: bool = True) -> None:
        self._asked = asked
        self._exact = exact
        self._fill = fill
        self._decoder: SeriesDecoder | None = None

    def __repr__(self) -> str:
        days = sorted({day.day for series in self._asked.series for day in series.days})
        span = f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0] if days else "nothing"
        return f"<Dataset {', '.join(self.names)} {self.kind}, {span}>"

    @property
    def names(self) -> list[str]:
        """The series, `binance:BTCUSDT` each."""
        return [series.name for series in self._asked.series]

    @property
    def kind(self) -> str:
        """What the records are."""
        return self._asked.series[0].kind if self._asked.series else ""

    def batches(self, rows: int = _BATCH) -> Iterator[Arrays]:
        """The records in arrays of at most so many (65,536 depth20 books are 42 MB), by receipt, each record once, in bounded memory.

        Raises ValueError for fewer rows than one, else as `numpy`.
        """
        if rows < 1:
            raise Misasked(f"batches: rows: found {rows}, expected 1 or more")
        waiting: list[Arrays] = []
        count = 0
        for part in self._parts():
            at = 0
            while at < part.records:
                take = min(rows - count, part.records - at)
                waiting.append(some(part, at, at + take))
                at, count = at + take, count + take
                if count == rows:
                    yield joined(waiting)
                    waiting, count = [], 0
        if waiting:
            yield joined(waiting)

    def numpy(self) -> Arrays:
        """All records as arrays: `d.numpy().prices` or `d.numpy()["prices"]`.

        Raises:
            ArchiveError, SegmentCorrupt: a file is damaged, or cannot be read; there is no result then. OverflowError: exact numbers of
            different decimals that fit no int64 together.
        """
        collector = Collector(self._expected())
        for part in self._parts():
            collector.add(part)
        return collector.arrays()

    def arrow(self) -> Any:
        """A pyarrow Table: times as timestamps, levels as lists `bid_prices`, `bid_sizes`, `ask_prices`, `ask_sizes`.

        Raises MissingLibrary, and as `numpy`.
        """
        return frames.arrow(self.numpy(), self.names)

    def polars(self) -> Any:
        """A polars DataFrame, columns as in `arrow`. Raises as `arrow`."""
        return frames.polars(self.numpy(), self.names)

    def lazy(self) -> Any:
        """A polars LazyFrame that reads when it is collected, batch by batch. Raises as `arrow`."""
        return frames.lazy(self.batches, self.names)

    def pandas(self) -> Any:
        """A pandas DataFrame; books have a column for each level: `bid_price_1`, `bid_size_1`, …, `ask_size_20`. Raises as `arrow`."""
        return frames.pandas(self.numpy(), self.names)

    def to_hftbacktest(self, path: str | Path, *, time: str = "event", shift_clock: bool = False) -> int:
        """Write an npz of one symbol's books, deltas or trades for hftbacktest, one array `data`; returns its events.

        `time`: the exchange's, `event` or `transaction`. `shift_clock`: local times are moved until nothing was received before it
        happened. Raises ValueError: not one symbol, or an unknown `time`. ArchiveError, SegmentCorrupt, DiskFull.
        """
        from hoga.history.export import export

        if time not in ("event", "transaction"):
            raise Misasked(f"to_hftbacktest: time: found {time!r}, expected event or transaction")
        return export(self._asked, "hftbacktest", Path(path), time=time, shift_clock=shift_clock).rows

    def at(self, moment: Moment) -> Arrays | None:
        """What was in force at a moment: the last record received until then, as arrays without their first axis.

        Only of one series. None where nothing was received before it, and where a gap reaches into the time since: nobody knows then.
        Raises ValueError for several series, ArchiveError and SegmentCorrupt.
        """
        if len(self._asked.series) != 1:
            raise Misasked("at: of one series only; load one of them")
        series, at_ns = self._asked.series[0], moment_ns(moment, "at")
        if self._decoder is None and series.days:
            self._decoder = SeriesDecoder(series.venue, series.kind, exact=self._exact)
        start_ns, end_ns = max(self._asked.start_ns, 0), min(at_ns, self._asked.end_ns - 1)
        return _last_before(series, start_ns, end_ns, exact=self._exact, decoder=self._decoder)

    def gaps(self) -> list[Gap]:
        """What is missing, and why: the ledger's gaps of all series that reach into the span, by when they begin; without those whose
        trades were all fetched afterwards (`fill=False`: with them). Raises ArchiveError."""
        start_ns, end_ns = self._asked.start_ns, self._asked.end_ns
        found = [gap for series in self._asked.series for gap in gaps_in(series, start_ns, end_ns, fill=self._fill)]
        return sorted(found, key=lambda gap: (gap.from_ns, gap.to_ns))

    def quality(self) -> list[CatalogRow]:
        """A row for each series and day: records, coverage, what is proven and what is missing. Raises ArchiveError."""
        days = {(series.venue, day.symbol, day.kind, day.day) for series in self._asked.series for day in series.days}
        folders = sorted({day.directory for series in self._asked.series for day in series.days})
        rows = listing(folders)[0] if folders else []
        return [row for row in rows if (row.venue, row.symbol, row.kind, row.day) in days]

    def _parts(self) -> Iterator[Arrays]:
        expect_large_arrays()
        each = [batches_of(series, self._asked, exact=self._exact, fill=self._fill) for series in self._asked.series]
        return each[0] if len(each) == 1 else merge(each)

    def _expected(self) -> int:
        """How many records there are, as far as manifests say."""
        from hoga.archive.form.manifest import read_manifest

        found = 0
        for series in self._asked.series:
            for day in series.days:
                manifest = read_manifest(day.manifest_path) if not day.only else None
                found += sum(
                    row.records
                    for row in (manifest.segments if manifest is not None else ())
                    if row.first_recv_ns is None
                    or row.last_recv_ns is None
                    or (row.first_recv_ns < self._asked.end_ns and row.last_recv_ns >= self._asked.start_ns)
                )
        return found


def batches_of(
    series: AskedSeries, asked: Asked, *, exact: bool, fill: bool = False, decoder: SeriesDecoder | None = None
) -> Iterator[Arrays]:
    if series.files:
        from hoga.history.published import published_batches

        return published_batches(series, asked.start_ns, asked.end_ns, exact=exact)
    if series.capture is not None:
        from hoga.history.foreign import capture_batches
        from hoga.history.tables import SUFFIX, file_batches

        if series.capture.name.endswith(SUFFIX):
            return file_batches(series.capture, asked.start_ns, asked.end_ns, exact=exact)
        return capture_batches(series, asked.start_ns, asked.end_ns, exact=exact)
    batches = series_batches(series, asked.start_ns, asked.end_ns, exact=exact, fill=fill, decoder=decoder)
    return filled(batches, series, asked.start_ns, asked.end_ns, exact=exact) if fill else batches


_LOOK_BACK = (10**9, 60 * 10**9, 3_600 * 10**9, DAY_NS)
"""How far back the record in force is looked for, step by step: mostly it is in the minute asked for."""


def _last_before(series: AskedSeries, start_ns: int, at_ns: int, *, exact: bool, decoder: SeriesDecoder | None) -> Arrays | None:
    """The last record received until then; None where there is none in a day, or a gap reaches into the time since."""
    for back in _LOOK_BACK:
        low = max(start_ns, at_ns - back)
        days = [day for day in series.days if day_start_ns(day.day) <= at_ns and day_start_ns(day.day) + DAY_NS > low]
        last = None
        asked = Asked([series._replace(days=days)], low, at_ns + 1)
        for part in batches_of(asked.series[0], asked, exact=exact, decoder=decoder):
            last = part
        if last is not None:
            found = some(last, last.records - 1, last.records)
            if _is_open(days, int(found["recv_ns"][0]), at_ns, series):
                return None
            return Arrays(
                ((name, each if name in ("offsets",) else _first(name, each, found)) for name, each in found.items()), last.powers
            )
        if low == start_ns:
            break
    return None


def _first(name: str, values: np.ndarray[Any, np.dtype[Any]], found: Arrays) -> Any:
    return values if "offsets" in found and name in ("prices", "sizes") else values[0]


def _is_open(days: list[SeriesDay], from_ns: int, to_ns: int, series: AskedSeries) -> bool:
    """Whether something is missing between the two moments."""
    from hoga.archive.read.openminute import OpenMinutes

    opened = OpenMinutes(series.journals)
    return any(
        gap.missed != 0 and gap.from_ns < to_ns and gap.to_ns > from_ns
        for day in days
        for gap in gaps_of(day, opened if not day.only else None)
    )
