"""audit.chain: one record as one line, and the chain of hashes that holds the lines together. Pure.

A line is a JSON object without spaces, one space, 64 hex digits, and a newline:

    {"n":2,"t":1763643151123456789,"m":8823311220044,"b":17,"k":"order.intent","id":"hg17s1-3f2",…} 5f0c…

`n` counts the records of a journal from 1 without a gap, over all its files and lives. `t`: UTC ns. `m`: steady clock, ns (not in a
backtest). `b`: the life that wrote it (`boot`; 0 in a backtest). `k`: the kind. What follows belongs to the kind.

The hash of a record is SHA-256 over the 32 bytes of the hash before it, then the bytes of the JSON object; before the first stand 32
zero bytes. So no line can change, move, go or come without another line's hash telling; a tail that was cut tells `head`, which
holds the last `n` and hash that were made durable (`audit.folder`), or a seal that went elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from hoga.core.secret import Secret

__all__ = ["FIRST", "HEADS", "Link", "Record", "body_of", "line_of", "link_of", "next_hash", "parts_of", "record_of", "without"]

FIRST = bytes(32)
"""What stands before the first record's hash."""

HEADS = frozenset(("n", "t", "m", "b", "k"))
"""Members that the journal writes itself."""

_HEX_BYTES = 64
_TAIL_BYTES = 1 + _HEX_BYTES


def _show(value: object) -> object:
    """What is no JSON: secrets as stars, anything else as its text."""
    return repr(value) if isinstance(value, Secret) else str(value)


_encode = msgspec.json.Encoder(enc_hook=_show).encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Head(msgspec.Struct, gc=False):
    n: int
    t: int
    b: int
    k: str


class _TimedHead(msgspec.Struct, gc=False):
    n: int
    t: int
    m: int
    b: int
    k: str


class Record(NamedTuple):
    """One record as it was read. `fields`: what belongs to the kind."""

    n: int
    t: int
    m: int | None
    b: int
    kind: str
    fields: dict[str, Any]
    hash: bytes


class Link(NamedTuple):
    """A line taken apart, not yet held against the one before it."""

    body: bytes
    hash: bytes


def body_of(n: int, t: int, m: int | None, b: int, kind: str, fields: Mapping[str, object] | msgspec.Struct) -> bytes:
    """The JSON object of a record; the order of its members is the writer's, so that the same input gives the same bytes.

    Floats of a mapping become their text: numbers of the market are integers, in ticks and lots. Raises ValueError when a field
    has one of the names in `HEADS`.
    """
    if fields.__class__ is dict:
        if not HEADS.isdisjoint(fields):
            raise ValueError(f"a record's own members are not to be given: {sorted(HEADS & set(fields))}")
        for value in fields.values():
            if value.__class__ is float:
                fields = {name: repr(each) if each.__class__ is float else each for name, each in fields.items()}
                break
    head = _encode(_Head(n, t, b, kind) if m is None else _TimedHead(n, t, m, b, kind))
    rest = _encode(fields)
    return head if rest == b"{}" else head[:-1] + b"," + rest[1:]


def next_hash(before: bytes, body: bytes) -> bytes:
    """The hash of a record (32 bytes) that follows the one with the hash `before`."""
    return sha256(before + body).digest()


def line_of(body: bytes, own: bytes) -> bytes:
    """The line of a record, newline included."""
    return b"%b %b\n" % (body, own.hex().encode())


def link_of(line: bytes) -> Link:
    """A line (without its newline) taken apart. Raises ValueError when it has not the form of one."""
    if len(line) <= _TAIL_BYTES or line[-_TAIL_BYTES:-_HEX_BYTES] != b" " or line[:1] != b"{":
        raise ValueError("no JSON object with a hash")
    text = line[-_HEX_BYTES:]
    own = bytes.fromhex(text.decode("ascii", "replace"))
    if own.hex().encode() != text:
        raise ValueError("the hash is not spelt as hashes are")
    return Link(line[:-_TAIL_BYTES], own)


def parts_of(line: bytes) -> Link:
    """Where the object and the hash of a broken line would stand; a hash that is none is `FIRST`."""
    text = line[-_HEX_BYTES:]
    try:
        own = bytes.fromhex(text.decode("ascii", "replace"))
    except ValueError:
        own = FIRST
    return Link(line[:-_TAIL_BYTES], own if len(own) == len(FIRST) else FIRST)


def record_of(link: Link) -> Record:
    """The record of a line whose hash was found right. Raises ValueError when it is no record."""
    try:
        found = _decode(link.body)
        n, t, m, b, kind = found.pop("n"), found.pop("t"), found.pop("m", None), found.pop("b"), found.pop("k")
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as fault:
        raise ValueError(f"no record: {fault}") from fault
    if not (type(n) is type(t) is type(b) is int and isinstance(kind, str) and (m is None or type(m) is int)):
        raise ValueError("no record: n, t, m and b are integers, k is a text")
    return Record(n, t, m, b, kind, found, link.hash)


def without(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """`body` with stars wherever a text of it, or a name, holds one of the secrets. The members keep their order."""
    return _encode(_hidden(_decode(body), secrets))


def _hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        for each in secrets:
            value = value.replace(each, "***")
        return value
    if isinstance(value, dict):
        return {_hidden(name, secrets): _hidden(each, secrets) for name, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each, secrets) for each in value]
    return value
