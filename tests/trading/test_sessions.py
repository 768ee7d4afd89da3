"""Hours of a day in a time zone: open or shut, over summer time, midnight and weekends."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.trading.sessions import Session, session_of

S = 10**9


def at(text: str) -> int:
    """Nanoseconds of `2026-03-09T14:30Z`."""
    return int(datetime.fromisoformat(text).timestamp()) * S


def session(zone: str = "America/New_York", begins: str = "09:30", ends: str = "16:00", days: str = "Mon-Fri") -> Session:
    return session_of(zone, begins, ends, days, lambda: 0)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-06T14:30:00Z", True),  # Friday, winter: 09:30 is 14:30 UTC
        ("2026-03-06T14:29:59Z", False),
        ("2026-03-06T20:59:59Z", True),
        ("2026-03-06T21:00:00Z", False),
        ("2026-03-07T15:00:00Z", False),  # Saturday
        ("2026-03-09T13:30:00Z", True),  # Monday, summer: 13:30 UTC
        ("2026-03-09T13:29:59Z", False),
        ("2026-03-09T20:00:00Z", False),
        ("2026-10-30T13:30:00Z", True),  # Friday before the clocks go back
        ("2026-11-02T13:30:00Z", False),
        ("2026-11-02T14:30:00Z", True),
    ],
)
def test_new_york_in_winter_and_summer(moment: str, is_open: bool) -> None:
    assert session().is_open_at(at(moment)) is is_open


def test_over_midnight_it_belongs_to_the_day_on_which_it_begins() -> None:
    night = session("Asia/Seoul", "22:00", "06:00", "Fri")
    assert not night.is_open_at(at("2026-03-06T12:59:00Z"))
    assert night.is_open_at(at("2026-03-06T13:00:00Z"))
    assert night.is_open_at(at("2026-03-06T20:59:00Z")), "Saturday there"
    assert not night.is_open_at(at("2026-03-06T21:00:00Z"))
    assert not night.is_open_at(at("2026-03-07T14:00:00Z"))


def test_it_says_when_it_changes() -> None:
    there = session()
    assert there.changes_ns(at("2026-03-06T15:00:00Z")) == at("2026-03-06T21:00:00Z")
    assert there.changes_ns(at("2026-03-06T21:00:00Z")) == at("2026-03-09T13:30:00Z")
    always = session("UTC", "00:00", "24:00", "Mon-Sun")
    assert always.changes_ns(at("2026-03-06T15:00:00Z")) > at("2026-03-13T00:00:00Z"), "a day goes on in the next"
    assert always.is_open_at(at("2026-03-10T00:00:00Z"))


def test_hours_that_the_clocks_jump_over_begin_and_end_at_the_first_moment_that_exists() -> None:
    late = session("America/New_York", "02:30", "04:00", "Sun")
    assert [late.is_open_at(at(f"2026-03-08T{clock}Z")) for clock in ("06:59:59", "07:00:00", "07:59:59", "08:00:00")] == [
        False,
        True,
        True,
        False,
    ]
    over = session("America/New_York", "01:00", "02:30", "Sun")
    assert over.changes_ns(at("2026-03-08T06:30:00Z")) == at("2026-03-08T07:00:00Z")


@pytest.mark.parametrize(("zone", "begins", "ends", "day"), [
    ("America/New_York", "02:10", "02:50", "2026-03-08"), ("Europe/London", "01:15", "01:45", "2026-03-29"),
])  # fmt: skip
def test_hours_that_do_not_exist_at_all_are_none_on_that_day(zone: str, begins: str, ends: str, day: str) -> None:
    gone = session(zone, begins, ends, "Sun")
    midnight = at(f"{day}T00:00:00Z")
    assert not any(gone.is_open_at(midnight + minute * 60 * S) for minute in range(12 * 60))
    assert gone.changes_ns(midnight) > midnight + 6 * 24 * 3600 * S, "the next are those of the next week"


@given(
    st.integers(at("2025-01-01T00:00:00Z") // S, at("2027-01-01T00:00:00Z") // S),
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Seoul", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 23),
    st.integers(1, 24),
)
def test_it_is_open_while_clocks_there_show_so(second: int, zone: str, begins: int, hours: int) -> None:
    """Against the clocks themselves; hours around which they are set are left out."""
    moment = datetime.fromtimestamp(second, ZoneInfo(zone))
    offsets = {(moment + timedelta(hours=step)).utcoffset() for step in range(-48, 49, 3)}
    if len(offsets) > 1:
        return
    there = session(zone, f"{begins:02d}:00", f"{(begins + hours) % 24 or 24:02d}:00", "Mon-Fri")
    since = (moment.hour * 60 + moment.minute - begins * 60) % (24 * 60)
    begun = moment - timedelta(minutes=since)
    assert there.is_open_at(second * S) == (since < hours * 60 and begun.weekday() < 5)


@pytest.mark.parametrize(
    ("zone", "begins", "ends", "days", "why"),
    [
        ("Korea/Seoul", "09:00", "10:00", "Mon", "no time zone"),
        ("../etc", "09:00", "10:00", "Mon", "no time zone"),
        ("UTC", "9", "10:00", "Mon", "no time of a day"),
        ("UTC", "09:60", "10:00", "Mon", "no time of a day"),
        ("UTC", "24:00", "10:00", "Mon", "before 24:00"),
        ("UTC", "09:00", "25:00", "Mon", "no time of a day"),
        ("UTC", "09:00", "10:00", "Montag", "no day"),
        ("UTC", "09:00", "10:00", "", "no day"),
    ],
)
def test_what_is_no_session_is_told(zone: str, begins: str, ends: str, days: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        session(zone, begins, ends, days)


def test_days_are_spans_and_lists() -> None:
    assert repr(session(days="Fri-Mon,wed")) == "<Session America/New_York 09:30-16:00 Mon,Wed,Fri,Sat,Sun>"
    asked = session_of("UTC", "08:00", "09:00", ("Mon", "Tue-Wed"), lambda: at("2026-03-10T08:30:00Z"))
    assert asked.open
