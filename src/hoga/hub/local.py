"""hub.local: what a hub and a reader in another process say to each other over a local socket. Pure.

    message := u32 length of what follows the head · u8 kind · body          little-endian

The reader says which streams it wants (`Want`, complete each time, numbered by the reader); the hub names the lives of
connections that bring them (`LegUp`, `LegOver`), sends frames (kind EVENT: u32 stream number, u32 leg number, i64 receipt
in ns, then the venue's payload verbatim), and once a second a `Beat` with what it had to leave out. Everything but EVENT
is JSON. A reader that meets another `VERSION` says so and leaves.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec

__all__ = [
    "EVENT", "EVENT_HEAD", "MAX_BYTES", "NOTE", "NOT_OUR_LANGUAGE", "REQUEST_MAX_BYTES", "VERSION",
    "AskSymbols", "Beat", "Hello", "LegFailed", "LegOver", "LegUp", "Message", "Refused",
    "Splitter", "Symbols", "Want", "Wish", "decoder", "pack",
]  # fmt: skip

VERSION = 2
NOTE, EVENT = 0, 1
"""Kinds of messages: JSON, or a frame."""
MAX_BYTES = 16 * 1024 * 1024
"""No message of a hub is longer; whoever sends one is none."""
REQUEST_MAX_BYTES = 1024 * 1024
"""Nor is one of a reader: 5,000 wishes are some 400 KB."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
"""Of a stream or a leg, as it goes before each frame."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

HEAD = struct.Struct("<IB")
EVENT_HEAD = struct.Struct("<IBIIq")
EVENT_BODY = struct.Struct("<IIq")


class _Message(msgspec.Struct, frozen=True, tag_field="t"):
    pass


class Hello(_Message, frozen=True, tag="hello"):
    """The hub's first words. `life` differs after each start of the hub; `serves` lists (venue, kind of streams)."""

    version: int
    life: str
    serves: list[tuple[str, str]]


class Wish(msgspec.Struct, frozen=True, array_like=True):
    """One stream, under the number its frames will carry."""

    number: Number
    venue: Name
    symbol: Name
    channel: Name


class Want(_Message, frozen=True, tag="want"):
    """All that the reader wants from now on. `every`: of each stream every frame, as far as they are taken in time; else of
    books, quotes and tickers the newest."""

    wishes: list[Wish]
    every: bool = False


class AskSymbols(_Message, frozen=True, tag="ask"):
    """Which symbols does the venue list?"""

    venue: str


class Symbols(_Message, frozen=True, tag="symbols"):
    """Symbol → status, None when the hub does not know."""

    venue: str
    known: dict[str, str] | None


class LegUp(_Message, frozen=True, tag="up"):
    """Leg `number` is a life of connection `conn`, and brings these streams of the reader's."""

    number: Number
    venue: str
    kind: str
    conn: str
    epoch: int
    streams: list[int]


class LegOver(_Message, frozen=True, tag="over"):
    """It is over, for `why`."""

    number: int
    why: str


class LegFailed(_Message, frozen=True, tag="failed"):
    """Connection `conn`, which brings streams of the reader's, cannot be made, for `why`; told once for each reason."""

    venue: str
    kind: str
    conn: str
    epoch: int
    why: str


class Refused(_Message, frozen=True, tag="refused"):
    """A stream cannot be served, for `why`."""

    number: int
    why: str


class Beat(_Message, frozen=True, tag="beat"):
    """The hub lives. So far it replaced `conflated` frames by newer ones and dropped `dropped` for this reader."""

    conflated: int
    dropped: int


Message = Hello | Want | AskSymbols | Symbols | LegUp | LegOver | LegFailed | Refused | Beat

NOT_OUR_LANGUAGE = (ValueError, msgspec.DecodeError, RecursionError, struct.error)
"""What the reading of either end raises when the other one says something that is no message."""

_encoder = msgspec.json.Encoder()


def decoder() -> Callable[[bytes], Message]:
    """What reads notes. Raises msgspec.DecodeError."""
    decode: Callable[[bytes], Message] = msgspec.json.Decoder(Message).decode
    return decode


def pack(message: Message) -> bytes:
    """A note as it goes over the socket."""
    body = _encoder.encode(message)
    return HEAD.pack(len(body), NOTE) + body


class Splitter:
    """Bytes as they come → whole messages, (kind, body) each. Raises ValueError for what cannot be one (longer than `most`)."""

    __slots__ = ("_lacks", "_most", "_rest")

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._rest = bytearray()
        self._lacks = 0

    @property
    def waiting(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that `data` completes."""
        if self._rest:
            self._rest += data
            self._lacks -= len(data)
            if self._lacks > 0:
                return
            data = bytes(self._rest)
            self._rest = bytearray()
        at, size, head = 0, len(data), HEAD.size
        self._lacks = head
        while size - at >= head:
            length, kind = HEAD.unpack_from(data, at)
            if length > self._most:
                raise ValueError(f"a message of {length} bytes, expected at most {self._most}")
            end = at + head + length
            if end > size:
                self._lacks = end - size
                break
            yield kind, data[at + head : end]
            at = end
        else:
            self._lacks = head - (size - at)
        if at < size:
            self._rest = bytearray(memoryview(data)[at:])
