"""archive.form.healed: trades that were not received and were fetched afterwards: a file beside the day, which keeps its own bytes.

    BTCUSDT_execution_2026-11-20.healed.jsonl.zst     one zstd frame with a checksum: a line for each trade, by time and id

The ledger, and the manifest once the day is merged, name the file with its SHA-256; what they do not name is not told to readers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from hoga.archive.form.envelope import healed_event_ms
from hoga.archive.form.layout import HEALED_SUFFIX
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import read_name
from hoga.core.errors import SegmentCorrupt

__all__ = ["Healed", "HealedRange", "HealedRow", "healed_path", "pack_rows", "read_rows"]

_LEVEL = 9
_MOST_BYTES = 4 << 30


class HealedRange(msgspec.Struct, frozen=True, order=True):
    """Ids `first` to `last` of one chain are as whole as the venue has them. `source`: `rest`, or the name of the exchange's file."""

    chain: str
    first: int
    last: int
    source: str


class Healed(msgspec.Struct, frozen=True, kw_only=True):
    """What ledger and manifest say of a healed file: its records, the SHA-256 of its text and of the file, and which ids it has, or
    which were looked for."""

    file: str
    records: int
    bytes: int
    sha256: str
    file_bytes: int
    file_sha256: str
    healed_ns: int
    ranges: list[HealedRange]


class HealedRow(NamedTuple):
    """One line. `id` is the venue's, of `chain`; `event_ms` its own time; `text` the line without its newline."""

    chain: str
    id: int
    event_ms: int
    text: bytes


def healed_path(day: SeriesDay) -> Path:
    """Where the healed rows of a day are."""
    return day.directory / (day.stem + HEALED_SUFFIX)


def pack_rows(day: SeriesDay, rows: list[HealedRow], *, ranges: list[HealedRange], healed_ns: int) -> tuple[bytes, Healed]:
    """The file of these rows, and what is to be said of it."""
    text = b"".join(row.text + b"\n" for row in sorted(rows, key=lambda row: (row.event_ms, row.chain, row.id)))
    packed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True).compress(text)
    return packed, Healed(
        file=healed_path(day).name,
        records=len(rows),
        bytes=len(text),
        sha256=hashlib.sha256(text).hexdigest(),
        file_bytes=len(packed),
        file_sha256=hashlib.sha256(packed).hexdigest(),
        healed_ns=healed_ns,
        ranges=sorted(ranges),
    )


def read_rows(path: Path, told: Healed | None = None) -> list[bytes]:
    """The lines of a healed file, without newlines. `told`: what it must be.

    Raises SegmentCorrupt for what is damaged or another file than was told, FileNotFoundError, ArchiveError.
    """
    packed = read_name(path)
    if told is not None and (len(packed), hashlib.sha256(packed).hexdigest()) != (told.file_bytes, told.file_sha256):
        raise SegmentCorrupt(path, "the file is not the one that ledger or manifest name")
    try:
        text = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MOST_BYTES)
    except zstandard.ZstdError as fault:
        raise SegmentCorrupt(path, f"it is damaged: {fault}") from fault
    if told is not None and (len(text), hashlib.sha256(text).hexdigest()) != (told.bytes, told.sha256):
        raise SegmentCorrupt(path, "its text is not the one that ledger or manifest name")
    if text and not text.endswith(b"\n"):
        raise SegmentCorrupt(path, "its last line has no end")
    lines = text.split(b"\n")[:-1]
    for number, line in enumerate(lines, 1):
        try:
            healed_event_ms(line)
        except ValueError as fault:
            raise SegmentCorrupt(path, f"line {number} is no healed record: {fault}") from fault
    return lines
