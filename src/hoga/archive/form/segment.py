"""archive.form.segment: making and reading one sealed file: a minute, part of a minute, or a day.

`SegmentBuilder` makes a file in memory, ready to write. `read_blocks` streams the text of any file of the archive,
also of those made by other tools, in constant memory. Byte offsets are in docs/archive-format.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
import zstandard

from hoga.archive.form.container import skippable_note, wrap_note, zip_head, zip_tail
from hoga.archive.form.deflate import BLOCK_BYTES, DEFAULT_LEVEL, DeflateFault, Deflater, Inflater, crc32, inflate_whole
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.spool import Place, Spool
from hoga.archive.form.store import Source, open_source
from hoga.core.errors import SegmentCorrupt

__all__ = [
    "FAST",
    "FINE",
    "BodyWriter",
    "Packer",
    "SegmentBuilder",
    "SegmentFacts",
    "inflate_at_once",
    "inflate_range",
    "read_blocks",
    "read_located",
    "read_note",
    "read_pieces",
]

FAST = {"zip": DEFAULT_LEVEL, "zst": 1}
"""Archive format → the level that keeps up with any rate."""
FINE = {"zip": 6, "zst": 9}
"""Archive format → the level where there is time. Bytes a record in the archive and µs of CPU for it, real captures of Binance,
blocks of 256 KiB, one core of a shared machine (docs/decisions/0010 has more levels):

             zip, fast 1     zip, fine 6     zst, fast 1     zst, fine 9
    depth20  89.2   0.75     64.0   5.3      63.5   1.2      51.9   8.3
    depth   260.6   2.4     202.9  21       205.1   2.7     182.0  27
    trade    20.0   0.17     17.3   1.4      13.6   0.28     12.5   3.2
    quote    18.8   0.15     16.2   1.6      12.8   0.18     12.0   2.3
"""

_READ_BYTES = 32 * 1024
_ZSTD_READ_BYTES = 16 * 1024


class SegmentFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is in a file: `bytes` and `crc32` are of the JSONL text, `archive_bytes` of the whole file."""

    records: int
    bytes: int
    crc32: int
    archive_bytes: int


class Packer:
    """Compresses text into joinable blocks: raw deflate (`zip`) or zstd frames (`zst`).

    No block refers to another, so any number of writers may take turns with one packer: it stays in the cache
    (100 writers with one each: 0.86 → 0.64 µs a depth20 record, and 137 KB less for each).
    """

    def __init__(self, archive_format: str, *, level: int = DEFAULT_LEVEL) -> None:
        if archive_format not in ("zip", "zst"):
            raise ValueError(f"no archive format {archive_format!r}; there are zip and zst")
        self.archive_format = archive_format
        self._deflater = Deflater(level=level)
        self._zstd = zstandard.ZstdCompressor(level=level, write_checksum=True)

    def pack(self, text: bytes) -> bytes:
        """One block."""
        return self._zstd.compress(text) if self.archive_format == "zst" else self._deflater.write(text) + self._deflater.flush()


class BodyWriter:
    """Compresses whole lines into a joinable body, block by block.

    `write` returns the compressed bytes that are ready, possibly none; `finish` the rest. The counters are of the
    blocks that are ended.
    """

    def __init__(self, packer: Packer) -> None:
        self._packer = packer
        self._pending: list[bytes] = []
        self.waiting_bytes = 0
        self.text_bytes = 0
        self.crc32 = 0
        self.body_bytes = 0
        self.body_crc32 = 0

    def write(self, lines: bytes) -> bytes:
        """Take whole lines."""
        ready = self.finish() if self.waiting_bytes + len(lines) > BLOCK_BYTES else b""
        self._pending.append(lines)
        self.waiting_bytes += len(lines)
        return ready

    def finish(self) -> bytes:
        """End the open block. More may be written after it."""
        if not self._pending:
            return b""
        text = b"".join(self._pending)
        self._pending.clear()
        self.waiting_bytes = 0
        self.text_bytes += len(text)
        self.crc32 = crc32(text, self.crc32)
        packed = self._packer.pack(text)
        self.body_bytes += len(packed)
        self.body_crc32 = crc32(packed, self.body_crc32)
        return packed


class SegmentBuilder:
    """Makes one sealed file: `add` lines, then `build`.

    `archive_format` is `zip` or `zst`; `level` 1 is the fast default, up to 9 smaller and slower (`archive.form.deflate`
    and docs/decisions/0001-minutes-that-join.md have the figures). `packer`: one of that format, shared with others. `spool`: where
    finished blocks wait, shared with others, too; None: in memory.
    """

    def __init__(
        self, archive_format: str, *, level: int = DEFAULT_LEVEL, packer: Packer | None = None, spool: Spool | None = None
    ) -> None:
        self._format = archive_format
        self._body = BodyWriter(packer or Packer(archive_format, level=level))
        self._spool = spool or Spool(None)
        self._places: list[Place] = []
        self._records = 0

    def add(self, lines: bytes, records: int) -> None:
        """Add `records` whole lines. Blocks of 16 to 256 KiB are best."""
        self._records += records
        self._keep(self._body.write(lines))

    @property
    def waiting_bytes(self) -> int:
        """Text that waits until its block is full."""
        return self._body.waiting_bytes

    def end_block(self) -> None:
        """Compress what waits now, though its block would have room for more."""
        self._keep(self._body.finish())

    def build(self, member: str, note: bytes, modified_ns: int) -> tuple[list[bytes], SegmentFacts]:
        """The complete file as pieces to write one after another, and what is in it. May be called again. Raises OSError.

        Args:
            member: the name inside a zip, `BTCUSDT_orderbook_2026-11-20_13-15.jsonl`.
            note: kept with the file, at most 60,000 bytes; `read_note` gives it back.
            modified_ns: the member's time stamp.
        """
        body = self._body
        self._keep(body.finish())
        wrapped = wrap_note(note, body_crc32=body.body_crc32)
        blocks = map(self._spool.get, self._places)
        if self._format == "zst":
            pieces = [*blocks, skippable_note(wrapped)]
        else:
            figures = {"crc": body.crc32, "text_bytes": body.text_bytes, "body_bytes": body.body_bytes, "modified_ns": modified_ns}
            pieces = [zip_head(member, **figures), *blocks, zip_tail(member, comment=wrapped, **figures)]
        facts = SegmentFacts(records=self._records, bytes=body.text_bytes, crc32=body.crc32, archive_bytes=sum(map(len, pieces)))
        return pieces, facts

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._places.append(self._spool.put(piece))


def read_note(path: Path) -> bytes | None:
    """The note of a file made here, None when the file has none. Raises SegmentCorrupt."""
    return locate(path).note


def read_blocks(path: Path) -> Iterator[bytes]:
    """The JSONL text of a `.zip`, `.jsonl.zst` or `.jsonl`, in blocks that may end inside a line; the CRC is checked at the end.

    Raises SegmentCorrupt, with the offset in the file, as soon as damage is met: what came before it is sound only
    as far as the caller can tell.
    """
    return read_located(locate(path))


def read_located(located: Located) -> Iterator[bytes]:
    """The text of a file that was located."""
    crc, count = 0, 0
    for block in inflate_range(located, located.body_at, located.body_bytes):
        crc, count = crc32(block, crc), count + len(block)
        yield block
    if located.text_bytes is not None and count != located.text_bytes:
        raise SegmentCorrupt(located.path, f"{count} bytes of text where {located.text_bytes} were sealed", offset=located.body_at)
    if located.crc32 is not None and crc != located.crc32:
        raise SegmentCorrupt(located.path, "the text's CRC-32 differs", offset=located.body_at)


def inflate_range(located: Located, at: int, length: int, *, source: Source | None = None) -> Iterator[bytes]:
    """The text of `length` compressed bytes at file offset `at`, which is a block boundary. Nothing is checked but that it inflates.

    `source`: the located file, open already. Of Parquet, `at` and `length` count records. Raises SegmentCorrupt.
    """
    if located.archive_format == "parquet":
        from hoga.archive.form.table import open_table

        return open_table(located.path).text(at, length)
    if located.archive_format == "text" or located.method == 0:
        return (piece for _, piece in read_pieces(located.path, at, length, _READ_BYTES, source=source))
    if located.archive_format == "zst":
        return _unzstd(located.path, read_pieces(located.path, at, length, _ZSTD_READ_BYTES, source=source), at + length)
    return _inflate(located, read_pieces(located.path, at, length, _READ_BYTES, source=source), at, length)


def inflate_at_once(located: Located, packed: bytes, at: int, text_bytes: int) -> bytes:
    """The text of `packed`, the compressed bytes at file offset `at`; never more than `text_bytes + 1` bytes of it, nor is it checked.

    Raises SegmentCorrupt.
    """
    if located.archive_format == "text" or located.method == 0:
        return packed
    try:
        if located.archive_format == "zst":
            with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
                return reader.read(text_bytes + 1)
        return inflate_whole(packed, text_bytes + 1)
    except (DeflateFault, zstandard.ZstdError) as fault:
        raise SegmentCorrupt(located.path, f"the compressed text is damaged ({fault})", offset=at) from fault


def _inflate(located: Located, pieces: Iterator[tuple[int, bytes]], at: int, length: int) -> Iterator[bytes]:
    inflater = Inflater()
    try:
        for _, piece in pieces:
            yield from inflater.feed(piece)
    except DeflateFault as fault:
        raise SegmentCorrupt(located.path, f"the compressed text is damaged ({fault})", offset=at + fault.consumed) from fault
    if inflater.unused_bytes or inflater.ended == located.ours:
        raise SegmentCorrupt(located.path, "the compressed text ends at the wrong place", offset=at + length - inflater.unused_bytes)


def _unzstd(path: Path, pieces: Iterator[tuple[int, bytes]], end: int) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    frame = decompressor.decompressobj()
    inside = False
    for offset, piece in pieces:
        rest = piece
        while rest:
            try:
                text = frame.decompress(rest)
            except zstandard.ZstdError as fault:
                raise SegmentCorrupt(path, f"the compressed text is damaged ({fault})", offset=offset) from fault
            inside = not frame.eof
            rest = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = decompressor.decompressobj()
            if text:
                yield text
    if inside:
        raise SegmentCorrupt(path, "the file stops inside a frame", offset=end)


def read_pieces(path: Path, at: int, length: int, size: int, *, source: Source | None = None) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of a stretch of the file, `size` bytes at a time. Raises SegmentCorrupt when the file does not have it all."""
    with nullcontext(source) if source is not None else open_source(path) as opened:
        if at < 0 or length < 0 or at + length > opened.size:
            raise SegmentCorrupt(path, "the file is shorter than its parts say", offset=max(at, 0))
        offset, end = at, at + length
        while offset < end:
            piece = opened.read(offset, min(size, end - offset))
            if not piece:
                raise SegmentCorrupt(path, "the file is shorter than its parts say", offset=offset)
            yield offset, piece
            offset += len(piece)
