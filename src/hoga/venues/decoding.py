"""venues.decoding: from a payload's bytes to a body of `core.market`, by way of one typed struct. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hoga.core.market import Body

__all__ = ["decoder"]

S = TypeVar("S", bound=msgspec.Struct)


def decoder(struct: type[S], make: Callable[[S], Body]) -> Callable[[bytes], Body]:
    """The function that decodes a payload as a `struct` and makes its body. It raises msgspec.DecodeError for any other payload."""
    raw = msgspec.json.Decoder(struct)

    def decode(payload: bytes) -> Body:
        return make(raw.decode(payload))

    return decode
