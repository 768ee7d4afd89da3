"""Repeated lines: a burst passes, the rest is counted, no count is lost."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hoga.runtime.repeats import Repeats


def test_a_burst_passes_and_the_next_window_tells_the_rest() -> None:
    repeats: Repeats[str] = Repeats(burst=3, window_s=10)
    assert [repeats.admit("a", 0.1 * n) for n in range(5)] == [True, True, True, False, False]
    assert repeats.admit("b", 0.5)
    assert repeats.expired(9.9) == []
    assert repeats.expired(10.0) == [("a", 2)]
    assert repeats.admit("a", 10.1)


def test_a_quiet_key_begins_anew_by_itself() -> None:
    repeats: Repeats[str] = Repeats(burst=1, window_s=10)
    assert repeats.admit("a", 0)
    assert repeats.admit("a", 11)
    assert repeats.expired(math.inf) == []


def test_too_many_keys_all_pass() -> None:
    repeats: Repeats[int] = Repeats(burst=1, keys=2)
    assert all(repeats.admit(key, 0) for key in (1, 2, 3, 3, 3))
    assert not repeats.admit(1, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5), st.booleans()), max_size=200))
def test_every_line_is_said_or_counted(steps: list[tuple[str, float, bool]]) -> None:
    repeats: Repeats[str] = Repeats(burst=2, window_s=10)
    now, said, counted = 0.0, 0, 0
    for key, pause, look in steps:
        now += pause
        said += repeats.admit(key, now)
        if look:
            counted += sum(count for _key, count in repeats.expired(now))
    counted += sum(count for _key, count in repeats.expired(math.inf))
    assert said + counted == len(steps)
