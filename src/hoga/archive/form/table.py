"""archive.form.table: a day as Parquet: integers of ticks and lots, and all it takes to give the JSONL back, byte for byte.

Columns: `recv_ns` and `event_ns` as timestamps, those of the kind by name; prices and sizes count a unit that the metadata names
(`columns`: `decimals` d and `unit` u: value × u ÷ 10^d). Books and deltas have lists `bid_prices`, `bid_sizes`, `ask_prices`,
`ask_sizes`. Numbers that have no name of ours begin with `_`. `_spelling` says how the line is spelt (`spellings` in the metadata); -1: it
is in `_text`.

Pages have checksums. The metadata stand under the key `hoga`, with a CRC-32 of their own.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import finalize

import msgspec
import numpy as np

from hoga._version import __version__
from hoga.archive.form.deflate import crc32
from hoga.archive.form.store import SourceFile, is_mounted, look, open_source
from hoga.archive.form.wanted import ENVELOPE, shapes_of
from hoga.columns.digits import NONE, Ints
from hoga.columns.reading import pieces
from hoga.columns.whole import SpelledRows, Spelling, WholeReader, lines_of
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import SECOND_NS
from hoga.runtime.allocator import expect_large_arrays
from hoga.runtime.libraries import pyarrow

__all__ = ["ColumnFacts", "Table", "TableFacts", "open_table", "write_table"]

FORMAT = "hoga-parquet/1"
_QUARTER_NS = 900 * SECOND_NS
"""Time in one row group: a book at an instant needs a whole one. Of an hour it took 25 ms, of a quarter 8; a day's file grows by 1 %."""
_GROUP_ROWS = 200_000
_LISTS = ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")
_LEVEL = 3


class ColumnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a column's integers are read: `how` as in `columns.shapes`, value × `unit` ÷ 10^`decimals`."""

    how: str
    decimals: int = 0
    unit: int = 1


class TableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself. `gaps`: what is missing, as the manifest has it; `sources`: the files it was made of."""

    format: str = FORMAT
    venue: str
    symbol: str
    kind: str
    day: str
    hoga: str = __version__
    columns: dict[str, ColumnFacts] = {}
    spellings: list[Spelling] = []
    gaps: list[Any] = []
    sources: list[Any] = []


class _Survey:
    """What is known of each column when all of it was seen once."""

    def __init__(self) -> None:
        self.decimals: dict[str, int] = {}
        self._found: dict[tuple[str, int], tuple[int, int, int]] = {}
        self.missing: set[str] = set()
        self.present: dict[str, None] = {}
        self.has_text = False
        self.rows = 0

    def see(self, spelled: SpelledRows, columns: dict[str, Any]) -> None:
        self.has_text = self.has_text or bool(spelled.texts)
        for name, values in columns.items():
            if name not in self.present and self.rows:
                self.missing.add(name)
            self.present[name] = None
            if values.dtype != np.int64:
                continue
            there = values[values != NONE]
            if len(there) != len(values):
                self.missing.add(name)
            decimals = _decimals_of(spelled, name)
            self.decimals[name] = max(self.decimals.get(name, 0), decimals)
            if len(there):
                least, most = int(there.min()), int(there.max())
                before = self._found.get((name, decimals), (int(np.gcd.reduce(there[:64])), least, most))
                self._found[name, decimals] = (_common(before[0], there), min(least, before[1]), max(most, before[2]))
        self.missing |= {name for name in self.present if name not in columns}
        self.rows += spelled.rows.count

    def facts(self, name: str, how: str) -> tuple[ColumnFacts, int]:
        """How the column is kept, and the bits its integers need."""
        decimals = self.decimals.get(name, 0)
        unit, largest = 0, 0
        for (found, has), (step, least, most) in self._found.items():
            if found == name:
                factor = 10 ** (decimals - has)
                unit = int(np.gcd(unit, step * factor))
                largest = max(largest, abs(least) * factor, abs(most) * factor)
        if how != "decimal":
            return ColumnFacts(how=how), 64
        unit = unit or 1
        return ColumnFacts(how=how, decimals=decimals, unit=unit), 32 if largest // unit < 2**31 else 64


def _common(unit: int, values: Ints) -> int:
    """The largest divisor of `unit` that divides all values: a division each, where a greatest common divisor costs ten times that."""
    if unit == 1 or (unit and np.array_equal(values // unit * unit, values)):
        return unit
    return int(np.gcd(unit, np.gcd.reduce(values)))


def write_table(path: Path, blocks: Callable[[], Iterable[bytes]], about: TableFacts, *, all_received: bool = True) -> int:
    """Write a file at `path`; returns its records. `blocks` gives the text of whole lines, and is called twice.

    `about` says whose they are, what is missing and what they come from; how columns and lines are read is found out. `all_received`: a
    line without a receipt is no record; else it is a trade that was fetched afterwards, and its `recv_ns` is null.

    Raises ValueError: a line is no record, or the kind has no columns. ArchiveError, MissingLibrary, OSError.
    """
    pa, pq = pyarrow(), pyarrow("parquet")
    expect_large_arrays()
    shapes = shapes_of(about.venue, about.kind)
    if not shapes:
        raise ValueError(f"records of kind {about.kind} have no columns")
    envelope = ENVELOPE if all_received else tuple(field._replace(needed=False) for field in ENVELOPE)
    hows: dict[str, str] = {field.column: field.how for field in (*envelope, *(field for shape in shapes for field in shape.fields))}
    survey = _Survey()
    marks = [shape.mark[1] if shape.mark is not None else None for shape in shapes]
    hows["channel"] = "text"
    for spelled in _spelled(WholeReader(shapes, envelope), blocks()):
        survey.see(spelled, _columns_of(spelled, marks))
    if not survey.rows:
        raise ValueError("there are no records")
    kept = {name: survey.facts(name, hows.get(name, "decimal")) for name in survey.present}
    schema = _schema(pa, kept, survey)
    reader = WholeReader(shapes, envelope)
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": _LEVEL,
        "use_dictionary": [name for name in schema.names if pa.types.is_string(schema.field(name).type) and name != "_text"],
        "write_page_checksum": True,
        "write_statistics": ["recv_ns"],
        "column_encoding": {name: "DELTA_BINARY_PACKED" for name in schema.names if _counts_on(name)},
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in _groups(_spelled(reader, blocks())):
            writer.write_table(_table(pa, schema, group, kept, marks), row_group_size=1 << 30)
        columns = {name: each for name, (each, _) in kept.items()}
        facts = msgspec.structs.replace(about, columns=columns, spellings=reader.spellings)
        text = msgspec.json.encode(facts)
        writer.add_key_value_metadata({"hoga": f"{crc32(text):08x} {text.decode()}"})
    return survey.rows


def _spelled(reader: WholeReader, blocks: Iterable[bytes]) -> Iterator[SpelledRows]:
    line = 1
    for block in blocks:
        for piece in pieces(block):
            found = reader.read(piece, line=line)
            line += found.rows.count
            yield found


def _columns_of(spelled: SpelledRows, marks: list[str | None]) -> dict[str, Any]:
    """The block's columns by the names that they have in the file; lists are (counts, flat values)."""
    rows = spelled.rows
    found: dict[str, Any] = dict(rows.columns)
    if any(mark is not None for mark in marks):
        found["channel"] = np.array(marks, object)[rows.shape]
    if rows.counts is not None and rows.prices is not None and rows.sizes is not None:
        flat_side = np.repeat(np.tile([0, 1], rows.count), rows.counts.reshape(-1))
        for part, values in (("prices", rows.prices.reshape(-1)), ("sizes", rows.sizes.reshape(-1))):
            for number, side in enumerate(("bid", "ask")):
                found[f"{side}_{part}"] = values[flat_side == number]
    return found


def _decimals_of(spelled: SpelledRows, name: str) -> int:
    return spelled.rows.decimals.get(name.partition("_")[2] if name in _LISTS else name, 0)


def _counts_on(name: str) -> bool:
    """Whether a column's values follow one another so closely that their differences are kept."""
    return name.endswith(("_ns", "_id"))


def _schema(pa: Any, kept: dict[str, tuple[ColumnFacts, int]], survey: _Survey) -> Any:
    fields = []
    for name, (facts, bits) in kept.items():
        kind = _type_of(pa, name, facts, bits)
        nullable = name in survey.missing and name not in _LISTS
        fields.append(pa.field(name, kind, nullable=nullable or facts.how == "text"))
    fields.append(pa.field("_spelling", pa.int16(), nullable=False))
    if survey.has_text:
        fields.append(pa.field("_text", pa.string(), nullable=True))
    return pa.schema(fields)


def _type_of(pa: Any, name: str, facts: ColumnFacts, bits: int) -> Any:
    if name in _LISTS:
        return pa.list_(pa.field("element", pa.int32() if bits == 32 else pa.int64(), nullable=False))
    if facts.how in ("ms", "ns", "time", "iso"):
        return pa.timestamp("ns", "UTC")
    if facts.how in ("flag", "side"):
        return pa.int8()
    if facts.how == "text":
        return pa.string()
    return pa.int32() if bits == 32 and facts.how == "decimal" else pa.int64()


def _groups(spelled: Iterable[SpelledRows]) -> Iterator[list[SpelledRows]]:
    """Rows of a quarter of an hour each, as nearly as pieces of text allow."""
    waiting: list[SpelledRows] = []
    quarter, count = -1, 0
    for each in spelled:
        first = int(each.rows.columns["recv_ns"][0])
        now = quarter if first == NONE else first // _QUARTER_NS
        if waiting and (now != quarter or count >= _GROUP_ROWS):
            yield waiting
            waiting, count = [], 0
        quarter = now if not waiting else quarter
        waiting.append(each)
        count += each.rows.count
    if waiting:
        yield waiting


def _table(pa: Any, schema: Any, group: list[SpelledRows], kept: dict[str, tuple[ColumnFacts, int]], marks: list[str | None]) -> Any:
    parts = [_columns_of(each, marks) for each in group]
    arrays = []
    for field in schema:
        name = field.name
        if name == "_spelling":
            arrays.append(pa.array(np.concatenate([each.spelling for each in group]).astype(np.int16)))
        elif name == "_text":
            texts = [each.texts.get(row) for each in group for row in range(each.rows.count)]
            arrays.append(pa.array([None if text is None else text.decode() for text in texts], pa.string()))
        else:
            arrays.append(_array(pa, field, group, parts, kept[name][0]))
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(pa: Any, field: Any, group: list[SpelledRows], parts: list[dict[str, Any]], facts: ColumnFacts) -> Any:
    name = field.name
    if facts.how == "text":
        told = (part.get(name, [None] * each.rows.count) for each, part in zip(group, parts, strict=True))
        return pa.array([value for values in told for value in values], field.type)
    if name in _LISTS:
        return _list_array(pa, field, group, parts, facts)
    found = []
    for each, part in zip(group, parts, strict=True):
        values = part.get(name)
        if values is None:
            values = np.full(each.rows.count, NONE, np.int64)
        elif facts.how == "decimal":
            values = _in_units(values, 10 ** (facts.decimals - _decimals_of(each, name)), facts.unit)
        found.append(values)
    values = np.concatenate(found)
    if values.dtype == np.int8:
        return pa.array(values)
    mask = values == NONE
    whole = pa.array(np.where(mask, 0, values), pa.int64(), mask=mask if mask.any() else None)
    return whole.cast(field.type)


def _list_array(pa: Any, field: Any, group: list[SpelledRows], parts: list[dict[str, Any]], facts: ColumnFacts) -> Any:
    name, dtype = field.name, field.type.value_type.to_pandas_dtype()
    made, counts = [np.zeros(0, dtype)], [np.zeros(0, np.int64)]
    for each, part in zip(group, parts, strict=True):
        if name in part and each.rows.counts is not None:
            made.append(_level_units(part[name], 10 ** (facts.decimals - _decimals_of(each, name)), facts.unit, dtype))
            counts.append(each.rows.counts[:, 0 if name.startswith("bid") else 1])
        else:
            counts.append(np.zeros(each.rows.count, np.int64))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(counts)))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(made)), type=field.type)


def _level_units(values: Ints, factor: int, unit: int, dtype: Any) -> Any:
    """Levels, none of which is missing."""
    if factor != 1:
        values = values * factor
    return (values // unit if unit != 1 else values).astype(dtype)


def _in_units(values: Ints, factor: int, unit: int) -> Ints:
    there = values != NONE
    return np.where(there, np.where(there, values, 0) * factor // unit, NONE)


class Table:
    """One file. Raises SegmentCorrupt when its metadata are damaged or not ours, ArchiveError when it cannot be read, MissingLibrary."""

    def __init__(self, path: Path) -> None:
        self._pa, pq = pyarrow(), pyarrow("parquet")
        self.path = path
        with open_source(path) as source:  # it is there, and a file
            self.file_bytes = source.size
        try:
            self._file = pq.ParquetFile(_file_of(path), page_checksum_verification=True)
        except FileNotFoundError:
            raise
        except (OSError, self._pa.ArrowException) as fault:
            raise SegmentCorrupt(path, f"no Parquet file: {fault}") from fault
        self.facts = _facts_of(path, self._file.schema_arrow.metadata or self._file.metadata.metadata)
        self.records = int(self._file.metadata.num_rows)
        counts = [self._file.metadata.row_group(number).num_rows for number in range(self._file.metadata.num_row_groups)]
        self._begins = np.concatenate(([0], np.cumsum(counts))).astype(int)
        self._last: tuple[int, Any] | None = None

    def text(self, first: int, count: int) -> Iterator[bytes]:
        """The lines of records from `first` on, some thousand at a time. Raises SegmentCorrupt."""
        for table in self._tables(first, count, None):
            for at in range(0, table.num_rows, 4_000):
                yield self._rendered(table.slice(at, 4_000))

    def columns(self, start_ns: int, end_ns: int) -> Iterator[dict[str, Any]]:
        """The columns of the row groups that may hold records received in the span, but for what only the text needs: arrays, of lists
        (counts, flat values).

        Raises SegmentCorrupt.
        """
        names = [name for name in self._file.schema_arrow.names if not name.startswith("_")]
        place = names.index("recv_ns")
        for number in range(len(self._begins) - 1):
            told = self._file.metadata.row_group(number).column(place).statistics
            if told is not None and told.has_min_max and (told.max_raw < start_ns or told.min_raw >= end_ns):
                continue
            begin, end = int(self._begins[number]), int(self._begins[number + 1])
            for table in self._tables(begin, end - begin, names):
                yield {name: self._values(table, name) for name in names}

    def _tables(self, first: int, count: int, names: list[str] | None) -> Iterator[Any]:
        if first < 0 or first + count > self.records:
            raise SegmentCorrupt(self.path, f"{self.records} records where {first + count} were written")
        for number in range(len(self._begins) - 1):
            begin, end = max(first, int(self._begins[number])), min(first + count, int(self._begins[number + 1]))
            if begin < end:
                table = self._group(number, names)
                yield table.slice(begin - int(self._begins[number]), end - begin)

    def _group(self, number: int, names: list[str] | None) -> Any:
        """One row group. A whole one is kept until another is read: texts are asked for minute by minute."""
        if names is None and self._last is not None and self._last[0] == number:
            return self._last[1]
        try:
            table = self._file.read_row_group(number, columns=names, use_threads=False)
        except (OSError, self._pa.ArrowException) as fault:
            raise SegmentCorrupt(self.path, f"row group {number} is damaged ({fault})") from fault
        if names is None:
            self._last = (number, table)
        return table

    def _values(self, table: Any, name: str) -> Any:
        column = table.column(name)
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if name in _LISTS:
            offsets = array.offsets.to_numpy()
            return np.diff(offsets), array.values.to_numpy()[offsets[0] : offsets[-1]]
        if self._pa.types.is_string(array.type) or self._pa.types.is_dictionary(array.type):
            return array.to_numpy(zero_copy_only=False)
        kind = array.type
        if self._pa.types.is_timestamp(kind):
            array = array.cast(self._pa.int64())
        if array.null_count:
            array = array.fill_null(NONE if array.type == self._pa.int64() else -(2**31))
        return array.to_numpy()

    def _rendered(self, table: Any) -> bytes:
        numbers = self._values(table, "_spelling")
        lines: list[bytes | None] = [None] * len(numbers)
        for number in np.unique(numbers).tolist():
            rows = np.flatnonzero(numbers == number)
            if number < 0:
                made = [text.encode() for text in table.column("_text").take(self._pa.array(rows)).to_pylist()]
            else:
                spelling = self.facts.spellings[number]
                part = table if len(rows) == len(numbers) else table.take(self._pa.array(rows))
                made = lines_of(spelling, {name: self._exact(part, name) for name in spelling.columns}, len(rows))
            for row, line in zip(rows.tolist(), made, strict=True):
                lines[row] = line
        return b"".join(line for line in lines if line is not None)

    def _exact(self, table: Any, name: str) -> tuple[Any, int]:
        facts = self.facts.columns[name]
        values = self._values(table, name)
        if name in _LISTS:
            counts, flat = values
            return (counts, flat.astype(np.int64) * facts.unit), facts.decimals
        values = values.astype(np.int64)
        return (values * facts.unit if facts.unit != 1 else values), facts.decimals


def _file_of(path: Path) -> Any:
    """What the library reads: a file of this machine by its name, another through its store."""
    if not is_mounted(path):
        return path
    source = open_source(path)
    file = SourceFile(source)
    finalize(file, source.__exit__, None, None, None)
    return file


def open_table(path: Path) -> Table:
    """A file that may have been opened before. Raises FileNotFoundError, and as `Table`."""
    entry = look(path)
    if entry is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return _opened(path, entry.mark)


@lru_cache(maxsize=2)
def _opened(path: Path, mark: Hashable) -> Table:
    return Table(path)


def _facts_of(path: Path, metadata: dict[bytes, bytes]) -> TableFacts:
    told = metadata.get(b"hoga")
    if told is None:
        raise ArchiveError(path, "the Parquet file is none of hoga's")
    checksum, _, text = told.partition(b" ")
    if checksum != b"%08x" % crc32(text):
        raise SegmentCorrupt(path, "the metadata are not what was written")
    try:
        return msgspec.json.decode(text, type=TableFacts)
    except msgspec.DecodeError as fault:
        raise SegmentCorrupt(path, f"the metadata cannot be read ({fault})") from fault
