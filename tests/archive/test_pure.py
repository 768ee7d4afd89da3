"""The pure helpers: spans of time, runs of ids, books, the scan of a series."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.bookcheck import BookCheck
from hoga.archive.form.idruns import IdRuns
from hoga.archive.form.semantics import SeriesScan
from hoga.archive.form.spans import clipped, covered_ns, covers, joined, without
from hoga.archive.form.text import count_lines, split_lines
from hoga.venues.registry import channels_for
from tests.archive.workshop import agg_trade, book, delta, envelope

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def points(spans: list[tuple[int, int]]) -> set[int]:
    return {at for start, end in spans for at in range(min(start, end), max(start, end))}


@given(SPANS, SPANS)
def test_spans_are_sets_of_time(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    assert points(joined(one)) == points(one)
    assert points(without(one, other)) == points(one) - points(other)
    assert covered_ns(one) == len(points(one))
    assert points(clipped(one, (10, 40))) == {at for at in points(one) if 10 <= at < 40}


@given(SPANS)
def test_joined_spans_are_sorted_and_apart(spans: list[tuple[int, int]]) -> None:
    result = joined(spans)
    assert all(one[1] < other[0] for one, other in pairwise(result))


def test_both_ends_of_a_span_belong_to_it() -> None:
    assert [covers([(3, 5)], at) for at in (2, 3, 5, 6)] == [False, True, True, False]


@given(st.sets(st.integers(0, 50), min_size=1), st.randoms(use_true_random=False))
def test_runs_know_what_is_missing_in_any_order(present: set[int], random: object) -> None:
    ids = sorted(present)
    random.shuffle(ids)
    runs = IdRuns()
    for value in ids:
        runs.add(value, value, from_ns=value * 10, to_ns=value * 10, offset=value)
    missing = set(range(min(present), max(present))) - present
    assert {value for hole in runs.holes() for value in range(hole.first, hole.last + 1)} == missing
    assert runs.missing_within(0, 50) == 51 - len(present)
    for hole in runs.holes():
        assert (hole.from_ns, hole.to_ns, hole.offset) == ((hole.first - 1) * 10, (hole.last + 1) * 10, hole.last + 1)


@given(st.binary(max_size=300))
def test_lines_are_counted_and_split_at_newlines_only(block: bytes) -> None:
    assert count_lines(block) == block.count(b"\n")
    assert b"".join(split_lines(block)) == block[: block.rfind(b"\n") + 1]
    assert len(split_lines(block)) == block.count(b"\n")


def test_a_book_is_crossed_whatever_its_spelling() -> None:
    check = BookCheck()
    assert check.look(b'[["9.50","1"]]', b'[["10.1","1"]]') == []
    assert [kind for kind, _ in check.look(b'[["10.50","1"]]', b'[["9.9","1"]]')] == ["crossed"]
    assert [kind for kind, _ in check.look(b"[ [10.5, 1] ]", b"[[9.9, 1, []]]")] == ["crossed"]
    assert check.look(b"[]", b'[["9.9","1"]]') == []
    assert check.look(b"", b"") == []


def scanned(kind: str, text: bytes, *, pieces: int = 0) -> SeriesScan:
    scan = SeriesScan(channels_for("", kind), keep_ids=True)
    scan.begin((0, 2**63))
    for at in range(0, len(text), pieces or max(1, len(text))):
        scan.feed(text[at : at + (pieces or len(text))])
    return scan


@pytest.mark.parametrize("pieces", [0, 1, 7, 300])
@pytest.mark.parametrize("kind", ["orderbook", "execution", "delta", "quote", "candle"])
def test_the_scan_does_not_care_how_the_text_is_cut(kind: str, pieces: int) -> None:
    lines = {
        "orderbook": [book(at, at) for at in range(1, 30)],
        "execution": [agg_trade(at, at) for at in range(1, 30) if at != 9],
        "delta": [delta(at, at, at) for at in range(1, 30)],
        "quote": [envelope(at, b'{"u":%d}' % at) for at in range(1, 30)],
        "candle": [envelope(at, b'{"k":{"u":%d}}' % at) for at in range(1, 30)],
    }[kind]
    scan = scanned(kind, b"".join(lines), pieces=pieces)
    facts = scan.end()
    assert (facts.records, facts.bytes, facts.first_recv_ns, facts.last_recv_ns) == (len(lines), sum(map(len, lines)), 1, 29)
    assert (facts.first_id, facts.last_id) == ((None, None) if kind == "candle" else (1, 29))
    assert scan.remarks == []
    holes = [hole for runs in scan.runs.values() for hole in runs.holes()]
    assert [(hole.first, hole.offset) for hole in holes] == ([(9, sum(map(len, lines[:8])))] if kind == "execution" else [])


@pytest.mark.parametrize(
    ("kind", "payload", "ids"),
    [
        ("execution", b'{"e":"aggTrade","a":"5"}', (None, None)),
        ("execution", b'{"e":"trade","a":7,"t":6}', (6, 6)),
        ("execution", b'{"e":"aggTrade","a":9007199254740995}', (9007199254740995, 9007199254740995)),
        ("execution", b'{"e":7,"a":5}', (None, None)),
        ("orderbook", b'{"lastUpdateId":4,"bids":7,"asks":[]}', (4, 4)),
        ("orderbook", b'{"lastUpdateId":18446744073709551617,"bids":[],"asks":[]}', (2**64 + 1, 2**64 + 1)),
        ("orderbook", b'{"e":"depthUpdate","U":3,"u":4,"pu":2,"b":[["1","1"]],"a":[["2","1"]]}', (4, 4)),
        ("orderbook", b'{"lastUpdateId":4.5,"bids":[],"asks":[]}', (None, None)),
        ("delta", b'{"U":3,"u":"x"}', (3, 3)),
        ("delta", b'{"U":3,"u":9,"b":[],"a":[]}', (3, 9)),
    ],
)
def test_odd_payloads_never_break_the_scan(kind: str, payload: bytes, ids: tuple[int | None, int | None]) -> None:
    scan = scanned(kind, envelope(5, payload))
    facts = scan.end()
    assert (facts.records, facts.first_recv_ns) == (1, 5)
    assert (facts.first_id, facts.last_id) == ids
    assert [remark.kind for remark in scan.remarks] in ([], ["unreadable"])


@given(st.binary(max_size=200), st.sampled_from(["orderbook", "execution", "delta", "quote", "other"]))
def test_garbage_is_remarked_upon_never_raised(garbage: bytes, kind: str) -> None:
    text = agg_trade(5, 5) + garbage.replace(b"\n", b" ") + b"\n"
    scan = scanned(kind, text)
    facts = scan.end()
    assert (facts.records, facts.bytes) == (2, len(text))


def test_a_torn_end_is_remarked_upon() -> None:
    scan = scanned("execution", agg_trade(5, 5) + b'{"recv')
    facts = scan.end()
    assert (facts.records, facts.bytes) == (1, len(agg_trade(5, 5)) + 6)
    assert [(remark.kind, remark.offset) for remark in scan.remarks] == [("torn", len(agg_trade(5, 5)))]
