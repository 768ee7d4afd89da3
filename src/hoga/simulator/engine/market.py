"""simulator.engine.market: one symbol's market, and the engine that holds many. Pure.

Calling contract: `run_until(ns)` lets the crowd act up to that moment; `submit`/`cancel` are other traders' orders;
after either, `drain()` hands out what the world saw, in order, and `fills` has what happened to resting orders that have an
owner. `cut(ms)` closes the depth interval of one speed.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hoga.simulator.engine.book import Book, Level, Match, RestingOrder, Side
from hoga.simulator.engine.flow import CROWDED_LEVELS_A_SIDE, LEVELS_A_SIDE, Cancel, Flow, LimitOrder
from hoga.simulator.engine.instruments import Instrument, instrument_of
from hoga.simulator.engine.tape import Tape

__all__ = ["AggTrade", "Cut", "Engine", "Fill", "Market", "MarketEvent", "NewOrder", "OrderReport", "Top", "Trade"]

MS_NS = 1_000_000
DAY_NS = 86_400_000_000_000
KEPT_TRADES = 5_000
PAST_ROWS = 1_000
"""Aggregates on a day before a market began, unless told otherwise."""
_FIRST_DAY = 18_262  # 2020-01-01
_FEW_SYMBOLS = 100
SPEEDS_MS = (100, 1000)
"""Depth intervals of a market, in ms, unless told otherwise."""
WOULD_MATCH, NOT_WHOLE = "would match", "cannot match completely"
"""Why a market refuses an order."""
WARM_UP_NS = 5_000_000_000
"""The crowd's head start before a market opens, so that it opens with trades behind it."""


class Trade(NamedTuple):
    """One match. `buyer_is_maker`: the taker sold."""

    trade_id: int
    price: int
    lots: int
    time_ns: int
    buyer_is_maker: bool


class AggTrade(NamedTuple):
    """All matches of one taker at one price."""

    agg_id: int
    price: int
    lots: int
    first_id: int
    last_id: int
    time_ns: int
    buyer_is_maker: bool


class Top(NamedTuple):
    """The best level of each side after a change of either, at `time_ns`; price and lots are 0 where a side is empty."""

    update_id: int
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int
    time_ns: int = 0


class Fill(NamedTuple):
    """What a match meant for a resting order that has an owner. `left` lots still rest."""

    trade_id: int
    order_id: int
    owner: str
    side: Side
    price: int
    lots: int
    left: int
    time_ns: int


MarketEvent = Trade | AggTrade | Top


class NewOrder(NamedTuple):
    """An order to submit. `price` None means at market. `rest` False cancels what does not match at once;
    `post_only` refuses an order that would match; `whole` refuses one that cannot match completely (fill or kill). What rests stands
    behind the share `ahead` of the lots at its price. `order_id` is one that the market gave before, 0 for a new one."""

    side: Side
    lots: int
    price: int | None
    owner: str = ""
    rest: bool = True
    post_only: bool = False
    whole: bool = False
    ahead: float = 1.0
    order_id: int = 0


class OrderReport(NamedTuple):
    """What became of an order. `resting` is the order left in the book, None when nothing rests; `refused` says why."""

    order_id: int
    matches: list[Match]
    resting: RestingOrder | None
    refused: str | None = None
    trades: tuple[Trade, ...] = ()
    """The prints of `matches`, in their order."""


class Cut(NamedTuple):
    """What changed since the last cut of the same speed: absolute lots per price, 0 = gone; bids and asks best first."""

    first_id: int
    final_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class _Changes:
    """The prices changed since the last cut of one speed; `final_id` is where that cut ended."""

    __slots__ = ("asks", "bids", "final_id")

    def __init__(self, final_id: int) -> None:
        self.final_id = final_id
        self.bids: set[int] = set()
        self.asks: set[int] = set()


def rows_before(opened_ns: int, rows_a_day: int) -> int:
    """How many aggregates a market has behind it that begins at `opened_ns`, and twice as many trades. Even."""
    day, into_ns = divmod(opened_ns, DAY_NS)
    return max(0, day - _FIRST_DAY) * rows_a_day + rows_a_day * into_ns // DAY_NS // 2 * 2


class Market:
    """One symbol: book, crowd, tape. It begins at `begins_ns`; what it had traded before that is told by its `Past`, `past_rows` a day."""

    def __init__(
        self,
        instrument: Instrument,
        *,
        seed: int,
        now_ns: int,
        levels: int = LEVELS_A_SIDE,
        speeds: Iterable[int] = SPEEDS_MS,
        past_rows: int = PAST_ROWS,
    ) -> None:
        self.instrument = instrument
        draw = zlib.crc32(f"{seed}/{instrument.symbol}".encode())
        self.begins_ns = now_ns - WARM_UP_NS
        past = rows_before(self.begins_ns, past_rows)
        self.book = Book(update_id=40_000_000_000 + draw * 7)
        self.tape = Tape(price=instrument.start_ticks, now_ms=(now_ns - WARM_UP_NS) // MS_NS)
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.agg_trades: deque[AggTrade] = deque(maxlen=KEPT_TRADES)
        self.fills: list[Fill] = []
        """Fills of owned resting orders, oldest first; who reads them takes them out."""
        self.frozen = False
        self.mark_e8: int | None = None
        """Its mark price where somebody has set it, in units of 1e-8; None: it follows from what is traded."""
        self.changed_ns = now_ns
        """When an order last came, went or was met."""
        self._flow = Flow(instrument, f"{seed}/{instrument.symbol}", levels=levels)
        self._next_order_id = 10_000_000_000 + draw
        self._next_trade_id = self.first_trade_id = 1_000_000_000 + draw + 2 * past
        self._next_agg_id = self.first_agg_id = 500_000_000 + draw // 2 + past
        wait_ns, orders = self._flow.begin()
        self._next_event_ns = self.begins_ns + wait_ns
        self._events: list[MarketEvent] = []
        self._top = Top(0, 0, 0, 0, 0, 0)
        self._open(orders, now_ns)
        self._speeds = {speed: _Changes(self.book.update_id) for speed in speeds}

    def run_until(self, until_ns: int) -> None:
        """Let the crowd act up to `until_ns`."""
        while self._next_event_ns <= until_ns:
            now_ns = self._next_event_ns
            self._next_event_ns = now_ns + self._flow.wait_ns()
            if not self.frozen:
                self._act(now_ns)

    def skip_to(self, now_ns: int) -> None:
        """Leave out the crowd's events before `now_ns` (the machine was too slow or was suspended)."""
        self._next_event_ns = max(self._next_event_ns, now_ns)

    def submit(self, order: NewOrder, now_ns: int) -> OrderReport:
        """Match an order and rest what is left, by the order's own terms."""
        order_id = order.order_id or self.take_order_id()
        refused = self._refusal(order)
        if refused:
            return OrderReport(order_id, [], None, refused)
        self.changed_ns = now_ns
        matches = self.book.take(order.side, order.lots, limit=order.price)
        trades = self._print(matches, order.side, now_ns) if matches else ()
        left = order.lots - sum(match.lots for match in matches)
        resting = None
        if left and order.rest and order.price is not None:
            resting = RestingOrder(order_id, order.side, order.price, left, order.owner)
            self.book.rest(resting, ahead=order.ahead)
        self._note_top()
        return OrderReport(order_id, matches, resting, trades=trades)

    def take_order_id(self) -> int:
        """An id for an order that comes to the market later."""
        order_id, self._next_order_id = self._next_order_id, self._next_order_id + 1
        return order_id

    def cancel(self, order_id: int, now_ns: int) -> RestingOrder | None:
        """Take a resting order out; None when it does not rest (any more)."""
        order = self.book.orders.get(order_id)
        if order is not None:
            self.changed_ns = now_ns
            self.book.remove(order)
            self._note_top()
        return order

    def shrink(self, order_id: int, lots: int, now_ns: int) -> None:
        """Leave so many lots of a resting order."""
        order = self.book.orders.get(order_id)
        if order is not None and 0 < lots < order.lots:
            self.changed_ns = now_ns
            self.book.shrink(order, lots)
            self._note_top()

    def move_to(self, price: int, now_ns: int) -> None:
        """Let the crowd trade through to a price, in ticks, and rest around it afterwards as it did when the market opened."""
        side = Side.SELL if price <= self._top.bid else Side.BUY
        self._rest(LimitOrder(side.opposite, price, self.instrument.typical_lots))
        self.submit(NewOrder(side, self.book.takeable(side, limit=price), price, rest=False), now_ns)
        for order in self._flow.opening(price - 1 if side is Side.SELL else price):
            self._rest(order)
        self._note_top()

    def _rest(self, order: LimitOrder) -> None:
        self.book.rest(RestingOrder(self.take_order_id(), order.side, order.price, order.lots))

    def drain(self) -> list[MarketEvent]:
        """What happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def cut(self, speed_ms: int) -> Cut | None:
        """Close the depth interval of one speed, None for no change. Raises KeyError for a speed the market was not made with."""
        self._absorb()
        return self._cut_of(self._speeds[speed_ms])

    def _absorb(self) -> None:
        """Hand the book's changes to the interval of every speed."""
        bids, asks = self.book.bids.changed, self.book.asks.changed
        if bids or asks:
            for changes in self._speeds.values():
                changes.bids |= bids
                changes.asks |= asks
            bids.clear()
            asks.clear()

    @property
    def remembers_all(self) -> bool:
        """Whether every trade since its beginning is still in `trades` and `agg_trades`."""
        first = self.trades[0].trade_id if self.trades else self.first_trade_id
        first_agg = self.agg_trades[0].agg_id if self.agg_trades else self.first_agg_id
        return first == self.first_trade_id and first_agg == self.first_agg_id

    @property
    def top(self) -> Top:
        """The best of both sides now."""
        return self._top

    def _open(self, orders: tuple[LimitOrder, ...], now_ns: int) -> None:
        self.book.open([RestingOrder(self.take_order_id(), *order) for order in orders])
        self.run_until(now_ns)
        self._note_top()
        self.drain()
        self.book.bids.changed.clear()
        self.book.asks.changed.clear()

    def _act(self, now_ns: int) -> None:
        wish = self._flow.next(self.book)
        if isinstance(wish, Cancel):
            self.cancel(wish.order.order_id, now_ns)
        elif isinstance(wish, LimitOrder):
            self.submit(NewOrder(wish.side, wish.lots, wish.price), now_ns)
        else:
            self.submit(NewOrder(wish.side, wish.lots, None, rest=False), now_ns)

    def _refusal(self, order: NewOrder) -> str | None:
        if not (order.post_only or order.whole):
            return None
        takeable = self.book.takeable(order.side, limit=order.price)
        if order.post_only and takeable:
            return WOULD_MATCH
        return NOT_WHOLE if order.whole and takeable < order.lots else None

    def _print(self, matches: list[Match], side: Side, now_ns: int) -> tuple[Trade, ...]:
        buyer_is_maker = side is Side.SELL
        printed: list[Trade] = []
        for match in matches:
            trade = Trade(self._next_trade_id, match.price, match.lots, now_ns, buyer_is_maker)
            if match.maker.owner:
                self._note_fill(match, trade)
            self._next_trade_id += 1
            printed.append(trade)
            self._events.append(trade)
            self.tape.add(trade.trade_id, trade.price, trade.lots, now_ns // MS_NS, taker_buys=not buyer_is_maker)
        self.trades.extend(printed)
        self._print_aggregates(printed)
        return tuple(printed)

    def _note_fill(self, match: Match, trade: Trade) -> None:
        maker = match.maker
        self.fills.append(Fill(trade.trade_id, maker.order_id, maker.owner, maker.side, match.price, match.lots, maker.lots, trade.time_ns))

    def _print_aggregates(self, batch: list[Trade]) -> None:
        start, count = 0, len(batch)
        for end in range(1, count + 1):
            if end < count and batch[end].price == batch[start].price:
                continue
            first, lots = batch[start], sum(trade.lots for trade in batch[start:end])
            agg = AggTrade(
                self._next_agg_id, first.price, lots, first.trade_id, batch[end - 1].trade_id, first.time_ns, first.buyer_is_maker
            )
            self._next_agg_id += 1
            self.agg_trades.append(agg)
            self._events.append(agg)
            start = end

    def _note_top(self) -> None:
        book, top = self.book, self._top
        bid, ask = book.bids.best(), book.asks.best()
        bid_price, bid_lots = (bid.price, bid.lots) if bid else (0, 0)
        ask_price, ask_lots = (ask.price, ask.lots) if ask else (0, 0)
        if bid_price != top.bid or bid_lots != top.bid_lots or ask_price != top.ask or ask_lots != top.ask_lots:
            self._top = Top(book.update_id, bid_price, bid_lots, ask_price, ask_lots, self.changed_ns)
            self._events.append(self._top)

    def _cut_of(self, changes: _Changes) -> Cut | None:
        book = self.book
        if book.update_id == changes.final_id:
            return None
        cut = Cut(
            changes.final_id + 1,
            book.update_id,
            [(price, _lots(book.bids.levels, price)) for price in sorted(changes.bids, reverse=True)],
            [(price, _lots(book.asks.levels, price)) for price in sorted(changes.asks)],
        )
        changes.final_id = book.update_id
        changes.bids.clear()
        changes.asks.clear()
        return cut


def _lots(levels: dict[int, Level], price: int) -> int:
    level = levels.get(price)
    return level.lots if level is not None else 0


class Engine:
    """Every symbol's market, opened when it is first asked for: a dormant symbol costs nothing.

    A thousand symbols with a thousand levels each are two gigabytes, so the books of more than a hundred are shallow.
    `describe` gives the instrument of a symbol; `speeds` are the depth intervals of every market, in ms; `past_rows` are the aggregates
    on each day before a market began.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        seed: int,
        now_ns: int,
        describe: Callable[[str], Instrument] = instrument_of,
        speeds: tuple[int, ...] = SPEEDS_MS,
        past_rows: int = PAST_ROWS,
    ) -> None:
        self.instruments: dict[str, Instrument] = {symbol: describe(symbol) for symbol in symbols}
        self.markets: dict[str, Market] = {}
        self.delisted: set[str] = set()
        """Symbols that left trading."""
        self._levels = LEVELS_A_SIDE if len(self.instruments) <= _FEW_SYMBOLS else CROWDED_LEVELS_A_SIDE
        self._seed = seed
        self._speeds = speeds
        self._past_rows = past_rows
        self._now_ns = now_ns

    def market(self, symbol: str) -> Market:
        """The market of a symbol, opened now if it was dormant. Raises KeyError for an unknown symbol."""
        market = self.markets.get(symbol)
        if market is None:
            market = self.markets[symbol] = Market(
                self.instruments[symbol],
                seed=self._seed,
                now_ns=self._now_ns,
                levels=self._levels,
                speeds=self._speeds,
                past_rows=self._past_rows,
            )
            market.frozen = symbol in self.delisted
        return market

    def delist(self, symbol: str) -> None:
        """Take a symbol out of trading for good: its crowd is gone. One that was never in it is ignored."""
        if symbol in self.instruments:
            self.delisted.add(symbol)
            if symbol in self.markets:
                self.markets[symbol].frozen = True

    def run_until(self, until_ns: int) -> None:
        """Let every open market's crowd act up to `until_ns`, and close the bars that ended."""
        self._now_ns = until_ns
        for market in self.markets.values():
            market.run_until(until_ns)
            market.tape.advance(until_ns // MS_NS)

    def skip_to(self, now_ns: int) -> None:
        """Leave out the crowds' events before `now_ns`."""
        self._now_ns = now_ns
        for market in self.markets.values():
            market.skip_to(now_ns)
