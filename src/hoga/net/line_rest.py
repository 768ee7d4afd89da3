"""net.line_rest: the order line over plain REST calls: slower, needs nothing open, serves everything. The fallback of the others."""

from __future__ import annotations

import asyncio

import msgspec

from hoga.core.errors import RateLimited, Sent, VenueError
from hoga.net.line import Answered, Lost
from hoga.net.rest import RestClient
from hoga.venues.orders import Told
from hoga.venues.request import Request, Signer

__all__ = ["RestLine"]


class RestLine:
    """Calls of one account. Each is a task of its own, and waits for its turn within `answer_s`, unlike those of the other lines."""

    def __init__(self, rest: RestClient, sign: Signer, answered: Answered, *, answer_s: float = 2.0) -> None:
        self._rest = rest
        self._sign = sign
        self._answered = answered
        self._answer_s = answer_s
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_ready(self) -> bool:
        """Always: what is needed is opened then."""
        return True

    def send(self, request: Request, token: str) -> None:
        """Make the call."""
        task = asyncio.create_task(self._call(request, token), name=f"order line {token}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, request: Request, token: str) -> None:
        timed = request if request.timeout_s is not None else msgspec.structs.replace(request, timeout_s=self._answer_s)
        try:
            reply = await self._rest.send(timed, sign=self._sign, now_ms=self._rest.venue_clock.now_ms)
        except RateLimited as fault:
            self._answered(token, Lost(f"rate limit, again in {fault.retry_after_s:g} s", fault.sent, fault.retry_after_s))
        except VenueError as fault:
            self._answered(token, Lost(fault.text, fault.sent))
        except asyncio.CancelledError:
            self._answered(token, Lost("given up at the end", Sent.MAYBE))
            raise
        else:
            at_ns = self._rest.clock.time_ns()
            told = Told(status=reply.status, body=reply.body, retry_after_s=reply.retry_after_s, asked_ns=reply.asked_ns, at_ns=at_ns)
            self._answered(token, told)

    async def run(self) -> None:
        """Keep the client's connections meanwhile."""
        async with self._rest:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
