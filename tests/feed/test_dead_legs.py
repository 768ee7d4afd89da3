"""Whatever dies in whatever state of a connection, and however many there are: what was sent and is not recorded lies in a gap.

The connections are the real ones, with the recorder's own legs and intakes; links, venue and time are made by hand. A leg may stay open
and bring nothing, with pings answered (frozen) or not (half-open).
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.core.errors import HandshakeRefused
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from hoga.feed import connection as module
from hoga.feed.config import FeedConfig
from hoga.feed.feed import Feed
from hoga.feed.vigil import VigilRules
from hoga.net.backoff import BackoffRules
from hoga.net.ws import CloseInfo
from hoga.recorder.fastpath import make_intake
from hoga.recorder.intake import Intake
from hoga.recorder.legs import Legs
from hoga.runtime.clock import ManualClock
from hoga.runtime.clock_check import ClockWatch
from tests.recorder.workbench import NOON_NS, SPOT, FakeLane, book, frame, stream
from tests.tries import tries

BOOK = stream("BTCUSDT", "depth20@100ms")
SLOW = stream("ETHUSDT", "depth20@100ms")
EVERY_S = 0.25
"""The market says something of BOOK so often; of SLOW once in so many times as a world is told."""
SLOWLY = 42
_VENUES = count(1)
"""Each world has a venue of its own: all connections of a process to one venue share its budget of connects."""
VIGIL = VigilRules(fruitless_intervals=40.0)


class Lane(FakeLane):
    """Of an intake that says more than gaps."""

    def note(self, now_ns: int, note: object) -> None: ...


class HandLink:
    """A link that lives as the venue pleases: it `works`, is `frozen` (answers pings, nothing else), `half-open`, or gone."""

    def __init__(self, clock: ManualClock, table: dict[bytes, Any]) -> None:
        self.clock, self.table = clock, table
        self.how = "works"
        self.closed: asyncio.Future[CloseInfo] = asyncio.get_running_loop().create_future()
        self.opened_ns = self.last_control_ns = self.last_pong_ns = clock.time_ns()
        self.last_control_at = clock.monotonic()
        self.last_pong = b""
        self.vouched: list[int] = []

    def send(self, text: bytes) -> bool:
        return True

    def ping(self, token: bytes = b"") -> None:
        if self.how in ("works", "frozen"):
            self.last_control_ns = self.last_pong_ns = self.clock.time_ns()
            self.last_control_at = self.clock.monotonic()
            self.vouched.append(self.last_pong_ns)

    def mute(self) -> None:
        self.table = {}

    def cut(self) -> None:
        self.mute()
        self.how = "gone"
        if not self.closed.done():
            self.closed.set_result(CloseInfo(1006, "", self.clock.time_ns()))

    async def close(self, *, timeout_s: float = 1.0) -> None:
        self.cut()

    def bring(self, data: bytes) -> None:
        take = self.table.get(data[: data.find(b"{", 12)])
        if self.how == "works" and take is not None:
            assert take(self.clock.time_ns(), data)


class World:
    """A venue that sends a book again and again, and another `slowly`, and a feed of so many legs."""

    def __init__(self, legs: int, *, slowly: int = SLOWLY) -> None:
        self.clock = ManualClock(NOON_NS)
        self.refuses = self.is_deaf = False
        self.links: list[HandLink] = []
        self.vouched: list[list[int]] = []
        self.slowly = slowly
        self.sent: dict[str, dict[bytes, int]] = {BOOK.name: {}, SLOW.name: {}}
        self.lanes: dict[str, Any] = {name: Lane() for name in self.sent}
        self.intakes: dict[str, Intake] = {
            each.name: make_intake(SPOT, each, index=at, lane=self.lanes[each.name], queue_max=10**9, memory=1024)
            for at, each in enumerate((BOOK, SLOW))
        }
        self.inlet = Legs(SPOT, self.intakes, {}, self.lanes, list(self.lanes.values()))
        self.inlet.started = True
        self.watch = ClockWatch()
        config = FeedConfig(
            ws_url=f"ws://venue-{next(_VENUES)}",
            ports=(1,),
            redundancy=legs,
            backoff=BackoffRules(base_s=1.5, max_s=8.0),
            rollover_s=1e9,
            vigil=VIGIL,
        )
        self.feed = Feed(SPOT, config, [BOOK, SLOW], inlet=self.inlet, tls=None, jitter=lambda: 0.5, clock=self.clock)
        self.feed.start()

    async def open_link(self, url: str, **how: Any) -> HandLink:
        await self.clock.sleep(0.05)
        if self.refuses:
            raise HandshakeRefused(how["name"], 503, epoch=how["epoch"])
        link = HandLink(self.clock, how["table"])
        link.how = "frozen" if self.is_deaf else "works"
        self.links.append(link)
        self.vouched.append(link.vouched)
        how["on_open"](link.opened_ns)
        return link

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / EVERY_S)):
            await self.clock.pass_time(EVERY_S)
            self.send(BOOK)
            if (turn := len(self.sent[BOOK.name])) % self.slowly == 0:
                self.send(SLOW)
            if turn % round(1 / EVERY_S) == 0:
                self.look_at_clock()
                self.feed.tick()
                self.inlet.note_fresh(self.clock.time_ns())
                for intake in self.intakes.values():
                    intake.settle(self.clock.time_ns())

    def send(self, of: Stream) -> None:
        sent = self.sent[of.name]
        data = frame(of, book(len(sent) + 1))
        sent[data] = self.clock.time_ns()
        for link in self.links:
            link.bring(data)

    def look_at_clock(self) -> None:
        """As the recorder does, once a second."""
        step = self.watch.feed(self.clock.time_ns(), self.clock.monotonic_ns())
        if step is not None and step.delta_ns < 0:
            self.inlet.clock_set_back(step.at_ns, -step.delta_ns)

    def open(self) -> list[HandLink]:
        self.links = [link for link in self.links if not link.closed.done()]
        return self.links

    async def do(self, act: str, which: int) -> None:
        if act in ("refuse", "take"):
            self.refuses = act == "refuse"
        elif act == "notice":
            connection = self.feed.connections[which % len(self.feed.connections)]
            connection._notice = True
            connection._wake.set()
        elif links := self.open():
            link = links[which % len(links)]
            if act == "cut":
                link.cut()
            else:
                link.how = act

    def uncovered(self, name: str) -> list[float]:
        """When something was sent that is neither recorded nor in a gap: seconds since the beginning.

        A pong says that nothing was sent: whoever says so and lies is believed for as long as a leg may answer and bring nothing.
        """
        intake, sent, recorded = self.intakes[name], self.sent[name], set(self.lanes[name].frames())
        gaps = [*self.lanes[name].gaps, *intake.open_gaps(self.clock.time_ns())]
        if intake.down_since is not None:
            gaps.append(Gap(intake.down_since, self.clock.time_ns(), intake.down_reason, None))  # type: ignore[arg-type]
        began = min((at for data, at in sent.items() if data in recorded), default=1 << 62)
        lost = [at for data, at in sent.items() if data not in recorded and at > began]
        spans = [(gap.from_ns, gap.to_ns) for gap in gaps]
        spans += [(at - int(VIGIL.fruitless_min_s * SECOND_NS), at) for pongs in self.vouched for at in pongs]
        return [seconds(at) for at in lost if not any(from_ns <= at <= to_ns for from_ns, to_ns in spans)]

    def gaps(self, of: Stream) -> list[tuple[Reason, float, float]]:
        return [(gap.reason, seconds(gap.from_ns), seconds(gap.to_ns)) for gap in self.lanes[of.name].gaps]


def seconds(at_ns: int) -> float:
    return round((at_ns - NOON_NS) / SECOND_NS, 2)


def live_through(legs: int, story: list[tuple[str, int, float]], *, slowly: int = SLOWLY) -> World:
    """Run `story`: what happens, to which of the open links, and how long nothing else does."""

    async def work() -> World:
        world = World(legs, slowly=slowly)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "open_link", world.open_link)
            await world.run(20.0)
            for act, which, seconds in story:
                await world.do(act, which)
                await world.run(seconds)
            world.refuses = False
            await world.run(150.0)
            assert all(link.how == "works" for link in world.open()), "a dead leg is found in the end"
            assert len(world.open()) == legs, world.feed.stats()
            for name, sent in world.sent.items():
                assert world.uncovered(name) == [], name
                assert world.intakes[name].n == len(world.lanes[name].frames()) + world.intakes[name].duplicates
                assert world.lanes[name].frames()[-1] == list(sent)[-1]
            await world.feed.stop()
        return world

    return asyncio.run(work())


ACTS = st.tuples(
    st.sampled_from(["frozen", "half-open", "cut", "notice", "refuse", "take"]),
    st.integers(0, 3),
    st.sampled_from([0.25, 1.0, 3.0, 12.0, 40.0]),
)


@settings(max_examples=tries(40), deadline=None)
@given(legs=st.integers(1, 3), story=st.lists(ACTS, max_size=12), slowly=st.sampled_from([2, 12, 42, 44]))
def test_what_was_sent_and_is_not_recorded_lies_in_a_gap(legs: int, story: list[tuple[str, int, float]], slowly: int) -> None:
    live_through(legs, story, slowly=slowly)


@pytest.mark.parametrize("how", ["frozen", "half-open"])
def test_an_old_leg_that_dies_in_a_handover_while_none_can_be_made(how: str) -> None:
    live_through(1, [("refuse", 0, 1.0), ("notice", 0, 1.0), (how, 0, 90.0), ("take", 0, 1.0)])


@pytest.mark.parametrize("how", ["frozen", "half-open"])
def test_a_leg_that_died_beside_its_twin_does_not_hide_the_twins_cut(how: str) -> None:
    live_through(2, [(how, 0, 4.0), ("cut", 1, 20.0)])


def test_a_leg_that_died_before_its_handover_was_dead_for_streams_that_the_new_one_had_nothing_of_yet() -> None:
    world = live_through(1, [("half-open", 0, 1.5), ("notice", 0, 60.0)])
    for each in (BOOK, SLOW):
        assert world.gaps(each)[0] == (Reason.SILENCE, 20.0, 21.55)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_leg_that_is_left_and_dead_is_dead_for_slow_streams_too(dead: int) -> None:
    world = live_through(2, [("half-open", dead, 1.75), ("cut", 1 - dead, 60.0)], slowly=44)
    for each in (BOOK, SLOW):
        assert world.gaps(each)[0] == (Reason.DISCONNECT, 21.75, 22.1)


def test_what_is_missing_while_a_leg_seems_dead_ends_for_slow_streams_when_it_brings_the_others_again() -> None:
    world = live_through(2, [("refuse", 0, 1.0), ("half-open", 0, 1.75), ("cut", 1, 1.5), ("works", 0, 60.0)])
    assert world.gaps(BOOK)[0] == (Reason.DISCONNECT, 22.75, 24.5)
    assert world.gaps(SLOW)[0] == (Reason.DISCONNECT, 22.75, 25.0), "looked at once a second"


def test_a_new_leg_that_does_not_answer_makes_no_gap_of_what_the_old_one_brings() -> None:
    world = live_through(1, [("notice", 0, 0.25), ("half-open", 1, 300.0), ("cut", 0, 60.0)], slowly=2)
    assert [reason for each in (BOOK, SLOW) for reason, _, _ in world.gaps(each)] == [Reason.DISCONNECT] * 2


@pytest.mark.parametrize("act", ["set back", "set forward"])
@pytest.mark.parametrize("how", ["frozen", "half-open", "cut"])
@pytest.mark.parametrize("healthy_s", [0.25, 30.0])
def test_a_leg_that_dies_after_the_clock_was_set_is_found_as_soon_and_its_gap_begins_with_its_last_frame(
    act: str, how: str, healthy_s: float
) -> None:
    async def work() -> None:
        world = World(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "open_link", world.open_link)
            await world.run(20.0)
            world.clock.set_wall(world.clock.time_ns() + (-3600 if act == "set back" else 3600) * SECOND_NS)
            await world.run(healthy_s)
            last_ns = world.clock.time_ns()
            world.refuses = how == "cut"
            await world.do(how, 0)
            await world.run(15.0)
            world.refuses = False
            await world.run(15.0)
            assert [link.how for link in world.open()] == ["works"]
            gaps = [gap for gap in world.lanes[BOOK.name].gaps if gap.to_ns > last_ns + SECOND_NS]
            assert [gap.from_ns for gap in gaps] == [last_ns], gaps
            await world.feed.stop()

    asyncio.run(work())


def test_a_leg_that_dies_after_many_others_did_is_found_as_soon_as_the_first() -> None:
    async def work() -> None:
        world = World(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "open_link", world.open_link)
            await world.run(20.0)
            for _ in range(5):
                await world.do("frozen", 0)
                await world.run(15.0)
                assert [link.how for link in world.open()] == ["works"]
                await world.run(15.0)
            await world.feed.stop()

    asyncio.run(work())


def test_a_venue_that_answers_and_brings_nothing_on_any_leg_is_asked_ever_more_rarely() -> None:
    async def work() -> None:
        world = World(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "open_link", world.open_link)
            await world.run(20.0)
            world.is_deaf = True
            await world.do("frozen", 0)
            made = []
            for _ in range(4):
                before = len(world.vouched)
                await world.run(150.0)
                made.append(len(world.vouched) - before)
            await world.feed.stop()
        assert made[0] >= 3
        assert sum(made[1:]) <= 4

    asyncio.run(work())


@pytest.mark.parametrize("slowly", [2, 42])
def test_what_two_legs_miss_that_are_both_dead_is_told_though_neither_was_ever_alone(slowly: int) -> None:
    world = live_through(2, [("half-open", 0, 3.0), ("half-open", 1, 0.5), ("notice", 2, 3.0)], slowly=slowly)
    for each in (BOOK, SLOW):
        assert world.gaps(each) == [(Reason.SILENCE, 23.0, 23.55)]
