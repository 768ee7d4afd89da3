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
    AlgoUpdate,
    BalanceUpdate,
    CancelRefused,
    CancelSent,
    Capabilities,
    Conditional,
    ExecutionEvent,
    FillUpdate,
    Force,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionsRead,
    PositionUpdate,
    ReadFailed,
    Resting,
    Rules,
    RulesUpdate,
    StreamUpdate,
    TradesRead,
    Unanswered,
    text_of,
)
from hoga.trading.paper.account import CashAccount, Fees, MarginAccount
from hoga.trading.paper.manners import manner_of
from hoga.trading.paper.market import PaperMarket
from hoga.trading.paper.orders import PaperOrder
from hoga.trading.paper.settings import Draws, PaperSettings
from hoga.trading.ports import Cancel, Deliver, Query, Read, ReadKind

__all__ = ["PaperExchange"]

_FAR_NS = 1 << 62
_MICRO_NS = 1_000


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
        self._manner = manner = manner_of(venue, capabilities)
        self._draws = Draws(settings.seed)
        self._samples = settings.latency.samples
        self._markets = {symbol: PaperMarket(each, settings.half_spread_bp) for symbol, each in self.rules.items()}
        fees = Fees(
            manner.maker_bp if settings.maker_fee_bp is None else settings.maker_fee_bp,
            manner.taker_bp if settings.taker_fee_bp is None else settings.taker_fee_bp,
        )
        start = {each.settle if capabilities.short else each.quote: settings.balance for each in self.rules.values()} | dict(settings.coins)
        self._margin: MarginAccount | None = None
        self._account: CashAccount | MarginAccount
        if capabilities.short:
            self._account = self._margin = MarginAccount(
                start, self.rules, fees, self._leverage_of, lambda symbol: self._markets[symbol].price, self._everyone
            )
        else:
            self._account = CashAccount(start, self.rules, fees, manner.fee_of)
        self._orders: dict[str, PaperOrder] = {}
        self._open: dict[str, PaperOrder] = {}
        self._fills: dict[str, list[FillUpdate]] = {symbol: [] for symbol in self.rules}
        self._said: deque[ExecutionEvent] = deque()
        self._due: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._turn = 0
        self._ids = 0
        self._has_begun = False

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
        if kind is MarketDepth or kind is MarketTop:
            market.top = event  # type: ignore[assignment]  # it is one
            if market.resting:
                self._book_moved(market)
        elif kind is MarketTrade:
            market.last = event.price  # type: ignore[attr-defined]  # it is a trade
            if market.resting:
                self._book_moved(market)
        elif kind is MarketMark:
            market.mark = event.mark  # type: ignore[attr-defined]  # it is a mark

    def _begin(self, now_ns: int) -> None:
        self._has_begun = True
        self.now_ns = now_ns
        self._say(StreamUpdate(at_ns=now_ns, venue=self.venue, live=True, missed=False))
        self._at(now_ns + self.settings.beat_ns, self._beat, None)

    def _beat(self, _: None) -> None:
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
        if self.is_frozen:
            self._not_sent(request, "gate-shut", "the gate is shut: no new order leaves")
        elif request.symbol not in self.rules:
            self._not_sent(request, "no-rules", f"no rules of {request.symbol}")
        else:
            self._soon(self._new, request)

    def send_list(self, requests: tuple[OrderRequest, ...]) -> None:
        """The orders of one list."""
        for request in requests:
            if not self.capabilities.order_lists:
                self._not_sent(request, "no-lists", f"{self.venue} takes no list of orders of {request.symbol}")
            else:
                self.send(request)

    def cancel(self, ask: Cancel) -> None:
        """Cancel an order."""
        self._soon(self._cancel, ask)

    def query(self, ask: Query) -> None:
        """Ask for one order."""
        self._soon(self._query, (ask, self.now_ns))

    def read(self, ask: Read) -> None:
        """Read a listing."""
        self._soon(self._read, (ask, self.now_ns))

    def _not_sent(self, request: OrderRequest, code: str, text: str) -> None:
        self._say(NotSent(at_ns=self.now_ns, client_id=request.client_id, symbol=request.symbol, code=code, text=text))

    # -- what becomes of it -----------------------------------------------------------------------------------------

    def _new(self, request: OrderRequest) -> None:
        if self._knows(request.client_id):
            why = "the client id is there already"
            self._say(Unanswered(at_ns=self.now_ns, client_id=request.client_id, symbol=request.symbol, action=Action.NEW, why=why))
            return
        market = self._markets[request.symbol]
        order = PaperOrder(request, self._next_id(), self.now_ns)
        at = order.price or order.trigger or market.touch(order.sign) or market.price
        if not at:
            self._refuse(request, "no-market", "no price of it is known yet")
            return
        if not self._account.covers(order, at):
            self._refuse(request, "insufficient-balance", "the account has too little for it")
            return
        self._orders[request.client_id] = self._open[request.client_id] = order
        self._account.hold(order, at)
        fills_at = len(self._fills[request.symbol])
        first = self._update(order)
        told = len(self._said)
        if order.request.waits:
            market.waiting.append(order)
        else:
            self._match(order, market)
        fills = tuple(self._fills[request.symbol][fills_at:]) if self.capabilities.fills_in_reply else ()
        accepted = OrderAccepted(
            at_ns=self.now_ns, client_id=request.client_id, symbol=request.symbol, order=self._update(order), fills=fills
        )
        self._said.insert(told, first)
        self._said.insert(told, accepted)
        if accepted.at_ns < self.next_ns:
            self.next_ns = accepted.at_ns

    def _refuse(self, request: OrderRequest, code: str, text: str) -> None:
        self._say(OrderRefused(at_ns=self.now_ns, client_id=request.client_id, symbol=request.symbol, code=code, text=text))

    def _knows(self, client_id: str) -> bool:
        return client_id in (self._orders if self.capabilities.client_id_for_ever else self._open)

    def _match(self, order: PaperOrder, market: PaperMarket) -> None:
        """What it meets at once; the rest rests, or ends."""
        for price, quantity in market.takeable(order.sign, order.left, order.price):
            market.took(price, quantity)
            self._trade(order, price, quantity, maker=False)
        if not order.left or not order.is_open:
            return
        if order.price is None or order.request.force in (Force.IOC, Force.FOK):
            self._end(order, OrderState.EXPIRED)
        else:
            market.resting.append(order)

    def _book_moved(self, market: PaperMarket) -> None:
        for order in list(market.resting):
            touch = market.touch(order.sign)
            if touch and order.price is not None and (order.price - touch) * order.sign >= 0:
                self._trade(order, order.price, order.left, maker=True)

    def _trade(self, order: PaperOrder, price: int, quantity: int, *, maker: bool) -> None:
        fee, currency = self._account.fill(order, price, quantity, maker=maker)
        order.left -= quantity
        order.filled += quantity
        order.updated_ns = self.now_ns
        order.state = OrderState.PARTIAL if order.left else OrderState.FILLED
        fill = FillUpdate(
            at_ns=self.now_ns,
            symbol=order.symbol,
            client_id=order.request.client_id,
            venue_id=str(order.number),
            trade_id=str(self._next_id()),
            side=order.request.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_currency=currency,
            maker=maker,
            position_side=order.request.position_side,
            event_ns=self.now_ns,
        )
        self._fills[order.symbol].append(fill)
        self._say(fill)
        if not order.left:
            self._close(order)
        self._say(self._update(order, "TRADE"))
        self._tell_account(order)

    def _end(self, order: PaperOrder, state: OrderState, reason: str = "") -> None:
        order.state, order.reason, order.updated_ns = state, reason, self.now_ns
        self._close(order)
        self._say(self._status(order, state.name))

    def _close(self, order: PaperOrder) -> None:
        self._account.release(order)
        self._open.pop(order.request.client_id, None)
        market = self._markets[order.symbol]
        for orders in (market.resting, market.waiting):
            if order in orders:
                orders.remove(order)

    def _tell_account(self, order: PaperOrder) -> None:
        if self._margin is not None:
            held = self._margin.held_of(order.symbol, order.request.position_side)
            self._say(PositionUpdate(at_ns=self.now_ns, held=held, event_ns=self.now_ns))
        self._say(BalanceUpdate(at_ns=self.now_ns, balances=self._account.balances(), event_ns=self.now_ns))

    def _cancel(self, ask: Cancel) -> None:
        order = self._find(ask.client_id, ask.venue_id)
        if order is None or not order.is_open:
            text = "Unknown order sent."
            self._say(CancelRefused(at_ns=self.now_ns, client_id=ask.client_id, symbol=ask.symbol, code="-2011", text=text, unknown=True))
            return
        told = len(self._said)
        self._end(order, OrderState.CANCELED)
        update = self._update(order)
        self._said.insert(told, CancelSent(at_ns=self.now_ns, client_id=ask.client_id, symbol=ask.symbol, final=True, order=update))

    def _query(self, what: tuple[Query, int]) -> None:
        ask, asked_ns = what
        order = self._find(ask.client_id, ask.venue_id)
        if order is None:
            self._say(NotFound(at_ns=self.now_ns, client_id=ask.client_id, symbol=ask.symbol, asked_ns=asked_ns))
        else:
            self._say(self._status(order, ""))

    def _find(self, client_id: str, venue_id: str) -> PaperOrder | None:
        if client_id:
            return self._orders.get(client_id)
        return next((each for each in self._orders.values() if str(each.number) == venue_id), None)

    # -- listings -----------------------------------------------------------------------------------------------------

    def _read(self, what: tuple[Read, int]) -> None:
        ask, asked_ns = what
        now_ns, venue = self.now_ns, self.venue
        event: ExecutionEvent
        match ask.what:
            case ReadKind.ORDERS:
                orders = tuple(Resting(order=self._status(each, "")) for each in self._of(ask.symbol))
                event = OpenOrders(at_ns=now_ns, venue=venue, symbol=ask.symbol, asked_ns=asked_ns, orders=orders)
            case ReadKind.POSITIONS:
                held = tuple(self._margin.held()) if self._margin is not None else ()
                event = PositionsRead(at_ns=now_ns, venue=venue, asked_ns=asked_ns, positions=held)
            case ReadKind.TRADES if ask.symbol in self._fills:
                fills = self._fills[ask.symbol]
                after = next((number for number, each in enumerate(fills, 1) if each.trade_id == ask.after), 0)
                event = TradesRead(at_ns=now_ns, symbol=ask.symbol, asked_ns=asked_ns, fills=tuple(fills[after:]), whole=True)
            case ReadKind.ACCOUNT:
                event = self._account_read(asked_ns)
            case ReadKind.RULES if ask.symbol in self.rules:
                event = RulesUpdate(at_ns=now_ns, rules=self.rules[ask.symbol])
            case _:
                event = ReadFailed(at_ns=now_ns, venue=venue, what=ask.what, why=f"no rules of {ask.symbol}", symbol=ask.symbol)
        self._say(event)

    def _account_read(self, asked_ns: int) -> AccountRead:
        equity = ratio = ""
        if self._margin is not None:
            for currency in sorted({each.settle for each in self.rules.values()}):
                equity = text_of(self._margin.equity(currency), -20)
            ratio = "0"
        balances = self._account.balances()
        return AccountRead(
            at_ns=self.now_ns, venue=self.venue, asked_ns=asked_ns, balances=balances, equity=equity, margin_ratio=ratio, can_withdraw=False
        )

    # -- words --------------------------------------------------------------------------------------------------------

    def _status(self, order: PaperOrder, execution: str) -> OrderUpdate | AlgoUpdate:
        if order.request.waits and self.capabilities.conditional is Conditional.ALGO:
            return self._algo(order)
        return self._update(order, execution)

    def _update(self, order: PaperOrder, execution: str = "NEW") -> OrderUpdate:
        request = order.request
        return OrderUpdate(
            at_ns=self.now_ns,
            symbol=order.symbol,
            client_id=request.client_id,
            venue_id=str(order.number),
            state=order.state,
            said=self._manner.words[order.state],
            side=request.side,
            kind=request.kind,
            quantity=order.quantity,
            filled=order.filled,
            price=request.price,
            trigger=request.trigger,
            reduce_only=request.reduce_only,
            close_position=request.close_position,
            position_side=request.position_side,
            event_ns=order.updated_ns,
            reason=order.reason,
            execution=execution,
            parent_id=order.parent,
        )

    def _algo(self, order: PaperOrder) -> AlgoUpdate:
        request = order.request
        return AlgoUpdate(
            at_ns=self.now_ns,
            symbol=order.symbol,
            client_id=request.client_id,
            algo_id=str(order.number),
            state=order.state,
            said=self._manner.words[order.state],
            child_id=order.child,
            side=request.side,
            kind=request.kind,
            quantity=order.quantity,
            trigger=request.trigger,
            reduce_only=request.reduce_only,
            close_position=request.close_position,
            position_side=request.position_side,
            event_ns=order.updated_ns,
            reason=order.reason,
        )

    # -- small words --------------------------------------------------------------------------------------------------

    def _of(self, symbol: str) -> Iterable[PaperOrder]:
        return [each for each in self._open.values() if symbol in ("", each.symbol)]

    def _everyone(self) -> list[PaperOrder]:
        return list(self._open.values())

    def _leverage_of(self, symbol: str) -> int:
        return self.settings.leverages.get(symbol, self.settings.leverage)

    def _next_id(self) -> int:
        """Grows with time, so that the ids of one run are not those of the next."""
        self._ids = max(self._ids + 1, self.now_ns // _MICRO_NS)
        return self._ids
