"""trading.risk.exposure: where a position can come to lie, what it is worth, and how far an order may reach. Pure.

Orders that a venue lets only reduce count as nothing here, as they cannot raise a position; all others that rest, or of which nobody knows,
count in full, and never as if they made up for another.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from hoga.core.market import Side
from hoga.core.trading import OrderRequest, PositionSide, Rules
from hoga.trading.ports import Look, Working

__all__ = ["ONE", "Exposure", "collar", "exposure", "in_money_of", "only_reduces", "value_of"]

ONE = 100_000
"""What ratios are parts of: a hundredth of a basis point ten times, so that half a basis point is a whole number."""

# Members of the enumerations as names of the module: a name costs a tenth of what an enumeration's attribute does, on every order.
_BUY, _SELL = Side.BUY, Side.SELL
_BOTH, _LONG, _SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT


class Exposure(Struct, frozen=True, gc=False):
    """A position, and between what it can come to lie by the orders that are or may be at the venue."""

    position: int
    low: int
    high: int

    @property
    def worst(self) -> int:
        """The largest that the position can become, either way."""
        low, high = -self.low, self.high
        return high if high >= low else low


def exposure(position: int, working: Collection[Working], *, venue_bounds: bool, side: PositionSide = _BOTH) -> Exposure:
    """Where a position can come to lie.

    Args:
        position: as the venue confirmed it.
        working: the symbol's own orders; those of other legs than `side` are left out.
        venue_bounds: whether the venue has reduce-only orders, which then cannot raise a position.
        side: the leg.
    """
    low = high = position
    if not working:
        return Exposure(position, low, high)
    lists: dict[tuple[str, Side], int] = {}
    for each in working:
        request = each.request
        if request.position_side is not side or (venue_bounds and only_reduces(request)):
            continue
        rest = each.rest
        if request.list_id:  # of one list one is filled
            known = lists.get((request.list_id, request.side), 0)
            lists[request.list_id, request.side] = max(known, rest)
            rest = max(0, rest - known)
        if request.side is _BUY:
            high += rest
        else:
            low -= rest
    return Exposure(position, low, high)


def only_reduces(request: OrderRequest) -> bool:
    """Whether an order says that it only reduces; where the venue knows such orders, they cannot raise a position."""
    if request.position_side is _LONG:
        return request.side is _SELL
    if request.position_side is _SHORT:
        return request.side is _BUY
    return request.reduce_only or request.close_position


def collar(side: Side, look: Look, collar_ppm: int) -> int:
    """The price that an order may reach at most: so far from the middle, and from the mark price where the venue tells one.

    `collar_ppm`: in hundred-thousandths. The highest for a buy, the lowest for a sell; not rounded to a tick.
    """
    twice = look.bid + look.ask
    mark = look.mark if look.has_mark else 0
    if side is _BUY:
        bound = twice * (ONE + collar_ppm) // (2 * ONE)
        return min(bound, mark * (ONE + collar_ppm) // ONE) if mark else bound
    bound = -(-twice * (ONE - collar_ppm) // (2 * ONE))
    return max(bound, -(-mark * (ONE - collar_ppm) // ONE)) if mark else bound


def in_money_of(money: int, rules: Rules, other: Rules) -> int:
    """Money in the powers of `rules` as money in those of `other`, away from 0 where it does not divide."""
    power = rules.money_power - other.money_power
    if power >= 0:
        return money * int(10**power)
    divisor = int(10**-power)
    return -(-money // divisor) if money > 0 else money // divisor


def value_of(look: Look) -> int:
    """What a unit is reckoned at: the mark price, else the higher side of the book."""
    if look.has_mark and look.mark:
        return look.mark
    bid, ask = look.bid, look.ask
    return max(ask if ask >= bid else bid, 0)
