"""archive.form.journal: the open minute on disk. One append-only file for all streams of a lane, in arrival order.

    file   := MAGIC u32(length) u32(crc32) header-JSON chunk*          the chunks: `archive.form.chunks`

A record's tag is `stream index | leg << 16`; a record of stream `CONTROL` is a note (JSON) that holds from there on:
which leg is which connection and epoch, the latency in force, a gap that opened or closed, what was counted. All that
the sealer needs to build the archive's lines is in the file, so that sealing and recovering are the same act.

A torn tail (crash) ends the file at the last whole chunk.
A journal that ended in good order says so in its last note; one that does not was cut short.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.archive.form.regular import open_regular
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream

__all__ = [
    "CONTROL",
    "JOURNAL_DIR",
    "LAST_FILE",
    "ClockNote",
    "CountsNote",
    "DigestNote",
    "EndNote",
    "GapNote",
    "JournalHeader",
    "JournalName",
    "LatencyNote",
    "LegNote",
    "LiveNote",
    "Note",
    "OddNote",
    "OpenNote",
    "StreamEntry",
    "decode_header",
    "decode_note",
    "encode_header",
    "encode_note",
    "journal_name",
    "parse_journal_name",
    "read_body",
    "read_header",
]

CONTROL = 0xFFFF
"""The stream index of notes."""
JOURNAL_DIR = "journal"
LAST_FILE = "last.json"
"""Beside the journals: how recording of each stream ended (`archive.keep.life`)."""
"""The folder under `temporary/` that holds open minutes."""

_MAGIC = b"HOGAJ001"
_START = struct.Struct("<8sII")
_NAME = re.compile(r"^(?P<lane>\d+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<minute>\d\d-\d\d)_(?P<session>[0-9a-f]+)_(?P<number>\d+)\.journal$")


class StreamEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A stream of the lane. Its index is its place in the header's list.

    `directory`: where its series lives, relative to the journal's own folder when that is possible.
    `down`: why no leg brought the stream when this journal began, None when one did (or none ever had); `since_ns`: since when,
    as far as no gap says so yet (None: since the journal began).
    """

    stream: Stream
    directory: str
    down: Reason | None = None
    since_ns: int | None = None


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says of itself. `from_ns` is the first instant it covers; `interval_min` the segment length."""

    venue: str
    session: str
    number: int
    lane: int
    from_ns: int
    minute_ns: int
    interval_min: int
    archive_format: str
    aside_directory: str
    streams: list[StreamEntry]
    hoga: str


class _Note(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="t"):
    pass


class LegNote(_Note, frozen=True, tag="leg"):
    """Leg `leg` is epoch `epoch` of connection `conn`, open since `from_ns`; `to_ns` and `close` when it has ended: `alive_ns`
    was its last sign of life, None where nobody says."""

    leg: int
    conn: str
    epoch: int
    from_ns: int
    streams: list[int] = []
    to_ns: int | None = None
    close: str | None = None
    alive_ns: int | None = None


class LatencyNote(_Note, frozen=True, tag="latency"):
    """From here on the one-way latency of these streams is `median_ns` (None: unknown), our own overhead `overhead_ns`."""

    streams: list[int]
    median_ns: int | None
    overhead_ns: int


class GapNote(_Note, frozen=True, tag="gap"):
    """A gap of one stream that has ended (or is cut at the minute's end)."""

    stream: int
    gap: Gap


class OpenNote(_Note, frozen=True, tag="open"):
    """What is open of the lane's streams now, (stream, gap as it stands): it replaces every such note before it, and holds
    only when the journal breaks off. Otherwise each of them is told when it ends, or is cut at the journal's end."""

    gaps: list[tuple[int, Gap]]


class LiveNote(_Note, frozen=True, tag="live"):
    """These streams were being recorded from `from_ns` to `to_ns`."""

    streams: list[int]
    from_ns: int
    to_ns: int


class CountsNote(_Note, frozen=True, tag="counts"):
    """Frames of one stream since the journal began: `received` = recorded + duplicates + what gaps count."""

    stream: int
    received: int
    duplicates: int
    reordered: int


class OddNote(_Note, frozen=True, tag="odd"):
    """A frame that belongs in no series, kept aside: `raw` as sent (at most 64 KiB of it), `size` in bytes."""

    leg: int
    why: str
    size: int
    raw: bytes


class ClockNote(_Note, frozen=True, tag="clock"):
    """Our clock against `source`."""

    ns: int
    offset_ms: float | None
    source: str


class DigestNote(_Note, frozen=True, tag="digest"):
    """What one stream's deltas had made of a book that was kept in this process: `digest` of its best levels at `id`."""

    stream: int
    ns: int
    id: int
    digest: str


class EndNote(_Note, frozen=True, tag="end"):
    """The journal is complete up to `ns`: what follows is in another, or (`last`) recording has ended in good order."""

    ns: int
    last: bool = False


Note = LegNote | LatencyNote | GapNote | OpenNote | LiveNote | CountsNote | OddNote | ClockNote | DigestNote | EndNote

_note_decoder = msgspec.json.Decoder(Note)
_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(JournalHeader)


class JournalName(NamedTuple):
    """What a journal's file name says; sorting by it is sorting by time within a lane."""

    lane: int
    day: str
    minute: str
    session: str
    number: int


def journal_name(name: JournalName) -> str:
    """`0_2026-11-20_13-15_18f3a…_7.journal`."""
    return f"{name.lane}_{name.day}_{name.minute}_{name.session}_{name.number}.journal"


def parse_journal_name(text: str) -> JournalName | None:
    """What a file name says, None when it is no journal's."""
    hit = _NAME.match(text)
    return JournalName(int(hit["lane"]), hit["day"], hit["minute"], hit["session"], int(hit["number"])) if hit else None


def encode_note(note: Note) -> bytes:
    """A note as the bytes of a CONTROL record."""
    return _encoder.encode(note)


def decode_note(data: bytes) -> Note:
    """Back. Raises msgspec.DecodeError."""
    note: Note = _note_decoder.decode(data)
    return note


def encode_header(header: JournalHeader) -> bytes:
    """The beginning of a journal file."""
    body = _encoder.encode(header)
    return _START.pack(_MAGIC, len(body), crc32(body)) + body


def read_header(path: Path) -> JournalHeader | None:
    """The header, None when the file is torn before its end, or damaged there. Raises as `open_regular`."""
    with open_regular(path) as file:
        body = read_body(file)
    return None if body is None else _header_decoder.decode(body)


def decode_header(body: bytes) -> JournalHeader:
    """From what `read_body` gives."""
    return _header_decoder.decode(body)


def read_body(file: BinaryIO) -> bytes | None:
    """The header's JSON as written, None when it is not whole; the file stands behind it then."""
    start = file.read(_START.size)
    if len(start) < _START.size:
        return None
    magic, length, crc = _START.unpack(start)
    body = file.read(length) if magic == _MAGIC else b""
    return body if len(body) == length and magic == _MAGIC and crc32(body) == crc else None
