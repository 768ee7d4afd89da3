"""history.zipped: the one CSV inside an exchange's zip, as blocks of whole lines. Nothing is ever unpacked to disk.

So a member's name can lead nowhere; members that do not belong there are named and left alone, and a member that grows out of all
proportion is given up long before it fills anything.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hoga.archive.form.deflate import DeflateFault, Inflater, crc32
from hoga.core.foreign import excerpt

__all__ = ["BLOCK_BYTES", "Member", "UnreadableZip", "blocks", "find_member"]

BLOCK_BYTES = 8 << 20
_PIECE = 1 << 20
_LOCAL_HEADER = 30
_LONGEST_LINE = 1 << 20
_BOMB_RATIO = 200
_BOMB_FLOOR = 64 << 20
"""Smaller members are read whatever they were packed with: the flattest candles pack to a fiftieth."""


class UnreadableZip(ValueError):
    """A zip that does not hold what it should; the text says why, without the zip's name."""


class Member(NamedTuple):
    """Where the CSV stands in the zip. `foreign`: names of other members. `crc`, `packed`, `size`: as the zip's directory says."""

    name: str
    at: int
    packed: int
    size: int
    crc: int
    stored: bool
    foreign: list[str]


def find_member(path: Path) -> Member:
    """The CSV that is named like its zip. Raises UnreadableZip, OSError."""
    wanted = f"{path.name.removesuffix('.zip')}.csv"
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as fault:
        raise UnreadableZip(f"it is no zip: {excerpt(str(fault))}") from None
    found = [info for info in infos if info.filename == wanted]
    names = [excerpt(info.filename, most=80) for info in infos if info.filename != wanted]
    if not found:
        raise UnreadableZip(f"{wanted} is not in it; it holds {', '.join(names[:3]) or 'nothing'}")
    if len(found) > 1:
        raise UnreadableZip(f"{wanted} is in it {len(found)} times")
    info = found[0]
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise UnreadableZip(f"{wanted} is packed in a way that nobody expects (method {info.compress_type})")
    head = b""
    if info.header_offset >= 0:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            head = file.read(_LOCAL_HEADER)
    if len(head) < _LOCAL_HEADER or head[:4] != b"PK\x03\x04":
        raise UnreadableZip(f"{wanted} does not stand where the zip says")
    at = info.header_offset + _LOCAL_HEADER + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    stored = info.compress_type == zipfile.ZIP_STORED
    return Member(wanted, at, info.compress_size, info.file_size, info.CRC, stored, names)


def blocks(path: Path, member: Member, *, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The member's text in blocks of whole lines; the last one may lack its end of line. Proven by its CRC-32 at the end.

    Raises UnreadableZip, OSError.
    """
    most = max(_BOMB_FLOOR, _BOMB_RATIO * member.packed)
    if member.size > most:
        raise UnreadableZip(f"{member.name} would unpack to {member.size:,} bytes from {member.packed:,}: no exchange packs so tightly")
    crc = size = 0
    waiting: list[bytes] = []
    length = 0
    for piece in _inflated(path, member):
        crc, size = crc32(piece, crc), size + len(piece)
        if size > most:
            raise UnreadableZip(f"{member.name} unpacks to more than {most:,} bytes from {member.packed:,}: no exchange packs so tightly")
        waiting.append(piece)
        length += len(piece)
        if length >= block_bytes:
            text = b"".join(waiting)
            cut = text.rfind(b"\n") + 1
            if len(text) - cut > _LONGEST_LINE:
                raise UnreadableZip(f"{member.name} has a line of more than {_LONGEST_LINE:,} bytes")
            if cut:
                yield text[:cut]
            waiting, length = [text[cut:]], len(text) - cut
    if crc != member.crc or size != member.size:
        raise UnreadableZip(f"{member.name} is damaged: {size:,} of {member.size:,} bytes, CRC-32 {crc:08x} instead of {member.crc:08x}")
    if text := b"".join(waiting):
        yield text


def _inflated(path: Path, member: Member) -> Iterator[bytes]:
    inflater = None if member.stored else Inflater()
    left = member.packed
    with path.open("rb") as file:
        file.seek(member.at)
        while left and (packed := file.read(min(left, _PIECE))):
            left -= len(packed)
            try:
                yield from (packed,) if inflater is None else inflater.feed(packed)
            except DeflateFault as fault:
                raise UnreadableZip(f"{member.name} is damaged: {fault}") from None
