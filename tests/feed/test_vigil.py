"""Whether a link is alive is judged by a pure rule: held against a naive venue, in every order of what can happen to a link."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hoga.core.times import SECOND_NS
from hoga.feed.vigil import LOOK_MAX_S, Judgement, Signs, Verdict, Vigil, VigilRules
from hoga.quality.cadence import Cadence
from tests.tries import tries

RULES = VigilRules()
PING_EVERY_S, PING_TIMEOUT_S, SILENCE_LIMIT_S = 20.0, 20.0, 60.0
FORGOTTEN_S = PING_EVERY_S + 2 * RULES.answer_s + 3 * LOOK_MAX_S
"""A link that is dead without anybody being told is given up within this, however it lived before."""


class LinkModel(RuleBasedStateMachine):
    """A link that brings data or none, whose other side answers pings or not, looked at once a second."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self._new_life()

    def _new_life(self) -> None:
        self.vigil = Vigil(RULES, ping_every_s=PING_EVERY_S, ping_timeout_s=PING_TIMEOUT_S)
        self.pace = Cadence(floor_s=RULES.suspect_s)
        self.pace.pause(int(self.now * SECOND_NS))
        self.frames = 0
        self.control_at = self.data_at = self.dead_since = self.now
        self.answers, self.answered = True, True
        self.pings: list[float] = []
        self.looks = 0
        self.verdict = Judgement(Verdict.NOTHING)

    def look(self) -> None:
        mono_ns = int(self.now * SECOND_NS)
        self.pace.tick(self.frames, mono_ns)
        self.silent = self.pace.is_silent(mono_ns)
        signs = Signs(self.pace.silent_for_s(mono_ns), self.now - self.control_at, self.answered, self.silent, SILENCE_LIMIT_S)
        self.verdict = self.vigil.look(self.now, signs)
        self.looks += 1
        if self.verdict.verdict is Verdict.PING:
            self.pings.append(self.now)
            self.answered, self.looks = False, 0
            if self.answers:
                self.answered, self.control_at, self.dead_since = True, self.now, self.now

    @rule(seconds=st.integers(1, 40), frames=st.integers(1, 50))
    def data_flows(self, seconds: int, frames: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.frames += frames
            self.data_at = self.dead_since = self.now
            self.look()
            assert self.verdict.verdict in (Verdict.NOTHING, Verdict.PING), "given up while data comes"

    @rule(seconds=st.integers(1, 90))
    def nothing_comes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.look()
            self.check()

    @rule(seconds=st.floats(5.0, 4_000.0))
    def the_process_is_frozen(self, seconds: float) -> None:
        self.now += seconds
        self.dead_since = max(self.dead_since, self.now) if self.answers else self.now
        self.look()
        self.check()

    @rule()
    def the_venue_pings(self) -> None:
        self.control_at = self.dead_since = self.now

    @rule()
    def the_other_side_goes_dead(self) -> None:
        self.answers = False

    @rule()
    def the_other_side_answers_again(self) -> None:
        self.answers = True
        if not self.answered:
            self.answered, self.control_at, self.dead_since = True, self.now, self.now

    def check(self) -> None:
        kind, seconds = self.verdict
        if kind is Verdict.UNANSWERED:
            assert not self.answers, "an answer was there"
            assert seconds > RULES.answer_s
            assert self.looks >= 3, "our own absence was taken for the venue's"
            self._new_life()
        elif kind is Verdict.FRUITLESS:
            assert self.silent, "a link whose pace nobody knows is never fruitless"
            assert seconds > SILENCE_LIMIT_S
            self._new_life()

    @invariant()
    def nobody_is_stormed(self) -> None:
        for before, after in zip(self.pings, self.pings[1:], strict=False):
            assert after - before >= 1.0
        lately = [at for at in self.pings if at > self.now - 60.0]
        assert len(lately) <= 60 / RULES.suspect_s

    @invariant()
    def a_dead_link_is_given_up(self) -> None:
        if not self.answers:
            assert self.now - self.dead_since <= FORGOTTEN_S, "dead, and nobody noticed"


TestLink = LinkModel.TestCase
TestLink.settings = settings(max_examples=tries(40), stateful_step_count=40, deadline=None)


def seconds_until_given_up(*, frames_a_second: int, lived_s: int) -> float:
    """A link of that pace goes dead after `lived_s`."""
    vigil, pace = Vigil(RULES, ping_every_s=PING_EVERY_S, ping_timeout_s=PING_TIMEOUT_S), Cadence(floor_s=RULES.suspect_s)
    pace.pause(1 * SECOND_NS)
    count = 0
    for second in range(1, 200):
        alive = second <= lived_s
        count += frames_a_second * alive
        mono_ns = second * SECOND_NS
        pace.tick(count, mono_ns)
        signs = Signs(pace.silent_for_s(mono_ns), float(second), False, pace.is_silent(mono_ns), SILENCE_LIMIT_S)
        if vigil.look(float(second), signs).verdict is Verdict.UNANSWERED:
            return second - lived_s
    raise AssertionError("never given up")


@pytest.mark.parametrize(
    ("frames_a_second", "lived_s", "most_s"), [(200, 60, 10.0), (0, 1, 18.0), (3, 1, 18.0), (1, 3, 18.0), (200, 2, 18.0)]
)
def test_a_young_link_is_missed_nearly_as_soon_as_an_old_one(frames_a_second: int, lived_s: int, most_s: float) -> None:
    assert seconds_until_given_up(frames_a_second=frames_a_second, lived_s=lived_s) <= most_s


def test_a_quiet_link_that_answers_lives_for_ever() -> None:
    vigil, control_at, answered, pings = Vigil(RULES, ping_every_s=PING_EVERY_S, ping_timeout_s=PING_TIMEOUT_S), 0.0, False, 0
    for second in range(1, 3_600):
        verdict = vigil.look(float(second), Signs(float(second), second - control_at, answered, False, SILENCE_LIMIT_S)).verdict
        assert verdict in (Verdict.NOTHING, Verdict.PING)
        if verdict is Verdict.PING:
            pings, answered, control_at = pings + 1, True, float(second)
    assert 3_600 / PING_EVERY_S <= pings <= 3_600 / RULES.nothing_s


@pytest.mark.parametrize(
    ("interval_s", "in_vain", "expected"),
    [(0.001, 0, 10.0), (0.1, 0, 30.0), (None, 0, 300.0), (0.1, 3, 240.0), (0.1, 99, 600.0), (9.0, 0, 600.0)],
)
def test_how_long_answers_alone_are_enough(interval_s: float | None, in_vain: int, expected: float) -> None:
    assert RULES.fruitless_after_s(interval_s, in_vain) == pytest.approx(expected)
