"""When one leg has taken over from the other, and when it must not."""

from __future__ import annotations

from collections.abc import Iterable

from hoga.feed.handover import Overlap
from hoga.feed.subscribing import Doubts, Subscribing
from hoga.venues.spec import RequestRules

NAMES = ["a", "b"]


def overlap(*, old: Iterable[str], new: Iterable[str], ending: bool = False) -> Overlap:
    """From 0 s on, 2 s at least, until 10 s; `old` and `new` are proven to come on their legs."""
    doubts = Doubts()
    legs: list[Subscribing] = []
    for proven in (old, new):
        leg = Subscribing(RequestRules(), doubts, NAMES, batch=10, most=10, replaces=False, unsubscribes=True, granted=[], now=0.0)
        leg.came(proven)
        legs.append(leg)
    return Overlap(legs[0], legs[1], doubts, began=0.0, least_s=2.0, until=10.0, ending=ending)


def test_nobody_is_judged_before_both_have_run_a_while() -> None:
    both = overlap(old=NAMES, new=NAMES)
    assert (both.is_due(2.0), both.is_due(2.1)) == (False, True)


def test_the_new_one_that_brings_all_takes_over_at_once() -> None:
    assert overlap(old=NAMES, new=NAMES).look(2.1, []) is True


def test_what_neither_brings_holds_up_nothing() -> None:
    assert overlap(old=["a"], new=["a"]).look(2.1, []) is True


def test_the_new_one_has_until_the_end_to_bring_what_the_old_one_does() -> None:
    both = overlap(old=NAMES, new=["a"])
    assert both.look(9.9, []) is None
    assert both.look(10.1, []) is False


def test_there_is_no_end_where_the_old_one_ends_anyway_or_lacks_something_itself() -> None:
    assert overlap(old=NAMES, new=["a"], ending=True).look(99.0, []) is None
    assert overlap(old=["a"], new=["b"]).look(99.0, []) is None


def test_late_what_merely_comes_a_moment_later_holds_up_nothing_and_what_lasts_does() -> None:
    both = overlap(old=NAMES, new=NAMES)
    assert both.look(9.0, ["b"]) is None
    assert both.look(10.1, ["b"]) is True
    both = overlap(old=NAMES, new=NAMES)
    assert [both.look(5.0, ["b"]) for _ in range(10)] == [None] * 10
    assert both.look(10.1, ["b"]) is False
    assert both.look(10.2, []) is True


def test_what_lacks_is_asked_for_again_ever_more_rarely_where_the_venue_has_agreed_to_it() -> None:
    both = overlap(old=NAMES, new=["b"])
    asked = [at / 10 for at in range(21, 400) if both.again(at / 10, NAMES) == ["b"]]
    assert asked == [4.1, 8.1, 16.1, 32.1]
