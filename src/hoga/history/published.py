"""history.published: what `hoga backfill` brought, as batches of arrays: `hoga.load("binance:BTCUSDT", "aggtrades")`.

A month and some of its days may lie beside each other: their rows are merged by id, equal ones once. Every page of the files is
proven by its checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hoga.columns.digits import NONE, Ints
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.history.asking import AskedSeries
from hoga.history.batch import Array, Arrays, joined, some, taken
from hoga.history.csvrows import DIGITS, FORMAT, PLACES
from hoga.runtime import libraries
from hoga.venues.history import FileKind, HistorySpec, Holds
from hoga.venues.registry import VENUES

__all__ = ["published_batches", "series_in_folder", "series_of_files", "series_of_published"]

_NAME = re.compile(r"^(?P<symbol>.+)-(?P<label>[A-Za-z0-9]+)-(?P<date>\d{4}-\d\d(?:-\d\d)?)\.parquet$")
_ROWS = 65_536
_FLOAT_EXACT = 2**53
_RENAMED = {"id": "trade_id", "buyer_is_maker": "side", "open_ns": "start_ns", "quote_volume": "turnover"}
"""The names that the same things have among what is recorded."""
_LEFT = frozenset({"best_match"})


class _Told(msgspec.Struct):
    """What a file says of itself."""

    format: str
    venue: str
    symbol: str
    kind: str
    rows: int
    first_id: int
    last_id: int
    first_ns: int
    last_ns: int


def series_of_files(folder: Path, venue: str, symbol: str, kind: str) -> AskedSeries:
    """The files of a symbol in the venue's folder. Raises ArchiveError when there are none."""
    spec = VENUES[venue].history
    assert spec is not None, "only asked with one of its names"
    name, _, interval = kind.partition("-")
    of = spec.kinds[spec.names[kind]]
    place = folder / of.kind
    labels: dict[str, list[Path]] = {}
    for path in sorted(place.glob("*.parquet")):
        hit = _NAME.match(path.name)
        if hit is not None and hit["symbol"] == symbol and (hit["label"] in spec.intervals if of.by_interval else hit["label"] == of.name):
            labels.setdefault(hit["label"], []).append(path)
    usual = of.name if not of.by_interval else spec.interval
    wanted = interval or (next(iter(labels)) if of.by_interval and len(labels) == 1 else usual)
    if wanted not in labels:
        option = f" --kind {of.name}" + (f" --interval {wanted}" if of.by_interval else "")
        hint = f"hoga backfill --symbols {symbol}{option} --start-date … --end-date … fetches them"
        raise ArchiveError(place, f"no {name} files of {symbol!r} are here", hint=hint)
    return AskedSeries(venue, symbol, kind, [], [], files=tuple(labels[wanted]))


def series_in_folder(folder: Path, kind: str) -> list[AskedSeries]:
    """The series of that kind whose files lie in or below a folder, wherever that is (another `CHART_DIR`, say)."""
    found: dict[tuple[str, str, str], list[Path]] = {}
    name, _, interval = kind.partition("-")
    for path in sorted(folder.rglob("*.parquet")):
        hit = _NAME.match(path.name)
        told = _told(path) if hit is not None and path.parent.name != "superseded" else None
        if hit is not None and told is not None and told.kind.lower() == name and interval in ("", hit["label"]):
            found.setdefault((told.venue, told.symbol, _timed(told, hit)), []).append(path)
    return [AskedSeries(*key, [], [], files=tuple(paths)) for key, paths in sorted(found.items())]


def series_of_published(path: Path) -> AskedSeries | None:
    """The series of one such file; None for a Parquet file of another making."""
    told = _told(path)
    return None if told is None else AskedSeries(told.venue, told.symbol, _timed(told, _NAME.match(path.name)), [], [], files=(path,))


def _timed(told: _Told, hit: re.Match[str] | None) -> str:
    """The kind with the interval that the file's name tells: `klines-1h`."""
    kind = told.kind.lower()
    return kind if hit is None or hit["label"].lower() == kind else f"{kind}-{hit['label']}"


def published_batches(series: AskedSeries, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """The rows traded in the span, by their ids, each once. Raises SegmentCorrupt, ArchiveError, MissingLibrary, OverflowError."""
    spec = VENUES[series.venue].history if series.venue in VENUES else None
    if spec is None:
        raise ArchiveError(series.files[0], f"nobody knows the files of {series.venue!r}")
    kind = spec.kinds[spec.names[series.kind]]
    inside: list[tuple[int, int, Path]] = []
    for path in series.files:
        told = _told(path)
        if told is None:
            raise SegmentCorrupt(path, "it is no file that hoga backfill has made")
        if told.first_ns < end_ns and told.last_ns >= start_ns:
            inside.append((told.first_id, told.last_id, path))
    key, last = _RENAMED.get(kind.identity, kind.identity), None
    step = _step(spec, kind, series.files[0])
    for part in _in_order([(first, path) for first, _, path in sorted(inside)], kind, key, exact=exact):
        ids = part[key]
        before = np.concatenate(([ids[0] if last is None else last], ids[:-1]))
        last = int(ids[-1])
        part["gap_before"] = (ids - before > step) if step is not None else np.zeros(len(ids), bool)
        wanted = (part["event_ns"] >= start_ns) & (part["event_ns"] < end_ns)
        if wanted.any():
            yield part if wanted.all() else taken(part, np.flatnonzero(wanted))


def _step(spec: HistorySpec, kind: FileKind, path: Path) -> int | None:
    if not kind.chained:
        return None
    hit = _NAME.match(path.name)
    return spec.intervals[hit["label"]] * 1_000_000 if kind.by_interval and hit is not None else 1


def _told(path: Path) -> _Told | None:
    pa, parquet = libraries.pyarrow(), libraries.pyarrow("parquet")
    try:
        found = parquet.read_metadata(path).metadata or {}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, pa.ArrowException) as fault:
        raise SegmentCorrupt(path, f"it is no Parquet file: {fault}") from fault
    try:
        told = msgspec.json.decode(found.get(b"hoga", b""), type=_Told)
    except ValueError:
        return None
    return told if told.format == FORMAT else None


def _in_order(files: list[tuple[int, Path]], kind: FileKind, key: str, *, exact: bool) -> Iterator[Arrays]:
    """The rows of files, by id; those of files that overlap side by side. `files`: (first id, path), by first id."""
    waiting = [_Waiting(first, _rows_of(path, kind, exact=exact), key) for first, path in files]
    while waiting:
        begun = [each for each in waiting if each.first <= waiting[0].first or each.part is not None]
        for each in begun:
            each.fill()
        waiting = [each for each in waiting if not each.over]
        begun = [each for each in begun if not each.over]
        if not begun:
            continue
        bound = min(int(each.ids[-1]) for each in begun)
        later = [each for each in waiting if each not in begun]
        if later and later[0].first <= bound:  # another file begins in the middle of these rows
            later[0].fill()
            continue
        parts = [part for each in begun if (part := each.take(bound)) is not None]
        if len(parts) == 1:
            yield parts[0]
            continue
        rows = joined(parts)
        rows = taken(rows, np.argsort(rows[key], kind="stable"))
        yield taken(rows, np.flatnonzero(~_as_before(rows)))


def _as_before(rows: Arrays) -> Array:
    """Which rows are the same as the one before them."""
    same: Array = np.ones(rows.records, bool)
    same[0] = False
    for values in rows.values():
        same[1:] &= values[1:] == values[:-1]
    return same


class _Waiting:
    """A file whose rows are being merged: `part` is what is left of its batch, None before the first and `over` after the last."""

    def __init__(self, first: int, batches: Iterator[Arrays], key: str) -> None:
        self.first = first
        self.part: Arrays | None = None
        self.over = False
        self._batches = batches
        self._key = key

    @property
    def ids(self) -> Ints:
        assert self.part is not None, "filled before"
        return self.part[self._key]

    def fill(self) -> None:
        if self.part is None or not self.part.records:
            found = next(self._batches, None)
            self.part, self.over = found, found is None

    def take(self, bound: int) -> Arrays | None:
        assert self.part is not None, "filled before"
        count = int(np.searchsorted(self.ids, bound, side="right"))
        found = some(self.part, 0, count)
        self.part = some(self.part, count, self.part.records)
        return found if count else None


def _rows_of(path: Path, kind: FileKind, *, exact: bool) -> Iterator[Arrays]:
    pa, parquet = libraries.pyarrow(), libraries.pyarrow("parquet")
    rows = 0
    told = _told(path)
    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        _require_schema(pa, path, file.schema_arrow, kind)
        for batch in file.iter_batches(batch_size=_ROWS):
            rows += batch.num_rows
            yield _arrays(pa, path, batch, kind, exact=exact)
    except (OSError, ValueError, pa.ArrowException) as fault:
        if isinstance(fault, SegmentCorrupt):
            raise
        raise SegmentCorrupt(path, f"it is damaged: {fault}") from fault
    if told is None or rows != told.rows:
        raise SegmentCorrupt(path, f"it has {rows} rows where {told.rows if told is not None else 'others'} were written")


def _require_schema(pa: Any, path: Path, schema: Any, kind: FileKind) -> None:
    """The columns are those that `csvrows` makes: what stands behind the pages is under no checksum. Raises SegmentCorrupt."""
    types = {Holds.WHOLE: pa.int64(), Holds.TIME: pa.int64(), Holds.DECIMAL: pa.decimal128(DIGITS, PLACES), Holds.TRUTH: pa.bool_()}
    kept = [(column.name, types[column.holds]) for column in kind.columns if column.holds is not Holds.NOTHING]
    found = list(zip(schema.names, schema.types, strict=True))
    if found not in (kept, kept[: len(kept) - kind.optional]):
        raise SegmentCorrupt(path, f"its columns are {', '.join(schema.names)}, not those of {kind.name}")


def _arrays(pa: Any, path: Path, batch: Any, kind: FileKind, *, exact: bool) -> Arrays:
    arrays = Arrays({"recv_ns": np.full(batch.num_rows, NONE, np.int64)})
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in _LEFT:
            continue
        if column.null_count:
            raise SegmentCorrupt(path, f"{name} has a row without a value")
        known = _RENAMED.get(name, name)
        if pa.types.is_decimal(column.type):
            units = _units(column)
            arrays[known] = units if exact else _floats(units)
            if exact:
                arrays.powers[known] = -PLACES
        elif name == "buyer_is_maker":
            arrays[known] = np.where(column.to_numpy(zero_copy_only=False), -1, 1).astype(np.int8)
        else:
            arrays[known] = column.to_numpy(zero_copy_only=False).astype(np.int64)
    if kind.by_interval:
        arrays["event_ns"] = arrays[_RENAMED[kind.time]]
    return arrays


def _units(column: Any) -> Ints:
    """Decimals as integers. Raises OverflowError for one that fits no int64."""
    words: Ints = np.frombuffer(column.buffers()[1], np.int64)[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    if (high != low >> 63).any():
        raise OverflowError("a number fits no int64 of units of 1e-8")
    return low.copy()


def _floats(units: Ints) -> Array:
    """The float64 nearest to each."""
    made: Array = units / 10.0**PLACES
    for at in np.flatnonzero(np.abs(units) >= _FLOAT_EXACT).tolist():
        made[at] = int(units[at]) / 10**PLACES  # Python rounds once
    return made
