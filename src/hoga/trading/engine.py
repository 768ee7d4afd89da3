"""trading.engine: the one door in: an event, and what is to be done because of it. Pure.

    market ─▶ looks, bars ─▶ strategies ─▶ wishes ─▶ gate ─▶ record, order
    venue  ─▶ orders, portfolio ─▶ records ─▶ strategies ─▶ …
    timer  ─▶ what is due: proofs, listings, stale data, wishes tried again, the ladder

Every decision is a function of the events so far and of nothing else: the same events give the same effects, in a year too. What is due at
T is done with the stamp T, before the first event that is stamped T or later. A strategy that raises loses its own orders and
nothing else; anything else that raises here is a fault of the engine, and the ladder decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketBars, MarketDepth, MarketDoubt, MarketMark, MarketPrice, MarketTop, MarketTrade
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    AccountRead,
    Action,
    AlgoUpdate,
    BalanceUpdate,
    CancelRefused,
    CancelSent,
    Capabilities,
    ConfigUpdate,
    Cut,
    FillUpdate,
    Force,
    FundingUpdate,
    MarginCall,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderUpdate,
    PositionSide,
    PositionsRead,
    PositionUpdate,
    ReadFailed,
    Rules,
    RulesUpdate,
    StreamUpdate,
    TradesRead,
    Unanswered,
    Unread,
    base36,
    client_id_head,
    is_client_id_of,
    signed,
    strategy_of,
    whole_of,
)
from hoga.trading import records
from hoga.trading.bars import Bar, BarSeries
from hoga.trading.instance import Instance
from hoga.trading.limits import Limits
from hoga.trading.orders import Canceling, Heard, News, Order, Role, Status, adopted
from hoga.trading.portfolio import Share
from hoga.trading.ports import (
    Alarm,
    Cancel,
    Command,
    CommandKind,
    Denial,
    Done,
    Effect,
    Event,
    Gate,
    JournalFault,
    Query,
    Read,
    ReadBars,
    ReadKind,
    Rung,
    RunGate,
    Send,
    SendList,
    Tell,
    Tick,
    WakeAt,
    Write,
)
from hoga.trading.protect import Close, Doubt, Drop, Guard, Keeping, Place, Seen, Settled, keeping_of
from hoga.trading.reconcile import Reckoning
from hoga.trading.risk import Code
from hoga.trading.rungs import CAUSES, Cause, Ladder
from hoga.trading.sampling import Sampler
from hoga.trading.state import State, venue_of
from hoga.trading.strategy import Strategy
from hoga.trading.target import Want, plan

__all__ = ["Engine", "Restored", "Settings"]

_ANSWER_NS = 5 * SECOND_NS
_CANCEL_NS = 2 * SECOND_NS
_QUERY_NS = SECOND_NS
_SLOW_QUERY_NS = 5 * SECOND_NS
_PROOF_NS = 2 * SECOND_NS
_UNSEEN_NS = 3 * SECOND_NS
_ORDERS_NS = 10 * SECOND_NS
_POSITIONS_NS = 30 * SECOND_NS
_STOP_NS = 3 * SECOND_NS
_FORGET_NS = 3600 * SECOND_NS
_BARS_NS = 2 * SECOND_NS
_FAR_NS = 1 << 62
_SENT, _ACTIVE, _HALTED = Heard.SENT, Rung.ACTIVE, Rung.HALTED
_MARKET, _IOC, _IS_TARGET = OrderKind.MARKET, Force.IOC, Role.TARGET
_TOO_LITTLE = (Code.TOO_SMALL.value, Code.MIN_NOTIONAL.value)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is made. `limits`: of each symbol. `boot`: counts the trader's starts; client ids hold it."""

    trader: str
    boot: int
    limits: Mapping[str, Limits]
    flatten_on_stop: bool = False


class Restored(msgspec.Struct, kw_only=True):
    """What the journal proves of earlier lives. `trades`: ids by symbol, oldest first; `days`: by symbol (when, won, fees and funding).

    `since_ns`: from here on trades may be missing. `powers`: what the journal counted in, by symbol.
    """

    orders: list[Order]
    shares: list[Share]
    trades: Mapping[str, list[str]]
    days: Mapping[str, tuple[int, list[int]]]
    powers: Mapping[str, tuple[int, int]]
    since_ns: int


class Engine:
    """See the module. `state` is what it knows; nobody else writes to it. `<Engine ACTIVE 2 strategies 3 orders>`.

    `found_fills`: what exits traded between two lives; counted at the start.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        rules: Mapping[str, Rules],
        capabilities: Mapping[str, Capabilities],
        gate: Gate,
        ladder: Ladder,
        strategies: Iterable[tuple[str, Strategy]],
    ) -> None:
        self.settings = settings
        self.state = State(rules, capabilities)
        self.state.rung = ladder.rung
        self.gate = gate
        self.ladder = ladder
        self.series: dict[tuple[str, str], BarSeries] = {}
        self.sampler = Sampler()
        self.reckonings = {venue: Reckoning(venue, able, self._symbols_of(venue)) for venue, able in capabilities.items()}
        self.running = False
        self.ended = False
        self.found_fills: list[FillUpdate] = []
        self.fills = 0
        self.sent = 0
        self._started = False
        self._stopping_ns = 0
        self._out: list[Effect] = []
        self._after: list[Effect] = []
        self._number = 0
        self._id_heads: dict[int, str] = {}
        self._tries = 0
        self._timers: list[tuple[int, int, str, int]] = []
        self._armed: dict[tuple[str, int], int] = {}
        self._turn = 0
        self._woken = 0
        self._wants: dict[tuple[str, str], Want] = {}
        self._unmet: dict[str, list[Want]] = {symbol: [] for symbol in rules}
        self._stale: set[str] = set()
        self._behind: dict[str, str] = {}
        self._denied = ""
        self._orders_ns: dict[str, int] = {}
        self._proof_ns: dict[str, int] = {}
        self._forgot_ns = 0
        self._cause: Event | None = None
        self._opening: list[Write] = []
        self._moved = True
        self._ladder_ns = _FAR_NS
        self._handlers: dict[type, Callable[[Any], None]] = {
            MarketTop: self._on_top,
            MarketDepth: self._on_top,
            MarketPrice: self._on_price,
            MarketTrade: self._on_trade,
            MarketMark: self._on_mark,
            MarketBars: self._on_bars_from_elsewhere,
            MarketDoubt: self._on_doubt,
            OrderAccepted: self._on_accepted,
            OrderRefused: self._on_refused,
            NotSent: self._on_not_sent,
            Unanswered: self._on_unanswered,
            CancelSent: self._on_cancel_sent,
            CancelRefused: self._on_cancel_refused,
            NotFound: self._on_not_found,
            OrderUpdate: self._on_order_update,
            AlgoUpdate: self._on_algo_update,
            FillUpdate: self._on_fill,
            PositionUpdate: self._on_position_update,
            BalanceUpdate: self._on_balances,
            FundingUpdate: self._on_funding,
            ConfigUpdate: self._on_config,
            RulesUpdate: self._on_rules,
            MarginCall: self._on_margin_call,
            Unread: self._on_unread,
            StreamUpdate: self._on_stream,
            Cut: self._on_cut,
            OpenOrders: self._on_open_orders,
            PositionsRead: self._on_positions,
            TradesRead: self._on_trades,
            AccountRead: self._on_account,
            ReadFailed: self._on_read_failed,
            Tick: self._on_tick,
            Command: self._on_command,
            JournalFault: self._on_journal_fault,
            Alarm: self._on_alarm,
        }
        self.instances: list[Instance] = []
        for number, (key, strategy) in enumerate(strategies, 1):
            self.instances.append(Instance(number, key, strategy, self))
        self._by_key = {each.key: each for each in self.instances}
        self._bookish = {symbol: [each for each in self.instances if each.hears(symbol, "on_book")] for symbol in rules}
        self._tradish = {symbol: [each for each in self.instances if each.hears(symbol, "on_trade")] for symbol in rules}
        self._series_of: dict[str, list[BarSeries]] = {symbol: [] for symbol in rules}
        self._all_series = [series for _, series in sorted(self.series.items())]
        for number, series in enumerate(self._all_series):
            series.number = number
            self._series_of[series.symbol].append(series)
        self._periods = [(each, period) for each in self.instances for period in each.setup.timers]
        self._guards = {
            (each.key, symbol): Guard(symbol, wanted, self._keeping(symbol), lists=self.state.capabilities(symbol).order_lists)
            for each in self.instances
            for symbol, wanted in each.setup.protections.items()
        }
        self._guard_keys = list(self._guards)
        self._guards_of = {symbol: [key for key in self._guard_keys if key[1] == symbol] for symbol in rules}
        for rules_ in rules.values():
            self._opening.append(records.config(rules_))

    def restore(self, found: Restored, now_ns: int) -> list[str]:
        """Be where earlier lives ended; before the first event. Returns symbols that count in other steps now, which cannot be."""
        state = self.state
        state.now_ns = now_ns
        other = [
            symbol
            for symbol, powers in found.powers.items()
            if symbol in state.rules_of and powers != (state.rules_of[symbol].price_power, state.rules_of[symbol].size_power)
        ]
        for symbol, ids in found.trades.items():
            for each in ids:
                state.orders.know_trade(symbol, each, now_ns)
        for order in found.orders:
            if order.symbol in state.rules_of and order.symbol not in other:
                state.orders.add(order)
                if order.status is Status.UNKNOWN:
                    order.unknown_ns = now_ns
                    self._begin(Cause.UNKNOWN_ORDER, subject=order.client_id)
        for share in found.shares:
            if share.symbol in state.rules_of and share.symbol not in other:
                state.portfolio.restore(share)
        state.portfolio.pass_midnight(now_ns)
        for symbol, (at_ns, day) in found.days.items():
            if symbol in state.rules_of and symbol not in other:
                state.portfolio.restore_day(symbol, day, at_ns)
        for reckoning in self.reckonings.values():
            reckoning.since_ns = found.since_ns
        return other

    # -- the door ---------------------------------------------------------------------------------------------------

    def step(self, event: Event) -> list[Effect]:
        """Take one event; what is to be done comes back, in order. Never raises."""
        out = self._out = []
        at_ns = max(event.at_ns, self.state.now_ns)
        try:
            timers = self._timers
            while timers and timers[0][0] <= at_ns:
                self._due()
            self.state.now_ns = at_ns
            self._cause = event
            handle = self._handlers.get(type(event))
            if handle is not None:
                handle(event)
        except Exception as fault:  # noqa: BLE001  # the supervised place: what the engine cannot do itself, the ladder decides
            self._fault(Cause.ENGINE_FAULT, f"{type(fault).__name__}: {fault} at {type(event).__name__}")
        return self._close(out)

    def _close(self, out: list[Effect]) -> list[Effect]:
        if self._after:
            out += self._after  # what need not be written before an order is not
            self._after.clear()
        if self._stopping_ns and not self.ended:
            self._end_if_quiet()
        if self._moved or self.state.now_ns >= self._ladder_ns:
            try:
                self._advance()
            except Exception as fault:  # noqa: BLE001  # as above, of the ladder's own consequences
                self._tell("error", f"the ladder's consequences failed: {type(fault).__name__}: {fault}")
        timers = self._timers
        if timers and timers[0][0] != self._woken:
            self._woken = timers[0][0]
            out.append(WakeAt(self._woken))
        return out

    def __repr__(self) -> str:
        return f"<Engine {self.state.rung.name} {len(self.instances)} strategies {self.state.orders.count()} orders>"

    # -- timers -----------------------------------------------------------------------------------------------------

    def _arm(self, kind: str, number: int, at_ns: int) -> None:
        key = (kind, number)
        if self._armed.get(key) != at_ns:
            self._armed[key] = at_ns
            self._turn += 1
            heapq.heappush(self._timers, (at_ns, self._turn, kind, number))

    def _due(self) -> None:
        at_ns, _, kind, number = heapq.heappop(self._timers)
        if self._armed.get((kind, number)) != at_ns:
            return
        del self._armed[kind, number]
        self.state.now_ns = max(self.state.now_ns, at_ns)
        self._cause = None
        if kind == "second":
            self._arm("second", 0, at_ns - at_ns % SECOND_NS + SECOND_NS)
            self._each_second()
        elif kind == "bars":
            series = self._all_series[number]
            self._bars(series, series.pass_time(self.state.now_ns))
        elif kind == "guard":
            self._guard(self._guard_keys[number])
        elif kind == "every":
            instance, period = self._periods[number]
            self._arm("every", number, at_ns + period)
            if self.running:
                instance.call("on_timer", at_ns)

    def _on_tick(self, event: Tick) -> None:
        """What was due is done already."""

    # -- the market -------------------------------------------------------------------------------------------------

    def _on_top(self, event: MarketTop) -> None:
        symbol = event.symbol
        look = self.state.looks.get(symbol)
        if look is None:
            return
        look.bid, look.ask, look.at_ns = event.bid, event.ask, event.at_ns
        look.in_doubt = not event.bid or not event.ask or event.bid >= event.ask
        if symbol in self._stale and not look.in_doubt:
            self._fresh(symbol)
            self._advance()
        for key in self._guards_of[symbol]:
            if self._guards[key].saw(look):
                self._guard(key)
        if not self.running:
            return
        tries = self._tries
        for instance in self._bookish[symbol]:
            instance.on_book(event)
        if self._unmet[symbol] and tries == self._tries:
            self._pursue(symbol)

    def _on_price(self, event: MarketPrice) -> None:
        """There is no book: no hook hears of it, and all else is as with one."""
        symbol = event.symbol
        look = self.state.looks.get(symbol)
        if look is None:
            return
        look.bid = look.ask = event.price
        look.at_ns, look.in_doubt, look.is_price = event.at_ns, not event.price, True
        if symbol in self._stale and not look.in_doubt:
            self._fresh(symbol)
            self._advance()
        for key in self._guards_of[symbol]:
            if self._guards[key].saw(look):
                self._guard(key)
        if self.running and self._unmet[symbol]:
            self._pursue(symbol)

    def _on_trade(self, event: MarketTrade) -> None:
        symbol = event.symbol
        if symbol not in self.state.looks:
            return
        self.state.traded(event)
        for series in self._series_of[symbol]:
            closed = series.trade(event)
            if closed:
                self._bars(series, closed)
            else:
                self._arm_bars(series)
        if self.running:
            for instance in self._tradish[symbol]:
                instance.on_trade(event)

    def _on_mark(self, event: MarketMark) -> None:
        look = self.state.looks.get(event.symbol)
        if look is not None:
            look.mark, look.mark_at_ns, look.has_mark = event.mark, event.at_ns, True
            for key in self._guards_of[event.symbol]:
                if self._guards[key].saw(look):
                    self._guard(key)

    def _on_bars_from_elsewhere(self, event: MarketBars) -> None:
        for series in self._series_of.get(event.symbol, ()):
            if series.interval_ns == event.interval_ns:
                series.fill(event.bars, event.asked_ns)

    def _ask_for_bars(self, series: BarSeries) -> None:
        """Bars of before, or in place of some that are not whole; asked again each few seconds while there are too few."""
        if not series.ready and self.state.now_ns - series.asked_ns >= _BARS_NS:
            series.asked_ns = self.state.now_ns
            self._out.append(ReadBars(series.symbol, series.interval_ns, max(series.needed, series.bars.maxlen or 0) + 1))

    def _on_doubt(self, event: MarketDoubt) -> None:
        look = self.state.looks.get(event.symbol)
        if look is None:
            return
        look.in_doubt = True
        self._out += self.sampler.doubt(self.state, event.symbol, event.why)
        for series in self._series_of[event.symbol]:
            series.doubt()
        for instance in self.instances:
            if event.symbol in instance.symbols and self.running:
                instance.call("on_stale", event.symbol, event.why)

    def _arm_bars(self, series: BarSeries) -> None:
        deadline = series.deadline_ns()
        if deadline is not None:
            self._arm("bars", series.number, deadline)

    def _bars(self, series: BarSeries, closed: list[Bar]) -> None:
        for bar in closed:
            for instance in self.instances:
                if self.running and bar.whole and instance.has(series) and instance.is_ready(bar.symbol):
                    instance.call("on_bar", bar)
        self._arm_bars(series)

    # -- wishes -----------------------------------------------------------------------------------------------------

    def want(self, instance: Instance, symbol: str, quantity: int, why: str) -> None:
        """A strategy wants to hold so much."""
        key = (instance.key, symbol)
        known = self._wants.get(key)
        if known is None or known.quantity != quantity:
            self._after.append(records.signal(self.state, instance.key, symbol, quantity, why, self._cause))
            known = self._wants[key] = Want(strategy=instance.key, symbol=symbol, quantity=quantity)
            if self._unmet[symbol]:
                self._unmet[symbol] = [each for each in self._unmet[symbol] if each.strategy != instance.key]
        known.why, known.asked_ns = why, self.state.now_ns
        if known.met or known not in self._unmet[symbol]:
            known.met, known.failures, known.pause_ns = False, 0, 0
            self._unmet[symbol].append(known)
        self._pursue_one(known)

    def _pursue(self, symbol: str) -> None:
        for want in list(self._unmet[symbol]):
            self._pursue_one(want)

    def _pursue_one(self, want: Want) -> None:
        self._tries += 1
        state, symbol = self.state, want.symbol
        if want.met or state.now_ns < want.pause_ns or not self.running or state.rung >= _HALTED:
            return
        able, rules = state.capabilities(symbol), state.rules_of[symbol]
        step = plan(
            want,
            share=state.portfolio.share(want.strategy, symbol),
            position=state.position(symbol),
            working=state.orders.open_of(symbol),
            rules=rules,
            reduce_only=able.reduce_only,
            split=state.rung is not _ACTIVE or not able.short,
        )
        if step.met:
            want.met = True
            self._unmet[symbol] = [each for each in self._unmet[symbol] if each is not want]
        for order in step.cancel:
            self.cancel(order)
        if step.side is not None and self._makes_room(want, step.side, able.reduce_only):
            return
        if step.side is not None:
            instance = self._by_key[want.strategy]
            request = OrderRequest(
                client_id=self.new_id(instance.number),
                symbol=symbol,
                side=step.side,
                kind=_MARKET,
                quantity=step.quantity,
                force=_IOC,
                reduce_only=step.reduces and able.reduce_only,
            )
            if self.place(request, instance.key, _IS_TARGET, want.why) is None:
                if self._denied in _TOO_LITTLE and state.portfolio.share(want.strategy, symbol) * want.quantity > 0:
                    want.failures = 6  # too little is missing to be an order, as a fee was taken off the coins: a minute's pause at once
                want.failed(state.now_ns)

    def new_id(self, strategy: int) -> str:
        """A client id that was never used."""
        self._number += 1
        head = self._id_heads.get(strategy)
        if head is None:
            head = self._id_heads[strategy] = client_id_head(self.settings.trader, self.settings.boot, strategy)
        return head + base36(self._number)

    # -- orders out ---------------------------------------------------------------------------------------------------

    def place(self, request: OrderRequest, strategy: str, role: Role, why: str) -> Order | None:
        """Record, judge and send a new order; None where it was denied."""
        judged = self._judge(request, strategy, role)
        if isinstance(judged, Denial):
            self.deny(request, strategy, role, why, judged)
            return None
        order = self._intend(judged, strategy, role, why)
        self._out.append(Send(judged))
        self._out.append(records.sent(order))
        return order

    def place_list(self, requests: tuple[OrderRequest, ...], strategy: str, role: Role, why: str) -> list[Order]:
        """The same for orders of one list; where one is denied, none is sent."""
        judged = [self._judge(request, strategy, role) for request in requests]
        passed = [each for each in judged if not isinstance(each, Denial)]
        if len(passed) < len(judged):
            for request, each in zip(requests, judged, strict=True):
                self.deny(request, strategy, role, why, each if isinstance(each, Denial) else Denial(code="its-list"))
            return []
        orders = [self._intend(request, strategy, role, f"{why}: {request.kind}") for request in passed]
        self._out.append(SendList(tuple(passed)))
        self._out += [records.sent(order) for order in orders]
        return orders

    def _judge(self, request: OrderRequest, strategy: str, role: Role) -> OrderRequest | Denial:
        guard = self._guards.get((strategy, request.symbol))
        if guard is not None and guard.is_cleaning and role in (Role.TARGET, Role.ENTRY) and not request.reduce_only:
            return Denial(code="leftover-ends", found="ends of the last position are not read back as gone yet")
        state, rung = self.state, self.state.rung
        try:
            if role is Role.EXIT and rung is Rung.HALTED:
                state.rung = Rung.REDUCING  # what guards a position may close it, too
            return self.gate.judge(request, state)
        except Exception as fault:  # noqa: BLE001  # a gate that fails lets nothing pass
            self._fault(Cause.RISK_FAULT, f"{type(fault).__name__}: {fault}")
            return Denial(code="risk-fault", found=f"{type(fault).__name__}: {fault}")
        finally:
            state.rung = rung

    def _intend(self, judged: OrderRequest, strategy: str, role: Role, why: str) -> Order:
        """Its record, before its bytes."""
        orders, now = self.state.orders, self.state.now_ns
        order = Order(request=judged, strategy=strategy, role=role, why=why, asked_ns=now, sent_ns=now)
        orders.add(order)
        self._out.append(records.intent(order, self.state.looks[order.symbol], self._cause))
        orders.move(order, _SENT, now)
        self.sent += 1
        return order

    def deny(self, request: OrderRequest, strategy: str, role: Role, why: str, denial: Denial) -> None:
        """An order that is not sent, with its reason."""
        order = Order(request=request, strategy=strategy, role=role, why=why, asked_ns=self.state.now_ns)
        found, limit = denial.found and f"found {denial.found}", denial.limit and f"limit {denial.limit}"
        order.reason = " ".join(filter(None, (denial.code, found, limit)))
        order.status, order.ended_ns = Status.DENIED, self.state.now_ns
        self._denied = denial.code
        self._write(records.denied(order, denial, self._cause))
        instance = self._by_key.get(strategy)
        if instance is not None:
            instance.denials += 1
            instance.told_of(order)

    def cancel(self, order: Order, *, why: str = "", wished: bool = False) -> None:
        """Cancel an order, unless that is under way. `wished`: by a strategy, and then the gate is asked."""
        if order.status.is_over or order.cancel is not Canceling.NONE or order.status is Status.INTENT:
            return
        denial = self.gate.judge_cancel(order.symbol, self.state) if wished else None
        if denial is not None:
            self._write(records.cancel_denied(order, denial))
            return
        self.state.orders.cancel_asked(order, self.state.now_ns)
        self._write(records.cancel(order, why))
        self._out.append(
            Cancel(symbol=order.symbol, client_id=order.client_id, venue_id=order.child_id or order.venue_id, waits=order.waits)
        )

    def order(
        self, instance: Instance, symbol: str, side: Side, quantity: int, kind: OrderKind, price: int | None, force: Force, why: str
    ) -> str:
        """A strategy's own order; returns its client id, "" where it was denied."""
        request = OrderRequest(
            client_id=self.new_id(instance.number),
            symbol=symbol,
            side=side,
            kind=kind,
            quantity=quantity,
            price=price,
            force=force,
        )
        order = self.place(request, instance.key, Role.ENTRY, why)
        return "" if order is None else order.client_id

    def _query(self, order: Order) -> None:
        order.queried_ns = self.state.now_ns
        self._out.append(
            Query(symbol=order.symbol, client_id=order.client_id, venue_id=order.child_id or order.venue_id, waits=order.waits)
        )

    # -- what the venue says ----------------------------------------------------------------------------------------------

    def _own(self, symbol: str, client_id: str, venue_id: str = "", parent_id: str = "") -> Order | None:
        return self.state.orders.find(symbol, client_id=client_id, venue_id=venue_id, parent_id=parent_id)

    def _on_accepted(self, event: OrderAccepted) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is not None:
            self._news(self.state.orders.accepted(order, event), event)

    def _on_refused(self, event: OrderRefused) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is None:
            return
        self.gate.refused(order.request, event.code, self.state)
        self._end_refused(order, by_venue=event.retry_after_s is None)
        self._news(self.state.orders.refused(order, event), event)

    def _on_not_sent(self, event: NotSent) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is None:
            return
        if order.status is Status.SENT:
            self._end_refused(order, by_venue=False)
            self._news(self.state.orders.refused(order, event), event)
        elif order.cancel is Canceling.SENT:
            order.cancel = Canceling.NONE
            order.cancel_ns = self.state.now_ns

    def _on_unanswered(self, event: Unanswered) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is not None:
            self._news(self.state.orders.unanswered(order, event), event)
            if event.action is not Action.QUERY:
                self._query(order)

    def _on_cancel_sent(self, event: CancelSent) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is not None:
            self._news(self.state.orders.cancel_sent(order, event), event)

    def _on_cancel_refused(self, event: CancelRefused) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is not None:
            self._news(self.state.orders.cancel_refused(order, event), event)
            self._write(records.cancel_refused(order, event))
            if not order.status.is_over:
                self._query(order)

    def _on_not_found(self, event: NotFound) -> None:
        order = self._own(event.symbol, event.client_id)
        if order is None:
            return
        orders = self.state.orders
        if order.status in (Status.LIVE, Status.PARTIAL) and event.asked_ns > order.heard_ns + _PROOF_NS:
            self._news([orders.hear(order, Heard.STRANGE, event.at_ns)], event)
        self._news(orders.denied(order, event, self.state.capabilities(event.symbol)), event)

    def _on_order_update(self, event: OrderUpdate) -> None:
        self._proof(event.symbol)
        order = self._own(event.symbol, event.client_id, event.venue_id, event.parent_id)
        if order is None:
            self._stranger(event)
            return
        self._news(self.state.orders.updated(order, event, by_stream=bool(event.execution)), event)

    def _on_algo_update(self, event: AlgoUpdate) -> None:
        self._proof(event.symbol)
        order = self._own(event.symbol, event.client_id, event.algo_id)
        if order is None:
            self._stranger(event)
            return
        self._news(self.state.orders.algo_updated(order, event), event)

    def _on_fill(self, event: FillUpdate) -> None:
        self._proof(event.symbol)
        if event.symbol not in self.state.rules_of:
            return
        order = self._own(event.symbol, event.client_id, event.venue_id)
        if order is not None:
            if not order.seen_ns:
                order.seen_ns = event.at_ns
            self._news(self.state.orders.filled(order, event), event)
        elif is_client_id_of(self.settings.trader, event.client_id):
            self._orphan(event)
        elif self.state.orders.know_trade(event.symbol, event.trade_id, event.at_ns):
            self._foreign(event)

    def _foreign(self, event: FillUpdate) -> None:
        """A trade of the account that no order of ours made: in a contract it changes the position that we are in."""
        if self.state.capabilities(event.symbol).short:
            self.state.portfolio.adopt(event.symbol, event.position_side, signed(event.side, event.quantity))
            self._write(records.foreign(event, self.state.position(event.symbol, event.position_side)))
            self.reckonings[venue_of(event.symbol)].touched(event.symbol, event.at_ns)

    def _stranger(self, event: OrderUpdate | AlgoUpdate) -> None:
        """An order that we do not know. One with a client id of ours was made by an earlier life of this trader."""
        if event.symbol not in self.state.rules_of or not is_client_id_of(self.settings.trader, event.client_id):
            return
        if not event.state.is_open:
            return
        number = strategy_of(event.client_id)
        instance = next((each for each in self.instances if each.number == number), None)
        order = adopted(event, self.state.now_ns, strategy="" if instance is None else instance.key)
        self.state.orders.add(order)
        self._write(records.adopted_order(order, event))
        if isinstance(event, OrderUpdate):
            self._news(self.state.orders.updated(order, event, by_stream=False), event)
        else:
            self._news(self.state.orders.algo_updated(order, event, by_stream=False), event)

    def _news(self, news: list[News], event: Event) -> None:
        """First everything that one event says is counted, then it has consequences: an answer tells an order's end before its fills."""
        for each in news:
            self._count_in(each, event)
        for each in news:
            self._follow_up(each)

    def _count_in(self, news: News, event: Event) -> None:
        order = news.order
        if news.fill is not None:
            self._filled(news, news.fill)
        if news.after is not news.before:
            self._write(records.moved(news, event))
            if news.after is Status.UNKNOWN:
                self._begin(Cause.UNKNOWN_ORDER, subject=order.client_id)
            elif news.before is Status.UNKNOWN:
                self._end(Cause.UNKNOWN_ORDER, subject=order.client_id)
        if news.breach:
            self._write(records.breach(order, news.breach))
            cause = Cause.OVERFILL if order.overfilled else Cause.LATE_FILL
            self._begin(cause, subject=order.client_id, detail=news.breach)

    def _follow_up(self, news: News) -> None:
        order = news.order
        if news.told:
            self._read_trades(order.symbol)
        instance = self._by_key.get(order.strategy)
        if instance is not None and (news.after is not news.before or news.fill is not None):
            if news.fill is not None and self.running:
                instance.filled(news.fill)
            if news.after is not news.before:
                instance.told_of(order)
        if order.role is Role.TARGET and news.after.is_over and (news.fill is not None or news.before is not news.after):
            self._target_ended(order, news.after)
        if order.role is Role.PROTECT and news.after is Status.FILLED and news.before is not news.after:
            self._write(records.protect(order, "taken"))
        if (order.strategy, order.symbol) in self._guards and (news.fill is not None or news.after is not news.before):
            self._guard((order.strategy, order.symbol))
            if order.role is Role.PROTECT and news.after.is_over and self._unmet[order.symbol]:
                self._pursue(order.symbol)

    def _target_ended(self, order: Order, after: Status) -> None:
        want = self._wants.get((order.strategy, order.symbol))
        if want is None or want.met:
            return
        if after in (Status.REJECTED, Status.ABSENT) or not (order.filled or order.told):
            want.failed(self.state.now_ns)  # a whole second looks after it again
        else:
            want.failures = 0
            self._pursue_one(want)

    # -- guards of positions ------------------------------------------------------------------------------------------------

    def _keeping(self, symbol: str) -> Keeping:
        alone = sum(symbol in each.symbols for each in self.instances) == 1
        return keeping_of(self.state.capabilities(symbol), alone=alone)

    def _ends_of(self, key: tuple[str, str]) -> list[Order]:
        """The protective orders of a strategy's position that are or may be at the venue."""
        return [each for each in self.state.orders.working(key[1]) if each.role is Role.PROTECT and each.strategy == key[0]]

    def _guard(self, key: tuple[str, str]) -> None:
        """Ask a guard what is missing, and do it."""
        state, guard, (strategy, symbol) = self.state, self._guards[key], key
        if not state.accounts[venue_of(symbol)].reconciled or state.rung is Rung.FLATTEN or self.ended:
            return
        share = state.portfolio.shares.get((strategy, symbol, PositionSide.BOTH))
        whole = state.position(symbol)
        held = share.quantity if share is not None else 0
        held = max(0, min(held, whole)) if held > 0 else min(0, max(held, whole))  # what others hold against it needs no guard
        working = state.orders.working(symbol)
        seen = Seen(
            now_ns=state.now_ns,
            rules=state.rules_of[symbol],
            position=held,
            entry=abs(share.cost // share.quantity) if share is not None and held else 0,
            look=state.looks[symbol],
            orders=self._ends_of(key),
            exiting=any(each.role is Role.EXIT and each.strategy == strategy for each in working),
            entering=any(each.role in (Role.TARGET, Role.ENTRY) and signed(each.request.side, 1) * held > 0 for each in working),
        )
        for ask in guard.decide(seen):
            match ask:
                case Place():
                    self._place_ends(key, ask)
                case Drop():
                    self.cancel(ask.order, why=ask.why)
                case Close():
                    self._close_position(strategy, symbol, ask)
                case Doubt():
                    self._begin(ask.cause, subject=symbol, detail=ask.detail)
                case Settled():
                    self._end(ask.cause, subject=symbol)
        deadline = guard.deadline_ns(state.now_ns)
        if deadline is not None:
            self._arm("guard", self._guard_keys.index(key), deadline)

    def _place_ends(self, key: tuple[str, str], ask: Place) -> None:
        strategy, number = key[0], self._by_key[key[0]].number
        ids = [self.new_id(number) for _ in ask.requests]
        requests = tuple(
            msgspec.structs.replace(request, client_id=name, list_id=f"{ids[0]}-l" if request.list_id else "")
            for request, name in zip(ask.requests, ids, strict=True)
        )
        if len(requests) > 1:
            orders = self.place_list(requests, strategy, Role.PROTECT, "protect")
        else:
            order = self.place(requests[0], strategy, Role.PROTECT, f"protect: {requests[0].kind}")
            orders = [] if order is None else [order]
        for order in orders:
            self._write(records.protect(order, ask.what, moved_from=ask.moved_from))
        if not orders:
            self._guards[key].not_placed(self.state.now_ns)

    def _close_position(self, strategy: str, symbol: str, ask: Close) -> None:
        able = self.state.capabilities(symbol)
        request = OrderRequest(
            client_id=self.new_id(self._by_key[strategy].number),
            symbol=symbol,
            side=ask.side,
            kind=OrderKind.MARKET,
            quantity=ask.quantity,
            force=Force.IOC,
            reduce_only=able.reduce_only,
        )
        self.place(request, strategy, Role.EXIT, f"protect: {ask.why}")

    def _end_refused(self, order: Order, *, by_venue: bool) -> None:
        """One of a position's ends was not taken."""
        guard = self._guards.get((order.strategy, order.symbol)) if order.role is Role.PROTECT else None
        if guard is None:
            return
        if by_venue and order.request.kind is OrderKind.STOP:
            guard.refused(self.state.now_ns)
        else:
            guard.not_placed(self.state.now_ns)

    def _makes_room(self, want: Want, side: Side, reduce_only: bool) -> bool:
        """Whether ends that hold what is to be sold have to go first, where the venue locks it in them."""
        key = (want.strategy, want.symbol)
        if reduce_only or side is Side.BUY or key not in self._guards:
            return False
        if not self._ends_of(key):
            return False
        self._guards[key].make_room(self.state.now_ns)
        self._guard(key)
        return True

    def _filled(self, news: News, fill: FillUpdate) -> None:
        order = news.order
        if order.strategy:
            self._count(fill, order.strategy, order.why or order.role.value, client_id=order.client_id, late=news.late)
        else:
            self._unowned(fill)

    def _count(self, fill: FillUpdate, strategy: str, why: str, *, client_id: str = "", late: bool = False) -> None:
        """A trade of ours is in the journal and in the books."""
        state, symbol = self.state, fill.symbol
        state.renew()
        self.fills += 1
        share, rounds = state.portfolio.fill(strategy, fill, mid=state.mid(symbol), why=why)
        position = state.position(symbol, fill.position_side)
        self._write(records.fill(client_id or fill.client_id, fill, share, state.portfolio.today(symbol), position, late=late))
        self.reckonings[venue_of(symbol)].touched(symbol, min(fill.event_ns or state.now_ns, state.now_ns))
        for each in rounds:
            self._write(records.round_(each, state.rules_of[symbol], state.equity(symbol)))
        self._losses(symbol)
        state.reckon(symbol)
        if not position:
            self._end(Cause.UNEXPLAINED, subject=symbol)

    def _on_position_update(self, event: PositionUpdate) -> None:
        self._proof(event.held.symbol)
        held = event.held
        account = self.state.accounts[venue_of(held.symbol)]
        account.held[held.symbol, held.position_side] = held
        self.state.renew()
        if held.symbol in self.state.rules_of:
            self.state.reckon(held.symbol)

    def _on_balances(self, event: BalanceUpdate) -> None:
        for account in self.state.accounts.values():
            if len(self.state.accounts) == 1:
                account.balances.update({each.currency: each for each in event.balances})
        self.state.renew()
        self._write(records.balances(event.balances))

    def _on_funding(self, event: FundingUpdate) -> None:
        rules = self.state.rules_of.get(event.symbol)
        if rules is None:
            return
        self.state.portfolio.fund(event.symbol, whole_of(event.amount, rules.money_power))
        self.state.renew()
        self._write(records.funding(event))

    def _on_config(self, event: ConfigUpdate) -> None:
        limits = self.settings.limits.get(event.symbol)
        off = []
        if limits is not None:
            if event.leverage is not None and limits.leverage is not None and event.leverage != limits.leverage:
                off.append(f"leverage is {event.leverage}, LEVERAGE says {limits.leverage}")
            if event.margin_type is not None and limits.margin_type and event.margin_type.lower() != limits.margin_type.lower():
                off.append(f"margin type is {event.margin_type}, MARGIN_TYPE says {limits.margin_type}")
        if event.hedge:
            off.append("the account is in hedge mode; expected one-way")
        self._write(Write("leverage", {"sym": event.symbol, "leverage": event.leverage, "margin": event.margin_type, "off": off}))
        for account in self.state.accounts.values():
            account.doubts[event.symbol] = "; ".join(off)
        self.state.renew()
        if off:
            self._begin(Cause.SETTINGS, subject=event.symbol, detail="; ".join(off))
        else:
            self._end(Cause.SETTINGS, subject=event.symbol)

    def _on_rules(self, event: RulesUpdate) -> None:
        known = self.state.rules_of.get(event.rules.symbol)
        if known is None or known == event.rules:
            return
        if (known.price_power, known.size_power) != (event.rules.price_power, event.rules.size_power):
            self._tell("error", f"{event.rules.symbol} counts in other steps now; nothing is opened there until the next start")
            self._begin(Cause.SETTINGS, subject=event.rules.symbol, detail="the steps of prices or quantities changed")
            return
        self.state.rules_of[event.rules.symbol] = event.rules
        self._write(Write("config", {"sym": event.rules.symbol, "rules": msgspec.to_builtins(event.rules)}))

    def _on_margin_call(self, event: MarginCall) -> None:
        self._begin(Cause.MARGIN_CALL, subject=event.venue, detail=", ".join(each.symbol for each in event.positions))

    def _on_unread(self, event: Unread) -> None:
        self._write(Write("recon.unread", {"venue": event.venue, "why": event.why, "id": event.client_id, "raw": event.raw}))
        order = self._own(event.symbol, event.client_id)
        if order is not None and not order.status.is_over:
            self._news([self.state.orders.hear(order, Heard.STRANGE, event.at_ns)], event)
            self._query(order)
        self._reconcile(event.venue, f"an event could not be read: {event.why}")

    def _proof(self, symbol: str) -> None:
        account = self.state.accounts.get(venue_of(symbol))
        if account is not None:
            account.proof_ns = self.state.now_ns

    def _on_stream(self, event: StreamUpdate) -> None:
        account = self.state.accounts[event.venue]
        was, account.live = account.live, event.live
        if event.live:
            account.proof_ns = self.state.now_ns
            self._end(Cause.STREAM_DOWN, subject=event.venue)
            self._start_if_ready()
            if event.missed or not was:
                self._reconcile(event.venue, event.why or "the account's stream is live")
        else:
            self._begin(Cause.STREAM_DOWN, subject=event.venue, detail=event.why)
        if was is not event.live or event.missed:
            self._write(Write("recon.stream", {"venue": event.venue, "live": event.live, "missed": event.missed, "why": event.why}))

    def _on_cut(self, event: Cut) -> None:
        self._write(Write("recon.line", {"venue": event.venue, "open": event.open, "why": event.why}))

    # -- comparing with the venue -----------------------------------------------------------------------------------------

    def _symbols_of(self, venue: str) -> tuple[str, ...]:
        return tuple(symbol for symbol in self.state.rules_of if venue_of(symbol) == venue)

    def _reconcile(self, venue: str, why: str) -> None:
        reckoning = self.reckonings[venue]
        if self._started and reckoning.begin(self.state.now_ns):
            self._write(Write("recon.begin", {"venue": venue, "why": why}))
            for read in reckoning.reads(self._last_trade):
                self._out.append(read)

    def _on_open_orders(self, event: OpenOrders) -> None:
        state = self.state
        for each in event.orders:
            order = each.order
            known = self._own(order.symbol, order.client_id, order.venue_id if isinstance(order, OrderUpdate) else order.algo_id)
            if known is None:
                self._stranger(order)
            elif known.heard_ns <= event.asked_ns:
                if isinstance(order, OrderUpdate):
                    self._news(state.orders.updated(known, order, by_stream=False), event)
                else:
                    self._news(state.orders.algo_updated(known, order, by_stream=False), event)
        able = state.capabilities_of[event.venue]
        self._news(state.orders.listed(event, able), event)
        listed = {each.order.client_id for each in event.orders}
        for own in state.orders.working(event.symbol):
            quiet = own.heard_ns + _PROOF_NS <= event.asked_ns and own.queried_ns + _PROOF_NS <= state.now_ns
            is_there = own.client_id in listed or own.status not in (Status.LIVE, Status.PARTIAL)
            if quiet and not is_there and venue_of(own.symbol) == event.venue:
                self._query(own)
        self.reckonings[event.venue].got(ReadKind.ORDERS, event.asked_ns)
        self._settle(event.venue)

    def _on_trades(self, event: TradesRead) -> None:
        state, venue = self.state, venue_of(event.symbol)
        nameless = any(not order.venue_id and order.asked_ns <= event.at_ns for order in state.orders.working(event.symbol))
        known, behind = state.orders.last_trade(event.symbol), False
        for fill in event.fills:
            order = self._own(fill.symbol, fill.client_id, fill.venue_id)
            if order is not None:
                self._news(state.orders.filled(order, fill), event)
            elif is_client_id_of(self.settings.trader, fill.client_id):
                self._orphan(fill)
            elif nameless and not state.orders.knows_trade(fill.symbol, fill.trade_id):
                behind = True  # listings name the venue's ids only: it may be of an order whose answer has not come yet
            elif state.orders.know_trade(fill.symbol, fill.trade_id, fill.at_ns) and state.accounts[venue].reconciled:
                self._foreign(fill)
        if behind:
            self._behind.setdefault(event.symbol, known)
            self.reckonings[venue].touched(event.symbol, state.now_ns)  # its position cannot be explained yet
        else:
            self._behind.pop(event.symbol, None)
        self._news(state.orders.traded(event, state.capabilities_of[venue]), event)
        self.reckonings[venue].got(ReadKind.TRADES, event.asked_ns, event.symbol)
        self._settle(venue)

    def _orphan(self, fill: FillUpdate) -> None:
        """A trade of an order of ours that the journal does not know: an exit's, mostly."""
        if self.state.orders.know_trade(fill.symbol, fill.trade_id, fill.at_ns):
            self._unowned(fill)

    def _unowned(self, fill: FillUpdate) -> None:
        """A trade that no strategy made closes what strategies hold, one after the other; what is left is nobody's."""
        left = fill.quantity
        for share in self.state.portfolio.shares_of(fill.symbol, fill.position_side):
            part = min(left, abs(share.quantity))
            if part and share.quantity * signed(fill.side, 1) < 0:
                taken = fill if part == fill.quantity else msgspec.structs.replace(fill, quantity=part, fee=None)
                self._count(taken, share.strategy, "exit")
                left -= part
        if left:
            self._count(fill if left == fill.quantity else msgspec.structs.replace(fill, quantity=left, fee=None), "", "exit")

    def _on_positions(self, event: PositionsRead) -> None:
        state, reckoning = self.state, self.reckonings[event.venue]
        account = state.accounts[event.venue]
        account.held = {(each.symbol, each.position_side): each for each in event.positions}
        reckoning.positions(event)
        reckoning.got(ReadKind.POSITIONS, event.asked_ns)
        self._settle(event.venue)

    def _on_account(self, event: AccountRead) -> None:
        state = self.state
        before = state.accounts[event.venue].balances
        state.read_account(event)
        if state.accounts[event.venue].balances != before:
            self._write(records.balances(event.balances, equity=event.equity))
        account = state.accounts[event.venue]
        account.doubts[""] = "the account is in hedge mode; expected one-way" if event.hedge else ""
        if event.hedge:
            self._begin(Cause.SETTINGS, subject=event.venue, detail=account.doubts[""])
        else:
            self._end(Cause.SETTINGS, subject=event.venue)
        self.reckonings[event.venue].got(ReadKind.ACCOUNT, event.asked_ns)
        self._settle(event.venue)

    def _on_read_failed(self, event: ReadFailed) -> None:
        if event.client_id:
            return  # the order is asked for again by the second's round
        self._write(Write("recon.failed", {"venue": event.venue, "what": event.what, "why": event.why, "sym": event.symbol}))
        if event.venue in self.reckonings:
            self.reckonings[event.venue].failed(self.state.now_ns)

    def _settle(self, venue: str) -> None:
        """All listings of a round are here: what do they say?"""
        reckoning, state = self.reckonings[venue], self.state
        if not reckoning.is_complete():
            return
        account = state.accounts[venue]
        first = not account.reconciled
        differences = reckoning.differences(state.portfolio.held(), first=first)
        if first and reckoning.skipped:
            reckoning.end(state.now_ns)  # trades of the last moments: what positions say is compared in the next round, and nothing begins
            return
        for symbol, side, difference in differences:
            if first:
                state.portfolio.adopt(symbol, side, difference)
                rules = state.rules_of[symbol]
                self._write(records.adopt(symbol, side, difference, state.position(symbol, side)))
                text = f"{symbol}: a position of {rules.quantity_text(difference)} that no trade of this trader explains was found"
                self._tell("warning", f"{text}; nothing is opened until it is closed, or `hoga flatten --scope account`")
                self._begin(Cause.UNEXPLAINED, subject=symbol, detail=rules.quantity_text(difference))
            else:
                detail = f"the venue's position differs by {state.rules_of[symbol].quantity_text(difference)}"
                self._write(Write("recon.mismatch", {"sym": symbol, "ps": side.value, "q": difference}))
                self._begin(Cause.MISMATCH, subject=symbol, detail=detail)
                self._read_trades(symbol)
        for symbol in reckoning.agreed():
            self._end(Cause.MISMATCH, subject=symbol)
        reckoning.end(state.now_ns)
        account.reconciled = True
        self._end(Cause.UNRECONCILED, subject=venue)
        held = {f"{name}/{side.value}": quantity for (name, side), quantity in state.portfolio.held().items()}
        self._write(Write("recon.end", {"venue": venue, "held": held}))
        if first:
            self._start_if_ready()

    def _last_trade(self, symbol: str) -> str:
        """The trade to read on from: the last that is known, or the one before those that could not be told whose they are. Where an order
        has trades that are not known, the one before its first: a later one may have come by the stream."""
        owed = self.state.orders.owed(symbol)
        return self._behind.get(symbol, self.state.orders.last_trade(symbol)) if owed is None else owed.after_trade

    def _read_trades(self, symbol: str) -> None:
        reckoning = self.reckonings[venue_of(symbol)]
        read = reckoning.trades_of(symbol, self._last_trade(symbol), self.state.now_ns)
        if read is not None:
            self._out.append(read)

    # -- commands -----------------------------------------------------------------------------------------------------

    def _on_command(self, event: Command) -> None:
        self._out += self._opening
        self._opening = []
        self._write(Write("cmd", {"what": event.kind.value, "who": event.who, "text": event.text}))
        if event.kind is CommandKind.START:
            self._started = True
            self._write(self.sampler.mark(self.state))
            for fill in self.found_fills:
                if fill.symbol in self.state.rules_of:
                    self._orphan(fill)
            self.found_fills = []
            for reckoning in self.reckonings.values():
                reckoning.since_ns = reckoning.since_ns or event.at_ns
            for series in self._all_series:
                self._ask_for_bars(series)
            for venue in self.reckonings:
                self._begin(Cause.UNRECONCILED, subject=venue)
                self._reconcile(venue, "start")
            self._arm("second", 0, event.at_ns - event.at_ns % SECOND_NS + SECOND_NS)
        elif event.kind is CommandKind.STOP:
            self._stop(event)
        elif event.kind is CommandKind.FREEZE:
            self._begin(Cause.OPERATOR_FLATTEN, detail=event.text, incident=event.incident)
        elif event.kind is CommandKind.RESUME:
            why = self.ladder.resume(event.text, self.state.now_ns)
            if why:
                self._tell("warning", f"not resumed: {why}")

    def _start_if_ready(self) -> None:
        accounts = self.state.accounts.values()
        if self.running or self._stopping_ns or not all(account.reconciled and account.live for account in accounts):
            return
        self.running = True
        self._tell_unattended()
        self._write(Write("state", {"what": "running", "strategies": [each.key for each in self.instances]}))
        for number, (_, period) in enumerate(self._periods):
            self._arm("every", number, self.state.now_ns + period)
        for (strategy, symbol), guard in self._guards.items():
            if guard.keeping is Keeping.WATCHED:
                self._tell(
                    "warning", f"{symbol}: this venue keeps no stops; while the trader lives it watches for {strategy}, and sells itself"
                )
            else:
                self._tell("info", f"{symbol}: positions of {strategy} are guarded at the venue ({guard.keeping})")
        for instance in self.instances:
            instance.call("on_start")

    def _tell_unattended(self) -> None:
        """Positions of strategies that are not here any more: nobody looks after them."""
        for (strategy, symbol, _), share in sorted(self.state.portfolio.shares.items()):
            if strategy and strategy not in self._by_key and share.quantity:
                much = self.state.rules_of[symbol].quantity_text(share.quantity)
                self._write(Write("recon.unattended", {"st": strategy, "sym": symbol, "q": share.quantity}))
                text = f"{symbol}: {much} was left by {strategy}, which does not run now: nobody looks after it; `hoga flatten` sells it"
                self._tell("warning", text)

    def _stop(self, event: Command) -> None:
        if self._stopping_ns:
            return
        for instance in self.instances:
            if self.running:
                instance.call("on_stop")
        self.running = False
        self._stopping_ns = self.state.now_ns
        for symbol in self._unmet:
            self._unmet[symbol] = []
        if self.settings.flatten_on_stop:
            self._begin(Cause.STOPPED_FLATTEN, detail=event.text)
        self._cancel_entries("stop")

    def _cancel_entries(self, why: str, *, only: str = "") -> None:
        for order in self.state.orders.working():
            if order.role is not Role.PROTECT and only in ("", order.strategy):
                self.cancel(order, why=why)

    def _end_if_quiet(self) -> None:
        if not self._stopping_ns or self.ended:
            return
        left = [order for order in self.state.orders.working() if order.role is not Role.PROTECT]
        naked = any(guard.naked_ns for guard in self._guards.values())
        if (left or naked) and self.state.now_ns - self._stopping_ns < _STOP_NS:
            return
        self.ended = True
        held = self.state.portfolio.held()
        self._write(self.sampler.mark(self.state))
        self._write(records.end(self.state, left))
        self._out.append(Done(clean=not left, left=tuple(order.client_id for order in left), held=len(held)))

    # -- each second ----------------------------------------------------------------------------------------------------

    def _each_second(self) -> None:
        state = self.state
        now = state.now_ns
        state.portfolio.pass_midnight(now)
        for symbol in state.rules_of:
            state.reckon_medians(symbol)
            self._look_after_market(symbol)
            self._losses(symbol)
            state.reckon(symbol)
            state.portfolio.mark(symbol, state.price(symbol))
        self._out += self.sampler.second(state)
        for series in self._all_series:
            self._ask_for_bars(series)
        for order in state.orders.working():
            self._look_after(order)
        for key in self._guard_keys:
            self._guard(key)
        for venue, reckoning in self.reckonings.items():
            self._look_after_venue(venue, reckoning)
        if self.running:
            for symbol in state.rules_of:
                if self._unmet[symbol]:
                    self._pursue(symbol)
        if now - self._forgot_ns > _FORGET_NS:
            self._forgot_ns = now
            state.orders.forget(now)

    def _look_after(self, order: Order) -> None:
        state = self.state
        now = state.now_ns
        status = order.status
        if status is Status.SENT and now - order.sent_ns > _ANSWER_NS:
            unanswered = Unanswered(at_ns=now, client_id=order.client_id, symbol=order.symbol, action=Action.NEW, why="no answer came")
            self._on_unanswered(unanswered)
        elif status is Status.UNKNOWN:
            slow = now - order.unknown_ns > 15 * SECOND_NS
            if now - order.queried_ns >= (_SLOW_QUERY_NS if slow else _QUERY_NS):
                self._query(order)
            venue = venue_of(order.symbol)
            able = state.capabilities(order.symbol)
            wait_s = able.absence_after_s or 2.0
            if now - order.sent_ns > wait_s * SECOND_NS and now - self._proof_ns.get(order.symbol, 0) >= _PROOF_NS:
                self._proof_ns[order.symbol] = now
                self._out.append(Read(what=ReadKind.ORDERS, venue=venue, symbol=order.symbol))
                self._read_trades(order.symbol)
        elif order.status.is_over:
            if now - order.heard_ns > SECOND_NS:
                self._read_trades(order.symbol)
        else:
            lingers = order.cancel is not Canceling.NONE and now - max(order.cancel_ns, order.queried_ns) > _CANCEL_NS
            silent = order.accepted_ns and not order.seen_ns and now - max(order.accepted_ns, order.queried_ns) > _UNSEEN_NS
            if lingers or silent:
                self._query(order)
            elif order.unwanted and order.cancel is Canceling.NONE and now - order.cancel_ns > _CANCEL_NS:
                self.cancel(order, why="it was not cancelled")

    def _look_after_venue(self, venue: str, reckoning: Reckoning) -> None:
        now = self.state.now_ns
        account = self.state.accounts[venue]
        if reckoning.is_due(now, _POSITIONS_NS):
            self._reconcile(venue, "due" if account.reconciled else "again")
            return
        old = now - max(self._orders_ns.get(venue, 0), reckoning.ended_ns) >= _ORDERS_NS
        if old and account.reconciled and self.state.orders.count():
            self._orders_ns[venue] = now
            self._out.append(Read(what=ReadKind.ORDERS, venue=venue))

    def _look_after_market(self, symbol: str) -> None:
        state = self.state
        look, limits = state.looks[symbol], self.settings.limits[symbol]
        stale = look.in_doubt or state.now_ns - look.at_ns > limits.stale_after_ms * 1_000_000
        if stale and symbol not in self._stale:
            self._stale.add(symbol)
            since = look.at_ns + limits.stale_after_ms * 1_000_000 if look.at_ns else state.now_ns
            self.ladder.begin(Cause.STALE_MARKET, state.now_ns, subject=symbol, since_ns=min(since, state.now_ns))
            self._moved = True
            if self.running:
                for instance in self.instances:
                    if symbol in instance.symbols:
                        instance.call("on_stale", symbol, "no book" if not look.at_ns else "the book is old")
        if symbol in self._stale:
            if not stale:
                self._fresh(symbol)
            elif state.position(symbol):
                self.ladder.begin(Cause.STALE_WITH_POSITION, state.now_ns, subject=symbol, since_ns=look.at_ns or None)
                self._moved = True
            else:
                self._end(Cause.STALE_WITH_POSITION, subject=symbol)

    def _fresh(self, symbol: str) -> None:
        self._stale.discard(symbol)
        self._end(Cause.STALE_MARKET, subject=symbol)
        self._end(Cause.STALE_WITH_POSITION, subject=symbol)

    def _losses(self, symbol: str) -> None:
        if not self.state.looks[symbol].at_ns:
            return
        found = dict(self.gate.breaches(symbol, self.state))
        for cause in (Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.LOSSES_IN_A_ROW):
            if cause in found:
                self._begin(cause, subject=venue_of(symbol), detail=found[cause])
        for cause, detail in found.items():
            if cause not in (Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.LOSSES_IN_A_ROW):
                self._begin(cause, subject=venue_of(symbol), detail=detail)

    # -- the ladder -------------------------------------------------------------------------------------------------------

    def _begin(self, cause: Cause, *, subject: str = "", detail: str = "", incident: str = "") -> None:
        self.ladder.begin(cause, self.state.now_ns, subject=subject, detail=detail, incident=incident)
        self._moved = True

    def _end(self, cause: Cause, *, subject: str = "") -> None:
        self.ladder.end(cause, subject=subject)
        self._moved = True

    def _advance(self) -> None:
        changes = self.ladder.advance(self.state.now_ns)
        for change in changes:
            before, self.state.rung = self.state.rung, change.new
            level = "info" if change.new < before else "warning" if change.new < Rung.HALTED else "error"
            self._write(records.rung(change))
            self._tell(level, change.text)
            self._out.append(RunGate(rung=change.new, why=change.text, incident=change.incident, cause=change.cause or ""))
            if change.new >= Rung.REDUCING and change.new > before:
                self._cancel_entries(change.new.name)
            if self.running:
                for instance in self.instances:
                    instance.call("on_ladder", change.new)
        self._moved = False
        deadline = self.ladder.deadline_ns()
        self._ladder_ns = _FAR_NS if deadline is None else deadline
        if deadline is not None:
            self._arm("ladder", 0, deadline)

    def _fault(self, cause: Cause, text: str) -> None:
        self._write(Write("emergency.fault", {"cause": cause.value, "why": text}))
        self._begin(cause, detail=text)

    def quarantine(self, instance: Instance, hook: str, text: str) -> None:
        """A strategy raised: it is not called any more, and its entries are cancelled. The others trade on."""
        self._write(Write("state", {"what": "quarantined", "st": instance.key, "hook": hook, "why": text}))
        self._tell("error", f"{instance.key} raised in {hook}: {text}; it is not called any more, its position and its stops stay")
        for symbol in instance.symbols:
            self._unmet[symbol] = [each for each in self._unmet[symbol] if each.strategy != instance.key]
        self._cancel_entries("quarantined", only=instance.key)
        if all(each.quarantined for each in self.instances):
            self._begin(Cause.STRATEGY_FAULT, subject=instance.key, detail=text)

    def _on_journal_fault(self, event: JournalFault) -> None:
        self._begin(Cause.LOG_FAULT, detail=event.why)

    def _on_alarm(self, event: Alarm) -> None:
        cause = Cause(event.kind)
        assert cause in CAUSES, "every cause has its rule"
        if event.bad:
            self._begin(cause, detail=event.why)
        else:
            self._end(cause)

    # -- small words --------------------------------------------------------------------------------------------------------

    def _write(self, record: Write) -> None:
        self._out.append(record)

    def _tell(self, level: str, text: str) -> None:
        self._out.append(Tell(text=text, level=level))

    def said(self, instance: Instance, text: str) -> None:
        """A strategy's own line."""
        self._write(Write("note", {"st": instance.key, "text": text}))
        self._tell("info", f"{instance.key}: {text}")

    def size(self, instance: Instance, symbol: str, risk: str, stop: Decimal, side: Side | None) -> Decimal:
        """See `Strategy.size`."""
        rules = self.state.rules_of.get(symbol)
        if rules is None:
            return Decimal(0)
        price = int(stop.scaleb(-rules.price_power))  # finer digits than the instrument has are cut off
        sized = self.gate.size(symbol, risk, price, side, self.state)
        self._write(records.size(sized, instance.key))
        return Decimal(sized.quantity).scaleb(rules.size_power)

    def series_of(self, symbol: str, interval: str, history: int) -> BarSeries:
        """The one series of a symbol and interval."""
        rules = self.state.rules_of.get(symbol)
        if rules is None:
            raise ValueError(f"{symbol!r} is not traded here; there are {', '.join(self.state.rules_of)}")
        found = self.series.get((symbol, interval))
        if found is None:
            found = self.series[symbol, interval] = BarSeries(symbol, interval, history, rules)
        return found
