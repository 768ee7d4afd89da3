"""simulator.engine.accounts: what traders have, what their orders hold of it, and what fills make of it. Pure integers.

Two kinds: `CashAccounts` exchange one asset for another, `MarginAccounts` have one wallet and positions. Amounts are integers of
`1/unit` of an asset, prices ticks, sizes lots; what does not divide is cut off. Everybody begins with what the venue says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from hoga.simulator.engine.book import Side
from hoga.simulator.engine.instruments import E8, Instrument
from hoga.simulator.engine.own import OwnFill, OwnOrder

__all__ = ["CashAccounts", "FeeModel", "FeeOf", "MarginAccounts", "MarginWallet", "Position", "Wallet", "worth_e8"]


class FeeOf(StrEnum):
    """What a fee is a share of, and paid in: what the trader receives, or the quote amount whichever way it goes."""

    RECEIVED = "received"
    QUOTE = "quote"


class FeeModel(NamedTuple):
    """Fees in millionths."""

    maker_ppm: int = 0
    taker_ppm: int = 0
    of: FeeOf = FeeOf.QUOTE

    def amount(self, value: int, *, maker: bool = False) -> int:
        """The fee on an amount."""
        return value * (self.maker_ppm if maker else self.taker_ppm) // 1_000_000


class Wallet:
    """What an account has of one asset."""

    __slots__ = ("free", "locked")

    def __init__(self, free: int) -> None:
        self.free = free
        self.locked = 0


class CashAccounts:
    """Wallets by account and asset. `start` says what an account begins with; `holds_market`: an order without a price holds what it
    could cost, too."""

    def __init__(self, start: Callable[[str], dict[str, int]], *, fees: FeeModel, unit: int = E8, holds_market: bool = False) -> None:
        self.fees = fees
        self._start = start
        self._unit = unit
        self._holds_market = holds_market
        self._wallets: dict[str, dict[str, Wallet]] = {}

    def of(self, account: str) -> dict[str, Wallet]:
        """An account's wallets by asset."""
        wallets = self._wallets.get(account)
        if wallets is None:
            wallets = self._wallets[account] = {asset: Wallet(amount) for asset, amount in self._start(account).items()}
        return wallets

    def size(self, instrument: Instrument, lots: int) -> int:
        """Lots as an amount of the base asset."""
        return lots * instrument.lot_e8 * self._unit // E8

    def worth(self, instrument: Instrument, quote: int) -> int:
        """Ticks x lots as an amount of the quote asset."""
        return quote * instrument.tick_e8 * instrument.lot_e8 * self._unit // E8**2

    def value(self, order: OwnOrder, *, at: int) -> int:
        """What an order could bring or cost in the quote asset at a price of so many ticks, without fees."""
        if order.budget_e8 is not None:
            return order.budget_e8 * self._unit // E8
        return self.worth(order.instrument, order.left * at)

    def cost(self, order: OwnOrder, *, at: int) -> int:
        """What an order could take from its owner at a price of so many ticks, fees included."""
        if order.side is Side.SELL:
            return self.size(order.instrument, order.left)
        return self._with_fee(self.value(order, at=at))

    def covers(self, order: OwnOrder, open_orders: Iterable[OwnOrder] = (), *, at: int) -> bool:
        """Whether there is enough for an order."""
        return self._wallet(order.account, _pays(order)).free >= self.cost(order, at=at)

    # -- what the order desk tells -------------------------------------------------------------------------------

    def hold(self, order: OwnOrder) -> None:
        """An order was accepted: lock what it could cost."""
        if order.holds and (order.price is not None or order.waits or self._holds_market):
            order.held = self.cost(order, at=order.price or order.trigger)
            self._move(order, free=-order.held, locked=order.held)

    def fill(self, order: OwnOrder, fill: OwnFill) -> None:
        """Exchange one asset for the other; the fee is noted in the fill."""
        instrument, buys, received = order.instrument, order.side is Side.BUY, self.fees.of is FeeOf.RECEIVED
        base, quote = self.size(instrument, fill.lots), self.worth(instrument, fill.quote)
        pays, gets = (quote, base) if buys else (base, quote)
        fill.fee = self.fees.amount(gets if received else quote, maker=fill.maker)
        fill.fee_asset = _gets(order) if received else instrument.quote
        if buys and not received:
            pays += fill.fee
        else:
            gets -= fill.fee
        held = self._held(order, fill, pays)
        order.held -= held
        self._move(order, free=held - pays, locked=-held)
        self._wallet(order.account, _gets(order)).free += gets

    def release(self, order: OwnOrder) -> None:
        """An order ended: give back what it still holds."""
        self._move(order, free=order.held, locked=-order.held)
        order.held = 0

    # -- inside --------------------------------------------------------------------------------------------------

    def _held(self, order: OwnOrder, fill: OwnFill, pays: int) -> int:
        """What was held for the lots of one fill."""
        if order.budget_e8 is not None:
            return min(order.held, pays)
        if not order.left or not order.held:
            return order.held
        if order.side is Side.SELL:
            return min(order.held, pays)
        return min(order.held, self._with_fee(self.worth(order.instrument, fill.lots * (order.price or 0))))

    def _with_fee(self, value: int) -> int:
        return value if self.fees.of is FeeOf.RECEIVED else value + self.fees.amount(value)

    def _wallet(self, account: str, asset: str) -> Wallet:
        return self.of(account).setdefault(asset, Wallet(0))

    def _move(self, order: OwnOrder, *, free: int, locked: int) -> None:
        wallet = self._wallet(order.account, _pays(order))
        wallet.free += free
        wallet.locked += locked


class Position:
    """Signed `lots` and what they cost in ticks x lots; `realized` is what it has earned so far. `leg` is as an order has it."""

    __slots__ = ("cost", "instrument", "leg", "lots", "realized", "updated_ns")

    def __init__(self, instrument: Instrument, leg: int = 0) -> None:
        self.instrument = instrument
        self.leg = leg
        self.lots = 0
        self.cost = 0
        self.realized = 0
        self.updated_ns = 0

    def change(self, lots: int, price: int) -> int:
        """Take over a fill of signed lots at a price; what it realised, in ticks x lots."""
        realized = 0
        if self.lots * lots < 0:
            closed = min(abs(lots), abs(self.lots))
            share = self.cost * closed // abs(self.lots)
            realized = (price * closed - share) if self.lots > 0 else (share - price * closed)
            self.cost -= share
            direction = 1 if lots > 0 else -1
            self.lots += closed * direction
            lots -= closed * direction
        self.lots += lots
        self.cost += price * abs(lots)
        return realized

    def entry_e8(self) -> int:
        """Average price paid, in units of 1e-8; 0 without a position."""
        return self.cost * self.instrument.tick_e8 // abs(self.lots) if self.lots else 0

    def profit_e8(self, mark_e8: int) -> int:
        """What closing at a price would bring, both in units of 1e-8."""
        return (mark_e8 - self.entry_e8()) * self.lots * self.instrument.lot_e8 // E8


class MarginWallet(NamedTuple):
    """An account's money: balance, profit not taken yet, what positions and open orders bind."""

    balance_e8: int
    profit_e8: int
    bound_e8: int

    @property
    def available_e8(self) -> int:
        """What new orders may bind."""
        return max(0, self.balance_e8 + self.profit_e8 - self.bound_e8)


class MarginAccounts:
    """One wallet an account, in units of 1e-8 of `asset`, and one position a symbol and leg (cross margin). `mark_e8` gives a symbol's mark
    price; `leverage` is everybody's until they choose another."""

    def __init__(self, asset: str, *, start_e8: int, leverage: int, fees: FeeModel, mark_e8: Callable[[str], int]) -> None:
        self.asset = asset
        self.fees = fees
        self.mark_e8 = mark_e8
        self._leverage = leverage
        self._chosen: dict[tuple[str, str], int] = {}
        self._start_e8 = start_e8
        self._balances: dict[str, int] = {}
        self._positions: dict[str, dict[tuple[str, int], Position]] = {}

    def balance_e8(self, account: str) -> int:
        """What an account's wallet holds, profit not taken yet apart."""
        return self._balances.setdefault(account, self._start_e8)

    def pay(self, account: str, amount_e8: int) -> None:
        """Put an amount into an account's wallet, or take it out."""
        self._balances[account] = self.balance_e8(account) + amount_e8

    def leverage(self, account: str, symbol: str) -> int:
        """How many times its margin a position of an account may be worth."""
        return self._chosen.get((account, symbol), self._leverage)

    def choose_leverage(self, account: str, symbol: str, leverage: int) -> None:
        """Change that."""
        self._chosen[account, symbol] = leverage

    def owners(self) -> list[str]:
        """Who has ever had a position."""
        return list(self._positions)

    def of(self, account: str) -> dict[tuple[str, int], Position]:
        """An account's positions by symbol and leg, also those that are flat again."""
        return self._positions.setdefault(account, {})

    def held(self, account: str) -> list[Position]:
        """An account's positions that are not flat."""
        return [position for position in self.of(account).values() if position.lots]

    def position(self, account: str, instrument: Instrument, leg: int = 0) -> Position:
        """One position."""
        return self.of(account).setdefault((instrument.symbol, leg), Position(instrument, leg))

    def position_of(self, order: OwnOrder) -> Position:
        """The position that an order moves."""
        return self.position(order.account, order.instrument, order.leg)

    def wallet(self, account: str, open_orders: Iterable[OwnOrder]) -> MarginWallet:
        """The account's money now."""
        held = [(each, self.mark_e8(each.instrument.symbol)) for each in self.held(account)]
        bound = sum(self._bound_e8(account, each.instrument, mark * abs(each.lots) * each.instrument.lot_e8 // E8) for each, mark in held)
        bound += sum(
            self._bound_e8(account, each.instrument, worth_e8(each.instrument, each.left * (each.price or 0)))
            for each in open_orders
            if not each.only_closes
        )
        return MarginWallet(self.balance_e8(account), sum(each.profit_e8(mark) for each, mark in held), bound)

    def reduces(self, order: OwnOrder) -> bool:
        """Whether an order goes against its owner's position."""
        return self.position_of(order).lots * order.side < 0

    def covers(self, order: OwnOrder, open_orders: Iterable[OwnOrder] = (), *, at: int) -> bool:
        """Whether the account can carry an order at a price of so many ticks beside its open ones. What only reduces is always carried."""
        if order.only_closes:
            return True
        opening = order.lots - (abs(self.position_of(order).lots) if self.reduces(order) else 0)
        need_e8 = self._bound_e8(order.account, order.instrument, worth_e8(order.instrument, max(0, opening) * at))
        return need_e8 <= self.wallet(order.account, open_orders).available_e8

    def _bound_e8(self, account: str, instrument: Instrument, value_e8: int) -> int:
        """The margin that so much of a symbol binds."""
        return value_e8 // self.leverage(account, instrument.symbol)

    # -- what the order desk tells -------------------------------------------------------------------------------

    def hold(self, order: OwnOrder) -> None:
        """An order was accepted: open orders bind margin by being open."""

    def fill(self, order: OwnOrder, fill: OwnFill) -> None:
        """Move the position and the wallet; what it cost and realised is noted in the fill."""
        position = self.position_of(order)
        fill.realized = worth_e8(order.instrument, position.change(fill.lots * order.side, fill.price))
        fill.fee = self.fees.amount(worth_e8(order.instrument, fill.quote), maker=fill.maker)
        fill.fee_asset = self.asset
        position.realized += fill.realized
        position.updated_ns = fill.time_ns
        self.pay(order.account, fill.realized - fill.fee)

    def release(self, order: OwnOrder) -> None:
        """An order ended: it binds nothing any more."""


def worth_e8(instrument: Instrument, quote: int) -> int:
    """Ticks x lots, of either sign, in units of 1e-8, cut off towards 0."""
    value = abs(quote) * instrument.tick_e8 * instrument.lot_e8 // E8
    return value if quote >= 0 else -value


def _pays(order: OwnOrder) -> str:
    return order.instrument.base if order.side is Side.SELL else order.instrument.quote


def _gets(order: OwnOrder) -> str:
    return order.instrument.quote if order.side is Side.SELL else order.instrument.base
