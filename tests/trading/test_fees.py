"""Fees that are taken off what was bought: all of them together are rounded once, never in favour of the position."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import FillUpdate, rules_of
from hoga.trading.portfolio import Portfolio
from tests.trading.exchange import SYMBOL, instrument

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
