"""An exchange in memory for the exit, without a wire: positions or coins, orders, and faults by chance. Time passes when somebody waits.

It does what it is told: an order that would turn a position round turns it round, so that a test sees it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hoga.core.market import Side
from hoga.core.trading import (
    AccountRead,
    Action,
    AlgoUpdate,
    Balance,
    CancelRefused,
    CancelSent,
    Capabilities,
    Conditional,
    ExecutionEvent,
    FillUpdate,
    Held,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionSide,
    PositionsRead,
    ReadFailed,
    Resting,
    Rules,
    TradesRead,
    Unanswered,
    signed,
)
from hoga.runtime.clock import ManualClock
from hoga.venues.orders import RuleBook, Target

SYMBOL = "venue:COIN"
RULES = Rules(
    symbol=SYMBOL, base="COIN", quote="CASH", settle="CASH", price_power=-1, size_power=-3, ticks=((0, 1),), lot=1, least=1,
    market_lot=1, market_least=1, market_most=400, min_notional=None,
)  # fmt: skip


class Jumping(ManualClock):
    """A clock on which waiting costs nothing."""

    async def sleep(self, seconds: float) -> None:
        self.advance(max(seconds, 0.001))
        await asyncio.sleep(0)


@dataclass
class Rest:
    """An order that rests."""

    client_id: str
    venue_id: str
    side: Side
    quantity: int | None
    reduce_only: bool = False
    close_position: bool = False
    waits: bool = False
    position_side: PositionSide = PositionSide.BOTH


@dataclass
class Market:
    """`odds`: how likely each call fails (5xx), is done without an answer, is refused although right, or is filled in part."""

    clock: ManualClock
    futures: bool = True
    seed: int = 0
    failing: float = 0.0
    silent: float = 0.0
    refusing: float = 0.0
    partial: float = 0.0
    rules: Rules = RULES
    positions_of: dict[PositionSide, int] = field(default_factory=dict)
    free: int = 0
    resting: list[Rest] = field(default_factory=list)
    fees: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.venue = "venue"
        self.book = RuleBook("venue", [self.rules])
        self.retries = 0
        self.shut_out = ""
        self.chance = random.Random(self.seed)
        self.capabilities = Capabilities(
            client_id_chars=36, client_id_for_ever=not self.futures, absence_after_s=10.0, conditional=Conditional.ALGO,
            reduce_only=self.futures, short=self.futures, hedge=self.futures, leverage=self.futures, fills_in_reply=False,
            market_buy_by_funds=False, cancels_by_symbol=True,
        )  # fmt: skip
        self.has_positions = self.futures
        self.done: dict[str, OrderUpdate] = {}
        self.sold = 0
        self.lowest = {side: abs(quantity) for side, quantity in self.positions_of.items()}
        self.flips: list[str] = []
        self.cancelled: list[str] = []
        self.cancelled_while_held: list[str] = []
        self.seen_ids: list[str] = []

    def _fails(self) -> bool:
        self.clock.advance(0.02)
        return self.chance.random() < self.failing

    async def measure(self) -> None:
        """Nothing to learn."""

    async def learn_rules(self) -> bool:
        return not self._fails()

    async def quote(self, symbol: str) -> tuple[int, int] | None:
        return None if self._fails() else (9_999, 10_001)

    async def open_orders(self, symbol: str = "") -> OpenOrders | ReadFailed:
        now = self.clock.time_ns()
        if self._fails():
            return ReadFailed(at_ns=now, venue="venue", what="open orders", why="HTTP 503")
        return OpenOrders(
            at_ns=now, venue="venue", symbol="", asked_ns=now, orders=tuple(Resting(order=self._told(each)) for each in self.resting)
        )

    def _told(self, each: Rest) -> OrderUpdate | AlgoUpdate:
        same: dict[str, Any] = {
            "at_ns": 0, "symbol": SYMBOL, "client_id": each.client_id, "said": "NEW", "side": each.side, "quantity": each.quantity,
            "reduce_only": each.reduce_only, "close_position": each.close_position, "position_side": each.position_side,
        }  # fmt: skip
        if each.waits:
            return AlgoUpdate(algo_id=each.venue_id, state=OrderState.WAITING, **same)
        return OrderUpdate(venue_id=each.venue_id, state=OrderState.NEW, **same)

    async def positions(self) -> PositionsRead | ReadFailed:
        now = self.clock.time_ns()
        if self._fails():
            return ReadFailed(at_ns=now, venue="venue", what="positions", why="HTTP 503")
        held = tuple(Held(symbol=SYMBOL, quantity=each, entry="1", position_side=side) for side, each in self.positions_of.items() if each)
        return PositionsRead(at_ns=now, venue="venue", asked_ns=now, positions=held)

    async def balances(self) -> AccountRead | ReadFailed:
        now = self.clock.time_ns()
        if self._fails():
            return ReadFailed(at_ns=now, venue="venue", what="account", why="HTTP 503")
        free = str(Decimal(self.free - self._locked()).scaleb(-3))
        return AccountRead(at_ns=now, venue="venue", asked_ns=now, balances=(Balance(currency="COIN", free=free, locked="0"),))

    def _locked(self) -> int:
        return sum(each.quantity or 0 for each in self.resting if each.side is Side.SELL)

    async def trades(self, symbol: str, since_ns: int) -> TradesRead | ReadFailed:
        now = self.clock.time_ns()
        if self._fails():
            return ReadFailed(at_ns=now, venue="venue", what="trades", why="HTTP 503")
        fills = tuple(
            FillUpdate(
                at_ns=now, symbol=symbol, client_id="", venue_id=each.venue_id, trade_id=f"t{id}", side=each.side, price=10_000,
                quantity=each.filled, fee=self.fees.get(id, "0"), fee_currency="COIN", maker=False,
            )
            for id, each in self.done.items()
            if each.filled
        )  # fmt: skip
        return TradesRead(at_ns=now, symbol=symbol, asked_ns=now, fills=fills, whole=True)

    async def query(self, target: Target) -> tuple[ExecutionEvent, ...]:
        now = self.clock.time_ns()
        if self._fails():
            return (ReadFailed(at_ns=now, venue="venue", what="order", why="HTTP 503", client_id=target.client_id),)
        for each in self.resting:
            if each.client_id == target.client_id:
                return (self._told(each),)
        known = self.done.get(target.client_id)
        return (known,) if known else (NotFound(at_ns=now, client_id=target.client_id, symbol=SYMBOL, asked_ns=now),)

    async def cancel(self, target: Target) -> ExecutionEvent:
        now, names = self.clock.time_ns(), {"client_id": target.client_id, "symbol": target.symbol}
        if self._fails():
            return Unanswered(at_ns=now, **names, action=Action.CANCEL, why="HTTP 503")
        gone = [each for each in self.resting if each.client_id == target.client_id]
        if not gone:
            return CancelRefused(at_ns=now, **names, code="-2011", text="Unknown order sent.", unknown=True)
        self._remove(gone)
        return CancelSent(at_ns=now, **names, final=True)

    async def cancel_all(self, symbol: str) -> str:
        if self._fails():
            return "HTTP 503"
        self._remove([each for each in self.resting if not each.waits])
        return ""

    def _remove(self, gone: list[Rest]) -> None:
        self.cancelled += [each.client_id for each in gone]
        if any(self.positions_of.values()):
            self.cancelled_while_held += [each.client_id for each in gone]
        self.resting = [each for each in self.resting if each not in gone]

    async def send(self, order: OrderRequest) -> ExecutionEvent:
        assert order.client_id not in self.seen_ids, "a client id is used once"
        self.seen_ids.append(order.client_id)
        now, names = self.clock.time_ns(), {"client_id": order.client_id, "symbol": order.symbol}
        if self._fails():
            return Unanswered(at_ns=now, **names, action=Action.NEW, why="HTTP 503")
        refused = self._refusal(order)
        if refused:
            return OrderRefused(at_ns=now, **names, code="-4118", text=refused)
        filled = order.quantity or 0
        if self.chance.random() < self.partial:
            filled = self.chance.randint(0, filled)
        self._trade(order, filled)
        update = OrderUpdate(
            at_ns=now, symbol=SYMBOL, client_id=order.client_id, venue_id=order.client_id, said="",
            state=OrderState.FILLED if filled == order.quantity else OrderState.EXPIRED, side=order.side, kind=OrderKind.MARKET,
            quantity=order.quantity, filled=filled,
        )  # fmt: skip
        self.done[order.client_id] = update
        if self.chance.random() < self.silent:
            return Unanswered(at_ns=now, **names, action=Action.NEW, why="-1007")
        return OrderAccepted(at_ns=now, **names, order=update)

    def proves_ns(self, client_id: str) -> int | None:
        """As the capabilities say."""

    def _refusal(self, order: OrderRequest) -> str:
        quantity = order.quantity or 0
        assert order.kind is not OrderKind.MARKET or self.rules.market_most is None or quantity <= self.rules.market_most
        if not self.futures:
            return "insufficient" if quantity > self.free - self._locked() else ""
        held = self.positions_of.get(order.position_side, 0)
        against = [each for each in self.resting if each.reduce_only and each.position_side is order.position_side]
        if any(not each.close_position for each in against):
            return "ReduceOnly Order Failed. Please check your existing position and open orders."
        if held == 0 or signed(order.side, 1) * held > 0:
            return "ReduceOnly Order is rejected."
        return "by chance" if self.chance.random() < self.refusing else ""

    def _trade(self, order: OrderRequest, filled: int) -> None:
        if not self.futures:
            self.free -= filled
            self.sold += filled
            return
        held = self.positions_of[order.position_side]
        after = held + signed(order.side, filled)
        if held * after < 0:
            self.flips.append(order.client_id)
        self.positions_of[order.position_side] = after

    async def send_filled(self, client_id: str, side: Side, quantity: int) -> None:
        """An order of an earlier time, which was filled."""
        self.done[client_id] = OrderUpdate(
            at_ns=0, symbol=SYMBOL, client_id=client_id, venue_id=client_id, said="", state=OrderState.FILLED, side=side,
            quantity=quantity, filled=quantity,
        )  # fmt: skip
