"""net.answers: the head of an HTTP answer, as lenient as it can be read. Pure.

The WebSocket library knows fewer status codes than servers use (a 520 of a content network) and refuses answers of
HTTP/1.0; who is told of a refusal wants to know what it said all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Head", "read_head"]

_STATUS = re.compile(rb"HTTP/[0-9](?:\.[0-9])? +([1-9][0-9]{2})(?: .*)?", re.IGNORECASE)


class Head(NamedTuple):
    """Status and headers (names in lower case, the first of equal names)."""

    status: int
    headers: Mapping[str, str]


def read_head(raw: bytes) -> Head | None:
    """Read an answer's lines, without the empty one that ends them. None for what is no HTTP answer."""
    first, *lines = raw.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return Head(int(status[1]), headers)
