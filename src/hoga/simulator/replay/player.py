"""simulator.replay.player: sends a capture's frames when they are due, to whoever is subscribed.

Starts when the first client has subscribed to a stream of the capture and the start delay has passed; afterwards the
connections stay open and idle. A client that reads too slowly holds the replay up; nothing is dropped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from hoga.captures.frames import Frame, Reply
from hoga.simulator.clock import SimClock
from hoga.simulator.faults import Printed
from hoga.simulator.replay.capture import Capture
from hoga.simulator.switchboard import Switchboard

__all__ = ["Player"]

_BATCH = 128
_BETWEEN_ROUNDS_S = 0.1
_DEPTH_LEVELS = 5_000


class Player:
    """Plays one capture. `printing` gives a frame's bytes for every form; `drained` waits until no client is far behind."""

    def __init__(
        self,
        capture: Capture,
        *,
        board: Switchboard,
        clock: SimClock,
        printing: Callable[[Frame], Callable[[Any], Printed]],
        drained: Callable[[], Awaitable[None]],
        flat_out: bool,
        start_delay_s: float,
        loop: bool,
    ) -> None:
        self.capture = capture
        self.done = False
        self.sent = 0
        self.unheard = 0
        self.rounds = 0
        self._board = board
        self._clock = clock
        self._printing = printing
        self._drained = drained
        self._flat_out = flat_out
        self._start_delay_s = start_delay_s
        self._loop = loop
        self._wanted = asyncio.Event()
        self._streams = capture.streams
        self._position_ns: int | None = None

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed to these streams."""
        if any(name in self._streams for name in names):
            self._wanted.set()

    async def run(self) -> None:
        """Wait for the first listener, then play to the end (for ever when looping)."""
        await self._wanted.wait()
        await asyncio.sleep(self._clock.wall_s(int(self._start_delay_s * 1e9)))
        while True:
            await self._play()
            self.rounds += 1
            if not self._loop:
                break
            await asyncio.sleep(_BETWEEN_ROUNDS_S)
        self.done = True

    def depth(self, symbol: str, limit: int) -> bytes | None:
        """The captured REST snapshot of a symbol: the newest one already passed, else the first."""
        snapshots = self.capture.depths.get(symbol)
        if not snapshots:
            return None
        position = self._position_ns or 0
        chosen = snapshots[0]
        for snapshot in snapshots:
            if snapshot.time_ns is not None and snapshot.time_ns <= position:
                chosen = snapshot
        return _cut_to(chosen, limit)

    def status(self) -> dict[str, Any]:
        """Ready for JSON. `unheard` frames were due while nobody was subscribed to their stream."""
        return {
            "done": self.done,
            "started": self._wanted.is_set(),
            "frames": sum(self._streams.values()),
            "sent": self.sent,
            "unheard": self.unheard,
            "rounds": self.rounds,
            "streams": len(self._streams),
            "files": [str(file.path) for file in self.capture.files],
            "skipped": self.capture.skipped,
        }

    async def _play(self) -> None:
        start_ns, in_batch = self._clock.now_ns(), 0
        for offset_ns, frame in self.capture.timeline():
            if not self._flat_out and start_ns + offset_ns > self._clock.now_ns():
                await self._clock.sleep_until(start_ns + offset_ns)
                in_batch = 0
            self._send(frame)
            in_batch += 1
            if in_batch >= _BATCH:
                in_batch = 0
                await self._drained()
        await self._drained()

    def _send(self, frame: Frame) -> None:
        if frame.time_ns is not None:
            self._position_ns = frame.time_ns
        if self._board.publish(frame.stream, self._printing(frame)):
            self.sent += 1
        else:
            self.unheard += 1


def _cut_to(snapshot: Reply, limit: int) -> bytes:
    if limit >= _DEPTH_LEVELS:
        return snapshot.body
    try:
        book = json.loads(snapshot.body)
    except ValueError:
        return snapshot.body
    if len(book.get("bids", ())) <= limit and len(book.get("asks", ())) <= limit:
        return snapshot.body
    cut = book | {"bids": book["bids"][:limit], "asks": book["asks"][:limit]}
    return json.dumps(cut, separators=(",", ":")).encode()
