"""feed.dialler: when a connection may be tried, where, and after which pause. What public and private connections share.

The venue's budget of connects is everybody's in the process; addresses are used in turn; pauses grow by `net.backoff`, and are never
shorter than what the venue asks for.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.core.errors import HandshakeRefused
from hoga.net.backoff import Backoff
from hoga.net.budgets import refused_for_s
from hoga.net.ratelimit import Budget
from hoga.runtime.clock import Clock

__all__ = ["Dialler"]


class Dialler:
    """Of one connection. `ws_url` may hold `{port}`, which is replaced from `ports` in turn, beginning with that at `first_port`."""

    __slots__ = ("_clock", "_jitter", "_port", "_ports", "_ws_url", "budget")

    def __init__(
        self, ws_url: str, ports: tuple[int, ...], budget: Budget, *, jitter: Callable[[], float], clock: Clock, first_port: int = 0
    ) -> None:
        self.budget = budget
        self._ws_url = ws_url
        self._ports = ports
        self._port = first_port
        self._jitter = jitter
        self._clock = clock

    async def turn(self) -> None:
        """Wait until one more connect is within the venue's limit, and count it."""
        while (wait := self.budget.wait_s(self._clock.monotonic())) > 0:
            await self._clock.sleep(wait)
        self.budget.take(self._clock.monotonic())

    def next_url(self) -> str:
        """Where to try it."""
        url = self._ws_url.replace("{port}", str(self._ports[self._port % len(self._ports)])).rstrip("/")
        self._port += 1
        return url

    def pause_s(self, schedule: Backoff) -> float:
        """The pause that the schedule says."""
        return schedule.delay_s(self._jitter())

    def refused(self, fault: HandshakeRefused) -> float:
        """A handshake was refused: those who share the budget slow down, where it was for a limit. Seconds that the venue asks for."""
        return refused_for_s(fault, self.budget, self._clock.monotonic())

    def blocked_s(self) -> float:
        """Seconds until one more connect is within the limit."""
        return self.budget.wait_s(self._clock.monotonic())
