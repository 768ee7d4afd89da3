"""Where healed trades stand: every trade once, each before what has a higher id, however the text is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.places import Places


def merged(received: list[int], healed: list[int], cuts: list[int]) -> list[int]:
    """Ids in the order in which they are told."""
    places = Places()
    places.add(None, healed, list(range(len(healed))))
    found: list[int] = []
    edges = [0, *sorted(min(cut, len(received)) for cut in cuts), len(received)]
    for start, stop in zip(edges, edges[1:], strict=False):
        part = received[start:stop]
        numbers, at = places.take(None, part)
        for place, each in enumerate(part):
            found += [healed[number] for number, before in zip(numbers.tolist(), at.tolist(), strict=True) if before == place]
            found.append(each)
    found += [healed[number] for number in places.rest()]
    assert len(places) == 0
    return found


IDS = st.lists(st.integers(0, 60), unique=True, max_size=40)


@given(ids=IDS, gone=st.sets(st.integers(0, 60)), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_with_what_was_healed_the_ids_are_whole_and_in_order(ids: list[int], gone: set[int], cuts: list[int]) -> None:
    everything = sorted(ids)
    received, healed = [each for each in everything if each not in gone], [each for each in ids if each in gone]
    assert merged(received, healed, cuts) == everything


@given(received=st.lists(st.integers(0, 60), max_size=40), healed=IDS, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_whatever_the_order_of_what_was_received_it_stays_and_each_healed_one_comes_before_the_first_higher_one(
    received: list[int], healed: list[int], cuts: list[int]
) -> None:
    found = merged(received, [each for each in healed if each not in received], cuts)
    assert [each for each in found if each in received] == received
    assert found == merged(received, [each for each in healed if each not in received], [])
    for each in set(healed) - set(received):
        at = found.index(each)
        assert not [before for before in found[:at] if before in received and before > each]
        following = [after for after in found[at:] if after in received]
        assert not following or following[0] > each or max(received) < each


def test_chains_do_not_mind_each_other_and_more_may_come_later() -> None:
    places = Places()
    places.add("a", [5, 3], [0, 1])
    places.add("b", [4], [2])
    assert places.chains == ["a", "b"]
    numbers, at = places.take("a", [1, 4, 9])
    assert (numbers.tolist(), at.tolist()) == ([1, 0], [1, 2])
    places.add("a", [7, 12, 11], [3, 4, 5])
    numbers, at = places.take("a", [10])
    assert (numbers.tolist(), at.tolist()) == ([3], [0])
    assert places.rest() == [5, 4, 2]
