"""gateway.gateway: one account at one venue (`trading.ports.Venue`). What is asked is a task of its own; what came of it is one event.

Rules: an order is sent at most once, and never once the gate is shut. Where the order line is open its bytes are written before `send`
returns, else a call over REST is made, which waits for its turn. Without an answer in time, or with one that proves nothing, it is
`Unanswered`; only what provably never left is `NotSent`. A listing that failed is `ReadFailed`, never an empty one. Whatever comes of the
account's stream goes straight to `deliver`, in the same turn of the loop in which it came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from typing import Any, NamedTuple

import msgspec

from hoga.core.errors import RateLimited, Sent, Unavailable, VenueError
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    Action,
    CancelRefused,
    Cut,
    ExecutionEvent,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderRequest,
    ReadFailed,
    Rules,
    RulesUpdate,
    StreamUpdate,
    Unanswered,
)
from hoga.gateway.account import AccountStream
from hoga.gateway.caller import Caller, GateShut, reason_of
from hoga.gateway.config import GatewayConfig
from hoga.hub.port import CanBeDoubted, Wire
from hoga.net.line import Answered, Lost, OrderLine
from hoga.net.rest import RestClient
from hoga.net.venue_clock import TimeKeeper
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.runtime.tasks import every
from hoga.trading.ports import Cancel, Deliver, Query, Read, ReadKind
from hoga.venues.orders import RuleBook, Target, Told
from hoga.venues.request import Request, Signer
from hoga.venues.spec import VenueSpec

__all__ = ["Gateway", "MakeLine"]

_log = get_log("trading")

_TRIES = 3
_AT_ONCE = 50
"""So many instruments are read before the sockets are let in."""


MakeLine = Callable[[Answered, Callable[[bool, str], object]], OrderLine]
"""`make(answered, moved)`; see `net.line`."""


class _Flying(NamedTuple):
    """A call that is on the line: new orders (several: of one list), or the cancel of `target`."""

    requests: tuple[OrderRequest, ...]
    target: Target | None
    rules: Rules


class Gateway:
    """Serves one account. Everything that the venue says goes to `deliver`, on the event loop.

    `stream`: brings the account's events (None: nothing does). `gate()`: whether new orders may leave at all, asked before each of them
    beside the gateway's own `freeze`: whoever freezes from another process is heard there. `healthy()`: whether the venue may be told
    that we live. `line(answered, moved)` makes the order line; None: everything goes over REST. `book`: the rules as somebody has read
    them a moment ago; None: they are read at the start.
    """

    def __init__(
        self,
        spec: VenueSpec,
        config: GatewayConfig,
        *,
        rest: RestClient,
        sign: Signer,
        deliver: Deliver,
        stream: Wire | None = None,
        gate: Callable[[], bool] = lambda: True,
        healthy: Callable[[], bool] = lambda: False,
        line: MakeLine | None = None,
        book: RuleBook | None = None,
    ) -> None:
        if spec.orders is None:
            raise ValueError(f"{spec.name} takes no orders")
        self.venue = spec.name
        self.capabilities = spec.orders.capabilities
        self.rules: Mapping[str, Rules] = {}
        self.is_frozen = False
        self._spec = spec
        self._orders = spec.orders
        self._config = config
        self._rest = rest
        self._clock = rest.clock
        self._deliver = deliver
        self._gate = gate
        self._healthy = healthy
        self._book = RuleBook(spec.name) if book is None else book
        self._is_read = book is not None
        self._is_prepared = False
        self._caller = Caller(rest, sign, gate=self._may_open)
        self._time = TimeKeeper(rest, spec, every_s=config.clock_every_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._unseen: dict[str, int] = {}
        self._say_at_s = self._rules_at_s = 0.0
        self._stream = AccountStream(spec, self._book, self._took, clock=self._clock)
        self._wire = stream
        self._line = None if line is None else line(self._came, self._moved)
        self._flying: dict[str, _Flying] = {}
        self._numbers = count(1)
        self._landed = asyncio.Event()
        self._landed.set()

    # -- its life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Prepare, and follow the account's stream. Raises VenueError."""
        if not self._is_prepared:
            await self.prepare()
        self._is_prepared = self._stopping = False
        if self._wire is not None:
            self._wire.start(self._stream)
            self._wire.want(self._stream.streams())
        if self._line is not None:
            self._timers.append(asyncio.create_task(self._line.run(), name="gateway line"))
        self._timers += [
            asyncio.create_task(self._time.run(), name="gateway clock"),
            self._timer(1.0, self._look_for_silence, "silence"),
            self._timer(self._config.rules_every_s, self._renew_rules, "rules"),
        ]
        if self._config.dead_man_s and self._orders.dead_man is not None:
            self._timers.append(self._timer(min(1.0, self._config.dead_man_s / 6), self._say_we_live, "dead-man", at_once=True))

    async def prepare(self) -> None:
        """Measure the venue's clock, read the rules, set leverage and margin and read them back. Raises VenueError; where that is
        `transient`, it may be tried again."""
        self._rest.hold()
        try:
            is_timed = self._spec.rest.time is None or self._rest.venue_clock.is_fresh
            if not is_timed and not await self._time.measure():
                raise Unavailable(self.venue, "it does not tell its time")
            if self._is_read and all(map(self._book.knows, self._config.symbols)):
                self._take_over_rules()
            else:
                await self._learn_rules()
            self._is_read = False
            for symbol in self._config.symbols:
                if not self._book.knows(symbol):
                    raise VenueError(self.venue, f"no rules of {symbol}", hint="look at its spelling in the strategy or --symbols")
                await self._settle(symbol)
        except BaseException:
            await self._rest.release()
            raise
        self._is_prepared = True

    async def stop(self) -> None:
        """Let answers come for a moment, then close everything. Orders stay as they are, and a dead man's countdown runs on."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            await within(self._landed.wait(), self._config.answer_s)
        for timer in self._timers:  # the line's own task tells what is still on it as lost
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        self._timers = []
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._config.answer_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._wire is not None:
            await self._wire.stop()
        await self._rest.release()

    def freeze(self) -> None:
        """Send no new order any more, whoever asks."""
        self.is_frozen = True

    async def disarm(self) -> str:
        """Tell the venue that it need not wait for us any more; "" when it heard, else why not. For a clean end without open orders."""
        if self._orders.dead_man is None or not self._config.dead_man_s:
            return ""
        for timer in self._timers:
            if timer.get_name() == "gateway dead-man":
                timer.cancel()
                await asyncio.gather(timer, return_exceptions=True)
        for _ in range(_TRIES):
            why = await self._dead_man(0.0)
            if not why:
                break
        else:
            _log.warning("the dead man's countdown runs on", venue=self.venue, why=why, seconds=self._config.dead_man_s)
        return why

    @property
    def clock_off_ns(self) -> int:
        """How far the venue's clock is ahead of ours, at least: nearer to 0 by what is not certain."""
        clock = self._rest.venue_clock
        off, error = -(clock.off_ns or 0), clock.error_ns or 0
        return off - min(error, off) if off > 0 else off + min(error, -off)

    @property
    def is_live(self) -> bool:
        """Whether the account's stream is up, as its own pings and the venue's words say."""
        return self._stream.is_live

    @property
    def proof_ns(self) -> int:
        """When the account's stream last proved to live (wall clock); 0: never."""
        return self._stream.proof_ns

    # -- what is asked --------------------------------------------------------------------------------------------

    def send(self, request: OrderRequest) -> None:
        """A new order."""
        rules = self.rules.get(request.symbol)
        if not self._may_open():
            self._soon(self._not_sent(request, "gate-shut", "the gate is shut: no new order leaves"))
        elif rules is None:
            self._soon(self._not_sent(request, "no-rules", f"no rules of {request.symbol}"))
        else:
            self._launch((request,), rules)

    def send_list(self, requests: tuple[OrderRequest, ...]) -> None:
        """The orders of one list, in one call."""
        rules = self.rules.get(requests[0].symbol)
        if not self._may_open():
            for request in requests:
                self._soon(self._not_sent(request, "gate-shut", "the gate is shut: no new order leaves"))
        elif rules is None or self._orders.new_list is None:
            for request in requests:
                self._soon(self._not_sent(request, "no-lists", f"{self.venue} takes no list of orders of {request.symbol}"))
        else:
            self._launch(requests, rules)

    def cancel(self, ask: Cancel) -> None:
        """Cancel an order."""
        target = _target(ask)
        call = self._orders.cancel(target)
        if not self._by_line(call, _Flying((), target, self._rules_of(target.symbol))):
            self._do(self._cancel(target), f"cancel {ask.client_id}")

    def query(self, ask: Query) -> None:
        """Ask for one order."""
        self._do(self._query(_target(ask)), f"query {ask.client_id}")

    def read(self, ask: Read) -> None:
        """Read a listing."""
        self._do(self._read(ask), f"read {ask.what}")

    # -- orders ---------------------------------------------------------------------------------------------------

    def _launch(self, requests: tuple[OrderRequest, ...], rules: Rules) -> None:
        """One order, or those of one list: written now where the line is open, else asked over REST."""
        try:
            call = self._call_of(requests, rules)
        except ValueError as fault:
            for request in requests:
                self._soon(self._not_sent(request, "malformed", str(fault)))
            return
        if not self._by_line(call, _Flying(requests, None, rules)):
            self._do(self._place(call, requests, rules), f"order {requests[0].client_id}")

    def _by_line(self, call: Request, flying: _Flying) -> bool:
        """Write a call on the order line; False where there is none that is open, or the line has no word for it."""
        line, served = self._line, self._orders.line
        if line is None or not line.is_ready or (served and f"{call.method} {call.path}" not in served):
            return False
        token = f"g{next(self._numbers)}"
        self._flying[token] = flying
        self._landed.clear()
        line.send(call, token)
        return True

    def _came(self, token: str, what: Told | Lost) -> None:
        """What became of a call on the line. A cancel that was never written is made over REST."""
        requests, target, rules = self._flying.pop(token)
        if not self._flying:
            self._landed.set()
        if target is None:
            self._answered(requests, rules, what)
        elif isinstance(what, Told):
            self._deliver(self._orders.cancelled(target, rules, what))
        elif what.sent is Sent.NO:
            self._do(self._cancel(target), f"cancel {target.client_id}")
        else:
            self._deliver(self._unanswered(target.client_id, target.symbol, Action.CANCEL, what.why))

    def _moved(self, is_open: bool, why: str) -> None:
        """The line is there, or not any more."""
        if not self._stopping:
            self._deliver(Cut(at_ns=self._clock.time_ns(), venue=self.venue, open=is_open, why=why))

    async def _place(self, call: Request, requests: tuple[OrderRequest, ...], rules: Rules) -> None:
        try:
            what: Told | Lost = await self._caller.call(call, timeout_s=self._config.answer_s, opens=True)
        except GateShut:
            for request in requests:
                self._deliver(self._not_sent(request, "gate-shut", "the gate was shut while the order waited for its turn"))
            return
        except VenueError as fault:
            what = Lost(reason_of(fault), fault.sent, fault.retry_after_s if isinstance(fault, RateLimited) else None)
        except asyncio.CancelledError:
            self._answered(requests, rules, Lost("given up at the end", Sent.MAYBE))
            raise
        self._answered(requests, rules, what)

    def _answered(self, requests: tuple[OrderRequest, ...], rules: Rules, what: Told | Lost) -> None:
        """What became of one order, or of those of one list."""
        if isinstance(what, Told):
            for event in self._events_of(requests, rules, what):
                if isinstance(event, OrderAccepted) and self._wire is not None and not self._stream.has_told(event.client_id):
                    self._unseen[event.client_id] = what.at_ns
                self._deliver(event)
                self._doubt_rules(event)
            return
        for request in requests:
            if what.sent is Sent.NO:
                self._deliver(self._not_sent(request, "line" if what.retry_after_s is None else "rate-limit", what.why))
            else:
                self._deliver(self._unanswered(request.client_id, request.symbol, Action.NEW, what.why))

    def _call_of(self, requests: tuple[OrderRequest, ...], rules: Rules) -> Request:
        """Raises ValueError for an order that the venue has no words for."""
        if len(requests) == 1:
            return self._orders.new(requests[0], rules)
        assert self._orders.new_list is not None, "orders are gathered where there are lists"
        return self._orders.new_list(requests, rules)

    def _events_of(self, requests: tuple[OrderRequest, ...], rules: Rules, told: Told) -> tuple[ExecutionEvent, ...]:
        if len(requests) == 1:
            return (self._orders.answered(requests[0], rules, told),)
        assert self._orders.answered_list is not None, "a list was sent"
        return self._orders.answered_list(requests, rules, told)

    async def _cancel(self, target: Target) -> None:
        rules = self._rules_of(target.symbol)
        try:
            told = await self._caller.call(self._orders.cancel(target), timeout_s=self._config.answer_s)
        except VenueError as fault:
            if fault.sent is Sent.NO:
                code = "rate-limit" if isinstance(fault, RateLimited) else "line"
                event: ExecutionEvent = CancelRefused(
                    at_ns=self._clock.time_ns(),
                    client_id=target.client_id,
                    symbol=target.symbol,
                    code=code,
                    text=reason_of(fault),
                    unknown=False,
                )
            else:
                event = self._unanswered(target.client_id, target.symbol, Action.CANCEL, reason_of(fault))
            self._deliver(event)
        except asyncio.CancelledError:
            self._deliver(self._unanswered(target.client_id, target.symbol, Action.CANCEL, "given up at the end"))
            raise
        else:
            self._deliver(self._orders.cancelled(target, rules, told))

    async def _query(self, target: Target) -> None:
        rules = self._rules_of(target.symbol)
        try:
            told = await self._caller.call(self._orders.query(target), timeout_s=self._config.read_s)
        except VenueError as fault:
            self._deliver(self._failed("order", reason_of(fault), symbol=target.symbol, client_id=target.client_id))
        else:
            for event in self._orders.found(target, rules, told):
                self._deliver(event)

    # -- listings -------------------------------------------------------------------------------------------------

    async def _read(self, ask: Read) -> None:
        name, orders, book, patience_s = ask.symbol.partition(":")[2], self._orders, self._book, self._config.read_s
        match ask.what:
            case ReadKind.ORDERS:
                event: ExecutionEvent = await self._open_orders(name)
            case ReadKind.POSITIONS if orders.positions is not None:
                event = await self._caller.ask(orders.positions(book), "positions", timeout_s=patience_s)
            case ReadKind.ACCOUNT:
                event = await self._caller.ask(orders.account(book), "account", timeout_s=patience_s)
            case ReadKind.TRADES:
                asking = orders.trades(book, name, ask.after, ask.since_ns)
                event = await self._caller.ask(asking, "trades", timeout_s=patience_s, symbol=ask.symbol)
            case ReadKind.RULES:
                event = await self._read_rules(name)
            case _:
                event = self._failed(ask.what, f"{self.venue} has no such listing", symbol=ask.symbol)
        self._deliver(event)

    async def _open_orders(self, name: str) -> OpenOrders | ReadFailed:
        """Those of one symbol, "": of all that are traded here, one by one where that costs less."""
        names, patience_s = self._config.symbols, self._config.read_s
        if name or not names or len(names) > self._orders.listed_apart:
            return await self._caller.ask(self._orders.open_orders(self._book, name), "open orders", timeout_s=patience_s)
        lists: list[OpenOrders] = []
        for found in await asyncio.gather(*(self._open_orders(each) for each in names)):
            if isinstance(found, ReadFailed):
                return found
            lists.append(found)
        return OpenOrders(
            at_ns=max(each.at_ns for each in lists),
            venue=self.venue,
            symbol="",
            asked_ns=min(each.asked_ns for each in lists),
            orders=tuple(order for each in lists for order in each.orders),
        )

    async def _read_rules(self, name: str) -> ExecutionEvent:
        try:
            await self._learn_rules()
        except VenueError as fault:
            return self._failed("rules", reason_of(fault), symbol=f"{self.venue}:{name}")
        if not self._book.knows(name):
            return self._failed("rules", f"{self.venue} does not list {name}", symbol=f"{self.venue}:{name}")
        return RulesUpdate(at_ns=self._clock.time_ns(), rules=self._book.of(name))

    async def _learn_rules(self) -> None:
        """Read the rules of all instruments. One that is not listed any more does not trade. Raises VenueError."""
        patience_s, listed = self._rest.timeout_s, set[str]()
        self._rules_at_s = self._clock.monotonic()
        for number, rules in enumerate(await self._caller.learn(self._orders.rules(), timeout_s=patience_s, signed=False), 1):
            self._book.learn(rules)
            listed.add(rules.name)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for name in filter(self._book.knows, self._config.symbols):
            if name not in listed:
                self._book.learn(msgspec.structs.replace(self._book.of(name), is_trading=False))
            elif self._orders.limits is not None:
                limits = self._orders.limits(self._book, name)
                self._book.learn(await self._caller.learn(limits, timeout_s=patience_s, signed=True))
        self._take_over_rules()

    def _take_over_rules(self) -> None:
        self.rules = {self._book.of(name).symbol: self._book.of(name) for name in self._config.symbols if self._book.knows(name)}

    async def _renew_rules(self) -> None:
        """Read the rules again, and tell what is not as it was."""
        before = self.rules
        try:
            await self._learn_rules()
        except VenueError as fault:
            _log.warning("the rules of the instruments cannot be read", venue=self.venue, why=reason_of(fault))
            return
        for symbol, rules in self.rules.items():
            if before.get(symbol) != rules:
                self._deliver(RulesUpdate(at_ns=self._clock.time_ns(), rules=rules))

    def _doubt_rules(self, event: ExecutionEvent) -> None:
        """An order was refused for a rule that it kept, as far as we know."""
        rested = self._clock.monotonic() - self._rules_at_s >= self._config.rules_pause_s
        if rested and isinstance(event, OrderRefused) and event.code in self._orders.rule_codes:
            self._rules_at_s = self._clock.monotonic()
            self._do(self._renew_rules(), "rules")

    # -- settings -------------------------------------------------------------------------------------------------

    async def _settle(self, symbol: str) -> None:
        """Set leverage and kind of margin as configured, read them back, and tell them. Raises VenueError for what is not confirmed."""
        orders, leverage, margin_type = self._orders, self._config.leverage.get(symbol), self._config.margin_type.get(symbol)
        if orders.settings is None:
            return
        if margin_type is not None and orders.set_margin_type is not None:
            await self._set(f"{symbol}: margin type {margin_type}", orders.set_margin_type(symbol, margin_type))
        if leverage is not None and orders.set_leverage is not None:
            await self._set(f"{symbol}: leverage {leverage}", orders.set_leverage(symbol, leverage))
        found = await self._caller.learn(orders.settings(self._book, symbol), timeout_s=self._config.read_s, signed=True)
        if isinstance(found, ReadFailed) and leverage is None and margin_type is None:
            _log.warning("leverage and margin type cannot be read", venue=self.venue, symbol=symbol, why=found.why)
            return
        if isinstance(found, ReadFailed):
            raise VenueError(self.venue, f"{symbol}: leverage and margin type cannot be read: {found.why}")
        if leverage not in (None, found.leverage) or margin_type not in (None, found.margin_type):
            says, wanted = f"leverage {found.leverage}, margin type {found.margin_type}", f"leverage {leverage}, margin type {margin_type}"
            raise VenueError(self.venue, f"{symbol}: the venue says {says} after {wanted} were set")
        self._deliver(found)

    async def _set(self, what: str, call: Request) -> None:
        assert self._orders.was_set is not None, "venues with settings tell whether one was set"
        told = await self._caller.call(call, timeout_s=self._config.read_s)
        self._caller.require_able(call, told)
        why = self._orders.was_set(told)
        if why:
            raise VenueError(self.venue, f"{what} was not set: {why}")

    # -- the clock, and signs of life ------------------------------------------------------------------------------

    async def _say_we_live(self) -> None:
        """Tell the venue, thrice in a countdown, to cancel everything unless it hears of us again; not while we are not well."""
        now_s = self._clock.monotonic()
        if self._healthy() and now_s >= self._say_at_s:
            why = await self._dead_man(self._config.dead_man_s)
            if not why:
                self._say_at_s = now_s + self._config.dead_man_s / 3
            else:
                _log.warning("the dead man's countdown was not renewed", venue=self.venue, why=why)

    async def _dead_man(self, seconds: float) -> str:
        assert self._orders.dead_man is not None, "asked where there is one"
        for symbol in self._config.symbols:
            try:
                told = await self._caller.call(self._orders.dead_man(symbol, seconds), timeout_s=self._config.read_s)
            except VenueError as fault:
                return f"{symbol}: {reason_of(fault)}"
            if told.status != 200:
                return f"{symbol}: HTTP {told.status}"
        return ""

    def _look_for_silence(self) -> None:
        """An own order was accepted, and the account's stream says nothing of it: streams drop single frames, and pings prove nothing."""
        now_ns = self._clock.time_ns()
        late = [each for each, at_ns in self._unseen.items() if now_ns - at_ns >= self._config.suspect_s * SECOND_NS]
        for client_id in late:
            del self._unseen[client_id]
        if late:
            why = f"{late[0]} was accepted more than {self._config.suspect_s:g} s ago, and the account's stream has said nothing of it"
            _log.warning("the account's stream is in doubt", venue=self.venue, why=why)
            wire: object = self._wire
            if isinstance(wire, CanBeDoubted):
                wire.suspect(why)
            self._deliver(StreamUpdate(at_ns=now_ns, venue=self.venue, live=self._stream.is_live, missed=True, why=why))

    def _took(self, event: ExecutionEvent) -> None:
        """Something came by the account's stream."""
        client_id = getattr(event, "client_id", "")
        if client_id:
            self._unseen.pop(client_id, None)
        self._deliver(event)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _may_open(self) -> bool:
        return not self.is_frozen and self._gate()

    def _rules_of(self, symbol: str) -> Rules:
        return self._book.of(symbol.partition(":")[2])

    def _not_sent(self, request: OrderRequest, code: str, text: str) -> NotSent:
        return NotSent(at_ns=self._clock.time_ns(), client_id=request.client_id, symbol=request.symbol, code=code, text=text)

    def _unanswered(self, client_id: str, symbol: str, action: Action, why: str) -> Unanswered:
        return Unanswered(at_ns=self._clock.time_ns(), client_id=client_id, symbol=symbol, action=action, why=why)

    def _failed(self, what: str, why: str, *, symbol: str = "", client_id: str = "") -> ReadFailed:
        return ReadFailed(at_ns=self._clock.time_ns(), venue=self.venue, what=what, why=why, symbol=symbol, client_id=client_id)

    def _soon(self, event: ExecutionEvent) -> None:
        """Not inside the call that asked: the engine is in the middle of its effects then."""
        asyncio.get_running_loop().call_soon(self._deliver, event)

    def _do(self, doing: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(doing, name=f"gateway {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.failure("a call of the gateway failed", fault, venue=self.venue, task=task.get_name())

    def _timer(self, seconds: float, work: Callable[[], object], name: str, *, at_once: bool = False) -> asyncio.Task[None]:
        doing = every(seconds, work, log=_log, what="a timer of the gateway failed", clock=self._clock, at_once=at_once, venue=self.venue)
        return asyncio.create_task(doing, name=f"gateway {name}")


def _target(ask: Cancel | Query) -> Target:
    return Target(symbol=ask.symbol, client_id=ask.client_id, venue_id=ask.venue_id, waits=ask.waits)
