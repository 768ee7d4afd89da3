"""archive.journal: the open minute on disk. One append-only file for all streams of a lane, in arrival order.

    file   := MAGIC u32(length) u32(crc32) header-JSON chunk*
    chunk  := KEY|NEXT u32(stored) u32(raw) u32(frames) u64(seq) u32(crc32 of all that follows and of the four numbers) zstd(columns)
    columns:= recv_ns int64[n] · tag uint32[n] · length uint32[n] · bytes…     little-endian, in arrival order

The compressed bytes of a KEY chunk and the NEXT chunks that follow it are one zstd stream, flushed at the end of each chunk: what a
frame shares with the one before it is said once, however few frames a chunk holds. A KEY chunk begins each file, and comes again
every second. `seq` counts the chunks of a session over all its files: a chunk written twice (after a failed fsync) is read once.

A record's tag is `stream index | leg << 16`; a record of stream `CONTROL` is a note (JSON) that holds from there on:
which leg is which connection and epoch, the latency in force, a gap that opened or closed, what was counted. All that
the sealer needs to build the archive's lines is in the file, so that sealing and recovering are the same act.

A torn tail (crash) ends the file at the last whole chunk. A damaged chunk in the middle costs what follows it until the next KEY.
A journal that ended in good order says so in its last note; one that does not was cut short.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
from zstandard import COMPRESSOBJ_FLUSH_BLOCK, ZstdCompressionParameters, ZstdCompressor, ZstdDecompressor, ZstdError

from hoga.archive.deflate import crc32
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream

__all__ = [
    "CONTROL",
    "JOURNAL_DIR",
    "Chunk",
    "ChunkEncoder",
    "ClockNote",
    "CountsNote",
    "EndNote",
    "GapNote",
    "JournalHeader",
    "JournalName",
    "LatencyNote",
    "LegNote",
    "LiveNote",
    "Note",
    "OddNote",
    "StreamEntry",
    "decode_note",
    "encode_header",
    "encode_note",
    "has_chunks",
    "journal_name",
    "parse_journal_name",
    "read_chunks",
    "read_header",
]

CONTROL = 0xFFFF
"""The stream index of notes."""
JOURNAL_DIR = "journal"
"""The folder under `temporary/` that holds open minutes."""

_MAGIC = b"HOGAJ001"
_KEY, _NEXT = b"HGCK", b"HGCN"
_HEAD = struct.Struct("<4sIIIQI")
_NUMBERS = struct.Struct("<IIIQ")
_START = struct.Struct("<8sII")
_MAX_RAW = 1 << 30
_KEY_NS = 1_000_000_000
_LEVEL, _HASH_LOG = -3, 15
_WINDOW_LOGS = (18, 22)
_FRAME_BYTES = 2048
_NAME = re.compile(r"^(?P<lane>\d+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<minute>\d\d-\d\d)_(?P<session>[0-9a-f]+)_(?P<number>\d+)\.journal$")


class StreamEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A stream of the lane. Its index is its place in the header's list.

    `directory`: where its series lives, relative to the journal's own folder when that is possible. `last_id`: the
    largest id recorded before this journal, None when unknown.
    `down`: why no leg brought the stream when this journal began, None when one did (or none ever had).
    """

    stream: Stream
    directory: str
    last_id: int | None = None
    down: Reason | None = None


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
    """Leg `leg` is epoch `epoch` of connection `conn`, open since `from_ns`; `to_ns` and `close` when it has ended."""

    leg: int
    conn: str
    epoch: int
    from_ns: int
    streams: list[int] = []
    to_ns: int | None = None
    close: str | None = None


class LatencyNote(_Note, frozen=True, tag="latency"):
    """From here on the one-way latency of these streams is `median_ns` (None: unknown), our own overhead `overhead_ns`."""

    streams: list[int]
    median_ns: int | None
    overhead_ns: int


class GapNote(_Note, frozen=True, tag="gap"):
    """A gap of one stream that has ended (or is cut at the minute's end)."""

    stream: int
    gap: Gap


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


class EndNote(_Note, frozen=True, tag="end"):
    """The journal is complete up to `ns`: what follows is in another, or recording has ended."""

    ns: int


Note = LegNote | LatencyNote | GapNote | LiveNote | CountsNote | OddNote | ClockNote | EndNote

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


class Chunk(NamedTuple):
    """One chunk, decoded: parallel columns in arrival order, and the frames as one buffer; record n's begins at `starts[n]`."""

    seq: int
    recv_ns: array[int]
    tags: array[int]
    lengths: array[int]
    starts: list[int]
    frames: memoryview


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


class ChunkEncoder:
    """Makes the chunks of one lane. `streams`: how many it has; the window reaches back over the last frame of each.

    Codecs, µs a frame and ratio, depth20 of 100 symbols in chunks of 16 frames / of 1,024: this 1.1 (14) / 1.0 (15); level 1
    1.6 (21) / 1.3 (22); each chunk for itself, grouped by symbol: isal 2.9 (3) / 0.9 (12). Written as they are, frames cost
    3 to 4 µs: fresh pages of a file are dear. (`bench --only stages`; docs/decisions/0006)
    """

    def __init__(self, streams: int) -> None:
        low, high = _WINDOW_LOGS
        window_log = min(max((streams * _FRAME_BYTES).bit_length(), low), high)
        parameters = ZstdCompressionParameters.from_level(_LEVEL, window_log=window_log, hash_log=_HASH_LOG)
        self._compressor = ZstdCompressor(compression_params=parameters)
        self._stream = self._compressor.compressobj()
        self._key_ns: int | None = None

    def restart(self) -> None:
        """The next chunk is a KEY: it begins a file."""
        self._key_ns = None

    def encode(self, records: list[Any], seq: int) -> bytes:
        """`records` is flat: recv_ns, tag, frame, recv_ns, tag, frame, … (flat lists slice into columns at C speed:
        0.2 µs a record where a pack per record costs 0.4)."""
        magic = _NEXT
        if self._key_ns is None or not 0 <= records[0] - self._key_ns < _KEY_NS:
            magic, self._key_ns = _KEY, records[0]
            self._stream = self._compressor.compressobj()
        frames: list[bytes] = records[2::3]
        raw = b"".join((array("q", records[0::3]), array("I", records[1::3]), array("I", map(len, frames)), *frames))
        stored = self._stream.compress(raw) + self._stream.flush(COMPRESSOBJ_FLUSH_BLOCK)
        numbers = (len(stored), len(raw), len(frames), seq)
        return _HEAD.pack(magic, *numbers, crc32(stored, crc32(_NUMBERS.pack(*numbers)))) + stored


def read_header(path: Path) -> JournalHeader | None:
    """The header, None when the file is torn before its end, or damaged there."""
    with path.open("rb") as file:
        body = _read_body(file)
    return None if body is None else _header_decoder.decode(body)


def has_chunks(path: Path) -> bool:
    """Whether there may be records in the file, also in one whose header is lost."""
    with path.open("rb") as file:
        return _next_magic(file, -1) is not None


def read_chunks(path: Path) -> Iterator[Chunk | int]:
    """The chunks by `seq`, each once; an int stands for so many damaged bytes, in place of the chunks that are missing there
    (at the end when none are: a torn tail, or garbage between chunks).

    Reads the file twice: where whole chunks lie, then one after the other, so memory does not grow with it.
    """
    with path.open("rb") as file:
        if _read_body(file) is None:
            if size := path.stat().st_size:
                yield size
            return
        begin = file.tell()
        places, damaged = _whole_chunks(file, path.stat().st_size)
        decoder = _Decoder()
        expected = min(places) if begin in places.values() else -1
        for seq in sorted(places):
            file.seek(places[seq])
            packed = _read_packed(file)
            chunk = decoder.decode(packed) if packed is not None else None
            if chunk is None:
                damaged += file.tell() - places[seq]
                continue
            if damaged and seq != expected:
                yield damaged
                damaged = 0
            expected = seq + 1
            yield chunk
        if damaged:
            yield damaged


def _whole_chunks(file: BinaryIO, size: int) -> tuple[dict[int, int], int]:
    """Where the first whole copy of each chunk lies, by `seq`, and how many bytes between them are none."""
    places: dict[int, int] = {}
    damaged = 0
    while True:
        start = file.tell()
        packed = _read_packed(file)
        if packed is not None:
            places.setdefault(packed.seq, start)
            continue
        found = _next_magic(file, start)
        damaged += (size if found is None else found) - start
        if found is None:
            return places, damaged
        file.seek(found)


class _Packed(NamedTuple):
    """A chunk as it was written."""

    is_key: bool
    stored: bytes
    raw_size: int
    records: int
    seq: int


class _Decoder:
    """Follows the zstd stream of one file."""

    def __init__(self) -> None:
        self._decompressor = ZstdDecompressor()
        self._stream: Any = None
        self._next = -1

    def decode(self, packed: _Packed) -> Chunk | None:
        """The chunk, None when the one before it is missing."""
        if packed.is_key:
            self._stream = self._decompressor.decompressobj()
        elif packed.seq != self._next:
            return None
        try:
            raw = memoryview(self._stream.decompress(packed.stored))
        except ZstdError:
            raw = memoryview(b"")
        if len(raw) != packed.raw_size:
            return None
        self._next = packed.seq + 1
        count = packed.records
        recv_ns, tags, lengths = array("q"), array("I"), array("I")
        recv_ns.frombytes(raw[: 8 * count])
        tags.frombytes(raw[8 * count : 12 * count])
        lengths.frombytes(raw[12 * count : 16 * count])
        return Chunk(packed.seq, recv_ns, tags, lengths, list(accumulate(lengths, initial=0))[:-1], raw[16 * count :])


def _read_body(file: BinaryIO) -> bytes | None:
    """The header's JSON as written; the file stands behind it then."""
    start = file.read(_START.size)
    if len(start) < _START.size:
        return None
    magic, length, crc = _START.unpack(start)
    body = file.read(length) if magic == _MAGIC else b""
    return body if len(body) == length and magic == _MAGIC and crc32(body) == crc else None


def _read_packed(file: BinaryIO) -> _Packed | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, stored_size, raw_size, count, seq, crc = _HEAD.unpack(head)
    if magic not in (_KEY, _NEXT) or raw_size > _MAX_RAW or stored_size > _MAX_RAW or count * 16 > raw_size:
        return None
    stored = file.read(stored_size)
    if len(stored) < stored_size or crc32(stored, crc32(_NUMBERS.pack(stored_size, raw_size, count, seq))) != crc:
        return None
    return _Packed(magic == _KEY, stored, raw_size, count, seq)


def _next_magic(file: BinaryIO, start: int) -> int | None:
    """Where the next chunk may begin after `start`, None when nowhere."""
    at = start + 1
    file.seek(at)
    tail = b""
    while block := file.read(1 << 20):
        window = tail + block
        hits = [found for magic in (_KEY, _NEXT) if (found := window.find(magic)) >= 0]
        if hits:
            return at - len(tail) + min(hits)
        tail = window[-3:]
        at += len(block)
    return None
