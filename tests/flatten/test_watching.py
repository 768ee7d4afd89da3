"""The sentinel's judgement: what is due after how long a silence."""

from __future__ import annotations

import pytest

from hoga.flatten.watching import Duty, Heartbeat, Watch

GOOD = Heartbeat(seq=1, reconciled=True, exposed=True)


def watched(*beats: tuple[float, Heartbeat]) -> Watch:
    watch = Watch(0.0)
    for at, beat in beats:
        watch.beat(beat, at)
    return watch


def over(watch: Watch, until: int, *, dead_at: float | None = None) -> dict[int, list[Duty]]:
    """Second → what was due."""
    found = {}
    for second in range(1, until + 1):
        if dead_at is not None and second >= dead_at:
            watch.dead()
        if due := watch.duties(float(second)):
            found[second] = due
    return found


def test_a_trader_that_beats_is_left_alone() -> None:
    watch = Watch(0.0)
    for second in range(300):
        watch.beat(GOOD, float(second))
        assert watch.duties(float(second)) == []


def test_a_silent_one_is_told_of_ended_and_left_once_it_is_dead() -> None:
    assert over(watched((0.0, GOOD)), 120, dead_at=21) == {5: [Duty.TELL], 15: [Duty.TERM], 20: [Duty.KILL], 60: [Duty.LEAVE]}


def test_nothing_is_left_before_the_trader_is_known_to_be_dead() -> None:
    assert over(watched((0.0, GOOD)), 300) == {5: [Duty.TELL], 15: [Duty.TERM], 20: [Duty.KILL]}
    assert over(watched((0.0, GOOD)), 120, dead_at=90)[90] == [Duty.LEAVE]


def test_one_that_broke_off_is_looked_for_at_once() -> None:
    watch = watched((0.0, GOOD))
    assert not watch.is_waiting
    watch.broke_off()
    assert watch.is_waiting
    assert over(watch, 120, dead_at=1) == {1: [Duty.TELL], 60: [Duty.LEAVE]}
    assert not watch.is_waiting


def test_without_exposure_there_is_nothing_to_leave() -> None:
    assert over(watched((0.0, Heartbeat(seq=1, reconciled=True, exposed=False))), 120, dead_at=21)[60] == [Duty.END]


def test_heartbeats_that_are_not_reconciled_do_not_put_it_off() -> None:
    beats = [(0.0, GOOD), *((float(second), Heartbeat(seq=second)) for second in range(1, 50))]
    assert over(watched(*beats), 200, dead_at=71)[71] == [Duty.LEAVE]


def test_one_that_comes_back_is_told_of_again_when_it_goes_again() -> None:
    watch = watched((0.0, GOOD))
    assert over(watch, 6) == {5: [Duty.TELL]}
    watch.beat(GOOD, 7.0)
    assert [watch.duties(second) for second in (8.0, 12.0, 13.0)] == [[], [Duty.TELL], []]


@pytest.mark.parametrize("how", ["ends", "taken over"])
def test_it_ends_with_its_trader_or_when_another_one_has_come(how: str) -> None:
    watch = watched((0.0, GOOD))
    if how == "ends":
        watch.beat(Heartbeat(seq=0, ends=True), 1.0)
    else:
        watch.broke_off()
        watch.dead()
        watch.taken_over()
    assert over(watch, 100)[1] == [Duty.END]
