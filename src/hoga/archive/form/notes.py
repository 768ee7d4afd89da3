"""archive.form.notes: what a sealed segment's file says of itself. Pure."""

from __future__ import annotations

import zlib

import msgspec

from hoga.archive.form.ledger import SegmentEntry

__all__ = ["SegmentNote", "open_segment_note", "part_marks"]


class SegmentNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment's file says of itself: the journals it came from (or the parts), and its ledger entry
    (with the sizes left at 0: they are not known before the file is made)."""

    sources: list[str]
    entry: SegmentEntry


_decoder = msgspec.json.Decoder(SegmentNote)


def open_segment_note(note: bytes | None) -> SegmentNote | None:
    """The note of a segment; None when there is none, or it is another's (a day's)."""
    try:
        return None if note is None else _decoder.decode(note)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def part_marks(minute: str, note: bytes | None, body_crc32: int | None) -> tuple[str, str]:
    """What a part is, whatever its name and however it is packed: `13-15 9f3a12bc`, of the journals that its note names; and as earlier
    versions told it, of its packed bytes. Short: a note must hold the 1,440 of a whole day."""
    said = open_segment_note(note)
    journals = "\n".join(said.sources) if said is not None else ""
    return f"{minute} {zlib.crc32(journals.encode()):08x}", f"{minute} {body_crc32 or 0:08x}"
