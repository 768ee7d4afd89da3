"""archive.form.chunks: the records of a journal, a batch at a time: how chunks are made, found again, and decoded.

    chunk  := KEY|NEXT u32(stored) u32(raw) u32(frames) u64(seq) u32(crc32 of all that follows and of the four numbers) zstd(columns)
    columns:= recv_ns int64[n] · tag uint32[n] · length uint32[n] · bytes…     little-endian, in arrival order

The compressed bytes of a KEY chunk and the NEXT chunks that follow it are one zstd stream, flushed at the end of each chunk: what a
frame shares with the one before it is said once, however few frames a chunk holds. A KEY chunk begins each file, and comes again
every second. `seq` counts the chunks of a session over all its files: a chunk written twice (after a failed fsync) is read once.

A damaged chunk in the middle costs what follows it until the next KEY.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from io import BufferedReader
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from zstandard import COMPRESSOBJ_FLUSH_BLOCK, ZstdCompressionParameters, ZstdCompressor, ZstdDecompressor, ZstdError

from hoga.archive.form.deflate import crc32
from hoga.archive.form.journal import read_body
from hoga.archive.form.regular import open_regular

__all__ = ["KEY_MAGIC", "Chunk", "ChunkDecoder", "ChunkEncoder", "Columns", "Packed", "columns", "has_chunks", "read_chunks", "read_packed"]

KEY_MAGIC = b"HGCK"
"""How a KEY chunk begins."""
_KEY, _NEXT = KEY_MAGIC, b"HGCN"
_HEAD = struct.Struct("<4sIIIQI")
_NUMBERS = struct.Struct("<IIIQ")
_MAX_RAW = 1 << 30
_KEY_NS = 1_000_000_000
"""How long a zstd stream goes on: so much a damaged chunk can take with it."""
_LEVEL, _HASH_LOG, _MIN_MATCH = -3, 15, 7
_WINDOW_LOGS = (21, 22)
"""The window's least and largest size, as powers of two. 100 streams of depth20 in chunks of 256: with 19 a frame takes 0.85 µs and
becomes 11.6 times smaller, with 21 0.81 and 13.3, with 22 0.80 and 13.6. A lane has it in memory."""
_FRAME_BYTES = 2048
"""What a frame is reckoned to need in the window."""


class Chunk(NamedTuple):
    """One chunk, decoded: parallel columns in arrival order; record n's frame is `data[starts[n] : starts[n] + lengths[n]]`."""

    seq: int
    recv_ns: array[int]
    tags: array[int]
    lengths: array[int]
    starts: list[int]
    data: bytes


class Columns(NamedTuple):
    """What a chunk will hold: so many `records`, the first received at `first_ns`."""

    first_ns: int
    records: int
    raw: bytes


def columns(records: list[Any]) -> Columns:
    """`records` is flat: recv_ns, tag, frame, recv_ns, tag, frame, … (flat lists slice into columns at C speed: 0.2 µs a record
    where a pack per record costs 0.4; numbers of 19 digits are packed in 26 ns each where an array takes 40)."""
    frames: list[bytes] = records[2::3]
    count = len(frames)
    stamps = struct.pack(f"<{count}q", *records[0::3])
    return Columns(records[0], count, b"".join((stamps, array("I", records[1::3]), array("I", map(len, frames)), *frames)))


class ChunkEncoder:
    """Makes the chunks of one lane. `streams`: how many it has; the window reaches back over the last frame of each.

    Matches shorter than 7 bytes are not looked for: −7 % of the cost, and no less is found.
    Codecs, µs a frame and ratio, depth20 of 100 symbols in chunks of 16 frames / of 1,024: this 1.1 (14) / 1.0 (15); level 1
    1.6 (21) / 1.3 (22); each chunk for itself, grouped by symbol: isal 2.9 (3) / 0.9 (12). Written as they are, frames cost
    3 to 4 µs: fresh pages of a file are dear. (`bench --only stages`; docs/decisions/0006)
    """

    def __init__(self, streams: int) -> None:
        low, high = _WINDOW_LOGS
        window_log = min(max((streams * _FRAME_BYTES).bit_length(), low), high)
        parameters = ZstdCompressionParameters.from_level(_LEVEL, window_log=window_log, hash_log=_HASH_LOG, min_match=_MIN_MATCH)
        self._compressor = ZstdCompressor(compression_params=parameters)
        self._stream = self._compressor.compressobj()
        self._key_ns: int | None = None

    def restart(self) -> None:
        """The next chunk is a KEY: it begins a file."""
        self._key_ns = None

    def encode(self, batch: Columns, seq: int) -> bytes:
        """The chunk number `seq`."""
        magic = _NEXT
        if self._key_ns is None or not 0 <= batch.first_ns - self._key_ns < _KEY_NS:
            magic, self._key_ns = _KEY, batch.first_ns
            self._stream = self._compressor.compressobj()
        stored = self._stream.compress(batch.raw) + self._stream.flush(COMPRESSOBJ_FLUSH_BLOCK)
        numbers = (len(stored), len(batch.raw), batch.records, seq)
        return _HEAD.pack(magic, *numbers, crc32(stored, crc32(_NUMBERS.pack(*numbers)))) + stored


def has_chunks(path: Path) -> bool:
    """Whether there may be records in the file, also in one whose header is lost."""
    with BufferedReader(open_regular(path)) as file:
        return _next_magic(file, -1) is not None


def read_chunks(path: Path) -> Iterator[Chunk | int]:
    """The chunks by `seq`, each once; an int stands for so many damaged bytes, in place of the chunks that are missing there
    (at the end when none are: a torn tail, or garbage between chunks).

    Reads the file twice: where whole chunks lie, then one after the other, so memory does not grow with it.
    """
    with BufferedReader(open_regular(path)) as file:
        if read_body(file) is None:
            if size := path.stat().st_size:
                yield size
            return
        begin = file.tell()
        places, damaged = _whole_chunks(file, path.stat().st_size)
        decoder = ChunkDecoder()
        expected = min(places) if begin in places.values() else -1
        for seq in sorted(places):
            file.seek(places[seq])
            packed = read_packed(file)
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
        packed = read_packed(file)
        if packed is not None:
            places.setdefault(packed.seq, start)
            continue
        found = _next_magic(file, start)
        damaged += (size if found is None else found) - start
        if found is None:
            return places, damaged
        file.seek(found)


class Packed(NamedTuple):
    """A chunk as it was written."""

    is_key: bool
    stored: bytes
    raw_size: int
    records: int
    seq: int


class ChunkDecoder:
    """Follows the zstd stream of one file."""

    def __init__(self) -> None:
        self._decompressor = ZstdDecompressor()
        self._stream: Any = None
        self._next = -1

    def decode(self, packed: Packed) -> Chunk | None:
        """The chunk, None when the one before it is missing, or when it does not hold the frames that it says."""
        if packed.is_key:
            self._stream = self._decompressor.decompressobj()
        elif packed.seq != self._next:
            return None
        try:
            data: bytes = self._stream.decompress(packed.stored)
        except ZstdError:
            data = b""
        if len(data) != packed.raw_size:
            return None
        self._next = packed.seq + 1
        count, raw = packed.records, memoryview(data)
        recv_ns, tags, lengths = array("q"), array("I"), array("I")
        recv_ns.frombytes(raw[: 8 * count])
        tags.frombytes(raw[8 * count : 12 * count])
        lengths.frombytes(raw[12 * count : 16 * count])
        starts = list(accumulate(lengths, initial=16 * count))
        return Chunk(packed.seq, recv_ns, tags, lengths, starts, data) if starts.pop() == len(data) else None


def read_packed(file: BinaryIO) -> Packed | None:
    """The chunk that begins here, None when no whole one does; the file stands anywhere then."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, stored_size, raw_size, count, seq, crc = _HEAD.unpack(head)
    if magic not in (_KEY, _NEXT) or raw_size > _MAX_RAW or stored_size > _MAX_RAW or count * 16 > raw_size:
        return None
    stored = file.read(stored_size)
    if len(stored) < stored_size or crc32(stored, crc32(_NUMBERS.pack(stored_size, raw_size, count, seq))) != crc:
        return None
    return Packed(magic == _KEY, stored, raw_size, count, seq)


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
