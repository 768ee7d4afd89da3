"""simulator.binance.pace: lets an engine's markets run in steps, and gives up what lies too far back. Time is an argument."""

from __future__ import annotations

from collections.abc import Callable

from hoga.simulator.engine import Engine

__all__ = ["Pace"]

_MOST_BEHIND_NS = 2_000_000_000


class Pace:
    """Runs an engine up to a moment: `events(now)` after every stretch, `boundary(now)` at every multiple of `step_ns`.

    What lies further back than two seconds of real time at `speed` is left out and counted in `skipped_ns`.
    """

    def __init__(self, engine: Engine, *, now_ns: int, step_ns: int, speed: float) -> None:
        self.skipped_ns = 0
        self.next_ns = now_ns // step_ns * step_ns + step_ns
        self._engine = engine
        self._step_ns = step_ns
        self._most_behind_ns = _MOST_BEHIND_NS * max(1.0, speed)

    def advance(self, now_ns: int, *, events: Callable[[int], None], boundary: Callable[[int], None]) -> None:
        """Run up to `now_ns`."""
        behind = now_ns - self.next_ns
        if behind > self._most_behind_ns:
            self.skipped_ns += behind
            self.next_ns = now_ns // self._step_ns * self._step_ns
            self._engine.skip_to(self.next_ns)
        while self.next_ns <= now_ns:
            self._engine.run_until(self.next_ns)
            events(self.next_ns)
            boundary(self.next_ns)
            self.next_ns += self._step_ns
        self._engine.run_until(now_ns)
        events(now_ns)
