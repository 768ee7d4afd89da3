"""archive.form.container: the bytes around a body: the zip file's headers and the note. Pure.

A hoga zip has exactly one member. Byte for byte, with n = length of the member's name:

    0          local header: 30 bytes + name (+ 20 bytes of zip64 sizes when the text or the body reaches 4 GiB)
    ...        body (see `archive.form.deflate`), then `03 00`
    ...        central directory: 46 bytes + name (+ 20)
    ...        end of central directory (22 bytes; a zip64 record and locator before it when its offset reaches 4 GiB)
    ...        comment: the note

A hoga zst file is the body (zstd frames with checksums) and one skippable frame that holds the note.

The note is `hoga/1 BBBBBBBB NNNNNNNN TEXT`: CRC-32 of the body and of TEXT, in hex, so that no bit of the file can
change unseen. In a zst file ` LLLLLLLL`, the hex length of the whole skippable frame, follows it as the file's end.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from hoga.archive.form.deflate import FINAL, crc32

__all__ = [
    "NOTE_LIMIT",
    "SKIPPABLE_FOOTER_BYTES",
    "ZIP64_AT",
    "open_note",
    "skippable_note",
    "wrap_note",
    "zip_head",
    "zip_tail",
]

ZIP64_AT = 0xFFFFFFFF
"""Sizes and offsets from here on need zip64 fields."""

NOTE_LIMIT = 60_000
"""Most bytes of a note's text: a zip comment holds 65,535."""

SKIPPABLE_FOOTER_BYTES = 9

_PREFIX = b"hoga/1 "
_SKIPPABLE_MAGIC = 0x184D2A50
_UTF8_NAME = 0x0800
_DEFLATED = 8
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16


def wrap_note(text: bytes, *, body_crc32: int) -> bytes:
    """The note as it stands in the file. Raises ValueError when `text` is too long."""
    if len(text) > NOTE_LIMIT:
        raise ValueError(f"a note of {len(text)} bytes is longer than {NOTE_LIMIT}")
    return b"%b%08x %08x %b" % (_PREFIX, body_crc32, crc32(text), text)


def open_note(note: bytes) -> tuple[bytes, int] | None:
    """The text of a note and the CRC-32 of the body it belongs to; None when `note` is none of hoga's.

    Raises ValueError when it is one and damaged.
    """
    if not note.startswith(_PREFIX):
        return None
    text = note[25:]
    try:
        body_crc32 = int(note[7:15], 16)
    except ValueError:
        body_crc32 = 0
    if note != wrap_note(text, body_crc32=body_crc32):
        raise ValueError("the note is damaged")
    return text, body_crc32


def skippable_note(note: bytes) -> bytes:
    """A wrapped note as the zstd skippable frame at a file's end."""
    length = 8 + len(note) + SKIPPABLE_FOOTER_BYTES
    return struct.pack("<II", _SKIPPABLE_MAGIC, length - 8) + note + b" %08x" % length


def zip_head(member: str, *, crc: int, text_bytes: int, body_bytes: int, modified_ns: int, zip64_at: int = ZIP64_AT) -> bytes:
    """The local header of the one member. `body_bytes` is without `FINAL`."""
    name, sizes, extra, version = _member_fields(member, text_bytes, body_bytes, zip64_at)
    fixed = (0x04034B50, version, _UTF8_NAME, _DEFLATED, *_dos_time(modified_ns), crc, *sizes, len(name), len(extra))
    return struct.pack("<IHHHHHIIIHH", *fixed) + name + extra


def zip_tail(
    member: str, *, crc: int, text_bytes: int, body_bytes: int, modified_ns: int, comment: bytes, zip64_at: int = ZIP64_AT
) -> bytes:
    """All that follows the body: `FINAL`, central directory, its end, the comment."""
    name, sizes, extra, version = _member_fields(member, text_bytes, body_bytes, zip64_at)
    times = _dos_time(modified_ns)
    made = (0x02014B50, _UNIX | version, version, _UTF8_NAME, _DEFLATED, *times, crc, *sizes)
    directory = struct.pack("<IHHHHHHIII", *made) + struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, _REGULAR_FILE, 0) + name + extra
    at = 30 + len(name) + len(extra) + body_bytes + len(FINAL)
    end64 = b"" if at < zip64_at else _end64(at, len(directory), _UNIX | version)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(directory), min(at, 0xFFFFFFFF) if not end64 else 0xFFFFFFFF, len(comment))
    return FINAL + directory + end64 + end + comment


def _member_fields(member: str, text_bytes: int, body_bytes: int, zip64_at: int) -> tuple[bytes, tuple[int, int], bytes, int]:
    packed = body_bytes + len(FINAL)
    if max(text_bytes, packed) < zip64_at:
        return member.encode(), (packed, text_bytes), b"", 20
    return member.encode(), (0xFFFFFFFF, 0xFFFFFFFF), struct.pack("<HHQQ", 1, 16, text_bytes, packed), 45


def _end64(at: int, directory_bytes: int, made_by: int) -> bytes:
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, made_by, 45, 0, 0, 1, 1, directory_bytes, at)
    return record + struct.pack("<IIQI", 0x07064B50, 0, at + directory_bytes, 1)


def _dos_time(ns: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    if not 1980 <= moment.year <= 2107:
        return 0, 0x21
    return moment.hour << 11 | moment.minute << 5 | moment.second // 2, (moment.year - 1980) << 9 | moment.month << 5 | moment.day
