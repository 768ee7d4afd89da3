"""trading.paper.account: what a paper account has, what its orders hold, and what fills make of it. Pure.

Amounts are integers of 1e-20 of a currency, so that prices times quantities and their fees are whole at every venue. What must be rounded
is rounded against the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from hoga.core.trading import Balance, Held, PositionSide, Rules, text_of, whole_of
from hoga.trading.paper.orders import PaperOrder

__all__ = ["Account", "CashAccount", "FeeOf", "Fees", "MarginAccount", "Position", "units_text"]

_PLACES = 20
_E8 = 10**8
_BP = 10_000
_FEE_GRAIN: int = 10 ** (_PLACES - 8)
"""Fees are told to the eighth place."""


class FeeOf(StrEnum):
    """What a fee is a share of, and paid in: what is received, or the money whichever way it goes."""

    RECEIVED = "received"
    MONEY = "money"


def _units(text: str) -> int:
    return whole_of(text, -_PLACES)


def units_text(units: int) -> str:
    """An amount as exact text."""
    return text_of(units, -_PLACES)


def _money(rules: Rules, money: int) -> int:
    scale: int = 10 ** (_PLACES + rules.money_power)
    return money * scale


def _coins(rules: Rules, quantity: int) -> int:
    scale: int = 10 ** (_PLACES + rules.size_power)
    return quantity * scale


class Fees:
    """Fees in hundredths of a percent, as integers of 1e-8 of an amount."""

    __slots__ = ("_maker", "_taker")

    def __init__(self, maker_bp: float, taker_bp: float) -> None:
        self._maker = round(maker_bp * 10_000)
        self._taker = round(taker_bp * 10_000)

    def of(self, amount: int, *, maker: bool) -> int:
        """The fee on an amount, rounded up."""
        share = self._maker if maker else self._taker
        return -(-amount * share // (_E8 * _FEE_GRAIN)) * _FEE_GRAIN

    def most(self, amount: int) -> int:
        """What it could be."""
        return max(self.of(amount, maker=True), self.of(amount, maker=False), 0)


class Account(Protocol):
    """What the exchange asks of an account."""

    def covers(self, order: PaperOrder, at: int) -> bool:
        """Whether there is enough for a new order that would be filled at a price."""

    def hold(self, order: PaperOrder, at: int) -> None:
        """It was taken: what it could cost is held."""

    def release(self, order: PaperOrder) -> None:
        """It ended: what it still holds is free."""

    def affords(self, order: PaperOrder, price: int) -> int:
        """How much of it can be paid at a price, with what it holds and what is free."""

    def cost(self, order: PaperOrder, at: int) -> int:
        """What it could take from its owner, in the account's units; 0 where open orders take nothing."""

    def fill(self, order: PaperOrder, price: int, quantity: int, *, maker: bool, fine: int = 0) -> tuple[str, str]:
        """A trade of it; (fee, currency), before `order.left` is changed. `fine`: of a liquidation, in units; it is part of the fee."""

    def balances(self) -> tuple[Balance, ...]:
        """All of them."""

    def restore(self, money: Mapping[str, str]) -> None:
        """It has this, by currency, as exact texts, in place of what it began with; what orders hold is held anew."""


class CashAccount:
    """Buys and sells what it has."""

    def __init__(self, start: Mapping[str, str], rules: Mapping[str, Rules], fees: Fees, fee_of: FeeOf) -> None:
        self.free = {currency: _units(text) for currency, text in start.items()}
        self.locked = dict.fromkeys(self.free, 0)
        self._rules = rules
        self._fees = fees
        self._received = fee_of is FeeOf.RECEIVED

    def covers(self, order: PaperOrder, at: int) -> bool:
        """Whether there is enough for a new order that would be filled at a price."""
        return self.free.get(self._pays(order), 0) >= self.cost(order, at)

    def affords(self, order: PaperOrder, price: int) -> int:
        """How much of it can be paid at a price, with what it holds and what is free."""
        rules, have = self._rules[order.symbol], order.held + self.free.get(self._pays(order), 0)
        if order.sign < 0:
            return order.left
        one = _money(rules, price)
        return min(order.left, have // (one if self._received else one + self._fees.most(one)) if have > 0 else 0)

    def hold(self, order: PaperOrder, at: int) -> None:
        """It was taken: what it could cost is held, as far as it is there: at the market it may reach further than it was judged by."""
        order.held = min(self.cost(order, at), max(0, self.free.get(self._pays(order), 0)))
        self._move(order, -order.held, order.held)

    def release(self, order: PaperOrder) -> None:
        """It ended: what it still holds is free."""
        self._move(order, order.held, -order.held)
        order.held = 0

    def fill(self, order: PaperOrder, price: int, quantity: int, *, maker: bool, fine: int = 0) -> tuple[str, str]:
        """A trade of it; (fee, currency), before `order.left` is changed. Nobody is liquidated here."""
        rules = self._rules[order.symbol]
        base, quote = _coins(rules, quantity), _money(rules, price * quantity)
        buys = order.sign > 0
        pays, gets = (quote, base) if buys else (base, quote)
        fee = self._fees.of(gets if self._received else quote, maker=maker)
        currency = (rules.base if buys else rules.quote) if self._received else rules.quote
        if buys and not self._received:
            pays += fee
        else:
            gets -= fee
        part = min(order.held, -(-order.held * quantity // order.left)) if order.left else order.held
        order.held -= part
        self._move(order, part - pays, -part)
        got = rules.base if buys else rules.quote
        self.free[got] = self.free.get(got, 0) + gets
        self.locked.setdefault(got, 0)
        return units_text(fee), currency

    def balances(self) -> tuple[Balance, ...]:
        """All of them."""
        return tuple(
            Balance(currency=each, free=units_text(self.free[each]), locked=units_text(self.locked[each])) for each in sorted(self.free)
        )

    def restore(self, money: Mapping[str, str]) -> None:
        """It has this; nothing of it is held."""
        self.free |= {currency: _units(text) for currency, text in money.items()}
        self.locked = dict.fromkeys(self.free, 0)

    def _pays(self, order: PaperOrder) -> str:
        rules = self._rules[order.symbol]
        return rules.quote if order.sign > 0 else rules.base

    def cost(self, order: PaperOrder, at: int) -> int:
        """What it could take from its owner: of a buy what it pays and its fee, of a sale what it sells."""
        rules = self._rules[order.symbol]
        if order.sign < 0:
            return _coins(rules, order.left)
        value = _money(rules, order.left * at if order.request.funds is None else order.request.funds)
        return value if self._received else value + self._fees.most(value)

    def _move(self, order: PaperOrder, free: int, locked: int) -> None:
        currency = self._pays(order)
        self.free[currency] = self.free.get(currency, 0) + free
        self.locked[currency] = self.locked.get(currency, 0) + locked


class Position:
    """Signed `quantity`, and Σ price × quantity of what is held now, with the sign of the position."""

    __slots__ = ("cost", "quantity")

    def __init__(self) -> None:
        self.quantity = 0
        self.cost = 0

    def change(self, quantity: int, price: int) -> int:
        """Take over a trade of a signed quantity; what it won, in the instrument's money."""
        won = 0
        if self.quantity * quantity < 0:
            closing = min(abs(quantity), abs(self.quantity)) * (1 if quantity > 0 else -1)
            share = self.cost * -closing // self.quantity
            won = price * -closing - share
            self.cost -= share
            self.quantity += closing
            quantity -= closing
        self.quantity += quantity
        self.cost += price * quantity
        return won


class MarginAccount:
    """One wallet and positions in contracts, cross margin. `price_of(symbol)`: what a position is worth now, per unit."""

    def __init__(
        self,
        start: Mapping[str, str],
        rules: Mapping[str, Rules],
        fees: Fees,
        leverage_of: Callable[[str], int],
        price_of: Callable[[str], int],
        open_orders: Callable[[], Iterable[PaperOrder]],
        maintenance_bp: int,
    ) -> None:
        self.wallets = {currency: _units(text) for currency, text in start.items()}
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self._rules = rules
        self._fees = fees
        self._leverage_of = leverage_of
        self._price_of = price_of
        self._open_orders = open_orders
        self._maintenance_bp = maintenance_bp

    def position(self, order: PaperOrder) -> Position:
        """The one that an order moves."""
        return self.positions.setdefault((order.symbol, order.request.position_side), Position())

    def covers(self, order: PaperOrder, at: int) -> bool:
        """Whether the account can carry a new order beside the others. What only reduces is always carried."""
        if order.only_closes:
            return True
        held = self.position(order).quantity
        opening = order.left - (abs(held) if held * order.sign < 0 else 0)
        rules = self._rules[order.symbol]
        return self._bound(rules, max(0, opening) * at) <= self.available(rules.settle)

    def affords(self, order: PaperOrder, price: int) -> int:
        """All of it: margin was looked at when it came."""
        return order.left

    def cost(self, order: PaperOrder, at: int) -> int:
        """Open orders take nothing."""
        return 0

    def hold(self, order: PaperOrder, at: int) -> None:
        """Open orders bind margin by being open."""

    def release(self, order: PaperOrder) -> None:
        """It binds nothing any more."""

    def fill(self, order: PaperOrder, price: int, quantity: int, *, maker: bool, fine: int = 0) -> tuple[str, str]:
        """A trade of it; (fee, currency). `fine`: of a liquidation, in units; it is part of the fee."""
        rules = self._rules[order.symbol]
        won = _money(rules, self.position(order).change(order.sign * quantity, price))
        fee = self._fees.of(_money(rules, price * quantity), maker=maker) + fine
        self.wallets[rules.settle] = self.wallets.get(rules.settle, 0) + won - fee
        return units_text(fee), rules.settle

    def balances(self) -> tuple[Balance, ...]:
        """All wallets."""
        return tuple(Balance(currency=each, free=units_text(units), locked="0") for each, units in sorted(self.wallets.items()))

    def restore(self, money: Mapping[str, str]) -> None:
        """The wallets hold this."""
        self.wallets |= {currency: _units(text) for currency, text in money.items()}

    def equity(self, currency: str) -> int:
        """The wallet and what positions have won or lost so far."""
        return self.wallets.get(currency, 0) + self.unrealized(currency)

    def unrealized(self, currency: str) -> int:
        """What positions have won or lost so far."""
        return sum(
            _money(self._rules[symbol], each.quantity * self._price_of(symbol) - each.cost)
            for (symbol, _), each in self.positions.items()
            if each.quantity and self._rules[symbol].settle == currency
        )

    def available(self, currency: str) -> int:
        """What new orders may bind."""
        bound = sum(
            self._bound(self._rules[symbol], abs(each.quantity) * self._price_of(symbol))
            for (symbol, _), each in self.positions.items()
            if each.quantity and self._rules[symbol].settle == currency
        )
        for order in self._open_orders():
            rules = self._rules[order.symbol]
            if rules.settle == currency and not order.only_closes and order.price is not None and order.parent is None:
                bound += self._bound(rules, order.left * order.price)
        return max(0, self.equity(currency) - bound)

    def held(self) -> list[Held]:
        """Positions that are not flat."""
        return [self.held_of(symbol, side) for (symbol, side), each in sorted(self.positions.items()) if each.quantity]

    def held_of(self, symbol: str, side: PositionSide) -> Held:
        """One position, flat ones too."""
        rules, each = self._rules[symbol], self.positions.setdefault((symbol, side), Position())
        profit = each.quantity * self._price_of(symbol) - each.cost
        ends_at = max(self.liquidation(symbol)) if each.quantity else 0
        return Held(
            symbol=symbol,
            quantity=each.quantity,
            entry=rules.price_text(each.cost // each.quantity) if each.quantity else "0",
            position_side=side,
            unrealized=rules.money_text(profit) if each.quantity else "0",
            liquidation=rules.price_text(ends_at) if ends_at else "",
            leverage=self._leverage_of(symbol),
            margin_type="cross",
        )

    def maintenance(self, currency: str) -> int:
        """What the account's equity may not fall below."""
        return sum(
            _money(self._rules[symbol], abs(each.quantity) * self._price_of(symbol)) * self._maintenance_bp // _BP
            for (symbol, _), each in self.positions.items()
            if each.quantity and self._rules[symbol].settle == currency
        )

    def liquidation(self, symbol: str) -> tuple[int, int]:
        """The prices of a symbol at or below which, at or above which, the account is liquidated, as others stand; 0: there is none."""
        rules, price = self._rules[symbol], self._price_of(symbol)
        mine = [each for (name, _), each in self.positions.items() if name == symbol and each.quantity]
        net, size = sum(each.quantity for each in mine), sum(abs(each.quantity) for each in mine)
        if not net or not price:
            return 0, 0
        room = self.equity(rules.settle) - self.maintenance(rules.settle)  # falls to 0 as the price moves
        one = _money(rules, abs(net) * _BP + (self._maintenance_bp * size if net < 0 else -self._maintenance_bp * size))
        steps = room * _BP // one if one > 0 else 0
        if net > 0:
            return max(1, price - steps) if price - steps > 0 else 0, 0
        return 0, price + steps

    def pay(self, currency: str, units: int) -> None:
        """Into the wallet, or out of it."""
        self.wallets[currency] = self.wallets.get(currency, 0) + units

    def fine(self, rules: Rules, money: int, bp: int) -> int:
        """A share of an amount, but no more than the account has beside the fees of closing what it holds."""
        room = self.equity(rules.settle) - sum(
            self._fees.of(_money(self._rules[symbol], abs(each.quantity) * self._price_of(symbol)), maker=False)
            for (symbol, _), each in self.positions.items()
            if each.quantity and self._rules[symbol].settle == rules.settle
        )
        return max(0, min(_money(rules, money) * bp // _BP, room)) // _FEE_GRAIN * _FEE_GRAIN

    def forgive(self, currency: str) -> None:
        """No debt is left."""
        self.wallets[currency] = max(0, self.wallets.get(currency, 0))

    def fund(self, symbol: str, rate_e8: int) -> int:
        """Positions of a symbol pay a rate (1e-8) of their worth, or get it where it is below 0; what came in, in units."""
        rules, price = self._rules[symbol], self._price_of(symbol)
        worth = sum(each.quantity for (name, _), each in self.positions.items() if name == symbol) * price
        units = -_money(rules, worth) * rate_e8 // (_E8 * _FEE_GRAIN) * _FEE_GRAIN
        self.pay(rules.settle, units)
        return units

    def _bound(self, rules: Rules, money: int) -> int:
        return -(-_money(rules, money) // self._leverage_of(rules.symbol))
