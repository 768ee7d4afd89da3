"""When a life gets a successor and which of the two goes on, driven at random against what must hold whatever happens."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hoga.feed.succession import Act, Facts, Succession, Wish
from tests.tries import tries

RULES = {"overlap_s": 2.0, "patience_s": 10.0, "rest_s": 30.0, "replace_after_s": 3600.0}
LIVE, MAKING = Facts(live=True, making=False), Facts(live=False, making=True)
NOTHING, BESIDE = Facts(live=False, making=False), Facts(live=True, making=True)


def both(*, proven: bool, lacks: bool = False) -> Facts:
    return Facts(live=True, making=True, both=True, proven=proven, lacks=lacks)


def live() -> Succession:
    it = Succession(**RULES)
    it.lived(0.0)
    return it


def test_a_first_login_is_made_at_once_and_the_next_after_its_pause() -> None:
    it = Succession(**RULES)
    assert it.look(0.0, NOTHING) == Wish(Act.BEGIN)
    assert it.look(0.0, MAKING) == Wish(Act.WAIT)
    it.paused(5.0)
    assert it.look(1.0, NOTHING) == Wish(Act.WAIT, 4.0)
    assert it.look(5.0, NOTHING) == Wish(Act.BEGIN)


def test_an_old_life_gets_a_successor_by_itself() -> None:
    it = live()
    assert it.look(100.0, LIVE) == Wish(Act.WAIT, 3500.0)
    assert it.look(3600.0, LIVE) == Wish(Act.BEGIN)
    assert it.why == "it is 1 h old"
    assert it.look(3601.0, BESIDE) == Wish(Act.WAIT)


def test_a_doubt_is_heard_once_the_last_change_has_come_to_rest_and_a_notice_always() -> None:
    it = live()
    it.doubted("no event", 29.0)
    assert it.look(29.0, LIVE).act is Act.WAIT
    it.doubted("no event", 30.0)
    assert it.look(30.0, LIVE).act is Act.BEGIN
    urgent = live()
    urgent.doubted("it shuts down", 0.0, urgent=True)
    assert (urgent.look(0.0, LIVE).act, urgent.why) == (Act.BEGIN, "it shuts down")


def test_both_are_read_until_the_old_one_has_proved_that_all_came() -> None:
    it = live()
    it.doubted("doubt", 100.0)
    it.met(101.0)
    assert it.look(102.0, both(proven=True)) == Wish(Act.WAIT, 1.0)
    assert it.look(103.0, both(proven=False)) == Wish(Act.WAIT, 8.0)
    assert it.look(103.0, both(proven=True, lacks=True)) == Wish(Act.WAIT, 8.0)
    assert it.look(103.5, both(proven=True)).act is Act.ACCEPT
    assert it.look(111.0, both(proven=False)).act is Act.ACCEPT, "it does not answer any more"
    assert it.look(111.0, both(proven=True, lacks=True)).act is Act.REFUSE, "the new one is deaf"


def test_where_the_venue_ends_the_old_one_the_new_one_goes_on_whatever_it_lacks() -> None:
    it = live()
    it.doubted("it shuts down", 100.0, urgent=True)
    it.met(101.0)
    assert it.look(111.0, both(proven=True, lacks=True)).act is Act.ACCEPT


class Lives(RuleBasedStateMachine):
    """A connection whose logins fail, succeed, die and lag in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.it = Succession(**RULES)
        self.old: dict[str, bool] | None = None
        self.new: dict[str, bool] | None = None
        self.ended_alone = 0

    def facts(self) -> Facts:
        together = self.old is not None and self.new is not None and self.new["live"]
        return Facts(
            live=self.old is not None,
            making=self.new is not None,
            both=together,
            proven=together and bool(self.old and self.old["answers"]),
            lacks=together and bool(self.new and self.new["deaf"]),
        )

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.5, 11.0, 31.0, 3700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def the_shell_looks(self) -> None:
        facts = self.facts()
        wish = self.it.look(self.now, facts)
        assert wish.wait_s is None or wish.wait_s > 0
        if wish.act is Act.BEGIN:
            assert self.new is None, "never a third"
            self.new = {"live": False, "deaf": False}
        elif wish.act is Act.ACCEPT:
            assert facts.both
            assert not (facts.proven and facts.lacks) or self.it.why, "a deaf one only where the venue ends the old one"
            self.old, self.new = {"answers": True}, None
            self.it.parted()
            self.it.lived(self.now)
        elif wish.act is Act.REFUSE:
            assert facts.both
            assert facts.proven
            assert facts.lacks
            self.new = None
            self.it.parted()
            self.it.paused(self.now + 1.0)

    @precondition(lambda self: self.new is not None and not self.new["live"])
    @rule(good=st.booleans(), deaf=st.booleans())
    def a_login_is_answered(self, good: bool, deaf: bool) -> None:
        if not good:
            self.new = None
            self.it.paused(self.now + 1.0)
        elif self.old is None:
            self.old, self.new = {"answers": True}, None
            self.it.lived(self.now)
        else:
            self.new = {"live": True, "deaf": deaf}
            self.it.met(self.now)

    @precondition(lambda self: self.old is not None)
    @rule(urgent=st.booleans())
    def somebody_doubts(self, urgent: bool) -> None:
        self.it.doubted("doubt", self.now, urgent=urgent)

    @precondition(lambda self: self.old is not None)
    @rule()
    def the_old_one_falls_silent(self) -> None:
        self.old = {"answers": False}

    @precondition(lambda self: self.old is not None)
    @rule()
    def the_old_one_is_cut(self) -> None:
        self.it.parted()
        self.old = None
        if self.new is not None and self.new["live"]:
            self.old, self.new = {"answers": True}, None
            self.it.lived(self.now)
        elif self.new is None:
            self.it.paused(self.now + 1.0)

    @invariant()
    def it_never_hangs(self) -> None:
        """Whatever stands, after enough time and looks something is done: no wait without an end but for what others will tell."""
        facts = self.facts()
        if facts.both:
            assert self.it.look(self.now + 10.0, facts).act in (Act.ACCEPT, Act.REFUSE)
        elif not facts.live and not facts.making:
            assert self.it.look(self.now + 1.0, facts).act is Act.BEGIN

    def teardown(self) -> None:
        if self.old is not None and self.new is None:
            assert self.it.look(self.now + 3700.0, self.facts()).act is Act.BEGIN


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=tries(80), stateful_step_count=40, deadline=None)
