"""The head of an HTTP answer, and what Retry-After asks for: tables of cases, and text that is never trusted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.net.answers import read_head
from hoga.net.ratelimit import Budget
from hoga.net.retry import LONGEST_S, bounded, retry_after_s

NOW_S = 1_796_000_000.0
"""Monday, 30 November 2026, 00:53:20 UTC."""


@pytest.mark.parametrize(
    ("raw", "status", "headers"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\na: c\r\nno colon", 200, {"a": "b"}),
        (b"HTTP/1.0 520 ", 520, {}),
        (b"http/2 999", 999, {}),
        (b"HTTP/1.1 429 Too Many\r\nRetry-After:7", 429, {"retry-after": "7"}),
        (b"HTTP/1.1 451 \xff\r\nX: \xff", 451, {"x": "ÿ"}),
        (b"HTTP/1.1 42", None, {}),
        (b"HTTP/1.1 4290 x", None, {}),
        (b"ICY 200 OK", None, {}),
        (b"", None, {}),
    ],
)
def test_the_head_of_an_answer(raw: bytes, status: int | None, headers: dict[str, str]) -> None:
    head = read_head(raw)
    assert (None if head is None else head.status) == status
    assert head is None or head.headers == headers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("1e2", 100.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999", LONGEST_S),
        ("inf", LONGEST_S),
        ("-Infinity", 0.0),
        ("1e400", LONGEST_S),
        ("9" * 400, LONGEST_S),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("1_000", None),
        ("７", None),
        ("0x10", None),
        ("Mon, 30 Nov 2026 00:54:20 GMT", 60.0),
        ("Monday, 30-Nov-26 00:54:20 GMT", 60.0),
        ("Mon Nov 30 00:54:20 2026", 60.0),
        ("Mon, 30 Nov 2026 00:50:00 GMT", 0.0),
        ("Mon, 30 Nov 1999 00:50:00 GMT", 0.0),
        ("Mon, 30 Nov 9999 00:50:00 GMT", LONGEST_S),
        ("Mon, 99 Nov 2026 00:50:00 GMT", None),
    ],
)
def test_what_retry_after_asks_for(text: str | None, expected: float | None) -> None:
    assert retry_after_s(text, now_s=NOW_S) == expected


def test_a_point_in_time_is_measured_from_the_servers_own_clock() -> None:
    until, date = "Mon, 30 Nov 2026 00:54:20 GMT", "Mon, 30 Nov 2026 00:54:00 GMT"
    assert retry_after_s(until, date=date, now_s=0.0) == 20.0
    assert retry_after_s(until, date="not a date", now_s=NOW_S) == 60.0


@given(st.one_of(st.none(), st.text(max_size=40), st.floats().map(str), st.integers().map(str)), st.one_of(st.none(), st.text(max_size=40)))
def test_nobody_is_obeyed_for_ever(text: str | None, date: str | None) -> None:
    wait_s = retry_after_s(text, date=date, now_s=NOW_S)
    assert wait_s is None or 0.0 <= wait_s <= LONGEST_S


@given(st.floats(), st.floats(min_value=1, max_value=1e6), st.booleans())
def test_a_budget_is_blocked_for_no_longer_than_the_venues_longest_ban(wish: float, longest_s: float, banned: bool) -> None:
    budget = Budget(limit=10, window_s=10.0, longest_s=longest_s)
    budget.refused(100.0, retry_after_s=wish, banned=banned)
    wait_s = budget.wait_s(100.0)
    assert 0.0 <= wait_s <= max(longest_s, 10.0)
    assert math.isfinite(wait_s)
    if wish != wish:
        assert wait_s == 10.0
    assert bounded(wish, longest_s=longest_s) is None or wait_s == pytest.approx(min(max(0.0, wish), longest_s))
