"""archive.form.lists: the venue's lists of instruments that are kept beside the archive, `instruments_DAY.json.zst`, and their proof.

A list that differs from the day's first one in a recorded symbol is kept beside it, with its minute: `instruments_DAYTHH-MM.json.zst`.
"""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

import zstandard

from hoga.archive.form.store import SourceFile, open_source, read_name
from hoga.core.errors import SegmentCorrupt
from hoga.core.times import parse_time_ns

__all__ = ["LIST_PREFIX", "LIST_SUFFIX", "check_list", "is_list", "list_name", "pack_list", "read_list", "since_ns"]

LIST_PREFIX, LIST_SUFFIX = "instruments_", ".json.zst"
_PIECE_BYTES = 1 << 20
_LIMIT_BYTES = 1 << 28


def is_list(file: str) -> bool:
    """Whether a file of this name is such a list."""
    return file.startswith(LIST_PREFIX) and file.endswith(LIST_SUFFIX)


def list_name(day: str, minute: str | None = None) -> str:
    """The file's name. `minute`: `HH-MM`, of one that was kept because of a change."""
    return f"{LIST_PREFIX}{day}{'' if minute is None else f'T{minute}'}{LIST_SUFFIX}"


def since_ns(file: str) -> int | None:
    """From when on a list of this name holds: the beginning of its day, or its minute; None for no list's name."""
    day, _, minute = file.removeprefix(LIST_PREFIX).removesuffix(LIST_SUFFIX).partition("T")
    try:
        return parse_time_ns(f"{day}T{minute.replace('-', ':')}" if minute else day) if is_list(file) else None
    except ValueError:
        return None


def pack_list(body: bytes) -> bytes:
    """The file's bytes: they hold their own checksum."""
    return zstandard.ZstdCompressor(level=9, write_checksum=True).compress(body)


def check_list(path: Path) -> None:
    """Read one through, in constant memory. Raises SegmentCorrupt where it is damaged or cut, and as `Store.open`."""
    with open_source(path) as source, BufferedReader(SourceFile(source)) as file:
        head = file.peek(32)[:32]
        count = 0
        try:
            said = zstandard.frame_content_size(head)
            with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as reader:
                while (piece := reader.read(_PIECE_BYTES)) and count <= _LIMIT_BYTES:
                    count += len(piece)
        except zstandard.ZstdError as fault:
            raise SegmentCorrupt(path, f"the list cannot be read: {fault}") from fault
    if count > _LIMIT_BYTES or count != said:
        raise SegmentCorrupt(path, f"{count} bytes of text where {said} were written")


def read_list(path: Path) -> bytes:
    """The venue's answer in one. Raises SegmentCorrupt where it is damaged, and as `Store.open`."""
    check_list(path)
    return zstandard.ZstdDecompressor().decompress(read_name(path), max_output_size=_LIMIT_BYTES)
