"""bench.frames: prebuilt WebSocket frames in one buffer, sent again and again with fresh ids.

A *lap* is one buffer that holds some frames of each symbol, in turn. Every `lastUpdateId` is eleven digits: five of the
lap, six of the frame within it. Before a lap is sent again its ids are raised in place, all at once, so that a server
in Python sends more than a client in C can take.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.books import RECORDED, Book, depth20_payloads, symbol_names
from hoga.runtime.frames import TEXT, ws_frame

__all__ = ["FIRST_LAP", "Lap", "ProbeRound", "data_frames"]

FIRST_LAP = 50_000

_LAP_DIGITS = 5


def data_frames(books: list[Book], symbols: int, per_symbol: int) -> dict[str, list[bytes]]:
    """Wire name of the stream → its frames, ids of the first lap in them."""
    frames: dict[str, list[bytes]] = {}
    for place, symbol in enumerate(symbol_names(symbols)):
        name = f"{symbol.lower()}@{RECORDED}"
        head = f'{{"stream":"{name}","data":{{"lastUpdateId":'.encode()
        frames[name] = [
            ws_frame(TEXT, head + b"%05d%06d" % (FIRST_LAP, number + 1) + payload + b"}")
            for number, payload in enumerate(depth20_payloads(books, place, per_symbol))
        ]
    return frames


class Lap:
    """The frames of `names`: the first of each, the second of each, and so on, in an order of no meaning; `frames` of them.

    Frame number n lies at `offsets[n]`..`offsets[n + 1]` of `view`.
    """

    def __init__(self, built: dict[str, list[bytes]], names: list[str]) -> None:
        columns = [built[name] for name in random.Random(len(names)).sample(names, len(names))]
        ordered = [frame for row in zip(*columns, strict=True) for frame in row]
        self.frames = len(ordered)
        buffer = bytearray(b"".join(ordered))
        self.view = memoryview(buffer)
        sizes = np.fromiter(map(len, ordered), dtype=np.int64, count=len(ordered))
        ends = np.cumsum(sizes)
        self.offsets: list[int] = [0, *ends.tolist()]
        marks = np.fromiter((frame.find(b"lastUpdateId") + 14 for frame in ordered), dtype=np.int64, count=len(ordered))
        self._bytes: npt.NDArray[np.uint8] = np.frombuffer(buffer, dtype=np.uint8)
        self._places: npt.NDArray[Any] = (ends - sizes + marks)[:, None] + np.arange(_LAP_DIGITS)

    def number(self, lap: int, start: int, stop: int) -> None:
        """Give the frames `start`..`stop` the ids of lap `lap` (counted from 0)."""
        digits = np.frombuffer(b"%05d" % (FIRST_LAP + lap), dtype=np.uint8)
        self._bytes[self._places[start:stop]] = digits


class ProbeRound:
    """One diff-depth frame of each of `names`, for clients that measure latency on them; stamped when it is sent."""

    def __init__(self, names: list[str]) -> None:
        self.frames = len(names)
        self._frames: list[bytearray] = []
        self._marks: list[int] = []
        levels = ",".join(f'["61837.{place:02d}000000","0.{place:02d}647000"]' for place in range(8))
        for name in names:
            symbol = name.partition("@")[0].upper()
            payload = f'{{"e":"depthUpdate","E":1700000000000,"s":"{symbol}","U":1,"u":2,"b":[{levels}],"a":[{levels}]}}'
            frame = bytearray(ws_frame(TEXT, f'{{"stream":"{name}","data":{payload}}}'.encode()))
            self._marks.append(frame.find(b'"E":') + 4)
            self._frames.append(frame)

    def stamped(self, place: int, now_ms: int) -> bytes:
        """Frame number `place`, sent at `now_ms`."""
        frame, mark = self._frames[place], self._marks[place]
        frame[mark : mark + 13] = b"%013d" % now_ms
        return bytes(frame)
