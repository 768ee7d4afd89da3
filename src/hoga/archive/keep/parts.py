"""archive.keep.parts: the text of a segment file, ready to be joined with others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.archive.form.ledger import SegmentEntry
from hoga.archive.form.locate import Located
from hoga.archive.form.segment import read_located
from hoga.archive.form.text import LineCutter, LineTooLong
from hoga.archive.keep.splice import Part, body_part, recompress
from hoga.core.errors import SegmentCorrupt
from hoga.core.jsontext import NO_JSON

__all__ = ["file_part"]


def file_part(located: Located, entry: SegmentEntry | None, archive_format: str, spool: Path) -> Part:
    """The text of a segment file as a part: its own body where that can be joined, else compressed anew."""
    if not located.ours or located.archive_format != archive_format:
        return recompress(_whole_lines(located), spool, archive_format=archive_format, source=located.path)
    if located.text_bytes is not None and located.crc32 is not None:
        return body_part(located, text_bytes=located.text_bytes, crc=located.crc32)
    if entry is not None:
        return body_part(located, text_bytes=entry.bytes, crc=entry.crc32)
    text_bytes = crc = 0
    for block in read_located(located):
        text_bytes, crc = text_bytes + len(block), crc32(block, crc)
    return body_part(located, text_bytes=text_bytes, crc=crc)


def _whole_lines(located: Located) -> Iterator[bytes]:
    """The text, ended by a newline. A plain file may stop inside a record (its recorder was killed): that piece is no record."""
    cutter = LineCutter()
    try:
        for block in read_located(located):
            if lines := cutter.cut(block):
                yield lines
    except LineTooLong as fault:
        raise SegmentCorrupt(located.path, str(fault)) from fault
    tail = cutter.rest()
    if tail and _is_json(tail):
        yield tail + b"\n"


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except NO_JSON:
        return False
    return True
