"""Numbers of orders are exact both ways, and rules are the venue's own."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.instrument import Band, Instrument, InstrumentStatus, QuantityRules
from hoga.core.market import Side
from hoga.core.trading import Rules, rules_of, signed, text_of


def instrument(**changes: object) -> Instrument:
    known: dict[str, object] = {
        "venue": "binance-usdm",
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "status": InstrumentStatus.TRADING,
        "tick": Decimal("0.10"),
        "quantity": QuantityRules(lot=Decimal("0.001"), least=Decimal("0.001"), most=Decimal(1000)),
        "market_quantity": QuantityRules(lot=Decimal("0.001"), most=Decimal(120)),
        "min_notional": Decimal(100),
        "ask_band": Band(Decimal("0.95"), Decimal("1.05")),
    }
    return Instrument(**(known | changes))  # type: ignore[arg-type]


def ladder() -> Rules:
    steps = (
        (Decimal(0), Decimal("0.0001")),
        (Decimal(1), Decimal("0.001")),
        (Decimal(1000), Decimal(1)),
        (Decimal(1_000_000), Decimal(500)),
    )
    upbit = instrument(venue="upbit", symbol="KRW-BTC", tick=None, quantity=QuantityRules(lot=Decimal("0.00000001")))
    return rules_of(upbit, ticks=steps)


def test_the_rules_of_an_instrument_are_its_list_in_integers() -> None:
    rules = rules_of(instrument())
    assert (rules.symbol, rules.venue, rules.name) == ("binance-usdm:BTCUSDT", "binance-usdm", "BTCUSDT")
    assert (rules.price_power, rules.size_power, rules.money_power) == (-1, -3, -4)
    assert (rules.ticks, rules.lot, rules.least, rules.most) == (((0, 1),), 1, 1, 1_000_000)
    assert (rules.market_lot, rules.market_least, rules.market_most) == (1, 1, 120_000)
    assert rules.min_notional == 1_000_000
    assert (rules.bid_band, rules.ask_band) == (None, (95_000, 105_000))
    assert rules.price(Decimal("67321.1")) * rules.quantity(Decimal("0.010")) == rules.money(Decimal("673.211"))


def test_what_is_finer_than_the_instrument_is_refused_not_rounded() -> None:
    rules = rules_of(instrument())
    for value in ("67321.15", "NaN", "Infinity"):
        with pytest.raises(ValueError, match=r"is not a multiple of 0\.1"):
            rules.price(Decimal(value))
    with pytest.raises(ValueError, match="has no price step or no lot"):
        rules_of(instrument(tick=None))


def test_steps_that_go_with_the_price() -> None:
    rules = ladder()
    assert [text_of(rules.tick_at(rules.price(Decimal(p))), rules.price_power) for p in ("0.5", "1", "999.999", "1000", "150000000")] == [
        "0.0001", "0.001", "0.001", "1", "500",
    ]  # fmt: skip
    assert rules.price_text(rules.price_down(rules.price(Decimal(150_000_499)))) == "150000000"
    assert rules.price_text(rules.price_up(rules.price(Decimal(150_000_001)))) == "150000500"


@given(st.integers(-(10**18), 10**18), st.integers(-12, 3))
def test_a_number_is_spelt_exactly_and_without_an_exponent(number: int, power: int) -> None:
    text = text_of(number, power)
    assert Decimal(text) == Decimal(number).scaleb(power)
    assert "E" not in text
    assert not (("." in text) and text.endswith(("0", ".")))


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_rounding_never_goes_past_a_step(price: int, quantity: int) -> None:
    rules = ladder()
    down, up = rules.price_down(price), rules.price_up(price)
    assert down <= price <= up
    assert down % rules.tick_at(price) == 0
    assert up - down in (0, rules.tick_at(price))
    assert 0 <= rules.quantity_down(quantity) <= quantity
    assert rules.quantity_down(-quantity) == -rules.quantity_down(quantity)


def test_a_sell_takes_away() -> None:
    assert (signed(Side.BUY, 3), signed(Side.SELL, 3)) == (3, -3)
