"""simulator.upbit.exchange: accounts and their orders on the same engine as the crowd's. Pure; money is Decimal, time an argument.

Calling contract: `place`, `cancel` and `take_fills` change orders and balances; after each, `events()` hands out what
private streams tell about it, in order. A market's trades must have been counted (`Publisher.advance`) before it is
asked for an order.

Source: protocol sheet 4.1, 4.2, 6, 7.2, 7.3. Simpler than the venue: `reduce` works like `cancel_maker`, reserved (`watch`) orders
do not exist, and every market's fee is 0.05 %.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from typing import Any, NamedTuple

from hoga.simulator.engine import Engine, Fill, Instrument, Market, NewOrder, Side
from hoga.simulator.upbit.markets import E8, MIN_TOTAL_E8, tick_e8_of
from hoga.simulator.upbit.token import Account

__all__ = ["FEE", "MAX_TOTAL", "AssetsChanged", "Exchange", "Order", "OrderChanged", "OrderRefused", "Wallet", "state_of"]

FEE = Decimal("0.0005")
MAX_TOTAL = 1_000_000_000
_ZERO = Decimal(0)
_STEP = Decimal("0.00000001")
_CONTEXT = Context(prec=40)
_BOOK_OF_IDS = uuid.UUID("6f1d4f3a-5b52-5e0a-9d53-0b7f4f3c2a10")
_TYPES = {"bid": ("limit", "price", "best"), "ask": ("limit", "market", "best")}
_SMP = (None, "cancel_maker", "cancel_taker", "reduce", "none")


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


@dataclass(slots=True)
class Order:
    """One order and its life. `budget` is what a market buy may spend; `resting` its id in the engine while it rests."""

    uuid: str
    account: str
    code: str
    side: str
    ord_type: str
    price: Decimal | None
    volume: Decimal | None
    time_in_force: str | None
    identifier: str | None
    smp_type: str
    created_ns: int
    state: str = "wait"
    resting: int | None = None
    locked: Decimal = _ZERO
    reserved_fee: Decimal = _ZERO
    remaining_fee: Decimal = _ZERO
    executions: list[Execution] = field(default_factory=list)

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


class Wallet:
    """What an account has of one currency."""

    __slots__ = ("free", "locked")

    def __init__(self, free: Decimal) -> None:
        self.free = free
        self.locked = _ZERO


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


class AssetsChanged(NamedTuple):
    """(currency, free, locked) of what changed."""

    account: str
    assets: list[tuple[str, Decimal, Decimal]]
    time_ns: int


Event = OrderChanged | AssetsChanged


class _Terms(NamedTuple):
    side: str
    ord_type: str
    price: Decimal | None
    volume: Decimal | None
    time_in_force: str | None
    identifier: str | None
    smp_type: str


class Exchange:
    """All accounts and all their orders."""

    def __init__(self, engine: Engine, accounts: Iterable[Account], *, seed: int) -> None:
        self.wallets: dict[str, dict[str, Wallet]] = {
            account.name: {currency: Wallet(Decimal(amount)) for currency, amount in account.balances} for account in accounts
        }
        self.orders: dict[str, Order] = {}
        self.closed = engine.delisted
        """Markets that left trading."""
        self._engine = engine
        self._seed = seed
        self._count = 0
        self._by_identifier: dict[tuple[str, str], str | None] = {}
        self._resting: dict[tuple[str, int], Order] = {}
        self._events: list[Event] = []

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

    @property
    def codes(self) -> Iterable[str]:
        """Every market."""
        return self._engine.instruments

    def asset_id(self, account: str) -> str:
        """The id of an account's assets."""
        return str(uuid.uuid5(_BOOK_OF_IDS, f"{self._seed}/{account}"))

    def check(self, account: str, request: Mapping[str, Any], now_ns: int) -> Order:
        """Judge an order without placing it; returns what it would be. Raises OrderRefused."""
        market, terms = self._terms(account, request)
        _, amount, fee = self._lock_for(account, market.instrument, terms)
        order = _made(self._next_id(), account, market.instrument.symbol, terms, now_ns)
        order.locked, order.reserved_fee, order.remaining_fee = amount, fee, fee
        return order

    def place(self, account: str, request: Mapping[str, Any], now_ns: int) -> OrderChanged:
        """Place an order: lock, match, rest or expire what is left. Returns it as it was accepted. Raises OrderRefused."""
        market, terms = self._terms(account, request)
        if terms.identifier is not None:
            self._by_identifier[account, terms.identifier] = None  # burnt even when the order is refused
        currency, amount, fee = self._lock_for(account, market.instrument, terms)
        order = self._new(account, market.instrument.symbol, terms, now_ns)
        order.locked, order.reserved_fee, order.remaining_fee = amount, fee, fee
        wallet = self.wallets[account][currency]
        wallet.free -= amount
        wallet.locked += amount
        accepted = self._tell(order, "wait", now_ns)
        self._match(order, market, now_ns)
        self._tell_assets(account, market.instrument, now_ns)
        return accepted

    def cancel(self, order: Order, now_ns: int) -> OrderChanged:
        """Take a waiting order back. Returns it as it was before. Raises OrderRefused when it waits no more."""
        before = state_of(order, order.state, now_ns)
        if order.state != "wait":
            raise OrderRefused("order_not_found", "주문을 찾지 못했습니다.", status=404)
        if order.resting is not None:
            self._engine.market(order.code).cancel(order.resting, now_ns)
        self._end(order, "cancel", now_ns)
        self._tell_assets(order.account, self._engine.instruments[order.code], now_ns)
        return before

    def take_fills(self, market: Market) -> None:
        """Count in what the crowd took from resting orders."""
        fills, market.fills = market.fills, []
        for fill in fills:
            order = self._resting.get((market.instrument.symbol, fill.order_id))
            if order is not None:
                self._fill_maker(order, fill, market.instrument)

    # -- judging -------------------------------------------------------------------------------------------------

    def _terms(self, account: str, request: Mapping[str, Any]) -> tuple[Market, _Terms]:
        code, side, ord_type = (str(request.get(name) or "") for name in ("market", "side", "ord_type"))
        if code not in self._engine.instruments or code in self.closed:
            raise OrderRefused("market_does_not_exist", "마켓을 찾을 수 없습니다.", status=404)
        force, smp = request.get("time_in_force"), request.get("smp_type")
        identifier = request.get("identifier")
        if side not in _TYPES or ord_type not in _TYPES[side] or force not in (None, "ioc", "fok", "post_only") or smp not in _SMP:
            raise OrderRefused("validation_error", "잘못된 파라미터입니다.")
        if (ord_type == "best") != (force in ("ioc", "fok")) and ord_type != "limit":
            raise OrderRefused("validation_error", "time_in_force 가 올바르지 않습니다.")
        if force == "post_only" and smp not in (None, "none"):
            raise OrderRefused("invalid_post_only", "post_only 주문에는 smp_type 을 쓸 수 없습니다.")
        if identifier is not None and (not isinstance(identifier, str) or not 0 < len(identifier) <= 64):
            raise OrderRefused("validation_error", "identifier 가 올바르지 않습니다.")
        if identifier is not None and (account, identifier) in self._by_identifier:
            raise OrderRefused("duplicated_identifier", "이미 사용된 identifier 입니다.")
        price, volume = _amount(request.get("price")), _amount(request.get("volume"))
        by_amount = ord_type == "price" or (ord_type == "best" and side == "bid")
        needs = (True, False) if by_amount else (True, True) if ord_type == "limit" else (False, True)
        if ((price is not None), (volume is not None)) != needs:
            raise OrderRefused("validation_error", "price 또는 volume 이 올바르지 않습니다.")
        chosen = smp or ("none" if force == "post_only" else "cancel_maker")
        return self._engine.market(code), _Terms(side, ord_type, price, volume, force, identifier, chosen)

    def _lock_for(self, account: str, instrument: Instrument, terms: _Terms) -> tuple[str, Decimal, Decimal]:
        """(currency, amount to lock, fee within it). Raises OrderRefused when it is too small, too large or not there."""
        price = terms.price
        if terms.ord_type == "limit" and price is not None and _off_grid(int(price * E8), instrument):
            raise OrderRefused(f"invalid_price_{terms.side}", "주문가격 단위를 잘못 입력하셨습니다.")
        if terms.volume is None:
            total = price or _ZERO
        else:
            best = self._engine.market(instrument.symbol).top.bid * instrument.tick_e8
            total = terms.volume * (price if price is not None else Decimal(best) / E8)
        if total < Decimal(MIN_TOTAL_E8[instrument.quote]) / E8:
            raise OrderRefused(f"under_min_total_{terms.side}", "최소주문금액 이상으로 주문해주세요.")
        if instrument.quote == "KRW" and total > MAX_TOTAL:
            raise OrderRefused(f"over_max_total_{terms.side}", "최대주문금액을 넘었습니다.")
        fee = _CONTEXT.multiply(total, FEE) if terms.side == "bid" else _ZERO
        currency, amount = (instrument.quote, total + fee) if terms.side == "bid" else (instrument.base, terms.volume or _ZERO)
        wallet = self.wallets[account].setdefault(currency, Wallet(_ZERO))
        if wallet.free < amount:
            raise OrderRefused(f"insufficient_funds_{terms.side}", f"주문가능한 금액({currency})이 부족합니다.")
        return currency, amount, fee

    def _new(self, account: str, code: str, terms: _Terms, now_ns: int) -> Order:
        order = _made(self._next_id(), account, code, terms, now_ns)
        self.orders[order.uuid] = order
        if terms.identifier is not None:
            self._by_identifier[account, terms.identifier] = order.uuid
        return order

    def _next_id(self) -> str:
        self._count += 1
        return str(uuid.uuid5(_BOOK_OF_IDS, f"{self._seed}/{self._count}"))

    # -- matching ------------------------------------------------------------------------------------------------

    def _match(self, order: Order, market: Market, now_ns: int) -> None:
        instrument = market.instrument
        side = Side.BUY if order.side == "bid" else Side.SELL
        limit = self._limit(order, market)
        if self._would_meet_itself(order, limit, now_ns):
            self._end(order, "cancel", now_ns)
            return
        lots = _affordable(market, order.price or _ZERO, limit) if order.volume is None else int(order.volume * E8 / instrument.lot_e8)
        force = order.time_in_force
        rests = order.ord_type == "limit" and force in (None, "post_only")
        wish = NewOrder(side, lots, limit, owner=order.account, rest=rests, post_only=force == "post_only", whole=force == "fok")
        report = market.submit(wish, now_ns)
        for match in report.matches:
            self._fill(order, instrument, match.price, match.lots, maker=False, time_ns=now_ns)
        self.take_fills(market)
        if report.resting is not None:
            order.resting = report.order_id
            self._resting[order.code, report.order_id] = order
        else:
            complete = order.remaining == 0 or (order.volume is None and order.funds == order.price)
            self._end(order, "done" if complete else "cancel", now_ns)

    @staticmethod
    def _limit(order: Order, market: Market) -> int | None:
        """The worst price in ticks; None for a market order."""
        if order.ord_type == "limit" and order.price is not None:
            return int(order.price * E8 / market.instrument.tick_e8)
        if order.ord_type == "best":
            return market.top.ask if order.side == "bid" else market.top.bid
        return None

    def _would_meet_itself(self, order: Order, limit: int | None, now_ns: int) -> bool:
        """Self-match prevention, before anything is matched. True: it is this order that goes."""
        if order.smp_type == "none":
            return False
        tick_e8 = self._engine.instruments[order.code].tick_e8
        sign = 1 if order.side == "bid" else -1
        for other in [each for each in self._resting.values() if (each.account, each.code) == (order.account, order.code)]:
            crosses = limit is None or int((other.price or _ZERO) * E8 / tick_e8) * sign <= limit * sign
            if other.side == order.side or not crosses:
                continue
            if order.smp_type == "cancel_taker":
                return True
            self.cancel(other, now_ns)
        return False

    def _fill_maker(self, order: Order, fill: Fill, instrument: Instrument) -> None:
        self._fill(order, instrument, fill.price, fill.lots, maker=True, time_ns=fill.time_ns)
        if not fill.left:
            self._end(order, "done", fill.time_ns)
        self._tell_assets(order.account, instrument, fill.time_ns)

    def _fill(self, order: Order, instrument: Instrument, ticks: int, lots: int, *, maker: bool, time_ns: int) -> None:
        price, volume = Decimal(ticks * instrument.tick_e8) / E8, Decimal(lots * instrument.lot_e8) / E8
        funds = price * volume
        fee = _CONTEXT.multiply(funds, FEE)
        execution = Execution(self._next_id(), price, volume, funds, fee, maker, time_ns)
        order.executions.append(execution)
        wallets = self.wallets[order.account]
        quote, base = (wallets.setdefault(currency, Wallet(_ZERO)) for currency in (instrument.quote, instrument.base))
        if order.side == "bid":
            released = (order.price or _ZERO) * volume * (1 + FEE) if order.ord_type == "limit" else funds + fee
            order.locked -= released
            quote.locked -= released
            quote.free += released - funds - fee
            base.free += volume
            order.remaining_fee = _CONTEXT.multiply(_unspent(order), FEE)
        else:
            order.locked -= volume
            base.locked -= volume
            quote.free += funds - fee
        self._tell(order, "trade", time_ns, execution)

    def _end(self, order: Order, state: str, now_ns: int) -> None:
        instrument = self._engine.instruments[order.code]
        wallet = self.wallets[order.account][instrument.quote if order.side == "bid" else instrument.base]
        wallet.locked -= order.locked
        wallet.free += order.locked
        order.locked = order.remaining_fee = _ZERO
        order.state = state
        if order.resting is not None:
            self._resting.pop((order.code, order.resting), None)
            order.resting = None
        self._tell(order, state, now_ns)

    # -- telling -------------------------------------------------------------------------------------------------

    def _tell(self, order: Order, state: str, time_ns: int, execution: Execution | None = None) -> OrderChanged:
        change = state_of(order, state, time_ns, execution)
        self._events.append(change)
        return change

    def _tell_assets(self, account: str, instrument: Instrument, time_ns: int) -> None:
        wallets = self.wallets[account]
        assets = [
            (currency, wallets[currency].free, wallets[currency].locked)
            for currency in (instrument.quote, instrument.base)
            if currency in wallets
        ]
        self._events.append(AssetsChanged(account, assets, time_ns))


def _made(order_id: str, account: str, code: str, terms: _Terms, now_ns: int) -> Order:
    return Order(
        order_id, account, code, terms.side, terms.ord_type, terms.price, terms.volume,
        terms.time_in_force, terms.identifier, terms.smp_type, now_ns,
    )  # fmt: skip


def state_of(order: Order, state: str, time_ns: int, execution: Execution | None = None) -> OrderChanged:
    """An order as it stands, to be told as `state`."""
    return OrderChanged(
        order, state, execution, order.volume, order.remaining, order.executed, order.funds, order.paid_fee,
        order.remaining_fee, order.locked, len(order.executions), time_ns,
    )  # fmt: skip


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


def _affordable(market: Market, budget: Decimal, limit: int | None) -> int:
    """Lots that a market buy of `budget` can pay for, asks from the best up."""
    instrument, lots = market.instrument, 0
    left = int(budget * E8 * E8 / instrument.lot_e8)
    for level in market.book.asks.top(len(market.book.asks.keys)):
        price = level.price * instrument.tick_e8
        if limit is not None and level.price > limit:
            break
        taken = min(level.lots, left // price)
        lots += taken
        left -= taken * price
        if taken < level.lots:
            break
    return lots
