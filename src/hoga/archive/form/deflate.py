"""archive.form.deflate: raw deflate in blocks that can be joined without recompressing. Pure: bytes in, bytes out.

A *block* is raw deflate that ends with a full flush: it stands on a byte boundary and refers to nothing before it.
A *body* is any number of blocks; a body followed by `FINAL` is a complete raw deflate stream. So bodies can be
concatenated, cut at block boundaries and inflated on their own.

Level 1 is isal's, 2 to 9 are zlib-ng's. Measured on depth20 text, blocks of 256 KiB, one core, MB/s of text and ratio:

    isal 1   1394  15.7  (fast)         zlib-ng 3   381  17.2      zlib 1   289  13.7
    isal 2   1303  15.8                 zlib-ng 5   225  21.5      zlib 6   104  21.6
    isal 3    189  18.0                 zlib-ng 6   215  22.0  (fine)

Which of the two is used when, and what each costs a record: `archive.form.segment` and docs/decisions/0010.

Blocks of 64 KiB cost 8 % of the ratio. Inflating: isal 2100, zlib-ng 2150, zlib 1000.
"""

from __future__ import annotations

from collections.abc import Iterator

from isal import isal_zlib
from zlib_ng import zlib_ng

__all__ = ["BLOCK_BYTES", "DEFAULT_LEVEL", "FINAL", "DeflateFault", "Deflater", "Inflater", "crc32", "crc32_combine", "inflate_whole"]

FINAL = b"\x03\x00"
"""The empty last block that ends a stream."""

BLOCK_BYTES = 256 * 1024
"""Text per block: larger blocks compress no better, smaller ones worse."""

DEFAULT_LEVEL = 1

_OUTPUT_BYTES = 256 * 1024

_InflateError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub declares an instance, it is the class

crc32 = isal_zlib.crc32
"""CRC-32 of bytes, 6 GB/s: `crc32(data, start=0) -> int`."""


class DeflateFault(ValueError):
    """The bytes are no deflate stream; `consumed` bytes of the input were understood before."""

    def __init__(self, why: str, *, consumed: int) -> None:
        super().__init__(why)
        self.consumed = consumed


def crc32_combine(first: int, second: int, second_bytes: int) -> int:
    """The CRC-32 of two texts joined, from the CRC-32 of each and the length of the second (1.7 µs)."""
    return int(isal_zlib.crc32_combine(first, second, second_bytes))


def inflate_whole(packed: bytes, most: int) -> bytes:
    """The text of a whole body or stream, in one piece, but no more than `most` bytes of it. Raises DeflateFault."""
    try:
        return bytes(isal_zlib.decompressobj(-15).decompress(packed, most))
    except _InflateError as fault:
        raise DeflateFault(str(fault), consumed=0) from fault


class Deflater:
    """Compresses text into blocks: `write` as often as you like, `flush` ends a block. Bytes come out of both."""

    def __init__(self, *, level: int = DEFAULT_LEVEL) -> None:
        if not 1 <= level <= 9:
            raise ValueError(f"level {level} is not in 1..9")
        engine = isal_zlib if level == 1 else zlib_ng
        self._full_flush = engine.Z_FULL_FLUSH
        self._stream = engine.compressobj(level, engine.DEFLATED, -15)

    def write(self, text: bytes) -> bytes:
        """Compress `text` into the open block."""
        return bytes(self._stream.compress(text))

    def flush(self) -> bytes:
        """End the open block."""
        return bytes(self._stream.flush(self._full_flush))


class Inflater:
    """Inflates one raw deflate stream, or any part of a body that begins at a block boundary, in bounded memory."""

    def __init__(self) -> None:
        self._stream = isal_zlib.decompressobj(-15)
        self.consumed = 0

    @property
    def ended(self) -> bool:
        """The stream's last block was read."""
        return bool(self._stream.eof)

    @property
    def unused_bytes(self) -> int:
        """How many of the bytes fed lie behind the end of the stream."""
        return len(self._stream.unused_data)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text in `data`, in pieces of at most 256 KiB (1 MiB falls out of the cache: 1.4 → 2.4 ns a byte to read back).

        Raises DeflateFault.
        """
        try:
            text = self._stream.decompress(data, _OUTPUT_BYTES)
            while text:
                yield text
                pending = self._stream.unconsumed_tail
                if self._stream.eof or (not pending and len(text) < _OUTPUT_BYTES):
                    break
                text = self._stream.decompress(pending, _OUTPUT_BYTES)
        except _InflateError as fault:
            raise DeflateFault(str(fault), consumed=self.consumed) from fault
        self.consumed += len(data)
