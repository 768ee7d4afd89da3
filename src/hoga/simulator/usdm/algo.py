"""simulator.usdm.algo: orders that wait for a trigger, as the futures venue's algo service keeps them apart from its engine. Pure.

Calling contract: `watch` before `place`, and often; `place` and `cancel` act at once. `watch` looks, after the market has moved, which
triggers were met since it last looked: every trade counts for `CONTRACT_PRICE`, the mark price of the moment for `MARK_PRICE`. A triggered
order becomes an ordinary one (`child`), which `submit` places or refuses; margin is checked only then. When the child has ended
(`child_ended`) so has the order.

NEW → TRIGGERING → TRIGGERED → FINISHED, or REJECTED by the engine; CANCELED by its owner, EXPIRED by the venue.
Source: protocol sheet 4.6 and 5.4; USD-M docs on algo orders and their event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from hoga.simulator.binance.api import ApiError
from hoga.simulator.engine import Engine, Instrument, Side, Watch
from hoga.simulator.usdm.reports import FuturesOrder

__all__ = ["AlgoDesk", "AlgoOrder", "AlgoStatus", "is_met"]

_MILLION = 1_000_000


class AlgoStatus(StrEnum):
    """Where a conditional order is in its life: it waits while NEW."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(eq=False, slots=True, kw_only=True)
class AlgoOrder:
    """One conditional order; prices are ticks, `lots` None with `closes_all`.

    `trigger` None: it trails by `callback_ppm` behind the best price (`extreme`) since it became `active`, at `activate` or at once.
    """

    account: str
    instrument: Instrument
    client_id: str
    side: Side
    kind: str
    time_in_force: str
    lots: int | None
    price: int | None
    trigger: int | None
    leg: int = 0
    working: str = "CONTRACT_PRICE"
    closes_all: bool = False
    reduce_only: bool = False
    price_protect: bool = False
    prevention: str = "EXPIRE_MAKER"
    activate: int | None = None
    callback_ppm: int = 0
    algo_id: int = 0
    status: AlgoStatus = AlgoStatus.NEW
    created_ns: int = 0
    updated_ns: int = 0
    triggered_ns: int = 0
    active: bool = False
    extreme: int = 0
    child: FuturesOrder | None = None
    reason: str = ""

    @property
    def symbol(self) -> str:
        """The contract."""
        return self.instrument.symbol

    @property
    def is_open(self) -> bool:
        """It waits for its trigger."""
        return self.status is AlgoStatus.NEW

    @property
    def takes_profit(self) -> bool:
        """It waits for a better price; the others for a worse one."""
        return self.kind.startswith("TAKE_PROFIT")

    @property
    def at(self) -> int:
        """The price, in ticks, at which it is triggered now; 0 while a trailing one is not active."""
        if self.trigger is not None:
            return self.trigger
        return self.extreme + self.side * (self.extreme * self.callback_ppm // _MILLION) if self.active else 0


def is_met(order: AlgoOrder, price: int) -> bool:
    """Whether a price triggers a conditional order; a trailing one takes the price into account first."""
    if order.trigger is None and not _trail(order, price):
        return False
    upwards = (order.side is Side.BUY) != order.takes_profit
    return price >= order.at if upwards else price <= order.at


def _trail(order: AlgoOrder, price: int) -> bool:
    """Move a trailing order after a price; False while it is not active. A sell is activated from below and follows the highest price."""
    if not order.active:
        if order.activate is not None and (price - order.activate) * order.side > 0:
            return False
        order.active, order.extreme = True, price
    if (price - order.extreme) * order.side < 0:
        order.extreme = price
    return True


class AlgoDesk:
    """Every conditional order of every account.

    `tell` hears of each change; what it is told as TRIGGERED belongs before what `submit` told, which places a child and may raise
    ApiError. `position_lots(order)` are the signed lots that an order could close; `mark` gives a symbol's mark price in ticks;
    `refusal(order)` says why a triggered one is refused whatever the engine would say; `keeps_client_id`: a child has its parent's name.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        tell: Callable[[AlgoOrder], None],
        submit: Callable[[FuturesOrder, int], None],
        position_lots: Callable[[AlgoOrder], int],
        mark: Callable[[str], int],
        refusal: Callable[[AlgoOrder], str | None],
        stamp: Callable[[int], int],
        keeps_client_id: bool,
    ) -> None:
        self._tell = tell
        self._submit = submit
        self._position_lots = position_lots
        self._mark = mark
        self._refusal = refusal
        self._stamp = stamp
        self._keeps_client_id = keeps_client_id
        self._orders: dict[str, list[AlgoOrder]] = {}
        self._waiting: dict[AlgoOrder, None] = {}
        self._traded = Watch(engine)
        self._parents: dict[FuturesOrder, AlgoOrder] = {}
        self._next_id = 2_000_000

    def of(self, account: str, symbol: str | None = None) -> Iterator[AlgoOrder]:
        """An account's conditional orders, oldest first."""
        return (order for order in self._orders.get(account, ()) if symbol in (None, order.symbol))

    def open_of(self, account: str, symbol: str | None = None) -> list[AlgoOrder]:
        """Those that wait for their trigger."""
        return [order for order in self._waiting if order.account == account and symbol in (None, order.symbol)]

    def place(self, order: AlgoOrder, now_ns: int) -> None:
        """Keep an order until it is triggered."""
        self._next_id += 1
        order.algo_id = self._next_id
        order.client_id = order.client_id or f"algo{order.algo_id}"
        order.created_ns = self._stamp(now_ns)
        self._orders.setdefault(order.account, []).append(order)
        self._waiting[order] = None
        self._traded.begin(order.symbol)
        self._become(order, AlgoStatus.NEW, now_ns)

    def expire(self, order: AlgoOrder, now_ns: int) -> None:
        """End a waiting order because the venue wants it so."""
        self._become(order, AlgoStatus.EXPIRED, now_ns)

    def everyones_open(self) -> list[AlgoOrder]:
        """Every account's waiting orders."""
        return list(self._waiting)

    def cancel(self, order: AlgoOrder, now_ns: int) -> None:
        """Take a waiting order back."""
        self._become(order, AlgoStatus.CANCELED, now_ns)

    def watch(self, now_ns: int) -> None:
        """Trigger what the market has met since the last look."""
        waiting: dict[str, list[AlgoOrder]] = {}
        for order in self._waiting:
            waiting.setdefault(order.symbol, []).append(order)
        for symbol, orders in waiting.items():
            self._watch(symbol, orders, now_ns)
            for order in orders:
                if order.is_open and order.time_in_force == "GTE_GTC" and not self._position_lots(order):
                    self.expire(order, now_ns)

    def child_ended(self, child: FuturesOrder, now_ns: int) -> None:
        """An order of the engine has ended; when it was a conditional order's child, so has that."""
        parent = self._parents.pop(child, None)
        if parent is not None and parent.status is AlgoStatus.TRIGGERED:
            self._become(parent, AlgoStatus.FINISHED, now_ns)

    # -- inside ------------------------------------------------------------

    def _watch(self, symbol: str, orders: list[AlgoOrder], now_ns: int) -> None:
        prices, mark = self._traded.prices(symbol), self._mark(symbol)
        for order in orders:
            met = [mark] if order.working == "MARK_PRICE" else prices
            if order.is_open and any(is_met(order, price) for price in met):
                self._trigger(order, now_ns)

    def _trigger(self, order: AlgoOrder, now_ns: int) -> None:
        order.triggered_ns = self._stamp(now_ns)
        self._become(order, AlgoStatus.TRIGGERING, now_ns)
        child = self._child_of(order)
        self._parents[child] = order
        try:
            refusal = self._refusal(order)
            if refusal is not None:
                raise ApiError(-2019, refusal)
            if not child.lots:
                raise ApiError(-2022, "ReduceOnly Order is rejected.")
            self._submit(child, now_ns)
        except ApiError as refused:
            del self._parents[child]
            order.reason = refused.text
            self._become(order, AlgoStatus.REJECTED, now_ns)
            return
        order.child = child
        self._become(order, AlgoStatus.TRIGGERED, now_ns)

    def _child_of(self, order: AlgoOrder) -> FuturesOrder:
        held = self._position_lots(order)
        lots = (abs(held) if held * order.side < 0 else 0) if order.lots is None else order.lots
        return FuturesOrder(
            account=order.account,
            instrument=order.instrument,
            client_id=order.client_id if self._keeps_client_id else "",
            side=order.side,
            kind="MARKET" if order.price is None else "LIMIT",
            time_in_force="GTC" if order.time_in_force == "GTE_GTC" else order.time_in_force,
            lots=lots,
            price=order.price,
            reduce_only=order.leg == 0 and (order.reduce_only or order.closes_all),
            leg=order.leg,
            prevention=order.prevention,
            first_kind=order.kind,
            trigger=order.at,
            working=order.working,
            closes_all=order.closes_all,
        )

    def _become(self, order: AlgoOrder, status: AlgoStatus, now_ns: int) -> None:
        order.status, order.updated_ns = status, self._stamp(now_ns)
        if not order.is_open:
            self._waiting.pop(order, None)
        self._tell(order)
