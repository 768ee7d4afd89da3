"""archive.form.lines: from a frame as received to its line in the archive: hoga's envelope, then the payload verbatim. Pure.

    {"recvNs":…,"eventTime":…,"timeSource":"venue","latencyMs":24.7,"epoch":3,"conn":"binance-1", <the payload's own keys> }

Nothing is parsed that need not be: the payload's bytes are copied, never decoded and encoded again. What is not JSON
never becomes a line. White space between tokens is the venue's to choose, but a line break inside a payload would
break the file's lines, so it becomes a space.
"""

from __future__ import annotations

import msgspec

from hoga.core.jsontext import TopInteger, is_object
from hoga.core.streams import Stream
from hoga.core.times import MS_NS, instant_ns
from hoga.venues.spec import VenueSpec

__all__ = ["LineMaker", "odd_line"]

_encoder = msgspec.json.Encoder()
_BRACE = ord("}")
_MS_DIGITS, _DIGITS = 13, 20
_BEYOND = b"4102444800000"
"""The year 2100 in ms."""


class LineMaker:
    """Makes the lines of one stream on one leg while latency and leg stay the same.

    Make a new one when either changes: all that is constant between two changes is rendered once.
    `median_ns` None: the event time cannot be estimated and is null.
    """

    __slots__ = (
        "_event",
        "_key",
        "_key_size",
        "_lead_ns",
        "_prefix",
        "_skipped",
        "_split",
        "_tail",
        "_tail_bytes",
        "_venue_time",
        "_whole",
    )

    def __init__(self, spec: VenueSpec, stream: Stream, *, conn: str, epoch: int, median_ns: int | None, overhead_ns: int) -> None:
        self._key = spec.frame_key(stream)
        self._whole = not spec.wrapped
        self._prefix = self._key if self._whole else self._key + b'{"'
        self._key_size = 0 if self._whole else len(self._key)
        self._skipped = self._key_size + 1
        self._split = spec.split
        key = spec.channel_of(stream.channel).event_key
        self._event = None if key is None else TopInteger(key)
        self._lead_ns = None if median_ns is None else median_ns + overhead_ns
        self._venue_time = self._envelope("venue", median_ns, epoch, conn).encode()
        self._tail = self._envelope("estimated", median_ns, epoch, conn)
        self._tail_bytes = self._tail.encode()

    @staticmethod
    def _envelope(source: str, median_ns: int | None, epoch: int, conn: str) -> str:
        latency = "null" if median_ns is None else f"{median_ns / 1e6:.3f}".rstrip("0").rstrip(".")
        return f'"timeSource":"{source}","latencyMs":{latency},"epoch":{epoch},"conn":{_encoder.encode(conn).decode()},'

    def line(self, recv_ns: int, frame: bytes) -> bytes | None:
        """The line of `frame`, with its newline; None when its payload is no JSON object."""
        payload = (frame if self._whole else frame[self._key_size : -1]) if frame.startswith(self._key) and frame.endswith(b"}") else b""
        if not is_object(payload):
            parts = self._split(frame)
            if parts is None:
                return None
            payload = parts[1]
        if b"\n" in payload or b"\r" in payload:
            payload = payload.replace(b"\r", b" ").replace(b"\n", b" ")
        return b"%b%b\n" % (self._head(recv_ns, payload, 0, len(payload))[1:], payload[1:].lstrip())

    def put(self, pieces: list[bytes], recv_ns: int, data: bytes, start: int, end: int) -> bool:
        """Append the line of the frame `data[start:end]` to `pieces`, a newline before it and none behind.

        Nothing is checked but the frame's spelling: when the pieces are joined and every line of them is found to be
        one JSON object, without a line break or a return inside, they are what `line` makes. False, and nothing is
        appended, when the frame is not spelt as usual: ask `line` then.
        """
        last = end - 1
        if not data.startswith(self._prefix, start) or data[last] != _BRACE:
            return False
        if self._whole:
            last = end
        elif data[last - 1] != _BRACE:
            return False
        first = start + self._skipped
        if self._event is None and (lead_ns := self._lead_ns) is not None:  # without another call: 0.95 → 0.8 µs a line
            pieces.append(f'\n{{"recvNs":{recv_ns},"eventTime":{(recv_ns - lead_ns) // 1_000_000},{self._tail}'.encode())
        else:
            pieces.append(self._head(recv_ns, data, first - 1, last))
        pieces.append(data[first:last])
        return True

    def _head(self, recv_ns: int, data: bytes, first: int, last: int) -> bytes:
        """The envelope before the payload `data[first:last]`, behind a newline."""
        if self._event is not None:
            digits = self._event.find(data, first, last)
            if digits is not None and len(digits) == _MS_DIGITS and digits.isdigit():  # ms of 2001 to 2286, as venues tell it
                if digits < _BEYOND:
                    return b'\n{"recvNs":%d,"eventTime":%b,%b' % (recv_ns, digits, self._venue_time)
            elif digits is not None and len(digits) <= _DIGITS and (event_ns := instant_ns(int(digits))) is not None:
                return b'\n{"recvNs":%d,"eventTime":%d,%b' % (recv_ns, event_ns // MS_NS, self._venue_time)
            if digits is not None or self._event.value(data, first, last) is not None:
                return b'\n{"recvNs":%d,"eventTime":null,%b' % (recv_ns, self._venue_time)
        if self._lead_ns is None:
            return b'\n{"recvNs":%d,"eventTime":null,%b' % (recv_ns, self._tail_bytes)
        return f'\n{{"recvNs":{recv_ns},"eventTime":{(recv_ns - self._lead_ns) // 1_000_000},{self._tail}'.encode()


def odd_line(recv_ns: int, *, conn: str, epoch: int, why: str, size: int, raw: bytes) -> bytes:
    """The line of a frame that is kept aside: text as text, anything else as base64, cut at what was kept of it."""
    odd: dict[str, object] = {"recvNs": recv_ns, "eventTime": None, "timeSource": None, "latencyMs": None, "epoch": epoch, "conn": conn}
    odd |= {"why": why, "size": size}
    try:
        odd["raw"] = raw.decode()
    except UnicodeDecodeError:
        odd["rawBase64"] = raw
    return _encoder.encode(odd) + b"\n"
