"""What ids prove: each id recorded once, holes told once, one broken id hurts nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.quality.sequence import FAR_AFTER, RESTART_AFTER, Hole, Sequence, Verdict

NEW, LATE, DUPLICATE, STALE = Verdict.NEW, Verdict.LATE, Verdict.DUPLICATE, Verdict.STALE


def judge(sequence: Sequence, *ids: int, at: int = 0) -> list[Verdict]:
    return [sequence.receive(number, number, at + place) for place, number in enumerate(ids)]


@pytest.mark.parametrize(
    ("ids", "verdicts"),
    [
        ((1, 2, 3), [NEW, NEW, NEW]),
        ((5, 5), [NEW, DUPLICATE]),
        ((5, 7, 6, 6), [NEW, NEW, LATE, DUPLICATE]),
        ((5, 9, 7, 6, 8, 8), [NEW, NEW, LATE, LATE, LATE, DUPLICATE]),
        ((5, 4), [NEW, DUPLICATE]),
    ],
)
def test_contiguous_ids(ids: tuple[int, ...], verdicts: list[Verdict]) -> None:
    assert judge(Sequence(contiguous=True), *ids) == verdicts


@pytest.mark.parametrize(
    ("ids", "verdicts"),
    [
        ((10, 20, 30), [NEW, NEW, NEW]),
        ((10, 20, 20, 10), [NEW, NEW, DUPLICATE, DUPLICATE]),
        ((10, 30, 20, 20), [NEW, NEW, LATE, DUPLICATE]),
        ((10, 9), [NEW, LATE]),
    ],
)
def test_increasing_ids(ids: tuple[int, ...], verdicts: list[Verdict]) -> None:
    assert judge(Sequence(contiguous=False), *ids) == verdicts


def test_a_late_frame_does_not_make_forgotten_ones_look_late() -> None:
    sequence = Sequence(contiguous=False, memory=4)
    assert judge(sequence, 10, 12, 14, 16, 11, 18) == [NEW, NEW, NEW, NEW, LATE, NEW]
    assert judge(sequence, 12) == [STALE], "12 was received; it fell out of memory and must not be recorded again"


def test_a_frame_older_than_memory_is_stale() -> None:
    sequence = Sequence(contiguous=False, memory=3)
    assert judge(sequence, 1, 2, 3, 4, 5) == [NEW] * 5
    assert judge(sequence, 2, 3, 4) == [STALE, DUPLICATE, DUPLICATE]


def test_ids_recorded_by_an_earlier_life_are_not_recorded_again() -> None:
    increasing, contiguous = Sequence(contiguous=False), Sequence(contiguous=True)
    for sequence in (increasing, contiguous):
        sequence.resume(100, 5)
    assert judge(increasing, 100, 90, 101) == [STALE, STALE, NEW]
    assert judge(contiguous, 100, 90, 103) == [DUPLICATE, DUPLICATE, NEW]
    assert contiguous.drain_holes(older_than_ns=99) == [Hole(101, 102, 5, 2)]


@pytest.mark.parametrize("contiguous", [False, True])
def test_the_venue_numbers_anew(contiguous: bool) -> None:
    sequence = Sequence(contiguous=contiguous, memory=16)
    judge(sequence, *range(1_000_000, 1_000_100))
    old = judge(sequence, *range(1, RESTART_AFTER + 1))
    assert NEW not in old
    assert judge(sequence, RESTART_AFTER + 1, RESTART_AFTER + 2) == [NEW, NEW]
    assert sequence.drain_holes(older_than_ns=1 << 62) == []


def test_old_frames_among_new_ones_never_restart_the_numbering() -> None:
    sequence = Sequence(contiguous=False, memory=4)
    judge(sequence, *range(1_000, 1_010))
    for number in range(RESTART_AFTER + 10):
        assert sequence.receive(5, 5, 0) is STALE
        assert sequence.receive(2_000 + number, 2_000 + number, 0) is NEW


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize("broken", [2**53 + 1, 2**63 - 1, 2**63, 10**30, 1])
def test_one_broken_id_does_not_silence_the_stream(contiguous: bool, broken: int) -> None:
    sequence = Sequence(contiguous=contiguous)
    judge(sequence, 100_530_416_202)
    assert judge(sequence, broken) == [STALE]
    assert judge(sequence, 100_530_416_203) == [NEW]
    assert sequence.drain_holes(older_than_ns=1 << 62) == []


def test_ids_beyond_2_to_the_53_are_exact() -> None:
    first = 2**53 + 1
    sequence = Sequence(contiguous=True)
    assert judge(sequence, first, first + 1, first + 1, first + 3) == [NEW, NEW, DUPLICATE, NEW]
    assert [(hole.first, hole.last) for hole in sequence.drain_holes(older_than_ns=99)] == [(first + 2, first + 2)]


def test_a_numbering_out_of_proportion_is_believed_when_it_goes_on() -> None:
    sequence = Sequence(contiguous=True)
    judge(sequence, 100)
    far = range(2**53, 2**53 + FAR_AFTER + 2)
    assert judge(sequence, *far) == [STALE] * (FAR_AFTER - 1) + [NEW] * 3
    assert sequence.drain_holes(older_than_ns=99) == []


@pytest.mark.parametrize(("first", "last"), [(5, 4), (2**63, 2**63), (1, 10**40)])
def test_impossible_ids_are_stale(first: int, last: int) -> None:
    sequence = Sequence(contiguous=True)
    assert sequence.receive(first, last, 0) is STALE
    assert sequence.last is None


def test_ranged_ids_fill_a_hole_in_parts() -> None:
    sequence = Sequence(contiguous=True)
    assert sequence.receive(1, 10, 1) is NEW
    assert sequence.receive(31, 40, 2) is NEW
    assert sequence.receive(15, 20, 3) is LATE
    assert sequence.receive(21, 30, 4) is LATE
    assert sequence.receive(15, 20, 5) is DUPLICATE
    assert sequence.drain_holes(older_than_ns=2) == []
    assert sequence.drain_holes(older_than_ns=3) == [Hole(11, 14, 1, 2)]
    assert sequence.drain_holes(older_than_ns=3) == []
    assert sequence.receive(11, 14, 6) is DUPLICATE, "told already"


def test_take_hole_gives_only_what_this_frame_left() -> None:
    sequence = Sequence(contiguous=True)
    judge(sequence, 1)
    sequence.receive(5, 5, 10)
    assert sequence.take_hole(11) is None
    hole = sequence.take_hole(10)
    assert hole is not None
    assert hole.missed == 3
    assert sequence.drain_holes(older_than_ns=99) == []


ids_st = st.lists(st.integers(1, 60), max_size=120)


@given(ids_st)
def test_contiguous_against_a_set(ids: list[int]) -> None:
    """Nothing is recorded twice, nothing that arrived after the first id is lost, and the holes are exactly what is absent."""
    sequence, recorded = Sequence(contiguous=True), []
    for number in ids:
        if sequence.receive(number, number, 0) in (NEW, LATE):
            recorded.append(number)
    assert len(recorded) == len(set(recorded))
    if ids:
        assert set(recorded) == {number for number in ids if number >= ids[0]}
        absent = set(range(ids[0], max(ids) + 1)) - set(ids)
        holes = sequence.drain_holes(older_than_ns=1)
        assert sorted(number for hole in holes for number in range(hole.first, hole.last + 1)) == sorted(absent)


@given(ids_st, st.integers(2, 12))
def test_increasing_never_records_an_id_twice(ids: list[int], memory: int) -> None:
    sequence, recorded = Sequence(contiguous=False, memory=memory), []
    for number in ids:
        if sequence.receive(number, number, 0) in (NEW, LATE):
            recorded.append(number)
    assert len(recorded) == len(set(recorded))
    if len(set(ids)) <= memory:
        assert set(recorded) == set(ids)


@given(
    st.lists(st.sampled_from(["both", "a", "b"]), min_size=1, max_size=60),
    st.integers(0, 6),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_two_legs_with_skew_and_loss_record_the_union_once(where: list[str], skew: int, contiguous: bool, random: object) -> None:
    """Each id arrives on at least one leg, at most `skew` frames behind the other leg: recorded exactly once."""
    legs = {leg: [number for number, on in enumerate(where, 100) if on in (leg, "both")] for leg in ("a", "b")}
    arrivals = sorted(
        [(number + (skew if leg == "b" else 0) + random.random() * 0.9, number) for leg, numbers in legs.items() for number in numbers]  # type: ignore[attr-defined]
    )
    sequence = Sequence(contiguous=contiguous, memory=32)
    recorded = [number for _, number in arrivals if sequence.receive(number, number, 0) in (NEW, LATE)]
    began = arrivals[0][1]
    assert len(recorded) == len(set(recorded))
    wanted = range(100, 100 + len(where)) if not contiguous else range(began, 100 + len(where))
    assert set(recorded) == set(wanted)
    assert sequence.drain_holes(older_than_ns=1) == []
