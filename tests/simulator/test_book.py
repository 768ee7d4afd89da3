from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hoga.simulator.engine import Book, RestingOrder, Side

SIDES = st.sampled_from([Side.BUY, Side.SELL])
PRICES = st.integers(90, 110)
LOTS = st.integers(1, 50)


class BookAgainstNaiveList(RuleBasedStateMachine):
    """The book against a plain list of orders in arrival order."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.naive: list[list] = []  # [order_id, side, price, lots]
        self.next_id = 1

    @rule(side=SIDES, price=PRICES, lots=LOTS)
    def submit_limit(self, side: Side, price: int, lots: int) -> None:
        left = lots - self._take_both(side, lots, price)
        if left:
            self.book.rest(RestingOrder(self.next_id, side, price, left))
            self.naive.append([self.next_id, side, price, left])
        self.next_id += 1

    @rule(side=SIDES, lots=st.integers(1, 200))
    def submit_market(self, side: Side, lots: int) -> None:
        self._take_both(side, lots, None)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.naive:
            row = data.draw(st.sampled_from(self.naive))
            self.naive.remove(row)
            self.book.remove(self.book.orders[row[0]])

    @invariant()
    def levels_equal_the_orders(self) -> None:
        for half, side in ((self.book.bids, Side.BUY), (self.book.asks, Side.SELL)):
            totals: dict[int, int] = {}
            for _, owner, price, lots in self.naive:
                if owner is side:
                    totals[price] = totals.get(price, 0) + lots
            best_first = sorted(totals.items(), reverse=side is Side.BUY)
            assert [(level.price, level.lots) for level in half.top(1_000)] == best_first

    @invariant()
    def never_crossed(self) -> None:
        bid, ask = self.book.bids.best(), self.book.asks.best()
        assert bid is None or ask is None or bid.price < ask.price

    def _take_both(self, side: Side, lots: int, limit: int | None) -> int:
        matches = self.book.take(side, lots, limit=limit)
        expected = self._naive_take(side, lots, limit)
        assert [(match.maker.order_id, match.price, match.lots) for match in matches] == expected
        return sum(match.lots for match in matches)

    def _naive_take(self, side: Side, lots: int, limit: int | None) -> list[tuple[int, int, int]]:
        candidates = [row for row in self.naive if row[1] is not side and (limit is None or row[2] * side <= limit * side)]
        candidates.sort(key=lambda row: row[2] * side)  # stable: oldest first at one price
        taken = []
        for row in candidates:
            met = min(lots, row[3])
            if not met:
                break
            lots -= met
            row[3] -= met
            taken.append((row[0], row[2], met))
        self.naive = [row for row in self.naive if row[3]]
        return taken


TestBookAgainstNaiveList = BookAgainstNaiveList.TestCase


@given(st.lists(st.tuples(SIDES, PRICES, LOTS), max_size=40))
def test_every_change_of_a_level_counts_the_id_up_and_is_noted(orders: list[tuple[Side, int, int]]) -> None:
    book = Book(update_id=100)
    for number, (side, price, lots) in enumerate(orders):
        before = book.update_id
        matches = book.take(side, lots, limit=price)
        touched = {match.price for match in matches}
        left = lots - sum(match.lots for match in matches)
        if left:
            book.rest(RestingOrder(number, side, price, left))
        assert book.update_id - before == len(touched) + bool(left)
        assert touched <= book.side(side.opposite).changed
