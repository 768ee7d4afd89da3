"""trading.paper.market: one symbol's market as it was told last: books as they come, numbers when an order needs them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hoga.core.ticks import MarketDepth, MarketTop
from hoga.core.trading import Rules, whole_of
from hoga.trading.paper.fills import FillModel, Level
from hoga.trading.paper.orders import PaperOrder
from hoga.trading.paper.settings import Grade

__all__ = ["PaperMarket"]

_BP = 10_000


class PaperMarket(FillModel[PaperOrder]):
    """See the module. `top`, `depth`: the newest book of any kind, and the newest with several levels. `last`, `mark`: the newest prices,
    0: none yet; `rate`, `funding_ns`: of the next funding, in 1e-8, and when (0: not known). `in_doubt`: something may be missing until the
    next book.

    `waiting`: own orders that wait for a price, oldest first; `pending`: own orders that wait until something is known of the market.
    `low`, `high`: at or beyond these prices a position of ours is liquidated. `is_busy`: there is any of these.
    """

    __slots__ = (
        "_grade", "_half_spread_bp", "depth", "funding_ns", "high", "in_doubt", "is_busy", "last", "low", "mark", "pending", "rate",
        "rules", "top", "waiting",
    )  # fmt: skip

    def __init__(self, rules: Rules, grade: Grade, half_spread_bp: float) -> None:
        super().__init__()
        self.rules = rules
        self.top: MarketTop | None = None
        self.depth: MarketDepth | None = None
        self.last = 0
        self.mark = 0
        self.rate = 0
        self.funding_ns = 0
        self.in_doubt = False
        self.waiting: list[PaperOrder] = []
        self.pending: list[PaperOrder] = []
        self.low = 0
        self.high = 0
        self.is_busy = False
        self._grade = grade
        self._half_spread_bp = half_spread_bp

    @property
    def price(self) -> int:
        """What a unit is worth now: the mark, else the middle of the book, else the last trade; 0: nobody knows."""
        if self.mark:
            return self.mark
        top = self.top
        if top is not None and top.bid and top.ask:
            return (top.bid + top.ask) // 2
        return self.last

    @property
    def traded_price(self) -> int:
        """What the last trade was made at; where trades are not told, the middle of the book."""
        return self.last or self.price

    def is_blind(self, sign: int) -> bool:
        """Whether nothing is known that an order of this side could meet."""
        return self.in_doubt or not self.touch(sign)

    def renew(self) -> None:
        """Whether there is anything to look after with each event."""
        self.is_busy = bool(self.resting or self.waiting or self.pending or self.low or self.high)

    def leave(self, order: PaperOrder) -> None:
        """It is not open any more, wherever it was."""
        for orders in (self.resting, self.waiting, self.pending):
            if order in orders:
                orders.remove(order)

    def touch(self, sign: int) -> int:
        """The best price that an order of this side could take at, 0: none. Without a book: the last trade's, and half a spread."""
        top = self.top
        if top is not None:
            return top.ask if sign > 0 else top.bid
        return self.beside(self.last, sign) if self.last and self._grade is Grade.TRADES else 0

    def beside(self, price: int, sign: int) -> int:
        """A price that is worse for an order of this side by the stated half of a spread."""
        half = -int(-price * self._half_spread_bp // _BP)
        return self.rules.price_up(price + half) if sign > 0 else self.rules.price_down(price - half)

    def levels(self, sign: int) -> Sequence[Level]:
        """The levels that an order of this side could take from, best first, as far as they are known; () where books are not recorded."""
        top, depth = self.top, self.depth
        if top is None or self._grade is not Grade.BOOKS:
            return ()
        if depth is top:
            return self._read(depth, sign)
        price, size = (top.ask, top.ask_size) if sign > 0 else (top.bid, top.bid_size)
        if not price:
            return ()
        behind = self._read(depth, sign) if depth is not None else ()
        return [(price, size), *(level for level in behind if (level[0] - price) * sign > 0)]

    def _read(self, depth: MarketDepth | None, sign: int) -> list[Level]:
        if depth is None:
            return []
        rules, side = self.rules, depth.asks if sign > 0 else depth.bids
        return [(whole_of(price, rules.price_power), whole_of(size, rules.size_power)) for price, size in side]

    def reaches(self, sign: int, price: int) -> bool:
        """Whether the newest whole book goes as far as a price, on the side on which orders of this side rest."""
        depth = self.depth
        if depth is None:
            return True
        side = depth.bids if sign > 0 else depth.asks
        return bool(side) and (price - whole_of(side[-1][0], self.rules.price_power)) * sign >= 0

    def stamp(self) -> int:
        """When the newest book came."""
        return self.top.at_ns if self.top is not None else 0

    def worse(self, price: int, sign: int, by: int) -> int:
        """A price that is worse for an order of this side by so much, or by a price step at least."""
        step = max(by, self.rules.tick_at(price))
        return self.rules.price_up(price + step) if sign > 0 else self.rules.price_down(price - step)
