"""archive.lines: from a frame as received to its line in the archive: hoga's envelope, then the payload verbatim. Pure.

    {"recvNs":…,"eventTime":…,"timeSource":"venue","latencyMs":24.7,"epoch":3,"conn":"binance-1", <the payload's own keys> }

Nothing is parsed that need not be: the payload's bytes are copied, never decoded and encoded again. What is not JSON
never becomes a line. White space between tokens is the venue's to choose, but a line break inside a payload would
break the file's lines, so it becomes a space.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from hoga.core.jsontext import is_object
from hoga.core.streams import Stream
from hoga.venues.spec import VenueSpec

__all__ = ["Line", "LineMaker", "odd_line"]

_encoder = msgspec.json.Encoder()


class Line(NamedTuple):
    """A record's line, and its venue ids (None when the channel has none). `run_from`: what must come right after the record before."""

    text: bytes
    first_id: int | None
    last_id: int | None
    run_from: int | None = None


class LineMaker:
    """Makes the lines of one stream on one leg while latency and leg stay the same.

    Make a new one when either changes: all that is constant between two changes is rendered once.
    `median_ns` None: the event time cannot be estimated and is null.
    """

    __slots__ = ("_event", "_first", "_key", "_key_size", "_last", "_lead_ns", "_previous", "_split", "_tail", "_venue_time", "_whole")

    def __init__(self, spec: VenueSpec, stream: Stream, *, conn: str, epoch: int, median_ns: int | None, overhead_ns: int) -> None:
        channel = spec.channel_of(stream.channel)
        self._key = spec.frame_key(stream)
        self._key_size = len(self._key)
        self._whole = not spec.wrapped
        self._previous = _number(channel.previous_key)
        self._split = spec.split
        self._event = _number(channel.event_key)
        self._first = _number(channel.first_key) if channel.ordered else None
        self._last = None if channel.last_key == channel.first_key else _number(channel.last_key)
        self._lead_ns = None if median_ns is None else median_ns + overhead_ns
        self._venue_time = self._envelope("venue", median_ns, epoch, conn)
        self._tail = self._envelope("estimated", median_ns, epoch, conn)

    @staticmethod
    def _envelope(source: str, median_ns: int | None, epoch: int, conn: str) -> bytes:
        latency = "null" if median_ns is None else f"{median_ns / 1e6:.3f}".rstrip("0").rstrip(".")
        name = _encoder.encode(conn).decode()
        return f'"timeSource":"{source}","latencyMs":{latency},"epoch":{epoch},"conn":{name}'.encode()

    def line(self, recv_ns: int, frame: bytes) -> Line | None:
        """The line of `frame`, None when its payload is no JSON object."""
        payload = (frame if self._whole else frame[self._key_size : -1]) if frame.startswith(self._key) and frame.endswith(b"}") else b""
        if not is_object(payload):
            parts = self._split(frame)
            if parts is None:
                return None
            payload = parts[1]
        if b"\n" in payload or b"\r" in payload:
            payload = payload.replace(b"\r", b" ").replace(b"\n", b" ")
        first = last = run_from = None
        if self._first is not None and (hit := self._first.search(payload)):
            first = last = run_from = int(hit[1])
            if self._last is not None and (hit := self._last.search(payload)):
                last = int(hit[1])
            if self._previous is not None and (hit := self._previous.search(payload)):
                run_from = int(hit[1]) + 1
        return Line(b'{"recvNs":%d,%b,%b\n' % (recv_ns, self._times(recv_ns, payload), payload[1:].lstrip()), first, last, run_from)

    def _times(self, recv_ns: int, payload: bytes) -> bytes:
        if self._event is not None and (hit := self._event.search(payload)):
            return b'"eventTime":%b,%b' % (hit[1], self._venue_time)
        if self._lead_ns is None:
            return b'"eventTime":null,' + self._tail
        return b'"eventTime":%d,%b' % ((recv_ns - self._lead_ns) // 1_000_000, self._tail)


def odd_line(recv_ns: int, *, conn: str, epoch: int, why: str, size: int, raw: bytes) -> bytes:
    """The line of a frame that is kept aside: text as text, anything else as base64, cut at what was kept of it."""
    odd: dict[str, object] = {"recvNs": recv_ns, "eventTime": None, "timeSource": None, "latencyMs": None, "epoch": epoch, "conn": conn}
    odd |= {"why": why, "size": size}
    try:
        odd["raw"] = raw.decode()
    except UnicodeDecodeError:
        odd["rawBase64"] = raw
    return _encoder.encode(odd) + b"\n"


def _number(key: str | None) -> re.Pattern[bytes] | None:
    """Finds the integer at a payload key; one that fits no 64 bits is none."""
    return None if key is None else re.compile(rb'"%b"\s*:\s*(-?\d{1,18})(?!\d)' % re.escape(key.encode()))
