"""history.csvrows: the exchange's CSV to Parquet, through polars and pyarrow, in memory that does not grow with the file.

What differs between files of one kind is told from the text: a header by its first byte, ms or µs by
magnitude, how truth values are spelt. A text that would not come back as the same number is refused, with its line.

Rows come out in the order of their ids, each once: equal rows are counted and kept once, two different rows of one id are both
kept and named. Where a file is in order already, and most are, it is read once; else its blocks are sorted one by one into runs
beside the target, and the runs merged by ranges of ids.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hoga.core.errors import ArchiveError
from hoga.core.foreign import excerpt
from hoga.history.rows import Facts, Judge
from hoga.history.zipped import Member, UnreadableZip, blocks
from hoga.runtime import durable, libraries
from hoga.venues.history import FileKind, Holds

__all__ = ["DIGITS", "FORMAT", "PLACES", "Conflict", "Converted", "convert", "difference", "require_libraries"]

PLACES, DIGITS = 8, 28
"""Of the decimals in the Parquet: digits behind the point, and in all."""
FORMAT = "hoga-history/1"
_MICROS_FROM = 10**14
_NANOS_FROM = 10**17
_RUNS = ".runs" + durable.TEMPORARY_SUFFIX
_SAMPLE = 50_000
_WINDOW_ROWS = 400_000
_SHOWN_CONFLICTS = 100
_TRUTHS = (("True", "False"), ("true", "false"), ("TRUE", "FALSE"))
_LEVEL = 3


Frame = Any
Column = Any
"""A data frame of polars, and a column of one."""


class Conflict(NamedTuple):
    """Two different rows of one id, as texts."""

    id: int
    rows: list[str]


class Converted(NamedTuple):
    """What became of a file's rows. `doubled`: equal rows that were left out; `conflicts`: at most a hundred ids, `conflicting` how many
    there are; `sorted`: they stood in order already."""

    facts: Facts
    doubled: int
    conflicts: list[Conflict]
    conflicting: int
    sorted: bool


class _Disorder(Exception):
    """The rows do not stand in the order of their ids."""


class _State:
    """What is counted while rows go by."""

    def __init__(self, step: int | None) -> None:
        self.judge = Judge(step)
        self.doubled = self.conflicting = 0
        self.conflicts: list[Conflict] = []


def require_libraries() -> None:
    """Raises MissingLibrary, in one line, where they are not installed."""
    libraries.polars()
    libraries.pyarrow()


def convert(source: Path, member: Member, target: Path, kind: FileKind, *, step: int | None, notes: dict[str, str]) -> Converted:
    """Make the Parquet file `target` of the CSV in the zip `source`. `step`: how far the ids of neighbours are apart, None where ids
    prove nothing. `notes` go into the file's metadata.

    Raises UnreadableZip (what is wrong, with the line), ArchiveError and DiskFull (the target cannot be written).
    """
    runs = target.with_name(target.name + _RUNS)
    _clear(runs)
    try:
        try:
            return _write(target, kind, step, notes, _in_order(source, member, kind), is_sorted=True)
        except _Disorder:
            durable.make_folder(runs)
            return _write(target, kind, step, notes, _sorted_by_runs(source, member, kind, runs), is_sorted=False)
    except OSError as fault:
        raise durable.write_fault(target, fault) from fault
    finally:
        _clear(runs)


def _write(
    target: Path,
    kind: FileKind,
    step: int | None,
    notes: dict[str, str],
    frames: Iterator[tuple[Frame, bool]],
    *,
    is_sorted: bool,
) -> Converted:
    """Write the frames that come, (rows in order, whether two of them may have one id)."""
    parquet = libraries.pyarrow("parquet")
    state = _State(step)
    temporary = durable.temporary_for(target)
    writer: Any = None
    try:
        for frame, doubtful in frames:
            if doubtful:
                frame = _without_doubles(frame, kind, state)
            state.judge.take(frame[kind.identity].to_numpy(), frame[kind.time].to_numpy())
            table = frame.to_arrow()
            if writer is None:
                writer = parquet.ParquetWriter(
                    temporary,
                    table.schema,
                    compression="zstd",
                    compression_level=_LEVEL,
                    use_dictionary=False,
                    write_page_checksum=True,
                    column_encoding={name: "DELTA_BINARY_PACKED" for name, held in frame.schema.items() if held.is_integer()},
                )
            writer.write_table(table)
        done = Converted(state.judge.facts(), state.doubled, state.conflicts, state.conflicting, is_sorted)
        if writer is None:
            raise UnreadableZip("it has no rows")
        writer.add_key_value_metadata({"hoga": msgspec.json.encode({**notes, **_told(done)}).decode()})
    except BaseException:
        if writer is not None:
            writer.close()
        durable.unlink(temporary, missing_ok=True)
        raise
    writer.close()
    with temporary.open("rb") as file:
        durable.fsync(file.fileno())
    durable.install(temporary, target)
    return done


def _told(done: Converted) -> dict[str, Any]:
    facts = done.facts
    return {
        "format": FORMAT,
        "rows": facts.rows,
        "first_id": facts.first_id,
        "last_id": facts.last_id,
        "first_ns": facts.first_ns,
        "last_ns": facts.last_ns,
        "missing": facts.missing,
        "holes": [list(hole[:4]) for hole in facts.holes],
        "doubled": done.doubled,
        "conflicts": [each.id for each in done.conflicts],
    }


# -- text to rows --------------------------------------------------------------------------------------------------


class _Reader:
    """Blocks of one file's text to frames. Knows after the first one how many columns there are, and how truths are spelt."""

    def __init__(self, kind: FileKind) -> None:
        self._pl = libraries.polars()
        self._kind = kind
        self._columns = kind.columns
        self._line = 0
        self._truths: tuple[str, str] = _TRUTHS[0]

    def read(self, text: bytes) -> Frame:
        """The rows of a block. Raises UnreadableZip."""
        if self._line == 0:
            text = self._begin(text)
        try:
            frame = self._parse(text)
        except (self._pl.exceptions.PolarsError, ValueError) as fault:
            raise UnreadableZip(self._first_bad(text, excerpt(str(fault).partition("\n")[0]))) from None
        self._line += frame.height
        return frame

    def _begin(self, text: bytes) -> bytes:
        if not text[:1].isdigit():
            head, _, text = text.partition(b"\n")
            self._line = 1
            if head.count(b",") + 1 not in self._widths() or not _HEADER.fullmatch(head.strip()):
                raise UnreadableZip(f"line 1: {excerpt(head)!r} is neither a header nor a row of {self._kind.name}")
        self._line += 1
        width = text.partition(b"\n")[0].count(b",") + 1
        if width in self._widths():
            self._columns = self._kind.columns[:width]
        return text

    def _widths(self) -> range:
        most = len(self._kind.columns)
        return range(most - self._kind.optional, most + 1)

    def _parse(self, text: bytes) -> Frame:
        pl = self._pl
        if not text:
            empty: Frame = pl.DataFrame(schema=self._kept_schema())
            return empty
        _require_places(text)
        schema = {column.name: self._type_of(column.holds) for column in self._columns}
        frame: Frame = pl.read_csv(io.BytesIO(text), has_header=False, schema=schema, quote_char=None)
        if sum(frame.null_count().row(0)):
            raise ValueError("a field is empty")
        frame = frame.with_columns(self._finish(frame, column.name, column.holds) for column in self._columns)
        return frame.select(column.name for column in self._kind.columns if column.holds is not Holds.NOTHING and column in self._columns)

    def _type_of(self, holds: Holds) -> Any:
        pl = self._pl
        whole = (Holds.WHOLE, Holds.TIME)
        return pl.Int64 if holds in whole else pl.Decimal(DIGITS, PLACES) if holds is Holds.DECIMAL else pl.String

    def _kept_schema(self) -> dict[str, Any]:
        return {
            column.name: self._pl.Boolean if column.holds is Holds.TRUTH else self._type_of(column.holds)
            for column in self._columns
            if column.holds is not Holds.NOTHING
        }

    def _finish(self, frame: Frame, name: str, holds: Holds) -> Column:
        column = frame[name]
        if holds is Holds.TIME:
            return self._nanoseconds(column)
        return self._truth(column) if holds is Holds.TRUTH else column

    def _nanoseconds(self, column: Column) -> Column:
        times = column.to_numpy()
        if len(times) and (int(times.min()) <= 0 or int(times.max()) >= _NANOS_FROM):
            raise ValueError("a time is neither ms nor µs")
        unit = np.where(times >= _MICROS_FROM, 1_000, 1_000_000)
        made: Column = self._pl.Series(column.name, times * unit)
        return made

    def _truth(self, column: Column) -> Column:
        for yes, no in (self._truths, *_TRUTHS):
            is_true: Column = column == yes
            if (is_true | (column == no)).all():
                self._truths = (yes, no)
                return is_true
        lowered = column.str.to_lowercase()
        is_true = lowered == "true"
        if not (is_true | (lowered == "false")).all():
            raise ValueError("a field is neither true nor false")
        return is_true

    def _first_bad(self, text: bytes, why: str) -> str:
        """Which line it is. Halving keeps it quick."""
        lines = text.splitlines()
        low, high = 0, len(lines)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                self._parse(b"\n".join(lines[low:middle]) + b"\n")
                low = middle
            except (self._pl.exceptions.PolarsError, ValueError):
                high = middle
        shown = excerpt(lines[low]) if lines else ""
        return f"line {self._line + low}: {shown!r} is no row of {self._kind.name} ({why})"


_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?[A-Za-z_ ,]+")
_NINE_PLACES = re.compile(rb"\.[0-9]{9}")


def _require_places(text: bytes) -> None:
    """Decimals of more places than are kept would be rounded. Raises ValueError."""
    buffer = np.frombuffer(text, np.uint8)
    points = np.flatnonzero(buffer == ord("."))
    points = points[points < len(buffer) - PLACES - 1]
    after = buffer[points + PLACES + 1]
    if ((after >= ord("0")) & (after <= ord("9"))).any() and _NINE_PLACES.search(text):
        raise ValueError(f"a number has more than {PLACES} places")


def _frames(source: Path, member: Member, kind: FileKind) -> Iterator[Frame]:
    reader = _Reader(kind)
    for text in blocks(source, member):
        frame = reader.read(text)
        if frame.height:
            yield frame


def _in_order(source: Path, member: Member, kind: FileKind) -> Iterator[tuple[Frame, bool]]:
    last: int | None = None
    for frame in _frames(source, member, kind):
        ids = frame[kind.identity].to_numpy()
        if (last is not None and ids[0] <= last) or not bool((np.diff(ids) > 0).all()):
            raise _Disorder
        last = int(ids[-1])
        yield frame, False


# -- out of order --------------------------------------------------------------------------------------------------


def _sorted_by_runs(source: Path, member: Member, kind: FileKind, folder: Path) -> Iterator[tuple[Frame, bool]]:
    """Every row by its id: each block sorted into a file of its own, then all files read side by side, a range of ids at a time."""
    polars = libraries.polars()
    runs: list[tuple[int, int, Path]] = []
    samples: list[int] = []
    for frame in _frames(source, member, kind):
        path = folder / f"{len(runs)}.parquet"
        frame = frame.sort(kind.identity, maintain_order=True)
        frame.write_parquet(path, compression="zstd", compression_level=1, row_group_size=_SAMPLE)
        ids = frame[kind.identity]
        runs.append((int(ids[0]), int(ids[-1]), path))
        samples += ids.gather_every(_SAMPLE).to_list()
    samples.sort()
    starts = sorted(set(samples[:: max(1, _WINDOW_ROWS // _SAMPLE)]))
    column = polars.col(kind.identity)
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        within = (column >= start) if end is None else (column >= start) & (column < end)
        near = [path for low, high, path in runs if high >= start and (end is None or low < end)]
        parts = [polars.scan_parquet(path).filter(within).collect() for path in near]
        merged = polars.concat([part for part in parts if part.height], how="vertical") if any(part.height for part in parts) else None
        if merged is not None:
            yield merged.sort(kind.identity, maintain_order=True), True


def _without_doubles(frame: Frame, kind: FileKind, state: _State) -> Frame:
    """The rows of a sorted frame without those that are there twice; those of one id that differ are noted."""
    polars = libraries.polars()
    once = frame.unique(maintain_order=True)
    state.doubled += frame.height - once.height
    ids = once[kind.identity].to_numpy()
    again = np.unique(ids[1:][np.diff(ids) == 0])
    state.conflicting += len(again)
    for each in again[: max(0, _SHOWN_CONFLICTS - len(state.conflicts))].tolist():
        rows = once.filter(polars.col(kind.identity) == each).rows()
        state.conflicts.append(Conflict(each, [",".join(map(str, row)) for row in rows]))
    return once


def difference(old: Path, new: Path, kind: FileKind) -> tuple[int, int]:
    """(rows only in `old`, rows only in `new`) of two Parquet files made here, a range of ids at a time."""
    polars = libraries.polars()
    sides = [polars.scan_parquet(path) for path in (old, new)]
    column = polars.col(kind.identity)
    bounds = [side.select(column.min().alias("low"), column.max().alias("high"), polars.len()).collect().row(0) for side in sides]
    low, high = min(bound[0] for bound in bounds), max(bound[1] for bound in bounds)
    width = max(1, (high - low + 1) * _WINDOW_ROWS // max(1, *(bound[2] for bound in bounds)))
    gone = come = 0
    for start in range(low, high + 1, width):
        before, after = (side.filter((column >= start) & (column < start + width)).collect() for side in sides)
        names = [name for name in before.columns if name in after.columns]
        gone += before.join(after, on=names, how="anti").height
        come += after.join(before, on=names, how="anti").height
    return gone, come


def _clear(folder: Path) -> None:
    """Remove the runs of an earlier attempt, or of this one. What cannot be removed is told by whoever writes next."""
    if not folder.is_dir():
        return
    try:
        for path in folder.iterdir():
            durable.unlink(path, missing_ok=True)
        durable.remove_folder(folder)
    except OSError as fault:
        raise ArchiveError(folder, f"cannot be removed: {fault.strerror or fault}") from fault
