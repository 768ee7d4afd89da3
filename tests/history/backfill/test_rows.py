"""What the rows of a file say of themselves: compared with the plainest way to say it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import DAY_NS
from hoga.history.rows import Facts, Hole, Judge, days_of_doubt, oddities, uncovered

IDS = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(sorted)


def judged(ids: list[int], cuts: list[int] = (), step: int | None = 1, pace: int = 1_000) -> Facts:  # type: ignore[assignment]
    judge = Judge(step)
    edges = [0, *sorted(cut % (len(ids) + 1) for cut in cuts), len(ids)]
    for start, end in zip(edges, edges[1:], strict=False):
        part = np.array(ids[start:end], np.int64)
        judge.take(part, part * pace)
    return judge.facts()


@given(IDS, st.lists(st.integers(0, 100), max_size=5))
def test_holes_are_the_ids_between_that_are_not_there(ids: list[int], cuts: list[int]) -> None:
    facts = judged(ids, cuts)
    missing = {each for hole in facts.holes for each in range(hole.after + 1, hole.before)}
    assert missing == set(range(ids[0], ids[-1])) - set(ids)
    assert facts.missing == len(missing)
    assert (facts.rows, facts.first_id, facts.last_id) == (len(ids), ids[0], ids[-1])
    assert all((hole.after_ns, hole.before_ns) == (hole.after * 1_000, hole.before * 1_000) for hole in facts.holes)
    assert facts == judged(ids)


@given(st.lists(IDS, min_size=1, max_size=5))
def test_what_is_in_no_file_is_what_is_missing_however_they_overlap(files: list[list[int]]) -> None:
    everything = {each for ids in files for each in ids}
    holes = uncovered([judged(ids) for ids in files], 1)
    missing = {each for hole in holes for each in range(hole.after + 1, hole.before)}
    assert missing == set(range(min(everything), max(everything))) - everything


def test_rows_of_an_interval_are_counted_by_it() -> None:
    minute = 60_000_000_000
    facts = judged([0, minute, 4 * minute], step=minute, pace=1)
    assert facts.holes == (Hole(1, 4, minute, 4 * minute, named=False),)
    assert facts.holes[0].text() == "2 rows are missing, between 1970-01-01T00:01:00.000Z and 1970-01-01T00:04:00.000Z"
    other = judged([2 * minute, 3 * minute], step=minute, pace=1)
    assert uncovered([facts, other], minute) == []


def test_ids_that_prove_nothing_have_no_holes() -> None:
    assert judged([1, 9], step=None).holes == ()
    assert uncovered([judged([1]), judged([9])], None) == []


def test_no_rows_are_no_facts() -> None:
    assert Judge(1).facts() == Facts()
    assert [each.text for each in oddities(Facts(), 0, 0)] == ["it has no rows"]
    assert uncovered([Facts(), judged([1, 2])], 1) == []


def test_one_missing_id_reads_as_one() -> None:
    assert judged([1, 3]).holes[0].text().startswith("id 2 is missing")


def day_facts(*days: int, holes: tuple[Hole, ...] = ()) -> Facts:
    return Facts(rows=9, first_id=1, last_id=9, first_ns=days[0] * DAY_NS, last_ns=(days[-1] + 1) * DAY_NS - 1, holes=holes, days=days)


def test_days_in_doubt_are_those_without_rows_their_neighbours_and_those_of_holes() -> None:
    assert days_of_doubt(day_facts(0, 1, 2, 3), range(4)) == []
    assert days_of_doubt(day_facts(0, 1, 3, 4, 5), range(6)) == [1, 2, 3]
    hole = Hole(1, 9, 4 * DAY_NS + 5, 5 * DAY_NS + 5)
    assert days_of_doubt(day_facts(0, 1, 2, 3, 4, 5, holes=(hole,)), range(6)) == [4, 5]
    assert days_of_doubt(Facts(), range(3)) == [0, 1, 2]


def test_what_is_odd_about_a_file() -> None:
    assert oddities(day_facts(5), 5, 5) == []
    assert [(each.text, each.is_problem) for each in oddities(day_facts(5), 4, 4)] == [
        ("rows of 1970-01-06, a day that it should not hold", True)
    ]
    assert [each.text for each in oddities(day_facts(4, 6), 4, 6)] == ["no row of 1970-01-06"]
    early = day_facts(5)._replace(last_ns=5 * DAY_NS + 75_540_000_000_000, longest_ns=1_000)
    assert [(each.text, each.is_problem) for each in oddities(early, 5, 5)] == [("ends at 1970-01-06T20:59:00.000Z", False)]
    late = day_facts(5)._replace(first_ns=5 * DAY_NS + 3_600_000_000_000)
    assert [each.text for each in oddities(late, 5, 5)] == ["begins at 1970-01-06T01:00:00.000Z"]
    slow = early._replace(longest_ns=3_000_000_000_000)  # such pauses are usual for it
    assert oddities(slow, 5, 5) == []
