"""How far the fills on paper are from the truth: `python -m tests.campaign.fills [--orders N] [--seeds N] [--grade trades]`.

A seeded market runs; orders come to rest in it, with a place of their own in the queue, among the crowd. What they get is the truth. The
exchange on paper is shown what a recorder would have: trades as they are printed, the best twenty levels each 100 ms (own orders left
out), and gets the same orders at the same moments. Counted is whether it fills the same ones, and when.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from statistics import median

from hoga.core.instrument import Instrument as Listed
from hoga.core.instrument import InstrumentStatus, QuantityRules
from hoga.core.market import Side
from hoga.core.ticks import MarketDepth, MarketTrade
from hoga.core.trading import ExecutionEvent, FillUpdate, Force, OrderRequest, Rules, rules_of, text_of
from hoga.simulator.engine import Market, NewOrder, Trade, instrument_of
from hoga.simulator.engine import Side as Way
from hoga.trading.paper import Grade, Latency, PaperExchange, PaperSettings
from hoga.trading.ports import Cancel
from tests.trading.exchange import SPOT

S, MS, E8 = 1_000_000_000, 1_000_000, 100_000_000
BOOK_NS = 100 * MS
LEVELS = 20
PATIENCE_S = 30
AT_ONCE = 6
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "DOGEUSDT")


@dataclass
class Tally:
    """What came of it. `late_s`: of orders that both filled whole, how much later on paper; `shares`: of what was truly filled, how much
    was filled on paper, of each order that was."""

    orders: int = 0
    both: int = 0
    neither: int = 0
    only_truth: int = 0
    only_paper: int = 0
    true_lots: int = 0
    paper_lots: int = 0
    late_s: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("orders", "both", "neither", "only_truth", "only_paper", "true_lots", "paper_lots"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.late_s += other.late_s

    @property
    def right(self) -> float:
        """The share of orders of which it says rightly whether they were filled whole."""
        return (self.both + self.neither) / self.orders

    @property
    def early(self) -> int:
        """How many were filled on paper sooner than in truth, by more than the time between two books."""
        return sum(each < -BOOK_NS / S for each in self.late_s)

    def told(self) -> str:
        late = sorted(self.late_s)
        at = (lambda share: late[min(len(late) - 1, int(len(late) * share))]) if late else (lambda share: float("nan"))
        return (
            f"{self.orders} orders: right {self.right:.1%} (filled in both {self.both}, in neither {self.neither}); "
            f"filled in truth only {self.only_truth} ({self.only_truth / self.orders:.1%}), on paper only {self.only_paper} "
            f"({self.only_paper / self.orders:.2%}); of the quantity filled in truth, "
            f"{self.paper_lots / max(1, self.true_lots):.1%} on paper; "
            f"later by {median(late) if late else float('nan'):.2f} s (median), {at(0.9):.2f} s (p90), {at(0.99):.2f} s (p99), "
            f"earlier by more than a book's 0.1 s: {self.early}"
        )


@dataclass
class Pair:
    """One order, in the market and on paper. `ns`: when it was filled whole, 0: it was not."""

    request: OrderRequest
    number: int
    lots: int
    true_lots: int = 0
    true_ns: int = 0
    paper_lots: int = 0
    paper_ns: int = 0


class World:
    """One market and the exchange on paper, side by side."""

    def __init__(self, symbol: str, seed: int, grade: Grade = Grade.BOOKS) -> None:
        known = instrument_of(symbol)
        self.grade = grade
        self.now = 1_790_000_000 * S
        self.market = Market(known, seed=seed, now_ns=self.now)
        self.rules = _rules(symbol)
        self.random = Random(f"{symbol}/{seed}")
        self.told: list[ExecutionEvent] = []
        self.paper = PaperExchange(
            "one", {self.rules.symbol: self.rules}, SPOT,
            PaperSettings(balance="1000000000000", coins={known.base: "1000000000"}, latency=Latency((0,)), grade=grade, beat_ns=3_600 * S),
            self.told.append,
        )  # fmt: skip
        self.pairs: dict[int, Pair] = {}
        self._by_name: dict[str, Pair] = {}
        self._count = 0
        self._own: dict[int, int] = {}

    def run(self, seconds: float) -> None:
        """Let the crowd act, and show what a recorder would see of it."""
        until = self.now + int(seconds * S)
        while self.now < until:
            step = self.now - self.now % BOOK_NS + BOOK_NS
            self.market.run_until(min(step, until))
            for fill in self.market.fills:
                pair = self.pairs.get(fill.order_id)
                if pair is not None:
                    pair.true_lots += fill.lots
                    pair.true_ns = fill.time_ns if not fill.left else 0
            self.market.fills = []
            for event in self.market.drain():
                if isinstance(event, Trade):
                    self._show_trade(event)
            self.now = min(step, until)
            if self.now == step:
                self._show_book()

    def place(self) -> None:
        """One order comes to rest, near the best price of its side."""
        self._count += 1
        way = self.random.choice((Way.BUY, Way.SELL))
        top, instrument = self.market.top, self.market.instrument
        price = (top.bid if way is Way.BUY else top.ask) - way * self.random.choice((0, 0, 0, 1, 1, 2, 3, 5))
        lots = max(1, int(instrument.typical_lots * self.random.choice((0.2, 0.5, 1.0, 2.0))))
        report = self.market.submit(NewOrder(way, lots, price, owner="me", post_only=True), self.now)
        if report.resting is None:
            return
        request = OrderRequest(
            client_id=f"f-{self._count}",
            symbol=self.rules.symbol,
            side=Side.BUY if way is Way.BUY else Side.SELL,
            price=self._price(price),
            quantity=self._size(lots),
            force=Force.POST_ONLY,
        )
        self.pairs[report.order_id] = self._by_name[request.client_id] = Pair(request, report.order_id, lots)
        self.paper.advance(self.now)
        self.paper.send(request)
        self._hear(self.now)

    def end(self) -> Tally:
        """Take everything back, and compare."""
        tally = Tally()
        for pair in self.pairs.values():
            self.market.cancel(pair.number, self.now)
            self.paper.cancel(Cancel(symbol=pair.request.symbol, client_id=pair.request.client_id))
        self._hear(self.now)
        self.market.drain()
        for pair in self.pairs.values():
            tally.orders += 1
            true, paper = pair.true_lots >= pair.lots, pair.paper_lots >= pair.lots
            tally.both += true and paper
            tally.neither += not true and not paper
            tally.only_truth += true and not paper
            tally.only_paper += paper and not true
            tally.true_lots += pair.true_lots
            tally.paper_lots += min(pair.paper_lots, pair.true_lots)
            if true and paper:
                tally.late_s.append((pair.paper_ns - pair.true_ns) / S)
        self.pairs.clear()
        self._by_name.clear()
        return tally

    # -- what a recorder sees -----------------------------------------------------------------------------------------

    def _show_trade(self, trade: Trade) -> None:
        taker = Side.SELL if trade.buyer_is_maker else Side.BUY
        event = MarketTrade(
            symbol=self.rules.symbol, at_ns=trade.time_ns, price=self._price(trade.price), size=self._size(trade.lots), taker=taker,
            trade_id=trade.trade_id,
        )  # fmt: skip
        self.paper.on_market(event)
        self._hear(trade.time_ns)

    def _show_book(self) -> None:
        book, mine = self.market.book, dict[int, int]()
        for pair in self.pairs.values():
            resting = book.orders.get(pair.number)
            if resting is not None:
                mine[resting.price] = mine.get(resting.price, 0) + resting.lots

        def side(half: object) -> list[tuple[int, int]]:
            levels = half.top(LEVELS + AT_ONCE)  # type: ignore[attr-defined]  # a side of the book
            rows = [(self._price(each.price), self._size(each.lots - mine.get(each.price, 0))) for each in levels]
            return [each for each in rows if each[1] > 0][:LEVELS]

        def texts(rows: list[tuple[int, int]]) -> list[tuple[str, str]]:
            return [(text_of(price, self.rules.price_power), text_of(size, self.rules.size_power)) for price, size in rows]

        bids, asks = side(book.bids), side(book.asks)
        if bids and asks and self.grade is Grade.BOOKS:
            self.paper.on_market(
                MarketDepth(
                    symbol=self.rules.symbol, at_ns=self.now, bid=bids[0][0], bid_size=bids[0][1], ask=asks[0][0], ask_size=asks[0][1],
                    bids=texts(bids), asks=texts(asks),
                )
            )  # fmt: skip
            self._hear(self.now)

    def _hear(self, at_ns: int) -> None:
        self.paper.advance(at_ns)
        for event in self.told:
            if isinstance(event, FillUpdate):
                pair = self._by_name[event.client_id]
                pair.paper_lots += event.quantity // self._size(1)
                pair.paper_ns = event.at_ns
        self.told.clear()

    def _price(self, ticks: int) -> int:
        return self.rules.price(Decimal(ticks * self.market.instrument.tick_e8) / E8)

    def _size(self, lots: int) -> int:
        return self.rules.quantity(Decimal(lots * self.market.instrument.lot_e8) / E8)


def _rules(symbol: str) -> Rules:
    known = instrument_of(symbol)
    lot = Decimal(known.lot_e8) / E8
    return rules_of(
        Listed(
            venue="one",
            symbol=symbol,
            base=known.base,
            quote=known.quote,
            status=InstrumentStatus.TRADING,
            tick=Decimal(known.tick_e8) / E8,
            quantity=QuantityRules(lot=lot, least=lot),
        )
    )


def measure(symbol: str, seed: int, orders: int, grade: Grade = Grade.BOOKS) -> Tally:
    """So many orders in one market, some at a time."""
    world, tally = World(symbol, seed, grade), Tally()
    world.run(1.0)
    while tally.orders < orders:
        for _ in range(AT_ONCE):
            world.place()
            world.run(world.random.uniform(0.0, 1.0))
        world.run(PATIENCE_S)
        tally.add(world.end())
        world.run(0.5)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.fills", description=__doc__)
    parser.add_argument("--orders", type=int, default=300, help="of each market and seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--grade", type=Grade, choices=(Grade.BOOKS, Grade.TRADES), default=Grade.BOOKS, help="what paper is shown")
    wanted = parser.parse_args()
    whole = Tally()
    for symbol in SYMBOLS:
        tally = Tally()
        for seed in range(1, wanted.seeds + 1):
            tally.add(measure(symbol, seed, wanted.orders, wanted.grade))
        print(f"{symbol}: {tally.told()}", flush=True)
        whole.add(tally)
    print(f"all: {whole.told()}")
    return 1 if whole.only_paper or whole.early else 0


if __name__ == "__main__":
    sys.exit(main())
