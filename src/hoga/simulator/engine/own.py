"""simulator.engine.own: orders as their owners know them, and their fills. Pure data; prices are ticks, sizes lots."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hoga.simulator.engine.book import Side
from hoga.simulator.engine.instruments import E8, Instrument

__all__ = ["Force", "OwnFill", "OwnOrder", "SelfTrade", "Status"]


class Force(StrEnum):
    """How long an order may rest: until cancelled, not at all, not at all and only filled completely, or only where it takes nothing."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "POST_ONLY"


class SelfTrade(StrEnum):
    """What happens before an order would meet its owner's own: nothing, those that rest make room, it goes itself, or all go."""

    NONE = "NONE"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class Status(StrEnum):
    """Where an order is in its life: open while NEW or PARTIALLY_FILLED, and while it waits for another order (PENDING_NEW)."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


@dataclass(eq=False, slots=True)
class OwnFill:
    """One match of an order. `fee` and `realized` are in the units of its account, the fee of `fee_asset`."""

    trade_id: int
    price: int
    lots: int
    time_ns: int
    maker: bool
    fee: int = 0
    fee_asset: str = ""
    realized: int = 0

    @property
    def quote(self) -> int:
        """Ticks x lots."""
        return self.price * self.lots


@dataclass(eq=False, slots=True, kw_only=True)
class OwnOrder:
    """One order: what was asked, then what has become of it.

    `price` None: at market. `budget_e8`: what a buy by amount may spend, in units of 1e-8; its lots are found when it meets the market.
    `order_id` is 0 until the market has it; `held` is what it holds of its owner's money; `quote` is ticks x lots filled.
    `leg` says which of its owner's positions in the symbol it moves: 0 the only one, 1 the long one, -1 the short one. One that does not
    rest takes no more than `share` of itself; one at market nothing behind the price `bound`.
    While it `waits` the market does not have it; `trigger` is the price, in ticks, that it may wait for (0). One that does not hold money
    (`holds`) shares what another holds.
    """

    account: str
    instrument: Instrument
    side: Side
    lots: int
    price: int | None
    force: Force = Force.GTC
    self_trade: SelfTrade = SelfTrade.NONE
    reduce_only: bool = False
    leg: int = 0
    trigger: int = 0
    waits: bool = False
    holds: bool = True
    share: float = 1.0
    bound: int | None = None
    budget_e8: int | None = None
    order_id: int = 0
    status: Status = Status.NEW
    filled: int = 0
    quote: int = 0
    held: int = 0
    created_ns: int = 0
    updated_ns: int = 0
    fills: list[OwnFill] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        """The instrument's name."""
        return self.instrument.symbol

    @property
    def is_open(self) -> bool:
        """It may still be filled."""
        return self.status in (Status.PENDING_NEW, Status.NEW, Status.PARTIALLY_FILLED)

    @property
    def is_complete(self) -> bool:
        """Nothing is left to fill. Of an amount that is to be spent, all is spent."""
        if self.budget_e8 is None:
            return self.filled == self.lots
        return self.quote * self.instrument.tick_e8 * self.instrument.lot_e8 == self.budget_e8 * E8

    @property
    def only_closes(self) -> bool:
        """It may only make a position smaller: it says so, or it goes against its leg."""
        return self.reduce_only or self.leg * self.side < 0

    @property
    def left(self) -> int:
        """Lots not filled."""
        return self.lots - self.filled
