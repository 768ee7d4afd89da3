"""Fees that are taken off what was bought: all of them together are rounded once, never in favour of the position."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.app.trader.restore import restored
from hoga.audit.chain import Record
from hoga.audit.recovery import Recovery
from hoga.core.market import Side
from hoga.core.trading import FillUpdate, rules_of, signed
from hoga.trading import records
from hoga.trading.portfolio import Portfolio
from tests.trading.exchange import SELL, SYMBOL, Exchange, Holds, instrument

RULES = rules_of(instrument())


def buys(number: int, quantity: int, fee: Decimal) -> FillUpdate:
    return FillUpdate(
        at_ns=number,
        symbol=SYMBOL,
        client_id="c",
        venue_id="1",
        trade_id=str(number),
        side=Side.BUY,
        price=867_000,
        quantity=quantity,
        fee=f"{fee:f}",
        fee_currency=RULES.base,
        maker=False,
    )


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(0, 100_000)), min_size=1, max_size=60))
def test_many_small_fees_are_rounded_up_once(fills: list[tuple[int, int]]) -> None:
    portfolio = Portfolio({SYMBOL: RULES})
    bought, fees = 0, Decimal(0)
    for number, (quantity, fee_e8) in enumerate(fills):
        fee = min(Decimal(fee_e8).scaleb(-8), Decimal(quantity).scaleb(RULES.size_power))
        portfolio.fill("st", buys(number, quantity, fee))
        bought, fees = bought + quantity, fees + fee
    lost = int(fees.scaleb(-RULES.size_power).to_integral_value(ROUND_CEILING))
    assert portfolio.position(SYMBOL) == bought - lost


class Lives:
    """A trader that is killed and begins again from its journal."""

    def __init__(self) -> None:
        self.journal = Recovery()
        self.journal.feed(
            Record(n=1, t=1, b=1, m=1, kind="config", fields={"sym": SYMBOL, "pp": RULES.price_power, "sp": RULES.size_power}, hash=b"")
        )
        self.number = 1
        self.portfolio = Portfolio({SYMBOL: RULES})

    def fill(self, fill: FillUpdate) -> None:
        share, _ = self.portfolio.fill("st", fill)
        today, sums, losses = self.portfolio.today(SYMBOL), self.portfolio.sums(SYMBOL), self.portfolio.losses.get(SYMBOL, 0)
        record = records.fill("c", fill, share, today, sums, self.portfolio.position(SYMBOL), late=False, losses=losses, peak=7)
        self.number += 1
        fields = msgspec.json.decode(msgspec.json.encode(record.fields))
        self.journal.feed(Record(n=self.number, t=self.number, b=1, m=1, kind=record.kind, fields=fields, hash=b""))

    def kill(self) -> None:
        found = restored(self.journal.result())
        self.portfolio = Portfolio({SYMBOL: RULES})
        for share in found.shares:
            self.portfolio.restore(share)
        self.portfolio.losses |= found.losses


steps = st.lists(st.tuples(st.integers(1, 1_000), st.integers(0, 100_000), st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(steps)
def test_after_any_kill_the_position_is_the_journal_s_fills_less_the_fees_exactly(trades: list[tuple[int, int, bool, bool]]) -> None:
    killed, whole = Lives(), Lives()
    traded, fees = 0, Decimal(0)
    for number, (quantity, fee_e8, sells, kills) in enumerate(trades):
        side, fee = Side.BUY, min(Decimal(fee_e8).scaleb(-8), Decimal(quantity).scaleb(RULES.size_power))
        if sells and killed.portfolio.position(SYMBOL) > quantity:
            side, fee = Side.SELL, Decimal(0)
        fill = msgspec.structs.replace(buys(number, quantity, fee), side=side, price=867_000 + 13 * number)
        killed.fill(fill)
        whole.fill(fill)
        traded, fees = traded + signed(side, quantity), fees + fee
        if kills:
            killed.kill()
        assert killed.portfolio.position(SYMBOL) == traded - int(fees.scaleb(-RULES.size_power).to_integral_value(ROUND_CEILING))
    assert killed.portfolio.shares == whole.portfolio.shares, "its cost, its round and its crumbs too"
    assert killed.portfolio.losses.get(SYMBOL, 0) == whole.portfolio.losses.get(SYMBOL, 0)


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(0, 10**9), st.booleans()), min_size=1, max_size=60))
def test_fees_finer_than_the_money_of_an_instrument_are_exact_but_for_less_than_one_unit(fills: list[tuple[int, int, bool]]) -> None:
    portfolio, charged = Portfolio({SYMBOL: RULES}), Decimal(0)
    for number, (quantity, fee_e8, sells) in enumerate(fills):
        fee = Decimal(fee_e8).scaleb(-8)
        fill = msgspec.structs.replace(buys(number, quantity, fee), side=Side.SELL if sells else Side.BUY, fee_currency=RULES.quote)
        portfolio.fill("st", fill)
        charged += fee
    counted = Decimal(portfolio.sums(SYMBOL)[3]).scaleb(RULES.money_power)
    assert charged <= counted < charged + Decimal(1).scaleb(RULES.money_power)


@given(st.lists(st.tuples(st.integers(100, 1_000), st.integers(0, 1_000), st.integers(1, 1_000)), min_size=1, max_size=20))
def test_the_rounds_of_a_position_whose_fees_are_coins_add_up_to_what_it_won_less_its_fees(trips: list[tuple[int, int, int]]) -> None:
    portfolio, net = Portfolio({SYMBOL: RULES}), 0
    for number, (quantity, fee_bp, rise) in enumerate(trips):
        fee = (Decimal(quantity * fee_bp) / 100_000).scaleb(RULES.size_power)
        _, ended = portfolio.fill("st", buys(2 * number, quantity, fee))
        net += sum(each.net for each in ended)
        held = portfolio.position(SYMBOL)
        if held:
            sale = msgspec.structs.replace(buys(2 * number + 1, held, Decimal(0)), side=Side.SELL, price=866_500 + rise)
            _, ended = portfolio.fill("st", sale)
            net += sum(each.net for each in ended)
    _, _, realized, fees, _ = portfolio.sums(SYMBOL)
    assert net == realized - fees


class OneHolds(Holds):
    """A strategy."""


class TwoHolds(Holds):
    """Another."""


class ThreeHolds(Holds):
    """A third."""


@pytest.mark.parametrize("fee", ["0.7", "0.00000001", "-0.1000000001", "0"])
@pytest.mark.parametrize("beyond", [0, 5])
def test_what_the_venue_closes_for_several_strategies_costs_all_of_them_the_whole_fee(fee: str, beyond: int) -> None:
    strategies = [OneHolds(), TwoHolds(), ThreeHolds()]
    venue = Exchange(*strategies)
    for strategy, much in zip(strategies, (30, 20, 10), strict=True):
        strategy.todo.append(partial(strategy.buy, SYMBOL, RULES.quantity_text(much)))
        venue.book()
        venue.fill(venue.last, much)
    assert venue.position() == 60
    order = msgspec.structs.replace(venue.last, client_id="autoclose-1", side=SELL, quantity=60 + beyond)
    closing = venue.trade(order, 60 + beyond, told=False)
    venue.give(msgspec.structs.replace(closing, fee=fee))
    parts = [each.fields for each in venue.records("order.fill")][-3:]
    assert [each["q"] for each in parts] == [30, 10, 20], "by their names"
    total = sum(Decimal(each["fee"]) for each in parts)
    whole = Decimal(fee)
    assert total == whole if not beyond else abs(total - whole * 60 / 65) < Decimal("1e-8")
    assert abs(Decimal(parts[0]["fee"]) - whole * 30 / (60 + beyond)) < Decimal("1e-8")
