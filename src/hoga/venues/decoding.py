"""venues.decoding: from a payload's bytes to what the hub hands out, by way of one typed struct. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hoga.core.market import Body

__all__ = ["reader"]

S = TypeVar("S", bound=msgspec.Struct)


def reader(kind: type[S], make: Callable[[S], Body]) -> Callable[[bytes], Body]:
    """What decodes a payload as a `kind` and makes its body. It raises msgspec.DecodeError for what is none."""
    decoder = msgspec.json.Decoder(kind)

    def read(payload: bytes) -> Body:
        return make(decoder.decode(payload))

    return read
