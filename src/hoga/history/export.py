"""history.export: the archive in other forms: `hoga export … --to csv|parquet|hftbacktest`. Files are whole or absent."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hoga.archive.form.text import split_lines
from hoga.archive.form.wanted import has_cube
from hoga.archive.read.reader import Block, read_blocks
from hoga.archive.read.told import healed_of
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.jsontext import NO_JSON
from hoga.core.ledger import Gap
from hoga.core.streams import Kind
from hoga.history.asking import Asked, AskedSeries, Misasked
from hoga.history.batch import Arrays, some
from hoga.history.dataset import batches_of
from hoga.history.decoding import gaps_in
from hoga.history.events_npz import EVENT, BookEvents, Events, clear_at, delta_events, exchange_of, in_order, shifted, trade_events
from hoga.runtime.durable import fsync, install, is_special, temporary_for, unlink, write_fault

__all__ = ["FORMS", "Exported", "export"]

_CHUNK = 1_000
"""Books whose differences are made at a time: 20 × 20 comparisons each."""


class Exported(NamedTuple):
    """What was written: records read, rows (or events) in the file. `shifted_ns`: by how much the local clock was moved.
    `trade_gaps`: times without trades of which the form cannot tell."""

    file: Path
    records: int
    rows: int
    shifted_ns: int = 0
    trade_gaps: int = 0


class _How(NamedTuple):
    """What the forms are asked for beside what to write: see `export`."""

    time: str
    shift_clock: bool
    fill: bool


def export(asked: Asked, form: str, out: Path, *, time: str = "event", shift_clock: bool = False, fill: bool = True) -> Exported:
    """Write what was asked for to `out`, over what is there, once all of it was read.

    Args:
        form: `csv`, `parquet` (one series each), or `hftbacktest` (books or deltas, and trades, of one symbol).
        time, shift_clock: of `hftbacktest`: which of the venue's times is the exchange's (`event` or `transaction`), and whether the local
            clock is moved until nothing was received before it happened.
        fill: with the trades that were fetched afterwards, by their ids, without a receipt; for `hftbacktest` they are events of the
            exchange alone.

    Raises:
        Misasked: not one series. ArchiveError, SegmentCorrupt, MissingLibrary, DiskFull. Nothing was written then.
    """
    if fetched := [path for series in asked.series for path in series.files]:
        raise ArchiveError(fetched[0], "is a table that hoga backfill made, and stays what it is", hint="hoga.load, or what reads Parquet")
    if not any(series.days or series.capture for series in asked.series):
        raise Misasked("export: there is nothing in that span")
    if is_special(out):
        raise Misasked(f"export: {out} is a device or a pipe; expected the name of a file")
    temporary = temporary_for(out)
    try:
        exported = FORMS[form](asked, temporary, _How(time, shift_clock, fill))
        with temporary.open("rb") as file:
            fsync(file.fileno())
        install(temporary, out)
    except OSError as fault:
        raise write_fault(out, fault) from fault
    finally:
        unlink(temporary, missing_ok=True)
    return exported._replace(file=out)


def _only(asked: Asked, form: str) -> AskedSeries:
    if len(asked.series) != 1:
        names = ", ".join(f"{series.name} {series.kind}" for series in asked.series[:5])
        raise Misasked(f"export: a file of {form} holds one series; found {names}: name one, and --kind")
    return asked.series[0]


def _is_healed(series: AskedSeries) -> bool:
    return any(healed_of(day) is not None for day in series.days if not day.only)


# -- Parquet ------------------------------------------------------------------------------------------------------------


def _parquet(asked: Asked, out: Path, how: _How) -> Exported:
    from hoga.archive.form.table import TableFacts, write_table

    series = _only(asked, "parquet")

    def texts() -> Iterator[bytes]:
        return (block.text for block in _blocks(series, asked, fill=how.fill))

    gaps = msgspec.to_builtins(gaps_in(series, asked.start_ns, asked.end_ns, fill=how.fill))
    days = [day.day for day in series.days]
    try:
        about = TableFacts(
            venue=series.venue,
            symbol=series.symbol,
            kind=series.kind,
            day=days[0] if len(days) == 1 else f"{days[0]}/{days[-1]}",
            gaps=gaps,
            sources=sorted({path.name for day in series.days for path in day.archive_paths}),
        )
        records = write_table(out, texts, about, all_received=not (how.fill and _is_healed(series)))
    except ValueError as fault:
        raise ArchiveError(f"{series.name} {series.kind}", str(fault)) from fault
    return Exported(out, records, records)


def _blocks(series: AskedSeries, asked: Asked, *, fill: bool) -> Iterator[Block]:
    if series.capture is not None:
        raise ArchiveError(series.capture, "is no archive's file: only hftbacktest is made of captures")
    return read_blocks(series.days, start_ns=asked.start_ns, end_ns=asked.end_ns, journals=series.journals, fill=fill)


# -- CSV ----------------------------------------------------------------------------------------------------------------


def _csv(asked: Asked, out: Path, how: _How) -> Exported:
    """The venue's own texts, a column for each value; levels of books have four columns each, other lists are JSON. Where trades were
    fetched afterwards, two more columns say so."""
    series = _only(asked, "csv")
    blocks = _blocks(series, asked, fill=how.fill)
    healed = _HEALED if how.fill and _is_healed(series) else ()
    first = next(blocks, None)
    records = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        header: list[str] = []
        if first is not None:
            names: dict[str, None] = {}
            for _, row in _flat_rows(first, has_cube(series.kind)):
                names |= dict.fromkeys(row)
            header = list(names | dict.fromkeys(healed))
            writer.writerow([*header, "more"])
        for block in chain(() if first is None else (first,), blocks):
            for _, row in _flat_rows(block, has_cube(series.kind)):
                cells = [row.pop(name, "") for name in header]
                more = msgspec.json.encode(row).decode() if row else ""
                writer.writerow([*cells, more])
                records += 1
    return Exported(out, records, records)


_HEALED = ("healedFrom", "healedNs")
_record = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)


def _flat_rows(block: Block, books: bool) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(split_lines(block.text), 1):
        row: dict[str, str] = {}
        try:
            _flatten("", msgspec.Raw(line), row, books)
        except NO_JSON as fault:
            raise SegmentCorrupt(block.stretch.path, f"line {number} is no JSON object: {fault}") from fault
        yield number, row


def _flatten(name: str, raw: msgspec.Raw, row: dict[str, str], books: bool) -> None:
    text = bytes(raw).strip()
    if text.startswith(b"{"):
        for key, value in _record.decode(text).items():
            _flatten(f"{name}.{key}" if name else key, value, row, books)
    elif text.startswith(b"[") and books and name.count(".") < 2:
        for place, item in enumerate(_items.decode(text), 1):
            _flatten(f"{name}.{place}", item, row, books)
    elif text.startswith(b'"'):
        row[name] = _text.decode(text)
    else:
        row[name] = "" if text == b"null" else text.decode()


# -- hftbacktest --------------------------------------------------------------------------------------------------------


def _hftbacktest(asked: Asked, out: Path, how: _How) -> Exported:
    if len({series.name for series in asked.series}) != 1:
        raise Misasked(f"export: a file of hftbacktest holds one symbol; found {', '.join(series.name for series in asked.series[:5])}")
    kinds = {series.kind: series for series in asked.series}
    depth = next((each for kind, each in kinds.items() if has_cube(kind)), kinds.get(Kind.DELTA))
    trades = kinds.get(Kind.EXECUTION)
    if depth is None and trades is None:
        raise ArchiveError(", ".join(kinds), "hftbacktest takes books, deltas and trades")
    parts: list[Events] = [np.zeros(0, EVENT)]
    records = 0
    column = f"{how.time}_ns"
    maker = _DepthMaker(depth, asked, column)
    for series, make in ((depth, maker.take), (trades, lambda arrays: trade_events(arrays, column))):
        for arrays in batches_of(series, asked, exact=False, fill=how.fill) if series is not None else ():
            records += arrays.records
            parts.append(make(arrays))
    parts.append(maker.end())
    events = np.concatenate(parts)
    moved = shifted(events) if how.shift_clock else 0
    events = in_order(events)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("data.npy", "w", force_zip64=True) as member:
        _write_array(member, events)
    return Exported(out, records, len(events), moved, len(_holes(trades, asked)))


class _DepthMaker:
    """The events of one series of books or deltas, batch after batch, and what its ledger says behind the last."""

    def __init__(self, series: AskedSeries | None, asked: Asked, column: str) -> None:
        self._column = column
        self._books = BookEvents(column) if series is not None and has_cube(series.kind) else None
        self._starts = np.array(sorted(gap.from_ns for gap in _holes(series, asked)), np.int64)
        self._last: tuple[int, int] | None = None

    def take(self, arrays: Arrays) -> Events:
        """The events of a batch."""
        if not arrays.records:
            return np.zeros(0, EVENT)
        self._last = int(arrays["recv_ns"][-1]), int(exchange_of(arrays, self._column)[-1])
        if self._books is None:
            return delta_events(arrays, self._column, self._begun(arrays))
        parts = [some(arrays, at, min(at + _CHUNK, arrays.records)) for at in range(0, arrays.records, _CHUNK)]
        return np.concatenate([self._books.take(part, self._begun(part)) for part in parts])

    def end(self) -> Events:
        """A gap that begins behind the last book, and goes on beyond what was asked for, begins with a clear as well."""
        later = self._starts[self._starts >= self._last[0]] if self._last is not None else self._starts[:0]
        return clear_at(int(later[0]), self._last[1]) if self._last is not None and len(later) else np.zeros(0, EVENT)

    def _begun(self, arrays: Arrays) -> Any:
        """When the last gap before each marked record began."""
        marked = arrays["recv_ns"][arrays["gap_before"]]
        place = np.searchsorted(self._starts, marked, side="left") - 1
        return self._starts[np.maximum(place, 0)] if len(self._starts) else marked


def _holes(series: AskedSeries | None, asked: Asked) -> list[Gap]:
    """Of the span: where something is missing, or may be."""
    if series is None or series.capture is not None:
        return []
    return [gap for gap in gaps_in(series, asked.start_ns, asked.end_ns) if gap.missed != 0]


def _write_array(file: Any, events: Events) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(events))
    file.write(head.getvalue())
    step = 1 << 20
    for at in range(0, len(events), step):
        file.write(events[at : at + step].tobytes())


FORMS: dict[str, Callable[[Asked, Path, _How], Exported]] = {"csv": _csv, "parquet": _parquet, "hftbacktest": _hftbacktest}
"""Form → what writes it."""
