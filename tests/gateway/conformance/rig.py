"""One account at one simulated venue, served by a gateway over real sockets; and what the suite needs to know of each venue."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from hoga.app.config import load_config
from hoga.app.trader.gateway import make_gateway
from hoga.core.market import Side
from hoga.core.trading import ExecutionEvent, OrderKind, OrderRequest, Rules, StreamUpdate
from hoga.gateway import GatewayConfig
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.trading.ports import Cancel, Query, Read, ReadKind
from tests.waiting import eventually

T = TypeVar("T", bound=ExecutionEvent)


class Case(NamedTuple):
    """A venue: its name, a symbol, a quantity that it takes, and where orders are sent. `paper`: its rules, in the process."""

    venue: str
    symbol: str
    quantity: str
    order_path: str
    paper: bool = False

    @property
    def name(self) -> str:
        """Of the member of the suite."""
        return f"paper-{self.venue}" if self.paper else self.venue


CASES = (
    Case("binance-usdm", "BTCUSDT", "0.010", "/fapi/v1/order"),
    Case("binance", "BTCUSDT", "0.01000", "/api/v3/order"),
    Case("upbit", "KRW-BTC", "0.01000000", "/v1/orders"),
)


_NUMBERS = itertools.count(1)


class Rig:
    """`events`: everything that the gateway has told, in order. `only`: of the endpoints, these are set. The market stands still."""

    def __init__(self, case: Case, simulator: Simulator, *, only: tuple[str, ...] = (), **settings: Any) -> None:
        self.case = case
        self.simulator = simulator
        self.events: list[ExecutionEvent] = []
        self.healthy = False
        environ = simulator.environment()
        if only:
            environ = {name: value for name, value in environ.items() if name.endswith(only) or "API_KEY" in name or "SECRET" in name}
        config = load_config(None, overrides=[f"{case.venue}.BASE_BACKOFF=1"], environ=environ)
        self.gateway: Any = make_gateway(
            config.venue(case.venue),
            GatewayConfig(symbols=(case.symbol,), **settings),
            self.events.append,
            healthy=lambda: self.healthy,
        )
        self.market = simulator.venues[case.venue].engine.market(case.symbol)
        self.market.frozen = True

    async def open(self, *, live: bool = True) -> None:
        await self.gateway.start()
        if live:
            await self.until(StreamUpdate, lambda each: each.live)

    async def close(self) -> None:
        await self.gateway.stop()

    # -- asking ---------------------------------------------------------------------------------------------------

    @property
    def symbol(self) -> str:
        return f"{self.case.venue}:{self.case.symbol}"

    @property
    def rules(self) -> Rules:
        return self.gateway.rules[self.symbol]

    def price(self, ticks_from_bid: int) -> int:
        """A price of so many of the market's ticks from the best bid."""
        ticks = self.market.top.bid + ticks_from_bid
        rules = self.rules
        return rules.price_down(rules.price(Decimal(ticks * self.market.instrument.tick_e8) / 10**8))

    def spread(self) -> int:
        return int(self.market.top.ask - self.market.top.bid)

    def best_ask_size(self) -> int:
        """What is offered at the best price."""
        return self.rules.quantity(Decimal(self.market.top.ask_lots * self.market.instrument.lot_e8) / 10**8)

    def now_ns(self) -> int:
        return self.simulator.clock.now_ns()

    def quantity(self, times: int = 1) -> int:
        return self.rules.quantity(Decimal(self.case.quantity)) * times

    def new_id(self) -> str:
        return f"hg1s1-{next(_NUMBERS)}"

    def resting(self, side: Side = Side.BUY, **changes: Any) -> OrderRequest:
        """An order that rests: far from the market."""
        price = self.price(-300 if side is Side.BUY else 300)
        known: dict[str, Any] = {
            "client_id": self.new_id(),
            "symbol": self.symbol,
            "side": side,
            "quantity": self.quantity(),
            "price": price,
        }
        return OrderRequest(**(known | changes))

    def taking(self, side: Side = Side.BUY, **changes: Any) -> OrderRequest:
        """An order that is filled at once, by what is there."""
        return self.resting(side, **({"price": self.price(200 if side is Side.BUY else -200)} | changes))

    def market_order(self, side: Side, **changes: Any) -> OrderRequest:
        """An order at the market; a buy names what is paid where the venue wants that."""
        much: dict[str, Any] = {"quantity": self.quantity()}
        if side is Side.BUY and self.gateway.capabilities.market_buy_by_funds:
            much = {"quantity": None, "funds": self.quantity() * self.price(0)}
        known: dict[str, Any] = {"client_id": self.new_id(), "symbol": self.symbol, "side": side, "kind": OrderKind.MARKET} | much
        return OrderRequest(**(known | changes))

    async def place(self, request: OrderRequest) -> ExecutionEvent:
        """What came of it: the answer, not the stream's word."""
        before = len(self.events)
        self.gateway.send(request)
        return await self._answer(before, ANSWERS, request.client_id)

    async def cancel(self, request: OrderRequest) -> ExecutionEvent:
        before = len(self.events)
        self.gateway.cancel(Cancel(symbol=request.symbol, client_id=request.client_id, waits=request.waits))
        return await self._answer(before, CANCEL_ANSWERS, request.client_id)

    async def query(self, request: OrderRequest) -> ExecutionEvent:
        """Asked when the stream is quiet, so that what comes is the answer."""
        before = len(self.events)
        self.gateway.query(Query(symbol=request.symbol, client_id=request.client_id, waits=request.waits))
        return await self._answer(before, ("OrderUpdate", "AlgoUpdate", "NotFound", "ReadFailed"), request.client_id)

    async def read(self, what: ReadKind, **more: Any) -> Any:
        before = len(self.events)
        self.gateway.read(Read(what=what, venue=self.case.venue, **more))
        names = ("OpenOrders", "PositionsRead", "TradesRead", "AccountRead", "RulesUpdate", "ReadFailed")
        return await self._answer(before, names)

    async def _answer(self, before: int, names: tuple[str, ...], client_id: str | None = None) -> Any:
        def found() -> ExecutionEvent | None:
            for each in self.events[before:]:
                if type(each).__name__ in names and client_id in (None, getattr(each, "client_id", None)):
                    return each
            return None

        await self.wait(lambda: found() is not None, why=lambda: f"no {names} of {client_id} in {self.events[before:]}")
        answer = found()
        assert answer is not None
        return answer

    def move_to(self, ticks_from_bid: int) -> None:
        """Let the market trade through to a price."""
        self.simulator.venues[self.case.venue].move(self.case.symbol, self.rules.price_text(self.price(ticks_from_bid)))

    def mark_at(self, ticks_from_bid: int) -> None:
        """Set the mark price."""
        self.simulator.venues[self.case.venue].set_mark(self.case.symbol, self.rules.price_text(self.price(ticks_from_bid)))

    # -- seeing ---------------------------------------------------------------------------------------------------

    async def wait(self, good: Callable[[], bool], *, why: Callable[[], str]) -> None:
        """Until it is so."""
        await eventually(good, why=why)

    def of(self, kind: type[T], client_id: str | None = None) -> list[T]:
        return [each for each in self.events if isinstance(each, kind) and client_id in (None, getattr(each, "client_id", None))]

    async def until(self, kind: type[T], good: Callable[[T], Any] = lambda each: True, client_id: str | None = None) -> T:
        """The first event of that kind that is good, waited for."""
        await self.wait(
            lambda: any(good(each) for each in self.of(kind, client_id)), why=lambda: f"no such {kind.__name__} in {self.events}"
        )
        return next(each for each in self.of(kind, client_id) if good(each))

    async def asked(self, path: str, *, times: int) -> None:
        """Until the venue was asked so often."""
        await eventually(lambda: sum(each.path == path for each in self.simulator.orders_seen()) >= times)

    async def pass_time(self, seconds: float) -> None:
        """Of the venue's clock."""
        until_ns = self.now_ns() + int(seconds * 1e9)
        await eventually(lambda: self.now_ns() >= until_ns)

    def fault(self, kind: FaultKind, **more: Any) -> None:
        self.simulator.inject(Fault(fault=kind, **more))


ANSWERS = ("OrderAccepted", "OrderRefused", "NotSent", "Unanswered")
CANCEL_ANSWERS = ("CancelSent", "CancelRefused", "NotSent", "Unanswered")


def simulator_of(case: Case) -> Simulator:
    """The venue, alone."""
    return Simulator(SimulatorConfig(venues=(case.venue,), symbols=(case.symbol,), seed=11))


@asynccontextmanager
async def opened(case: Case, *faults: Fault, live: bool = True, **settings: Any) -> AsyncIterator[Rig]:
    """A rig at a venue of its own, on which these faults were before the gateway came. `live`: once the account's stream is up."""
    async with simulator_of(case) as simulator:
        for fault in faults:
            simulator.inject(fault)
        made = Rig(case, simulator, **settings)
        try:
            await made.open(live=live)
            yield made
        finally:
            await made.close()
