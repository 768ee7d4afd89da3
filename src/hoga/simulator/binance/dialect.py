"""simulator.binance.dialect: how a frame of a Binance venue is printed for a connection, and how it looks when it is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from hoga.simulator.faults import Dialect, Printed

__all__ = ["DIALECT", "Form", "printing"]

_SIDE = re.compile(rb'("bids"|"b")\s*:\s*\[(?:\s*\[[^\]]*\]\s*,?)*\s*\]')


class Form(NamedTuple):
    """How a connection wants its frames: `combined` with the stream's name around them, `micros` times in microseconds."""

    combined: bool
    micros: bool


def printing(stream: str, payload: Callable[[bool], bytes], *, whole: bytes | None = None, event: str = "") -> Callable[[Form], Printed]:
    """Print one payload for any form. `payload(micros)` gives the object; `whole` is the combined frame to send as it
    is, None to build it; `event` is the name of an account's event."""

    def encode(form: Form) -> Printed:
        data = payload(form.micros)
        return Printed((whole or _combined(stream, data)) if form.combined else data, data, event=event)

    return encode


def _combined(stream: str, payload: bytes) -> bytes:
    return b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"


def _oversized(stream: str, size_bytes: int) -> bytes:
    head, tail = b'{"stream":"' + stream.encode() + b'","data":{"filler":"', b'"}}'
    return head + b"x" * max(0, size_bytes - len(head) - len(tail)) + tail


DIALECT = Dialect(
    oversized=_oversized,
    no_stream=lambda payload: b'{"data":' + payload + b"}",
    unknown_stream=lambda payload: b'{"stream":"nosuchsymbol@nosuchchannel","data":' + payload + b"}",
    empty_side=lambda text: _SIDE.sub(rb"\1:[]", text, count=1),
)
