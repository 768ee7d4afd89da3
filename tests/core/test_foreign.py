"""What others said is shown on one line, bounded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.foreign import describe_answer, excerpt


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", ""),
        (b"plain", "plain"),
        (b" two\r\n\tlines ", "two lines"),
        (b"\x1b[31mred\x00\x07", "[31mred"),
        ("호가\u202e\u2028x", "호가 x"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 11, "x" * 10 + "…"),
        (b" " * 500 + b"late", "…"),
        (b"a" + b" " * 30 + b"b", "a b"),
    ],
)
def test_an_excerpt(said: bytes | str, expected: str) -> None:
    assert excerpt(said, most=10) == expected


@given(st.one_of(st.binary(max_size=3_000), st.text(max_size=3_000)), st.integers(1, 200))
def test_an_excerpt_is_one_bounded_line_of_visible_text(said: bytes | str, most: int) -> None:
    shown = excerpt(said, most=most)
    assert len(shown) <= most + 1
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(each)[0] == "C" for each in shown)


def test_an_answer_is_told_in_a_few_words() -> None:
    page = b"<h1>not\nhere</h1>"
    assert describe_answer(451, content_type="text/html; charset=utf-8", body=page) == "HTTP 451, text/html: <h1>not here</h1>"
    assert describe_answer(502, content_type="", body=b"") == "HTTP 502, without a body"
