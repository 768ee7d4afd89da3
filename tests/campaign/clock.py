"""A wall clock that runs faster: minutes, midnights and rollovers come in seconds, sockets and timers stay as they are.

`install` must run before anything of hoga is imported: hoga's modules take `time_ns` and `monotonic_ns` by name.
"""

from __future__ import annotations

import time

__all__ = ["install"]


def install(*, start_ns: int, speed: float) -> None:
    """From now on `time.time_ns()` begins at `start_ns` and runs `speed` times as fast; `time.monotonic_ns()` runs along."""
    real = time.monotonic_ns
    began = real()

    def wall() -> int:
        return start_ns + int((real() - began) * speed)

    def steady() -> int:
        return began + int((real() - began) * speed)

    time.time_ns = wall
    time.monotonic_ns = steady
