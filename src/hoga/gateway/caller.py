"""gateway.caller: one account's REST calls: signed by the venue's time, stamped, and never one order more once the gate is shut."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hoga.core.errors import RateLimited, Unavailable, VenueError, WireFault
from hoga.core.trading import ExecutionEvent, ReadFailed
from hoga.net.rest import RestClient
from hoga.venues.orders import Asking, Told, Unproven
from hoga.venues.request import Request, Signed, Signer

__all__ = ["Caller", "GateShut"]

T = TypeVar("T")
E = TypeVar("E", bound=ExecutionEvent)
_RETRY_S = 10.0
"""So long a venue that wants to be left alone is, where it does not say how long."""


class GateShut(Exception):
    """The gate was shut before the order's bytes were made."""


class Caller:
    """Makes calls for one account, signed with the venue's time (`net.venue_clock`).

    `gate()`: whether a new order may leave. It is asked when the call's turn has come, right before it is signed.
    """

    def __init__(self, rest: RestClient, sign: Signer, *, gate: Callable[[], bool]) -> None:
        self.rest = rest
        self._sign = sign
        self._gate = gate

    @property
    def venue(self) -> str:
        """Whose account it is."""
        return self.rest.venue

    async def call(self, request: Request, *, timeout_s: float, opens: bool = False) -> Told:
        """One signed call and its answer. `opens`: a new order. Raises VenueError (`sent` says whether the venue may have it), GateShut."""
        return await self._send(request, self._opening if opens else self._sign, timeout_s)

    async def ask(self, asking: Asking[E | ReadFailed], what: str, *, timeout_s: float, symbol: str = "") -> E | ReadFailed:
        """Everything that an asking asks, and what it returns; ReadFailed where a call of it has no answer."""
        try:
            call = next(asking)
            while True:
                call = asking.send(await self.call(call, timeout_s=timeout_s))
        except StopIteration as done:
            event: E | ReadFailed = done.value
            return event
        except VenueError as fault:
            asking.close()
            now_ns = self.rest.clock.time_ns()
            return ReadFailed(at_ns=now_ns, venue=self.venue, what=what, why=reason_of(fault), symbol=symbol)

    async def learn(self, asking: Asking[T], *, timeout_s: float, signed: bool) -> T:
        """What an asking returns. Raises VenueError; of an answer that says nothing of what was asked (429, 418, 5xx) one that is
        `transient`."""
        try:
            call = next(asking)
            while True:
                told = await self._send(call, self._sign if signed else None, timeout_s)
                self.require_able(call, told)
                call = asking.send(told)
        except StopIteration as done:
            value: T = done.value
            return value
        except Unproven as fault:
            raise WireFault(self.venue, fault.why) from None
        except (ValueError, LookupError, TypeError, ArithmeticError) as fault:
            raise WireFault(self.venue, f"an answer that cannot be read: {fault}") from fault

    def require_able(self, request: Request, told: Told) -> None:
        """Raises RateLimited or Unavailable where the venue could not do what was asked, whatever that was."""
        if told.status in (418, 429):
            raise RateLimited(self.venue, status=told.status, retry_after_s=told.retry_after_s or _RETRY_S)
        if told.status >= 500:
            raise Unavailable(self.venue, f"{request.path} answered HTTP {told.status}")

    async def _send(self, request: Request, sign: Signer | None, timeout_s: float) -> Told:
        timed = msgspec.structs.replace(request, timeout_s=timeout_s)
        reply = await self.rest.send(timed, sign=sign, now_ms=self.rest.venue_clock.now_ms)
        return Told(
            status=reply.status,
            body=reply.body,
            retry_after_s=reply.retry_after_s,
            asked_ns=reply.asked_ns,
            at_ns=self.rest.clock.time_ns(),
        )

    def _opening(self, request: Request, now_ms: int) -> Signed:
        if not self._gate():
            raise GateShut
        return self._sign(request, now_ms)


def reason_of(fault: VenueError) -> str:
    """Why a call has no answer, in one line."""
    return f"rate limit, again in {fault.retry_after_s:g} s" if isinstance(fault, RateLimited) else fault.text
