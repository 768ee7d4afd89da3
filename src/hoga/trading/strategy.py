"""trading.strategy: what a user writes: a class with hooks, and what it may ask for. Pure.

    class Cross(Strategy):
        symbol = "binance-usdm:BTCUSDT"
        params = {"fast": 10, "slow": 30, "size": "0.010"}

        def setup(self, m):
            bars = m.bars(self.symbol, "1m", history=200)
            self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)

        def on_bar(self, bar):
            self.target(self.symbol, self.p.size if self.fast > self.slow else 0, why=f"{self.fast:.1f}/{self.slow:.1f}")

Hooks are plain functions, called one at a time; the one clock is `self.now_ns`. Whatever a hook asks for is checked, journalled and sent
before the next event is looked at. One that raises ends its own instance only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from hoga.core.market import DataType, Side
from hoga.core.ticks import MarketDepth, MarketTop, MarketTrade
from hoga.core.trading import FillUpdate, Force, OrderKind, PositionSide, Rules
from hoga.trading.bars import Bar, BarSeries
from hoga.trading.orders import Order
from hoga.trading.protect import Protection
from hoga.trading.rungs import Rung
from hoga.trading.sessions import Session, session_of

__all__ = [
    "Amount",
    "BadParameter",
    "BookView",
    "Desk",
    "FillView",
    "OrderView",
    "Params",
    "Setup",
    "Strategy",
    "TradeView",
    "WatchedParams",
    "WorkView",
    "amount_of",
    "leg_of",
    "parameter_of",
    "parameters_of",
]

Amount = Decimal | int | str | float
"""A price or a quantity, as people write it: `"0.010"`, `Decimal("0.01")`, 1; a float is taken by its shortest spelling."""


def amount_of(value: Amount) -> Decimal:
    """As an exact number. Raises ValueError for what is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{value!r} is no number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    except (ArithmeticError, TypeError, ValueError):
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number")
    return number


def side_of(value: str | Side) -> Side:
    """`buy` or `sell`, in capitals or not. Raises ValueError."""
    try:
        return Side(value.lower())
    except (AttributeError, ValueError):
        raise ValueError(f"{value!r} is no side; expected buy or sell") from None


class Params:
    """The parameters of one instance, by name: `self.p.fast`. `<Params fast=10 slow=30>`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            known = ", ".join(sorted(self.__dict__.get("_values", ()))) or "none"
            raise AttributeError(f"there is no parameter {name!r}; there are {known}")
        return self._values[name]

    def items(self) -> Mapping[str, Any]:
        """All of them."""
        return dict(self._values)

    def __repr__(self) -> str:
        return f"<Params {' '.join(f'{name}={value}' for name, value in self._values.items())}>"


class WatchedParams(Params):
    """The same while `setup` runs. `read`: which of them it looked at: they cannot be changed without a restart."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        self._read.add(name)
        return value

    @property
    def read(self) -> frozenset[str]:
        """See the class."""
        return frozenset(self._read)


class BadParameter(ValueError):
    """A text that is no value of a parameter: its name, the text, what was expected, and of a choice what there is."""

    def __init__(self, name: str, text: str, expected: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(f"{name}: {text!r} is not {expected}")
        self.name, self.text, self.expected, self.choices = name, text, expected, choices


def parameters_of(defaults: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of an instance: texts as what the defaults are. Raises BadParameter."""
    return {name: parameter_of(name, default, texts.get(name)) for name, default in defaults.items()}


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def parameter_of(name: str, default: Any, text: str | None) -> Any:
    """A parameter as what its default is: of a choice the first, or the one that `text` names. None: the default. Raises BadParameter."""
    choices = tuple(default) if isinstance(default, tuple | list) else ()
    if text is None:
        return choices[0] if choices else default
    if choices:
        names = tuple(str(each) for each in choices)
        if text not in names:
            raise BadParameter(name, text, f"one of {', '.join(names)}", names)
        return choices[names.index(text)]
    try:
        if isinstance(default, bool):
            return _WORDS[text.lower()]
        if isinstance(default, Decimal):
            return amount_of(text)
        if isinstance(default, str):
            return text if not _is_number(default) else f"{amount_of(text):f}"
        found = type(default)(text)
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError(text)
        return found
    except (ValueError, KeyError, TypeError):
        what = "number" if isinstance(default, str | Decimal) else type(default).__name__
        raise BadParameter(name, text, f"{'an' if what == 'int' else 'a'} {what}, as {default!r}") from None


def _is_number(text: str) -> bool:
    try:
        amount_of(text)
    except ValueError:
        return False
    return True


class WorkView:
    """What came of a piece of work that was asked for with `work`. `function`: its name; `error`: "" where it is good."""

    __slots__ = ("error", "function", "id", "value")

    def __init__(self, number: int, function: str, value: Any, error: str) -> None:
        self.id = number
        self.function = function
        self.value = value
        self.error = error

    def __repr__(self) -> str:
        return f"<Work {self.id} {self.function} {self.error or self.value!r}>"


class BookView:
    """A symbol's best prices and sizes as exact numbers; `ticks` has them as integers. Valid until the hook returns."""

    __slots__ = ("rules", "symbol", "ticks")

    def __init__(self, symbol: str, rules: Rules) -> None:
        self.symbol = symbol
        self.rules = rules
        self.ticks: MarketTop = MarketTop(symbol=symbol, at_ns=0, bid=0, bid_size=0, ask=0, ask_size=0)

    @property
    def bid(self) -> Decimal:
        """The best bid."""
        return Decimal(self.ticks.bid).scaleb(self.rules.price_power)

    @property
    def ask(self) -> Decimal:
        """The best ask."""
        return Decimal(self.ticks.ask).scaleb(self.rules.price_power)

    @property
    def bid_size(self) -> Decimal:
        """What is there."""
        return Decimal(self.ticks.bid_size).scaleb(self.rules.size_power)

    @property
    def ask_size(self) -> Decimal:
        """What is there."""
        return Decimal(self.ticks.ask_size).scaleb(self.rules.size_power)

    @property
    def mid(self) -> Decimal:
        """Between the best prices."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal:
        """Between the best prices."""
        return self.ask - self.bid

    @property
    def bids(self) -> list[tuple[Decimal, Decimal]]:
        """(price, size), best first: as many levels as came."""
        ticks = self.ticks
        return _levels(ticks.bids) if isinstance(ticks, MarketDepth) else [(self.bid, self.bid_size)]

    @property
    def asks(self) -> list[tuple[Decimal, Decimal]]:
        """(price, size), best first: as many levels as came."""
        ticks = self.ticks
        return _levels(ticks.asks) if isinstance(ticks, MarketDepth) else [(self.ask, self.ask_size)]


def _levels(texts: Sequence[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in texts]


class TradeView:
    """One public trade as exact numbers; `ticks` has it as integers."""

    __slots__ = ("rules", "ticks")

    def __init__(self, ticks: MarketTrade, rules: Rules) -> None:
        self.ticks = ticks
        self.rules = rules

    @property
    def symbol(self) -> str:
        """Of which it is."""
        return self.ticks.symbol

    @property
    def price(self) -> Decimal:
        """At which it was."""
        return Decimal(self.ticks.price).scaleb(self.rules.price_power)

    @property
    def size(self) -> Decimal:
        """How much it was."""
        return Decimal(self.ticks.size).scaleb(self.rules.size_power)

    @property
    def taker(self) -> Side:
        """Who took."""
        return self.ticks.taker


class OrderView:
    """An own order as it stands."""

    __slots__ = ("_order", "_rules")

    def __init__(self, order: Order, rules: Rules) -> None:
        self._order = order
        self._rules = rules

    @property
    def id(self) -> str:
        """The client id: what `limit` and the others returned, and what `cancel` takes."""
        return self._order.client_id

    @property
    def symbol(self) -> str:
        """Of which it is."""
        return self._order.symbol

    @property
    def status(self) -> str:
        """In capitals: `LIVE`, `PARTIAL`, `FILLED`, `UNKNOWN`, …"""
        return self._order.status.value

    @property
    def side(self) -> Side:
        """BUY or SELL."""
        return self._order.request.side

    @property
    def leg(self) -> str:
        """In hedge mode `long` or `short`, else ""."""
        return _leg_text(self._order.request.position_side)

    @property
    def price(self) -> Decimal | None:
        """Of a limit order; None of one at the market."""
        price = self._order.request.price
        return None if price is None else Decimal(price).scaleb(self._rules.price_power)

    @property
    def quantity(self) -> Decimal | None:
        """The whole; None: it closes what there is."""
        quantity = self._order.request.quantity
        return None if quantity is None else Decimal(quantity).scaleb(self._rules.size_power)

    @property
    def filled(self) -> Decimal:
        """So far."""
        return Decimal(self._order.filled).scaleb(self._rules.size_power)

    @property
    def reason(self) -> str:
        """Why it was refused, or ended."""
        return self._order.reason

    def __repr__(self) -> str:
        return f"<Order {self.id} {self.side} {self.quantity} {self.status}>"


class FillView:
    """One trade of an own order."""

    __slots__ = ("_fill", "_rules")

    def __init__(self, fill: FillUpdate, rules: Rules) -> None:
        self._fill = fill
        self._rules = rules

    @property
    def id(self) -> str:
        """The client id of its order."""
        return self._fill.client_id

    @property
    def symbol(self) -> str:
        """Of which it is."""
        return self._fill.symbol

    @property
    def side(self) -> Side:
        """BUY or SELL."""
        return self._fill.side

    @property
    def leg(self) -> str:
        """In hedge mode `long` or `short`, else ""."""
        return _leg_text(self._fill.position_side)

    @property
    def price(self) -> Decimal:
        """At which it was."""
        return Decimal(self._fill.price).scaleb(self._rules.price_power)

    @property
    def quantity(self) -> Decimal:
        """How much it was."""
        return Decimal(self._fill.quantity).scaleb(self._rules.size_power)


def _leg_text(side: PositionSide) -> str:
    return "" if side is PositionSide.BOTH else side.value


def leg_of(value: str) -> PositionSide:
    """`long` or `short`, in capitals or not; "": the only one. Raises ValueError."""
    try:
        return PositionSide(value.lower()) if value else PositionSide.BOTH
    except (AttributeError, ValueError):
        raise ValueError(f"{value!r} is no leg; expected long or short") from None


class Setup:
    """What `setup` is given: what the strategy needs is said before anything starts, and what is not asked for is not subscribed.

    `symbols`: what it trades, all of which it may ask for. `asked`: by symbol, the kinds of data it asked for.
    """

    def __init__(
        self,
        instance: str,
        rules: Mapping[str, Rules],
        want: Callable[[str, str, int, str], BarSeries],
        *,
        symbols: Sequence[str] = (),
        now: Callable[[], int] = lambda: 0,
    ) -> None:
        self.instance = instance
        self.symbols = tuple(symbols)
        self._rules = rules
        self._want = want
        self._now = now
        self.protections: dict[tuple[str, PositionSide], Protection] = {}
        self.timers: list[int] = []
        self.series: list[BarSeries] = []
        self.sessions: list[Session] = []
        self.trades_of: set[str] = set()
        self.asked: dict[str, set[DataType]] = {}
        self.desk: Desk | None = None

    def bars(self, symbol: str, interval: str = "1m", history: int = 200, *, day: str = "UTC") -> BarSeries:
        """Bars of a symbol from its trades; `on_bar` is called for each that is closed, once all series of the symbol are ready.

        Args:
            interval: one that the venue has, `1m` to `1w`, or seconds that divide a minute, `10s`.
            history: so many bars are there before the first `on_bar`, where the venue has them.
            day: whose midnight `1d` and `1w` begin at, `UTC` or `KST`.
        """
        series = self._want(symbol, interval, history, day)
        if series not in self.series:
            self.series.append(series)
        self._ask(symbol, DataType.TRADE)
        return series

    def book(self, *symbols: str) -> None:
        """Books of these symbols, or of all: `on_book` is called for each that comes, with as many levels as the venue sends."""
        for symbol in symbols or self.symbols:
            self._ask(symbol, DataType.ORDERBOOK)

    def quotes(self, *symbols: str) -> None:
        """Best prices of these symbols, or of all: `on_book` is called whenever they change, where the venue tells each change."""
        for symbol in symbols or self.symbols:
            self._ask(symbol, DataType.QUOTE)

    def trades(self, *symbols: str) -> None:
        """Public trades of these symbols, or of all: `on_trade` is called for each."""
        for symbol in symbols or self.symbols:
            self._ask(symbol, DataType.TRADE)
            self.trades_of.add(symbol)

    def _ask(self, symbol: str, kind: DataType) -> None:
        if symbol not in self._rules:
            raise ValueError(f"{symbol!r} is not traded here; there are {', '.join(self._rules)}")
        self.asked.setdefault(symbol, set()).add(kind)

    def session(self, zone: str, begins: str, ends: str, days: str | Sequence[str] = "Mon-Sun") -> Session:
        """Hours of a day in a time zone, summer time included: `.open` at the event that is handled; `on_session` at its begin and end.

        `m.session("America/New_York", "09:30", "16:00", days="Mon-Fri")`; an end that is not after the begin is on the next day.
        """
        session = session_of(zone, begins, ends, days, self._now)
        self.sessions.append(session)
        return session

    def work(self, function: Callable[..., Any], *args: Any) -> int:
        """The same as `Strategy.work`, for whoever keeps `m`. Not in `setup` itself (ValueError): it begins with `on_start`."""
        if self.desk is None:
            raise ValueError("m.work() is for hooks: on_start is the first that may call it")
        return self.desk.work(function, args)

    def timer(self, seconds: float) -> None:
        """Call `on_timer` so often; the same as `every`."""
        self.every(seconds)

    def every(self, seconds: float) -> None:
        """Call `on_timer` so often. Raises ValueError for no time at all."""
        if not seconds > 0:
            raise ValueError(f"every({seconds!r}): expected seconds above 0")
        self.timers.append(int(seconds * 1_000_000_000))

    def protect(
        self,
        symbol: str,
        *,
        stop: str | None = None,
        take: str | None = None,
        trail: str | tuple[str, str] | None = None,
        break_even: str | None = None,
        time_limit: str | None = None,
        within: str = "3s",
        step: str = "0.05%",
        leg: str = "",
    ) -> None:
        """Guard every position of `symbol`; see docs/trading-limits.md. Raises ValueError for what is no such distance or duration.

        Args:
            symbol: as in `Strategy.symbol`.
            stop: given up so far against the entry, `"1.5%"`. take: sold so far in favour of it.
            trail: how far the stop follows the best price; with how far that must be in favour first, `("1%", "0.5%")`.
            break_even: the stop goes to the entry once the price is so far in favour.
            time_limit: closed after so long, `"4h"`.
            within: so long after the first fill the ends rest at the venue.
            step: the least move of a stop.
            leg: in hedge mode `long` or `short`: of that position alone; "": of both, where nothing is said of one.
        """
        if symbol not in self._rules:
            raise ValueError(f"{symbol!r} is not traded here; there are {', '.join(self._rules)}")
        distance, activate = (trail, None) if trail is None or isinstance(trail, str) else trail
        protection = Protection(
            stop=_bp(stop),
            take=_bp(take),
            trail=_bp(distance),
            activate=_bp(activate, least=0) or 0,
            break_even=_bp(break_even),
            hold_ns=None if time_limit is None else _duration_ns(time_limit),
            within_ns=_duration_ns(within),
            step=_bp(step) or 1,
        )
        if (protection.stop, protection.take, protection.trail, protection.hold_ns) == (None, None, None, None):
            raise ValueError("protect() needs at least one of stop, take, trail and time_limit")
        self.protections[symbol, leg_of(leg)] = protection


def _bp(text: str | None, *, least: int = 1) -> int | None:
    """A distance as `"1.5%"` in hundredths of a percent."""
    if text is None:
        return None
    number, percent, rest = str(text).partition("%")
    try:
        distance = int(amount_of(number.strip()) * 100) if percent and not rest.strip() else -1
    except ValueError:
        distance = -1
    if not least <= distance < 10_000:
        raise ValueError(f"{text!r} is no distance; expected a percentage from 0.01 and below 100, as 1.5%")
    return distance


def _duration_ns(text: str) -> int:
    units = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}
    unit = next((each for each in units if text.endswith(each) and text[: -len(each)].replace(".", "", 1).isdigit()), None)
    if unit is None:
        raise ValueError(f"{text!r} is no duration; expected a number and ms, s, m, h or d, as 3s")
    return int(amount_of(text[: -len(unit)]) * units[unit])


class Desk(Protocol):
    """What an instance trades with; the engine has one for each."""

    @property
    def now_ns(self) -> int:
        """See `Strategy.now_ns`."""

    def target(self, symbol: str, quantity: Amount, why: str, leg: str) -> None:
        """See `Strategy.target`."""

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

    def legs(self, symbol: str) -> tuple[PositionSide, ...]:
        """The positions that there are of a symbol: in hedge mode two."""

    def cancel(self, client_id: str) -> None:
        """See `Strategy.cancel`."""

    def cancel_all(self, symbol: str) -> None:
        """See `Strategy.cancel_all`."""

    def position(self, symbol: str, leg: str) -> Decimal:
        """See `Strategy.position`."""

    def orders(self, symbol: str) -> list[OrderView]:
        """See `Strategy.orders`."""

    def book(self, symbol: str) -> BookView:
        """See `Strategy.book`."""

    def size(self, symbol: str, risk: str, stop: Amount, side: Side | None) -> Decimal:
        """See `Strategy.size`."""

    def tell(self, text: str) -> None:
        """See `Strategy.log`."""

    def check(self, name: str, held: bool) -> bool:
        """See `Strategy.check`."""

    def work(self, function: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """See `Strategy.work`."""

    def price_on_tick(self, symbol: str, price: Amount, *, up: bool) -> Decimal:
        """See `Strategy.price_down` and `Strategy.price_up`."""


class Strategy:
    """See the module. `symbol` (or `symbols`) and `params` are said in the class; `p` has the parameters of this instance.

    Everything that orders returns at once; what becomes of it comes by `on_order` and `on_fill`. What cannot be ordered (no number, an
    unknown symbol, a limit) is denied with a code in the journal, and `on_order` is told.
    """

    symbol: str = ""
    symbols: tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    p: Params
    _desk: Desk

    # -- hooks ----------------------------------------------------------------------------------------------------

    def setup(self, m: Setup) -> None:
        """Say what is needed: bars, timers, protection. Called once, before anything starts."""

    def on_start(self) -> None:
        """Everything is connected, and agrees with the venue."""

    def on_book(self, book: BookView) -> None:
        """A book came."""

    def on_trade(self, trade: TradeView) -> None:
        """Somebody traded."""

    def on_bar(self, bar: Bar) -> None:
        """A bar was closed, whole, and all lines over its series are ready."""

    def on_revise(self, bar: Bar) -> None:
        """Late trades have changed a bar that was closed, within the last second: as it is now. Lines over it are reckoned anew."""

    def on_timer(self, now_ns: int) -> None:
        """The time of `m.timer` has passed."""

    def on_session(self, session: Session) -> None:
        """A session of `m.session` has begun (`session.open`), or ended."""

    def on_order(self, order: OrderView) -> None:
        """An own order has moved."""

    def on_fill(self, fill: FillView) -> None:
        """An own order was filled, in part or whole."""

    def on_work(self, done: WorkView) -> None:
        """A piece of work is done, or failed (`done.error`)."""

    def on_stale(self, symbol: str, why: str) -> None:
        """The market data of a symbol are stale or in doubt."""

    def on_ladder(self, rung: Rung) -> None:
        """What is allowed has changed."""

    def on_stop(self) -> None:
        """The trader is about to end. Entries are cancelled after it."""

    # -- what it may ask for -----------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The time of the event that is being handled (UTC, ns): the only clock a strategy has."""
        return self._desk.now_ns

    def target(self, symbol: str, quantity: Amount, why: str = "", *, leg: str = "") -> None:
        """Hold so much from now on (below 0: short). Asking again for the same does nothing more; partial fills are completed.

        `leg`: in hedge mode `long` or `short`; the quantity is how large that position shall be, then, and never below 0.
        """
        self._desk.target(symbol, quantity, why, leg)

    def buy(self, symbol: str, quantity: Amount, why: str = "", *, leg: str = "") -> str:
        """Buy at the market, within the collar; of the leg `short`: close. Returns the client id, "" where it was denied."""
        return self._desk.order(symbol, Side.BUY, quantity, OrderKind.MARKET, None, Force.IOC, why, leg)

    def sell(self, symbol: str, quantity: Amount, why: str = "", *, leg: str = "") -> str:
        """Sell at the market, within the collar; of the leg `short`: open. Returns the client id, "" where it was denied."""
        return self._desk.order(symbol, Side.SELL, quantity, OrderKind.MARKET, None, Force.IOC, why, leg)

    def limit(
        self, symbol: str, side: str | Side, quantity: Amount, price: Amount, why: str = "", *, post_only: bool = False, leg: str = ""
    ) -> str:
        """Rest at a price. `side`: `buy` or `sell`. Returns the client id, "" where it was denied."""
        force = Force.POST_ONLY if post_only else Force.GTC
        return self._desk.order(symbol, side, quantity, OrderKind.LIMIT, price, force, why, leg)

    def cancel(self, client_id: str) -> None:
        """Cancel one own order."""
        self._desk.cancel(client_id)

    def cancel_all(self, symbol: str = "") -> None:
        """Cancel this instance's resting orders, of one symbol or of all; protective ones stay."""
        self._desk.cancel_all(symbol)

    def flatten(self, symbol: str = "", why: str = "flatten") -> None:
        """Cancel this instance's orders and hold nothing."""
        for each in (symbol,) if symbol else self.symbols:
            self._desk.cancel_all(each)
            for leg in self._desk.legs(each):
                self._desk.target(each, 0, why, _leg_text(leg))

    def position(self, symbol: str = "", *, leg: str = "") -> Decimal:
        """What this instance holds, as its fills prove; below 0: short. In hedge mode how large a `leg` is; without one the difference."""
        return self._desk.position(symbol or self.symbol, leg)

    def orders(self, symbol: str = "") -> list[OrderView]:
        """This instance's orders that are or may be at the venue."""
        return self._desk.orders(symbol)

    def book(self, symbol: str = "") -> BookView:
        """The newest best prices. Valid until the hook returns."""
        return self._desk.book(symbol or self.symbol)

    def size(self, symbol: str, *, risk: str = "", stop: Amount, side: str | Side | None = None) -> Decimal:
        """The quantity that loses `risk` of the equity (`"1%"`, default `RISK_PER_TRADE`) at `stop`, within the limits; 0: too small."""
        return self._desk.size(symbol, risk, stop, None if side is None else side_of(side))

    def price_down(self, price: Amount, symbol: str = "") -> Decimal:
        """The highest price that the venue takes and that is not above this one: for a `limit`."""
        return self._desk.price_on_tick(symbol or self.symbol, price, up=False)

    def price_up(self, price: Amount, symbol: str = "") -> Decimal:
        """The lowest price that the venue takes and that is not below this one: for a `limit`."""
        return self._desk.price_on_tick(symbol or self.symbol, price, up=True)

    def check(self, name: str, held: object) -> bool:
        """Count a condition, and return whether it holds: the report shows how often each did, and which one stopped most entries."""
        return self._desk.check(name, bool(held))

    def work(self, function: Callable[..., Any], *args: Any) -> int:
        """Call `function(*args)` in a worker: what is slow, or waits. `on_work` is called with what came of it, as JSON has it.

        Returns its number, 0 where too much is under way. The function must not touch the strategy: it runs beside it.
        """
        return self._desk.work(function, args)

    def log(self, text: str) -> None:
        """A line in the log and the journal."""
        self._desk.tell(text)
