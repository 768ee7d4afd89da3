"""archive.keep.identity: by what a frame is known again: the ids it has, and a checksum of its bytes. Pure.

The recorder refuses a frame only when it had one with the same id and the same checksum (its *mark*). What a life leaves
behind for the next (`archive.keep.life`) is made here too, from the journal, so that both find the same.
"""

from __future__ import annotations

import re

from hoga.archive.form.deflate import crc32
from hoga.core.jsontext import TopInteger
from hoga.core.streams import Stream
from hoga.venues.spec import VenueSpec

__all__ = ["Identity"]

_ID_DIGITS = 19


class Identity:
    """How frames of one stream are known again. `first_key`, `last_key`: find its first and last id, None where there are none (one object
    where one id is both)."""

    __slots__ = ("_first_offset", "_manner", "_mark_end", "_mark_start", "_split", "first_key", "frame_key", "last_key", "payload_at")

    def __init__(self, spec: VenueSpec, stream: Stream) -> None:
        facts = spec.channel_of(stream.channel).record
        self._split = spec.split
        self.frame_key = spec.frame_key(stream)
        self.first_key = _key(facts.previous_key or facts.first_key)
        self.last_key = self.first_key if facts.last_key == facts.first_key else _key(facts.last_key)
        self._first_offset = 0 if facts.previous_key is None else 1
        self.payload_at = len(self.frame_key) if spec.wrapped else 0
        self._mark_start = crc32(self.frame_key) if spec.wrapped else 0
        self._mark_end = b"}" if spec.wrapped else b""
        self._manner = _members(facts.manner_keys)

    def mark(self, frame: bytes, payload: bytes) -> int:
        """Tells a frame from others with its id: the CRC-32 of its bytes, in the usual spelling where it comes in another."""
        if self._manner is not None:
            return crc32(self._manner.sub(b"", payload))
        return crc32(frame) if frame.startswith(self.frame_key) else crc32(self._mark_end, crc32(payload, self._mark_start))

    def ids(self, payload: bytes) -> tuple[int, int] | None:
        """The payload's first and last id, None when it has none that can be one."""
        if self.first_key is None or self.last_key is None:
            return None
        first = self.first_key.find(payload)
        last = first if self.last_key is self.first_key else self.last_key.find(payload)
        if first is None or last is None or not first.isdigit() or not last.isdigit() or max(len(first), len(last)) > _ID_DIGITS:
            return None
        return int(first) + self._first_offset, int(last)

    def of(self, frame: bytes) -> tuple[int, int] | None:
        """(last id, mark) of a frame, None when it has no id."""
        if self.last_key is None:
            return None
        if self._manner is None and (last := self.place(frame, self.last_key)) is not None:  # not split: 4 → 1 µs
            first = last if self.first_key is self.last_key else self.place(frame, self.first_key)
            digits = frame[last[0] : last[1]]
            if first is not None and digits.isdigit() and frame[first[0] : first[1]].isdigit() and len(digits) <= _ID_DIGITS:
                return int(digits), crc32(frame)
        if (parts := self._split(frame)) is None:
            return None
        ids = self.ids(parts[1])
        return None if ids is None else (ids[1], self.mark(frame, parts[1]))

    def place(self, frame: bytes, key: TopInteger | None) -> tuple[int, int] | None:
        """Where the digits at `key` stand in a frame spelt as usual, None in any other spelling."""
        return key.span(frame, self.payload_at) if key is not None and frame.startswith(self.frame_key) else None


def _key(key: str | None) -> TopInteger | None:
    return None if key is None else TopInteger(key)


def _members(keys: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """Finds the members of an object that have these keys and hold nothing."""
    if not keys:
        return None
    names = b"|".join(re.escape(key.encode()) for key in keys)
    return re.compile(rb'"(?:%b)"\s*:\s*(?:"[^"\\]*"|[-+.\deE]+|null)\s*,?' % names)
