"""simulator.replay.played: markets that are played from a recording take orders: filled by `trading.paper`'s rules, as on paper. Pure.

Frames are kept as they come, and read when an order asks: a replay that nobody trades on costs nothing more. What own orders take is not
printed, and moves nobody: there is no market impact.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from hoga.captures.frames import Frame
from hoga.simulator.engine import (
    NOT_WHOLE,
    WOULD_MATCH,
    Book,
    Engine,
    Fill,
    Instrument,
    Market,
    NewOrder,
    OrderReport,
    RestingOrder,
    Side,
    Tape,
    Top,
    Trade,
)
from hoga.simulator.engine.book import Match
from hoga.simulator.engine.market import KEPT_TRADES, AggTrade
from hoga.simulator.replay.frames import Kind, Sides, kind_of, mark_by, said_by, sides_of
from hoga.trading.paper.fills import FillModel

__all__ = ["PlayedEngine", "PlayedMarket"]

_MS_NS = 1_000_000
E8 = 100_000_000


class _Own:
    """An order that rests here, as the rules of filling know it."""

    __slots__ = ("is_placed", "left", "order", "price", "queue", "sign")

    def __init__(self, order: RestingOrder) -> None:
        self.order = order
        self.sign = int(order.side)
        self.price: int | None = order.price
        self.left = order.lots
        self.queue: int | None = None
        self.is_placed = False


class _Fills(FillModel[_Own]):
    """The rules of filling, over a market that is played. `bids`, `asks`: (ticks, lots), best first; `books` counts them."""

    __slots__ = ("asks", "bids", "books")

    def __init__(self) -> None:
        super().__init__()
        self.bids: list[tuple[int, int]] = []
        self.asks: list[tuple[int, int]] = []
        self.books = 0

    def touch(self, sign: int) -> int:
        """The best price that an order of this side could take at, 0: none."""
        side = self.levels(sign)
        return side[0][0] if side else 0

    def levels(self, sign: int) -> Sequence[tuple[int, int]]:
        """The levels that an order of this side could take from."""
        return self.asks if sign > 0 else self.bids

    def stamp(self) -> int:
        """Another number for each book."""
        return self.books

    def worse(self, price: int, sign: int, by: int) -> int:
        """A price that is worse by so many ticks, or by one."""
        return price + sign * max(1, by)


class PlayedMarket(Market):
    """One symbol: the newest recorded book, what was traded, and own orders in it. `recorded_book()` gives REST's book of now, which
    changes are applied to where whole books were not recorded; `suited` hears of a finer price step than was supposed."""

    def __init__(
        self,
        instrument: Instrument,
        *,
        now_ns: int,
        recorded_book: Callable[[], bytes | None],
        suited: Callable[[Instrument], object],
    ) -> None:
        # not the seeded market's beginning: nothing here comes from a crowd
        self.instrument = instrument
        self.begins_ns = self.changed_ns = now_ns
        self.tape = Tape(price=instrument.start_ticks, now_ms=now_ns // _MS_NS)
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.agg_trades: deque[AggTrade] = deque(maxlen=KEPT_TRADES)
        self.fills: list[Fill] = []
        self.frozen = True
        self.mark_e8: int | None = None
        self._next_order_id, self._next_trade_id = 10_000_000_000, 1_000_000_000
        self.first_trade_id = self._next_trade_id
        self.first_agg_id = self._next_agg_id = 500_000_000
        self._events = []
        self._fills = _Fills()
        self._owned: dict[int, _Own] = {}
        self._recorded_book = recorded_book
        self._suited = suited
        self._kept: dict[str, bytes] = {}
        self._changed: dict[Side, dict[int, int]] = {}
        self._has_books = False
        self._traded_by = ""
        self._shown: Book | None = None
        self._is_traded = False

    # -- what is played -----------------------------------------------------------------------------------------------

    def see(self, kind: str, channel: str, payload: bytes, now_ns: int) -> None:
        """A frame of its streams."""
        if kind is Kind.TRADE:
            self._traded_by = self._traded_by or channel  # one print, not two of one trade
            if channel != self._traded_by:
                return
            if self._is_traded:
                self._print_recorded(payload, now_ns)
            else:
                self._kept[kind] = payload
            return
        if kind is Kind.MARK:
            mark = mark_by(payload)
            self.mark_e8 = self.mark_e8 if mark is None else int(mark * E8)
            return
        if kind is Kind.CHANGES and not self._changed:
            return  # asked for when an order comes
        if kind is Kind.CHANGES:
            self._apply(payload)
        elif self._owned:
            self._show(kind, payload)
        else:
            self._kept[kind] = payload
            self._has_books = self._has_books or kind is Kind.BOOK
            self._shown = None
            return
        if self._owned:
            self._meet(self._fills.moved(whole=kind is not Kind.TOP), now_ns)

    def _look(self) -> None:
        """An order asks: what was kept is read, and every trade from now on."""
        self._is_traded = True
        trade = self._kept.pop(Kind.TRADE, None)
        if trade is not None:
            self._print_recorded(trade, self.changed_ns)
        for kind in (Kind.BOOK, Kind.TOP):
            payload = self._kept.pop(kind, None)
            if payload is not None:
                self._show(kind, payload)
        if not self._has_books and not self._changed:
            self._begin_changes()

    def _show(self, kind: str, payload: bytes) -> None:
        sides = sides_of(payload)
        if sides is None:
            return
        bids, asks = self._whole(sides)
        if kind is Kind.TOP:  # behind it stands what a whole book said
            bids += [each for each in self._fills.bids if bids and each[0] < bids[0][0]]
            asks += [each for each in self._fills.asks if asks and each[0] > asks[0][0]]
        else:
            self._has_books = True
        self._take(bids, asks)

    def _begin_changes(self) -> None:
        body = self._recorded_book()
        sides = None if body is None else sides_of(body)
        if sides is not None:
            bids, asks = self._whole(sides)
            self._changed = {Side.BUY: dict(bids), Side.SELL: dict(asks)}
            self._take(bids, asks)

    def _apply(self, payload: bytes) -> None:
        sides = sides_of(payload)
        if sides is None:
            return
        for side, rows in zip((Side.BUY, Side.SELL), self._whole(sides, gone=True), strict=True):
            known = self._changed[side]
            for price, lots in rows:
                if lots:
                    known[price] = lots
                else:
                    known.pop(price, None)
        self._take(sorted(self._changed[Side.BUY].items(), reverse=True), sorted(self._changed[Side.SELL].items()))

    def _take(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        fills = self._fills
        fills.bids, fills.asks = bids, asks
        fills.books += 1
        self._shown = None
        if bids and asks and not self.trades:
            self.tape.last_price = bids[0][0]  # until something was traded

    def _whole(self, sides: Sides, *, gone: bool = False) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = sides
        self._suit(price for price, _ in (*bids[:5], *asks[:5]))
        tick, lot = self.instrument.tick_e8, self.instrument.lot_e8

        def whole(rows: list[tuple[Decimal, Decimal]]) -> list[tuple[int, int]]:
            numbers = [(int(price * E8) // tick, int(size * E8) // lot) for price, size in rows]
            return [each for each in numbers if each[0] and (each[1] or gone)]

        return whole(bids), whole(asks)

    def _suit(self, prices: Iterable[Decimal]) -> None:
        """Prices that are finer than the tick that was supposed make it finer, as long as nothing rests by it."""
        tick = self.instrument.tick_e8
        for price in prices:
            while int(price * E8) % tick and tick > 1 and not self._owned:
                tick //= 10
        if tick != self.instrument.tick_e8:
            self.instrument = _stepped(self.instrument, max(1, tick), self.instrument.lot_e8)
            self._suited(self.instrument)

    def _print_recorded(self, payload: bytes, now_ns: int) -> None:
        said = said_by(payload)
        if said is None:
            return
        price, lots = int(said.price * E8) // self.instrument.tick_e8, int(said.size * E8) // self.instrument.lot_e8
        trade = Trade(self._next_trade_id, price, lots, now_ns, said.taker is Side.SELL)
        self._next_trade_id += 1
        self.trades.append(trade)
        self.tape.add(trade.trade_id, price, lots, now_ns // _MS_NS, taker_buys=said.taker is Side.BUY)
        if self._owned:
            self._meet(self._fills.traded(price, lots, int(said.taker)), now_ns)

    def _meet(self, met: list[tuple[_Own, int]], now_ns: int) -> None:
        for own, lots in met:
            order = own.order
            own.left -= lots
            order.lots -= lots
            self.fills.append(Fill(self._next_trade_id, order.order_id, order.owner, order.side, order.price, lots, order.lots, now_ns))
            self._next_trade_id += 1
            self._shown = None
            if not order.lots:
                self._fills.leave(own)
                del self._owned[order.order_id]

    # -- the market's own words ---------------------------------------------------------------------------------------

    @property
    def book(self) -> Book:  # type: ignore[override]  # the seeded market keeps one; here it is made of what was recorded
        """The newest recorded book, with own orders at the end of their levels."""
        self._look()
        if self._shown is None:
            book, number = Book(), -1
            for side, levels in ((Side.BUY, self._fills.bids), (Side.SELL, self._fills.asks)):
                for price, lots in levels:
                    book.rest(RestingOrder(number, side, price, lots))
                    number -= 1
            for own in self._owned.values():
                order = own.order
                book.rest(RestingOrder(order.order_id, order.side, order.price, order.lots, order.owner))
            self._shown = book
        return self._shown

    @property
    def top(self) -> Top:
        """The best of both sides now, own orders left out."""
        self._look()
        bids, asks = self._fills.bids, self._fills.asks
        bid, ask = (bids[0] if bids else (0, 0)), (asks[0] if asks else (0, 0))
        return Top(self._fills.books, *bid, *ask, self.changed_ns)

    def submit(self, order: NewOrder, now_ns: int) -> OrderReport:
        """Fill an order by what is known of the market; the rest waits its turn, by the order's own terms."""
        self._look()
        self.changed_ns = now_ns
        order_id, sign, fills = order.order_id or self.take_order_id(), int(order.side), self._fills
        if order.post_only or order.whole:
            takeable = self.book.takeable(order.side, limit=order.price)
            if order.post_only and takeable:
                return OrderReport(order_id, [], None, WOULD_MATCH)
            if order.whole and takeable < order.lots:
                return OrderReport(order_id, [], None, NOT_WHOLE)
        matches, trades, left = [], [], order.lots
        for price, lots in fills.takeable(sign, order.lots, order.price, beyond=order.price is None):
            fills.took(price, lots)
            matches.append(Match(price, lots, RestingOrder(0, order.side.opposite, price, 0)))
            trades.append(Trade(self._next_trade_id, price, lots, now_ns, order.side is Side.SELL))
            self._next_trade_id += 1
            left -= lots
        resting = None
        if left and order.rest and order.price is not None:
            resting = RestingOrder(order_id, order.side, order.price, left, order.owner)
            own = self._owned[order_id] = _Own(resting)
            fills.rest(own)
            self._shown = None
        return OrderReport(order_id, matches, resting, trades=tuple(trades))

    def cancel(self, order_id: int, now_ns: int) -> RestingOrder | None:
        """Take a resting order out; None when it does not rest (any more)."""
        own = self._owned.pop(order_id, None)
        if own is None:
            return None
        self.changed_ns = now_ns
        self._fills.leave(own)
        self._shown = None
        return own.order

    def shrink(self, order_id: int, lots: int, now_ns: int) -> None:
        """Leave so many lots of a resting order."""
        own = self._owned.get(order_id)
        if own is not None and 0 < lots < own.left:
            own.left = own.order.lots = lots
            self._shown = None

    def run_until(self, until_ns: int) -> None:
        """There is no crowd."""

    def skip_to(self, now_ns: int) -> None:
        """There is no crowd."""

    def move_to(self, price: int, now_ns: int) -> None:
        """What was recorded does not move. Raises ValueError."""
        raise ValueError("a recording cannot be moved")


class PlayedEngine(Engine):
    """Markets that are played. `recorded_book(symbol)`: REST's book of now; `listed`: the list of instruments that was recorded."""

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        now_ns: int,
        describe: Callable[[str], Instrument],
        recorded_book: Callable[[str], bytes | None],
        listed: bytes | None,
    ) -> None:
        super().__init__(symbols, seed=0, now_ns=now_ns, describe=describe)
        steps = _steps(listed) if listed is not None else {}
        for symbol, instrument in self.instruments.items():
            self.instruments[symbol] = _stepped(instrument, *steps.get(symbol, (0, 0)))
        self._recorded_book = recorded_book
        self._streams: dict[str, tuple[PlayedMarket, str, str] | None] = {}

    def market(self, symbol: str) -> PlayedMarket:
        """The market of a symbol. Raises KeyError for an unknown one."""
        market = self.markets.get(symbol)
        if market is None:
            recorded = self._recorded_book
            market = self.markets[symbol] = PlayedMarket(
                self.instruments[symbol],
                now_ns=self._now_ns,
                recorded_book=lambda: recorded(symbol),
                suited=lambda instrument: self.instruments.update({symbol: instrument}),
            )
        assert isinstance(market, PlayedMarket), "it makes no others"
        return market

    def see(self, frame: Frame, now_ns: int) -> None:
        """A frame was played."""
        stream = frame.stream
        if stream not in self._streams:
            found = kind_of(stream)
            known = found is not None and found[0] in self.instruments
            self._streams[stream] = (self.market(found[0]), found[1], found[2]) if found is not None and known else None
        played = self._streams[stream]
        if played is not None:
            market, kind, channel = played
            market.see(kind, channel, frame.payload, now_ns)

    def run_until(self, until_ns: int) -> None:
        """Close the bars that ended."""
        self._now_ns = until_ns
        for market in self.markets.values():
            market.tape.advance(until_ns // _MS_NS)


def _steps(listed: bytes) -> Mapping[str, tuple[int, int]]:
    """Symbol → (price step, lot) in units of 1e-8, of a list of instruments with filters; of any other list nothing."""
    try:
        rows = json.loads(listed)["symbols"]
        found = {}
        for row in rows:
            filters = {each["filterType"]: each for each in row["filters"]}
            tick, lot = Decimal(filters["PRICE_FILTER"]["tickSize"]), Decimal(filters["LOT_SIZE"]["stepSize"])
            found[str(row["symbol"])] = (int(tick * E8), int(lot * E8))
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return {}
    return found


def _stepped(instrument: Instrument, tick_e8: int, lot_e8: int) -> Instrument:
    """An instrument with other steps, about as dear and as large as before."""
    if tick_e8 <= 0 or lot_e8 <= 0 or (tick_e8, lot_e8) == (instrument.tick_e8, instrument.lot_e8):
        return instrument
    typical = max(2, instrument.typical_lots * instrument.lot_e8 // lot_e8)
    start = max(2, instrument.start_ticks * instrument.tick_e8 // tick_e8)
    return instrument._replace(tick_e8=tick_e8, lot_e8=lot_e8, typical_lots=typical, start_ticks=start)
