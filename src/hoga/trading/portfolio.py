"""trading.portfolio: what is held, and what it has cost: each strategy's share, what nobody owns, the day, and rounds. Pure.

A share is the sum of the fills of one strategy's orders in one instrument; the account's position is the sum of all shares and of what was
adopted (found at the venue, or traded by others). Cost is kept whole (Σ price × quantity), so that a sum of fills is exact in any order.
Money is in the integers of the instrument's rules; what a fee in another currency was worth is not known and not guessed.
"""

from __future__ import annotations

import msgspec

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import FillUpdate, PositionSide, Rules, signed, whole_of
from hoga.trading.ports import Day

__all__ = ["Portfolio", "Round", "Share", "round_of"]

_DAY_NS = 86_400 * SECOND_NS
_UNIT = 10**8


class Round(msgspec.Struct, kw_only=True):
    """A position from its first fill to its last. Money in the instrument's integers; `best`, `worst`: prices on the way.

    `entry_mid`, `exit_mid`: the middle of the book at the first and the last fill, 0: there was none. `why`: of the order that ended it.
    """

    symbol: str
    strategy: str
    side: Side
    began_ns: int
    ended_ns: int = 0
    quantity: int = 0
    """The most that was held."""
    bought: int = 0
    sold: int = 0
    paid: int = 0
    got: int = 0
    fees: int = 0
    funding: int = 0
    best: int = 0
    worst: int = 0
    entry_mid: int = 0
    exit_mid: int = 0
    why: str = ""

    def kept(self) -> list[int]:
        """What of it a journal keeps while it lasts, as `round_of` reads it."""
        counts = (self.bought, self.sold, self.paid, self.got, self.fees, self.funding, self.best, self.worst, self.entry_mid)
        return [1 if self.side is Side.BUY else -1, self.began_ns, self.quantity, *counts]

    @property
    def gross(self) -> int:
        """Before fees and funding."""
        return self.got - self.paid

    @property
    def net(self) -> int:
        """After them."""
        return self.got - self.paid - self.fees + self.funding

    def slippage_bp(self, *, at_exit: bool) -> float | None:
        """How much worse than the middle of the book its entries (its exits) were, in hundredths of a percent; None: no book."""
        buys = (self.side is Side.BUY) is not at_exit
        mid = self.exit_mid if at_exit else self.entry_mid
        money, quantity = (self.paid, self.bought) if buys else (self.got, self.sold)
        if not mid or not quantity:
            return None
        off = money / quantity - mid
        return round((off if buys else -off) / mid * 10_000, 2)


def round_of(symbol: str, strategy: str, kept: list[int]) -> Round:
    """A round that lasts, as a journal kept it. Raises ValueError."""
    side, began_ns, quantity, bought, sold, paid, got, fees, funding, best, worst, entry_mid = kept
    return Round(
        symbol=symbol,
        strategy=strategy,
        side=Side.BUY if side > 0 else Side.SELL,
        began_ns=began_ns,
        quantity=quantity,
        bought=bought,
        sold=sold,
        paid=paid,
        got=got,
        fees=fees,
        funding=funding,
        best=best,
        worst=worst,
        entry_mid=entry_mid,
    )


class Share(msgspec.Struct, kw_only=True):
    """One strategy's part of one position. `cost`: Σ price × quantity of what is held now, with the sign of the position.

    `crumbs`: how much more than the fees was taken off what was bought, as it is counted in whole units (in 1e-8 of one). `over`: how
    much more than what was charged `fees` are, as they are counted in whole units of money (in 1e-8 of one).
    """

    symbol: str
    strategy: str
    side: PositionSide
    quantity: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    funding: int = 0
    crumbs: int = 0
    over: int = 0
    round: Round | None = None

    @property
    def kept(self) -> list[int]:
        """What a journal keeps of it: quantity, cost, what was ever won, paid and got as funding, and then `over` where there is any."""
        return [self.quantity, self.cost, self.realized, self.fees, self.funding, *([self.over] if self.over else [])]

    def unrealized(self, price: int) -> int:
        """Against a price."""
        return self.quantity * price - self.cost if price else 0


class _Sums(msgspec.Struct):
    """What was won and paid since the day began, and since the journal did."""

    realized: int = 0
    fees: int = 0
    funding: int = 0


class Portfolio:
    """All shares of one trader. `rules`: of each symbol, filled by whoever has them."""

    def __init__(self, rules: dict[str, Rules]) -> None:
        self._rules = rules
        self.shares: dict[tuple[str, str, PositionSide], Share] = {}
        self._by_symbol: dict[str, list[Share]] = {}
        self.adopted: dict[tuple[str, PositionSide], int] = {}
        self.other_fees: dict[str, list[str]] = {}
        self._days: dict[str, _Sums] = {}
        self._ever: dict[str, _Sums] = {}
        self.peaks: dict[str, int] = {}
        self.losses: dict[str, int] = {}
        self._day = 0

    # -- what there is --------------------------------------------------------------------------------------------

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> int:
        """Of the account: all shares, and what nobody owns."""
        held = self.adopted.get((symbol, side), 0)
        for share in self._by_symbol.get(symbol, ()):
            if share.side is side:
                held += share.quantity
        return held

    def share(self, strategy: str, symbol: str, side: PositionSide = PositionSide.BOTH) -> int:
        """Of one strategy."""
        found = self.shares.get((strategy, symbol, side))
        return found.quantity if found is not None else 0

    def shares_of(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> list[Share]:
        """All shares of one position, in the order of their strategies' names."""
        return sorted((each for each in self._by_symbol.get(symbol, ()) if each.side is side), key=lambda each: each.strategy)

    def held(self) -> dict[tuple[str, PositionSide], int]:
        """Every position of the account that is not flat."""
        keys = {(share.symbol, share.side) for share in self.shares.values()} | set(self.adopted)
        positions = {key: self.position(*key) for key in sorted(keys)}
        return {key: quantity for key, quantity in positions.items() if quantity}

    def day(self, symbol: str, price: int) -> Day:
        """What was won and lost with one symbol, its open position against `price`."""
        today, ever = self._days.get(symbol, _Sums()), self._ever.get(symbol, _Sums())
        unrealized = sum(share.unrealized(price) for share in self._by_symbol.get(symbol, ()))
        total = ever.realized - ever.fees + ever.funding + unrealized
        self.peaks[symbol] = max(self.peaks.get(symbol, 0), total)
        return Day(
            realized=today.realized,
            unrealized=unrealized,
            fees=today.fees,
            funding=today.funding,
            total=total,
            peak=self.peaks[symbol],
            losses=self.losses.get(symbol, 0),
        )

    # -- what changes it ------------------------------------------------------------------------------------------

    def pass_midnight(self, now_ns: int) -> bool:
        """Begin the day anew (UTC) where it is another one."""
        day = now_ns // _DAY_NS
        if day == self._day:
            return False
        self._day = day
        self._days = {}
        return True

    @property
    def day_ends_ns(self) -> int:
        """When the next day begins."""
        return (self._day + 1) * _DAY_NS

    def adopt(self, symbol: str, side: PositionSide, change: int) -> None:
        """Nobody's position has grown by so much."""
        key = (symbol, side)
        self.adopted[key] = self.adopted.get(key, 0) + change
        if not self.adopted[key]:
            del self.adopted[key]

    def restore(self, share: Share) -> None:
        """A share as an earlier run of the trader left it."""
        self.shares[share.strategy, share.symbol, share.side] = share
        self._by_symbol.setdefault(share.symbol, []).append(share)

    def restore_day(self, symbol: str, day: list[int], at_ns: int) -> None:
        """What was won and paid as an earlier run of the trader left it; of another day only what was ever won counts."""
        if at_ns // _DAY_NS == self._day and len(day) == 3:
            self._days[symbol] = _Sums(*day)
        ever = self._ever[symbol] = _Sums()
        for share in self._by_symbol.get(symbol, ()):
            ever.realized += share.realized
            ever.fees += share.fees
            ever.funding += share.funding

    def fund(self, symbol: str, amount: int) -> None:
        """Funding was received (paid: below 0), and is shared out by what each holds."""
        shares = [share for share in self._by_symbol.get(symbol, ()) if share.quantity]
        whole = sum(abs(share.quantity) for share in shares)
        left = amount
        for number, share in enumerate(shares, 1):
            part = left if number == len(shares) else amount * abs(share.quantity) // whole
            left -= part
            share.funding += part
            if share.round is not None:
                share.round.funding += part
        for sums in self._sums(symbol):
            sums.funding += amount

    def fill(self, strategy: str, fill: FillUpdate, *, mid: int = 0, why: str = "") -> tuple[Share, list[Round]]:
        """Count a trade of a strategy's order; returns its share, and the rounds that it ended, with the position flat or turned."""
        key = (strategy, fill.symbol, fill.position_side)
        share = self.shares.get(key)
        if share is None:
            self.restore(share := Share(symbol=fill.symbol, strategy=strategy, side=fill.position_side))
        exact, taken = self._fee(fill)
        fee = -((share.over - exact) // _UNIT)
        share.over += fee * _UNIT - exact
        change = signed(fill.side, fill.quantity)
        ended: list[Round] = []
        held = share.quantity
        closing = min(abs(change), abs(held)) if held * change < 0 else 0
        if closing:
            cost = share.cost * closing // abs(held)
            part = closing if held > 0 else -closing
            won = part * fill.price - cost
            share.quantity -= part
            share.cost -= cost
            share.realized += won
            for sums in self._sums(fill.symbol):
                sums.realized += won
            fee_now = fee * closing // fill.quantity
            self._into_round(share, fill, closing, fee_now, mid)
            fee -= fee_now
            if share.quantity == 0:
                ended.append(self._end_round(share, fill, mid, why))
        opening = fill.quantity - closing
        if opening:
            part = signed(fill.side, opening)
            share.quantity += part
            share.cost += part * fill.price
            if share.round is None:
                share.round = Round(
                    symbol=fill.symbol,
                    strategy=strategy,
                    side=fill.side,
                    began_ns=fill.at_ns,
                    best=fill.price,
                    worst=fill.price,
                    entry_mid=mid,
                )
            self._into_round(share, fill, opening, fee, mid)
        if taken:
            self._lose(share, taken)
        return share, ended

    def today(self, symbol: str) -> list[int]:
        """Won, fees and funding of a symbol since midnight UTC."""
        sums = self._days.get(symbol, _Sums())
        return [sums.realized, sums.fees, sums.funding]

    def sums(self, symbol: str) -> list[int]:
        """Of all strategies together: quantity and cost of what they hold of a symbol; what they ever won, paid in fees, got as funding."""
        quantity = cost = 0
        for share in self._by_symbol.get(symbol, ()):
            quantity += share.quantity
            cost += share.cost
        ever = self._ever.get(symbol, _Sums())
        return [quantity, cost, ever.realized, ever.fees, ever.funding]

    def mark(self, symbol: str, price: int) -> None:
        """A price on the way of the rounds of a symbol."""
        for share in self._by_symbol.get(symbol, ()):
            round_ = share.round
            if round_ is not None and price:
                longs = round_.side is Side.BUY
                if (price > round_.best) is longs:
                    round_.best = price
                if (price < round_.worst) is longs:
                    round_.worst = price

    def _into_round(self, share: Share, fill: FillUpdate, quantity: int, fee: int, mid: int) -> None:
        share.fees += fee
        for sums in self._sums(fill.symbol):
            sums.fees += fee
        round_ = share.round
        if round_ is None:
            return
        round_.fees += fee
        if fill.side is Side.BUY:
            round_.bought += quantity
            round_.paid += quantity * fill.price
        else:
            round_.sold += quantity
            round_.got += quantity * fill.price
        round_.quantity = max(round_.quantity, abs(share.quantity))

    def _end_round(self, share: Share, fill: FillUpdate, mid: int, why: str) -> Round:
        ended = share.round or Round(symbol=fill.symbol, strategy=share.strategy, side=fill.side, began_ns=fill.at_ns)
        ended.ended_ns, ended.exit_mid, ended.why = fill.at_ns, mid, why
        share.round = None
        self.losses[fill.symbol] = self.losses.get(fill.symbol, 0) + 1 if ended.net < 0 else 0
        return ended

    def _lose(self, share: Share, taken: int) -> None:
        """A fee that was taken from what was bought (in 1e-8 of a unit): it is not there any more. All together are rounded up once."""
        needed = taken - share.crumbs
        units = max(0, -(-needed // _UNIT))
        share.crumbs = units * _UNIT - needed
        units = min(units, max(0, share.quantity))
        if units:
            cost = share.cost * units // share.quantity
            share.cost -= cost
            share.quantity -= units
            if share.round is not None:  # what it cost is among the fees
                share.round.bought -= units
                share.round.paid -= cost

    def _fee(self, fill: FillUpdate) -> tuple[int, int]:
        """(the fee in money, what of the base it took), both in 1e-8 of a unit."""
        rules = self._rules.get(fill.symbol)
        if not fill.fee or not fill.fee_currency or rules is None:
            return 0, 0
        if fill.fee_currency in (rules.quote, rules.settle):
            return whole_of(fill.fee, rules.money_power - 8), 0
        if fill.fee_currency == rules.base:
            exact = whole_of(fill.fee, rules.size_power - 8)  # a fee is finer than a lot
            return exact * fill.price, exact
        self.other_fees.setdefault(fill.fee_currency, []).append(fill.fee)
        return 0, 0

    def _sums(self, symbol: str) -> tuple[_Sums, _Sums]:
        return self._days.setdefault(symbol, _Sums()), self._ever.setdefault(symbol, _Sums())
