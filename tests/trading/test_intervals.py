"""How time is cut into bars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import DAY_NS, MINUTE_NS
from hoga.trading.intervals import interval_ns, interval_of, interval_text, require_interval


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("15m", 900), ("4h", 14_400), ("1d", 86_400), ("1w", 604_800)])
def test_intervals(text: str, seconds: int) -> None:
    assert interval_ns(text) == seconds * 10**9
    assert interval_text(seconds * 10**9) == text


@pytest.mark.parametrize("text", ["", "m", "0m", "1x", "-1m", "1.5m"])
def test_what_is_no_interval_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval_ns(text)


@pytest.mark.parametrize(
    ("text", "day", "why"),
    [("7m", "UTC", "divide a day"), ("2d", "UTC", "beyond a day"), ("1h", "KST", "no midnight"), ("1d", "EST", "expected one of UTC, KST")],
)
def test_what_does_not_fit_a_day_is_told(text: str, day: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        interval_of(text, day)


@given(st.integers(0, 1 << 62), st.sampled_from(["1m", "5m", "4h", "1d", "1w"]), st.sampled_from(["UTC", "KST"]))
def test_a_moment_lies_in_its_bar(stamp: int, text: str, day: str) -> None:
    if day == "KST" and text not in ("1d", "1w"):
        return
    span = interval_of(text, day)
    start = span.start_of(stamp)
    assert start <= stamp < start + span.ns
    assert span.start_of(start) == start


def test_an_interval_that_the_venue_lacks_is_named_with_those_it_has() -> None:
    has = [MINUTE_NS, 3 * MINUTE_NS, 60 * MINUTE_NS, DAY_NS]
    require_interval("one:BTC", interval_of("1h"), has)
    require_interval("one:BTC", interval_of("10s"), has)
    require_interval("one:BTC", interval_of("1w", "KST"), has)
    require_interval("one:BTC", interval_of("2h"), [])
    with pytest.raises(ValueError, match=r"one has no bars of 2h; there are 1m, 3m, 1h, 1d \(nearest: 1h\)"):
        require_interval("one:BTC", interval_of("2h"), has)
    with pytest.raises(ValueError, match="does not divide a minute"):
        require_interval("one:BTC", interval_of("40s"), has)
