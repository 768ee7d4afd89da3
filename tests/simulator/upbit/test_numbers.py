from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.simulator.upbit.numbers import double, fixed8, java, plain, ratio

E8 = 100_000_000


@pytest.mark.parametrize(
    "value, text",
    [
        (116_539_000 * E8, "1.16539E8"),
        (10_000_000 * E8, "1.0E7"),
        (9_999_999 * E8, "9999999.0"),
        (4_140_000_000, "41.4"),
        (79_276, "7.9276E-4"),
        (50_000, "5.0E-4"),
        (100_000, "0.001"),
        (224_034_130, "2.2403413"),
        (6_288_509, "0.06288509"),
        (0, "0.0"),
        (-116_539_000 * E8, "-1.16539E8"),
    ],
)
def test_java_spells_as_captured(value: int, text: str) -> None:
    assert java(value) == text


def test_the_other_spellings_as_captured() -> None:
    assert fixed8(77_720) == "0.00077720"
    assert fixed8(183_604_250) == "1.83604250"
    assert plain(116_606_000 * E8) == "116606000"
    assert plain(4_140_000_000) == "41.4"
    assert double(109_847_000 * E8) == "109847000.0"
    assert double(-2_600_000_000) == "-26.0"
    assert plain(0) == "0"


@given(st.integers(-(10**19), 10**19))
def test_every_spelling_means_the_same_number(value: int) -> None:
    for spell in (java, fixed8, plain, double):
        assert Decimal(spell(value)) == Decimal(value) / E8


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**15))
def test_a_ratio_has_ten_places(part: int, whole: int) -> None:
    assert abs(Decimal(ratio(part, whole)) / 10**10 - Decimal(part) / whole) <= Decimal("5.1e-11")


def test_a_ratio_to_nothing_is_nothing() -> None:
    assert ratio(5, 0) == 0
    assert double(ratio(44, 1_088), 10) == "0.0404411765"  # as captured
