"""Random sequences of what can be heard of one order, and what must hold after each: a plain driver, fast enough for millions."""

from __future__ import annotations

import random
from collections.abc import Callable

from hoga.core.market import Side
from hoga.core.trading import (
    Action,
    AlgoUpdate,
    CancelRefused,
    CancelSent,
    Capabilities,
    FillUpdate,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    TradesRead,
    Unanswered,
    signed,
)
from hoga.trading.orders import Heard, News, Order, Orders, Role, Status
from hoga.trading.portfolio import Portfolio
from tests.trading.exchange import FUTURES, SYMBOL, VENUE, S

STATES = tuple(OrderState)
SHORT = 6
LONG = 14


class Broken(Exception):
    """What must hold does not: the sequence that broke it."""


class One:
    """One order, its book of orders, and the position that its fills make."""

    def __init__(self, draw: random.Random, able: Capabilities = FUTURES) -> None:
        self.draw = draw
        self.able = able
        self.now = 1_000 * S
        self.orders = Orders()
        self.portfolio = Portfolio({})
        kind = draw.choice((OrderKind.LIMIT, OrderKind.MARKET, OrderKind.STOP))
        self.request = OrderRequest(
            client_id="hg-1-1-1", symbol=SYMBOL, side=draw.choice((Side.BUY, Side.SELL)), kind=kind, quantity=draw.randint(1, 5)
        )
        self.order = Order(request=self.request, strategy="one", role=Role.ENTRY, sent_ns=self.now)
        self.orders.add(self.order)
        self.trades: dict[str, int] = {}
        self.said: list[str] = []
        self.flagged = False
        self.over: Status | None = None
        self.take([self.orders.hear(self.order, Heard.SENT, self.now)], "sent")
        self.moves: tuple[Callable[[], tuple[str, list[News]]], ...] = (
            self.accepted,
            self.refused,
            self.not_sent,
            self.unanswered,
            self.cancel_sent,
            self.cancel_refused,
            self.updated,
            self.updated,
            self.algo,
            self.filled,
            self.filled,
            self.filled_again,
            self.not_found,
            self.listed,
            self.traded,
        )
        if draw.random() < 0.2:  # a venue that denies, for the most part: the way to a proof of absence
            self.moves = (self.unanswered, self.not_found, self.not_found, self.listed, self.traded)
            if draw.random() < 0.2:
                self.moves += (self.filled, self.updated)

    def step(self) -> None:
        self.now += self.draw.choice((0, 1_000_000, S, 3 * S, 12 * S))
        what, news = self.draw.choice(self.moves)()
        self.take(news, what)

    # -- what can be heard ----------------------------------------------------------------------------------------------

    def accepted(self) -> tuple[str, list[News]]:
        update = self.update() if self.draw.random() < 0.3 else None
        event = OrderAccepted(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, order=update)
        return "accepted", self.orders.accepted(self.order, event)

    def refused(self) -> tuple[str, list[News]]:
        event = OrderRefused(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, code="-2010", text="no")
        return "refused", self.orders.refused(self.order, event)

    def not_sent(self) -> tuple[str, list[News]]:
        event = NotSent(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, code="line", text="closed")
        return "not sent", self.orders.refused(self.order, event)

    def unanswered(self) -> tuple[str, list[News]]:
        action = self.draw.choice((Action.NEW, Action.CANCEL, Action.QUERY))
        event = Unanswered(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, action=action, why="timeout")
        return f"unanswered {action}", self.orders.unanswered(self.order, event)

    def cancel_sent(self) -> tuple[str, list[News]]:
        event = CancelSent(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, final=self.draw.random() < 0.5)
        return "cancel sent", self.orders.cancel_sent(self.order, event)

    def cancel_refused(self) -> tuple[str, list[News]]:
        unknown = self.draw.random() < 0.5
        event = CancelRefused(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, code="-2011", text="no", unknown=unknown)
        return "cancel refused", self.orders.cancel_refused(self.order, event)

    def update(self) -> OrderUpdate:
        return OrderUpdate(
            at_ns=self.now,
            symbol=SYMBOL,
            client_id=self.order.client_id,
            venue_id="77",
            state=self.draw.choice(STATES),
            said="x",
            side=self.request.side,
            filled=self.draw.choice((None, 0, 1, self.request.quantity)),
            parent_id=self.draw.choice(("", "", self.order.client_id)),
        )

    def updated(self) -> tuple[str, list[News]]:
        event = self.update()
        return f"update {event.state} {event.filled}", self.orders.updated(self.order, event)

    def algo(self) -> tuple[str, list[News]]:
        if not self.request.waits:
            return self.updated()
        event = AlgoUpdate(
            at_ns=self.now,
            symbol=SYMBOL,
            client_id=self.order.client_id,
            algo_id="88",
            state=self.draw.choice(STATES),
            said="x",
            side=self.request.side,
            child_id=self.draw.choice(("", "77")),
        )
        return f"algo {event.state}", self.orders.algo_updated(self.order, event)

    def filled(self) -> tuple[str, list[News]]:
        return self.fill(str(len(self.trades) + 1), self.draw.randint(1, 3))

    def filled_again(self) -> tuple[str, list[News]]:
        if not self.trades:
            return self.filled()
        trade_id = self.draw.choice(list(self.trades))
        return self.fill(trade_id, self.trades[trade_id])

    def fill(self, trade_id: str, quantity: int) -> tuple[str, list[News]]:
        event = FillUpdate(
            at_ns=self.now,
            symbol=SYMBOL,
            client_id=self.order.client_id,
            venue_id="77",
            trade_id=trade_id,
            side=self.request.side,
            price=100,
            quantity=quantity,
            fee=None,
            fee_currency=None,
            maker=None,
        )
        self.trades[trade_id] = quantity
        return f"fill {trade_id} {quantity}", self.orders.filled(self.order, event)

    def not_found(self) -> tuple[str, list[News]]:
        event = NotFound(at_ns=self.now, client_id=self.order.client_id, symbol=SYMBOL, asked_ns=self.now - self.draw.choice((0, S)))
        return "not found", self.orders.denied(self.order, event, self.able)

    def listed(self) -> tuple[str, list[News]]:
        event = OpenOrders(at_ns=self.now, venue=VENUE, symbol="", asked_ns=self.now, orders=())
        return "not listed", self.orders.listed(event, self.able)

    def traded(self) -> tuple[str, list[News]]:
        event = TradesRead(at_ns=self.now, symbol=SYMBOL, asked_ns=self.now, fills=(), whole=self.draw.random() < 0.7)
        return "no trades", self.orders.traded(event, self.able)

    # -- what must hold -------------------------------------------------------------------------------------------------

    def take(self, news: list[News], what: str) -> None:
        self.said.append(what)
        for each in news:
            self.flagged = self.flagged or bool(each.breach)
            if each.fill is not None:
                self.portfolio.fill("one", each.fill)
        order = self.order
        self.hold(order.status.is_over or self.over is None, f"{self.over} lives again as {order.status}")
        if order.status.is_over:
            self.hold(self.over in (None, order.status), f"{self.over} became {order.status}")
            self.over = order.status
        whole = sum(self.trades.values())
        self.hold(order.filled == whole, f"{order.filled} filled, the trades are {whole}")
        self.hold(order.filled <= (self.request.quantity or 0) or self.flagged, "filled beyond its quantity, and nobody said so")
        self.hold(self.portfolio.position(SYMBOL) == signed(self.request.side, whole), "the position is not the sum of the fills")
        absent_filled = order.status is Status.ABSENT and order.filled
        self.hold(not absent_filled or self.flagged, "proven absent, filled, and nobody said so")
        listed = order in self.orders.working()
        self.hold(listed == (order.is_working or order.status is Status.INTENT), f"{order.status} is {'' if listed else 'not '}working")
        self.hold(order.status.is_over or order.rest + order.filled >= (self.request.quantity or 0), "exposure is lost")

    def hold(self, holds: object, what: str) -> None:
        if not holds:
            raise Broken(f"{what} after {', '.join(self.said)}")


def run(seed: int, sequences: int) -> dict[str, int]:
    """So many sequences; how they ended, by status. Raises Broken."""
    draw = random.Random(seed)
    ends: dict[str, int] = {}
    for _ in range(sequences):
        one = One(draw)
        for _ in range(draw.randint(SHORT, LONG)):
            one.step()
        ends[one.order.status] = ends.get(one.order.status, 0) + 1
    return ends
