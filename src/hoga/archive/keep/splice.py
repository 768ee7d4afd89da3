"""archive.keep.splice: joining bodies into one file without recompressing, and reading the result back.

A `Part` is a stretch of compressed text in some file. Parts made here are copied as they are; parts of other makings
(classic zip, plain text, the other archive format) are compressed anew into a spool file first. Constant memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from hoga.archive.form.container import skippable_note, wrap_note, zip_head, zip_tail
from hoga.archive.form.deflate import crc32, crc32_combine
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import SegmentRow
from hoga.archive.form.segment import FINE, BodyWriter, Packer, inflate_range, read_pieces
from hoga.archive.form.store import open_source
from hoga.archive.form.text import count_lines
from hoga.core.errors import SegmentCorrupt
from hoga.runtime.durable import copy_range, fsync, write_all

__all__ = ["Part", "Placed", "ReadBack", "body_part", "copied_back", "read_back", "recompress", "row_part", "splice"]

_HASHES_AHEAD = 4
_HASH_BYTES = 1024 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Compressed text `at`..`at + length` of `located`'s file. `text_bytes` and `crc32` are of the text, `body_crc32` of the part.

    `source` is the file to name when something is wrong with it.
    """

    located: Located
    at: int
    length: int
    text_bytes: int
    crc32: int
    body_crc32: int
    source: Path


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A part in the joined file: where its text (`offset`) and its compressed bytes (`archive_offset`) begin."""

    part: Part
    offset: int
    archive_offset: int


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a file gave: lines per part, and the SHA-256 of the whole text."""

    records: list[int]
    sha256: str


def body_part(located: Located, *, text_bytes: int, crc: int) -> Part:
    """The whole body of a file made here."""
    assert located.ours and located.body_crc32 is not None
    return Part(
        located=located,
        at=located.body_at,
        length=located.body_bytes,
        text_bytes=text_bytes,
        crc32=crc,
        body_crc32=located.body_crc32,
        source=located.path,
    )


def row_part(located: Located, row: SegmentRow) -> Part:
    """One segment of a day file made here."""
    return Part(
        located=located,
        at=row.archive_offset,
        length=row.archive_bytes,
        text_bytes=row.bytes,
        crc32=row.crc32,
        body_crc32=row.archive_crc32,
        source=located.path,
    )


def recompress(blocks: Iterable[bytes], spool: Path, *, archive_format: str, source: Path) -> Part:
    """Compress text anew to the end of the file `spool`; the part lies there."""
    writer = BodyWriter(Packer(archive_format, level=FINE[archive_format]))
    with spool.open("ab", buffering=0) as file:
        at = os.fstat(file.fileno()).st_size
        for block in blocks:
            write_all(file.fileno(), writer.write(block))
        write_all(file.fileno(), writer.finish())
    made = Located(
        path=spool, archive_format=archive_format, ours=True, file_bytes=0, body_at=0, body_bytes=0, body_crc32=writer.body_crc32
    )
    return Part(
        located=made,
        at=at,
        length=writer.body_bytes,
        text_bytes=writer.text_bytes,
        crc32=writer.crc32,
        body_crc32=writer.body_crc32,
        source=source,
    )


def splice(parts: list[Part], target: Path, *, archive_format: str, member: str, note: bytes, modified_ns: int) -> list[Placed]:
    """Write the joined file to `target` and fsync it. Raises SegmentCorrupt when a part's file is too short, OSError."""
    text_bytes = sum(part.text_bytes for part in parts)
    body_bytes = sum(part.length for part in parts)
    crc, body_crc = 0, 0
    for part in parts:
        crc = crc32_combine(crc, part.crc32, part.text_bytes)
        body_crc = crc32_combine(body_crc, part.body_crc32, part.length)
    comment = wrap_note(note, body_crc32=body_crc)
    if archive_format == "zip":
        figures = {"crc": crc, "text_bytes": text_bytes, "body_bytes": body_bytes, "modified_ns": modified_ns}
        head, tail = zip_head(member, **figures), zip_tail(member, comment=comment, **figures)
    else:
        head, tail = b"", skippable_note(comment)
    with target.open("wb", buffering=0) as file:
        write_all(file.fileno(), head)
        placed = _copy_parts(parts, file.fileno(), archive_offset=len(head))
        write_all(file.fileno(), tail)
        fsync(file.fileno())
    return placed


def _copy_parts(parts: list[Part], target: int, *, archive_offset: int) -> list[Placed]:
    placed: list[Placed] = []
    offset = 0
    for part in parts:
        source = os.open(part.located.path, os.O_RDONLY)
        try:
            copied = copy_range(source, target, at=part.at, length=part.length)
        finally:
            os.close(source)
        if copied < part.length:
            raise SegmentCorrupt(part.source, "the file is shorter than its parts say", offset=part.at + copied)
        placed.append(Placed(part=part, offset=offset, archive_offset=archive_offset))
        offset += part.text_bytes
        archive_offset += part.length
    return placed


def read_back(path: Path, placed: list[Placed], *, on_block: Callable[[int, bytes], None] | None = None) -> ReadBack:
    """Inflate the joined file part by part and compare every part's length and CRC with what was put in.

    The SHA-256 is made on a second thread meanwhile. `on_block` gets (index of the part, text).
    Raises SegmentCorrupt naming the file that a wrong part came from.
    """
    located = locate(path)
    records: list[int] = []
    with ThreadPoolExecutor(1, thread_name_prefix="sha256") as hasher:
        digest = _Digest(hasher)
        for index, place in enumerate(placed):
            records.append(_read_part(located, place, digest, index, on_block))
        sha256 = digest.finish()
    _compare_whole(located, placed)
    return ReadBack(records=records, sha256=sha256)


def copied_back(path: Path, placed: list[Placed]) -> None:
    """Read the joined file and compare the compressed bytes of every part with what was put in: enough where the text of each part was
    read, and proven, from the very bytes that were copied.

    Raises SegmentCorrupt naming the file that a wrong part came from.
    """
    located = locate(path)
    with open_source(path) as source:
        for place in placed:
            part, crc = place.part, 0
            for _, piece in read_pieces(path, place.archive_offset, part.length, _HASH_BYTES, source=source):
                crc = crc32(piece, crc)
            if crc != part.body_crc32:
                raise SegmentCorrupt(part.source, "the compressed text is not what was sealed", offset=part.at)
    _compare_whole(located, placed)


def _read_part(located: Located, place: Placed, digest: _Digest, index: int, on_block: Callable[[int, bytes], None] | None) -> int:
    part, crc, count, records = place.part, 0, 0, 0
    try:
        for block in inflate_range(located, place.archive_offset, part.length):
            digest.update(block)
            crc = crc32(block, crc)
            count += len(block)
            records += count_lines(block)
            if on_block is not None:
                on_block(index, block)
    except SegmentCorrupt as fault:
        at = None if fault.offset is None else fault.offset - place.archive_offset + part.at
        raise SegmentCorrupt(part.source, "the compressed text is damaged", offset=at) from fault
    if count != part.text_bytes or crc != part.crc32:
        raise SegmentCorrupt(part.source, "the text is not what was sealed", offset=part.at)
    return records


def _compare_whole(located: Located, placed: list[Placed]) -> None:
    if located.crc32 is None:
        return
    crc = 0
    for place in placed:
        crc = crc32_combine(crc, place.part.crc32, place.part.text_bytes)
    if located.crc32 != crc or located.text_bytes != sum(place.part.text_bytes for place in placed):
        raise SegmentCorrupt(located.path, "the joined file's own figures differ from its parts", offset=0)


class _Digest:
    """SHA-256 on another thread, a megabyte at a time, never more than a few behind."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self._sha256 = hashlib.sha256()
        self._running: list[Future[None]] = []
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def update(self, block: bytes) -> None:
        self._waiting.append(block)
        self._waiting_bytes += len(block)
        if self._waiting_bytes >= _HASH_BYTES:
            self._hand_over()

    def finish(self) -> str:
        self._hand_over()
        for running in self._running:
            running.result()
        return self._sha256.hexdigest()

    def _hand_over(self) -> None:
        self._running.append(self._executor.submit(self._hash, self._waiting))
        self._waiting, self._waiting_bytes = [], 0
        if len(self._running) > _HASHES_AHEAD:
            self._running.pop(0).result()

    def _hash(self, blocks: list[bytes]) -> None:
        for block in blocks:
            self._sha256.update(block)
