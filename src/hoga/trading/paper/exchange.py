"""trading.paper.exchange: one paper account at one venue (`trading.ports.Venue`). Pure.

Rules: an order, a cancel, a question that is sent at t meets the market, and is answered, at t + latency: receipts are the only clock, so
the way there and the way of the market's news back are one. What the market does to an order is told with the stamp of the event that did
it. Nothing is ever said but by `advance`.

Whoever plays the shell keeps this order for each event: `advance(event.at_ns)` where `next_ns` is not after it, then `on_market(event)`,
then `advance` again where something is due, then the engine. What is sent while the engine handles a stamp leaves at that stamp.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hoga.core.ticks import MarketDepth, MarketEvent, MarketMark, MarketTop, MarketTrade
from hoga.core.trading import (
    AccountRead,
    Action,
    CancelRefused,
    CancelSent,
    Capabilities,
    ConfigUpdate,
    ExecutionEvent,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderRequest,
    OrderState,
    PositionsRead,
    ReadFailed,
    Resting,
    Rules,
    RulesUpdate,
    StreamUpdate,
    TradesRead,
    Unanswered,
    counted_in,
)
from hoga.trading.paper.desk import PaperDesk
from hoga.trading.paper.manners import Refusal
from hoga.trading.paper.market import PaperMarket
from hoga.trading.paper.settings import Draws, PaperLeft, PaperSettings
from hoga.trading.ports import Cancel, Deliver, Query, Read, ReadKind

__all__ = ["PaperExchange"]

_FAR_NS = 1 << 62


class PaperExchange:
    """See the module. `next_ns`: the next moment at which it has something to say or to do; `now_ns`: the newest stamp it was given."""

    def __init__(
        self, venue: str, rules: Mapping[str, Rules], capabilities: Capabilities, settings: PaperSettings, deliver: Deliver
    ) -> None:
        self.venue = venue
        self.rules: Mapping[str, Rules] = {symbol: each for symbol, each in rules.items() if each.venue == venue}
        self.capabilities = capabilities
        self.settings = settings
        self.is_frozen = False
        self.now_ns = 0
        self.next_ns = 0
        self._deliver = deliver
        self._draws = Draws(settings.seed)
        self._samples = settings.latency.samples
        self._markets = {symbol: PaperMarket(each, settings.grade, settings.half_spread_bp) for symbol, each in self.rules.items()}
        self._desk = PaperDesk(venue, self._markets, capabilities, settings, self._say)
        self._said: deque[ExecutionEvent] = deque()
        self._due: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._turn = 0
        self._has_begun = False

    def restore(self, left: PaperLeft, now_ns: int) -> None:
        """Be where an earlier life ended, before anything else."""
        self._desk.restore(left, now_ns)

    # -- its life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def disarm(self) -> str:
        """Nobody counts down here."""
        return ""

    def freeze(self) -> None:
        """Send no new order any more, whoever asks."""
        self.is_frozen = True

    @property
    def is_live(self) -> bool:
        """Its stream is never cut."""
        return True

    @property
    def clock_off_ns(self) -> int:
        """Its clock is ours."""
        return 0

    def learn(self, told: Iterable[Rules], now_ns: int) -> None:
        """The venue's rules as of now: by those that changed orders are judged from now on, and it says so. Orders that rest stay as they
        are. Rules whose steps are finer than its integers are told only."""
        for each in told:
            known = self.rules.get(each.symbol)
            if known is None:
                continue
            rules = counted_in(each, known.price_power, known.size_power)
            if rules == known:
                continue
            if rules is not None:
                self.rules = {**self.rules, each.symbol: rules}
                self._markets[each.symbol].rules = rules
            self._say(RulesUpdate(at_ns=now_ns, rules=rules or each))

    # -- time and the market ----------------------------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """The next moment at which it has something to say; None: it has nothing."""
        return self.next_ns if self.next_ns < _FAR_NS else None

    def advance(self, now_ns: int) -> None:
        """Say what is due by now, in order of stamps, through `deliver`."""
        if not self._has_begun:
            self._begin(now_ns)
        said, due = self._said, self._due
        while True:
            while said:
                self._deliver(said.popleft())
            if not due or due[0][0] > now_ns:
                break
            self._do_next()
        if now_ns > self.now_ns:
            self.now_ns = now_ns
        self._renew()

    def on_market(self, event: MarketEvent) -> None:
        """Take one event of the market. It is kept until the next one of its kind, and must not change."""
        at_ns = event.at_ns
        if at_ns >= self.next_ns:
            self._catch_up(at_ns)
        if at_ns > self.now_ns:
            self.now_ns = at_ns
        market = self._markets.get(event.symbol)
        if market is None:
            return
        kind = event.__class__
        if kind is MarketDepth:
            market.top = market.depth = event  # type: ignore[assignment]  # it is one
            market.in_doubt = False
        elif kind is MarketTop:
            market.top = event  # type: ignore[assignment]  # it is one
            market.in_doubt = False
        elif kind is MarketTrade:
            market.last = event.price  # type: ignore[attr-defined]  # it is a trade
        elif kind is MarketMark:
            self._desk.marked(market, event, at_ns)  # type: ignore[arg-type]  # it is a mark
            return
        else:
            self._desk.told(market, event, self.now_ns)
            return
        if market.is_busy:
            self._desk.moved(market, event, self.now_ns)

    def is_idle(self, symbol: str) -> bool:
        """Whether no order or position hangs on the symbol's next price: of several books the newest does."""
        market = self._markets.get(symbol)
        return market is None or not (market.is_busy or market.in_doubt)

    def calm_to(self) -> int:
        """The moment before which it only says that it lives, while nobody asks anything; 0: it has something else to say."""
        if self._said or len(self._due) != 1 or self._due[0][2] != self._beat:
            return 0
        return self._desk.calm_to(self.now_ns)

    def leave_out_beats(self, before_ns: int) -> StreamUpdate | None:
        """Those before a moment that is not after `calm_to`, but for the last one, which comes back; None: there is none."""
        next_ns = self._due[0][0]
        if next_ns >= before_ns:
            return None
        last_ns = self._last_beat(next_ns, before_ns)
        self._due.clear()
        self._desk.look_at_margin(last_ns)
        self._at(last_ns + self.settings.beat_ns, self._beat, None)
        self._renew()
        return StreamUpdate(at_ns=last_ns, venue=self.venue, live=True, missed=False)

    def put_off_beats(self, before_ns: int) -> None:
        """The next one is the last before a moment that is not after `calm_to`."""
        next_ns = self._due[0][0]
        if next_ns < before_ns:
            self._due.clear()
            self._at(self._last_beat(next_ns, before_ns), self._beat, None)
            self._renew()

    def _last_beat(self, next_ns: int, before_ns: int) -> int:
        return next_ns + (before_ns - 1 - next_ns) // self.settings.beat_ns * self.settings.beat_ns

    def _begin(self, now_ns: int) -> None:
        self._has_begun = True
        self.now_ns = now_ns
        self._say(StreamUpdate(at_ns=now_ns, venue=self.venue, live=True, missed=False))
        if self.capabilities.leverage:
            for symbol in self.rules:
                leverage = self._desk.leverage_of(symbol)
                self._say(ConfigUpdate(at_ns=now_ns, symbol=symbol, leverage=leverage, margin_type="cross", hedge=self.settings.hedge))
        self._at(now_ns + self.settings.beat_ns, self._beat, None)

    def _beat(self, _: None) -> None:
        self._desk.look_at_margin(self.now_ns)
        self._say(StreamUpdate(at_ns=self.now_ns, venue=self.venue, live=True, missed=False))
        self._at(self.now_ns + self.settings.beat_ns, self._beat, None)

    def _catch_up(self, at_ns: int) -> None:
        """What is due before an event has to be done before it, though it is said later."""
        if not self._has_begun:
            self._begin(at_ns)
        while self._due and self._due[0][0] < at_ns:
            self._do_next()
        self._renew()

    def _do_next(self) -> None:
        at_ns, _, do, what = heapq.heappop(self._due)
        if at_ns > self.now_ns:
            self.now_ns = at_ns
        do(what)

    def _at(self, at_ns: int, do: Callable[[Any], None], what: Any) -> None:
        self._turn += 1
        heapq.heappush(self._due, (at_ns, self._turn, do, what))
        if at_ns < self.next_ns:
            self.next_ns = at_ns

    def _say(self, event: ExecutionEvent) -> None:
        self._said.append(event)
        if event.at_ns < self.next_ns:
            self.next_ns = event.at_ns

    def _renew(self) -> None:
        if self._said:
            self.next_ns = self._said[0].at_ns
        else:
            self.next_ns = self._due[0][0] if self._due else _FAR_NS

    def _soon(self, do: Callable[[Any], None], what: Any) -> None:
        """After the way there and back."""
        samples = self._samples
        latency = samples[0] if len(samples) == 1 else samples[self._draws.below(len(samples))]
        self._at(self.now_ns + latency, do, what)

    # -- what is asked ------------------------------------------------------------------------------------------------

    def send(self, request: OrderRequest) -> None:
        """A new order."""
        if self._may_leave((request,)):
            self._soon(self._new, ((request,), self.now_ns))

    def send_list(self, requests: tuple[OrderRequest, ...]) -> None:
        """The orders of one list: when one of them begins to be filled or is triggered, the others end."""
        if not self.capabilities.order_lists:
            for request in requests:
                self._not_sent(request, "no-lists", f"{self.venue} takes no list of orders of {request.symbol}")
        elif self._may_leave(requests):
            self._soon(self._new, (requests, self.now_ns))

    def cancel(self, ask: Cancel) -> None:
        """Cancel an order."""
        self._soon(self._cancel, ask)

    def query(self, ask: Query) -> None:
        """Ask for one order."""
        self._soon(self._query, (ask, self.now_ns))

    def read(self, ask: Read) -> None:
        """Read a listing."""
        self._soon(self._read, (ask, self.now_ns))

    def _may_leave(self, requests: tuple[OrderRequest, ...]) -> bool:
        for request in requests:
            if self.is_frozen:
                self._not_sent(request, "gate-shut", "the gate is shut: no new order leaves")
            elif request.symbol not in self.rules:
                self._not_sent(request, "no-rules", f"no rules of {request.symbol}")
        return not self.is_frozen and all(each.symbol in self.rules for each in requests)

    def _not_sent(self, request: OrderRequest, code: str, text: str) -> None:
        self._say(NotSent(at_ns=self.now_ns, client_id=request.client_id, symbol=request.symbol, code=code, text=text))

    # -- what becomes of it -----------------------------------------------------------------------------------------

    def _new(self, what: tuple[tuple[OrderRequest, ...], int]) -> None:
        requests, sent_ns = what
        desk, now_ns, said = self._desk, self.now_ns, self._said
        told = len(said)
        found = desk.place(requests, sent_ns, now_ns)
        answers: list[ExecutionEvent] = []
        for request in requests:
            if not isinstance(found, Refusal):
                order = found[request.client_id]
                fills = desk.fills_of(order) if self.capabilities.fills_in_reply else ()
                answers.append(
                    OrderAccepted(at_ns=now_ns, client_id=request.client_id, symbol=request.symbol, order=desk.answer(order), fills=fills)
                )
            elif found.code == desk.manner.duplicate:
                answers.append(
                    Unanswered(at_ns=now_ns, client_id=request.client_id, symbol=request.symbol, action=Action.NEW, why=found.text)
                )
            else:
                answers.append(
                    OrderRefused(at_ns=now_ns, client_id=request.client_id, symbol=request.symbol, code=found.code, text=found.text)
                )
        self._answer_before(told, answers)

    def _answer_before(self, told: int, answers: list[ExecutionEvent]) -> None:
        """An answer comes before what the account's stream says of the same."""
        said = self._said
        said.rotate(-told)
        said.extendleft(reversed(answers))
        said.rotate(told)
        self._renew()

    def _cancel(self, ask: Cancel) -> None:
        desk, now_ns, told = self._desk, self.now_ns, len(self._said)
        order = desk.find(ask.client_id, ask.venue_id, waits=ask.waits)
        if order is None or not order.is_open or order.state is OrderState.TRIGGERED:
            no = desk.manner.unknown
            self._say(CancelRefused(at_ns=now_ns, client_id=ask.client_id, symbol=ask.symbol, code=no.code, text=no.text, unknown=True))
            return
        desk.cancel(order, now_ns)
        sent = CancelSent(at_ns=now_ns, client_id=ask.client_id, symbol=ask.symbol, final=True, order=desk.answer(order))
        self._answer_before(told, [sent])

    def _query(self, what: tuple[Query, int]) -> None:
        ask, asked_ns = what
        order = self._desk.find(ask.client_id, ask.venue_id, waits=ask.waits)
        if order is None:
            self._say(NotFound(at_ns=self.now_ns, client_id=ask.client_id, symbol=ask.symbol, asked_ns=asked_ns))
        else:
            self._say(self._desk.status(order, self.now_ns, ""))

    # -- listings -----------------------------------------------------------------------------------------------------

    def _read(self, what: tuple[Read, int]) -> None:
        ask, asked_ns = what
        now_ns, venue, desk = self.now_ns, self.venue, self._desk
        event: ExecutionEvent
        match ask.what:
            case ReadKind.ORDERS:
                orders = tuple(Resting(order=desk.status(each, now_ns, "")) for each in desk.listed(ask.symbol))
                event = OpenOrders(at_ns=now_ns, venue=venue, symbol=ask.symbol, asked_ns=asked_ns, orders=orders)
            case ReadKind.POSITIONS:
                event = PositionsRead(at_ns=now_ns, venue=venue, asked_ns=asked_ns, positions=desk.positions())
            case ReadKind.TRADES if ask.symbol in self.rules:
                fills = desk.trades(ask.symbol, ask.after)
                event = TradesRead(at_ns=now_ns, symbol=ask.symbol, asked_ns=asked_ns, fills=fills, whole=True)
            case ReadKind.ACCOUNT:
                equity, ratio = desk.equity()
                event = AccountRead(
                    at_ns=now_ns, venue=venue, asked_ns=asked_ns, balances=desk.balances(), equity=equity, margin_ratio=ratio,
                    hedge=self.settings.hedge, can_withdraw=False,
                )  # fmt: skip
            case ReadKind.RULES if ask.symbol in self.rules:
                event = RulesUpdate(at_ns=now_ns, rules=self.rules[ask.symbol])
            case _:
                event = ReadFailed(at_ns=now_ns, venue=venue, what=ask.what, why=f"no rules of {ask.symbol}", symbol=ask.symbol)
        self._say(event)
