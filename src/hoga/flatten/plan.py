"""flatten.plan: what is cancelled, what is closed, and when it is proven. Pure.

Rules:

- Positions are what the venue says, never what somebody remembers. What is closed of one is never more than it, and never more than
  is ours: so a close cannot turn a position round, and with the scope `own` it takes nothing from a stranger.
- Stops that close a whole position stay until it is gone: they guard it meanwhile.
- On a venue without positions (spot), what the journals prove to have been bought is sold, as far as it is free.
- Flat is proven by two readings that were asked for at least a second apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import msgspec

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    AlgoUpdate,
    Balance,
    Force,
    OpenOrders,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    PositionSide,
    PositionsRead,
    Rules,
    signed,
)
from hoga.venues.orders import RuleBook, Target, nearest

__all__ = [
    "COLLARS_BP",
    "Cancels",
    "Key",
    "Leg",
    "Proof",
    "Scope",
    "Verdict",
    "cancels",
    "closes",
    "is_dust",
    "legs_of_balances",
    "legs_of_positions",
    "sliced",
]

Key = tuple[str, PositionSide]
"""A position: symbol (with the venue's name) and side."""

COLLARS_BP = (50, 100, 200, 500)
"""How far from the middle of the book a limit may be that stands in for a market order, in hundredths of a percent, time after time."""

_PROOF_NS = SECOND_NS
_MOST_PARTS = 20


class Scope(StrEnum):
    """Whose orders and positions are ended."""

    OWN = "own"
    """The trader's."""
    ACCOUNT = "account"
    """Everything that the account has at the venue."""


class Verdict(StrEnum):
    """What was read back in the end."""

    FLAT = "FLAT"
    FLAT_WITH_DUST = "FLAT_WITH_DUST"
    """What is left is less than the venue lets anybody trade."""
    NOT_FLAT = "NOT_FLAT"
    UNKNOWN = "UNKNOWN"
    """It could not be read, or an order of the trader may still be on its way."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A position, or a coin: `held` as the venue says (below 0: short), `ours`: how much of it is to be left, with the same sign."""

    symbol: str
    side: PositionSide = PositionSide.BOTH
    held: int
    ours: int

    @property
    def key(self) -> Key:
        """Which it is."""
        return self.symbol, self.side

    @property
    def closing_side(self) -> Side:
        """The side of an order that makes it smaller."""
        return Side.SELL if self.ours > 0 else Side.BUY


# -- orders -------------------------------------------------------------------------------------------------------


class Cancels(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be cancelled: `targets` one by one; `symbols` (the venue's own) as a whole. `kept`: what stays for now."""

    targets: tuple[Target, ...] = ()
    symbols: tuple[str, ...] = ()
    kept: tuple[Target, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing rests that should not."""
        return not self.targets and not self.symbols


def cancels(
    listing: OpenOrders,
    *,
    scope: Scope,
    is_ours: Callable[[str], bool],
    by_symbol: bool,
    keep: Callable[[Key], bool],
) -> Cancels:
    """What of a listing is to be cancelled.

    Args:
        listing: all open orders, the waiting ones too, whoever's they are.
        scope: OWN: only those whose client id `is_ours`, each by itself. ACCOUNT: all of them.
        by_symbol: with ACCOUNT, what rests in a book goes by one call a symbol. Waiting orders always go one by one.
        keep: whether a position is still there, so that a stop that closes it stays.
    """
    targets: list[Target] = []
    symbols: dict[str, None] = {}
    kept: list[Target] = []
    for resting in listing.orders:
        order = resting.order
        if scope is Scope.OWN and not is_ours(order.client_id):
            continue
        target = _target(order)
        if order.close_position and keep((order.symbol, order.position_side)):
            kept.append(target)
        elif scope is Scope.ACCOUNT and by_symbol and not target.waits:
            symbols[order.symbol.partition(":")[2]] = None
        else:
            targets.append(target)
    return Cancels(targets=tuple(targets), symbols=tuple(symbols), kept=tuple(kept))


def _target(order: OrderUpdate | AlgoUpdate) -> Target:
    if isinstance(order, AlgoUpdate):
        return Target(symbol=order.symbol, client_id=order.client_id, venue_id=order.algo_id, waits=True)
    return Target(symbol=order.symbol, client_id=order.client_id, venue_id=order.venue_id)


# -- positions ----------------------------------------------------------------------------------------------------


def legs_of_positions(read: PositionsRead, *, whole: Callable[[Key], bool], own: Mapping[Key, int]) -> list[Leg]:
    """What is to be left of the positions that the venue tells.

    Args:
        whole: whether all of a position is to be left, whoever's it is.
        own: position → how much of it is the trader's; of others nothing is touched.
    """
    legs = []
    for held in read.positions:
        if not held.quantity:
            continue
        key = (held.symbol, held.position_side)
        ours = held.quantity if whole(key) else _share(own.get(key, 0), held.quantity)
        if ours:
            legs.append(Leg(symbol=held.symbol, side=held.position_side, held=held.quantity, ours=ours))
    return legs


def _share(own: int, held: int) -> int:
    """How much of `held` is ours: never more than there is, and nothing where the two point in different directions."""
    if own > 0 and held > 0:
        return min(own, held)
    return max(own, held) if own < 0 and held < 0 else 0


def legs_of_balances(balances: Iterable[Balance], book: RuleBook, symbols: Iterable[str], *, own: Mapping[Key, int] | None) -> list[Leg]:
    """What is to be sold of the coins that are free.

    Args:
        symbols: the venue's symbols at which coins may be sold; the first one of a coin is taken.
        own: (symbol, BOTH) → how much the trader has bought there and not sold; None: everything that is free goes.
    """
    free = {each.currency: each.free for each in balances}
    legs, seen = [], set()
    for name in symbols:
        rules = book.of(name)
        if not rules.base or (own is None and rules.base in seen):
            continue
        held = nearest(free.get(rules.base, "0"), rules.size_power)
        ours = held if own is None else min(own.get((rules.symbol, PositionSide.BOTH), 0), held)
        if ours > 0:
            seen.add(rules.base)
            legs.append(Leg(symbol=rules.symbol, held=held, ours=ours))
    return legs


def is_dust(leg: Leg, rules: Rules, *, price: int | None, exempt: bool) -> bool:
    """Whether the venue lets nobody trade so little. `price`: about what it is worth, None: not known; `exempt`: what reduces a
    position may be as small as a lot."""
    quantity = rules.quantity_down(abs(leg.ours), market=True)
    if quantity == 0 or (not exempt and quantity < rules.market_least):
        return True
    return not exempt and rules.min_notional is not None and price is not None and quantity * price < rules.min_notional


# -- closing ------------------------------------------------------------------------------------------------------


def closes(
    leg: Leg,
    rules: Rules,
    *,
    next_id: Callable[[], str],
    reduce_only: bool,
    most: int | None = None,
    limit: int | None = None,
) -> list[OrderRequest]:
    """The orders that leave a leg: together never more than `leg.ours`, each within what one market order may be.

    Args:
        next_id: gives a client id that was never used before.
        reduce_only: the venue knows the word; it then refuses what would turn a position round.
        most: at most so much in one order, beside the venue's own bound.
        limit: a price: immediate-or-cancel limit orders at it instead of market orders.
    """
    bounds = [bound for bound in (most, rules.market_most if limit is None else rules.most) if bound]
    part = rules.quantity_down(min(bounds), market=True) if bounds else abs(leg.ours)
    rest = rules.quantity_down(abs(leg.ours), market=True)
    orders: list[OrderRequest] = []
    while rest > 0 and part > 0 and len(orders) < _MOST_PARTS:
        quantity = min(rest, part)
        orders.append(
            OrderRequest(
                client_id=next_id(),
                symbol=leg.symbol,
                side=leg.closing_side,
                kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
                force=Force.GTC if limit is None else Force.IOC,
                price=limit,
                quantity=quantity,
                reduce_only=reduce_only,
                position_side=leg.side,
            )
        )
        rest -= quantity
    return orders


def sliced(quantity: int, rules: Rules) -> int:
    """The next smaller part to try after one was refused; 0: there is none."""
    half = rules.quantity_down(quantity // 2, market=True)
    return half if half >= rules.market_least else 0


def collar(side: Side, middle: int, rules: Rules, turn: int) -> int:
    """The price of the limit that stands in for a market order at its `turn` (from 0)."""
    away = middle * COLLARS_BP[min(turn, len(COLLARS_BP) - 1)] // 10_000
    return rules.price_down(middle - away) if side is Side.SELL else rules.price_up(middle + away)


# -- proof --------------------------------------------------------------------------------------------------------


class Proof:
    """Whether it is proven that nothing is left: by two readings in a row, asked for a second apart or more."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self.is_flat = False

    def read(self, asked_ns: int, *, flat: bool) -> None:
        """A reading, as of the moment it was asked for."""
        if not flat:
            self._since_ns, self.is_flat = None, False
        elif self._since_ns is None:
            self._since_ns = asked_ns
        elif asked_ns - self._since_ns >= _PROOF_NS:
            self.is_flat = True

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next reading can prove it."""
        return 0 if self._since_ns is None else max(0, self._since_ns + _PROOF_NS - now_ns)


def traded(order: OrderRequest, filled: int) -> int:
    """What an order has done to its position."""
    return signed(order.side, filled)
