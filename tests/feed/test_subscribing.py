"""The owner of control requests against a naive venue: nothing wanted is ever nobody's, nothing counts that is not proven."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hoga.feed.subscribing import Ask, Doubts, Subscribing, Verb
from hoga.venues.spec import Answer, RequestRules

ACKED = RequestRules()
UNACKED = RequestRules(acknowledged=False, answer_s=10.0, listing=lambda number: b"?")
BUSY = "please try again"


class Venue:
    """Carries out requests at once, or misbehaves: `refuses(names, nth)` and `ignores(names, nth)` are asked of each SUBSCRIBE."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        granted: int = 0,
        rules: RequestRules = ACKED,
        refuses: Callable[[tuple[str, ...], int], bool] = lambda names, nth: False,
        ignores: Callable[[tuple[str, ...], int], bool] = lambda names, nth: False,
        per_s: int = 4,
        batch: int = 200,
    ) -> None:
        self.names = list(names)
        self.now = 100.0
        self.rules = rules
        self.doubts = Doubts()
        self.refuses, self.ignores = refuses, ignores
        self.per_s = per_s
        self.batch = batch
        self.sent: list[tuple[float, Ask]] = []
        self.count = 0
        self.subscribed: set[str] = set()
        self.culprits: list[str] = []
        self.exhausted: list[tuple[float, str]] = []
        self.frames = False
        self.connect(granted)

    def connect(self, granted: int = 0) -> None:
        trusted = [name for name in self.names if name not in self.doubts.about()] if self.doubts.trust_url else []
        self.subscribed = set(trusted[:granted])
        self.asking = Subscribing(
            self.rules,
            self.doubts,
            self.names,
            batch=self.batch,
            replaces=not self.rules.acknowledged,
            granted=trusted[:granted],
            now=self.now,
        )

    def take(self, ask: Ask) -> None:
        self.sent.append((self.now, ask))
        if ask.verb is Verb.LIST:
            self.asking.answered(Answer(ask.number, names=frozenset(self.subscribed)), self.now)
            return
        if ask.verb is Verb.UNSUBSCRIBE:
            self.subscribed -= set(ask.names)
            self.asking.answered(Answer(ask.number), self.now)
            return
        self.count += 1
        if self.ignores(ask.names, self.count):
            return
        if self.refuses(ask.names, self.count):
            self.asking.answered(Answer(ask.number, BUSY), self.now)
            return
        self.subscribed = {*ask.known, *ask.names} if not self.rules.acknowledged else self.subscribed | set(ask.names)
        if self.rules.acknowledged:
            self.asking.answered(Answer(ask.number), self.now)
        if self.frames:
            self.asking.came(self.subscribed)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds * self.per_s)):
            self.now += 1 / self.per_s
            if int(self.now) != int(self.now - 1 / self.per_s):
                self.asking.tick(self.now)
            if (ask := self.asking.next(self.now)) is not None:
                self.take(ask)
            self.culprits += [name for told in self.asking.take_refused() if told.culprit for name in told.names]
            if why := self.asking.take_exhausted():
                self.exhausted.append((self.now, why))

    def lacking(self) -> list[str]:
        return self.asking.lacking

    def check(self) -> None:
        for name in self.asking.wanted:
            assert self.asking.owner_of(name) is not None, name
        assert self.asking.live <= self.subscribed


def names(count: int) -> list[str]:
    return [f"s{number}" for number in range(count)]


SIZES = pytest.mark.parametrize("count", [5, 165, 1024])


@SIZES
def test_what_is_refused_once_is_asked_again_within_seconds(count: int) -> None:
    venue = Venue(names(count), granted=count // 2, refuses=lambda asked, nth: nth == 1)
    venue.run(5.0)
    assert venue.lacking() == []
    again = [asked for _, asked in venue.sent if asked.names == venue.sent[0][1].names]
    assert len(again) == 2, "as the same batch"


@SIZES
def test_the_one_name_that_is_refused_for_ever_is_found_and_hurts_nobody(count: int) -> None:
    bad = f"s{count - 2}"
    venue = Venue(names(count), granted=count // 2, refuses=lambda asked, nth: bad in asked)
    venue.run(25.0)
    assert venue.lacking() == [bad]
    assert venue.culprits == [bad]
    assert venue.asking.owner_of(bad) == "quarantine"
    assert not venue.exhausted
    before = len(venue.sent)
    venue.run(3600.0)
    assert 3 <= len(venue.sent) - before <= 8, "asked rarely"
    assert venue.lacking() == [bad]
    venue.refuses = lambda asked, nth: False
    venue.run(3700.0)
    assert venue.lacking() == []


@pytest.mark.parametrize("culprits", [2, 9, 40])
def test_several_culprits_are_found_in_the_end(culprits: int) -> None:
    bad = {f"s{number * 11}" for number in range(culprits)}
    venue = Venue(names(450), refuses=lambda asked, nth: bool(bad & set(asked)))
    venue.run(1800.0)
    assert set(venue.lacking()) == bad
    assert set(venue.culprits) == bad


def test_a_venue_that_refuses_everything_is_asked_politely_and_left() -> None:
    venue = Venue(names(1024), granted=160, refuses=lambda asked, nth: True)
    venue.run(60.0)
    assert venue.exhausted, "only a new connection may help"
    assert venue.exhausted[0][0] - 100.0 < 5.0
    first = len(venue.sent)
    assert first <= 60
    venue.run(900.0)
    assert len(venue.sent) - first <= 900 / 5, "one in five seconds, of four a second that the venue allows"
    venue.check()
    venue.refuses = lambda asked, nth: False
    venue.run(900.0)
    assert venue.lacking() == []


def test_a_busy_venue_is_whole_again_soon_after_it_takes_requests() -> None:
    venue = Venue(names(1024), granted=160, refuses=lambda asked, nth: True)
    venue.run(20.0)
    venue.refuses = lambda asked, nth: False
    venue.run(25.0)
    assert venue.lacking() == []


@SIZES
def test_what_is_silently_ignored_once_is_asked_again_within_seconds(count: int) -> None:
    venue = Venue(names(count), granted=count // 2, ignores=lambda asked, nth: nth == 1)
    venue.run(9.0)
    assert venue.lacking() == []


def test_a_name_for_which_the_whole_request_is_ignored_is_found() -> None:
    venue = Venue(names(125), ignores=lambda asked, nth: "s77" in asked)
    venue.run(400.0)
    assert venue.lacking() == ["s77"]
    assert venue.culprits == ["s77"]


def test_a_venue_that_ignores_everything_is_left_and_not_stormed() -> None:
    venue = Venue(names(1024), granted=160, ignores=lambda asked, nth: True)
    venue.run(60.0)
    assert venue.exhausted
    assert len(venue.sent) < 40
    first = len(venue.sent)
    venue.run(1200.0)
    assert len(venue.sent) - first < 200
    venue.check()


def test_half_of_it_acknowledged_is_half_live() -> None:
    venue = Venue(names(400), ignores=lambda asked, nth: nth == 2)
    venue.run(1.0)
    assert venue.asking.live == set(names(200))
    venue.run(8.0)
    assert venue.lacking() == []


def test_a_late_answer_counts_and_another_ones_does_not() -> None:
    venue = Venue(names(5), ignores=lambda asked, nth: True)
    venue.run(1.0)
    number = venue.sent[0][1].number
    venue.asking.answered(Answer(number + 99), venue.now)
    venue.asking.answered(Answer(None), venue.now)
    assert len(venue.lacking()) == 5
    venue.run(10.0)
    assert len(venue.sent) > 1, "asked again"
    venue.subscribed = set(names(5))
    venue.asking.answered(Answer(number), venue.now)
    assert venue.lacking() == []


def test_an_odd_answer_is_no_proof() -> None:
    venue = Venue(names(3), ignores=lambda asked, nth: True)
    venue.run(0.5)
    venue.asking.answered(Answer(venue.sent[0][1].number, "an odd answer: false"), venue.now)
    assert len(venue.lacking()) == 3
    venue.ignores = lambda asked, nth: False
    venue.run(2.0)
    assert venue.lacking() == []


def test_a_complaint_without_a_number_is_about_whatever_is_under_way() -> None:
    venue = Venue(names(600), ignores=lambda asked, nth: nth <= 3)
    venue.run(0.75)
    assert len(venue.sent) == 3
    venue.asking.answered(Answer(None, BUSY), venue.now)
    venue.run(6.0)
    assert venue.lacking() == []


def test_a_complaint_right_after_the_handshake_takes_its_streams_back() -> None:
    venue = Venue(names(10), granted=10)
    venue.asking.came(["s3"])
    assert venue.lacking() == []
    venue.asking.answered(Answer(None, BUSY), venue.now)
    assert venue.lacking() == [name for name in names(10) if name != "s3"]
    assert not venue.doubts.trust_url
    venue.run(3.0)
    assert venue.lacking() == []
    assert venue.doubts.trust_url, "its names have been accepted since"


def test_first_frames_are_proof_enough() -> None:
    venue = Venue(names(4), ignores=lambda asked, nth: True)
    venue.run(1.0)
    venue.subscribed = {"s0", "s1"}
    venue.asking.came(["s0", "s1"])
    assert venue.lacking() == ["s2", "s3"]
    venue.run(10.0)
    assert venue.sent[1][1].names == ("s2", "s3")


def test_changes_are_asked_for_and_taken_back() -> None:
    venue = Venue(names(4))
    venue.run(1.0)
    venue.asking.want(["s1", "s2", "x"], venue.now)
    venue.run(2.0)
    assert venue.subscribed == {"s1", "s2", "x"} == venue.asking.live
    venue.asking.want(["s1", "x", "s0"], venue.now)
    venue.asking.want(["s1", "x"], venue.now)
    venue.run(2.0)
    assert venue.subscribed == {"s1", "x"} == venue.asking.live


def test_a_late_answer_to_what_was_taken_back_proves_nothing() -> None:
    venue = Venue(["a", "b"], ignores=lambda asked, nth: nth == 1)
    venue.run(6.0)
    number = venue.sent[0][1].number
    venue.asking.want(["a"], venue.now)
    venue.asking.want(["a", "b"], venue.now)
    venue.ignores = lambda asked, nth: True
    venue.asking.live.discard("b")
    venue.asking.answered(Answer(number), venue.now)
    assert "b" not in venue.asking.live


def test_silent_streams_are_asked_again_together() -> None:
    venue = Venue(names(30))
    venue.run(1.0)
    venue.asking.came(names(30))
    before = len(venue.sent)
    venue.asking.silent(names(20), venue.now, harder=True)
    assert venue.lacking() == names(20)
    venue.run(1.0)
    assert [(ask.verb, len(ask.names)) for _, ask in venue.sent[before:]] == [(Verb.UNSUBSCRIBE, 20), (Verb.SUBSCRIBE, 20)]
    assert venue.lacking() == []


def test_a_refusal_that_closes_the_connection_is_searched_over_several_lives() -> None:
    """Nothing else but the closed connection may tell; the culprit is found, then not risked again for hours."""
    venue = Venue(names(40), granted=20, refuses=lambda asked, nth: "s33" in asked)
    lives = 0
    while lives < 30 and "s33" not in venue.doubts.quarantine:
        lives += 1
        for _ in range(40):
            before = venue.doubts.refused_in_a_row, len(venue.culprits)
            venue.run(0.25)
            if (venue.doubts.refused_in_a_row, len(venue.culprits)) > before:
                break
        else:
            continue
        venue.asking.leg_over(venue.now)
        venue.connect(20)
    assert "s33" in venue.doubts.quarantine
    assert lives < 12
    venue.run(10.0)
    assert venue.lacking() == ["s33"]
    sent = len(venue.sent)
    venue.run(3600.0)
    assert len(venue.sent) == sent


def test_without_acks_first_frames_prove_and_the_rest_is_looked_up_in_the_list() -> None:
    venue = Venue(names(6), rules=UNACKED)
    venue.run(1.0)
    assert len(venue.lacking()) == 6, "a request that was sent proves nothing"
    venue.asking.came(["s0", "s1", "s2", "s3"])
    venue.run(11.0)
    assert [ask.verb for _, ask in venue.sent] == [Verb.SUBSCRIBE, Verb.LIST]
    assert venue.lacking() == []


def test_without_acks_what_is_not_in_the_list_is_asked_again_beside_what_comes() -> None:
    venue = Venue(names(6), rules=UNACKED, ignores=lambda asked, nth: nth == 1)
    venue.run(1.0)
    venue.subscribed = set(names(4))
    venue.asking.came(names(4))
    venue.run(24.0)
    last = venue.sent[2][1]
    assert last.verb is Verb.SUBSCRIBE
    assert (last.names, last.known) == (("s4", "s5"), tuple(names(4)))


def test_a_list_that_the_venue_complains_of_is_not_asked_for_again() -> None:
    venue = Venue(names(3), rules=UNACKED, ignores=lambda asked, nth: True)
    venue.run(1.0)
    venue.take = lambda ask: venue.sent.append((venue.now, ask))  # type: ignore[method-assign]
    venue.run(10.0)
    assert venue.sent[-1][1].verb is Verb.LIST
    venue.asking.answered(Answer(None, "NO_TYPE"), venue.now)
    venue.run(300.0)
    assert sum(ask.verb is Verb.LIST for _, ask in venue.sent) == 1
    assert not venue.culprits, "it was no refusal of theirs"


class Owner(RuleBasedStateMachine):
    """Any order of wishes, answers, silences, lost connections: the model is only what the venue has really carried out."""

    how = ACKED

    def __init__(self) -> None:
        super().__init__()
        self.venue = Venue(names(12), rules=self.how, batch=5)
        self.open: list[Ask] = []
        self.venue.take = self.open.append  # type: ignore[method-assign]
        self.carried: set[str] = set()
        self.proven: set[str] = set()

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0, 15.0, 90.0]))
    def time_passes(self, seconds: float) -> None:
        self.venue.run(seconds)

    def _carry_out(self, ask: Ask) -> None:
        if ask.verb is Verb.UNSUBSCRIBE:
            self.carried -= set(ask.names)
        elif ask.verb is Verb.SUBSCRIBE:
            self.carried = self.carried | set(ask.names) if self.how.acknowledged else {*ask.names, *ask.known}

    @precondition(lambda self: self.open)
    @rule(at=st.integers(0, 99), agrees=st.booleans(), numbered=st.booleans())
    def it_answers(self, at: int, agrees: bool, numbered: bool) -> None:
        ask = self.open.pop(at % len(self.open))
        asking, now = self.venue.asking, self.venue.now
        if agrees:
            self._carry_out(ask)
        if ask.verb is Verb.LIST and agrees:
            asking.answered(Answer(ask.number, names=frozenset(self.carried)), now)
        elif not agrees or self.how.acknowledged:
            asking.answered(Answer(ask.number if numbered else None, "" if agrees else BUSY), now)
        if agrees and numbered and ask.verb is not Verb.UNSUBSCRIBE:
            self.proven |= set(ask.names) | (self.carried if ask.verb is Verb.LIST else set())

    @rule(number=st.integers(-5, 500), complaint=st.sampled_from(["", BUSY]))
    def it_says_something_odd(self, number: int, complaint: str) -> None:
        if all(number != ask.number for ask in self.open):
            known = set(self.venue.asking._flights) | set(self.venue.asking._late)
            if number not in known:
                self.venue.asking.answered(Answer(number, complaint), self.venue.now)

    @rule(which=st.sets(st.integers(0, 11), max_size=4))
    def first_frames_come(self, which: set[int]) -> None:
        came = {f"s{number}" for number in which} & self.carried
        self.proven |= came
        self.venue.asking.came(came)

    @rule(which=st.sets(st.integers(0, 11), max_size=4), harder=st.booleans())
    def some_are_silent(self, which: set[int], harder: bool) -> None:
        self.venue.asking.silent([f"s{number}" for number in which], self.venue.now, harder=harder)

    @rule(which=st.sets(st.integers(0, 14), min_size=1))
    def others_are_wanted(self, which: set[int]) -> None:
        self.venue.names = [f"s{number}" for number in sorted(which)]
        self.venue.asking.want(self.venue.names, self.venue.now)

    @rule(granted=st.integers(0, 8))
    def the_connection_is_made_anew(self, granted: int) -> None:
        self.venue.asking.leg_over(self.venue.now)
        self.open.clear()
        self.venue.connect(granted if self.how.acknowledged else 0)
        self.carried = set(self.venue.subscribed)
        self.proven = set(self.carried)

    @invariant()
    def everything_wanted_has_an_owner(self) -> None:
        for name in self.venue.asking.wanted:
            assert self.venue.asking.owner_of(name) is not None, name

    @invariant()
    def what_counts_was_proven(self) -> None:
        assert self.venue.asking.live <= self.proven

    @invariant()
    def nothing_is_asked_that_nobody_wants(self) -> None:
        for ask in self.open[-1:]:
            assert ask.verb is not Verb.SUBSCRIBE or not set(ask.names) - {f"s{number}" for number in range(15)}

    def teardown(self) -> None:
        """When the venue behaves at last, everything comes."""
        venue = self.venue
        del venue.take  # type: ignore[method-assign]
        venue.subscribed, venue.frames = set(self.carried), True
        venue.per_s = 1
        venue.run(45_000.0 if any(rest.pause_s > 3600 for rest in venue.doubts.quarantine.values()) else 5_000.0)
        owners = {name: venue.asking.owner_of(name) for name in venue.lacking()}
        assert owners == {}, venue.sent[-5:]


class OwnerWithoutAcks(Owner):
    """The same where first frames and listings are the only proof."""

    how = UNACKED


TestOwner = Owner.TestCase
TestOwner.settings = settings(max_examples=20, stateful_step_count=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
TestOwnerWithoutAcks = OwnerWithoutAcks.TestCase
TestOwnerWithoutAcks.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


def test_what_is_wanted_is_asked_for_before_what_is_left_and_what_is_left_goes_together() -> None:
    asking = Subscribing(ACKED, Doubts(), ["a", "b"], batch=200, replaces=False, granted=["a", "b"], now=0.0)
    asking.want(["b", "c"], 1.0)
    asking.want(["d"], 1.1)
    sent = []
    while (ask := asking.next(2.0)) is not None:
        sent.append((ask.verb, set(ask.names)))
    assert sent == [(Verb.SUBSCRIBE, {"d"}), (Verb.UNSUBSCRIBE, {"a", "b"})], "c was never asked for"


def test_a_full_connection_makes_room_first() -> None:
    asking = Subscribing(ACKED, Doubts(), ["a", "b"], batch=200, most=2, replaces=False, granted=["a", "b"], now=0.0)
    asking.want(["b", "c"], 1.0)
    assert [asking.next(2.0), asking.next(2.0)] == [Ask(1, Verb.UNSUBSCRIBE, ("a",)), Ask(2, Verb.SUBSCRIBE, ("c",))]


def test_a_complaint_about_a_request_that_nobody_waits_for_refuses_no_other() -> None:
    """A silent stream is unsubscribed before it is asked for again; that the venue does not like it is nobody's trouble."""
    venue = Venue(names(3), granted=2)
    venue.asking.silent(["s0"], venue.now, harder=True)
    asks = [venue.asking.next(venue.now) for _ in range(3)]
    assert [ask.verb for ask in asks if ask is not None] == [Verb.SUBSCRIBE, Verb.UNSUBSCRIBE, Verb.SUBSCRIBE]
    gone = asks[1]
    assert gone is not None
    venue.asking.answered(Answer(gone.number, "no such subscription"), venue.now)
    assert not venue.asking.take_refused()
    assert {venue.asking.owner_of(name) for name in ("s0", "s2")} == {"flight"}
    venue.asking.answered(Answer(None, BUSY), venue.now)
    assert venue.asking.take_refused(), "one without a number may be of any"
