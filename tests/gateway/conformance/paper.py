"""The exchange on paper as a member of the suite: each venue's rules, in the process, on a book that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketMark, MarketTrade
from hoga.core.trading import Rules, text_of
from hoga.trading.paper import Latency, PaperExchange, PaperSettings
from hoga.venues.registry import VENUES
from tests.gateway.conformance.rig import CASES, Case, Rig, opened

MEMBERS = (*CASES, *(case._replace(paper=True) for case in CASES))
_LATENCY_NS = 10_000_000
_PATIENCE_NS = 10_000_000_000
_PRICES = {"binance-usdm": "86704.7", "binance": "86704.77", "upbit": "116540000"}
_LEVELS = 30
_known: dict[str, Rules] = {}


async def rules_at(case: Case) -> Rules:
    """The rules of the case's symbol, as a gateway reads them at its simulated venue; asked once."""
    if case.venue not in _known:
        async with opened(case, live=False) as rig:
            _known[case.venue] = rig.rules
    return _known[case.venue]


class PaperRig(Rig):
    """Time passes when somebody waits."""

    def __init__(self, case: Case, rules: Rules) -> None:
        orders = VENUES[case.venue].orders
        assert orders is not None, "cases are of venues with orders"
        self.case = case
        self.events = []
        coins = {rules.base: "1"} if not orders.capabilities.short else {}
        settings = PaperSettings(
            balance="1000000000" if rules.quote == "KRW" else "100000", coins=coins, leverage=20, latency=Latency((_LATENCY_NS,))
        )
        self.gateway = PaperExchange(case.venue, {rules.symbol: rules}, orders.capabilities, settings, self.events.append)
        self._now_ns = 1_790_000_000_000_000_000
        self._bid = rules.price_down(rules.price(Decimal(_PRICES[case.venue])))
        self._tick = rules.tick_at(self._bid)

    async def open(self, *, live: bool = True) -> None:
        self.gateway.advance(self._now_ns)
        self._show()

    def _show(self) -> None:
        """The market trades at the best bid, and offers thirty levels of five times the usual quantity each."""
        rules, tick, bid, now_ns = self.rules, self._tick, self._bid, self._now_ns
        size, much = rules.quantity_text(self.quantity(5)), self.quantity(5)
        bids = [(text_of(bid - tick * each, rules.price_power), size) for each in range(_LEVELS)]
        asks = [(text_of(bid + tick * (each + 1), rules.price_power), size) for each in range(_LEVELS)]
        self.gateway.on_market(MarketTrade(symbol=rules.symbol, at_ns=now_ns, price=bid, size=1, taker=Side.SELL, trade_id=now_ns))
        self.gateway.on_market(
            MarketDepth(symbol=rules.symbol, at_ns=now_ns, bid=bid, bid_size=much, ask=bid + tick, ask_size=much, bids=bids, asks=asks)
        )

    def move_to(self, ticks_from_bid: int) -> None:
        self._bid, self._now_ns = self.price(ticks_from_bid), self._now_ns + 1
        self._show()

    def mark_at(self, ticks_from_bid: int) -> None:
        self._now_ns += 1
        self.gateway.on_market(MarketMark(symbol=self.rules.symbol, at_ns=self._now_ns, mark=self.price(ticks_from_bid)))

    async def close(self) -> None:
        await self.gateway.stop()

    def price(self, ticks_from_bid: int) -> int:
        return self._bid + self._tick * ticks_from_bid

    def spread(self) -> int:
        return 1

    def best_ask_size(self) -> int:
        return self.quantity(5)

    def now_ns(self) -> int:
        return self._now_ns

    async def wait(self, good: Callable[[], bool], *, why: Callable[[], str]) -> None:
        until_ns = self._now_ns + _PATIENCE_NS
        while not good():
            assert self._now_ns < until_ns, why()
            self._now_ns += _LATENCY_NS
            self.gateway.advance(self._now_ns)


@asynccontextmanager
async def member(case: Case) -> AsyncIterator[Rig]:
    """A gateway at its simulated venue, or the exchange on paper with that venue's rules."""
    if not case.paper:
        async with opened(case) as rig:
            yield rig
        return
    made = PaperRig(case, await rules_at(case))
    await made.open()
    yield made
    await made.close()
