"""archive.form.checked: the only way in which readers get text: none of it before its bytes are proven.

What hoga sealed has a CRC-32 of its compressed bytes (in the file's note, and in the manifest once the day is merged):
they are compared first, then inflated. A zip of other makings has only the CRC-32 of its text: it is inflated twice,
once to prove it and once to tell it. Both times the same open file is read, and what was told is counted once more at
its end. Where both sizes are known, and small enough, all of it is inflated at once and proven whole.
A plain `.jsonl` has nothing that proves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.archive.form.locate import Located, locate, made_here
from hoga.archive.form.segment import inflate_at_once, inflate_range, read_pieces
from hoga.archive.form.store import Source, is_mounted, open_source
from hoga.archive.form.text import LineCutter, LineTooLong
from hoga.core.errors import SegmentCorrupt

__all__ = ["AT_ONCE_BYTES", "Proof", "checked_blocks", "whole_lines"]

AT_ONCE_BYTES = 8 * 1024 * 1024
"""Text of known size is inflated at once up to here; of more, block by block."""

_PIECE_BYTES = 1024 * 1024


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was written down of a stretch of text, None where nothing was: CRC-32 of its compressed bytes, size and CRC-32 of the text."""

    packed_crc32: int | None = None
    text_bytes: int | None = None
    crc32: int | None = None


def checked_blocks(
    path: Path, *, at: int | None = None, length: int | None = None, proof: Proof | None = None, located: Located | None = None
) -> Iterator[bytes]:
    """The text of a file, or of `length` compressed bytes of it from `at` on, in blocks that may end inside a line.

    `proof`: what is known of it from elsewhere; of a whole file what its own frame says is minded, too. `located`: the file, where it was
    looked at already (0.14 ms).

    Raises:
        SegmentCorrupt: before any of it was told, when the bytes are not what was sealed.
        FileNotFoundError, ArchiveError: as `locate`.
    """
    proof = proof or Proof()
    if at is not None and length is not None and proof.packed_crc32 is not None and is_mounted(path):  # a request less, or three
        return _checked(made_here(path), at, length, proof)
    located = located or locate(path)
    if at is None or length is None:
        at, length = located.body_at, located.body_bytes
        own = Proof(packed_crc32=located.body_crc32, text_bytes=located.text_bytes, crc32=located.crc32)
        _agree(path, own, proof)
        proof = Proof(
            packed_crc32=_either(own.packed_crc32, proof.packed_crc32),
            text_bytes=_either(own.text_bytes, proof.text_bytes),
            crc32=_either(own.crc32, proof.crc32),
        )
    return _checked(located, at, length, proof)


def whole_lines(blocks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """`blocks` cut where lines end; a last line without a newline gets it. Raises SegmentCorrupt for a line longer than any record."""
    cutter = LineCutter()
    try:
        for block in blocks:
            lines = cutter.cut(block)
            if lines:
                yield lines
    except LineTooLong as fault:
        raise SegmentCorrupt(path, str(fault)) from fault
    if rest := cutter.rest():
        yield rest + b"\n"


def _either(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _agree(path: Path, own: Proof, said: Proof) -> None:
    for name in ("packed_crc32", "text_bytes", "crc32"):
        here, there = getattr(own, name), getattr(said, name)
        if here is not None and there is not None and here != there:
            raise SegmentCorrupt(path, "the segment is not what the ledger says was sealed", offset=0)


def _checked(located: Located, at: int, length: int, proof: Proof) -> Iterator[bytes]:
    if located.archive_format == "parquet":
        yield from _rendered(located, at, length, proof)
        return
    with open_source(located.path) as source:
        if proof.text_bytes is not None and proof.crc32 is not None and max(proof.text_bytes, length) <= AT_ONCE_BYTES:
            text = _at_once(located, at, length, proof, source)
            if text:
                yield text
            return
        if proof.packed_crc32 is not None:
            crc = 0
            for _, piece in read_pieces(located.path, at, length, _PIECE_BYTES, source=source):
                crc = crc32(piece, crc)
            _require_packed(located, at, proof, crc)
        elif located.archive_format != "text" or proof.crc32 is not None:
            for _ in _proven(located, inflate_range(located, at, length, source=source), at, proof):
                pass
        yield from _proven(located, inflate_range(located, at, length, source=source), at, proof)


def _rendered(located: Located, at: int, length: int, proof: Proof) -> Iterator[bytes]:
    """The text of records of a Parquet day, proven by its own CRC-32; where nobody knows that, by the file's checksums of its pages."""
    blocks = inflate_range(located, at, length)
    if proof.crc32 is None:
        yield from blocks
        return
    text = b"".join(blocks)
    for _ in _proven(located, iter((text,)), at, proof):
        pass
    yield text


def _at_once(located: Located, at: int, length: int, proof: Proof, source: Source) -> bytes:
    """All of the text, proven. Both sizes are known, so it is read in one piece and inflated into one (no copy but the text itself)."""
    packed = b"".join(piece for _, piece in read_pieces(located.path, at, length, AT_ONCE_BYTES, source=source))
    if proof.packed_crc32 is not None:
        _require_packed(located, at, proof, crc32(packed))
    text = inflate_at_once(located, packed, at, proof.text_bytes or 0)
    for _ in _proven(located, iter((text,)), at, proof):
        pass
    return text


def _require_packed(located: Located, at: int, proof: Proof, crc: int) -> None:
    if proof.packed_crc32 is not None and crc != proof.packed_crc32:
        raise SegmentCorrupt(located.path, "the compressed bytes are not what was sealed", offset=at)


def _proven(located: Located, blocks: Iterator[bytes], at: int, proof: Proof) -> Iterator[bytes]:
    """The blocks, and an error at the end when they were not what `proof` says."""
    crc, count = 0, 0
    for block in blocks:
        crc, count = crc32(block, crc), count + len(block)
        if proof.text_bytes is not None and count > proof.text_bytes:
            break
        yield block
    if proof.text_bytes is not None and count != proof.text_bytes:
        raise SegmentCorrupt(located.path, f"{count} bytes of text where {proof.text_bytes} were sealed", offset=at)
    if proof.crc32 is not None and crc != proof.crc32:
        raise SegmentCorrupt(located.path, "the text's CRC-32 is not what was sealed", offset=at)
