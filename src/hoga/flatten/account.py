"""flatten.account: one account at one venue over connections of its own: signed by the venue's time, asked again where that is safe.

What only reads, and cancels, are asked up to three times; a new order once. Nothing here raises for what a venue or a network does:
a listing that could not be read is `ReadFailed`, an order without an answer is `Unanswered`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hoga.core.errors import RateLimited, Sent, VenueError
from hoga.core.market import Book
from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import (
    AccountRead,
    Action,
    CancelRefused,
    Capabilities,
    ExecutionEvent,
    NotSent,
    OpenOrders,
    OrderRequest,
    PositionsRead,
    ReadFailed,
    Rules,
    TradesRead,
    Unanswered,
)
from hoga.net.budgets import EXIT, rest_budgets
from hoga.net.rest import RestClient
from hoga.net.venue_clock import TimeKeeper
from hoga.runtime.clock import SYSTEM, Clock
from hoga.venues.orders import Asking, OrdersSpec, RuleBook, Target, Told, Unproven
from hoga.venues.request import Priority, Request, Signed, Signer
from hoga.venues.spec import VenueSpec

__all__ = ["ExitAccount"]

_TRIES = 3
_PAUSE_S = 0.1
_CALL_S = 1.0
_CLOSE_S = 2.0
_RULES_S = 10.0
_FULL_S = 5.0
_MEASURE_S = 1.5
_MEASURE_EVERY_S = 10.0
_WINDOW_MS = 500
"""An order of the exit may arrive so long after it was signed, and not later: what came of it is known that much sooner."""
_LONGEST_WINDOW_MS = 4_000
_NO_KEY = (401, 403)
E_ = TypeVar("E_", bound=ExecutionEvent)


class ExitAccount:
    """Serves the exit of one account (`flatten.procedure.Account`). `jitter()`: a number from 0 to 1, so that tries do not march in step.

    `retries`: how many calls were made once more; `shut_out`: why the venue does not let these keys in, "" while it does.
    """

    def __init__(
        self,
        spec: VenueSpec,
        rest_url: str,
        sign: Signer,
        *,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
    ) -> None:
        assert spec.orders is not None, "asked of venues that take orders"
        self.venue = spec.name
        self.orders: OrdersSpec = spec.orders
        self.book = RuleBook(spec.name)
        self.clock = clock
        self.retries = 0
        self.shut_out = ""
        self._spec = spec
        self._sign = sign
        self._jitter = jitter
        budgets = rest_budgets(spec, rest_url, EXIT)
        self._rest = RestClient(
            spec.name,
            rest_url,
            tls=tls,
            timeout_s=_RULES_S,
            budget=budgets[spec.rest.limits[0].group],
            groups=budgets,
            usage=spec.rest.usage,
            dates=spec.rest.time is None,
            is_late=spec.rest.is_late,
            clock=clock,
        )
        self._time = TimeKeeper(self._rest, spec)
        self._measured = 0.0
        self._measuring: asyncio.Future[bool] | None = None
        self._full_s = 0.0
        self._window_ms: int | None = _WINDOW_MS if spec.orders.capabilities.late_after_s is not None else None
        self._proves_ns: dict[str, int] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""
        return self.orders.capabilities

    @property
    def has_positions(self) -> bool:
        """Whether it has positions; else coins are sold."""
        return self.orders.positions is not None

    async def open(self) -> None:
        """Hold the connections, and learn the venue's clock. What cannot be learnt now is not: the exit does not wait for it."""
        self._rest.hold()
        await self.measure()

    async def close(self) -> None:
        """Let the connections go."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
        await self._rest.release()

    async def measure(self) -> None:
        """Learn the venue's time, which all calls are signed with; also from the dates of answers where it tells nothing better."""
        known, now = self._rest.venue_clock, self.clock.monotonic()
        if self._measuring is None or (self._measuring.done() and (not known.is_known or now - self._measured > _MEASURE_EVERY_S)):
            self._measured = now
            self._measuring = asyncio.ensure_future(self._time.measure())
        while not (known.is_known or self._measuring.done()) and self.clock.monotonic() - now < _MEASURE_S:
            await self.clock.sleep(0.01)

    @property
    def clock_off_ms(self) -> int:
        """How far the venue's clock is ahead of ours."""
        return -(self._rest.venue_clock.off_ns or 0) // MS_NS

    async def learn_rules(self) -> bool:
        """Read what orders may be; False when that cannot be read."""
        asking = self.orders.rules()
        try:
            call = next(asking)
            while True:
                told = await self._again(call, signed=False, timeout_s=_RULES_S)
                if isinstance(told, VenueError):
                    return False
                call = asking.send(told)
        except StopIteration as done:
            for rules in done.value:
                self.book.learn(rules)
            return True
        except Unproven:
            return False

    async def quote(self, symbol: str) -> tuple[int, int] | None:
        """The best bid and ask, in ticks of the symbol's rules; None where they cannot be read."""
        path, read = self._spec.rest.book, self._spec.book
        if path is None or read is None:
            return None
        name = symbol.partition(":")[2]
        told = await self._again(Request(path=path.format(symbol=name, levels=5), priority=Priority.EMERGENCY), signed=False, tries=1)
        if not isinstance(told, Told) or told.status != 200:
            return None
        try:
            body, rules = read(told.body), self.book.of(name)
            if isinstance(body, Book):
                return rules.price(body.bids[0][0]), rules.price(body.asks[0][0])
        except (ValueError, LookupError, msgspec.DecodeError):
            return None
        return None

    # -- what is read ---------------------------------------------------------------------------------------------

    async def open_orders(self, symbol: str = "") -> OpenOrders | ReadFailed:
        """All open orders, the waiting ones too; of one symbol (the venue's own), which costs a fraction."""
        return await self._ask(lambda: self.orders.open_orders(self.book, symbol), "open orders")

    async def positions(self) -> PositionsRead | ReadFailed:
        """All positions. Only where the venue has such things."""
        positions = self.orders.positions
        assert positions is not None, "asked of venues with positions"
        return await self._ask(lambda: positions(self.book), "positions")

    async def balances(self) -> AccountRead | ReadFailed:
        """What is free and what is locked."""
        return await self._ask(lambda: self.orders.account(self.book), "account")

    async def trades(self, symbol: str, since_ns: int) -> TradesRead | ReadFailed:
        """The account's trades since a moment."""
        return await self._ask(lambda: self.orders.trades(self.book, symbol.partition(":")[2], "", since_ns), "trades")

    async def query(self, target: Target) -> tuple[ExecutionEvent, ...]:
        """One order as the venue has it; `NotFound` or `ReadFailed` otherwise."""
        told = await self._again(self.orders.query(target))
        if isinstance(told, VenueError):
            return (self._failed("order", told.text, target),)
        return self.orders.found(target, self._rules(target.symbol), told)

    # -- what is done ---------------------------------------------------------------------------------------------

    async def cancel(self, target: Target) -> ExecutionEvent:
        """Cancel one order."""
        told = await self._again(self.orders.cancel(target))
        if isinstance(told, VenueError):
            now_ns, names = self.clock.time_ns(), {"client_id": target.client_id, "symbol": target.symbol}
            if told.sent is Sent.NO:
                return CancelRefused(at_ns=now_ns, **names, code="line", text=told.text, unknown=False)
            return Unanswered(at_ns=now_ns, **names, action=Action.CANCEL, why=told.text)
        return self.orders.cancelled(target, self._rules(target.symbol), told)

    async def cancel_all(self, symbol: str) -> str:
        """Cancel what rests in the book of a symbol (the venue's own); "" when that was done, else why not."""
        told = await self._again(self.orders.cancel_all(symbol))
        return told.text if isinstance(told, VenueError) else self.orders.cancelled_all(told)

    async def send(self, order: OrderRequest) -> ExecutionEvent:
        """Send one new order, once."""
        now_ns, names = self.clock.time_ns(), {"client_id": order.client_id, "symbol": order.symbol}
        try:
            call = self.orders.new(order, self._rules(order.symbol))
        except ValueError as fault:
            return NotSent(at_ns=now_ns, **names, code="malformed", text=str(fault))
        window_ms, signed_ns = self._window_ms, [now_ns]

        def sign(request: Request, now_ms: int) -> Signed:
            signed_ns.append(self.clock.time_ns())
            return self._sign(request, now_ms)

        told = await self._again(msgspec.structs.replace(call, window_ms=window_ms), sign=sign, tries=1, timeout_s=_CLOSE_S)
        self._note_proof(order.client_id, signed_ns[-1], window_ms)
        if isinstance(told, VenueError):
            if told.sent is Sent.NO:
                return NotSent(at_ns=now_ns, **names, code="line", text=told.text)
            return Unanswered(at_ns=now_ns, **names, action=Action.NEW, why=told.text)
        if window_ms is not None and self._is_late(told.status, told.body):  # with its clock measured anew: the way there is long
            self._window_ms = 2 * window_ms if window_ms < _LONGEST_WINDOW_MS else None
        return self.orders.answered(order, self._rules(order.symbol), told)

    def proves_ns(self, client_id: str) -> int | None:
        """From when on denials of this order prove that it never was (our clock); None: as the venue's capabilities say."""
        return self._proves_ns.get(client_id)

    def _note_proof(self, client_id: str, signed_ns: int, window_ms: int | None) -> None:
        after_s = self.capabilities.late_after_s
        if window_ms is not None and after_s is not None:
            self._proves_ns[client_id] = signed_ns + window_ms * MS_NS + int(after_s * SECOND_NS)

    def _is_late(self, status: int, body: bytes) -> bool:
        return status == 400 and self._spec.rest.is_late(body)

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _ask(self, asking: Callable[[], Asking[E_ | ReadFailed]], what: str) -> E_ | ReadFailed:
        """A listing, from its first page again where a page did not come."""
        failed = ReadFailed(at_ns=0, venue=self.venue, what=what, why="")
        for turn in range(_TRIES):
            if turn:
                await self._pause(turn)
            answered = await self._ask_once(asking(), what)
            if not isinstance(answered, ReadFailed):
                return answered
            failed = answered
        return failed

    async def _ask_once(self, asking: Asking[E_ | ReadFailed], what: str) -> E_ | ReadFailed:
        try:
            call = next(asking)
            while True:
                told = await self._once(call, sign=self._sign, timeout_s=_CALL_S)
                if isinstance(told, VenueError):
                    return ReadFailed(at_ns=self.clock.time_ns(), venue=self.venue, what=what, why=told.text)
                call = asking.send(told)
        except StopIteration as done:
            event: E_ | ReadFailed = done.value
            return event
        finally:
            asking.close()

    async def _again(
        self, request: Request, *, signed: bool = True, sign: Signer | None = None, tries: int = _TRIES, timeout_s: float = _CALL_S
    ) -> Told | VenueError:
        """A call, and again while it has no answer or one that says that the venue is in trouble. `sign`: another signer."""
        turn = 0
        while True:
            told = await self._once(request, sign=(sign or self._sign) if signed else None, timeout_s=timeout_s)
            turn += 1
            if turn >= tries or (isinstance(told, Told) and told.status < 500 and told.status not in (408, 418, 429)):
                return told
            await self._pause(turn)

    async def _pause(self, turn: int) -> None:
        self.retries += 1
        wait_s = _PAUSE_S * 2 ** (turn - 1) * (1 + 0.5 * self._jitter())
        if self._full_s:  # the limit is used up: asking sooner makes it worse
            wait_s, self._full_s = max(wait_s, min(self._full_s, _FULL_S)), 0.0
        await self.clock.sleep(wait_s)

    def _was_late(self, status: int) -> bool:
        return status == 400 and self._spec.rest.time is not None and not self._rest.venue_clock.is_known

    async def _once(self, request: Request, *, sign: Signer | None, timeout_s: float) -> Told | VenueError:
        asked_ns = self.clock.time_ns()
        urgent = msgspec.structs.replace(request, timeout_s=timeout_s, priority=Priority.EMERGENCY)
        try:
            reply = await self._rest.send(urgent, sign=sign, now_ms=self._rest.venue_clock.now_ms)
            if sign is not None and self._was_late(reply.status):
                await self.measure()  # it was refused for its time: nothing of it was done, and it is made again
                reply = await self._rest.send(urgent, sign=sign, now_ms=self._rest.venue_clock.now_ms)
        except RateLimited as fault:
            self._full_s = fault.retry_after_s
            return fault
        except VenueError as fault:
            return fault
        if reply.status in (418, 429):
            self._full_s = reply.retry_after_s or 1.0
        if sign is not None:
            self.shut_out = f"HTTP {reply.status}: {reply.body[:200].decode('utf-8', 'replace')}" if reply.status in _NO_KEY else ""
        return Told(status=reply.status, body=reply.body, retry_after_s=reply.retry_after_s, asked_ns=asked_ns, at_ns=self.clock.time_ns())

    def _rules(self, symbol: str) -> Rules:
        return self.book.of(symbol.partition(":")[2])

    def _failed(self, what: str, why: str, target: Target) -> ReadFailed:
        now_ns = self.clock.time_ns()
        return ReadFailed(at_ns=now_ns, venue=self.venue, what=what, why=why, symbol=target.symbol, client_id=target.client_id)
