"""An engine and a venue that exists in memory only: every answer comes when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from hoga.core.instrument import Instrument, InstrumentStatus, QuantityRules
from hoga.core.market import Side
from hoga.core.ticks import MarketTop
from hoga.core.trading import (
    AccountRead,
    Balance,
    CancelSent,
    Capabilities,
    Conditional,
    FillUpdate,
    Held,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionsRead,
    Resting,
    RulesUpdate,
    StreamUpdate,
    TradesRead,
    rules_of,
    signed,
)
from hoga.trading.engine import Engine, Settings
from hoga.trading.limits import Limits
from hoga.trading.ports import (
    Cancel,
    Command,
    CommandKind,
    Denial,
    Done,
    Effect,
    Query,
    Read,
    ReadKind,
    Send,
    SendList,
    Tick,
    View,
    WakeAt,
    Write,
)
from hoga.trading.rungs import Cause, Ladder
from hoga.trading.strategy import Strategy

VENUE = "one"
SYMBOL = "one:BTCUSDT"
S = 1_000_000_000
T0 = 1_800_000_000 * S

FUTURES = Capabilities(
    client_id_chars=36,
    client_id_for_ever=False,
    absence_after_s=10.0,
    conditional=Conditional.ALGO,
    reduce_only=True,
    short=True,
    hedge=True,
    leverage=True,
    fills_in_reply=False,
    market_buy_by_funds=False,
    cancels_by_symbol=True,
)
SPOT = Capabilities(
    client_id_chars=36,
    client_id_for_ever=False,
    absence_after_s=10.0,
    conditional=Conditional.BOOK,
    reduce_only=False,
    short=False,
    hedge=False,
    leverage=False,
    fills_in_reply=True,
    market_buy_by_funds=False,
    cancels_by_symbol=True,
)


def instrument(symbol: str = "BTCUSDT", venue: str = VENUE) -> Instrument:
    return Instrument(
        venue=venue,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        settle="USDT",
        status=InstrumentStatus.TRADING,
        said="TRADING",
        tick=Decimal("0.1"),
        quantity=QuantityRules(lot=Decimal("0.001"), least=Decimal("0.001"), most=Decimal(1000)),
        min_notional=Decimal(5),
    )


class OpenGate:
    """Lets everything pass, or what `deny` says."""

    def __init__(self) -> None:
        self.deny: Callable[[OrderRequest, View], Denial | None] = lambda request, view: None
        self.passed: list[OrderRequest] = []

    def judge(self, request: OrderRequest, view: View) -> OrderRequest | Denial:
        denial = self.deny(request, view)
        if denial is None:
            self.passed.append(request)
        return denial or request

    def judge_cancel(self, symbol: str, view: View) -> Denial | None:
        return None

    def refused(self, request: OrderRequest, code: str, view: View) -> None: ...

    def renewed(self) -> None: ...

    def restore(self, symbol: str, orders: int, day: int) -> None: ...

    def breaches(self, symbol: str, view: View) -> list[tuple[Cause, str]]:
        return []


class Exchange:
    """What a venue knows, and an engine that trades there. `effects`: all so far; `sent`: orders that wait for an answer."""

    def __init__(
        self,
        *strategies: Strategy,
        able: Capabilities = FUTURES,
        symbols: tuple[str, ...] = ("BTCUSDT",),
        gate: Any = None,
        start: bool = True,
        **limits: Any,
    ) -> None:
        self.now = T0
        self.rules = {f"{VENUE}:{symbol}": rules_of(instrument(symbol)) for symbol in symbols}
        self.gate = gate or OpenGate()
        self.ladder = Ladder()
        self.able = able
        self.engine = Engine(
            Settings(trader="hg", boot=7, limits={symbol: Limits(**limits) for symbol in self.rules}),
            rules=self.rules,
            capabilities={VENUE: able},
            gate=self.gate,
            ladder=self.ladder,
            strategies=[(f"{type(each).__name__}/{each.symbol}", each) for each in strategies],
        )
        self.effects: list[Effect] = []
        self.sent: list[OrderRequest] = []
        self.open: dict[str, OrderUpdate] = {}
        self.held: dict[str, int] = {}
        self.fills: list[FillUpdate] = []
        self.answers_reads = True
        self.gone = Decimal(0)
        """Coins that somebody took away."""
        self.wake: int | None = None
        self._number = 0
        if start:
            self.begin()

    # -- time and the market ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self.give(StreamUpdate(at_ns=self.now, venue=VENUE, live=True, missed=False))
        self.give(Command(at_ns=self.now, kind=CommandKind.START, who="test"))
        for symbol in self.rules:
            self.book(symbol=symbol)

    def give(self, *events: Any) -> list[Effect]:
        got: list[Effect] = []
        for event in events:
            effects = self.engine.step(event)
            got += effects
            self.effects += effects
            for effect in effects:
                if isinstance(effect, WakeAt):
                    self.wake = effect.at_ns
                elif isinstance(effect, Send):
                    self.sent.append(effect.request)
                elif isinstance(effect, SendList):
                    self.sent += effect.requests
                elif isinstance(effect, Read) and self.answers_reads:
                    got += self.give(self.read(effect))
        return got

    def book(self, bid: int = 600_000, ask: int = 600_010, *, symbol: str = SYMBOL) -> list[Effect]:
        return self.give(MarketTop(symbol=symbol, at_ns=self.now, bid=bid, bid_size=5_000, ask=ask, ask_size=5_000))

    def pass_time(self, seconds: float, *, books: bool = True) -> list[Effect]:
        """Second by second, with a book and a stream that lives each."""
        got: list[Effect] = []
        until = self.now + int(seconds * S)
        while self.now < until:
            self.now = min(until, self.now + S)
            got += self.give(Tick(self.now))
            if books:
                got += self.give(StreamUpdate(at_ns=self.now, venue=VENUE, live=True, missed=False))
                for symbol in self.rules:
                    got += self.book(symbol=symbol)
        return got

    # -- what the venue says --------------------------------------------------------------------------------------------

    def accept(self, request: OrderRequest, *, stream: bool = True) -> None:
        self._number += 1
        update = self.update(request, OrderState.NEW, venue_id=str(self._number), execution="NEW")
        self.open[request.client_id] = update
        self.give(OrderAccepted(at_ns=self.now, client_id=request.client_id, symbol=request.symbol))
        if stream:
            self.give(update)

    def update(self, request: OrderRequest, state: OrderState, **more: Any) -> OrderUpdate:
        known = self.open.get(request.client_id)
        fields: dict[str, Any] = {"venue_id": known.venue_id if known is not None else "0", "execution": "x", "filled": None} | more
        return OrderUpdate(
            at_ns=self.now,
            symbol=request.symbol,
            client_id=request.client_id,
            state=state,
            said=state.value,
            side=request.side,
            kind=request.kind,
            quantity=request.quantity,
            price=request.price,
            **fields,
        )

    def trade(self, request: OrderRequest, quantity: int, price: int = 600_010, *, told: bool = True) -> FillUpdate:
        """It is filled at the venue; `told`: and the stream says so."""
        self._number += 1
        known = self.open.get(request.client_id)
        fill = FillUpdate(
            at_ns=self.now,
            symbol=request.symbol,
            client_id=request.client_id,
            venue_id=known.venue_id if known is not None else "0",
            trade_id=str(1000 + self._number),
            side=request.side,
            price=price,
            quantity=quantity,
            fee="0",
            fee_currency="USDT",
            maker=False,
        )
        self.fills.append(fill)
        self.held[request.symbol] = self.held.get(request.symbol, 0) + signed(request.side, quantity)
        done = sum(each.quantity for each in self.fills if each.client_id == request.client_id)
        if request.quantity is not None and done >= request.quantity:
            self.open.pop(request.client_id, None)
        if told:
            self.give(fill)
        return fill

    def fill(self, request: OrderRequest, quantity: int | None = None, price: int = 600_010) -> None:
        """Accepted and filled, as a market order usually is."""
        self.accept(request)
        self.trade(request, quantity if quantity is not None else request.quantity or 0, price)

    def read(self, ask: Read) -> Any:
        at = self.now
        if ask.what is ReadKind.ORDERS:
            orders = tuple(Resting(order=each) for each in self.open.values() if ask.symbol in ("", each.symbol))
            return OpenOrders(at_ns=at, venue=VENUE, symbol=ask.symbol, asked_ns=at, orders=orders)
        if ask.what is ReadKind.POSITIONS:
            held = tuple(Held(symbol=symbol, quantity=quantity, entry="60000") for symbol, quantity in self.held.items() if quantity)
            return PositionsRead(at_ns=at, venue=VENUE, asked_ns=at, positions=held)
        if ask.what is ReadKind.TRADES:
            fills = tuple(each for each in self.fills if each.symbol == ask.symbol)
            return TradesRead(at_ns=at, symbol=ask.symbol, asked_ns=at, fills=fills, whole=True)
        if ask.what is ReadKind.ACCOUNT:
            coins = () if self.able.short else tuple(self.coins(symbol) for symbol in self.rules)
            return AccountRead(
                at_ns=at, venue=VENUE, asked_ns=at, balances=(Balance(currency="USDT", free="10000", locked="0"), *coins), equity="10000"
            )
        return RulesUpdate(at_ns=at, rules=self.rules[ask.symbol])

    def coins(self, symbol: str) -> Balance:
        """Of what is traded, without the fees that were taken off it."""
        rules = self.rules[symbol]
        fees = sum(Decimal(each.fee or 0) for each in self.fills if each.fee_currency == rules.base)
        there = Decimal(self.held.get(symbol, 0)).scaleb(rules.size_power) - fees - self.gone
        return Balance(currency=rules.base, free=f"{there:f}", locked="0")

    def deny(self, ask: Query | OrderRequest, *, asked_ns: int | None = None) -> None:
        at = self.now if asked_ns is None else asked_ns
        self.give(NotFound(at_ns=self.now, client_id=ask.client_id, symbol=ask.symbol, asked_ns=at))

    def cancelled(self, ask: Cancel) -> None:
        self.open.pop(ask.client_id, None)
        self.give(CancelSent(at_ns=self.now, client_id=ask.client_id, symbol=ask.symbol, final=True))

    def do(self, act: Callable[[], Any]) -> Any:
        """Let the first strategy do something at the next book, and say what came of it."""
        strategy = self.engine.instances[0].strategy
        assert isinstance(strategy, Holds)
        strategy.todo.append(act)
        self.book()
        return strategy.did[-1]

    # -- what was asked for ---------------------------------------------------------------------------------------------

    def of(self, kind: type[Any], effects: Iterable[Effect] | None = None) -> list[Any]:
        return [each for each in (self.effects if effects is None else effects) if isinstance(each, kind)]

    def records(self, kind: str) -> list[Write]:
        return [each for each in self.effects if isinstance(each, Write) and each.kind == kind]

    def stop(self) -> Done | None:
        self.give(Command(at_ns=self.now, kind=CommandKind.STOP, who="test"))
        return next(iter(self.of(Done)), None)

    @property
    def last(self) -> OrderRequest:
        return self.sent[-1]

    def position(self, symbol: str = SYMBOL) -> int:
        return self.engine.state.position(symbol)


class Holds(Strategy):
    """Wants what the test says, at each book."""

    symbol = SYMBOL
    wanted: Any = None

    def __init__(self) -> None:
        self.todo: list[Callable[[], Any]] = []
        self.did: list[Any] = []

    def on_book(self, book: Any) -> None:
        while self.todo:
            self.did.append(self.todo.pop(0)())
        if self.wanted is not None:
            self.target(self.symbol, self.wanted, why="test")


def holds(wanted: Any = None, symbol: str = SYMBOL) -> Holds:
    strategy = Holds()
    strategy.symbol, strategy.wanted = symbol, wanted
    return strategy


BUY, SELL = Side.BUY, Side.SELL
