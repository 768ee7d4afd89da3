"""One record, one line: what is written is read back, and nothing else passes for it."""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.audit.chain import FIRST, body_of, line_of, link_of, next_hash, parts_of, record_of, without
from hoga.core.secret import Secret

FIELDS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name not in ("n", "t", "m", "b", "k")),
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=20), st.booleans(), st.none(), st.lists(st.text(max_size=5), max_size=3)),
    max_size=6,
)


@given(FIELDS, st.integers(1, 2**60), st.one_of(st.none(), st.integers(0, 2**60)))
def test_a_line_gives_back_its_record(fields: dict[str, object], n: int, m: int | None) -> None:
    body = body_of(n, 1_763_643_151_123_456_789, m, 17, "order.intent", fields)
    own = next_hash(FIRST, body)
    line = line_of(body, own)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    record = record_of(link_of(line[:-1]))
    assert (record.n, record.t, record.m, record.b, record.kind) == (n, 1_763_643_151_123_456_789, m, 17, "order.intent")
    assert record.fields == fields
    assert record.hash == own


def test_the_hash_is_what_the_page_says() -> None:
    body = body_of(1, 2, 3, 4, "boot", {"a": "호가"})
    assert body == '{"n":1,"t":2,"m":3,"b":4,"k":"boot","a":"호가"}'.encode()
    first = sha256(bytes(32) + body).digest()
    assert next_hash(FIRST, body) == first
    assert next_hash(first, body) == sha256(first + body).digest()
    assert line_of(body, first) == body + b" " + first.hex().encode() + b"\n"


def test_numbers_that_are_no_integers_become_their_text_and_structs_are_taken_as_they_are() -> None:
    class Wanted(msgspec.Struct):
        id: str
        q: int

    assert json.loads(body_of(1, 2, None, 0, "signal", {"fast": 0.1, "bad": float("nan")})) == {
        "n": 1, "t": 2, "b": 0, "k": "signal", "fast": "0.1", "bad": "nan",
    }  # fmt: skip
    assert body_of(1, 2, None, 0, "signal", Wanted("a", 3)) == b'{"n":1,"t":2,"b":0,"k":"signal","id":"a","q":3}'
    assert body_of(1, 2, None, 0, "seal", {}) == b'{"n":1,"t":2,"b":0,"k":"seal"}'


@pytest.mark.parametrize("name", ["n", "t", "m", "b", "k"])
def test_a_member_of_the_journals_own_is_not_taken(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        body_of(1, 2, 3, 4, "signal", {name: 1})


def test_no_secret_is_written() -> None:
    body = body_of(1, 2, 3, 4, "order.ack", {"key": Secret("topsecret"), "raw": {"topsecret1234": ["x topsecret1234 y"]}, "q": 1234})
    assert b'"key":"***"' in body
    hidden = without(body, ("topsecret1234", "1234"))
    assert b"topsecret" not in hidden
    assert json.loads(hidden)["q"] == 1234
    assert list(json.loads(hidden)) == ["n", "t", "m", "b", "k", "key", "raw", "q"]


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error_and_nothing_else(line: bytes) -> None:
    parts_of(line)
    with pytest.raises(ValueError):
        record_of(link_of(line))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"n":1}', b'{"n":"1","t":2,"b":3,"k":"x"}', b'{"n":1,"t":2,"b":3,"k":4}', b'{"n":1,"t":2,"m":"","b":3,"k":"x"}']
)
def test_an_object_that_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="no record"):
        record_of(link_of(line_of(body, FIRST)[:-1]))
