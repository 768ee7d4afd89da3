"""simulator.upbit.exchange: accounts and their orders on the same engine as the crowd's. Pure; money is Decimal, time an argument.

Calling contract: `place`, `cancel` and `settle` change orders and balances; after each, `events()` hands out what
private streams tell about it, in order. A market's trades must have been counted (`Publisher.advance`) before it is
asked for an order.

Source: protocol sheet 4.1, 4.2, 6, 7.2, 7.3. Simpler than the venue: `reduce` works like `cancel_maker`, reserved (`watch`) orders
wait for ever, and every market's fee is 0.05 %.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import Any, NamedTuple

from hoga.simulator.engine import (
    CashAccounts,
    Desk,
    Engine,
    FeeModel,
    Force,
    Instrument,
    Market,
    OwnFill,
    OwnOrder,
    SelfTrade,
    Side,
    Status,
)
from hoga.simulator.upbit.markets import E8, MIN_TOTAL_E8, tick_e8_of
from hoga.simulator.upbit.token import Account

__all__ = ["FEE", "MAX_TOTAL", "AssetsChanged", "Exchange", "Funds", "Order", "OrderChanged", "OrderRefused", "state_of"]

FEE = Decimal("0.0005")
MAX_TOTAL = 1_000_000_000
_ZERO = Decimal(0)
_VISIBLE_LEVELS = 30
_STEP = Decimal("0.00000001")
_CONTEXT = Context(prec=40)
_PLACES = 20
_UNIT = 10**_PLACES
"""Fees of prices times volumes, to the last digit."""
_FEES = FeeModel(maker_ppm=500, taker_ppm=500)
_BOOK_OF_IDS = uuid.UUID("6f1d4f3a-5b52-5e0a-9d53-0b7f4f3c2a10")
_TYPES = {"bid": ("limit", "price", "best"), "ask": ("limit", "market", "best")}
_FORCES = {None: Force.GTC, "ioc": Force.IOC, "fok": Force.FOK, "post_only": Force.POST_ONLY}
_SELF_TRADES = {
    "cancel_maker": SelfTrade.EXPIRE_MAKER,
    "reduce": SelfTrade.EXPIRE_MAKER,
    "cancel_taker": SelfTrade.EXPIRE_TAKER,
    "none": SelfTrade.NONE,
}


class OrderRefused(Exception):
    """An order or a cancel that the venue does not accept: HTTP `status`, `name` and `message` of the error body."""

    def __init__(self, name: str, message: str, *, status: int = 400) -> None:
        self.name, self.message, self.status = name, message, status


class Execution(NamedTuple):
    """One fill of an order."""

    uuid: str
    price: Decimal
    volume: Decimal
    funds: Decimal
    fee: Decimal
    maker: bool
    time_ns: int


@dataclass(slots=True, eq=False)
class Order:
    """One order in the venue's own words; what becomes of it is in `own`, as the desk keeps it, and in its executions."""

    own: OwnOrder
    side: str
    ord_type: str
    price: Decimal | None
    volume: Decimal | None
    time_in_force: str | None
    identifier: str | None
    smp_type: str
    reserved_fee: Decimal
    uuid: str = ""
    executions: list[Execution] = field(default_factory=list)

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.own.account

    @property
    def code(self) -> str:
        """The market's code."""
        return self.own.symbol

    @property
    def created_ns(self) -> int:
        """When it was accepted."""
        return self.own.created_ns

    @property
    def state(self) -> str:
        """`wait`, `watch`, `done` or `cancel`."""
        if self.own.is_open and self.own.waits:
            return "watch"
        return "wait" if self.own.is_open else "done" if self.own.status is Status.FILLED else "cancel"

    @property
    def resting(self) -> int | None:
        """Its id in the engine while it rests."""
        return self.own.order_id if self.own.is_open else None

    @property
    def locked(self) -> Decimal:
        """What it holds, fees included."""
        return _decimal(self.own.held)

    @property
    def remaining_fee(self) -> Decimal:
        """What it holds for fees."""
        return _CONTEXT.multiply(_unspent(self), FEE) if self.side == "bid" and self.own.held else _ZERO

    @property
    def executed(self) -> Decimal:
        """Volume filled."""
        return sum((each.volume for each in self.executions), _ZERO)

    @property
    def funds(self) -> Decimal:
        """Quote amount filled."""
        return sum((each.funds for each in self.executions), _ZERO)

    @property
    def paid_fee(self) -> Decimal:
        """Fees of all fills."""
        return sum((each.fee for each in self.executions), _ZERO)

    @property
    def remaining(self) -> Decimal | None:
        """Volume not filled; None for an order by amount."""
        return None if self.volume is None else self.volume - self.executed


class Funds(NamedTuple):
    """What an account has of one currency."""

    free: Decimal
    locked: Decimal = _ZERO


class OrderChanged(NamedTuple):
    """An order as it stood then: its new `state` (`trade` with its execution)."""

    order: Order
    state: str
    execution: Execution | None
    volume: Decimal | None
    remaining: Decimal | None
    executed: Decimal
    funds: Decimal
    paid_fee: Decimal
    remaining_fee: Decimal
    locked: Decimal
    trades: int
    time_ns: int
    prevented: Decimal = _ZERO
    prevented_locked: Decimal = _ZERO


class AssetsChanged(NamedTuple):
    """(currency, free, locked) of what changed."""

    account: str
    assets: list[tuple[str, Decimal, Decimal]]
    time_ns: int


Event = OrderChanged | AssetsChanged


class Exchange:
    """All accounts and all their orders."""

    def __init__(self, engine: Engine, accounts: Iterable[Account], *, seed: int) -> None:
        balances = {account.name: dict(account.balances) for account in accounts}
        self.orders: dict[str, Order] = {}
        self.closed = engine.delisted
        """Markets that left trading."""
        self._accounts = CashAccounts(lambda name: _start(balances[name]), fees=_FEES, unit=_UNIT, holds_market=True)
        self._desk = Desk(engine, self._accounts, self)
        self._engine = engine
        self._seed = seed
        self._count = 0
        self._by_identifier: dict[tuple[str, str], str | None] = {}
        self._by_own: dict[OwnOrder, Order] = {}
        self._placing: OwnOrder | None = None
        self._events: list[Event] = []

    def funds_of(self, account: str) -> dict[str, Funds]:
        """What an account has, by currency."""
        return {currency: Funds(_decimal(each.free), _decimal(each.locked)) for currency, each in self._accounts.of(account).items()}

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def find(self, account: str, *, order_id: str | None = None, identifier: str | None = None) -> Order | None:
        """An account's order by its uuid or by the client's identifier."""
        if order_id is None and identifier is not None:
            order_id = self._by_identifier.get((account, identifier))
        order = self.orders.get(order_id or "")
        return order if order is not None and order.account == account else None

    def orders_of(self, account: str, states: Iterable[str]) -> list[Order]:
        """An account's orders in these states, oldest first."""
        wanted = set(states)
        return [order for order in self.orders.values() if order.account == account and order.state in wanted]

    def trades_of(self, account: str) -> list[dict[str, str]]:
        """Every fill of an account's orders, as text, oldest order first."""
        return [
            {"market": order.code, "order": order.uuid, "identifier": order.identifier or "", "side": order.side}
            | {"uuid": each.uuid, "price": f"{each.price:f}", "volume": f"{each.volume:f}", "funds": f"{each.funds:f}"}
            for order in self.orders.values()
            if order.account == account
            for each in order.executions
        ]

    @property
    def codes(self) -> Iterable[str]:
        """Every market."""
        return self._engine.instruments

    def asset_id(self, account: str) -> str:
        """The id of an account's assets."""
        return str(uuid.uuid5(_BOOK_OF_IDS, f"{self._seed}/{account}"))

    def check(self, account: str, request: Mapping[str, Any], now_ns: int) -> Order:
        """Judge an order without placing it; returns what it would be. Raises OrderRefused."""
        order = self._judged(account, request)
        order.uuid, order.own.created_ns = self._next_id(), now_ns
        order.own.held = self._accounts.cost(order.own, at=order.own.price or 0)
        return order

    def place(self, account: str, request: Mapping[str, Any], now_ns: int, *, share: float = 1.0, watches: bool = False) -> OrderChanged:
        """Place an order: lock, match, rest or expire what is left; of a market order `share` at the most is filled. One that only
        `watches` stays out of the market, as one that was reserved in the app. Returns it as it was accepted. Raises OrderRefused."""
        order = self._judged(account, request, burns=True)
        order.own.share, order.own.waits = share, watches
        self._by_own[order.own] = order
        self._desk.settle(now_ns)
        told, self._placing = len(self._events), order.own
        self._desk.place(order.own, now_ns)
        self._placing = None
        self._tell_assets(order.own, now_ns)
        accepted = self._events[told]
        assert isinstance(accepted, OrderChanged), "that it was accepted is told first"
        return accepted

    def cancel(self, order: Order, now_ns: int) -> OrderChanged:
        """Take an open order back. Returns it as it was before. Raises OrderRefused when it waits no more."""
        before = state_of(order, order.state, now_ns)
        if order.state not in ("wait", "watch"):
            raise OrderRefused("order_not_found", "주문을 찾지 못했습니다.", status=404)
        self._desk.cancel(order.own, now_ns)
        return before

    def expire(self, chosen: Callable[[str, str], bool], now_ns: int) -> None:
        """End the open orders that are chosen, by market and identifier."""
        for own in self._desk.everyones_open():
            if chosen(own.symbol, self._by_own[own].identifier or ""):
                self._desk.expire(own, now_ns)

    def settle(self, now_ns: int) -> None:
        """Count in what the crowd took from resting orders."""
        self._desk.settle(now_ns)

    # -- judging -------------------------------------------------------------------------------------------------

    def _judged(self, account: str, request: Mapping[str, Any], *, burns: bool = False) -> Order:
        """The order that a request asks for. `burns`: its identifier is used up whatever becomes of it."""
        code, side, ord_type = (str(request.get(name) or "") for name in ("market", "side", "ord_type"))
        if code not in self._engine.instruments or code in self.closed:
            raise OrderRefused("market_does_not_exist", "마켓을 찾을 수 없습니다.", status=404)
        force, smp = request.get("time_in_force"), request.get("smp_type")
        identifier = request.get("identifier")
        if side not in _TYPES or ord_type not in _TYPES[side] or force not in _FORCES or smp not in (None, *_SELF_TRADES):
            raise OrderRefused("validation_error", "잘못된 파라미터입니다.")
        if (ord_type == "best") != (force in ("ioc", "fok")) and ord_type != "limit":
            raise OrderRefused("validation_error", "time_in_force 가 올바르지 않습니다.")
        if force == "post_only" and smp not in (None, "none"):
            raise OrderRefused("invalid_post_only", "post_only 주문에는 smp_type 을 쓸 수 없습니다.")
        if identifier is not None and (not isinstance(identifier, str) or not 0 < len(identifier) <= 64):
            raise OrderRefused("validation_error", "identifier 가 올바르지 않습니다.")
        if identifier is not None and (account, identifier) in self._by_identifier:
            raise OrderRefused("duplicated_identifier", "이미 사용된 identifier 입니다.")
        if burns and identifier is not None:
            self._by_identifier[account, identifier] = None
        price, volume = _amount(request.get("price")), _amount(request.get("volume"))
        by_amount = ord_type == "price" or (ord_type == "best" and side == "bid")
        needs = (True, False) if by_amount else (True, True) if ord_type == "limit" else (False, True)
        if ((price is not None), (volume is not None)) != needs:
            raise OrderRefused("validation_error", "price 또는 volume 이 올바르지 않습니다.")
        chosen = smp or ("none" if force == "post_only" else "cancel_maker")
        market = self._engine.market(code)
        own = OwnOrder(
            account=account,
            instrument=market.instrument,
            side=Side.BUY if side == "bid" else Side.SELL,
            lots=int(volume * E8 / market.instrument.lot_e8) if volume is not None else 0,
            price=_limit(market, side, ord_type, price),
            force=Force.IOC if force is None and ord_type != "limit" else _FORCES[force],
            self_trade=_SELF_TRADES[chosen],
            budget_e8=int(price * E8) if by_amount and price is not None else None,
        )
        if ord_type in ("price", "market"):
            self._refuse_what_nobody_sees(own, market)
        total = self._total(own, ord_type, price, volume)
        reserved = _CONTEXT.multiply(total, FEE) if side == "bid" else _ZERO
        if not self._accounts.covers(own, at=own.price or 0):
            currency = market.instrument.quote if side == "bid" else market.instrument.base
            raise OrderRefused(f"insufficient_funds_{side}", f"주문가능한 금액({currency})이 부족합니다.")
        return Order(own, side, ord_type, price, volume, force, identifier, chosen, reserved)

    def _refuse_what_nobody_sees(self, own: OwnOrder, market: Market) -> None:
        """A market order may not take more than the visible levels hold. Raises OrderRefused."""
        levels = market.book.side(own.side.opposite).top(_VISIBLE_LEVELS)
        if own.budget_e8 is None:
            is_too_large = own.lots > sum(level.lots for level in levels)
        else:
            instrument = market.instrument
            is_too_large = own.budget_e8 * E8 > sum(level.lots * level.price for level in levels) * instrument.tick_e8 * instrument.lot_e8
        if is_too_large:
            side = "bid" if own.side is Side.BUY else "ask"
            raise OrderRefused(f"create_{side}_error", "주문 가능한 호가 수량을 초과했습니다.")

    def _total(self, own: OwnOrder, ord_type: str, price: Decimal | None, volume: Decimal | None) -> Decimal:
        """What it is about, without fees. Raises OrderRefused for a price between ticks, and when that is too little or too much."""
        instrument, side = own.instrument, "bid" if own.side is Side.BUY else "ask"
        if ord_type == "limit" and price is not None and _off_grid(int(price * E8), instrument):
            raise OrderRefused(f"invalid_price_{side}", "주문가격 단위를 잘못 입력하셨습니다.")
        if volume is None:
            total = price or _ZERO
        else:
            best = self._engine.market(instrument.symbol).top.bid * instrument.tick_e8
            total = volume * (price if price is not None else Decimal(best) / E8)
        if total < Decimal(MIN_TOTAL_E8[instrument.quote]) / E8:
            raise OrderRefused(f"under_min_total_{side}", "최소주문금액 이상으로 주문해주세요.")
        if instrument.quote == "KRW" and total > MAX_TOTAL:
            raise OrderRefused(f"over_max_total_{side}", "최대주문금액을 넘었습니다.")
        return total

    def _next_id(self) -> str:
        self._count += 1
        return str(uuid.uuid5(_BOOK_OF_IDS, f"{self._seed}/{self._count}"))

    # -- what the desk tells -------------------------------------------------------------------------------------

    def refused(self, own: OwnOrder, reason: str) -> None:
        """Never: what the market does not take ends in `cancel`."""

    def placed(self, own: OwnOrder) -> None:
        """An order was accepted: it gets its id."""
        order = self._by_own[own]
        order.uuid = self._next_id()
        self.orders[order.uuid] = order
        if order.identifier is not None:
            self._by_identifier[own.account, order.identifier] = order.uuid
        self._tell(order, order.state, own.created_ns)

    def filled(self, own: OwnOrder, fill: OwnFill) -> None:
        """An order was met."""
        order, instrument = self._by_own[own], own.instrument
        price, volume = Decimal(fill.price * instrument.tick_e8) / E8, Decimal(fill.lots * instrument.lot_e8) / E8
        execution = Execution(self._next_id(), price, volume, price * volume, _decimal(fill.fee), fill.maker, fill.time_ns)
        order.executions.append(execution)
        self._tell(order, "trade", fill.time_ns, execution)
        if own.is_open:
            self._tell_assets(own, fill.time_ns)

    def ended(self, own: OwnOrder) -> None:
        """An order ended; of one that would have met its owner's own it is told before that it was prevented."""
        order = self._by_own[own]
        if own.status is Status.EXPIRED_IN_MATCH:
            self._tell(order, "prevented", own.updated_ns)
        self._tell(order, order.state, own.updated_ns)
        self._tell_assets(own, own.updated_ns)

    def _tell(self, order: Order, state: str, time_ns: int, execution: Execution | None = None) -> None:
        self._events.append(state_of(order, state, time_ns, execution))

    def _tell_assets(self, own: OwnOrder, time_ns: int) -> None:
        """Of an order that is being placed it is told once, when everything has happened."""
        if own is not self._placing:
            funds = self.funds_of(own.account)
            assets = [(currency, *funds[currency]) for currency in (own.instrument.quote, own.instrument.base) if currency in funds]
            self._events.append(AssetsChanged(own.account, assets, time_ns))


def state_of(order: Order, state: str, time_ns: int, execution: Execution | None = None) -> OrderChanged:
    """An order as it stands, to be told as `state`."""
    return OrderChanged(
        order, state, execution, order.volume, order.remaining, order.executed, order.funds, order.paid_fee,
        order.remaining_fee, order.locked, len(order.executions), time_ns, *_prevented(order),
    )  # fmt: skip


def _prevented(order: Order) -> tuple[Decimal, Decimal]:
    """The size, and the money (of a buy) or size (of a sale), that a trade with its owner's own order was kept from."""
    if order.own.status is not Status.EXPIRED_IN_MATCH:
        return _ZERO, _ZERO
    remaining = order.remaining or _ZERO
    return remaining, remaining if order.side == "ask" else _unspent(order)


def _unspent(order: Order) -> Decimal:
    """What a buy order may still spend, without fees."""
    if order.volume is None:
        return (order.price or _ZERO) - order.funds
    return (order.volume - order.executed) * (order.price or _ZERO)


def _off_grid(price_e8: int, instrument: Instrument) -> bool:
    """Whether a price is between ticks: those of its own band, or those that the engine's book of this market has."""
    return bool(price_e8 % tick_e8_of(instrument.quote, price_e8) or price_e8 % instrument.tick_e8)


def _amount(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise OrderRefused("validation_error", "숫자가 아닙니다.") from None
    if not amount.is_finite() or amount <= 0:
        raise OrderRefused("validation_error", "0보다 커야 합니다.")
    return amount.quantize(_STEP, rounding=ROUND_DOWN)


def _limit(market: Market, side: str, ord_type: str, price: Decimal | None) -> int | None:
    """The worst price in ticks; None for a market order."""
    if ord_type == "limit" and price is not None:
        return int(price * E8 / market.instrument.tick_e8)
    if ord_type == "best":
        return market.top.ask if side == "bid" else market.top.bid
    return None


def _start(balances: Mapping[str, str]) -> dict[str, int]:
    return {currency: int(Decimal(amount) * _UNIT) for currency, amount in balances.items()}


def _decimal(amount: int) -> Decimal:
    return _CONTEXT.scaleb(Decimal(amount), -_PLACES)
