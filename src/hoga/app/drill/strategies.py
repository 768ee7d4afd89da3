"""app.drill.strategies: the strategy that is killed, with something under way at every moment, and that goes on after it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hoga.trading.strategy import Strategy

if TYPE_CHECKING:
    from hoga.trading.strategy import Setup

__all__ = ["Drilled"]

_EVERY_S = 0.3


class Drilled(Strategy):
    """Buys and sells in turn, and rests and cancels an order in between; or holds one size, whatever was before it.

    `hedge`: it does so with the long position, and holds half as much of the short one.
    """

    params = {"size": "0.010", "turns": True, "hedge": False}  # noqa: RUF012  # as users write it

    def setup(self, m: Setup) -> None:
        m.every(_EVERY_S)
        self._turn = 0
        self._leg = "long" if self.p.hedge else ""

    def on_start(self) -> None:
        if not self.p.turns:
            self.cancel_all()
            self.target(self.symbol, self.p.size, why="after the fault", leg=self._leg)
            self._hold_short()

    def on_timer(self, now_ns: int) -> None:
        if not self.p.turns:
            return
        turn, self._turn = self._turn, self._turn + 1
        if turn % 2 == 0:
            self.target(self.symbol, 0 if turn % 4 else self.p.size, why=f"turn {turn}", leg=self._leg)
            self._hold_short()
        elif self.orders():
            self.cancel_all()
        else:
            self.limit(self.symbol, "buy", self.p.size, _far(Decimal(self.book().bid)), why="to be cancelled", leg=self._leg)

    def _hold_short(self) -> None:
        if self.p.hedge:
            self.target(self.symbol, Decimal(self.p.size) / 2, why="the short leg", leg="short")


def _far(bid: Decimal) -> Decimal:
    """A price that is not traded at soon: 3 % below the best bid, with three digits that every tick has."""
    low = bid * Decimal("0.97")
    return low.quantize(Decimal(1).scaleb(low.adjusted() - 2))
