"""What a viewer's connection does by itself, below the application."""

from __future__ import annotations

import pytest
from websockets.protocol import State
from websockets.server import ServerProtocol

from hoga.dashboard.protocols import SocketProtocol


class Transport:
    """`waiting` bytes were not taken yet."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.sent = b""

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        self.sent += data


@pytest.mark.parametrize("waiting, answers", [(0, 3), (100_000, 3), (1 << 20, 0)])
def test_a_viewer_that_pings_and_takes_nothing_is_not_answered(waiting: int, answers: int) -> None:
    protocol = object.__new__(SocketProtocol)
    transport = Transport(waiting)
    protocol.transport = transport  # type: ignore[assignment]  # all that pings need of one
    protocol.conn = ServerProtocol(state=State.OPEN)
    for _ in range(3):
        protocol.data_received(b"\x89\x81\x00\x00\x00\x00p")
    assert transport.sent == b"\x8a\x01p" * answers
    assert protocol.conn.data_to_send() == [], "nothing is kept for later"
