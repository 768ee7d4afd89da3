"""Which streams are silent, told apart from those that are merely quiet, and how often they are asked for again."""

from __future__ import annotations

from dataclasses import replace

from hoga.core.times import SECOND_NS
from hoga.feed.paces import Paces, Silent
from hoga.venues.spec import VenueSpec
from tests.recorder.workbench import SPOT, stream

LIVELY, QUIET = stream("BTCUSDT", "aggTrade"), stream("ETHUSDT", "aggTrade")
NOTHING = Silent([], [], [])


def venue(*, first_s: float | None) -> VenueSpec:
    return replace(
        SPOT, channel_of=lambda channel: replace(SPOT.channel_of(channel), silence_floor_s=3.0, first_frame_s=first_s, never_s=None)
    )


class Bench:
    """Looks once a second; LIVELY brings a frame each time while it `comes`."""

    def __init__(self, *, first_s: float | None = 5.0) -> None:
        self.paces = Paces(venue(first_s=first_s), floor_s=3.0)
        self.paces.watch([LIVELY, QUIET], 100.0)
        self.now = 100
        self.frames = dict.fromkeys((LIVELY.name, QUIET.name), 0)
        self.live = {LIVELY.name}

    def look(self, seconds: int = 1, *, comes: bool = True) -> list[tuple[int, Silent]]:
        found = []
        for _ in range(seconds):
            self.now += 1
            self.frames[LIVELY.name] += comes
            mono_ns = self.now * SECOND_NS
            assert not list(self.paces.ticking(lambda name: (self.frames[name], 0), mono_ns))
            silent = self.paces.judge(self.now, mono_ns, live=self.live, opened_at=100.0)
            if silent != NOTHING:
                found.append((self.now - 100, silent))
        return found


def test_a_stream_that_keeps_its_pace_is_not_silent_and_one_not_live_is_not_judged() -> None:
    bench = Bench()
    assert bench.look(120) == []
    assert bench.look(120, comes=False)
    bench.live.clear()
    assert bench.look(120, comes=False) == []


def test_a_stream_that_fell_silent_is_told_at_every_look_and_asked_for_ever_more_rarely() -> None:
    bench = Bench()
    bench.look(60)
    found = bench.look(300, comes=False)
    first = found[0][0]
    assert all(silent.told == [(LIVELY.name, True)] and not silent.softly for _, silent in found)
    assert [at - first for at, silent in found if silent.again] == [0, 30, 90, 210]
    bench.look(20)
    assert bench.look(300, comes=False)[0][1].again == [LIVELY.name], "it begins anew"


def test_a_stream_that_never_came_is_told_where_the_venue_promises_a_first_frame() -> None:
    found = Bench(first_s=5.0).look(40, comes=False)
    assert found[0] == (6, Silent([(LIVELY.name, False)], [LIVELY.name], []))
    assert [at for at, silent in found if silent.again] == [6, 36]


def test_a_stream_that_may_be_quiet_is_asked_for_softly_first_and_not_told() -> None:
    found = Bench(first_s=None).look(40, comes=False)
    assert found == [(4, Silent([], [], [LIVELY.name])), (34, Silent([], [LIVELY.name], []))]


def test_what_was_watched_before_goes_on() -> None:
    bench = Bench()
    bench.look(60)
    bench.paces.watch([LIVELY], bench.now)
    assert bench.look(1, comes=False) == []
    assert bench.look(60, comes=False)[0][1].told == [(LIVELY.name, True)]


def test_between_steps_frames_may_be_taken() -> None:
    paces = Paces(venue(first_s=None), floor_s=3.0)
    paces.watch([stream(f"A{number}USDT", "aggTrade") for number in range(300)], 0.0)
    assert len(list(paces.ticking(lambda name: (1, 0), SECOND_NS))) == 2
    assert paces.whole.count == 300
