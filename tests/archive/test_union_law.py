"""What stays of several recordings is the same in whatever order, grouping and however often they are united."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.union.law import Marks, kept

Row = tuple[int, int, int, bytes]
"""(payload, rank of the collector, receipt, line)"""

_payloads = st.integers(0, 4)


@st.composite
def _row(draw: st.DrawFn) -> Row:
    payload, rank, receipt, epoch = draw(_payloads), draw(st.integers(0, 2)), draw(st.integers(0, 3)), draw(st.integers(0, 1))
    return payload, rank, receipt, b"%d %d %d %d" % (receipt, rank, epoch, payload)


_recording = st.lists(_row(), max_size=8)


def _unite(*recordings: Sequence[Row]) -> list[Row]:
    marks = [
        Marks(
            np.array([row[0] // 2 for row in each], np.uint64),  # two payloads share a key: the check tells them apart
            np.array([row[0] for row in each], np.uint64),
            np.array([row[1] for row in each], np.int64),
            np.array([row[2] for row in each], np.int64),
        )
        for each in recordings
    ]
    chosen = kept(marks, lambda source, at: recordings[source][at][3])
    return sorted(row for each, stays in zip(recordings, chosen, strict=True) for row, stay in zip(each, stays, strict=True) if stay)


@given(_recording, _recording, _recording)
def test_order_grouping_and_repetition_change_nothing(a: list[Row], b: list[Row], c: list[Row]) -> None:
    assert _unite(a, b) == _unite(b, a)
    assert _unite(_unite(a, b), c) == _unite(a, _unite(b, c)) == _unite(a, b, c) == _unite(c, a, b, a)
    assert _unite(a, a) == _unite(a) == _unite(a, []) == sorted(a)


@given(_recording, _recording)
def test_each_payload_is_there_as_often_as_in_the_recording_that_has_it_most_often(a: list[Row], b: list[Row]) -> None:
    def counted(rows: list[Row]) -> dict[int, int]:
        return {payload: sum(row[0] == payload for row in rows) for payload in range(5)}

    united = counted(_unite(a, b))
    assert united == {payload: max(counted(a)[payload], counted(b)[payload]) for payload in range(5)}


def _plainly(*recordings: Sequence[Row]) -> list[Row]:
    """The law, copy by copy."""
    best: dict[tuple[int, int], Row] = {}
    for each in recordings:
        for payload in {row[0] for row in each}:
            for turn, row in enumerate(sorted((row for row in each if row[0] == payload), key=lambda row: row[1:])):
                known = best.get((payload, turn))
                best[payload, turn] = row if known is None else min(known, row, key=lambda one: one[1:])
    return sorted(best.values())


@given(st.lists(_recording, min_size=1, max_size=4))
def test_it_is_what_a_plain_loop_finds(recordings: list[list[Row]]) -> None:
    assert _unite(*recordings) == _plainly(*recordings)


@given(st.lists(st.integers(0, 9), max_size=9), st.integers(0, 1), st.lists(st.integers(0, 3), min_size=9, max_size=9), st.booleans())
def test_recordings_in_step_are_paired_as_a_plain_loop_does(payloads: list[int], rank: int, late: list[int], once: bool) -> None:
    if once:  # the other short way: each payload once, in no common order
        payloads = list(dict.fromkeys(payloads))
    one = [(payload, 0, 10 * at, b"one %d" % at) for at, payload in enumerate(payloads)]
    other = [(payload, rank, 10 * at + late[at] - 1, b"other %d" % at) for at, payload in enumerate(payloads)]
    for which in (other, other[1:], other[::-1] if once else other):
        assert _unite(one, which) == _unite(which, one) == _plainly(one, which)


def test_the_collector_named_first_then_the_first_receipt_then_the_smaller_line() -> None:
    assert _unite([(0, 1, 5, b"tokyo")], [(0, 0, 9, b"seoul")]) == [(0, 0, 9, b"seoul")]
    assert _unite([(0, 1, 5, b"tokyo")], [(0, 1, 4, b"seoul")]) == [(0, 1, 4, b"seoul")]
    assert _unite([(0, 1, 5, b"tokyo")], [(0, 1, 5, b"seoul")]) == [(0, 1, 5, b"seoul")]


def test_the_same_id_with_another_payload_is_another_record() -> None:
    assert len(_unite([(0, 0, 5, b"one")], [(1, 0, 5, b"other")])) == 2
