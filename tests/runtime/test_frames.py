from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from hoga.runtime.frames import BINARY, CLOSE, PING, PONG, TEXT, ws_frame


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_is_what_the_library_would_send(opcode: int, size: int) -> None:
    payload = b"x" * size
    assert ws_frame(opcode, payload) == Frame(Opcode(opcode), payload).serialize(mask=False)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_control_frame_too(opcode: int) -> None:
    assert ws_frame(opcode, b"\x03\xe9bye") == Frame(Opcode(opcode), b"\x03\xe9bye").serialize(mask=False)
