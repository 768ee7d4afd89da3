"""flatten.port: what the exit needs of an account."""

from __future__ import annotations

from typing import Protocol

from hoga.core.trading import (
    AccountRead,
    Capabilities,
    ExecutionEvent,
    OpenOrders,
    OrderRequest,
    PositionsRead,
    ReadFailed,
    TradesRead,
)
from hoga.runtime.clock import Clock
from hoga.venues.orders import RuleBook, Target

__all__ = ["Account"]


class Account(Protocol):
    """One account at one venue, as the exit needs it (`flatten.account.ExitAccount`). Nothing here raises."""

    venue: str
    book: RuleBook
    clock: Clock
    retries: int
    shut_out: str

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""

    @property
    def has_positions(self) -> bool:
        """Whether it has positions; else coins are sold."""

    async def measure(self) -> None:
        """Learn the venue's clock."""

    async def learn_rules(self) -> bool:
        """Learn what orders may be."""

    async def quote(self, symbol: str) -> tuple[int, int] | None:
        """Best bid and ask."""

    async def open_orders(self, symbol: str = "") -> OpenOrders | ReadFailed:
        """All open orders, "": of all symbols."""

    async def positions(self) -> PositionsRead | ReadFailed:
        """All positions."""

    async def balances(self) -> AccountRead | ReadFailed:
        """All coins."""

    async def trades(self, symbol: str, since_ns: int) -> TradesRead | ReadFailed:
        """Own trades since a moment."""

    async def query(self, target: Target) -> tuple[ExecutionEvent, ...]:
        """One order."""

    async def cancel(self, target: Target) -> ExecutionEvent:
        """Cancel one order."""

    async def cancel_all(self, symbol: str) -> str:
        """Cancel all of a symbol."""

    async def send(self, order: OrderRequest) -> ExecutionEvent:
        """Send one order, once."""

    def proves_ns(self, client_id: str) -> int | None:
        """From when on denials of an order that was sent prove that it never was; None: as the capabilities say."""
