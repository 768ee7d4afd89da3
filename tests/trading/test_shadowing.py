"""Fills on paper and real ones in pairs: every quantity is in one pair or alone, whatever the pieces and their order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import FillUpdate, rules_of
from hoga.trading.ports import Write
from hoga.trading.shadowing import Shadow
from tests.trading.exchange import SYMBOL, T0, S, instrument


def fill(number: int, quantity: int, *, at_ns: int = T0, price: int = 600_000, side: Side = Side.BUY) -> FillUpdate:
    return FillUpdate(
        at_ns=at_ns,
        symbol=SYMBOL,
        client_id="",
        venue_id="1",
        trade_id=str(number),
        side=side,
        price=price,
        quantity=quantity,
        fee="0",
        fee_currency="USDT",
        maker=False,
    )


def shadow() -> Shadow:
    return Shadow({SYMBOL: rules_of(instrument())})


FILLS = st.lists(st.tuples(st.booleans(), st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 9)), max_size=30)


@given(FILLS)
def test_every_quantity_is_in_a_pair_or_alone(fills: list[tuple[bool, Side, int]]) -> None:
    it, records = shadow(), list[Write]()
    totals = {(paper, side): 0 for paper in (True, False) for side in Side}
    for number, (paper, side, quantity) in enumerate(fills):
        records += it.fill(fill(number, quantity, side=side), paper=paper)
        totals[paper, side] += quantity
    pairs = {side: sum(each.fields["q"] for each in records if each.fields["side"] == side.name[0]) for side in (Side.BUY, Side.SELL)}
    left: dict[Any, int] = {}
    for record in it.alone(T0 + 3600 * S):
        key = record.fields["on"] == "paper", record.fields["side"]
        left[key] = left.get(key, 0) + record.fields["q"]
    for side in (Side.BUY, Side.SELL):
        assert pairs[side] == min(totals[True, side], totals[False, side])
        for paper in (True, False):
            assert pairs[side] + left.get((paper, side.name[0]), 0) == totals[paper, side]


def test_the_figures_say_how_much_worse_and_later_paper_was() -> None:
    it = shadow()
    assert not list(it.fill(fill(1, 10, price=600_000), paper=False))
    (first,) = it.fill(fill(2, 4, price=600_060, at_ns=T0 + S // 2), paper=True)
    assert (first.fields["worse_bp"], first.fields["later_ms"], first.fields["q"]) == ("1.00", "500.0", 4)
    assert not list(it.fill(fill(1, 10), paper=False))  # a listing tells it again
    assert [each.fields["off"] for each in it.position(SYMBOL, 30)] == [4]
    assert [each.fields["off"] for each in it.position(SYMBOL, 40)] == [-6]
    assert not list(it.position(SYMBOL, 40))
    table = it.table()
    assert (table.paired, table.only_paper, table.only_real) == (1, 0, 1)
    assert table.positions == {SYMBOL: ("0.004", "0.01")}
