"""Which days are united now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS, day_of, day_start_ns
from hoga.relay.due import DayState, due_days, expected_collectors, next_look_ns, past_days, said_days

DAY = "2026-11-29"
OVER = day_start_ns(DAY) + DAY_NS
GRACE = 30 * MINUTE_NS


def _due(state: DayState, now_ns: int) -> bool:
    return due_days([state], now_ns=now_ns, grace_ns=GRACE) == [DAY]


def test_a_day_is_due_when_it_is_over_and_the_grace_too() -> None:
    state = DayState(day=DAY)
    assert not _due(state, OVER + GRACE - 1)
    assert _due(state, OVER + GRACE)


def test_a_day_that_is_done_is_due_again_a_little_after_something_came() -> None:
    done = DayState(day=DAY, united_ns=OVER + GRACE)
    assert done.settled
    assert not _due(done, OVER + 100 * DAY_NS)
    changed = DayState(day=DAY, united_ns=OVER + GRACE, changed_ns=OVER + DAY_NS)
    assert not _due(changed, OVER + DAY_NS + SECOND_NS)
    assert _due(changed, OVER + DAY_NS + MINUTE_NS)


def test_who_was_silent_is_asked_again_with_growing_pauses_for_ever() -> None:
    united = OVER + GRACE
    pauses = [
        next_look_ns(DayState(day=DAY, united_ns=united, absent=("seoul",), tries=tries), grace_ns=GRACE) - united for tries in range(1, 40)
    ]
    assert pauses[0] == 2 * MINUTE_NS
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60 * MINUTE_NS


@given(st.lists(st.sampled_from(["2026-11-27", "2026-11-28", DAY]), unique=True), st.integers(-DAY_NS, 10 * DAY_NS))
def test_the_oldest_comes_first_and_none_that_is_not_over(days: list[str], after: int) -> None:
    found = due_days([DayState(day=day) for day in days], now_ns=OVER + after, grace_ns=GRACE)
    assert found == sorted(day for day in days if day_start_ns(day) + DAY_NS + GRACE <= OVER + after)


def test_no_day_since_the_oldest_known_one_is_left_out() -> None:
    now = day_start_ns("2026-11-24") + 7
    assert past_days(["2026-11-23", "2026-11-20"], now_ns=now) == ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
    assert past_days([], now_ns=now) == past_days(["2026-11-24", "2026-11-25"], now_ns=now) == []
    begun_at_nothing = past_days(["1970-01-02"], now_ns=now)
    assert (len(begun_at_nothing), begun_at_nothing[-1]) == (366, "2026-11-23")


def test_who_is_asked_of_a_day() -> None:
    assert expected_collectors(["tokyo", "seoul"], ["osaka"], ["london"]) == ["osaka", "seoul", "tokyo"]
    assert expected_collectors([], ["osaka"], ["london"]) == ["london", "osaka"]
    assert expected_collectors([], [], []) == []


def test_a_collector_that_says_what_cannot_be_is_believed_in_what_can() -> None:
    now_ns = day_start_ns("2026-11-24") + 5
    said = ["2026-11-20", "9999-12-31", "x", "2026-11-26", "2026-11-25", "2026-11-20", "1971-01-01"]
    assert said_days(said, now_ns=now_ns) == ["1971-01-01", "2026-11-20", "2026-11-25"]
    many = [day_of(day_start_ns("2000-01-01") + at * DAY_NS) for at in range(9_000)]
    found = said_days(many, now_ns=now_ns)
    assert (len(found), found[-1]) == (4_000, many[-1])
