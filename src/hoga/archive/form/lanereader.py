"""archive.form.lanereader: the chunks of one lane as they come: out of a file that is being written, or out of messages. Pure.

A lane's chunks are numbered through all its journals of a session; each is taken once, and one that follows a hole only where it is a KEY.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from hoga.archive.form.chunks import Chunk, ChunkDecoder, Packed
from hoga.archive.form.journal import CONTROL, Note, decode_note

__all__ = ["LaneReader", "said"]


class LaneReader:
    """`seen`: the number of the last chunk that was decoded, -1 before the first."""

    __slots__ = ("_decoder", "seen")

    def __init__(self) -> None:
        self.seen = -1
        self._decoder = ChunkDecoder()

    def decode(self, packed: Packed) -> Chunk | None:
        """The chunk, None for one that came before (it is written again after a failed fsync), or that cannot be decoded."""
        if packed.seq <= self.seen:
            return None
        chunk = self._decoder.decode(packed)
        if chunk is not None:
            self.seen = packed.seq
        return chunk


def said(chunk: Chunk, wanted: Container[int]) -> Iterator[tuple[int, int, int, bytes | Note]]:
    """What a chunk holds, in order: (receipt in ns, stream index, leg, frame) of the streams `wanted`, and each note, as
    (when, CONTROL, 0, note). Raises msgspec.DecodeError where a note is none of ours."""
    data, starts, lengths, times = chunk.data, chunk.starts, chunk.lengths, chunk.recv_ns
    for at, tag in enumerate(chunk.tags):
        index = tag & CONTROL
        if index == CONTROL:
            yield times[at], CONTROL, 0, decode_note(data[starts[at] : starts[at] + lengths[at]])
        elif index in wanted:
            yield times[at], index, tag >> 16, data[starts[at] : starts[at] + lengths[at]]
