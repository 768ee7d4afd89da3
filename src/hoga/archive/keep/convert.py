"""archive.keep.convert: a merged day becomes Parquet, when that gives back its very text.

lock        as for a merge
write       <day>.parquet.merging, fsynced                      a kill here: the day stays as it is, the next try starts over
prove       every segment made into text again: length and CRC-32 of each, SHA-256 of the whole; else the conversion is refused
commit      the manifest that names the Parquet file is renamed into place; from here on a merge rolls forward
install     the Parquet file is renamed into place
remove      the file it was made of
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.checked import Proof, checked_blocks, whole_lines
from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import FORMATS
from hoga.archive.form.manifest import ArchiveFile, Manifest, encode_manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import sha256_of
from hoga.archive.form.table import Table, TableFacts, write_table
from hoga.archive.keep.merge import series_lock
from hoga.core.errors import ManifestMismatch
from hoga.runtime.durable import fsync, install, temporary_for, unlink, write_all, write_fault

__all__ = ["convert_day"]


def convert_day(day: SeriesDay, *, step: Callable[[str], None] = lambda name: None) -> Path | None:
    """Make the day file of a merged day Parquet; the file, or None where it is one already, or there is no merged day.

    Raises:
        ManifestMismatch: the Parquet file would not give the day's text back; nothing was changed.
        ValueError: its records have no columns. SegmentCorrupt, ArchiveError, MissingLibrary.
    """
    with series_lock(day):
        manifest = read_manifest(day.manifest_path)
        if manifest is None or manifest.archive.file.endswith(FORMATS["parquet"]):
            return None
        target = day.directory / (day.stem + FORMATS["parquet"])
        try:
            return _convert(day, manifest, target, step)
        except OSError as fault:
            raise write_fault(target, fault) from fault


def _convert(day: SeriesDay, manifest: Manifest, target: Path, step: Callable[[str], None]) -> Path:
    source = day.manifest_path.with_name(manifest.archive.file)
    temporary, manifest_temporary = temporary_for(target), temporary_for(day.manifest_path)
    try:
        about = TableFacts(
            venue=manifest.venue,
            symbol=manifest.symbol,
            kind=manifest.kind,
            day=manifest.day,
            gaps=msgspec.to_builtins(manifest.gaps),
            sources=[msgspec.to_builtins(manifest.archive)],
        )
        write_table(temporary, lambda: _texts(source, manifest), about)
        with temporary.open("rb") as file:
            fsync(file.fileno())
        step("written")
        _prove(temporary, manifest)
        step("proven")
        with manifest_temporary.open("wb", buffering=0) as file:
            write_all(file.fileno(), encode_manifest(_described(manifest, temporary, target)))
            fsync(file.fileno())
    except BaseException:
        unlink(temporary, missing_ok=True)
        unlink(manifest_temporary, missing_ok=True)
        raise
    step("described")
    install(manifest_temporary, day.manifest_path)
    step("committed")
    install(temporary, target)
    step("installed")
    unlink(source, missing_ok=True)
    step("removed")
    return target


def _texts(source: Path, manifest: Manifest) -> Iterator[bytes]:
    for row in manifest.segments:
        proof = Proof(packed_crc32=row.archive_crc32, text_bytes=row.bytes, crc32=row.crc32)
        yield from whole_lines(checked_blocks(source, at=row.archive_offset, length=row.archive_bytes, proof=proof), source)


def _prove(path: Path, manifest: Manifest) -> None:
    """Raises ManifestMismatch when the file does not give the day's text back."""
    table, sha256, first = Table(path), hashlib.sha256(), 0
    for row in manifest.segments:
        crc = size = 0
        for text in table.text(first, row.records):
            crc, size = crc32(text, crc), size + len(text)
            sha256.update(text)
        first += row.records
        if (crc, size) != (row.crc32, row.bytes):
            raise ManifestMismatch(path, f"segment {row.minute} would not come back as it was: the day stays as it is")
    if sha256.hexdigest() != manifest.sha256 or first != table.records:
        raise ManifestMismatch(path, "the day's text would not come back as it was: the day stays as it is")


def _described(manifest: Manifest, temporary: Path, target: Path) -> Manifest:
    rows, first = [], 0
    for row in manifest.segments:
        rows.append(msgspec.structs.replace(row, archive_offset=first, archive_bytes=row.records, archive_crc32=row.crc32))
        first += row.records
    archive = ArchiveFile(file=target.name, bytes=temporary.stat().st_size, sha256=sha256_of(temporary))
    return msgspec.structs.replace(manifest, archive=archive, segments=rows, converted=manifest.archive)
