"""net.line: the order line: a call is written at once, and what came of it is told later, exactly once, by its token.

    send(call, token) ─▶ bytes on a socket that is open already ─▶ answered(token, Told | Lost)
                                                                   └ Lost: never written, or nobody knows

Two lines have this one port: the venue's WebSocket API (`net.line_ws`), and kept HTTP connections (`net.line_http`). Neither sends anything
twice, and what is outstanding when a connection ends is told as lost at once. Where no line is ready, whoever has a call makes it
over plain REST (`net.rest`), which needs nothing open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from hoga.core.errors import Sent
from hoga.net.lanes import Lanes
from hoga.runtime.clock import Clock
from hoga.runtime.logs import get_log
from hoga.venues.orders import Told
from hoga.venues.request import Request

__all__ = ["Answered", "Ledger", "Lost", "OrderLine", "Outstanding"]

_log = get_log("net")

_SWEEP_S = 0.05

C = TypeVar("C")


class Lost(NamedTuple):
    """No answer. `sent` NO: it was never written; MAYBE: the venue may have it. `retry_after_s`: until there is room within a limit."""

    why: str
    sent: Sent
    retry_after_s: float | None = None


Answered = Callable[[str, "Told | Lost"], object]
"""`answered(token, what)`: on the event loop, never inside of `send`."""


class OrderLine(Protocol):
    """Carries one account's calls."""

    @property
    def is_ready(self) -> bool:
        """Whether a call that is given now would be written at once."""

    def send(self, request: Request, token: str) -> None:
        """Write a call now. `token`: letters, digits and dashes, at most 36, not of a call that is outstanding. Raises nothing."""

    async def run(self) -> None:
        """Keep what it needs open, until it is cancelled."""

    async def stop(self) -> None:
        """End; what is outstanding is told as lost."""


class Outstanding(NamedTuple, Generic[C]):
    """A call that was written: on what, when (wall clock), and until when (steady clock, s) an answer is waited for."""

    request: Request
    on: C
    asked_ns: int
    until: float


class Ledger(Generic[C]):
    """Calls that wait for their answers, each told exactly once to `answered`. Their deadlines are all equally long: the oldest is first.

    `late`: answers that came when nobody waited for them any more.
    """

    def __init__(self, answered: Answered, lanes: Lanes, *, answer_s: float, clock: Clock) -> None:
        self.late = 0
        self.answer_s = answer_s
        self._answered = answered
        self._lanes = lanes
        self._clock = clock
        self._calls: dict[str, Outstanding[C]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def refusal(self, request: Request, token: str) -> Lost | None:
        """Why a call must not be written now, None when it may be."""
        if token in self._calls:
            return Lost(f"{token} is outstanding", Sent.NO)
        wait_s = self._lanes.wait_s(request, self._clock.monotonic())
        return Lost(f"rate limit, again in {wait_s:g} s", Sent.NO, wait_s) if wait_s > 0 else None

    def written(self, request: Request, token: str, on: C) -> None:
        """The call was written."""
        now = self._clock.monotonic()
        self._lanes.take(request, now)
        answer_s = self.answer_s if request.timeout_s is None else min(self.answer_s, request.timeout_s)
        self._calls[token] = Outstanding(request, on, self._clock.time_ns(), now + answer_s)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def answered(self, token: str, *, status: int, body: bytes, retry_after_s: float | None, usage: list[tuple[str, int]]) -> Told | None:
        """The answer came; it is told, and returned. None for one that nobody waits for."""
        now = self._clock.monotonic()
        self._lanes.learned(usage, now)
        call = self._calls.pop(token, None)
        if call is None:
            self.late += 1
            return None
        self._lanes.answered(call.request, status, retry_after_s, now)
        told = Told(status=status, body=body, retry_after_s=retry_after_s, asked_ns=call.asked_ns, at_ns=self._clock.time_ns())
        self._tell(token, told)
        return told

    def lost(self, why: str, *, on: C | None = None) -> None:
        """The connection ended (None: all of them): nobody knows what became of what was on it."""
        self._give_up([token for token, call in self._calls.items() if on is None or call.on is on], why)

    def soon(self, token: str, lost: Lost) -> None:
        """Tell in the loop's next turn: whoever gave the call is in the middle of something."""
        asyncio.get_running_loop().call_soon(self._tell, token, lost)

    def waits_on(self, on: C) -> bool:
        """Whether anything is outstanding there."""
        return any(call.on is on for call in self._calls.values())

    def __len__(self) -> int:
        return len(self._calls)

    def _sweep(self) -> None:
        """Give up what has waited too long."""
        self._sweeping = None
        now = self._clock.monotonic()
        self._give_up([token for token, call in self._calls.items() if call.until <= now], "no answer in time")
        if self._calls and self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def _give_up(self, tokens: list[str], why: str) -> None:
        for token in tokens:
            del self._calls[token]
        for token in tokens:
            self._tell(token, Lost(why, Sent.MAYBE))

    def _tell(self, token: str, what: Told | Lost) -> None:
        """A fault of whoever is told costs the others nothing."""
        try:
            self._answered(token, what)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the next one must be told
            _log.failure("an answer could not be taken", fault, token=token)
