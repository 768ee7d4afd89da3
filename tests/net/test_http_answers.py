"""HTTP answers however they are cut: whole, byte for byte, several in one piece; and what is no answer is told, not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.net.http_answers import AnswerReader, HttpAnswer

PLAIN = b'HTTP/1.1 201 Created\r\nDate: x\r\nRemaining-Req: group=order; min=1; sec=11\r\nContent-Length: 5\r\n\r\n{"a"}'
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + PLAIN
CLOSING = b"HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
ALL = [PLAIN, CHUNKS, NOTHING, INTERIM, CLOSING]
SAID = [(201, b'{"a"}', True), (200, b"abc0123456789", True), (204, b"", True), (201, b'{"a"}', True), (500, b"", False)]


def said(answers: list[HttpAnswer]) -> list[tuple[int, bytes, bool]]:
    return [(each.status, each.body, each.keeps) for each in answers]


@given(picks=st.lists(st.integers(0, 4), min_size=1, max_size=5), cuts=st.lists(st.integers(1, 60), max_size=60))
def test_any_answers_cut_anywhere(picks: list[int], cuts: list[int]) -> None:
    whole = b"".join(ALL[pick] for pick in picks)
    reader, found = AnswerReader(), []
    for cut in [*cuts, len(whole)]:
        found += reader.feed(whole[:cut])
        whole = whole[cut:]
    assert said(found) == [SAID[pick] for pick in picks]
    assert reader.is_empty


def test_headers_are_there_in_lower_case() -> None:
    [answer] = AnswerReader().feed(PLAIN)
    assert answer.headers["remaining-req"] == "group=order; min=1; sec=11"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
        b"H" * 70_000,
    ],
)
def test_what_is_no_answer_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        AnswerReader().feed(data)


@given(data=st.binary(max_size=300))
def test_garbage_is_told_or_waited_for(data: bytes) -> None:
    """What comes in one piece says the same as byte by byte."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert outcome([head + data]) == outcome([bytes([each]) for each in head + data])


def outcome(pieces: list[bytes]) -> object:
    reader, found = AnswerReader(), []
    try:
        for piece in pieces:
            found += reader.feed(piece)
    except ValueError:
        return "no answer"
    return said(found)
