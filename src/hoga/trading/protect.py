"""trading.protect: the guard of one strategy's position in one symbol: a stop and a take that rest at the venue, or are watched. Pure.

    position ─▶ placed ─▶ resting ⇄ moving ─▶ one end is taken ─▶ the other is cancelled, and read back as gone

A guard is asked again and again (`decide`), with what is held, the prices and its own orders as they stand, and says what is missing
between that and what should be; it keeps no orders of its own, so that a restart, a lost answer or an order found late is no special case.
What it remembers is how far the price has been in favour, and how far the stop has come: it never goes back.

    where orders rest         how a position is guarded                            how a stop moves
    CLOSE_ALL  one stop that closes everything, one take likewise                  a stop with a quantity covers the change
    QUANTITY   a stop and a take with quantities, which the venue lets only reduce  the new one first, then the old one is cancelled
    LISTED     lists of a stop and a take, which the quantity is locked in          the list is cancelled and made anew; watched meanwhile
    WATCHED    nowhere: the engine watches, and sells

Wherever no stop stands and the price is beyond the stop's level, the position is closed at the market. A position that has no stop
within its deadline leads down the ladder; so does a stop that the venue refuses twice while the price is near it.

What is too little for the venue to sell (the rest of a stop that was filled in part, mostly) can be guarded by nobody: nothing is asked for
it, and what is bought on top of it begins anew, with a stop and a time of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from hoga.core.market import Side
from hoga.core.trading import Capabilities, Conditional, OrderKind, OrderRequest, Rules
from hoga.trading.orders import Canceling, Order, Status
from hoga.trading.ports import Look
from hoga.trading.rungs import Cause

__all__ = ["Ask", "Close", "Doubt", "Drop", "Guard", "Keeping", "Place", "Protection", "Seen", "Settled", "keeping_of"]

_S = 1_000_000_000
_BP = 10_000
_RETRY_NS = _S // 2
_CLOSE_AGAIN_NS = _S
_TOO_LITTLE_NS = 60 * _S
_LISTS = 2
"""So many lists of one position rest at most: venues take few waiting orders."""
_NEAR_BP = 20
"""A stop that is refused while the price is so near was refused for that."""


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """How positions of a symbol are guarded. Distances in hundredths of a percent of the entry price, None: no such guard.

    `trail`: the stop follows the best price at this distance, once it is `activate` in favour. `break_even`: once it is so far in favour,
    the stop goes to the entry. `hold_ns`: closed after so long. `within_ns`: it may be naked so long. `step`: the least move of a stop.
    """

    stop: int | None = None
    take: int | None = None
    trail: int | None = None
    activate: int = 0
    break_even: int | None = None
    hold_ns: int | None = None
    within_ns: int = 3_000_000_000
    step: int = 5


class Keeping(StrEnum):
    """Where a position's ends rest; see the module."""

    CLOSE_ALL = "close-all"
    QUANTITY = "quantity"
    LISTED = "listed"
    WATCHED = "watched"


def keeping_of(can: Capabilities, *, alone: bool) -> Keeping:
    """How positions are guarded at a venue. `alone`: no other strategy holds something of the symbol."""
    if can.conditional is Conditional.NONE:
        return Keeping.WATCHED
    if not can.reduce_only:
        return Keeping.LISTED
    return Keeping.CLOSE_ALL if can.close_all_stops is not None and alone else Keeping.QUANTITY


# -- what a guard sees, and what it asks for ------------------------------------------------------------------------


class Seen(msgspec.Struct, kw_only=True):
    """What there is now. `position`: with its sign; `entry`: its average price; `orders`: the guard's own that work; `exiting`: an order
    that closes the position is on its way; `entering`: one that makes it larger is."""

    now_ns: int
    rules: Rules
    position: int
    entry: int
    look: Look
    orders: Sequence[Order]
    exiting: bool = False
    entering: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Place these orders, of one list where there are two; ids are still to be given. `moved_from`: the trigger it replaces, None: none."""

    requests: tuple[OrderRequest, ...]
    what: str
    moved_from: int | None = None


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel an own order."""

    order: Order
    why: str


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """Close so much of the position at the market."""

    side: Side
    quantity: int
    why: str


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A cause for the ladder stands."""

    cause: Cause
    detail: str


class Settled(msgspec.Struct, frozen=True):
    """A cause is gone."""

    cause: Cause


Ask = Place | Drop | Close | Doubt | Settled


class Guard:
    """See the module. `decide` after each fill, each change of one of its orders, whenever `saw` says so, and at `deadline_ns`."""

    def __init__(self, symbol: str, protection: Protection, keeping: Keeping, *, lists: bool = False) -> None:
        self.symbol = symbol
        self.protection = protection
        self.keeping = keeping
        self.level = 0
        """Where the position is given up, 0: nowhere yet."""
        self.naked_ns = 0
        """Since when it has no stop that stands, 0: it has one, or needs none."""
        self._lists = lists
        self._long = 0
        self._best = 0
        self._began_ns = 0
        self._refused = 0
        self._retry_ns = 0
        self._close_from_ns = 0
        self._little = 0
        self._beyond_ns = 0
        self._doubted = False
        self._yield_ns = 0
        self._free_ns = 0
        self._cleaning = False

    def __repr__(self) -> str:
        return f"<Guard {self.symbol} {self.keeping} level={self.level} naked={bool(self.naked_ns)}>"

    @property
    def is_cleaning(self) -> bool:
        """Whether ends of a position that is gone are not read back as gone yet: nothing new is begun until then."""
        return self._cleaning

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing to guard, and nothing left of what was."""
        return not (self._long or self._cleaning or self._doubted)

    @property
    def is_holding(self) -> bool:
        """Whether there is a position to guard."""
        return bool(self._long)

    def saw(self, look: Look) -> bool:
        """A price came: whether `decide` has something to say about it. Cheap, for every book."""
        price = _price(look)
        if not self._long or not price:
            return False
        if (price - self._best) * self._long > 0 or not self._best:
            self._best = price
            return self._follows
        return bool(self.level) and (price - self.level) * self._long <= 0 and not self._little

    @property
    def _follows(self) -> bool:
        protection = self.protection
        return protection.trail is not None or protection.break_even is not None or protection.take is not None

    def make_room(self, now_ns: int) -> None:
        """Somebody wants to sell what is locked in resting ends: they are cancelled, and not placed again for some seconds."""
        self._yield_ns = now_ns + self.protection.within_ns

    def refused(self, now_ns: int) -> None:
        """The venue refused one of its stops."""
        self._refused += 1
        self._retry_ns = now_ns if self._refused == 1 else now_ns + _RETRY_NS

    def not_placed(self, now_ns: int) -> None:
        """One of its orders was not sent, or denied: it is tried again."""
        self._retry_ns = now_ns + _RETRY_NS

    def too_little(self, quantity: int, now_ns: int) -> None:
        """So much was not closed, because it is too little to be an order: it is tried again in a minute."""
        self._close_from_ns = now_ns + _TOO_LITTLE_NS
        if self.keeping is not Keeping.CLOSE_ALL:
            self._little = quantity

    def deadline_ns(self, now_ns: int) -> int | None:
        """When after now to ask again though nothing happens; None: not at all."""
        times = []
        if self._long:
            if self.naked_ns and not self._doubted:
                times += [self.naked_ns + self.protection.within_ns, self.naked_ns + self.protection.within_ns // 2]
            if self._retry_ns:
                times.append(self._retry_ns)
            if self._yield_ns:
                times.append(self._yield_ns)
            if self._free_ns:
                times.append(self._free_ns + self.protection.within_ns // 3)
            if self.protection.hold_ns is not None:
                times.append(max(self._began_ns + self.protection.hold_ns, self._close_from_ns))
        return min((each for each in times if each > now_ns), default=None)

    # -- what is missing ------------------------------------------------------------------------------------------------

    def decide(self, seen: Seen) -> list[Ask]:
        """What has to be done now so that the position is guarded as it should be."""
        long = (seen.position > 0) - (seen.position < 0)
        is_little = self._is_little(seen)
        if long != self._long or (not is_little and 0 < self._little < abs(seen.position)):
            self._begin(long, seen)
        if is_little or seen.now_ns >= self._close_from_ns:
            self._little = abs(seen.position) if is_little else 0
        if not long:
            self._cleaning = bool(seen.orders)
            settled: list[Ask] = [Settled(Cause.UNPROTECTED)] if self._doubted else []
            self._doubted = False
            return [*settled, *self._drop(seen.orders, "the position ended")]
        asks = self._drop([order for order in seen.orders if order.request.side is not self._side], "it guards another position")
        left = [order for order in seen.orders if order.request.side is self._side]
        self._cleaning = len(left) < len(seen.orders)
        self._reckon(seen, left)
        watched = self._watch(seen, left)
        if not watched and not seen.exiting:
            asks += self._ends(seen, left)
        return asks + watched + self._naked(seen, left)

    @property
    def _side(self) -> Side:
        """Of the orders that close the position."""
        return Side.SELL if self._long > 0 else Side.BUY

    def _begin(self, long: int, seen: Seen) -> None:
        self._long, self._began_ns = long, seen.now_ns
        self._best = self.level = self._refused = self._retry_ns = self._beyond_ns = self._yield_ns = self._free_ns = self.naked_ns = 0
        self._close_from_ns = self._little = 0
        if long:
            self._best = seen.entry

    def _reckon(self, seen: Seen, orders: Sequence[Order]) -> None:
        """Where the stop belongs; never farther away than it was, nor than one that rests."""
        protection, long, entry = self.protection, self._long, seen.entry
        price = _price(seen.look)
        if price and (price - self._best) * long > 0:
            self._best = price
        levels = [self.level] if self.level else []
        gained = (self._best - entry) * long * _BP
        if protection.stop is not None:
            levels.append(entry - long * (entry * protection.stop // _BP))
        if protection.trail is not None and gained >= entry * protection.activate:
            levels.append(self._best - long * (self._best * protection.trail // _BP))
        if protection.break_even is not None and gained >= entry * protection.break_even:
            levels.append(entry)
        levels += [order.request.trigger for order in _stops(orders) if order.request.trigger and _stands(order)]
        if levels:
            level = max(levels) if long > 0 else min(levels)
            self.level = max(seen.rules.price_up(level) if long > 0 else seen.rules.price_down(level), 1)

    def _take_price(self, seen: Seen) -> int:
        take = self.protection.take
        if take is None:
            return 0
        price = seen.entry + self._long * (seen.entry * take // _BP)
        return seen.rules.price_up(price) if self._long > 0 else max(seen.rules.price_down(price), 1)

    # -- what the engine does itself ---------------------------------------------------------------------------------------

    def _watch(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        """Close at the market: after its time, or where a price is reached and nothing at the venue does it."""
        why, price, long = "", _price(seen.look), self._long
        stands = any(_stands(order) for order in _stops(orders))
        beyond = bool(price and self.level) and (price - self.level) * long <= 0
        self._beyond_ns = (self._beyond_ns or seen.now_ns) if beyond else 0
        take = self._take_price(seen)
        if self.protection.hold_ns is not None and seen.now_ns >= self._began_ns + self.protection.hold_ns:
            why = "time limit"
        elif beyond and (not stands or seen.now_ns >= self._beyond_ns + self.protection.within_ns):
            why = "stop"
        elif take and price and (price - take) * long >= 0 and not any(_stands(each) for each in _takes(orders)):
            why = "take"
        if not why or seen.exiting or seen.now_ns < self._close_from_ns or self._little:
            return []
        if self.keeping is Keeping.LISTED and orders:  # the quantity is locked in them
            return self._drop(orders, why)
        self._close_from_ns = seen.now_ns + _CLOSE_AGAIN_NS
        return [Close(side=self._side, quantity=abs(seen.position), why=why)]

    # -- what rests at the venue -------------------------------------------------------------------------------------------

    def _ends(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        if self.keeping is Keeping.WATCHED:
            return []
        if self.keeping is Keeping.LISTED:
            return self._listed(seen, orders)
        if self._little:
            return []
        asks = self._stop_close_all(seen, orders) if self.keeping is Keeping.CLOSE_ALL else self._stop_quantity(seen, orders)
        return asks + self._take(seen, orders)

    def _stop_close_all(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        """One stop that closes everything; while it moves, or is not answered, one with a quantity covers."""
        stops = [order for order in _stops(orders) if order.request.close_position]
        covers = [order for order in _stops(orders) if not order.request.close_position]
        if not self.level:
            return []
        firm = [order for order in stops if _stands(order)]
        covered = any(_stands(order) for order in covers)
        if not stops:
            if any(not _stands(order) and not _is_going(order) for order in covers):
                return []  # a cover is on its way; what it becomes decides
            return self._new_stop(seen, close=True, moved_from=_trigger_of(covers))
        if not firm:
            late = self.naked_ns and seen.now_ns >= self.naked_ns + self.protection.within_ns // 2
            return self._new_stop(seen, close=False, moved_from=None) if late and not covers else []
        keep = max(firm, key=lambda order: (order.request.trigger or 0) * self._long)
        asks = self._drop([order for order in firm if order is not keep], "there is a nearer one")
        if not self._has_moved(keep, seen):
            return asks + self._drop(covers, "the stop stands")
        if not covers:
            return asks + self._new_stop(seen, close=False, moved_from=keep.request.trigger)
        if covered and not self._has_moved(_nearest(covers, self._long), seen):
            return asks + self._drop([keep], "it moves")
        if covered:
            return asks + self._drop(covers, "it moves again")
        return asks

    def _stop_quantity(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        """A stop of the whole quantity; a new one stands before the old one goes."""
        if not self.level:
            return []
        stops = _stops(orders)
        good = [order for order in stops if _covers(order, seen.position) and not self._has_moved(order, seen) and not _is_going(order)]
        firm = [order for order in good if _stands(order)]
        if firm:
            keep = firm[-1]
            return self._drop([order for order in stops if order is not keep], "a newer one stands")
        if good:
            late = self.naked_ns and seen.now_ns >= self.naked_ns + self.protection.within_ns // 2
            return self._new_stop(seen, close=False, moved_from=None) if late and len(stops) < 2 else []
        if len(stops) >= 2:
            return self._drop(stops[:-1], "a newer one is on its way") if any(_stands(order) for order in stops[-1:]) else []
        return self._new_stop(seen, close=False, moved_from=_trigger_of(stops))

    def _take(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        price, takes = self._take_price(seen), _takes(orders)
        if not price:
            return self._drop(takes, "no take is wanted")
        close = self.keeping is Keeping.CLOSE_ALL
        good = [
            order
            for order in takes
            if abs((order.request.trigger or 0) - price) * _BP < price * self.protection.step and (close or _covers(order, seen.position))
        ]
        asks = self._drop([order for order in takes if order not in good[:1]], "it moves")
        if takes or seen.now_ns < self._retry_ns:
            return asks
        return [self._placed(seen, (self._end(seen, OrderKind.TAKE, price, close=close),), moved_from=None)]

    def _listed(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        """What is not locked in an end yet is put into a new list; one whose stop or take has moved is cancelled, one at a time."""
        stop, take = self.level, self._take_price(seen)
        if seen.now_ns < self._yield_ns:
            return self._drop(orders, "what it holds is sold")
        self._yield_ns = 0
        locked: dict[str, int] = {}
        for order in orders:
            name = order.request.list_id or order.client_id
            locked[name] = max(locked.get(name, 0), order.rest)
        for order in orders:
            if _is_going(order):
                return []
            wanted = stop if order.request.kind is OrderKind.STOP else take
            moved = self._has_moved(order, seen) if order.request.kind is OrderKind.STOP else _apart(order, wanted, self.protection.step)
            if moved and _stands(order):
                return self._drop([order], "it moves")
        free = seen.rules.quantity_down(abs(seen.position) - sum(locked.values()), market=True)
        rules = seen.rules
        least = max(rules.market_least, rules.least, 1)
        cheapest = min(each for each in (stop, take) if each) if stop or take else 0
        if self._little or free < least or not cheapest or free * cheapest < (rules.min_notional or 0):
            self._free_ns = 0
            return []
        self._free_ns = self._free_ns or seen.now_ns
        if seen.now_ns < self._retry_ns or (seen.entering and seen.now_ns < self._free_ns + self.protection.within_ns // 3):
            return []  # an entry fills in parts within moments: one list for all of them
        if len(locked) >= _LISTS:
            smallest = min(orders, key=lambda order: locked[order.request.list_id or order.client_id])
            return self._drop([smallest], "one list for it and for what came later") if _stands(smallest) else []
        self._free_ns = 0
        both = bool(stop and take and self._lists)
        ends = [(OrderKind.STOP, stop)] if stop else []
        if take and (both or not stop):
            ends.append((OrderKind.TAKE, take))
        requests = tuple(self._end(seen, kind, price, quantity=free, list_id="list" if both else "") for kind, price in ends)
        return [self._placed(seen, requests, moved_from=None)]

    def _has_moved(self, order: Order, seen: Seen) -> bool:
        """Whether the stop belongs at least a step nearer than where this one is, and the price is not there already."""
        trigger, price, step = order.request.trigger or 0, _price(seen.look), self.protection.step
        nearer = (self.level - trigger) * self._long * _BP >= trigger * step and self.level != trigger
        return nearer and bool(price) and (price - self.level) * self._long * _BP > price * step

    def _new_stop(self, seen: Seen, *, close: bool, moved_from: int | None) -> list[Ask]:
        if seen.now_ns < self._retry_ns:
            return []
        return [self._placed(seen, (self._end(seen, OrderKind.STOP, self._trigger(seen), close=close),), moved_from=moved_from)]

    def _trigger(self, seen: Seen) -> int:
        """The level; after a refusal near the price once a step beyond that, where it can be placed."""
        price = _price(seen.look)
        if not self._refused or not price or not self._is_near(seen):
            return self.level
        away = price - self._long * max(price * max(self.protection.step, 1) // _BP, seen.rules.tick_at(price))
        trigger = min(self.level, away) if self._long > 0 else max(self.level, away)
        return max(seen.rules.price_down(trigger) if self._long > 0 else seen.rules.price_up(trigger), 1)

    def _is_near(self, seen: Seen) -> bool:
        price = _price(seen.look)
        return bool(price) and (price - self.level) * self._long * _BP <= price * max(_NEAR_BP, self.protection.step)

    def _end(
        self, seen: Seen, kind: OrderKind, trigger: int, *, close: bool = False, quantity: int | None = None, list_id: str = ""
    ) -> OrderRequest:
        if not close and quantity is None:
            quantity = seen.rules.quantity_down(abs(seen.position), market=True)
        return OrderRequest(
            client_id="",
            symbol=self.symbol,
            side=self._side,
            kind=kind,
            quantity=None if close else quantity,
            trigger=trigger,
            reduce_only=not close,
            close_position=close,
            list_id=list_id,
        )

    def _placed(self, seen: Seen, requests: tuple[OrderRequest, ...], *, moved_from: int | None) -> Place:
        self._retry_ns = 0
        return Place(requests=requests, what="placed" if moved_from is None else "moved", moved_from=moved_from)

    def _drop(self, orders: Sequence[Order], why: str) -> list[Ask]:
        return [Drop(order=order, why=why) for order in orders if not _is_going(order) and not order.triggered and not order.status.is_over]

    # -- how long it has been naked ---------------------------------------------------------------------------------------

    def _naked(self, seen: Seen, orders: Sequence[Order]) -> list[Ask]:
        stands = any(_stands(order) or order.triggered for order in _stops(orders))
        if stands or not self.level or self.keeping is Keeping.WATCHED or self._little or self._is_dust(seen):
            self.naked_ns = 0
            if stands:
                self._refused = 0
            asks: list[Ask] = [Settled(Cause.UNPROTECTED)] if self._doubted else []
            self._doubted = False
            return asks
        self.naked_ns = self.naked_ns or seen.now_ns
        if self._refused >= 2 and self._is_near(seen):
            return [Doubt(cause=Cause.UNPROTECTABLE, detail=f"{self.symbol}: the venue refused the stop {self._refused} times")]
        if seen.now_ns >= self.naked_ns + self.protection.within_ns and not self._doubted:
            self._doubted = True
            detail = f"{self.symbol}: no stop stands {(seen.now_ns - self.naked_ns) / _S:.1f} s after it should"
            return [Doubt(cause=Cause.UNPROTECTED, detail=detail)]
        return []

    def _is_dust(self, seen: Seen) -> bool:
        """Whether the venue takes no stop of so little: it is watched."""
        return self.keeping is Keeping.LISTED and self._is_less_than_an_order(seen, self.level)

    def _is_little(self, seen: Seen) -> bool:
        """Whether the venue lets nobody close so little. An order that only reduces may be of any money, one that closes all of any
        quantity."""
        if self.keeping is Keeping.CLOSE_ALL:
            return False
        price = _price(seen.look)
        return self._is_less_than_an_order(seen, 0 if self.keeping is Keeping.QUANTITY else price)

    def _is_less_than_an_order(self, seen: Seen, price: int) -> bool:
        """`price` 0: it may be of any money."""
        rules, quantity = seen.rules, seen.rules.quantity_down(abs(seen.position), market=True)
        return quantity < max(rules.market_least, rules.least, 1) or 0 < quantity * price < (rules.min_notional or 0)


# -- words ----------------------------------------------------------------------------------------------------------------


def _price(look: Look) -> int:
    """What stops are triggered by: the mark price, else the middle of the book; 0: nothing is known."""
    if look.has_mark and look.mark:
        return look.mark
    return (look.bid + look.ask) // 2 if look.bid and look.ask and not look.in_doubt else 0


def _stops(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.request.kind in (OrderKind.STOP, OrderKind.TRAIL)]


def _takes(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.request.kind is OrderKind.TAKE]


def _stands(order: Order) -> bool:
    """Whether it guards: the venue has accepted it. That it denies it later proves nothing; only its end does."""
    if _is_going(order) or order.triggered:
        return False
    return order.status in (Status.LIVE, Status.PARTIAL) or (order.status is Status.UNKNOWN and order.accepted_ns > 0)


def _is_going(order: Order) -> bool:
    return order.cancel is not Canceling.NONE


def _covers(order: Order, position: int) -> bool:
    quantity = order.request.quantity
    return order.request.close_position or (quantity is not None and quantity >= abs(position))


def _apart(order: Order, price: int, step_bp: int) -> bool:
    return bool(price) and abs((order.request.trigger or 0) - price) * _BP >= price * step_bp


def _nearest(orders: Sequence[Order], long: int) -> Order:
    return max(orders, key=lambda order: (order.request.trigger or 0) * long)


def _trigger_of(orders: Sequence[Order]) -> int | None:
    return orders[-1].request.trigger if orders else None
