"""simulator.engine.desk: traders' orders and the market: time in force, self-trade prevention, fills, ends. Pure; time is an argument.

Calling contract: `place` and `cancel` act at once, or when they arrive where there is a latency; after the market has moved,
`settle` lets arrive what is due and takes over what happened to resting orders. What all of it means in money is the
`Accounts`' business, which event tells it the `Teller`'s. What a venue decides differently is a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Generic, NamedTuple, Protocol, TypeVar

from hoga.simulator.engine.book import Side
from hoga.simulator.engine.instruments import E8
from hoga.simulator.engine.market import Engine, Market, NewOrder, OrderReport
from hoga.simulator.engine.own import Force, OwnFill, OwnOrder, SelfTrade, Status

__all__ = ["NO_FUNDS", "Accounts", "Desk", "LatencyModel", "QueueModel", "Teller", "lots_for"]

NO_FUNDS = "insufficient funds"
"""Why an order that has travelled is refused when its owner has not enough any more."""

O = TypeVar("O", bound=OwnOrder)  # noqa: E741  # an order, of whatever the venue adds to it
O_in = TypeVar("O_in", bound=OwnOrder, contravariant=True)


class QueueModel(NamedTuple):
    """Where an order that comes to rest stands at its price: behind `ahead` of the lots that are there. 1 is time priority."""

    ahead: float = 1.0


class LatencyModel(NamedTuple):
    """How long an order, and a cancel, travels until the market has it."""

    order_ns: int = 0
    cancel_ns: int = 0


class Accounts(Protocol):
    """What orders and fills mean in money."""

    def covers(self, order: OwnOrder, open_orders: Iterable[OwnOrder] = (), *, at: int) -> bool:
        """Whether there is enough for an order at a price of so many ticks, beside its owner's open ones."""

    def hold(self, order: OwnOrder) -> None:
        """An order was accepted."""

    def fill(self, order: OwnOrder, fill: OwnFill) -> None:
        """An order was met; its own figures are up to date."""

    def release(self, order: OwnOrder) -> None:
        """An order ended."""


class Teller(Protocol[O_in]):
    """Tells owners what becomes of their orders; the accounts are up to date when it is called."""

    def refused(self, order: O_in, reason: str) -> None:
        """The market does not take an order, which leaves no trace. May raise, to tell whoever placed it."""

    def placed(self, order: O_in) -> None:
        """An order was accepted."""

    def filled(self, order: O_in, fill: OwnFill) -> None:
        """An order was met."""

    def ended(self, order: O_in) -> None:
        """An order is open no more: its status says why."""


class Desk(Generic[O]):
    """Every order of every account.

    `refuses`: the market's reasons for which an order is refused; for any other it is accepted and expires. A venue that refuses none
    accepts an order before it looks for whom it meets, the others after. `stamp` is what the venue's clock says at a moment.
    """

    def __init__(
        self,
        engine: Engine,
        accounts: Accounts,
        teller: Teller[O],
        *,
        refuses: frozenset[str] = frozenset(),
        queue: QueueModel = QueueModel(),
        latency: LatencyModel = LatencyModel(),
        stamp: Callable[[int], int] = lambda now_ns: now_ns,
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._teller = teller
        self._refuses = refuses
        self._queue = queue
        self._latency = latency
        self._stamp = stamp
        self._orders: dict[str, list[O]] = {}
        self._open: dict[str, dict[O, None]] = {}
        self._by_id: dict[tuple[str, int], O] = {}
        self._travelling: list[tuple[int, int, Callable[[int], None]]] = []
        self._turns = count()

    def place(self, order: O, now_ns: int) -> None:
        """Send an order, or keep one that waits until it shall `work`. The teller hears of everything that becomes of it."""
        if order.waits:
            order.order_id = self._engine.market(order.symbol).take_order_id()
            self._by_id[order.symbol, order.order_id] = order
            self._accept(order, now_ns)
            return
        self._send(partial(self._arrive, order), now_ns, self._latency.order_ns)

    def work(self, order: O, now_ns: int) -> None:
        """Send an order that waited to the market."""
        order.waits = False
        if not order.holds:
            self.hold_for(order)
        if self._meets_its_own(order, now_ns):
            self._end(order, Status.EXPIRED_IN_MATCH, now_ns)
            return
        report = self._engine.market(order.symbol).submit(self._terms(order)._replace(order_id=order.order_id), now_ns)
        self._take_over(order, report, now_ns, Status.EXPIRED)

    def hold_for(self, order: O) -> None:
        """Hold its owner's money for an order that has shared another's so far."""
        order.holds = True
        self._accounts.hold(order)

    def shrink(self, order: O, left: int, now_ns: int) -> None:
        """Leave so many lots of an open order, fewer than are left; it keeps its place."""
        self._engine.market(order.symbol).shrink(order.order_id, left, now_ns)
        order.lots = order.filled + left

    def expire(self, order: O, now_ns: int) -> None:
        """End an order because the venue has no use for it any more."""
        self._take_back(order, Status.EXPIRED, now_ns)

    def everyones_open(self) -> list[O]:
        """Every account's open orders."""
        return [order for account in self._open for order in self.open_of(account)]

    def cancel(self, order: O, now_ns: int) -> None:
        """Take an order back. Nothing happens to one that is open no more when that arrives."""
        self._send(partial(self._take_back, order, Status.CANCELED), now_ns, self._latency.cancel_ns)

    def amend(self, order: O, lots: int, price: int, told: Callable[[], None], now_ns: int) -> None:
        """Give an open order another size and price; it loses its place, and ends when nothing is left of it or when it may not take what
        it would meet. `told` is called once it is changed, before anything more becomes of it."""
        market = self._engine.market(order.symbol)
        self._settle(market)
        if not order.is_open:
            return
        market.cancel(order.order_id, now_ns)
        if lots <= order.filled:
            self._end(order, Status.CANCELED, now_ns)
            return
        order.lots, order.price, order.updated_ns = lots, price, self._stamp(now_ns)
        told()
        report = market.submit(self._terms(order)._replace(lots=order.left, order_id=order.order_id), now_ns)
        self._take_over(order, report, now_ns, Status.CANCELED if report.refused else Status.EXPIRED)

    def settle(self, now_ns: int) -> None:
        """Let arrive what is due, and take over what happened to resting orders."""
        while self._travelling and self._travelling[0][0] <= now_ns:
            at_ns, _, act = heappop(self._travelling)
            act(at_ns)
        for market in self._engine.markets.values():
            self._settle(market)

    def of(self, account: str, symbol: str | None = None) -> Iterator[O]:
        """An account's orders, oldest first."""
        return (order for order in self._orders.get(account, ()) if symbol in (None, order.symbol))

    def newest(self, account: str, symbol: str) -> Iterator[O]:
        """An account's orders in a symbol, youngest first."""
        return (order for order in reversed(self._orders.get(account, ())) if order.symbol == symbol)

    def open_of(self, account: str, symbol: str | None = None) -> list[O]:
        """An account's open orders, oldest first."""
        return [order for order in self._open.get(account, ()) if order.is_open and symbol in (None, order.symbol)]

    # -- in the market -------------------------------------------------------------------------------------------

    def _send(self, act: Callable[[int], None], now_ns: int, travels_ns: int) -> None:
        if travels_ns:
            heappush(self._travelling, (now_ns + travels_ns, next(self._turns), act))
        else:
            act(now_ns)

    def _arrive(self, order: O, now_ns: int) -> None:
        market = self._engine.market(order.symbol)
        self._settle(market)
        if self._latency.order_ns and not self._accounts.covers(
            order, self.open_of(order.account), at=order.price or market.tape.last_price
        ):
            self._teller.refused(order, NO_FUNDS)
            return
        if not self._refuses:
            self._accept(order, now_ns)
        if order.budget_e8 is not None:
            order.lots = lots_for(market, order.side, order.budget_e8, limit=order.price)
        if self._meets_its_own(order, now_ns):
            self._end_unmatched(order, now_ns)
            return
        if order.budget_e8 is not None:  # who was in the way is gone
            order.lots = lots_for(market, order.side, order.budget_e8, limit=order.price)
        report = market.submit(self._terms(order), now_ns)
        if report.refused in self._refuses:
            self._teller.refused(order, report.refused or "")
            return
        order.order_id = report.order_id
        self._by_id[order.symbol, order.order_id] = order
        if self._refuses:
            self._accept(order, now_ns)
        self._take_over(order, report, now_ns, Status.EXPIRED)

    def _take_over(self, order: O, report: OrderReport, now_ns: int, unless_resting: Status) -> None:
        """Take over what the market did with an order; `unless_resting` is how it ends where nothing of it rests."""
        for trade in report.trades:
            self._fill(order, trade.trade_id, trade.price, trade.lots, trade.time_ns, maker=False)
        self._settle(self._engine.market(order.symbol))
        if order.status is Status.FILLED:
            self._finish(order)
        elif report.resting is None:
            self._end(order, unless_resting, now_ns)

    def _end_unmatched(self, order: O, now_ns: int) -> None:
        if self._refuses:
            self._accept(order, now_ns)
        self._end(order, Status.EXPIRED_IN_MATCH, now_ns)

    def _terms(self, order: O) -> NewOrder:
        at_market = order.price is None
        return NewOrder(
            order.side,
            max(1, int(order.lots * order.share)) if order.share < 1.0 else order.lots,
            order.bound if at_market else order.price,
            owner=order.account,
            rest=not at_market and order.force in (Force.GTC, Force.POST_ONLY),
            post_only=order.force is Force.POST_ONLY,
            whole=order.force is Force.FOK,
            ahead=self._queue.ahead,
        )

    def _accept(self, order: O, now_ns: int) -> None:
        order.created_ns = order.updated_ns = self._stamp(now_ns)
        self._orders.setdefault(order.account, []).append(order)
        self._open.setdefault(order.account, {})[order] = None
        self._accounts.hold(order)
        self._teller.placed(order)

    def _meets_its_own(self, order: O, now_ns: int) -> bool:
        """Self-trade prevention, before anything is matched. True: it is this order that goes."""
        if order.self_trade is SelfTrade.NONE:
            return False
        while met := self._own_in_the_way(order):
            if order.self_trade is not SelfTrade.EXPIRE_TAKER:
                for other in met:
                    self._take_back(other, Status.EXPIRED_IN_MATCH, now_ns)
            if order.self_trade is not SelfTrade.EXPIRE_MAKER:
                return True
        return False

    def _own_in_the_way(self, order: O) -> list[O]:
        """The orders of its owner that an order would meet now."""
        others = [other for other in self.open_of(order.account, order.symbol) if other.side is not order.side]
        if not others:
            return []
        book, limit = self._engine.market(order.symbol).book, order.bound if order.price is None else order.price
        met = book.own_in_the_way(order.side, order.left, limit=limit, owner=order.account)
        return [other for other in others if other.order_id in met]

    def _take_back(self, order: O, status: Status, now_ns: int) -> None:
        market = self._engine.market(order.symbol)
        self._settle(market)
        if order.is_open:
            market.cancel(order.order_id, now_ns)
            self._end(order, status, now_ns)

    def _settle(self, market: Market) -> None:
        fills, market.fills = market.fills, []
        for fill in fills:
            order = self._by_id.get((market.instrument.symbol, fill.order_id))
            if order is not None:
                self._fill(order, fill.trade_id, fill.price, fill.lots, fill.time_ns, maker=True)
                if order.status is Status.FILLED:
                    self._finish(order)

    def _fill(self, order: O, trade_id: int, price: int, lots: int, time_ns: int, *, maker: bool) -> None:
        fill = OwnFill(trade_id, price, lots, self._stamp(time_ns), maker)
        order.fills.append(fill)
        order.filled += lots
        order.quote += fill.quote
        order.updated_ns = fill.time_ns
        order.status = Status.FILLED if order.is_complete else Status.PARTIALLY_FILLED
        self._accounts.fill(order, fill)
        self._teller.filled(order, fill)

    def _end(self, order: O, status: Status, now_ns: int) -> None:
        order.status, order.updated_ns = status, self._stamp(now_ns)
        self._finish(order)

    def _finish(self, order: O) -> None:
        self._open[order.account].pop(order, None)
        self._accounts.release(order)
        self._teller.ended(order)


def lots_for(market: Market, side: Side, quote_e8: int, *, limit: int | None = None) -> int:
    """How many lots a quote amount (in units of 1e-8) buys or sells now, from the best price up to `limit`."""
    lots, left, half = 0, quote_e8 * E8, market.book.side(side.opposite)
    for level in half.top(len(half.keys)):
        if limit is not None and (limit - level.price) * side < 0:
            break
        one = level.price * market.instrument.tick_e8 * market.instrument.lot_e8
        taken = min(level.lots, left // one)
        lots, left = lots + taken, left - taken * one
        if taken < level.lots:
            break
    return lots
