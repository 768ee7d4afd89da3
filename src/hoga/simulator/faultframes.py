"""simulator.faultframes: what each fault of frames makes of a frame. Pure: chance is an argument."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from hoga.runtime.frames import BINARY
from hoga.simulator.activefault import ActiveFault
from hoga.simulator.faultwords import Dialect, FaultKind, Out

__all__ = ["FRAME_FAULTS", "HANDLERS", "Frame", "Handler"]


class Frame(NamedTuple):
    """A frame on its way to one connection, as it would be sent."""

    connection: str
    stream: str
    payload: bytes
    text: bytes
    opcode: int
    dialect: Dialect


Handler = Callable[[ActiveFault, Frame, list[Out], Random], list[Out]]
"""Makes of what would be sent for a frame (itself and what other faults made of it) what is sent instead."""


def _swallow(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    return []


def _half_open(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    active.hit_connections.add(frame.connection)
    return []


def _delay(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    delay_ns = int((active.fault.ms + random.random() * active.fault.jitter_ms) * 1e6)
    return [out._replace(delay_ns=out.delay_ns + delay_ns) for out in outs]


def _duplicate(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    return [*outs, outs[-1]._replace(role="copy")]


def _reorder(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    active.held[frame.connection, frame.stream] = outs[-1]
    return outs[:-1]


def _truncated_frame(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
    return [outs[0]._replace(role="odd", torn=True)]


def _odd(make: Callable[[ActiveFault, Frame, Random], tuple[int, bytes]], default_mode: str) -> Handler:
    def handle(active: ActiveFault, frame: Frame, outs: list[Out], random: Random) -> list[Out]:
        opcode, data = make(active, frame, random)
        odd = Out(opcode, data, role="odd")
        return [odd] if (active.fault.mode or default_mode) == "replace" else [odd, *outs]

    return handle


def _garbage(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, b"}{ not json " + bytes(random.choices(b'abcdefghijklmnopqrstuvwxyz{}[]",:0123456789', k=random.randint(1, 200)))


def _binary_garbage(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return BINARY, random.randbytes(random.randint(1, 300))


def _truncated_json(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.text[: max(1, len(frame.text) * 2 // 3)].decode(errors="ignore").encode()


def _oversized(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.oversized(frame.stream, active.fault.size_bytes)


def _no_stream(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.no_stream(frame.payload)


def _unknown_stream(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.unknown_stream(frame.payload)


def _empty_side(active: ActiveFault, frame: Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.empty_side(frame.text)


HANDLERS: dict[FaultKind, Handler] = {
    FaultKind.DELAY: _delay,
    FaultKind.DROP: _swallow,
    FaultKind.SILENT: _swallow,
    FaultKind.FREEZE: _swallow,
    FaultKind.HALF_OPEN: _half_open,
    FaultKind.DUPLICATE: _duplicate,
    FaultKind.REORDER: _reorder,
    FaultKind.GARBAGE: _odd(_garbage, "inject"),
    FaultKind.BINARY_GARBAGE: _odd(_binary_garbage, "inject"),
    FaultKind.OVERSIZED: _odd(_oversized, "inject"),
    FaultKind.NO_STREAM: _odd(_no_stream, "inject"),
    FaultKind.UNKNOWN_STREAM: _odd(_unknown_stream, "inject"),
    FaultKind.TRUNCATED_JSON: _odd(_truncated_json, "replace"),
    FaultKind.EMPTY_SIDE: _odd(_empty_side, "replace"),
    FaultKind.TRUNCATED_FRAME: _truncated_frame,
}

FRAME_FAULTS = frozenset(HANDLERS)
"""Faults decided frame by frame, in `FaultDesk.route`."""
