"""trading.state: everything the engine knows, as the gate and the strategies may look at it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import msgspec

from hoga.core.ticks import MarketTrade
from hoga.core.times import SECOND_NS
from hoga.core.trading import AccountRead, Balance, Capabilities, Held, PositionSide, Rules, whole_of
from hoga.trading.blocks import Counted
from hoga.trading.orders import Orders
from hoga.trading.portfolio import Portfolio
from hoga.trading.ports import Day, Look, Margin, Rung, Working

__all__ = ["TRADES_LATE", "Account", "State", "venue_of"]

T = TypeVar("T")

_MINUTE_NS = 60 * SECOND_NS
_TRADES_KEPT = 512
TRADES_LATE = 4_096
"""So many are kept where medians are reckoned afterwards: what came since must not push out what counts."""
_FEW_TRADES = 5


class Account(msgspec.Struct, kw_only=True):
    """One account at one venue, as it was told last. `proof_ns`: when its stream last gave a sign of life; 0: never."""

    venue: str
    live: bool = False
    proof_ns: int = 0
    reconciled: bool = False
    read_ns: int = 0
    balances: dict[str, Balance] = {}
    equity: str = ""
    margin_ratio: str = ""
    held: dict[tuple[str, PositionSide], Held] = {}
    doubts: dict[str, str] = {}
    """By symbol ("": of all): what of leverage, margin type and position mode is not as it should be."""


class State:
    """See the module; it is the `View` of the gate. Filled by the engine alone.

    What is reckoned of an account (the day, equity, margin) is reckoned once a second, and anew after each fill and each word about the
    account (`renew`): an order does not wait for it. `peaks`: by venue the highest total so far, in 1e-12 of its money. `hedged`: the
    symbols that have a long and a short position.
    """

    def __init__(
        self,
        rules: Mapping[str, Rules],
        capabilities: Mapping[str, Capabilities],
        *,
        hedged: Iterable[str] = (),
        reckons_late: bool = False,
    ) -> None:
        self.now_ns = 0
        self.rung = Rung.ACTIVE
        self.rules_of: dict[str, Rules] = dict(rules)
        self.hedged = frozenset(hedged)
        self.capabilities_of = dict(capabilities)
        self.looks: dict[str, Look] = {symbol: Look() for symbol in rules}
        self.orders = Orders()
        self.portfolio = Portfolio(self.rules_of)
        self.accounts: dict[str, Account] = {venue: Account(venue=venue) for venue in capabilities}
        self._account_of = {symbol: self.accounts[venue_of(symbol)] for symbol in rules}
        self._able_of = {symbol: self.capabilities_of[venue_of(symbol)] for symbol in rules}
        self.peaks: dict[str, int] = {}
        kept = TRADES_LATE if reckons_late else _TRADES_KEPT
        self._trades: dict[str, deque[tuple[int, int, int]]] = {symbol: deque(maxlen=kept) for symbol in rules}
        self._reckons_late = reckons_late
        self._medians_ns: dict[str, int] = {}
        self._kin = {symbol: tuple(each for each in rules if venue_of(each) == venue_of(symbol)) for symbol in rules}
        self._days: dict[str, Day] = {}
        self._margins: dict[str, Margin] = {}
        self._equities: dict[str, int | None] = {}
        self._frees: dict[str, int | None] = {}
        self._known_until_ns = 0

    def renew(self) -> None:
        """What was reckoned is old."""
        self._days.clear()
        self._margins.clear()
        self._equities.clear()
        self._frees.clear()

    @contextmanager
    def supposing(self, symbol: str, price: int) -> Iterator[None]:
        """What would be reckoned if that were the price of a symbol: within, and then all is as it was, but for the highest totals."""
        look, until_ns = self.looks[symbol], self._known_until_ns
        told, known = (look.bid, look.ask, look.mark), (self._days, self._margins, self._equities, self._frees)
        self._days, self._margins, self._equities, self._frees = {}, {}, {}, {}
        look.bid = look.ask = price
        look.mark = price if look.mark else 0
        try:
            yield
        finally:
            look.bid, look.ask, look.mark = told
            self._days, self._margins, self._equities, self._frees = known
            self._known_until_ns = until_ns

    def reckon(self, symbol: str) -> None:
        """Reckon now what the next order of a symbol asks, so that it does not wait for it."""
        self.day(symbol)
        self.margin(symbol)
        self.equity(symbol)
        self.free(symbol)

    def _once(self, known: dict[str, T], symbol: str, reckon: Callable[[str], T]) -> T:
        """What `reckon` gives, reckoned once a second at most."""
        if self.now_ns >= self._known_until_ns:
            self._begin_second()
        if symbol in known:
            return known[symbol]
        found = known[symbol] = reckon(symbol)
        return found

    def _begin_second(self) -> None:
        """What was reckoned in the one before is old."""
        self._known_until_ns = self.now_ns - self.now_ns % SECOND_NS + SECOND_NS
        self.renew()

    # -- the gate's view --------------------------------------------------------------------------------------------

    def rules(self, symbol: str) -> Rules | None:
        """None: not known, and then nothing is sent."""
        return self.rules_of.get(symbol)

    def capabilities(self, symbol: str) -> Capabilities:
        """Of the symbol's venue."""
        return self._able_of[symbol]

    def look(self, symbol: str) -> Look:
        """Its market."""
        if symbol in self._medians_ns:
            self._reckon_medians(symbol, self._medians_ns.pop(symbol))
        return self.looks[symbol]

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> int:
        """Of the account: what all strategies hold, and what nobody owns."""
        return self.portfolio.position(symbol, side)

    def legs(self, symbol: str) -> tuple[PositionSide, ...]:
        """The positions that there are of a symbol: one, or in hedge mode two."""
        return _LEGS if symbol in self.hedged else _ONE

    def working(self, symbol: str) -> Collection[Working]:
        """Own orders of a symbol that are or may be at the venue, those being sent too."""
        orders = self.orders.open_of(symbol)
        return [order.working() for order in orders] if orders else ()

    def open_count(self, symbol: str = "") -> int:
        """How many own orders those are, "": of all symbols."""
        return self.orders.count(symbol)

    def symbols(self, symbol: str) -> Iterable[str]:
        """The symbols of the same account that are traded, this one too."""
        return self._kin[symbol]

    def day(self, symbol: str) -> Day:
        """What was won and lost with the account of a symbol since midnight UTC, in the symbol's money."""
        if self.now_ns < self._known_until_ns and symbol in self._days:  # as it is for every order: `_once` without its calls
            return self._days[symbol]
        return self._once(self._days, symbol, self._day)

    def _day(self, symbol: str) -> Day:
        days = [(self.rules_of[each], self.portfolio.day(each, self.price(each))) for each in self.symbols(symbol)]
        power = self.rules_of[symbol].money_power
        whole = Day()
        for rules, day in days:
            whole.realized += _to_power(day.realized, rules.money_power, power)
            whole.unrealized += _to_power(day.unrealized, rules.money_power, power)
            whole.fees += _to_power(day.fees, rules.money_power, power)
            whole.funding += _to_power(day.funding, rules.money_power, power)
            whole.total += _to_power(day.total, rules.money_power, power)
        venue = venue_of(symbol)
        self.peaks[venue] = max(self.peaks.get(venue, 0), _to_power(whole.total, power, _PEAK_POWER))
        whole.peak = _to_power(self.peaks[venue], _PEAK_POWER, power)
        whole.losses = max((day.losses for _, day in days), default=0)
        return whole

    def margin(self, symbol: str) -> Margin:
        """How the account stands, for a symbol."""
        account = self._account_of[symbol]
        if self.now_ns < self._known_until_ns and symbol in self._margins:
            margin = self._margins[symbol]
        else:
            margin = self._once(self._margins, symbol, self._margin)
        margin.read_age_ns = self.now_ns - account.read_ns if account.read_ns else None
        return margin

    def _margin(self, symbol: str) -> Margin:
        account = self.accounts[venue_of(symbol)]
        power, price = self.rules_of[symbol].price_power, self.price(symbol)
        ends = [whole_of(each.liquidation, power) for (name, _), each in account.held.items() if name == symbol and each.liquidation]
        return Margin(
            ratio_bp=whole_of(account.margin_ratio, -4) if account.margin_ratio else None,
            liquidation=min(ends, key=lambda each: abs(each - price), default=0),
            doubt="; ".join(filter(None, (account.doubts.get(""), account.doubts.get(symbol)))),
        )

    def equity(self, symbol: str) -> int | None:
        """What the account of the symbol's venue is worth, in its money; None: not known."""
        if self.now_ns < self._known_until_ns and symbol in self._equities:
            return self._equities[symbol]
        return self._once(self._equities, symbol, self._equity)

    def _equity(self, symbol: str) -> int | None:
        rules, account = self.rules_of[symbol], self.accounts[venue_of(symbol)]
        if not account.read_ns:
            return None
        if account.equity:
            return whole_of(account.equity, rules.money_power)
        worth = self._balance(account, rules.quote, rules.money_power)
        for each in self.symbols(symbol):
            other = self.rules_of[each]
            if other.quote == rules.quote:
                held = self._balance(account, other.base, other.size_power)
                worth += _to_power(held * self.price(each), other.money_power, rules.money_power)
        return worth

    def free(self, symbol: str) -> int | None:
        """What can be paid with: on spot the free quote currency, in the symbol's money; None: not known."""
        return self._once(self._frees, symbol, self._free)

    def _free(self, symbol: str) -> int | None:
        rules, account = self.rules_of[symbol], self.accounts[venue_of(symbol)]
        found = account.balances.get(rules.quote)
        if not account.read_ns:
            return None
        return whole_of(found.free, rules.money_power) if found is not None else 0

    def is_reconciled(self, symbol: str) -> bool:
        """Whether orders, positions and trades of the symbol's venue were compared with it, and agreed."""
        return self._account_of[symbol].reconciled

    def proof_age_ns(self, symbol: str) -> int:
        """How long ago the account's stream last proved to live."""
        return self.now_ns - self._account_of[symbol].proof_ns

    def unseen_age_ns(self, symbol: str) -> int:
        """How long ago the oldest own order was accepted of which the account's stream has told nothing yet; 0: there is none."""
        oldest = 0
        for order in self.orders.open_of(symbol):
            if order.accepted_ns and not order.seen_ns and not order.status.is_over and not order.waits:
                oldest = max(oldest, self.now_ns - order.accepted_ns)
        return oldest

    # -- for the engine ---------------------------------------------------------------------------------------------

    def price(self, symbol: str) -> int:
        """What a position is reckoned by: the mark price, else the middle of the book, else the last trade; 0: there is none."""
        look = self.looks[symbol]
        if look.mark:
            return look.mark
        return (look.bid + look.ask) // 2 if look.bid and look.ask else look.last

    def mid(self, symbol: str) -> int:
        """The middle of the book, 0: there is none."""
        look = self.looks[symbol]
        return (look.bid + look.ask) // 2 if look.bid and look.ask else 0

    def traded(self, trade: MarketTrade) -> None:
        """Somebody traded."""
        self.looks[trade.symbol].last = trade.price
        self._trades[trade.symbol].append((trade.at_ns, trade.price, trade.size))

    def traded_all(self, symbol: str, run: Counted) -> None:
        """Several trades that were only counted."""
        self.looks[symbol].last = run.close
        self._trades[symbol].extend(run.newest)

    def reckon_medians(self, symbol: str) -> None:
        """Of the trades of the last minute, as far as they are kept. Where nobody waits for an order, only when one is judged: of the same
        trades."""
        if self._reckons_late:
            self._medians_ns[symbol] = self.now_ns
        else:
            self._reckon_medians(symbol, self.now_ns)

    def passed(self, now_ns: int) -> None:
        """Seconds have passed up to then, of which nothing came."""
        for symbol in self.rules_of:
            self._medians_ns[symbol] = now_ns

    def _reckon_medians(self, symbol: str, now_ns: int) -> None:
        trades, look, since = self._trades[symbol], self.looks[symbol], now_ns - _MINUTE_NS
        while trades and trades[0][0] < since:
            trades.popleft()
        counted = [each for each in trades if each[0] < now_ns][-_TRADES_KEPT:] if self._reckons_late else trades
        if len(counted) < _FEW_TRADES:
            look.median_price = look.median_size = 0
            return
        half = len(counted) // 2
        look.median_price = sorted([price for _, price, _ in counted])[half]
        look.median_size = sorted([size for _, _, size in counted])[half]

    def read_account(self, event: AccountRead) -> None:
        """The account was read."""
        account = self.accounts[event.venue]
        account.read_ns = event.asked_ns
        account.balances = {each.currency: each for each in event.balances}
        account.equity, account.margin_ratio = event.equity, event.margin_ratio
        self.renew()

    def _balance(self, account: Account, currency: str, power: int) -> int:
        found = account.balances.get(currency)
        return 0 if found is None else whole_of(found.free, power) + whole_of(found.locked, power)


_ONE, _LEGS = (PositionSide.BOTH,), (PositionSide.LONG, PositionSide.SHORT)
_PEAK_POWER = -12
"""Money of several instruments is compared in integers of this power."""


@cache
def venue_of(symbol: str) -> str:
    """`binance-usdm:BTCUSDT` → its venue."""
    return symbol.partition(":")[0]


def _to_power(number: int, was: int, now: int) -> int:
    return number * 10 ** (was - now) if was >= now else int(number // 10 ** (now - was))
