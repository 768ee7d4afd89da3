"""history.decoding: one series as batches of arrays: its blocks decoded, each record with whether something is missing right before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from hoga.archive.form.envelope import is_own
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.wanted import ENVELOPE, classic_shapes, depth_of, has_cube, shapes_of
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.read.reader import Block, read_blocks
from hoga.archive.read.told import gaps_of_days
from hoga.columns.digits import NONE, Ints
from hoga.columns.groups import Rows
from hoga.columns.reading import Reader, pieces
from hoga.columns.shapes import Shape
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.history.asking import AskedSeries
from hoga.history.batch import Array, Arrays, take_out_padding
from hoga.history.marks import GapMarks
from hoga.history.tables import SUFFIX, table_batches, table_of

__all__ = ["SeriesDecoder", "arrays_of", "gaps_in", "series_batches"]


def series_batches(
    series: AskedSeries, start_ns: int, end_ns: int, *, exact: bool = False, fill: bool = False, decoder: SeriesDecoder | None = None
) -> Iterator[Arrays]:
    """The records of a series, in the archive's order, some hundred to some thousand at a time, never none. `fill`: a gap that was healed
    is none (the rows themselves come from `filling`). `decoder`: one that has read of the series before.

    Raises ArchiveError: a kind that has no columns, a file that cannot be read. SegmentCorrupt: damage, or a line that is no record.
    """
    decoder = decoder or SeriesDecoder(series.venue, series.kind, exact=exact)
    marks = GapMarks(gaps_in(series, start_ns, end_ns, fill=fill), start_ns)
    for arrays in _arrays(series, decoder, start_ns, end_ns, exact=exact):
        arrays["gap_before"] = marks.before(arrays["recv_ns"])
        yield arrays


def _arrays(series: AskedSeries, decoder: SeriesDecoder, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """Day after day: Parquet as it is, all else from its text."""
    for is_text, days in groupby(series.days, key=lambda day: not _is_table(day)):
        if is_text:
            for block in read_blocks(list(days), start_ns=start_ns, end_ns=end_ns, journals=series.journals):
                yield from decoder.read(block)
            continue
        for day in days:
            table = table_of(day)
            if table is not None:
                yield from table_batches(table, start_ns, end_ns, exact=exact)
            else:
                for block in read_blocks([day], start_ns=start_ns, end_ns=end_ns, journals=series.journals):
                    yield from decoder.read(block)


def _is_table(day: SeriesDay) -> bool:
    return any(path.name.endswith(SUFFIX) for path in day.archive_paths)


def gaps_in(series: AskedSeries, start_ns: int, end_ns: int, *, fill: bool = False) -> list[Gap]:
    """The gaps of a series that reach into the span, each once, by when they begin; steps of the clock, which miss nothing, too. `fill`:
    without those that were healed."""
    found = gaps_of_days(series.days, OpenMinutes(series.journals), fill=fill)
    return [gap for gap in found if gap.from_ns < end_ns and gap.to_ns > start_ns]


class SeriesDecoder:
    """Decodes the blocks of one series; hoga's lines and the classic recorder's, whichever a block has."""

    def __init__(self, venue: str, kind: str, *, exact: bool = False) -> None:
        self._kind = kind
        self._shapes = shapes_of(venue, kind)
        self._classic = classic_shapes(venue, kind)
        if not self._shapes:
            raise ArchiveError(
                f"{venue} {kind}", "records of this kind have no columns", hint="hoga cat and hoga.read give them as they are"
            )
        self._marked = any(shape.mark is not None for shape in self._shapes)
        self._exact = exact
        self._readers: dict[bool, Reader] = {}

    def read(self, block: Block) -> Iterator[Arrays]:
        """The block's records, piece by piece. Raises SegmentCorrupt for a line that is no record."""
        line = 1
        for piece in pieces(block.text):
            try:
                rows = self._reader(piece).read(piece, line=line)
                arrays = arrays_of(rows, self._kind, exact=self._exact)
            except ValueError as fault:
                raise SegmentCorrupt(block.stretch.path, f"{_minute(block)}: {fault}") from fault
            line += rows.count
            if self._marked and is_own(bytes(piece[:16])):
                arrays["channel"] = np.array([shape.mark[1] if shape.mark else None for shape in self._shapes], object)[rows.shape]
            yield arrays

    def _reader(self, piece: memoryview) -> Reader:
        own = is_own(bytes(piece[:16]))
        if own not in self._readers:
            shapes, envelope = (self._shapes, ENVELOPE) if own or not self._classic else (self._classic, ())
            self._readers[own] = _fitting(shapes, lambda some: Reader(some, envelope, exact=self._exact), piece)
        return self._readers[own]


def arrays_of(rows: Rows, kind: str, *, exact: bool) -> Arrays:
    """Decoded lines as arrays of shapes that depend on the kind only: books as cubes, deltas flat."""
    powers = {name: -decimals for name, decimals in rows.decimals.items()}
    arrays = Arrays(rows.columns, powers)
    if rows.counts is None or rows.prices is None or rows.sizes is None:
        return arrays
    if not has_cube(kind):
        arrays["counts"] = rows.counts
        arrays["offsets"] = np.concatenate((np.zeros(1, np.int64), np.cumsum(rows.counts.sum(axis=1))))
        arrays["prices"], arrays["sizes"] = rows.prices.reshape(-1), rows.sizes.reshape(-1)
        return arrays
    depth = max(depth_of(kind), int(rows.counts.max(initial=0)))
    cube = rows.prices.ndim == 3 and rows.prices.shape[2] == depth
    for name, values in (("prices", rows.prices), ("sizes", rows.sizes)):
        arrays[name] = values if cube else _cube(values.reshape(-1), rows.counts, depth, NONE if exact else np.nan)
    take_out_padding(arrays, exact=exact)
    return arrays


def _cube(flat: Array, counts: Ints, depth: int, missing: float) -> Array:
    """Levels that follow one another as shape (n, 2, depth)."""
    found = np.full((len(counts), 2, depth), missing, flat.dtype)
    there = np.arange(depth) < counts[:, :, None]
    found[there] = flat
    return found


def _fitting(shapes: tuple[Shape, ...], make: Callable[[tuple[Shape, ...]], Reader], piece: memoryview) -> Reader:
    """A reader of all shapes; where nothing tells them apart, of the first one that reads the first line."""
    unmarked = [shape for shape in shapes if shape.mark is None]
    if len(unmarked) > 1:
        first = bytes(piece[: bytes(piece).find(b"\n") + 1])
        for shape in unmarked:
            reader = make((shape,))
            try:
                reader.read(first)
            except ValueError:
                continue
            return reader
    return make(shapes)


def _minute(block: Block) -> str:
    return f"{block.day.day} {block.stretch.minute}" if block.stretch.minute else block.day.day
