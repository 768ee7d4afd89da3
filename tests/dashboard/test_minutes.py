"""A day, minute by minute."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.spans import Span, without
from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS
from hoga.dashboard.minutes import day_text, recorded_share

DAY = 20_000 * DAY_NS


def at(minute: float) -> int:
    return DAY + int(minute * MINUTE_NS)


def told(live: list[Span], gaps: list[Span]) -> str:
    return day_text([(live, without(live, gaps))], DAY)


def signs(text: str) -> str:
    return "".join(sign * int(count) for sign, count in re.findall(r"([a-z])(\d+)", text))


def test_a_day_in_signs() -> None:
    live = [(at(10), at(20)), (at(25), at(30))]
    assert told(live, []) == "n10r10m5r5"
    assert told(live, [(at(12), at(12.001))]) == "n10r2a1r7m5r5"
    assert told(live, [(at(12.5), at(14.25))]) == "n10r2e1m1c1r5m5r5"
    assert told([], []) == ""
    assert told([(at(-5), at(2))], []) == "r2"


def test_the_part_of_a_first_and_of_a_last_minute_is_all_there_is_of_it() -> None:
    assert told([(at(3.5), at(5.25))], []) == "n3r3"
    assert told([(at(3.5), at(3.75))], []) == "n3r1"
    assert told([(at(3.5), at(3.75))], [(at(3.5), at(3.75))]) == "n3m1"


def test_the_worst_series_of_an_instrument_tells() -> None:
    books, trades = [(at(0), at(10))], [(at(4), at(12))]
    text = day_text([(books, without(books, [(at(2), at(3))])), (trades, without(trades, [(at(5.9), at(6))]))], DAY)
    assert text == "r2m1r2a1r6"


moments = st.integers(-100 * SECOND_NS, 60 * MINUTE_NS).map(lambda ns: DAY + ns)
spans = st.lists(st.tuples(moments, moments).map(lambda span: (min(span), max(span))), max_size=6)


@given(spans, spans)
def test_it_is_what_looking_at_every_minute_gives(live: list[Span], gaps: list[Span]) -> None:
    covered = without(live, gaps)
    share = recorded_share(covered, DAY)
    for minute in range(62):
        low, high = at(minute), at(minute + 1)
        inside = sum(max(0, min(end, high) - max(start, low)) for start, end in covered)
        assert share[minute] == pytest.approx(inside / MINUTE_NS, abs=1e-9)
    text = signs(told(live, gaps))
    known = [span for span in live if span[1] > DAY and span[0] < span[1]]
    if not known:
        return
    first, last = max(DAY, min(start for start, _ in known)), max(end for _, end in known)
    assert len(text) == -(-(last - DAY) // MINUTE_NS)
    assert text.startswith("n" * ((first - DAY) // MINUTE_NS))
    for minute, sign in enumerate(text):
        low, high = max(at(minute), first), min(at(minute + 1), last)
        if sign == "r" and high > low:
            assert sum(max(0, min(end, high) - max(start, low)) for start, end in covered) >= (high - low) * 0.999_999
        assert (sign == "m") <= (share[minute] < 0.1)
