"""Orders at random, and what a simulated venue's own rules, asked in the process, make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketMark, MarketTrade
from hoga.core.trading import (
    ExecutionEvent,
    FillUpdate,
    Force,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    Rules,
    TriggerBy,
    Unanswered,
    text_of,
)
from hoga.simulator import SimulatorConfig
from hoga.simulator.clock import SimClock
from hoga.simulator.faults import FaultDesk
from hoga.simulator.simulator import VENUES as SIMULATED
from hoga.simulator.upbit.quotation import QUOTATION, Query
from hoga.trading.paper import Latency, PaperExchange, PaperSettings
from hoga.venues.orders import RuleBook, Told
from hoga.venues.registry import VENUES
from tests.gateway.conformance.rig import Case

_MS = 1_000_000
E8 = 100_000_000


class SimulatedVenue:
    """A venue of the simulator, asked by hand, without a socket (`venue` None: one of its own). Its market stands still."""

    def __init__(self, case: Case, *, seed: int = 11, venue: Any = None, clock: SimClock | None = None) -> None:
        config = SimulatorConfig(venues=(case.venue,), symbols=(case.symbol,), seed=seed)
        self.case = case
        self.clock = clock or SimClock(speed=1.0)
        self.venue = venue or SIMULATED[case.venue](config, clock=self.clock, desk=FaultDesk(seed=1), capture=None)
        self.market = self.venue.engine.market(case.symbol)
        self.market.frozen = True
        spec = VENUES[case.venue].orders
        assert spec is not None, "cases are of venues with orders"
        self.spec = spec
        self.rules = self._learn()
        self._seen = max((each.trade_id for each in self.market.trades), default=0)

    def _learn(self) -> Rules:
        book = RuleBook(self.case.venue)
        for rules in self._read(self.spec.rules()):
            book.learn(rules)
        if self.spec.limits is not None:
            book.learn(self._read(self.spec.limits(book, self.case.symbol)))
        return book.of(self.case.symbol)

    def _read(self, asking: Any) -> Any:
        call = next(asking)
        while True:
            try:
                call = asking.send(self.ask(call))
            except StopIteration as done:
                return done.value

    def ask(self, call: Any) -> Told:
        """What the venue answers to a call."""
        path, _, query = call.path.partition("?")
        params = dict(each.split("=", 1) for each in query.split("&") if each) | {name: str(value) for name, value in call.params}
        now = self.clock.now_ns()
        try:
            body, status = self._answer(call.method, path, params), 200
        except ValueError as refused:
            code, _, text = str(refused).partition(" ")
            status = 400
            body = {"code": int(code), "msg": text} if code.lstrip("-").isdigit() else {"error": {"name": code, "message": text}}
        return Told(status=status, body=msgspec.json.encode(body), asked_ns=now, at_ns=now)

    def _answer(self, method: str, path: str, params: dict[str, str]) -> Any:
        if path in QUOTATION:
            self.venue.advance(self.clock.now_ns())
            query = Query({name: [value] for name, value in params.items()}, now_ms=self.clock.now_ns() // _MS)
            return msgspec.json.decode(QUOTATION[path][1](self.venue.publisher, query))
        return self.venue.act("main", f"{method} {path}", params)

    async def place(self, request: OrderRequest) -> ExecutionEvent:
        """What the venue says to an order."""
        answer = self.spec.answered(request, self.rules, self.ask(self.spec.new(request, self.rules)))
        self.venue.advance(self.clock.now_ns())
        return answer

    def balances(self) -> dict[str, str]:
        """Currency → what is free."""
        if self.case.venue == "binance-usdm":
            return {"USDT": "100000"}
        rows = self.venue.account("main")["balances"]
        return {row.get("asset") or row["currency"]: row.get("free") or row["balance"] for row in rows}

    def own(self) -> dict[int, int]:
        """Price in ticks → lots of the account's own resting orders."""
        mine: dict[int, int] = {}
        for order in self.market.book.orders.values():
            if order.owner:
                mine[order.price] = mine.get(order.price, 0) + order.lots
        return mine

    def _traded(self) -> list[int]:
        """What was traded since it was last shown: the account's own trades, as the market stands still."""
        tick, rules = self.market.instrument.tick_e8, self.rules
        fresh = [each for each in self.market.trades if each.trade_id > self._seen]
        self._seen = max((each.trade_id for each in fresh), default=self._seen)
        return [each.price * tick * 10**-rules.price_power // E8 for each in fresh]

    def show(self, paper: PaperExchange, at_ns: int) -> tuple[int, int]:
        """Let a paper exchange see the market, without the account's own orders; the best bid and ask of it."""
        market, rules, tick, lot = self.market, self.rules, self.market.instrument.tick_e8, self.market.instrument.lot_e8
        market.mark_e8 = (market.top.bid + market.top.ask) * tick // 2  # else it moves with the clock
        self.venue.advance(self.clock.now_ns())  # what that triggers is done before the next order
        mine = self.own()

        def side(half: Any) -> list[tuple[str, str]]:
            levels = [(each.price, each.lots - mine.get(each.price, 0)) for each in half.top(60)]
            return [(text_of(price * tick, -8), text_of(lots * lot, -8)) for price, lots in levels if lots > 0][:30]

        bids, asks = side(market.book.bids), side(market.book.asks)

        def price(text: str) -> int:
            return rules.price(Decimal(text))

        last = rules.price_down(int(market.tape.last_price * tick * 10**-rules.price_power // E8))
        mark = market.mark_e8 * 10**-rules.price_power // E8
        paper.advance(at_ns)
        for price_now in (*self._traded(), last):
            paper.on_market(MarketTrade(symbol=rules.symbol, at_ns=at_ns, price=price_now, size=0, taker=Side.SELL, trade_id=at_ns))
        if self.spec.capabilities.short:
            paper.on_market(MarketMark(symbol=rules.symbol, at_ns=at_ns, mark=mark))
        if not bids or not asks:
            return 0, 0
        best, other = price(bids[0][0]), price(asks[0][0])
        paper.on_market(MarketDepth(symbol=rules.symbol, at_ns=at_ns, bid=best, bid_size=1, ask=other, ask_size=1, bids=bids, asks=asks))
        return best, other


def paper_of(simulated: SimulatedVenue, told: list[ExecutionEvent]) -> PaperExchange:
    """The exchange on paper with the balances of the simulator's account; answers come at once."""
    rules, able = simulated.rules, simulated.spec.capabilities
    coins = simulated.balances()
    settings = PaperSettings(
        balance=coins.pop(rules.settle if able.short else rules.quote), coins=coins, leverage=20, latency=Latency((0,)), maintenance_bp=0
    )
    return PaperExchange(simulated.case.venue, {rules.symbol: rules}, able, settings, told.append)


class Orders:
    """Orders at random: most are near what a venue takes, many are a little off, some are nonsense."""

    def __init__(self, rules: Rules, venue: str, seed: int) -> None:
        self.rules, self.venue, self.random = rules, venue, Random(seed)
        self.able = VENUES[venue].orders.capabilities  # type: ignore[union-attr]  # it has orders
        self._number = 0
        self._names: list[str] = []

    def next(self, bid: int, ask: int) -> OrderRequest:
        r, rules = self.random, self.rules
        side = r.choice((Side.BUY, Side.SELL))
        kind = r.choices((OrderKind.LIMIT, OrderKind.MARKET, OrderKind.STOP, OrderKind.TAKE), (70, 15, 8, 7))[0]
        if kind not in (OrderKind.LIMIT, OrderKind.MARKET) and self.venue == "upbit":
            kind = OrderKind.LIMIT
        price = trigger = None
        if kind is OrderKind.LIMIT:
            price = self._price(bid, ask)
        elif kind is not OrderKind.MARKET:
            trigger = self._price(bid, ask)
        more: dict[str, Any] = {}
        if self.able.reduce_only and r.random() < 0.2:
            more = {"reduce_only": True}
        if self.able.short and kind in (OrderKind.STOP, OrderKind.TAKE) and r.random() < 0.3:
            more = {"close_position": True}
        quantity: int | None = None if "close_position" in more else self._quantity(bid)
        if kind is OrderKind.MARKET and side is Side.BUY and self.able.market_buy_by_funds:
            won = 10**-rules.money_power
            more, quantity = {"funds": max(won, self._quantity(bid) * bid // won * won)}, None
        force = r.choice((Force.GTC, Force.GTC, Force.IOC, Force.FOK, Force.POST_ONLY)) if kind is OrderKind.LIMIT else Force.GTC
        by = r.choice((TriggerBy.MARK, TriggerBy.LAST))
        return OrderRequest(
            client_id=self._name(), symbol=rules.symbol, side=side, kind=kind, quantity=quantity, price=price, trigger=trigger,
            trigger_by=by, force=force, **more,
        )  # fmt: skip

    def _name(self) -> str:
        if self._names and self.random.random() < 0.03:
            return self.random.choice(self._names[-20:])
        self._number += 1
        self._names.append(f"hg-1-1-{self._number}")
        return self._names[-1]

    def _price(self, bid: int, ask: int) -> int:
        r, rules = self.random, self.rules
        roll = r.random()
        if roll < 0.05:
            return max(1, int(bid * r.choice((0.1, 0.9, 0.94, 1.06, 1.2, 6))))
        tick = rules.tick_at(bid)
        price = (bid if r.random() < 0.5 else ask) + tick * r.randint(-40, 40)
        if roll < 0.65:
            price = rules.price_down(price)
        return max(1, rules.price_down(price) if roll < 0.9 else price + r.randint(0, max(1, tick - 1)))

    def _quantity(self, bid: int) -> int:
        r, rules = self.random, self.rules
        roll = r.random()
        if roll < 0.04:
            return 0
        if roll < 0.1:
            return r.choice((rules.least - 1 or rules.lot, (rules.most or 10**9) + rules.lot, (rules.market_most or 10**9) + rules.lot))
        least = (rules.min_notional or 1) // bid + 1
        quantity = int(least * r.choice((0.3, 0.9, 1.1, 2, 5, 20, 400)))
        if roll < 0.85:
            quantity = quantity // rules.lot * rules.lot + (rules.lot if r.random() < 0.7 else 0)
        return max(quantity, rules.lot)


def verdict(event: ExecutionEvent) -> str:
    """`accepted`, `there already`, or the refusal in the venue's words."""
    if isinstance(event, OrderRefused):
        return f"{event.code} {event.text}"
    if isinstance(event, Unanswered):
        return "there already"
    assert isinstance(event, OrderAccepted), event
    return "accepted"


async def compare(
    simulated: SimulatedVenue, place: Callable[[OrderRequest], Awaitable[ExecutionEvent]], *, seed: int, most: int, seen: Counter[str]
) -> list[tuple[OrderRequest, str, str]]:
    """Give up to `most` orders to a venue, by `place`, and to the exchange on paper: where they do not say the same."""
    told: list[ExecutionEvent] = []
    paper, orders = paper_of(simulated, told), Orders(simulated.rules, simulated.case.venue, seed)
    off = []
    for number in range(most):
        now = 1_790_000_000_000_000_000 + number * _MS
        told.clear()
        bid, ask = simulated.show(paper, now)
        paper.advance(now)
        if not bid or any(isinstance(each, FillUpdate) for each in told):
            break  # it is bought up, or a trigger was met: what that traded there, nobody offers here
        request = orders.next(bid, ask)
        there = verdict(await place(request))
        told.clear()
        paper.send(request)
        paper.advance(now)
        here = next(verdict(each) for each in told if isinstance(each, OrderAccepted | OrderRefused | Unanswered))
        seen[there] += 1
        if here != there:
            off.append((request, there, here))
    return off
