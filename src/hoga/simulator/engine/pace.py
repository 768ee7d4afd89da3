"""simulator.engine.pace: lets an engine's markets run in steps, and gives up what lies too far back. Pure; time is an argument.

Calling contract: `add` a grid for whatever is cut on time, then `advance` as time passes. Between two points of a grid nothing
is cut; at each point its market has run exactly that far.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.simulator.engine.market import Engine

__all__ = ["Pace"]

_MOST_BEHIND_NS = 2_000_000_000


class _Grid:
    """Moments `step_ns` apart. `run` lets a market (or all of them) act up to one, `cut` publishes what has come of it."""

    __slots__ = ("cut", "next_ns", "run", "step_ns")

    def __init__(self, first_ns: int, step_ns: int, run: Callable[[int], None], cut: Callable[[int], None]) -> None:
        self.next_ns = first_ns
        self.step_ns = step_ns
        self.run = run
        self.cut = cut

    def advance(self, now_ns: int) -> None:
        while self.next_ns <= now_ns:
            self.run(self.next_ns)
            self.cut(self.next_ns)
            self.next_ns += self.step_ns


class Pace:
    """Runs an engine up to a moment, cutting at every point of every grid on the way; `rest(now_ns)` is called at the end of each stretch.

    What lies further back than two seconds of real time at `speed` is left out and counted in `skipped_ns`; `done_ns` is how far it is.
    """

    def __init__(self, engine: Engine, *, now_ns: int, speed: float, rest: Callable[[int], None]) -> None:
        self.skipped_ns = 0
        self.done_ns = now_ns
        self._engine = engine
        self._rest = rest
        self._most_behind_ns = _MOST_BEHIND_NS * max(1.0, speed)
        self._grids: dict[str, _Grid] = {}

    def add(self, name: str, *, step_ns: int, phase_ns: int = 0, run: Callable[[int], None], cut: Callable[[int], None]) -> int:
        """A grid from now on, its points `phase_ns` behind the multiples of `step_ns`. Returns its first point."""
        first_ns = (self.done_ns - phase_ns) // step_ns * step_ns + step_ns + phase_ns
        self._grids[name] = _Grid(first_ns, step_ns, run, cut)
        return first_ns

    def drop(self, name: str) -> None:
        """A grid no more, if it was one."""
        self._grids.pop(name, None)

    def advance(self, now_ns: int) -> None:
        """Run up to `now_ns`."""
        behind = now_ns - self.done_ns
        if behind > self._most_behind_ns:
            self.skipped_ns += behind
            self._engine.skip_to(now_ns)
            for grid in self._grids.values():
                grid.next_ns += behind // grid.step_ns * grid.step_ns
        for grid in list(self._grids.values()):
            grid.advance(now_ns)
        self._engine.run_until(now_ns)
        self.done_ns = now_ns
        self._rest(now_ns)
