"""Of what time it is known that somebody was there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.recorder.accounted import Accounted

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda each: (min(each), max(each))), max_size=30)


@given(spans=SPANS, began=st.lists(st.integers(0, 60), min_size=1, max_size=3), from_ns=st.integers(0, 60), oldest=st.integers(0, 60))
def test_what_lacks_lies_where_nobody_was(spans: list[tuple[int, int]], began: list[int], from_ns: int, oldest: int) -> None:
    """Looked at moment by moment; of more than it keeps it says nothing rather than too much."""
    accounted = Accounted()
    for span in spans:
        accounted.add(span, [oldest])
    lacking = {at for low, high in accounted.lacking(max(from_ns, oldest), began) for at in range(low, high)}
    truth = {at for at in range(max(from_ns, oldest), max(began)) if at < min(began) and not any(low <= at < high for low, high in spans)}
    assert lacking <= truth
    if len(accounted._spans) < 16:
        assert lacking == truth


def test_where_no_leg_is_left_nothing_is_remembered() -> None:
    accounted = Accounted()
    accounted.add((1, 5), [1])
    accounted.add((5, 9), [])
    assert accounted.lacking(0, [9]) == [(0, 9)]
    assert accounted.lacking(0, []) == []
