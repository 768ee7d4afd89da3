"""trading.engine.market: what the market does: the look of each symbol, whether it is old, and the hooks that it calls. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hoga.core.market import DataType
from hoga.core.ticks import MarketDepth, MarketDoubt, MarketMark, MarketPrice, MarketTop, MarketTrade
from hoga.core.times import MS_NS
from hoga.trading.blocks import Counted
from hoga.trading.engine.candles import Candles
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.guarding import Guarding
from hoga.trading.engine.instance import Instance
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.ports import Look
from hoga.trading.rungs import Cause
from hoga.trading.sampling import Sampler

__all__ = ["Market"]


class Market:
    """`advance`: lets the ladder move now; a book that is fresh again may be traded at once."""

    def __init__(
        self,
        turn: Turn,
        roster: Roster,
        causes: Causes,
        candles: Candles,
        guarding: Guarding,
        pursuing: Pursuing,
        sampler: Sampler,
        advance: Callable[[], None],
    ) -> None:
        self._turn = turn
        self._state = turn.state
        self._roster = roster
        self._causes = causes
        self._candles = candles
        self._guarding = guarding
        self._pursuing = pursuing
        self._sampler = sampler
        self._advance = advance
        self._stale: set[str] = set()
        self._bookish: dict[str, list[Instance]] = {}
        self._quotish: dict[str, list[Instance]] = {}
        self._tradish: dict[str, list[Instance]] = {}

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {
            MarketTop: self._on_top,
            MarketDepth: self._on_depth,
            MarketPrice: self._on_price,
            MarketTrade: self._on_trade,
            MarketMark: self._on_mark,
            MarketDoubt: self._on_doubt,
        }

    def begin(self) -> None:
        """All strategies are there."""
        instances = self._roster.instances
        for symbol in self._state.rules_of:
            self._quotish[symbol] = [each for each in instances if DataType.QUOTE in each.wants(symbol)]
            self._bookish[symbol] = [each for each in instances if each.wants(symbol) & {DataType.ORDERBOOK, DataType.QUOTE}]
            self._tradish[symbol] = [each for each in instances if each.hears_trades(symbol)]

    def _on_depth(self, event: MarketDepth) -> None:
        self._came(event, self._bookish)

    def is_idle(self, symbol: str) -> bool:
        """Whether no hook hears its books, its data are fresh, and neither a guard nor a wish waits for a price."""
        return (
            not self._bookish.get(symbol)
            and not self._quotish.get(symbol)
            and symbol not in self._stale
            and self._pursuing.waits_to(symbol) > self._state.now_ns
            and not self._guarding.is_watching(symbol)
        )

    def hearers(self, symbol: str, kind: type[MarketTop]) -> list[Instance]:
        """Whom the next book or quote of a symbol concerns; empty also where it can do more than call them."""
        look = self._state.looks[symbol]
        waits = self._pursuing.waits_to(symbol) <= self._state.now_ns
        plain = not (look.in_doubt or symbol in self._stale or waits or self._guarding.has_guards(symbol))
        return (self._bookish if kind is MarketDepth else self._quotish)[symbol] if plain and self._roster.running else []

    def is_fresh(self) -> bool:
        """Whether no symbol's data are old by now, or in doubt."""
        now, limits = self._state.now_ns, self._turn.settings.limits
        for symbol, look in self._state.looks.items():
            if look.in_doubt or now - look.at_ns > limits[symbol].stale_after_ms * MS_NS:
                return False
        return True

    @property
    def is_calm(self) -> bool:
        """Whether no symbol's data are old or in doubt."""
        return not self._stale and not any(look.in_doubt for look in self._state.looks.values())

    def counts_from_to(self, symbol: str) -> tuple[int, int]:
        """The venue's times (from, and before) of trades that are only counted, while the symbol is idle; (0, 0): none are."""
        return (0, 0) if self._tradish.get(symbol) else self._candles.counts_from_to(symbol)

    def count(self, event: MarketTrade) -> None:
        """A trade that is only counted."""
        self._state.traded(event)
        self._candles.trade(event)

    def count_all(self, symbol: str, run: Counted) -> None:
        """Several of them."""
        self._state.traded_all(symbol, run)
        self._candles.count_all(symbol, run)

    def _on_top(self, event: MarketTop) -> None:
        self._came(event, self._quotish)

    def _came(self, event: MarketTop, hearers: Mapping[str, list[Instance]]) -> None:
        symbol = event.symbol
        look = self._state.looks.get(symbol)
        if look is None:
            return
        look.bid, look.ask, look.at_ns = event.bid, event.ask, event.at_ns
        look.in_doubt = not event.bid or not event.ask or event.bid >= event.ask
        self._saw(symbol, look)
        if not self._roster.running:
            return
        pursuing = self._pursuing
        tries = pursuing.tries
        for instance in hearers[symbol]:
            instance.on_book(event)
        if pursuing.unmet[symbol] and tries == pursuing.tries:
            pursuing.pursue(symbol)

    def _on_price(self, event: MarketPrice) -> None:
        """There is no book: no hook hears of it, and all else is as with one."""
        symbol = event.symbol
        look = self._state.looks.get(symbol)
        if look is None:
            return
        look.is_price = True
        self._priced(symbol, look, event.price, event.at_ns)

    def _priced(self, symbol: str, look: Look, price: int, at_ns: int) -> None:
        """What it is traded at; where there is no book each trade says it."""
        look.bid = look.ask = price
        look.at_ns, look.in_doubt = at_ns, not price
        self._saw(symbol, look)
        if self._roster.running and self._pursuing.unmet[symbol]:
            self._pursuing.pursue(symbol)

    def _saw(self, symbol: str, look: Look) -> None:
        """A price has come: what was old is fresh, and what guards positions looks at it."""
        if symbol in self._stale and not look.in_doubt:
            self._fresh(symbol)
            self._advance()
        self._guarding.saw(symbol, look)

    def _on_trade(self, event: MarketTrade) -> None:
        symbol = event.symbol
        if symbol not in self._state.looks:
            return
        self._state.traded(event)
        look = self._state.looks[symbol]
        if look.is_price:
            self._priced(symbol, look, event.price, event.at_ns)
        self._candles.trade(event)
        if self._roster.running:
            for instance in self._tradish[symbol]:
                instance.on_trade(event)

    def _on_mark(self, event: MarketMark) -> None:
        look = self._state.looks.get(event.symbol)
        if look is not None:
            look.mark, look.mark_at_ns, look.has_mark = event.mark, event.at_ns, True
            self._guarding.saw(event.symbol, look)

    def _on_doubt(self, event: MarketDoubt) -> None:
        look = self._state.looks.get(event.symbol)
        if look is None:
            return
        look.in_doubt = True
        self._turn.out += self._sampler.doubt(self._state, event.symbol, event.why)
        self._candles.doubt(event.symbol)
        self._roster.call_of(event.symbol, "on_stale", event.symbol, event.why)

    def look_after(self, symbol: str) -> None:
        """Is its data old, and how long already?"""
        state = self._state
        look, now = state.looks[symbol], state.now_ns
        fresh_ns = self._turn.settings.limits[symbol].stale_after_ms * MS_NS
        stale = look.in_doubt or now - look.at_ns > fresh_ns
        gone = not state.rules_of[symbol].is_trading and not state.position(symbol)  # nothing comes of it, and nobody waits for it
        if stale and symbol not in self._stale:
            self._stale.add(symbol)
            since = look.at_ns + fresh_ns if look.at_ns else now
            if not gone:
                self._causes.begin(Cause.STALE_MARKET, subject=symbol, since_ns=min(since, now))
            self._roster.call_of(symbol, "on_stale", symbol, "no book" if not look.at_ns else "the book is old")
        if symbol in self._stale:
            if not stale:
                self._fresh(symbol)
            elif gone:
                self._causes.end(Cause.STALE_MARKET, subject=symbol)
                self._causes.end(Cause.STALE_WITH_POSITION, subject=symbol)
            elif state.position(symbol) and not self._turn.settings.waits_for_data:
                self._causes.begin(Cause.STALE_WITH_POSITION, subject=symbol, since_ns=look.at_ns or None)
            else:
                self._causes.end(Cause.STALE_WITH_POSITION, subject=symbol)

    def _fresh(self, symbol: str) -> None:
        self._stale.discard(symbol)
        self._causes.end(Cause.STALE_MARKET, subject=symbol)
        self._causes.end(Cause.STALE_WITH_POSITION, subject=symbol)
