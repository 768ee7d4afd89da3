"""What all peers have in common: the plan they are given, and how they are measured. Standard library only.

A peer calls `measure(connect)`. `connect(plan, count)` is its coroutine function: it connects, calls `count()` for each
data frame, and may run for ever. The plan is the first argument, JSON: `url`, `streams` (wire names), `frames` (a burst
of so many) or `seconds` (of a paced load), `core`, `folder`. The result is one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

WARM_S = 2.0
STALL_S = 5.0
START_S = 60.0

_frames = 0


def count() -> None:
    """One data frame has got as far as this peer takes it."""
    global _frames
    _frames += 1


def measure(connect: Callable[[dict[str, Any], Callable[[], None]], Awaitable[None]], *, does: str, package: str) -> None:
    """Run the peer and print what it cost. The clock is watched from a thread: a client that is behind leaves no time to others."""
    plan = json.loads(sys.argv[1])
    if plan.get("core") is not None:
        os.sched_setaffinity(0, {plan["core"]})

    def watch() -> None:
        result = {**_watch(plan), "does": does, "version": version(package)}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        os._exit(0)  # some clients have threads that do not end

    threading.Thread(target=watch, daemon=True).start()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(connect(plan, count))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _watch(plan: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + START_S
    cpu, wall = time.process_time(), time.monotonic()
    while not _frames and time.monotonic() < end:
        cpu, wall = time.process_time(), time.monotonic()
        time.sleep(0.01)
    before = 0
    if plan["frames"]:
        seen, moved = -1, time.monotonic()
        while time.monotonic() - moved < STALL_S and _frames < plan["frames"]:
            time.sleep(0.005)
            if _frames != seen:
                seen, moved = _frames, time.monotonic()
    else:
        time.sleep(WARM_S)
        before, cpu, wall = _frames, time.process_time(), time.monotonic()
        time.sleep(plan["seconds"])
    return {"frames": _frames - before, "cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall, "ended_ns": time.time_ns()}
