"""Which leg brings what, and what the end of one says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from hoga.hub.port import LifeEnd
from hoga.recorder.fastpath import make_intake
from hoga.recorder.legs import Legs
from tests.recorder.workbench import SPOT, FakeLane, book, frame, stream

BOOK, SLOW = stream("BTCUSDT", "depth20@100ms"), stream("ETHUSDT", "depth20@100ms")


class Lane(FakeLane):
    def note(self, now_ns: int, note: object) -> None: ...


class Rig:
    """Two streams, legs by hand. Times in seconds."""

    def __init__(self) -> None:
        self.lanes: dict[str, Any] = {each.name: Lane() for each in (BOOK, SLOW)}
        self.intakes = {
            each.name: make_intake(SPOT, each, index=at, lane=self.lanes[each.name], queue_max=10**9, memory=64)
            for at, each in enumerate((BOOK, SLOW))
        }
        self.legs = Legs(SPOT, self.intakes, {}, self.lanes, list(self.lanes.values()))
        self.tables: dict[str, dict[bytes, Any]] = {}

    def connect(self, conn: str, at: float) -> None:
        self.tables[conn] = self.legs.opening(conn, 1, [BOOK, SLOW])
        self.legs.opened(conn, 1, ns(at))
        self.legs.live(conn, 1, ns(at), [BOOK.name, SLOW.name])

    def bring(self, conn: str, of: Stream, at: float) -> None:
        assert self.tables[conn][SPOT.frame_key(of)](ns(at), frame(of, book(int(at * 1000))))

    def close(self, conn: str, *, alive: float, at: float) -> None:
        self.legs.closed(conn, 1, LifeEnd("1006", at_ns=ns(at), alive_ns=ns(alive)))

    def gaps(self, of: Stream, at: float) -> list[Gap]:
        return [*self.lanes[of.name].gaps, *self.intakes[of.name].open_gaps(ns(at))]


def ns(at: float) -> int:
    return int(at * SECOND_NS)


@pytest.mark.parametrize(
    "alive, at, silent", [(13.0, 60, False), (12.995, 13.1, False), (12.1, 13.05, False), (12.1, 13.2, True), (9, 13, True)]
)
def test_a_leg_was_dead_when_another_brought_what_it_had_time_for(alive: float, at: float, silent: bool) -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.bring("a", BOOK, 9)
    rig.connect("b", 12.5 if silent else 10)
    rig.bring("b", BOOK, 13)
    rig.close("a", alive=alive, at=at + silent)
    for each in (BOOK, SLOW):
        assert rig.gaps(each, at) == [Gap(ns(alive), ns(12.5), Reason.SILENCE, None, conn="a")] * silent


def test_a_leg_that_has_just_come_is_not_held_to_what_came_before_it() -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.bring("a", BOOK, 10)
    rig.connect("b", 20)
    rig.close("a", alive=21, at=25)
    assert rig.gaps(BOOK, 30) == rig.gaps(SLOW, 30) == []


def test_of_a_leg_that_brings_one_stream_the_others_are_believed_to_come() -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.connect("b", 1)
    rig.bring("a", SLOW, 9)
    rig.bring("a", BOOK, 10)
    rig.bring("b", BOOK, 10)
    rig.close("a", alive=10, at=30)
    assert rig.gaps(BOOK, 30) == rig.gaps(SLOW, 30) == []


def test_a_stream_that_is_asked_for_in_vain_on_a_new_leg_is_missing_when_the_old_one_ends() -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.bring("a", SLOW, 9)
    rig.connect("b", 10)
    rig.bring("b", BOOK, 19)
    rig.legs.waits("b", 1, ns(20), [SLOW.name], "no answer")
    assert rig.gaps(SLOW, 20) == [], "the old one brings it"
    rig.close("a", alive=19, at=20)
    assert rig.gaps(SLOW, 25) == [Gap(ns(19), ns(25), Reason.DISCONNECT, None, conn="a")]
    assert rig.gaps(BOOK, 25) == []
    rig.bring("b", SLOW, 30)
    assert rig.gaps(SLOW, 40) == [Gap(ns(19), ns(30), Reason.DISCONNECT, None, conn="a")]


@pytest.mark.parametrize("answer", ["live", "frame"])
def test_a_stream_that_was_asked_for_in_vain_and_comes_after_all_is_brought(answer: str) -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.connect("b", 10)
    rig.bring("b", BOOK, 19)
    rig.legs.waits("b", 1, ns(20), [SLOW.name], "no answer")
    if answer == "live":
        rig.legs.live("b", 1, ns(21), [SLOW.name])
    else:
        rig.bring("b", SLOW, 21)
    rig.close("a", alive=21, at=21.5)
    assert rig.gaps(SLOW, 30) == []


def test_a_stream_that_is_asked_for_in_vain_on_every_leg_is_silent() -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.connect("b", 1)
    rig.bring("a", SLOW, 9)
    for conn in ("a", "b"):
        rig.legs.waits(conn, 1, ns(20), [SLOW.name], "no answer")
    assert rig.gaps(SLOW, 25) == [Gap(ns(9), ns(25), Reason.SILENCE, None)]


def test_what_two_dead_legs_miss_is_over_when_either_brings_again() -> None:
    rig = Rig()
    for conn in ("a", "b", "c"):
        rig.connect(conn, 1)
    rig.bring("a", SLOW, 5)
    rig.bring("c", BOOK, 9)
    rig.close("c", alive=9, at=9)
    rig.legs.note_fresh(ns(10))
    assert rig.gaps(SLOW, 11) == [Gap(ns(9), ns(11), Reason.DISCONNECT, None, conn="c")]
    rig.bring("b", BOOK, 12)
    rig.legs.note_fresh(ns(13))
    assert rig.intakes[SLOW.name].down_since is None
    rig.bring("a", SLOW, 60)
    assert rig.gaps(SLOW, 60) == [Gap(ns(9), ns(12), Reason.DISCONNECT, None, conn="c")]


def test_a_clock_that_was_set_back_hides_no_dead_leg() -> None:
    rig = Rig()
    rig.connect("a", 7201)
    rig.bring("a", BOOK, 7209)
    rig.connect("b", 7212)
    rig.legs.clock_set_back(ns(3612.5), ns(3600))
    rig.bring("b", BOOK, 3615)
    rig.close("a", alive=3609, at=3616)
    for each in (BOOK, SLOW):
        assert rig.gaps(each, 3616) == [Gap(ns(3609), ns(3612), Reason.SILENCE, None, conn="a")]


def test_a_leg_that_was_taken_for_dead_before_the_clock_was_set_back_brings_again() -> None:
    rig = Rig()
    for conn in ("a", "b"):
        rig.connect(conn, 7201)
    rig.bring("a", SLOW, 7205)
    rig.bring("b", BOOK, 7209)
    rig.close("b", alive=7209, at=7209)
    rig.legs.clock_set_back(ns(3610), ns(3600))
    rig.bring("a", BOOK, 3611)
    rig.legs.note_fresh(ns(3612))
    assert rig.intakes[SLOW.name].down_since is None


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_duplicate_that_came_later_proves_nothing_of_the_leg_that_was_first(first: str) -> None:
    """Two legs and a market that has nothing to say for a while."""
    rig = Rig()
    rig.connect("a", 1)
    rig.connect("b", 1)
    for conn, at in ((first, 50.0), ("ab".replace(first, ""), 50.002)):
        assert rig.tables[conn][SPOT.frame_key(BOOK)](ns(at), frame(BOOK, book(50_000)))
    rig.close("a", alive=59, at=60)
    assert rig.gaps(BOOK, 70) == rig.gaps(SLOW, 70) == []


def test_a_leg_that_comes_again_ends_nothing_but_what_was_missing_for_its_sake() -> None:
    rig = Rig()
    rig.connect("a", 1)
    rig.connect("b", 1)
    for each in (BOOK, SLOW):
        rig.bring("b", each, 5)
        rig.bring("a", each, 19)
    rig.close("a", alive=19, at=20.5)
    rig.connect("c", 21)
    for each in (BOOK, SLOW):
        rig.bring("c", each, 22)
    rig.legs.silent(SLOW.name, ns(22))
    rig.bring("b", BOOK, 61)
    rig.legs.note_fresh(ns(62))
    assert rig.gaps(SLOW, 80)[-1] == Gap(ns(22), ns(80), Reason.SILENCE, None)
    assert rig.intakes[SLOW.name].down_since is not None
