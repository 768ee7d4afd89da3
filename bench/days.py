"""bench.days: what the archive costs: sealing a minute, merging a day."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time, time_ns

import msgspec

from bench.books import RECORDED, load_books, symbol_names, walk_books
from bench.frames import FIRST_LAP, data_frames
from bench.machine import rss_bytes, rss_peak_bytes
from hoga.archive.form.chunks import ChunkEncoder, columns
from hoga.archive.form.journal import (
    CONTROL,
    CountsNote,
    JournalHeader,
    JournalName,
    LegNote,
    LiveNote,
    Note,
    StreamEntry,
    encode_header,
    encode_note,
    journal_name,
)
from hoga.archive.form.layout import suffix_of
from hoga.archive.form.ledger import LiveEntry, SegmentEntry, encode_entries
from hoga.archive.form.lines import LineMaker
from hoga.archive.form.locate import locate
from hoga.archive.form.records import RecordReader
from hoga.archive.form.segment import SegmentBuilder
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.keep.seal import SealJob, SegmentNote, seal
from hoga.archive.keep.splice import body_part, splice
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, day_of, day_start_ns, minute_floor_ns, minute_of
from hoga.runtime.allocator import keep_freed_memory
from hoga.venues.registry import VENUES

__all__ = ["MergePlan", "Merged", "SealPlan", "Sealed", "make_day", "measure_merge", "measure_seal", "minute_header", "renumbered"]

_SPEC = VENUES["binance"]
_BATCH = 256


class SealPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One minute of `symbols` streams, ten frames a second each."""

    data: str
    symbols: int
    per_symbol: int = 600
    capture: str | None = None


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A journal made into segments: `text_bytes` of lines, `archive_bytes` of files."""

    records: int
    cpu_s: float
    wall_s: float
    journal_bytes: int
    text_bytes: int
    archive_bytes: int
    rss_peak: int


class MergePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one symbol: `minutes` segments of `per_minute` records, as the connection `conn` brought them, `late_ns` after their time.
    `without`: every fourth record, from this one on, is missing."""

    data: str
    minutes: int = 1440
    per_minute: int = 600
    capture: str | None = None
    conn: str = "bench-1"
    late_ns: int = 0
    without: int | None = None


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """A day merged. `splice_s`: joining alone; `merge_s`: the whole job with its read-back, manifest and fsyncs.

    `rss_before` is before the merge, `rss_peak` the most during it.
    """

    records: int
    text_bytes: int
    archive_bytes: int
    splice_s: float
    merge_s: float
    rss_before: int
    rss_peak: int


def measure_seal(plan: SealPlan) -> Sealed:
    """Write a journal of a minute, seal it."""
    keep_freed_memory()  # as every worker does (`runtime.worker`)
    folder = Path(plan.data)
    path = _write_journal(plan, folder)
    journal_bytes = path.stat().st_size
    cpu, wall = process_time(), perf_counter()
    result = seal(SealJob(journals=[str(path)]))
    cpu, wall = process_time() - cpu, perf_counter() - wall
    assert not result.failed, result.failed
    return Sealed(
        records=result.records,
        cpu_s=cpu,
        wall_s=wall,
        journal_bytes=journal_bytes,
        text_bytes=result.bytes,
        archive_bytes=result.archive_bytes,
        rss_peak=rss_peak_bytes(),
    )


def _write_journal(plan: SealPlan, folder: Path) -> Path:
    built = data_frames(load_books(Path(plan.capture)) if plan.capture else walk_books(2_000), plan.symbols, min(plan.per_symbol, 60))
    start = minute_floor_ns(time_ns())
    header = minute_header(symbol_names(plan.symbols), start)
    streams = header.streams
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / journal_name(JournalName(0, day_of(start), minute_of(start), "1", 1))
    indices = list(range(len(streams)))
    counts = [CountsNote(index, plan.per_symbol, 0, 0) for index in indices]
    opening: list[object] = [start, CONTROL, encode_note(LegNote(1, "bench-1", 1, start, indices))]
    notes: list[Note] = [*counts, LiveNote(indices, start, start + MINUTE_NS)]
    closing: list[object] = [item for note in notes for item in (start + MINUTE_NS - 1, CONTROL, encode_note(note))]
    encoder = ChunkEncoder(len(streams))
    with path.open("wb") as file:
        file.write(encode_header(header))
        for number, batch in enumerate(_batches(opening, _records(built, plan.per_symbol, start), closing), 1):
            file.write(encoder.encode(columns(batch), number))
    return path


def minute_header(symbols: list[str], start: int) -> JournalHeader:
    """The head of a journal of these symbols' books that begins at `start`."""
    streams = [_SPEC.parse_stream(symbol, RECORDED) for symbol in symbols]
    return JournalHeader(
        venue=_SPEC.name,
        session="1",
        number=1,
        lane=0,
        from_ns=start,
        minute_ns=minute_floor_ns(start),
        interval_min=1,
        archive_format="zip",
        aside_directory="../aside",
        streams=[StreamEntry(stream=stream, directory="../orderbook") for stream in streams],
        hoga="bench",
    )


def _records(built: dict[str, list[bytes]], per_symbol: int, start: int) -> Iterator[tuple[int, int, bytes]]:
    """(receipt, tag, frame), spread over the minute, ids rising."""
    columns = list(built.values())
    step = MINUTE_NS // (per_symbol * len(columns) + 1)
    number = 0
    for row in range(per_symbol):
        lap, at = divmod(row, len(columns[0]))
        for index, column in enumerate(columns):
            number += 1
            yield start + number * step, index | 1 << 16, renumbered(column[at], lap)


def renumbered(frame: bytes, lap: int) -> bytes:
    """The frame's payload, with the id of a later lap."""
    return frame[4:].replace(b'":%d' % FIRST_LAP, b'":%d' % (FIRST_LAP + lap), 1)


def _batches(opening: list[object], records: Iterator[tuple[int, int, bytes]], closing: list[object]) -> Iterator[list[object]]:
    batch = list(opening)
    for record in records:
        batch.extend(record)
        if len(batch) >= 3 * _BATCH:
            yield batch
            batch = []
    yield batch + closing


def measure_merge(plan: MergePlan) -> Merged:
    """Make a day of segments, splice it, merge it."""
    directory = Path(plan.data)
    day = SeriesDay(directory, symbol_names(1)[0], Kind.ORDERBOOK, "2026-11-20")
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    (frames,) = data_frames(books, 1, min(len(books), 2_000)).values()
    records, text_bytes = make_day(plan, day, frames)
    os.sync()
    rss_before = rss_bytes()
    splice_s = _time_splice(day.folder, directory / "spliced.zip")
    began = perf_counter()
    result = merge_day(day, venue=_SPEC.name, archive_format="zip", purge=False)
    merge_s = perf_counter() - began
    assert result.records == records, (result.records, records)
    archive_bytes = result.archive.stat().st_size if result.archive else 0
    shutil.rmtree(directory)
    return Merged(
        records=records,
        text_bytes=text_bytes,
        archive_bytes=archive_bytes,
        splice_s=splice_s,
        merge_s=merge_s,
        rss_before=rss_before,
        rss_peak=rss_peak_bytes(),
    )


def _time_splice(folder: Path, target: Path) -> float:
    """Seconds to join all segments of `folder`, fsync included."""
    began = perf_counter()
    files = [locate(path) for path in sorted(folder.glob("*.zip"))]
    parts = [body_part(each, text_bytes=each.text_bytes or 0, crc=each.crc32 or 0) for each in files]
    splice(parts, target, archive_format="zip", member="day.jsonl", note=b"", modified_ns=time_ns())
    seconds = perf_counter() - began
    target.unlink()
    return seconds


def make_day(plan: MergePlan, day: SeriesDay, frames: list[bytes]) -> tuple[int, int]:
    """The segments and the ledger of the day from midnight on, as sealing leaves them, of frames of `bench.frames`, again and again.
    Returns (records, bytes of text)."""
    stream = _SPEC.parse_stream(day.symbol, RECORDED)
    maker = LineMaker(_SPEC, stream, conn=plan.conn, epoch=1, median_ns=1_000_000, overhead_ns=1_000)
    day.folder.mkdir(parents=True)
    entries: list[LiveEntry | SegmentEntry] = []
    records = text_bytes = count = 0
    for number in range(plan.minutes):
        start = day_start_ns(day.day) + number * MINUTE_NS
        step = MINUTE_NS // (plan.per_minute + 1)
        lines = []
        for at in range(plan.per_minute):
            lap, place = divmod(count, len(frames))
            count += 1
            if count % 4 == plan.without:
                continue
            line = maker.line(start + (at + 1) * step + plan.late_ns, renumbered(frames[place], lap))
            assert line is not None, "the load's frames are JSON"
            lines.append(line)
        entry = _seal_minute(day, start, lines)
        entries += [entry, LiveEntry(journal=entry.journal, at=1, from_ns=start, to_ns=start + MINUTE_NS)]
        records += entry.records
        text_bytes += entry.bytes
    day.ledger.write_bytes(encode_entries(entries))
    return records, text_bytes


def _seal_minute(day: SeriesDay, start: int, lines: list[bytes]) -> SegmentEntry:
    stem = day.segment_stem(minute_of(start))
    builder = SegmentBuilder("zip")
    for at in range(0, len(lines), 90):
        builder.add(b"".join(lines[at : at + 90]), len(lines[at : at + 90]))
    times = [int(lines[at][10:29]) for at in (0, -1)]
    reader = RecordReader(_SPEC.channels_for(Kind.ORDERBOOK))
    ids = reader.ids([record for line in (lines[0], lines[-1]) for record, _ in reader.read_singly(line)])
    entry = SegmentEntry(
        journal=f"{minute_of(start)}.journal",
        file=stem + suffix_of("zip"),
        minute=minute_of(start),
        part=1,
        records=len(lines),
        bytes=0,
        crc32=0,
        archive_bytes=0,
        first_recv_ns=times[0],
        last_recv_ns=times[1],
        received=len(lines),
        first_id=ids[0],
        last_id=ids[-1],
        streams=[f"{day.symbol.lower()}@{RECORDED}"],
    )
    note = msgspec.json.encode(SegmentNote(sources=[entry.journal], entry=entry))
    pieces, facts = builder.build(f"{stem}.jsonl", note, start)
    (day.folder / entry.file).write_bytes(b"".join(pieces))
    return msgspec.structs.replace(entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
