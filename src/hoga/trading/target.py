"""trading.target: from "so much shall be held" to the next order: one at a time, from what the venue has confirmed. Pure.

What is wanted is compared with what fills prove, and with what is on its way. While an order of the same target is or may be at the venue
nothing more is sent, so that neither a repeated wish, nor a restart, nor a lost answer doubles anything. A target is over when it is
reached: it does not fight a stop that closes the position later, and leaves the strategy's own resting orders alone.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import PositionSide, Rules
from hoga.trading.orders import Order, Role

__all__ = ["Plan", "Want", "plan"]

_FIRST_PAUSE_NS = SECOND_NS
_LONGEST_PAUSE_NS = 60 * SECOND_NS


class Want(msgspec.Struct, kw_only=True):
    """A strategy's wish for a position: `quantity` with its sign. `leg`: in hedge mode which of the symbol's two.

    `pause_ns`: not tried before; after each refusal or denial in a row it is longer. `met`: it was reached. `splits`: a position is
    closed first, and opened on the other side by an order of its own.
    """

    strategy: str
    symbol: str
    quantity: int
    leg: PositionSide = PositionSide.BOTH
    why: str = ""
    asked_ns: int = 0
    met: bool = False
    failures: int = 0
    pause_ns: int = 0
    splits: bool = False

    def failed(self, now_ns: int) -> int:
        """It was refused; returns when it is tried again."""
        pause = min(_LONGEST_PAUSE_NS, _FIRST_PAUSE_NS << min(self.failures, 6))
        self.failures += 1
        self.pause_ns = now_ns + pause
        return self.pause_ns


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now. `side`: None: no order. `cancel`: orders that are in the way. `met`: nothing is missing any more."""

    side: Side | None = None
    quantity: int = 0
    reduces: bool = False
    cancel: tuple[Order, ...] = ()
    met: bool = False


_NOTHING = Plan()
_MET = Plan(met=True)
_TARGET, _BUY, _SELL, _BOTH = Role.TARGET, Side.BUY, Side.SELL, PositionSide.BOTH


def plan(want: Want, *, share: int, position: int, working: Collection[Order], rules: Rules, reduce_only: bool, split: bool) -> Plan:
    """The next step towards what is wanted.

    Args:
        share: what the strategy holds of the leg. position: what the account does.
        working: all own orders of the symbol that are or may be at the venue.
        reduce_only: the venue knows such orders. split: a position is never turned with one order.
    """
    leg = want.leg
    for order in working:
        if order.role is _TARGET and order.strategy == want.strategy and order.request.position_side is leg:
            return _NOTHING
    missing = want.quantity - share
    if split and share and missing * share < 0 and abs(missing) > abs(share):
        missing = -share
    quantity = rules.quantity_down(abs(missing), market=True)
    if not quantity:
        return _MET
    side = _BUY if missing > 0 else _SELL
    reduces = position * missing < 0 and quantity <= abs(position)
    if reduces and reduce_only:
        resting = [
            order
            for order in working
            if order.request.side is side and order.request.position_side is leg and (order.request.reduce_only or leg is not _BOTH)
            if not order.waits and order.strategy == want.strategy
        ]
        if resting and sum(order.rest for order in resting) + quantity > abs(position):
            return Plan(cancel=tuple(resting))
    return Plan(side=side, quantity=quantity, reduces=reduces)
