"""`trading.seen` against a set, and its bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.trading.seen import Seen

NAMES = st.one_of(
    st.integers(0, 10**19).map(str), st.integers(0, 99).map(lambda each: f"{each:04}"), st.uuids().map(str), st.text(min_size=1, max_size=6)
)


@given(st.lists(NAMES, max_size=60), st.lists(NAMES, max_size=20))
def test_it_knows_what_a_set_knows(names: list[str], others: list[str]) -> None:
    seen, model, last = Seen(), set[str](), ""
    for name in names:
        last = last if name in model else name
        assert seen.add(name) is (name not in model)
        assert seen.last == last
        model.add(name)
    assert len(seen) == len(model)
    for name in [*names, *others]:
        assert (name in seen) is (name in model)


def test_packed_names_are_still_known_and_the_oldest_go_beyond_the_bound() -> None:
    seen = Seen(10_000)
    for number in range(30_000):
        assert seen.add(str(number * 7))
        assert number * 7 == int(seen.last)
    assert 10_000 <= len(seen) <= 15_512
    assert seen.first
    first = int(seen.first) // 7
    assert all(str(number * 7) in seen for number in range(first, 30_000))
    assert not any(str(number * 7) in seen for number in range(0, first, 97))
    assert not any(str(number * 7 + 1) in seen for number in range(0, 30_000, 97))
    assert not seen.add(str(29_999 * 7))


def test_below_the_bound_nothing_is_let_go() -> None:
    seen = Seen(10_000)
    for number in range(9_000):
        seen.add(f"trade-{number}")
    assert seen.first == ""
    assert len(seen) == 9_000
    assert "trade-0" in seen
    assert "trade-9000" not in seen
    assert repr(seen) == "<Seen 9000>"
