"""recorder.probe: a stream that is received for its event time only, where a symbol's recorded streams tell none."""

from __future__ import annotations

from hoga.core.streams import Stream
from hoga.venues.spec import VenueSpec

__all__ = ["Probe"]


class Probe:
    """A stream received for its event time only."""

    __slots__ = ("frame_key", "n", "newest_frame", "stream")

    def __init__(self, spec: VenueSpec, stream: Stream) -> None:
        self.stream = stream
        self.frame_key = spec.frame_key(stream)
        self.newest_frame: tuple[int, bytes] = (0, b"")
        self.n = 0

    def take(self, now: int, data: bytes) -> bool:
        """Remember it."""
        self.newest_frame = (now, data)
        self.n += 1
        return True

    def newest(self) -> tuple[int, bytes]:
        """(recv_ns, frame) of the newest."""
        return self.newest_frame
