"""trading.engine.asking: which listings are asked for, and from where on trades are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hoga.core.trading import Capabilities
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Order
from hoga.trading.ports import Query, Read, ReadKind, Write
from hoga.trading.reconcile import Reckoning
from hoga.trading.state import venue_of

__all__ = ["Asking"]


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

    def last_trade(self, symbol: str) -> str:
        """The trade to read on from: the last that is known, or the one before those that could not be told whose they are. Where an order
        has trades that are not known, the one before its first: a later one may have come by the stream."""
        orders = self._turn.state.orders
        owed = orders.owed(symbol)
        return self.behind.get(symbol, orders.last_trade(symbol)) if owed is None else orders.oldest_after(symbol, owed.after_trade)
