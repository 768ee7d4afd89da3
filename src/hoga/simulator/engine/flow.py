"""simulator.engine.flow: the seeded random crowd that keeps a market moving. Pure: all chance comes from `random.Random(seed)`.

An event is a limit order (drawn by distance from the other side's best, so that a wide spread fills itself), a cancel
near the touch, or a market order. The share of limit orders falls as the book grows, which keeps its size steady.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import NamedTuple

from hoga.simulator.engine.book import Book, RestingOrder, Side
from hoga.simulator.engine.instruments import Instrument

__all__ = ["CROWDED_LEVELS_A_SIDE", "LEVELS_A_SIDE", "Cancel", "Flow", "LimitOrder", "MarketOrder"]

LEVELS_A_SIDE = 1_500
CROWDED_LEVELS_A_SIDE = 150
_MARKET_SHARE = 0.09
_THIN_SHARE = 0.3


class LimitOrder(NamedTuple):
    """A limit order the crowd wants to place."""

    side: Side
    price: int
    lots: int


class MarketOrder(NamedTuple):
    """A market order the crowd wants to send."""

    side: Side
    lots: int


class Cancel(NamedTuple):
    """A resting order the crowd wants to take back."""

    order: RestingOrder


class Flow:
    """Draws what the crowd does next. The caller carries it out on the book."""

    def __init__(self, instrument: Instrument, seed: str, *, levels: int) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._instrument = instrument
        self._levels = levels
        self._mean_distance = max(8, instrument.start_ticks // 8_000)
        self._sweep = 25 if self._mean_distance > 100 else 6

    def begin(self) -> tuple[int, tuple[LimitOrder, ...]]:
        """What a new flow draws first: `wait_ns()` and `opening(start_ticks)`. The same for the same seed, and remembered for the next."""
        first, state = _first_draws(self._instrument, self._seed, self._levels)
        self._random.setstate(state)
        return first

    def wait_ns(self) -> int:
        """Nanoseconds until the crowd's next event."""
        return int(self._random.expovariate(self._instrument.events_per_s) * 1e9) + 1

    def opening(self, bid: int) -> list[LimitOrder]:
        """Limit orders that make a full book with that best bid, as many levels a side as asked for where prices allow."""
        gap = max(1, min(6, self._instrument.start_ticks // (6 * LEVELS_A_SIDE)))
        orders: list[LimitOrder] = []
        for side in (Side.BUY, Side.SELL):
            price = bid if side is Side.BUY else bid + 1
            for _ in range(self._levels):
                if price < 1:
                    break
                orders.append(LimitOrder(side, price, self._lots()))
                price -= side * (1 + int(self._random.random() * gap * 2) // 2)
        return orders

    def next(self, book: Book) -> LimitOrder | MarketOrder | Cancel:
        """The crowd's next event for this book."""
        draw = self._random.random()
        if draw < _MARKET_SHARE:
            return self._market(book)
        crowding = (len(book.orders) - 2 * self._levels) / (4 * self._levels)
        if draw < _MARKET_SHARE + 0.5 - max(-0.3, min(0.3, crowding)):
            return self._limit(book)
        return self._cancel(book) or self._limit(book)

    def _limit(self, book: Book) -> LimitOrder:
        side = self._side(book)
        best = book.side(side.opposite).best()
        own = book.side(side).best()
        anchor = best.price if best else (own.price + side if own else self._instrument.start_ticks + (side is Side.SELL))
        near = self._random.random() < 0.25
        distance = int(self._random.random() * 3) if near else int(self._random.expovariate(1 / self._mean_distance))
        return LimitOrder(side, max(1, anchor - side * (1 + distance)), self._lots())

    def _side(self, book: Book) -> Side:
        bids, asks = len(book.bids.keys), len(book.asks.keys)
        if min(bids, asks) < self._levels * _THIN_SHARE and bids != asks:
            return Side.BUY if bids < asks else Side.SELL
        return Side.BUY if self._random.random() < 0.5 else Side.SELL

    def _market(self, book: Book) -> MarketOrder:
        lots = self._lots()
        if self._random.random() < 0.08:
            lots *= self._sweep
        start = self._instrument.start_ticks
        pull = (start - self._last(book)) / start * 10  # 1 % away from the opening price shifts the odds by 10 %
        return MarketOrder(Side.BUY if self._random.random() < 0.5 + max(-0.3, min(0.3, pull)) else Side.SELL, lots)

    def _last(self, book: Book) -> int:
        bid = book.bids.best()
        return bid.price if bid else self._instrument.start_ticks

    def _cancel(self, book: Book) -> Cancel | None:
        half = book.bids if self._random.random() < 0.5 else book.asks
        rank = int(self._random.expovariate(1 / 40)) if self._random.random() < 0.8 else int(self._random.random() * len(half.keys))
        if rank >= len(half.keys) or len(half.keys) < 50:
            return None
        order = next(reversed(half.at(rank).orders.values()))
        return None if order.owner else Cancel(order)

    def _lots(self) -> int:
        return 1 + int(self._instrument.typical_lots * self._random.lognormvariate(-0.5, 1.1))


@lru_cache(maxsize=8)  # some 0.4 MB each: thousands of draws that every simulator of a process would make again
def _first_draws(instrument: Instrument, seed: str, levels: int) -> tuple[tuple[int, tuple[LimitOrder, ...]], tuple[object, ...]]:
    flow = Flow(instrument, seed, levels=levels)
    first = flow.wait_ns(), tuple(flow.opening(instrument.start_ticks))
    return first, flow._random.getstate()
