"""What ids prove: each id recorded once, holes told once, one broken id hurts nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.quality.memory import HOT_FRAMES
from hoga.quality.sequence import MOVE_AFTER, Hole, Sequence, Verdict

NEW, LATE, DUPLICATE = Verdict.NEW, Verdict.LATE, Verdict.DUPLICATE


def judge(sequence: Sequence, *ids: int, at: int = 0) -> list[Verdict]:
    return [sequence.receive(number, number, at + place) for place, number in enumerate(ids)]


@pytest.mark.parametrize(
    ("ids", "verdicts"),
    [
        ((1, 2, 3), [NEW, NEW, NEW]),
        ((5, 5), [NEW, DUPLICATE]),
        ((5, 7, 6, 6), [NEW, NEW, LATE, DUPLICATE]),
        ((5, 9, 7, 6, 8, 8), [NEW, NEW, LATE, LATE, LATE, DUPLICATE]),
        ((5, 4, 5), [NEW, LATE, DUPLICATE]),
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


def test_a_frame_older_than_memory_is_recorded_because_nothing_proves_that_it_was() -> None:
    sequence = Sequence(contiguous=False, memory=3)
    assert judge(sequence, *range(1, HOT_FRAMES * 2 + 2)) == [NEW] * (HOT_FRAMES * 2 + 1)
    newest = HOT_FRAMES * 2 + 1
    assert judge(sequence, newest, newest - 2, 2) == [DUPLICATE, DUPLICATE, LATE]


def test_ids_of_an_earlier_life_are_known_as_far_as_it_told_them() -> None:
    increasing, contiguous = Sequence(contiguous=False), Sequence(contiguous=True)
    for sequence in (increasing, contiguous):
        sequence.resume([(50, 80), (90, 100)], 5, [(99, 0), (100, 0)])
    assert judge(increasing, 100, 101) == [DUPLICATE, NEW]
    assert judge(contiguous, 100, 99, 85, 103) == [DUPLICATE, DUPLICATE, LATE, NEW]
    assert judge(contiguous, 60) == [LATE], "its id was received, what was in it nobody knows any more"
    assert Hole(101, 102, 3, 3) in contiguous.drain_holes(older_than_ns=99)


@pytest.mark.parametrize("contiguous", [False, True])
def test_the_venue_numbers_anew(contiguous: bool) -> None:
    sequence = Sequence(contiguous=contiguous, memory=16)
    judge(sequence, *range(1_000_000, 1_000_100))
    assert judge(sequence, *range(1, 6)) == [LATE] * (MOVE_AFTER - 1) + [NEW] * 3, "none is refused"
    assert judge(sequence, 1_000_100) == [NEW], "and back again"


def test_another_capture_behind_the_first_is_recorded_whole() -> None:
    sequence = Sequence(contiguous=True, memory=1000)
    later, earlier = range(6_000_000_000, 6_000_000_500), range(3_000_000_000, 3_000_000_500)
    verdicts = judge(sequence, *later, *earlier)
    assert DUPLICATE not in verdicts
    assert judge(sequence, *earlier) == [DUPLICATE] * 500, "now they were received"


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize("broken", [2**53 + 1, 2**63 - 1, 1])
def test_one_broken_id_is_recorded_and_does_not_mislead(contiguous: bool, broken: int) -> None:
    sequence = Sequence(contiguous=contiguous)
    judge(sequence, 100_530_416_202)
    assert judge(sequence, broken) == [LATE]
    assert judge(sequence, 100_530_416_203) == [NEW]
    assert not any(hole.proven for hole in sequence.drain_holes(older_than_ns=1 << 62))


def test_ids_beyond_2_to_the_53_are_exact() -> None:
    first = 2**53 + 1
    sequence = Sequence(contiguous=True)
    assert judge(sequence, first, first + 1, first + 1, first + 3) == [NEW, NEW, DUPLICATE, NEW]
    assert [(hole.first, hole.last) for hole in sequence.drain_holes(older_than_ns=99)] == [(first + 2, first + 2)]


def test_a_numbering_out_of_proportion_is_believed_when_it_goes_on() -> None:
    sequence = Sequence(contiguous=True)
    judge(sequence, 100)
    far = range(2**53, 2**53 + MOVE_AFTER + 2)
    assert judge(sequence, *far) == [LATE] * (MOVE_AFTER - 1) + [NEW] * 3
    assert not any(hole.proven for hole in sequence.drain_holes(older_than_ns=99))


def test_ids_that_run_backwards_within_a_frame_are_recorded_and_do_not_mislead() -> None:
    sequence = Sequence(contiguous=True)
    judge(sequence, 1, 2)
    assert sequence.receive(5, 4, 0) is LATE
    assert judge(sequence, 3) == [NEW]


def test_ranged_ids_fill_a_hole_in_parts() -> None:
    sequence = Sequence(contiguous=True)
    assert sequence.receive(1, 10, 1) is NEW
    assert sequence.receive(31, 40, 2) is NEW
    assert sequence.receive(15, 20, 3) is LATE
    assert sequence.receive(21, 30, 4) is LATE
    assert sequence.receive(15, 20, 5) is DUPLICATE
    assert sequence.drain_holes(older_than_ns=2) == []
    assert sequence.drain_holes(older_than_ns=3) == [], "it is being filled"
    assert sequence.drain_holes(older_than_ns=4) == [Hole(11, 14, 1, 2, filled_ns=3)]
    assert sequence.drain_holes(older_than_ns=4) == []
    assert sequence.receive(11, 14, 6) is LATE, "told already, and recorded all the same"


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
    """Nothing is recorded twice, nothing is lost, the proven holes are absent ids, and every absent id is in some hole."""
    sequence, recorded = Sequence(contiguous=True), []
    for number in ids:
        if sequence.receive(number, number, 0) in (NEW, LATE):
            recorded.append(number)
    assert len(recorded) == len(set(recorded))
    if ids:
        assert set(recorded) == set(ids)
        absent = set(range(min(ids), max(ids) + 1)) - set(ids)
        holes = sequence.drain_holes(older_than_ns=1)
        assert {number for hole in holes for number in range(hole.first, hole.last + 1)} >= absent
        assert {number for hole in holes if hole.proven for number in range(hole.first, hole.last + 1)} <= absent


@given(ids_st, st.integers(2, 12))
def test_increasing_never_records_an_id_twice(ids: list[int], memory: int) -> None:
    sequence, recorded = Sequence(contiguous=False, memory=memory), []
    for number in ids:
        if sequence.receive(number, number, 0) in (NEW, LATE):
            recorded.append(number)
    assert set(recorded) == set(ids), "nothing is lost"
    if len(set(ids)) <= memory:
        assert len(recorded) == len(set(recorded)), "nothing that is remembered is recorded twice"


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
    assert sorted(recorded) == list(range(100, 100 + len(where)))
    assert sequence.drain_holes(older_than_ns=1) == []
