"""history.tables: Parquet files of hoga's as batches of arrays: no text is made, no digit read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hoga.archive.form.layout import FORMATS
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look, sha256_of
from hoga.archive.form.table import ColumnFacts, Table
from hoga.archive.form.wanted import depth_of, has_cube
from hoga.columns.digits import NONE, Floats, Ints
from hoga.core.errors import SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.history.asking import AskedSeries
from hoga.history.batch import Array, Arrays, take_out_padding, taken
from hoga.history.marks import GapMarks

__all__ = ["SUFFIX", "file_batches", "series_of_table", "table_batches", "table_of"]

SUFFIX = FORMATS["parquet"]
_SIDES = ("bid", "ask")


def series_of_table(path: Path) -> list[AskedSeries]:
    """The series that a Parquet file of hoga's holds. Raises ArchiveError, SegmentCorrupt, MissingLibrary."""
    facts = Table(path).facts
    return [AskedSeries(facts.venue, facts.symbol, facts.kind, [], [], path)]


def file_batches(path: Path, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """The records of a file that stands alone; its gaps are those it was made with. Raises SegmentCorrupt."""
    table = Table(path)
    marks = GapMarks([msgspec.convert(gap, Gap) for gap in table.facts.gaps], start_ns)
    for arrays in table_batches(table, start_ns, end_ns, exact=exact):
        arrays["gap_before"] = marks.before(arrays["recv_ns"])
        yield arrays


def table_of(day: SeriesDay) -> Table | None:
    """The day's Parquet file, proven, when it holds all that there is of the day; else None. Raises SegmentCorrupt, MissingLibrary."""
    if day.only or look(day.folder) is not None:
        return None
    manifest = read_manifest(day.manifest_path)
    if manifest is None or not manifest.archive.file.endswith(SUFFIX):
        return None
    path = day.manifest_path.with_name(manifest.archive.file)
    entry = look(path)
    if entry is None:
        return None
    mark = (path, entry.mark, manifest.archive.sha256)
    if mark not in _proven:
        if sha256_of(path) != manifest.archive.sha256:
            raise SegmentCorrupt(path, "the day file is not the one its manifest names")
        _proven.add(mark)
    return Table(path)


_proven: set[tuple[object, ...]] = set()
"""Files that were compared with their manifests in this process: a book at an instant need not read the day for it again."""


def table_batches(table: Table, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """The records of a file that were received in the span, a row group at a time, without `gap_before`; of those that nobody received
    those that happened in it. Raises SegmentCorrupt."""
    for columns in table.columns(start_ns, end_ns):
        arrays = _arrays(table, columns, exact=exact)
        moments = arrays["recv_ns"]
        if "event_ns" in arrays and (moments == NONE).any():
            moments = np.where(moments == NONE, arrays["event_ns"], moments)
        inside = (moments >= start_ns) & (moments < end_ns)
        if not inside.all():
            arrays = taken(arrays, np.flatnonzero(inside))
        if arrays.records:
            yield arrays


def _arrays(table: Table, columns: dict[str, Any], *, exact: bool) -> Arrays:
    facts = table.facts.columns
    arrays = Arrays()
    for name, values in columns.items():
        if name.startswith(_SIDES) and name.endswith(("_prices", "_sizes")):
            continue
        if facts[name].how == "decimal":
            arrays[name] = _decimal(values, facts[name], exact=exact)
            if exact:
                arrays.powers[name] = -facts[name].decimals
        else:
            arrays[name] = values
    if "bid_prices" in columns:
        for part in ("prices", "sizes"):
            _levels(table, arrays, columns, part, exact=exact)
        if has_cube(table.facts.kind):
            take_out_padding(arrays, exact=exact)
    return arrays


def _levels(table: Table, arrays: Arrays, columns: dict[str, Any], part: str, *, exact: bool) -> None:
    facts = [table.facts.columns[f"{side}_{part}"] for side in _SIDES]
    decimals = max(each.decimals for each in facts)
    sides = [columns[f"{side}_{part}"] for side in _SIDES]
    counts = np.stack([count for count, _ in sides], axis=1).astype(np.int64)
    missing: Any = NONE if exact else np.nan
    if exact:
        arrays.powers[part] = -decimals
    if has_cube(table.facts.kind):
        depth = max(depth_of(table.facts.kind), int(counts.max(initial=0)))
        cube: Array = np.empty((len(counts), 2, depth), np.int64 if exact else np.float64)
        for number, (_, flat) in enumerate(sides):
            if (counts[:, number] == depth).all():
                _decimal(flat.reshape(-1, depth), facts[number], exact=exact, decimals=decimals, out=cube[:, number])
            else:
                cube[:, number] = missing
                cube[:, number][np.arange(depth) < counts[:, number, None]] = _decimal(flat, facts[number], exact=exact, decimals=decimals)
        arrays[part] = cube
        return
    sums = counts.sum(axis=1)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sums)))
    values: Array = np.empty(int(offsets[-1]), np.int64 if exact else np.float64)
    is_ask = np.repeat(np.tile([False, True], len(counts)), counts.reshape(-1))
    for number, (_, flat) in enumerate(sides):
        values[is_ask == bool(number)] = _decimal(flat, facts[number], exact=exact, decimals=decimals)
    arrays["counts"], arrays["offsets"], arrays[part] = counts, offsets, values


def _decimal(values: Ints, facts: ColumnFacts, *, exact: bool, decimals: int | None = None, out: Array | None = None) -> Array:
    """Units as numbers: exact ones with `decimals` (of the column, where None), else the float64 nearest to each."""
    none = values == (NONE if values.dtype == np.int64 else -(2**31))
    has_none = bool(none.any())
    if exact:
        factor = facts.unit * 10 ** ((facts.decimals if decimals is None else decimals) - facts.decimals)
        made: Array = values.astype(np.int64) * factor
        if has_none:
            made[none] = NONE
    else:
        made = _floats(values, facts, out)
        if has_none:
            made[none] = np.nan
    if out is not None and made is not out:
        out[...] = made
    return made


def _floats(values: Ints, facts: ColumnFacts, out: Array | None) -> Floats:
    """One division of two integers that floats hold is rounded once, as the text would be."""
    power = 10**facts.decimals
    if power % facts.unit == 0 and (values.dtype == np.int32 or int(np.abs(values).max(initial=0)) < 2**53):
        found: Floats = np.divide(values, float(power // facts.unit), out=out)
        return found
    return np.array([int(value) * facts.unit / power for value in values.reshape(-1).tolist()], np.float64).reshape(values.shape)
