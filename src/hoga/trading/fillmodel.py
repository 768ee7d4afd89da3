"""trading.fillmodel: the orders of a live trader, once more, at an exchange on paper that sees the same frames: fills beside fills. Pure.

What the paper exchange says reaches nobody: it cannot change what was decided. Its account has more than enough of everything.
"""

from __future__ import annotations

from typing import Any

from hoga.core.market import Side
from hoga.core.ticks import MarketEvent
from hoga.core.trading import ExecutionEvent, FillUpdate, PositionSide
from hoga.trading.making import Making
from hoga.trading.paper import PaperExchange, PaperSettings
from hoga.trading.ports import Cancel, Effect, Event, Send, SendList
from hoga.trading.shadowing import Shadow, ShadowTable
from hoga.trading.state import venue_of

__all__ = ["FillModel"]

_ENOUGH = "1000000000000"


class FillModel:
    """Is shown every event that the engine is given, and everything that it asks for. `begin`: a life begins, with exchanges of its own."""

    def __init__(self, making: Making) -> None:
        self._shadow = Shadow(making.rules, by_order=True)
        self._exchanges: dict[str, PaperExchange] = {}

    def begin(self, making: Making) -> None:
        """A life begins; what rested before it is not known here."""
        self._exchanges = {}
        for venue, able in making.capabilities.items():
            rules = {symbol: each for symbol, each in making.rules.items() if each.venue == venue}
            settings = PaperSettings(balance=_ENOUGH, coins={each.base: _ENOUGH for each in rules.values()}, leverage=100)
            self._exchanges[venue] = PaperExchange(venue, rules, able, settings, self._hear)

    def see(self, event: Event) -> None:
        """The next event."""
        for exchange in self._exchanges.values():
            if exchange.next_ns <= event.at_ns:
                exchange.advance(event.at_ns)
        if isinstance(event, MarketEvent):
            exchange = self._exchanges[venue_of(event.symbol)]
            exchange.on_market(event)
            if exchange.next_ns <= event.at_ns:
                exchange.advance(event.at_ns)

    def asked(self, effect: Effect) -> None:
        """What the engine asks because of it."""
        if isinstance(effect, Send):
            self._exchanges[venue_of(effect.request.symbol)].send(effect.request)
        elif isinstance(effect, SendList):
            self._exchanges[venue_of(effect.requests[0].symbol)].send_list(effect.requests)
        elif isinstance(effect, Cancel):
            self._exchanges[venue_of(effect.symbol)].cancel(effect)

    def filled(self, at_ns: int, fields: dict[str, Any]) -> None:
        """A record `order.fill` of the journal."""
        self._take(
            FillUpdate(
                at_ns=at_ns,
                symbol=str(fields["sym"]),
                client_id=str(fields["id"]),
                venue_id=str(fields.get("oid") or ""),
                trade_id=str(fields["tid"]),
                side=Side.SELL if fields["side"] == "S" else Side.BUY,
                price=int(fields["p"]),
                quantity=int(fields["q"]),
                fee=None,
                fee_currency=None,
                maker=None,
                position_side=PositionSide(fields.get("ps") or "both"),
            ),
            paper=False,
        )

    def table(self) -> ShadowTable:
        """How far apart they are."""
        return self._shadow.table()

    def _hear(self, event: ExecutionEvent) -> None:
        if isinstance(event, FillUpdate):
            self._take(event, paper=True)

    def _take(self, fill: FillUpdate, *, paper: bool) -> None:
        for _ in self._shadow.fill(fill, paper=paper):
            """Counted there."""
