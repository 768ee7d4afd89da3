"""relay.status: how a relay does: what it counts, and what it says of itself to whoever supervises it, a line of JSON each second."""

from __future__ import annotations

import msgspec

__all__ = ["CannotBegin", "RelayCounts", "RelayStatus", "decode_said", "encode_said"]


class RelayCounts:
    """Since this life began; each lane adds to its own. `waiting`: ledgers and days with something unsent, as last looked.
    `current_ns`: when everything was sent last, None when it never was. `damaged`: why, by the
    names of files and folders that cannot be read or are not as they were sealed."""

    def __init__(self) -> None:
        self.files = self.file_bytes = self.lines_bytes = self.days = self.again = 0
        self.waiting = 0
        self.current_ns: int | None = None
        self.damaged: dict[str, str] = {}
        self.live_messages = self.live_bytes = self.live_chunks = 0
        self.live_lost = 0
        self.asked = self.foreign = 0


class CannotBegin(msgspec.Struct, frozen=True, tag="cannot-begin"):
    """The last that a relay says that ends at its start."""

    why: str


class RelayStatus(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """One look at a relay. `trouble`: why NATS does not have what it should, None while it does. `behind_s`: since when not everything that
    is sealed was sent. `live_lost`: live messages that nobody got from us."""

    collector: str
    since_ns: int
    connected: bool
    trouble: str | None
    outages: int
    behind_s: float
    waiting: int
    files: int
    file_bytes: int
    lines_bytes: int
    days: int
    again: int
    damaged: int
    newest_damaged: str | None
    live_messages: int
    live_bytes: int
    live_chunks: int
    live_lost: int
    asked: int
    foreign: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RelayStatus | CannotBegin)


def encode_said(said: RelayStatus | CannotBegin) -> bytes:
    """One line, with its newline."""
    return _encoder.encode(said) + b"\n"


def decode_said(line: bytes) -> RelayStatus | CannotBegin:
    """Back. Raises msgspec.DecodeError."""
    said: RelayStatus | CannotBegin = _decoder.decode(line)
    return said
