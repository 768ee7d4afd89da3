"""What no collector brought, as it is told, held against what happened."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.app.heard import Heard, Span
from hoga.core.times import SECOND_NS
from tests.tries import tries

_STEP_NS = 60 * SECOND_NS
_NEAR_NS = 15 * SECOND_NS
Life = tuple[str, int]


class Collector:
    """`lives` are its connections' own; `known` those that we were told of. `deaf`: its messages are lost; `held`: they come later."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lives: list[Life] = []
        self.known: list[Life] = []
        self.epochs = {1: 0, 2: 0}
        self.deaf = self.held = False
        self.last_ns = 0
        self.queue: list[int] = []


class World:
    """The venue says something once a minute; whoever is connected records it."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.now_ns = 1_000 * _STEP_NS
        self.collectors = [Collector(name) for name in ("osaka", "seoul", "tokyo")]
        self.said: list[int] = []
        self.came: set[int] = set()
        self.holes: list[Span] = []

    def act(self, act: str, at: int, conn: int) -> None:
        one = self.collectors[at]
        if act == "open":
            one.epochs[conn] += 1
            one.lives.append((f"{one.name}/binance-{conn}", one.epochs[conn]))
        elif act == "end" and one.lives:
            one.lives.pop(0)
        elif act == "anew":  # another process: its epochs begin at 1 again
            one.lives.clear()
            self.learn(one)
            one.epochs = {1: 0, 2: 0}
        elif act == "deaf":
            one.deaf = True
        elif act == "hold" and not one.deaf and not one.held:
            one.held = True
            for conn_name in dict.fromkeys(name for name, _ in one.known):
                self.heard.down(conn_name, max(epoch for name, epoch in one.known if name == conn_name), self.now_ns, unheard=True)
        elif act == "well":
            self.well(one)
        self.learn(one)
        self.speak()

    def well(self, one: Collector) -> None:
        if one.held:
            one.held = False
            for life in one.known:
                self.heard.up(*life, self.now_ns)
            for ns in one.queue:
                self.bring(one, ns)
            one.queue.clear()
        if one.deaf:
            one.deaf = False
            self.learn(one)
            if one.last_ns:
                self.holes += self.heard.missed(f"{one.name}/binance-1", one.last_ns, self.now_ns)
                one.last_ns = self.now_ns

    def learn(self, one: Collector) -> None:
        """Lives that ended, then those that began."""
        if one.deaf or one.held:
            return
        before, one.known = one.known, list(one.lives)
        for conn, epoch in before:
            if (conn, epoch) not in one.lives and not any(name == conn for name, _ in one.lives):
                self.heard.down(conn, epoch, self.now_ns, unheard=False)
        for life in one.lives:
            if life not in before:
                self.heard.up(*life, self.now_ns)

    def speak(self) -> None:
        self.now_ns += _STEP_NS
        self.said.append(self.now_ns)
        for one in self.collectors:
            if one.lives and not one.deaf:
                if one.held:
                    one.queue.append(self.now_ns)
                else:
                    self.bring(one, self.now_ns)

    def bring(self, one: Collector, ns: int) -> None:
        one.last_ns = ns
        if ns in self.came or not one.known:
            return
        self.came.add(ns)
        if (hole := self.heard.came(*one.known[-1], ns)) is not None:
            self.holes.append(hole)

    def end(self) -> None:
        for at in range(3):
            self.act("well", at, 1)
        self.act("open", 0, 1)


ACTS = st.tuples(st.sampled_from(["open", "open", "end", "anew", "deaf", "hold", "well", "well"]), st.integers(0, 2), st.integers(1, 2))


@settings(max_examples=tries(300), deadline=None)
@given(st.lists(ACTS, max_size=40))
def test_what_nobody_brought_is_told_and_nothing_else(acts: list[tuple[str, int, int]]) -> None:
    world = World()
    world.act("open", 0, 1)
    for act in acts:
        world.act(*act)
    world.end()
    missing = [ns for ns in world.said if ns not in world.came]
    untold = [ns for ns in missing if not any(begin <= ns <= end for begin, end in world.holes)]
    assert not untold
    if not any(act == "hold" for act, _, _ in acts):  # else what is told as a hole may come late
        for begin, end in world.holes:
            assert any(begin - _NEAR_NS <= ns <= end + _NEAR_NS for ns in missing), (begin, end)
    assert len(set(world.holes)) == len(world.holes)


def test_a_collector_whose_connection_handed_over_before_it_ended_brings_nothing() -> None:
    """Of two lives that hand over only the end of the last one is told."""
    heard = Heard()
    for conn, epoch in (("osaka/binance-1", 3), ("tokyo/binance-1", 1), ("osaka/binance-1", 4)):
        heard.up(conn, epoch, 100 * SECOND_NS)
    heard.down("osaka/binance-1", 4, 200 * SECOND_NS, unheard=False)
    assert heard.missed("tokyo/binance-1", 300 * SECOND_NS, 360 * SECOND_NS) == [(300 * SECOND_NS, 360 * SECOND_NS)]


def test_one_that_came_within_the_hole_did_not_bring_what_was_before() -> None:
    heard = Heard()
    heard.up("tokyo/binance-1", 1, 0)
    heard.up("osaka/binance-1", 1, 350 * SECOND_NS)
    ((begin, end),) = heard.missed("tokyo/binance-1", 300 * SECOND_NS, 360 * SECOND_NS)
    assert (begin, end) == (300 * SECOND_NS, 352 * SECOND_NS)


def test_what_two_collectors_lack_at_once_is_a_hole() -> None:
    """A reader that does not keep up loses messages of both."""
    heard = Heard()
    for conn in ("tokyo/binance-1", "osaka/binance-1"):
        heard.up(conn, 1, 0)
    assert heard.missed("tokyo/binance-1", 100 * SECOND_NS, 160 * SECOND_NS) == []
    assert heard.missed("osaka/binance-1", 110 * SECOND_NS, 170 * SECOND_NS) == [(110 * SECOND_NS, 160 * SECOND_NS)]
