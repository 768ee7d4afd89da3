"""audit.tape: the form of a tape: every frame that a trader's engine was given, and the moments at which it was woken, in order. Pure.

    file  := MAGIC u32(length of the header) header-JSON entry*
    entry := u16 what, u32 length, i64 at_ns (UTC), length bytes        all little-endian

`what` below 0xFF00 is a stream's place in the header's list, and the bytes are the frame as it came; `at_ns` is the receipt that the
engine saw. 0xFFFF is a timer's moment, 0xFF00 + i a sign of life of the account at the header's venue i; neither has bytes.

Entries count from 1 within a life, over all of its parts; `first` in the header is the number of a part's first. A part that a life
did not end in good order may be torn: it ends with its last whole entry.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

__all__ = ["ENTRY", "LIFE", "PART_NAME", "TICK", "Entry", "TapeHeader", "entries_of", "head_of", "part_name", "split_head"]

TICK = 0xFFFF
LIFE = 0xFF00
ENTRY = struct.Struct("<HIq")
PART_NAME = re.compile(r"(?P<boot>\d{6})-(?P<part>\d{4,})\.tape(?P<packed>\.zst)?")

_MAGIC = b"HOGATAPE"
_START = struct.Struct("<8sI")
_HEADER_BYTES = 16 * 1024 * 1024


class TapeHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a part says of itself. `streams`: (venue and symbol, type of data) each; `venues`: whose signs of life are on it."""

    format: str = "hoga-tape/1"
    boot: int
    part: int
    first: int
    streams: tuple[tuple[str, str], ...]
    venues: tuple[str, ...]


class Entry(NamedTuple):
    """One entry. `what`: a stream's index, `TICK`, or `LIFE` + a venue's index."""

    what: int
    at_ns: int
    frame: bytes


def part_name(boot: int, part: int) -> str:
    """`000017-0001.tape`."""
    return f"{boot:06d}-{part:04d}.tape"


def head_of(header: TapeHeader) -> bytes:
    """What a part begins with."""
    body = msgspec.json.encode(header)
    return _START.pack(_MAGIC, len(body)) + body


def split_head(data: bytes) -> tuple[TapeHeader, int]:
    """The header of a part, and where its entries begin. Raises ValueError for what is no tape, and for one that is cut off there."""
    if len(data) < _START.size:
        raise ValueError("no tape: shorter than its beginning")
    magic, length = _START.unpack_from(data)
    if magic != _MAGIC or length > _HEADER_BYTES or len(data) < _START.size + length:
        raise ValueError("no tape: it does not begin as one")
    try:
        header = msgspec.json.decode(data[_START.size : _START.size + length], type=TapeHeader)
    except msgspec.MsgspecError as fault:
        raise ValueError(f"no tape: {fault}") from None
    return header, _START.size + length


def entries_of(data: bytes, start: int) -> Iterator[Entry]:
    """All whole entries from `start` on."""
    at, end, size = start, len(data), ENTRY.size
    while at + size <= end:
        what, length, at_ns = ENTRY.unpack_from(data, at)
        at += size
        if at + length > end:
            return
        yield Entry(what, at_ns, data[at : at + length])
        at += length
