"""trading.engine.asking: which listings are asked for, and from where on trades are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hoga.core.times import SECOND_NS
from hoga.core.trading import Capabilities, Conditional, FillUpdate
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Order, Status
from hoga.trading.ports import Query, Read, ReadKind, Write
from hoga.trading.reconcile import Reckoning
from hoga.trading.state import venue_of

__all__ = ["Asking"]

_TOLD_NS = 5 * SECOND_NS
"""An answer may be so old when it comes, and the venue's clock so far off; what waits by one that came later was not triggered then."""
_AGAIN_NS = 2 * SECOND_NS
_DENIALS = 2


class Asking:
    """`reckonings`: the rounds of listings, by venue. `started`: before that nothing is compared.

    `behind`: by symbol the trade before those that could not be told whose they are.
    """

    def __init__(self, turn: Turn, capabilities: Mapping[str, Capabilities]) -> None:
        self.reckonings = {
            venue: Reckoning(venue, able, tuple(symbol for symbol in turn.state.rules_of if venue_of(symbol) == venue))
            for venue, able in capabilities.items()
        }
        self.started = False
        self.behind: dict[str, str] = {}
        self._left_ns: dict[str, int] = {}
        self._turn = turn

    def of(self, symbol: str) -> Reckoning:
        """The rounds of the symbol's venue."""
        return self.reckonings[venue_of(symbol)]

    def reconcile(self, venue: str, why: str) -> None:
        """Read everything of a venue, unless that is under way."""
        reckoning = self.reckonings[venue]
        if self.started and reckoning.begin(self._turn.state.now_ns):
            self._turn.write(Write("recon.begin", {"venue": venue, "why": why}))
            for read in reckoning.reads(self.last_trade):
                self._turn.out.append(read)

    def orders(self, venue: str, symbol: str = "") -> None:
        """Read the open orders, "": of all symbols."""
        self._turn.out.append(Read(what=ReadKind.ORDERS, venue=venue, symbol=symbol))

    def trades(self, symbol: str) -> None:
        """Read the trades of one symbol, unless that was asked for a moment ago."""
        read = self.of(symbol).trades_of(symbol, self.last_trade(symbol), self._turn.state.now_ns)
        if read is not None:
            self._turn.out.append(read)

    def order(self, order: Order) -> None:
        """Ask for one order."""
        order.queried_ns = self._turn.state.now_ns
        self._turn.out.append(
            Query(symbol=order.symbol, client_id=order.client_id, venue_id=order.child_id or order.venue_id, waits=order.waits)
        )

    def may_be_of(self, fill: FillUpdate, at_ns: int) -> list[Order]:
        """Orders of ours that a trade may be of which names an order that is not known (listings name the venue's ids only): those whose
        answer has not come, and those that wait in a service of their own, as the order that one becomes has another id."""
        apart = self._turn.state.capabilities(fill.symbol).conditional is Conditional.ALGO
        return [
            order
            for order in self._turn.state.orders.working(fill.symbol)
            if (apart and order.waits and _may_have_become(order, fill)) or (not order.venue_id and order.asked_ns <= at_ns)
        ]

    def leave(self, symbol: str, after: str, orders: list[Order]) -> None:
        """Nobody can tell yet of which of `orders` the trades after that one are: they are asked for, and the trades are read again."""
        now = self._turn.state.now_ns
        self.behind.setdefault(symbol, after)
        self._left_ns[symbol] = now
        self.of(symbol).touched(symbol, now)  # its position cannot be explained yet
        self.of(symbol).later(now + _AGAIN_NS)
        for order in orders:
            if order.waits and now - order.queried_ns >= SECOND_NS:
                self.order(order)

    def caught_up(self, symbol: str, asked_ns: int) -> None:
        """In a listing of its trades nothing is in doubt. One that may be older than the trade that was left says nothing of it."""
        if symbol in self.behind and asked_ns >= self._left_ns[symbol] + _AGAIN_NS:
            del self.behind[symbol]

    def last_trade(self, symbol: str) -> str:
        """The trade to read on from: the last that is known, or the one before those that could not be told whose they are. Where an order
        has trades that are not known, the one before its first: a later one may have come by the stream."""
        orders = self._turn.state.orders
        owed = orders.owed(symbol)
        return self.behind.get(symbol, orders.last_trade(symbol)) if owed is None else orders.oldest_after(symbol, owed.after_trade)


def _may_have_become(order: Order, fill: FillUpdate) -> bool:
    """Whether a waiting order may have been triggered before that trade, for all that is known."""
    asked, traded_ns = order.request, fill.event_ns or 0
    alike = asked.side is fill.side and asked.position_side is fill.position_side
    since = order.asked_ns <= traded_ns + _TOLD_NS
    waited = order.status is not Status.UNKNOWN and not order.triggered and order.heard_ns >= traded_ns + _TOLD_NS
    return alike and since and not waited and order.denials < _DENIALS
