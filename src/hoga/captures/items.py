"""captures.items: what a capture holds, read from a stream that somebody opened. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO

from hoga.captures.frames import Item, parser_for, read_csv, read_whole

__all__ = ["items"]

_WHOLE_FILE_BYTES = 64 * 1024 * 1024


def items(name: str, stream: IO[bytes]) -> Iterator[Item]:
    """The frames and REST replies of one capture, in its order, a line at a time; nothing where the format is not known.

    Args:
        name: of the file, by which a table is known: `….csv`, perhaps with `.gz` behind it.
        stream: its text, at the beginning, in any of the formats of `captures.frames`.

    Raises:
        UnicodeDecodeError: a table is not UTF-8. And what `stream` raises.
    """
    head = stream.readline(_WHOLE_FILE_BYTES)
    while head and not head.strip():
        head = stream.readline(_WHOLE_FILE_BYTES)
    if name.removesuffix(".gz").endswith(".csv"):
        yield from read_csv(io.TextIOWrapper(io.BytesIO(head + stream.read()), encoding="utf-8", newline=""))
        return
    parse = parser_for(head)
    if parse is None:
        whole = read_whole(head + stream.read(_WHOLE_FILE_BYTES))
        if whole is not None:
            yield whole
        return
    for line in _chain(head, stream):
        item = parse(line)
        if item is not None:
            yield item


def _chain(head: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    yield head
    yield from stream
