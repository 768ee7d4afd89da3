"""trading.paper.desk: the orders of a paper account from the venue's door to their end: judged, met, triggered, knocked out. Pure.

Calling contract: time is an argument, the market has the newest event when it is told that it `moved`. What becomes of an order is said by
`say` in the order in which it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketBar, MarketDoubt, MarketEvent, MarketMark, MarketPrice, MarketTrade
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    AlgoUpdate,
    Balance,
    BalanceUpdate,
    Capabilities,
    Conditional,
    ExecutionEvent,
    FillUpdate,
    Force,
    FundingUpdate,
    Held,
    MarginCall,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
    TriggerBy,
)
from hoga.trading.paper.account import CashAccount, Fees, MarginAccount, Position, units_text
from hoga.trading.paper.manners import Case, Refusal, manner_of, watched
from hoga.trading.paper.market import PaperMarket
from hoga.trading.paper.orders import PaperOrder
from hoga.trading.paper.settings import Grade, PaperLeft, PaperSettings
from hoga.trading.paper.words import as_algo, as_order
from hoga.trading.seen import Seen

__all__ = ["PaperDesk"]

_KEPT = 5_000
_ORDERS_KEPT = 1_000
_MICRO_NS = 1_000
_MS_NS = 1_000_000
_BP = 10_000
_FUNDING_NS = 8 * 3_600 * SECOND_NS
_WARNED_AT = (4, 5)
"""The share of its end at which the venue warns of a liquidation: four fifths."""
_SELF_TRADE = "self-trade prevention"
_KNOCKED_OUT = "knocked out by a reduce-only order"
_REST = "immediate-or-cancel rest"


class PaperDesk:
    """See the module."""

    def __init__(
        self,
        venue: str,
        markets: Mapping[str, PaperMarket],
        capabilities: Capabilities,
        settings: PaperSettings,
        say: Callable[[ExecutionEvent], None],
    ) -> None:
        self.manner = manner = manner_of(capabilities)
        self._venue = venue
        self._markets = markets
        self._able = capabilities
        self._settings = settings
        self._say = say
        fees = Fees(
            manner.maker_bp if settings.maker_fee_bp is None else settings.maker_fee_bp,
            manner.taker_bp if settings.taker_fee_bp is None else settings.taker_fee_bp,
        )
        rules = {symbol: market.rules for symbol, market in markets.items()}
        start = {each.settle if capabilities.short else each.quote: settings.balance for each in rules.values()} | dict(settings.coins)
        self._margin: MarginAccount | None = None
        self._account: CashAccount | MarginAccount
        if capabilities.short:
            self._account = self._margin = MarginAccount(
                start, rules, fees, self.leverage_of, lambda symbol: markets[symbol].price, self._all_open, settings.maintenance_bp
            )
        else:
            self._account = CashAccount(start, rules, fees, manner.fee_of)
        self._orders: dict[str, PaperOrder] = {}
        self._used = Seen()
        self._open: dict[int, PaperOrder] = {}
        self._fills: dict[str, list[FillUpdate]] = {symbol: [] for symbol in markets}
        self._fresh: list[FillUpdate] = []
        self._warned = False
        self._funding_ns = 0
        self._funded: dict[str, int] = {}  # with candles: up to when, by symbol
        self._ids = 0

    # -- what it is asked ---------------------------------------------------------------------------------------------

    def leverage_of(self, symbol: str) -> int:
        """How many times its margin a position may be worth."""
        return self._settings.leverages.get(symbol, self._settings.leverage)

    def find(self, client_id: str, venue_id: str, *, waits: bool) -> PaperOrder | None:
        """The order of that name, or the one that it became; where orders wait in a service of their own, `waits` says which."""
        order = self._orders.get(client_id) if client_id else next((e for e in self._orders.values() if str(e.number) == venue_id), None)
        apart = self._able.conditional is Conditional.ALGO
        return order.child if apart and order is not None and order.child is not None and not waits else order

    def status(self, order: PaperOrder, now_ns: int, execution: str) -> OrderUpdate | AlgoUpdate:
        """An order as the venue lists it."""
        if order.request.waits and order.parent is None and self._able.conditional is Conditional.ALGO:
            return as_algo(order, self.manner, now_ns)
        return as_order(order, self.manner, now_ns, execution)

    def answer(self, order: PaperOrder) -> OrderUpdate:
        """An order as the answer to a request tells it."""
        return as_order(order, self.manner, order.updated_ns, "")

    def fills_of(self, order: PaperOrder) -> tuple[FillUpdate, ...]:
        """What it took when it was placed, if it was the last one that was."""
        return tuple(each for each in self._fresh if each.client_id == order.request.client_id)

    def listed(self, symbol: str) -> list[PaperOrder]:
        """Open orders of a symbol, "": of all; of a waiting one that was triggered, what it became."""
        return [each for each in self._open.values() if symbol in ("", each.symbol) and each.state is not OrderState.TRIGGERED]

    def trades(self, symbol: str, after: str) -> tuple[FillUpdate, ...]:
        """The account's trades of a symbol after the one with this id, all where there is none such."""
        fills = self._fills[symbol]
        for number in range(len(fills) - 1, -1, -1):
            if fills[number].trade_id == after:
                return tuple(fills[number + 1 :])
        return tuple(fills)

    def positions(self) -> tuple[Held, ...]:
        """Those that are not flat."""
        return tuple(self._margin.held()) if self._margin is not None else ()

    def balances(self) -> tuple[Balance, ...]:
        """Of every currency."""
        return self._account.balances()

    def equity(self) -> tuple[str, str]:
        """(equity, maintenance margin as a share of it) as exact texts, "" where there is no such thing. Of the first currency."""
        margin = self._margin
        if margin is None or not self._markets:
            return "", ""
        currency = min(each.rules.settle for each in self._markets.values())
        equity = margin.equity(currency)
        ratio = margin.maintenance(currency) * _BP // equity if equity > 0 else _BP
        return units_text(equity), f"{ratio // _BP}.{ratio % _BP:04d}"

    def restore(self, left: PaperLeft, now_ns: int) -> None:
        """Be where an earlier life ended, before anything else. What rested stands behind everything in the book again."""
        self._account.restore(left.money)
        for symbol, side, quantity, cost in left.held:
            if self._margin is not None and symbol in self._markets:
                position = self._margin.positions.setdefault((symbol, side), Position())
                position.quantity, position.cost = quantity, cost
        lists: dict[str, list[PaperOrder]] = {}
        for request, venue_id, filled in left.orders:
            if request.symbol in self._markets and (venue_id.isdigit() or not venue_id):
                order = PaperOrder(request, int(venue_id or self._next_id(now_ns)), now_ns, now_ns)
                order.filled, order.left = filled, max(0, order.left - filled)
                order.state = OrderState.PARTIAL if filled and not request.waits else order.state
                lists.setdefault(request.list_id or request.client_id, []).append(order)
        for orders in lists.values():
            holder = max(orders, key=lambda each: self._account.cost(each, _asked_at(each)))
            for order in orders:
                order.kin = tuple(each for each in orders if each is not order)
                order.holds = order is holder and self._account.covers(order, _asked_at(order))
                self._rest_again(order)

    def _rest_again(self, order: PaperOrder) -> None:
        request, market = order.request, self._markets[order.symbol]
        if order.holds:
            self._account.hold(order, _asked_at(order))
        self._orders[request.client_id] = self._open[order.number] = order
        self._used.add(request.client_id)
        if request.waits:
            market.waiting.append(order)
        else:
            market.rest(order)
        market.is_busy = True
        market.renew()

    # -- placing ------------------------------------------------------------------------------------------------------

    def place(self, requests: tuple[OrderRequest, ...], sent_ns: int, now_ns: int) -> dict[str, PaperOrder] | Refusal:
        """Take orders (several: of one list, all or none), by client id, and let them meet the market; or why the venue does not."""
        self._fresh = []
        self._forget()
        names = [each.client_id for each in requests]
        if self._able.client_id_for_ever:
            if any(each in self._used for each in names):
                return Refusal(self.manner.duplicate, f"{names[0]} was used before")
            for each in names:
                self._used.add(each)
        market = self._markets[requests[0].symbol]
        orders = [PaperOrder(each, self._next_id(now_ns), sent_ns, now_ns) for each in requests]
        holder = max(orders, key=lambda each: self._account.cost(each, each.price or each.request.trigger or market.price))
        for order in orders:
            order.holds = order is holder
            order.kin = tuple(each for each in orders if each is not order)
            refused = self._judged(order, market)
            if refused is not None:
                if refused.in_matching:
                    self._steps_aside(order, market, now_ns, 0)
                return refused
        for order in orders:
            self._begin(order, market, now_ns)
        for order in orders:
            if order.is_open and not order.request.waits:
                self._meet(order, market, now_ns)
        market.renew()
        return dict(zip(names, orders, strict=True))

    def _forget(self) -> None:
        """Of a long run the newest orders and trades are enough: nobody asks for the others any more."""
        if len(self._orders) > 2 * _ORDERS_KEPT + len(self._open):
            over = [name for name, each in self._orders.items() if not each.is_open]
            for name in over[:-_ORDERS_KEPT]:
                del self._orders[name]
        for fills in self._fills.values():
            if len(fills) > 2 * _KEPT:
                del fills[:-_KEPT]

    def _judged(self, order: PaperOrder, market: PaperMarket) -> Refusal | None:
        others = [each for each in self._open.values() if each is not order.parent]
        price = watched(order, market, self.manner)
        case = Case(order, market, self._account, others, price, shared=not order.holds, hedge=self._settings.hedge)
        return next(self.manner.judge(case), None)

    def _begin(self, order: PaperOrder, market: PaperMarket, now_ns: int) -> None:
        self._open[order.number] = order
        if order.parent is None:
            self._orders[order.request.client_id] = order
        if order.holds:
            at = order.price or order.request.trigger or market.touch(order.sign) or market.price
            self._account.hold(order, at)
        if order.request.waits and order.parent is None:
            market.waiting.append(order)
        self._tell(order, now_ns, "NEW")

    def cancel(self, order: PaperOrder, now_ns: int) -> None:
        """Take an open order back; one of a list takes the others with it."""
        self._end(order, OrderState.CANCELED, now_ns)
        for other in order.kin:
            if other.is_open:
                self._end(other, OrderState.CANCELED, now_ns)

    # -- meeting the market -------------------------------------------------------------------------------------------

    def _meet(self, order: PaperOrder, market: PaperMarket, now_ns: int, *, at: int = 0) -> None:
        """What it takes at once; the rest rests, or ends. `at`: all of it is traded at this price."""
        if not at and market.is_blind(order.sign):
            market.pending.append(order)
            market.is_busy = True
            return
        request = order.request
        if self._steps_aside(order, market, now_ns, at):
            return
        limit = order.price if order.price is not None else self._collar(order, market)
        if order.price is not None and request.force is Force.POST_ONLY and self._crosses(order, market):
            self._end(order, OrderState.EXPIRED, now_ns)
            return
        if request.funds is not None:
            order.left = self._bought_by(request.funds, order, market, at)
        taken = [(at, order.left)] if at else market.takeable(order.sign, order.left, limit, beyond=order.price is None)
        if request.force is Force.FOK and sum(quantity for _, quantity in taken) < order.left:
            taken = []
        for price, quantity in taken:
            met = min(quantity, self._account.affords(order, price), order.left)
            if met <= 0 or not order.is_open:
                break
            market.took(price, met)
            self._trade(order, price, met, now_ns, maker=False)
        if not order.is_open:
            return
        if order.price is None or request.force in (Force.IOC, Force.FOK):
            by_funds = request.funds is not None and order.filled
            self._end(order, OrderState.FILLED if by_funds else OrderState.EXPIRED, now_ns, "" if by_funds else _REST)
        else:
            market.rest(order)
            market.is_busy = True

    def _collar(self, order: PaperOrder, market: PaperMarket) -> int | None:
        """How far an order at the market takes, where the venue has such a bound."""
        percent = self.manner.collar
        return market.price * (100 + percent * order.sign) // 100 if percent and market.price else None

    def _bought_by(self, funds: int, order: PaperOrder, market: PaperMarket, at: int) -> int:
        """How much so much money buys or sells now."""
        if at:
            return funds // at
        much = 0
        for price, size in market.takeable(order.sign, funds // max(1, market.touch(order.sign)), None):
            met = min(size, funds // price)
            much += met
            funds -= met * price
        return much - much % market.rules.market_lot

    def _crosses(self, order: PaperOrder, market: PaperMarket) -> bool:
        touch = market.touch(order.sign)
        return bool(touch) and ((order.price or 0) - touch) * order.sign >= 0

    def _steps_aside(self, order: PaperOrder, market: PaperMarket, now_ns: int, at: int) -> bool:
        """Own orders that it would meet expire; an order that may only rest meets nobody. True: it has ended itself."""
        if order.request.force is Force.POST_ONLY:
            return False
        opposite = [each for each in market.resting if each.sign != order.sign]
        if opposite:
            known = [(at, order.left)] if at else market.takeable(order.sign, order.left, order.price, beyond=False)
            whole = bool(known) and sum(quantity for _, quantity in known) >= order.left
            worst = order.price if order.price is not None and not whole else known[-1][0] if known else market.touch(order.sign)
            for other in opposite:
                if (worst - (other.price or 0)) * order.sign >= 0:
                    self._end(other, OrderState.EXPIRED, now_ns, _SELF_TRADE)
        return not order.is_open

    def _trade(self, order: PaperOrder, price: int, quantity: int, now_ns: int, *, maker: bool, fine: int = 0) -> None:
        if not order.holds:
            self._take_over(order, now_ns)
        fee, currency = self._account.fill(order, price, quantity, maker=maker, fine=fine)
        order.left -= quantity
        order.filled += quantity
        order.updated_ns = now_ns
        order.state = OrderState.PARTIAL if order.left else OrderState.FILLED
        fill = FillUpdate(
            at_ns=now_ns,
            symbol=order.symbol,
            client_id=order.request.client_id,
            venue_id=str(order.number),
            trade_id=str(self._next_id(now_ns)),
            side=order.request.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_currency=currency,
            maker=maker,
            position_side=order.request.position_side,
            event_ns=now_ns,
        )
        self._fills[order.symbol].append(fill)
        self._fresh.append(fill)
        self._say(fill)
        if not order.left:
            self._close(order)
        self._tell(order, now_ns, "TRADE")
        self._tell_account(order.symbol, order.request.position_side, now_ns)
        self._others_of_its_list(order, now_ns)
        if self._margin is not None:
            self._knock_out(order.symbol, now_ns)
            self._reckon(order.symbol)
        if not order.left:
            self._finish_parent(order, now_ns)

    def _take_over(self, order: PaperOrder, now_ns: int) -> None:
        """It has shared another's money so far: that one ends, and it holds its own."""
        self._others_of_its_list(order, now_ns)
        order.holds = True
        self._account.hold(order, order.price or order.request.trigger or 0)

    def _others_of_its_list(self, order: PaperOrder, now_ns: int) -> None:
        for other in order.kin:
            if other.is_open:
                self._end(other, OrderState.EXPIRED, now_ns)

    def _end(self, order: PaperOrder, state: OrderState, now_ns: int, reason: str = "") -> None:
        order.state, order.reason, order.updated_ns = state, reason, now_ns
        self._close(order)
        self._tell(order, now_ns, state.name)
        if self._margin is None:
            self._say(BalanceUpdate(at_ns=now_ns, balances=self._account.balances(), event_ns=now_ns, venue=self._venue))
        self._finish_parent(order, now_ns)

    def _close(self, order: PaperOrder) -> None:
        self._account.release(order)
        self._open.pop(order.number, None)
        market = self._markets[order.symbol]
        market.leave(order)
        market.renew()

    def _finish_parent(self, order: PaperOrder, now_ns: int) -> None:
        """What a waiting order became is over, and so is that."""
        parent = order.parent
        if parent is not None and parent.state is OrderState.TRIGGERED:
            parent.state = OrderState.FILLED if order.filled else OrderState.CANCELED
            parent.updated_ns = now_ns
            self._open.pop(parent.number, None)
            self._say(as_algo(parent, self.manner, now_ns))

    # -- the market moved ---------------------------------------------------------------------------------------------

    def moved(self, market: PaperMarket, event: MarketEvent, now_ns: int) -> None:
        """A book or a trade, of a market that has something to look after."""
        for order in list(market.pending):
            if not market.is_blind(order.sign):
                market.pending.remove(order)
                self._meet(order, market, now_ns)
        if market.resting:
            if isinstance(event, MarketTrade):
                met = market.traded(event.price, event.size, _sign(event.taker))
            else:
                met = market.moved(whole=event is market.depth or market.depth is None)
            for order, quantity in met:
                if order.is_open:  # what was filled before it may have ended it
                    self._trade(order, order.price or 0, min(quantity, order.left), now_ns, maker=True)
        if market.waiting:
            for order in list(market.waiting):
                self._look_at(order, market, event, now_ns)
        if market.low or market.high:
            self._look_at_end(market, market.price, now_ns)
        market.renew()

    def marked(self, market: PaperMarket, event: MarketMark, now_ns: int) -> None:
        """A new mark, and what the next funding will be."""
        if market.funding_ns and now_ns >= market.funding_ns:
            self._fund(market, market.rate, now_ns)
        market.mark = event.mark
        if event.funding_ns > now_ns:  # for a moment it tells the time that has just passed
            market.rate, market.funding_ns = event.rate_e8, event.funding_ns
        elif market.funding_ns <= now_ns:
            market.funding_ns = 0
        if market.is_busy:
            for order in list(market.waiting):
                self._look_at(order, market, event, now_ns)
            if market.low or market.high:
                self._look_at_end(market, market.mark, now_ns)
            market.renew()

    def told(self, market: PaperMarket, event: MarketEvent, now_ns: int) -> None:
        """Anything else: a bar, or that something may be missing."""
        if isinstance(event, MarketDoubt):
            market.in_doubt = self._settings.grade is Grade.BOOKS
        elif isinstance(event, MarketPrice) and self._settings.grade is Grade.BARS:
            if not now_ns % _FUNDING_NS:
                market.last = event.price  # what it opens at is the price at which funding is paid then
            self._pass_funding(market, now_ns)
            for order in list(market.pending):
                self._open_at(order, market, event.price, now_ns)
            market.last = event.price
            market.renew()
        elif isinstance(event, MarketBar) and self._settings.grade is Grade.BARS:
            self._ranged(market, event, now_ns)
            market.last = event.close
            market.renew()

    def _look_at(self, order: PaperOrder, market: PaperMarket, event: MarketEvent, now_ns: int) -> None:
        """Whether an event triggers a waiting order: a mark those that look at marks, a trade the others; a book where none is told."""
        by_mark = order.request.trigger_by is TriggerBy.MARK and not self.manner.triggers_by_last
        if isinstance(event, MarketMark):
            price = event.mark if by_mark else 0
        elif by_mark and market.mark:
            price = 0
        elif isinstance(event, MarketTrade):
            price = event.price
        else:
            price = 0 if market.last else market.touch(-order.sign) or market.price
        if price and order.state is OrderState.WAITING and order.is_met(price):
            self._trigger(order, market, now_ns)

    def _trigger(self, order: PaperOrder, market: PaperMarket, now_ns: int, *, at: int = 0) -> None:
        market.waiting.remove(order)
        if self._able.conditional is not Conditional.ALGO:
            if not order.holds:
                self._take_over(order, now_ns)
            self._others_of_its_list(order, now_ns)
            order.state, order.updated_ns = OrderState.NEW, now_ns
            self._tell(order, now_ns, "TRIGGERED")
            self._meet(order, market, now_ns, at=at)
            return
        order.state, order.updated_ns = OrderState.TRIGGERED, now_ns
        child = self._child_of(order, now_ns)
        refused = Refusal("-2022", "ReduceOnly Order is rejected.") if not child.left else self._judged(child, market)
        if refused is not None:
            self._end(order, OrderState.REJECTED, now_ns, refused.text)
            return
        order.child = child
        self._say(as_algo(order, self.manner, now_ns))
        self._begin(child, market, now_ns)
        self._meet(child, market, now_ns, at=at)

    def _child_of(self, order: PaperOrder, now_ns: int) -> PaperOrder:
        request, margin = order.request, self._margin
        quantity = request.quantity
        if quantity is None:
            held = margin.position(order).quantity if margin is not None else 0
            quantity = abs(held) if held * order.sign < 0 else 0
        plain = msgspec.structs.replace(
            request, kind=OrderKind.MARKET, quantity=quantity, trigger=None, reduce_only=request.reduce_only or request.close_position
        )
        child = PaperOrder(plain, self._next_id(now_ns), order.sent_ns, now_ns)
        child.parent = order
        return child

    # -- bars ---------------------------------------------------------------------------------------------------------

    def _ranged(self, market: PaperMarket, bar: MarketBar, now_ns: int) -> None:
        """A bar is over: what was pending paid its opening; stops come before whatever else it could have met."""
        for order in list(market.pending):
            if order.sent_ns <= bar.start_ns:
                self._open_at(order, market, bar.open, now_ns)
        for order in list(market.waiting):
            if order.fears and order.state is OrderState.WAITING and order.sent_ns < bar.at_ns:
                order.is_met(bar.high if order.sign < 0 else bar.low)  # a trailing one follows first
                if order.is_met(bar.low if order.sign < 0 else bar.high):
                    worst = min(order.trigger, bar.open) if order.sign < 0 else max(order.trigger, bar.open)
                    at = worst if order.sent_ns <= bar.start_ns else order.trigger
                    self._trigger(order, market, now_ns, at=market.beside(at, order.sign))
        for order in list(market.waiting):
            known = not order.fears and order.state is OrderState.WAITING and order.sent_ns <= bar.start_ns
            if known and order.is_met(bar.high if order.sign < 0 else bar.low):
                best = max(order.trigger, bar.open) if order.sign < 0 else min(order.trigger, bar.open)
                self._trigger(order, market, now_ns, at=market.beside(best, order.sign))
        for order, quantity in market.ranged(bar.low, bar.high):
            if order.is_open and order.sent_ns <= bar.start_ns:
                self._trade(order, order.price or 0, min(quantity, order.left), now_ns, maker=True)
        if market.low or market.high:
            self._look_at_end(market, bar.low if market.low else bar.high, now_ns)

    def _open_at(self, order: PaperOrder, market: PaperMarket, price: int, now_ns: int) -> None:
        """A bar's opening is the market that an order meets."""
        market.pending.remove(order)
        at = market.beside(price, order.sign)
        if order.price is None or (order.price - at) * order.sign >= 0:
            self._meet(order, market, now_ns, at=at)
        elif order.request.force in (Force.IOC, Force.FOK):
            self._end(order, OrderState.EXPIRED, now_ns, _REST)
        else:
            market.rest(order)

    # -- positions: what only closes, funding, the end ------------------------------------------------------------------

    def _knock_out(self, symbol: str, now_ns: int) -> None:
        """End the orders that could only close a position and find none any more, and cut those that are too large for it."""
        margin, left = self._margin, dict[tuple[PositionSide, int], int]()
        for order in [each for each in self._open.values() if each.symbol == symbol and each.only_closes]:
            if margin is None or order.state in (OrderState.WAITING, OrderState.TRIGGERED):
                continue
            key = (order.request.position_side, order.sign)
            held = margin.position(order).quantity
            room = left.setdefault(key, abs(held) if held * order.sign < 0 else 0)
            keeps = min(order.left, room)
            left[key] = room - keeps
            if not keeps:
                self._end(order, OrderState.EXPIRED, now_ns, _KNOCKED_OUT)
            elif keeps < order.left:
                order.left, order.quantity = keeps, order.filled + keeps

    def look_at_margin(self, now_ns: int) -> None:
        """Once a second: funding that is due, a warning, and where the end is as other positions stand now."""
        margin = self._margin
        if margin is None:
            return
        boundary = now_ns - now_ns % _FUNDING_NS
        has_bars = self._settings.grade is Grade.BARS
        is_due, self._funding_ns = bool(self._funding_ns) and boundary > self._funding_ns, boundary
        for symbol, market in self._markets.items():
            if market.funding_ns and now_ns >= market.funding_ns:
                self._fund(market, market.rate, now_ns)
                market.funding_ns = 0
            elif has_bars and now_ns > boundary:  # a candle that begins at the moment itself has told its opening
                self._pass_funding(market, now_ns)
            elif is_due and not has_bars and not market.rate:
                self._fund(market, None, now_ns)
            if market.low or market.high:
                self._reckon(symbol)
        held = margin.held()
        if held:
            currency = self._markets[held[0].symbol].rules.settle
            near = margin.maintenance(currency) * _WARNED_AT[1] >= margin.equity(currency) * _WARNED_AT[0]
            if near and not self._warned:
                self._say(MarginCall(at_ns=now_ns, venue=self._venue, positions=tuple(held)))
            self._warned = near

    def calm_to(self, now_ns: int) -> int:
        """The moment before which `look_at_margin` finds nothing; 0: it may."""
        if self._margin is None:
            return 1 << 62
        if any(market.low or market.high for market in self._markets.values()):
            return 0
        boundary = now_ns - now_ns % _FUNDING_NS
        if any(each < boundary for each in self._funded.values()):
            return 0
        due = [market.funding_ns for market in self._markets.values() if market.funding_ns]
        return min([boundary + _FUNDING_NS, *due])

    def _pass_funding(self, market: PaperMarket, now_ns: int) -> None:
        """With candles: the funding that is due by now, once."""
        symbol, boundary = market.rules.symbol, now_ns - now_ns % _FUNDING_NS
        if self._funded.setdefault(symbol, boundary) < boundary:
            self._funded[symbol] = boundary
            self._fund(market, None, now_ns)

    def _fund(self, market: PaperMarket, rate_e8: int | None, now_ns: int) -> None:
        """Positions of a symbol pay or get funding; where the rate is not told, they pay the stated one."""
        margin, rules = self._margin, market.rules
        held = sum(each.quantity for (symbol, _), each in margin.positions.items() if symbol == rules.symbol) if margin is not None else 0
        if margin is None or not held or not market.price:
            return
        stated = round(self._settings.funding_bp * _BP) * (1 if held > 0 else -1)
        units = margin.fund(rules.symbol, stated if rate_e8 is None else rate_e8)
        self._say(FundingUpdate(at_ns=now_ns, symbol=rules.symbol, currency=rules.settle, amount=units_text(units), event_ns=now_ns))
        self._say(BalanceUpdate(at_ns=now_ns, balances=self._account.balances(), event_ns=now_ns, venue=self._venue))
        self._reckon(rules.symbol)

    def _reckon(self, symbol: str) -> None:
        """Where the symbol's position would be liquidated."""
        market = self._markets[symbol]
        if self._margin is not None:
            market.low, market.high = self._margin.liquidation(symbol)
            market.renew()

    def _look_at_end(self, market: PaperMarket, price: int, now_ns: int) -> None:
        if price and ((market.low and price <= market.low) or (market.high and price >= market.high)):
            self._liquidate(market, price, now_ns)

    def _liquidate(self, market: PaperMarket, price: int, now_ns: int) -> None:
        """The account cannot carry its positions: orders end, every position is sold, a fee is taken, and no debt is left."""
        margin = self._margin
        assert margin is not None, "only positions are liquidated"
        self._say(MarginCall(at_ns=now_ns, venue=self._venue, positions=tuple(margin.held())))
        for order in list(self._open.values()):
            if order.is_open:
                self._end(order, OrderState.EXPIRED, now_ns, "liquidation")
        sides = {held.position_side: None for held in margin.held() if held.symbol == market.rules.symbol}
        for held in margin.held():
            each = self._markets[held.symbol]
            request = OrderRequest(
                client_id=f"autoclose-{now_ns // _MS_NS}",
                symbol=held.symbol,
                side=Side.SELL if held.quantity > 0 else Side.BUY,
                kind=OrderKind.MARKET,
                quantity=abs(held.quantity),
                position_side=held.position_side,
            )
            order = PaperOrder(request, self._next_id(now_ns), now_ns, now_ns)
            self._open[order.number] = order
            taken = each.takeable(order.sign, order.left, None)
            for at, quantity in taken or [(price if each is market else each.price, order.left)]:
                self._sell_off(order, at, quantity, now_ns)
            if order.left:
                self._sell_off(order, taken[-1][0], order.left, now_ns)
        margin.forgive(market.rules.settle)
        for side in sides or (PositionSide.BOTH,):
            self._tell_account(market.rules.symbol, side, now_ns)

    def _sell_off(self, order: PaperOrder, price: int, quantity: int, now_ns: int) -> None:
        rules, margin = self._markets[order.symbol].rules, self._margin
        assert margin is not None, "only positions are liquidated"
        self._trade(order, price, quantity, now_ns, maker=False, fine=margin.fine(rules, price * quantity, self._settings.liquidation_bp))

    # -- small words --------------------------------------------------------------------------------------------------

    def _tell(self, order: PaperOrder, now_ns: int, execution: str) -> None:
        self._say(self.status(order, now_ns, execution))

    def _tell_account(self, symbol: str, side: PositionSide, now_ns: int) -> None:
        if self._margin is not None:
            self._say(PositionUpdate(at_ns=now_ns, held=self._margin.held_of(symbol, side), event_ns=now_ns))
        self._say(BalanceUpdate(at_ns=now_ns, balances=self._account.balances(), event_ns=now_ns, venue=self._venue))

    def _all_open(self) -> Iterable[PaperOrder]:
        return self._open.values()

    def _next_id(self, now_ns: int) -> int:
        """Grows with time, so that the ids of one run are not those of the next."""
        self._ids = max(self._ids + 1, now_ns // _MICRO_NS)
        return self._ids


def _sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1


def _asked_at(order: PaperOrder) -> int:
    """The price at which an order that rests holds money."""
    return order.request.price or order.request.trigger or 0
