"""trading.engine.instance: one strategy at work: its hooks called one at a time, its wishes checked, its faults its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Set
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketTop, MarketTrade
from hoga.core.trading import FillUpdate, Force, OrderKind, OrderRequest, PositionSide, Rules, text_of
from hoga.trading import records
from hoga.trading.bars import BarSeries
from hoga.trading.conditions import Conditions
from hoga.trading.engine.placing import Placing
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Turn
from hoga.trading.engine.working import Working
from hoga.trading.orders import Order, Role
from hoga.trading.ports import Denial, Write
from hoga.trading.strategy import (
    Amount,
    BookView,
    FillView,
    OrderView,
    Params,
    Setup,
    Strategy,
    TradeView,
    WatchedParams,
    amount_of,
    leg_of,
    side_of,
)

__all__ = ["Instance"]

_BOOKISH = {DataType.ORDERBOOK, DataType.QUOTE}

_MEMO = 4096
_DIGITS = 40
_CALLS_DEEP = 8
"""So deep may hooks cause hooks (an order in `on_order` that is denied, and so on)."""


class Instance:
    """One strategy and its desk (`strategy.Desk`). `key`: its name in journal and restart; `number`: in client ids, from 1.

    `series_of`: gives the bars of a symbol, interval, history and day; `fell`: is told of a hook that raised, and why.
    `fixed`: the parameters that `setup` looked at.
    """

    def __init__(
        self,
        number: int,
        key: str,
        strategy: Strategy,
        turn: Turn,
        roster: Roster,
        placing: Placing,
        pursuing: Pursuing,
        series_of: Callable[[str, str, int, str], BarSeries],
        fell: Callable[[Instance, str, str], None],
        working: Working,
    ) -> None:
        self.number = number
        self.key = key
        self.strategy = strategy
        self.symbols = strategy.symbols or ((strategy.symbol,) if strategy.symbol else ())
        self.quarantined = False
        self.denials = 0
        self._turn = turn
        self._state = turn.state
        self._roster = roster
        self._placing = placing
        self._want = pursuing.want
        self._fell_to = fell
        self._hedged = not turn.state.hedged.isdisjoint(self.symbols)
        self._working = working
        self._depth = self._calls = 0
        self._amounts: dict[tuple[str, object, bool], int] = {}
        self._books = {symbol: BookView(symbol, rules) for symbol, rules in turn.state.rules_of.items()}
        strategy._desk = self
        self.conditions = Conditions()
        self.setup = Setup(key, turn.state.rules_of, series_of, symbols=self.symbols, now=lambda: turn.state.now_ns)
        given = strategy.p if hasattr(strategy, "p") else Params({})
        watched = strategy.p = WatchedParams(given.items())
        try:
            strategy.setup(self.setup)
        except (Exception, SystemExit) as fault:
            why = " ".join(f"{type(fault).__name__}: {fault}".split())
            raise ConfigError([ConfigMistake(key, None, "setup", why, "", plain=f"raised in setup: {why}")]) from fault
        strategy.p = given
        self.fixed = watched.read
        self.setup.desk = self

    def has_hook(self, hook: str) -> bool:
        """Whether the strategy has that hook."""
        return getattr(type(self.strategy), hook) is not getattr(Strategy, hook)

    def wants(self, symbol: str) -> Set[DataType]:
        """What it asked for of a symbol. With a hook and nothing asked for, it hears all that its symbols have for it."""
        asked, found = self.setup.asked, set(self.setup.asked.get(symbol, ()))
        if symbol in self.symbols:
            if self.has_hook("on_book") and not any(_BOOKISH & each for each in asked.values()):
                found |= _BOOKISH
            if self.has_hook("on_trade") and not self.setup.trades_of:
                found.add(DataType.TRADE)
        return found

    def hears_trades(self, symbol: str) -> bool:
        """Whether `on_trade` is called for a symbol."""
        chosen = self.setup.trades_of or self.symbols
        return self.has_hook("on_trade") and symbol in chosen

    def is_ready(self, symbol: str) -> bool:
        """Whether all lines over its series of a symbol are ready."""
        return all(series.ready for series in self.setup.series if series.symbol == symbol)

    def has(self, series: BarSeries) -> bool:
        """Whether it asked for that series."""
        return any(each is series for each in self.setup.series)

    # -- its hooks ------------------------------------------------------------------------------------------------------

    def call(self, hook: str, *args: object) -> None:
        """Call a hook; one that raises ends the instance."""
        if self.quarantined or self._depth >= _CALLS_DEEP:
            return
        self._depth += 1
        self._calls += 1
        try:
            getattr(self.strategy, hook)(*args)
        except (Exception, SystemExit) as fault:  # noqa: BLE001  # the supervised place: a strategy's fault is its own
            self._fell(hook, fault)
        finally:
            self._depth -= 1

    def on_book(self, event: MarketTop) -> None:
        """A book came."""
        if self.quarantined:
            return
        view = self._books[event.symbol]
        view.ticks = event
        self._calls += 1
        try:
            self.strategy.on_book(view)
        except (Exception, SystemExit) as fault:  # noqa: BLE001  # as in `call`, for every book
            self._fell("on_book", fault)

    def on_trade(self, event: MarketTrade) -> None:
        """Somebody traded."""
        if not self.quarantined:
            self.call("on_trade", TradeView(event, self._state.rules_of[event.symbol]))

    def told_of(self, order: Order) -> None:
        """An own order has moved."""
        if self._roster.running and order.symbol in self._state.rules_of:
            self.call("on_order", OrderView(order, self._state.rules_of[order.symbol]))

    def filled(self, fill: FillUpdate) -> None:
        """An own order was filled."""
        self.call("on_fill", FillView(fill, self._state.rules_of[fill.symbol]))

    def _fell(self, hook: str, fault: Exception | SystemExit) -> None:
        self.quarantined = True
        self._fell_to(self, hook, f"{type(fault).__name__}: {fault}")

    # -- its desk ---------------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """See `Strategy.now_ns`."""
        return self._state.now_ns

    def target(self, symbol: str, quantity: Amount, why: str, leg: str) -> None:
        """See `Strategy.target`."""
        try:
            number = self._amounts.get((symbol, quantity, False))
        except TypeError:  # as in `_known`, for every book
            number = None
        if number is None:
            number = self._learn(symbol, quantity, "target", why, Side.BUY)
            if number is not None:
                self._look_at_lots(symbol, quantity, number, why)
        if number is None:
            return
        if not leg and not self._hedged:
            self._want(self.key, symbol, number, why)
            return
        which = self._leg(symbol, leg, Side.BUY, why)
        if which is None:
            return
        if number < 0:
            self._deny(symbol, Side.BUY, why, Denial(code="quantity", found=str(quantity), limit="0 or more of a leg"))
            return
        self._want(self.key, symbol, number * which.sign, why, which)

    def _leg(self, symbol: str, leg: str, side: Side, why: str) -> PositionSide | None:
        """Which position is meant; None: it was denied."""
        legs = self._state.legs(symbol)
        if not leg and len(legs) == 1:
            return legs[0]
        found = next((each for each in legs if len(legs) > 1 and str(leg).lower() == each.value), None)
        if found is None:
            expected = "long or short: POSITION_MODE is hedge" if len(legs) > 1 else "none: POSITION_MODE is one-way"
            self._deny(symbol, side, why, Denial(code="bad-leg", found=str(leg) or "none", limit=expected))
        return found

    def _look_at_lots(self, symbol: str, quantity: Amount, number: int, why: str) -> None:
        """A target that is less than one lot is none, which is told; what is held beyond it is closed all the same."""
        rules = self._rules(symbol)
        if rules is not None and amount_of(quantity) and not rules.quantity_down(number, market=True):
            lot = text_of(rules.market_lot, rules.size_power)
            self._deny(symbol, Side.BUY, why, Denial(code="too-small", found=str(quantity), limit=lot))

    def order(
        self,
        symbol: str,
        side: str | Side,
        quantity: Amount,
        kind: OrderKind,
        price: Amount | None,
        force: Force,
        why: str,
        leg: str,
    ) -> str:
        """See `Strategy.buy` and `Strategy.limit`."""
        if side.__class__ is not Side:
            try:
                side = side_of(side)
            except ValueError as fault:
                self._deny(symbol, Side.BUY, why, Denial(code="bad-side", found=str(fault), limit="buy or sell"))
                return ""
        assert isinstance(side, Side), "it is one, or was made one"
        number = self._known(symbol, quantity, False)
        if number is None:
            number = self._learn(symbol, quantity, "order", why, side)
        if number is None:
            return ""
        if number <= 0:
            self._deny(symbol, side, why, Denial(code="quantity", found=str(quantity), limit="above 0"))
            return ""
        at = None
        if price is not None:
            at = self._known(symbol, price, True)
            if at is None:
                at = self._learn_price(symbol, price, why, side)
            if at is None:
                return ""
        which = self._leg(symbol, leg, side, why)
        if which is None:
            return ""
        return self._placing.order(self.number, self.key, symbol, side, number, kind, at, force, why, which)

    def cancel(self, client_id: str) -> None:
        """See `Strategy.cancel`."""
        order = self._state.orders.get(client_id)
        if order is not None and order.strategy == self.key:
            self._placing.cancel(order, why="strategy", wished=True)

    def cancel_all(self, symbol: str) -> None:
        """See `Strategy.cancel_all`."""
        for order in self._state.orders.working(symbol):
            if order.strategy == self.key and order.role is not Role.PROTECT:
                self._placing.cancel(order, why="strategy", wished=True)

    def legs(self, symbol: str) -> tuple[PositionSide, ...]:
        """The positions that there are of a symbol."""
        return self._state.legs(symbol)

    def position(self, symbol: str, leg: str) -> Decimal:
        """See `Strategy.position`."""
        rules, share = self._rules(symbol), self._state.portfolio.share
        if leg:
            side = leg_of(leg)
            held = share(self.key, symbol, side) * side.sign
        else:
            held = sum(share(self.key, symbol, each) for each in self._state.legs(symbol))
        return Decimal(held).scaleb(rules.size_power) if rules is not None else Decimal(0)

    def orders(self, symbol: str) -> list[OrderView]:
        """See `Strategy.orders`."""
        state = self._state
        return [OrderView(each, state.rules_of[each.symbol]) for each in state.orders.working(symbol) if each.strategy == self.key]

    def book(self, symbol: str) -> BookView:
        """See `Strategy.book`."""
        view, look = self._books[symbol], self._state.looks[symbol]
        if view.ticks.at_ns != look.at_ns:
            view.ticks = MarketTop(symbol=symbol, at_ns=look.at_ns, bid=look.bid, bid_size=0, ask=look.ask, ask_size=0)
        return view

    def size(self, symbol: str, risk: str, stop: Amount, side: Side | None) -> Decimal:
        """See `Strategy.size`."""
        try:
            price = amount_of(stop)
        except ValueError:
            price = Decimal(0)  # no price: it is denied as one that is on no side
        rules = self._rules(symbol)
        if rules is None:
            return Decimal(0)
        at = int(price.scaleb(-rules.price_power))  # finer digits than the instrument has are cut off
        sized = self._placing.gate.size(symbol, risk, at, side, self._state)
        self._turn.write(records.size(sized, self.key))
        return Decimal(sized.quantity).scaleb(rules.size_power)

    def tell(self, text: str) -> None:
        """See `Strategy.log`."""
        self._turn.write(Write("note", {"st": self.key, "text": text}))
        self._turn.tell("info", f"{self.key}: {text}")

    def work(self, function: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """See `Strategy.work`."""
        return self._working.begin(self.key, function, args)

    def price_on_tick(self, symbol: str, price: Amount, *, up: bool) -> Decimal:
        """See `Strategy.price_down` and `Strategy.price_up`."""
        rules = self._state.rules_of[symbol]
        exact = amount_of(price).scaleb(-rules.price_power)
        if up:
            return Decimal(rules.price_up(int(exact.to_integral_value(ROUND_CEILING)))).scaleb(rules.price_power)
        return Decimal(rules.price_down(int(exact.to_integral_value(ROUND_FLOOR)))).scaleb(rules.price_power)

    def check(self, name: str, held: bool) -> bool:
        """See `Strategy.check`."""
        return self.conditions.check(name, held, self._calls)

    # -- amounts ----------------------------------------------------------------------------------------------------------

    def _rules(self, symbol: str) -> Rules | None:
        return self._state.rules_of.get(symbol)

    def _known(self, symbol: str, amount: Amount, is_price: bool) -> int | None:
        """What was learned of an amount; None: nothing, or it is nothing that can be."""
        try:
            return self._amounts.get((symbol, amount, is_price))
        except TypeError:  # a list: what is wrong with it is told with a code
            return None

    def _learn(self, symbol: str, quantity: Amount, what: str, why: str, side: Side) -> int | None:
        """A quantity in integers, finer digits cut off; None: it was denied."""
        rules = self._rules(symbol) if symbol in self.symbols else None
        if rules is None:
            self._deny(symbol, side, why, Denial(code="unknown-symbol", found=str(symbol), limit=", ".join(self.symbols)))
            return None
        try:
            amount = amount_of(quantity)
        except ValueError as fault:
            self._deny(symbol, side, why, Denial(code="no-number", found=str(fault)))
            return None
        number = int(amount.scaleb(-rules.size_power)) if abs(amount.adjusted()) < _DIGITS or not amount else 1 << 63
        if not -(2**63) < number < 2**63:
            self._deny(symbol, side, why, Denial(code="quantity", found=str(quantity)))
            return None
        self._keep((symbol, quantity, False), number)
        return number

    def _learn_price(self, symbol: str, price: Amount, why: str, side: Side) -> int | None:
        rules = self._rules(symbol)
        assert rules is not None, "its quantity was read already"
        try:
            amount = amount_of(price)
        except (ValueError, ArithmeticError) as fault:
            self._deny(symbol, side, why, Denial(code="off-tick", found=str(fault)))
            return None
        try:
            number = rules.price(amount)
        except (ValueError, ArithmeticError):
            found = f"{amount} is not a multiple of {rules.price_text(rules.ticks[0][1])}"
            self._deny(symbol, side, why, Denial(code="off-tick", found=found))
            return None
        self._keep((symbol, price, True), number)
        return number

    def _keep(self, key: tuple[str, object, bool], number: int) -> None:
        if len(self._amounts) >= _MEMO:
            self._amounts.clear()
        self._amounts[key] = number

    def _deny(self, symbol: str, side: Side, why: str, denial: Denial) -> None:
        request = OrderRequest(client_id=self._placing.new_id(self.number), symbol=str(symbol), side=side)
        self._placing.deny(request, self.key, Role.ENTRY, why, denial)
