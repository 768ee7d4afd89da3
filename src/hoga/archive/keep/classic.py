"""archive.keep.classic: archives of the classic recorder: ordinary zips and plain `.jsonl`, lines without hoga's envelope, no ledger.

They are read, counted, verified and merged as they are. What proves them is the zip's own CRC-32; a day that was adopted
has a manifest besides, with one segment of the state `classic`. Its file stays as it was made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from hoga.archive.form.checked import checked_blocks
from hoga.archive.form.deflate import crc32
from hoga.archive.form.envelope import is_own
from hoga.archive.form.layout import parse_segment
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import ArchiveFile, DayAccount, FoldedLedger, Manifest, SegmentRow, build_manifest, encode_manifest
from hoga.archive.form.segment import read_located, read_pieces
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look, sha256_of
from hoga.archive.form.text import count_lines
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.runtime.durable import write_file

__all__ = ["CLASSIC", "adopt", "classic_day", "count_text", "describe_day", "is_classic", "is_twin"]

CLASSIC = "classic"
"""The state of a segment that the classic recorder made."""


def is_classic(located: Located) -> bool:
    """Whether the file is of the classic recorder's making: no file of hoga's, and its first line has no envelope of hoga's."""
    if located.ours or located.archive_format == "zst":
        return False
    try:
        first = next((block for block in read_located(located) if block), b"")
    except ArchiveError:
        return True
    return not is_own(first)


def classic_day(day: SeriesDay) -> Path | None:
    """The day file of a day without a manifest, when the classic recorder made it."""
    if day.manifest_path.exists():
        return None
    for path in day.archive_paths:
        try:
            if is_classic(locate(path)):
                return path
        except ArchiveError:
            continue
    return None


def is_twin(path: Path) -> bool:
    """A `.jsonl` beside the `.zip` that was made of it: the classic recorder was stopped between compressing and removing."""
    return path.suffix == ".jsonl" and parse_segment(path.name) is not None and look(path.with_suffix(".zip")) is not None


def count_text(path: Path) -> tuple[int, int]:
    """(records, bytes) of a file's text, proven. Raises ArchiveError, FileNotFoundError."""
    records = size = 0
    for block in checked_blocks(path):
        records, size = records + count_lines(block), size + len(block)
    return records, size


def adopt(day: SeriesDay, *, venue: str) -> Manifest:
    """Write the manifest of a day that the classic recorder made; the day file is not touched.

    Raises SegmentCorrupt when the file is damaged, ArchiveError when the manifest cannot be written.
    """
    path = classic_day(day)
    if path is None:
        raise ArchiveError(day.manifest_path, "there is no day file of the classic recorder to adopt")
    manifest = describe_day(day, path, venue=venue)
    write_file(day.manifest_path, [encode_manifest(manifest)])
    return manifest


def describe_day(day: SeriesDay, path: Path, *, venue: str) -> Manifest:
    """The manifest of a classic day file. Nobody kept a ledger of it, so no coverage is claimed. Raises SegmentCorrupt."""
    located = locate(path)
    sha256 = hashlib.sha256()
    records = size = crc = packed = 0
    for block in checked_blocks(path):
        records, size, crc = records + count_lines(block), size + len(block), crc32(block, crc)
        sha256.update(block)
    for _, piece in read_pieces(path, located.body_at, located.body_bytes, 1024 * 1024):
        packed = crc32(piece, packed)
    if not size:
        raise SegmentCorrupt(path, "the day file is empty", offset=0)
    row = SegmentRow(
        minute="00-00",
        part=1,
        records=records,
        bytes=size,
        crc32=crc,
        offset=0,
        state=CLASSIC,
        archive_offset=located.body_at,
        archive_bytes=located.body_bytes,
        archive_crc32=packed,
        first_recv_ns=None,
        last_recv_ns=None,
        span_min=1440,
    )
    manifest = build_manifest(
        DayAccount(),
        venue=venue,
        day=day,
        rows=[row],
        sha256=sha256.hexdigest(),
        archive=ArchiveFile(file=path.name, bytes=located.file_bytes, sha256=sha256_of(path)),
        ledger=FoldedLedger(bytes=0, crc32=0),
    )
    return msgspec.structs.replace(manifest, received=None)
