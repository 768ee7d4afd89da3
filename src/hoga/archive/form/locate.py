"""archive.form.locate: where the text is inside a file of the archive, and whether the file's frame is whole.

Files made here are checked byte for byte outside their body (see `archive.form.container`); a zip made by other tools
(the classic recorder, `zipfile`) is read as the zip format allows, and a plain `.jsonl` is its own text.
"""

from __future__ import annotations

import struct
import zipfile
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import msgspec

from hoga.archive.form.container import NOTE_LIMIT, SKIPPABLE_FOOTER_BYTES, open_note, zip_head, zip_tail
from hoga.archive.form.deflate import FINAL
from hoga.archive.form.layout import FORMATS
from hoga.archive.form.store import Source, SourceFile, open_source
from hoga.core.errors import SegmentCorrupt
from hoga.runtime.durable import TEMPORARY_SUFFIX

__all__ = ["Located", "locate", "made_here"]


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """One file: `body_at`..`body_at + body_bytes` is the compressed text.

    `ours`: made by hoga, so the body is joinable and the figures from the file's own frame are there (`body_crc32`;
    for zip `text_bytes` and `crc32` too). `method` is the zip's (0 stored, 8 deflated). Foreign deflate bodies
    include the stream's last block, ours do not. In Parquet, where nothing is text, places and lengths count records.
    """

    path: Path
    archive_format: str
    ours: bool
    file_bytes: int
    body_at: int
    body_bytes: int
    method: int = 8
    member: str | None = None
    text_bytes: int | None = None
    crc32: int | None = None
    body_crc32: int | None = None
    note: bytes | None = None


def made_here(path: Path, *, file_bytes: int = 0) -> Located:
    """What is known of a file by its name alone, when somebody else says which of its bytes are wanted and proves them."""
    archive_format = "zip" if path.name.removesuffix(TEMPORARY_SUFFIX).endswith(".zip") else "zst"
    return Located(path=path, archive_format=archive_format, ours=True, file_bytes=file_bytes, body_at=0, body_bytes=0)


def locate(path: Path) -> Located:
    """Find the text in `path`.

    Raises SegmentCorrupt when the file is not whole or no regular file, FileNotFoundError when it is not there,
    ArchiveError when the system does not give it.
    """
    name = path.name.removesuffix(TEMPORARY_SUFFIX)
    if name.endswith(FORMATS["parquet"]):
        from hoga.archive.form.table import open_table  # it takes a library that a recorder does not need

        table = open_table(path)
        return Located(path=path, archive_format="parquet", ours=True, file_bytes=table.file_bytes, body_at=0, body_bytes=table.records)
    with open_source(path) as source:
        size = source.size
        if name.endswith(".zip"):
            return _locate_zip(path, source)
        if name.endswith(".zst"):
            return _locate_zst(path, source)
    return Located(path=path, archive_format="text", ours=False, file_bytes=size, body_at=0, body_bytes=size, method=0)


def _locate_zip(path: Path, source: Source) -> Located:
    head = source.read(0, 30)
    if len(head) == 30 and head[:4] == b"PK\x03\x04":
        ours = _our_zip(path, source, head)
        if ours is not None:
            return ours
    return _foreign_zip(path, source)


def _our_zip(path: Path, source: Source, head: bytes) -> Located | None:
    """The file as hoga makes it; None when neither its frame nor its comment is ours."""
    size = source.size
    _, _, _, _, time, date, crc, packed, text_bytes, name_bytes, extra_bytes = struct.unpack("<IHHHHHIIIHH", head)
    rest = source.read(30, name_bytes + extra_bytes)
    if len(rest) < name_bytes + extra_bytes:
        return None
    if extra_bytes == 20 and packed == text_bytes == 0xFFFFFFFF:
        text_bytes, packed = struct.unpack_from("<QQ", rest, name_bytes + 4)
    body_at, body_bytes = 30 + len(rest), packed - len(FINAL)
    if body_bytes < 0 or body_at + packed > size:
        return None
    tail = source.read(body_at + body_bytes, NOTE_LIMIT + 4096)
    try:
        member = rest[:name_bytes].decode()
        expected_head, expected_tail = _frame(member, crc, text_bytes, body_bytes, _dos_ns(time, date), zip64=extra_bytes == 20)
    except (UnicodeDecodeError, ValueError):
        return None
    comment = tail[len(expected_tail) :]
    expected_tail = expected_tail[:-2] + len(comment).to_bytes(2, "little")
    whole = head + rest == expected_head and tail.startswith(expected_tail)
    note = _opened(path, comment, size)
    if note is None and not whole:
        return None
    if not whole:
        raise SegmentCorrupt(path, "the zip's frame is damaged", offset=_first_difference(head + rest, expected_head))
    _require(path, note is not None, "the note is damaged", offset=size - len(comment))
    assert note is not None
    return Located(
        path=path, archive_format="zip", ours=True, file_bytes=size, body_at=body_at, body_bytes=body_bytes, member=member,
        text_bytes=text_bytes, crc32=crc, note=note[0], body_crc32=note[1],
    )  # fmt: skip


def _frame(member: str, crc: int, text_bytes: int, body_bytes: int, modified_ns: int, *, zip64: bool) -> tuple[bytes, bytes]:
    limits = {"zip64_at": 0} if zip64 and max(text_bytes, body_bytes + 2) < 0xFFFFFFFF else {}
    head = zip_head(member, crc=crc, text_bytes=text_bytes, body_bytes=body_bytes, modified_ns=modified_ns, **limits)
    tail = zip_tail(member, crc=crc, text_bytes=text_bytes, body_bytes=body_bytes, modified_ns=modified_ns, comment=b"", **limits)
    return head, tail


def _dos_ns(time: int, date: int) -> int:
    moment = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def _foreign_zip(path: Path, source: Source) -> Located:
    size = source.size
    try:
        with zipfile.ZipFile(BufferedReader(SourceFile(source))) as archive:
            comment = archive.comment
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, OverflowError, EOFError, struct.error) as fault:
        raise SegmentCorrupt(path, f"no whole zip file ({fault})", offset=size) from fault
    _require(path, not comment.startswith(b"hoga/"), "the zip's frame is damaged", offset=0)
    _require(path, len(members) == 1, f"{len(members)} members where one was expected", offset=0)
    info = members[0]
    _require(path, info.compress_type in (0, 8), f"compression method {info.compress_type} is not read", offset=info.header_offset)
    _require(path, 0 <= info.header_offset <= size - 30, "no local header", offset=size)
    header = source.read(info.header_offset, 30)
    _require(path, len(header) == 30 and header[:4] == b"PK\x03\x04", "no local header", offset=info.header_offset)
    body_at = info.header_offset + 30 + sum(struct.unpack_from("<HH", header, 26))
    _require(path, body_at + info.compress_size <= size, "the member ends behind the file", offset=size)
    return Located(
        path=path, archive_format="zip", ours=False, file_bytes=size, body_at=body_at, body_bytes=info.compress_size,
        method=info.compress_type, member=info.filename, text_bytes=info.file_size, crc32=info.CRC,
    )  # fmt: skip


def _locate_zst(path: Path, source: Source) -> Located:
    size = source.size
    foreign = Located(path=path, archive_format="zst", ours=False, file_bytes=size, body_at=0, body_bytes=size)
    footer = source.read(max(0, size - SKIPPABLE_FOOTER_BYTES), SKIPPABLE_FOOTER_BYTES)
    try:
        length = int(footer[1:], 16)
    except ValueError:
        return foreign
    if not 8 + SKIPPABLE_FOOTER_BYTES <= length <= min(size, NOTE_LIMIT + 100):
        return foreign
    frame = source.read(size - length, length)
    note = _opened(path, frame[8:-SKIPPABLE_FOOTER_BYTES], size)
    if note is None or struct.unpack_from("<II", frame) != (0x184D2A50, length - 8) or footer != b" %08x" % length:
        return foreign
    return msgspec.structs.replace(foreign, ours=True, body_bytes=size - length, note=note[0], body_crc32=note[1])


def _opened(path: Path, note: bytes, size: int) -> tuple[bytes, int] | None:
    try:
        return open_note(note)
    except ValueError as fault:
        raise SegmentCorrupt(path, str(fault), offset=size - len(note)) from fault


def _require(path: Path, holds: bool, why: str, *, offset: int) -> None:
    if not holds:
        raise SegmentCorrupt(path, why, offset=offset)


def _first_difference(found: bytes, expected: bytes) -> int:
    return next((at for at, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other), min(len(found), len(expected)))
